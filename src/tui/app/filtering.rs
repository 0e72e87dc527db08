//! How the filter comes about: typed at the prompt, picked from a row; and searching by it.

use crossterm::event::{KeyCode, KeyEvent};

use super::action::{Action, Focus};
use super::prompt::History;
use super::scroll::Scroll;
use super::{App, Effect, Mode, Pick, keymap, terms};
use crate::filter::{Filter, Term};

impl App {
    pub(super) fn pick(&mut self, include: bool) -> Vec<Effect> {
        if self.focus == Focus::Openers {
            return match self.selected_opener() {
                Some((term, _)) => self.add_term(&term, include),
                None => Vec::new(),
            };
        }
        let follow = self.events.is_following();
        self.events.hold(self.events_height());
        let choices = self.events.selected().map(|row| terms::choices(&row.event, &self.names)).unwrap_or_default();
        self.mode = Mode::Pick(Pick { include, choices, selected: 0, follow });
        if matches!(&self.mode, Mode::Pick(pick) if pick.choices.is_empty()) {
            self.close_popup();
        }
        Vec::new()
    }

    pub(super) fn pick_key(&mut self, key: KeyEvent, action: Option<Action>) -> Vec<Effect> {
        let Mode::Pick(pick) = &mut self.mode else { return Vec::new() };
        let by_letter = pick.choices.iter().position(|choice| KeyCode::Char(choice.key) == key.code);
        let chosen = match (by_letter, action) {
            (Some(at), _) if key.modifiers.is_empty() => at,
            (_, Some(Action::Open)) => pick.selected,
            (_, Some(Action::Move(motion))) => {
                let len = pick.choices.len();
                pick.selected = Scroll { top: 0, selected: pick.selected }.moved(motion, len, len).selected;
                return Vec::new();
            }
            (_, Some(Action::Quit | Action::Back | Action::Help)) => {
                self.close_popup();
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        let (include, term) = (pick.include, pick.choices[chosen].term.clone());
        self.close_popup();
        self.add_term(&term, include)
    }

    pub(super) fn add_term(&mut self, term: &Term, include: bool) -> Vec<Effect> {
        let term = if include { term.clone() } else { term.clone().negate() };
        let line = self.filter.clone().with(term).source();
        self.keep_filter(&line)
    }

    pub(super) fn prompt_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Mode::Prompt(prompt) = &mut self.mode else { return Vec::new() };
        match key.code {
            KeyCode::Enter if prompt.error.is_none() => {
                let line = prompt.line().trim().to_owned();
                self.close();
                return self.keep_filter(&line);
            }
            KeyCode::Enter => {}
            KeyCode::Tab => {
                if prompt.complete(&self.names) {
                    self.try_filter();
                }
            }
            _ if keymap::is_cancel(key) => {
                let before = prompt.before().to_owned();
                self.close();
                return self.keep_filter(&before);
            }
            _ => {
                if prompt.edit(key, &self.history) {
                    self.try_filter();
                }
            }
        }
        Vec::new()
    }

    pub(super) fn paste(&mut self, text: &str) -> Vec<Effect> {
        if let (Mode::Command { typing: true }, Some(command)) = (&self.mode, &self.command) {
            return vec![Effect::Type(command.pasted(text))];
        }
        if let Mode::Write(prompt) = &mut self.mode {
            prompt.paste(text, &History::default());
        }
        if let Mode::Prompt(prompt) = &mut self.mode
            && prompt.paste(text, &self.history)
        {
            self.try_filter();
        }
        Vec::new()
    }

    /// Applies the line being typed; where it is no filter yet, the last good one stays.
    fn try_filter(&mut self) {
        let Mode::Prompt(prompt) = &mut self.mode else { return };
        match Filter::parse(prompt.line(), &self.names) {
            Ok(filter) => {
                prompt.error = None;
                self.filter = filter;
                self.apply_filter();
            }
            Err(error) => prompt.error = Some(error),
        }
    }

    /// Makes `line` the filter in force.
    pub(super) fn keep_filter(&mut self, line: &str) -> Vec<Effect> {
        match Filter::parse(line, &self.names) {
            Ok(filter) => {
                let kernel = filter.kernel_part();
                let filter_remark = self.lacks_latency(&filter).or_else(|| filter.remarks().next());
                if filter.source() != self.filter.source() {
                    self.filter = filter;
                    self.apply_filter();
                }
                line.clone_into(&mut self.line);
                self.history.add(line);
                if let Some(remark) = filter_remark {
                    self.say(remark);
                }
                vec![Effect::Filter(kernel)]
            }
            Err(error) => {
                self.say(error.to_string());
                Vec::new()
            }
        }
    }

    /// What is to be said of a filter that asks for what is not known.
    fn lacks_latency(&self, filter: &Filter) -> Option<String> {
        const NONE: &str = "lat: finds nothing: of no open so far it is known how long it took";
        let lacks = filter.asks_latency() && !self.latency;
        lacks.then(|| format!("{NONE}{}", if self.setup.replay.is_some() { "" } else { " (--latency)" }))
    }

    /// Looks for what the filter in force, or the last one, holds for.
    pub(super) fn search(&mut self, forwards: bool) {
        let line = if self.line.is_empty() { self.history.last().unwrap_or_default() } else { &self.line };
        let wanted = match Filter::parse(line, &self.names) {
            Ok(filter) if !filter.is_empty() => filter,
            _ => return self.say("nothing to search for yet: / asks for a filter, n finds its matches"),
        };
        let height = self.events_height();
        if !self.events.search(&wanted, forwards, &self.names, height) {
            self.say(if forwards { "no further match" } else { "no match before this one" });
        }
    }
}
