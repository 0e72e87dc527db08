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

/// Lets `starter` become `account` just before it runs the program; of opentop's own rights nothing is passed on.
fn run_as(starter: &mut Command, account: &Account) {
    let name = &account.name;
    starter.envs([("HOME", &account.home), ("USER", name), ("LOGNAME", name), ("SHELL", &account.shell)]);
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
