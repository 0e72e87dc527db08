//! The loop: waits for whatever comes first, lets the state change, does what is asked for, draws when it is time.

use std::io;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, at, never, select_biased, tick};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};
use signal_hook::consts::SIGWINCH;

use super::app::command::terminal_size;
use super::app::pace::Pace;
use super::app::{Answer, App, CommandEvent, Effect, Ended, Event, Question, Setup};
use super::input::Input;
use super::terminal::{InputThreads, Terminal};
use super::worker::Worker;
use super::{effect, ui};
use crate::clock::Moment;
use crate::filter::KernelFilter;
use crate::message::{Message, PlaybackCommand};

/// How the screen asks for things of the live side.
pub trait Control {
    /// The user keeps a filter of which the kernel could do this part; `expression` is all of it. True if it does it
    /// from now on.
    fn filter(&mut self, filter: &KernelFilter, expression: &str) -> bool;

    /// See look-ups too, or no longer; the hooks tell what came of it.
    fn look_up(&mut self, _wanted: bool) {}

    /// Look at processes, if there is somebody who may.
    fn ask(&mut self, _question: Question) {}

    /// What was seen.
    fn answers(&self) -> Receiver<Answer> {
        never()
    }

    /// Plays a recording otherwise; messages tell what came of it.
    fn play(&mut self, _command: PlaybackCommand) {}

    /// Sends bytes to the terminal of the command.
    fn type_bytes(&mut self, _bytes: &[u8]) {}

    /// Gives the terminal of the command another size.
    fn resize(&mut self, _size: Size) {}
}

/// Shows the screen until the user, a signal or the source ends it. The terminal is as it was before when this
/// returns, however it does.
///
/// # Errors
/// Where the filter to start with is none, the terminal cannot be used, or what is to be saved cannot be.
pub fn run(
    setup: Setup,
    messages: Receiver<Message>,
    command: Receiver<CommandEvent>,
    mut control: impl Control,
) -> io::Result<Ended> {
    let (_threads, input) = InputThreads::start()?;
    let mut terminal = Terminal::enter(setup.mouse)?;
    let mut app = App::new(setup, terminal.size()).map_err(io::Error::other)?;
    control.resize(terminal_size(app.size));
    let ended = drive(&mut app, &mut terminal, &input, (messages, command), &mut control)?;
    drop(terminal);
    if app.setup.saves {
        crate::error::print(effect::save_settings(&app).map_err(io::Error::other)?);
    }
    Ok(ended)
}

/// The loop of [`run`].
fn drive(
    app: &mut App,
    terminal: &mut Terminal,
    input: &Receiver<Input>,
    (mut messages, mut command): (Receiver<Message>, Receiver<CommandEvent>),
    control: &mut impl Control,
) -> io::Result<Ended> {
    let start = Instant::now();
    let worker = Worker::start()?;
    let mut answers = control.answers();
    let clock = tick(Duration::from_secs(1));
    let mut pace = Pace::default();
    let mut event = Some(Event::Tick { elapsed: Duration::ZERO, cpu: own_cpu() });
    loop {
        if let Some(event) = event.take()
            && let Some(ended) = apply(app, terminal, control, &worker, event)?
        {
            return Ok(ended);
        }
        let due = pace.due(app.dirty(), app.motion(), app.interval, app.size);
        let ready = terminal.is_ready();
        if ready && input.is_empty() && due.is_some_and(|due| due <= start.elapsed()) {
            let mut screen = Buffer::empty(Rect::from((Position::ORIGIN, app.size)));
            let (cursor, popup) = ui::render(app, &mut screen);
            let bytes = terminal.draw(screen, cursor);
            app.drawn(popup);
            pace = Pace { at: Some(start.elapsed()), bytes };
            continue;
        }
        let timer = match due {
            Some(due) if ready => at(start + due),
            _ => never(),
        };
        select_biased! {
            recv(input) -> event_in => event = Some(match event_in {
                Ok(Input::Signal(SIGWINCH)) => {
                    // What of the picture outlives a change of size the terminal alone knows, even if it is back at the
                    // old one.
                    terminal.invalidate();
                    Event::Resize(terminal.size())
                }
                Ok(input) => Event::Input(input),
                Err(_) => Event::Input(Input::Gone),
            }),
            recv(terminal.ready()) -> buffer => buffer.into_iter().for_each(|buffer| terminal.recycle(buffer)),
            recv(worker.done()) -> done => event = done.ok().map(|done| Event::Worked(done.map(Box::new))),
            recv(answers) -> answer => match answer {
                Ok(answer) => event = Some(Event::Answered(answer)),
                Err(_) => answers = never(),
            },
            recv(timer) -> _ => {}
            recv(clock) -> _ => event = Some(Event::Tick { elapsed: start.elapsed(), cpu: own_cpu() }),
            recv(messages) -> message => event = Some(match message {
                Ok(message) => Event::Message(message),
                Err(_) => {
                    messages = never();
                    Event::SourceLost
                }
            }),
            // Last: a command that floods its terminal must not keep events away.
            recv(command) -> news => match news {
                Ok(news) => event = Some(Event::Command(news)),
                Err(_) => command = never(),
            },
        }
    }
}

/// Lets the state change and does what it asks for. Returns how it ended, if it did.
fn apply(
    app: &mut App,
    terminal: &mut Terminal,
    control: &mut impl Control,
    worker: &Worker,
    event: Event,
) -> io::Result<Option<Ended>> {
    for effect in app.update(event) {
        match effect {
            Effect::End(ended) => return Ok(Some(ended)),
            Effect::Work(work) => worker.ask(*work),
            Effect::Abandon => worker.abandon(),
            Effect::Ask(question) => control.ask(question),
            Effect::Copy(text) => {
                let (bytes, said) = effect::copy(&text);
                terminal.send(&bytes);
                app.say(said);
            }
            Effect::Save(typed) => app.say(effect::save(app, &typed)),
            Effect::SaveSettings => app.say(effect::save_settings(app).unwrap_or_else(|why| why)),
            Effect::Mouse(on) => terminal.mouse(on),
            Effect::Repaint => {
                // A hang-up brings CONT together with HUP, and either can be heard first.
                if terminal.resume().is_err() {
                    return Ok(Some(Ended::Gone));
                }
                terminal.invalidate();
            }
            Effect::Suspend => {
                terminal.suspend()?;
                for effect in app.update(Event::Resize(terminal.size())) {
                    if let Effect::CommandSize(size) = effect {
                        control.resize(size);
                    }
                }
            }
            Effect::Play(command) => control.play(command),
            Effect::Lookups(wanted) => control.look_up(wanted),
            Effect::Type(bytes) => control.type_bytes(&bytes),
            Effect::CommandSize(size) => control.resize(size),
            Effect::Filter(filter) => {
                let does = control.filter(&filter, &app.filter.written_out());
                let _ = app.update(Event::KernelFilters { does, time_ns: Moment::now().time_ns });
            }
        }
    }
    Ok(None)
}

/// Processor time that this process has used, without its children's.
fn own_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
