//! `opentop diff`.

use std::path::PathBuf;
use std::thread;

use super::page::Page;
use super::report::{collect_any, open};
use crate::cli::DiffForm;
use crate::config::{Paper, Selection};
use crate::error::{EXIT_OK, Error};
use crate::output;
use crate::privileges::{self, Role};
use crate::report::{self, ROOM, Report, fold};

/// Exit status where two recordings differ, as diff(1) has it.
const EXIT_DIFFERENT: u8 = 1;

/// Shows how two recordings, or reports, differ. `how`: how many times as many opens are told, and whether names are
/// compared as they are.
///
/// # Errors
/// If they cannot be read, or the output cannot be written.
pub(crate) fn diff(
    files: &[PathBuf; 2],
    selection: &Selection,
    how: (f64, bool),
    form: DiffForm,
    paper: Paper,
) -> Result<u8, Error> {
    compare(files, selection, how, form, paper).map_err(|why| Error::Incomparable(why.to_string()))
}

fn compare(
    files: &[PathBuf; 2],
    selection: &Selection,
    (factor, raw): (f64, bool),
    form: DiffForm,
    paper: Paper,
) -> Result<u8, Error> {
    let [before, after] = [open(&files[0])?, open(&files[1])?];
    let page = Page::start(paper.pager);
    privileges::keep_only(Role::Consumer)?;
    let collect = |input| collect_any(input, Report::new(ROOM / 2, (!raw).then_some(fold)), selection);
    let (before, after) = thread::scope(|scope| {
        let before = scope.spawn(|| collect(before));
        let after = collect(after);
        (before.join().unwrap_or_else(|_| Err(Error::Other("the reading thread panicked".into()))), after)
    });
    let [before, after] = [before?, after?];
    for side in [&before, &after] {
        side.print_what_is_missing();
    }
    let names = [before.source.as_str(), &after.source];
    let found = report::diff(&before.report, &after.report, factor);
    page.write(|out| match form {
        DiffForm::Text => output::report::diff_text(out, &found, names, paper.look),
        DiffForm::Json => output::report::diff_json(out, &found, names),
    })?;
    Ok(if found.is_empty() { EXIT_OK } else { EXIT_DIFFERENT })
}
