//! What a key can ask for.

/// One wish of the user, whatever key it came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Quit,
    Help,
    /// Open the filter prompt.
    Filter,
    /// Close the popup, else leave the row that was opened, else clear the filter.
    Back,
    Include,
    Exclude,
    Pause,
    /// The command's terminal.
    Command,
    /// Look-ups too, or no longer.
    Lookups,
    /// What the history comes to.
    Report,
    /// Who started whom.
    Tree,
    /// Where opens are.
    Directories,
    /// Opens over time.
    Timeline,
    /// Mark the time that is shown, or no longer.
    Mark,
    /// How several hosts are.
    Hosts,
    /// Go to the newest event and stay there.
    Follow,
    Move(Motion),
    Left,
    Right,
    SortNext,
    SortPrevious,
    Reverse,
    NextPanel,
    Show(Panels),
    Group,
    /// Choose the columns.
    Columns,
    Fold,
    /// Details of an event, the events of an opener.
    Open,
    /// Details of an event or an opener.
    Details,
    NextMatch,
    PreviousMatch,
    Copy,
    Write,
    Reset,
    Faster,
    Slower,
    /// A replay at twice the speed, at half of it, one event on.
    PlayFaster,
    PlaySlower,
    Step,
    Mouse,
    Repaint,
    Suspend,
}

impl Action {
    /// Whether it acts on the list of events or on the ranking, and so not on what lies over both.
    pub(super) fn is_for_panels(self) -> bool {
        let is_for_rows =
            matches!(self, Self::Move(_) | Self::Left | Self::Right | Self::Open | Self::Details | Self::Copy);
        let narrows =
            matches!(self, Self::Filter | Self::Include | Self::Exclude | Self::NextMatch | Self::PreviousMatch);
        let arranges = matches!(self, Self::NextPanel | Self::Show(_) | Self::Columns | Self::Fold | Self::Group);
        is_for_rows || narrows || arranges || matches!(self, Self::SortNext | Self::SortPrevious | Self::Write)
    }
}

/// A way to move in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    Up,
    Down,
    PageUp,
    PageDown,
    HalfUp,
    HalfDown,
    First,
    Last,
}

/// Which panels are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panels {
    Events,
    Openers,
    Both,
}

/// Which panel the keys act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Events,
    Openers,
}
