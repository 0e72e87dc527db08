//! A report as rules for make: each file that was written, and what it was made from, as `gcc -MD` writes them.

use std::io::{self, Write};

use crate::report::Report;

/// Writes a rule for each file that was written. Names that a rule cannot have, since a line ends in them, are left out; how
/// many, and what there was no room for, is told in a comment.
///
/// # Errors
/// Those of the writer.
pub fn depfile(mut out: impl Write, report: &Report) -> io::Result<()> {
    let Some(inputs) = report.inputs() else { return Ok(()) };
    let names = report.names();
    let mut unnamed = 0;
    for (target, inputs) in inputs.rules(names) {
        let Some(target) = escaped(names.get(target), true) else {
            unnamed += 1;
            continue;
        };
        out.write_all(&target)?;
        out.write_all(b":")?;
        let mut inputs: Vec<_> = inputs.iter().map(|input| names.get(*input)).collect();
        inputs.sort_unstable();
        for input in inputs {
            match escaped(input, false) {
                Some(input) => out.write_all(&[b" \\\n  ", &input[..]].concat())?,
                None => unnamed += 1,
            }
        }
        out.write_all(b"\n")?;
    }
    for (count, what) in [
        (unnamed, "names with a line end or other control characters are left out"),
        (inputs.left_out(), "uses of files found no room"),
        (report.left_out().counts.opens, "opens are left out, since there was no room for their names"),
        (report.totals().lost.dropped(), "opens were lost when they were recorded"),
    ] {
        if count > 0 {
            writeln!(out, "# {count} {what}")?;
        }
    }
    out.flush()
}

/// A name as it stands in a rule; `None` if it cannot. No byte that a terminal obeys is written.
fn escaped(name: &[u8], target: bool) -> Option<Vec<u8>> {
    if name.is_empty() || !str::from_utf8(name).is_ok_and(crate::escape::is_shown_as_it_is) {
        return None;
    }
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
            _ => {}
        }
        out.push(*byte);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{OpenEvent, sample};
    use crate::report::ROOM;
    use std::process::Command;

    fn rules(read: &[&[u8]], written: &[u8]) -> String {
        let mut report = Report::new(ROOM, None).with_inputs(1 << 20);
        read.iter().for_each(|path| report.add(&OpenEvent { path, ..sample() }));
        report.add(&OpenEvent { path: written, flags: libc::O_WRONLY as u64, ..sample() });
        report.end();
        let mut out = Vec::new();
        depfile(&mut out, &report).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rules_as_compilers_write_them() {
        assert_eq!(rules(&[b"/b.h", b"/a b.c"], b"/a.o"), "/a.o: \\\n  /a\\ b.c \\\n  /b.h\n");
        assert_eq!(
            rules(&[b"/\n", b"/\xff"], b"/$x#"),
            "/$$x\\#:\n# 2 names with a line end or other control characters are left out\n"
        );
    }

    /// What make itself reads.
    #[test]
    fn make_reads_the_names_that_were_meant() {
        let dir = std::env::temp_dir().join(format!("opentop-depfile-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let names = ["a b", "c$d", "e#f", r"g\h", r"i\ j", "k%l", "m:n"];
        let paths: Vec<_> = names.iter().map(|name| dir.join(name)).collect();
        paths.iter().for_each(|path| std::fs::write(path, "").unwrap());
        let read: Vec<_> = paths.iter().map(|path| path.as_os_str().as_encoded_bytes()).collect();
        // Each input has to be there; make names the first that it cannot make.
        std::fs::write(dir.join("Makefile"), rules(&read, b"all")).unwrap();
        let make =
            |target: &str| Command::new("make").arg("-C").arg(&dir).args(["-f", "Makefile", target]).output().unwrap();
        let inputs = make("all");
        // A target that is not there has to have a rule.
        let targets = ["/a b", "/c$d", "/e#f", r"/g\h", "/k%l", "/m:n"].map(|target| {
            std::fs::write(dir.join("Makefile"), rules(&[b"/"], target.as_bytes())).unwrap();
            make(target)
        });
        std::fs::remove_dir_all(&dir).unwrap();
        for make in targets.iter().chain([&inputs]) {
            assert!(make.status.success(), "{}", String::from_utf8_lossy(&make.stderr));
        }
    }
}
