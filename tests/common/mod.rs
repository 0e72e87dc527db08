//! What the tests on the real kernel share: the running tracer, its lines, the program that opens files.
//!
//! These tests need root and a kernel that takes BPF programs. Where they cannot run they fail: a test that returns
//! early is no test.
#![allow(dead_code, reason = "each test program uses its own part")]

pub mod lines;
pub mod storm;
pub mod tracer;
pub mod ways;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Longer than anything here takes, on the slowest machine.
pub const TIMEOUT: Duration = Duration::from_mins(2);

/// Fails where the test cannot run.
#[track_caller]
pub fn needs_root() {
    assert!(rustix::process::geteuid().is_root(), "this test loads BPF programs: run it as root");
}

/// The program under test.
pub fn opentop<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opentop"));
    command.args(args).stdin(Stdio::null());
    command
}

/// The program that opens files.
pub fn opener<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    example("opener", args)
}

/// A program that cargo builds beside the tests.
pub fn example<I: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = I>) -> Command {
    let test = std::env::current_exe().expect("the path of this test");
    let built = test.parent().and_then(Path::parent).expect("target directory").join("examples").join(name);
    assert!(built.exists(), "{} is missing: run `cargo build --examples`", built.display());
    let mut command = Command::new(built);
    command.args(args).stdin(Stdio::null());
    command
}

/// Copies a program by a process of its own. A copy made in this one could not be started while a child that another
/// test has just forked still holds the descriptor that it was written through (ETXTBSY).
#[allow(dead_code, reason = "not every test needs one")]
#[track_caller]
pub fn copy_program(from: &std::path::Path, to: &std::path::Path) {
    let status = Command::new("cp").arg(from).arg(to).status().expect("cp starts");
    assert!(status.success(), "cp {} {}: {status}", from.display(), to.display());
}

/// A child that does not outlive the test.
#[derive(Debug)]
pub struct Running(pub Child);

impl Running {
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command that ends by itself.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    ended(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

/// What a child has left when it has ended; one that does not end is killed, and an error.
#[track_caller]
pub fn ended(child: Child) -> Output {
    let pid = rustix::process::Pid::from_child(&child);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(TIMEOUT) {
        Ok(output) => output.expect("waiting for a child"),
        Err(_) => {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            panic!("a child does not end");
        }
    }
}

/// Runs a command that has to succeed; its output lines.
#[track_caller]
pub fn succeed(mut command: Command) -> Vec<String> {
    let output = output(&mut command);
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, stderr(&output));
    String::from_utf8(output.stdout).expect("UTF-8 output").lines().map(str::to_owned).collect()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8 on stdout")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A directory of the test's own that everybody may enter, with a path that no other open on the host has.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("opentop-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().canonicalize().expect("the directory for temporary files").join(name);
        std::fs::create_dir(&dir).expect("a new directory");
        Self(dir)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// A new file with this content.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, content).expect("a new file");
        path
    }

    /// A new directory.
    pub fn dir(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        std::fs::create_dir(&path).expect("a new directory");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left; the test has its result.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
