//! What the screen is told by whoever starts it.

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::choice::Columns;
use crate::highlight::Highlight;
use crate::history::log::Bound;
use crate::message::Hooks;
use crate::names::Names;
use crate::ranking::Sort;
use crate::ranking::openers::Group;

/// All that the screen is told once, at the start.
#[derive(Clone, Debug)]
pub struct Setup {
    pub version: &'static str,
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// The hooks in use, for the header.
    pub hooks: Hooks,
    /// The file that is replayed; `None` when live.
    pub replay: Option<String>,
    /// The command that is run, as `make (2714)`; `None`: there is none.
    pub command: Option<String>,
    /// What else than the filter nothing is seen of: `pid 7 and its descendants`; `None`: everything is.
    pub scope: Option<String>,
    /// When counting began, CLOCK_MONOTONIC nanoseconds, where known.
    pub since_ns: Option<u64>,
    /// What is kept of the events.
    pub history: Bound,
    /// The filter to start with, in the filter language.
    pub filter: String,
    /// The kernel has left out what that filter does not want since before it counted: its counts are of the filter.
    pub filter_in_kernel: bool,
    pub group: Group,
    pub sort: Sort,
    /// The shortest time between two frames that nobody asked for.
    pub interval: Duration,
    pub colour: bool,
    pub ascii: bool,
    pub highlights: Vec<Highlight>,
    pub columns: Columns,
    /// The user's own configuration, if he can have one.
    pub own_settings: Option<PathBuf>,
    /// What is chosen is written there at the end.
    pub saves: bool,
    pub mouse: bool,
    /// Why processes cannot be looked at, if so.
    pub hidden_processes: Option<&'static str>,
    /// Opentop's own opens are among the events.
    pub shows_self: bool,
    pub names: Names,
    pub time_zone: TimeZone,
}
