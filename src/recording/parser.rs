//! What the lines of a recording mean.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;

use super::Header;
use super::line::{COUNT_MAX, EVENT_LINES, Kind, LostLine, OpenLine, ProcessLine, SummaryLine, Texts};
use crate::escape::escape;
use crate::event::{CgroupName, OpenEvent, ProcessName};
use crate::message::{Cause, Hooks, Lost, Totals};
use crate::names::{CONTAINER_NAME_MAX, Cgroup, cgroup_bytes};

/// The name of those cgroups that come when there is no room for their names.
const OTHER_CGROUPS: &[u8] = b"(other)";

/// The longest text of a header, and of what an error says of a line.
const HEADER_TEXT_MAX: usize = 256;
const ERROR_TEXT_MAX: usize = 200;

/// What a line tells.
#[derive(Debug)]
pub enum Item<'a> {
    /// An open or a look-up, with the name of its cgroup where no open before had it.
    Open(OpenEvent<'a>, Option<CgroupName>),
    /// Which program a process runs whose events follow.
    Process(ProcessName),
    /// Opens lost.
    Lost { cause: Cause, count: u64 },
    /// The totals at the end. Anything may still follow.
    Summary(Totals),
    /// A line of another type: of a report, of a later version. Or a blank one.
    Other(&'a [u8]),
}

/// What is known from the lines before, to understand the next.
#[derive(Default)]
pub(super) struct Parser {
    texts: Texts,
    /// By their paths, with the names of their containers, which may become known late.
    cgroups: HashMap<Vec<u8>, (u64, Vec<u8>)>,
    cgroup_bytes: usize,
    /// The most of those.
    most: usize,
    lost: Lost,
    pub(super) summed_up: bool,
}

impl Parser {
    /// `most`: bytes of cgroups that are told apart.
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// The lines to come are from somewhere else in the recording.
    pub(super) fn seek(&mut self) {
        (self.lost, self.summed_up) = (Lost::default(), false);
    }

    /// The id of a cgroup, and its name if none was told before.
    pub(super) fn cgroup(&mut self, path: Vec<u8>, container: Vec<u8>) -> (u64, Option<CgroupName>) {
        (self.texts.cgroup, self.texts.container) = (path, container);
        self.intern()
    }

    pub(super) fn item<'a>(&'a mut self, line: &'a [u8]) -> Result<Item<'a>, String> {
        if line.trim_ascii().is_empty() {
            return Ok(Item::Other(line));
        }
        // Nearly all lines are such, and need not be parsed twice.
        let known = EVENT_LINES.iter().find(|(start, _)| line.starts_with(start));
        let kind =
            known.map_or_else(|| parse::<Kind<'_>>(line).map(|line| line.kind), |(_, kind)| Ok((*kind).into()))?;
        match kind.as_ref() {
            kind @ ("open" | "lookup") => {
                let event = parse::<OpenLine<'_>>(line)?.event(&mut self.texts)?;
                if event.is_lookup() != (kind == "lookup") {
                    return Err(format!("{} is the op of no {kind}", event.op.name()));
                }
                let (cgroup, new) = self.intern();
                Ok(Item::Open(OpenEvent { cgroup, ..self.texts.complete(event) }, new))
            }
            "lost" => {
                let (cause, count) = parse::<LostLine<'_>>(line)?.known()?;
                let lost = self.lost.count_mut(cause);
                *lost = lost.saturating_add(count).min(COUNT_MAX);
                Ok(Item::Lost { cause, count })
            }
            "summary" => {
                self.summed_up = true;
                Ok(Item::Summary(parse::<SummaryLine<'_>>(line)?.totals(self.lost)?))
            }
            "process" => Ok(Item::Process(parse::<ProcessLine<'_>>(line)?.process()?)),
            _ => Ok(Item::Other(line)),
        }
    }

    /// The id of the cgroup in the texts, and its name if it is new. No path is id 0, which has no name.
    fn intern(&mut self) -> (u64, Option<CgroupName>) {
        let mut path = self.texts.cgroup.as_slice();
        if path.is_empty() {
            return (0, None);
        }
        let room = self.most.saturating_sub(cgroup_bytes(OTHER_CGROUPS, None) + self.cgroup_bytes);
        let known = self.cgroups.get(path);
        if known.is_some_and(|(_, container)| *container == self.texts.container) {
            return (known.map_or(0, |(id, _)| *id), None);
        }
        if cgroup_bytes(path, Some(&[0; CONTAINER_NAME_MAX])) > room {
            match known {
                Some((id, _)) => return (*id, None),
                None => path = OTHER_CGROUPS,
            }
        }
        let id = match self.cgroups.get(path) {
            Some((id, _)) if path == OTHER_CGROUPS => return (*id, None),
            Some((id, _)) => *id,
            None => self.cgroups.len() as u64 + 1,
        };
        // So that the names forget none of them, however often they are named anew.
        self.cgroup_bytes += cgroup_bytes(path, None);
        self.cgroups.insert(path.to_owned(), (id, self.texts.container.clone()));
        let derived = Cgroup::new(path);
        let name = Some(self.texts.container.clone());
        let name = name.filter(|name| !name.is_empty() && derived.whole_name() != Some(name) && path != OTHER_CGROUPS);
        self.cgroup_bytes += name.as_ref().map_or(0, |name| 2 * name.len());
        (id, Some(CgroupName { name, id, path: path.to_owned() }))
    }
}

pub(crate) fn parse<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| {
        // Its "at line 1 column 7" counts in our line, which has a number of its own.
        let what = escape(error.to_string().as_bytes());
        let what = what.rsplit_once(" at line ").map_or(&*what, |(what, _)| what);
        format!("{} (column {})", cut(what, ERROR_TEXT_MAX), error.column())
    })
}

/// The text, or as much of it as is wanted, with a mark.
fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() <= longest {
        text.into()
    } else {
        format!("{}…", &text[..text.floor_char_boundary(longest)]).into()
    }
}

/// The header with texts that are short, and that any terminal may get.
pub(super) fn displayable(header: &Header) -> Header {
    let safe = |text: &str| cut(&escape(text.as_bytes()), HEADER_TEXT_MAX).into_owned();
    Header {
        opentop: safe(&header.opentop),
        host: safe(&header.host),
        kernel: safe(&header.kernel),
        boot_time: safe(&header.boot_time),
        hooks: Hooks::named(&safe(&header.hooks.set)),
        protocol: header.protocol,
        excerpt: header.excerpt.as_deref().map(safe),
    }
}
