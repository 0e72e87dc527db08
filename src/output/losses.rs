//! Losses in words, for somebody who has never heard of a ring buffer.

use crate::format::group_digits;
use crate::message::{Cause, Lost};

/// Every cause that lost something, with how much and why, to be read after "lost"; `None` if nothing was lost.
pub fn losses(lost: &Lost) -> Option<String> {
    let causes = lost.by_cause().into_iter().filter(|(_, count)| *count > 0);
    let causes: Vec<String> = causes.map(|(cause, count)| format!("{} {}", group_digits(count), why(cause))).collect();
    (!causes.is_empty()).then(|| causes.join(", "))
}

fn why(cause: Cause) -> &'static str {
    match cause {
        Cause::Ring => "because the ring buffer was full (ring; --ring makes it larger)",
        Cause::Queue => "because they were not taken in time at the end (queue)",
        Cause::Garbled => "because they could not be decoded, which is a bug of opentop (garbled)",
        Cause::IoUring => "because io_uring had too many requests pending to remember what they asked for (io_uring)",
        Cause::Missed => "because the kernel missed runs of the hook, so that they are not even counted (missed)",
        Cause::Overflow => "only in the counts of their processes, of which there were too many (overflow)",
        Cause::Cgroup => "only in the counts of their containers, since their processes were moved too often (cgroup)",
        Cause::Tree => "processes that were not followed, since too many were already (tree)",
        Cause::Lookups => "look-ups, because there was no room for them (lookups; --ring makes more)",
        Cause::Rate => "because more came than --rate-limit lets through (rate)",
        Cause::Link => "because the link to the host where they were read was slow (link; a narrower filter helps)",
        Cause::Other => "for a reason that this version does not know (other)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_told_by_its_name() {
        assert_eq!(losses(&Lost::default()), None);
        let mut all = Lost::default();
        for (cause, count) in Cause::ALL.into_iter().zip(1..) {
            *all.count_mut(cause) = count;
        }
        let told = losses(&all).unwrap();
        for (cause, count) in all.by_cause() {
            assert!(told.contains(cause.name()) && told.contains(&count.to_string()), "{cause} in {told}");
        }
        let many = Lost { ring: 172_303, ..Lost::default() };
        assert!(losses(&many).unwrap().starts_with("172,303 because the ring buffer was full"));
    }
}
