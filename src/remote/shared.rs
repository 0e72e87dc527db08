//! What all connections share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender};

use super::merge::Merge;
use super::target::Target;
use super::wire::Start;
use crate::message::Message;

/// How to reach hosts, what to ask of them, and where what they tell goes.
#[derive(Debug)]
pub(super) struct Shared {
    pub target: Target,
    pub start: Mutex<Start>,
    pub merge: Mutex<Merge>,
    pub messages: Sender<Message>,
    /// As many log-ins as may be made at a time.
    pub turns: (Sender<()>, Receiver<()>),
    /// Closed when all is to end.
    pub stopped: Receiver<()>,
}

impl Shared {
    pub(super) fn merge(&self) -> MutexGuard<'_, Merge> {
        self.merge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn start(&self) -> MutexGuard<'_, Start> {
        self.start.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
