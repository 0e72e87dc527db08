//! What lies over the panels: views, popups, prompts.

use std::sync::Arc;

use super::at_every_size;
use crate::event::{Batch, OpenEvent, ProcessName, sample};
use crate::message::Message;
use crate::names::mounts::Mounts;
use crate::tui::app::choice::{Chosen, Columns, Table, Times};
use crate::tui::app::fixture::{Screen, setup, usual};
use crate::tui::app::{Answer, CommandEvent, Event, Setup};

#[test]
fn report() {
    at_every_size("report", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("R");
        screen
    });
}

#[test]
fn directories() {
    at_every_size("directories", |width, height| {
        let mut screen = Screen::busy(width, height);
        let open = |path| OpenEvent { path, name: path, ..sample() };
        let long = [b"/var/".as_slice(), &b"long-".repeat(48), b"/x"].concat();
        let paths: [&[u8]; 4] =
            [b"/var/evil\x1b[2J\xe2\x80\xae\xff/x", &long, b"/var/\xe6\xbc\xa2\xe5\xad\x97", b"/var"];
        screen.opens(&paths.map(open));
        screen.keys("D\r");
        screen.second(&[]);
        screen.opens(&[open(b"/var/lib/x")]);
        screen.second(&[]);
        screen
    });
}

/// What is mounted under a hostile name, with processes of every sort.
#[test]
fn mounts() {
    at_every_size("mounts", |width, height| {
        let mut screen = Screen::busy(width, height);
        let of = |pid, path| OpenEvent { pid, start_ns: 7, path, name: path, cgroup: 0, ..sample() };
        screen.opens(&[of(1, b"/e\x1b[2Jvil/f"), of(2, b"/etc/passwd"), of(3, b"relative")]);
        screen.keys("Dm");
        let list = "1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / /var/www rw - nfs4 b rw\n\
                    3 1 0:3 / /e\x1b[2Jvil rw - fuse.\u{202e} c rw\n";
        let mounts = Arc::new(Mounts::parse(list.as_bytes()));
        screen.update(Event::Answered(Answer::Mounts(Ok(mounts))));
        let seen = [(1, Some(true)), (2, Some(false)), (2714, Some(true)), (311, None)];
        let seen = seen.map(|(pid, shares)| ((pid, 7), shares));
        screen.update(Event::Answered(Answer::SharesMounts(seen.to_vec())));
        screen.opens(&[of(4, b"/etc/passwd")]);
        screen
    });
}

#[test]
fn a_name_to_write_to() {
    at_every_size("write", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("wevil\u{202e}.csv");
        screen
    });
}

/// A command at work, and what it has printed.
fn with_command(width: u16, height: u16, output: &str) -> Screen {
    let mut screen = Screen::with(Setup { command: Some("make (2714)".into()), ..setup() }, width, height);
    screen.update(Event::Command(CommandEvent::Output(output.into())));
    screen
}

/// What a command prints is shown as it stands on its terminal, hostile or not.
#[test]
fn command() {
    at_every_size("command", |width, height| {
        let output = "cc -c main.c\r\n\x1b[1;31mmain.c:7: error:\x1b[m 漢字 \u{202e}tfel\r\n\x1b[2;30Hat 30\x1b[5;1H$ ";
        let mut screen = with_command(width, height, output);
        screen.keys("o\r");
        screen
    });
}

#[test]
fn command_that_has_ended() {
    at_every_size("command_ended", |width, height| {
        let lines: String = (0..60).map(|n| format!("line {n}\r\n")).collect();
        let mut screen = with_command(width, height, &lines);
        screen.update(Event::Command(CommandEvent::Ended("make (2714) ended with status 2 after 12.3 s".into())));
        screen.keys("ok");
        screen
    });
}

/// The menu, and what is left of the list behind it once it is closed.
#[test]
fn columns_menu() {
    at_every_size("columns_menu", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("Cjj >+++");
        screen
    });
}

#[test]
fn help_searched() {
    at_every_size("help_searched", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("?/miss");
        screen
    });
}

#[test]
fn help() {
    at_every_size("help", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("?");
        screen
    });
}

#[test]
fn details() {
    at_every_size("details", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("k\r");
        screen
    });
}

#[test]
fn include() {
    at_every_size("include", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("k\rqxj");
        screen
    });
}

#[test]
fn a_process_in_full() {
    use crate::names::process::{Descriptors, Identity, Unknown};
    at_every_size("a_process_in_full", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("2d");
        let identity = Identity {
            comm: b"ng\x1b[31m".to_vec(),
            command_line: Ok(b"nginx\0-c\0/etc/\xe2\x80\xaegpj.exe\0\x1b]0;owned\x07\0".to_vec()),
            cut: true,
            executable: Ok(b"/usr/sbin/nginx (deleted)".to_vec()),
            directory: Err(Unknown::NotPermitted),
            cgroup: Ok(b"/system.slice/nginx.service".to_vec()),
            descriptors: Ok(Descriptors { open: 812, limit: None }),
            threads: 4,
            start_ns: 7,
            parents: vec![(50, b"line\nfeed".to_vec()), (1, b"systemd".to_vec())],
        };
        let answer = Answer::Who { id: (2714, 7), identity: Some(Box::new(identity)) };
        screen.update(Event::Answered(answer));
        screen
    });
}

/// What is there of a process is what the recording tells, whatever that is.
#[test]
fn a_process_of_a_recording() {
    at_every_size("a_process_of_a_recording", |width, height| {
        let (replay, why) = (Some("a.jsonl.zst".to_owned()), Some("not known: this is a recording"));
        let mut screen = Screen::with(Setup { replay, hidden_processes: why, ..setup() }, width, height);
        let event = sample();
        let OpenEvent { source, pid, start_ns, ppid, .. } = event;
        let (exe, parent) =
            (Some(b"/usr/bin/\x1b]0;owned\x07c\xe2\x80\xaetac\xff".to_vec()), Some(b"line\nfeed".to_vec()));
        let mut batch = Batch::default();
        batch.name_process(ProcessName { source, pid, start_ns, ppid, exe, parent });
        batch.push(&event);
        screen.update(Event::Message(Message::Opens(batch)));
        screen.keys("\r");
        screen
    });
}

#[test]
fn tree() {
    at_every_size("tree", |width, height| {
        let mut screen = Screen::busy(width, height);
        crate::tui::app::tree::forest(&mut screen);
        screen.keys("Tj");
        screen
    });
}

/// Opens over time, of a host whose names are hostile, too: none of them is part of it.
#[test]
fn timeline() {
    at_every_size("timeline", |width, height| {
        let mut screen = Screen::busy(width, height);
        let first = sample();
        for n in 0..200u64 {
            let after = n * n * 1_000_000;
            let ret = if n % 10 == 0 { -2 } else { 3 };
            screen.opens(&[OpenEvent {
                ts_ns: first.ts_ns + after,
                time_ns: first.time_ns + after,
                ret,
                path: b"/a\x1b[2J\xe2\x80\xae",
                ..first
            }]);
        }
        screen.keys("H'\x1b[D\x1b[D\x1b[D");
        screen
    });
}

#[test]
fn filter_error() {
    at_every_size("filter_error", |width, height| {
        let mut screen = Screen::busy(width, height);
        screen.keys("/nginx wrong:1");
        screen
    });
}

#[test]
fn columns_chosen() {
    at_every_size("columns_chosen", |width, height| {
        let columns = Columns {
            events: Some(Chosen::parse("path,rw,time,comm:6", Table::Events).unwrap()),
            ranking: Some(Chosen::parse("name,failed,rate", Table::Ranking).unwrap()),
            times: Times::Between,
        };
        let mut screen = Screen::with(Setup { columns, ..setup() }, width, height);
        let hostile = b"/tmp/a\x1b[2J\nb\xff\xe2\x80\xae";
        screen.opens(&usual());
        screen.opens(&[OpenEvent { path: hostile, name: hostile, comm: b"e\x1b[31m", ..sample() }]);
        screen.second(&[(7, "e\x1b[31m", 33, 2, 0), (311, "postgres", 0, 390, 40)]);
        screen
    });
}
