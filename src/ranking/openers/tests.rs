use super::*;
use crate::event::{Batch, sample};

fn process(pid: u32, start_ns: u64, comm: &str, opens: u64) -> ProcessCount {
    ProcessCount {
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
    let cat = row(&rows, Key::Process { pid: 7, start_ns: 1 });
    assert_eq!((cat.opens, cat.failed, cat.rate), (150, 15, Some(25.0)));
    assert_eq!(row(&rows, Key::Process { pid: 8, start_ns: 1 }).rate, Some(4.0));
    openers.read(counts(6, vec![]));
    assert_eq!(
        row(&openers.rows(Group::Process, &Names::without_users()), Key::Process { pid: 7, start_ns: 1 }).rate,
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
    assert!(row(&rows, Key::Process { pid: 7, start_ns: 1 }).ended);
    let new = row(&rows, Key::Process { pid: 7, start_ns: 9 });
    assert_eq!((new.opens, new.comm, new.ended), (5, b"dd".to_vec(), false));
}

#[test]
fn commands_and_users_are_sums() {
    let mut openers = Openers::new(None);
    let other = ProcessCount { uid: 0, ended: true, ..process(9, 1, "cat", 7) };
    openers.read(counts(1, vec![process(7, 1, "cat", 100), process(8, 1, "dd", 30), other]));
    let cat = row(&openers.rows(Group::Comm, &Names::without_users()), text("cat"));
    assert_eq!((cat.opens, cat.uid, cat.ended), (107, None, false));
    let www = row(&openers.rows(Group::User, &Names::without_users()), Key::User(33));
    assert_eq!((www.opens, www.comm.len()), (130, 0));
    assert!(row(&openers.rows(Group::User, &Names::without_users()), Key::User(0)).ended);
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
        row(&openers.rows(Group::Process, &Names::without_users()), Key::Process { pid: 7, start_ns: 1 }).last_path,
        b"/late"
    );
    let long = [b"/x".repeat(2000), b"/base".to_vec()].concat();
    openers.note_last(9, &OpenEvent { pid: 7, start_ns: 1, path: &long, ..sample() });
    let last =
        row(&openers.rows(Group::Process, &Names::without_users()), Key::Process { pid: 7, start_ns: 1 }).last_path;
    assert!(last.len() == LAST_PATH && last.starts_with(b"...") && last.ends_with(b"/x/x/base"));
    openers.note_last(10, &OpenEvent { pid: 8, start_ns: 1, path: b"/later", ..sample() });
    let cat = row(&openers.rows(Group::Comm, &Names::without_users()), text("cat"));
    assert_eq!((cat.last, cat.last_path), (Some(10), b"/later".to_vec()));
}
