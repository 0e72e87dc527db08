//! A recording in a ring of files, each a whole one: header, opens, summary.
//!
//! All files are made at the start, so that nothing has to be created or removed later, when the rights for it may be
//! gone; those that were not needed go again at the end. Then the oldest is written anew.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek as _};
use std::rc::Rc;

use super::lines::draft;
use crate::config::Target;
use crate::error::Error;
use crate::event::OpenEvent;
use crate::message::{Cause, Totals};
use crate::names::Names;
use crate::output::Output;
use crate::recording::{Header, Recorded, Recorder};
use crate::user_file::Draft;

/// The files `FILE.1` to `FILE.N`.
pub(super) fn drafts(target: &Target, files: u32) -> Result<VecDeque<Draft>, Error> {
    let numbered = |number| {
        let mut path = OsString::from(&target.path);
        path.push(format!(".{number}"));
        draft(&Target { path: path.into(), replace: target.replace })
    };
    (1..=files).map(numbered).collect()
}

/// Bytes of text between two looks at the file, which it may become too large by.
const TEXT: usize = 64 << 10;

/// Writes to one file after the other.
pub(super) struct Rotating {
    unused: VecDeque<Draft>,
    /// The oldest first; the last is being written.
    used: VecDeque<File>,
    /// `None` only after an error.
    recorder: Option<Recorder<File>>,
    header: Header,
    bytes: u64,
    /// Bytes in the file when it was last looked at, and of text that was handed on since.
    before: u64,
    text: usize,
    /// What had been counted when the file was begun.
    base: Totals,
    /// What has been counted: the last reading, and the events since.
    counted: Totals,
    hooks: String,
    /// Bytes in all files that were ever begun, as of the last look.
    pub written: Rc<Cell<u64>>,
    /// Files begun, and what is in those that are finished.
    pub begun: u64,
    pub recorded: Recorded,
}

impl Rotating {
    pub fn begin(unused: VecDeque<Draft>, bytes: u64, header: Header) -> io::Result<Self> {
        let (used, written, hooks) = (VecDeque::new(), Rc::default(), String::new());
        let (base, counted) = (Totals::default(), Totals::default());
        let mut rotating = Self {
            unused,
            used,
            recorder: None,
            header,
            bytes,
            before: 0,
            text: 0,
            base,
            counted,
            hooks,
            written,
            begun: 0,
            recorded: Recorded::default(),
        };
        rotating.next()?;
        Ok(rotating)
    }

    /// Begins the next file.
    fn next(&mut self) -> io::Result<()> {
        let file = match (self.unused.pop_front(), self.used.pop_front()) {
            (Some(draft), oldest) => {
                oldest.into_iter().for_each(|oldest| self.used.push_front(oldest));
                draft.keep()?
            }
            (None, Some(mut oldest)) => {
                oldest.set_len(0)?;
                oldest.rewind()?;
                oldest
            }
            (None, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        self.used.push_back(file.try_clone()?);
        self.recorder = Some(Recorder::begin(file, &self.header)?);
        self.begun += 1;
        self.before = 0;
        Ok(())
    }

    fn recorder(&mut self) -> io::Result<&mut Recorder<File>> {
        self.recorder.as_mut().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Ends the last file.
    pub fn finish(&mut self) -> io::Result<()> {
        if let Some(recorder) = self.recorder.take() {
            self.recorded.add(recorder.finish()?);
        }
        self.used.back().map_or(Ok(()), File::sync_all)
    }
}

impl Output for Rotating {
    fn open(&mut self, event: &OpenEvent<'_>, names: &Names) -> io::Result<()> {
        self.recorder()?.open(event, names)?;
        self.counted.add(event);
        self.text += event.name.len() + event.path.len() + event.real_path.len() + LINE;
        if self.text < TEXT {
            return Ok(());
        }
        self.flush()?;
        self.look()
    }

    fn lost(&mut self, cause: Cause, count: u64) -> io::Result<()> {
        self.recorder()?.lost(cause, count)
    }

    fn summary(&mut self, totals: &Totals, hooks: &str) -> io::Result<()> {
        let totals = totals.since(&self.base);
        self.recorder()?.summary(&totals, hooks)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.recorder()?.flush()
    }

    /// Here it is known what was lost, which belongs to the file that is being written.
    fn counted(&mut self, totals: &Totals, hooks: &str) -> io::Result<()> {
        self.counted = *totals;
        hooks.clone_into(&mut self.hooks);
        self.look()
    }
}

/// Bytes of a line besides its names, about.
const LINE: usize = 400;

impl Rotating {
    /// Begins the next file where this one would become too large. What has come since the last look is expected
    /// to come twice again, at most.
    fn look(&mut self) -> io::Result<()> {
        self.text = 0;
        let len = self.used.back().map_or(Ok(0), |file| file.metadata().map(|data| data.len()))?;
        let grown = len.saturating_sub(std::mem::replace(&mut self.before, len));
        self.written.set(self.written.get() + grown);
        if len + 2 * grown < self.bytes {
            return Ok(());
        }
        let (counted, hooks) = (self.counted, self.hooks.clone());
        self.summary(&counted, &hooks)?;
        self.finish()?;
        self.base = counted;
        self.next()
    }
}
