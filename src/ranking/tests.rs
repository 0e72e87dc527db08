use super::*;
use crate::message::{CgroupCount, ProcessCount};
use proptest::prelude::*;

fn counts(second: u64, opens: &[(u32, u64)]) -> Counts {
    let process = |&(pid, opens): &(u32, u64)| ProcessCount {
        source: crate::event::Source::HERE,
        pid,
        start_ns: u64::from(pid),
        ppid: 1,
        uid: 0,
        comm: format!("c{pid}").into_bytes(),
        opens,
        failed: 0,
        cgroups: Default::default(),
        ended: false,
    };
    Counts { ts_ns: second * 1_000_000_000, processes: opens.iter().map(process).collect(), ..Counts::default() }
}

fn ranking(sort: Sort, opens: &[(u32, u64)]) -> Ranking {
    let mut ranking = Ranking::new(Group::Process, sort, false, Some(0));
    ranking.read(counts(1, opens));
    ranking.refresh(&Names::without_users());
    ranking
}

fn pids(ranking: &Ranking) -> Vec<u32> {
    ranking.rows().iter().filter_map(|row| pid(&row.key)).collect()
}

#[test]
fn numbers_start_with_the_largest_and_names_with_the_first() {
    let opens = [(3, 10), (1, 30), (2, 20)];
    assert_eq!(pids(&ranking(Sort::Rate, &opens)), [1, 2, 3]);
    assert_eq!(pids(&ranking(Sort::Name, &opens)), [1, 2, 3]);
    let mut reversed = ranking(Sort::Total, &opens);
    reversed.reversed = true;
    reversed.order(&Names::without_users());
    assert_eq!(pids(&reversed), [3, 2, 1]);
}

#[test]
fn who_fails_most_is_who_fails_most_often() {
    let sorted = |sort| {
        let mut counts = counts(1, &[(1, 2), (2, 200_000)]);
        (counts.processes[0].failed, counts.processes[1].failed) = (2, 140_000);
        let mut ranking = Ranking::new(Group::Process, sort, false, Some(0));
        ranking.read(counts);
        ranking.refresh(&Names::without_users());
        pids(&ranking)
    };
    assert_eq!(sorted(Sort::Failed), [2, 1]);
    assert_eq!(sorted(Sort::FailedShare), [1, 2]);
    assert_eq!((Sort::from_name("failed%"), Sort::FailedShare.name()), (Some(Sort::FailedShare), "failed%"));
}

#[test]
fn what_a_recording_sums_up_is_no_users_and_has_its_name() {
    let mut counts = counts(1, &[(0, 5)]);
    (counts.processes[0].uid, counts.processes[0].comm) = (u32::MAX, b"(others)".to_vec());
    let mut ranking = Ranking::new(Group::Process, Sort::Total, false, Some(0));
    ranking.read(counts);
    let names = Names::without_users();
    ranking.refresh(&names);
    let row = &ranking.rows()[0];
    assert_eq!((row.uid, label(Group::Process, row, &names)), (None, "(others)".to_owned()));
}

type Shown = (Key<'static>, u64, u64, Option<f64>, bool);

/// The rows that have a rate, as they are shown.
fn active(ranking: &Ranking) -> Vec<Shown> {
    let rows = ranking.rows().iter().filter(|row| row.rate > Some(0.0));
    rows.map(|row| (row.key.clone(), row.opens, row.failed, row.rate, row.ended)).collect()
}

proptest! {
    /// Whatever processes open, are called, and how they end: who looks at the active ones alone sees what the
    /// others see.
    #[test]
    fn the_active_rows_are_those_of_all_rows_that_have_a_rate(
        opens in prop::collection::vec(prop::collection::vec((1u32..9, 0u64..4, 0u32..3, any::<bool>()), 0..6), 1..12),
    ) {
        let names = Names::without_users();
        for (group, filtered) in Group::ALL.into_iter().flat_map(|group| [(group, false), (group, true)]) {
            let sort = Sort::Total;
            let mut rankings = [Ranking::new(group, sort, false, Some(0)), Ranking::of_active(group, sort, Some(0))];
            let mut totals = std::collections::HashMap::<u32, u64>::new();
            for ranking in &mut rankings {
                let tally = ranking.needs_events(group, filtered).then(|| Tally::new(group));
                ranking.apply(group, filtered, tally, &names);
            }
            for (second, opens) in (1..).zip(&opens) {
                let mut counts = Counts { ts_ns: second * 1_000_000_000, ..Counts::default() };
                for (pid, new, kind, ended) in opens {
                    let comm = format!("c{kind}");
                    let event = OpenEvent { pid: *pid, uid: *kind, comm: comm.as_bytes(), ..crate::event::sample() };
                    let total = totals.entry(*pid).or_default();
                    *total += new;
                    rankings.iter_mut().for_each(|ranking| (0..*new).for_each(|id| ranking.add(id, &event, &names)));
                    let (pid, opens, uid, ended) = (*pid, *total, *kind, *ended);
                    let comm = comm.clone().into_bytes();
                    let (start_ns, ppid, failed) = (event.start_ns, 1, opens / 2);
                    let cgroups = [CgroupCount { cgroup: u64::from(pid % 3), opens, failed }, CgroupCount::default()];
                    let source = crate::event::Source::HERE;
                    counts.processes.push(ProcessCount {
                        source, pid, start_ns, ppid, uid, comm, opens, failed, cgroups, ended,
                    });
                }
                counts.results = totals.iter().map(|(pid, opens)| (*pid as i32, *opens)).collect();
                let [all, lately] = &mut rankings;
                all.read(counts.clone());
                lately.read(counts);
                all.refresh(&names);
                lately.refresh_active(&names);
                prop_assert_eq!(active(all), active(lately), "{:?} {}", group, filtered);
                prop_assert!(lately.rows().len() <= opens.len().max(opens.iter().map(|open| open.1 as usize).sum()));
            }
        }
    }
}

#[test]
fn rows_that_are_equal_never_change_places() {
    let opens: Vec<_> = (1..50).map(|pid| (pid, 5)).collect();
    let expected: Vec<_> = (1..50).collect();
    assert_eq!(pids(&ranking(Sort::Rate, &opens)), expected);
}
