//! What one report has and the other has not.
//!
//! Both have been made with the same folding of names. Programs and paths are compared by their names; what was left
//! out of a report for want of room cannot be compared, and is told by its report.

use super::{Kind, Kinds, Record, Report};

/// One difference: a program and a path, by their numbers in whichever report has them.
#[derive(Clone, Copy, Debug)]
pub struct Difference<'a> {
    pub what: What,
    pub program: &'a [u8],
    pub path: &'a [u8],
    /// `None` where the path is not in that report at all, by this program.
    pub before: Option<&'a Record>,
    pub after: Option<&'a Record>,
}

/// How they differ. The names are a contract (`what` in JSON).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// What came of it: found before and missing now, read before and written now, another error.
    Changed,
    OnlyBefore,
    OnlyAfter,
    /// Opened more than `factor` times as often.
    Grew,
}

impl What {
    pub const ALL: [What; 4] = [What::Changed, What::OnlyBefore, What::OnlyAfter, What::Grew];

    pub fn name(self) -> &'static str {
        match self {
            What::Changed => "changed",
            What::OnlyBefore => "only_before",
            What::OnlyAfter => "only_after",
            What::Grew => "grew",
        }
    }
}

/// All differences, by what they are, path and program. `factor`: how many times as many opens are worth telling.
pub fn diff<'a>(before: &'a Report, after: &'a Report, factor: f64) -> Vec<Difference<'a>> {
    let mut found = Vec::new();
    for (program, path, record) in before.records() {
        let names = (before.names().get(program), before.names().get(path));
        let other = record_by_name(after, names);
        found.extend(compared(Some(record), other, factor).map(|what| Difference {
            what,
            program: names.0,
            path: names.1,
            before: Some(record),
            after: other,
        }));
    }
    for (program, path, record) in after.records() {
        let names = (after.names().get(program), after.names().get(path));
        if record_by_name(before, names).is_none() {
            let [program, path] = [names.0, names.1];
            found.push(Difference { what: What::OnlyAfter, program, path, before: None, after: Some(record) });
        }
    }
    found.sort_by_key(|difference| (difference.what, difference.path, difference.program));
    found
}

fn record_by_name<'a>(report: &'a Report, (program, path): (&[u8], &[u8])) -> Option<&'a Record> {
    report.record_of(report.names().find(program)?, report.names().find(path)?)
}

/// How two records differ, if they do.
fn compared(before: Option<&Record>, after: Option<&Record>, factor: f64) -> Option<What> {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (Some(_), None) => return Some(What::OnlyBefore),
        (None, Some(_)) => return Some(What::OnlyAfter),
        (None, None) => return None,
    };
    if result(before) != result(after) {
        Some(What::Changed)
    } else if after.counts.opens as f64 > factor * before.counts.opens as f64 {
        Some(What::Grew)
    } else {
        None
    }
}

/// What came of a path: everything that was done with it, and the error where that is more than "missing".
fn result(record: &Record) -> (Kinds, u16) {
    let kinds = record.counts.kinds();
    let told = kinds.has(Kind::Denied) || kinds.has(Kind::Failed);
    (kinds, if told { record.errno } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{OpenEvent, sample};
    use crate::report::{ROOM, fold};

    /// A report of opens given as (path, errno, times).
    fn report(opens: &[(&str, i32, usize)]) -> Report {
        let mut report = Report::new(ROOM, Some(fold));
        for (path, errno, times) in opens {
            let ret = if *errno == 0 { 3 } else { -errno };
            let event = OpenEvent { path: path.as_bytes(), name: path.as_bytes(), ret, ..sample() };
            (0..*times).for_each(|_| report.add(&event));
        }
        report.end();
        report
    }

    fn shown(before: &[(&str, i32, usize)], after: &[(&str, i32, usize)]) -> Vec<String> {
        let (before, after) = (report(before), report(after));
        let differences = diff(&before, &after, 2.0);
        differences.iter().map(|d| format!("{} {}", d.what.name(), String::from_utf8_lossy(d.path))).collect()
    }

    #[test]
    fn what_only_one_has_what_changed_and_what_grew() {
        let before =
            [("/a", 0, 1), ("/gone", 0, 1), ("/b", 0, 1), ("/often", 0, 2), ("/c", libc::EACCES, 1), ("/d", 0, 5)];
        let after = [
            ("/a", 0, 2),
            ("/new", 0, 1),
            ("/b", libc::ENOENT, 1),
            ("/often", 0, 5),
            ("/c", libc::EPERM, 1),
            ("/d", 0, 1),
        ];
        assert_eq!(
            shown(&before, &after),
            ["changed /b", "changed /c", "only_before /gone", "only_after /new", "grew /often"]
        );
    }

    #[test]
    fn runs_that_differ_by_their_nature_are_the_same() {
        let before = [("/proc/12/stat", 0, 1), ("/tmp/ccAb12Cd.s", 0, 1), ("/a/b", libc::ENOENT, 1)];
        let after = [("/proc/4567/stat", 0, 1), ("/tmp/ccabcdef.s", 0, 1), ("/a/b", libc::ENOENT, 1)];
        assert_eq!(shown(&before, &after), [""; 0]);
    }
}
