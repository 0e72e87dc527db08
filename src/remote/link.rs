//! The connection to one host: made, kept, and made again.

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, bounded, select, tick};

use super::feed::Feed;
use super::reason::{ENDED, reason};
use super::shared::Shared;
use super::ssh::{Streams, spawn};
use super::wire::{Control, PROTOCOL, Start, host_line};
use super::{HEARTBEAT, NEAR_SILENCE};
use crate::event::Source;
use crate::message::Link as LinkState;
use crate::privileges::{self, Role};
use crate::recording::{Input, Interrupt, Item, ReadError, Reader};

/// Pauses before a host is tried again; a connection that was good for a while begins with the first.
const PAUSES: [u64; 6] = [1, 2, 4, 8, 16, 30];
const GOOD: Duration = Duration::from_secs(10);

/// How long it may take to be logged in, and to load what traces.
const LOG_IN: Duration = Duration::from_mins(1);

/// How long the last words of a host are waited for.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// One of the hosts.
pub(super) struct Link<'a> {
    pub shared: &'a Shared,
    /// From 1.
    pub number: u8,
    pub name: &'a str,
    /// For the far side, as they come.
    pub controls: Receiver<Control>,
}

/// How a connection has ended.
enum Ended {
    Stopped,
    Because(String),
}

impl Link<'_> {
    /// Keeps the host connected until all is to end.
    pub(super) fn keep(&self) {
        let mut failures = 0;
        for connection in 1.. {
            let source = Source::new(self.number, connection);
            self.state(LinkState::Connecting, String::new());
            let begun = Instant::now();
            let ended = self.connect(source);
            self.shared.merge().gone(source);
            let Ended::Because(why) = ended else { return };
            failures = if begun.elapsed() > GOOD { 0 } else { failures };
            let pause = PAUSES[failures.min(PAUSES.len() - 1)];
            failures += 1;
            self.state(LinkState::Lost, why);
            select! {
                recv(self.shared.stopped) -> _ => return,
                recv(after(Duration::from_secs(pause))) -> _ => {}
            }
        }
    }

    fn state(&self, link: LinkState, text: String) {
        self.shared.merge().state(self.number, link, text);
    }

    fn connect(&self, source: Source) -> Ended {
        select! {
            send(self.shared.turns.0, ()) -> _ => {}
            recv(self.shared.stopped) -> _ => return Ended::Stopped,
        }
        let turn = Turn(&self.shared.turns.1);
        let mut child = match spawn(&self.shared.target, self.name) {
            Ok(child) => child,
            Err(why) => return Ended::Because(format!("cannot run ssh: {why}")),
        };
        let ended = match Streams::of(&mut child) {
            Ok(streams) => self.converse(streams, source, turn),
            Err(why) => Ended::Because(format!("cannot talk to ssh: {why}")),
        };
        // Whatever it still does, it is of no use any more.
        let _ = child.kill();
        let _ = child.wait();
        ended
    }

    /// Talks to the far side until one of both ends it.
    fn converse(&self, mut streams: Streams, source: Source, turn: Turn<'_>) -> Ended {
        // What came while nobody was there to be told is part of how it starts.
        while self.controls.try_recv().is_ok() {}
        let start = Start { protocol: PROTOCOL, host: self.name.to_owned(), ..self.shared.start().clone() };
        streams.send(&Control::Start(start));
        let interrupt = Interrupt::default();
        let Some(stdout) = streams.stdout.take() else { return Ended::Stopped };
        let input = Input::of_pipe(stdout, self.name.to_owned(), interrupt.clone());
        input.watch().expect_every(LOG_IN);
        let (done, read) = bounded(1);
        thread::scope(|scope| {
            let (live, is_live) = bounded::<()>(0);
            let reading = thread::Builder::new().name("host".into()).spawn_scoped(scope, move || {
                // Nothing that reads what a stranger sends can do more than that.
                let read = match privileges::keep_only(Role::Consumer) {
                    Ok(()) => self.read(input, source, live),
                    Err(why) => Err(why.to_string()),
                };
                let _ = done.send(read);
            });
            if let Err(why) = reading {
                return Ended::Because(format!("cannot start a thread: {why}"));
            }
            let (clock, mut turn, mut is_live) = (tick(HEARTBEAT), Some(turn), is_live);
            let late = after(LOG_IN);
            loop {
                select! {
                    recv(read) -> read => return ended(read.unwrap_or(Ok(())), &mut streams),
                    recv(self.controls) -> control => control.iter().for_each(|control| streams.send(control)),
                    recv(is_live) -> _ => {
                        // Closed once it is logged in.
                        turn = None;
                        is_live = crossbeam_channel::never();
                    }
                    // Whatever trickles in: others wait for its turn.
                    recv(late) -> _ => if turn.is_some() {
                        interrupt.set();
                        streams.listen();
                        let why = format!("it was not logged in after {} s", LOG_IN.as_secs());
                        return Ended::Because(reason(&streams.said, Some(why)));
                    },
                    recv(clock) -> _ => {
                        streams.listen();
                        streams.send(&Control::Heartbeat);
                    }
                    recv(self.shared.stopped) -> _ => {
                        streams.stdin = None;
                        let _ = read.recv_timeout(LAST_WORDS);
                        interrupt.set();
                        drop(turn);
                        return Ended::Stopped;
                    }
                }
            }
        })
    }

    /// Passes on what comes.
    fn read(&self, input: Input, source: Source, live: Sender<()>) -> Result<(), String> {
        let watch = input.watch();
        let nothing = |why| {
            if watch.bytes() == 0 && !matches!(why, ReadError::Io { .. }) { ENDED.to_owned() } else { in_words(&why) }
        };
        let mut reader = Reader::of_stream(input).map_err(nothing)?;
        let about = greeting(&reader)?;
        watch.expect_every(NEAR_SILENCE);
        drop(live);
        self.state(LinkState::Live, about.clone());
        let mut feed = Feed::new(self.shared, self.number, source, about);
        let mut bytes = 0;
        loop {
            let new = watch.bytes();
            if new > bytes {
                self.shared.merge().received(self.number, new - bytes);
                bytes = new;
            }
            let line = match reader.next_item() {
                Ok(Some(Item::Open(event, cgroup))) => {
                    feed.open(event, cgroup)?;
                    continue;
                }
                Ok(Some(Item::Other(line))) => line.to_vec(),
                Ok(Some(Item::Process(process))) => {
                    feed.process(process)?;
                    continue;
                }
                Ok(Some(Item::Lost { .. } | Item::Summary(_))) => continue,
                Ok(None) => {
                    feed.send()?;
                    return Ok(());
                }
                Err(why) => {
                    feed.send()?;
                    return Err(in_words(&why));
                }
            };
            feed.send()?;
            let line = host_line(&line, &mut reader, source).map_err(|why| in_words(&reader.garbage(why)))?;
            feed.line(line)?;
        }
    }
}

/// What a host is said to run, if it speaks as this side does.
fn greeting(reader: &Reader) -> Result<String, String> {
    let header = reader.header().ok_or("what came first is not of opentop")?;
    if header.protocol != Some(PROTOCOL) {
        return Err(format!(
            "opentop {} there speaks another protocol: bring it version {}",
            header.opentop,
            env!("CARGO_PKG_VERSION")
        ));
    }
    Ok(format!("opentop {}, Linux {}, {}", header.opentop, header.kernel, header.hooks))
}

/// Why there is nothing more to read.
fn ended(read: Result<(), String>, streams: &mut Streams) -> Ended {
    // ssh says why it ends at about the same time.
    streams.listen();
    Ended::Because(reason(&streams.said, read.err()))
}

/// What keeps a stream from being read on.
fn in_words(why: &ReadError) -> String {
    match why {
        ReadError::EndsEarly { .. } => ENDED.to_owned(),
        ReadError::Io { error, .. } => error.to_string(),
        ReadError::Garbage { what, .. } => format!("what it sends is not a recording of opentop: {what}"),
        why @ ReadError::Interrupted { .. } => why.to_string(),
    }
}

/// A turn to log in, given back when dropped.
struct Turn<'a>(&'a Receiver<()>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.try_recv();
    }
}
