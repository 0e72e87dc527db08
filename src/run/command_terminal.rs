//! Runs COMMAND on a pseudo terminal of its own while opentop's screen is up.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use ratatui::layout::Size;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use signal_hook::consts::SIGHUP;

use super::command::{no_thread, start_command};
use super::stop;
use crate::child::{Child, GRACE, News, Program, Streams, pty};
use crate::cli::Until;
use crate::error::{self, EXIT_SIGNAL, Error};
use crate::privileges::{self, Role};
use crate::tracer::Command;
use crate::tui::app::CommandEvent;

/// Bytes of one read, and reads that may wait for the screen: what prints more waits, as for any terminal. Keys are
/// looked at between two of them, and each may ask for some 200 scrolls of the whole terminal.
const READ: usize = 1 << 10;
const WAITING: usize = 8;

/// The running command.
pub(super) struct CommandTerminal {
    child: Child,
    until: Until,
    terminal: Arc<OwnedFd>,
    all_ended: Receiver<()>,
}

/// Starts `command`, if there is one, and gives up what is not needed any more. What it prints comes out of the
/// receiver, unless it is to be `quiet`.
pub(super) fn start(
    command: &Program,
    quiet: bool,
    commands: &Sender<Command>,
) -> Result<Option<(CommandTerminal, Receiver<CommandEvent>)>, Error> {
    if command.line.is_empty() {
        privileges::keep_only(Role::Consumer)?;
        return Ok(None);
    }
    let no_terminal = |why| Error::Other(format!("cannot open a terminal for the command: {why}"));
    let (ours, theirs) = pty::open(80, 24).map_err(no_terminal)?;
    // Keys for a command that takes none must not hold up the screen.
    rustix::fs::fcntl_setfl(&ours, rustix::fs::OFlags::NONBLOCK).map_err(|why| no_terminal(why.into()))?;
    let (child, ()) = start_command(command, &Streams::Terminal(theirs), &[], || Ok(()))?;
    let Some(child) = child else { return Ok(None) };
    let (terminal, until) = (Arc::new(ours), command.until);
    let ((events, received), (end, all_ended)) = (bounded(WAITING), bounded(1));
    read_output(Arc::clone(&terminal), (!quiet).then(|| events.clone())).map_err(no_thread)?;
    let commands = commands.clone();
    let on_news = move |news| {
        if news == News::AllEnded || until == Until::Exit {
            stop(&commands);
        }
        match news {
            News::Exited { how, .. } => drop(events.send(CommandEvent::Ended(how))),
            News::AllEnded => drop(end.send(())),
        }
    };
    child.watch(on_news).map_err(no_thread)?;
    Ok(Some((CommandTerminal { child, until, terminal, all_ended }, received)))
}

/// Reads the command's output until every process has closed the terminal. Once the receiver is gone, it is discarded.
fn read_output(terminal: Arc<OwnedFd>, mut events: Option<Sender<CommandEvent>>) -> io::Result<()> {
    let read = move || {
        let mut bytes = [0; READ];
        loop {
            match rustix::io::read(&*terminal, &mut bytes) {
                Ok(0) => return,
                Ok(len) => {
                    let output = || CommandEvent::Output(bytes[..len].to_vec());
                    events = events.take().filter(|events| events.send(output()).is_ok());
                }
                Err(Errno::AGAIN | Errno::INTR) => {
                    let _ = rustix::event::poll(&mut [PollFd::new(&*terminal, PollFlags::IN)], None);
                }
                Err(_) => return,
            }
        }
    };
    thread::Builder::new().name("output".into()).spawn(read).map(drop)
}

impl CommandTerminal {
    pub fn label(&self) -> String {
        self.child.label()
    }

    pub fn type_bytes(&self, bytes: &[u8]) {
        // When the program does not read, the terminal's buffer fills up; further keys are dropped rather than waited
        // for.
        let _ = rustix::io::write(&*self.terminal, bytes);
    }

    pub fn resize(&self, size: Size) {
        pty::resize(&self.terminal, size.width, size.height);
    }

    /// The screen is gone, with `code`: so is the command's terminal, which it is told if it runs. What runs on is
    /// said. Returns the command's status, if it has ended.
    pub fn leave(self, code: Result<u8, Error>) -> Result<u8, Error> {
        if self.child.how_it_ended().is_none() {
            let signal = code.as_ref().ok().and_then(|code| code.checked_sub(EXIT_SIGNAL)).filter(|signal| *signal > 0);
            self.child.signal(signal.map_or(SIGHUP, i32::from));
            let _ = self.all_ended.recv_timeout(GRACE);
        }
        let ended = self.until == Until::Exit && self.child.how_it_ended().is_some();
        if let Some(left) = self.child.what_runs_on().filter(|_| !ended) {
            error::print(left);
        }
        Ok(self.child.exit_code().unwrap_or(code?))
    }
}
