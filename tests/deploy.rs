//! What is in deploy/, by the tools that read it: systemd's own checks of the unit and the privileges that it leaves,
//! Prometheus with the alert rules and the dashboard, and pods as the kubelet leaves their names. `make deploy-test`
//! has the rest, which needs heavier tools.

mod common;

use common::tracer::Tracer;
use common::{Running, Scratch, TIMEOUT, needs_root, output};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
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

/// `opentop metrics` as the unit starts it, with no more than its privileges, for so many seconds; and where it
/// listens.
fn as_the_unit_does(seconds: u32) -> (Vec<String>, SocketAddr) {
    let capabilities = settings("AmbientCapabilities");
    assert_eq!(settings("CapabilityBoundingSet"), capabilities);
    let added = capabilities.iter().map(|name| format!(",+{}", name.trim_start_matches("CAP_").to_lowercase()));
    let added = format!("-all{}", added.collect::<String>());
    let sets = ["--inh-caps", "--ambient-caps", "--bounding-set"].map(|set| format!("{set}={added}"));
    let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"].map(str::to_owned);
    let limit = ["--", "timeout", "--preserve-status", "--signal=INT", &seconds.to_string()].map(str::to_owned);
    let start = settings("ExecStart");
    assert_eq!(start, ["/usr/bin/opentop", "metrics", "--listen", "127.0.0.1:9435"]);
    let address = free_port();
    let program = [env!("CARGO_BIN_EXE_opentop"), &start[1], &start[2], &address.to_string()].map(str::to_owned);
    (user.into_iter().chain(sets).chain(limit).chain(program).collect(), address)
}

/// An address on which nobody listens.
fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

/// The metrics at `address`, as soon as somebody listens there.
fn scrape(address: SocketAddr) -> String {
    let start = Instant::now();
    loop {
        let mut page = String::new();
        let asked = TcpStream::connect(address).and_then(|mut stream| {
            stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
            stream.read_to_string(&mut page)
        });
        if asked.is_ok() && page.starts_with("HTTP/1.1 200 ") {
            return page;
        }
        assert!(start.elapsed() < TIMEOUT, "nobody answers at {address}: {asked:?} {page}");
        std::thread::sleep(Duration::from_millis(50));
    }
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
fn the_privileges_and_system_calls_of_the_unit_are_enough() {
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
    let (command, address) = as_the_unit_does(12);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&trace).args(command);
    let scraped = std::thread::spawn(move || scrape(address));
    let ran = output(&mut strace);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let page = scraped.join().expect("a page");
    assert!(page.contains("\nopentop_build_info{"), "{page}");
    let calls = fs::read_to_string(&trace).expect("a trace");
    // Each line begins with the pid; calls of setpriv and timeout are before opentop is started, or harmless.
    let start = format!("execve(\"{}\"", env!("CARGO_BIN_EXE_opentop"));
    let of_opentop = calls.lines().skip_while(|line| !line.contains(&start)).skip(1);
    let made: BTreeSet<_> = of_opentop
        .filter_map(|line| line.split_whitespace().nth(1)?.split_once('(').map(|(name, _)| name.to_owned()))
        .collect();
    assert!(made.contains("bpf") && made.contains("listen"), "{made:?}");
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

/// Cgroups in one another, with a process in the innermost that opens a file again and again.
struct Opening {
    directories: Vec<PathBuf>,
    process: Option<Running>,
}

impl Opening {
    fn start(cgroups: &[String], file: &Path) -> Self {
        const OPEN: &str =
            r#"echo $$ >"$0"/cgroup.procs; while :; do cat "$1" "$1.missing" 2>/dev/null; sleep 0.05; done"#;
        let mut directory = opentop::tracer::cgroup_mount().expect("cgroup v2 is mounted");
        let mut directories = Vec::new();
        for cgroup in cgroups {
            directory.push(cgroup);
            fs::create_dir(&directory).expect("a new cgroup");
            directories.push(directory.clone());
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", OPEN]).arg(&directory).arg(file);
        Self { directories, process: Some(Running::start(&mut shell)) }
    }

    /// In a container as the kubelet makes it.
    fn in_pod(file: &Path, test: &str) -> Self {
        let slice = format!("kubepods-{test}{}", std::process::id());
        let pod = format!("{slice}-pod{}.slice", UID.replace('-', "_"));
        Self::start(&[format!("{slice}.slice"), pod, format!("cri-containerd-{ID}.scope")], file)
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        // Those that the shell has started must be gone too.
        let innermost = self.directories.last().map(|directory| directory.join("cgroup.kill"));
        let _ = innermost.map(|kill| fs::write(kill, "1"));
        drop(self.process.take());
        for directory in self.directories.iter().rev() {
            (0..100).find(|_| {
                std::thread::sleep(Duration::from_millis(10));
                fs::remove_dir(directory).is_ok()
            });
        }
    }
}

/// The kubelet's logs of the pod, in the place of this host's for the program that is started.
struct Logs(PathBuf);

impl Logs {
    fn new(scratch: &Scratch) -> Self {
        let logs = scratch.dir("log");
        fs::create_dir_all(logs.join("pods").join(format!("prod_web-1_{UID}"))).expect("the pod's logs");
        fs::create_dir(logs.join("containers")).expect("the containers' logs");
        Self(logs)
    }

    /// As soon as the container has written its first line.
    fn add_link(&self) {
        let link = self.0.join(format!("containers/web-1_prod_nginx-{ID}.log"));
        std::os::unix::fs::symlink("/nowhere", link).expect("a link");
    }

    fn opentop(&self) -> Command {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", r#"mount --bind "$0" /var/log && exec "$@""#]).arg(&self.0);
        command.arg(env!("CARGO_BIN_EXE_opentop"));
        command
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_container_is_named_after_its_pod_as_soon_as_the_kubelet_has_written_that_down() {
    needs_root();
    let scratch = Scratch::new();
    let (logs, file) = (Logs::new(&scratch), scratch.file("opened", ""));
    let _container = Opening::in_pod(&file, "named");
    let mut command = logs.opentop();
    command.args(["-o", "json", "-F", "pod:^prod/web-1$"]);
    let mut tracer = Tracer::of(command);
    let named = |name: &'static str| {
        move |line: &str| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let of_pod = line["pod"] == "web-1" && line["namespace"] == "prod" && line["container_id"] == ID;
            of_pod && line["container"] == format!("containerd:prod/web-1/{name}")
        }
    };
    tracer.wait_until(named(&ID[..12]), || ());
    logs.add_link();
    tracer.wait_until(named("nginx"), || ());
    let ended = tracer.stop();
    assert!(ended.status.success(), "{}", ended.stderr);
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
#[ignore = "needs root: make test"]
fn every_expression_of_the_dashboard_gives_something_in_prometheus() {
    let dashboard = fs::read(deployed("grafana/opentop.json")).expect("the dashboard");
    let expressions = expressions(&serde_json::from_slice(&dashboard).expect("JSON"));
    assert!(expressions.len() >= 16, "{expressions:?}");
    needs_root();
    let scratch = Scratch::new();
    let (logs, file, address) = (Logs::new(&scratch), scratch.file("opened", ""), free_port());
    logs.add_link();
    let mut metrics = logs.opentop();
    metrics.args(["metrics", "--latency", "--interval=0.5", "--listen", &address.to_string()]).stderr(Stdio::null());
    let _metrics = Running::start(&mut metrics);
    let _container = Opening::in_pod(&file, "seen");
    let _service = Opening::start(&[format!("opentop-test{}.service", std::process::id())], &file);
    let page = scrape(address);
    let rules = fs::read_to_string(deployed("prometheus/opentop.rules.yaml")).expect("the rules");
    for name in
        rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("opentop_"))
    {
        assert!(page.contains(&format!("\n{name}")), "no metric is called {name}, which a rule asks for");
    }
    let config = format!(
        "{{global: {{scrape_interval: 1s}}, scrape_configs: [{{job_name: opentop, static_configs: [{{targets: \
         [\"{address}\"]}}]}}]}}"
    );
    let free = free_port();
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
