//! What is in deploy/, by the tools that read it: systemd's own checks of the unit and the privileges that it leaves,
//! Prometheus with the alert rules and the dashboard, and pods as the kubelet leaves their names. `make deploy-test` has the
//! rest, which needs heavier tools.

mod common;

use common::tracer::Tracer;
use common::{Running, Scratch, TIMEOUT, needs_root, output};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const UNIT: &str = "opentop-metrics.service";

fn deployed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

/// What the tool writes to stdout; it must end well.
#[track_caller]
fn tool(name: &str, args: &[&str]) -> String {
    let ran = output(Command::new(name).args(args));
    let [stdout, stderr] = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(ran.status.success(), "{name} {args:?}: {}\n{stdout}{stderr}", ran.status);
    stdout
}

/// The values of a setting of the unit, of every line of it.
fn settings(name: &str) -> Vec<String> {
    let unit = fs::read_to_string(deployed("systemd").join(UNIT)).expect("the unit");
    let values = unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

#[test]
fn systemd_has_nothing_to_say_against_the_unit() {
    let scratch = Scratch::new();
    let unit = fs::read_to_string(deployed("systemd").join(UNIT)).expect("the unit");
    // systemd looks for the program, which is not installed here.
    let unit = scratch.file(UNIT, &unit.replace("/usr/bin/opentop", env!("CARGO_BIN_EXE_opentop")));
    let unit = unit.to_str().expect("a plain path");
    let verified = output(Command::new("systemd-analyze").args(["verify", "--man=no", unit]));
    let said = String::from_utf8_lossy(&verified.stderr);
    let about_it: Vec<_> = said.lines().filter(|line| line.contains(UNIT)).collect();
    assert!(verified.status.success() && about_it.is_empty(), "{said}");
    // Exposure in tenths, of 100: what it needs, and no more than that.
    tool("systemd-analyze", &["security", "--offline=true", "--no-pager", "--threshold=25", unit]);
}

/// `opentop` with no more than the unit's privileges.
fn with_privileges_of_the_unit(args: &[&str]) -> Vec<String> {
    let capabilities = settings("AmbientCapabilities");
    assert_eq!(settings("CapabilityBoundingSet"), capabilities);
    let added = capabilities.iter().map(|name| format!(",+{}", name.trim_start_matches("CAP_").to_lowercase()));
    let added = format!("-all{}", added.collect::<String>());
    let sets = ["--inh-caps", "--ambient-caps", "--bounding-set"].map(|set| format!("{set}={added}"));
    let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"].map(str::to_owned);
    let program = ["--", env!("CARGO_BIN_EXE_opentop")].into_iter().chain(args.iter().copied()).map(str::to_owned);
    user.into_iter().chain(sets).chain(program).collect()
}

#[test]
#[ignore = "needs root: make test"]
fn the_privileges_of_the_unit_are_enough() {
    needs_root();
    let command = with_privileges_of_the_unit(&["-o", "json", "-d", "1"]);
    let (program, args) = command.split_first().expect("a program");
    let shown = tool(program, &args.iter().map(String::as_str).collect::<Vec<_>>());
    let summary: Value = serde_json::from_str(shown.lines().last().expect("a summary")).expect("JSON");
    assert_eq!(summary["type"], "summary");
    assert!(summary["opens"].as_u64() > Some(0), "{summary}");
}

/// System calls by the names of their sets, as this systemd has them; a set may contain others.
fn system_call_sets() -> HashMap<String, Vec<String>> {
    let mut sets = HashMap::<_, Vec<_>>::new();
    let mut set = String::new();
    for line in tool("systemd-analyze", &["syscall-filter", "--no-pager"]).lines() {
        match line.strip_prefix("    ") {
            Some(name) if !name.starts_with('#') => sets.entry(set.clone()).or_default().push(name.to_owned()),
            None if line.starts_with('@') => line.clone_into(&mut set),
            _ => {}
        }
    }
    sets
}

fn resolve(name: &str, sets: &HashMap<String, Vec<String>>) -> BTreeSet<String> {
    match sets.get(name) {
        Some(names) => names.iter().flat_map(|name| resolve(name, sets)).collect(),
        None => BTreeSet::from([name.to_owned()]),
    }
}

#[test]
#[ignore = "needs root: make test"]
fn the_system_calls_of_the_unit_are_enough() {
    needs_root();
    let sets = system_call_sets();
    let mut allowed = resolve("@default", &sets);
    for name in settings("SystemCallFilter") {
        match name.strip_prefix('~') {
            Some(name) => allowed.retain(|call| !resolve(name, &sets).contains(call)),
            None => allowed.extend(resolve(&name, &sets)),
        }
    }
    assert!(allowed.contains("openat") && !allowed.contains("mount") && !allowed.contains("ptrace"));
    let scratch = Scratch::new();
    let trace = scratch.join("calls");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&trace).args(with_privileges_of_the_unit(&["-o", "json", "-d", "1"]));
    let ran = output(&mut strace);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let calls = fs::read_to_string(&trace).expect("a trace");
    // Each line begins with the pid; setpriv's own calls are before opentop is started.
    let of_opentop = calls.lines().skip_while(|line| !line.contains(env!("CARGO_BIN_EXE_opentop"))).skip(1);
    let made: BTreeSet<_> = of_opentop
        .filter_map(|line| line.split_whitespace().nth(1)?.split_once('(').map(|(name, _)| name.to_owned()))
        .collect();
    assert!(made.contains("bpf"), "{made:?}");
    let forbidden: Vec<_> = made.difference(&allowed).collect();
    assert!(forbidden.is_empty(), "the unit forbids {forbidden:?}");
}

#[test]
fn alerts_are_raised_when_they_should_be_and_not_otherwise() {
    tool("promtool", &["check", "rules", deployed("prometheus/opentop.rules.yaml").to_str().expect("a plain path")]);
    tool("promtool", &["test", "rules", deployed("prometheus/opentop.test.yaml").to_str().expect("a plain path")]);
}

#[test]
fn the_image_of_the_manifest_is_of_this_version() {
    let kustomization = fs::read_to_string(deployed("kubernetes/base/kustomization.yaml")).expect("a kustomization");
    assert!(kustomization.contains(&format!("newTag: \"{}\"", env!("CARGO_PKG_VERSION"))), "{kustomization}");
}

const UID: &str = "2b1a8c3e-5f1d-4a8e-9d6b-0c7e1f2a3b4c";
const ID: &str = "4f3c2a1b0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a";

/// A cgroup as the kubelet makes it, with a process in it that opens a file again and again.
struct Container {
    directories: [PathBuf; 3],
    process: Option<Running>,
}

impl Container {
    fn start(file: &Path) -> Self {
        const OPEN: &str = r#"echo $$ >"$0"/cgroup.procs; while :; do cat "$1"; sleep 0.05; done"#;
        let mount = opentop::tracer::cgroup_mount().expect("cgroup v2 is mounted");
        let pod = format!("kubepods-test{}-pod{}.slice", std::process::id(), UID.replace('-', "_"));
        let slice = mount.join(format!("kubepods-test{}.slice", std::process::id()));
        let directories =
            [slice.clone(), slice.join(&pod), slice.join(&pod).join(format!("cri-containerd-{ID}.scope"))];
        directories.iter().for_each(|directory| fs::create_dir(directory).expect("a new cgroup"));
        let mut shell = Command::new("sh");
        shell.args(["-c", OPEN]).arg(&directories[2]).arg(file);
        Self { directories, process: Some(Running::start(&mut shell)) }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Those that the shell has started must be gone too.
        let _ = fs::write(self.directories[2].join("cgroup.kill"), "1");
        drop(self.process.take());
        for directory in self.directories.iter().rev() {
            (0..100).find(|_| {
                std::thread::sleep(Duration::from_millis(10));
                fs::remove_dir(directory).is_ok()
            });
        }
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_container_is_named_after_its_pod_as_soon_as_the_kubelet_has_written_that_down() {
    needs_root();
    let scratch = Scratch::new();
    let (logs, file) = (scratch.dir("log"), scratch.file("opened", ""));
    fs::create_dir_all(logs.join("pods").join(format!("prod_web-1_{UID}"))).expect("the pod's logs");
    let links = logs.join("containers");
    fs::create_dir(&links).expect("the containers' logs");
    let _container = Container::start(&file);
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", r#"mount --bind "$0" /var/log && exec "$@""#]).arg(&logs);
    command.args([env!("CARGO_BIN_EXE_opentop"), "-o", "json", "-F", "pod:^prod/web-1$"]);
    let mut tracer = Tracer::of(command);
    let named = |name: &'static str| {
        move |line: &str| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let of_pod = line["pod"] == "web-1" && line["namespace"] == "prod" && line["container_id"] == ID;
            of_pod && line["container"] == format!("containerd:prod/web-1/{name}")
        }
    };
    tracer.wait_until(named(&ID[..12]), || ());
    let link = links.join(format!("web-1_prod_nginx-{ID}.log"));
    std::os::unix::fs::symlink("/nowhere", link).expect("a link");
    tracer.wait_until(named("nginx"), || ());
    let ended = tracer.stop();
    assert!(ended.status.success(), "{}", ended.stderr);
}

/// A page as `opentop metrics` gives it, whose counters grow.
const PAGE: [(&str, u64); 20] = [
    ("opentop_build_info{version=\"0.1.0\",hooks=\"function\"}", 0),
    ("opentop_opens_total", 900),
    ("opentop_open_failures_total", 90),
    ("opentop_open_errors_total{errno=\"ENOENT\"}", 90),
    ("opentop_command_opens_total{command=\"nginx\"}", 500),
    ("opentop_command_failures_total{command=\"nginx\"}", 50),
    ("opentop_container_opens_total{namespace=\"a\",pod=\"b\",container=\"c\",runtime=\"containerd\"}", 70),
    ("opentop_container_failures_total{namespace=\"a\",pod=\"b\",container=\"c\",runtime=\"containerd\"}", 7),
    ("opentop_unit_opens_total{unit=\"ssh.service\"}", 30),
    ("opentop_unit_failures_total{unit=\"ssh.service\"}", 3),
    ("opentop_open_duration_seconds_bucket{le=\"0.0001\"}", 800),
    ("opentop_open_duration_seconds_bucket{le=\"0.1\"}", 890),
    ("opentop_open_duration_seconds_bucket{le=\"+Inf\"}", 900),
    ("opentop_events_delivered_total", 900),
    ("opentop_events_filtered_total", 0),
    ("opentop_events_lost_total{cause=\"ring\"}", 1),
    ("opentop_series{family=\"command\"}", 0),
    ("opentop_series_evictions_total{family=\"command\"}", 1),
    ("process_cpu_seconds_total", 1),
    ("process_resident_memory_bytes", 4096),
];

/// Answers every request with the page, for as long as the test runs. Returns its address.
fn serve_page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for (asked, stream) in (1..).zip(listener.incoming()) {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            let page: String = PAGE.iter().map(|(series, step)| format!("{series} {}\n", 1 + step * asked)).collect();
            let _ = write!(stream, "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n{page}");
        }
    });
    address
}

/// Every expression in the dashboard, with what Grafana would put in the place of its variables.
fn expressions(value: &Value) -> Vec<String> {
    let own = value["expr"].as_str().map(|expr| expr.replace("$instance", ".+").replace("$__rate_interval", "10s"));
    let below = match value {
        Value::Object(fields) => fields.values().flat_map(expressions).collect(),
        Value::Array(values) => values.iter().flat_map(expressions).collect(),
        _ => Vec::new(),
    };
    own.into_iter().chain(below).collect()
}

#[test]
fn every_expression_of_the_dashboard_gives_something_in_prometheus() {
    let dashboard = fs::read(deployed("grafana/opentop.json")).expect("the dashboard");
    let expressions = expressions(&serde_json::from_slice(&dashboard).expect("JSON"));
    assert!(expressions.len() >= 16, "{expressions:?}");
    let scratch = Scratch::new();
    let config = format!(
        "{{global: {{scrape_interval: 1s}}, scrape_configs: [{{job_name: opentop, static_configs: [{{targets: [\"{}\"]}}]}}]}}",
        serve_page()
    );
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let mut prometheus = Command::new("prometheus");
    prometheus.arg(format!("--config.file={}", scratch.file("prometheus.yaml", &config).display()));
    prometheus.arg(format!("--storage.tsdb.path={}", scratch.join("tsdb").display()));
    prometheus.arg(format!("--web.listen-address={free}")).stderr(Stdio::null());
    let _prometheus = Running::start(&mut prometheus);
    let start = Instant::now();
    for expression in expressions {
        loop {
            let query = ["query", "instant", &format!("http://{free}"), &expression];
            let answer = output(Command::new("promtool").args(query));
            let [stdout, stderr] =
                [answer.stdout, answer.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
            assert!(!stderr.contains("bad_data"), "{expression}: {stderr}");
            if answer.status.success() && stdout.contains("=>") && !stdout.contains("=> NaN") {
                break;
            }
            assert!(start.elapsed() < TIMEOUT, "{expression} gives nothing: {stdout}{stderr}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
