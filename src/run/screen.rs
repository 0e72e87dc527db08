//! The screen, live and of a recording.

use std::path::Path;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use ratatui::layout::Size;

use super::command_terminal::CommandTerminal;
use super::in_kernel;
use super::inquirer::Inquirer;
use crate::clock::Moment;
use crate::config::Show;
use crate::error::{EXIT_OK, EXIT_SIGNAL, Error};
use crate::escape;
use crate::filter::KernelFilter;
use crate::message::Message;
use crate::recording::Header;
use crate::tracer::Command;
use crate::tui::app::{Answer, CommandEvent, Ended, Question};
use crate::tui::{self, app};

/// The shortest time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(200);

/// Has large pieces of memory go back to the system when they are freed. glibc would keep them once it has freed the
/// first, and the history, which comes and goes in such pieces, would leave holes half as large as itself.
fn return_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt(3) takes no pointers, and setting a threshold leaves what is allocated alone.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

/// Shows the screen until the user, a signal or the source ends it.
pub(super) fn screen(
    show: Show,
    source: Shown<'_>,
    (messages, command): (&Receiver<Message>, Receiver<CommandEvent>),
    control: impl tui::Control,
) -> Result<u8, Error> {
    return_freed_memory();
    let setup = app::Setup {
        version: env!("CARGO_PKG_VERSION"),
        host: source.header.host,
        kernel: source.header.kernel,
        hooks: source.header.hooks,
        replay: source.file.map(|file| escape::escape(file.as_os_str().as_encoded_bytes())),
        command: source.command,
        scope: source.scope,
        since_ns: source.start.map(|start| start.ts_ns),
        history: show.history,
        filter: show.selection.filter.source(),
        filter_in_kernel: source.file.is_none() && in_kernel(&show.selection.filter),
        group: show.group,
        sort: show.sort,
        interval: FRAME,
        colour: show.colour,
        ascii: show.ascii,
        highlights: show.highlights,
        columns: show.screen_columns,
        own_settings: crate::config::user_path(),
        saves: show.save,
        mouse: show.mouse,
        hidden_processes: source.hidden_processes,
        shows_self: source.shows_self,
        names: show.selection.names,
        time_zone: jiff::tz::TimeZone::system(),
    };
    let ended = tui::run(setup, messages.clone(), command, control).map_err(|why| Error::Other(why.to_string()))?;
    match ended {
        Ended::Quit => Ok(EXIT_OK),
        Ended::Signal(signal) => Ok(EXIT_SIGNAL + signal as u8),
        Ended::Gone => Ok(EXIT_SIGNAL + signal_hook::consts::SIGHUP as u8),
        Ended::Failed(why) => Err(Error::Other(why)),
    }
}

/// What the screen shows: the header of a recording, or what it would be.
pub(super) struct Shown<'a> {
    pub header: Header,
    /// The recording; `None` when live.
    pub file: Option<&'a Path>,
    /// What is run, as `make (2714)`.
    pub command: Option<String>,
    /// What alone is traced, where that is not everything.
    pub scope: Option<String>,
    pub shows_self: bool,
    /// Why processes cannot be looked at, if so.
    pub hidden_processes: Option<&'static str>,
    /// When counting began, where known.
    pub start: Option<Moment>,
}

/// The live side, as the screen may ask things of it.
pub(super) struct Live<'a> {
    /// Other hosts are shown.
    pub remote: bool,
    pub commands: &'a Sender<Command>,
    pub terminal: Option<&'a CommandTerminal>,
    pub inquirer: &'a Inquirer,
}

impl tui::Control for Live<'_> {
    fn filter(&mut self, filter: &KernelFilter, expression: &str) -> bool {
        let command =
            if self.remote { Command::Expression(expression.to_owned()) } else { Command::Filter(filter.clone()) };
        self.commands.try_send(command).is_ok()
    }

    fn look_up(&mut self, wanted: bool) {
        // Where the channel is full the key can be pressed again.
        let _ = self.commands.try_send(Command::Lookups(wanted));
    }

    fn ask(&mut self, question: Question) {
        self.inquirer.ask(question);
    }

    fn answers(&self) -> Receiver<Answer> {
        self.inquirer.answers.clone()
    }

    fn type_bytes(&mut self, bytes: &[u8]) {
        self.terminal.iter().for_each(|terminal| terminal.type_bytes(bytes));
    }

    fn resize(&mut self, size: Size) {
        self.terminal.iter().for_each(|terminal| terminal.resize(size));
    }
}
