//! What the keys mean at the moment: modes exclude each other.

use std::mem;

use super::App;
use super::choose::Chooser;
use super::directories::Directories;
use super::prompt::Prompt;
use super::report::Page;
use super::terms::Choice;
use super::timeline::Cursor;
use super::tree::Tree;
use super::who::Who;
use crate::ranking::openers::Row;

/// What the keys mean at the moment.
#[derive(Debug)]
pub enum Mode {
    Browse,
    Prompt(Prompt),
    /// The name of the file to write.
    Write(Prompt),
    Help {
        scroll: usize,
        find: Find,
    },
    /// How several hosts are.
    Hosts {
        scroll: usize,
    },
    /// The selected event in full. Whether to follow again when it is closed.
    Details {
        scroll: usize,
        follow: bool,
        /// Its process, where it is an event.
        who: Option<Box<Who>>,
    },
    /// A process of the ranking in full.
    Opener {
        scroll: usize,
        who: Box<Who>,
        row: Box<Row>,
        /// Whose opens the row counts, in words; empty: its own alone.
        whose: &'static str,
    },
    Pick(Pick),
    Columns(Chooser),
    /// What the history comes to; `None` until it is worked out.
    Report {
        scroll: usize,
        /// Every row of it.
        all: bool,
        page: Option<Page>,
    },
    /// Who started whom.
    Tree(Tree),
    /// What was opened below each child of a directory.
    Directories(Directories),
    /// Opens over time, with a cursor.
    Timeline(Cursor),
    /// The command's terminal; `typing`: keys go to the command.
    Command {
        typing: bool,
    },
}

/// What is looked for in the help: only lines that have it are shown.
#[derive(Debug, Default)]
pub struct Find {
    pub text: String,
    /// Keys go to the text.
    pub typing: bool,
}

/// The menu of what to include or exclude.
#[derive(Debug)]
pub struct Pick {
    pub include: bool,
    pub choices: Vec<Choice>,
    pub selected: usize,
    pub(super) follow: bool,
}

impl Mode {
    /// Whether it fills both panels, so that a prompt or a popup can lie over it.
    fn is_view(&self) -> bool {
        matches!(self, Mode::Tree(_) | Mode::Directories(_) | Mode::Timeline(_))
    }

    /// The first line that is seen of a popup that can be scrolled.
    pub(super) fn scroll_mut(&mut self) -> Option<&mut usize> {
        match self {
            Mode::Help { scroll, .. }
            | Mode::Hosts { scroll }
            | Mode::Details { scroll, .. }
            | Mode::Opener { scroll, .. }
            | Mode::Report { scroll, .. } => Some(scroll),
            Mode::Browse
            | Mode::Prompt(_)
            | Mode::Write(_)
            | Mode::Pick(_)
            | Mode::Columns(_)
            | Mode::Tree(_)
            | Mode::Directories(_)
            | Mode::Timeline(_)
            | Mode::Command { .. } => None,
        }
    }
}

impl App {
    /// Opens a prompt or a popup. The view that it lies over stays.
    pub(super) fn open_over(&mut self, mode: Mode) {
        let before = mem::replace(&mut self.mode, mode);
        if before.is_view() {
            self.below = Some(Box::new(before));
        }
    }

    /// Closes what the keys mean something in: the view below it is there again, else the panels.
    pub(super) fn close(&mut self) {
        self.mode = self.below.take().map_or(Mode::Browse, |view| *view);
    }

    /// The directories, where they are looked at, below a prompt or a popup too.
    pub(crate) fn directories(&self) -> Option<&Directories> {
        match self.below.as_deref().unwrap_or(&self.mode) {
            Mode::Directories(view) => Some(view),
            _ => None,
        }
    }

    pub(super) fn directories_mut(&mut self) -> Option<&mut Directories> {
        match self.below.as_deref_mut().unwrap_or(&mut self.mode) {
            Mode::Directories(view) => Some(view),
            _ => None,
        }
    }

    pub(super) fn tree_mut(&mut self) -> Option<&mut Tree> {
        match self.below.as_deref_mut().unwrap_or(&mut self.mode) {
            Mode::Tree(tree) => Some(tree),
            _ => None,
        }
    }
}
