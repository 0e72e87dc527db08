//! The command behind `--`: started when the hooks are in place, so that not even its first open is missed, and watched
//! until it and all that it has started have ended.
//!
//! Orphans among its descendants become opentop's own children (`PR_SET_CHILD_SUBREAPER`), so that waiting until there
//! is no child left is waiting for all of them, whatever they have done to get away.

mod environment;
mod no_typing;
pub(crate) mod pty;
mod search;
mod tree;

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::cli::Until;
use crate::error::Error;
use crate::escape::escape;
use crate::names::accounts::Account;

pub use tree::{Child, GRACE, News};

use environment::environment;

/// A program with its arguments, and as whom it is to run.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Empty: there is none.
    pub line: Vec<OsString>,
    /// `None`: as opentop was started.
    pub account: Option<Account>,
    pub until: Until,
}

/// Where the command's standard streams go.
#[derive(Debug)]
pub enum Streams {
    /// To where opentop's go.
    Inherited,
    /// The output goes to stderr, since opentop's stdout is for a machine to read.
    OutputToStderr,
    /// To this terminal, which is the command's own.
    Terminal(OwnedFd),
}

/// Starts `command`, which handles none of the signals that opentop has found ignored.
///
/// # Errors
/// If it cannot be started.
pub fn start(command: &Program, streams: &Streams, ignored: &[i32]) -> Result<Child, Error> {
    let Some((program, arguments)) = command.line.split_first() else {
        return Err(Error::Usage("-- needs a command behind it".into()));
    };
    let name = escape(program.as_encoded_bytes());
    let failed = |why: io::Error| Error::Other(format!("cannot run {name}: {why}"));
    let file = find(program, command.account.as_ref()).map_err(|why| match why.kind() {
        io::ErrorKind::NotFound => Error::Other(format!("cannot run {name}: there is no such command in PATH")),
        _ => failed(why),
    })?;
    let mut starter = Command::new(file);
    starter.arg0(program).args(arguments);
    if matches!(streams, Streams::OutputToStderr) {
        starter.stdout(io::stderr().as_fd().try_clone_to_owned().map_err(failed)?);
    }
    if let Some(account) = &command.account {
        starter.env_clear().envs(environment(account, env::vars_os()));
        no_typing::deny(&mut starter);
        // SAFETY: between fork and exec only system calls are made; nothing is allocated and no lock taken.
        unsafe { starter.pre_exec(becoming(account)) };
    }
    if let Streams::Terminal(terminal) = streams {
        pty::attach(&mut starter, terminal).map_err(failed)?;
        if let Some(account) = &command.account {
            // Programs open their terminal by its name too.
            let owned = rustix::fs::fchown(terminal, Some(Uid::from_raw(account.uid)), None);
            owned.map_err(|why| failed(why.into()))?;
        }
    }
    ignore(&mut starter, ignored);
    // From now on, so that no descendant gets away.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(|why| failed(why.into()))?;
    let process = starter.spawn().map_err(failed)?;
    Child::new(&name, &process).map_err(failed)
}

/// Has the command ignore these signals too. Opentop handles them, and a handler does not outlive exec.
fn ignore(starter: &mut Command, signals: &[i32]) {
    let signals = signals.to_owned();
    let ignore = move || {
        for signal in &signals {
            // SAFETY: signal(2) takes no pointer but the constant.
            unsafe { libc::signal(*signal, libc::SIG_IGN) };
        }
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made; nothing is allocated and no lock taken.
    unsafe { starter.pre_exec(ignore) };
}

/// The file to run, as `account` may.
fn find(program: &OsStr, account: Option<&Account>) -> io::Result<PathBuf> {
    let Some(account) = account else { return search::find(program, env::var_os("PATH")) };
    let path = environment(account, env::vars_os()).find_map(|(name, value)| (name == "PATH").then_some(value));
    // What a thread becomes the others do not.
    let search = || becoming(account)().and_then(|()| search::find(program, path));
    thread::scope(|scope| {
        let found = thread::Builder::new().spawn_scoped(scope, search)?.join();
        found.unwrap_or_else(|_| Err(io::Error::other("the search panicked")))
    })
}

/// Lets the calling thread become `account`; of opentop's own rights nothing is passed on.
fn becoming(account: &Account) -> impl Fn() -> io::Result<()> + Send + Sync + 'static {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    let groups: Vec<_> = account.groups.iter().copied().map(Gid::from_raw).collect();
    move || {
        rustix::thread::set_thread_groups(&groups)?;
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        // Takes the capabilities away, unless it is root again; those that files could hand on remain.
        rustix::thread::set_thread_res_uid(uid, uid, uid)?;
        rustix::thread::clear_ambient_capability_set()?;
        let sets = rustix::thread::capabilities(None)?;
        Ok(rustix::thread::set_capabilities(None, CapabilitySets { inheritable: CapabilitySet::empty(), ..sets })?)
    }
}
