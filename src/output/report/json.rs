//! A report as JSON Lines: `report` first, then a line for each file, search, program, slow open and repeat, and
//! `summary` last. `version` is raised when a field changes its meaning.

use std::io::{self, Write};

use super::Host;
use crate::output::json::Object;
use crate::output::{Json, Output as _};
use crate::recording::Header;
use crate::report::{Counts, Ending, Kind, Report, VERSION};

/// Writes `report`. `header` tells where the opens come from, `hooks` by which hooks they were seen. What is asked of
/// the host stands in fields of its own.
pub fn json(out: impl Write, report: &Report, header: &Header, hooks: &str, host: Host<'_>) -> io::Result<()> {
    let mut json = Json::new(out);
    head(&mut json, report, header)?;
    files(&mut json, report, host)?;
    searches(&mut json, report)?;
    programs(&mut json, report)?;
    slowest_and_repeats(&mut json, report)?;
    json.summary(report.totals(), hooks)?;
    json.flush()
}

fn head(json: &mut Json<impl Write>, report: &Report, header: &Header) -> io::Result<()> {
    let mut line = json.line("report");
    line.number("version", VERSION);
    line.word("opentop", env!("CARGO_PKG_VERSION"));
    // A header's texts are displayable.
    line.text("host", Some(header.host.as_bytes()));
    line.number("processes", report.processes().count());
    line.number("span_ns", report.span_ns());
    counts(&mut line, report.counts());
    let doubtful = report.doubtful();
    line.number("dir_deleted", doubtful.dir_deleted);
    line.number("truncated", doubtful.truncated);
    line.number("unreadable", doubtful.unreadable);
    line.number("opens_without_room", report.left_out().opens);
    line.number("searches_without_room", report.searches().left_out());
    line.number("programs_without_room", report.processes().left_out);
    line.number("dropped", report.totals().lost.dropped());
    line.boolean("limited", report.ending() == Ending::Limited);
    line.boolean("cut_off", report.ending() == Ending::CutOff);
    json.end_line()
}

fn files(json: &mut Json<impl Write>, report: &Report, host: Host<'_>) -> io::Result<()> {
    let name = |id: u32| Some(report.names().get(id));
    for (program, path, record) in report.records() {
        let mut line = json.line("file");
        line.name("path", name(path));
        line.word("path_kind", record.path_kind.name());
        line.name("program", name(program));
        counts(&mut line, &record.counts);
        line.errno(record.errno());
        line.number("uid", record.uid.into());
        if let Some(packages) = host.packages {
            line.text("package", packages.of(report.names().get(path)).map(str::as_bytes));
        }
        if let Some(denied_by) = host.denied_by {
            let denied = record.counts.get(Kind::Denied) > 0;
            let why = denied.then(|| denied_by(report.names().get(path), record.uid));
            line.text("denied_by", why.as_deref().map(str::as_bytes));
        }
        json.end_line()?;
    }
    Ok(())
}

fn searches(json: &mut Json<impl Write>, report: &Report) -> io::Result<()> {
    let name = |id: u32| Some(report.names().get(id));
    for (program, base, search) in report.searches().results() {
        let mut line = json.line("search");
        line.name("name", name(base));
        line.text("program", name(program));
        line.number("never", search.never);
        line.number("found", search.found);
        line.number("tries", search.tries.into());
        line.text("found_path", name(search.found_path).filter(|_| search.found > 0));
        json.end_line()?;
    }
    Ok(())
}

fn programs(json: &mut Json<impl Write>, report: &Report) -> io::Result<()> {
    let name = |id: u32| Some(report.names().get(id));
    for (id, program) in report.processes().programs().iter().enumerate() {
        let mut line = json.line("program");
        line.number("id", id as u64);
        line.number_or_null("parent", program.parent.map(u64::from));
        line.text("program", name(program.name));
        line.number("runs", program.runs);
        line.number("opens", program.opens);
        line.number("failed", program.failed);
        json.end_line()?;
    }
    Ok(())
}

fn slowest_and_repeats(json: &mut Json<impl Write>, report: &Report) -> io::Result<()> {
    let name = |id: u32| Some(report.names().get(id));
    for slow in report.slowest() {
        let mut line = json.line("slow");
        line.number("latency_ns", slow.latency.as_nanos() as u64);
        line.number("pid", slow.pid.into());
        line.text("program", name(slow.program));
        line.name("path", name(slow.path));
        json.end_line()?;
    }
    for repeat in report.repeats().most(super::text::REPEATED) {
        let mut line = json.line("repeat");
        line.number("opens", repeat.opens.into());
        line.number("error_bound", report.repeats().error_bound().into());
        line.number("pid", repeat.pid.into());
        line.text("program", name(repeat.program));
        line.name("path", name(repeat.path));
        json.end_line()?;
    }
    Ok(())
}

/// How many opens and look-ups, and of which kinds.
pub(super) fn counts(line: &mut Object<'_>, counts: &Counts) {
    line.number("opens", counts.opens);
    line.number("lookups", counts.lookups);
    for kind in Kind::ALL {
        line.number(kind.name(), counts.get(kind));
    }
}
