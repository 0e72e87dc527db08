//! What each key does: from an [`Action`] to a changed state.

use std::mem;

use crossterm::event::KeyEvent;

use super::action::{Action, Focus, Motion, Panels};
use super::prompt::Prompt;
use super::scroll::Scroll;
use super::selection::Selection;
use super::{App, Effect, Ended, Find, Mode, Pick, Scope, columns, keymap, terms};
use crate::escape::escape;
use crate::filter::Term;
use crate::history::timeline::Timeline;
use crate::message::PlaybackCommand;
use crate::ranking;
use crate::ranking::openers::Group;
use crate::tui::input::{Mouse, MouseKind};

/// Columns by which a path moves to the side.
const SIDE_STEP: u16 = 8;
/// Rows that the mouse wheel moves.
const WHEEL_STEP: usize = 3;
/// The times between frames that can be chosen, in milliseconds.
const INTERVALS_MS: [u64; 6] = [100, 200, 500, 1000, 2000, 5000];

impl App {
    pub(super) fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let (mode, said) = (mem::discriminant(&self.mode), self.status.clone());
        let effects = self.key_in_mode(key);
        // What was said of one view would hide the keys of the next.
        if mem::discriminant(&self.mode) != mode && self.status == said {
            self.status = None;
        }
        effects
    }

    fn key_in_mode(&mut self, key: KeyEvent) -> Vec<Effect> {
        if let Mode::Command { typing: true } = self.mode {
            return self.type_key(key);
        }
        if keymap::is_control(key, 'c') {
            return vec![Effect::End(Ended::Quit)];
        }
        if self.find_key(key) {
            return Vec::new();
        }
        let action = keymap::action(key);
        match &self.mode {
            Mode::Prompt(_) => return self.prompt_key(key),
            Mode::Write(_) => return self.write_key(key),
            Mode::Pick(_) => return self.pick_key(key, action),
            Mode::Columns(_) => return self.choose_key(key, action),
            Mode::Help { .. }
            | Mode::Details { .. }
            | Mode::Opener { .. }
            | Mode::Report { .. }
            | Mode::Hosts { .. } => {
                if let Some(effects) = self.popup_action(action) {
                    return effects;
                }
            }
            Mode::Command { .. } => return self.command_action(action),
            Mode::Tree(_) => return self.tree_key(key, action),
            Mode::Directories(_) => return self.directories_key(key, action),
            Mode::Timeline(_) => return self.timeline_key(key, action),
            Mode::Browse => {}
        }
        match action {
            Some(action) => self.act(action),
            None => self.nothing_for(key, "quits"),
        }
    }

    fn nothing_for(&mut self, key: KeyEvent, quit: &str) -> Vec<Effect> {
        let label = escape(keymap::Key::of(key).label().as_bytes());
        self.say(format!("{label} does nothing here: ? shows the keys, q {quit}"));
        Vec::new()
    }

    /// A key that a view has no meaning of its own for: it does what it always does, or says why not.
    pub(super) fn key_in_view(&mut self, key: KeyEvent, action: Option<Action>) -> Vec<Effect> {
        match action {
            Some(action) if action.is_for_panels() => {
                self.say(format!("{} is for the panels: q goes back to them", keymap::Key::of(key).label()));
                Vec::new()
            }
            Some(action) => self.act(action),
            None => self.nothing_for(key, "closes"),
        }
    }

    pub(super) fn act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Quit => return self.quit(),
            Action::Command => self.show_command(),
            Action::Report => self.show_report(false),
            Action::Tree => self.show_tree(),
            Action::Directories => self.show_directories(),
            Action::Timeline => self.show_timeline(),
            Action::Mark => self.mark(self.time_shown()),
            Action::Hosts => self.show_hosts(),
            Action::Lookups if self.setup.replay.is_some() => {
                self.say("a recording has the look-ups that it was made with: opentop record --lookups");
            }
            Action::Lookups => return vec![Effect::Lookups(!self.setup.hooks.lookups)],
            Action::Help => self.open_over(Mode::Help { scroll: 0, find: Find::default() }),
            Action::Filter => self.open_over(Mode::Prompt(Prompt::open(&self.line))),
            Action::Back => return self.back(),
            Action::Include => return self.pick(true),
            Action::Exclude => return self.pick(false),
            Action::Pause if self.is_playing() => {
                let paused = self.playback.is_some_and(|playback| playback.paused);
                return self.play(PlaybackCommand::Pause(!paused));
            }
            Action::PlayFaster => return self.play(PlaybackCommand::Faster),
            Action::PlaySlower => return self.play(PlaybackCommand::Slower),
            Action::Step => return self.play(PlaybackCommand::Step),
            Action::Pause if self.ended && !self.paused => self.say("it has ended: there is nothing to pause any more"),
            Action::Pause => self.pause(),
            Action::Follow if self.is_playing() && self.playback.is_some_and(|playback| playback.paused) => {
                self.follow();
                return self.play(PlaybackCommand::Pause(false));
            }
            Action::Follow => self.follow(),
            Action::Move(motion) => self.go(motion),
            Action::Left => self.events.horizontal_scroll = self.events.horizontal_scroll.saturating_sub(SIDE_STEP),
            Action::Right => self.events.horizontal_scroll = (self.events.horizontal_scroll + SIDE_STEP).min(4096),
            Action::SortNext => self.sort(1),
            Action::SortPrevious => self.sort(-1),
            Action::Reverse => {
                self.show_openers();
                self.ranking.reversed ^= true;
                self.order_ranking();
            }
            Action::NextPanel => {
                self.focus_on(if self.focus == Focus::Events { Focus::Openers } else { Focus::Events });
            }
            Action::Show(panels) => self.show(panels),
            Action::Group => self.group(),
            Action::Columns => self.choose_columns(),
            Action::Fold => {
                let fold = !self.events.is_folded();
                self.events.fold(fold, self.events_height());
                let folded = self.events.live().folded_away() > 0;
                self.say(match (fold, folded) {
                    (true, true) => "searches are folded: many tries, one row",
                    (true, false) => "searches would be folded, many tries in one row: there are none as yet",
                    (false, _) => "every open has its row",
                });
            }
            Action::Open if self.focus == Focus::Openers => self.open(),
            Action::Open | Action::Details => return self.show_details(),
            Action::NextMatch => self.search(true),
            Action::PreviousMatch => self.search(false),
            Action::Copy => return self.copy(),
            Action::Write => self.ask_for_name(),
            Action::Reset => self.reset(),
            Action::Faster => self.change_interval(-1),
            Action::Slower => self.change_interval(1),
            Action::Mouse => {
                self.mouse ^= true;
                self.say(if self.mouse { "mouse on: the terminal's own selection needs Shift" } else { "mouse off" });
                return vec![Effect::Mouse(self.mouse)];
            }
            Action::Repaint => return vec![Effect::Repaint],
            Action::Suspend => return vec![Effect::Suspend],
        }
        Vec::new()
    }

    /// Quits; a command that runs would lose its terminal, so that this is to be asked for twice.
    fn quit(&mut self) -> Vec<Effect> {
        let running = self.command.as_ref().filter(|command| command.ended.is_none());
        let question = running.map(|command| format!("{} still runs: q again hangs up on it", command.label));
        match question {
            Some(question) if self.status() != Some(&question) => {
                self.say(question);
                Vec::new()
            }
            _ => vec![Effect::End(Ended::Quit)],
        }
    }

    /// Keys of a popup that is read. `None`: the key means what it always means.
    fn popup_action(&mut self, action: Option<Action>) -> Option<Vec<Effect>> {
        match action {
            Some(Action::Quit | Action::Back | Action::Open | Action::Details | Action::Help | Action::Report) => {
                self.close_popup();
            }
            Some(Action::Move(motion)) => self.scroll_popup(motion),
            Some(Action::Copy) => return Some(self.copy()),
            Some(Action::Lookups) => {
                if let Mode::Report { all, .. } = self.mode {
                    self.show_report(!all);
                }
            }
            Some(Action::Repaint | Action::Suspend) => return None,
            _ => {}
        }
        Some(Vec::new())
    }

    fn scroll_popup(&mut self, motion: Motion) {
        let page = match motion {
            Motion::PageUp | Motion::PageDown | Motion::HalfUp | Motion::HalfDown => self.popup.height,
            _ => 1,
        };
        let Some(scroll) = self.mode.scroll_mut() else { return };
        // The window itself moves: the selection is its first row. How far it can, the next frame knows.
        *scroll = Scroll { top: 0, selected: *scroll }.moved(motion, usize::MAX, page).selected;
    }

    pub(super) fn close_popup(&mut self) {
        if let Mode::Details { follow: true, .. } | Mode::Pick(Pick { follow: true, .. }) = self.mode {
            self.events.follow();
        }
        self.close();
    }

    fn back(&mut self) -> Vec<Effect> {
        if self.scope.take().is_some() {
            self.focus_on(Focus::Openers);
            self.apply_filter();
        } else if !self.line.is_empty() {
            return self.keep_filter("");
        } else if self.status.take().is_none() && !self.events.is_following() && !self.paused {
            self.events.follow();
        }
        Vec::new()
    }

    fn pause(&mut self) {
        if self.paused {
            return self.follow();
        }
        self.paused = true;
        self.events.hold(self.events_height());
    }

    /// Goes on from a pause and from a held view.
    fn follow(&mut self) {
        self.paused = false;
        self.events.follow();
        self.refresh_ranking();
        self.count_again();
    }

    fn go(&mut self, motion: Motion) {
        match (self.focus, motion) {
            (Focus::Openers, _) => self.selection.go(motion, self.ranking.rows(), self.layout().openers_rows()),
            (Focus::Events, Motion::Last) if !self.paused => self.events.follow(),
            (Focus::Events, _) => self.events.go(motion, self.events_height(), self.paused),
        }
    }

    pub(super) fn focus_on(&mut self, focus: Focus) {
        self.focus = focus;
        if self.panels != Panels::Both {
            self.panels = if focus == Focus::Events { Panels::Events } else { Panels::Openers };
        }
    }

    fn show(&mut self, panels: Panels) {
        self.panels = panels;
        match panels {
            Panels::Events => self.focus = Focus::Events,
            Panels::Openers => self.focus = Focus::Openers,
            Panels::Both => {}
        }
    }

    /// What changes the ranking is to be seen, on a small screen too.
    fn show_openers(&mut self) {
        if self.layout().openers.is_none() {
            self.focus_on(Focus::Openers);
        }
    }

    fn sort(&mut self, step: isize) {
        self.show_openers();
        let sorts =
            columns::sorts(self.size.width, self.ranking.group, self.column_extras(), self.columns.ranking.as_ref());
        if let Some(sort) = columns::next_sort(&sorts, self.ranking.sort, step) {
            (self.ranking.sort, self.ranking.reversed) = (sort, false);
            self.order_ranking();
        }
    }

    fn group(&mut self) {
        self.show_openers();
        let at = Group::ALL.iter().position(|group| *group == self.group).unwrap_or(0);
        let next = Group::ALL[(at + 1) % Group::ALL.len()];
        // Of one host there is one row.
        self.rank_by(if next == Group::Host && self.hosts.is_empty() { Group::ALL[0] } else { next });
    }

    /// Shows the events of an opener alone.
    fn open(&mut self) {
        let Some((term, label)) = self.selected_opener() else { return };
        self.scope = Some(Scope { label, term });
        self.focus_on(Focus::Events);
        self.apply_filter();
    }

    /// The selected row of the ranking as a term and as text. Says so where no term can express it.
    pub(super) fn selected_opener(&mut self) -> Option<(Term, String)> {
        let row = self.selection.row(self.ranking.rows())?;
        let label = ranking::label(self.ranking.group, row, &self.names);
        let label = match ranking::pid(&row.key).filter(|pid| *pid > 0) {
            Some(pid) => format!("{label} ({pid})"),
            None => label,
        };
        match terms::term_for(self.ranking.group, &row.key, &self.names) {
            Some(term) => Some((term, label)),
            None => {
                self.say("no filter can express this row");
                None
            }
        }
    }

    fn copy(&mut self) -> Vec<Effect> {
        let text = match self.focus {
            Focus::Events => self.events.selected().map(|row| escape(row.event.path)),
            Focus::Openers => {
                let row = self.selection.row(self.ranking.rows());
                row.map(|row| ranking::label(self.ranking.group, row, &self.names))
            }
        };
        text.map(Effect::Copy).into_iter().collect()
    }

    fn reset(&mut self) {
        self.meter.reset();
        self.timeline = Timeline::default();
        self.events.clear(self.setup.history);
        self.apply_filter();
        self.ranking.reset(&self.names);
        self.selection = Selection::default();
        self.paused = false;
        self.say("counting from 0");
    }

    fn change_interval(&mut self, step: isize) {
        let now = self.interval.as_millis() as u64;
        let at = INTERVALS_MS.iter().position(|ms| *ms >= now).unwrap_or(INTERVALS_MS.len() - 1);
        let ms = INTERVALS_MS[at.saturating_add_signed(step).min(INTERVALS_MS.len() - 1)];
        self.interval = std::time::Duration::from_millis(ms);
        self.say(match ms {
            1000 => "at most a frame a second".to_owned(),
            ms if ms > 1000 => format!("at most a frame every {} seconds", ms / 1000),
            ms => format!("at most {} frames a second", 1000 / ms),
        });
    }

    pub(super) fn mouse(&mut self, mouse: Mouse) -> Vec<Effect> {
        if !matches!(self.mode, Mode::Browse) {
            return Vec::new();
        }
        if mouse.kind == MouseKind::Click {
            self.click_head(mouse);
        }
        let Some((panel, row)) = self.layout().row_at(mouse.row) else { return Vec::new() };
        self.focus = panel;
        let motion = match mouse.kind {
            MouseKind::WheelUp => Motion::Up,
            MouseKind::WheelDown => Motion::Down,
            MouseKind::Click => {
                match panel {
                    Focus::Events if row < self.events.shown().len() => {
                        self.events.select_row(row, self.events_height());
                    }
                    Focus::Events => {}
                    Focus::Openers => self.selection.select_row(row, self.ranking.rows(), self.layout().openers_rows()),
                }
                return Vec::new();
            }
        };
        (0..WHEEL_STEP).for_each(|_| self.go(motion));
        Vec::new()
    }
}
