//! The command as the screen knows it: its terminal, and how it ended.
//!
//! What a command prints is anybody's text. It is interpreted by an emulator of a fixed size, and what comes out of
//! that are cells, of which only what can be seen is drawn. [`super::sanitize`] keeps from it what would hold it up.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Size;

use super::action::{Action, Motion};
use super::sanitize::Sanitizer;
use super::{App, Dirty, Effect, Mode, keymap};

/// Rows that are kept above the screen; 32 bytes a cell.
const SCROLLBACK: usize = 1000;

/// The largest terminal that a command gets, and the smallest that the emulator survives.
const SIZE_MAX: Size = Size::new(250, 200);
const SIZE_MIN: Size = Size::new(10, 4);

/// What comes from a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandEvent {
    /// Bytes that it wrote to its terminal.
    Output(Vec<u8>),
    /// How it ended: `make (2714) ended with status 2 after 12.3 s`.
    Ended(String),
}

/// A command on a terminal of its own.
pub struct Command {
    /// `make (2714)`.
    pub label: String,
    /// How it ended, once it has.
    pub ended: Option<String>,
    /// It has written something.
    pub printed: bool,
    /// Between the command and the emulator.
    sanitizer: Sanitizer,
    parser: vt100::Parser,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command").field("label", &self.label).field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// The size of the command's terminal on a screen of this size: all but a frame and the footer.
pub fn terminal_size(screen: Size) -> Size {
    Size::new(
        screen.width.saturating_sub(2).clamp(SIZE_MIN.width, SIZE_MAX.width),
        screen.height.saturating_sub(3).clamp(SIZE_MIN.height, SIZE_MAX.height),
    )
}

impl Command {
    pub fn new(label: String, screen: Size) -> Self {
        let size = terminal_size(screen);
        Self {
            label,
            ended: None,
            printed: false,
            sanitizer: Sanitizer::default(),
            parser: new_parser(size.height, size.width),
        }
    }

    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    pub(crate) fn print(&mut self, bytes: &[u8]) {
        self.printed = true;
        let (height, width) = self.screen().size();
        let bytes = self.sanitizer.pass(bytes, height.max(width));
        self.change(|parser| parser.process(&bytes));
    }

    pub(crate) fn resize(&mut self, screen: Size) {
        let size = terminal_size(screen);
        self.change(|parser| parser.screen_mut().set_size(size.height, size.width));
    }

    /// Looks so many rows further up, or down.
    pub(crate) fn scroll(&mut self, rows: isize) {
        let at = self.screen().scrollback();
        self.change(|parser| parser.screen_mut().set_scrollback(at.saturating_add_signed(rows)));
    }

    /// What breaks the emulator must not break the screen: it starts anew.
    fn change(&mut self, change: impl FnOnce(&mut vt100::Parser)) {
        let (height, width) = self.screen().size();
        let parser = &mut self.parser;
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| change(parser))).is_err() {
            self.parser = new_parser(height, width);
        }
    }

    /// What a key sends to a program.
    pub(super) fn bytes(&self, key: KeyEvent) -> Vec<u8> {
        let arrow = if self.screen().application_cursor() { "\x1bO" } else { "\x1b[" };
        let mut bytes = match key.code {
            KeyCode::Char(c) if key.modifiers.contains(KeyModifiers::CONTROL) => vec![c as u8 & 0x1f],
            KeyCode::Char(c) => c.to_string().into_bytes(),
            KeyCode::Enter => b"\r".to_vec(),
            KeyCode::Tab => b"\t".to_vec(),
            KeyCode::BackTab => b"\x1b[Z".to_vec(),
            KeyCode::Backspace => b"\x7f".to_vec(),
            KeyCode::Esc => b"\x1b".to_vec(),
            KeyCode::Up => format!("{arrow}A").into_bytes(),
            KeyCode::Down => format!("{arrow}B").into_bytes(),
            KeyCode::Right => format!("{arrow}C").into_bytes(),
            KeyCode::Left => format!("{arrow}D").into_bytes(),
            KeyCode::Home => format!("{arrow}H").into_bytes(),
            KeyCode::End => format!("{arrow}F").into_bytes(),
            KeyCode::Insert => b"\x1b[2~".to_vec(),
            KeyCode::Delete => b"\x1b[3~".to_vec(),
            KeyCode::PageUp => b"\x1b[5~".to_vec(),
            KeyCode::PageDown => b"\x1b[6~".to_vec(),
            _ => Vec::new(),
        };
        if key.modifiers.contains(KeyModifiers::ALT) && !bytes.is_empty() {
            bytes.insert(0, 0x1b);
        }
        bytes
    }

    /// What pasted text sends to a program.
    pub(super) fn pasted(&self, text: &str) -> Vec<u8> {
        // A paste cannot end itself.
        let text = text.replace('\x1b', "").replace('\n', "\r");
        if self.screen().bracketed_paste() { format!("\x1b[200~{text}\x1b[201~") } else { text }.into_bytes()
    }
}

fn new_parser(height: u16, width: u16) -> vt100::Parser {
    vt100::Parser::new(height, width, SCROLLBACK)
}

impl App {
    pub(super) fn show_command(&mut self) {
        if self.command.is_some() {
            self.mode = Mode::Command { typing: false };
        } else {
            self.say("there is no command: opentop -- COMMAND runs one");
        }
    }

    /// Keys while the command's terminal is looked at.
    pub(super) fn command_action(&mut self, action: Option<Action>) -> Vec<Effect> {
        let page = isize::try_from(self.size.height / 2).unwrap_or(1).max(1);
        let rows = match action {
            Some(Action::Quit | Action::Back | Action::Command) => {
                self.close();
                return Vec::new();
            }
            Some(Action::Open) => {
                let ended = self.command.as_ref().is_none_or(|command| command.ended.is_some());
                self.mode = Mode::Command { typing: !ended };
                isize::MIN
            }
            Some(action @ (Action::Repaint | Action::Suspend)) => return self.act(action),
            Some(Action::Move(motion)) => match motion {
                Motion::Up => 1,
                Motion::Down => -1,
                Motion::PageUp | Motion::HalfUp => page,
                Motion::PageDown | Motion::HalfDown => -page,
                Motion::First => isize::MAX,
                Motion::Last => isize::MIN,
            },
            _ => return Vec::new(),
        };
        self.command.iter_mut().for_each(|command| command.scroll(rows));
        Vec::new()
    }

    /// Keys while they go to the command.
    pub(super) fn type_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        match &self.command {
            Some(command) if !keymap::is_control(key, ']') && command.ended.is_none() => {
                vec![Effect::Type(command.bytes(key))]
            }
            _ => {
                self.mode = Mode::Command { typing: false };
                Vec::new()
            }
        }
    }

    pub(super) fn take_command(&mut self, event: CommandEvent) {
        let Some(command) = &mut self.command else { return };
        let first = !command.printed;
        match event {
            CommandEvent::Output(bytes) => {
                command.print(&bytes);
                if matches!(self.mode, Mode::Command { .. }) || first {
                    self.touch(Dirty::Data);
                }
            }
            CommandEvent::Ended(how) => {
                command.ended = Some(how.clone());
                self.say(how);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sent_as_a_terminal_sends_them() {
        let mut command = Command::new("sh (7)".into(), Size::new(80, 24));
        let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        let alt = KeyEvent::new(KeyCode::Char('é'), KeyModifiers::ALT);
        assert_eq!((command.bytes(control), command.bytes(alt)), (b"\x03".to_vec(), "\x1bé".as_bytes().to_vec()));
        assert_eq!(command.bytes(KeyCode::Up.into()), b"\x1b[A");
        command.print(b"\x1b[?1h\x1b[?2004h");
        assert_eq!(command.bytes(KeyCode::Up.into()), b"\x1bOA");
        assert_eq!(command.pasted("a\nb\x1b[201~"), b"\x1b[200~a\rb[201~\x1b[201~");
    }

    #[test]
    fn a_terminal_of_any_size_takes_any_output() {
        let mut command = Command::new("sh (7)".into(), Size::new(1, 1));
        for size in [Size::new(0, 0), Size::new(1, 1), Size::new(5000, 5000), Size::new(12, 5)] {
            command.resize(size);
            command.print(
                "\x1b[99;99H漢字\x1b[2J\x1b[1;1r\x1b[999L\x1b[999P\x1b[?1049h\u{202e}é\r\n\x1b[4h\x1bM".as_bytes(),
            );
            (0..=255u8).for_each(|byte| command.print(&[0x1b, byte, byte]));
        }
        command.scroll(isize::MAX);
        command.scroll(isize::MIN);
    }

    #[test]
    fn what_breaks_the_emulator_leaves_an_empty_terminal() {
        let mut command = Command::new("sh (7)".into(), Size::new(80, 24));
        command.print(b"before");
        command.change(|_| panic!("broken"));
        assert_eq!((command.screen().contents(), command.screen().size()), (String::new(), (21, 78)));
    }
}
