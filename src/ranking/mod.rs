//! Who opens most: groups, sorting, exact counts from the kernel, counts from events, latencies.

pub mod latency;
pub mod openers;
pub mod tally;
