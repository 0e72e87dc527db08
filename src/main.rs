use std::process::ExitCode;

use opentop::Refused;
use opentop::cli::Cli;
use opentop::error;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let (cli, settings) = match opentop::command_line(&arguments) {
        Ok(read) => read,
        Err(Refused::CommandLine(error)) if error.use_stderr() => {
            error::usage::<Cli>(error, arguments.into_iter());
            return ExitCode::from(error::EXIT_USAGE);
        }
        // What was asked for: the help, or the version.
        Err(Refused::CommandLine(help)) => help.exit(),
        Err(Refused::File(error)) => {
            error::print(&error);
            return ExitCode::from(error.exit_code());
        }
    };
    match opentop::run(cli, &settings) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            error::print(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
