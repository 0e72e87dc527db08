//! What happens, and what it changes: the one way in.

use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Size;

use super::work::WorkerState;
use super::{App, Dirty, Effect, Ended, Event, Mode, command};
use crate::message::{Counts, Hooks, LOOKUPS, Message};
use crate::tui::input::Input;

/// Events of a batch among which a latency is looked for.
const LATENCY_SCAN: usize = 16;
/// Events among which the latest of each process is looked for, once for each reading.
const LAST_SCAN: u64 = 2000;

impl App {
    /// The one way in.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = self.dispatch(event);
        effects.extend(self.work());
        effects
    }

    fn dispatch(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Message(Message::Opens(batch)) => self.take_opens(batch),
            Event::Message(Message::Counts(counts)) => self.take_counts(counts),
            Event::Message(Message::Hooks(hooks)) => {
                self.touch(Dirty::Data);
                self.take_hooks(hooks);
            }
            Event::Message(Message::Host(news)) => self.take_host(news),
            Event::Message(Message::Playback(playback)) => self.take_playback(playback),
            Event::Message(Message::End) => {
                self.ended = true;
                self.touch(Dirty::Now);
            }
            Event::Message(Message::Failed(text)) => return vec![Effect::End(Ended::Failed(text))],
            Event::SourceLost if self.ended => {}
            Event::SourceLost => {
                return vec![Effect::End(Ended::Failed("the source of events stopped without a word".into()))];
            }
            Event::KernelFilters { does, time_ns } => {
                self.in_kernel = does.then(|| self.filter.source());
                if does {
                    self.events.left_out_from(self.left_out_terms(), Some(time_ns));
                }
            }
            Event::Worked(done) => self.apply(done.map(|done| *done)),
            Event::Answered(answer) => self.take_answer(answer),
            Event::Tick { elapsed, cpu } => return self.tick(elapsed, cpu),
            Event::Resize(size) => return self.resize(size),
            Event::Command(event) => self.take_command(event),
            Event::Input(input) => {
                self.touch(Dirty::Now);
                return self.take_input(input);
            }
        }
        Vec::new()
    }

    fn tick(&mut self, elapsed: Duration, cpu: Duration) -> Vec<Effect> {
        self.meter.tick(elapsed, cpu);
        if self.status.as_ref().is_some_and(|(_, until)| *until <= elapsed) {
            self.status = None;
        }
        self.touch(Dirty::Data);
        self.questions()
    }

    fn resize(&mut self, size: Size) -> Vec<Effect> {
        self.size = size;
        self.touch(Dirty::Now);
        if let Mode::Report { all, .. } = self.mode {
            self.show_report(all);
        }
        let Some(command) = &mut self.command else { return Vec::new() };
        command.resize(size);
        vec![Effect::CommandSize(command::terminal_size(size))]
    }

    fn take_hooks(&mut self, hooks: Hooks) {
        let before = std::mem::replace(&mut self.setup.hooks, hooks);
        let hooks = &self.setup.hooks;
        let refused = hooks.unseen.iter().find(|unseen| unseen.what == LOOKUPS).map(|unseen| unseen.why.clone());
        match (before.lookups, hooks.lookups, refused) {
            (false, true, _) => self.say("stat, access and readlink are shown from now on, counted apart from opens"),
            (true, false, None) => self.say("only opens are shown from now on"),
            (_, false, Some(why)) => self.say(format!("look-ups cannot be seen here: {why}")),
            _ => {}
        }
    }

    fn take_opens(&mut self, batch: crate::event::Batch) {
        for cgroup in batch.cgroups() {
            Arc::make_mut(&mut self.names).learn(cgroup);
        }
        if !batch.processes().is_empty() {
            Arc::make_mut(&mut self.names).learn_processes(&batch, batch.processes());
        }
        // Where latencies are measured, nearly every event has one.
        let measured = !self.latency && batch.iter().take(LATENCY_SCAN).any(|event| event.latency.is_some());
        batch.iter().for_each(|event| self.timeline.add(&event));
        let (first, matching) = self.events.push(batch, &self.names);
        if self.ranking.wants_events() && self.worker == WorkerState::Idle {
            for (id, event) in self.events.live().log.since(first) {
                if self.filter.matches(&event, &self.names) {
                    self.ranking.add(id, &event, &self.names);
                }
            }
        }
        self.count_new(first);
        if self.events.is_following() && matching > 0 {
            self.fresh += matching;
            self.touch(Dirty::Data);
        }
        if measured {
            self.latency = true;
            self.ranking.measure_latency();
            self.rank_by(self.group);
        }
    }

    fn take_counts(&mut self, counts: Counts) {
        self.meter.read(counts.ts_ns, counts.totals);
        self.events.count_left_out(counts.totals.filtered);
        self.read_counted(counts.ts_ns);
        self.ranking.read(counts);
        let log = &self.events.live().log;
        for id in log.range().rev().take(LAST_SCAN as usize) {
            if let Some(event) = log.get(id) {
                self.ranking.note_last(id, &event);
            }
        }
        if !self.paused {
            self.refresh_ranking();
        }
        self.touch(Dirty::Data);
    }

    fn take_input(&mut self, input: Input) -> Vec<Effect> {
        use signal_hook::consts::{SIGCONT, SIGTSTP};
        match input {
            Input::Gone => vec![Effect::End(Ended::Gone)],
            Input::Signal(SIGTSTP) => vec![Effect::Suspend],
            Input::Signal(SIGCONT) => vec![Effect::Repaint],
            Input::Signal(signal) => vec![Effect::End(Ended::Signal(signal))],
            Input::Key(key) => self.key(key),
            Input::Paste(text) => self.paste(&text),
            Input::Mouse(mouse) => self.mouse(mouse),
        }
    }
}
