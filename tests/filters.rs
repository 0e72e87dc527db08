//! What the filters let through: all of what they name, and nothing else.
//!
//! Five processes open one file each, all the time: some succeed, some fail, they differ in user and command. Each row
//! of the table says which of them a filter shows.

mod common;

use common::lines::{Line, Open};
use common::tracer::Tracer;
use common::{Running, Scratch, needs_root};
use std::fmt::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const NOBODY: u32 = 65_534;
/// As many events of each process that is to be seen are waited for: time enough for the others to be seen as well.
const EVENTS: usize = 30;

/// A process that opens one file every millisecond.
struct Opening {
    name: &'static str,
    child: Running,
}

impl Opening {
    /// Runs `program` as `uid` to open `path`.
    fn start(name: &'static str, program: &Path, uid: u32, path: &Path) -> Self {
        let mut command = Command::new(program);
        command.arg("first").arg(path).uid(uid).gid(uid).stdin(Stdio::null());
        Self { name, child: Running::start(&mut command) }
    }
}

struct Openings(Vec<Opening>);

impl Openings {
    fn start(scratch: &Scratch) -> Self {
        // A copy, since the build directory may be closed to others.
        let program = scratch.join("opener");
        common::copy_program(common::opener([""]).get_program().as_ref(), &program);
        let other = scratch.join("Other-comm");
        symlink(&program, &other).expect("a second name of opener");
        let (there, secret) = (scratch.file("there.log", ""), scratch.file("secret.key", ""));
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).expect("a closed file");
        let missing = scratch.join("missing.log");
        Self(vec![
            Opening::start("ok", &program, 0, &there),
            Opening::start("missing", &program, 0, &missing),
            Opening::start("nobody", &program, NOBODY, &there),
            Opening::start("denied", &program, NOBODY, &secret),
            Opening::start("other", &other, 0, &there),
        ])
    }

    fn pid(&self, name: &str) -> u32 {
        self.0.iter().find(|opening| opening.name == name).map(|opening| opening.child.0.id()).expect("a name above")
    }

    /// Which of them opened; others on the host are none of them.
    fn name(&self, open: &Open) -> Option<&'static str> {
        self.0.iter().find(|opening| opening.child.0.id() == open.pid).map(|opening| opening.name)
    }

    /// Runs opentop with `args` until all of `shown` have been seen often. Every event it printed.
    #[track_caller]
    fn trace(&self, args: &[String], shown: &[&str]) -> Vec<Open> {
        let mut tracer = Tracer::start(["-o".to_owned(), "json".to_owned()].iter().chain(args));
        let mut seen = vec![0; shown.len()];
        while seen.iter().any(|events| *events < EVENTS) {
            let line = tracer.wait_until(|_| true, || ());
            let name = Line::parse(&line).open().and_then(|open| self.name(&open));
            if let Some(at) = shown.iter().position(|shown| Some(*shown) == name) {
                seen[at] += 1;
            }
        }
        tracer.stop().well().opens()
    }
}

/// A filter: the arguments, the processes it shows, and what holds of every event on the host that it shows.
struct Row {
    args: Vec<String>,
    shown: &'static [&'static str],
    holds: Box<dyn Fn(&Open) -> bool>,
}

fn row<const N: usize>(
    args: [&str; N],
    shown: &'static [&'static str],
    holds: impl Fn(&Open) -> bool + 'static,
) -> Row {
    Row { args: args.map(str::to_owned).to_vec(), shown, holds: Box::new(holds) }
}

#[track_caller]
fn check(openings: &Openings, rows: Vec<Row>) {
    let mut wrong = String::new();
    for Row { args, shown, holds } in rows {
        for open in openings.trace(&args, shown) {
            let name = openings.name(&open);
            if name.is_some_and(|name| !shown.contains(&name)) || !holds(&open) {
                let _ = writeln!(wrong, "{args:?} lets through {name:?}: {open:?}");
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

const ALL: &[&str] = &["ok", "missing", "nobody", "denied", "other"];

#[test]
#[ignore = "needs root: make test"]
fn who_opens() {
    needs_root();
    let scratch = Scratch::new();
    let openings = Openings::start(&scratch);
    let (ok, denied) = (openings.pid("ok"), openings.pid("denied"));
    check(
        &openings,
        vec![
            row([], ALL, |_| true),
            row(["-p", &ok.to_string()], &["ok"], move |open| open.pid == ok),
            row(["-p", &format!("{ok},{denied}")], &["ok", "denied"], move |open| [ok, denied].contains(&open.pid)),
            row(["-u", "nobody"], &["nobody", "denied"], |open| open.uid == NOBODY),
            row(["-u", "65534"], &["nobody", "denied"], |open| open.uid == NOBODY),
            row(["-c", "^Other"], &["other"], |open| open.comm.starts_with("Other")),
            row(["-c", "other"], &["other"], |open| open.comm.to_lowercase().contains("other")),
            row(["-c", "!^opener$"], &["other"], |open| open.comm != "opener"),
            row(["-p", &denied.to_string(), "-u", "nobody"], &["denied"], move |open| open.pid == denied),
        ],
    );
}

#[test]
#[ignore = "needs root: make test"]
fn what_is_opened_and_with_what_result() {
    needs_root();
    let scratch = Scratch::new();
    let openings = Openings::start(&scratch);
    let dir = scratch.path().to_str().expect("a plain path").to_owned();
    let below = move |open: &Open| open.path.as_ref().is_some_and(|path| path.starts_with(&dir));
    let failed = |open: &Open| open.errno.is_some() && open.fd.is_none();
    let with = |errno: &'static str| move |open: &Open| open.errno.as_deref() == Some(errno);
    let missing_below = {
        let below = below.clone();
        move |open: &Open| below(open) && open.errno.is_some()
    };
    let dir = scratch.path().to_str().expect("a plain path");
    check(
        &openings,
        vec![
            row(["-f", dir], ALL, below.clone()),
            row(["-f", r"\.key$"], &["denied"], |open| open.path.as_ref().is_some_and(|path| path.ends_with(".key"))),
            row(["-f", r"!there|missing"], &["denied"], |open| {
                !open.path.as_ref().is_some_and(|p| p.contains("there"))
            }),
            row(["-x"], &["missing", "denied"], failed),
            row(["-e", "EACCES"], &["denied"], with("EACCES")),
            row(["-e", "ENOENT"], &["missing"], with("ENOENT")),
            row(["-e", "EACCES,ENOENT"], &["missing", "denied"], failed),
            row(["-x", "-f", dir], &["missing", "denied"], missing_below),
        ],
    );
}

#[test]
#[ignore = "needs root: make test"]
fn the_filter_language() {
    needs_root();
    let scratch = Scratch::new();
    let openings = Openings::start(&scratch);
    let dir = scratch.path().to_str().expect("a plain path");
    check(
        &openings,
        vec![
            row(["-F", &format!("dir:{dir} err:ENOENT")], &["missing"], |open| open.errno.is_some()),
            row(["-F", &format!("{dir} !err:any")], &["ok", "nobody", "other"], |open| open.fd.is_some()),
            row(["-F", "comm:^opener$ uid:nobody !file:secret"], &["nobody"], |open| open.uid == NOBODY),
            row(["-F", &format!("pid:{}", openings.pid("other"))], &["other"], |open| open.comm == "Other-comm"),
            row(["-u", "nobody", "-F", "err:EACCES"], &["denied"], |open| open.uid == NOBODY),
        ],
    );
}

#[test]
#[ignore = "needs root: make test"]
fn a_backslash_in_a_name_is_one_in_the_filter_too() {
    needs_root();
    let scratch = Scratch::new();
    // As systemd escapes a dash.
    let swap = scratch.file(r"dev-disk-by\x2dlabel.swap", "");
    let mut openings = Openings::start(&scratch);
    openings.0.push(Opening::start("swap", &scratch.join("opener"), 0, &swap));
    let is_swap = |open: &Open| open.path.as_ref().is_some_and(|path| path.ends_with(r"by\x2dlabel.swap"));
    check(
        &openings,
        vec![
            row(["-f", r"by\\x2dlabel"], &["swap"], is_swap),
            row(["-f", r"by.x2dlabel"], &["swap"], is_swap),
            row(["-F", &format!("file:={}", swap.display())], &["swap"], is_swap),
        ],
    );
}

/// A cgroup of the test's own, two deep.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new() -> Self {
        let mounts = std::fs::read_to_string("/proc/self/mounts").expect("the mounts");
        let is_v2 = |line: &&str| line.split(' ').nth(2) == Some("cgroup2");
        let mount = mounts.lines().find(is_v2).and_then(|line| line.split(' ').nth(1)).expect("cgroup v2 is mounted");
        let dir = Path::new(mount).join(format!("opentop-test-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("below")).expect("a new cgroup");
        Self(dir)
    }

    /// Moves a process to the inner of the two.
    fn add(&self, pid: u32) {
        std::fs::write(self.0.join("below/cgroup.procs"), pid.to_string()).expect("moving a process");
    }

    /// As the reports call the inner one.
    fn name(&self) -> String {
        format!("/{}/below", self.0.file_name().and_then(|name| name.to_str()).expect("a plain name"))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A cgroup can be removed a moment after its last process has ended.
        let start = Instant::now();
        while std::fs::remove_dir(self.0.join("below")).is_err() && start.elapsed() < Duration::from_secs(2) {
            std::thread::yield_now();
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_cgroup_and_those_below_it() {
    needs_root();
    let scratch = Scratch::new();
    let cgroup = Cgroup::new();
    let openings = Openings::start(&scratch);
    for name in ["ok", "denied"] {
        cgroup.add(openings.pid(name));
    }
    let (path, name) = (cgroup.0.to_str().expect("a plain path"), cgroup.name());
    let inside = move |open: &Open| open.cgroup.as_ref() == Some(&name);
    check(
        &openings,
        vec![
            row(["--cgroup", path], &["ok", "denied"], inside.clone()),
            row(["--cgroup", &format!("{path}/below"), "-x"], &["denied"], inside),
        ],
    );
}

/// The kernel leaves out what it can; the invariant includes it.
#[test]
#[ignore = "needs root: make test"]
fn what_is_left_out_is_counted_apart() {
    needs_root();
    let scratch = Scratch::new();
    let openings = Openings::start(&scratch);
    let pid = openings.pid("missing").to_string();
    let mut tracer = Tracer::start(["-o", "json", "-p", &pid]);
    for _ in 0..EVENTS {
        tracer.wait_until(|_| true, || ());
    }
    let ended = tracer.stop().well();
    let summary = ended.summary();
    assert_eq!(summary.opens, summary.delivered + summary.dropped + summary.filtered, "{summary:?}");
    assert!(summary.filtered > 0, "four others opened all the time: {summary:?}");
    assert_eq!(summary.delivered, ended.opens().len() as u64);
}

/// A thread of this test opens a file under a name of its own.
#[test]
#[ignore = "needs root: make test"]
fn the_opens_of_a_thread_are_found_by_its_name_and_by_that_of_its_program() {
    needs_root();
    let scratch = Scratch::new();
    let (canary, seen) = (scratch.file("canary", ""), scratch.file("by-a-thread", ""));
    let mut program = std::fs::read_to_string("/proc/self/comm").expect("the name of this program");
    program.truncate(program.trim_end().len());
    for asked in [program.as_str(), "pool-worker-1"] {
        let pattern = format!("^{}$|^canary-opener$", regex_syntax::escape(asked));
        let mut tracer = Tracer::start(["-o", "json", "-c", &pattern]);
        let named = |name: &str, path: &Path| {
            let path = path.to_owned();
            let open = move || drop(std::fs::File::open(path));
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(open).expect("a thread");
            thread.join().expect("an open");
        };
        let at = |path: &Path| {
            let path = path.to_owned();
            move |line: &str| Line::parse(line).open().is_some_and(|open| open.is_at(&path))
        };
        tracer.wait_until(at(&canary), || named("canary-opener", &canary));
        let line = tracer.wait_until(at(&seen), || named("pool-worker-1", &seen));
        let open: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(open["process"], program.as_str());
        assert_eq!(open["comm"], "pool-worker-1");
        tracer.stop().well();
    }
}

#[test]
#[ignore = "needs root: make test"]
fn of_no_process_there_is_nothing_to_trace_and_a_thread_is_none() {
    needs_root();
    let gone = {
        let mut child = Command::new("true").spawn().expect("true");
        child.wait().expect("its end");
        child.id().to_string()
    };
    let thread = std::thread::spawn(|| {
        let tid = rustix::thread::gettid().as_raw_nonzero().to_string();
        Tracer::start(["-o", "json", "-p", &tid]).wait()
    });
    let none = Tracer::start(["-o", "json", "-p", &gone]).wait();
    for (ended, word) in [(none, "no such process"), (thread.join().expect("the thread"), "is a thread of process")] {
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(word) && ended.stderr.lines().count() == 1, "{}", ended.stderr);
        assert!(ended.lines.is_empty(), "{:?}", ended.lines);
    }
}

#[test]
#[ignore = "needs root: make test"]
fn the_end_of_the_last_process_that_was_asked_for_is_the_end() {
    needs_root();
    let scratch = Scratch::new();
    let mut openings = Openings::start(&scratch);
    let (first, second) = (openings.pid("ok"), openings.pid("missing"));
    // As "$(pidof opener)" gives them.
    let mut tracer = Tracer::start(["-o", "json", "-p", &format!("{first} {second}")]);
    for pid in [first, second] {
        tracer.wait_until(|line| Line::parse(line).open().is_some_and(|open| open.pid == pid), || ());
        openings.0.retain(|opening| opening.child.0.id() != pid);
    }
    let ended = tracer.wait();
    assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.opens().iter().all(|open| open.pid == first || open.pid == second));
}
