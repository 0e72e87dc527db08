//! The state of the screen, and the one way in which it changes.
//!
//! ```text
//! Event ─▶ App::update ─▶ Effect        what the world is asked for, as values
//!             App ─▶ ui::render         drawing only reads
//! ```
//!
//! [`crate::tui::run()`] is the loop that carries events in, effects out and frames to the terminal.

mod act;
pub(crate) mod action;
pub mod choice;
pub(crate) mod choose;
pub(crate) mod columns;
pub(crate) mod command;
pub(crate) mod directories;
mod event;
pub(crate) mod events;
mod filtering;
mod find;
pub mod hosts;
pub mod keymap;
pub(crate) mod layout;
pub(crate) mod meter;
mod mode;
pub(crate) mod pace;
mod playback;
pub(crate) mod prompt;
pub(crate) mod report;
pub(crate) mod sanitize;
pub(crate) mod scroll;
mod selection;
mod setup;
pub(crate) mod terms;
pub(crate) mod timeline;
pub(crate) mod tree;
pub(crate) mod who;
mod work;
pub(crate) mod write;

use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Size;

use crate::filter::{Filter, Term};
use crate::history::timeline::Timeline;
use crate::message::{Counts, Hooks, HostState, LOOKUPS, Message, Playback};
use crate::names::Names;
use crate::ranking::Ranking;
use crate::ranking::openers::Group;
use crate::tui::input::Input;
use action::{Focus, Panels};
use events::Events;
use layout::{Extent, Layout};
use meter::Meter;
use prompt::History;
use selection::Selection;

pub use command::{Command, CommandEvent};
pub use event::{Effect, Ended, Event};
pub use mode::{Find, Mode, Pick};
pub use setup::Setup;
pub use who::{Answer, Question};
use work::WorkerState;
pub use work::{Done, Ranked, Work};

/// Events that the worker looks at between two looks at whether the answer is still wanted.
const PORTION: usize = 8192;

/// One opener whose events alone are shown.
#[derive(Clone, Debug)]
pub struct Scope {
    pub label: String,
    term: Term,
}

/// How urgently the screen is to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dirty {
    Clean,
    /// Numbers or rows changed by themselves.
    Data,
    /// The user did something.
    Now,
}

/// The whole state.
#[derive(Debug)]
pub struct App {
    pub setup: Setup,
    /// Shared with whoever looks through the history.
    pub names: Arc<Names>,
    pub events: Events,
    pub ranking: Ranking,
    /// The selected row of the ranking.
    pub selection: Selection,
    pub meter: Meter,
    pub timeline: Timeline,
    /// What a recording has in it, as far as it was looked through, and its length once that is known.
    pub recorded: Option<(Timeline, Option<u64>)>,
    /// Times that were marked, CLOCK_MONOTONIC, in order.
    pub marks: Vec<u64>,
    pub mode: Mode,
    /// The view that a prompt or a popup lies over, where that is not the panels.
    pub(crate) below: Option<Box<Mode>>,
    /// Of both tables.
    pub columns: choice::Columns,
    /// The command that is run, if there is one.
    pub command: Option<Command>,
    /// The states of several hosts, by their numbers less one.
    pub hosts: Vec<HostState>,
    pub panels: Panels,
    pub focus: Focus,
    /// The filter in force, and the line it was read from.
    pub filter: Filter,
    pub line: String,
    pub scope: Option<Scope>,
    pub paused: bool,
    /// Latencies are measured, as the events show.
    pub latency: bool,
    /// Where the replay is, if it is one.
    pub playback: Option<Playback>,
    /// The source has ended; what came is still there to look at.
    pub ended: bool,
    pub mouse: bool,
    pub interval: Duration,
    pub size: Size,
    /// The filter of which the kernel does its part, if it does of any.
    in_kernel: Option<String>,
    history: History,
    /// What to tell the user, and until when.
    status: Option<(String, Duration)>,
    dirty: Dirty,
    /// Of the popup in the last frame.
    popup: Extent,
    /// Rows that came since the last frame.
    fresh: u64,
    /// The group that was asked for; that of the ranking follows.
    group: Group,
    /// The number of the last [`Work`] that was asked for.
    asked: u64,
    worker: WorkerState,
    /// The ranking is not yet that of the group and the filter in force, and nobody was asked for it.
    work_due: bool,
    /// The rows are not yet those of the filter in force.
    rows_due: bool,
}

/// How long a message to the user stays.
const STATUS_TIME: Duration = Duration::from_secs(5);
/// Events of a batch among which a latency is looked for.
const LATENCY_SCAN: usize = 16;
/// Events among which the latest of each process is looked for, once for each reading.
const LAST_SCAN: u64 = 2000;

impl App {
    /// # Errors
    /// Where the filter to start with is none.
    pub fn new(setup: Setup, size: Size) -> Result<Self, crate::filter::FilterError> {
        let names = Arc::new(setup.names.clone());
        let filter = Filter::parse(&setup.filter, &names)?;
        let mut app = Self {
            events: Events::new(setup.history),
            ranking: Ranking::new(setup.group, setup.sort, false, setup.since_ns),
            selection: Selection::default(),
            meter: Meter::new(setup.since_ns),
            timeline: Timeline::default(),
            recorded: None,
            marks: Vec::new(),
            mode: Mode::Browse,
            below: None,
            columns: setup.columns.clone(),
            command: setup.command.clone().map(|label| Command::new(label, size)),
            hosts: vec![HostState::default(); names.hosts()],
            panels: Panels::Both,
            // Who opens and does not close is in no event.
            focus: if setup.sort.is_live() { Focus::Openers } else { Focus::Events },
            line: setup.filter.clone(),
            filter,
            scope: None,
            paused: false,
            latency: false,
            playback: None,
            ended: false,
            mouse: setup.mouse,
            interval: setup.interval,
            size,
            in_kernel: setup.replay.is_none().then(|| setup.filter.clone()),
            history: History::default(),
            status: None,
            dirty: Dirty::Now,
            popup: Extent::default(),
            fresh: 0,
            group: setup.group,
            asked: 0,
            worker: WorkerState::Idle,
            work_due: false,
            rows_due: false,
            names,
            setup,
        };
        app.history.add(&app.line.clone());
        if app.setup.replay.is_none() {
            app.events.left_out_from(app.left_out_terms(), None);
        }
        // Nothing is kept yet, so there is nothing to wait for.
        app.apply_filter();
        if let Some(Effect::Work(work)) = app.work() {
            app.apply(work.run(|| true));
        }
        Ok(app)
    }

    /// The one way in.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = self.take(event);
        effects.extend(self.work());
        effects
    }

    fn take(&mut self, event: Event) -> Vec<Effect> {
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
            Event::Tick { elapsed, cpu } => {
                self.meter.tick(elapsed, cpu);
                if self.status.as_ref().is_some_and(|(_, until)| *until <= elapsed) {
                    self.status = None;
                }
                self.touch(Dirty::Data);
                return self.questions();
            }
            Event::Resize(size) => {
                self.size = size;
                self.touch(Dirty::Now);
                if let Mode::Report { all, .. } = self.mode {
                    self.show_report(all);
                }
                if let Some(command) = &mut self.command {
                    command.resize(size);
                    return vec![Effect::CommandSize(command::terminal_size(size))];
                }
            }
            Event::Command(event) => self.take_command(event),
            Event::Input(input) => {
                self.touch(Dirty::Now);
                return self.take_input(input);
            }
        }
        Vec::new()
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

    /// Whether failures are asked for, and the searches by stat and access that fail are not seen.
    pub fn hides_searches(&self) -> bool {
        let wanted = self.filter.kernel_part();
        let failures = wanted.failed == Some(true) || !wanted.errnos.is_empty();
        failures && self.setup.replay.is_none() && !self.setup.hooks.lookups
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

    /// Whether the kernel does its part of the filter in force.
    pub fn kernel_filters(&self) -> bool {
        self.in_kernel.as_ref().is_some_and(|kept| *kept == self.filter.source())
    }

    /// Where everything is on the screen.
    pub fn layout(&self) -> Layout {
        Layout::new(self.size, self.panels, self.focus, self.has_bar(), self.ranking.rows().len())
    }

    /// Whether the filter bar has something that must be seen.
    fn has_bar(&self) -> bool {
        matches!(self.mode, Mode::Prompt(_) | Mode::Write(_))
            || !self.filter.is_empty()
            || self.scope.is_some()
            || self.setup.scope.is_some()
    }

    pub fn status(&self) -> Option<&str> {
        self.status.as_ref().map(|(text, _)| text.as_str())
    }

    pub(crate) fn say(&mut self, text: impl Into<String>) {
        self.status = Some((text.into(), self.meter.elapsed() + STATUS_TIME));
        self.touch(Dirty::Now);
    }

    /// Works the rows of the ranking out anew.
    fn refresh_ranking(&mut self) {
        self.ranking.refresh(&self.names);
        self.refresh_tree();
        self.selection.follow(self.ranking.rows());
    }

    fn order_ranking(&mut self) {
        self.ranking.order(&self.names);
        self.selection.follow(self.ranking.rows());
    }

    fn touch(&mut self, dirty: Dirty) {
        self.dirty = self.dirty.max(dirty);
    }

    pub fn dirty(&self) -> Dirty {
        self.dirty
    }

    /// What moves by itself.
    pub fn motion(&self) -> pace::Motion {
        if self.paused { pace::Motion::Still } else { pace::Motion::Rows(self.fresh) }
    }

    /// To be told after each frame: how much of the open popup, if there is one, was to be seen.
    pub fn drawn(&mut self, popup: Extent) {
        self.dirty = Dirty::Clean;
        self.fresh = 0;
        self.popup = popup;
        if let Some(scroll) = self.mode.scroll_mut() {
            *scroll = (*scroll).min(popup.top_max());
        }
    }

    fn events_height(&self) -> usize {
        self.layout().events_rows()
    }
}

#[cfg(test)]
mod anything;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
