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
    /// The locale or the terminal promises no more than ASCII.
    pub ascii: bool,
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
            ascii: draws_ascii(&term) || !is_utf8(|name| std::env::var(name).ok()),
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            columns: columns(rustix::stdio::stdout()),
            stderr_columns: columns(rustix::stdio::stderr()),
            unprivileged: privileges::none(),
        }
    }
}

/// Whether a terminal of this kind has no more, whatever the locale: the kernel's console, and those of before UTF-8.
fn draws_ascii(term: &str) -> bool {
    matches!(term, "" | "ansi" | "dumb" | "linux") || term.starts_with("vt")
}

/// Whether the locale is one of UTF-8: the first of these variables that is set says so.
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set).unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Columns of a terminal; `None` of anything else.
fn columns(of: impl std::os::fd::AsFd) -> Option<u16> {
    rustix::termios::tcgetwinsize(of).ok().map(|size| size.ws_col)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_tells_the_locale() {
        for (variables, expected) in [
            (&[][..], false),
            (&[("LANG", "en_US.UTF-8")], true),
            (&[("LANG", "de_DE.utf8"), ("LC_CTYPE", "")], true),
            (&[("LANG", "en_US.UTF-8"), ("LC_ALL", "C")], false),
            (&[("LC_CTYPE", "C.UTF-8"), ("LANG", "C")], true),
            (&[("LANG", "de_DE@euro")], false),
        ] {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
            assert_eq!(is_utf8(variable), expected, "{variables:?}");
        }
    }

    #[test]
    fn old_terminals_have_ascii_alone() {
        let ascii = ["", "dumb", "linux", "vt100", "vt220", "ansi"];
        let more = ["xterm", "xterm-256color", "screen", "tmux-256color", "rxvt-unicode", "alacritty", "foot"];
        assert!(ascii.into_iter().all(draws_ascii) && !more.into_iter().any(draws_ascii));
    }
}
