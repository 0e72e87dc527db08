//! The differences of two reports: a page, or JSON Lines.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::json::counts;
use super::sheet::{Look, Sheet, counted, opens, shown};
use super::tree::Leaf;
use crate::escape::escape;
use crate::event::errno_name;
use crate::format::group_digits;
use crate::output::Json;
use crate::report::{Counts, Difference, Kind, Record, What};

/// Version of the schema.
const VERSION: u64 = 1;

/// Writes a page of what differs; nothing where nothing does, as diff(1) does. `names` are the two recordings,
/// displayable.
///
/// # Errors
/// Those of the writer.
pub fn diff_text(out: impl Write, found: &[Difference<'_>], names: [&str; 2], look: Look) -> io::Result<()> {
    let mut sheet = Sheet { out, look };
    for what in What::ALL {
        let found: Vec<_> = found.iter().filter(|difference| difference.what == what).collect();
        if found.is_empty() {
            continue;
        }
        let number = counted(found.len() as u64, "difference");
        match what {
            What::Changed => {
                sheet.title("CHANGED", &format!("{number}: what came of it, before → after"))?;
                rows(&mut sheet, &found, |before, after| format!("{} → {}", came_to(before), came_to(after)))?;
            }
            What::Grew => {
                sheet.title("GREW", &format!("{number}: opens, before → after"))?;
                let opens = |record: &Record| group_digits(record.counts.opens);
                rows(&mut sheet, &found, |before, after| format!("{} → {} opens", opens(before), opens(after)))?;
            }
            What::OnlyBefore => {
                sheet.title("ONLY IN", &format!("{} ({number})", names[0]))?;
                only(&mut sheet, &found)?;
            }
            What::OnlyAfter => {
                sheet.title("ONLY IN", &format!("{} ({number})", names[1]))?;
                only(&mut sheet, &found)?;
            }
        }
    }
    sheet.out.flush()
}

/// A row for each difference of a path that both have.
fn rows(
    sheet: &mut Sheet<impl Write>,
    found: &[&Difference<'_>],
    say: impl Fn(&Record, &Record) -> String,
) -> io::Result<()> {
    for difference in sheet.limited(found) {
        if let (Some(before), Some(after)) = (difference.before, difference.after) {
            sheet.row(&shown(difference.path), &say(before, after), &escape(difference.program))?;
        }
    }
    sheet.more(found.len())
}

/// A tree of the paths that one of them has.
fn only(sheet: &mut Sheet<impl Write>, found: &[&Difference<'_>]) -> io::Result<()> {
    let mut paths = BTreeMap::<&[u8], (Counts, BTreeSet<&[u8]>)>::new();
    for difference in found {
        let path = paths.entry(difference.path).or_default();
        for record in [difference.before, difference.after].into_iter().flatten() {
            path.0.merge(&record.counts);
        }
        path.1.insert(difference.program);
    }
    let leaves: Vec<_> = paths.iter().map(|(path, (counts, _))| Leaf { path, counts: *counts }).collect();
    sheet.tree(&leaves, |row| {
        if row.files > 1 {
            return (format!("{}, {}", counted(row.files as u64, "file"), opens(row.counts.opens)), String::new());
        }
        let who =
            paths.get(&*row.path).map(|(_, programs)| programs.iter().map(|name| escape(name)).collect::<Vec<_>>());
        (kinds(&row.counts), who.unwrap_or_default().join(", "))
    })
}

/// What was done with a path, and the error where that says more.
fn came_to(record: &Record) -> String {
    let told = [Kind::Denied, Kind::Failed].into_iter().any(|kind| record.counts.get(kind) > 0);
    match record.errno {
        errno if told && errno != 0 => format!("{} ({})", kinds(&record.counts), errno_name(errno.into())),
        _ => kinds(&record.counts),
    }
}

fn kinds(counts: &Counts) -> String {
    let names: Vec<_> = counts.kinds().iter().map(Kind::name).collect();
    if names.is_empty() { "opened".into() } else { names.join(", ") }
}

/// Writes the differences as JSON Lines: `diff` first, then one line of type `difference` for each.
///
/// # Errors
/// Those of the writer.
pub fn diff_json(out: impl Write, found: &[Difference<'_>], names: [&str; 2]) -> io::Result<()> {
    use crate::output::Output as _;
    let mut json = Json::new(out);
    let mut line = json.line("diff");
    line.number("version", VERSION);
    line.word("opentop", env!("CARGO_PKG_VERSION"));
    line.text("before", Some(names[0].as_bytes()));
    line.text("after", Some(names[1].as_bytes()));
    line.number("differences", found.len() as u64);
    json.end_line()?;
    for difference in found {
        let mut line = json.line("difference");
        line.word("what", difference.what.name());
        line.name("path", Some(difference.path));
        line.text("program", Some(difference.program));
        for (key, record) in [("before", difference.before), ("after", difference.after)] {
            match record {
                None => line.json(key, "null"),
                Some(record) => line.object(key, |line| {
                    counts(line, &record.counts);
                    line.errno(record.errno());
                }),
            }
        }
        json.end_line()?;
    }
    json.flush()
}
