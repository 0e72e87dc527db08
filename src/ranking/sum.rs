//! Opens, and how many of them failed.

use crate::message::{CgroupCount, ProcessCount, Totals};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub opens: u64,
    pub failed: u64,
}

impl Sum {
    pub fn plus(self, more: Self) -> Self {
        Self { opens: self.opens + more.opens, failed: self.failed + more.failed }
    }

    /// What came since `before`.
    pub fn less(self, before: Self) -> Self {
        Self { opens: self.opens.saturating_sub(before.opens), failed: self.failed.saturating_sub(before.failed) }
    }

    pub fn max(self, other: Self) -> Self {
        Self { opens: self.opens.max(other.opens), failed: self.failed.max(other.failed) }
    }
}

impl From<&ProcessCount> for Sum {
    fn from(count: &ProcessCount) -> Self {
        Self { opens: count.opens, failed: count.failed }
    }
}

impl From<&CgroupCount> for Sum {
    fn from(count: &CgroupCount) -> Self {
        Self { opens: count.opens, failed: count.failed }
    }
}

impl From<&Totals> for Sum {
    fn from(totals: &Totals) -> Self {
        Self { opens: totals.opens, failed: totals.failed }
    }
}
