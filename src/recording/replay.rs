//! A recording as a source of messages, at the pace it was recorded at or another.

mod commands;

use super::pace::Pace;
use super::parser::Item;
use super::read::{ReadError, Reader};
use super::tally::Tally;
use crate::event::{Batch, OpenEvent, ProcessName};
use crate::message::{Message, Playback, PlaybackCommand, Totals};
use crossbeam_channel::{Receiver, Sender, TryRecvError, at, never, select};
use std::time::{Duration, Instant};

/// Time that a batch spans when it is replayed, as with a live source.
const BATCH: Duration = Duration::from_millis(20);

/// How long a consumer that has told the source to stop is given to take the last messages.
const SEND_TIMEOUT: Duration = Duration::from_millis(500);

/// How a replay went.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Opens sent.
    pub opens: u64,
    /// Of one of the events sent it is known how long it took.
    pub latency: bool,
    /// What the user should know: that the recording ends early, and where.
    pub note: Option<String>,
}

impl Replayed {
    /// What the user should know. `asks_latency`: how long opens took was asked for.
    pub fn notes(&self, asks_latency: bool) -> impl Iterator<Item = String> {
        let missing = asks_latency && !self.latency && self.opens > 0;
        let missing =
            missing.then(|| "the recording does not tell how long opens took: record with --latency".to_owned());
        self.note.clone().into_iter().chain(missing)
    }
}

/// Sends all of a recording, waiting for the consumer and for the time of each event, until the recording ends or
/// `stop` gets a message or loses its sender. `speed` 1 is as recorded, 2 twice as fast, 0 as fast as it can be read.
/// No pause is longer than a minute, however long it was when it was recorded.
///
/// Counts come every `interval` of recorded time. They are those of the events, with the losses that the recording
/// tells; in the end its own totals, where it has them. The last message is `End`, or `Failed` if the recording holds
/// something else than a recording.
pub fn replay(
    reader: Reader,
    speed: f64,
    interval: Duration,
    messages: &Sender<Message>,
    stop: &Receiver<()>,
) -> Replayed {
    replay_with(reader, speed, interval, messages, Controls { stop, commands: None })
}

/// What a replay listens to.
#[derive(Clone, Copy, Debug)]
pub struct Controls<'a> {
    pub stop: &'a Receiver<()>,
    /// Where there are some, the replay tells where it is, and waits for more of them at the end.
    pub commands: Option<&'a Receiver<PlaybackCommand>>,
}

/// The same as [`replay`] for a consumer who may ask for things.
pub fn replay_with(
    mut reader: Reader,
    speed: f64,
    interval: Duration,
    messages: &Sender<Message>,
    controls: Controls<'_>,
) -> Replayed {
    let mut player = Player::new(speed, interval, messages, controls);
    player.begin(&reader);
    let mut replayed = Replayed::default();
    loop {
        let (end, broken) = match player.play(&mut reader) {
            Ok(()) | Err(Halt::Stopped | Halt::Seek(_)) => (Message::End, false),
            // It was the consumer who wanted no more.
            Err(Halt::Broken(ReadError::Interrupted { .. })) => (Message::End, true),
            Err(Halt::Broken(error @ ReadError::EndsEarly { .. })) => {
                replayed.note = Some(error.to_string());
                (Message::End, false)
            }
            Err(Halt::Broken(error)) => (Message::Failed(error.to_string()), true),
        };
        player.end(end);
        (replayed.opens, replayed.latency) = (player.sent, player.latency);
        if broken || !player.goes_on(&mut reader) {
            return replayed;
        }
    }
}

/// Why playing stops before its time.
enum Halt {
    Stopped,
    /// To go on elsewhere, so many nanoseconds from the first event.
    Seek(u64),
    Broken(ReadError),
}

/// What a wait has ended with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    Due,
    /// One event may pass, as it was asked for.
    Step,
}

struct Player<'a> {
    pace: Pace,
    /// Recorded time between two messages of counts.
    interval_ns: u64,
    messages: &'a Sender<Message>,
    stop: &'a Receiver<()>,
    commands: Option<&'a Receiver<PlaybackCommand>>,
    playback: Playback,
    /// Recorded time of the first event of the recording.
    first_ns: Option<u64>,
    /// Of what was recorded before, nothing is sent: where it was sought.
    skip_ns: u64,
    /// Events that may be sent although it is paused.
    steps: u64,
    batch: Batch,
    /// Recorded times of the first and the latest event in the batch.
    batch_ns: (u64, u64),
    tally: Tally,
    /// The recording's own totals.
    summary: Option<Totals>,
    /// Recorded times of the latest event and of the next counts.
    now_ns: u64,
    counts_ns: u64,
    sent: u64,
    /// Of one of them it is known how long it took.
    latency: bool,
    /// Recorded time of the latest event that was sent.
    sent_ns: u64,
}

impl<'a> Player<'a> {
    fn new(speed: f64, interval: Duration, messages: &'a Sender<Message>, controls: Controls<'a>) -> Self {
        Self {
            pace: Pace::new(speed),
            commands: controls.commands,
            playback: Playback { speed, ..Playback::default() },
            first_ns: None,
            skip_ns: 0,
            steps: 0,
            interval_ns: u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1),
            messages,
            stop: controls.stop,
            batch: Batch::default(),
            batch_ns: (0, 0),
            tally: Tally::default(),
            summary: None,
            now_ns: 0,
            counts_ns: 0,
            sent: 0,
            latency: false,
            sent_ns: 0,
        }
    }

    /// What is known before anything is read, and told at once: whoever asks for a pause means the replay.
    fn begin(&mut self, reader: &Reader) {
        self.playback.seekable = reader.is_seekable();
        if let Some((first, last)) = reader.span_ns() {
            (self.first_ns, self.playback.first_ns) = (Some(first), first);
            self.playback.length_ns = Some(last.saturating_sub(first));
        }
        // A consumer that is gone is noticed with the first event.
        let _ = self.send_playback();
    }

    fn play(&mut self, reader: &mut Reader) -> Result<(), Halt> {
        loop {
            match self.read(reader) {
                Err(Halt::Seek(to_ns)) => self.seek(reader, to_ns)?,
                ended => return ended,
            }
        }
    }

    fn read(&mut self, reader: &mut Reader) -> Result<(), Halt> {
        loop {
            // Whatever is read, and however long it gives no event.
            if self.stop.try_recv() != Err(TryRecvError::Empty) {
                return Err(Halt::Stopped);
            }
            while let Some(command) = self.commands.and_then(|commands| commands.try_recv().ok()) {
                self.obey(command)?;
            }
            let item = match reader.next_item() {
                Ok(Some(item)) => item,
                // What was read before it ended is right, however it ended.
                end => {
                    self.send_batch()?;
                    return end.map(drop).map_err(Halt::Broken);
                }
            };
            match item {
                Item::Open(event, cgroup) => {
                    let is_first = self.first_ns.is_none();
                    let first_ns = *self.first_ns.get_or_insert(event.ts_ns);
                    self.playback.first_ns = first_ns;
                    if is_first {
                        // What is asked for is counted from it: not to be told only with the counts, a second later.
                        self.send_playback()?;
                    }
                    cgroup.into_iter().for_each(|cgroup| self.batch.name_cgroup(cgroup));
                    if event.ts_ns < self.skip_ns {
                        self.now_ns = self.now_ns.max(event.ts_ns);
                        continue;
                    }
                    self.make_room(&event)?;
                    self.playback.at_ns = self.now_ns.saturating_sub(first_ns);
                    self.batch.push(&event);
                }
                Item::Process(process) => self.name(process)?,
                Item::Lost { cause, count } if self.skip_ns == 0 || self.pace.is_started() => {
                    self.tally.lose(cause, count);
                }
                Item::Summary(totals) if self.skip_ns == 0 => self.summary = Some(totals),
                Item::Lost { .. } | Item::Summary(_) | Item::Other(_) => {}
            }
        }
    }

    /// Any number of processes may be told before an event is.
    fn name(&mut self, process: ProcessName) -> Result<(), Halt> {
        if self.batch.is_full() {
            self.send_batch()?;
            let named = std::mem::take(&mut self.batch);
            self.send(Message::Opens(named))?;
        }
        self.batch.name_process(process);
        Ok(())
    }

    /// Sends what belongs before `event`: a batch that is full, counts that are due.
    fn make_room(&mut self, event: &OpenEvent<'_>) -> Result<(), Halt> {
        let ts_ns = event.ts_ns;
        if !self.pace.is_started() {
            self.pace.start(ts_ns);
            (self.now_ns, self.counts_ns) = (ts_ns, ts_ns.saturating_add(self.interval_ns));
        }
        let spanned = ts_ns.saturating_sub(self.batch_ns.0);
        let long = self.pace.speed() > 0.0 && spanned >= self.pace.recorded_ns(BATCH);
        let full = self.batch.is_full() || self.playback.paused;
        if ts_ns >= self.counts_ns || long || full {
            self.send_batch()?;
        }
        if let Some(resumes_ns) = self.pace.cut(self.now_ns, ts_ns) {
            (self.now_ns, self.counts_ns) = (resumes_ns, self.counts_ns.max(resumes_ns));
        }
        while ts_ns >= self.counts_ns {
            self.send_counts(ts_ns)?;
        }
        // CPUs hand in their events in turn, so that times can step back a little.
        self.now_ns = self.now_ns.max(ts_ns);
        let first = if self.batch.is_empty() { ts_ns } else { self.batch_ns.0 };
        self.batch_ns = (first, self.now_ns);
        Ok(())
    }

    fn send_batch(&mut self) -> Result<(), Halt> {
        if self.batch.is_empty() {
            return Ok(());
        }
        while self.wait_until(self.batch_ns.1)? == Wait::Step {
            // One of them alone.
            let (batch, rest) = std::mem::take(&mut self.batch).split_first();
            self.batch = rest;
            self.playback.at_ns =
                batch.iter().last().map_or(0, |event| event.ts_ns).saturating_sub(self.first_ns.unwrap_or(0));
            self.hand_on(batch)?;
            let counts = self.tally.counts(self.sent_ns);
            self.send(Message::Counts(counts))?;
            self.send_playback()?;
            if self.batch.is_empty() {
                return Ok(());
            }
        }
        let batch = std::mem::take(&mut self.batch);
        self.hand_on(batch)
    }

    fn hand_on(&mut self, batch: Batch) -> Result<(), Halt> {
        for event in batch.iter() {
            self.tally.add(&event);
            self.sent_ns = self.sent_ns.max(event.ts_ns);
            self.latency |= event.latency.is_some();
        }
        let opens = batch.len() as u64;
        self.send(Message::Opens(batch))?;
        self.sent += opens;
        Ok(())
    }

    /// Sends the counts that are due before `ts_ns`. At full speed nobody waits through a pause, so one is enough.
    fn send_counts(&mut self, ts_ns: u64) -> Result<(), Halt> {
        // A step is an event, and none is here.
        if self.wait_until(self.counts_ns)? == Wait::Step {
            self.counts_ns = self.counts_ns.max(ts_ns);
            self.steps += 1;
        }
        let counts = self.tally.counts(self.counts_ns);
        self.send(Message::Counts(counts))?;
        self.send_playback()?;
        let from = if self.pace.speed() > 0.0 { self.counts_ns } else { ts_ns };
        let step = self.interval_ns.max(self.pace.recorded_ns(BATCH));
        self.counts_ns = from.saturating_add(step);
        Ok(())
    }

    /// Waits for this recorded time, or for a step that is asked for during a pause.
    fn wait_until(&mut self, ts_ns: u64) -> Result<Wait, Halt> {
        loop {
            if self.playback.paused && self.steps > 0 {
                self.steps -= 1;
                return Ok(Wait::Step);
            }
            let timer = match self.pace.due(ts_ns) {
                _ if self.playback.paused => never(),
                Some(due) if due <= Instant::now() => return Ok(Wait::Due),
                Some(due) => at(due),
                // A time that no clock reaches never comes; then only the end of the program ends the wait.
                None => never(),
            };
            let nobody = never();
            select! {
                recv(timer) -> _ => {}
                recv(self.stop) -> _ => return Err(Halt::Stopped),
                recv(self.commands.unwrap_or(&nobody)) -> command => match command {
                    Ok(command) => self.obey(command)?,
                    Err(_) => return Err(Halt::Stopped),
                },
            }
        }
    }

    /// Sends, waiting for room. A consumer that is gone ends the replay like one that says so.
    fn send(&self, message: Message) -> Result<(), Halt> {
        select! {
            send(self.messages, message) -> sent => sent.map_err(|_| Halt::Stopped),
            recv(self.stop) -> _ => Err(Halt::Stopped),
        }
    }

    /// The last counts and the last message.
    fn end(&mut self, end: Message) {
        self.tally.totals = self.summary.unwrap_or(self.tally.totals);
        let counts = self.tally.counts(self.now_ns);
        for message in [Message::Counts(counts), end] {
            // A consumer that has gone has all it wanted.
            let _ = self.messages.send_timeout(message, SEND_TIMEOUT);
        }
    }
}
