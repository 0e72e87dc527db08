use std::process::ExitCode;

use clap::Parser as _;
use opentop::cli::Cli;
use opentop::error;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            error::usage::<Cli>(error, std::env::args_os());
            return ExitCode::from(error::EXIT_USAGE);
        }
        // What was asked for: the help, or the version.
        Err(help) => help.exit(),
    };
    match opentop::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            error::print(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
