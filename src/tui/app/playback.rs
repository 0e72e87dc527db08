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
        self.playback = Some(playback);
        self.touch(Dirty::Data);
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
