//! Runs what reads a whole recording and then says something about it: `report` and `diff`.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;

use crate::cli::{DiffForm, ReportForm};
use crate::config::Paper;
use crate::error::{self, EXIT_OK, Error};
use crate::escape::escape;
use crate::filter::Filter;
use crate::message::Hooks;
use crate::names::Names;
use crate::names::packages::{LISTS, Packages};
use crate::names::permissions::denied_by;
use crate::output::lines::consume;
use crate::output::report::{By, Collect, Host};
use crate::output::{self, Writer, losses};
use crate::pager::Pager;
use crate::privileges::{self, Role};
use crate::recording::{self, Header, Input, Interrupt, ReadError, Reader};
use crate::report::{self, ROOM, Report, fold};

/// Batches that may wait for the report.
const WAITING: usize = 16;

/// Exit status where two recordings differ, as diff(1) has it.
const EXIT_DIFFERENT: u8 = 1;

/// Shows what the opens of a recording came to.
///
/// # Errors
/// If it cannot be read, or the output cannot be written.
pub(crate) fn report(file: &Path, filter: &Filter, form: ReportForm, paper: Paper) -> Result<u8, Error> {
    let input = open(file)?;
    let page = Out::start(paper.pager)?;
    // Not a byte of it is looked at before.
    privileges::keep_only(Role::Consumer)?;
    let collected = collect(input, empty(form), filter)?;
    let packages = (paper.look.by == By::Package).then(|| collected.packages()).transpose()?;
    let denied_by: Option<fn(&[u8], u32) -> String> = paper.explain.then_some(denied_by);
    let host = Host { packages: packages.as_ref(), denied_by };
    page.write(|out| collected.write(out, form, paper, host))?;
    Ok(EXIT_OK)
}

/// A report that can be shown in this form.
fn empty(form: ReportForm) -> Report {
    match form {
        ReportForm::Text | ReportForm::Json => Report::new(ROOM, None),
        ReportForm::Depfile => Report::new(ROOM / 2, None).with_inputs(ROOM / 2),
    }
}

/// Shows how two recordings differ. `how`: how many times as many opens are told, and whether names are compared as they
/// are.
///
/// # Errors
/// If they cannot be read, or the output cannot be written.
pub(crate) fn diff(
    files: &[PathBuf; 2],
    filter: &Filter,
    how: (f64, bool),
    form: DiffForm,
    paper: Paper,
) -> Result<u8, Error> {
    compare(files, filter, how, form, paper).map_err(|why| Error::Incomparable(why.to_string()))
}

fn compare(
    files: &[PathBuf; 2],
    filter: &Filter,
    (factor, raw): (f64, bool),
    form: DiffForm,
    paper: Paper,
) -> Result<u8, Error> {
    let [before, after] = [open(&files[0])?, open(&files[1])?];
    let page = Out::start(paper.pager)?;
    privileges::keep_only(Role::Consumer)?;
    let collect = |input| collect(input, Report::new(ROOM / 2, (!raw).then_some(fold)), filter);
    let (before, after) = thread::scope(|scope| {
        let before = scope.spawn(|| collect(before));
        let after = collect(after);
        (before.join().unwrap_or_else(|_| Err(Error::Other("the reading thread panicked".into()))), after)
    });
    let [before, after] = [before?, after?];
    for side in [&before, &after] {
        side.tell_what_is_missing();
    }
    let names = [before.source.as_str(), &after.source];
    let found = report::diff(&before.report, &after.report, factor);
    page.write(|out| match form {
        DiffForm::Text => output::report::diff_text(out, &found, names, paper.look),
        DiffForm::Json => output::report::diff_json(out, &found, names),
    })?;
    Ok(if found.is_empty() { EXIT_OK } else { EXIT_DIFFERENT })
}

fn open(file: &Path) -> Result<Input, Error> {
    Input::open(file, Interrupt::default()).map_err(unreadable)
}

fn unreadable(why: ReadError) -> Error {
    Error::Other(why.to_string())
}

/// A report with what is to be said of its source.
struct Collected {
    report: Report,
    header: Header,
    hooks: String,
    source: String,
}

impl Collected {
    /// Says what a comparison cannot see.
    fn tell_what_is_missing(&self) {
        let (source, left_out) = (&self.source, self.report.left_out().counts.opens);
        if let Some(lost) = losses(&self.report.totals().lost) {
            error::tell(format!("{source} is not all there was; opens lost: {lost}"));
        }
        if left_out > 0 {
            error::tell(format!(
                "{source}: {left_out} opens are not compared, since there was no room for their names"
            ));
        }
    }

    /// The packages that the files belong to. They are those of this host, and it is said if the opens are of another.
    fn packages(&self) -> Result<Packages<'_>, Error> {
        let this = Header::of_host(&Hooks::default()).host;
        if !self.header.host.is_empty() && escape(this.as_bytes()) != self.header.host {
            let host = &self.header.host;
            error::tell(format!("{} is of {host}, and the packages are those of this host, {this}", self.source));
        }
        let files = self.report.records().map(|(_, path, _)| self.report.names().get(path));
        Packages::find(files, Path::new(LISTS)).map_err(|why| {
            Error::Other(format!("--by package reads dpkg's lists in {LISTS}, and cannot: {why}; rpm's are not read"))
        })
    }

    fn write(&self, out: &Writer, form: ReportForm, paper: Paper, host: Host<'_>) -> io::Result<()> {
        match form {
            ReportForm::Text => output::report::text(out, &self.report, &self.source, paper.look, host),
            ReportForm::Json => output::report::json(out, &self.report, &self.header, &self.hooks),
            ReportForm::Depfile => output::report::depfile(out, &self.report),
        }
    }
}

/// Reads all of a recording into `report`, as fast as it can be read.
fn collect(input: Input, report: Report, filter: &Filter) -> Result<Collected, Error> {
    let source = input.name().to_owned();
    let reader = Reader::of_file(input).map_err(unreadable)?;
    let header = reader.header().cloned().unwrap_or_default();
    // The users of the host that was recorded are not those of this one.
    let mut collect = Collect::new(report, filter, Names::without_users(), &header.hooks);
    let (messages, received) = bounded(WAITING);
    let (stop, stopped) = bounded::<()>(0);
    let replayed = thread::scope(|scope| {
        let player = scope.spawn(move || {
            let interval = Duration::from_secs(1);
            recording::replay(reader, 0.0, interval, &messages, &stopped)
        });
        let consumed = consume(&mut collect, None, &received, &|| ());
        drop((received, stop));
        let replayed = player.join().map_err(|_| Error::Other("the reading thread panicked".into()))?;
        consumed.map(|_| replayed)
    })?;
    if let Some(note) = replayed.note {
        error::tell(note);
    }
    let Collect { report, hooks, .. } = collect;
    Ok(Collected { report, header, hooks, source })
}

/// Where a page goes.
struct Out {
    writer: Writer,
    pager: Option<Pager>,
}

impl Out {
    fn start(pager: bool) -> Result<Self, Error> {
        let failed = |why| Error::Other(format!("cannot write to stdout: {why}"));
        match Some(()).filter(|()| pager).and_then(|()| Pager::start()) {
            Some((pager, pipe)) => Ok(Self { writer: Writer::start(pipe).map_err(failed)?, pager: Some(pager) }),
            None => Ok(Self { writer: output::stdout().map_err(failed)?, pager: None }),
        }
    }

    /// Writes a page, and waits until it was read. That a reader is gone is no error: it has all it wanted.
    fn write(self, write: impl FnOnce(&Writer) -> io::Result<()>) -> Result<(), Error> {
        let written = write(&self.writer).and_then(|()| self.writer.finish().map(drop));
        drop(self.writer);
        self.pager.map_or(Ok(()), Pager::wait).map_err(|why| Error::Other(format!("waiting for the pager: {why}")))?;
        match written {
            Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::Other(format!("cannot write the output: {why}")))
            }
            _ => Ok(()),
        }
    }
}
