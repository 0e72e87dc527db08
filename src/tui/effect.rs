//! What the screen asks the world for, done: copying and writing a file. Each says in one line what came of it.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use base64::Engine as _;
use jiff::Timestamp;

use super::app::App;
use crate::escape::{escape, escaped};
use crate::event::errno_name;
use crate::format::duration;
use crate::message::Totals;
use crate::output::{Csv, Json, Output, losses};
use crate::privileges::Caller;
use crate::recording::{Header, Recorder};
use crate::tui::app::directories::Directories;
use crate::tui::app::events::Row;
use crate::tui::app::write::{Form, name_and_form};
use crate::user_file::{self, Draft};
use crate::{ranking, toml_keys};

/// The largest text that is handed to a terminal's clipboard.
const COPY_MAX: usize = 32 * 1024;

/// Asks the terminal to copy `text`, by OSC 52: the bytes for it, and what to tell the user. Whether a terminal obeys
/// cannot be known. No program is run for this and no other's socket opened: opentop is mostly root.
pub(super) fn copy(text: &str) -> (Vec<u8>, String) {
    if text.len() > COPY_MAX {
        return (Vec::new(), "too long to copy: w writes a file".to_owned());
    }
    let terminal = std::env::var("TERM").unwrap_or_default();
    let said = format!("asked the terminal (OSC 52; tmux: set -g set-clipboard on) to copy {text}");
    (osc_52(text, &terminal), said)
}

/// The request to copy. GNU screen swallows it unless it is wrapped for the terminal around it; tmux, which may go by
/// the same name, takes it only as it is.
fn osc_52(text: &str, terminal: &str) -> Vec<u8> {
    let request = format!("\x1b]52;c;{}\x07", base64::engine::general_purpose::STANDARD.encode(text));
    if terminal.starts_with("screen") { format!("{request}\x1bP{request}\x1b\\") } else { request }.into_bytes()
}

/// Writes all events that match, and into a text the ranking, into a new file in the form that the ending of its name
/// says; where none was typed it has the time in its name. Returns what to tell.
pub(super) fn save(app: &App, typed: &str) -> String {
    let now = Timestamp::now().to_zoned(app.setup.time_zone.clone());
    let Some((name, form)) = name_and_form(typed, &now.strftime("opentop-%Y%m%d-%H%M%S").to_string()) else {
        return format!("{typed} has no ending that is known");
    };
    let written = Draft::create(Path::new(&name), false, Caller::of_sudo()).and_then(|draft| {
        let file = draft.file()?;
        let events = match form {
            Form::Text => write(app, BufWriter::new(file))?,
            Form::Json => write_events(app, &mut Json::new(file))?,
            Form::Csv => write_events(app, &mut Csv::new(file))?,
            Form::Recording => record(app, file)?,
        };
        // Half of it is not what was asked for.
        draft.keep().map(|_| events)
    });
    match written {
        Ok(events) if form == Form::Text => format!("wrote the ranking and {events} events to {name}"),
        Ok(events) => format!("wrote {events} events to {name}"),
        Err(error) => format!("cannot write {name}: {error}"),
    }
}

/// Writes the events that match, and totals of them alone. Returns how many there are.
fn write_events(app: &App, output: &mut dyn Output) -> io::Result<usize> {
    let feed = app.events.shown();
    let mut totals = Totals::default();
    output.header()?;
    for event in feed.events() {
        totals.add(&event);
        output.open(&event, &app.names)?;
    }
    output.summary(&totals, &app.setup.hooks.to_string())?;
    output.flush()?;
    Ok((totals.opens + totals.lookups.made) as usize)
}

/// Writes a recording of the events that match, whose header says that it is an excerpt.
fn record(app: &App, out: impl io::Write) -> io::Result<usize> {
    let first = app.events.shown().events().next();
    let booted = first.map(|event| event.time_ns.saturating_sub(event.ts_ns) / 1_000_000_000);
    let booted = booted.and_then(|second| Timestamp::from_second(second as i64).ok());
    let filter = app.events.shown().matches.filter().source();
    let filter = if filter.is_empty() { "no filter".to_owned() } else { format!("filter {filter}") };
    let lost = losses(&app.meter.since_start().lost).map_or(String::new(), |lost| format!("; lost before: {lost}"));
    let header = Header {
        opentop: app.setup.version.to_owned(),
        host: app.setup.host.clone(),
        kernel: app.setup.kernel.clone(),
        boot_time: booted.map(|time| time.to_string()).unwrap_or_default(),
        hooks: app.setup.hooks.clone(),
        protocol: None,
        excerpt: Some(format!("what a screen remembered, {filter}{lost}")),
    };
    let mut recorder = Recorder::begin(out, &header)?;
    let events = write_events(app, &mut recorder)?;
    recorder.finish()?;
    Ok(events)
}

/// Writes what is chosen into the user's own configuration, in which all else stays. Returns what to tell, also where
/// it fails.
pub(super) fn save_settings(app: &App) -> Result<String, String> {
    let Some(path) = &app.setup.own_settings else {
        return Err("there is no directory for a configuration: HOME is not set".to_owned());
    };
    let shown = escape(path.as_os_str().as_encoded_bytes());
    match write_settings(path, &app.settings()) {
        Ok(()) => Ok(format!("saved to {shown}")),
        Err(why) => Err(format!("cannot save to {shown}: {why}")),
    }
}

fn write_settings(path: &Path, settings: &[(&str, String)]) -> io::Result<()> {
    let owner = Caller::of_sudo();
    let text = user_file::read(path, owner, true, toml_keys::BYTES_MAX)?.unwrap_or_default();
    let text = String::from_utf8(text).map_err(io::Error::other)?;
    let text = toml_keys::set(&text, settings).map_err(|why| io::Error::other(why.message().to_owned()))?;
    if let Some(directory) = path.parent() {
        user_file::create_directory(directory, owner)?;
    }
    let draft = Draft::create(path, true, owner).map_err(|why| match why.kind() {
        io::ErrorKind::AlreadyExists => {
            io::Error::other("it is a link, made by whoever keeps the file elsewhere: write there")
        }
        _ => why,
    })?;
    draft.file()?.write_all(text.as_bytes())?;
    draft.keep().map(drop)
}

fn write(app: &App, mut file: impl Write) -> io::Result<usize> {
    let filter = if app.line.is_empty() { "none" } else { &app.line };
    writeln!(file, "opentop {} on {}, filter: {filter}", app.setup.version, app.setup.host)?;
    match app.directories() {
        Some(view) => write_directories(view, &mut file)?,
        None => write_ranking(app, &mut file)?,
    }
    let title = if app.latency { "   LATENCY " } else { "" };
    writeln!(file, "\n{:<30} {:>7} {:<15} {:>5} {:<14} {title}PATH", "TIME", "PID", "COMM", "FD", "ERR")?;
    let feed = app.events.shown();
    let mut written = 0;
    for row in (0..feed.len()).filter_map(|index| feed.row(index)) {
        let row = match row {
            Row::Event(row) => row,
            Row::Gap(gap) => {
                writeln!(file, "-- {} --", gap.describe(&app.setup.time_zone))?;
                continue;
            }
        };
        let event = &row.event;
        let time = Timestamp::from_nanosecond(i128::from(event.time_ns)).map_err(io::Error::other)?;
        let fd = event.fd().map_or("-".to_owned(), |fd| fd.to_string());
        let error = event.errno().map_or("-".into(), errno_name);
        write!(file, "{time:<30.9} {:>7} {:<15} {fd:>5} {error:<14} ", event.pid, escaped(event.comm))?;
        if app.latency {
            write!(file, "{:>10} ", event.latency.map_or("-".to_owned(), |time| duration(time.as_nanos() as u64)))?;
        }
        // A folded search is one row here too: its last try.
        let tries = if row.tries > 1 { format!(" (tried {})", row.tries) } else { String::new() };
        writeln!(file, "{}{tries}", escaped(event.path))?;
        written += 1;
    }
    file.flush()?;
    Ok(written)
}

fn write_ranking(app: &App, file: &mut impl Write) -> io::Result<()> {
    let group = app.ranking.group;
    write_head(&format!("TOP {}", group.name()), file)?;
    for row in app.ranking.rows() {
        let pid = ranking::pid(&row.key).map(|pid| format!("{pid} ")).unwrap_or_default();
        let label = ranking::described(group, row, &app.names);
        write_row((row.rate, row.opens, row.failed), &format!("{pid}{label}"), file)?;
    }
    Ok(())
}

fn write_directories(view: &Directories, file: &mut impl Write) -> io::Result<()> {
    write_head(&view.title(), file)?;
    for (name, child) in view.rows() {
        let kind = view.kind(&name);
        let gap = if kind.is_empty() { "" } else { " " };
        let label = view.label(&name, child.is_directory);
        write_row((child.rate, child.opens, child.failed), &format!("{kind}{gap}{label}"), file)?;
    }
    Ok(())
}

fn write_head(title: &str, file: &mut impl Write) -> io::Result<()> {
    writeln!(file, "\n{:>10} {:>10} {:>10}  {title}", "OPENS/s", "TOTAL", "FAILED")
}

fn write_row((rate, opens, failed): (Option<f64>, u64, u64), label: &str, file: &mut impl Write) -> io::Result<()> {
    writeln!(file, "{:>10.1} {opens:>10} {failed:>10}  {label}", rate.unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::ranking::openers::Group;
    use crate::tui::app::fixture::{Screen, setup};
    use crate::tui::app::{Effect, Event, Setup};
    use std::fs::File;

    #[test]
    fn what_is_shown_is_written_to_a_file_that_was_not_there() {
        let dir = std::env::temp_dir().join(format!("opentop-save-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let path = dir.join("new");
        let mut screen = Screen::busy(80, 24);
        screen.keys("/nginx\r");
        assert_eq!(write(&screen.app, BufWriter::new(std::fs::File::create_new(&path).unwrap())).unwrap(), 3);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("filter: nginx") && text.contains("/etc/shadow") && text.contains("TOP process"),
            "{text}"
        );
        assert!(!text.contains("2619_fsm"), "{text}");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    /// The row of the root's cgroup is in no container: whatever tells of it says so.
    #[test]
    fn a_row_is_called_alike_wherever_it_is_told_of() {
        let setup = Setup { group: Group::Container, ..setup() };
        let mut screen = Screen::with(setup, 80, 24);
        let mut batch = crate::event::Batch::default();
        batch.name_cgroup(crate::event::CgroupName { name: None, id: 9, path: b"/".into() });
        batch.push(&crate::event::OpenEvent { cgroup: 9, ..crate::event::sample() });
        screen.update(Event::Message(Message::Opens(batch)));
        for (group, name) in [(Group::Container, "(no container)"), (Group::Unit, "(no unit)")] {
            while screen.app.ranking.group != group {
                screen.keys("b");
            }
            // From events, as the counts of the fixture have a cgroup of their own.
            screen.keys("/.\r2");
            assert!(screen.line(3).ends_with(name), "{}", screen.text());
            screen.keys("y");
            assert_eq!(screen.effects.last(), Some(&Effect::Copy(name.into())));
            screen.keys("\r");
            assert!(screen.line(22).starts_with(&format!("/ only {name}")), "{}", screen.text());
            let mut text = Vec::new();
            write(&screen.app, &mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(text.lines().any(|line| line.ends_with(name)), "{text}");
            screen.keys("\x1b\x1b3");
        }
    }

    #[test]
    fn where_directories_are_looked_at_they_are_written() {
        let mut screen = Screen::busy(80, 24);
        screen.keys("D\r");
        let mut text = Vec::new();
        write(&screen.app, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("FAILED  IN /var\n       0.0          2          1  lib/\n"), "{text}");
        assert!(!text.contains("TOP process") && text.contains("/etc/shadow"), "{text}");
    }

    /// What is shown is in each form, and the recording can be replayed and says what it is.
    #[test]
    fn each_form_has_what_is_shown() {
        let mut screen = Screen::busy(80, 24);
        screen.keys("/nginx\r");
        let mut json = Vec::new();
        assert_eq!(write_events(&screen.app, &mut Json::new(&mut json)).unwrap(), 3);
        let json = String::from_utf8(json).unwrap();
        assert_eq!(json.lines().filter(|line| line.starts_with("{\"type\":\"open\"")).count(), 3, "{json}");
        assert!(json.contains("\"opens\":3,\"failed\":1,"), "{json}");
        let mut csv = Vec::new();
        assert_eq!(write_events(&screen.app, &mut Csv::new(&mut csv)).unwrap(), 3);
        assert!(String::from_utf8(csv).unwrap().starts_with("type,time,"));
        let path = std::env::temp_dir().join(format!("opentop-excerpt-{}.jsonl.zst", std::process::id()));
        assert_eq!(record(&screen.app, File::create_new(&path).unwrap()).unwrap(), 3);
        let input = crate::recording::Input::open(&path, crate::recording::Interrupt::default()).unwrap();
        let reader = crate::recording::Reader::of_file(input).unwrap();
        let header = reader.header().unwrap().clone();
        assert_eq!(header.excerpt.as_deref(), Some("what a screen remembered, filter nginx"));
        assert_eq!((header.host.as_str(), header.boot_time.is_empty()), ("web-3", false));
        let (messages, received) = crossbeam_channel::unbounded();
        let (_stop, stopped) = crossbeam_channel::bounded(1);
        let controls = crate::recording::Controls { stop: &stopped, commands: None };
        let interval = std::time::Duration::from_secs(1);
        let replayed = crate::recording::replay_with(reader, 0.0, interval, &messages, controls);
        assert_eq!(replayed.note, None);
        let opens = received.try_iter().map(|message| match message {
            crate::message::Message::Opens(batch) => batch.iter().count(),
            _ => 0,
        });
        assert_eq!(opens.sum::<usize>(), 3);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_is_chosen_is_written_into_what_is_there() {
        let dir = std::env::temp_dir().join(format!("opentop-settings-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let path = dir.join("opentop.toml");
        let mut screen = Screen::busy(80, 24);
        // The list: time off, and one wider; the ranking: by another column.
        screen.keys("C j++\x1b2>C\x1b");
        for text in ["", "# mine\nascii = true\n"] {
            std::fs::write(&path, text).unwrap();
            write_settings(&path, &screen.app.settings()).unwrap();
            let written = std::fs::read_to_string(&path).unwrap();
            assert!(written.starts_with(text) && written.contains("event-columns = \"pid:12,"), "{written}");
            assert!(written.contains("sort = \"total\"") && !written.contains("ranking-columns"), "{written}");
        }
        std::fs::write(&path, "x = ").unwrap();
        assert!(write_settings(&path, &screen.app.settings()).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "x = ");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_request_to_copy_holds_no_byte_of_the_text() {
        assert_eq!(osc_52("/a\u{1b}b", "xterm"), b"\x1b]52;c;L2EbYg==\x07");
        assert_eq!(osc_52("/a", "screen.xterm"), b"\x1b]52;c;L2E=\x07\x1bP\x1b]52;c;L2E=\x07\x1b\\");
    }
}
