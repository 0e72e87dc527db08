//! The ranking: groups, order, columns, what its counts lack.

use crate::event::{OpenEvent, sample};
use crate::message::{Lost, Totals};
use crate::ranking::Sort;
use crate::ranking::openers::Group;
use crate::tui::app::Effect;
use crate::tui::app::action::Focus;
use crate::tui::app::choice::Times;
use crate::tui::app::fixture::Screen;

#[test]
fn enter_on_an_opener_shows_its_events_and_back_returns() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("\t\r");
    assert_eq!((screen.paths().len(), screen.app.focus), (3, Focus::Events));
    assert!(screen.line(22).contains("only nginx (2714)"), "{}", screen.line(22));
    assert_eq!(screen.app.ranking.rows().len(), 3);
    screen.keys("\x1b");
    assert_eq!((screen.paths().len(), screen.app.focus), (5, Focus::Openers));
}

#[test]
fn a_process_that_has_ended_is_marked_whatever_it_is_counted_from() {
    let mut screen = Screen::new(80, 24);
    screen.opens(&[OpenEvent { pid: 1, start_ns: 7, comm: b"init", ..sample() }]);
    screen.second(&[(1, "init", 0, 1, 0)]);
    assert!(screen.line(3).contains("init (ended)"), "{}", screen.line(3));
    screen.keys("/comm:init\r");
    assert!(screen.line(2).contains("from 1 events") && screen.line(3).contains("init (ended)"), "{}", screen.text());
}

#[test]
fn groups_take_turns() {
    let mut screen = Screen::busy(80, 24);
    let mut seen = Vec::new();
    for _ in Group::ALL.iter().filter(|group| **group != Group::Host) {
        seen.push(screen.line(3));
        screen.keys("b");
    }
    let expected =
        ["nginx", "nginx", "systemd", "/etc/shadow", "/etc", "www", "nginx.service", "nginx.service", "(no error)"];
    for (line, name) in seen.iter().zip(expected) {
        assert!(line.contains(name), "{name} in {seen:?}");
    }
    assert_eq!(screen.app.ranking.group, Group::Process);
}

#[test]
fn what_changes_the_ranking_shows_it_where_only_one_panel_fits() {
    for key in ["b", "s", "<", "I"] {
        let mut screen = Screen::busy(40, 10);
        screen.keys(key);
        assert_eq!(screen.app.focus, Focus::Openers, "{key}");
        assert!(screen.text().contains("COMMAND"), "{}", screen.text());
        let mut screen = Screen::busy(80, 24);
        screen.keys(key);
        assert_eq!(screen.app.focus, Focus::Events, "{key}");
    }
}

#[test]
fn sorting_steps_through_the_columns_that_are_there() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("s");
    assert!(screen.line(2).contains("TOTAL▼"), "{}", screen.line(2));
    screen.keys("I");
    assert!(screen.line(2).contains("TOTAL▲"), "{}", screen.line(2));
    assert!(screen.line(3).contains("systemd"), "{}", screen.line(3));
    screen.keys("<<<<");
    assert!(screen.line(2).contains("COMMAND▲"), "{}", screen.line(2));
}

#[test]
fn how_many_failed_and_which_share_are_both_sorted_by() {
    for (width, both) in [(80, false), (120, true)] {
        let mut screen = Screen::busy(width, 24);
        screen.second(&[(2714, "nginx", 33, 2000, 500), (311, "postgres", 0, 400, 300)]);
        screen.keys("ss");
        assert!(screen.line(2).contains("FAILED▼") && screen.line(3).contains("nginx"), "{}", screen.text());
        assert_eq!(screen.line(2).contains("FAIL%"), both, "{}", screen.line(2));
        screen.keys("s");
        assert!(screen.line(2).contains("FAIL%▼") && !screen.line(2).contains("FAILED"), "{}", screen.line(2));
        assert!(screen.line(3).contains("postgres"), "{}", screen.text());
        screen.keys("<");
        assert!(screen.line(2).contains("FAILED▼"), "{}", screen.line(2));
    }
}

#[test]
fn a_reset_counts_from_zero() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("\x12");
    assert!(screen.paths().is_empty() && screen.app.ranking.rows().is_empty());
    screen.second(&[(2714, "nginx", 33, 815, 1), (311, "postgres", 0, 390, 40), (1, "systemd", 0, 2, 0)]);
    assert!(screen.line(1).starts_with("opens 3 = "), "{}", screen.line(1));
    assert_eq!(screen.app.ranking.rows()[0].opens, 3);
}

#[test]
fn losses_are_shown_by_cause_and_the_sum_comes_out_even() {
    let mut screen = Screen::busy(100, 24);
    let lost = Lost { ring: 11, queue: 2, missed: 3, ..Lost::default() };
    screen.counts(&[(2714, "nginx", 33, 1000, 1)], lost);
    assert!(screen.line(0).contains("dropped 16"), "{}", screen.line(0));
    let sum = "opens 1,000 = events 987 + dropped 13 (ring 11, queue 2)  not even counted 3";
    assert!(screen.line(1).starts_with(sum), "{}", screen.line(1));
}

#[test]
fn no_table_is_exact_while_processes_found_no_room_in_the_counts() {
    let mut screen = Screen::busy(80, 24);
    assert!(screen.line(2).contains("(exact)"), "{}", screen.line(2));
    let totals =
        Totals { opens: 2000, delivered: 2000, lost: Lost { overflow: 700, ..Lost::default() }, ..Totals::default() };
    screen.reading(&[(2714, "nginx", 33, 1300, 1)], totals);
    assert!(
        screen.line(2).contains("700 opens have no row") && !screen.line(2).contains("exact)"),
        "{}",
        screen.line(2)
    );
    screen.keys("\x12");
    screen.reading(&[(2714, "nginx", 33, 1400, 1)], Totals { opens: 2100, ..totals });
    assert!(screen.line(2).contains("(exact)"), "{}", screen.line(2));
}

#[test]
fn a_click_on_a_title_sorts_and_another_turns_around() {
    let mut screen = Screen::busy(80, 24);
    let head = screen.line(2);
    let at = |title: &str| head.find(title).unwrap() + 1;
    screen.keys(&format!("m\x1b[<0;{};3M", at("TOTAL")));
    assert_eq!((screen.app.ranking.sort, screen.app.ranking.reversed), (Sort::Total, false));
    screen.keys(&format!("\x1b[<0;{};3M", at("TOTAL")));
    assert_eq!((screen.app.ranking.sort, screen.app.ranking.reversed), (Sort::Total, true));
    screen.keys(&format!("\x1b[<0;{};3M", at("PID")));
    assert_eq!((screen.app.ranking.sort, screen.app.ranking.reversed), (Sort::Pid, false));
}

#[test]
fn columns_are_chosen_on_the_screen() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("C j \x1b");
    assert!(screen.app.columns.events.as_ref().unwrap().source().starts_with("comm,rw,fd"));
    // Whatever is taken away, one stays, and as usual is a key.
    screen.keys("C");
    for _ in 0..20 {
        screen.keys(" j");
    }
    assert!(!screen.app.columns.events.as_ref().unwrap().source().is_empty());
    screen.keys("rt\x1b");
    assert_eq!((&screen.app.columns.events, screen.app.columns.times), (&None, Times::Start));
    screen.keys("C\t >w");
    assert!(screen.effects.contains(&Effect::SaveSettings));
    assert!(screen.app.columns.ranking.as_ref().unwrap().source().starts_with("user,rate"));
}
