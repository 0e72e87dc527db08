//! A report for people, for programs and for make.

mod depfile;
mod diff;
mod json;
mod searches;
mod sheet;
mod text;
mod tree;

pub use depfile::depfile;
pub use diff::{diff_json, diff_text};
pub use json::json;
pub use sheet::{By, Look};
pub use text::{Host, text};

use std::collections::BTreeMap;
use std::io;

use crate::event::Batch;
use crate::filter::Filter;
use crate::message::{Counts as SourceCounts, Hooks, HostNews, Lost, Message, Totals};
use crate::names::Names;
use crate::output::lines::Consumer;
use crate::report::{Counts, Ending, Kind, Record, Report};

/// Takes what a source tells into a report. Nothing is written.
#[derive(Debug)]
pub struct Collect<'a> {
    pub report: Report,
    pub filter: &'a Filter,
    pub names: Names,
    pub hooks: String,
    pub totals: Totals,
}

impl<'a> Collect<'a> {
    pub fn new(report: Report, filter: &'a Filter, names: Names, hooks: &Hooks) -> Self {
        Self { report, filter, names, hooks: hooks.to_string(), totals: Totals::default() }
    }

    /// Takes in a message, whatever it is.
    pub fn see(&mut self, message: &Message) {
        match message {
            Message::Opens(batch) => drop(self.add(batch, u64::MAX)),
            Message::Hooks(hooks) => self.hooks = hooks.to_string(),
            Message::Counts(counts) => self.totals = counts.totals,
            Message::Host(_) | Message::Playback(_) | Message::End | Message::Failed(_) => {}
        }
    }

    /// Takes in the opens that the filter holds for, `most` at most; how many those are.
    fn add(&mut self, batch: &Batch, most: u64) -> u64 {
        batch.cgroups().iter().for_each(|cgroup| self.names.learn(cgroup));
        let mut added = 0;
        for event in batch.iter() {
            // Who runs what is told by opens that the filter may leave out.
            if added < most && self.filter.matches(&event, &self.names) {
                self.report.add(&event);
                added += 1;
            } else {
                self.report.follow(&event);
            }
        }
        if added == most && most > 0 {
            self.report.set_ending(Ending::Limited);
        }
        added
    }

    /// Nothing comes any more.
    pub fn finish(&mut self) {
        self.report.end();
        self.report.set_totals(self.totals);
    }
}

impl Consumer for Collect<'_> {
    fn begin(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn hooks(&mut self, hooks: &Hooks) {
        self.hooks = hooks.to_string();
    }

    fn opens(&mut self, batch: &Batch, left: u64) -> io::Result<u64> {
        Ok(self.add(batch, left))
    }

    fn counts(&mut self, counts: SourceCounts, _: u64) -> io::Result<u64> {
        self.totals = counts.totals;
        Ok(0)
    }

    fn end(&mut self) -> io::Result<()> {
        self.finish();
        Ok(())
    }

    fn lost(&self) -> Lost {
        self.totals.lost
    }
}

/// Passes everything on, and lets a report have it too, where there is one.
pub struct WithReport<'a, 'b> {
    pub consumer: &'a mut dyn Consumer,
    pub collect: Option<&'a mut Collect<'b>>,
    /// What `--count` counts are opens: then the report is of the same opens as the lines.
    pub counts_opens: bool,
}

impl Consumer for WithReport<'_, '_> {
    fn begin(&mut self) -> io::Result<()> {
        self.consumer.begin()
    }

    fn hooks(&mut self, hooks: &Hooks) {
        self.collect.iter_mut().for_each(|collect| collect.hooks = hooks.to_string());
        self.consumer.hooks(hooks);
    }

    fn opens(&mut self, batch: &Batch, left: u64) -> io::Result<u64> {
        if let Some(collect) = &mut self.collect {
            collect.add(batch, if self.counts_opens { left } else { u64::MAX });
        }
        self.consumer.opens(batch, left)
    }

    fn counts(&mut self, counts: SourceCounts, left: u64) -> io::Result<u64> {
        if let Some(collect) = &mut self.collect {
            collect.totals = counts.totals;
        }
        self.consumer.counts(counts, left)
    }

    fn host(&mut self, news: &HostNews) -> io::Result<()> {
        self.consumer.host(news)
    }

    fn end(&mut self) -> io::Result<()> {
        self.consumer.end()
    }

    fn lost(&self) -> Lost {
        self.consumer.lost()
    }
}

/// The files of `records`, with the counts of all programs; by path.
fn files<'a>(report: &'a Report, records: impl Iterator<Item = (u32, u32, &'a Record)>) -> Vec<tree::Leaf<'a>> {
    let mut files = BTreeMap::<&[u8], Counts>::new();
    for (_, path, record) in records {
        files.entry(report.names().get(path)).or_default().merge(&record.counts);
    }
    files.into_iter().map(|(path, counts)| tree::Leaf { path, counts }).collect()
}

/// What a section of files is called, what that means, and which files are in it.
struct Section {
    title: &'static str,
    about: &'static str,
    kind: Kind,
    holds: fn(&Counts) -> bool,
}

/// The sections of files. What was created or replaced is not told again as written.
const SECTIONS: [Section; 6] = [
    Section {
        title: "CREATED",
        about: "were not there before (O_EXCL, O_TMPFILE)",
        kind: Kind::Created,
        holds: |counts| counts.get(Kind::Created) > 0,
    },
    Section {
        title: "REPLACED",
        about: "made, or emptied if they were there (O_TRUNC)",
        kind: Kind::Replaced,
        holds: |counts| counts.get(Kind::Replaced) > 0,
    },
    Section {
        title: "WRITTEN",
        about: "opened for writing, and kept what they held",
        kind: Kind::Written,
        holds: |counts| {
            counts.get(Kind::Written) > 0 && counts.get(Kind::Created) == 0 && counts.get(Kind::Replaced) == 0
        },
    },
    Section {
        title: "READ",
        about: "opened for reading",
        kind: Kind::Read,
        holds: |counts| counts.get(Kind::Read) > 0,
    },
    Section {
        title: "LISTED",
        about: "directories opened to be read",
        kind: Kind::Listed,
        holds: |counts| counts.get(Kind::Listed) > 0,
    },
    Section {
        title: "NAMED",
        about: "opened as a name only (O_PATH)",
        kind: Kind::Named,
        holds: |counts| counts.get(Kind::Named) > 0,
    },
];

#[cfg(test)]
mod tests;
