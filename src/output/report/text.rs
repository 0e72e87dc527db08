//! A report for people: a page of 80 columns, or as wide as the terminal is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

use super::sheet::{By, Look, ROWS, Sheet, counted, opens, shown};
use super::tree::Leaf;
use super::{SECTIONS, Section, files};
use crate::escape::escape;
use crate::event::errno_name;
use crate::format::{duration, elide, group_digits};
use crate::names::packages::Packages;
use crate::output::losses;
use crate::report::{Ending, Kind, Record, Report, Search};

/// Opens of one file by one process that are worth telling.
pub const REPEATED: u32 = 10;

/// Columns that are left of the name of what the page is about, at least.
const SOURCE_MIN: usize = 20;

/// What is asked of the host that the page is made on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host<'a> {
    /// The packages of the files, where they are to be shown by package.
    pub packages: Option<&'a Packages<'a>>,
    /// What keeps a user from a path, where that is to be told.
    pub denied_by: Option<fn(&[u8], u32) -> String>,
}

/// Writes `report`, of what `source` names.
///
/// # Errors
/// Those of the writer.
pub fn text(out: impl Write, report: &Report, source: &str, look: Look, host: Host<'_>) -> io::Result<()> {
    let mut page = Page { sheet: Sheet { out, look }, report, host };
    page.head(source)?;
    let mut records: Vec<_> = report.records().collect();
    let mut results: Vec<_> = report.searches().results().collect();
    match look.by {
        By::Dir | By::Package => page.sections(Selection { records: &records, results: &results })?,
        By::Process => {
            records.sort_by_key(|(program, ..)| *program);
            results.sort_by_key(|(program, ..)| *program);
            page.programs_apart(Selection { records: &records, results: &results })?;
        }
    }
    page.programs()?;
    page.slowest()?;
    page.repeats()?;
    page.sheet.out.flush()
}

/// What the sections are about: what programs did with paths, and what came of their searches, by the numbers of the
/// programs' names and of those of the paths.
#[derive(Clone, Copy)]
pub(super) struct Selection<'s, 'a> {
    pub(super) records: Records<'s, 'a>,
    pub(super) results: &'s [(u32, u32, &'a Search)],
}

type Records<'s, 'a> = &'s [(u32, u32, &'a Record)];

pub(super) struct Page<'a, W> {
    pub(super) sheet: Sheet<W>,
    pub(super) report: &'a Report,
    host: Host<'a>,
}

impl<W: Write> Page<'_, W> {
    fn head(&mut self, source: &str) -> io::Result<()> {
        let report = self.report;
        let counts = report.counts();
        let lost = losses(&report.totals().lost).map_or("none was lost".into(), |lost| format!("LOST: {lost}"));
        let processes = match report.processes().count() {
            1 => "1 process".to_owned(),
            count => format!("{} processes", group_digits(count)),
        };
        let left_out = match report.left_out().opens {
            0 => String::new(),
            count => format!("; NO ROOM for the names of {}, which are in no list below", opens(count)),
        };
        let seconds = report.span_ns() as f64 / 1e9;
        let ending = match report.ending() {
            Ending::Whole => "",
            Ending::Limited => "; ENDED by -n: what came later is in no list below",
            Ending::CutOff => "; CUT OFF, or still being written: what came later is in no list below",
        };
        let first = format!(": {} by {processes} in {seconds:.1} s; {lost}{left_out}{ending}", opens(counts.opens));
        // What was lost is seen, however long the name is.
        let room = self.sheet.look.width.saturating_sub(first.width());
        let first = format!("{}{first}", elide(source, room.max(SOURCE_MIN), "…"));
        writeln!(self.sheet.out, "{}", self.sheet.bold(&first))?;
        let kinds = Kind::ALL.into_iter().filter(|kind| counts.get(*kind) > 0);
        let kinds = kinds.map(|kind| format!("{} {}", group_digits(counts.get(kind)), kind.name()));
        let lookups = (counts.lookups > 0).then(|| counted(counts.lookups, "look-up"));
        self.sheet.wrapped("", &kinds.chain(lookups).collect::<Vec<_>>().join(", "))?;
        let doubtful = report.doubtful();
        for (count, what) in [
            (doubtful.dir_deleted, "relative to a directory that was deleted"),
            (doubtful.truncated, "of names or directories that are longer than what could be read"),
            (doubtful.unreadable, "of names or directories that could not be read"),
            (report.searches().left_out(), "searches for whose result there was no room"),
            (report.processes().left_out, "programs started that are counted as the one that started them"),
        ] {
            if count > 0 {
                self.sheet.wrapped("", &format!("{} {what}", group_digits(count)))?;
            }
        }
        Ok(())
    }

    /// The sections of each program, of what is sorted by program. Those that opened most come first.
    fn programs_apart(&mut self, of: Selection<'_, '_>) -> io::Result<()> {
        let mut programs = Vec::new();
        for records in of.records.chunk_by(|(one, ..), (other, ..)| one == other) {
            let opens: u64 = records.iter().map(|(.., record)| record.counts.opens).sum();
            programs.push((opens, records));
        }
        programs.sort_by_key(|(opens, _)| std::cmp::Reverse(*opens));
        for (count, records) in programs {
            let program = records[0].0;
            let results = of.results.partition_point(|(other, ..)| *other < program);
            let results = of.results[results..].chunk_by(|(one, ..), (other, ..)| one == other).next();
            let results = results.filter(|results| results[0].0 == program).unwrap_or_default();
            let name = escape(self.report.names().get(program));
            self.sheet.title(&format!("=== {name}"), &opens(count))?;
            self.sections(Selection { records, results })?;
        }
        Ok(())
    }

    fn sections(&mut self, of: Selection<'_, '_>) -> io::Result<()> {
        self.searches(of)?;
        let about = match self.host.denied_by {
            Some(_) => "EACCES or EPERM; why is worked out from what this host has now",
            None => "EACCES or EPERM; opentop report --explain tells why",
        };
        self.refused(of.records, Kind::Denied, "DENIED", about)?;
        self.refused(of.records, Kind::Failed, "FAILED", "with another error")?;
        SECTIONS.iter().try_for_each(|section| self.files(of.records, section))
    }

    /// What failed with an error that is no miss, program by program.
    fn refused(&mut self, records: Records<'_, '_>, kind: Kind, title: &str, about: &str) -> io::Result<()> {
        let mut rows = BTreeMap::<(&[u8], u16, u32), (u64, BTreeSet<u32>)>::new();
        let names = self.report.names();
        for (program, path, record) in records {
            let count = record.counts.get(kind);
            if count > 0 {
                let row = rows.entry((names.get(*path), record.errno, record.uid)).or_default();
                row.0 += count;
                row.1.insert(*program);
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.sheet.title(title, about)?;
        let rows: Vec<_> = rows.into_iter().collect();
        for ((path, errno, uid), (count, programs)) in self.sheet.limited(&rows) {
            let errno = errno_name((*errno).into());
            let who = format!("{}, uid {uid}", self.who(programs));
            self.sheet.row(&shown(path), &format!("{errno}{}", more_than_once(*count)), &who)?;
            if let Some(denied_by) = self.host.denied_by.filter(|_| kind == Kind::Denied) {
                let text = elide(&denied_by(path, *uid), self.sheet.look.width - 4, "…");
                writeln!(self.sheet.out, "    {}", self.sheet.faint(&text))?;
            }
        }
        self.sheet.more(rows.len())
    }

    fn files(&mut self, records: Records<'_, '_>, section: &Section) -> io::Result<()> {
        let mut leaves = files(self.report, records.iter().copied());
        leaves.retain(|leaf| (section.holds)(&leaf.counts));
        if leaves.is_empty() {
            return Ok(());
        }
        let total: u64 = leaves.iter().map(|leaf| leaf.counts.get(section.kind)).sum();
        let many = format!("{}, {}; {}", counted(leaves.len() as u64, "path"), opens(total), section.about);
        self.sheet.title(section.title, &many)?;
        if let Some(packages) = self.host.packages {
            leaves = self.by_package(packages, leaves, section.kind)?;
        }
        self.sheet.tree(&leaves, |row| {
            let count = row.counts.get(section.kind);
            let note = if row.files == 1 && count == 1 { String::new() } else { much(row.files as u64, count) };
            (note, String::new())
        })
    }

    /// Writes a row for each package. Returns the files of none.
    fn by_package<'b>(
        &mut self,
        packages: &Packages<'_>,
        leaves: Vec<Leaf<'b>>,
        kind: Kind,
    ) -> io::Result<Vec<Leaf<'b>>> {
        let mut rows = BTreeMap::<&str, (u64, u64)>::new();
        let mut none = Vec::new();
        for leaf in leaves {
            match packages.of(leaf.path) {
                Some(package) => {
                    let row = rows.entry(package).or_default();
                    *row = (row.0 + 1, row.1 + leaf.counts.get(kind));
                }
                None => none.push(leaf),
            }
        }
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by_key(|(package, (_, opens))| (std::cmp::Reverse(*opens), *package));
        for (package, (files, opens)) in self.sheet.limited(&rows) {
            self.sheet.row(&escape(package.as_bytes()), &much(*files, *opens), "")?;
        }
        self.sheet.more(rows.len())?;
        if !none.is_empty() {
            let text = format!("  of no package: {}", counted(none.len() as u64, "path"));
            writeln!(self.sheet.out, "{}", self.sheet.faint(&text))?;
        }
        Ok(none)
    }

    /// The programs as a tree. Those that one program started are sorted by what they and theirs opened.
    fn programs(&mut self) -> io::Result<()> {
        let programs = self.report.processes().programs();
        let mut below: Vec<_> = programs.iter().map(|program| program.opens).collect();
        let mut children = vec![Vec::new(); programs.len()];
        let mut roots = Vec::new();
        // Who started a program comes before it.
        for (at, program) in programs.iter().enumerate().rev() {
            match program.parent {
                Some(parent) => {
                    below[parent as usize] += below[at];
                    children[parent as usize].push(at);
                }
                None => roots.push(at),
            }
        }
        let largest_last = |list: &mut Vec<usize>| list.sort_by_key(|at| (below[*at], std::cmp::Reverse(*at)));
        largest_last(&mut roots);
        self.sheet.title("PROGRAMS", "who started what; opens are a program's own")?;
        let mut stack: Vec<_> = roots.into_iter().map(|at| (at, 0)).collect();
        // A filter may leave nothing of a program.
        let (mut rows, total) = (0, below.iter().filter(|opens| **opens > 0).count());
        while let Some((at, depth)) = stack.pop() {
            if below[at] == 0 {
                continue;
            }
            if rows == ROWS && !self.sheet.look.all {
                break;
            }
            rows += 1;
            let program = &programs[at];
            let name = self.report.names().get(program.name);
            let runs = if program.runs == 0 { "ran before".into() } else { counted(program.runs, "run") };
            let name = format!("{:1$}{2}", "", 2 * depth.min(16), escape(name));
            let failed =
                if program.failed > 0 { format!(", {} failed", group_digits(program.failed)) } else { String::new() };
            self.sheet.row(&name, &format!("{runs}, {}{failed}", opens(program.opens)), "")?;
            largest_last(&mut children[at]);
            stack.extend(children[at].iter().map(|child| (*child, depth + 1)));
        }
        self.sheet.more_of(rows, total)
    }

    fn slowest(&mut self) -> io::Result<()> {
        let slowest = self.report.slowest();
        if slowest.is_empty() {
            return Ok(());
        }
        self.sheet.title("SLOWEST", "from call to result")?;
        for slow in slowest {
            let (path, program) = (self.report.names().get(slow.path), self.report.names().get(slow.program));
            let who = format!("{} ({})", escape(program), slow.pid);
            self.sheet.row(&shown(path), &duration(slow.latency.as_nanos() as u64), &who)?;
        }
        Ok(())
    }

    fn repeats(&mut self) -> io::Result<()> {
        let (most, bound) = (self.report.repeats().most(REPEATED), self.report.repeats().error_bound());
        if most.is_empty() {
            return Ok(());
        }
        let about = match bound {
            0 => "the same path by one process".to_owned(),
            bound => format!("the same path by one process; up to {bound} more often than it says"),
        };
        self.sheet.title("OVER AND OVER", &about)?;
        for repeat in self.sheet.limited(&most) {
            let (path, program) = (self.report.names().get(repeat.path), self.report.names().get(repeat.program));
            let who = format!("{} ({})", escape(program), repeat.pid);
            self.sheet.row(&shown(path), &opens(repeat.opens.into()), &who)?;
        }
        self.sheet.more(most.len())
    }

    /// The names of a few programs.
    pub(super) fn who(&self, programs: &BTreeSet<u32>) -> String {
        let mut names: Vec<_> = programs.iter().map(|program| escape(self.report.names().get(*program))).collect();
        names.sort();
        let more = names.len().saturating_sub(3);
        names.truncate(3);
        if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
    }
}

/// `3 files, 12 opens`; of one file only how many opens.
fn much(files: u64, count: u64) -> String {
    if files == 1 { opens(count) } else { format!("{}, {}", counted(files, "file"), opens(count)) }
}

/// Nothing for once.
pub(super) fn more_than_once(count: u64) -> String {
    if count == 1 { String::new() } else { format!(" ({} times)", group_digits(count)) }
}
