//! The filter prompt: a line that is edited, what is wrong with it, and the lines before it.

use crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

use crate::escape::{escape, is_invisible};
use crate::filter::{FilterError, complete};
use crate::names::Names;

/// Lines that are remembered.
const HISTORY_MAX: usize = 100;
/// Characters in a line. Nobody types more, and a paste may be anything.
pub(crate) const LINE_MAX: usize = 1000;

/// The lines that were entered, oldest first.
#[derive(Debug, Default)]
pub struct History {
    lines: Vec<String>,
}

impl History {
    /// Remembers a line; one that was there before moves to the end.
    pub fn add(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        self.lines.retain(|known| known != line);
        self.lines.push(line.to_owned());
        if self.lines.len() > HISTORY_MAX {
            self.lines.remove(0);
        }
    }

    pub fn last(&self) -> Option<&str> {
        self.lines.last().map(String::as_str)
    }
}

/// The prompt while it is open.
#[derive(Debug)]
pub struct Prompt {
    input: Input,
    /// The line to go back to.
    before: String,
    /// How many lines back in the history the line came from; 0 is the line being typed.
    back: usize,
    typed: String,
    pub error: Option<FilterError>,
    /// What the word at the cursor can become, where Tab was asked and there is more than one way.
    pub candidates: Vec<String>,
}

impl Prompt {
    /// Starts with the line of the filter in force, ready for a further term.
    pub fn open(line: &str) -> Self {
        let gap = if line.is_empty() || line.ends_with(' ') { "" } else { " " };
        Self {
            input: Input::new(format!("{line}{gap}")),
            before: line.to_owned(),
            back: 0,
            typed: line.to_owned(),
            error: None,
            candidates: Vec::new(),
        }
    }

    pub fn line(&self) -> &str {
        self.input.value()
    }

    pub fn before(&self) -> &str {
        &self.before
    }

    /// The part of the line that fits `width` columns, and the cursor's column in it.
    pub fn view(&self, width: u16) -> (String, u16) {
        let scroll = self.input.visual_scroll(usize::from(width.max(1)) - 1);
        let mut column = 0;
        let mut text = String::new();
        for c in self.line().chars() {
            if column >= scroll {
                text.push(c);
            }
            column += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        }
        (text, self.input.visual_cursor().saturating_sub(scroll) as u16)
    }

    /// Completes the word at the cursor as far as there is one way only. True if the line changed.
    pub fn complete(&mut self, names: &Names) -> bool {
        let line = self.line().to_owned();
        let at = line.char_indices().nth(self.input.cursor()).map_or(line.len(), |(at, _)| at);
        let (before, behind) = line.split_at(at);
        let completion = complete(before, names);
        let common = completion.common();
        if common.len() >= completion.typed && !completion.candidates.is_empty() {
            let before = format!("{}{common}", &before[..before.len() - completion.typed]);
            let cursor = before.chars().count();
            self.input = Input::new(before + behind).with_cursor(cursor);
        }
        self.candidates = completion.candidates;
        if self.candidates.len() == 1 {
            self.candidates.clear();
        }
        self.back = 0;
        self.typed = self.line().to_owned();
        self.line() != line
    }

    /// Edits the line. True if it changed.
    pub fn edit(&mut self, key: KeyEvent, history: &History) -> bool {
        self.candidates.clear();
        let before = self.input.clone();
        match key.code {
            KeyCode::Up => self.recall(self.back + 1, history),
            KeyCode::Down => self.recall(self.back.saturating_sub(1), history),
            // What cannot be seen, or moves what can, is asked for by its number.
            KeyCode::Char(c) if is_invisible(c) => {
                let mut bytes = [0; 4];
                for c in escape(c.encode_utf8(&mut bytes).as_bytes()).chars() {
                    self.input.handle_event(&Event::Key(KeyEvent::from(KeyCode::Char(c))));
                }
            }
            _ => {
                self.input.handle_event(&Event::Key(key));
            }
        }
        // Not only a character makes it longer: what was deleted can be brought back, again and again. A line that was
        // given may be longer from the start.
        if self.line().chars().count() > before.value().chars().count().max(LINE_MAX) {
            self.input = before;
            return false;
        }
        if self.line() == before.value() {
            return false;
        }
        if !matches!(key.code, KeyCode::Up | KeyCode::Down) {
            self.back = 0;
            self.typed = self.line().to_owned();
        }
        true
    }

    /// Inserts pasted text as if typed: a line end is a blank, other controls are left out.
    pub fn paste(&mut self, text: &str, history: &History) -> bool {
        let blank = |c: char| if c.is_whitespace() { ' ' } else { c };
        let room = LINE_MAX.saturating_sub(self.line().chars().count());
        let mut changed = false;
        for c in text.trim().chars().map(blank).filter(|c| !c.is_control()).take(room) {
            changed |= self.edit(KeyEvent::from(KeyCode::Char(c)), history);
        }
        changed
    }

    fn recall(&mut self, back: usize, history: &History) {
        let lines = &history.lines;
        let back = back.min(lines.len());
        let line = if back == 0 { self.typed.clone() } else { lines[lines.len() - back].clone() };
        self.back = back;
        self.input = Input::new(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyModifiers;

    fn press(prompt: &mut Prompt, code: KeyCode, history: &History) -> bool {
        prompt.edit(KeyEvent::from(code), history)
    }

    fn control(prompt: &mut Prompt, c: char) -> bool {
        prompt.edit(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL), &History::default())
    }

    #[test]
    fn the_line_is_edited_by_character_not_by_byte() {
        let mut prompt = Prompt::open("é漢🦀");
        assert_eq!(prompt.line(), "é漢🦀 ");
        press(&mut prompt, KeyCode::Backspace, &History::default());
        assert!(press(&mut prompt, KeyCode::Backspace, &History::default()));
        assert_eq!(prompt.line(), "é漢");
        assert_eq!(prompt.view(20), ("é漢".to_owned(), 3));
        control(&mut prompt, 'a');
        press(&mut prompt, KeyCode::Char('x'), &History::default());
        assert_eq!(prompt.line(), "xé漢");
        control(&mut prompt, 'e');
        press(&mut prompt, KeyCode::Char(' '), &History::default());
        press(&mut prompt, KeyCode::Char('y'), &History::default());
        control(&mut prompt, 'w');
        assert_eq!(prompt.line(), "xé漢 ");
        control(&mut prompt, 'u');
        assert_eq!(prompt.line(), "");
    }

    #[test]
    fn history_goes_back_and_forth_and_keeps_what_was_typed() {
        let mut history = History::default();
        ["a", "b", "a", " "].iter().for_each(|line| history.add(line));
        let mut prompt = Prompt::open("x");
        let mut lines = Vec::new();
        for code in [KeyCode::Up, KeyCode::Up, KeyCode::Up, KeyCode::Down, KeyCode::Down] {
            press(&mut prompt, code, &history);
            lines.push(prompt.line().to_owned());
        }
        assert_eq!(lines, ["a", "b", "b", "a", "x"]);
    }

    #[test]
    fn a_paste_is_typed_without_its_controls() {
        let mut prompt = Prompt::open("");
        prompt.paste("comm:cat\n\u{1b}err:any\r\n", &History::default());
        assert_eq!(prompt.line(), "comm:cat err:any");
        prompt.paste(&"x".repeat(5000), &History::default());
        assert_eq!(prompt.line().chars().count(), LINE_MAX);
    }

    #[test]
    fn a_word_is_completed_where_the_cursor_is() {
        let names = Names::without_users();
        let mut prompt = Prompt::open("é !err:enoe");
        press(&mut prompt, KeyCode::Backspace, &History::default());
        assert!(prompt.complete(&names));
        assert_eq!(
            (prompt.line(), prompt.candidates.as_slice()),
            ("é !err:ENOE", &["ENOENT".into(), "ENOEXEC".into()][..])
        );
        press(&mut prompt, KeyCode::Char('n'), &History::default());
        assert!(prompt.candidates.is_empty() && prompt.complete(&names) && !prompt.complete(&names));
        assert_eq!((prompt.line(), prompt.candidates.len()), ("é !err:ENOENT", 0));
        control(&mut prompt, 'a');
        press(&mut prompt, KeyCode::Char('o'), &History::default());
        press(&mut prompt, KeyCode::Char('p'), &History::default());
        assert!(prompt.complete(&names));
        assert_eq!((prompt.line(), prompt.view(20).1), ("op:é !err:ENOENT", 3));
        assert!(!prompt.complete(&names) && prompt.candidates.len() > 5);
    }

    #[test]
    fn a_long_line_scrolls() {
        let prompt = Prompt::open("012345678");
        let (text, cursor) = prompt.view(5);
        assert_eq!((text.as_str(), cursor), ("678 ", 4));
    }
}
