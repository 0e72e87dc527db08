//! What the consumer of a replay may ask for.

use super::{Halt, Player};
use crate::event::Batch;
use crate::message::{Message, Playback, PlaybackCommand};
use crate::recording::Reader;
use crate::recording::tally::Tally;
use crossbeam_channel::select;

impl Player<'_> {
    /// Does what the consumer asks for. What is waited for is another time then.
    pub(super) fn obey(&mut self, command: PlaybackCommand) -> Result<(), Halt> {
        match command {
            PlaybackCommand::Seek(to_ns) if self.playback.seekable => return Err(Halt::Seek(to_ns)),
            _ => self.apply(command),
        }
        self.send_playback()
    }

    pub(super) fn apply(&mut self, command: PlaybackCommand) {
        // From where it is now, at the new speed.
        let now_ns = self.pace.now_ns(self.playback.paused).unwrap_or(0).max(self.sent_ns);
        match command {
            PlaybackCommand::Seek(_) => {}
            PlaybackCommand::Pause(paused) => (self.playback.paused, self.steps) = (paused, 0),
            PlaybackCommand::Faster => self.pace.faster(),
            PlaybackCommand::Slower => self.pace.slower(),
            PlaybackCommand::Step => self.steps += u64::from(self.playback.paused),
        }
        self.playback.speed = self.pace.speed();
        if self.pace.is_started() {
            self.pace.start(now_ns);
        }
    }

    /// Says where it is, to whoever can ask for another place.
    pub(super) fn send_playback(&self) -> Result<(), Halt> {
        if self.commands.is_some() { self.send(Message::Playback(self.playback)) } else { Ok(()) }
    }

    /// Begins anew with what was recorded so long after the first event.
    pub(super) fn seek(&mut self, reader: &mut Reader, to_ns: u64) -> Result<(), Halt> {
        // How long it all is may have been found out meanwhile.
        let known = self.playback.length_ns;
        let length_ns = known.or_else(|| reader.span_ns().map(|(first, last)| last.saturating_sub(first)));
        self.playback.length_ns = length_ns;
        let to_ns = self.playback.length_ns.map_or(to_ns, |length| to_ns.min(length));
        reader.seek(self.first_ns.unwrap_or(0).saturating_add(to_ns)).map_err(Halt::Broken)?;
        // Nothing is before the first event, whatever its time: all of it is wanted then.
        self.skip_ns = if to_ns == 0 { 0 } else { self.first_ns.unwrap_or(0).saturating_add(to_ns) };
        self.batch = Batch::default();
        (self.tally, self.summary) = (Tally::default(), None);
        self.pace.stop();
        (self.batch_ns, self.now_ns, self.counts_ns, self.sent_ns) = ((0, 0), 0, 0, 0);
        let seeks = self.playback.seeks + 1;
        self.playback = Playback { at_ns: to_ns, from_ns: to_ns, seeks, ..self.playback };
        // The event that is there is seen, and where it is.
        self.steps = u64::from(self.playback.paused);
        self.send_playback()
    }

    /// Whether there is more to play after the end: waits for somebody to ask for it.
    pub(super) fn goes_on(&mut self, reader: &mut Reader) -> bool {
        let Some(commands) = self.commands else { return false };
        let read_ns = self.now_ns.saturating_sub(self.first_ns.unwrap_or(0));
        let Playback { length_ns, at_ns, from_ns, .. } = &mut self.playback;
        // Whoever asked for a time beyond the end has got the end.
        let end_ns = *length_ns.get_or_insert(read_ns);
        (*at_ns, *from_ns) = ((*at_ns).min(end_ns), (*from_ns).min(end_ns));
        loop {
            if self.send_playback().is_err() {
                return false;
            }
            let command = select! {
                recv(commands) -> command => command,
                recv(self.stop) -> _ => return false,
            };
            match command.map(|command| self.obey(command)) {
                Ok(Err(Halt::Seek(to_ns))) => return self.seek(reader, to_ns).is_ok(),
                Ok(Ok(())) => {}
                _ => return false,
            }
        }
    }
}
