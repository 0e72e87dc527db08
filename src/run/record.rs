//! `opentop record`.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::rc::Rc;

use super::at_end::EndReport;
use super::command::Run;
use super::lines::{Source, draft, keep, lines, writer, written};
use super::progress::{is_shown, with_progress};
use super::rotation::{Rotating, drafts};
use super::trace;
use crate::child::{Program, Streams};
use crate::config::{AtEnd, Origin, Rotation, Selection, Target};
use crate::error::{self, EXIT_OK, Error};
use crate::format::group_digits;
use crate::message::Lost;
use crate::output::lines::{Consumer as _, Ended, consume};
use crate::output::report::{Collect, WithReport};
use crate::output::{Unwritten, Writer, losses};
use crate::recording::{Header, Recorded, Recorder};
use crate::remote::hosts::StatusTo;

/// Traces into a recording.
///
/// # Errors
/// If the host cannot be traced, or the file cannot be written.
pub(crate) fn record(
    target: &Target,
    origin: Origin,
    selection: &Selection,
    command: &Program,
    at_end: Option<AtEnd>,
) -> Result<u8, Error> {
    let to_stdout = target.path == Path::new("-");
    if to_stdout && io::stdout().is_terminal() {
        return Err(Error::Usage(
            "a recording is no text for a terminal: pipe it, as in opentop record - | opentop replay -".into(),
        ));
    }
    let name = if to_stdout { "to stdout".to_owned() } else { format!("in {}", target.path.display()) };
    trace(origin, StatusTo::Lines, |messages, commands, hooks| {
        // What cannot even be started leaves no recording behind, and an old one as it was.
        let draft = (!to_stdout).then(|| draft(target)).transpose()?;
        let streams = if to_stdout { Streams::OutputToStderr } else { Streams::Inherited };
        let run = Run { command, streams, limit: selection.limits.duration, commands };
        let mut end_report = at_end.map(|at_end| EndReport::new(at_end, command, selection.filter_with_names(), hooks));
        run.lines(
            || keep(draft),
            |file, ends| {
                let writer = writer(file)?;
                let cut = |why| Error::Other(format!("the recording {name} is cut off, but can be read so far: {why}"));
                let (recorded, unwritten) = written(&writer, ends, || {
                    let collect = end_report.as_mut().map(|end_report| &mut end_report.collect);
                    let source = Source { hooks, start: None, scoped: false, messages };
                    write_recording(&writer, selection, &source, collect, is_shown(command), ends.stop)
                })
                .map_err(cut)?;
                // A reader that is gone has all it wanted.
                let Some((recorded, lost)) = recorded else { return Ok(EXIT_OK) };
                if unwritten != Unwritten::default() {
                    return Err(cut(Error::Other(format!(
                        "its last {} bytes were not taken",
                        group_digits(unwritten.bytes)
                    ))));
                }
                if !to_stdout {
                    writer.sync().map_err(broken)?;
                }
                let lost = in_words(&lost);
                let bytes = group_digits(writer.written());
                error::print(format!("recorded {recorded} {name}, {bytes} bytes; {lost}"));
                end_report.map_or(Ok(()), |end_report| end_report.write(Some(ends)))?;
                Ok(EXIT_OK)
            },
        )
    })
}

/// Writes all of it. What was recorded and what was lost, unless its reader is gone.
fn write_recording(
    writer: &Writer,
    selection: &Selection,
    &Source { hooks, messages, .. }: &Source<'_>,
    collect: Option<&mut Collect<'_>>,
    progress: bool,
    stop: &dyn Fn(),
) -> Result<Option<(Recorded, Lost)>, Error> {
    let mut recorder = Recorder::begin(writer, &Header::of_host(hooks)).map_err(broken)?;
    let mut lines = lines(&mut recorder, selection, hooks);
    let mut lines = WithReport { consumer: &mut lines, collect, counts_opens: true };
    let ended = with_progress(&mut lines, progress, &|| writer.written(), |lines| {
        consume(lines, selection.limits.count, messages, stop)
    })?;
    let lost = lines.lost();
    match ended {
        Ended::ClosedPipe => Ok(None),
        Ended::Done => match recorder.finish() {
            Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(None),
            finished => Ok(Some((finished.map_err(broken)?, lost))),
        },
    }
}

fn broken(why: io::Error) -> Error {
    Error::Other(format!("cannot write the recording: {why}"))
}

/// What was lost, at the end of the line that says what was recorded.
fn in_words(lost: &Lost) -> String {
    losses(lost).map_or("none was lost".into(), |lost| format!("lost {lost}"))
}

/// Traces into a ring of files.
///
/// # Errors
/// As [`record`].
pub(crate) fn record_in_files(
    target: &Target,
    rotation: Rotation,
    origin: Origin,
    selection: &Selection,
    command: &Program,
    at_end: Option<AtEnd>,
) -> Result<u8, Error> {
    trace(origin, StatusTo::Lines, |messages, commands, hooks| {
        let drafts = drafts(target, rotation.files)?;
        let run = Run { command, streams: Streams::Inherited, limit: selection.limits.duration, commands };
        let mut end_report = at_end.map(|at_end| EndReport::new(at_end, command, selection.filter_with_names(), hooks));
        run.lines(
            || Rotating::begin(drafts, rotation.bytes, Header::of_host(hooks)).map_err(broken),
            |mut files, ends| {
                let written = Rc::clone(&files.written);
                let recorded = ends.watched(None, || {
                    let mut lines = lines(&mut files, selection, hooks);
                    let collect = end_report.as_mut().map(|end_report| &mut end_report.collect);
                    let mut with_report = WithReport { consumer: &mut lines, collect, counts_opens: true };
                    with_progress(&mut with_report, is_shown(command), &|| written.get(), |lines| {
                        consume(lines, selection.limits.count, messages, ends.stop)
                    })?;
                    let lost = lines.lost();
                    files.finish().map_err(broken)?;
                    Ok(lost)
                });
                let name = target.path.display();
                let lost = recorded.map_err(|why: Error| {
                    Error::Other(format!(
                        "the last of the recordings {name}.N is cut off, but can be read so far: {why}"
                    ))
                })?;
                let lost = in_words(&lost);
                let (recorded, begun) = (files.recorded, group_digits(files.begun));
                let kept = u64::from(rotation.files).min(files.begun);
                error::print(format!(
                    "recorded {recorded} in {begun} files, of which {name}.1 to .{kept} are kept; {lost}"
                ));
                end_report.map_or(Ok(()), |end_report| end_report.write(Some(ends)))?;
                Ok(EXIT_OK)
            },
        )
    })
}
