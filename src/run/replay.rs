//! `opentop replay`.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, never};

use super::command::no_signals;
use super::lines::{Source, draft, keep, write_lines, writer};
use super::screen::{Shown, screen};
use super::{WAITING, until};
use crate::cli::OutputForm;
use crate::config::Show;
use crate::error::{self, Error};
use crate::filter::KernelFilter;
use crate::history::timeline::Timeline;
use crate::message::PlaybackCommand;
use crate::output::ending::{self, Ends};
use crate::privileges::{self, Role};
use crate::recording::{self, Controls, Input, Interrupt, ReadError, Reader};
use crate::signals::Handlers;
use crate::tui;
use crate::tui::app::Answer;

/// A recording that is played, as the screen may ask things of it.
struct Player {
    ask: Sender<PlaybackCommand>,
    recorded: Receiver<Answer>,
}

impl tui::Control for Player {
    fn filter(&mut self, _: &KernelFilter, _: &str) -> bool {
        false
    }

    fn play(&mut self, command: PlaybackCommand) {
        // Where the channel is full the key can be pressed again.
        let _ = self.ask.try_send(command);
    }

    fn answers(&self) -> Receiver<Answer> {
        self.recorded.clone()
    }
}

/// Hands on what a survey has found. What is not yet all of it need not arrive. False: nobody wants it.
fn send_survey(found: &Sender<Answer>, timeline: &Timeline, length_ns: Option<u64>) -> bool {
    let answer = Answer::Recorded { timeline: Box::new(timeline.clone()), length_ns };
    match length_ns {
        Some(_) => found.send(answer).is_ok(),
        None => !matches!(found.try_send(answer), Err(TrySendError::Disconnected(_))),
    }
}

/// Opens a recording, for which all privileges are given up, and says what is left of `limit`.
fn open(file: &Path, interrupt: &Interrupt, limit: Option<Duration>) -> Result<(Reader, Option<Duration>), Error> {
    let start = Instant::now();
    let unreadable = |why: ReadError| Error::Other(why.to_string());
    let input = Input::open(file, interrupt.clone()).map_err(unreadable)?;
    // Not a byte of it is looked at before.
    privileges::keep_only(Role::Consumer)?;
    // Even the first line may never come.
    let reader = until(limit, &|| interrupt.set(), || Reader::of_file(input)).map_err(unreadable)?;
    Ok((reader, limit.map(|limit| limit.saturating_sub(start.elapsed()))))
}

/// Shows a recording.
///
/// # Errors
/// If it cannot be read, or the output cannot be written.
pub(crate) fn replay(file: &Path, speed: f64, mut show: Show) -> Result<u8, Error> {
    let limit = show.selection.limits.duration;
    let draft = show.out.as_ref().map(draft).transpose()?;
    let interrupt = Interrupt::default();
    let (reader, limit) = open(file, &interrupt, limit)?;
    let header = reader.header().cloned().unwrap_or_default();
    show.selection.names.learn_own_host(&header.host);
    let (messages, received) = bounded(WAITING);
    let (stop, stopped) = bounded(1);
    let (ask, asked) = bounded(WAITING);
    let interactive = matches!(show.form, OutputForm::Tui);
    let asks_latency = show.selection.filter.asks_latency() || show.batch && show.sort.is_of_latencies();
    let interval = show.selection.interval;
    let survey = if interactive { reader.survey() } else { None };
    let (found, recorded) = bounded(1);
    thread::scope(|scope| {
        scope.spawn(move || {
            survey.map(|survey| survey.run(|timeline, length_ns| send_survey(&found, timeline, length_ns)))
        });
        let player = scope.spawn(move || {
            let controls = Controls { stop: &stopped, commands: interactive.then_some(&asked) };
            recording::replay_with(reader, speed, interval, &messages, controls)
        });
        let end = || {
            interrupt.set();
            let _ = stop.try_send(());
        };
        let consumed = match show.form {
            OutputForm::Tui => {
                let hidden_processes = Some("not known: this is a recording");
                let command = None;
                let scope = header.excerpt.as_ref().map(|excerpt| format!("an excerpt: {excerpt}"));
                let shown = Shown {
                    header,
                    file: Some(file),
                    command,
                    scope,
                    shows_self: false,
                    hidden_processes,
                    start: None,
                };
                until(limit, &end, || screen(show, shown, (&received, never()), Player { ask, recorded }))
            }
            _ => Handlers::install().and_then(Handlers::listen).map_err(no_signals).and_then(|signals| {
                let ends = Ends { signals: &signals.received, answer: &|_| ending::Answer::End, limit, stop: &end };
                let source =
                    Source { hooks: &header.hooks, start: None, scoped: header.excerpt.is_some(), messages: &received };
                write_lines(&writer(keep(draft)?)?, &show, &source, None, &ends)
            }),
        };
        end();
        drop((received, stop));
        let replayed = player.join().map_err(|_| Error::Other("the replaying thread panicked".into()))?;
        replayed.notes(asks_latency).for_each(error::print);
        consumed
    })
}
