//! A near side that is driven, and far sides that are found.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::common::{Scratch, TIMEOUT, needs_root, opentop};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a far side may live on.
pub const FAR_END: Duration = Duration::from_secs(2);

/// Stands for ssh: `ssh ARGUMENTS -- HOST COMMAND` runs COMMAND here, after `prelude`.
pub fn fake_ssh(scratch: &Scratch, prelude: &str) -> PathBuf {
    let script =
        format!("#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nhost=$2\nshift 2\n{prelude}\nexec sh -c \"$*\"\n");
    let path = scratch.file("ssh", &script);
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&path, executable).expect("a script that can be run");
    path
}

/// A scratch directory for a test that traces, and in it what stands for ssh.
#[track_caller]
pub fn traced_over(prelude: &str) -> (Scratch, PathBuf) {
    needs_root();
    let scratch = Scratch::new();
    let ssh = fake_ssh(&scratch, prelude);
    (scratch, ssh)
}

/// `opentop --host HOSTS`, whose far sides are found by a word in their environment.
pub fn hosts(scratch: &Scratch, ssh: &Path, hosts: &str, args: &[&str]) -> Command {
    hosts_by("", scratch, ssh, hosts, args)
}

/// The same, whose far sides are started by another program.
pub fn hosts_by(starter: &str, scratch: &Scratch, ssh: &Path, hosts: &str, args: &[&str]) -> Command {
    let remote = format!("env OPENTOP_TEST={} {starter} {}", mark(scratch), env!("CARGO_BIN_EXE_opentop"));
    let mut command = opentop(args);
    command.args(["--host", hosts, "--ssh", ssh.to_str().expect("a path"), "--remote", &remote]);
    command
}

pub fn mark(scratch: &Scratch) -> String {
    scratch.path().display().to_string()
}

/// The far sides that run.
pub fn far_sides(scratch: &Scratch) -> Vec<Pid> {
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
pub fn wait_for_far_sides(scratch: &Scratch, count: usize, most: Duration) {
    let begun = Instant::now();
    while far_sides(scratch).len() != count {
        assert!(begun.elapsed() < most, "{} far sides instead of {count} after {most:?}", far_sides(scratch).len());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A near side that runs, and what it tells.
pub struct Near {
    pub child: Child,
    lines: mpsc::Receiver<Value>,
    /// Lines that were not waited for when they came: hosts tell in any order.
    before: Vec<Value>,
}

impl Near {
    #[track_caller]
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("opentop starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut parsed = stdout.lines().map(|line| serde_json::from_str(&line.expect("a line")).expect("JSON"));
            parsed.try_for_each(|line| sender.send(line))
        });
        Self { child, lines, before: Vec::new() }
    }

    /// One whose hosts have all become live.
    #[track_caller]
    pub fn live(command: Command) -> Self {
        let names = command.get_args().skip_while(|arg| *arg != "--host").nth(1).and_then(OsStr::to_str);
        let names = names.expect("hosts").to_owned();
        let mut near = Self::start(command);
        names.split(',').for_each(|host| drop(near.wait_for_state(host, "live")));
        near
    }

    /// The next line that `wanted` holds for, which is not found again.
    #[track_caller]
    pub fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
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
    pub fn wait_for_state(&mut self, host: &str, state: &str) -> Value {
        self.wait_for(|line| line["type"] == "host" && line["host"] == host && line["state"] == state)
    }

    #[track_caller]
    pub fn wait_for_open(&mut self, host: &str, path: &Path) -> Value {
        let path = path.to_str().expect("a path");
        self.wait_for(|line| line["type"] == "open" && line["host"] == host && line["path"] == path)
    }

    /// Only opens that are told from now on are found.
    pub fn forget_opens(&mut self) {
        self.before.extend(self.lines.try_iter());
        self.before.retain(|line| line["type"] != "open");
    }

    /// Asks for the end; the lines until then.
    pub fn end(mut self) -> Vec<Value> {
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
