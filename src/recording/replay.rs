//! A recording as a source of messages, at the pace it was recorded at or another.

use super::read::{Item, ReadError, Reader};
use super::tally::Tally;
use crate::event::{Batch, OpenEvent};
use crate::message::{Message, Totals};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, select};
use std::time::{Duration, Instant};

/// Time that a batch spans when it is replayed, as with a live source.
const BATCH: Duration = Duration::from_millis(20);

/// The longest time that nothing is sent: a longer pause of the recording is cut to this.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// How long a consumer that has told the source to stop is given to take the last messages.
const SEND_TIMEOUT: Duration = Duration::from_millis(500);

/// How a replay went.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Opens sent.
    pub opens: u64,
    /// What the user should know: that the recording ends early, and where.
    pub note: Option<String>,
}

/// Sends all of a recording, waiting for the consumer and for the time of each event, until the recording ends or
/// `stop` gets a message or loses its sender. `speed` 1 is as recorded, 2 twice as fast, 0 as fast as it can be read.
/// No pause is longer than a minute, however long it was when it was recorded.
///
/// Counts come every `interval` of recorded time. They are those of the events, with the losses that the recording
/// tells; in the end its own totals, where it has them. The last message is `End`, or `Failed` if the recording holds something else than a recording.
pub fn replay(
    mut reader: Reader,
    speed: f64,
    interval: Duration,
    messages: &Sender<Message>,
    stop: &Receiver<()>,
) -> Replayed {
    let mut player = Player::new(speed, interval, messages, stop);
    let mut replayed = Replayed::default();
    let end = match player.play(&mut reader) {
        Ok(()) | Err(Halt::Stopped) => Message::End,
        // It was the consumer who wanted no more.
        Err(Halt::Broken(ReadError::Interrupted { .. })) => Message::End,
        Err(Halt::Broken(error @ ReadError::EndsEarly { .. })) => {
            replayed.note = Some(error.to_string());
            Message::End
        }
        Err(Halt::Broken(error)) => Message::Failed(error.to_string()),
    };
    player.end(end);
    replayed.opens = player.sent;
    replayed
}

/// Why playing stops before its time.
enum Halt {
    Stopped,
    Broken(ReadError),
}

struct Player<'a> {
    speed: f64,
    /// Recorded time between two messages of counts.
    interval_ns: u64,
    messages: &'a Sender<Message>,
    stop: &'a Receiver<()>,
    batch: Batch,
    /// Recorded times of the first and the latest event in the batch.
    batch_ns: (u64, u64),
    tally: Tally,
    /// The recording's own totals.
    summary: Option<Totals>,
    /// When playing started, and the recorded time then.
    started: Option<(Instant, u64)>,
    /// Recorded times of the latest event and of the next counts.
    now_ns: u64,
    counts_ns: u64,
    /// Recorded time that nobody waits through.
    cut_ns: u64,
    sent: u64,
}

impl<'a> Player<'a> {
    fn new(speed: f64, interval: Duration, messages: &'a Sender<Message>, stop: &'a Receiver<()>) -> Self {
        Self {
            speed,
            interval_ns: u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1),
            messages,
            stop,
            batch: Batch::default(),
            batch_ns: (0, 0),
            tally: Tally::default(),
            summary: None,
            started: None,
            now_ns: 0,
            counts_ns: 0,
            cut_ns: 0,
            sent: 0,
        }
    }

    fn play(&mut self, reader: &mut Reader) -> Result<(), Halt> {
        loop {
            // Whatever is read, and however long it gives no event.
            if self.stop.try_recv() != Err(TryRecvError::Empty) {
                return Err(Halt::Stopped);
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
                    self.make_room(&event)?;
                    cgroup.into_iter().for_each(|cgroup| self.batch.name_cgroup(cgroup));
                    self.batch.push(&event);
                    self.tally.add(&event);
                }
                Item::Lost { cause, count } => self.tally.lose(cause, count),
                Item::Summary(totals) => self.summary = Some(totals),
                Item::Other(_) => {}
            }
        }
    }

    /// Sends what belongs before `event`: a batch that is full, counts that are due.
    fn make_room(&mut self, event: &OpenEvent<'_>) -> Result<(), Halt> {
        let ts_ns = event.ts_ns;
        if self.started.is_none() {
            self.started = Some((Instant::now(), ts_ns));
            (self.now_ns, self.counts_ns) = (ts_ns, ts_ns.saturating_add(self.interval_ns));
        }
        let spanned = Duration::from_nanos(ts_ns.saturating_sub(self.batch_ns.0)).as_secs_f64();
        let long = self.speed > 0.0 && spanned >= BATCH.as_secs_f64() * self.speed;
        let full = self.batch.is_full();
        if ts_ns >= self.counts_ns || long || full {
            self.send_batch()?;
        }
        self.cut_pause(ts_ns);
        while ts_ns >= self.counts_ns {
            self.send_counts(ts_ns)?;
        }
        // CPUs hand in their events in turn, so that times can step back a little.
        self.now_ns = self.now_ns.max(ts_ns);
        let first = if self.batch.is_empty() { ts_ns } else { self.batch_ns.0 };
        self.batch_ns = (first, self.now_ns);
        Ok(())
    }

    /// Leaves out the beginning of a pause before `ts_ns` that is too long.
    fn cut_pause(&mut self, ts_ns: u64) {
        if self.speed == 0.0 {
            return;
        }
        let resumes_ns = ts_ns.saturating_sub((PAUSE_MAX.as_nanos() as f64 * self.speed) as u64);
        if resumes_ns > self.now_ns {
            self.cut_ns += resumes_ns - self.now_ns;
            self.now_ns = resumes_ns;
            self.counts_ns = self.counts_ns.max(resumes_ns);
        }
    }

    fn send_batch(&mut self) -> Result<(), Halt> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.wait_until(self.batch_ns.1)?;
        let batch = std::mem::take(&mut self.batch);
        let opens = batch.len() as u64;
        self.send(Message::Opens(batch))?;
        self.sent += opens;
        Ok(())
    }

    /// Sends the counts that are due before `ts_ns`. At full speed nobody waits through a pause, so one is enough.
    fn send_counts(&mut self, ts_ns: u64) -> Result<(), Halt> {
        self.wait_until(self.counts_ns)?;
        let counts = self.tally.counts(self.counts_ns);
        self.send(Message::Counts(counts))?;
        let from = if self.speed > 0.0 { self.counts_ns } else { ts_ns };
        let step = self.interval_ns.max((BATCH.as_nanos() as f64 * self.speed) as u64);
        self.counts_ns = from.saturating_add(step);
        Ok(())
    }

    fn wait_until(&self, ts_ns: u64) -> Result<(), Halt> {
        let Some((started, first_ns)) = self.started.filter(|_| self.speed > 0.0) else { return Ok(()) };
        let passed = Duration::from_nanos(ts_ns.saturating_sub(first_ns).saturating_sub(self.cut_ns));
        let after = passed.as_secs_f64() / self.speed;
        let due = Duration::try_from_secs_f64(after).ok().and_then(|after| started.checked_add(after));
        // A time that no clock reaches never comes; then only the end of the program ends the wait.
        let told = match due {
            Some(due) => self.stop.recv_deadline(due),
            None => self.stop.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        if told == Err(RecvTimeoutError::Timeout) { Ok(()) } else { Err(Halt::Stopped) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::{bounded, never};

    #[test]
    fn a_pause_of_a_century_is_cut_to_a_minute() {
        const YEAR: u64 = 365 * 24 * 3600 * 1_000_000_000;
        const MINUTE: u64 = 60_000_000_000;
        let ((messages, _received), stop) = (bounded(1), never());
        for (speed, most) in [(1.0, MINUTE), (10.0, 10 * MINUTE), (1e300, u64::MAX)] {
            let mut player = Player::new(speed, Duration::from_secs(1), &messages, &stop);
            player.cut_pause(most.min(MINUTE));
            assert_eq!((player.now_ns, player.cut_ns), (0, 0), "at {speed}");
            player.cut_pause(99 * YEAR);
            let cut = (99 * YEAR).saturating_sub(most);
            assert_eq!((player.now_ns, player.cut_ns, player.counts_ns), (cut, cut, cut), "at {speed}");
        }
    }
}
