//! `opentop metrics` and those that read it: the real Prometheus, and the node exporter.

mod common;

use common::{Running, Scratch, TIMEOUT, needs_root, opener, opentop, output, stderr, succeed};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

/// The answer of an HTTP server, without its head.
fn get(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

/// Waits until there is what is wanted.
#[track_caller]
fn wait_for<T>(what: &str, mut wanted: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = wanted() {
            return value;
        }
        assert!(start.elapsed() < TIMEOUT, "waiting for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Values of all series of a metric.
fn values(page: &str, metric: &str) -> f64 {
    let of_metric = page.lines().filter(|line| line.starts_with(&format!("{metric}{{")));
    of_metric.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// opentop with the metrics at this address.
fn start(address: SocketAddr, more: &[&str]) -> Running {
    let address = address.to_string();
    Running::start(
        opentop(["metrics", "--interval", "0.5", "--listen", &address].iter().chain(more)).stderr(Stdio::null()),
    )
}

/// Ends it by a signal; it must do so well.
#[track_caller]
fn end(mut running: Running, signal: Signal) {
    kill_process(Pid::from_child(&running.0), signal).expect("it runs");
    let status = wait_for("the end", || running.0.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(0), "{signal:?}");
}

/// A shell in a cgroup of its own, named as a unit is, that opens files when it is told to.
struct Shell {
    running: Running,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    cgroup: PathBuf,
}

impl Shell {
    fn start(unit: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("the mounts");
        let is_v2 = |line: &&str| line.split(' ').nth(2) == Some("cgroup2");
        let mount = mounts.lines().find(is_v2).and_then(|line| line.split(' ').nth(1)).expect("cgroup v2 is mounted");
        let cgroup = Path::new(mount).join(unit);
        fs::create_dir_all(&cgroup).expect("a new cgroup");
        let mut running = Running::start(Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()));
        fs::write(cgroup.join("cgroup.procs"), running.0.id().to_string()).expect("moving a process");
        let (commands, answers) = (running.0.stdin.take().expect("a pipe"), running.0.stdout.take().expect("a pipe"));
        Self { running, commands, answers: BufReader::new(answers), cgroup }
    }

    /// Opens a file so many times, and does nothing else.
    fn open(&mut self, times: u32) {
        let line = format!("i=0; while [ $i -lt {times} ]; do : </dev/null; i=$((i+1)); done; echo done\n");
        self.commands.write_all(line.as_bytes()).expect("a shell that reads");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("a shell that answers");
        assert_eq!(answer, "done\n");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.running.0.kill();
        let _ = self.running.0.wait();
        let start = Instant::now();
        while fs::remove_dir(&self.cgroup).is_err() && start.elapsed() < Duration::from_secs(2) {
            std::thread::yield_now();
        }
    }
}

/// A Prometheus that scrapes twice a second.
struct Prometheus {
    _running: Running,
    url: String,
}

impl Prometheus {
    fn start(scratch: &Scratch, target: SocketAddr) -> Self {
        let config = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\nscrape_configs:\n\
             - job_name: t\n  static_configs: [{{targets: ['{target}']}}]\n"
        );
        let free = free_address();
        let mut prometheus = Command::new("prometheus");
        prometheus.arg(format!("--config.file={}", scratch.file("prometheus.yaml", &config).display()));
        prometheus.arg(format!("--storage.tsdb.path={}", scratch.join("tsdb").display()));
        prometheus.arg(format!("--web.listen-address={free}")).stderr(Stdio::null());
        Self { _running: Running::start(&mut prometheus), url: format!("http://{free}") }
    }

    /// The value of an expression that has one.
    fn query(&self, expression: &str) -> Option<f64> {
        let answer = output(Command::new("promtool").args(["query", "instant", &self.url, expression]));
        let answer = String::from_utf8(answer.stdout).expect("UTF-8");
        answer.split_once("=> ")?.1.split(' ').next()?.parse().ok()
    }
}

/// What Prometheus says that a counter has grown by lies between these, or above them by no more than it extrapolates:
/// at either end to the next sample, which it expects after the mean of the pauses, or to half of that.
#[track_caller]
fn assert_increase(prometheus: &Prometheus, series: &str, (least, most): (f64, f64)) {
    let query = |what: &str| prometheus.query(&format!("{what}({series}[5m])")).expect("samples");
    let (increase, samples) = (query("increase"), query("count_over_time"));
    let extrapolated = 1.0 + 1.6 / (samples - 1.0);
    assert!(
        (least..=most * extrapolated).contains(&increase),
        "{series}: {increase} of {least} to {most}, {samples} samples"
    );
}

/// What opens in `cgroup` comes, idles out and comes back, and Prometheus knows how often it did.
#[track_caller]
fn comes_and_goes(cgroup: &str, family: &str, series: &str) {
    needs_root();
    let (scratch, address) = (Scratch::new(), free_address());
    let opentop = start(address, &["--slots-idle", "6"]);
    let prometheus = Prometheus::start(&scratch, address);
    let mut shell = Shell::start(cgroup);
    wait_for("the first scrape", || prometheus.query("opentop_opens_total"));
    let mut truth = 0.0;
    for opens in [3000, 2000] {
        // Whoever comes is seen at 0 first.
        shell.open(1);
        wait_for("it at 0", || prometheus.query(series).filter(|value| *value == 0.0));
        shell.open(opens);
        truth += f64::from(opens);
        wait_for("its opens", || prometheus.query(series).filter(|value| *value >= f64::from(opens)));
        wait_for("its leave", || prometheus.query(series).is_none().then_some(()));
    }
    let evictions = prometheus.query(&format!("opentop_series_evictions_total{{family=\"{family}\"}}"));
    assert!(evictions >= Some(2.0), "{evictions:?}");
    assert_increase(&prometheus, series, (truth, truth));
    end(opentop, Signal::TERM);
}

#[test]
#[ignore = "needs root: make test"]
fn prometheus_knows_what_a_unit_opened_that_came_idled_out_and_came_back() {
    let unit = format!("opentop-test-{}.service", std::process::id());
    comes_and_goes(&unit, "unit", &format!("opentop_unit_opens_total{{unit=\"{unit}\"}}"));
}

#[test]
#[ignore = "needs root: make test"]
fn prometheus_knows_what_a_container_opened_that_came_idled_out_and_came_back() {
    let id = format!("{:012x}{:052x}", std::process::id(), 0);
    let series = format!("opentop_container_opens_total{{container=\"{}\",runtime=\"docker\"}}", &id[..12]);
    comes_and_goes(&format!("docker-{id}.scope"), "container", &series);
}

#[test]
#[ignore = "needs root: make test"]
fn prometheus_knows_how_often_all_opened_failed_and_why() {
    const OPENS: u32 = 100_000;
    needs_root();
    let (scratch, address) = (Scratch::new(), free_address());
    let opentop = start(address, &[]);
    let page = wait_for("the page", || get(address));
    let prometheus = Prometheus::start(&scratch, address);
    let totals = ["opentop_opens_total", "opentop_open_failures_total", "opentop_open_errors_total{errno=\"ENOENT\"}"];
    let before = totals.map(|total| value(&page, total).expect("a total"));
    wait_for("the first scrape", || prometheus.query(totals[0]));
    let (dir, opens) = (scratch.dir("storm"), OPENS.to_string());
    succeed(opener(["storm", dir.to_str().expect("a path"), "--opens", &opens, "--missing"]));
    for (total, before) in totals.iter().zip(before) {
        wait_for("the opens", || prometheus.query(total).filter(|value| *value >= before + f64::from(OPENS)));
    }
    // What Prometheus knows of it is all that it ever will.
    end(opentop, Signal::TERM);
    for (total, before) in totals.iter().zip(before) {
        // Others open files as well.
        let all = prometheus.query(&format!("last_over_time({total}[5m])")).expect("a value") - before;
        assert_increase(&prometheus, total, (f64::from(OPENS), all));
    }
}

#[test]
#[ignore = "needs root: make test"]
fn every_open_is_counted_and_promtool_finds_nothing_wrong() {
    needs_root();
    let address = free_address();
    let opentop = start(address, &["--latency"]);
    wait_for("the page", || get(address));
    let unit = format!("opentop-total-{}.service", std::process::id());
    let mut shell = Shell::start(&unit);
    let series = format!("opentop_unit_opens_total{{unit=\"{unit}\"}}");
    shell.open(1);
    wait_for("the unit", || value(&get(address)?, &series));
    shell.open(5000);
    let page = wait_for("its opens", || get(address).filter(|page| value(page, &series) == Some(5000.0)));
    let total = value(&page, "opentop_opens_total").expect("a total");
    // What is counted while it is read may be in one of two a moment earlier.
    for metric in ["opentop_command_opens_total", "opentop_container_opens_total", "opentop_unit_opens_total"] {
        assert!((values(&page, metric) - total).abs() <= 20.0, "{metric}: {} of {total}", values(&page, metric));
    }
    let measured = value(&page, "opentop_open_duration_seconds_count").expect("a histogram");
    assert!(measured >= 5000.0 && measured <= total, "{measured} of {total}");
    assert_eq!(value(&page, "opentop_events_delivered_total"), Some(0.0));
    assert!(page.contains("opentop_build_info{version="), "{page}");
    let mut promtool = Running::start(Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()));
    promtool.0.stdin.take().expect("a pipe").write_all(page.as_bytes()).expect("it reads");
    assert!(promtool.0.wait().expect("an end").success());
    end(opentop, Signal::INT);
}

#[test]
#[ignore = "needs root: make test"]
fn the_node_exporter_reads_the_file_which_goes_at_the_end() {
    needs_root();
    let (scratch, address) = (Scratch::new(), free_address());
    let file = scratch.join("opentop.prom");
    let path = file.to_str().expect("a plain path");
    let opentop = Running::start(&mut opentop(["metrics", "--interval", "0.5", "--textfile", path]));
    wait_for("the file", || {
        fs::read_to_string(&file).ok().and_then(|page| value(&page, "opentop_opens_total")).filter(|opens| *opens > 0.0)
    });
    assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o644);
    let mut exporter = Command::new("prometheus-node-exporter");
    exporter.args(["--collector.disable-defaults", "--collector.textfile"]);
    exporter.arg(format!("--collector.textfile.directory={}", scratch.path().display()));
    let _exporter = Running::start(exporter.arg(format!("--web.listen-address={address}")).stderr(Stdio::null()));
    let page = wait_for("the node exporter", || get(address));
    assert!(value(&page, "opentop_opens_total") > Some(0.0), "{page}");
    assert_eq!(value(&page, "node_textfile_scrape_error"), Some(0.0));
    end(opentop, Signal::TERM);
    assert!(!file.exists());
    assert_eq!(fs::read_dir(scratch.path()).expect("a directory").count(), 0, "no draft is left");
}

#[test]
#[ignore = "needs root: make test"]
fn a_port_in_use_and_a_file_that_cannot_be_are_told_in_one_line() {
    needs_root();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    for (args, word) in [
        (["--listen", address.as_str()], "another program listens there"),
        (["--textfile", "/nonexistent/opentop.prom"], "--textfile /nonexistent/opentop.prom"),
    ] {
        let ran = output(&mut opentop(["metrics"].iter().chain(&args)));
        let said = stderr(&ran);
        assert_eq!(ran.status.code(), Some(1), "{said}");
        assert!(said.lines().count() == 1 && said.contains(word), "{said}");
    }
}
