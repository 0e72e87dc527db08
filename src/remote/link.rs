//! The connection to one host: made, kept, and made again.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, after, bounded, select, tick};
use rustix::fs::OFlags;

use super::merge::Merge;
use super::reason::{ENDED, reason};
use super::target::Target;
use super::wire::{Control, PROTOCOL, Start, Told, told};
use super::{HEARTBEAT, NEAR_SILENCE};
use crate::clock::Moment;
use crate::event::{Batch, OpenEvent, ProcessName, Source};
use crate::message::{HostNews, Link as LinkState, Message};
use crate::privileges::{self, Role};
use crate::recording::read::Item;
use crate::recording::{Input, Interrupt, ReadError, Reader};

/// Pauses before a host is tried again; a connection that was good for a while begins with the first.
const PAUSES: [u64; 6] = [1, 2, 4, 8, 16, 30];
const GOOD: Duration = Duration::from_secs(10);

/// How long it may take to be logged in, and to load what traces.
const LOG_IN: Duration = Duration::from_mins(1);

/// How long the last words of a host are waited for.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long a loss to a slow link is shown.
const BEHIND: Duration = Duration::from_secs(5);

/// Bytes of what is said on stderr that are kept.
const SAID_MAX: usize = 4 << 10;

/// Bytes for the far side that may wait for a slow link.
const UNSENT_MAX: usize = 1 << 20;

/// How long a host waits whose counts there is no room for, before it is tried again.
const FULL: Duration = Duration::from_millis(50);

/// Time that a batch may take to fill.
const BATCH: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub target: Target,
    pub start: Mutex<Start>,
    pub merge: Mutex<Merge>,
    pub messages: Sender<Message>,
    /// As many log-ins as may be made at a time.
    pub turns: (Sender<()>, Receiver<()>),
    /// Closed when all is to end.
    pub stopped: Receiver<()>,
}

impl Shared {
    pub(super) fn merge(&self) -> MutexGuard<'_, Merge> {
        self.merge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn start(&self) -> MutexGuard<'_, Start> {
        self.start.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
        let mut child = match self.spawn() {
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

    fn spawn(&self) -> std::io::Result<Child> {
        let Target { ssh, remote, .. } = &self.shared.target;
        let (program, arguments) = ssh.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).args(["-T", "-o", "BatchMode=yes", "--", self.name]).arg(format!("{remote} agent"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // ^C is for opentop, which has the last counts still to come.
        command.process_group(0).spawn()
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
        let header = reader.header().ok_or("what came first is not of opentop")?.clone();
        if header.protocol != Some(PROTOCOL) {
            return Err(format!(
                "opentop {} there speaks another protocol: bring it version {}",
                header.opentop,
                env!("CARGO_PKG_VERSION")
            ));
        }
        watch.expect_every(NEAR_SILENCE);
        drop(live);
        let about = format!("opentop {}, Linux {}, {}", header.opentop, header.kernel, header.hooks);
        self.state(LinkState::Live, about.clone());
        let mut feed = Feed { link: self, source, batch: Batch::default(), begun: Instant::now(), behind: None, about };
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
            let line = told(&line, &mut reader, source).map_err(|why| in_words(&reader.garbage(why)))?;
            feed.told(line)?;
        }
    }
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

/// What comes from one connection, on its way to the consumer.
struct Feed<'a, 'b> {
    link: &'a Link<'b>,
    source: Source,
    batch: Batch,
    begun: Instant,
    /// When the link last lost something.
    behind: Option<Instant>,
    about: String,
}

impl Feed<'_, '_> {
    fn open(&mut self, event: OpenEvent<'_>, cgroup: Option<crate::event::CgroupName>) -> Result<(), String> {
        if self.batch.is_empty() {
            self.begun = Instant::now();
        }
        if let Some(named) = cgroup {
            let id = self.source.cgroup(named.id);
            self.batch.name_cgroup(crate::event::CgroupName { id, ..named });
        }
        let cgroup = self.source.cgroup(event.cgroup);
        self.batch.push(&OpenEvent { source: self.source, cgroup, ..event });
        if self.batch.is_full() || self.begun.elapsed() > BATCH { self.send() } else { Ok(()) }
    }

    /// Any number of processes may be told before an event is.
    fn process(&mut self, process: ProcessName) -> Result<(), String> {
        self.batch.name_process(ProcessName { source: self.source, ..process });
        if self.batch.is_full() { self.send() } else { Ok(()) }
    }

    /// Hands on what has come. Waits for the consumer: then the host's own side drops, and counts what.
    fn send(&mut self) -> Result<(), String> {
        if self.batch.has_nothing() {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut self.batch);
        batch.received_ns = Moment::now().time_ns;
        self.hand_on(Message::Opens(batch))
    }

    fn hand_on(&self, message: Message) -> Result<(), String> {
        self.link.shared.messages.send(message).map_err(|_| "nobody wants to know".to_owned())
    }

    fn told(&mut self, told: Told) -> Result<(), String> {
        let shared = self.link.shared;
        match told {
            Told::Process(count, cgroups) => {
                cgroups.into_iter().for_each(|cgroup| self.batch.name_cgroup(cgroup));
                let mut refused = shared.merge().process(count)?;
                while let Some(count) = refused {
                    // Only the end of all closes it.
                    if shared.stopped.recv_timeout(FULL) != Err(RecvTimeoutError::Timeout) {
                        return Err(ENDED.to_owned());
                    }
                    refused = shared.merge().process(count)?;
                }
                Ok(())
            }
            Told::Counts(counts) => {
                self.send()?;
                let lost = shared.merge().counts(self.link.number, counts);
                if lost > 0 {
                    self.behind = Some(Instant::now());
                }
                let behind = self.behind.is_some_and(|since| since.elapsed() < BEHIND);
                let now = if behind { LinkState::Behind } else { LinkState::Live };
                if shared.merge().link(self.link.number) != now {
                    let text = if behind {
                        "the link is slow, and opens are lost: a narrower filter helps"
                    } else {
                        &self.about
                    };
                    self.link.state(now, text.to_owned());
                }
                Ok(())
            }
            Told::User { uid, name } => {
                self.hand_on(Message::Host(HostNews::User { host: self.source.host(), uid, name }))
            }
            Told::Hooks(hooks) => {
                self.about = hooks;
                Ok(())
            }
            Told::Nothing => Ok(()),
        }
    }
}

/// A turn to log in, given back when dropped.
struct Turn<'a>(&'a Receiver<()>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.try_recv();
    }
}

/// The three pipes of ssh. Nothing waits for the first and the last.
struct Streams {
    stdin: Option<File>,
    unsent: Vec<u8>,
    stdout: Option<OwnedFd>,
    stderr: File,
    said: Vec<u8>,
}

impl Streams {
    fn of(child: &mut Child) -> std::io::Result<Self> {
        let missing = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let stdin = OwnedFd::from(child.stdin.take().ok_or_else(missing)?);
        let stdout = OwnedFd::from(child.stdout.take().ok_or_else(missing)?);
        let stderr = OwnedFd::from(child.stderr.take().ok_or_else(missing)?);
        for pipe in [&stdin, &stderr] {
            rustix::fs::fcntl_setfl(pipe, OFlags::NONBLOCK)?;
        }
        Ok(Self {
            stdin: Some(stdin.into()),
            unsent: Vec::new(),
            stdout: Some(stdout),
            stderr: stderr.into(),
            said: Vec::new(),
        })
    }

    /// Sends what fits; the rest with the next. A heartbeat that has to wait is none.
    fn send(&mut self, control: &Control) {
        if self.unsent.is_empty() || (*control != Control::Heartbeat && self.unsent.len() < UNSENT_MAX) {
            self.unsent.extend_from_slice(control.line().as_bytes());
        }
        let Some(stdin) = &mut self.stdin else { return };
        while let Ok(written @ 1..) = stdin.write(&self.unsent) {
            self.unsent.drain(..written);
        }
    }

    /// Takes note of the last that was said.
    fn listen(&mut self) {
        let mut bytes = [0; 4096];
        for _ in 0..16 {
            let Ok(read @ 1..) = self.stderr.read(&mut bytes) else { break };
            self.said.extend_from_slice(&bytes[..read]);
            let beyond = self.said.len().saturating_sub(SAID_MAX);
            self.said.drain(..beyond);
        }
    }
}
