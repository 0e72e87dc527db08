//! The loop between the ring buffer and the channel.
//!
//! The BPF side wakes nobody: a wake-up per event would cost more than the event. So this loop looks on a timer,
//! takes a bounded number of records at a time, and hands them on as one batch. While the consumer is slow a batch
//! waits and grows, and then the ring buffer holds the events; what finds no room there is dropped and counted.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Select, SendTimeoutError, Sender};
use libbpf_rs::libbpf_sys::{ring__consumer_pos, ring_buffer__ring};
use libbpf_rs::{AsRawLibbpf as _, RingBuffer, RingBufferBuilder};

use super::ancestors::Ancestors;
use super::cgroups::Cgroups;
use super::counters::{Counters, Stream};
use super::decode::{DecodeError, Decoder};
use super::manager::HookManager;
use super::missed::Losses;
use super::object::{LoadedObject, set_filter};
use super::probe::Preemption;
use super::watch::Watch;
use super::{Command, Options, Tracer};
use crate::bpf::OpentopSkel;
use crate::clock::Moment;
use crate::error::Error;
use crate::event::Batch;
use crate::filter::KernelFilter;
use crate::message::{Counts, LOOKUPS, Message, Unseen};
use crate::privileges::{self, Role};

/// How long to wait when the ring buffer was empty, or nearly; and how long while a third of it would fill up
/// meanwhile. After that the pauses double until they are the usual ones again.
const PAUSE: Duration = Duration::from_millis(15);
const PAUSE_IN_A_STORM: Duration = Duration::from_millis(2);

/// How long to wait where there are no events: ended processes wait for room to be made meanwhile.
const PAUSE_WITHOUT_EVENTS: Duration = Duration::from_millis(100);

/// Most records of one look at the ring buffer: few enough that they are decoded within milliseconds.
const LOOK: usize = 4096;

/// Messages that counts take: the names of their cgroups come before them.
const COUNTS_SLOTS: usize = 2;

/// What the callback tells libbpf to have it stop, when the batch is full. The record that filled it is taken.
const FULL: i32 = -libc::ENOBUFS;

/// How long the end waits for a consumer that takes nothing.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the loop ends early.
enum Halt {
    /// The receiver is gone: nobody is interested any more, and that is no error.
    ReceiverGone,
    Broken(Error),
}

impl From<Error> for Halt {
    fn from(why: Error) -> Self {
        Halt::Broken(why)
    }
}

pub(super) fn run(tracer: Tracer<'_>, messages: &Sender<Message>, commands: &Receiver<Command>) -> Result<(), Error> {
    let Tracer { mut base, manager, options, host_pids, preemption } = tracer;
    run_ahead_of_others();
    privileges::keep_only(Role::Tracer)?;
    let ancestors = (options.ancestors && host_pids).then(Ancestors::default);
    let counters = Counters::new(&mut base.skel, host_pids, ancestors)?;
    let reader = RefCell::new(Reader::new());
    let ring = ring_buffer(&base.skel, &reader)?;
    let mut poller = Poller {
        base: &base,
        manager,
        ring,
        reader: &reader,
        counters,
        messages,
        options,
        paused: (PAUSE, 0),
        sent: 0,
        counts_sent: 0,
        preemption,
        losses: Losses::default(),
    };
    match poller.run(commands) {
        Ok(()) | Err(Halt::ReceiverGone) => Ok(()),
        Err(Halt::Broken(why)) => Err(why),
    }
}

/// Turns records into the next batch.
struct Reader {
    decoder: Decoder,
    batch: Batch,
    cgroups: Cgroups,
    stream: Stream,
}

impl Reader {
    fn new() -> Self {
        Self {
            decoder: Decoder::default(),
            batch: Batch::default(),
            cgroups: Cgroups::new(),
            stream: Stream::default(),
        }
    }

    fn decode_record(&mut self, record: &[u8]) {
        match self.decoder.decode(record, &mut self.batch) {
            Ok(()) => {
                let seen = self.batch.iter().next_back().map(|open| (open.cgroup, open.pid));
                // Named while it is most likely still there.
                if let Some(name) = seen.and_then(|(cgroup, pid)| self.cgroups.see(cgroup, pid)) {
                    self.batch.name_cgroup(name);
                }
            }
            Err(DecodeError::Evicted { lookup: true }) => self.stream.lookups_lost += 1,
            Err(DecodeError::Evicted { lookup: false }) => self.stream.io_uring += 1,
            Err(_) => self.stream.garbled += 1,
        }
    }
}

fn ring_buffer<'r>(skel: &'r OpentopSkel<'_>, reader: &'r RefCell<Reader>) -> Result<RingBuffer<'r>, Error> {
    let read = |record: &[u8]| {
        let mut reader = reader.borrow_mut();
        reader.decode_record(record);
        if reader.batch.is_full() { FULL } else { 0 }
    };
    let mut builder = RingBufferBuilder::new();
    builder.add(&skel.maps.events, read).map_err(|why| Error::bpf("use the ring buffer", why))?;
    builder.build().map_err(|why| Error::bpf("map the ring buffer", why))
}

struct Poller<'p, 'skel> {
    base: &'p LoadedObject<'skel>,
    manager: HookManager<'skel>,
    ring: RingBuffer<'p>,
    reader: &'p RefCell<Reader>,
    counters: Counters<'skel>,
    messages: &'p Sender<Message>,
    options: Options,
    /// The last pause, and where in the ring buffer it began, counted on from the start of all.
    paused: (Duration, u64),
    /// Messages sent, and how many there were with the last counts.
    sent: u64,
    counts_sent: u64,
    preemption: Preemption,
    /// Those of the hook sets by the last counts.
    losses: Losses,
}

impl Poller<'_, '_> {
    fn run(&mut self, commands: &Receiver<Command>) -> Result<(), Halt> {
        self.until_stopped(commands)?;
        self.manager.detach();
        wait_for_running_programs();
        self.finish()
    }

    fn until_stopped(&mut self, commands: &Receiver<Command>) -> Result<(), Halt> {
        let mut next_counts = Instant::now() + self.options.interval;
        let mut watch = Watch::new(&self.options.ends_with);
        loop {
            let counts_due = Instant::now() >= next_counts;
            // Slots are kept for the counts, so that they are not late only since opens are many.
            let kept = if counts_due { COUNTS_SLOTS } else { 0 };
            let more = self.drain(kept)?;
            if counts_due && self.free_slots() >= COUNTS_SLOTS && self.counts_are_taken() {
                next_counts += self.options.interval;
                // After a late one there is no other right away.
                if next_counts <= Instant::now() {
                    next_counts = Instant::now() + self.options.interval;
                }
                let losses = self.send_counts()?;
                // A set that was asked for by name is kept.
                if self.options.hooks.is_none() {
                    self.reconsider(losses)?;
                }
            }
            self.counters.make_room(&self.base.skel)?;
            let pause = if more { Duration::ZERO } else { self.pause() };
            match commands.recv_timeout(pause) {
                Ok(Command::Filter(wanted)) => self.filter(wanted)?,
                Ok(Command::Lookups(wanted)) => self.look_up(wanted)?,
                // There are other hosts, or there is a tracer.
                Ok(Command::Expression(_)) => {}
                Ok(Command::MoveOn) => self.move_on(None)?,
                Err(RecvTimeoutError::Timeout) if watch.all_ended() => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn pause(&mut self) -> Duration {
        if self.options.counts_only {
            return PAUSE_WITHOUT_EVENTS;
        }
        // SAFETY: the ring buffer lives, and has one ring.
        let at = unsafe { ring__consumer_pos(ring_buffer__ring(self.ring.as_libbpf_object().as_ptr(), 0)) };
        let (last, before) = self.paused;
        let third = f64::from(self.options.ring_bytes) / 3.0 * last.div_duration_f64(PAUSE);
        let in_a_storm = at.wrapping_sub(before) as f64 > third;
        self.paused = (if in_a_storm { PAUSE_IN_A_STORM } else { PAUSE.min(last * 2) }, at);
        self.paused.0
    }

    fn filter(&mut self, wanted: KernelFilter) -> Result<(), Error> {
        self.options.filter = wanted;
        let set = self.manager.set();
        let changed = set_filter(&self.base.skel, &self.options.filter, &self.options, set);
        changed.map_err(|why| Error::bpf("change the filter in the kernel", why))
    }

    /// Sees look-ups from now on, or no longer; whether it does the hooks tell.
    fn look_up(&mut self, wanted: bool) -> Result<(), Halt> {
        if !wanted {
            self.manager.stop_lookups();
        } else if let Err(why) = self.manager.start_lookups(self.base) {
            self.manager.note_unseen(Unseen { what: LOOKUPS, why });
        }
        self.send_hooks()
    }

    /// Looks at what the hooks have missed since the last counts: one set that loses is left for another, which has to
    /// lose less.
    fn reconsider(&mut self, losses: Losses) -> Result<(), Halt> {
        let lost = losses.since(std::mem::replace(&mut self.losses, losses));
        if self.manager.is_on_trial() {
            let returned = self.manager.settle(self.base, &self.options, losses.opens);
            if returned.map_err(|why| Error::bpf("return to the hooks before", why))? {
                self.send_hooks()?;
            }
        } else if lost.missed > 0 {
            self.move_on(Some((lost, self.preemption)))?;
        }
        Ok(())
    }

    /// Leaves the hook set, if there is a better one to be had.
    fn move_on(&mut self, lost: Option<(Losses, Preemption)>) -> Result<(), Halt> {
        let moved = self.manager.move_on(self.base, &self.options, lost, self.losses.opens);
        if moved.map_err(|why| Error::bpf("move to other hooks", why))? {
            self.send_hooks()?;
        }
        Ok(())
    }

    fn send_hooks(&mut self) -> Result<(), Halt> {
        self.send(Message::Hooks(self.manager.hooks()))
    }

    /// What is still in the ring, the final counts, the end.
    fn finish(&mut self) -> Result<(), Halt> {
        let mut timeout = SEND_TIMEOUT;
        while !self.reader.borrow().batch.is_empty() || self.read_ring()? > 0 {
            if !self.send_batch(timeout)? {
                timeout = Duration::ZERO;
            }
        }
        let (stream, missed) = (self.reader.borrow().stream, self.manager.missed(self.base));
        let counts = self.counters.read_last(&self.base.skel, stream, missed.all)?;
        self.name_cgroups(&counts);
        self.send_batch(timeout)?;
        self.send(Message::Counts(counts))?;
        self.send(Message::End)
    }

    /// Takes what fits the batch, and hands it on if more slots than `kept` are free; says whether there is more to be
    /// had at once.
    fn drain(&mut self, kept: usize) -> Result<bool, Halt> {
        let taken = if self.is_full() { 0 } else { self.read_ring()? };
        let more = taken == LOOK || self.is_full();
        let send = self.free_slots() > kept;
        if send {
            self.send_batch(Duration::ZERO)?;
        }
        Ok(send && more)
    }

    /// Messages that can be sent without waiting. It takes sending to find out that the receiver is gone, so that then
    /// it is any number.
    fn free_slots(&self) -> usize {
        let mut select = Select::new();
        select.send(self.messages);
        match self.messages.capacity().map(|capacity| capacity - self.messages.len()) {
            Some(0) if select.try_ready().is_err() => 0,
            None | Some(0) => usize::MAX,
            Some(free) => free,
        }
    }

    fn is_full(&self) -> bool {
        self.reader.borrow().batch.is_full()
    }

    /// Takes records until the batch is full; says how many, at least.
    fn read_ring(&mut self) -> Result<usize, Halt> {
        let before = self.reader.borrow().batch.len();
        self.reader.borrow_mut().decoder.clock_offset_ns = Moment::now().offset_ns();
        let taken = match self.ring.consume_raw_n(LOOK) {
            FULL => i32::try_from(self.reader.borrow().batch.len() - before).unwrap_or(i32::MAX),
            taken => taken,
        };
        usize::try_from(taken).map_err(|_| {
            Error::bpf("read the ring buffer", std::io::Error::from_raw_os_error(taken.saturating_neg())).into()
        })
    }

    /// Waits for room for as long as `timeout`; a batch that finds none is dropped and counted. False if it was.
    fn send_batch(&mut self, timeout: Duration) -> Result<bool, Halt> {
        let mut reader = self.reader.borrow_mut();
        if reader.batch.has_nothing() {
            return Ok(true);
        }
        let batch = std::mem::take(&mut reader.batch);
        let lookups = batch.lookups() as u64;
        let opens = batch.len() as u64 - lookups;
        match self.messages.send_timeout(Message::Opens(batch), timeout) {
            Ok(()) => {
                self.sent += 1;
                reader.stream.delivered += opens;
                reader.stream.lookups += lookups;
            }
            Err(SendTimeoutError::Timeout(_)) => {
                reader.stream.queue += opens;
                reader.stream.lookups_lost += lookups;
                return Ok(false);
            }
            Err(_) => return Err(Halt::ReceiverGone),
        }
        Ok(true)
    }

    /// Sends the counts; returns what the hook sets have missed by now.
    fn send_counts(&mut self) -> Result<Losses, Halt> {
        let stream = self.reader.borrow().stream;
        let missed = self.manager.missed(self.base);
        let counts = self.counters.read(&self.base.skel, stream, missed.all)?;
        if self.name_cgroups(&counts) {
            self.send_batch(SEND_TIMEOUT)?;
        }
        let losses = Losses { missed: missed.of_set, opens: counts.totals.opens };
        self.send(Message::Counts(counts))?;
        self.counts_sent = self.sent;
        Ok(losses)
    }

    /// Names the cgroups that are counted, whether or not one of their events finds room in the ring. True if there
    /// were new ones.
    fn name_cgroups(&self, counts: &Counts) -> bool {
        let Reader { cgroups, batch, .. } = &mut *self.reader.borrow_mut();
        cgroups.find_late_names().into_iter().for_each(|name| batch.name_cgroup(name));
        for process in &counts.processes {
            let counted = process.cgroups.iter().filter(|count| count.cgroup != 0);
            counted.filter_map(|count| cgroups.see(count.cgroup, process.pid)).for_each(|name| batch.name_cgroup(name));
        }
        !batch.cgroups().is_empty()
    }

    /// Whether the consumer has taken the last counts: there are never two on the way, as each may name all processes.
    fn counts_are_taken(&self) -> bool {
        self.counts_sent + self.messages.len() as u64 <= self.sent
    }

    fn send(&mut self, message: Message) -> Result<(), Halt> {
        self.sent += 1;
        self.messages.send(message).map_err(|_| Halt::ReceiverGone)
    }
}

/// Gives this thread precedence: it takes little time, but it must get it before the ring is full, most of all when the
/// host is busy. Not being allowed to is no error; what is lost is counted.
fn run_ahead_of_others() {
    const HIGHEST: libc::c_int = -20;
    // SAFETY: setpriority(2) takes no pointers; 0 is the calling thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, HIGHEST) };
}

/// Waits until no program runs that began before the links were dropped: after a grace period of RCU what it wrote is
/// in the ring.
fn wait_for_running_programs() {
    const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
    // SAFETY: membarrier(2) takes no pointers. Where the kernel lacks it nothing is waited for, and an event of the
    // very last microsecond may be missing; the counts tell.
    unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) };
}
