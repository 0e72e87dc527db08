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
mod update;
pub(crate) mod who;
mod work;
pub(crate) mod write;

use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Size;

use crate::event::OpenEvent;
use crate::filter::{CheckedBy, Filter, Term};
use crate::history::log::Log;
use crate::history::timeline::Timeline;
use crate::message::{HostState, Playback};
use crate::names::Names;
use crate::ranking::Ranking;
use crate::ranking::openers::Group;
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

/// Hands the events of `log` to `look` from the id `from` on; `None` where that is not `wanted` any more.
fn look_through(
    log: &Log,
    from: u64,
    wanted: &impl Fn() -> bool,
    mut look: impl FnMut(u64, &OpenEvent<'_>),
) -> Option<()> {
    for (at, (id, event)) in log.iter_from(from).enumerate() {
        if at % PORTION == 0 && !wanted() {
            return None;
        }
        look(id, &event);
    }
    Some(())
}

/// Where to begin with what `filter` holds for: without one, what was kept for an earlier filter is left out.
fn first_for(filter: &Filter, log: &Log) -> u64 {
    if filter.is_empty() { log.range().start } else { 0 }
}

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

    /// Whether failures are asked for, and the searches by stat and access that fail are not seen.
    pub fn hides_searches(&self) -> bool {
        let wanted = self.filter.kernel_part();
        let failures = wanted.failed == Some(true) || !wanted.errnos.is_empty();
        failures && self.setup.replay.is_none() && !self.setup.hooks.lookups
    }

    /// Whether the kernel does its part of the filter in force.
    pub fn kernel_filters(&self) -> bool {
        self.in_kernel.as_ref().is_some_and(|kept| *kept == self.filter.source())
    }

    /// Whether the kernel does all of the filter in force, so that its counts are of what matches.
    fn kernel_filters_all(&self) -> bool {
        self.kernel_filters() && self.filter.checked_by().iter().all(|(_, by)| *by == CheckedBy::Kernel)
    }

    /// Whether what is shown is not all of the host's.
    pub fn is_narrowed(&self) -> bool {
        self.setup.scope.is_some() || !self.filter.is_empty()
    }

    /// Whether only the events tell what matches.
    pub fn counts_events(&self) -> bool {
        !self.filter.is_empty() && !self.kernel_filters_all()
    }

    /// Opens a second that match, where that is known.
    pub fn matching_rate(&self) -> Option<f64> {
        match self.ranking.matching() {
            Some(matching) if self.counts_events() => matching.rate,
            None if self.counts_events() => None,
            _ => Some(self.meter.rate()),
        }
    }

    /// Share of failed opens, 0 to 1, of those that match.
    pub fn failed_share(&self) -> f64 {
        match self.ranking.matching() {
            Some(matching) => matching.failed as f64 / matching.events.max(1) as f64,
            None => self.meter.failed_share(),
        }
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
