//! How lines and recordings end: readers that stall or go, commands that cannot be started, disks that are full.

mod common;

use common::{Running, Scratch, ended, needs_root, opener, opentop, stderr, stdout};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Within this an end has to come; the promise is a second, a busy machine may take longer.
const SOON: Duration = Duration::from_secs(3);

/// Starts opentop with a pipe that nobody reads, and waits until that is full.
fn stalled(args: &[&str], file: &Path) -> (Child, io::PipeReader) {
    let (reader, writer) = io::pipe().expect("a pipe");
    let ours = writer.try_clone().expect("a duplicate");
    let child = opentop(args).stdout(writer).stderr(Stdio::piped()).spawn().expect("starting opentop");
    let start = Instant::now();
    while has_room(&ours) {
        assert!(start.elapsed() < common::TIMEOUT, "the pipe does not fill up");
        (0..100).for_each(|_| drop(File::open(file)));
    }
    (child, reader)
}

fn has_room(pipe: &io::PipeWriter) -> bool {
    let mut fds = [PollFd::new(pipe, PollFlags::OUT)];
    rustix::event::poll(&mut fds, Some(&Timespec::default())).expect("poll") > 0
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("sending a signal");
}

#[test]
#[ignore = "needs root: make test"]
fn a_reader_that_stalls_holds_up_no_end() {
    needs_root();
    let scratch = Scratch::new();
    let file = scratch.file("file-with-a-name-that-fills-up-a-pipe-in-no-time", "");
    let _opening = Running::start(&mut opener(["first".as_ref(), file.as_os_str()]));
    for args in [&["-o", "json"][..], &["-o", "text"], &["-o", "csv"]] {
        for end in [Signal::TERM, Signal::INT] {
            let (child, _reader) = stalled(args, &file);
            signal(&child, end);
            let asked = Instant::now();
            let output = ended(child);
            assert!(asked.elapsed() < SOON, "{args:?} {end:?}: it took {:?}", asked.elapsed());
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{args:?} {end:?}: {said}");
            assert!(said.contains("lines were not written") && said.lines().count() == 1, "{args:?} {end:?}: {said}");
        }
    }
    let (child, _reader) = stalled(&["-o", "json", "-d", "4"], &file);
    let output = ended(child);
    assert!(stderr(&output).contains("lines were not written"), "{}", stderr(&output));
    let (child, _reader) = stalled(&["-o", "json", "--batch", "-i", "0.01", "-g", "file"], &file);
    signal(&child, Signal::TERM);
    let asked = Instant::now();
    ended(child);
    assert!(asked.elapsed() < SOON, "it took {:?}", asked.elapsed());
}

#[test]
#[ignore = "needs root: make test"]
fn a_stalled_reader_that_goes_on_misses_nothing() {
    needs_root();
    let scratch = Scratch::new();
    let dir = scratch.dir("storm");
    let (reader, writer) = io::pipe().expect("a pipe");
    // Somebody who shares it has made it non-blocking.
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK).expect("O_NONBLOCK");
    let shared = writer.try_clone().expect("a duplicate");
    let mut command = opentop(["-o", "json"]);
    under(&mut command, &dir, &["--procs", "1", "--opens", "5000", "--missing"]);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().expect("starting opentop");
    drop(command);
    std::thread::sleep(Duration::from_secs(2));
    assert!(rustix::fs::fcntl_getfl(&shared).expect("flags").contains(rustix::fs::OFlags::NONBLOCK));
    drop(shared);
    let lines = BufReader::new(reader).lines().map(|line| line.expect("a line"));
    let opens = lines.filter(|line| line.contains("/storm/") && line.contains("\"errno\":\"ENOENT\"")).count();
    let output = ended(child);
    assert_eq!((opens, output.status.code(), stderr(&output).as_str()), (5000, Some(0), ""));
}

/// Makes `command` run a storm in `dir`.
fn under(command: &mut Command, dir: &Path, plan: &[&str]) {
    let storm = opener(["storm".as_ref(), dir.as_os_str()]);
    // What it says itself is not asked for.
    command.args(["--", "sh", "-c", "exec \"$@\" >/dev/null", "sh"]);
    command.arg(storm.get_program()).args(storm.get_args()).args(plan);
}

#[test]
#[ignore = "needs root: make test"]
fn a_reader_that_goes_is_noticed_while_nothing_is_written() {
    needs_root();
    for args in [&["-o", "json", "-f", "^/no/such/file$"][..], &["-f", "^/no/such/file$"], &["-b", "-i", "3600"]] {
        let (reader, writer) = io::pipe().expect("a pipe");
        let child = opentop(args).stdout(writer).stderr(Stdio::piped()).spawn().expect("starting opentop");
        // Until it traces.
        std::thread::sleep(Duration::from_secs(1));
        drop(reader);
        let gone = Instant::now();
        let output = ended(child);
        assert!(gone.elapsed() < SOON, "{args:?}: it took {:?}", gone.elapsed());
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_closed_stdout_is_an_error() {
    for args in [&["replay", "-o", "json"][..], &["replay", "-o", "text", "-b"]] {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" >&-", "sh", env!("CARGO_BIN_EXE_opentop")]);
        let output = common::output(command.args(args).arg("assets/demo.jsonl.zst"));
        let said = stderr(&output);
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains("stdout: it is closed"), "{said}");
    }
}

#[test]
fn a_recording_that_gives_nothing_can_be_left() {
    let scratch = Scratch::new();
    let fifo = scratch.join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a FIFO");
    // Before the first line, and after it.
    for line in ["", "{\"type\":\"x\"}\n"] {
        let mut child = opentop(["replay", "-d", "1", "-o", "json", "-"]);
        let (reader, mut writer) = io::pipe().expect("a pipe");
        writer.write_all(line.as_bytes()).expect("room");
        let start = Instant::now();
        let child =
            child.stdin(reader).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starting opentop");
        let output = ended(child);
        assert!(start.elapsed() < Duration::from_secs(1) + SOON, "it took {:?}", start.elapsed());
        assert_eq!(output.status.code(), Some(i32::from(line.is_empty())), "{}", stderr(&output));
        drop(writer);
    }
    let mut command = opentop(["replay", "-o", "json"]);
    let child = command.arg(&fifo).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starting opentop");
    let mut writer = File::options().write(true).open(&fifo).expect("it reads");
    writer.write_all(b"{\"type\":\"x\"}\n").expect("room");
    std::thread::sleep(Duration::from_millis(500));
    signal(&child, Signal::TERM);
    let asked = Instant::now();
    assert_eq!(ended(child).status.code(), Some(0));
    assert!(asked.elapsed() < SOON, "it took {:?}", asked.elapsed());
}

#[test]
#[ignore = "needs root: make test"]
fn what_cannot_be_started_leaves_no_recording_behind() {
    needs_root();
    let scratch = Scratch::new();
    let recording = scratch.join("recording.zst");
    let record = |options: &[&str], command: &str| {
        let mut record = opentop(["record"]);
        common::output(record.arg(&recording).args(options).args(["--", command]))
    };
    let files = || fs::read_dir(scratch.path()).expect("the directory").count();
    let typo = record(&[], "no-such-command");
    assert_eq!((typo.status.code(), files()), (Some(1), 0), "{}", stderr(&typo));
    assert!(stderr(&typo).contains("no-such-command"), "{}", stderr(&typo));
    let right = record(&[], "true");
    assert_eq!((right.status.code(), files()), (Some(0), 1), "{}", stderr(&right));
    let said = stderr(&right);
    assert!(said.contains("recorded ") && said.contains(" bytes; none was lost"), "{said}");
    let before = fs::read(&recording).expect("the recording");
    assert!(said.replace(',', "").contains(&format!(" {} bytes", before.len())), "{said}");
    let replaced = record(&["--force"], "no-such-command");
    assert_eq!((replaced.status.code(), files()), (Some(1), 1), "{}", stderr(&replaced));
    assert!(fs::read(&recording).expect("the recording") == before, "the old one stays");
    assert_eq!(record(&[], "true").status.code(), Some(1), "nothing is replaced unasked");
    assert_eq!(record(&["--force"], "true").status.code(), Some(0));
    assert_eq!(files(), 1);
}

#[test]
#[ignore = "needs root: make test"]
fn a_recording_goes_through_a_pipe() {
    needs_root();
    let scratch = Scratch::new();
    let file = scratch.file("through-the-pipe", "");
    let (reader, writer) = io::pipe().expect("a pipe");
    let mut replay = opentop(["replay", "-o", "text", "-"]);
    let replay = replay.stdin(reader).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starting opentop");
    let mut record = opentop(["record", "-", "--", "sh", "-c", "echo words; exec cat \"$1\"", "sh"]);
    let recorded = ended(record.arg(&file).stdout(writer).stderr(Stdio::piped()).spawn().expect("starting opentop"));
    drop(record);
    let said = stderr(&recorded);
    assert_eq!(recorded.status.code(), Some(0), "{said}");
    assert!(said.starts_with("words\n") && said.contains(" opens to stdout, "), "{said}");
    let replayed = ended(replay);
    assert_eq!((replayed.status.code(), stderr(&replayed).as_str()), (Some(0), ""));
    assert!(stdout(&replayed).contains("/through-the-pipe"), "{}", stdout(&replayed));
    // Who leaves early has all he wanted.
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let mut record = opentop(["record", "-", "-d", "1"]);
    let output = ended(record.stdout(writer).stderr(Stdio::piped()).spawn().expect("starting opentop"));
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

/// Each file is a whole recording, and what the kept ones sum up to is what they hold.
#[test]
#[ignore = "needs root: make test"]
fn a_recording_in_a_ring_of_files_stays_small() {
    needs_root();
    let scratch = Scratch::new();
    let (ring, storm) = (scratch.dir("ring"), scratch.dir("storm"));
    let mut record = opentop(["record", "-i", "0.05", "--max-size", "64K", "--files", "3"]);
    record.arg(ring.join("r"));
    under(&mut record, &storm, &["--procs", "1", "--opens", "200000", "--missing"]);
    let output = common::output(&mut record);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("r.1 to .3 are kept; none was lost"), "{said}");
    assert_eq!(fs::read_dir(&ring).expect("the files").count(), 3);
    for number in 1..=3 {
        let replayed = common::output(opentop(["replay", "-o", "json"]).arg(ring.join(format!("r.{number}"))));
        assert_eq!((replayed.status.code(), stderr(&replayed).as_str()), (Some(0), ""));
        let text = stdout(&replayed);
        let opens = text.lines().filter(|line| line.contains(r#""type":"open""#)).count();
        let summary = text.lines().last().expect("a summary");
        assert!(summary.contains(&format!(r#""delivered":{opens},"#)), "{opens}: {summary}");
    }
    let few = common::output(opentop(["record", "--max-size", "1M", "-d", "0.2"]).arg(ring.join("few")));
    assert_eq!((few.status.code(), fs::read_dir(&ring).expect("the files").count()), (Some(0), 4), "{}", stderr(&few));
    let again = common::output(opentop(["record", "--max-size", "1M", "-d", "0.2"]).arg(ring.join("r")));
    assert_eq!(again.status.code(), Some(1), "nothing is replaced unasked");
    assert_eq!(fs::read_dir(&ring).expect("the files").count(), 4);
    let forced = common::output(opentop(["record", "--force", "--max-size", "1M", "-d", "0.2"]).arg(ring.join("r")));
    assert_eq!(forced.status.code(), Some(0), "{}", stderr(&forced));
}

#[test]
fn record_refuses_what_it_would_ignore() {
    let scratch = Scratch::new();
    let recording = scratch.join("recording");
    for options in [
        &["-b"][..],
        &["-o", "json"],
        &["-O", "x"],
        &["-g", "file"],
        &["-s", "pid"],
        &["--history", "1M"],
        &["--ascii"],
    ] {
        let output = common::output(opentop(["record"]).args(options).arg(&recording));
        assert_eq!(output.status.code(), Some(2), "{options:?}: {}", stderr(&output));
        assert!(!recording.exists(), "{options:?}");
    }
}

#[test]
#[ignore = "needs root: make test"]
fn a_recording_says_what_it_lost() {
    needs_root();
    let scratch = Scratch::new();
    let file = scratch.file("file", "");
    let recording = scratch.join("recording.zst");
    let _opening = Running::start(&mut opener(["first".as_ref(), file.as_os_str()]));
    let storm = scratch.dir("storm");
    let mut record = opentop(["record", "--ring", "4K"]);
    record.arg(&recording);
    under(&mut record, &storm, &["--procs", "4", "--opens", "200000", "--missing"]);
    let output = common::output(&mut record);
    let said = stderr(&output);
    assert!(said.contains("recorded ") && said.contains("because the ring buffer was full"), "{said}");
    let text = common::output(opentop(["replay", "-o", "text"]).arg(&recording));
    let summary = stdout(&text).lines().last().map(str::to_owned).unwrap_or_default();
    assert!(summary.starts_with("# opens") && summary.contains("(ring)"), "{summary}");
}

/// Records a storm on a disk of 112 KiB. What it said last, and its files in order, copied to `kept`.
fn recorded_on_a_full_disk(scratch: &Scratch, options: &[&str], kept: &Path) -> (String, Vec<PathBuf>) {
    let (disk, errors) = (scratch.dir("disk"), scratch.join("errors"));
    // The disk is gone with the mount namespace, so that what is on it is copied before.
    let script = "disk=$1 kept=$2 errors=$3; shift 3; mount -t tmpfs -o size=112k none \"$disk\" && { \"$@\" \
                  2>\"$errors\"; status=$?; cp \"$disk\"/r* \"$kept\"; exit $status; }";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, "sh"]).arg(&disk).arg(kept).arg(&errors);
    command.arg(env!("CARGO_BIN_EXE_opentop")).args(["record", "-i", "0.05"]).args(options).arg(disk.join("r"));
    command.arg("--").arg(opener::<&str>([]).get_program()).arg("storm").arg(scratch.dir("storm"));
    let output = common::output(command.args(["--procs", "1", "--opens", "200000", "--missing"]));
    let said = fs::read_to_string(&errors).expect("what it said");
    // That the storm runs on is said before.
    let said = said.lines().rfind(|line| line.starts_with("opentop: ")).unwrap_or_default();
    assert_eq!(output.status.code(), Some(1), "{said}{}", stderr(&output));
    let mut files: Vec<_> = fs::read_dir(kept).expect("copies").map(|entry| entry.expect("a copy").path()).collect();
    files.sort();
    (said.to_owned(), files)
}

#[test]
#[ignore = "needs root: make test"]
fn a_recording_on_a_full_disk_can_be_read_so_far() {
    needs_root();
    for options in [&[][..], &["--max-size", "64K", "--files", "5"]] {
        let scratch = Scratch::new();
        let (said, files) = recorded_on_a_full_disk(&scratch, options, &scratch.dir("kept"));
        assert!(said.contains("space") && said.contains("can be read so far"), "{said}");
        // Of a ring those files that were begun, of which the last alone is cut off.
        assert_eq!(files.len(), if options.is_empty() { 1 } else { 2 }, "{files:?}");
        for (number, file) in files.iter().enumerate() {
            let replayed = common::output(opentop(["replay", "-o", "json"]).arg(file));
            assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
            assert_eq!(stderr(&replayed).contains("ends early"), number == files.len() - 1, "{}", stderr(&replayed));
            assert!(stdout(&replayed).lines().filter(|line| line.contains("\"type\":\"open\"")).count() > 100);
        }
    }
}

/// A recording as somebody might send it: a new process with a name of a megabyte in each line; nothing but blank
/// lines.
#[test]
fn recordings_of_any_size_take_bounded_memory() {
    let scratch = Scratch::new();
    let long = |n: u32| {
        format!(
            "{{\"type\":\"open\",\"ts_ns\":{n},\"pid\":{n},\"comm\":\"{}\",\"op\":\"openat\",\
             \"path_kind\":\"absolute\",\"name\":\"/x\",\"start_ns\":{n}}}\n",
            "A".repeat(1_000_000)
        )
    };
    let huge: String = (1..100).map(long).collect();
    let many: String = (1..100_000)
        .map(|n| {
            format!(
                "{{\"type\":\"open\",\"ts_ns\":{n}000000000,\"pid\":{n},\"comm\":\"c{n}\",\"op\":\"openat\",\
                 \"path_kind\":\"absolute\",\"name\":\"/x/{n}\",\"start_ns\":{n},\"cgroup\":\"/{n}\"}}\n"
            )
        })
        .collect();
    let mut blank = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    io::copy(&mut io::repeat(b'\n').take(1 << 28), &mut blank).expect("blank lines");
    let blank = blank.finish().expect("compressed");
    for (name, bytes) in [("huge", huge.into_bytes()), ("many", many.into_bytes()), ("blank", blank)] {
        let file = scratch.join(name);
        fs::write(&file, bytes).expect("a new file");
        for args in [&["-o", "json"][..], &["-o", "text", "-b", "-g", "process"]] {
            let mut command = opentop(["replay", "-d", "20"]);
            command.args(args).arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = Running::start(&mut command);
            let mut peak = 0;
            while child.0.try_wait().expect("waiting").is_none() {
                peak = peak.max(peak_kib(child.0.id()).unwrap_or(0));
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(peak < 256 << 10, "{name} {args:?}: {peak} KiB");
        }
    }
}

/// The most memory that a process has had, in KiB.
fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
