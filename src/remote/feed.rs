//! What comes from one connection, on its way to the consumer.

use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;

use super::reason::ENDED;
use super::shared::Shared;
use super::wire::HostLine;
use crate::clock::Moment;
use crate::event::{Batch, CgroupName, OpenEvent, ProcessName, Source};
use crate::message::{HostNews, Link as LinkState, Message};

/// How long a loss to a slow link is shown.
const BEHIND: Duration = Duration::from_secs(5);

/// How long a host waits whose counts there is no room for, before it is tried again.
const FULL: Duration = Duration::from_millis(50);

/// Time that a batch may take to fill.
const BATCH: Duration = Duration::from_millis(100);

/// Batches that grow, and go to the consumer when they are full or have waited long enough.
pub(super) struct Feed<'a> {
    shared: &'a Shared,
    /// Of the host.
    number: u8,
    source: Source,
    batch: Batch,
    begun: Instant,
    /// When the link last lost something.
    behind: Option<Instant>,
    about: String,
}

impl<'a> Feed<'a> {
    /// `about`: what the host is said to run.
    pub(super) fn new(shared: &'a Shared, number: u8, source: Source, about: String) -> Self {
        Self { shared, number, source, batch: Batch::default(), begun: Instant::now(), behind: None, about }
    }

    pub(super) fn open(&mut self, event: OpenEvent<'_>, cgroup: Option<CgroupName>) -> Result<(), String> {
        if self.batch.is_empty() {
            self.begun = Instant::now();
        }
        if let Some(named) = cgroup {
            let id = self.source.cgroup(named.id);
            self.batch.name_cgroup(CgroupName { id, ..named });
        }
        let cgroup = self.source.cgroup(event.cgroup);
        self.batch.push(&OpenEvent { source: self.source, cgroup, ..event });
        if self.batch.is_full() || self.begun.elapsed() > BATCH { self.send() } else { Ok(()) }
    }

    /// Any number of processes may be told before an event is.
    pub(super) fn process(&mut self, process: ProcessName) -> Result<(), String> {
        self.batch.name_process(ProcessName { source: self.source, ..process });
        if self.batch.is_full() { self.send() } else { Ok(()) }
    }

    /// Hands on what has come. Waits for the consumer: then the host's own side drops, and counts what.
    pub(super) fn send(&mut self) -> Result<(), String> {
        if self.batch.has_nothing() {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut self.batch);
        batch.received_ns = Moment::now().time_ns;
        self.hand_on(Message::Opens(batch))
    }

    fn hand_on(&self, message: Message) -> Result<(), String> {
        self.shared.messages.send(message).map_err(|_| "nobody wants to know".to_owned())
    }

    pub(super) fn line(&mut self, line: HostLine) -> Result<(), String> {
        let shared = self.shared;
        match line {
            HostLine::Process(count, cgroups) => {
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
            HostLine::Counts(counts) => {
                self.send()?;
                let lost = shared.merge().counts(self.number, counts);
                if lost > 0 {
                    self.behind = Some(Instant::now());
                }
                let behind = self.behind.is_some_and(|since| since.elapsed() < BEHIND);
                let now = if behind { LinkState::Behind } else { LinkState::Live };
                if shared.merge().link(self.number) != now {
                    let text = if behind {
                        "the link is slow, and opens are lost: a narrower filter helps"
                    } else {
                        &self.about
                    };
                    shared.merge().state(self.number, now, text.to_owned());
                }
                Ok(())
            }
            HostLine::User { uid, name } => {
                self.hand_on(Message::Host(HostNews::User { host: self.source.host(), uid, name }))
            }
            HostLine::Hooks(hooks) => {
                self.about = hooks;
                Ok(())
            }
            HostLine::Unknown => Ok(()),
        }
    }
}
