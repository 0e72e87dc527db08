//! What can go wrong, and what to do about it. Every text says what, why, and what to do, on one line.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use thiserror::Error;

use crate::escape::{escape, message};
use crate::near::near;

/// Exit status of a run that did what it was asked to.
pub const EXIT_OK: u8 = 0;
/// Exit status of a run that failed; one line on stderr says why.
pub const EXIT_FAILED: u8 = 1;
/// Exit status of a command line that makes no sense.
pub const EXIT_USAGE: u8 = 2;
/// A screen that a signal ended exits with this and the signal's number, as a shell has it.
pub const EXIT_SIGNAL: u8 = 128;

/// Bytes of a line on stderr: an argument that it repeats may have any length.
const LINE_MAX: usize = 4096;

/// Writes one line to stderr, if anybody is there to read it: a terminal that has hung up is no reason to fail. All
/// that opentop says there goes through here or [`usage`], so that no name in it reaches a terminal as it is.
pub fn print(what: impl std::fmt::Display) {
    use std::io::Write as _;
    let mut line = message(&what.to_string());
    if line.len() > LINE_MAX {
        line.truncate(line.floor_char_boundary(LINE_MAX));
        line.push('…');
    }
    let _ = writeln!(std::io::stderr(), "opentop: {line}");
}

/// Writes what clap says of a command line that it does not understand. It repeats arguments as they are; so it is
/// asked again about `arguments` that are displayable, and a line end in what it says is its own.
pub fn usage<P: clap::Parser>(error: clap::Error, arguments: impl Iterator<Item = OsString>) {
    use std::io::Write as _;
    let shown = arguments.map(|argument| match argument.to_str() {
        Some(text) => message(text),
        None => escape(argument.as_encoded_bytes()),
    });
    let error = with_hint(P::try_parse_from(shown).err().unwrap_or(error), &P::command());
    let said = error.render().to_string();
    let lines: Vec<_> = said.lines().map(message).collect();
    let _ = writeln!(std::io::stderr(), "{}", lines.join("\n"));
}

/// Tells who types a command as strace(1) takes it what is missing, and who types a subcommand late or wrong which it
/// is.
fn with_hint(mut error: clap::Error, command: &clap::Command) -> clap::Error {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    if error.kind() == ErrorKind::UnknownArgument
        && usage.contains("[-- <COMMAND>")
        && let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        && !argument.starts_with('-')
    {
        let name = command.get_name();
        let subcommand = match near(argument, command.get_subcommands().map(clap::Command::get_name)) {
            Some(subcommand) if subcommand == argument => {
                Some(format!("a subcommand goes before its options, as in '{name} {subcommand}'"))
            }
            subcommand => subcommand.map(|subcommand| format!("a similar subcommand exists: '{subcommand}'")),
        };
        let hint = format!("to run a command and show what it opens, put '--' before it, as in '-- {argument}'");
        let hints = subcommand.into_iter().chain([hint]).map(StyledStr::from).collect();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(hints));
    }
    error
}

/// A failure that the user can do something about.
#[derive(Debug, Error)]
pub enum Error {
    /// The command line is understood but cannot be meant: exit status 2.
    #[error("{0}")]
    Usage(String),
    /// The same, of options each of which makes sense without the others, or elsewhere. `options`: by their long names;
    /// of these the first that is from a configuration alone is passed over, and there is no error.
    #[error("{what}")]
    Unfit { options: &'static [&'static str], what: String },
    /// What is wrong with the value of one option, by its long name. Of a user's configuration the option is passed
    /// over.
    #[error("{error}")]
    Option { option: &'static str, error: Box<Error> },
    #[error("tracing needs root, or the capabilities CAP_BPF and CAP_PERFMON: run `sudo opentop`")]
    Privilege,
    #[error("{0} is missing, and tracing needs both CAP_BPF and CAP_PERFMON: add it, or run `sudo opentop`")]
    Capability(&'static str),
    #[error(
        "this is a user namespace, whose root may not trace the host: run opentop outside of it, and a container with \
         root's own engine, not rootless"
    )]
    UserNamespace,
    #[error(
        "a seccomp filter refuses the system call bpf: start the container with --security-opt seccomp=unconfined, or \
         the service without SystemCallFilter="
    )]
    Seccomp,
    #[error(
        "this kernel carries no type information (/sys/kernel/btf/vmlinux is missing): opentop needs a kernel built \
         with CONFIG_DEBUG_INFO_BTF=y"
    )]
    NoBtf,
    #[error(
        "kernel lockdown forbids reading kernel memory (/sys/kernel/security/lockdown says confidentiality): boot with \
         lockdown=integrity or without Secure Boot's lockdown"
    )]
    Lockdown,
    #[error("the kernel refused every hook that opentop knows ({tried}): `opentop check` tells more")]
    NoHook {
        /// Each hook set with the reason why not.
        tried: String,
    },
    #[error("the kernel refused the hooks that --hooks asks for ({tried}): leave --hooks out, or see `opentop check`")]
    HookRefused { tried: String },
    #[error("cannot {what}: {why}")]
    Bpf { what: &'static str, why: String },
    /// Two things could not be compared: exit status 2, as diff(1) has it.
    #[error("{0}")]
    Incomparable(String),
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// The exit status that this error ends the program with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) | Error::Unfit { .. } | Error::Incomparable(_) => EXIT_USAGE,
            Error::Option { error, .. } => error.exit_code(),
            _ => EXIT_FAILED,
        }
    }

    /// Makes an error one of this option's value.
    pub(crate) fn of(option: &'static str) -> impl Fn(Self) -> Self {
        move |error| Error::Option { option, error: Box::new(error) }
    }

    /// A value that makes no sense, as it is typed, and why.
    pub(crate) fn value(option: &'static str, value: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self::of(option)(Error::Usage(format!("--{option} {value}: {why}")))
    }

    pub(crate) fn bpf(what: &'static str, why: impl std::fmt::Display) -> Self {
        Error::Bpf { what, why: why.to_string() }
    }
}
