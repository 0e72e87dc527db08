use std::cell::Cell;

use crossbeam_channel::unbounded;

use super::*;
use crate::event::{OpenEvent, sample};
use crate::message::{Counts, Lost, Message, ProcessCount};
use crate::output::lines::{Ended, consume};
use crate::output::tests::Closed;
use crate::output::{Csv, Json, Text};

const START: Moment = Moment { ts_ns: 1_000_000_000, time_ns: 1_767_323_045_000_000_000 };

fn reading(seconds: u64, processes: &[(u32, &str, u64, u64)], ring: u64) -> Message {
    let process = |&(pid, comm, opens, failed): &(u32, &str, u64, u64)| ProcessCount {
        source: crate::event::Source::HERE,
        pid,
        start_ns: 1,
        ppid: 1,
        uid: 0,
        comm: comm.into(),
        opens,
        failed,
        cgroups: Default::default(),
        ended: false,
    };
    let sum = |of: fn(&(u32, &str, u64, u64)) -> u64| processes.iter().map(of).sum::<u64>();
    Message::Counts(Counts {
        ts_ns: START.ts_ns + seconds * 1_000_000_000,
        processes: processes.iter().map(process).collect(),
        totals: Totals {
            opens: sum(|process| process.2),
            failed: sum(|process| process.3),
            delivered: sum(|process| process.2) - ring,
            lost: Lost { ring, ..Lost::default() },
            ..Totals::default()
        },
        ..Counts::default()
    })
}

fn opens(paths: &[&[u8]]) -> Message {
    let mut batch = Batch::default();
    for path in paths {
        let times = OpenEvent { ts_ns: START.ts_ns, time_ns: START.time_ns, ..sample() };
        batch.push(&OpenEvent { path, name: path, ..times });
    }
    Message::Opens(batch)
}

fn order(group: Group, filter: &Filter) -> Order<'_> {
    Order { group, sort: Sort::Total, filter, filtered_in_kernel: false, scoped: false }
}

/// Gives `messages` to the tables, which are written in the form that `form` makes of the bytes' place.
#[track_caller]
fn written<'a, O: TableOutput>(
    form: fn(&'a mut Vec<u8>) -> O,
    bytes: &'a mut Vec<u8>,
    order: Order<'_>,
    start: Option<Moment>,
    messages: Vec<Message>,
) {
    let mut output = form(bytes);
    let (sender, received) = unbounded();
    messages.into_iter().chain([Message::End]).for_each(|message| sender.send(message).unwrap());
    let mut tables = Tables::new(&mut output, order, Names::without_users(), "syscall exit", start);
    let ended = consume(&mut tables, None, &received, &|| {}).unwrap();
    assert_eq!(ended, Ended::Done);
}

#[track_caller]
fn text(order: Order<'_>, start: Option<Moment>, messages: Vec<Message>) -> String {
    let mut bytes = Vec::new();
    written(Text::new, &mut bytes, order, start, messages);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn processes_are_ranked_by_what_the_kernel_counted() {
    let first = reading(1, &[(7, "cat", 10, 5), (8, "nginx", 90, 0)], 0);
    // Only nginx opened something since.
    let second = reading(3, &[(7, "cat", 10, 5), (8, "nginx", 290, 0)], 150);
    let shown = text(order(Group::Process, &Filter::default()), Some(START), vec![first, second]);
    let expected = "\
2026-01-02T03:04:06Z 100.0 opens/s, 5.0% failed, 0 dropped; top by process, exact
    PID USER            OPENS/s       TOTAL    FAILED  FAIL%  COMMAND
      8 0                  90.0          90         0    0.0  nginx
      7 0                  10.0          10         5   50.0  cat

# lost 150 (ring)
2026-01-02T03:04:08Z 100.0 opens/s, 0.0% failed, 150 dropped; top by process, exact
    PID USER            OPENS/s       TOTAL    FAILED  FAIL%  COMMAND
      8 0                 100.0         290         0    0.0  nginx

";
    let (tables, summary) = shown.split_at(shown.rfind("# ").unwrap());
    assert_eq!(tables, expected);
    assert!(summary.starts_with("# opens 300, failed 5, delivered 150, dropped 150"), "{summary}");
}

#[test]
fn files_are_ranked_by_the_events_and_that_is_said() {
    let messages = vec![opens(&[b"/a", b"/b", b"/b"]), reading(1, &[(100, "cat", 3, 0)], 0)];
    let shown = text(order(Group::File, &Filter::default()), Some(START), messages);
    assert!(shown.contains("top by file, from 3 events\n"), "{shown}");
    let rows: Vec<_> = shown.lines().skip(2).take(2).map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(rows, [["2.0", "2", "0", "0.0", "/b"], ["1.0", "1", "0", "0.0", "/a"]]);
}

#[test]
fn nothing_is_called_exact_where_processes_found_no_room() {
    let overflown = || match reading(1, &[(7, "cat", 10, 5)], 0) {
        Message::Counts(mut counts) => {
            counts.totals.lost.overflow = 4;
            counts.totals.opens += 4;
            Message::Counts(counts)
        }
        other => other,
    };
    let shown = text(order(Group::Process, &Filter::default()), Some(START), vec![overflown()]);
    assert!(!shown.contains("exact") && shown.contains("4 opens that found no room"), "{shown}");
    let mut bytes = Vec::new();
    written(Json::new, &mut bytes, order(Group::User, &Filter::default()), Some(START), vec![overflown()]);
    let shown = String::from_utf8(bytes).unwrap();
    assert!(shown.contains(r#""exact":false,"events":null,"error_bound":4,"#), "{shown}");
}

#[test]
fn a_filter_ranks_only_what_it_holds_for() {
    let filter = Filter::parse("file:b", &Names::without_users()).unwrap();
    let messages = || vec![opens(&[b"/a", b"/b", b"/b"]), reading(1, &[(100, "cat", 3, 0)], 0)];
    let shown = text(order(Group::Process, &filter), Some(START), messages());
    assert!(shown.contains("from 2 events") && shown.contains("        2.0           2"), "{shown}");
    let heading = "Z 3.0 opens/s on the host, 0.0% failed, 0 dropped; 2.0/s match, top by process, from 2 events\n";
    assert!(shown.contains(heading), "{shown}");
    let nobody = Filter::parse("file:nobody", &Names::without_users()).unwrap();
    let shown = text(order(Group::Process, &nobody), Some(START), messages());
    assert!(shown.contains("; 0.0/s match, "), "{shown}");
    // A process that alone is traced is no host either.
    let none = Filter::default();
    let scoped = Order { scoped: true, ..order(Group::Process, &none) };
    assert!(text(scoped, Some(START), messages()).contains("3.0 opens/s on the host, "));
    // Where the kernel has left out the others already, its counts say more than the events.
    let in_kernel = Order { filtered_in_kernel: true, ..order(Group::Process, &filter) };
    let shown = text(in_kernel, Some(START), messages());
    assert!(shown.contains("exact") && shown.contains("        3.0           3"), "{shown}");
}

#[test]
fn latencies_have_columns_where_they_are_measured() {
    let messages = || {
        let mut batch = Batch::default();
        for (pid, us) in [(7, 10), (8, 3000)] {
            let latency = Some(std::time::Duration::from_micros(us));
            batch.push(&OpenEvent { pid, tid: pid, start_ns: 1, latency, ts_ns: START.ts_ns, ..sample() });
        }
        vec![Message::Opens(batch), reading(1, &[(7, "cat", 90, 0), (8, "nginx", 10, 0)], 0)]
    };
    let none = Filter::default();
    let by_p99 = || Order { sort: Sort::P99, ..order(Group::Process, &none) };
    let shown = text(by_p99(), Some(START), messages());
    let lines: Vec<_> = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(lines[1][5..], ["FAIL%", "P50", "P99", "COMMAND"], "{shown}");
    assert_eq!((lines[2][0], lines[2].last(), lines[3][0]), ("8", Some(&"nginx"), "7"), "{shown}");
    assert!(lines[2][6].ends_with("ms") && lines[3][6].ends_with("us"), "{shown}");
    // They are exact counts all the same.
    assert!(shown.contains("exact"), "{shown}");
    let mut bytes = Vec::new();
    written(Json::new, &mut bytes, by_p99(), Some(START), messages());
    assert!(String::from_utf8(bytes).unwrap().contains(r#","p99_ns":"#));
}

#[test]
fn the_only_host_has_its_own_name() {
    let mut names = Names::without_users();
    names.learn_own_host("web-3");
    let mut bytes = Vec::new();
    let mut output = Text::new(&mut bytes);
    let (sender, received) = unbounded();
    [reading(1, &[(7, "cat", 3, 0)], 0), Message::End].into_iter().for_each(|message| sender.send(message).unwrap());
    let none = Filter::default();
    let mut tables = Tables::new(&mut output, order(Group::Host, &none), names, "", Some(START));
    consume(&mut tables, None, &received, &|| {}).unwrap();
    let shown = String::from_utf8(bytes).unwrap();
    assert!(shown.lines().nth(2).is_some_and(|row| row.ends_with(" web-3")), "{shown}");
}

#[test]
fn a_recording_starts_with_its_first_open() {
    let messages = vec![opens(&[b"/a"]), reading(2, &[(100, "cat", 1, 0)], 0)];
    let shown = text(order(Group::Process, &Filter::default()), None, messages);
    assert!(shown.starts_with("2026-01-02T03:04:07Z 0.5 opens/s"), "{shown}");
    let empty = text(order(Group::Process, &Filter::default()), None, vec![reading(2, &[], 0)]);
    assert!(empty.starts_with("# opens 0"), "{empty}");
}

#[test]
fn json_has_a_line_for_the_table_and_one_for_each_row() {
    let mut bytes = Vec::new();
    let messages = vec![opens(&[b"/\xff", b"/b\\\""]), reading(1, &[(100, "cat", 2, 0)], 1)];
    written(Json::new, &mut bytes, order(Group::File, &Filter::default()), Some(START), messages);
    let lines: Vec<serde_json::Value> = bytes
        .split(|&b| b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["lost", "table", "opener", "opener", "summary"]);
    let table = &lines[1];
    assert_eq!((table["group"].as_str(), table["exact"].as_bool()), (Some("file"), Some(false)));
    assert_eq!((table["rows"].as_u64(), table["dropped"].as_u64()), (Some(2), Some(1)));
    let row = |rank: usize| &lines[1 + rank];
    let by_name = |name: &str| (1..=2).map(row).find(|row| row["file"] == name).unwrap();
    assert_eq!(by_name(r"/\xff")["file_b64"], "L/8=");
    assert_eq!(by_name("/b\\\"")["opens_per_s"], 1.0);
}

#[test]
fn csv_has_as_many_cells_in_each_line() {
    let mut bytes = Vec::new();
    let messages = vec![reading(1, &[(7, "a\"b,c", 10, 5), (8, "nginx", 90, 0)], 3)];
    written(Csv::of_tables, &mut bytes, order(Group::Process, &Filter::default()), Some(START), messages);
    let shown = String::from_utf8(bytes).unwrap();
    assert!(shown.contains(r#""a""b,c""#), "{shown}");
    for line in shown.replace(r#""a""b,c""#, "x").lines() {
        assert_eq!(line.matches(',').count(), 15, "{line}");
    }
}

#[test]
fn the_limit_counts_tables() {
    let (sender, received) = unbounded();
    for second in 1..=4 {
        sender.send(reading(second, &[(7, "cat", 10 * second, 0)], 0)).unwrap();
    }
    sender.send(Message::End).unwrap();
    let (mut bytes, stops) = (Vec::new(), Cell::new(0));
    let mut output = Text::new(&mut bytes);
    let none = Filter::default();
    let order = order(Group::Process, &none);
    let mut tables = Tables::new(&mut output, order, Names::without_users(), "", Some(START));
    consume(&mut tables, Some(2), &received, &|| stops.set(stops.get() + 1)).unwrap();
    let shown = String::from_utf8(bytes).unwrap();
    assert_eq!((shown.matches("top by process").count(), stops.get()), (2, 1));
    // The summary knows what came after.
    assert!(shown.contains("# opens 40"), "{shown}");
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    let (sender, received) = unbounded();
    sender.send(reading(1, &[(7, "cat", 1, 0)], 0)).unwrap();
    let mut output = Text::new(Closed);
    let none = Filter::default();
    let order = order(Group::Process, &none);
    let mut tables = Tables::new(&mut output, order, Names::without_users(), "", Some(START));
    assert_eq!(consume(&mut tables, None, &received, &|| {}).unwrap(), Ended::ClosedPipe);
}
