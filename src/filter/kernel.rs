//! What the kernel can check of a filter.

use super::field::Test;
use super::term::Term;

/// As many ids of a kind have room in the kernel (`IDS` in `src/bpf/maps.h`); a longer list is checked here.
const KERNEL_IDS_MAX: usize = 1024;

/// Who can check a term first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedBy {
    /// The BPF side: opens that fail it cost no event.
    Kernel,
    /// Opentop, on each event.
    Userspace,
}

/// Conditions for the kernel; all must hold, an empty list or `None` is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelFilter {
    /// Process ids, one of which it must be.
    pub pids: Vec<u32>,
    /// User ids, one of which it must be.
    pub uids: Vec<u32>,
    /// Only failed opens, or only those that succeeded.
    pub failed: Option<bool>,
    /// Errnos, one of which it must have failed with.
    pub errnos: Vec<i32>,
}

impl KernelFilter {
    /// No condition at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds the condition of `term`, if the kernel can check it and nothing else has taken its place.
    pub(super) fn add(&mut self, term: &Term) -> bool {
        match &term.test {
            Test::Failed if self.failed.is_none() => self.failed = Some(!term.negated),
            _ if term.negated => return false,
            Test::Pid(pids) if self.pids.is_empty() => match pids.singles() {
                Some(pids) if pids.len() <= KERNEL_IDS_MAX => self.pids = pids,
                _ => return false,
            },
            Test::User(uids) if self.uids.is_empty() && uids.len() <= KERNEL_IDS_MAX => self.uids.clone_from(uids),
            Test::Errno(errnos) if self.errnos.is_empty() && errnos.len() <= KERNEL_IDS_MAX => {
                self.errnos.clone_from(errnos);
            }
            _ => return false,
        }
        true
    }
}
