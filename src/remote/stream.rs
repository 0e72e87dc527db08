//! What the far side sends: a recording of what the filter holds for, with the counts of each reading.
//!
//! The link decides how much that is. While it has not taken what it was given, opens are dropped and counted as
//! `link`, and counts are put together until there is room for them; so nothing waits here, and what waits is bounded.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select, tick};

use super::wire::{self, Control, PROTOCOL};
use crate::error::Error;
use crate::event::Batch;
use crate::filter::Filter;
use crate::message::{Counts, Hooks, Message, ProcessCount, Totals};
use crate::names::Names;
use crate::output::lines::Halt;
use crate::output::{Output as _, Writer};
use crate::recording::{Header, Recorder};
use crate::tracer::Command;

/// How often what is there is sent, and something is if nothing is there.
const FLUSH: Duration = Duration::from_millis(100);
const SPEAK: Duration = Duration::from_millis(900);

/// Bytes on their way at which the link is taken for slow.
const BEHIND: u64 = 256 << 10;

/// Processes whose counts wait for a slow link.
const WAITING_MAX: usize = 1 << 16;

/// Users that are named.
const USERS_MAX: usize = 4096;

/// The far side's consumer.
pub(crate) struct Stream<'a> {
    recorder: Recorder<&'a Writer>,
    writer: &'a Writer,
    commands: &'a Sender<Command>,
    filter: Filter,
    names: Names,
    /// What the filter left out and the link could not take, opens and look-ups.
    left_out: (u64, u64),
    dropped: (u64, u64),
    /// The latest counts: of processes those that are not sent yet.
    processes: HashMap<(u32, u64), ProcessCount>,
    counts: Counts,
    overflow: u64,
    users: HashSet<u32>,
    hooks: String,
    spoken: Instant,
    dirty: bool,
}

impl<'a> Stream<'a> {
    /// Begins with the header.
    pub(crate) fn begin(
        writer: &'a Writer,
        hooks: &Hooks,
        commands: &'a Sender<Command>,
        (filter, names): (Filter, Names),
    ) -> io::Result<Self> {
        let header = Header { protocol: Some(PROTOCOL), ..Header::of_host(hooks) };
        Ok(Self {
            recorder: Recorder::begin_stream(writer, &header)?,
            writer,
            commands,
            filter,
            names,
            left_out: (0, 0),
            dropped: (0, 0),
            processes: HashMap::new(),
            counts: Counts::default(),
            overflow: 0,
            users: HashSet::new(),
            hooks: hooks.to_string(),
            spoken: Instant::now(),
            dirty: false,
        })
    }

    /// Sends until the tracer ends.
    ///
    /// # Errors
    /// If the tracer breaks. That nobody listens any more is none.
    pub(crate) fn run(mut self, messages: &Receiver<Message>, controls: &Receiver<Control>) -> Result<(), Error> {
        match self.send_all(messages, controls) {
            Ok(()) => {
                // The last words; whoever has gone does not miss them.
                let _ = self.recorder.finish();
                Ok(())
            }
            Err(Halt::Output(why)) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(Halt::Output(why)) => Err(Error::Other(format!("cannot write to the link: {why}"))),
            Err(Halt::Source(why)) => Err(Error::Other(why)),
        }
    }

    fn send_all(&mut self, messages: &Receiver<Message>, controls: &Receiver<Control>) -> Result<(), Halt> {
        let clock = tick(FLUSH);
        let mut controls = controls.clone();
        loop {
            select! {
                recv(messages) -> message => match message {
                    Ok(Message::Opens(batch)) => self.opens(&batch)?,
                    Ok(Message::Counts(counts)) => self.counted(counts)?,
                    Ok(Message::Hooks(hooks)) => {
                        self.hooks = hooks.to_string();
                        let line = wire::hooks(&self.hooks);
                        self.say(&line)?;
                    }
                    Ok(Message::Host(_) | Message::Playback(_)) => {}
                    Ok(Message::End) => {
                        let last = std::mem::take(&mut self.counts);
                        let totals = self.send_counts(&last)?;
                        return Ok(self.recorder.summary(&totals, &self.hooks)?);
                    }
                    Ok(Message::Failed(why)) => return Err(Halt::Source(why)),
                    Err(_) => return Err(Halt::Source("the source ended without a word".into())),
                },
                recv(controls) -> control => match control {
                    Ok(control) => self.control(control),
                    Err(_) => controls = crossbeam_channel::never(),
                },
                recv(clock) -> _ => self.flush()?,
            }
        }
    }

    fn control(&mut self, control: Control) {
        match control {
            // One that is none here was one there: versions that differ. What is sent then is checked there again.
            Control::Filter { filter } => {
                let filter = Filter::parse(&filter, &self.names).unwrap_or_default();
                let _ = self.commands.try_send(Command::Filter(filter.kernel_part()));
                self.filter = filter;
            }
            Control::Lookups { wanted } => drop(self.commands.try_send(Command::Lookups(wanted))),
            Control::Start(_) | Control::Heartbeat | Control::Unknown => {}
        }
    }

    /// Whether what was sent is still on its way.
    fn is_behind(&self) -> bool {
        self.writer.waiting() > BEHIND || self.writer.is_half_full()
    }

    fn opens(&mut self, batch: &Batch) -> Result<(), Halt> {
        batch.cgroups().iter().for_each(|cgroup| self.names.learn(cgroup));
        let behind = self.is_behind();
        for (index, event) in batch.iter().enumerate() {
            self.names.learn_processes(batch, batch.processes_at(index));
            let wanted = self.filter.matches(&event, &self.names);
            let count = match (wanted, behind) {
                (false, _) => &mut self.left_out,
                (true, true) => &mut self.dropped,
                (true, false) => {
                    self.name_user(event.uid)?;
                    self.recorder.open(&event, &self.names)?;
                    self.dirty = true;
                    continue;
                }
            };
            *(if event.is_lookup() { &mut count.1 } else { &mut count.0 }) += 1;
        }
        Ok(())
    }

    fn name_user(&mut self, uid: u32) -> io::Result<()> {
        if self.users.len() >= USERS_MAX || !self.users.insert(uid) {
            return Ok(());
        }
        let name = self.names.user(uid).into_owned();
        if name == uid.to_string() { Ok(()) } else { self.say(&wire::user(uid, &name)) }
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.dirty = true;
        self.recorder.raw_line(line)
    }

    fn counted(&mut self, mut counts: Counts) -> Result<(), Halt> {
        for process in counts.processes.drain(..) {
            let key = (process.pid, process.start_ns);
            if self.processes.len() < WAITING_MAX || self.processes.contains_key(&key) {
                self.processes.insert(key, process);
            } else {
                self.overflow += process.opens;
            }
        }
        if !self.is_behind() {
            self.send_counts(&counts)?;
        }
        // Those of the end are sent once more, with what waits then.
        self.counts = counts;
        Ok(())
    }

    /// Sends all that waits; the totals as they are told.
    fn send_counts(&mut self, counts: &Counts) -> io::Result<Totals> {
        let totals = self.totals(counts.totals);
        for process in std::mem::take(&mut self.processes).into_values() {
            self.name_user(process.uid)?;
            let line = wire::process(&process, &self.names);
            self.recorder.raw_line(&line)?;
        }
        self.say(&wire::counts(counts, &totals))?;
        Ok(totals)
    }

    /// What the tracer has delivered was not all sent: some is left out, some lost.
    fn totals(&self, traced: Totals) -> Totals {
        let mut totals = traced;
        let ((left_out, lookups_left_out), (dropped, lookups_dropped)) = (self.left_out, self.dropped);
        totals.delivered = traced.delivered.saturating_sub(left_out + dropped);
        totals.filtered += left_out;
        totals.lost.link += dropped;
        totals.lookups.delivered = traced.lookups.delivered.saturating_sub(lookups_left_out + lookups_dropped);
        totals.lookups.filtered += lookups_left_out;
        totals.lost.lookups += lookups_dropped;
        totals.lost.overflow += self.overflow;
        totals
    }

    /// Sends what is there; a heartbeat ends it, so that the near side knows that it has all there is.
    fn flush(&mut self) -> io::Result<()> {
        if (self.dirty || self.spoken.elapsed() >= SPEAK) && !self.is_behind() {
            self.recorder.raw_line(wire::heartbeat())?;
            self.recorder.flush()?;
            (self.spoken, self.dirty) = (Instant::now(), false);
        }
        Ok(())
    }
}
