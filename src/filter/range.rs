//! Numbers to be matched: `7`, `1,2,3`, `100..200`, `>1000`, `<=5`; durations with a unit: `>1ms`, `10us..2ms`.

use super::Problem;
use std::time::Duration;

/// Numbers of which one must hold; both ends are included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ranges {
    given: Vec<(u64, u64)>,
    /// The same in order and apart from each other, so that a long list is as quickly searched as a short one.
    merged: Vec<(u64, u64)>,
}

/// Units of a duration in nanoseconds.
const UNITS: [(&str, u64); 5] = [("ns", 1), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];

impl Ranges {
    pub(super) fn numbers(value: &str) -> Result<Self, Problem> {
        Self::parse(value, &|text| {
            text.parse().map_err(|_| format!("{text:?} is not a number: write 7, 1,2,3, 100..200 or >1000"))
        })
    }

    pub(super) fn durations(value: &str) -> Result<Self, Problem> {
        Self::parse(value, &nanoseconds)
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        let behind = self.merged.partition_point(|(low, _)| *low <= number);
        behind.checked_sub(1).is_some_and(|at| number <= self.merged[at].1)
    }

    /// The numbers, if each is given by itself.
    pub(super) fn singles(&self) -> Option<Vec<u32>> {
        self.given.iter().map(|(low, high)| u32::try_from(*low).ok().filter(|_| low == high)).collect()
    }

    fn parse(value: &str, number: &dyn Fn(&str) -> Result<u64, String>) -> Result<Self, Problem> {
        let given = super::list(value, |part| range(part, number))?;
        Ok(Self { merged: merged(&given), given })
    }
}

fn merged(ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut ordered: Vec<_> = ranges.iter().copied().filter(|(low, high)| low <= high).collect();
    ordered.sort_unstable();
    ordered.dedup_by(|next, kept| {
        let meets = next.0 <= kept.1;
        kept.1 = if meets { kept.1.max(next.1) } else { kept.1 };
        meets
    });
    ordered
}

fn range(text: &str, number: &dyn Fn(&str) -> Result<u64, String>) -> Result<(u64, u64), String> {
    const NOTHING: (u64, u64) = (1, 0);
    if let Some((low, high)) = text.split_once("..") {
        return Ok((number(low)?, number(high)?));
    }
    if let Some(low) = text.strip_prefix(">=") {
        return Ok((number(low)?, u64::MAX));
    }
    if let Some(high) = text.strip_prefix("<=") {
        return Ok((0, number(high)?));
    }
    if let Some(below) = text.strip_prefix('>') {
        return Ok(number(below)?.checked_add(1).map_or(NOTHING, |low| (low, u64::MAX)));
    }
    if let Some(above) = text.strip_prefix('<') {
        return Ok(number(above)?.checked_sub(1).map_or(NOTHING, |high| (0, high)));
    }
    number(text).map(|exactly| (exactly, exactly))
}

fn nanoseconds(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is not a duration: write a number and ns, us, ms or s, as in >1ms");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
    let seconds = number.parse::<f64>().map_err(|_| bad())? * Duration::from_nanos(*unit).as_secs_f64();
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| bad())?;
    u64::try_from(duration.as_nanos()).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (text, inside, outside) in [
            ("7", vec![7], vec![6, 8]),
            ("1,3", vec![1, 3], vec![2]),
            ("10..20", vec![10, 15, 20], vec![9, 21]),
            (">5", vec![6, u64::MAX], vec![5]),
            (">=5", vec![5], vec![4]),
            ("<5", vec![0, 4], vec![5]),
            ("<=5,9", vec![5, 9], vec![6]),
            ("<0", vec![], vec![0, 1]),
        ] {
            let ranges = Ranges::numbers(text).unwrap();
            assert!(inside.iter().all(|n| ranges.contains(*n)), "{text}");
            assert!(!outside.iter().any(|n| ranges.contains(*n)), "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, nanos) in [("1ms", 1_000_000), ("1.5us", 1_500), ("2s", 2_000_000_000), ("7ns", 7), ("3µs", 3_000)]
        {
            assert_eq!(Ranges::durations(text).unwrap().given, [(nanos, nanos)], "{text}");
        }
        assert!(Ranges::durations(">1ms").unwrap().contains(1_000_001));
        assert!(!Ranges::durations(">1ms").unwrap().contains(1_000_000));
    }

    #[test]
    fn only_single_numbers_are_singles() {
        assert_eq!(Ranges::numbers("1,2").unwrap().singles(), Some(vec![1, 2]));
        assert_eq!(Ranges::numbers("1,2..3").unwrap().singles(), None);
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for text in ["", "x", "1,", "1..", "-1", "> 1", "1.5", "99999999999999999999"] {
            assert!(Ranges::numbers(text).is_err(), "{text}");
        }
        for text in ["", "1", "ms", ">1", "1h", "1..2ms", "1e99s", "..ms", "99999999999s"] {
            assert!(Ranges::durations(text).is_err(), "{text}");
        }
    }
}
