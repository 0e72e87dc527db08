//! Numbers, times and paths as short as they can be without telling less than they must. Pure functions.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A whole number in groups of three: `1,204,311`.
pub fn group_digits(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number in at most six columns: `1,204`, `12.3k`, `4.5M`.
pub fn compact(number: u64) -> String {
    const UNITS: [(u64, &str); 5] =
        [(1_000_000_000_000_000, "P"), (1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")];
    if number < 10_000 {
        return group_digits(number);
    }
    match UNITS.into_iter().find(|(unit, _)| number >= *unit) {
        // Cut, not rounded: 999,999 is not yet a million.
        Some((unit, name)) if number < 1000 * unit => {
            let tenths = number / (unit / 10);
            format!("{}.{}{name}", tenths / 10, tenths % 10)
        }
        _ => format!("{}P", number / 1_000_000_000_000_000),
    }
}

/// A number whole where it fits `width` columns, else compact.
pub fn fitting(number: u64, width: usize) -> String {
    let whole = group_digits(number);
    if whole.len() <= width { whole } else { compact(number) }
}

/// Something per second: a tenth only where it matters.
pub fn rate(rate: f64) -> String {
    if rate > 0.0 && rate < 9.95 { format!("{rate:.1}") } else { compact(rate.round() as u64) }
}

/// A share from 0 to 1 as percent, with a tenth: `3.1`. Only what is exactly nothing is 0, only all is 100.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if p <= 0.0 => "0".to_owned(),
        p if p >= 100.0 => "100".to_owned(),
        p => format!("{:.1}", p.clamp(0.1, 99.9)),
    }
}

/// How long something runs: `00:12`, `3:00:12`, `2d 03:00`.
pub fn uptime(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes:02}:{:02}", seconds % 60),
        (0, _) => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
        _ => format!("{days}d {hours:02}:{minutes:02}"),
    }
}

/// A short time: `850ns`, `12.3us`, `1.2ms`, `2.5s`.
pub fn duration(ns: u64) -> String {
    match ns {
        0..1000 => format!("{ns}ns"),
        1000..1_000_000 => format!("{:.1}us", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}ms", ns as f64 / 1e6),
        _ => format!("{:.1}s", ns as f64 / 1e9),
    }
}

/// `text` in at most `width` columns: what is too long loses its middle, of a path never the base name (as long as
/// that fits at all). `ellipsis` stands for what is missing.
pub fn elide(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(ellipsis.width());
    if room == 0 {
        return head(text, width).to_owned();
    }
    let base = text.trim_end_matches('/').rfind('/').map_or(text, |slash| &text[slash..]);
    // The base name whole and the start of the directory, or both ends of whatever is longer than its place.
    let tail_room = if base.width() <= room { base.width() } else { room - room / 3 };
    let tail = tail(text, tail_room);
    let head = head(text, room - tail.width());
    format!("{head}{ellipsis}{tail}")
}

/// `text` in at most `width` columns: what is too long loses its end.
pub fn cut(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    format!("{}{}", head(text, width.saturating_sub(ellipsis.width())), head(ellipsis, width))
}

/// The same, but what is lost begins between words where that is possible.
pub fn cut_words(text: &str, width: usize, ellipsis: &str) -> String {
    let short = cut(text, width, ellipsis);
    let kept = short.len().saturating_sub(ellipsis.len());
    if short == text || text[..kept].ends_with(' ') || text[kept..].starts_with(' ') {
        return short;
    }
    match text[..kept].rfind(' ') {
        Some(end) => format!("{} {ellipsis}", text[..end].trim_end()),
        None => short,
    }
}

/// The first characters that fit `width` columns.
pub fn head(text: &str, width: usize) -> &str {
    let mut columns = 0;
    let end = text.char_indices().find(|(_, c)| {
        columns += c.width().unwrap_or(0);
        columns > width
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// The last characters that fit `width` columns.
pub fn tail(text: &str, width: usize) -> &str {
    let mut columns = 0;
    let cut = text.char_indices().rev().find(|(_, c)| {
        columns += c.width().unwrap_or(0);
        columns > width
    });
    cut.map_or(text, |(at, c)| &text[at + c.len_utf8()..])
}

/// What is behind the first `columns` columns.
pub fn behind(text: &str, columns: usize) -> &str {
    &text[head(text, columns).len()..]
}

/// `text` in lines of at most `width` columns, broken between words where that is possible.
pub fn wrap_words(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').flat_map(|word| wrap(word, width)) {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// `text` in lines of at most `width` columns.
pub fn wrap(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    loop {
        let line = head(rest, width.max(2));
        lines.push(line);
        rest = &rest[line.len()..];
        if rest.is_empty() || line.is_empty() {
            return lines;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers() {
        for (number, short) in [
            (0, "0"),
            (999, "999"),
            (1204, "1,204"),
            (9999, "9,999"),
            (12_345, "12.3k"),
            (999_999, "999.9k"),
            (4_567_890, "4.5M"),
            (u64::MAX, "18446P"),
        ] {
            assert_eq!(compact(number), short);
        }
        assert_eq!((group_digits(1_204_311), group_digits(12)), ("1,204,311".to_owned(), "12".to_owned()));
        assert_eq!((fitting(90_112, 6), fitting(90_112, 5)), ("90,112".to_owned(), "90.1k".to_owned()));
    }

    #[test]
    fn rates_and_shares() {
        assert_eq!([0.0, 0.04, 0.2, 9.94, 9.96, 812.4].map(rate), ["0", "0.0", "0.2", "9.9", "10", "812"]);
        assert_eq!([0.0, 0.000_01, 0.031, 0.999_99, 1.0].map(percent), ["0", "0.1", "3.1", "99.9", "100"]);
    }

    #[test]
    fn times() {
        let up = |seconds| uptime(Duration::from_secs(seconds));
        assert_eq!([up(12), up(3 * 3600 + 72), up(200_000)], ["00:12", "3:01:12", "2d 07:33"]);
        assert_eq!([850, 12_345, 1_200_000, 2_500_000_000].map(duration), ["850ns", "12.3us", "1.2ms", "2.5s"]);
    }

    #[test]
    fn a_path_loses_its_middle_never_its_base_name() {
        let path = "/usr/lib/x86_64-linux-gnu/libc.so.6";
        assert_eq!(elide(path, 40, "…"), path);
        assert_eq!(elide(path, 20, "…"), "/usr/lib/…/libc.so.6");
        assert_eq!(elide(path, 11, "…"), "…/libc.so.6");
        assert_eq!(elide(path, 8, "…"), "/u….so.6");
        assert_eq!(elide(path, 20, ".."), "/usr/lib../libc.so.6");
        assert_eq!(elide(path, 1, "…"), "/");
        assert_eq!(elide(path, 0, "…"), "");
        assert_eq!(elide("/漢字漢字/漢字", 9, "…"), "/漢…/漢字");
    }

    #[test]
    fn lines() {
        assert_eq!(wrap("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(wrap("漢字漢", 4), ["漢字", "漢"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap_words("one two three verylong", 7), ["one two", "three", "verylon", "g"]);
        assert_eq!(cut("abcdef", 4, "…"), "abc…");
        let said = "one two three";
        assert_eq!(cut_words(said, 13, "…"), said);
        assert_eq!(cut_words(said, 12, "…"), "one two …");
        assert_eq!(cut_words(said, 9, "…"), "one two …");
        assert_eq!(cut_words(said, 8, "…"), "one two…");
        assert_eq!(cut_words(said, 7, "…"), "one …");
        assert_eq!(cut_words(said, 2, "…"), "o…");
    }

    proptest! {
        #[test]
        fn whatever_is_elided_fits(text in "[a-c/ é漢🦀]{0,40}", width in 0usize..30) {
            prop_assert!(elide(&text, width, "…").width() <= width);
            prop_assert!(cut(&text, width, "…").width() <= width);
            prop_assert!(cut_words(&text, width, "…").width() <= width);
            prop_assert_eq!(wrap(&text, width).concat(), text);
        }

        #[test]
        fn compact_is_compact(number: u64) {
            prop_assert!(compact(number).len() <= 6);
        }
    }
}
