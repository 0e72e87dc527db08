//! Several hosts over ssh. Where it is not about ssh itself, a script stands for it, which runs the far side here.

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{Running, Scratch, TIMEOUT, ended, needs_root, opentop, output, stderr, stdout};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a far side may live on.
const FAR_END: Duration = Duration::from_secs(2);

/// Stands for ssh: `ssh ARGUMENTS -- HOST COMMAND` runs COMMAND here, after `prelude`.
fn fake_ssh(scratch: &Scratch, prelude: &str) -> PathBuf {
    let script =
        format!("#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nhost=$2\nshift 2\n{prelude}\nexec sh -c \"$*\"\n");
    let path = scratch.file("ssh", &script);
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&path, executable).expect("a script that can be run");
    path
}

/// `opentop --host HOSTS`, whose far sides are found by a word in their environment.
fn hosts(scratch: &Scratch, ssh: &Path, hosts: &str, args: &[&str]) -> Command {
    let remote = format!("env OPENTOP_TEST={} {}", mark(scratch), env!("CARGO_BIN_EXE_opentop"));
    let mut command = opentop(["--host", hosts, "--ssh", ssh.to_str().expect("a path"), "--remote", &remote]);
    command.args(args);
    command
}

fn mark(scratch: &Scratch) -> String {
    scratch.path().display().to_string()
}

/// The far sides that run.
fn far_sides(scratch: &Scratch) -> Vec<Pid> {
    let mark = format!("OPENTOP_TEST={}", mark(scratch));
    let is_far = |dir: &PathBuf| {
        let environment = fs::read(dir.join("environ")).unwrap_or_default();
        let line = fs::read(dir.join("cmdline")).unwrap_or_default();
        let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()) && program.ends_with(b"opentop")
    };
    let dirs = fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
    let number = |dir: PathBuf| Pid::from_raw(dir.file_name()?.to_str()?.parse().ok()?);
    dirs.filter(is_far).filter_map(number).collect()
}

/// Waits until there are so many, for so long at most.
#[track_caller]
fn wait_for_far_sides(scratch: &Scratch, count: usize, most: Duration) {
    let begun = Instant::now();
    while far_sides(scratch).len() != count {
        assert!(begun.elapsed() < most, "{} far sides instead of {count} after {most:?}", far_sides(scratch).len());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A near side that runs, and what it tells.
struct Near {
    child: Child,
    lines: mpsc::Receiver<Value>,
    /// Lines that were not waited for when they came: hosts tell in any order.
    before: Vec<Value>,
}

impl Near {
    #[track_caller]
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("opentop starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut parsed = stdout.lines().map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON"));
            parsed.try_for_each(|line| sender.send(line))
        });
        Self { child, lines, before: Vec::new() }
    }

    /// The next line that `wanted` holds for, which is not found again.
    #[track_caller]
    fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.before.iter().position(&wanted) {
            return self.before.remove(at);
        }
        let begun = Instant::now();
        loop {
            let left = TIMEOUT.saturating_sub(begun.elapsed());
            let line = self.lines.recv_timeout(left).expect("a line of that kind");
            if wanted(&line) {
                return line;
            }
            self.before.push(line);
        }
    }

    #[track_caller]
    fn wait_for_state(&mut self, host: &str, state: &str) -> Value {
        self.wait_for(|line| line["type"] == "host" && line["host"] == host && line["state"] == state)
    }

    #[track_caller]
    fn wait_for_open(&mut self, host: &str, path: &Path) -> Value {
        let path = path.to_str().expect("a path");
        self.wait_for(|line| line["type"] == "open" && line["host"] == host && line["path"] == path)
    }

    /// Only opens that are told from now on are found.
    fn forget_opens(&mut self) {
        self.before.extend(self.lines.try_iter());
        self.before.retain(|line| line["type"] != "open");
    }

    /// Asks for the end; the lines until then.
    fn end(mut self) -> Vec<Value> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        let rest = self.lines.iter().collect();
        assert!(self.child.wait().expect("its end").success());
        rest
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs root: make test"]
fn two_hosts_are_one_stream_whose_sums_are_exact() {
    needs_root();
    let scratch = Scratch::new();
    let ssh = fake_ssh(&scratch, "");
    let filter = format!("file:^{}/wanted", scratch.path().display());
    let mut near = Near::start(hosts(&scratch, &ssh, "web,db", &["-o", "json", "-F", &filter]));
    near.wait_for_state("web", "live");
    near.wait_for_state("db", "live");
    let wanted = scratch.file("wanted", "");
    drop(fs::File::open(&wanted).unwrap());
    let open = near.wait_for_open("web", &wanted);
    assert!(open["received"].as_str() > open["time"].as_str(), "{open}");
    near.wait_for_open("db", &wanted);
    let rest = near.end();
    let summary = rest.last().unwrap();
    let number = |name: &str| summary[name].as_u64().unwrap();
    assert_eq!(number("opens"), number("delivered") + number("dropped") + number("filtered"), "{summary}");
    let of_hosts: u64 =
        rest.iter().filter(|line| line["type"] == "host").filter_map(|line| line["opens"].as_u64()).sum();
    assert_eq!(of_hosts, number("opens"), "{rest:?}");
    wait_for_far_sides(&scratch, 0, FAR_END);
}

#[test]
#[ignore = "needs root: make test"]
fn a_host_is_filtered_by_and_ranked() {
    needs_root();
    let scratch = Scratch::new();
    let ssh = fake_ssh(&scratch, "");
    let one = output(&mut hosts(&scratch, &ssh, "web,db", &["-o", "json", "-d", "4", "-F", "host:^web$"]));
    let lines: Vec<Value> = stdout(&one).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut opens = lines.iter().filter(|line| line["type"] == "open").peekable();
    assert!(opens.peek().is_some(), "this test's own programs open files");
    assert!(opens.all(|line| line["host"] == "web"));
    let ranked = output(&mut hosts(&scratch, &ssh, "web,db", &["-b", "-n", "3", "-g", "host", "-o", "json"]));
    let text = stdout(&ranked);
    assert!(text.contains(r#""host":"web""#) && text.contains(r#""host":"db""#), "{text}\n{}", stderr(&ranked));
}

#[test]
#[ignore = "needs root: make test"]
fn nothing_is_left_tracing_whatever_ends_the_connection() {
    needs_root();
    let scratch = Scratch::new();
    let ssh = fake_ssh(&scratch, "");
    for end in ["near", "ssh", "stopped"] {
        let mut near = Near::start(hosts(&scratch, &ssh, "web", &["-o", "json"]));
        near.wait_for_state("web", "live");
        wait_for_far_sides(&scratch, 1, TIMEOUT);
        let far = far_sides(&scratch)[0];
        match end {
            // Its stdin ends.
            "near" => near.child.kill().expect("it runs"),
            // As when a route is gone: nobody is told, and nothing comes any more.
            "stopped" => kill_process(Pid::from_child(&near.child), Signal::STOP).expect("it runs"),
            _ => kill_process(far, Signal::KILL).expect("it runs"),
        }
        if end != "ssh" {
            wait_for_far_sides(&scratch, 0, FAR_END + Duration::from_millis(500));
            continue;
        }
        let lost = near.wait_for_state("web", "lost");
        assert_ne!(lost["text"], "", "{lost}");
        near.wait_for_state("web", "live");
        near.end();
        wait_for_far_sides(&scratch, 0, FAR_END);
    }
}

#[test]
fn what_is_no_host_is_refused_before_ssh_sees_it() {
    for host in ["-oProxyCommand=id", "a b", "\u{1b}[2J"] {
        let refused = output(&mut opentop([format!("--host={host}").as_str(), "-o", "json"]));
        assert_eq!(refused.status.code(), Some(2), "{host:?}");
        assert!(stderr(&refused).contains("is no host"), "{}", stderr(&refused));
    }
}

#[test]
fn hosts_that_cannot_be_reached_say_why_and_what_to_do() {
    let scratch = Scratch::new();
    let cases = [
        ("echo 'sudo: a password is required' >&2; exit 1", "NOPASSWD"),
        ("echo 'bash: line 1: opentop: command not found' >&2; exit 127", "scp"),
        ("echo Welcome; exit 0", "not a recording"),
        ("exit 255", "the connection ended"),
    ];
    for (prelude, expected) in cases {
        let ssh = fake_ssh(&scratch, prelude);
        let refused = output(&mut hosts(&scratch, &ssh, "web,db", &["-o", "json"]));
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(expected) && said.contains("no host can be reached"), "{prelude}: {said}");
    }
}

/// What a host sends instead of what opentop sends: a program for sh that writes it to stdout, for as long as anybody reads.
fn hostile(name: &str) -> String {
    let header =
        r#"printf '{"type":"header","opentop":"0","host":"x","kernel":"x","boot_time":"","hooks":"","protocol":1}\n'"#;
    match name {
        "an endless line" => format!("{header}; yes | tr -d '\\n'"),
        "a bomb" => format!("({header}; head -c 3000000000 /dev/zero) | zstd -q --no-check"),
        "a large window" => {
            format!("({header}; sleep 1; head -c 300000000 /dev/zero) | zstd -q --ultra --long=27 --no-check")
        }
        "cgroups" => format!(
            "{header}; seq 1000000 | sed 's|.*|{{\"type\":\"process\",\"pid\":1,\"start_ns\":1,\"ppid\":1,\"uid\":0,\"comm\":{{\"text\":\"x\"}},\"opens\":1,\"failed\":0,\"cgroups\":[{{\"path\":{{\"text\":\"/&\"}},\"opens\":1,\"failed\":0}}]}}|'"
        ),
        "processes" => format!(
            "{header}; seq 4000000 | sed 's|.*|{{\"type\":\"process\",\"pid\":&,\"start_ns\":1,\"ppid\":1,\"uid\":0,\"comm\":{{\"text\":\"x\"}},\"opens\":1,\"failed\":0}}|'"
        ),
        "users" => {
            format!("{header}; seq 1000000 | sed 's|.*|{{\"type\":\"user\",\"uid\":&,\"name\":\"\\\\u001b[2J&\"}}|'")
        }
        _ => format!("{header}; cat /dev/urandom"),
    }
}

#[test]
fn nothing_that_a_host_sends_makes_memory_grow() {
    let most_kib = 160 << 10;
    for name in ["an endless line", "a bomb", "a large window", "cgroups", "processes", "users", "noise"] {
        let scratch = Scratch::new();
        let ssh = fake_ssh(&scratch, &format!("{} 2>/dev/null; exit", hostile(name)));
        let mut child = hosts(&scratch, &ssh, "web", &["-o", "json", "-d", "4"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("opentop starts");
        let begun = Instant::now();
        let mut peak_kib = 0;
        while child.try_wait().expect("a child").is_none() {
            assert!(begun.elapsed() < TIMEOUT, "{name}: it does not end");
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let peak = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
            peak_kib = peak.unwrap_or(0).max(peak_kib);
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert!((1..most_kib).contains(&peak_kib), "{name}: {peak_kib} KiB\n{said}");
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{name}: {said:?}");
        drop(ended(child));
    }
}

/// Two sshd on loopback with keys and a configuration of their own: `web` and `db`, by the configuration that is returned.
fn two_sshd(scratch: &Scratch) -> (Vec<Running>, PathBuf) {
    let keygen = |name: &str| {
        let path = scratch.join(name);
        let made = output(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path));
        assert!(made.status.success(), "{}", stderr(&made));
        path
    };
    let (host_key, key) = (keygen("host"), keygen("user"));
    let keys = scratch.file("authorized_keys", &fs::read_to_string(key.with_extension("pub")).expect("a key"));
    let mut client = format!(
        "IdentityFile {}\nIdentitiesOnly yes\nIdentityAgent none\nStrictHostKeyChecking no\nUserKnownHostsFile {}\nHostName 127.0.0.1\nUser root\nConnectTimeout 5\n",
        key.display(),
        scratch.join("known_hosts").display()
    );
    let mut daemons = Vec::new();
    for name in ["web", "db"] {
        // Free now, and nobody else on a test's host asks for this one.
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\nAuthorizedKeysFile {}\n",
            host_key.display(),
            keys.display()
        );
        let config = scratch.file(&format!("{name}.conf"), &config);
        fs::create_dir_all("/run/sshd").expect("where sshd separates privileges");
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f"]).arg(config).stdin(Stdio::null()).stderr(Stdio::null());
        daemons.push(Running::start(&mut sshd));
        client += &["Host ", name, "\n  Port ", &port.to_string(), "\n"].concat();
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < TIMEOUT, "sshd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    (daemons, scratch.file("ssh_config", &client))
}

/// The sshd that serves a connection to a far side: its nearest ancestor of that name.
fn sshd_of(far: Pid) -> Pid {
    let mut pid = far.as_raw_nonzero().get();
    loop {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("an ancestor");
        let (name, rest) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')).expect("a name");
        if name.starts_with("sshd") {
            return Pid::from_raw(pid).expect("a pid");
        }
        pid = rest.split_whitespace().nth(1).and_then(|ppid| ppid.parse().ok()).expect("a parent");
    }
}

#[test]
#[ignore = "needs root: make test"]
fn two_real_sshd_whose_connections_end_in_every_way_while_the_other_host_goes_on() {
    needs_root();
    let scratch = Scratch::new();
    let (_daemons, config) = two_sshd(&scratch);
    let ssh = format!("ssh -F {}", config.display());
    let filter = format!("file:^{}/wanted", scratch.path().display());
    let mut near = Near::start(hosts(&scratch, Path::new(&ssh), "web,db", &["-o", "json", "-F", &filter]));
    near.wait_for_state("web", "live");
    near.wait_for_state("db", "live");
    let wanted = scratch.file("wanted", "");
    let open = || drop(fs::File::open(&wanted).expect("a file"));
    open();
    near.wait_for_open("web", &wanted);
    open();
    near.wait_for_open("db", &wanted);
    // Killed there; then a connection that gives and takes nothing any more, as without a route.
    for signal in [Signal::KILL, Signal::STOP] {
        wait_for_far_sides(&scratch, 2, TIMEOUT);
        let far = far_sides(&scratch)[0];
        let sshd = sshd_of(far);
        kill_process(if signal == Signal::KILL { far } else { sshd }, signal).expect("it runs");
        let lost = near.wait_for(|line| line["type"] == "host" && line["state"] == "lost");
        let other = if lost["host"] == "web" { "db" } else { "web" };
        near.forget_opens();
        open();
        near.wait_for_open(other, &wanted);
        assert!(!far_sides(&scratch).contains(&far), "the far side has ended before it was missed");
        if signal == Signal::STOP {
            kill_process(sshd, Signal::KILL).expect("it runs");
        }
        let host = lost["host"].as_str().expect("a host").to_owned();
        near.wait_for_state(&host, "live");
    }
    near.end();
    wait_for_far_sides(&scratch, 0, FAR_END);
}
