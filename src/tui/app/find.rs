//! Looking for a word in the help.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{App, Mode};

/// Characters that are looked for at most.
const LENGTH_MAX: usize = 30;

impl App {
    /// A key while the text to look for is typed. True if it belonged to the text.
    pub(super) fn find_key(&mut self, key: KeyEvent) -> bool {
        let Mode::Help { scroll, find } = &mut self.mode else { return false };
        match key.code {
            KeyCode::Char('/') if !find.typing => find.typing = true,
            _ if !find.typing => return false,
            KeyCode::Enter => find.typing = false,
            KeyCode::Esc => *find = super::Find::default(),
            KeyCode::Backspace => drop(find.text.pop()),
            KeyCode::Char(c) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
                if find.text.chars().count() < LENGTH_MAX && !c.is_control() && !crate::escape::is_invisible(c) {
                    find.text.push(c);
                }
            }
            _ => return false,
        }
        *scroll = 0;
        true
    }
}
