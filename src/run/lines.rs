//! Opens and rankings as lines, to stdout or a file.

use std::fs::File;
use std::io;

use crossbeam_channel::Receiver;

use super::in_kernel;
use crate::cli::OutputForm;
use crate::clock::Moment;
use crate::config::{Selection, Show, Target};
use crate::error::{EXIT_OK, Error};
use crate::format::group_digits;
use crate::message::{Hooks, Lost, Message, Totals};
use crate::output::ending::Ends;
use crate::output::lines::{Consumer as _, Lines, consume};
use crate::output::rankings::{Order, Tables};
use crate::output::report::{Collect, WithReport};
use crate::output::{self, Csv, Json, Output, RateLimit, TableOutput, Text, Unwritten, Writer, losses};
use crate::recording;
use crate::user_file::Draft;

/// A new file for lines, which goes again unless it is kept.
pub(super) fn draft(target: &Target) -> Result<Draft, Error> {
    recording::create(&target.path, target.replace).map_err(|why| Error::Other(why.to_string()))
}

/// Keeps the new file, if there is one.
pub(super) fn keep(draft: Option<Draft>) -> Result<Option<File>, Error> {
    draft.map(Draft::keep).transpose().map_err(|why| Error::Other(format!("cannot write the new file: {why}")))
}

/// Writes to the new file, or to stdout; the thread that does has the rights that the calling thread has now.
pub(super) fn writer(file: Option<File>) -> Result<Writer, Error> {
    let started = file.map_or_else(output::stdout, Writer::start);
    started.map_err(|why| Error::Other(format!("cannot write to stdout: {why}")))
}

/// Where lines come from.
pub(super) struct Source<'a> {
    pub hooks: &'a Hooks,
    /// When counting began; `None` with a recording.
    pub start: Option<Moment>,
    /// Only some processes are traced, whatever the filter.
    pub scoped: bool,
    pub messages: &'a Receiver<Message>,
}

/// Writes opens or rankings. `collect` has them too, where there is one.
pub(super) fn write_lines(
    writer: &Writer,
    show: &Show,
    source: &Source<'_>,
    collect: Option<&mut Collect<'_>>,
    ends: &Ends<'_>,
) -> Result<u8, Error> {
    let (lost, unwritten) = written(writer, ends, || {
        if show.batch {
            write_tables(writer, show, source, collect, ends.stop)
        } else {
            write_opens(writer, show, source, collect, ends.stop)
        }
    })?;
    if unwritten == Unwritten::default() {
        return Ok(EXIT_OK);
    }
    let lost = losses(&lost).map_or(String::new(), |lost| format!("; lost before that: {lost}"));
    let lines = group_digits(unwritten.lines);
    Err(Error::Other(format!("nobody read the output at its end: {lines} lines were not written{lost}")))
}

/// Writes rankings; returns what was lost.
fn write_tables(
    out: &Writer,
    show: &Show,
    &Source { hooks, start, scoped, messages }: &Source<'_>,
    collect: Option<&mut Collect<'_>>,
    stop: &dyn Fn(),
) -> Result<Lost, Error> {
    let mut output: Box<dyn TableOutput + '_> = match show.form {
        OutputForm::Json => Box::new(Json::new(out)),
        OutputForm::Csv => Box::new(Csv::of_tables(out)),
        OutputForm::Text | OutputForm::Tui => Box::new(Text::new(out)),
    };
    let Selection { filter, names, limits, .. } = &show.selection;
    let filtered_in_kernel = start.is_some() && in_kernel(filter);
    let order = Order { group: show.group, sort: show.sort, filter, filtered_in_kernel, scoped };
    let mut tables = Tables::new(&mut *output, order, names.clone(), &hooks.to_string(), start);
    consume(&mut WithReport { consumer: &mut tables, collect, counts_opens: false }, limits.count, messages, stop)?;
    Ok(tables.lost())
}

/// Writes opens; returns what was lost.
fn write_opens(
    out: &Writer,
    show: &Show,
    &Source { hooks, messages, .. }: &Source<'_>,
    collect: Option<&mut Collect<'_>>,
    stop: &dyn Fn(),
) -> Result<Lost, Error> {
    let mut output: Box<dyn Output + '_> = match show.form {
        OutputForm::Json => Box::new(Json::new(out)),
        OutputForm::Csv => Box::new(Csv::new(out)),
        OutputForm::Text | OutputForm::Tui => Box::new(Text::of(&show.columns, out)),
    };
    let mut lines = lines(&mut *output, &show.selection, hooks);
    let count = show.selection.limits.count;
    consume(&mut WithReport { consumer: &mut lines, collect, counts_opens: true }, count, messages, stop)?;
    Ok(lines.lost())
}

pub(super) fn lines<'a>(output: &'a mut dyn Output, selection: &'a Selection, hooks: &Hooks) -> Lines<'a> {
    Lines {
        output,
        filter: &selection.filter,
        names: selection.names.clone(),
        hooks: hooks.to_string(),
        totals: Totals::default(),
        rate: selection.rate.map(RateLimit::new),
    }
}

/// Lets `write` hand everything to `writer`, and waits until that is written: for as long as the reader takes it, or
/// nobody has asked for the end. Returns what was not written, too. That a reader is gone is no error: it has all it
/// wanted.
pub(super) fn written<T>(
    writer: &Writer,
    ends: &Ends<'_>,
    write: impl FnOnce() -> Result<T, Error>,
) -> Result<(T, Unwritten), Error> {
    ends.watched(Some(writer), || {
        let written = write()?;
        match writer.finish() {
            Ok(unwritten) => Ok((written, unwritten)),
            Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok((written, Unwritten::default())),
            Err(why) => Err(Error::Other(format!("cannot write the output: {why}"))),
        }
    })
}
