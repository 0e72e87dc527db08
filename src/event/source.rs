//! Of which of several hosts something is.

/// A host and a connection to it. Counts begin anew with each connection, so that what two of them tell is never mixed
/// up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(u32);

impl Source {
    /// This host, or the only one of a recording.
    pub const HERE: Self = Self(0);

    /// The connection of this number to a host, which count from 1. Numbers of connections come again after 16 million.
    pub fn new(host: u8, connection: u32) -> Self {
        Self(u32::from(host) | connection << 8)
    }

    /// The number of the host; 0: there is but one.
    pub fn host(self) -> u8 {
        self.0 as u8
    }

    /// A number that no other source has for a cgroup, for one that the source has numbered itself, below 4 billion.
    pub fn cgroup(self, number: u64) -> u64 {
        if number == 0 { 0 } else { u64::from(self.0) << 32 | number & u64::from(u32::MAX) }
    }

    /// The host of such a number.
    pub fn host_of_cgroup(id: u64) -> u8 {
        (id >> 32) as u8
    }
}
