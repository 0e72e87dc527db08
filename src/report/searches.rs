//! Searches: one process tries one base name in one directory after the other.
//!
//! A search is made of the misses of one process for one base name, whatever else it opens meanwhile (a linker tries
//! `libx.so` and `libx.a` in turns), and ends with the open that finds that name. To create a file is not to find it.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::{Kind, Kinds};
use crate::event::OpenEvent;

/// Searches that are under way at a time. Those beyond, and the results beyond, are counted and left out.
const OPEN_MAX: usize = 1 << 18;
const RESULTS_MAX: usize = 1 << 17;

/// How the searches of one program for one base name went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Searches that found nothing.
    pub never: u64,
    /// Searches that found the name.
    pub found: u64,
    /// The most tries that one of those took, the last included; 0 without one.
    pub tries: u32,
    /// The number of the path that was found then.
    pub found_path: u32,
}

#[derive(Debug, Default)]
pub struct Searches {
    /// Misses so far, and the program, by the serial number of the process and the number of the base name.
    open: HashMap<(u32, u32), (u32, u32)>,
    /// By the numbers of the program and the base name.
    results: IndexMap<(u32, u32), Search>,
    left_out: u64,
}

impl Searches {
    pub(super) fn add(
        &mut self,
        process: u32,
        program: u32,
        base: u32,
        path: u32,
        event: &OpenEvent<'_>,
        kinds: Kinds,
    ) {
        let key = (process, base);
        if kinds.has(Kind::Missing) {
            if self.open.len() >= OPEN_MAX && !self.open.contains_key(&key) {
                self.end();
            }
            let (misses, searcher) = self.open.entry(key).or_insert((0, program));
            *misses = misses.saturating_add(1);
            *searcher = program;
        } else if !event.failed()
            && !kinds.has(Kind::Created)
            && let Some((misses, program)) = self.open.remove(&key)
            && let Some(search) = self.result(program, base)
        {
            search.found += 1;
            if misses >= search.tries {
                (search.tries, search.found_path) = (misses.saturating_add(1), path);
            }
        }
    }

    /// Nobody searches on: what was not found until now never was.
    pub(super) fn end(&mut self) {
        let mut open: Vec<_> = std::mem::take(&mut self.open).into_iter().collect();
        open.sort_unstable_by_key(|((process, base), _)| (*process, *base));
        for ((_, base), (_, program)) in open {
            if let Some(search) = self.result(program, base) {
                search.never += 1;
            }
        }
    }

    fn result(&mut self, program: u32, base: u32) -> Option<&mut Search> {
        if self.results.len() >= RESULTS_MAX && !self.results.contains_key(&(program, base)) {
            self.left_out += 1;
            return None;
        }
        Some(self.results.entry((program, base)).or_default())
    }

    /// Searches by the numbers of the program and the base name, in the order in which they ended first.
    pub fn results(&self) -> impl ExactSizeIterator<Item = (u32, u32, &Search)> {
        self.results.iter().map(|((program, base), search)| (*program, *base, search))
    }

    /// Searches whose results found no room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}
