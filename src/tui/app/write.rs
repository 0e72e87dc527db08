//! A name for the file that is written, whose ending says in which form.

use crossterm::event::{KeyCode, KeyEvent};

use super::prompt::{History, Prompt};
use super::{App, Effect, Mode, keymap};

/// The form of a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The ranking and the rows as they are shown, for eyes.
    Text,
    Json,
    Csv,
    /// What `opentop replay` reads.
    Recording,
}

/// The endings, a longer one before the one that it ends in.
const ENDINGS: [(&str, Form); 5] = [
    (".jsonl.zst", Form::Recording),
    (".jsonl", Form::Json),
    (".json", Form::Json),
    (".csv", Form::Csv),
    (".txt", Form::Text),
];

/// What the prompt says of them, the longest text first.
pub(crate) const ENDINGS_HELP: [&str; 3] =
    ["the ending says the form: .txt .json .jsonl .csv .jsonl.zst (replay)", ".txt .jsonl .csv .jsonl.zst", ".csv ..."];

/// The name and the form of what was typed; nothing, or an ending alone, has the name `usual` before it. `None`: no
/// ending that is known.
pub(crate) fn name_and_form(typed: &str, usual: &str) -> Option<(String, Form)> {
    let typed = if typed.is_empty() { ".txt" } else { typed };
    let (ending, form) = ENDINGS.into_iter().find(|(ending, _)| typed.ends_with(ending))?;
    let name = if typed == ending { format!("{usual}{ending}") } else { typed.to_owned() };
    Some((name, form))
}

impl App {
    pub(super) fn write_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Mode::Write(prompt) = &mut self.mode else { return Vec::new() };
        match key.code {
            KeyCode::Enter => {
                let typed = prompt.line().trim().to_owned();
                if name_and_form(&typed, "").is_none() {
                    self.say(format!("{typed} has none of the endings .txt, .json, .jsonl, .csv, .jsonl.zst"));
                    return Vec::new();
                }
                self.close();
                return vec![Effect::Save(typed)];
            }
            _ if keymap::is_cancel(key) => self.close(),
            KeyCode::Tab => {}
            _ => {
                prompt.edit(key, &History::default());
            }
        }
        Vec::new()
    }

    pub(super) fn ask_for_name(&mut self) {
        self.open_over(Mode::Write(Prompt::open("")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::app::fixture::Screen;

    #[test]
    fn the_ending_says_the_form() {
        let of = |typed| name_and_form(typed, "opentop-1");
        assert_eq!(of(""), Some(("opentop-1.txt".into(), Form::Text)));
        assert_eq!(of(".csv"), Some(("opentop-1.csv".into(), Form::Csv)));
        assert_eq!(of("a.b.json"), Some(("a.b.json".into(), Form::Json)));
        assert_eq!(of("/tmp/x.jsonl"), Some(("/tmp/x.jsonl".into(), Form::Json)));
        assert_eq!(of("x.jsonl.zst"), Some(("x.jsonl.zst".into(), Form::Recording)));
        assert_eq!([of("x"), of("x.zst"), of("x.txt~"), of("csv")], [None, None, None, None]);
    }

    #[test]
    fn a_name_is_asked_for() {
        let mut screen = Screen::busy(80, 24);
        screen.keys("wx.doc\r");
        assert!(screen.text().contains("x.doc has none of the endings"), "{}", screen.text());
        screen.keys("\x7f\x7f\x7fcsv\r");
        assert_eq!(screen.effects, [Effect::Save("x.csv".into())]);
        screen.keys("w\x1b");
        assert!(matches!(screen.app.mode, Mode::Browse));
        assert_eq!(screen.effects.len(), 1);
    }
}
