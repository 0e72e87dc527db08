//! `opentop report`, of a recording or of a command.

use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;

use super::at_end::line;
use super::command::Run;
use super::lines::{writer, written};
use super::page::Page;
use super::{WAITING, WAITING_FOR_LINES, trace_here, unless_unread};
use crate::child::{Program, Streams};
use crate::cli::ReportForm;
use crate::config::{Paper, Selection};
use crate::error::{self, EXIT_OK, Error};
use crate::escape::escape;
use crate::message::Hooks;
use crate::names::packages::{LISTS, Packages, Rpm};
use crate::names::permissions::denied_by;
use crate::output::lines::consume;
use crate::output::report::{By, Collect, Host};
use crate::output::{self, Writer, losses};
use crate::privileges::{self, Role};
use crate::recording::{self, Header, Input, Interrupt, ReadError, Reader};
use crate::report::{self, Ending, ROOM, Report};
use crate::tracer::Options;

/// Shows what the opens of a recording came to.
///
/// # Errors
/// If it cannot be read, or the output cannot be written.
pub(crate) fn report(file: &Path, selection: &Selection, form: ReportForm, paper: Paper) -> Result<u8, Error> {
    let input = open(file)?;
    let page = Page::start(paper.pager);
    let ask_rpm = paper.look.by == By::Package && paper.rpm && !Path::new(LISTS).exists();
    let rpm = if ask_rpm { Rpm::start().ok() } else { None };
    // Not a byte of it is looked at before.
    privileges::keep_only(Role::Consumer)?;
    let collected = collect(input, empty(form), selection)?;
    let packages = collected.packages(paper, rpm)?;
    page.write(|out| collected.write(out, form, paper, packages.as_ref()))?;
    Ok(EXIT_OK)
}

/// Runs a command, and shows what its opens and those of its descendants came to. The exit status is the command's.
///
/// # Errors
/// If the host cannot be traced, the command cannot be started, or the output cannot be written.
pub(crate) fn report_command(
    options: Options,
    selection: &Selection,
    command: &Program,
    form: ReportForm,
    paper: Paper,
) -> Result<u8, Error> {
    let limits = selection.limits;
    trace_here(options, WAITING_FOR_LINES, |messages, commands, hooks| {
        let streams = if form == ReportForm::Text { Streams::Inherited } else { Streams::OutputToStderr };
        let run = Run { command, streams, limit: limits.duration, commands };
        run.lines(
            || Ok(()),
            |(), ends| {
                let writer = writer(None)?;
                written(&writer, ends, || {
                    let names = selection.names.clone();
                    let mut collect = Collect::new(empty(form), &selection.filter, names, hooks);
                    consume(&mut collect, limits.count, messages, ends.stop)?;
                    let Collect { report, hooks: text, .. } = collect;
                    let source = line(command);
                    let collected = Collected { report, header: Header::of_host(hooks), hooks: text, source };
                    let packages = collected.packages(paper, None)?;
                    unless_unread(collected.write(&writer, form, paper, packages.as_ref()), "output")
                })?;
                Ok(EXIT_OK)
            },
        )
    })
}

/// A report that can be shown in this form.
fn empty(form: ReportForm) -> Report {
    match form {
        ReportForm::Text | ReportForm::Json => Report::new(ROOM, None),
        ReportForm::Depfile => Report::new(ROOM / 2, None).with_inputs(ROOM / 2),
    }
}

pub(super) fn open(file: &Path) -> Result<Input, Error> {
    Input::open(file, Interrupt::default()).map_err(unreadable)
}

fn unreadable(why: ReadError) -> Error {
    Error::Other(why.to_string())
}

/// A report with what is to be said of its source.
pub(super) struct Collected {
    pub(super) report: Report,
    header: Header,
    hooks: String,
    pub(super) source: String,
}

impl Collected {
    /// Says what a comparison cannot see.
    pub(super) fn print_what_is_missing(&self) {
        let (source, left_out) = (&self.source, self.report.left_out().opens);
        if let Some(lost) = losses(&self.report.totals().lost) {
            error::print(format!("{source} is not all there was; opens lost: {lost}"));
        }
        if self.report.ending() == Ending::Limited {
            error::print(format!("{source}: -n ended it, and what came later is not compared"));
        }
        if left_out > 0 {
            error::print(format!(
                "{source}: {left_out} opens are not compared, since there was no room for their names"
            ));
        }
    }

    /// The packages that the files belong to, where they are wanted. They are those of this host, and it is said if the
    /// opens are of another.
    fn packages(&self, paper: Paper, rpm: Option<Rpm>) -> Result<Option<Packages<'_>>, Error> {
        if paper.look.by != By::Package {
            return Ok(None);
        }
        let this = Header::of_host(&Hooks::default()).host;
        if !self.header.host.is_empty() && escape(this.as_bytes()) != self.header.host {
            let host = &self.header.host;
            error::print(format!("{} is of {host}, and the packages are those of this host, {this}", self.source));
        }
        let files = self.report.records().map(|(_, path, _)| self.report.names().get(path));
        let packages = match rpm {
            Some(rpm) => Packages::ask(files, rpm).map_err(|why| format!("--by package asks rpm, and cannot: {why}")),
            None => Packages::find(files, Path::new(LISTS)).map_err(|why| {
                format!(
                    "--by package reads dpkg's lists in {LISTS}, and cannot: {why}; rpm is asked only of a recording, \
                     and not by root, which runs no program"
                )
            }),
        };
        packages.map(Some).map_err(Error::Other)
    }

    fn write(&self, out: &Writer, form: ReportForm, paper: Paper, packages: Option<&Packages<'_>>) -> io::Result<()> {
        let denied_by: Option<fn(&[u8], u32) -> String> = paper.explain.then_some(denied_by);
        let host = Host { packages, denied_by };
        match form {
            ReportForm::Text => output::report::text(out, &self.report, &self.source, paper.look, host),
            ReportForm::Json => output::report::json(out, &self.report, &self.header, &self.hooks, host),
            ReportForm::Depfile => {
                let missing = output::report::depfile(out, &self.report)?;
                // Make does not show comments.
                missing.iter().for_each(|missing| error::print(format!("{}: {missing}", self.source)));
                Ok(())
            }
        }
    }
}

/// Reads all of a recording into `report`.
fn collect(input: Input, report: Report, selection: &Selection) -> Result<Collected, Error> {
    let source = input.name().to_owned();
    let reader = Reader::of_file(input).map_err(unreadable)?;
    play(source, reader, report, selection)
}

/// The same, or what a report says that was written as JSON.
pub(super) fn collect_any(input: Input, mut report: Report, selection: &Selection) -> Result<Collected, Error> {
    let source = input.name().to_owned();
    let reader = Reader::of_any_file(input).map_err(unreadable)?;
    if !reader.is_report() {
        return play(source, reader, report, selection);
    }
    if !selection.filter.is_empty() || selection.limits.count.is_some() {
        return Err(Error::Usage(format!(
            "{source} is a report, in which no opens are left to choose from: choose them when it is made, or compare \
             recordings"
        )));
    }
    let note = report::read(reader, &mut report).map_err(unreadable)?;
    note.iter().for_each(error::print);
    Ok(Collected { report, header: Header::default(), hooks: String::new(), source })
}

/// Plays a recording into `report`, as fast as it can be read.
fn play(source: String, reader: Reader, report: Report, selection: &Selection) -> Result<Collected, Error> {
    let header = reader.header().cloned().unwrap_or_default();
    let mut collect = Collect::new(report, &selection.filter, selection.names.clone(), &header.hooks);
    let (messages, received) = bounded(WAITING);
    let (stop, stopped) = bounded(1);
    let replayed = thread::scope(|scope| {
        let player = scope.spawn(move || {
            let interval = Duration::from_secs(1);
            recording::replay(reader, 0.0, interval, &messages, &stopped)
        });
        let end = || {
            let _ = stop.try_send(());
        };
        let consumed = consume(&mut collect, selection.limits.count, &received, &end);
        drop((received, stop));
        let replayed = player.join().map_err(|_| Error::Other("the reading thread panicked".into()))?;
        consumed.map(|_| replayed)
    })?;
    let is_cut_off = replayed.note.is_some();
    replayed.notes(selection.filter.asks_latency()).for_each(error::print);
    let Collect { mut report, hooks, .. } = collect;
    if is_cut_off {
        report.set_ending(Ending::CutOff);
    }
    Ok(Collected { report, header, hooks, source })
}
