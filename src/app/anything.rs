//! Whatever happens to a screen, in whatever order.

use proptest::prelude::*;

use super::Setup;
use super::fixture::{Screen, setup};
use crate::event::{OpenEvent, sample};

/// Something that can happen to a screen.
#[derive(Clone, Debug)]
enum Step {
    Bytes(String),
    Opens(Vec<String>),
    Second(u64),
    Resize(u16, u16),
}

fn step() -> impl Strategy<Value = Step> {
    let keys = [
        "q",
        "?",
        "/",
        " ",
        "\t",
        "1",
        "2",
        "3",
        "j",
        "k",
        "\x1b[A",
        "\x1b[5~",
        "\x1b[6~",
        "\x04",
        "\x15",
        "g",
        "G",
        "H",
        "L",
        "\r",
        "\x1b",
        "=",
        "F",
        "f",
        "x",
        "n",
        "N",
        "t",
        "y",
        "b",
        "s",
        "<",
        "R",
        "\x12",
        "+",
        "-",
        "m",
        "p",
        "c",
        "e",
        "(",
        "é漢🦀",
        "\x7f",
        "\x17",
        "comm:",
        "\x1b[200~a\nb\x1b[201~",
        "\x1b[<0;9;9M",
        "\x1b[<64;3;12M",
    ];
    prop_oneof![
        6 => prop::sample::select(keys.to_vec()).prop_map(|keys| Step::Bytes(keys.to_owned())),
        1 => ".{0,6}".prop_map(Step::Bytes),
        2 => prop::collection::vec("/[a-c/é漢🦀 ]{0,90}", 0..40).prop_map(Step::Opens),
        1 => (0u64..1000).prop_map(Step::Second),
        1 => (0u16..210, 0u16..60).prop_map(|(width, height)| Step::Resize(width, height)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever happens in whatever order: nothing panics, and the rows on the screen are as many as fit or as there
    /// are.
    #[test]
    fn nothing_breaks_the_screen(steps in prop::collection::vec(step(), 1..60), latency: bool, ascii: bool) {
        let mut screen = Screen::with(Setup { history: 50, ascii, ..setup() }, 80, 24);
        let mut opens = 0;
        for step in steps {
            match step {
                Step::Bytes(bytes) => drop(screen.keys(&bytes)),
                Step::Opens(paths) => {
                    let latency = latency.then_some(std::time::Duration::from_micros(opens));
                    let event = |path| OpenEvent { path, pid: opens as u32, latency, ..sample() };
                    let events: Vec<_> = paths.iter().map(|path| event(path)).collect();
                    screen.opens(&events);
                }
                Step::Second(more) => {
                    opens += more;
                    screen.second(&[(1, "a", 0, opens, 0), (opens as u32 + 2, "é漢", 33, opens, opens / 2)]);
                }
                Step::Resize(width, height) => screen.resize(width, height),
            }
            let (buffer, cursor) = screen.draw();
            prop_assert!(cursor.is_none_or(|at| buffer.area.contains(at)));
            let layout = screen.app.layout();
            let height = layout.events_rows();
            let matching = screen.app.events.shown().len();
            prop_assert_eq!(screen.paths().len(), matching.min(height));
            let rows = screen.app.ranking.rows().len();
            let height = layout.openers_rows();
            prop_assert_eq!(screen.app.ranking.scroll(height).rows(rows, height).len(), rows.min(height));
        }
    }
}
