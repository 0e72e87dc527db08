//! What differs by its nature from run to run, folded: pids, temporary names, long numbers, hashes.
//!
//! A path is folded component by component, by all patterns in turn. The patterns are few and narrow: `libx.so.1`
//! and `libx.so.2`, or `2.7` and `3.11`, stay what they are.

/// A pattern, as docs/report.md lists it.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    pub what: &'static str,
    pub example: &'static str,
    pub folded: &'static str,
    /// Writes the folded form of a component. False, with nothing written, if it is none of these.
    fold: fn(Component<'_>, &mut Vec<u8>) -> bool,
}

/// A component of a path, with the directory that it is in.
#[derive(Clone, Copy, Debug)]
struct Component<'a> {
    dir: &'a [u8],
    name: &'a [u8],
}

/// All patterns, in the order in which they are tried.
pub const PATTERNS: [Pattern; 6] = [
    Pattern {
        what: "pids and descriptors below /proc, numbers below /dev/fd, /dev/pts and /run/user",
        example: "/proc/4711/fd/3",
        folded: "/proc/N/fd/N",
        fold: number_below,
    },
    Pattern {
        what: "UUIDs",
        example: "/dev/disk/0b53c4e8-16d2-4d3c-8a39-5d9f1f0e7a11",
        folded: "/dev/disk/UUID",
        fold: uuid,
    },
    Pattern {
        what: "names of temporary files, right in /tmp, /var/tmp, /dev/shm and /run",
        example: "/tmp/ccXk2fQ1.s",
        folded: "/tmp/TEMP.s",
        fold: temporary,
    },
    Pattern {
        what: "hexadecimal numbers of 8 digits or more, with figures and letters",
        example: "/cache/3f786850e387550f.o",
        folded: "/cache/HASH.o",
        fold: |component, out| runs(component.name, out, u8::is_ascii_hexdigit, is_hash, b"HASH"),
    },
    Pattern {
        what: "numbers of 4 digits or more",
        example: "/var/log/job-20260102.log",
        folded: "/var/log/job-N.log",
        fold: |component, out| runs(component.name, out, u8::is_ascii_digit, |run| run.len() >= 4, b"N"),
    },
    Pattern {
        what: "what Rust's compiler calls its temporary directories",
        example: "/target/release/deps/rmetaW2bX9q",
        folded: "/target/release/deps/rmetaTEMP",
        fold: rustc,
    },
];

/// Directories whose numbers name processes, descriptors, terminals or users.
const NUMBERED: [&[u8]; 4] = [b"/proc/", b"/dev/fd/", b"/dev/pts/", b"/run/user/"];

/// Directories of temporary files.
const TEMPORARY: [&[u8]; 4] = [b"/tmp/", b"/var/tmp/", b"/dev/shm/", b"/run/"];

/// Whether a file lies right in a directory of temporary files.
pub fn is_temporary(path: &[u8]) -> bool {
    TEMPORARY.iter().any(|dir| path.strip_prefix(*dir).is_some_and(|name| !name.contains(&b'/')))
}

/// Writes `path` folded to `out`.
pub fn fold(path: &[u8], out: &mut Vec<u8>) {
    let mut rest = path;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
        let (dir, name) = (&path[..path.len() - rest.len()], &rest[..end]);
        let begun = out.len();
        out.extend_from_slice(name);
        // Nothing else can be folded, and most components are such.
        if name.len() >= 6 || name.iter().any(u8::is_ascii_digit) {
            PATTERNS.iter().for_each(|pattern| apply(pattern, dir, begun, out));
        }
        if end < rest.len() {
            out.push(b'/');
        }
        rest = &rest[(end + 1).min(rest.len())..];
    }
}

/// Folds the component that begins at `begun`.
fn apply(pattern: &Pattern, dir: &[u8], begun: usize, out: &mut Vec<u8>) {
    let length = out.len();
    // What is folded is written behind what it was made from, and moved there.
    let name = out[begun..].to_owned();
    if (pattern.fold)(Component { dir, name: &name }, out) {
        out.drain(begun..length);
    }
}

fn number_below(component: Component<'_>, out: &mut Vec<u8>) -> bool {
    let number = component.name.iter().all(u8::is_ascii_digit) && !component.name.is_empty();
    let folds = number && NUMBERED.iter().any(|dir| component.dir.starts_with(dir));
    if folds {
        out.push(b'N');
    }
    folds
}

/// The letters and figures of a name that look as if somebody had made them up.
fn temporary(component: Component<'_>, out: &mut Vec<u8>) -> bool {
    if !TEMPORARY.contains(&component.dir) {
        return false;
    }
    runs(component.name, out, u8::is_ascii_alphanumeric, is_made_up, b"TEMP")
}

/// As mkstemp and others make names: six or ten characters of both cases and figures, or what gcc and Python call
/// theirs.
fn is_made_up(run: &[u8]) -> bool {
    let has = |what: fn(&u8) -> bool| run.iter().any(what);
    let behind = |prefix: &[u8], length: usize| run.starts_with(prefix) && run.len() == prefix.len() + length;
    let mixed = [has(u8::is_ascii_lowercase), has(u8::is_ascii_uppercase), has(u8::is_ascii_digit)];
    let mixed = mixed.into_iter().filter(|has| *has).count() >= 2;
    behind(b"cc", 6) || behind(b"tmp", 8) || (run.len() >= 6 && mixed)
}

fn uuid(component: Component<'_>, out: &mut Vec<u8>) -> bool {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    const LENGTH: usize = 36;
    let at = (0..component.name.len().saturating_sub(LENGTH - 1)).find(|at| {
        let groups = component.name[*at..at + LENGTH].split(|byte| *byte == b'-');
        groups.clone().count() == GROUPS.len()
            && groups
                .zip(GROUPS)
                .all(|(group, length)| group.len() == length && group.iter().all(u8::is_ascii_hexdigit))
    });
    let Some(at) = at else { return false };
    out.extend_from_slice(&component.name[..at]);
    out.extend_from_slice(b"UUID");
    out.extend_from_slice(&component.name[at + LENGTH..]);
    true
}

fn is_hash(run: &[u8]) -> bool {
    let letters = run.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    run.len() >= 8 && letters > 0 && letters < run.len()
}

fn rustc(component: Component<'_>, out: &mut Vec<u8>) -> bool {
    let prefix = [&b"rmeta"[..], b"rustc"].into_iter().find(|prefix| component.name.starts_with(prefix));
    let folds = prefix.filter(|prefix| {
        let rest = &component.name[prefix.len()..];
        rest.len() == 6 && rest.iter().all(u8::is_ascii_alphanumeric)
    });
    out.extend_from_slice(folds.unwrap_or_default());
    if folds.is_some() {
        out.extend_from_slice(b"TEMP");
    }
    folds.is_some()
}

/// Writes `name` with each longest run of bytes that `belongs` holds for and that `folds` replaced. False, with nothing
/// written, if there is none.
fn runs(
    name: &[u8],
    out: &mut Vec<u8>,
    belongs: fn(&u8) -> bool,
    folds: fn(&[u8]) -> bool,
    replacement: &[u8],
) -> bool {
    let begun = out.len();
    let mut found = false;
    for run in name.chunk_by(|a, b| belongs(a) == belongs(b)) {
        let fold = belongs(&run[0]) && folds(run);
        found |= fold;
        out.extend_from_slice(if fold { replacement } else { run });
    }
    if !found {
        out.truncate(begun);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folded(path: &str) -> String {
        let mut out = Vec::new();
        fold(path.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_pattern_folds_its_example() {
        for pattern in PATTERNS {
            assert_eq!(folded(pattern.example), pattern.folded);
        }
    }

    #[test]
    fn what_differs_by_its_nature_is_folded() {
        for (path, expected) in [
            ("/proc/self/task/77/stat", "/proc/self/task/N/stat"),
            ("/dev/pts/3", "/dev/pts/N"),
            ("/tmp/tmp.aBcDeFgHiJ/x", "/tmp/tmp.TEMP/x"),
            ("/tmp/ccabcdef.o", "/tmp/TEMP.o"),
            ("/tmp/tmpabcd_123", "/tmp/tmpabcd_123"),
            ("/tmp/tmpabcdwxyz", "/tmp/TEMP"),
            ("/a/conf-1234-5678", "/a/conf-N-N"),
            ("/a/libx-0123abcd4567.rlib", "/a/libx-HASH.rlib"),
        ] {
            assert_eq!(folded(path), expected);
        }
    }

    #[test]
    fn what_has_a_meaning_stays() {
        for path in [
            "/usr/lib/libx.so.1",
            "/usr/lib/python3.11/os.py",
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/tmp/project/src/main.c",
            "/etc/rc3.d/S01x",
            "/x/deadbeef/facade",
            "relative/a.c",
            "",
            "/",
        ] {
            assert_eq!(folded(path), path);
        }
    }

    proptest! {
        #[test]
        fn runs_that_differ_by_pids_and_numbers_fold_alike(
            (pid, other) in (1u32..4_194_304, 1u32..4_194_304),
            (n, m) in (1000u64.., 1000u64..),
        ) {
            let made = |pid: u32, n: u64| folded(&format!("/proc/{pid}/fd/{}/x.{n}-{pid:07}.tmp", pid % 7));
            prop_assert_eq!(made(pid, n), made(other, m));
        }

        #[test]
        fn any_bytes_are_folded(path: Vec<u8>) {
            let mut out = Vec::new();
            fold(&path, &mut out);
            let slashes = |path: &[u8]| path.iter().filter(|byte| **byte == b'/').count();
            prop_assert_eq!(slashes(&out), slashes(&path));
        }
    }
}
