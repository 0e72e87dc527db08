//! What the screen asks the world for, done: copying and writing a file. Each says in one line what came of it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use jiff::Timestamp;

use super::{App, ranking};
use crate::event::errno_name;

/// The largest text that is handed to a terminal's clipboard.
const COPY_MAX: usize = 32 * 1024;

/// Puts `text` where it can be pasted: into tmux's buffer if we are in tmux, else it asks the terminal by OSC 52. The
/// bytes for the terminal, and what to tell the user: whether a terminal obeys cannot be known.
pub(super) fn copy(text: &str) -> (Vec<u8>, String) {
    if text.len() > COPY_MAX {
        return (Vec::new(), "too long to copy: w writes a file".to_owned());
    }
    if std::env::var_os("TMUX").is_some() && tmux_buffer(text).is_ok() {
        return (Vec::new(), "copied into the tmux buffer: paste with prefix ]".to_owned());
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    let bytes = format!("\x1b]52;c;{encoded}\x07").into_bytes();
    (bytes, "asked the terminal to copy the path (OSC 52); not every terminal does".to_owned())
}

fn tmux_buffer(text: &str) -> io::Result<()> {
    let mut tmux = Command::new("tmux")
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = tmux.stdin.take() {
        stdin.write_all(text.as_bytes())?;
    }
    if tmux.wait()?.success() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
}

/// Writes the ranking and all events that match into a new file in the working directory. Returns what to tell.
pub(super) fn save(app: &App) -> String {
    let name =
        format!("opentop-{}.txt", Timestamp::now().to_zoned(app.setup.time_zone.clone()).strftime("%Y%m%d-%H%M%S"));
    match create(&name).and_then(|file| write(app, BufWriter::new(file))) {
        Ok(events) => format!("wrote the ranking and {events} events to {name}"),
        Err(error) => format!("cannot write {name}: {error}"),
    }
}

/// A new file, never one that exists or that a link leads to; under sudo it belongs to whoever called it.
fn create(name: &str) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).custom_flags(libc::O_NOFOLLOW).mode(0o600).open(name)?;
    let id = |variable: &str| std::env::var(variable).ok()?.parse().ok();
    if let (Some(uid), Some(gid)) = (id("SUDO_UID"), id("SUDO_GID")) {
        std::os::unix::fs::fchown(&file, Some(uid), Some(gid))?;
    }
    Ok(file)
}

fn write(app: &App, mut file: BufWriter<File>) -> io::Result<usize> {
    let filter = if app.line.is_empty() { "none" } else { &app.line };
    writeln!(file, "opentop {} on {}, filter: {filter}", app.setup.version, app.setup.host)?;
    writeln!(file, "\n{:>10} {:>10} {:>10}  TOP {}", "OPENS/s", "TOTAL", "FAILED", app.ranking.group.name())?;
    for row in app.ranking.rows() {
        let pid = ranking::pid(&row.key).map(|pid| format!("{pid} ")).unwrap_or_default();
        let label = ranking::label(row, &app.names);
        writeln!(file, "{:>10.1} {:>10} {:>10}  {pid}{label}", row.rate.unwrap_or(0.0), row.opens, row.failed)?;
    }
    writeln!(file, "\n{:<30} {:>7} {:<15} {:>5} {:<14} PATH", "TIME", "PID", "COMM", "FD", "ERR")?;
    let feed = app.events.shown();
    let mut written = 0;
    for event in (0..feed.len()).filter_map(|index| feed.row(index)).map(|row| row.event) {
        let time = Timestamp::from_nanosecond(i128::from(event.time_ns)).map_err(io::Error::other)?;
        let fd = event.fd().map_or("-".to_owned(), |fd| fd.to_string());
        let error = event.errno().map_or("-".into(), errno_name);
        writeln!(file, "{time:<30.9} {:>7} {:<15} {fd:>5} {error:<14} {}", event.pid, event.comm, event.path)?;
        written += 1;
    }
    file.flush()?;
    Ok(written)
}
