//! The loop: waits for whatever comes first, lets the state change, does what is asked for, draws when it is time.

use std::io;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, at, never, select_biased, tick};
use ratatui::layout::Size;
use signal_hook::consts::SIGWINCH;

use super::pace::Pace;
use super::work::Worker;
use super::{App, Effect, Ended, Event, Outcome, Setup, effect};
use crate::clock::Moment;
use crate::filter::KernelFilter;
use crate::message::Message;
use crate::tui::terminal::{Input, InputThreads, Terminal};

/// How the screen asks for things of the live side.
pub trait Control {
    /// The user keeps a filter of which the kernel could do this part. True if it does it from now on.
    fn filter(&mut self, filter: &KernelFilter) -> bool;
}

/// Of a recording nothing can be asked.
#[derive(Clone, Copy, Debug)]
pub struct NoControl;

impl Control for NoControl {
    fn filter(&mut self, _: &KernelFilter) -> bool {
        false
    }
}

/// Where frames go: the terminal, or a test.
pub trait Display {
    fn size(&self) -> Size;
    /// Whether the last frame is out. As long as it is not, nothing is drawn.
    fn is_ready(&mut self) -> bool;
    /// Becomes readable when the last frame is out.
    fn ready(&self) -> Receiver<Vec<u8>>;
    /// Takes back what `ready` gave.
    fn reclaim(&mut self, buffer: Vec<u8>);
    /// Draws the state. Returns how many bytes that took.
    fn draw(&mut self, app: &App) -> io::Result<usize>;
    /// Sends bytes that draw nothing, with the next frame.
    fn send(&mut self, bytes: &[u8]);
    /// Paints everything with the next frame.
    fn forget(&mut self);
    fn mouse(&mut self, on: bool);
    /// Leaves the screen, stops the process until it is continued, and comes back.
    fn suspend(&mut self) -> io::Result<()>;
    /// Takes the screen again after somebody else stopped the process.
    fn resume(&mut self) -> io::Result<()>;
}

/// What the loop listens to.
#[derive(Debug)]
pub struct Inputs {
    pub messages: Receiver<Message>,
    pub input: Receiver<Input>,
}

/// Shows the screen until the user, a signal or the source ends it. The terminal is as it was before when this
/// returns, however it does.
///
/// # Errors
/// Where the filter to start with is none, or the terminal cannot be used.
pub fn run(setup: Setup, messages: Receiver<Message>, mut control: impl Control) -> anyhow::Result<Outcome> {
    let (_threads, input) = InputThreads::start()?;
    let mut display = Terminal::enter(setup.mouse)?;
    let mut app = App::new(setup, display.size())?;
    let outcome = drive(&mut app, &mut display, &Inputs { messages, input }, &mut control)?;
    Ok(outcome)
}

/// The loop of [`run`], with the world as values.
///
/// # Errors
/// Where the display breaks.
pub fn drive<D: Display, C: Control>(
    app: &mut App,
    display: &mut D,
    inputs: &Inputs,
    control: &mut C,
) -> io::Result<Outcome> {
    let start = Instant::now();
    let worker = Worker::start()?;
    let clock = tick(Duration::from_secs(1));
    let mut messages = inputs.messages.clone();
    let mut pace = Pace::default();
    let mut event = Some(Event::Tick { elapsed: Duration::ZERO, cpu: own_cpu() });
    loop {
        if let Some(event) = event.take()
            && let Some(ended) = take(app, display, control, &worker, event)?
        {
            return Ok(Outcome { ended, totals: app.meter.since_start() });
        }
        let due = pace.due(app.dirty(), app.motion(), app.interval, app.size);
        let ready = display.is_ready();
        if ready && inputs.input.is_empty() && due.is_some_and(|due| due <= start.elapsed()) {
            let bytes = display.draw(app)?;
            app.drawn();
            pace = Pace { at: Some(start.elapsed()), bytes };
            continue;
        }
        let timer = match due {
            Some(due) if ready => at(start + due),
            _ => never(),
        };
        select_biased! {
            recv(inputs.input) -> input => event = Some(match input {
                Ok(Input::Signal(SIGWINCH)) => Event::Resize(display.size()),
                Ok(input) => Event::Input(input),
                Err(_) => Event::Input(Input::Gone),
            }),
            recv(display.ready()) -> buffer => buffer.into_iter().for_each(|buffer| display.reclaim(buffer)),
            recv(worker.done()) -> done => event = done.ok().map(|done| Event::Worked(Box::new(done))),
            recv(timer) -> _ => {}
            recv(clock) -> _ => event = Some(Event::Tick { elapsed: start.elapsed(), cpu: own_cpu() }),
            recv(messages) -> message => event = Some(match message {
                Ok(message) => Event::Message(message),
                Err(_) => {
                    messages = never();
                    Event::SourceLost
                }
            }),
        }
    }
}

/// Lets the state change and does what it asks for. Returns how it ended, if it did.
fn take(
    app: &mut App,
    display: &mut impl Display,
    control: &mut impl Control,
    worker: &Worker,
    event: Event,
) -> io::Result<Option<Ended>> {
    for effect in app.update(event) {
        match effect {
            Effect::End(ended) => return Ok(Some(ended)),
            Effect::Work(work) => worker.ask(*work),
            Effect::Copy(text) => {
                let (bytes, said) = effect::copy(&text);
                display.send(&bytes);
                app.say(said);
            }
            Effect::Save => app.say(effect::save(app)),
            Effect::Mouse(on) => display.mouse(on),
            Effect::Repaint => {
                display.resume()?;
                display.forget();
            }
            Effect::Suspend => {
                display.suspend()?;
                let _ = app.update(Event::Resize(display.size()));
            }
            Effect::Filter(filter) => {
                let does = control.filter(&filter);
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
