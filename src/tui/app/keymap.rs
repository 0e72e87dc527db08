//! The keys: one table. Keys are looked up in it, and the help screen and the footer are made from it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::Motion::{Down, First, HalfDown, HalfUp, Last, PageDown, PageUp, Up};
use super::action::{Action, Focus, Panels};

/// A key as the table names it. Shift is part of the character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub code: KeyCode,
    pub control: bool,
}

const fn key(code: KeyCode) -> Key {
    Key { code, control: false }
}

const fn char(c: char) -> Key {
    key(KeyCode::Char(c))
}

const fn control(c: char) -> Key {
    Key { code: KeyCode::Char(c), control: true }
}

impl Key {
    pub fn of(event: KeyEvent) -> Self {
        Self { code: event.code, control: event.modifiers.contains(KeyModifiers::CONTROL) }
    }

    /// What is written on the key, and `^X` for Ctrl-X.
    pub fn label(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) if self.control => c.to_uppercase().to_string(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::F(n) => format!("F{n}"),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::BackTab => "S-Tab".to_owned(),
            other => format!("{other:?}"),
        };
        if self.control { format!("^{name}") } else { name }
    }
}

/// The word in the footer: while the events have the focus, and while the openers have it. Empty: no place there.
pub type Hint = [&'static str; 2];

const NO_HINT: Hint = ["", ""];

/// One line of the table: the keys, the best known first; what they do, as the help says it.
#[derive(Debug)]
pub struct Binding {
    pub keys: &'static [Key],
    pub action: Action,
    pub does: &'static str,
    pub hint: Hint,
}

/// A part of the table with its title on the help screen.
#[derive(Debug)]
pub struct Section {
    pub title: &'static str,
    pub bindings: &'static [Binding],
}

const fn bind(keys: &'static [Key], action: Action, hint: Hint, does: &'static str) -> Binding {
    Binding { keys, action, does, hint }
}

/// All keys outside of the prompt. The footer takes its hints in this order.
pub const SECTIONS: [Section; 8] = [
    Section {
        title: "General",
        bindings: &[
            bind(&[char('q'), key(KeyCode::F(10))], Action::Quit, ["quit", "quit"], "quit or close a popup"),
            bind(&[char('?'), char('h'), key(KeyCode::F(1))], Action::Help, ["help", "help"], "this help"),
            bind(
                &[char('/'), char('\\'), char('&'), key(KeyCode::F(3)), key(KeyCode::F(4))],
                Action::Filter,
                ["filter", "filter"],
                "filter what is shown",
            ),
            bind(&[char(' '), char('p'), char('Z')], Action::Pause, ["pause", "pause"], "pause, keep counting"),
            bind(
                &[key(KeyCode::Enter)],
                Action::Open,
                ["details", "its events"],
                "details of an event, events of an opener",
            ),
            bind(&[char('f')], Action::Include, ["only this", "only this"], "only what is selected"),
            bind(&[key(KeyCode::Tab), key(KeyCode::BackTab)], Action::NextPanel, ["panel", "panel"], "other panel"),
            bind(&[char('x')], Action::Exclude, ["not this", "not this"], "everything but what is selected"),
            bind(
                &[key(KeyCode::Esc), char('='), control('g')],
                Action::Back,
                ["back", "back"],
                "close the popup, leave the opener, clear the filter",
            ),
        ],
    },
    Section {
        title: "Find what is missing or denied",
        bindings: &[
            bind(&[char('R')], Action::Report, ["report", "report"], "report: what was read, written, missing, denied"),
            bind(&[char('i')], Action::Hosts, NO_HINT, "how the hosts of --host are"),
            bind(&[char('a')], Action::Lookups, NO_HINT, "see stat, access and readlink too, or no longer"),
            bind(&[char('t')], Action::Fold, ["fold", ""], "fold searches: tries for one name in one row"),
            bind(&[char('n')], Action::NextMatch, NO_HINT, "next match of the last filter"),
            bind(&[char('N')], Action::PreviousMatch, NO_HINT, "previous match of the last filter"),
        ],
    },
    Section {
        title: "See who opens most",
        bindings: &[
            bind(&[char('b')], Action::Group, ["group", "group"], "group the top openers by command, file, user, ..."),
            bind(
                &[char('s'), char('>'), key(KeyCode::F(6))],
                Action::SortNext,
                ["", "sort"],
                "sort by the next column",
            ),
            bind(&[char('<')], Action::SortPrevious, NO_HINT, "sort by the previous column"),
            bind(
                &[char('d'), char('l')],
                Action::Details,
                ["", "details"],
                "who it is: command line, parents, descriptors, ...",
            ),
            bind(
                &[char('T'), key(KeyCode::F(5))],
                Action::Tree,
                ["", "tree"],
                "tree of who started whom; Enter, + and - open and close",
            ),
            bind(&[char('I')], Action::Reverse, ["", "reverse"], "turn the order around"),
        ],
    },
    Section {
        title: "See where",
        bindings: &[bind(
            &[char('D')],
            Action::Directories,
            ["", "directories"],
            "directories: opens below each; Enter in, Backspace up, m mounts",
        )],
    },
    Section {
        title: "Time",
        bindings: &[
            bind(
                &[char('H')],
                Action::Timeline,
                ["timeline", "timeline"],
                "timeline: opens and failures, go to a time",
            ),
            bind(&[char('\'')], Action::Mark, NO_HINT, "mark the time that is shown, or no longer"),
            bind(&[char('.')], Action::Step, NO_HINT, "replay: one event on; Space pauses and goes on"),
            bind(&[char(']')], Action::PlayFaster, NO_HINT, "replay: twice as fast"),
            bind(&[char('[')], Action::PlaySlower, NO_HINT, "replay: half as fast"),
        ],
    },
    Section {
        title: "Keep what was found",
        bindings: &[
            bind(&[char('y'), char('c')], Action::Copy, ["copy", "copy"], "copy the path, or the name of the row"),
            bind(
                &[char('w'), control('s')],
                Action::Write,
                NO_HINT,
                "write what is shown: text, JSON, CSV, a recording",
            ),
            bind(&[control('r')], Action::Reset, NO_HINT, "count from 0 and empty the list"),
        ],
    },
    Section {
        title: "Arrange the screen",
        bindings: &[
            bind(
                &[char('C'), key(KeyCode::F(2))],
                Action::Columns,
                NO_HINT,
                "choose columns: which, in which order, how wide",
            ),
            bind(&[char('1')], Action::Show(Panels::Events), NO_HINT, "events only"),
            bind(&[char('2')], Action::Show(Panels::Openers), NO_HINT, "top openers only"),
            bind(&[char('3')], Action::Show(Panels::Both), NO_HINT, "both"),
            bind(
                &[char('o')],
                Action::Command,
                ["output", "output"],
                "output of the command; Enter types, ^] stops that",
            ),
            bind(&[char('+')], Action::Faster, NO_HINT, "refresh more often"),
            bind(&[char('-')], Action::Slower, NO_HINT, "refresh less often"),
            bind(&[char('m')], Action::Mouse, NO_HINT, "mouse on or off"),
            bind(&[control('l')], Action::Repaint, NO_HINT, "paint the screen again"),
            bind(&[control('z')], Action::Suspend, NO_HINT, "suspend"),
            bind(&[control('c')], Action::Quit, NO_HINT, "quit from anywhere"),
        ],
    },
    Section {
        title: "Move",
        bindings: &[
            bind(&[char('F')], Action::Follow, ["follow", ""], "follow the newest again"),
            bind(&[key(KeyCode::Up), char('k')], Action::Move(Up), NO_HINT, "up; holds the events still"),
            bind(&[key(KeyCode::Down), char('j')], Action::Move(Down), NO_HINT, "down"),
            bind(&[key(KeyCode::PageUp), control('b')], Action::Move(PageUp), NO_HINT, "a page up"),
            bind(&[key(KeyCode::PageDown), control('f')], Action::Move(PageDown), NO_HINT, "a page down"),
            bind(&[control('u')], Action::Move(HalfUp), NO_HINT, "half a page up"),
            bind(&[control('d')], Action::Move(HalfDown), NO_HINT, "half a page down"),
            bind(&[char('g'), key(KeyCode::Home)], Action::Move(First), NO_HINT, "to the first row"),
            bind(&[char('G'), key(KeyCode::End)], Action::Move(Last), NO_HINT, "to the last row"),
            bind(&[key(KeyCode::Left)], Action::Left, NO_HINT, "scroll paths to the left"),
            bind(&[key(KeyCode::Right)], Action::Right, NO_HINT, "scroll paths to the right"),
        ],
    },
];

/// The keys of the prompt, for the help screen: those that the line editor understands are its own.
pub const PROMPT_HELP: [(&str, &str); 7] = [
    ("Enter", "keep the filter"),
    ("Tab", "complete a field, an error, an op, a flag, a user or a @name"),
    ("Esc ^G", "back to the filter before"),
    ("Up Down", "earlier filters"),
    ("^A ^E", "to the start, to the end"),
    ("^W ^U", "erase a word, the line"),
    ("Left Right", "move in the line"),
];

/// Every binding, in the order of the table.
pub fn bindings() -> impl Iterator<Item = &'static Binding> {
    SECTIONS.iter().flat_map(|section| section.bindings)
}

/// Whether it is Ctrl and this character.
pub(super) fn is_control(event: KeyEvent, c: char) -> bool {
    Key::of(event) == control(c)
}

/// Whether it leaves a line that is typed without keeping it.
pub(super) fn is_cancel(event: KeyEvent) -> bool {
    event.code == KeyCode::Esc || is_control(event, 'g')
}

/// What a key does outside of the prompt.
pub fn action(event: KeyEvent) -> Option<Action> {
    bindings().find(|binding| binding.keys.contains(&Key::of(event))).map(|binding| binding.action)
}

/// The footer for the focused panel: key and word, the most important first.
pub fn hints(focus: Focus) -> impl Iterator<Item = (String, &'static str)> {
    let word = move |binding: &'static Binding| binding.hint[usize::from(focus == Focus::Openers)];
    bindings()
        .filter(move |binding| !word(binding).is_empty())
        .filter_map(move |binding| Some((binding.keys.first()?.label(), word(binding))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things() {
        let keys: Vec<Key> = bindings().flat_map(|binding| binding.keys).copied().collect();
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[at + 1..].contains(key), "{} is bound twice", key.label());
        }
    }

    #[test]
    fn control_is_not_the_letter() {
        let press = |c, modifiers| action(KeyEvent::new(KeyCode::Char(c), modifiers));
        assert_eq!(press('q', KeyModifiers::NONE), Some(Action::Quit));
        assert_eq!(press('q', KeyModifiers::CONTROL), None);
        assert_eq!(press('c', KeyModifiers::CONTROL), Some(Action::Quit));
        assert_eq!(press('G', KeyModifiers::SHIFT), Some(Action::Move(Last)));
    }

    #[test]
    fn the_footer_starts_with_what_a_stranger_needs() {
        let words: Vec<_> = hints(Focus::Events).map(|(key, word)| format!("{key} {word}")).collect();
        let expected = ["q quit", "? help", "/ filter", "Space pause", "Enter details", "f only this", "Tab panel"];
        assert_eq!(words[..7], expected);
        assert_eq!(hints(Focus::Openers).nth(4), Some(("Enter".to_owned(), "its events")));
    }

    #[test]
    fn labels_say_what_is_on_the_key() {
        let labels: Vec<_> =
            [control('c'), char(' '), key(KeyCode::F(10)), key(KeyCode::PageUp), char('G')].map(Key::label).to_vec();
        assert_eq!(labels, ["^C", "Space", "F10", "PgUp", "G"]);
    }
}
