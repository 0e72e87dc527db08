//! What comes in and what goes out: [`Event`]s change the state, [`Effect`]s are what it asks the world for.

use std::time::Duration;

use ratatui::layout::Size;

use super::command::CommandEvent;
use super::who::{Answer, Question};
use super::work::{Done, Work};
use crate::filter::KernelFilter;
use crate::message::{Message, PlaybackCommand};
use crate::tui::input::Input;

/// Why the screen was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Quit,
    /// By this signal.
    Signal(i32),
    /// The terminal has hung up.
    Gone,
    /// The source broke; the text is for the user.
    Failed(String),
}

/// What happens to the screen.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are messages, which are the largest")]
pub enum Event {
    Input(Input),
    Message(Message),
    /// The source is gone without having said a word.
    SourceLost,
    /// Whether the kernel does its part of the filter that was kept last, from this time of day on.
    KernelFilters {
        does: bool,
        /// Nanoseconds since the Unix epoch.
        time_ns: u64,
    },
    /// What [`Effect::Work`] asked for; `None` where it was abandoned.
    Worked(Option<Box<Done>>),
    /// What is known of processes that [`Effect::Ask`] was about.
    Answered(Answer),
    /// Time has passed: how long opentop runs, and how much processor time it has used.
    Tick {
        elapsed: Duration,
        cpu: Duration,
    },
    Resize(Size),
    Command(CommandEvent),
}

/// What the screen asks the world for.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    End(Ended),
    /// Look through the history. There is no other before this one is answered.
    Work(Box<Work>),
    /// Look at processes. Where there are too many questions it is asked again later.
    Ask(Question),
    /// Answer that at once, be it without a result.
    Abandon,
    /// Copy this text.
    Copy(String),
    /// Write what is shown to a file: its name as typed, see [`super::write`].
    Save(String),
    /// Write what is chosen to the user's configuration.
    SaveSettings,
    Mouse(bool),
    /// Paint everything anew.
    Repaint,
    Suspend,
    /// The user keeps this filter; the kernel may do its part of it.
    Filter(KernelFilter),
    /// See look-ups too, or no longer.
    Lookups(bool),
    /// Play the recording otherwise.
    Play(PlaybackCommand),
    /// Send these bytes to the command.
    Type(Vec<u8>),
    /// The command's terminal has this size now.
    CommandSize(Size),
}
