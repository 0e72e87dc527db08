//! ssh as a child: how it is run, and its three pipes.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use rustix::fs::OFlags;

use super::target::Target;
use super::wire::Control;

/// Bytes of what is said on stderr that are kept.
const SAID_MAX: usize = 4 << 10;

/// Bytes for the far side that may wait for a slow link.
const UNSENT_MAX: usize = 1 << 20;

/// Runs ssh, which runs the far side on `host`.
pub(super) fn spawn(target: &Target, host: &str) -> io::Result<Child> {
    let (program, arguments) = target.ssh.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    let agent = format!("{} agent", target.remote);
    command.args(arguments).args(["-T", "-o", "BatchMode=yes", "--", host]).arg(agent);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // ^C is for opentop, which has the last counts still to come.
    command.process_group(0).spawn()
}

/// The three pipes of ssh. Nothing waits for the first and the last.
pub(super) struct Streams {
    pub(super) stdin: Option<File>,
    unsent: Vec<u8>,
    pub(super) stdout: Option<OwnedFd>,
    stderr: File,
    pub(super) said: Vec<u8>,
}

impl Streams {
    pub(super) fn of(child: &mut Child) -> io::Result<Self> {
        let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
        let stdin = OwnedFd::from(child.stdin.take().ok_or_else(missing)?);
        let stdout = OwnedFd::from(child.stdout.take().ok_or_else(missing)?);
        let stderr = OwnedFd::from(child.stderr.take().ok_or_else(missing)?);
        for pipe in [&stdin, &stderr] {
            rustix::fs::fcntl_setfl(pipe, OFlags::NONBLOCK)?;
        }
        Ok(Self {
            stdin: Some(stdin.into()),
            unsent: Vec::new(),
            stdout: Some(stdout),
            stderr: stderr.into(),
            said: Vec::new(),
        })
    }

    /// Sends what fits; the rest with the next. A heartbeat that has to wait is none.
    pub(super) fn send(&mut self, control: &Control) {
        if self.unsent.is_empty() || (*control != Control::Heartbeat && self.unsent.len() < UNSENT_MAX) {
            self.unsent.extend_from_slice(control.line().as_bytes());
        }
        let Some(stdin) = &mut self.stdin else { return };
        while let Ok(written @ 1..) = stdin.write(&self.unsent) {
            self.unsent.drain(..written);
        }
    }

    /// Takes note of the last that was said.
    pub(super) fn listen(&mut self) {
        let mut bytes = [0; 4096];
        for _ in 0..16 {
            let Ok(read @ 1..) = self.stderr.read(&mut bytes) else { break };
            self.said.extend_from_slice(&bytes[..read]);
            let beyond = self.said.len().saturating_sub(SAID_MAX);
            self.said.drain(..beyond);
        }
    }
}
