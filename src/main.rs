use std::io::ErrorKind;
use std::process::ExitCode;

use opentop::Refused;
use opentop::cli::Cli;
use opentop::error;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let (cli, settings) = match opentop::command_line(arguments.clone()) {
        Ok(read) => read,
        Err(Refused::CommandLine(error)) if error.use_stderr() => {
            error::usage::<Cli>(error, arguments.into_iter());
            return ExitCode::from(error::EXIT_USAGE);
        }
        // What was asked for: the help, or the version.
        Err(Refused::CommandLine(help)) => match help.print() {
            Err(why) if why.kind() != ErrorKind::BrokenPipe => {
                error::print(format_args!("cannot write the output: {why}"));
                return ExitCode::from(error::EXIT_FAILED);
            }
            _ => return ExitCode::from(error::EXIT_OK),
        },
        Err(Refused::File(error)) => {
            error::print(&error);
            return ExitCode::from(error.exit_code());
        }
    };
    match opentop::run(&cli, settings) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            error::print(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
