//! What the processes may do once they are set up, read from `/proc/PID/task/*/status`: of opentop live and replaying,
//! as root and under sudo, and of the command that it runs.

#![allow(clippy::print_stdout, reason = "what is found is part of the report")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use common::{Running, Scratch, needs_root, opentop};

/// nobody, as whom sudo is said to have been called.
const CALLER: &str = "65534";

const BPF: u64 = 1 << 39;
const PERFMON: u64 = 1 << 38;
const DAC_READ_SEARCH: u64 = 1 << 2;
const KILL: u64 = 1 << 5;
const LOOKING: u64 = SYS_PTRACE | DAC_READ_SEARCH;
const SYS_PTRACE: u64 = 1 << 19;
const TRACING: u64 = BPF | PERFMON | DAC_READ_SEARCH;

/// The lines of a `status` file, by name.
#[derive(Debug)]
struct Status(BTreeMap<String, String>);

impl Status {
    fn parse(text: &str) -> Self {
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        Self(
            fields
                .map(|(name, value)| (name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> &str {
        &self.0[name]
    }

    fn capabilities(&self, set: &str) -> u64 {
        u64::from_str_radix(self.get(set), 16).expect("a set of capabilities")
    }

    fn print(&self, of: &str) {
        let fields =
            ["Name", "Uid", "Gid", "Groups", "CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"];
        let fields = fields.map(|name| format!("{name} {}", self.get(name)));
        println!("{of}: {}", fields.join(" · "));
    }

    /// Nothing can be gained any more, and this is what is left.
    #[track_caller]
    fn assert_is_left_with(&self, user: &str, groups: &str, capabilities: u64) {
        let ids = [user; 4].join(" ");
        assert_eq!((self.get("Uid"), self.get("Gid"), self.get("Groups")), (&*ids, &*ids, groups), "{self:#?}");
        for (set, wanted) in
            [("CapEff", capabilities), ("CapPrm", capabilities), ("CapInh", 0), ("CapBnd", 0), ("CapAmb", 0)]
        {
            assert_eq!(self.capabilities(set), wanted, "{set}: {self:#?}");
        }
        assert_eq!((self.get("NoNewPrivs"), self.get("Seccomp")), ("1", "2"), "{self:#?}");
    }
}

/// The threads of a process, printed.
fn threads(of: &str, running: &Running) -> Vec<Status> {
    let tasks = fs::read_dir(format!("/proc/{}/task", running.0.id())).expect("a running process");
    let read = |task: std::io::Result<fs::DirEntry>| fs::read_to_string(task.expect("a task").path().join("status"));
    let threads: Vec<_> = tasks.map(|task| Status::parse(&read(task).expect("a thread's status"))).collect();
    threads.iter().for_each(|status| status.print(of));
    threads
}

/// Starts it, and waits for its second line of output: by then opens are on their way.
fn running(command: &mut Command) -> Running {
    let mut running = Running::start(command.stdout(Stdio::piped()));
    let output = BufReader::new(running.0.stdout.take().expect("its output"));
    let mut lines = output.lines();
    for _ in 0..2 {
        lines.next().expect("a line of output").expect("a line of output");
    }
    // Whoever closes the pipe ends it.
    std::mem::forget(lines);
    running
}

fn under_sudo(command: &mut Command) -> &mut Command {
    command.env("SUDO_UID", CALLER).env("SUDO_GID", CALLER)
}

fn as_root(command: &mut Command) -> &mut Command {
    command.env_remove("SUDO_UID").env_remove("SUDO_GID")
}

#[track_caller]
fn assert_live(threads: &[Status], user: &str, groups: &str) {
    let tracers = threads.iter().filter(|status| status.get("Name") == "tracer").count();
    assert_eq!((tracers, threads.len() > 1), (1, true));
    for status in threads {
        let kept = match status.get("Name") {
            "tracer" => TRACING,
            "kill" => KILL,
            "inquirer" | "identity" => LOOKING,
            _ => 0,
        };
        status.assert_is_left_with(user, groups, kept);
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_live_process_keeps_what_its_tracer_needs_and_nothing_else() {
    needs_root();
    let groups = Status::parse(&fs::read_to_string("/proc/self/status").expect("our own status"));
    for extra in [&[][..], &["--latency"], &["--identity"]] {
        let args = [&["-o", "json", "-i", "0.1"][..], extra].concat();
        let live = running(under_sudo(&mut opentop(&args)));
        assert_live(&threads("live, under sudo", &live), CALLER, CALLER);
        let live = running(as_root(&mut opentop(&args)));
        assert_live(&threads("live, as root", &live), "0", groups.get("Groups"));
    }
    let args =
        ["-o", "json", "--", "sh", "-c", "exec >/dev/null 2>&1; for i in 0 1 2 3 4 5 6 7 8 9; do sleep 0.2; done"];
    let live = running(under_sudo(&mut opentop(args)));
    let threads = threads("live, with a command", &live);
    assert!(threads.iter().any(|status| status.get("Name") == "kill"), "who sends signals to the command");
    assert_live(&threads, CALLER, CALLER);
    rustix::process::kill_process(rustix::process::Pid::from_child(&live.0), rustix::process::Signal::TERM)
        .expect("it runs");
}

#[test]
#[ignore = "needs root: make test"]
fn whatever_reads_a_recording_under_sudo_is_the_callers_own_before_it_reads() {
    needs_root();
    let scratch = Scratch::new();
    let other = scratch.file("other", "{\"type\":\"summary\",\"opens\":0}\n");
    let other = other.to_str().expect("UTF-8");
    for args in [&["replay", "-o", "text", "-"][..], &["report", "--all", "-"], &["diff", "-", other]] {
        is_the_callers_own_before_it_reads(args);
    }
}

fn is_the_callers_own_before_it_reads(args: &[&str]) {
    let line = "{\"type\":\"open\",\"time\":\"2026-01-02T03:04:05Z\",\"ts_ns\":1,\"pid\":1,\"tid\":1,\"ppid\":1,\
                \"uid\":0,\"comm\":\"a\",\"op\":\"openat\",\"flags\":[],\"mode\":null,\"fd\":3,\"errno\":null,\
                \"name\":\"f\",\"path\":\"/f\",\"path_kind\":\"absolute\",\"latency_ns\":null,\"cgroup\":\"/\",\
                \"container\":null}";
    let mut replay = opentop(args);
    let mut replay = Running::start(under_sudo(&mut replay).stdin(Stdio::piped()).stdout(Stdio::piped()));
    // It waits for its first byte: nothing that was in a file can have played a part.
    let mut input = replay.0.stdin.take().expect("its input");
    let start = std::time::Instant::now();
    while Status::parse(&fs::read_to_string(format!("/proc/{}/status", replay.0.id())).expect("status")).get("Seccomp")
        != "2"
    {
        assert!(start.elapsed() < common::TIMEOUT, "it never gives up what it has");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for status in threads(&format!("{args:?}, under sudo, before its first byte"), &replay) {
        status.assert_is_left_with(CALLER, CALLER, 0);
    }
    writeln!(input, "{line}").expect("a line for it");
    drop(input);
    let output = std::io::read_to_string(replay.0.stdout.take().expect("its output")).expect("text");
    assert!(output.contains("/f"), "{output}");
}

#[test]
#[ignore = "needs root: make test"]
fn every_hook_set_still_works_with_what_is_kept() {
    needs_root();
    let scratch = Scratch::new();
    let file = scratch.file("file", "");
    let mut worked = Vec::new();
    for hooks in ["function", "probe", "syscall", "raw"] {
        let script = format!("sleep 0.3; : <'{}'", file.display());
        let args = ["-o", "json", "--hooks", hooks, "--latency", "--", "/bin/sh", "-c", &script];
        let output = common::output(under_sudo(&mut opentop(args)));
        if output.status.success() {
            let text = common::stdout(&output);
            assert!(text.contains(file.to_str().expect("UTF-8")), "{hooks}: {text}");
            assert!(text.contains(r#""cgroup":"/"#), "{hooks}: cgroups have names");
            worked.push(hooks);
        } else {
            assert!(
                common::stderr(&output).contains("refused the hooks that --hooks asks for"),
                "{hooks}: {}",
                common::stderr(&output)
            );
        }
    }
    println!("hook sets that work here: {}", worked.join(", "));
    assert!(!worked.is_empty());
}

#[test]
#[ignore = "needs root: make test"]
fn cgroups_have_names_without_the_right_to_open_by_handle() {
    needs_root();
    let scratch = Scratch::new();
    let file = scratch.file("file", "");
    let script = format!(": <'{}'; sleep 0.3", file.display());
    let live = opentop(["-o", "json", "--", "/bin/sh", "-c", &script]);
    let mut without = Command::new("setpriv");
    without.args(["--bounding-set", "-dac_read_search"]).arg(live.get_program()).args(live.get_args());
    as_root(&mut without);
    let lines = common::succeed(without);
    let own = fs::read_to_string("/proc/self/cgroup").expect("our own cgroups");
    let own = own.lines().find_map(|line| line.strip_prefix("0::")).expect("the v2 hierarchy");
    let line = lines.iter().find(|line| line.contains(file.to_str().expect("UTF-8"))).expect("the open");
    assert!(line.contains(&format!(r#""cgroup":"{own}""#)), "{line}");
}

#[test]
#[ignore = "needs root: make test"]
fn a_command_has_all_that_opentop_was_started_with() {
    needs_root();
    let status = common::output(under_sudo(&mut opentop(["-o", "text", "--", "cat", "/proc/self/status"])));
    let status = Status::parse(&common::stdout(&status));
    status.print("COMMAND, under sudo");
    let own = Status::parse(&fs::read_to_string("/proc/self/status").expect("our own status"));
    for field in ["Uid", "Gid", "Groups", "CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"] {
        assert_eq!(status.get(field), own.get(field), "{field}");
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_command_runs_as_somebody_else_with_nothing_of_ours() {
    needs_root();
    let passwd = fs::read_to_string("/etc/passwd").expect("the users");
    let line = passwd.lines().find(|line| line.starts_with("nobody:")).expect("nobody");
    let [_, _, uid, gid, _, home, shell] = line.split(':').collect::<Vec<_>>()[..] else { panic!("{line}") };
    // The shell is found by the path of theirs, and adds PWD to what it is given, and _ to what it gives.
    let script = "cat /proc/self/status; echo Env: $(env | grep -v -e ^PWD= -e ^_= -e ^OLDPWD= -e ^SHLVL= | sort)";
    for user in ["nobody", uid] {
        let mut command = opentop(["-o", "text", "--as", user, "--", "sh", "-c", script]);
        let roots =
            ["HOME", "USER", "LOGNAME", "SHELL", "PATH", "MAIL", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "SUDO_USER"];
        let dangerous = ["LD_LIBRARY_PATH", "BASH_ENV", "ENV", "PYTHONPATH", "SSH_AUTH_SOCK", "AWS_SECRET_ACCESS_KEY"];
        command.env_clear().envs(roots.into_iter().chain(dangerous).map(|name| (name, "/root/of-root")));
        command.envs([("TERM", "vt220"), ("LC_TIME", "C"), ("LANG", "C"), ("TZ", "UTC")]);
        let output = common::output(under_sudo(&mut command));
        assert!(output.status.success(), "{}", common::stderr(&output));
        let status = Status::parse(&common::stdout(&output));
        status.print("COMMAND --as nobody");
        assert_eq!((status.get("Uid"), status.get("Gid")), (&*[uid; 4].join(" "), &*[gid; 4].join(" ")));
        assert_eq!(status.get("Groups"), gid);
        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
            assert_eq!(status.capabilities(set), 0, "{set}");
        }
        assert_eq!((status.get("NoNewPrivs"), status.get("Seccomp")), ("0", "2"));
        let theirs = format!("HOME={home} LANG=C LC_TIME=C LOGNAME=nobody PATH=/usr/local/bin:/usr/bin:/bin");
        assert_eq!(status.get("Env"), format!("{theirs} SHELL={shell} TERM=vt220 TZ=UTC USER=nobody"));
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_command_that_runs_as_somebody_else_cannot_type_into_our_terminal() {
    needs_root();
    let root = typed_by(&[]);
    assert!(root.iter().any(|errno| *errno != libc::EPERM), "as root something else than EPERM comes of it: {root:?}");
    let nobody = typed_by(&["--as", "nobody"]);
    assert_eq!(nobody, vec![libc::EPERM; root.len()]);
}

/// What comes of every way to type into the terminal that opentop and its command share, as an error's number or 0.
fn typed_by(options: &[&str]) -> Vec<i32> {
    let scratch = Scratch::new();
    let program = callers_directory(&scratch).join("opener");
    common::copy_program(common::opener([""; 0]).get_program().as_ref(), &program);
    let pty = native_pty_system().openpty(PtySize { rows: 24, cols: 200, ..Default::default() }).expect("a terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_opentop"));
    command.args(["-o", "text", "-f", "^/never$"]);
    command.args(options);
    command.args(["--".as_ref(), program.as_os_str(), "type".as_ref()]);
    let mut child = pty.slave.spawn_command(command).expect("starting opentop");
    drop(pty.slave);
    let mut text = String::new();
    // The terminal's end is EIO.
    let _ = BufReader::new(pty.master.try_clone_reader().expect("the terminal's output")).read_to_string(&mut text);
    assert!(child.wait().expect("its status").success(), "{text}");
    let lines = text.lines().filter(|line| line.contains("TIOC"));
    let errors: Vec<_> = lines.filter_map(|line| line.rsplit_once(": ")?.1.trim().parse().ok()).collect();
    assert!(errors.len() >= 8, "{text}");
    errors
}

#[test]
#[ignore = "needs root: make test"]
fn nobody_is_run_as_without_root_or_without_an_account() {
    needs_root();
    let unknown = common::output(&mut opentop(["-o", "text", "--as", "no\x1bbody", "--", "true"]));
    assert_eq!(
        (unknown.status.code(), &*common::stderr(&unknown)),
        (Some(2), "opentop: --as no\\x1bbody: no such user in /etc/passwd\n",)
    );
    let none = common::output(&mut opentop(["-o", "text", "--as", "nobody"]));
    assert_eq!(none.status.code(), Some(2), "--as without a command");
    let scratch = Scratch::new();
    let copy = scratch.join("opentop");
    common::copy_program(env!("CARGO_BIN_EXE_opentop").as_ref(), &copy);
    let mut command = Command::new("setpriv");
    command.args(["--reuid", CALLER, "--regid", CALLER, "--clear-groups"]).arg(copy);
    let refused = common::output(command.args(["-o", "text", "--as", "root", "--", "true"]));
    assert_eq!(refused.status.code(), Some(1));
    let said = common::stderr(&refused);
    assert!(said.contains("--as needs root") && said.lines().count() == 1, "{said}");
}

#[test]
#[ignore = "needs root: make test"]
fn a_recording_is_the_callers_and_complete() {
    needs_root();
    let scratch = Scratch::new();
    let (theirs, file) = (callers_directory(&scratch), scratch.file("file", ""));
    let recording = theirs.join("recording");
    let args = ["record".as_ref(), recording.as_os_str(), "--".as_ref(), "cat".as_ref(), file.as_os_str()];
    let output = common::output(under_sudo(&mut opentop(args)));
    assert!(output.status.success(), "{}", common::stderr(&output));
    let owner = fs::metadata(&recording).expect("the recording");
    assert_eq!((owner.uid(), owner.gid(), owner.mode() & 0o777), (65534, 65534, 0o600));
    let lines = common::succeed(opentop(["replay".as_ref(), "-o".as_ref(), "text".as_ref(), recording.as_os_str()]));
    assert!(lines.iter().any(|line| line.contains(file.to_str().expect("UTF-8"))), "{lines:#?}");
}

fn callers_directory(scratch: &Scratch) -> std::path::PathBuf {
    let directory = scratch.dir("theirs");
    let id = Some(CALLER.parse().expect("a number"));
    std::os::unix::fs::chown(&directory, id, id).expect("a directory of the caller's");
    directory
}

/// Where the caller of sudo may not write, opentop does not either, whatever leads there; nor does root by a stranger's
/// link.
#[test]
#[ignore = "needs root: make test"]
fn a_recording_is_not_written_where_only_root_may_write() {
    needs_root();
    let scratch = Scratch::new();
    let (theirs, roots) = (callers_directory(&scratch), scratch.dir("roots"));
    let link = theirs.join("link");
    std::os::unix::fs::symlink(&roots, &link).expect("a link");
    std::os::unix::fs::lchown(&link, Some(CALLER.parse().expect("a number")), None).expect("a link of the caller's");
    let kept = scratch.file("roots/kept", "kept");
    for (path, sudo) in
        [(roots.join("new"), true), (link.join("new"), true), (link.join("kept"), true), (link.join("kept"), false)]
    {
        let mut command =
            opentop(["record".as_ref(), "--force".as_ref(), path.as_os_str(), "--".as_ref(), "true".as_ref()]);
        let output = common::output(if sudo { under_sudo(&mut command) } else { as_root(&mut command) });
        let said = common::stderr(&output);
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains(if sudo { "user 65534, who called sudo" } else { "a link of user 65534" }), "{said}");
    }
    assert_eq!(fs::read(&kept).expect("the file"), b"kept");
    for directory in [&theirs, &roots] {
        assert_eq!(fs::read_dir(directory).expect("a directory").count(), 1);
    }
}
