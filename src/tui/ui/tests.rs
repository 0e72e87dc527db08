//! The screens, as symbols.

mod over;

use insta::assert_snapshot;
use ratatui::style::Modifier;

use crate::event::{OpenEvent, Source, sample};
use crate::message::{Hooks, HostNews, HostState, Left, Link, Lost, Message, Totals, Unseen};
use crate::names::Names;
use crate::tui::app::fixture::{Screen, setup, usual};
use crate::tui::app::{Event, Setup};

const SIZES: [(u16, u16); 3] = [(80, 24), (200, 50), (40, 10)];

/// One snapshot for each size of the screen that `make` makes.
fn at_every_size(name: &str, make: impl Fn(u16, u16) -> Screen) {
    for (width, height) in SIZES {
        assert_snapshot!(format!("{name}_{width}x{height}"), make(width, height).text());
    }
}

#[test]
fn empty() {
    at_every_size("empty", Screen::new);
}

/// What hooks do not see gives way to all else; that they were left for losing opens does not.
#[test]
fn limits_of_the_hooks() {
    let hooks = Hooks {
        unseen: vec![Unseen { what: "the kernel's own opens", why: "no fexit".into() }],
        left: vec![Left { set: "functions (fexit)", missed: 7, opens: 1200 }],
        ..Hooks::named("syscall exit")
    };
    let header = |width: u16| {
        let screen = Screen::with(Setup { hooks: hooks.clone(), ..setup() }, width, 24);
        screen.text().lines().next().unwrap().to_owned()
    };
    assert_snapshot!([110, 200].map(header).join("\n"));
}

#[test]
fn busy() {
    at_every_size("busy", Screen::busy);
}

#[test]
fn paused() {
    at_every_size("paused", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys(" ");
        screen.opens(&usual());
        screen
    });
}

#[test]
fn filtered() {
    at_every_size("filtered", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("/comm:nginx uid:33 !err:ENOENT\r");
        screen
    });
}

#[test]
fn nothing_matches() {
    at_every_size("nothing_matches", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("/nobody\r");
        screen
    });
}

/// Where the keys go is seen without colours, and what alone is traced is told.
#[test]
fn focus_and_scope() {
    let scope = Some("pid 7 and its descendants".to_owned());
    let mut screen = Screen::with(Setup { scope, ..setup() }, 80, 24);
    screen.opens(&usual());
    screen.second(&[(2714, "nginx", 33, 812, 1), (311, "postgres", 0, 390, 40)]);
    let marked = |screen: &Screen| -> Vec<String> {
        screen.text().lines().filter(|line| line.starts_with('▸')).map(str::to_owned).collect()
    };
    assert!(marked(&screen)[0].contains("PATH") && marked(&screen).len() == 1);
    screen.keys("\t");
    assert!(marked(&screen)[0].contains("OPENS/s") && marked(&screen).len() == 1);
    assert!(screen.line(22).starts_with("/ only pid 7 and its descendants"), "{}", screen.line(22));
    assert!(screen.line(0).contains("match"), "{}", screen.line(0));
}

#[test]
fn hostile_names() {
    at_every_size("hostile_names", |width, height| {
        let mut screen = Screen::new(width, height);
        let path = b"/tmp/a\x1b[2J\x1b]0;x\x07\nb\xff";
        let bidi = "/tmp/\u{202e}txt.exe\u{200b}".as_bytes();
        screen.opens(&[
            OpenEvent { path, name: path, comm: b"e\x1b[31m", ..sample() },
            OpenEvent { path: bidi, name: bidi, ..sample() },
        ]);
        screen.second(&[(7, "e\x1b[31m", 33, 2, 0)]);
        screen
    });
}

#[test]
fn wide_characters() {
    at_every_size("wide_characters", |width, height| {
        let mut screen = Screen::new(width, height);
        let path = "/データ/報告書/とても長い名前のディレクトリ/そしてまた/四半期報告書.pdf";
        screen.opens(&[
            OpenEvent {
                path: path.as_bytes(), name: path.as_bytes(), comm: "漢字🦀プロセス".as_bytes(), ..sample()
            },
            OpenEvent {
                path: "/tmp/🦀é.rs".as_bytes(), name: "🦀é.rs".as_bytes(), comm: "é".as_bytes(), ..sample()
            },
        ]);
        screen.second(&[(7, "漢字🦀", 33, 2, 0), (8, "plain", 33, 1, 0)]);
        screen.keys("/🦀|漢 é|四");
        screen
    });
}

#[test]
fn losses() {
    at_every_size("losses", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.counts(&[(2714, "nginx", 33, 1_204_311, 1)], Lost { ring: 4321, missed: 3, ..Lost::default() });
        screen
    });
}

#[test]
fn by_file() {
    at_every_size("by_file", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("\tbbb");
        screen
    });
}

#[test]
fn openers() {
    at_every_size("openers", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("\tj");
        screen
    });
}

#[test]
fn events_of_an_opener() {
    at_every_size("events_of_an_opener", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("\t\r");
        screen
    });
}

#[test]
fn folded() {
    at_every_size("folded", |width, height| {
        let mut screen = Screen::new(width, height);
        let paths =
            ["/usr/local/lib", "/usr/lib/x86_64-linux-gnu/tls", "/usr/lib"].map(|dir| format!("{dir}/libz.so.1"));
        let misses = paths[..2].iter().map(|path| OpenEvent { path: path.as_bytes(), ret: -libc::ENOENT, ..sample() });
        let mut opens: Vec<_> = misses.collect();
        opens.push(OpenEvent { path: paths[2].as_bytes(), ..sample() });
        opens.extend(["/etc/app.toml", "/root/app.toml"].map(|path| OpenEvent {
            path: path.as_bytes(),
            ret: -libc::ENOENT,
            ..sample()
        }));
        screen.opens(&opens);
        screen.second(&[(7, "cat", 0, 5, 4)]);
        screen.keys("t");
        screen
    });
}

#[test]
fn latencies() {
    at_every_size("latencies", |width, height| {
        let mut screen = Screen::new(width, height);
        let took = |(n, event): (u64, OpenEvent<'static>)| OpenEvent {
            latency: Some(std::time::Duration::from_nanos(850 * 10u64.pow(n as u32))),
            ..event
        };
        screen.opens(&(0..).zip(usual()).map(took).collect::<Vec<_>>());
        screen.second(&[(2714, "nginx", 33, 812, 1), (311, "postgres", 0, 390, 40)]);
        screen
    });
}

#[test]
fn filtered_by_the_kernel() {
    at_every_size("filtered_by_the_kernel", |width, height| {
        let filter = "pid:2714".to_owned();
        let mut screen = Screen::with(Setup { filter, filter_in_kernel: true, ..setup() }, width, height);
        screen.opens(&usual()[..2]);
        let totals = Totals { opens: 9000, delivered: 2, filtered: 8998, ..Totals::default() };
        screen.reading(&[(2714, "nginx", 33, 2, 0)], totals);
        screen
    });
}

#[test]
fn gap() {
    at_every_size("gap", Screen::with_a_gap);
}

#[test]
fn ended() {
    at_every_size("ended", |width, height| {
        let replay = Some("last-night.jsonl.zst".to_owned());
        let mut screen = Screen::with(Setup { replay, ..setup() }, width, height);
        screen.opens(&usual());
        screen.second(&[(2714, "nginx", 33, 3, 1), (311, "postgres", 0, 2, 1)]);
        screen.update(Event::Message(Message::End));
        screen
    });
}

#[test]
fn ascii() {
    let mut screen = Screen::with(Setup { ascii: true, ..setup() }, 80, 24);
    screen.opens(&usual());
    screen.second(&[(2714, "nginx", 33, 812, 1)]);
    screen.keys("k\r");
    let text = screen.text();
    assert!(text.is_ascii(), "{text}");
    assert_snapshot!(text);
    for view in ["?", "R", "H", "T", "C", "f", "\td", "\tb", "/nginx", "w", " "] {
        // The mark of the cursor is the test's own.
        let text = screen.keys("\x1b").keys(view).text().replace('▏', "");
        assert!(text.is_ascii(), "{view:?}: {text}");
        screen.keys("\x1b").keys("1");
    }
}

#[test]
fn tiny() {
    assert_snapshot!("tiny_20x5", Screen::busy(20, 5).text());
    for keys in ["", "/a", "?", "\r", "f", "2", " "] {
        for (width, height) in [(1, 1), (2, 2), (20, 5), (0, 0), (3, 40), (200, 1)] {
            let mut screen = Screen::busy(width, height);
            screen.keys(keys);
            assert!(screen.text().lines().count() <= usize::from(height.max(1)), "{keys:?} at {width}x{height}");
        }
    }
}

#[test]
fn the_selection_is_seen_without_colour() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("k");
    let (buffer, _) = screen.draw();
    let row = (0..24).find(|y| buffer[(0, *y)].symbol() == ">").unwrap();
    assert!((0..80).all(|x| buffer[(x, row)].modifier.contains(Modifier::REVERSED)));
}

#[test]
fn without_colour_there_is_none_and_with_colour_only_the_terminals_own() {
    use ratatui::style::Color;
    for colour in [false, true] {
        let mut screen = Screen::with(Setup { colour, ..setup() }, 80, 24);
        screen.opens(&usual());
        screen.keys("k");
        let (buffer, _) = screen.draw();
        let allowed = |c: Color| c == Color::Reset || (colour && !matches!(c, Color::Rgb(..) | Color::Indexed(_)));
        assert!(buffer.content.iter().all(|cell| allowed(cell.fg) && allowed(cell.bg)));
    }
}

/// The lines of the header and the footer.
fn edges(screen: &Screen) -> Vec<String> {
    let (buffer, _) = screen.draw();
    let last = buffer.area.height - 1;
    let line = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol().to_owned()).collect();
    [0, 1, last].into_iter().map(line).collect()
}

/// At each width the last word of a line is one that also stands in the line where there is room behind it.
#[test]
fn no_word_of_the_header_or_the_footer_is_cut_at_any_width() {
    let lost = Lost { ring: 1_172_303, queue: 45_321, io_uring: 77, missed: 3, overflow: 12, ..Lost::default() };
    let mut losing = Screen::busy(80, 24);
    let totals = Totals {
        opens: 1_300_000_000,
        delivered: 1_290_000_000,
        filtered: 12_345,
        hidden: 52,
        lost,
        ..Totals::default()
    };
    losing.reading(&[(1, "systemd", 0, 9, 0)], totals);
    let mut paused = Screen::busy(80, 24);
    paused.keys(" ");
    let mut prompt = Screen::busy(80, 24);
    prompt.keys("/foo:bar");
    let mut status = Screen::busy(80, 24);
    status.keys("m");
    for (name, mut screen) in [("losing", losing), ("paused", paused), ("prompt", prompt), ("status", status)] {
        let mut whole = std::collections::HashSet::new();
        let mut last = Vec::new();
        for width in (20..=200).chain([400]) {
            screen.resize(width, 24);
            for line in edges(&screen) {
                let touches = !line.ends_with(' ');
                let mut words = line.split_whitespace().map(str::to_owned);
                if touches {
                    last.push((width, words.next_back().unwrap(), line.clone()));
                }
                whole.extend(words);
            }
        }
        for (width, word, line) in last {
            let cut = word.strip_suffix('…').is_some_and(|word| whole.iter().any(|whole| whole == word));
            assert!(cut || word == "…" || whole.contains(&word), "{name}, {width} columns: {word:?} in {line:?}");
        }
    }
}

#[test]
fn causes_of_loss_are_whole_or_counted() {
    let mut screen = Screen::busy(80, 24);
    let lost = Lost { ring: 1_172_303, queue: 45_321, io_uring: 77, ..Lost::default() };
    screen.reading(
        &[(1, "systemd", 0, 9, 0)],
        Totals { opens: 9_217_701, delivered: 8_000_000, lost, ..Totals::default() },
    );
    let shown = [200, 90, 80, 60, 40, 20].map(|width| {
        screen.resize(width, 24);
        screen.line(1)
    });
    assert_snapshot!("causes_of_loss", shown.join("\n"));
}

#[test]
fn details_of_a_gap_say_what_is_missing_and_why() {
    let mut screen = Screen::with_a_gap(80, 24);
    screen.keys("2").keys("1");
    let row = screen.text().lines().position(|line| line.contains("the kernel left out")).expect("a gap");
    while !screen.line(row).starts_with('>') {
        let before = screen.text();
        screen.keys("k");
        assert_ne!(screen.text(), before, "the selection reaches the gap");
    }
    screen.keys("\r");
    assert_snapshot!("gap_details_80x24", screen.text());
    screen.keys("q");
    assert!(screen.text().contains("the kernel left out"));
}

#[test]
fn several_hosts() {
    at_every_size("several_hosts", |width, height| hosts(width, height, "i"));
    assert_snapshot!(hosts(80, 24, "").text());
}

/// Three hosts, one of which is called what a terminal could obey.
fn hosts(width: u16, height: u16, keys: &str) -> Screen {
    let names = ["web1".to_owned(), "root@db1.example.org".to_owned(), "ev\u{1b}[2Jil".to_owned()];
    let mut screen = Screen::with(Setup { names: Names::of_hosts(&names), ..setup() }, width, height);
    let lost = Lost { link: 1200, ..Lost::default() };
    let totals = Totals { opens: 51_200, delivered: 50_000, lost, ..Totals::default() };
    let states = [
        (Link::Live, "opentop 0.1.0, Linux 6.1.0, functions (fexit)", 70_000),
        (Link::Behind, "the link is slow, and opens are lost: a narrower filter helps", 9_000_000),
        (Link::Lost, "sudo there asks for a password: allow opentop in sudoers with NOPASSWD", 0),
    ];
    for ((link, text, bytes), host) in states.into_iter().zip(1..) {
        let totals = if link == Link::Behind { totals } else { Totals::default() };
        let state = HostState { link, text: text.into(), totals, bytes };
        screen.update(Event::Message(Message::Host(HostNews::State { host, state })));
    }
    for host in [1, 2] {
        screen.opens(&[OpenEvent { source: Source::new(host, 1), ..sample() }]);
    }
    screen.keys(keys);
    screen
}
