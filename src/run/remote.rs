//! Other hosts, and what runs on them for this.

use std::thread;

use std::io::IsTerminal as _;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::command::no_thread;
use super::{WAITING_FOR_LINES, stop, trace_here};
use crate::config::of_agent;
use crate::error::{self, EXIT_OK, Error};
use crate::message::{Hooks, Message};
use crate::names::accounts::Account;
use crate::output;
use crate::output::ending::{Answer, Ends};
use crate::privileges::{self, Caller, Role};
use crate::remote::control::Controls;
use crate::remote::hosts::{self, StatusTo};
use crate::remote::stream::Stream;
use crate::remote::target::Target;
use crate::remote::wire::Start;
use crate::tracer::Command;

/// As [`super::trace`], on other hosts.
pub(super) fn trace(
    target: Target,
    start: Start,
    status_to: StatusTo,
    waiting: usize,
    consume: impl FnOnce(&Receiver<Message>, &Sender<Command>, &Hooks) -> Result<u8, Error>,
) -> Result<u8, Error> {
    become_the_caller()?;
    let hooks = Hooks::named(&format!("those of {} hosts", target.hosts.len()));
    let (messages, received) = bounded(waiting);
    let (commands, commanded) = bounded(8);
    thread::scope(|scope| {
        let hosts = thread::Builder::new().name("hosts".into()).spawn_scoped(scope, move || {
            hosts::run(target, start, &messages, &commanded, status_to);
        });
        let hosts = hosts.map_err(no_thread)?;
        let consumed = consume(&received, &commands, &hooks);
        // Whatever the hosts are at, they end when nobody listens.
        drop((received, commands));
        hosts.join().map_err(|_| Error::Other("the thread of the hosts panicked".into())).and(consumed)
    })
}

/// Under sudo the keys, the agent and the configuration that ssh needs are those of whoever called it. It is so early
/// that there is no other thread.
fn become_the_caller() -> Result<(), Error> {
    let Some(caller) = Caller::of_sudo() else { return Ok(()) };
    let account = Account::of(caller.uid);
    let who =
        account.as_ref().map_or_else(|| caller.uid.to_string(), |account| account.name.to_string_lossy().into_owned());
    error::print(format!("--host needs no privileges here, so that ssh runs as {who}: sudo can be left out"));
    caller.assume().map_err(|why| Error::Other(format!("cannot become {who} again: {why}")))?;
    for (name, value) in account
        .iter()
        .flat_map(|account| [("HOME", &account.home), ("USER", &account.name), ("LOGNAME", &account.name)])
    {
        // SAFETY: no other thread has been started that could read the environment.
        unsafe { std::env::set_var(name, value) };
    }
    Ok(())
}

/// Traces for another host.
///
/// # Errors
/// If the host cannot be traced, or the link cannot be written to.
pub(crate) fn agent() -> Result<u8, Error> {
    if std::io::stdout().is_terminal() || std::io::stdin().is_terminal() {
        return Err(Error::Usage("opentop agent is what opentop --host starts on other hosts: use that".into()));
    }
    let controls = Controls::listen()?;
    let (options, filter, names) = of_agent(&controls.start)?;
    trace_here(options, WAITING_FOR_LINES, |messages, commands, hooks| {
        privileges::keep_only(Role::Consumer)?;
        let no_stdout = |why| Error::Other(format!("cannot write to stdout: {why}"));
        let writer = output::stdout().map_err(no_stdout)?;
        let end = || stop(commands);
        let ends = Ends { signals: &controls.ends, answer: &|_| Answer::End, limit: None, stop: &end };
        ends.watched(Some(&writer), || {
            let stream = Stream::begin(&writer, hooks, commands, (filter, names)).map_err(no_stdout)?;
            let sent = stream.run(messages, &controls.received);
            let _ = writer.finish();
            sent
        })?;
        Ok(EXIT_OK)
    })
}
