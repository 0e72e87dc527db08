//! A running opentop: started, waited for until it really traces, stopped, its lines kept.

use super::lines::{Line, Open, Summary};
use super::{Running, TIMEOUT, opentop};
use crossbeam_channel as channel;
use opentop::message::Message;
use opentop::tracer;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// opentop in a line mode.
#[derive(Debug)]
pub struct Tracer {
    child: Running,
    lines: Receiver<String>,
    stderr: Option<JoinHandle<String>>,
    seen: Vec<String>,
}

/// What opentop has left when it has ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub lines: Vec<String>,
    pub stderr: String,
}

impl Tracer {
    /// Starts opentop. It may not trace yet when this returns.
    pub fn start<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Self {
        Self::of(opentop(args))
    }

    /// Starts a command that is, or becomes, opentop.
    pub fn of(mut command: Command) -> Self {
        let mut child = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let (stdout, mut stderr) = (child.0.stdout.take().expect("a pipe"), child.0.stderr.take().expect("a pipe"));
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { child, lines: read_lines(stdout), stderr: Some(stderr), seen: Vec::new() }
    }

    /// Starts `opentop -o json` with more arguments and waits until it traces.
    #[track_caller]
    pub fn json(args: &[&str], canary: &Path) -> Self {
        let mut tracer = Self::start(["-o", "json"].iter().chain(args));
        let at_canary = |line: &str| Line::parse(line).open().is_some_and(|open| open.is_at(canary));
        tracer.wait_until(at_canary, || drop(File::open(canary)));
        tracer
    }

    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Does `what` again and again until a line is as wanted. Returns that line.
    #[track_caller]
    pub fn wait_until(&mut self, wanted: impl Fn(&str) -> bool, mut what: impl FnMut()) -> String {
        let start = Instant::now();
        while start.elapsed() < TIMEOUT {
            what();
            let line = self.lines.recv_timeout(Duration::from_millis(20));
            match line {
                Ok(line) => {
                    self.seen.push(line);
                    if let Some(line) = self.seen.last().filter(|line| wanted(line)) {
                        return line.clone();
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let ended = self.finish();
        panic!("the line waited for did not come; {}, stderr: {}", ended.status, ended.stderr);
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child.0);
        kill_process(pid, signal).expect("sending a signal to opentop");
    }

    /// Ends opentop as a user does, by Ctrl-C.
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.signal(Signal::INT);
        self.wait()
    }

    /// Waits until opentop has ended by itself.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let start = Instant::now();
        while start.elapsed() < TIMEOUT {
            match self.lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.finish(),
            }
        }
        panic!("opentop does not end");
    }

    /// Kills what still runs and collects what is left.
    fn finish(&mut self) -> Ended {
        let start = Instant::now();
        let mut status = self.child.0.try_wait().expect("waiting for opentop");
        while status.is_none() && start.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(5));
            status = self.child.0.try_wait().expect("waiting for opentop");
        }
        let _ = self.child.0.kill();
        let status = status.unwrap_or_else(|| self.child.0.wait().expect("waiting for opentop"));
        self.seen.extend(self.lines.iter());
        let stderr = self.stderr.take().map(|thread| thread.join().expect("reading stderr")).unwrap_or_default();
        Ended { status, lines: std::mem::take(&mut self.seen), stderr }
    }
}

/// The lines of a pipe, read as they come so that the writer never waits.
fn read_lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::with_capacity(1 << 20, stdout);
        loop {
            let mut line = Vec::new();
            match reader.read_until(b'\n', &mut line) {
                Ok(1..) => {}
                _ => return,
            }
            let line = String::from_utf8(line).expect("opentop writes UTF-8");
            if sender.send(line.trim_end_matches('\n').to_owned()).is_err() {
                return;
            }
        }
    });
    lines
}

impl Ended {
    /// It ended well and had nothing to complain about.
    #[track_caller]
    pub fn well(self) -> Self {
        assert!(self.status.success(), "opentop: {}, stderr: {}", self.status, self.stderr);
        assert_eq!(self.stderr, "", "stderr of opentop");
        self
    }

    /// Every line, as JSON.
    #[track_caller]
    pub fn json(&self) -> Vec<Line> {
        self.lines.iter().map(|line| Line::parse(line)).collect()
    }

    #[track_caller]
    pub fn opens(&self) -> Vec<Open> {
        self.json().into_iter().filter_map(Line::open).collect()
    }

    /// Opens and look-ups.
    #[track_caller]
    pub fn events(&self) -> Vec<Open> {
        self.json().into_iter().filter_map(Line::event).collect()
    }

    #[track_caller]
    pub fn lookups(&self) -> Vec<Open> {
        let lookup = |line| if let Line::Lookup(lookup) = line { Some(*lookup) } else { None };
        self.json().into_iter().filter_map(lookup).collect()
    }

    /// The summary, which must be the last line and the only one of its kind.
    #[track_caller]
    pub fn summary(&self) -> Summary {
        let (last, lines) = self.lines.split_last().expect("a line");
        assert!(!lines.iter().any(|line| line.contains(r#""type":"summary""#)), "a summary before the end");
        match Line::parse(last) {
            Line::Summary(summary) => summary,
            other => panic!("the last line is no summary: {other:?}"),
        }
    }
}

/// Runs a tracer with a channel of this size beside `consume`, which gets both of its ends, and waits until it has
/// ended.
pub fn with_tracer<T>(
    options: tracer::Options,
    size: usize,
    consume: impl FnOnce(channel::Receiver<Message>, channel::Sender<tracer::Command>) -> T,
) -> T {
    let mut storage = tracer::storage();
    let live = tracer::Tracer::start(&mut storage, options).expect("a kernel that can be traced");
    let (messages, received) = channel::bounded(size);
    let (commands, commanded) = channel::bounded(1);
    let (end, ended) = channel::bounded(1);
    std::thread::scope(|scope| {
        scope.spawn(move || end.send(live.run(&messages, &commanded)));
        let did = consume(received, commands);
        ended.recv_timeout(Duration::from_secs(10)).expect("an end").expect("no failure");
        did
    })
}
