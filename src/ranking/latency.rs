//! How long opens took, as a histogram of fixed size: four buckets to each doubling, so that a percentile is right to
//! a fifth of itself, from nanoseconds to hours.

const STEPS: usize = 4;
const BUCKETS: usize = 44 * STEPS;

/// Counts per bucket.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: [u32; BUCKETS],
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    /// Counts one open that took `ns` nanoseconds.
    pub fn add(&mut self, ns: u64) {
        let bucket = &mut self.buckets[bucket_of(ns)];
        *bucket = bucket.saturating_add(1);
        self.total += 1;
    }

    /// The nanoseconds that `percent` percent of the opens took at most; 0 where nothing was measured.
    pub fn percentile(&self, percent: u64) -> u64 {
        let wanted = (self.total * percent).div_ceil(100);
        let mut seen = 0;
        let reached = |&count: &u32| {
            seen += u64::from(count);
            seen >= wanted && seen > 0
        };
        self.buckets.iter().position(reached).map_or(0, upper_bound)
    }
}

fn bucket_of(ns: u64) -> usize {
    let octave = ns.max(1).ilog2() as usize;
    let step = if octave >= 2 { (ns >> (octave - 2)) as usize & (STEPS - 1) } else { 0 };
    (octave * STEPS + step).min(BUCKETS - 1)
}

/// The largest value that falls into the bucket.
fn upper_bound(bucket: usize) -> u64 {
    let (octave, step) = (bucket / STEPS, (bucket % STEPS) as u64);
    if octave < 2 { (2 << octave) - 1 } else { ((STEPS as u64 + step + 1) << (octave - 2)) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_measured_is_zero() {
        assert_eq!(Histogram::default().percentile(99), 0);
    }

    #[test]
    fn percentiles() {
        let mut histogram = Histogram::default();
        (1..=100u64).for_each(|n| histogram.add(n * 1000));
        assert!((50_000..62_500).contains(&histogram.percentile(50)), "{}", histogram.percentile(50));
        assert!((99_000..124_000).contains(&histogram.percentile(99)), "{}", histogram.percentile(99));
    }

    proptest! {
        #[test]
        fn a_bucket_is_narrow(ns in 4u64..1 << 43) {
            let upper = upper_bound(bucket_of(ns));
            prop_assert!(upper >= ns);
            prop_assert!(upper as f64 <= ns as f64 * 1.25);
        }

        #[test]
        fn any_number_has_a_bucket(ns: u64) {
            prop_assert!(bucket_of(ns) < BUCKETS);
        }
    }
}
