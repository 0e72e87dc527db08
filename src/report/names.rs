//! Names, each kept once and known by a number; bounded in bytes.

use indexmap::IndexSet;

/// What a name takes besides its bytes: its place in the table, with room to grow, and the allocation's own.
const OVERHEAD: usize = 88;

#[derive(Debug, Default)]
pub struct Names {
    names: IndexSet<Box<[u8]>>,
    bytes: usize,
}

impl Names {
    /// The number of `name`, if it is known or there is room: `room` is how many bytes all names may take.
    pub fn intern(&mut self, name: &[u8], room: usize) -> Option<u32> {
        if let Some(at) = self.names.get_index_of(name) {
            return Some(at as u32);
        }
        let bytes = self.bytes + name.len() + OVERHEAD;
        let id = u32::try_from(self.names.len()).ok().filter(|_| bytes <= room)?;
        self.bytes = bytes;
        self.names.insert(name.into());
        Some(id)
    }

    /// The number of a name that is known.
    pub fn find(&self, name: &[u8]) -> Option<u32> {
        self.names.get_index_of(name).map(|at| at as u32)
    }

    /// The name behind a number that [`Names::intern`] gave; nothing behind another.
    pub fn get(&self, id: u32) -> &[u8] {
        self.names.get_index(id as usize).map_or(b"", |name| name)
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
