//! A report read back from its JSON Lines, to be compared. What there was no room for when it was made stays left out.
//!
//! It may come from anywhere, as recordings do: a value that no report has is an error, and the room is that of any
//! report.

use serde_json::Value;

use super::{Counts, Record, Report};
use crate::event::{PathKind, errno_number};
use crate::recording::Item;
use crate::recording::line::{COUNT_MAX, PATH_MAX, at_most, put, wrong};
use crate::recording::{ReadError, Reader};

/// Version of the schema that is understood; see [`crate::output::report::json`].
pub const VERSION: u64 = 1;

/// Adds what the lines of `reader` tell to `report`. That they end early is said by the text, and no error: what came
/// before is right.
///
/// # Errors
/// If they are no report, or one of a later version.
pub fn read(mut reader: Reader, report: &mut Report) -> Result<Option<String>, ReadError> {
    let note = loop {
        let line = match reader.next_item() {
            Ok(Some(Item::Other(line))) => line.trim_ascii(),
            Ok(Some(Item::Summary(totals))) => {
                report.set_totals(totals);
                continue;
            }
            Ok(Some(Item::Open(..) | Item::Process(_) | Item::Lost { .. })) => continue,
            Ok(None) => break None,
            Err(why @ ReadError::EndsEarly { .. }) => break Some(why.to_string()),
            Err(why) => return Err(why),
        };
        if let Err(what) = add_line(line, report) {
            return Err(reader.garbage(what));
        }
    };
    report.end();
    Ok(note)
}

fn add_line(line: &[u8], report: &mut Report) -> Result<(), String> {
    // That it is JSON the reader has seen.
    let Ok(line) = serde_json::from_slice::<Value>(line) else { return Ok(()) };
    match line["type"].as_str() {
        Some("report") if line["version"] != VERSION => {
            Err(format!("it is a report of version {}, and {VERSION} is understood", line["version"]))
        }
        Some("report") => {
            let left_out = Counts::of(count(&line, "opens_without_room")?, 0, |_| 0);
            report.left_out.merge(&left_out);
            // Those that found something are in no other line.
            report.counts.lookups = count(&line, "lookups")?;
            Ok(())
        }
        Some("file") => {
            let record = Record {
                counts: Counts::of(count(&line, "opens")?, count(&line, "lookups")?, |kind| {
                    line[kind.name()].as_u64().unwrap_or_default()
                }),
                errno: errno(&line)?,
                path_kind: line["path_kind"].as_str().and_then(PathKind::from_name).unwrap_or(PathKind::Absolute),
                uid: line["uid"].as_u64().and_then(|uid| u32::try_from(uid).ok()).unwrap_or_default(),
            };
            report.merge(&text(&line, "program", "program_b64")?, &text(&line, "path", "path_b64")?, &record);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn count(line: &Value, field: &'static str) -> Result<u64, String> {
    at_most(field, line[field].as_u64().unwrap_or_default(), COUNT_MAX)
}

fn errno(line: &Value) -> Result<u16, String> {
    let Some(name) = line["errno"].as_str() else { return Ok(0) };
    errno_number(name).and_then(|errno| u16::try_from(errno).ok()).ok_or_else(|| wrong("errno", name))
}

/// The exact bytes of a text.
fn text(line: &Value, field: &'static str, exact: &str) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    put(&mut text, line[field].as_str(), line[exact].as_str(), (field, PATH_MAX))?;
    Ok(text)
}
