//! A report as rules for make: each file that was written, and what it was made from, as `gcc -MD` writes them.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::report::{Ending, Report};

/// Bytes of names that are looked at for all rules together.
const ROOM: usize = 1 << 28;

/// Writes a rule for each file that was written, or one for all that were made from the same. Names that make cannot
/// read are left out; how many, and what there was no room for, is told in comments, and returned.
///
/// # Errors
/// Those of the writer.
pub fn depfile(mut out: impl Write, report: &Report) -> io::Result<Vec<String>> {
    let Some(inputs) = report.inputs() else { return Ok(Vec::new()) };
    let names = report.names();
    let (mut unnamed, mut left_out) = (0, 0);
    for rule in inputs.rules(names, ROOM) {
        let Some(inputs) = rule.inputs else {
            left_out += rule.targets.len() as u64;
            continue;
        };
        let mut between: &[u8] = b"";
        for target in rule.targets {
            match escaped(names.get(target), true) {
                Some(target) => {
                    out.write_all(between)?;
                    out.write_all(&target)?;
                    between = b" \\\n";
                }
                None => unnamed += 1,
            }
        }
        if between.is_empty() {
            continue;
        }
        out.write_all(b":")?;
        let mut inputs: Vec<_> = inputs.into_iter().map(|input| names.get(input)).collect();
        inputs.sort_unstable();
        for input in inputs {
            match escaped(input, false) {
                Some(input) => {
                    out.write_all(b" \\\n  ")?;
                    out.write_all(&input)?;
                }
                None => unnamed += 1,
            }
        }
        out.write_all(b"\n")?;
    }
    let missing = missing(report, inputs.left_out(), unnamed, left_out);
    for line in &missing {
        writeln!(out, "# {line}")?;
    }
    out.flush()?;
    Ok(missing)
}

/// What the rules do not tell.
fn missing(report: &Report, uses: u64, unnamed: u64, targets: u64) -> Vec<String> {
    let counts = [
        (unnamed, "names that make cannot read are left out"),
        (targets, "files that were written are left out, since the rules became too long"),
        (uses, "uses of files found no room"),
        (report.left_out().opens, "opens are left out, since there was no room for their names"),
        (report.totals().lost.dropped(), "opens were lost when they were recorded"),
        (
            u64::from(report.ending() == Ending::Limited) * report.counts().opens,
            "opens were all that -n let in: later ones are left out",
        ),
        (
            u64::from(report.ending() == Ending::CutOff) * report.counts().opens,
            "opens were all until the recording was cut off: later ones are left out",
        ),
    ];
    counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
}

/// A name as it stands in a rule; `None` if it cannot. No byte that a terminal obeys is written, and nothing that make
/// would run: whoever chose a name must not choose what a build does.
fn escaped(name: &[u8], target: bool) -> Option<Vec<u8>> {
    // Recipes begin with a semicolon, whatever is before it. At the end of a name the others make it a member of an
    // archive, a group of targets, or one with what follows.
    let unreadable = name.contains(&b';') || matches!(name.last(), None | Some(b')' | b'&' | b'\\'));
    if unreadable || !str::from_utf8(name).is_ok_and(crate::escape::is_shown_as_it_is) {
        return None;
    }
    let name = without_wildcards(name);
    let mut out = Vec::with_capacity(name.len());
    for (at, byte) in name.iter().enumerate() {
        match byte {
            // make halves the backslashes before a blank, and only those.
            b' ' | b':' => {
                let backslashes = name[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
                out.extend(std::iter::repeat_n(b'\\', backslashes + 1));
            }
            b'#' => out.push(b'\\'),
            // It would make a pattern of a target, and is itself elsewhere.
            b'%' if target => out.push(b'\\'),
            b'$' => out.push(b'$'),
            // It would make the rule an assignment, even of what a command prints.
            b'=' => {
                out.extend(b"$(subst ,,=)");
                continue;
            }
            _ => {}
        }
        out.push(*byte);
    }
    Some(out)
}

/// The pattern that matches just this name, as make looks for files where a name could be a pattern.
fn without_wildcards(name: &[u8]) -> Cow<'_, [u8]> {
    if !name.iter().any(|byte| b"*?[".contains(byte)) {
        return name.into();
    }
    name.iter().flat_map(|byte| b"\\".iter().filter(|_| b"*?[\\".contains(byte)).chain([byte])).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{OpenEvent, sample};
    use crate::report::ROOM;
    use std::process::Command;

    fn rules(read: &[&[u8]], written: &[&[u8]]) -> String {
        let mut report = Report::new(ROOM, None).with_inputs(1 << 20);
        read.iter().for_each(|path| report.add(&OpenEvent { path, ..sample() }));
        let write = |path| OpenEvent { path, flags: libc::O_WRONLY as u64, ..sample() };
        written.iter().for_each(|path| report.add(&write(path)));
        report.end();
        let mut out = Vec::new();
        depfile(&mut out, &report).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rules_as_compilers_write_them() {
        assert_eq!(rules(&[b"/b.h", b"/a b.c"], &[b"/a.o"]), "/a.o: \\\n  /a\\ b.c \\\n  /b.h\n");
        assert_eq!(
            rules(&[b"/\n", b"/\xff"], &[b"/$x#", b"/\n", b"/y"]),
            "/$$x\\# \\\n/y:\n# 3 names that make cannot read are left out\n"
        );
    }

    #[test]
    fn only_names_that_a_rule_cannot_have() {
        assert_eq!(rules(&[b"/a"], &[b"/\n"]), "# 1 names that make cannot read are left out\n");
    }

    /// What make itself reads: what each target is made from, as its database has it.
    #[test]
    fn make_reads_the_names_that_were_meant() {
        let dir = std::env::temp_dir().join(format!("opentop-depfile-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let path = |name: &str| dir.join(name).into_os_string().into_string().unwrap();
        let names =
            ["a b", "c$d", "e#f", r"g\h", r"i\ j", "k%l", "m:n", "o=p", "q!=touch ran", "r*s", r"t\u[v] *w", "x?y"];
        // What wildcards would match.
        let others = ["rs", "r_s", "tuv", r"t\uv w", "tuv w", "x_y", "t\\uv _w"];
        names.iter().chain(&others).for_each(|name| std::fs::write(path(name), "").unwrap());
        let makefile = path("Makefile");
        let database = |read: &[&str], written: &[&str]| {
            let read: Vec<&[u8]> = read.iter().map(|name| name.as_bytes()).collect();
            let written: Vec<&[u8]> = written.iter().map(|name| name.as_bytes()).collect();
            std::fs::write(&makefile, rules(&read, &written)).unwrap();
            let make = Command::new("make").arg("-C").arg(&dir).args(["-rRpf", "Makefile"]).output().unwrap();
            String::from_utf8(make.stdout).unwrap()
        };
        let has =
            |database: &str, line: &str| assert!(database.lines().any(|it| it == line), "no {line} in {database}");
        for name in names.map(path) {
            has(&database(&[&name], &["/all"]), &format!("/all: {name}"));
            has(&database(&["/"], &[&name]), &format!("{name}: /"));
        }
        let mut all = names.map(path);
        all.sort();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        has(&database(&all, &["/all"]), &format!("/all: {}", all.join(" ")));
        for name in ["/;touch ran", "/l(m)", "/a\\", "/b&"] {
            let database = database(&["/in", name], &["/all", name]);
            has(&database, "/all: /in");
            assert!(!database.contains(name), "{database}");
        }
        assert!(!dir.join("ran").exists());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
