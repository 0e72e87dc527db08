//! What `/proc` says of a process. Its texts are strangers' bytes: whoever shows them escapes them.

use std::fs::File;
use std::io::Read as _;

use crate::clock::monotonic_of_ticks;

/// What `/proc/PID/stat` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub comm: Vec<u8>,
    pub ppid: u32,
    /// Nanoseconds of CLOCK_MONOTONIC, to a tick.
    pub start_ns: u64,
}

/// What there is to be known at once of the process that has this pid now.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    let (stat, ticks) = parse(&read(&format!("/proc/{pid}/stat"), STAT_MAX).ok()?)?;
    Some(Stat { start_ns: monotonic_of_ticks(ticks), ..stat })
}

/// No such line is longer.
const STAT_MAX: u64 = 4096;

/// The fields of a line, and the ticks at which the process started. The command may hold anything, parentheses included.
fn parse(line: &[u8]) -> Option<(Stat, u64)> {
    let open = line.iter().position(|byte| *byte == b'(')?;
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let fields = str::from_utf8(line.get(close + 1..)?).ok()?;
    let fields: Vec<_> = fields.split_ascii_whitespace().collect();
    // Numbered from the state on, which is the third of proc(5).
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let comm = line.get(open + 1..close)?.to_owned();
    let stat = Stat { comm, ppid: u32::try_from(field(4)?).ok()?, start_ns: 0 };
    Some((stat, field(22)?))
}

/// The first `most` bytes of a file.
fn read(path: &str, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_behind_any_command() {
        let line = b"12 (a) S 1 (\xffb) R 8 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 4711 99 1";
        let (stat, ticks) = parse(line).unwrap();
        assert_eq!((stat.comm.as_slice(), stat.ppid, ticks), (&b"a) S 1 (\xffb"[..], 8, 4711));
        for broken in
            [&b""[..], b"12 (a", b"12 )a(", b"12 (a) S", b"12 (a) S x 12 12 0 -1 1 1 2 3 4 5 6 7 8 20 0 3 0 1"]
        {
            assert_eq!(parse(broken), None);
        }
    }

    #[test]
    fn a_child_has_this_process_as_its_parent_and_has_just_started() {
        let before = crate::clock::Moment::now().ts_ns;
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        let stat = stat(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        let stat = stat.unwrap();
        assert_eq!(stat.ppid, std::process::id());
        assert!(stat.start_ns + 20_000_000 >= before && stat.start_ns <= crate::clock::Moment::now().ts_ns, "{stat:?}");
        assert_eq!(super::stat(u32::MAX), None);
    }
}
