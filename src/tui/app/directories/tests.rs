use super::*;
use crate::event::{OpenEvent, sample};
use crate::tui::app::fixture::{Screen, numbered, setup};
use crate::tui::app::{Answer, Event, Question, Setup};

fn rows(screen: &Screen) -> Vec<String> {
    let area = screen.app.tree_area().unwrap();
    let lines = (area.y + 1..area.bottom()).map(|y| screen.line(usize::from(y)));
    let words = |line: String| line.split_whitespace().collect::<Vec<_>>().join(" ");
    lines.filter(|line| !line.is_empty()).map(words).collect()
}

fn head(screen: &Screen) -> String {
    screen.line(usize::from(screen.app.tree_area().unwrap().y))
}

fn open(path: &'static str) -> OpenEvent<'static> {
    OpenEvent { path: path.as_bytes(), name: path.as_bytes(), cgroup: 0, ..sample() }
}

#[test]
fn enter_goes_in_and_backspace_goes_up_to_where_one_was() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("D");
    assert_eq!(rows(&screen), ["> - 4 1 25.0 var/", "- 1 1 100 etc/"], "{}", screen.text());
    screen.keys("\r");
    assert_eq!(rows(&screen), ["> - 2 1 50.0 lib/", "- 2 0 0 www/"], "{}", screen.text());
    screen.keys("j\x1b[C");
    assert_eq!(rows(&screen), ["> - 1 0 0 html/", "- 1 0 0 index.html"], "{}", screen.text());
    assert!(head(&screen).contains("IN /var/www"), "{}", screen.text());
    // A file is nothing to go into.
    screen.keys("j\r");
    assert!(screen.text().contains("no directory that anything"), "{}", screen.text());
    screen.keys("\x7f");
    assert_eq!(rows(&screen)[1], "> - 2 0 0 www/", "{}", screen.text());
    screen.keys("\x1b[D\x1b[D");
    assert_eq!(rows(&screen)[0], "> - 4 1 25.0 var/", "{}", screen.text());
    screen.keys("D");
    assert!(matches!(screen.app.mode, Mode::Browse));
    screen.keys("D\x1b");
    assert!(matches!(screen.app.mode, Mode::Browse));
}

#[test]
fn rows_are_sorted_as_those_of_the_ranking_and_stay_so_on_the_way() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("D");
    assert!(head(&screen).contains("TOTAL▼"), "{}", screen.text());
    screen.keys("s");
    assert_eq!(
        (&*rows(&screen)[0], head(&screen).contains("FAILED▼")),
        ("> - 4 1 25.0 var/", true),
        "{}",
        screen.text()
    );
    screen.keys("s");
    assert_eq!((&*rows(&screen)[0], head(&screen).contains("FAIL%▼")), ("> - 1 1 100 etc/", true), "{}", screen.text());
    screen.keys("I");
    assert_eq!(rows(&screen)[0], "> - 4 1 25.0 var/", "{}", screen.text());
    screen.keys("s\r\x7f");
    assert!(head(&screen).contains("IN▲"), "{}", screen.text());
    assert_eq!(rows(&screen)[1], "- 4 1 25.0 var/", "{}", screen.text());
}

/// What comes while it is counted is counted once; look-ups are no opens.
#[test]
fn what_comes_is_counted_once_and_the_filter_holds() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("/!err:EACCES\r");
    screen.worker(true);
    screen.keys("D");
    let new = open("/var/new");
    screen.opens(&[new]);
    screen.worker(false);
    assert_eq!(rows(&screen), ["> - 5 1 20.0 var/"], "{}", screen.text());
    assert!(head(&screen).ends_with("from 5 events, filtered"), "{}", screen.text());
    screen.second(&[]);
    let lookup = OpenEvent { op: crate::event::Op::Stat, ..new };
    screen.opens(&[new, lookup, OpenEvent { ret: -libc::EACCES, ..new }]);
    screen.second(&[]);
    assert_eq!(rows(&screen), ["> 1.0 6 1 16.7 var/"], "{}", screen.text());
}

#[test]
fn it_says_how_much_of_all_it_counts_and_a_pause_holds_it_still() {
    let mut screen = Screen::new(80, 24);
    // The fixture keeps a thousand.
    screen.open_paths(&numbered(0, 3000));
    screen.keys("D");
    assert!(head(&screen).ends_with("from 1,000 of 3,000 events"), "{}", screen.text());
    screen.keys(" ");
    let before = rows(&screen);
    screen.open_paths(&numbered(3000, 10));
    screen.second(&[]);
    assert_eq!(rows(&screen), before);
    screen.keys(" ");
    assert!(head(&screen).ends_with("from 1,000 of 3,010 events"), "{}", screen.text());
    // Of what was let go before the filter came nobody knows whether it matches.
    screen.keys("q/file-30\rD");
    assert!(head(&screen).ends_with("from 1,000 of 3,010 events, filtered"), "{}", screen.text());
}

/// Answers as the inquirer would: process 1 has the mounts of this host, 2 others, all the rest are gone.
fn answer(screen: &mut Screen) {
    for question in std::mem::take(&mut screen.questions) {
        let answer = match question {
            Question::Mounts => {
                let list = b"1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / /home rw - nfs4 b rw\n";
                Answer::Mounts(Ok(Arc::new(Mounts::parse(list))))
            }
            Question::SharesMounts(ids) => {
                let shares = |pid| if pid < 3 { Some(pid == 1) } else { None };
                Answer::SharesMounts(ids.into_iter().map(|id| (id, shares(id.0))).collect())
            }
            _ => continue,
        };
        screen.update(Event::Answered(answer));
    }
}

#[test]
fn by_mount_it_is_said_what_is_not_of_this_hosts_mounts() {
    let mut screen = Screen::new(80, 24);
    let of = |pid, path| OpenEvent { pid, start_ns: 7, ..open(path) };
    screen.opens(&[of(1, "/home/a"), of(1, "/home/b"), of(1, "/home/c"), of(1, "/etc/a"), of(1, "/etc/b")]);
    screen.opens(&[of(2, "/etc/passwd"), of(3, "/home/x/y"), of(3, "/home/x/z")]);
    screen.keys("Dm");
    assert!(screen.text().contains("asking /proc"), "{}", screen.text());
    // Nobody heard the question: it is asked again.
    screen.questions.clear();
    screen.second(&[]);
    answer(&mut screen);
    assert_eq!(rows(&screen), ["> - 8 0 0 (not looked at yet)"], "{}", screen.text());
    screen.second(&[]);
    answer(&mut screen);
    let expected = [
        "> - 3 0 0 nfs4 /home",
        "- 2 0 0 ext4 /",
        "- 2 0 0 nfs4? /home (process gone)",
        "- 1 0 0 (other mounts or root)",
    ];
    assert_eq!(rows(&screen), expected, "{}", screen.text());
    screen.keys("\x1b[B\x1b[B\r");
    assert!(head(&screen).contains("IN /home"), "{}", screen.text());
    assert_eq!(rows(&screen)[0], "> - 2 0 0 x/", "{}", screen.text());
}

#[test]
fn of_a_recording_no_mounts_are_known() {
    let why = Some("not known: this is a recording");
    let mut screen = Screen::with(Setup { hidden_processes: why, ..setup() }, 80, 24);
    screen.opens(&[open("/home/a")]);
    screen.keys("Dm");
    screen.second(&[]);
    assert!(screen.text().contains("not known: this is a recording"), "{}", screen.text());
    assert_eq!(screen.questions, []);
    screen.keys("m");
    assert_eq!(rows(&screen), ["> - 1 0 0 home/"], "{}", screen.text());
}

/// The filter is typed, picked and taken back there, and what is written and copied is of the row.
#[test]
fn the_filter_holds_there_as_it_is_typed() {
    let mut screen = Screen::busy(80, 24);
    screen.keys("D/nginx");
    assert_eq!(rows(&screen), ["> - 2 0 0 var/", "- 1 1 100 etc/"], "{}", screen.text());
    screen.opens(&[OpenEvent { comm: b"nginx", ..open("/var/new") }]);
    assert_eq!(rows(&screen)[0], "> - 3 0 0 var/", "{}", screen.text());
    screen.keys("zz");
    assert!(screen.text().contains("no open here matches"), "{}", screen.text());
    screen.keys("\x1b");
    assert_eq!(rows(&screen), ["> - 5 1 20.0 var/", "- 1 1 100 etc/"], "{}", screen.text());
    screen.keys("x");
    assert_eq!(rows(&screen), ["> - 1 1 100 etc/"], "{}", screen.text());
    assert!(screen.line(22).contains("!file:(?-iu)^/var(/|$)"), "{}", screen.text());
    screen.keys("/\x15\rjf\ry");
    assert_eq!(screen.effects.last(), Some(&Effect::Copy("/etc/shadow".into())));
    assert!(screen.line(22).contains("file:(?-iu)^/etc(/|$)"), "{}", screen.text());
    // Of the directory itself nothing below it.
    screen.opens(&[open("/etc"), open("/etc")]);
    screen.keys("kf");
    assert_eq!(rows(&screen), ["> - 2 0 0 . (itself)"], "{}", screen.text());
}

/// A key that acts on the panels says so, in each view that lies over them; a popup goes back to it.
#[test]
fn a_key_of_the_panels_says_so() {
    for (view, keys) in [("D", "nNtbC\t123d"), ("T", "nNtbC\t123fxy/ws"), ("H", "tbC\t/fxyw")] {
        let mut screen = Screen::busy(80, 24);
        screen.keys(view);
        let before = std::mem::discriminant(&screen.app.mode);
        for key in keys.chars() {
            screen.keys(&key.to_string());
            let said = screen.line(23);
            assert!(said.contains("is for the panels: q goes back to them"), "{view} {key:?}: {said}");
            screen.app.status = None;
        }
        screen.keys("?");
        assert!(matches!(screen.app.mode, Mode::Help { .. }), "{view}");
        screen.keys("qj");
        assert_eq!(std::mem::discriminant(&screen.app.mode), before, "{view}");
        screen.keys("q");
        assert!(matches!(screen.app.mode, Mode::Browse), "{view}");
    }
}
