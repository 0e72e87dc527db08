//! Other hosts over ssh: each runs an opentop of its own, whose opens and counts come here as one compressed stream.
//!
//! ```text
//! near: --host web1,web2                         far: opentop agent
//!   link ─▶ ssh ─▶ stdin:  how to trace, the filter, a heartbeat ─▶ control ─▶ tracer
//!   hosts ◀─ link ◀─ stdout: a recording with counts, a heartbeat ◀─ stream ◀───┘
//! ```
//!
//! | file | what is in it |
//! |---|---|
//! | [`args`], [`target`] | what the command line says of hosts, and what of it is meant |
//! | [`wire`] | the lines that a recording does not have, and those of the other direction |
//! | [`control`], [`stream`] | the far side: what it is told, and what it sends |
//! | [`hosts`], [`link`], [`ssh`], [`reason`] | the near side: all connections, one, its pipes, and why there is none |
//! | [`feed`], [`shared`], [`merge`] | what comes from one, what all of them share, and the sum of their counts |
//!
//! Nothing that a host sends is trusted: lines, names, processes and cgroups are bounded for each, and whoever sends
//! what no opentop sends is disconnected. What a slow link cannot take the far side drops and counts, so that its
//! tracer never waits.

pub(crate) mod args;
pub(crate) mod control;
mod feed;
pub(crate) mod hosts;
mod link;
mod merge;
mod reason;
mod shared;
mod ssh;
pub(crate) mod stream;
pub(crate) mod target;
pub(crate) mod wire;

use std::time::Duration;

/// Both sides say at least something so often...
const HEARTBEAT: Duration = Duration::from_millis(500);
/// ... and the far side ends when it has heard nothing for so long: a connection can end without anybody being told.
const FAR_SILENCE: Duration = Duration::from_millis(1_900);
/// The near side has nothing running that must end, so that it can be more patient with a slow link.
const NEAR_SILENCE: Duration = Duration::from_secs(5);
