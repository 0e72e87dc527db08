//! The filter: typed, picked, done by the kernel, given from the start.

use ratatui::layout::Size;

use crate::event::OpenEvent;
use crate::message::{Lost, Totals};
use crate::tui::app::fixture::{Screen, setup};
use crate::tui::app::{App, Effect, Setup};

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
fn the_filter_history_comes_back() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("/one\r/\x15two\r/\x15\x1b[A\x1b[A\r");
    assert_eq!(screen.app.line, "one");
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
fn only_what_the_whole_filter_holds_for_is_said_to_match() {
    let mut screen = Screen::busy(140, 24);
    // The kernel lets all failed opens through, and one of them matches.
    screen.keys("/err:ENOENT nginx\r");
    screen.kernel_filters(0);
    let totals = Totals { opens: 3204, failed: 1041, delivered: 2204, filtered: 1000, ..Totals::default() };
    screen.reading(&[(2714, "nginx", 33, 812, 1)], totals);
    let usual = crate::tui::app::fixture::usual();
    let missing = OpenEvent { ret: -libc::ENOENT, comm: b"nginx", leader_comm: b"nginx", ..usual[0] };
    screen.opens(&[missing, OpenEvent { comm: b"bash", leader_comm: b"bash", path: b"/x", ..missing }]);
    let totals = Totals { opens: 6204, failed: 2041, delivered: 3204, filtered: 3000, ..Totals::default() };
    screen.reading(&[(2714, "nginx", 33, 812, 1)], totals);
    assert!(screen.line(0).contains(" 3,000 opens/s on the host, 1.0 match  failed 100%"), "{}", screen.line(0));
    // What is lost may have matched.
    let lost = Lost { ring: 9, ..Lost::default() };
    screen.reading(&[(2714, "nginx", 33, 812, 1)], Totals { lost, ..totals });
    assert!(screen.line(0).contains(" on the host, at least 0 match"), "{}", screen.line(0));
    // Of a filter that the kernel does nothing of the rate is no other.
    screen.keys("/\x15nginx\r");
    assert!(screen.line(0).contains(" opens/s on the host, - match  failed"), "{}", screen.line(0));
    screen.reading(&[(2714, "nginx", 33, 812, 1)], Totals { opens: 7204, ..totals });
    assert!(screen.line(0).contains(" opens/s on the host, 0 match  "), "{}", screen.line(0));
}

#[test]
fn that_no_latency_is_known_is_said() {
    let mut screen = Screen::busy(100, 24);
    screen.keys("/lat:>1ms\r");
    assert!(screen.text().contains("lat: finds nothing: of no open so far"), "{}", screen.text());
    let mut screen = Screen::busy(100, 24);
    let latency = Some(std::time::Duration::from_millis(2));
    screen.opens(&[OpenEvent { latency, ..crate::event::sample() }]);
    screen.keys("/lat:>1ms\r");
    assert!(!screen.text().contains("lat: finds nothing"), "{}", screen.text());
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
    screen.opens(&crate::tui::app::fixture::usual());
    assert_eq!(screen.paths().len(), 2);
    assert!(App::new(Setup { filter: "(".into(), ..self::setup() }, Size::new(1, 1)).is_err());
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
