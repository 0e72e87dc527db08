//! What is remembered: the latest opens, which of them match a filter, and searches folded into one row each.
//!
//! Whoever opens files chooses what is remembered, so each store has a bound in bytes, here and elsewhere; at the
//! defaults all of them together stay below 128 MiB.
//!
//! | what | at most | what goes, and how it is told |
//! |---|---|---|
//! | history, matches, folded searches, held views, a search ([`log::Bound`]) | `--history`, 64 MiB | the oldest, matches last: `N let go` |
//! | report of the history, while it is made | 8 MiB | names and records for which there is no room: told by it |
//! | ring buffer (mapped twice) | `--ring`, 8 MiB | the newest: `dropped (ring)` |
//! | batches on their way ([`crate::event::Batch::is_full`]) | 16 of 512 KiB on the screen, 128 for lines | wait in the ring buffer; at the end `dropped (queue)` |
//! | counts on their way | one | none, they are sums |
//! | requests to io_uring | 4 MiB, of one process 1 MiB | the oldest: `dropped (io_uring)` |
//! | cgroups ([`crate::names::CGROUPS_BYTES`]) | 4 MiB | the oldest, named again with their next open |
//! | ranking from events ([`crate::ranking::tally::Tally`]) | 4 MiB, 16,384 rows | those that opened least: `up to N too low` |
//! | ranking by process ([`crate::ranking::openers::Openers`]) | 32,768 that live, 16,384 that ended, 128 bytes of a path each | ended ones that opened least become sums |
//! | directory that is looked at ([`directories::Directory`]) | 1 MiB | the latest new names become `(others)` |
//! | mounts that opens were in ([`mounts::ByMount`]) | 16,384 processes | of further ones only the path is known |
//! | timeline ([`timeline::Timeline`]) | 64 KiB | none, intervals get longer |
//! | gaps, prompts, rates, flags | 64, 100, 32, 1024 | the oldest |

pub mod directories;
pub(crate) mod fold;
pub(crate) mod gaps;
pub mod log;
pub(crate) mod matches;
pub mod mounts;
pub(crate) mod timeline;
