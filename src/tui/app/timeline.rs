//! Opens over time: a cursor that goes along them, marks, and a time that is typed.

use crossterm::event::{KeyCode, KeyEvent};
use jiff::Timestamp;
use jiff::civil::Time;

use super::action::{Action, Motion};
use super::{App, Effect, Mode};
use crate::clock;
use crate::message::PlaybackCommand;

/// Marks that are kept.
const MARKS: usize = 64;
/// Characters of a time.
const TYPED: usize = 16;
/// Columns of a page.
const PAGE: u64 = 10;
/// Columns beside the bars: the frame, and their names.
const BESIDE: u16 = 12;

/// Where the cursor is, CLOCK_MONOTONIC, and what is typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    pub ts_ns: u64,
    pub typed: String,
}

impl App {
    pub(super) fn show_timeline(&mut self) {
        let ts_ns = self.time_shown();
        self.mode = Mode::Timeline(Cursor { ts_ns, typed: String::new() });
    }

    /// The time of the selected event: following, of the newest.
    pub(super) fn time_shown(&self) -> u64 {
        let end = self.time_span().map_or(0, |(_, end)| end);
        self.events.selected().map_or(end, |row| row.event.ts_ns)
    }

    /// What the timeline covers: the whole of a recording, where that is known; else what came.
    pub fn time_span(&self) -> Option<(u64, u64)> {
        let came = self.timeline.span_ns();
        let Some(playback) = &self.playback else { return came };
        let length = playback.length_ns.unwrap_or(playback.at_ns).saturating_add(1);
        Some((playback.first_ns, playback.first_ns.saturating_add(length)))
    }

    /// Columns of bars.
    pub fn time_columns(&self) -> usize {
        usize::from(self.size.width.saturating_sub(BESIDE).max(1))
    }

    /// The oldest event that is remembered.
    pub fn memory_begins(&self) -> Option<u64> {
        let log = &self.events.live().log;
        log.get(log.first()).map(|event| event.ts_ns)
    }

    pub(super) fn mark(&mut self, ts_ns: u64) {
        match self.marks.binary_search(&ts_ns) {
            Ok(at) => drop(self.marks.remove(at)),
            Err(_) if self.marks.len() >= MARKS => self.say("there is no room for more marks: ' on one removes it"),
            Err(at) => {
                self.marks.insert(at, ts_ns);
                self.say("marked: H shows it, n and N go to the marks there");
            }
        }
    }

    pub(super) fn timeline_key(&mut self, key: KeyEvent, action: Option<Action>) -> Vec<Effect> {
        let Mode::Timeline(cursor) = &self.mode else { return Vec::new() };
        let Cursor { ts_ns, mut typed } = cursor.clone();
        let Some((start, end)) = self.time_span() else {
            self.close();
            return Vec::new();
        };
        let step = ((end - start) / self.time_columns() as u64).max(1);
        let (back, on) = (|by: u64| ts_ns.saturating_sub(by), |by: u64| ts_ns.saturating_add(by));
        let to = match (key.code, action) {
            (KeyCode::Char(c @ ('0'..='9' | ':' | '+' | '-' | '.')), _) if typed.len() < TYPED => {
                typed.push(c);
                ts_ns
            }
            (KeyCode::Char(c @ ('s' | 'm')), _) if typed.starts_with(['+', '-']) => {
                typed.push(c);
                ts_ns
            }
            (KeyCode::Backspace, _) => {
                typed.pop();
                ts_ns
            }
            (KeyCode::Enter, _) => return self.go_to_typed(ts_ns, &typed),
            (KeyCode::Left, _) => back(step),
            (KeyCode::Right, _) => on(step),
            (_, Some(Action::Move(Motion::PageUp))) => back(PAGE.saturating_mul(step)),
            (_, Some(Action::Move(Motion::PageDown))) => on(PAGE.saturating_mul(step)),
            (_, Some(Action::Move(Motion::First))) => start,
            (_, Some(Action::Move(Motion::Last))) => end,
            (_, Some(Action::Mark)) => {
                // The cursor stands for all of its column.
                let near = self.marks.iter().copied().find(|mark| mark.abs_diff(ts_ns) < step);
                self.mark(near.unwrap_or(ts_ns));
                ts_ns
            }
            (_, Some(Action::NextMatch)) => self.marks.iter().copied().find(|mark| *mark > ts_ns).unwrap_or(ts_ns),
            (_, Some(Action::PreviousMatch)) => {
                self.marks.iter().copied().rev().find(|mark| *mark < ts_ns).unwrap_or(ts_ns)
            }
            (_, Some(Action::Quit | Action::Back | Action::Timeline)) => {
                self.close();
                return Vec::new();
            }
            _ => return self.key_in_view(key, action),
        };
        self.mode = Mode::Timeline(Cursor { ts_ns: to.clamp(start, end), typed });
        Vec::new()
    }

    /// Goes to the time that was typed, or else to that of the cursor.
    fn go_to_typed(&mut self, cursor: u64, typed: &str) -> Vec<Effect> {
        let to = match self.time_typed(cursor, typed) {
            Ok(to) => to,
            Err(why) => {
                self.say(why);
                return Vec::new();
            }
        };
        self.close();
        if let Some(playback) = self.playback.filter(|playback| playback.seekable) {
            return self.play(PlaybackCommand::Seek(to.saturating_sub(playback.first_ns)));
        }
        if self.memory_begins().is_none_or(|begins| to < begins) {
            self.say("that is no longer remembered: this is the oldest that is (--history keeps more)");
        }
        self.focus_on(super::action::Focus::Events);
        self.events.go_to(to, self.events_height());
        Vec::new()
    }

    fn time_typed(&self, cursor: u64, typed: &str) -> Result<u64, String> {
        let is_none = || format!("{typed} is no time: 12:03:10, +30s or -5m");
        if typed.is_empty() {
            return Ok(cursor);
        }
        if let Some(span) = typed.strip_prefix(['+', '-']) {
            let (number, unit) = match span.strip_suffix('m') {
                Some(minutes) => (minutes, 60e9),
                None => (span.strip_suffix('s').unwrap_or(span), 1e9),
            };
            let by = (number.parse::<f64>().map_err(|_| is_none())? * unit) as u64;
            let back = typed.starts_with('-');
            return Ok(if back { cursor.saturating_sub(by) } else { cursor.saturating_add(by) });
        }
        // 1:43 as well as 01:43.
        let two_digits = if typed.find(':') == Some(1) { "0" } else { "" };
        let time = format!("{two_digits}{typed}").parse().map_err(|_| is_none())?;
        let (from, to) = self.time_span().unwrap_or((cursor, cursor));
        let days = [from, cursor, to].into_iter().filter_map(|day| self.time_of_day(day, time));
        let clock = |ts_ns| clock::time(self.timeline.time_of(ts_ns), &self.setup.time_zone, "%H:%M:%S");
        // What was opened within the second that was typed is of that time.
        let within = |there: &u64| (from.saturating_sub(999_999_999)..=to).contains(there);
        days.clone().find(within).ok_or_else(|| format!("{typed} is not between {} and {}", clock(from), clock(to)))
    }

    /// This time of the day that `day` is in.
    fn time_of_day(&self, day: u64, time: Time) -> Option<u64> {
        let zone = &self.setup.time_zone;
        let day = Timestamp::from_nanosecond(i128::from(self.timeline.time_of(day))).ok()?;
        let there = day.to_zoned(zone.clone()).date().to_datetime(time).to_zoned(zone.clone()).ok()?;
        Some(self.timeline.ts_of(u64::try_from(there.timestamp().as_nanosecond()).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::OpenEvent;
    use crate::message::{Message, Playback};
    use crate::tui::app::Event;
    use crate::tui::app::fixture::{Screen, usual};

    /// A recording from 23:59:00 to 00:01:00.
    #[test]
    fn a_time_of_day_is_found_on_either_side_of_midnight_and_told_where_it_is_outside() {
        let mut screen = Screen::new(80, 24);
        let open = OpenEvent { ts_ns: 1_000_000_000, time_ns: (86_400 - 60) * 1_000_000_000, ..usual()[0] };
        screen.opens(&[open]);
        let playback = Playback { first_ns: 1_000_000_000, length_ns: Some(120_000_000_000), ..Playback::default() };
        screen.update(Event::Message(Message::Playback(playback)));
        for (typed, seconds) in [("23:59:30", 30), ("0:00:30", 90), ("00:01:00", 120), ("23:59", 0)] {
            assert_eq!(screen.app.time_typed(1_000_000_000, typed), Ok((1 + seconds) * 1_000_000_000), "{typed}");
        }
        for (typed, why) in
            [("10:00", "10:00 is not between 23:59:00 and 00:01:00"), ("x", "x is no time: 12:03:10, +30s or -5m")]
        {
            assert_eq!(screen.app.time_typed(1_000_000_000, typed), Err(why.to_owned()));
        }
    }

    /// As long as a recording can be, in one column.
    #[test]
    fn a_page_of_centuries_ends_where_they_do() {
        let mut screen = Screen::new(13, 24);
        let length = 3_153_600_000_000_000_000;
        screen.update(Event::Message(Message::Playback(Playback { length_ns: Some(length), ..Playback::default() })));
        for (keys, expected) in [("H\x1b[6~", length + 1), ("\x1b[5~", 0)] {
            screen.keys(keys);
            assert!(
                matches!(&screen.app.mode, Mode::Timeline(cursor) if cursor.ts_ns == expected),
                "{:?}",
                screen.app.mode
            );
        }
    }
}
