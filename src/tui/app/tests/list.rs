//! The list of events: followed, held, paused, searched, folded.

use super::last;
use crate::event::{Batch, Op, OpenEvent, sample};
use crate::message::{Hooks, Message, Totals};
use crate::ranking::openers::Group;
use crate::tui::app::fixture::{Screen, numbered, setup};
use crate::tui::app::{Event, Setup};

#[test]
fn the_newest_event_is_followed() {
    let mut screen = Screen::new(80, 24);
    screen.open_paths(&numbered(0, 100));
    assert_eq!(screen.paths(), numbered(83, 17));
    screen.open_paths(&numbered(100, 1));
    assert_eq!(last(&screen.paths()), "/srv/file-100");
}

#[test]
fn an_upward_move_holds_the_rows_and_f_follows_again() {
    let mut screen = Screen::new(80, 24);
    screen.open_paths(&numbered(0, 100));
    screen.keys("k");
    screen.open_paths(&numbered(100, 50));
    assert_eq!(screen.paths(), numbered(83, 17));
    assert!(screen.line(0).contains("HELD +50 new"), "{}", screen.line(0));
    screen.keys("F");
    assert_eq!(last(&screen.paths()), "/srv/file-149");
    assert!(!screen.line(0).contains("HELD"));
}

#[test]
fn held_rows_stay_when_the_history_has_long_forgotten_them() {
    let mut screen = Screen::new(80, 24);
    screen.open_paths(&numbered(0, 100));
    screen.keys(" ");
    for n in 0..50 {
        screen.open_paths(&numbered(100 + n * 1000, 1000));
    }
    assert_eq!(screen.paths(), numbered(83, 17));
    assert!(screen.line(0).contains("PAUSED +50,000 new"), "{}", screen.line(0));
    screen.keys("g");
    assert_eq!(screen.paths(), numbered(0, 17));
    screen.keys(" ");
    assert_eq!(last(&screen.paths()), "/srv/file-50099");
}

#[test]
fn at_the_end_of_a_held_view_the_new_events_join_it() {
    let mut screen = Screen::new(80, 24);
    screen.open_paths(&numbered(0, 100));
    screen.keys("kj");
    screen.open_paths(&numbered(100, 5));
    assert_eq!(last(&screen.paths()), "/srv/file-99");
    screen.keys("j");
    assert_eq!(last(&screen.paths()), "/srv/file-100");
    screen.keys("\x1b[6~");
    assert_eq!(last(&screen.paths()), "/srv/file-104");
}

#[test]
fn a_pause_holds_the_ranking_too_while_the_totals_go_on() {
    let mut screen = Screen::busy(80, 24);
    screen.keys(" ");
    let before = screen.text();
    screen.second(&[(2714, "nginx", 33, 9000, 1), (311, "postgres", 0, 9001, 40)]);
    let after = screen.text();
    assert_eq!(before.lines().skip(2).take(20).collect::<Vec<_>>(), after.lines().skip(2).take(20).collect::<Vec<_>>());
    assert!(screen.line(1).starts_with("opens 18,001 = events 18,001"), "{}", screen.line(1));
}

#[test]
fn a_pause_before_anything_was_counted_holds_still_too() {
    let setup = Setup { filter: "pid:311".into(), filter_in_kernel: true, ..setup() };
    let mut screen = Screen::with(setup, 80, 24);
    screen.opens(&crate::tui::app::fixture::usual());
    screen.keys(" ");
    let before = screen.text();
    assert!(before.contains("counting ..."), "{before}");
    screen.reading(&[(311, "postgres", 0, 5, 0)], Totals { opens: 9, filtered: 4, ..Totals::default() });
    let rows = |text: &str| text.lines().skip(2).take(20).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows(&before), rows(&screen.text()));
    screen.keys(" ");
    assert!(screen.line(2).contains("only what matches") && screen.line(3).contains("postgres"), "{}", screen.text());
}

#[test]
fn n_goes_through_the_matches_of_the_last_filter_in_the_whole_list() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("n");
    assert!(screen.line(23).contains("nothing to search for"), "{}", screen.line(23));
    screen.keys("/err:any\r\x1bN");
    assert_eq!(screen.selected_path().as_deref(), Some("/etc/shadow"));
    screen.keys("N");
    assert!(screen.app.events.selected().is_some_and(|row| row.event.path.ends_with(b"2619_fsm")));
    screen.keys("nn");
    assert_eq!(screen.selected_path().as_deref(), Some("/etc/shadow"));
    assert!(screen.line(23).contains("no further match"), "{}", screen.line(23));
}

#[test]
fn searches_fold_and_unfold_and_the_selection_stays() {
    let hit = |path: &'static str| OpenEvent { path: path.as_bytes(), name: path.as_bytes(), ..sample() };
    let miss = |path| OpenEvent { ret: -libc::ENOENT, ..hit(path) };
    let mut screen = Screen::new(80, 24);
    screen.opens(&[hit("/x"), miss("/a/libz.so"), miss("/b/libz.so"), hit("/c/libz.so"), miss("/etc/no"), miss("/no")]);
    screen.keys("kkk");
    assert_eq!(screen.selected_path().as_deref(), Some("/b/libz.so"));
    screen.keys("t");
    assert_eq!(screen.paths(), ["/x", "/c/libz.so", "/no"]);
    assert!(screen.text().contains("libz.so: tried 3, found in /c"));
    assert!(screen.text().contains("no: tried 2, never found"));
    assert_eq!(screen.app.events.selected().map(|row| row.tries), Some(3));
    screen.keys("t");
    assert_eq!(screen.selected_path().as_deref(), Some("/a/libz.so"));
    screen.keys("tF");
    screen.opens(&[hit("/usr/no")]);
    assert!(screen.text().contains("no: tried 3, found in /usr"));
}

#[test]
fn that_nothing_was_folded_is_said() {
    let mut screen = Screen::busy(100, 24);
    screen.keys("t");
    assert!(screen.text().contains("there are none as yet"), "{}", screen.text());
    screen.keys("tt");
    let miss = OpenEvent { ret: -libc::ENOENT, ..sample() };
    screen.opens(&[
        OpenEvent { path: b"/a/no", name: b"/a/no", ..miss },
        OpenEvent { path: b"/b/no", name: b"/b/no", ..miss },
    ]);
    screen.keys("tt");
    assert!(screen.text().contains("searches are folded: many tries, one row"), "{}", screen.text());
}

#[test]
fn a_search_goes_on_from_look_ups_to_the_open_and_no_look_up_is_an_opener() {
    let hooks = Hooks { lookups: true, ..setup().hooks };
    let mut screen = Screen::with(Setup { group: Group::File, hooks, ..setup() }, 120, 30);
    let mut batch = Batch::default();
    for (path, op, ret) in [("/a/x.conf", Op::Access, -2), ("/b/x.conf", Op::Stat, -2), ("/c/x.conf", Op::Openat, 3)] {
        batch.push(&OpenEvent { path: path.as_bytes(), name: path.as_bytes(), op, ret, ..sample() });
    }
    screen.update(Event::Message(Message::Opens(batch)));
    let calls =
        |screen: &Screen| screen.text().contains(" access ENOENT ") && screen.text().contains("   stat ENOENT ");
    assert!(calls(&screen), "{}", screen.text());
    screen.keys("t");
    assert!(screen.text().contains("tried 3"), "{}", screen.text());
    screen.second(&[(100, "cat", 0, 1, 0)]);
    assert_eq!(screen.app.ranking.rows().len(), 1, "{:?}", screen.app.ranking.rows());
}

/// Who presses a key before there are rows sees them come all the same.
#[test]
fn a_list_without_rows_is_not_held() {
    let mut screen = Screen::new(80, 24);
    screen.keys("\x1b[A");
    screen.open_paths(&numbered(0, 3));
    assert!(screen.app.events.is_following() && screen.paths().len() == 3, "{}", screen.text());
}

#[test]
fn latencies_are_shown_once_an_event_has_one() {
    let mut screen = Screen::busy(120, 24);
    assert!(!screen.text().contains("P50") && !screen.text().contains("LATENCY"));
    let latency = Some(std::time::Duration::from_micros(150));
    screen.opens(
        &crate::tui::app::fixture::usual().into_iter().map(|event| OpenEvent { latency, ..event }).collect::<Vec<_>>(),
    );
    screen.second(&[(2714, "nginx", 33, 815, 1), (311, "postgres", 0, 392, 40)]);
    assert!(screen.text().contains("P50") && screen.text().contains("LATENCY"), "{}", screen.text());
    let nginx = screen.app.ranking.rows().iter().find(|row| row.comm == b"nginx");
    assert!(nginx.is_some_and(|row| row.opens == 815 && row.latency.is_some_and(|(p50, _)| p50 >= 150_000)));
}
