//! Opens as lines for other programs and for later: text, JSON, CSV.
//!
//! Every form begins with its header, tells each loss when it happens, and ends with the totals, so that a reader knows
//! whether what it has is all there was. No byte that a terminal could obey is ever written, whatever a file is called.

mod csv;
pub mod ending;
mod json;
pub mod lines;
mod losses;
pub mod rankings;
mod rate;
pub mod report;
mod stdout;
mod table;
mod text;
mod writer;

pub use csv::Csv;
pub use json::Json;
pub use losses::losses;
pub use rate::RateLimit;
pub use stdout::{stderr, stdout};
pub use table::{Table, TableOutput};
pub use text::{Text, TextColumn};
pub use writer::{Unwritten, Writer};

use crate::event::{OpenEvent, PathKind};
use crate::message::{Cause, HostState, Lost, Totals};
use crate::names::Names;
use std::collections::HashMap;
use std::io::{self, Write};

/// Where opens, and look-ups where there are any, are written to. Errors are those of the writer underneath; a closed
/// pipe is one of them.
pub trait Output {
    /// What stands before everything, if this form has such a thing.
    fn header(&mut self) -> io::Result<()> {
        Ok(())
    }
    /// One open, or look-up.
    fn open(&mut self, event: &OpenEvent<'_>, names: &Names) -> io::Result<()>;
    /// `count` opens lost since the last such line.
    fn lost(&mut self, cause: Cause, count: u64) -> io::Result<()>;
    /// The last line.
    fn summary(&mut self, totals: &Totals, hooks: &str) -> io::Result<()>;
    /// Hands on what is buffered. To be called once a batch: until then, lines may stay here.
    fn flush(&mut self) -> io::Result<()>;

    /// So much was counted by now. All events before that have been written.
    fn counted(&mut self, _totals: &Totals, _hooks: &str) -> io::Result<()> {
        Ok(())
    }

    /// One of several hosts is in this state now.
    fn host(&mut self, _name: &str, _state: &HostState) -> io::Result<()> {
        Ok(())
    }

    /// A line for each cause whose count has grown since `before`.
    fn lost_since(&mut self, before: &Lost, now: &Lost) -> io::Result<()> {
        for ((cause, before), (_, now)) in before.by_cause().into_iter().zip(now.by_cause()) {
            if now > before {
                self.lost(cause, now - before)?;
            }
        }
        Ok(())
    }
}

/// Lines on their way to a writer: many in one write.
#[derive(Debug)]
struct Sink<W> {
    lines: Vec<u8>,
    out: W,
}

impl<W: Write> Sink<W> {
    /// Bytes that are worth a write of their own.
    const FULL: usize = 64 << 10;

    fn new(out: W) -> Self {
        Self { lines: Vec::with_capacity(Self::FULL + 8192), out }
    }

    /// Ends the line.
    fn end_line(&mut self) -> io::Result<()> {
        self.lines.push(b'\n');
        if self.lines.len() < Self::FULL { Ok(()) } else { self.write_out() }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.out.flush()
    }

    fn write_out(&mut self) -> io::Result<()> {
        // Lines that a broken writer refused are not tried again.
        let written = self.out.write_all(&self.lines);
        self.lines.clear();
        written
    }
}

/// Appends `number` in decimal: this is done a dozen times a line, and `write!` costs several times as much.
fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends nanoseconds below a second with all nine digits.
fn push_nanos(out: &mut Vec<u8>, mut nanos: u64) {
    let mut digits = [b'0'; 9];
    for digit in digits.iter_mut().rev() {
        *digit += (nanos % 10) as u8;
        nanos /= 10;
    }
    out.extend_from_slice(&digits);
}

/// Wall-clock times in RFC 3339; events of one second share the work.
#[derive(Debug, Default)]
struct Clock {
    second: Option<u64>,
    /// `2026-01-02T03:04:05`.
    shown: String,
}

impl Clock {
    /// Appends the time with nine decimals, in UTC. `time_ns` counts from the Unix epoch.
    fn push(&mut self, out: &mut Vec<u8>, time_ns: u64) {
        let (second, nanos) = (time_ns / 1_000_000_000, time_ns % 1_000_000_000);
        if self.second != Some(second) {
            self.second = Some(second);
            // 64 bits of nanoseconds end in the year 2554, which jiff knows.
            let time = jiff::Timestamp::from_second(second as i64).unwrap_or_default();
            time.to_string().trim_end_matches('Z').clone_into(&mut self.shown);
        }
        out.extend_from_slice(self.shown.as_bytes());
        out.push(b'.');
        push_nanos(out, nanos);
        out.push(b'Z');
    }
}

/// Texts made from open flags, of which a host uses few.
#[derive(Debug)]
struct FlagTexts {
    render: fn(u64) -> String,
    made: HashMap<u64, String>,
}

impl FlagTexts {
    /// A program can ask for any bits; that must not become memory.
    const MOST: usize = 1024;

    fn new(render: fn(u64) -> String) -> Self {
        Self { render, made: HashMap::new() }
    }

    fn get(&mut self, flags: u64) -> &str {
        if self.made.len() >= Self::MOST {
            self.made.clear();
        }
        self.made.entry(flags).or_insert_with(|| (self.render)(flags))
    }
}

/// The name that the program asked for, where there is one and it could be read.
fn known_name<'a>(event: &OpenEvent<'a>) -> Option<&'a [u8]> {
    let none = event.name.is_empty() && matches!(event.path_kind, PathKind::Handle | PathKind::Unreadable);
    (!none).then_some(event.name)
}

/// The absolute path, where it is known; an empty name has none.
fn known_path<'a>(event: &OpenEvent<'a>) -> Option<&'a [u8]> {
    (event.path_kind != PathKind::Unreadable && !event.path.is_empty()).then_some(event.path)
}

/// What the opened file is called, where that is not the name asked for.
fn opened_name<'a>(event: &OpenEvent<'a>) -> Option<&'a [u8]> {
    (!event.opened_name.is_empty()).then_some(event.opened_name)
}

/// The opened file's own path, where it is known.
fn real_path<'a>(event: &OpenEvent<'a>) -> Option<&'a [u8]> {
    (!event.real_path.is_empty()).then_some(event.real_path)
}

#[cfg(test)]
mod tests;
