//! The command behind `--`: started when the hooks are in place, so that not even its first open is missed.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use crossbeam_channel::{Receiver, bounded};
use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::error::{EXIT_SIGNAL, Error};
use crate::escape::escape;
use crate::names::accounts::Account;

/// A program with its arguments, and as whom it is to run.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Empty: there is none.
    pub line: Vec<OsString>,
    /// `None`: as opentop was started.
    pub account: Option<Account>,
}

/// A command that was started, and is waited for by nobody yet.
#[derive(Debug)]
pub struct Started(std::process::Child);

/// A running command.
#[derive(Debug)]
pub struct Child {
    ended: Receiver<ExitStatus>,
}

/// Starts `command`. `quiet`: the terminal is somebody else's, so its input and output are
/// left to nothing.
///
/// # Errors
/// If it cannot be started.
pub fn start(command: &Program, quiet: bool) -> Result<Started, Error> {
    let Some((program, arguments)) = command.line.split_first() else {
        return Err(Error::Usage("-- needs a command behind it".into()));
    };
    let mut starter = Command::new(program);
    starter.args(arguments);
    if quiet {
        starter.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    if let Some(account) = &command.account {
        run_as(&mut starter, account);
    }
    let name = escape(program.as_encoded_bytes());
    starter.spawn().map(Started).map_err(|why| Error::Other(format!("cannot run {name}: {why}")))
}

/// What is passed on of opentop's own environment to a program that runs as somebody else: how the terminal writes, and in
/// which language and time zone. Everything else is the business of whoever called opentop, or a way into the program.
const PASSED_ON: [&str; 6] = ["TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE", "TZ"];

/// Where programs are looked for as root, and as anybody else.
const PATH_OF_ROOT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The environment of a program that runs as `account`; `own` is that of opentop.
fn environment(
    account: &Account,
    own: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    let passed_on =
        |name: &OsString| name.to_str().is_some_and(|name| PASSED_ON.contains(&name) || name.starts_with("LC_"));
    let path = if account.uid == 0 { PATH_OF_ROOT } else { PATH };
    let theirs = [
        ("HOME", account.home.clone()),
        ("USER", account.name.clone()),
        ("LOGNAME", account.name.clone()),
        ("SHELL", if account.shell.is_empty() { "/bin/sh".into() } else { account.shell.clone() }),
        ("PATH", path.into()),
    ];
    own.filter(move |(name, _)| passed_on(name)).chain(theirs.map(|(name, value)| (name.into(), value)))
}

/// Lets `starter` become `account` just before it runs the program; of opentop's own rights nothing is passed on.
fn run_as(starter: &mut Command, account: &Account) {
    starter.env_clear().envs(environment(account, std::env::vars_os()));
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    let groups: Vec<_> = account.groups.iter().copied().map(Gid::from_raw).collect();
    let become_them = move || {
        rustix::thread::set_thread_groups(&groups)?;
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        // Takes the capabilities away, unless it is root again; those that files could hand on remain.
        rustix::thread::set_thread_res_uid(uid, uid, uid)?;
        rustix::thread::clear_ambient_capability_set()?;
        let sets = rustix::thread::capabilities(None)?;
        Ok(rustix::thread::set_capabilities(None, CapabilitySets { inheritable: CapabilitySet::empty(), ..sets })?)
    };
    // SAFETY: between fork and exec only system calls are made; nothing is allocated and no lock taken.
    unsafe { starter.pre_exec(become_them) };
}

impl Started {
    /// Waits for its end in a thread, and calls `on_end` then.
    pub fn watch(self, on_end: impl FnOnce() + Send + 'static) -> Child {
        let Started(mut process) = self;
        let (sender, ended) = bounded(1);
        thread::spawn(move || {
            if let Ok(status) = process.wait() {
                let _ = sender.send(status);
            }
            on_end();
        });
        Child { ended }
    }
}

impl Child {
    /// The exit status as a shell has it, if the command has ended.
    pub fn exit_code(&self) -> Option<u8> {
        let status = self.ended.try_recv().ok()?;
        let code = status.code().unwrap_or_else(|| i32::from(EXIT_SIGNAL) + status.signal().unwrap_or_default());
        Some(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uid: u32, shell: &str) -> Vec<(String, String)> {
        let account = Account {
            name: "web".into(),
            uid,
            gid: uid,
            groups: vec![uid],
            home: "/var/www".into(),
            shell: shell.into(),
        };
        let own = [
            "TERM=xterm",
            "LC_ALL=C",
            "LANG=C",
            "TZ=UTC",
            "PATH=/root/bin",
            "HOME=/root",
            "USER=root",
            "SHELL=/bin/fish",
        ];
        let dangerous =
            ["LD_PRELOAD=/x", "SUDO_UID=1", "XDG_RUNTIME_DIR=/run/user/0", "MAIL=/x", "BASH_ENV=/x", "TOKEN=x", "LC"];
        let own = own.iter().chain(&dangerous).map(|variable| variable.split_once('=').unwrap_or((variable, "")));
        let pairs = environment(&account, own.map(|(name, value)| (name.into(), value.into())));
        pairs.map(|(name, value)| (name.into_string().unwrap(), value.into_string().unwrap())).collect()
    }

    #[test]
    fn of_the_own_environment_somebody_else_gets_the_terminal_and_the_language() {
        let expected = [
            ("TERM", "xterm"),
            ("LC_ALL", "C"),
            ("LANG", "C"),
            ("TZ", "UTC"),
            ("HOME", "/var/www"),
            ("USER", "web"),
            ("LOGNAME", "web"),
            ("SHELL", "/bin/zsh"),
            ("PATH", PATH),
        ];
        assert_eq!(of(33, "/bin/zsh"), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(of(0, "").contains(&("PATH".into(), PATH_OF_ROOT.into())));
        assert!(of(33, "").contains(&("SHELL".into(), "/bin/sh".into())));
    }
}
