//! All hosts as one source of messages.

use std::sync::Mutex;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select, tick};

use super::link::Link;
use super::merge::Merge;
use super::shared::Shared;
use super::target::Target;
use super::wire::{Control, Start};
use crate::clock::Moment;
use crate::error;
use crate::message::{HostState, Link as LinkState, Message};
use crate::tracer::Command;

/// Log-ins at a time: more than that at once is what sshd's MaxStartups begins to refuse.
const TURNS: usize = 8;

/// How often it is looked what is new of the hosts.
const LOOK: Duration = Duration::from_millis(200);

/// Who is told how the hosts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusTo {
    /// A screen shows it.
    Screen,
    /// Lines on stderr; and if no host can be reached at all, that is the end.
    Lines,
}

/// Feeds `messages` with what all hosts tell until a command stops it, or nobody listens. The last
/// message is the end.
pub(crate) fn run(
    target: Target,
    start: Start,
    messages: &Sender<Message>,
    commands: &Receiver<Command>,
    status_to: StatusTo,
) {
    let interval = Duration::try_from_secs_f64(start.interval).unwrap_or(LOOK).max(LOOK);
    let names = target.hosts.clone();
    let (stopping, stopped) = bounded::<()>(0);
    let merge = Mutex::new(Merge::new(names.len()));
    let start = Mutex::new(start);
    let shared = Shared { target, start, merge, messages: messages.clone(), turns: bounded(TURNS), stopped };
    let mut end = Message::End;
    thread::scope(|scope| {
        let shared = &shared;
        let (links, ended) = connect(scope, shared, &names);
        let (look, mut read) = (tick(LOOK), Instant::now());
        loop {
            select! {
                recv(ended) -> _ => break,
                recv(commands) -> command => match command {
                    Ok(Command::Expression(filter)) => change(shared, &links, &Control::Filter { filter }),
                    Ok(Command::Lookups(wanted)) => change(shared, &links, &Control::Lookups { wanted }),
                    Ok(Command::Filter(_) | Command::MoveOn) => {}
                    Ok(Command::Stop) | Err(_) => break,
                },
                recv(look) -> _ => {
                    if !pass_on(shared, &names, status_to, status_to == StatusTo::Screen) {
                        break;
                    }
                    if status_to == StatusTo::Lines && let Some(why) = hopeless(shared, &names) {
                        end = Message::Failed(why);
                        break;
                    }
                    if read.elapsed() >= interval {
                        read = Instant::now();
                        if !count(shared) {
                            break;
                        }
                    }
                }
            }
        }
        // The hosts' last words are taken in meanwhile.
        drop(stopping);
        let _ = ended.recv();
    });
    if !matches!(end, Message::Failed(_)) {
        pass_on(&shared, &names, status_to, true);
        count(&shared);
    }
    let _ = shared.messages.send(end);
}

/// Keeps each host connected by a thread of its own. What they are told by, and what is closed when the last of them
/// has ended.
fn connect<'scope>(
    scope: &'scope Scope<'scope, '_>,
    shared: &'scope Shared,
    names: &'scope [String],
) -> (Vec<Sender<Control>>, Receiver<()>) {
    let (running, ended) = bounded::<()>(0);
    let mut links = Vec::new();
    for (name, number) in names.iter().zip(1..) {
        let (to, controls) = bounded(16);
        let running = running.clone();
        let link = Link { shared, number, name, controls };
        let started = thread::Builder::new().name("link".into()).spawn_scoped(scope, move || {
            link.keep();
            drop(running);
        });
        match started {
            Ok(_) => links.push(to),
            Err(why) => shared.merge().state(number, LinkState::Lost, format!("cannot start a thread: {why}")),
        }
    }
    (links, ended)
}

/// Has all hosts do something else from now on, those too that are not connected now.
fn change(shared: &Shared, links: &[Sender<Control>], control: &Control) {
    match control {
        Control::Filter { filter } => shared.start().filter.clone_from(filter),
        Control::Lookups { wanted } => shared.start().lookups = *wanted,
        Control::Start(_) | Control::Heartbeat | Control::Unknown => {}
    }
    // Whoever has so many waiting is not connected, and starts with what is above.
    links.iter().for_each(|link| drop(link.try_send(control.clone())));
}

/// Tells what is new of the hosts. False if nobody listens.
fn pass_on(shared: &Shared, names: &[String], status_to: StatusTo, numbers: bool) -> bool {
    let (news, changed) = shared.merge().news(numbers);
    if status_to == StatusTo::Lines {
        changed.iter().for_each(|(at, state)| say(&names[*at], state));
    }
    news.into_iter().all(|news| shared.messages.send(news).is_ok())
}

/// A state in words.
fn say(name: &str, state: &HostState) {
    let text = if state.text.is_empty() { String::new() } else { format!(": {}", state.text) };
    let again = if state.link == LinkState::Lost { "; it is tried again" } else { "" };
    error::print(format!("{name}: {}{text}{again}", state.link.name()));
}

fn hopeless(shared: &Shared, names: &[String]) -> Option<String> {
    let merge = shared.merge();
    let all = merge.hopeless()?;
    let whys: Vec<_> = all.iter().map(|(at, why)| format!("{}: {why}", names[*at])).collect();
    Some(format!("no host can be reached: {}", whys.join("; ")))
}

/// Hands on a reading. False if nobody listens.
fn count(shared: &Shared) -> bool {
    let reading = shared.merge().reading(Moment::now().ts_ns);
    shared.messages.send(Message::Counts(reading)).is_ok()
}
