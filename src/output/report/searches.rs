//! What was searched for on a report's page: names that were never found, and those that were found after a while.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::sheet::{counted, shown};
use super::text::{Page, Selection, more_than_once};
use crate::escape::escape;
use crate::event::last_slash;
use crate::format::{elide, group_digits};
use crate::report::{Kind, last_component};

/// A name that was searched for, whoever searched.
#[derive(Default)]
struct Sought<'a> {
    paths: BTreeSet<&'a [u8]>,
    programs: BTreeSet<u32>,
    never: u64,
    found: u64,
    tries: u32,
    found_path: u32,
}

impl<'a, W: Write> Page<'a, W> {
    /// What was missing, and what was found after it had been.
    pub(super) fn searches(&mut self, of: Selection<'_, '_>) -> io::Result<()> {
        let mut sought = self.sought(of);
        // What is missed by all is no news.
        sought.sort_by_key(|(name, sought)| (sought.found > 0, sought.never, *name));
        let missing: Vec<_> = sought.iter().filter(|(_, sought)| sought.never > 0).collect();
        let total: u64 = missing.iter().map(|(_, sought)| sought.never).sum();
        if !missing.is_empty() {
            let about = format!("{}, never found in {}", counted(missing.len() as u64, "name"), searches(total));
            self.sheet.title("MISSING", &about)?;
        }
        for (name, sought) in self.sheet.limited(&missing) {
            let also = if sought.found > 0 { format!("; found {}", times(sought.found)) } else { String::new() };
            let who = self.who(&sought.programs);
            match sought.paths.len() {
                1 => {
                    let path = sought.paths.first().map_or_else(String::new, |path| shown(path));
                    self.sheet.row(&path, &format!("never{}{also}", more_than_once(sought.never)), &who)?;
                }
                dirs => {
                    let times = more_than_once(sought.never);
                    self.sheet.row(&shown(name), &format!("{dirs} directories, never{times}{also}"), &who)?;
                    self.directories(sought)?;
                }
            }
        }
        self.sheet.more(missing.len())?;
        let mut found: Vec<_> = sought.iter().filter(|(_, sought)| sought.found > 0).collect();
        found.sort_by_key(|(name, sought)| (std::cmp::Reverse(sought.tries), *name));
        if !found.is_empty() {
            self.sheet.title("FOUND", "after it had been missing elsewhere")?;
        }
        for (_, sought) in self.sheet.limited(&found) {
            let tries = if sought.found > 1 { "try at most" } else { "try" };
            let path = shown(self.report.names().get(sought.found_path));
            let who = self.who(&sought.programs);
            self.sheet.row(&path, &format!("{} {tries}", nth(sought.tries)), &who)?;
        }
        self.sheet.more(found.len())
    }

    fn sought(&self, of: Selection<'_, '_>) -> Vec<(&'a [u8], Sought<'a>)> {
        let names = self.report.names();
        let mut sought = BTreeMap::<&[u8], Sought<'_>>::new();
        for (program, base, search) in of.results {
            let entry = sought.entry(names.get(*base)).or_default();
            entry.programs.insert(*program);
            entry.never += search.never;
            entry.found += search.found;
            if search.tries > entry.tries {
                (entry.tries, entry.found_path) = (search.tries, search.found_path);
            }
        }
        for (_, path, record) in of.records {
            let path = names.get(*path);
            if record.counts.get(Kind::Missing) > 0
                && let Some(sought) = sought.get_mut(last_component(path))
            {
                sought.paths.insert(path);
            }
        }
        sought.into_iter().collect()
    }

    fn directories(&mut self, sought: &Sought<'_>) -> io::Result<()> {
        let dirs: Vec<_> = sought.paths.iter().map(|path| dir(path)).collect();
        if self.sheet.look.all {
            return dirs.iter().try_for_each(|dir| writeln!(self.sheet.out, "    {}", self.sheet.faint(dir)));
        }
        let text = elide(&dirs.join(" "), self.sheet.look.width - 4, "…");
        writeln!(self.sheet.out, "    {}", self.sheet.faint(&text))
    }
}

/// `3rd`.
fn nth(n: u32) -> String {
    let ending = match (n % 100, n % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

fn searches(count: u64) -> String {
    format!("{} search{}", group_digits(count), if count == 1 { "" } else { "es" })
}

fn times(count: u64) -> String {
    if count == 1 { "once".into() } else { format!("{} times", group_digits(count)) }
}

/// The directory of a path, displayable.
fn dir(path: &[u8]) -> String {
    match last_slash(path) {
        None => ".".into(),
        Some((b"", _)) => "/".into(),
        Some((dir, _)) => escape(dir),
    }
}
