use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // clap prints its own errors, and exits with 2.
    let cli = opentop::cli::Cli::parse();
    match opentop::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            opentop::error::tell(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
