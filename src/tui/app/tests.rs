//! The state driven by bytes and messages.

use ratatui::layout::Size;

use super::choice::Times;
use super::fixture::{Screen, numbered, setup};
use super::{Effect, Ended, Event, Mode, Setup};
use crate::event::{Batch, Op, OpenEvent, sample};
use crate::message::{Hooks, LOOKUPS, Lost, Message, Totals, Unseen};
use crate::ranking::Sort;
use crate::ranking::openers::Group;
use crate::tui::app::action::Focus;
use crate::tui::input::Input;

fn last(paths: &[String]) -> &str {
    paths.last().map_or("", String::as_str)
}

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
    screen.opens(&super::fixture::usual());
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
fn a_filter_applies_while_it_is_typed_and_a_broken_one_keeps_the_last_good() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("/nginx");
    assert_eq!(screen.paths().len(), 3);
    screen.keys(" (");
    assert_eq!(screen.paths().len(), 3);
    assert!(screen.line(23).starts_with("column 7: "), "{}", screen.line(23));
    screen.keys("\r");
    assert!(screen.line(23).starts_with("column 7: "), "Enter does not take an error: {}", screen.line(23));
    screen.keys("\x7f\x7f\r");
    assert_eq!((screen.app.line.as_str(), screen.paths().len()), ("nginx", 3));
    screen.keys("/x\x1b");
    assert_eq!((screen.app.line.as_str(), screen.paths().len()), ("nginx", 3));
    screen.keys("\x1b");
    assert_eq!((screen.app.line.as_str(), screen.paths().len()), ("", 5));
}

#[test]
fn what_the_kernel_can_check_is_asked_for_when_the_filter_is_kept() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("/pid:311 err:any");
    assert_eq!(screen.effects, []);
    screen.keys("\r");
    assert!(!screen.line(22).contains("(kernel)"), "{}", screen.line(22));
    screen.kernel_filters(0);
    assert!(screen.line(22).contains("pid:311 (kernel) err:any (kernel)"), "{}", screen.line(22));
    let [Effect::Filter(filter)] = &screen.effects[..] else { panic!("{:?}", screen.effects) };
    assert_eq!((filter.pids.as_slice(), filter.failed), (&[311][..], Some(true)));
}

#[test]
fn what_the_kernel_left_out_is_a_gap_where_it_is_missing() {
    let mut screen = Screen::with_a_gap(100, 24);
    let gap = "the kernel left out 130 opens that do not match pid:311, from 03:04:05 to 03:06:05";
    let rows = |screen: &Screen| {
        let text = screen.text();
        text.lines().skip_while(|line| !line.contains("TIME  ")).skip(1).take(10).map(str::to_owned).collect::<Vec<_>>()
    };
    let at = |screen: &Screen| rows(screen).iter().position(|row| row.contains(gap));
    // Behind the five events of before, and before those of its time.
    assert_eq!(at(&screen), Some(5), "{}", screen.text());
    assert_eq!(screen.paths().len(), 7);
    // Whoever looks at what was let through misses nothing.
    screen.keys("/pid:311 file:.\r");
    assert_eq!((at(&screen), screen.paths().len()), (None, 4), "{}", screen.text());
    screen.keys("\x1b/uid:0\r");
    assert_eq!((at(&screen), screen.paths().len()), (Some(2), 4), "{}", screen.text());
    // It is no event: nothing is copied or picked, and its details say what it is.
    screen.keys("\x1bkk");
    assert_eq!(screen.selected_path(), None);
    screen.effects.clear();
    screen.keys("yf\r");
    assert!(screen.text().contains("how many   "), "{}", screen.text());
    screen.keys("yq");
    assert_eq!(screen.effects, []);
    screen.keys("k");
    assert!(screen.selected_path().is_some_and(|path| path.ends_with("000001")), "{}", screen.text());
    screen.keys("tF");
    assert_eq!(at(&screen), Some(5), "{}", screen.text());
    // What is left out of a list that began anew is still left out.
    screen.keys("/pid:311\r");
    screen.kernel_filters(0);
    screen.keys("\x12\x1b");
    screen.reading(&[], Totals { opens: 300, filtered: 200, ..Totals::default() });
    assert!(screen.text().contains("kernel leaves out 70 opens that do not match pid:311"), "{}", screen.text());
}

#[test]
fn the_prompt_says_which_part_of_the_filter_the_kernel_will_do() {
    // Where there is less room, how many match is said in short.
    for width in [120, 86, 62] {
        let mut screen = Screen::busy(width, 24);
        screen.keys("/uid:33 nginx");
        assert!(
            screen.line(22).contains("on Enter the kernel leaves out all but uid:33") == (width == 120),
            "{}",
            screen.line(22)
        );
        assert!(
            screen.line(22).contains("on Enter the history gets only uid:33") == (width < 120),
            "{}",
            screen.line(22)
        );
        screen.keys("\x15nginx");
        assert!(!screen.line(22).contains("kernel"), "{}", screen.line(22));
    }
}

#[test]
fn the_prompt_completes_and_tells_a_glob() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("/err:eno\t");
    assert!(screen.line(23).starts_with("ENOENT ENOEXEC ENOMEM"), "{}", screen.line(23));
    screen.keys("e\tn\t");
    assert_eq!(screen.line(22).split("  ").next(), Some("/ err:ENOENT▏"));
    screen.keys("\x15file:/etc/*.conf");
    assert!(screen.line(23).contains(r"did you mean ^/etc/[^/]*\.conf$ ?"), "{}", screen.line(23));
    screen.keys("\x15(nginx OR");
    assert!(screen.line(23).contains("is not closed") || screen.line(23).contains("OR needs"), "{}", screen.line(23));
    screen.keys(" postgres) err:any\r");
    assert_eq!(screen.app.line, "(nginx OR postgres) err:any");
    screen.keys("xc");
    assert_eq!(screen.app.line, "(nginx OR postgres) err:any !comm:=nginx");
}

#[test]
fn what_is_selected_is_included_and_excluded() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("xc");
    assert_eq!(screen.app.line, "!comm:=postgres");
    screen.keys("fp");
    assert_eq!(screen.app.line, "!comm:=postgres pid:2714");
    screen.keys("=\tx");
    assert_eq!(screen.app.line, "!pid:2714");
}

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
fn the_footer_tells_the_way_out() {
    let mut screen = Screen::busy(80, 24);
    let footer = |screen: &Screen| screen.line(23);
    assert!(!footer(&screen).contains("Esc") && !footer(&screen).contains("follow"), "{}", footer(&screen));
    screen.keys("k");
    assert!(footer(&screen).starts_with("q quit  ? help  F follow  / filter  Space pause"), "{}", footer(&screen));
    screen.keys("\t");
    assert!(footer(&screen).starts_with("q quit  ? help  / filter  Space pause  Enter"), "{}", footer(&screen));
    screen.keys("\t ");
    assert!(footer(&screen).starts_with("q quit  ? help  / filter  Space go on"), "{}", footer(&screen));
    screen.keys(" /nginx\r");
    let expected = "q quit  ? help  / filter  Space pause  Esc no filter  Enter details";
    assert!(footer(&screen).starts_with(expected), "{}", footer(&screen));
    screen.keys("\t\r");
    assert!(footer(&screen).contains("Esc all again"), "{}", footer(&screen));
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
fn q_closes_a_popup_first_and_control_c_always_quits() {
    for popup in ["?", "\r", "f"] {
        let mut screen = Screen::busy(80, 24);
        screen.keys(popup).keys("q");
        assert_eq!(screen.effects, [], "{popup:?}");
        screen.keys("q");
        assert_eq!(screen.effects, [Effect::End(Ended::Quit)], "{popup:?}");
    }
    for mode in ["", "?", "\r", "f", "/", "/ab"] {
        let mut screen = Screen::busy(80, 24);
        screen.keys(mode).keys("\x03");
        assert_eq!(screen.effects, [Effect::End(Ended::Quit)], "{mode:?}");
    }
}

#[test]
fn neither_a_paste_nor_escape_nor_control_q_quits() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("\x1b[200~q\rq\x1b[201~").keys("\x1b\x1b\x1b").keys("\x11");
    assert_eq!(screen.effects.iter().filter(|effect| matches!(effect, Effect::End(_))).count(), 0);
}

#[test]
fn the_filter_history_comes_back() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("/one\r/\x15two\r/\x15\x1b[A\x1b[A\r");
    assert_eq!(screen.app.line, "one");
}

#[test]
fn how_it_ends() {
    for (event, ended) in [
        (Event::Input(Input::Gone), Ended::Gone),
        (Event::Input(Input::Signal(15)), Ended::Signal(15)),
        (Event::Message(Message::Failed("broken".into())), Ended::Failed("broken".into())),
    ] {
        let mut screen = Screen::busy(80, 24);
        screen.update(event);
        assert_eq!(screen.effects, [Effect::End(ended)]);
    }
    let mut screen = Screen::busy(80, 24);
    screen.update(Event::Message(Message::End));
    screen.update(Event::SourceLost);
    assert_eq!(screen.effects, []);
    assert!(screen.line(0).contains("ENDED"));
    let mut screen = Screen::busy(80, 24);
    screen.update(Event::SourceLost);
    assert!(matches!(screen.effects[..], [Effect::End(Ended::Failed(_))]));
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
fn the_copy_is_of_the_path_and_the_selection_may_be_in_a_popup() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("k\ry");
    assert_eq!(screen.effects, [Effect::Copy("/etc/shadow".into())]);
}

#[test]
fn the_mouse_selects_only_where_rows_are() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("\x1b[<0;5;8M");
    assert_eq!(screen.selected_path().as_deref(), Some("/var/www/index.html"));
    screen.keys("\x1b[<0;5;5M");
    assert_eq!(screen.app.focus, Focus::Openers);
    screen.keys("\x1b[<0;5;1M\x1b[<0;500;500M");
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

#[test]
fn the_rate_of_the_host_never_becomes_that_of_a_filter() {
    let mut screen = Screen::busy(120, 24);
    assert!(screen.line(0).contains(" 1,204 opens/s  "), "{}", screen.line(0));
    screen.keys("/pid:311\r");
    screen.kernel_filters(0);
    let totals = Totals { opens: 3204, delivered: 1304, filtered: 1900, ..Totals::default() };
    screen.reading(&[(311, "postgres", 0, 490, 40)], totals);
    assert!(screen.line(0).contains(" 2,000 opens/s on the host, 100 match  "), "{}", screen.line(0));
}

#[test]
fn the_help_is_searched() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("?/OWN cpuq");
    assert!(screen.text().contains("nothing has this word"));
    screen.keys("\x7f\r");
    assert!(screen.text().contains("own cpu") && !screen.text().contains("this help"));
    screen.keys("/\x1b");
    assert!(screen.text().contains("this help"));
    screen.keys("q/");
    assert!(matches!(screen.app.mode, Mode::Prompt(_)));
}

#[test]
fn what_is_selected_in_the_ranking_is_included_too() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("\tjf");
    assert_eq!(screen.app.line, "pid:311");
    screen.keys("x");
    assert_eq!(screen.app.line, "!pid:311");
    screen.effects.clear();
    screen.keys("\x1bgy");
    assert_eq!(screen.effects.last(), Some(&Effect::Copy("nginx".into())));
}

#[test]
fn a_filter_to_start_with_is_in_force_at_once() {
    let setup = Setup { filter: "err:any".into(), ..setup() };
    let mut screen = Screen::with(setup, 80, 24);
    screen.opens(&super::fixture::usual());
    assert_eq!(screen.paths().len(), 2);
    assert!(super::App::new(Setup { filter: "(".into(), ..self::setup() }, Size::new(1, 1)).is_err());
}

#[test]
fn latencies_are_shown_once_an_event_has_one() {
    let mut screen = Screen::busy(120, 24);
    assert!(!screen.text().contains("P50") && !screen.text().contains("LATENCY"));
    let latency = Some(std::time::Duration::from_micros(150));
    screen.opens(&super::fixture::usual().into_iter().map(|event| OpenEvent { latency, ..event }).collect::<Vec<_>>());
    screen.second(&[(2714, "nginx", 33, 815, 1), (311, "postgres", 0, 392, 40)]);
    assert!(screen.text().contains("P50") && screen.text().contains("LATENCY"), "{}", screen.text());
    let nginx = screen.app.ranking.rows().iter().find(|row| row.comm == b"nginx");
    assert!(nginx.is_some_and(|row| row.opens == 815 && row.latency.is_some_and(|(p50, _)| p50 >= 150_000)));
}

#[test]
fn a_filter_that_the_kernel_does_keeps_the_counts_exact() {
    let setup = Setup { filter: "pid:311".into(), filter_in_kernel: true, ..setup() };
    let mut screen = Screen::with(setup, 80, 24);
    screen.second(&[(311, "postgres", 0, 392, 40)]);
    assert!(screen.line(2).contains("(exact)") && screen.line(3).contains("392"), "{}", screen.text());
    screen.keys("/ x\r");
    assert!(screen.line(2).contains("from 0 events"), "{}", screen.line(2));
}

#[test]
fn a_key_asks_for_look_ups_and_the_hooks_tell_what_came_of_it() {
    let mut screen = Screen::busy(120, 30);
    screen.keys("/err:any\r");
    assert!(screen.text().contains("stat, access not shown (a)"), "{}", screen.text());
    screen.keys("a");
    assert_eq!(screen.effects.last(), Some(&Effect::Lookups(true)));
    let hooks = screen.app.setup.hooks.clone();
    screen.update(Event::Message(Message::Hooks(Hooks { lookups: true, ..hooks.clone() })));
    assert!(!screen.text().contains("not shown (a)") && screen.text().contains("counted apart from opens"));
    screen.keys("a");
    assert_eq!(screen.effects.last(), Some(&Effect::Lookups(false)));
    let unseen = vec![Unseen { what: LOOKUPS, why: "no such thing".into() }];
    screen.update(Event::Message(Message::Hooks(Hooks { unseen, ..hooks })));
    assert!(screen.text().contains("cannot be seen here: no such thing"), "{}", screen.text());
}

#[test]
fn a_search_goes_on_from_look_ups_to_the_open_and_no_look_up_is_an_opener() {
    let mut screen = Screen::with(Setup { group: Group::File, ..setup() }, 120, 30);
    let mut batch = Batch::default();
    for (path, op, ret) in [("/a/x.conf", Op::Access, -2), ("/b/x.conf", Op::Stat, -2), ("/c/x.conf", Op::Openat, 3)] {
        batch.push(&OpenEvent { path: path.as_bytes(), name: path.as_bytes(), op, ret, ..sample() });
    }
    screen.update(Event::Message(Message::Opens(batch)));
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

/// A replay is asked for things by keys, and what it tells becomes the screen.
#[test]
fn a_replay_is_controlled_by_keys() {
    use crate::message::{Playback, PlaybackCommand};
    let mut screen = Screen::with(Setup { replay: Some("f.zst".into()), ..setup() }, 120, 24);
    let playback = Playback {
        at_ns: 12_000_000_000,
        length_ns: Some(300_000_000_000),
        first_ns: sample().ts_ns,
        speed: 2.0,
        seekable: true,
        ..Playback::default()
    };
    screen.update(Event::Message(Message::Playback(playback)));
    screen.open_paths(&numbered(0, 30));
    assert!(screen.line(0).contains("00:12/05:00 x2"), "{}", screen.line(0));
    screen.keys(" ][");
    let paused = Playback { paused: true, ..playback };
    screen.update(Event::Message(Message::Playback(paused)));
    screen.keys(".");
    let play = Effect::Play;
    let asked = [PlaybackCommand::Pause(true), PlaybackCommand::Faster, PlaybackCommand::Slower, PlaybackCommand::Step];
    assert_eq!(screen.effects, asked.map(play));
    assert!(screen.line(0).contains("PAUSED") && screen.line(23).contains("go on"), "{}", screen.text());
    // F goes on as Space does.
    screen.keys("F");
    assert_eq!(screen.effects.pop(), Some(play(PlaybackCommand::Pause(false))));
    // Ten seconds before the end.
    screen.effects.clear();
    screen.keys("H\x1b[F-10s\r");
    let Some(Effect::Play(PlaybackCommand::Seek(to))) = screen.effects.pop() else { panic!("{:?}", screen.effects) };
    assert_eq!(to / 1_000_000_000, 290);
    screen.update(Event::Message(Message::Playback(Playback { at_ns: to, from_ns: to, seeks: 1, ..playback })));
    assert!(screen.paths().is_empty() && screen.line(0).contains("from 04:50 on"), "{}", screen.text());
    // What has ended cannot be paused, and no key says that it were.
    screen.update(Event::Message(Message::End));
    assert!(screen.keys(" ").line(23).contains("nothing to pause") && !screen.app.paused, "{}", screen.text());
    // A pipe has no other place.
    screen.update(Event::Message(Message::Playback(Playback { seekable: false, seeks: 1, ..playback })));
    screen.open_paths(&numbered(0, 3));
    assert!(screen.keys("'").app.marks.len() == 1 && screen.keys("'").app.marks.is_empty());
}

#[test]
fn a_key_that_does_nothing_says_so_until_another_view_has_keys_of_its_own() {
    let mut screen = Screen::new(80, 24);
    screen.open_paths(&numbered(0, 3));
    let text = screen.keys("u").text();
    assert!(text.contains("u does nothing here: ? shows the keys, q quits"), "{text}");
    let text = screen.keys("?").text();
    assert!(!text.contains("does nothing") && text.contains("q close"), "{text}");
    // What is said about the new view stays.
    let text = screen.keys("qo").text();
    assert!(text.contains("there is no command"), "{text}");
}
