//! What the keys mean at the moment: modes exclude each other.

use super::choose::Chooser;
use super::prompt::Prompt;
use super::report::Page;
use super::terms::Choice;

/// What the keys mean at the moment.
#[derive(Debug)]
pub enum Mode {
    Browse,
    Prompt(Prompt),
    Help {
        scroll: usize,
        find: Find,
    },
    /// The selected event in full. Whether to follow again when it is closed.
    Details {
        scroll: usize,
        follow: bool,
    },
    Pick(Pick),
    Columns(Chooser),
    /// What the history comes to; `None` until it is worked out.
    Report {
        scroll: usize,
        page: Option<Page>,
    },
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
