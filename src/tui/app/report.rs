//! The report of what the history holds: asked for by a key, made in the worker's thread, read like the help.

use super::{App, Mode, look_through};
use crate::escape::escape;
use crate::filter::Filter;
use crate::format::{group_digits, wrap_words};
use crate::history::log::Log;
use crate::message::Totals;
use crate::names::Names;
use crate::output::report::{By, Host, Look, text};
use crate::report::Report;

/// Bytes of names and records while it is made, beside a history that is full; its page is short.
const ROOM: usize = 8 << 20;

/// Columns of its popup, and those of them that are its frame.
pub const WIDTH: u16 = 100;
const FRAME: u16 = 4;
/// A page needs some columns to say anything.
const WIDTH_MIN: u16 = 20;

/// What it is to be of, and how wide.
#[derive(Clone, Debug)]
pub struct Asked {
    filter: Filter,
    totals: Totals,
    width: usize,
    all: bool,
}

/// The page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What it covers.
    pub title: String,
    pub lines: Vec<String>,
}

impl Asked {
    /// Makes the page of what `log` holds, unless it is not `wanted` any more.
    pub(super) fn run(&self, log: &Log, names: &Names, wanted: &impl Fn() -> bool) -> Option<Page> {
        let mut report = Report::new(ROOM, None);
        let mut held = 0u64;
        look_through(log, 0, wanted, |_, event| {
            held += 1;
            if self.filter.matches(event, names) {
                report.add(event);
            } else {
                report.follow(event);
            }
        })?;
        report.end();
        report.set_totals(self.totals);
        let look = Look { width: self.width, colour: false, all: self.all, all_by: "a", by: By::Dir };
        let mut page = Vec::new();
        // Memory takes everything.
        let _ = text(&mut page, &report, "history", look, Host::default());
        let page = String::from_utf8_lossy(&page);
        let (first, rest) = page.split_once('\n').unwrap_or((&page, ""));
        let lines = wrap_words(first, self.width).into_iter().chain(rest.lines().map(str::to_owned)).collect();
        Some(Page { title: self.title(held, log.range().end), lines })
    }

    /// What is covered: `held` of the opens that were `seen` are in the history.
    fn title(&self, held: u64, seen: u64) -> String {
        let all = if held == seen { "all" } else { &format!("{} of", group_digits(held)) };
        let filter = self.filter.source();
        let filter = if filter.is_empty() { String::new() } else { format!(", only {}", escape(filter.as_bytes())) };
        format!("report of {all} {} opens seen{filter}", group_digits(seen))
    }
}

impl App {
    /// Shows the report, which is worked out anew; `all`: every row of it.
    pub(super) fn show_report(&mut self, all: bool) {
        self.open_over(Mode::Report { scroll: 0, all, page: None });
        self.work_due = true;
    }

    /// What is to be reported, where a report is shown that is not there yet.
    pub(super) fn report_asked(&self, filter: &Filter) -> Option<Asked> {
        let Mode::Report { page: None, all, .. } = self.mode else { return None };
        let width = usize::from(self.size.width.min(WIDTH).saturating_sub(FRAME).max(WIDTH_MIN));
        Some(Asked { filter: filter.clone(), totals: self.meter.totals(), width, all })
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use crate::event::{OpenEvent, sample};
    use crate::message::Lost;
    use crate::tui::app::Mode;
    use crate::tui::app::fixture::{Screen, numbered};

    fn page(screen: &Screen) -> (String, String) {
        match &screen.app.mode {
            Mode::Report { page: Some(page), .. } => (page.title.clone(), page.lines.join("\n")),
            mode => panic!("{mode:?}"),
        }
    }

    #[test]
    fn it_says_what_it_covers_and_what_was_lost() {
        let mut screen = Screen::busy(80, 24);
        screen.counts(&[(2714, "nginx", 33, 812, 1)], Lost { ring: 3, ..Lost::default() });
        let (title, lines) = page(screen.keys("R"));
        assert_eq!(title, "report of all 5 opens seen");
        assert!(lines.starts_with("history: 5 opens by 2 processes") && lines.contains("LOST: 3 because"), "{lines}");
        assert!(lines.contains("\nDENIED ") && lines.contains("/etc/shadow"), "{lines}");
        // The fixture keeps a thousand.
        screen.keys("q");
        screen.open_paths(&numbered(0, 3000));
        assert_eq!(page(screen.keys("R")).0, "report of 1,000 of 3,005 opens seen");
        screen.keys("q/file-2999$\r");
        let (title, lines) = page(screen.keys("R"));
        assert_eq!(title, "report of 1,000 of 3,005 opens seen, only file-2999$");
        assert!(lines.starts_with("history: 1 open by 1 process"), "{lines}");
    }

    #[test]
    fn every_row_is_shown_when_asked_for_by_the_key_that_it_names() {
        let mut screen = Screen::new(80, 24);
        let paths: Vec<_> = (0..40).map(|n| format!("/d{n}/\u{202e}file")).collect();
        let events = paths.iter().map(|path| OpenEvent { ret: -libc::EACCES, path: path.as_bytes(), ..sample() });
        screen.opens(&events.collect::<Vec<_>>());
        let (_, lines) = page(screen.keys("R"));
        assert!(lines.contains(" more (a shows them)") && !lines.contains("--all"), "{lines}");
        let (_, all) = page(screen.keys("a"));
        assert!(!all.contains(" more (") && all.lines().count() > lines.lines().count(), "{all}");
        // As it is for another size.
        screen.resize(100, 24);
        assert!(!page(&screen).1.contains(" more ("));
        assert_eq!(page(screen.keys("a")).1.lines().count(), lines.lines().count());
    }

    #[test]
    fn it_waits_for_a_busy_worker_and_is_made_anew_for_another_size() {
        let mut screen = Screen::busy(80, 24);
        screen.worker(true);
        screen.keys("R");
        assert!(screen.text().contains("working it out"), "{}", screen.text());
        // What is asked meanwhile does not make it forgotten.
        screen.resize(40, 10);
        screen.worker(false);
        assert!(page(&screen).1.lines().all(|line| line.width() <= 36), "{}", page(&screen).1);
        screen.keys("q");
        assert!(matches!(screen.app.mode, Mode::Browse));
    }
}
