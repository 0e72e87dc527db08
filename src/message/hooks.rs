//! Which hooks are in use, what they do not see, and which were left.

use crate::format::group_digits;

/// The hooks in use. Their text, as summaries and recordings have it, is `SET, with look-ups, without WHAT and WHAT,
/// after SET missed N runs in M opens`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// The name of the hook set; of a recording, all that it says of its hooks.
    pub set: String,
    /// Why it was chosen; empty where that is not known.
    pub reason: &'static str,
    /// What this kernel does not let them see of what they see elsewhere.
    pub unseen: Vec<Unseen>,
    /// Sets that were left while running, since they lost opens.
    pub left: Vec<Left>,
    /// Look-ups are seen too.
    pub lookups: bool,
}

/// What hooks do not see, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    pub what: &'static str,
    pub why: String,
}

/// What [`Unseen::what`] is where look-ups are asked for and cannot be seen.
pub const LOOKUPS: &str = "look-ups";

/// A hook set that was left: so many runs of it were missed in the span of so many opens that it was judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub set: &'static str,
    pub missed: u64,
    pub opens: u64,
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { set, missed, opens } = self;
        write!(f, "after {set} missed {} runs in {} opens", group_digits(*missed), group_digits(*opens))
    }
}

impl Hooks {
    /// Those that a text names.
    pub fn named(text: &str) -> Self {
        Self { set: text.to_owned(), ..Self::default() }
    }

    /// What they do not see, if there is something.
    pub fn without(&self) -> Option<String> {
        let what: Vec<_> = self.unseen.iter().map(|unseen| unseen.what).collect();
        (!what.is_empty()).then(|| format!("without {}", what.join(" and ")))
    }

    /// What is to be said of each set that was left, in short.
    pub fn after(&self) -> impl Iterator<Item = String> {
        self.left.iter().map(|left| format!("after {} lost opens", left.set))
    }
}

impl std::fmt::Display for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.set)?;
        f.write_str(if self.lookups { ", with look-ups" } else { "" })?;
        self.without().iter().try_for_each(|limit| write!(f, ", {limit}"))?;
        self.left.iter().try_for_each(|left| write!(f, ", {left}"))
    }
}
