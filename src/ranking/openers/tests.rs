use super::*;
use crate::event::{Batch, sample};
use crate::message::Ancestor;
use crate::names::Names;

fn process(pid: u32, start_ns: u64, comm: &str, opens: u64) -> ProcessCount {
    ProcessCount {
        source: crate::event::Source::HERE,
        pid,
        start_ns,
        ppid: 1,
        uid: 33,
        comm: comm.into(),
        opens,
        failed: opens / 10,
        cgroups: Default::default(),
        ended: false,
    }
}

fn counts(second: u64, processes: Vec<ProcessCount>) -> Counts {
    Counts { ts_ns: second * 1_000_000_000, processes, ..Counts::default() }
}

fn text(text: &'static str) -> Key<'static> {
    Key::Text(text.as_bytes().into())
}

fn row(rows: &[Row], key: Key<'static>) -> Row {
    rows.iter().find(|row| row.key == key).cloned().unwrap()
}

#[test]
fn rates_are_differences_over_time() {
    let mut openers = Openers::new(Some(1_000_000_000));
    openers.read(counts(3, vec![process(7, 1, "cat", 100)]));
    openers.read(counts(5, vec![process(7, 1, "cat", 150), process(8, 1, "dd", 8)]));
    let rows = openers.rows(Group::Process, &Names::without_users());
    let cat = row(&rows, Key::Process { source: crate::event::Source::HERE, pid: 7, start_ns: 1 });
    assert_eq!((cat.opens, cat.failed, cat.rate), (150, 15, Some(25.0)));
    assert_eq!(row(&rows, Key::Process { source: crate::event::Source::HERE, pid: 8, start_ns: 1 }).rate, Some(4.0));
    openers.read(counts(6, vec![]));
    assert_eq!(
        row(
            &openers.rows(Group::Process, &Names::without_users()),
            Key::Process { source: crate::event::Source::HERE, pid: 7, start_ns: 1 }
        )
        .rate,
        Some(0.0)
    );
}

#[test]
fn without_a_start_the_first_reading_has_no_rate() {
    let mut openers = Openers::new(None);
    openers.read(counts(3, vec![process(7, 1, "cat", 100)]));
    assert_eq!(openers.rows(Group::Process, &Names::without_users())[0].rate, None);
}

#[test]
fn a_reused_pid_is_another_process() {
    let mut openers = Openers::new(None);
    openers.read(counts(1, vec![ProcessCount { ended: true, ..process(7, 1, "cat", 100) }]));
    openers.read(counts(2, vec![process(7, 9, "dd", 5)]));
    let rows = openers.rows(Group::Process, &Names::without_users());
    assert!(row(&rows, Key::Process { source: crate::event::Source::HERE, pid: 7, start_ns: 1 }).ended);
    let new = row(&rows, Key::Process { source: crate::event::Source::HERE, pid: 7, start_ns: 9 });
    assert_eq!((new.opens, new.comm, new.ended), (5, b"dd".to_vec(), false));
}

#[test]
fn commands_and_users_are_sums() {
    let mut openers = Openers::new(None);
    let other = ProcessCount { uid: 0, ended: true, ..process(9, 1, "cat", 7) };
    openers.read(counts(1, vec![process(7, 1, "cat", 100), process(8, 1, "dd", 30), other]));
    let cat = row(&openers.rows(Group::Comm, &Names::without_users()), text("cat"));
    assert_eq!((cat.opens, cat.uid, cat.ended), (107, None, false));
    let www = row(&openers.rows(Group::User, &Names::without_users()), Key::User(0, 33));
    assert_eq!((www.opens, www.comm.len()), (130, 0));
    assert!(row(&openers.rows(Group::User, &Names::without_users()), Key::User(0, 0)).ended);
}

#[test]
fn a_reset_starts_at_zero_and_forgets_the_dead() {
    let mut openers = Openers::new(None);
    openers.read(counts(1, vec![process(7, 1, "cat", 100), ProcessCount { ended: true, ..process(8, 1, "dd", 1) }]));
    openers.reset();
    assert_eq!(openers.rows(Group::Process, &Names::without_users()), []);
    openers.read(counts(2, vec![process(7, 1, "cat", 103)]));
    assert_eq!(openers.rows(Group::Process, &Names::without_users())[0].opens, 3);
}

#[test]
fn many_short_processes_take_bounded_room_and_every_sum_stays_exact() {
    let mut openers = Openers::new(None);
    for second in 0..100 {
        let ended = |n: u64| ProcessCount { ended: true, ..process((second * 1000 + n) as u32, second, "sh", 1 + n) };
        openers.read(counts(second, (0..1000).map(ended).collect()));
    }
    assert!(openers.processes.len() <= 2 * ENDED_MAX);
    let sh = row(&openers.rows(Group::Comm, &Names::without_users()), text("sh"));
    assert_eq!(sh.opens, 100 * (1000 * 1001 / 2));
    let by_process: u64 = openers.rows(Group::Process, &Names::without_users()).iter().map(|row| row.opens).sum();
    assert_eq!(by_process, sh.opens);
}

#[test]
fn the_latest_file_is_known_when_its_event_is_not_kept_any_more() {
    let mut openers = Openers::new(None);
    openers.read(counts(1, vec![process(7, 1, "cat", 100), process(8, 1, "cat", 30)]));
    let mut batch = Batch::default();
    for (pid, path) in [(7, &b"/early"[..]), (7, b"/late"), (8, b"/later")] {
        batch.push(&OpenEvent { pid, start_ns: 1, path, ..sample() });
    }
    for (id, event) in batch.iter().enumerate().rev() {
        openers.note_last(id as u64, &event);
    }
    assert_eq!(
        row(
            &openers.rows(Group::Process, &Names::without_users()),
            Key::Process { source: crate::event::Source::HERE, pid: 7, start_ns: 1 }
        )
        .last_path,
        b"/late"
    );
    let long = [b"/x".repeat(2000), b"/base".to_vec()].concat();
    openers.note_last(9, &OpenEvent { pid: 7, start_ns: 1, path: &long, ..sample() });
    let last = row(
        &openers.rows(Group::Process, &Names::without_users()),
        Key::Process { source: crate::event::Source::HERE, pid: 7, start_ns: 1 },
    )
    .last_path;
    assert!(last.len() == LAST_PATH && last.starts_with(b"...") && last.ends_with(b"/x/x/base"));
    openers.note_last(10, &OpenEvent { pid: 8, start_ns: 1, path: b"/later", ..sample() });
    let cat = row(&openers.rows(Group::Comm, &Names::without_users()), text("cat"));
    assert_eq!((cat.last, cat.last_path), (Some(10), b"/later".to_vec()));
}

fn child(pid: u32, ppid: u32, opens: u64) -> ProcessCount {
    ProcessCount { ppid, ended: true, ..process(pid, 1000 + u64::from(pid), "cat", opens) }
}

fn of_parents(openers: &Openers) -> Vec<(u32, String, u64, u64)> {
    let mut rows = openers.rows(Group::Parent, &Names::without_users());
    rows.sort_by_key(|row| std::cmp::Reverse(row.opens));
    let shown = rows.iter().map(|row| {
        let Key::Process { pid, .. } = row.key else { panic!("{row:?}") };
        (pid, String::from_utf8_lossy(&row.comm).into_owned(), row.opens, row.processes)
    });
    shown.collect()
}

#[test]
fn short_lived_children_are_summed_up_under_the_name_of_their_parent() {
    let mut openers = Openers::new(None);
    // The parent comes behind its first children, and another one opens nothing itself.
    let script = ProcessCount { ppid: 1, ..process(50, 900, "build.sh", 7) };
    let ancestors = vec![Ancestor { pid: 60, start_ns: 20, ppid: 1, comm: b"make".to_vec() }];
    let processes = vec![child(101, 50, 10), child(102, 50, 20), child(103, 60, 5), child(104, 70, 3), script];
    openers.read(Counts { ancestors, ..counts(1, processes) });
    let expected = [(50, "build.sh", 30, 2), (1, "", 7, 1), (60, "make", 5, 1), (70, "", 3, 1)];
    assert_eq!(of_parents(&openers), expected.map(|(pid, comm, opens, n)| (pid, comm.to_owned(), opens, n)));
    // What takes in a child whose parent has ended is not its parent.
    openers.read(counts(2, vec![ProcessCount { ppid: 1, ..child(101, 50, 11) }]));
    assert_eq!(of_parents(&openers)[0], (50, "build.sh".to_owned(), 31, 2));
}

#[test]
fn a_pid_that_is_used_again_is_another_parent() {
    let mut openers = Openers::new(None);
    let parent = |start_ns, comm: &str| ProcessCount { ppid: 0, ended: true, ..process(50, start_ns, comm, 1) };
    openers.read(counts(1, vec![parent(900, "first"), child(101, 50, 10)]));
    let late = ProcessCount { start_ns: 9_000_000_000, ..child(102, 50, 4) };
    openers.read(counts(2, vec![parent(8_000_000_000, "second"), late]));
    // One that was born before its parent has another one.
    openers.read(counts(3, vec![child(103, 50, 3)]));
    let rows = of_parents(&openers);
    assert_eq!(rows[0], (50, "first".to_owned(), 10, 1));
    assert_eq!(rows[1], (50, "second".to_owned(), 4, 1));
    assert_eq!(rows[2], (50, String::new(), 3, 1));
}

#[test]
fn a_storm_of_children_stays_exact_by_parent_and_takes_bounded_room() {
    let mut openers = Openers::new(None);
    let mut opens = 0;
    for second in 0..60u64 {
        let script = ProcessCount { ppid: 1, ..process(50, 900, "build.sh", second + 1) };
        let children = (0..1000).map(|n| ProcessCount { start_ns: 1000 + second, ..child(100 + n, 50, 1) });
        opens += 1000;
        openers.read(counts(second, children.chain([script]).collect()));
    }
    assert_eq!(of_parents(&openers)[0], (50, "build.sh".to_owned(), opens, 60_000));
    assert!(openers.processes.len() <= 2 * ENDED_MAX + 1001 && openers.latest.len() <= openers.processes.len());
}

#[test]
fn parents_in_a_circle_and_without_end_are_survived() {
    let mut openers = Openers::new(None);
    let circle = |pid, ppid| Ancestor { pid, start_ns: 5, ppid, comm: b"a".to_vec() };
    let ancestors = vec![circle(1, 2), circle(2, 3), circle(3, 1), circle(4, 4)];
    openers.read(Counts { ancestors, ..counts(1, vec![child(101, 1, 10), child(102, 4, 9)]) });
    assert_eq!(of_parents(&openers).iter().map(|row| row.0).collect::<Vec<_>>(), [1, 4]);
    for second in 2..40 {
        let ancestors = (0..2000).map(|n| Ancestor { start_ns: second, ..circle(1000 + n, 1) }).collect();
        let children = (0..2000).map(|n| ProcessCount { start_ns: second, ..child(5000 + n, 1000 + n, 1) }).collect();
        openers.read(Counts { ancestors, ..counts(second, children) });
    }
    assert_eq!(of_parents(&openers).iter().map(|row| row.2).sum::<u64>(), 19 + 38 * 2000);
}
