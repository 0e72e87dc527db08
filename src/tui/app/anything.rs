//! Whatever happens to a screen, in whatever order.

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choice::Chosen;
use super::fixture::{Screen, setup};
use super::{Event, Mode, Setup};
use crate::event::{OpenEvent, sample};
use crate::history::log::Bound;
use crate::message::{Lookups, Lost, Message, Totals};
use crate::tui::input::Input;

/// Something that can happen to a screen.
#[derive(Clone, Debug)]
enum Step {
    Bytes(String),
    Opens(Vec<String>),
    Second(u64),
    Totals(Totals),
    /// The source ends, or goes without having ended.
    End(bool),
    KernelFilters(bool),
    Signal(i32),
    /// The worker who looks through the history gets busy, or answers.
    Worker(bool),
    Resize(u16, u16),
}

/// Every key of the table, text for the prompt, pastes, clicks, and what is no key; blanks are between them.
const KEYS: &str = "q ? h \x1bOP / \\ \x1bOS p Z \t \x1b[Z \r b \x1b = \x07 w \x13 \x12 + - m \x0c \x1a \x03 F f x n N \
    t y c s D T d > \x1b[17~ < R I 1 2 3 \x1b[A \x1b[B k j \x1b[5~ \x1b[6~ \x02 \x06 \x15 \x04 g \x1b[H G \x1b[F H L \
    \x1b[C \x1b[D C e ( a é漢🦀 \x7f \x17 \x01 \x05 comm: err:any \
    \x1b[200~a\nb\x1b[201~ \x1b[<0;9;9M \x1b[<64;3;12M \x1b[99;99~";

fn totals() -> impl Strategy<Value = Totals> {
    (0u64..u64::MAX / 8, 0u64..1000, 0u64..1000, 0u64..1000).prop_map(|(opens, ring, missed, filtered)| Totals {
        opens,
        failed: opens / 3,
        delivered: opens / 2,
        filtered,
        hidden: missed,
        lookups: Lookups { made: opens, failed: opens / 2, delivered: opens / 3, filtered },
        lost: Lost { ring, missed, overflow: ring, ..Lost::default() },
    })
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![(0u16..210, 0u16..60), (0u16..8, 0u16..8)];
    prop_oneof![
        12 => prop::sample::select(KEYS.split(' ').collect::<Vec<_>>()).prop_map(|keys| Step::Bytes(keys.to_owned())),
        1 => Just(Step::Bytes(" ".to_owned())),
        2 => ".{0,6}".prop_map(Step::Bytes),
        4 => prop::collection::vec("/[a-c/é漢🦀 ]{0,90}", 0..40).prop_map(Step::Opens),
        2 => (0u64..1000).prop_map(Step::Second),
        1 => totals().prop_map(Step::Totals),
        1 => any::<bool>().prop_map(Step::End),
        1 => any::<bool>().prop_map(Step::KernelFilters),
        1 => prop::sample::select(vec![1, 2, 15, 18, 20, 28]).prop_map(Step::Signal),
        2 => any::<bool>().prop_map(Step::Worker),
        2 => size.prop_map(|(width, height)| Step::Resize(width, height)),
    ]
}

/// Lets it happen. `opens` counts what was opened.
fn happen(screen: &mut Screen, step: Step, opens: &mut u64, latency: bool) {
    match step {
        Step::Bytes(bytes) => drop(screen.keys(&bytes)),
        Step::Opens(paths) => {
            let latency = latency.then_some(std::time::Duration::from_micros(*opens));
            let ret = if opens.is_multiple_of(2) { -libc::ENOENT } else { 3 };
            let event = OpenEvent { pid: *opens as u32, ret, latency, ..sample() };
            let events: Vec<_> = paths.iter().map(|path| OpenEvent { path: path.as_bytes(), ..event }).collect();
            screen.opens(&events);
        }
        Step::Second(more) => {
            *opens += more;
            screen.second(&[(1, "a", 0, *opens, 0), (*opens as u32 + 2, "é漢", 33, *opens, *opens / 2)]);
        }
        Step::Totals(totals) => screen.reading(&[(7, "a", 33, 5, 1)], totals),
        Step::End(true) => screen.update(Event::Message(Message::End)),
        Step::End(false) => screen.update(Event::SourceLost),
        Step::KernelFilters(does) => screen.update(Event::KernelFilters { does, time_ns: *opens }),
        Step::Signal(signal) => screen.update(Event::Input(Input::Signal(signal))),
        Step::Worker(busy) => screen.worker(busy),
        Step::Resize(width, height) => screen.resize(width, height),
    }
}

/// Lines of a panel on which something stands, its head not counted.
fn lines(buffer: &Buffer, panel: Option<Rect>) -> usize {
    let Some(area) = panel else { return 0 };
    let written = |y| (area.left()..area.right()).any(|x| buffer[(x, y)].symbol() != " ");
    (area.top() + 1..area.bottom()).filter(|y| written(*y)).count()
}

/// Whether each row has something in it: what was chosen has one of these columns, which no row leaves empty.
fn has_text(chosen: Option<&Chosen>, never_empty: &[&str]) -> bool {
    chosen.is_none_or(|chosen| chosen.0.iter().any(|choice| choice.shown && never_empty.contains(&choice.name)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens in whatever order: nothing panics, and as many rows are drawn as fit or as there are; where
    /// there are none, a line says why.
    #[test]
    fn nothing_breaks_the_screen(
        steps in prop::collection::vec(step(), 1..60),
        latency: bool,
        ascii: bool,
        bytes in 5000usize..100_000,
    ) {
        let mut screen = Screen::with(Setup { history: Bound { bytes, events: 50 }, ascii, ..setup() }, 80, 24);
        let mut opens = 0;
        for step in steps {
            happen(&mut screen, step, &mut opens, latency);
            let (buffer, cursor) = screen.draw();
            prop_assert!(cursor.is_none_or(|at| buffer.area.contains(at)));
            let (layout, app) = (screen.app.layout(), &screen.app);
            let covered = app.below.is_some() || !matches!(app.mode, Mode::Browse | Mode::Prompt(_));
            // On fewer columns a row may have none but blanks.
            if covered || app.size.width < 60 {
                continue;
            }
            let expected = |rows: usize, height: usize| rows.max(1).min(height);
            if has_text(app.columns.events.as_ref(), &["time", "pid", "comm", "op"]) {
                prop_assert_eq!(
                    lines(&buffer, layout.events),
                    expected(app.events.shown().len(), layout.events_rows())
                );
            }
            if has_text(app.columns.ranking.as_ref(), &["rate", "total", "failed", "name"]) {
                prop_assert_eq!(
                    lines(&buffer, layout.openers),
                    expected(app.ranking.rows().len(), layout.openers_rows())
                );
            }
        }
    }
}
