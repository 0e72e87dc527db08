//! What the meaning of a command line depends on beside its words.

use std::io::IsTerminal as _;

use crate::privileges;

/// Facts about the environment that the meaning of a command line depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Both stdin and stdout are a terminal that can be drawn on.
    pub screen: bool,
    /// Stdout is, and whatever stdin is, there is a terminal for the keys.
    pub screen_without_stdin: bool,
    pub no_color: bool,
    /// Columns of stdout, if it is a terminal.
    pub columns: Option<u16>,
    /// Columns of stderr, if it is a terminal.
    pub stderr_columns: Option<u16>,
    /// Whatever is started has no more rights than whoever started opentop.
    pub unprivileged: bool,
}

impl Environment {
    /// Looks at stdin, stdout and the environment.
    pub fn gather() -> Self {
        let term = std::env::var("TERM").unwrap_or_default();
        let drawable = std::io::stdout().is_terminal() && !matches!(term.as_str(), "" | "dumb");
        Self {
            screen: drawable && std::io::stdin().is_terminal(),
            screen_without_stdin: drawable && std::fs::File::open("/dev/tty").is_ok(),
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            columns: columns(rustix::stdio::stdout()),
            stderr_columns: columns(rustix::stdio::stderr()),
            unprivileged: privileges::none(),
        }
    }
}

/// Columns of a terminal; `None` of anything else.
fn columns(of: impl std::os::fd::AsFd) -> Option<u16> {
    rustix::termios::tcgetwinsize(of).ok().map(|size| size.ws_col)
}
