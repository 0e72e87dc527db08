use super::*;
use crate::message::{CgroupCount, Latencies, Totals};

fn process(pid: u32, comm: &str, opens: u64, cgroup: u64) -> ProcessCount {
    let failed = opens / 2;
    let first = CgroupCount { cgroup, opens, failed };
    ProcessCount {
        source: crate::event::Source::HERE,
        pid,
        start_ns: 7,
        ppid: 1,
        uid: 0,
        comm: comm.as_bytes().to_vec(),
        opens,
        failed,
        cgroups: [first, CgroupCount::default()],
        ended: false,
    }
}

fn counts(processes: Vec<ProcessCount>, opens: u64) -> Counts {
    let totals = Totals { opens, failed: opens / 2, ..Totals::default() };
    Counts { processes, totals, ..Counts::default() }
}

fn metrics() -> Metrics {
    Metrics::new(Hooks::named("raw"), true, Duration::from_mins(15), Duration::ZERO)
}

fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn a_process_counts_for_its_command_and_its_container_once_both_are_seen() {
    let (mut metrics, now) = (metrics(), Instant::now());
    let id = "0123456789abcdef".repeat(4);
    let path = format!("/kubepods/burstable/pod2b1a8c3e-5f1d-4a8e-9d6b-0c7e1f2a3b4c/{id}");
    metrics.learn(&CgroupName { id: 5, path: path.into_bytes(), name: Some(b"prod/web-1/nginx".to_vec()) });
    metrics.learn(&CgroupName { id: 6, path: b"/system.slice/ssh.service".to_vec(), name: None });
    for (nginx, sshd) in [(10, 4), (20, 8)] {
        metrics.read(counts(vec![process(1, "nginx", nginx, 5), process(2, "sshd", sshd, 6)], nginx + sshd), now);
        metrics.page();
    }
    let page = metrics.page();
    let labels = r#"{namespace="prod",pod="web-1",container="nginx",runtime="kubernetes"}"#;
    for (series, opens) in [
        ("opentop_opens_total".to_owned(), 28.0),
        ("opentop_open_failures_total".to_owned(), 14.0),
        (r#"opentop_command_opens_total{command="nginx"}"#.to_owned(), 10.0),
        (r#"opentop_command_opens_total{command="other"}"#.to_owned(), 14.0),
        (format!("opentop_container_opens_total{labels}"), 10.0),
        (format!("opentop_container_failures_total{labels}"), 5.0),
        (r#"opentop_unit_opens_total{unit="ssh.service"}"#.to_owned(), 4.0),
    ] {
        assert_eq!(value(&page, &series), Some(opens), "{series}\n{page}");
    }
}

#[test]
fn an_ended_process_is_counted_to_its_end_and_forgotten() {
    let (mut metrics, now) = (metrics(), Instant::now());
    metrics.read(counts(vec![process(1, "make", 2, 0)], 2), now);
    metrics.page();
    metrics.read(counts(vec![ProcessCount { ended: true, ..process(1, "make", 9, 0) }], 9), now);
    assert_eq!(value(&metrics.page(), r#"opentop_command_opens_total{command="make"}"#), Some(7.0));
    assert!(metrics.processes.is_empty());
}

#[test]
fn hostile_names_stay_in_their_quotes_and_none_is_the_others() {
    let (mut metrics, now) = (metrics(), Instant::now());
    for opens in [1, 2] {
        let hostile = ["x\"} 9\n", "other", "a\\b", "\u{1b}[2J"];
        let processes = hostile.iter().zip(1..).map(|(comm, pid)| process(pid, comm, opens, 0)).collect();
        metrics.read(counts(processes, 4 * opens), now);
        metrics.page();
    }
    let page = metrics.page();
    let others: Vec<_> =
        page.lines().filter(|line| line.starts_with(r#"opentop_command_opens_total{command="other"}"#)).collect();
    assert_eq!(others.len(), 1, "{page}");
    assert!(!page.contains('\u{1b}') && page.lines().all(|line| !line.starts_with('"')), "{page}");
}

#[test]
fn there_are_never_more_than_700_series() {
    let (mut metrics, now) = (metrics(), Instant::now());
    for cgroup in 0..2000u64 {
        let path = match cgroup % 2 {
            0 => format!("/docker/{cgroup:012x}{cgroup:052x}"),
            _ => format!("/system.slice/unit-{cgroup}.service"),
        };
        metrics.learn(&CgroupName { id: cgroup + 1, path: path.into_bytes(), name: None });
    }
    for opens in [1, 2] {
        let processes =
            (0..5000u32).map(|pid| process(pid, &format!("c{pid}"), opens, u64::from(pid % 2000 + 1))).collect();
        metrics.read(counts(processes, 5000 * opens), now);
        metrics.page();
    }
    let page = metrics.page();
    let series = page.lines().filter(|line| !line.starts_with('#')).count();
    assert!((650..=700).contains(&series), "{series}");
}

#[test]
fn a_histogram_is_cumulative_and_its_bounds_are_those_of_the_bpf_side() {
    let (mut metrics, now) = (metrics(), Instant::now());
    let mut latencies = Latencies { sum_ns: 2_500_000_000, ..Latencies::default() };
    (latencies.opens[0], latencies.opens[1], latencies.opens[12]) = (3, 2, 1);
    metrics.read(Counts { latencies: Some(Box::new(latencies)), ..counts(Vec::new(), 6) }, now);
    let page = metrics.page();
    let name = "opentop_open_duration_seconds";
    for (series, expected) in [
        ("_bucket{le=\"0.000001\"}", 3.0),
        ("_bucket{le=\"0.0000025\"}", 5.0),
        ("_bucket{le=\"60\"}", 5.0),
        ("_bucket{le=\"+Inf\"}", 6.0),
        ("_sum", 2.5),
        ("_count", 6.0),
    ] {
        assert_eq!(value(&page, &format!("{name}{series}")), Some(expected), "{series}\n{page}");
    }
    let header = include_str!("../bpf/opentop.h");
    let bounds = header.split_once("#define LATENCY_BOUNDS").unwrap().1.split_once("#define").unwrap().0;
    let numbers: Vec<u64> = bounds
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|word| word.strip_suffix("ull")?.parse().ok())
        .collect();
    assert_eq!(numbers, LATENCY_BOUNDS_NS);
}
