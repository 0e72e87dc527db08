//! Hosts that are reached by a real ssh.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::common::{Running, Scratch, TIMEOUT, needs_root, output, stderr, succeed};
use super::near::{FAR_END, Near, far_sides, hosts, wait_for_far_sides};
use rustix::process::{Pid, Signal, kill_process};

/// Where sshd listens, with keys and a configuration of their own.
struct Daemons<'a> {
    scratch: &'a Scratch,
    running: Vec<Running>,
    /// ssh_config, in which each has its name.
    client: String,
}

impl<'a> Daemons<'a> {
    fn new(scratch: &'a Scratch) -> Self {
        let keygen = |name: &str| {
            let path = scratch.join(name);
            let made = output(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path));
            assert!(made.status.success(), "{}", stderr(&made));
            path
        };
        let (_, key) = (keygen("host"), keygen("user"));
        scratch.file("authorized_keys", &fs::read_to_string(key.with_extension("pub")).expect("a key"));
        fs::create_dir_all("/run/sshd").expect("where sshd separates privileges");
        let client = format!(
            "IdentityFile {}\nIdentitiesOnly yes\nIdentityAgent none\nStrictHostKeyChecking no\nUserKnownHostsFile {}\n\
             User root\nConnectTimeout 5\n",
            key.display(),
            scratch.join("known_hosts").display()
        );
        Self { scratch, running: Vec::new(), client }
    }

    /// Adds one, which `start` starts so that it is reached at this address.
    fn add(&mut self, name: &str, address: SocketAddr, start: impl FnOnce(&str) -> Running) {
        let file = |name| self.scratch.join(name).display().to_string();
        let config = format!(
            "Port {}\nListenAddress {}\nHostKey {}\nPidFile none\nUsePAM no\nStrictModes no\n\
             PermitRootLogin prohibit-password\nAuthorizedKeysFile {}\n",
            address.port(),
            address.ip(),
            file("host"),
            file("authorized_keys"),
        );
        let config = self.scratch.file(&format!("{name}.conf"), &config);
        self.running.push(start(&format!("exec /usr/sbin/sshd -D -e -f {} 2>/dev/null", config.display())));
        let _ = write!(self.client, "Host {name}\n  HostName {}\n  Port {}\n", address.ip(), address.port());
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < TIMEOUT, "sshd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Adds one on loopback.
    fn add_here(&mut self, name: &str) {
        // Free now, and nobody else on a test's host asks for this one.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
        self.add(name, free, |command| Running::start(Command::new("sh").args(["-c", command]).stdin(Stdio::null())));
    }

    /// What calls ssh.
    fn ssh(&self) -> PathBuf {
        format!("ssh -F {}", self.scratch.file("ssh_config", &self.client).display()).into()
    }
}

/// A link into a network namespace, in which sshd serves `name`. It goes with the namespace.
struct Route(String);

impl Route {
    fn to(daemons: &mut Daemons<'_>, name: &str) -> Self {
        let pid = std::process::id();
        // Of the range for tests of devices, which nobody routes.
        let subnet = format!("198.18.{}", pid % 256);
        let [near, far] = ["n", "f"].map(|end| format!("opentop{end}{}", pid % 100_000));
        let address = format!("{subnet}.2:22").parse().expect("an address");
        daemons.add(name, address, |sshd| {
            let far_up = format!("read -r _; ip addr add {subnet}.2/30 dev {far}; ip link set {far} up; {sshd}");
            let mut running =
                Running::start(Command::new("unshare").args(["-n", "sh", "-c", &far_up]).stdin(Stdio::piped()));
            // Its namespace is there once it is not this one.
            let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).expect("a namespace");
            let (here, there) = (namespace("self"), running.0.id().to_string());
            let begun = Instant::now();
            while namespace(&there) == here {
                assert!(begun.elapsed() < TIMEOUT, "no network namespace");
                std::thread::sleep(Duration::from_millis(5));
            }
            ip(&["link", "add", &near, "type", "veth", "peer", "name", &far, "netns", &there]);
            ip(&["addr", "add", &format!("{subnet}.1/30"), "dev", &near]);
            ip(&["link", "set", &near, "up"]);
            running.0.stdin.take().expect("a pipe").write_all(b"\n").expect("it reads");
            running
        });
        Self(near)
    }

    fn set(&self, state: &str) {
        ip(&["link", "set", &self.0, state]);
    }
}

#[track_caller]
fn ip(args: &[&str]) {
    let mut command = Command::new("ip");
    command.args(args);
    succeed(command);
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
    let mut daemons = Daemons::new(&scratch);
    daemons.add_here("web");
    daemons.add_here("db");
    let filter = format!("file:^{}/wanted", scratch.path().display());
    let mut near = Near::live(hosts(&scratch, &daemons.ssh(), "web,db", &["-o", "json", "-F", &filter]));
    let wanted = scratch.file("wanted", "");
    let open = || drop(fs::File::open(&wanted).expect("a file"));
    open();
    near.wait_for_open("web", &wanted);
    open();
    near.wait_for_open("db", &wanted);
    // Killed there; then a connection that gives and takes nothing any more.
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

#[test]
#[ignore = "needs root: make test"]
fn a_route_that_is_gone_ends_the_far_side_and_is_told_and_the_host_comes_back_with_it() {
    needs_root();
    let scratch = Scratch::new();
    let mut daemons = Daemons::new(&scratch);
    daemons.add_here("db");
    let route = Route::to(&mut daemons, "web");
    let filter = format!("file:^{}/wanted", scratch.path().display());
    let mut near = Near::live(hosts(&scratch, &daemons.ssh(), "web,db", &["-o", "json", "-F", &filter]));
    wait_for_far_sides(&scratch, 2, TIMEOUT);
    route.set("down");
    // It ends although nobody can tell it to.
    wait_for_far_sides(&scratch, 1, FAR_END + Duration::from_millis(500));
    let lost = near.wait_for_state("web", "lost");
    assert!(lost["text"].as_str().is_some_and(|why| why.contains("nothing has come")), "{lost}");
    near.forget_opens();
    let wanted = scratch.file("wanted", "");
    drop(fs::File::open(&wanted).expect("a file"));
    near.wait_for_open("db", &wanted);
    route.set("up");
    near.wait_for_state("web", "live");
    near.end();
    wait_for_far_sides(&scratch, 0, FAR_END);
}
