//! A replay and what can be asked of it.

use super::selection::Selection;
use super::{App, Dirty, Effect};
use crate::history::timeline::Timeline;
use crate::message::{Playback, PlaybackCommand};
use crate::ranking::Ranking;
use crate::tui::app::meter::Meter;

impl App {
    /// Takes in where the replay is. What came before it went elsewhere is shown and counted no longer.
    pub(super) fn take_playback(&mut self, playback: Playback) {
        if self.playback.is_some_and(|before| before.seeks != playback.seeks) {
            self.meter = Meter::after_seek(self.meter.elapsed());
            self.timeline = Timeline::default();
            self.events.clear(self.setup.history);
            let reversed = self.ranking.reversed;
            self.ranking = Ranking::new(self.group, self.ranking.sort, self.latency, None);
            self.ranking.reversed = reversed;
            self.selection = Selection::default();
            self.paused = false;
            self.ended = false;
            self.apply_filter();
        }
        let now = self.with_length(playback);
        let is_beyond = |before: Playback| {
            Some(before.at_ns) < before.length_ns
                && before.length_ns < now.length_ns
                && now.length_ns == Some(now.at_ns)
        };
        if self.playback.is_some_and(is_beyond) {
            self.say("the recording is longer than it was: somebody has written to it since");
        }
        self.playback = Some(now);
        self.touch(Dirty::Data);
    }

    /// Takes in what a recording has in it.
    pub(super) fn take_recorded(&mut self, timeline: Timeline, length_ns: Option<u64>) {
        self.recorded = Some((timeline, length_ns));
        self.playback = self.playback.map(|playback| self.with_length(playback));
        self.touch(Dirty::Data);
    }

    /// Who plays it need not know how long it is. A file that somebody has written to since is as long as what is
    /// played.
    fn with_length(&self, playback: Playback) -> Playback {
        let found = self.recorded.as_ref().and_then(|(_, length_ns)| *length_ns);
        let length_ns = playback.length_ns.or(found).map(|length_ns| length_ns.max(playback.at_ns));
        Playback { length_ns, ..playback }
    }

    /// Asks the replay for something, or says why it cannot be had.
    pub(super) fn play(&mut self, command: PlaybackCommand) -> Vec<Effect> {
        let Some(playback) = &self.playback else {
            self.say("only a replay has a speed and can be stepped: opentop replay FILE");
            return Vec::new();
        };
        match command {
            PlaybackCommand::Seek(_) if !playback.seekable => {
                self.say("a pipe cannot be read from elsewhere: replay the file itself");
            }
            PlaybackCommand::Seek(_) => return vec![Effect::Play(command)],
            _ if self.ended => self.say("the recording has ended: H and Enter go back in it"),
            PlaybackCommand::Step if !playback.paused => {
                return vec![Effect::Play(PlaybackCommand::Pause(true)), Effect::Play(command)];
            }
            _ => return vec![Effect::Play(command)],
        }
        Vec::new()
    }

    /// Whether the replay itself goes on when the user wants it to: a pause is its own then, not that of the view.
    pub(super) fn is_playing(&self) -> bool {
        self.playback.is_some() && !self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{OpenEvent, sample};
    use crate::message::Message;
    use crate::tui::app::fixture::{Screen, numbered, setup};
    use crate::tui::app::{Answer, Event, Setup};

    /// Of a recording that has no index the length and the timeline become known while it is played.
    #[test]
    fn a_recording_is_looked_through_while_it_is_played() {
        const SECOND: u64 = 1_000_000_000;
        let first = sample().ts_ns;
        for (width, height) in [(80, 24), (200, 50), (40, 10)] {
            let mut screen =
                Screen::with(Setup { replay: Some(r"\u{202e}f\x1b.zst".into()), ..setup() }, width, height);
            let playback = Playback { first_ns: first, speed: 1.0, seekable: true, ..Playback::default() };
            let play = |screen: &mut Screen, playback| screen.update(Event::Message(Message::Playback(playback)));
            play(&mut screen, playback);
            screen.opens(&[OpenEvent { path: b"/a\x1b[2J\xe2\x80\xae", ..sample() }]);
            screen.open_paths(&numbered(0, 3));
            assert!(screen.line(0).contains("00:00/?"), "{}", screen.text());
            let mut timeline = Timeline::default();
            let mut tell = |screen: &mut Screen, seconds: std::ops::Range<u64>, length_ns| {
                seconds.for_each(|second| timeline.add_at(first + second * SECOND, second % 7 == 0));
                screen.update(Event::Answered(Answer::Recorded { timeline: Box::new(timeline.clone()), length_ns }));
            };
            tell(&mut screen, 0..100, None);
            assert!(
                screen.line(0).contains("00:00/?") && screen.keys("H").text().contains("so far"),
                "{}",
                screen.text()
            );
            tell(&mut screen, 200..301, Some(300 * SECOND));
            // Who plays it does not know.
            play(&mut screen, Playback { at_ns: SECOND, ..playback });
            assert!(screen.line(0).contains("00:01/05:00"), "{}", screen.text());
            // What was written to the file since then is not beyond its end.
            play(&mut screen, Playback { at_ns: 400 * SECOND, ..playback });
            assert!(
                screen.line(0).contains("06:40/06:40") && screen.text().contains("longer than it was"),
                "{}",
                screen.text()
            );
            screen.app.status = None;
            play(&mut screen, Playback { at_ns: 401 * SECOND, ..playback });
            assert!(screen.line(0).contains("06:41/06:41") && screen.app.status().is_none(), "{}", screen.text());
            // And it stays so when only a part is played.
            play(&mut screen, Playback { at_ns: SECOND, from_ns: SECOND, seeks: 1, ..playback });
            assert!(screen.text().contains("timeline of the whole recording"), "{}", screen.text());
        }
    }
}
