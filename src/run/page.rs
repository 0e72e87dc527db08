//! A page on stdout, by a pager where that may be.

use std::io;

use crate::error::Error;
use crate::output::{self, Writer};
use crate::pager::Pager;

/// Where a page goes.
pub(super) struct Page {
    writer: Writer,
    pager: Option<Pager>,
}

impl Page {
    pub(super) fn start(pager: bool) -> Result<Self, Error> {
        let failed = |why| Error::Other(format!("cannot write to stdout: {why}"));
        match Some(()).filter(|()| pager).and_then(|()| Pager::start()) {
            Some((pager, pipe)) => Ok(Self { writer: Writer::start(pipe).map_err(failed)?, pager: Some(pager) }),
            None => Ok(Self { writer: output::stdout().map_err(failed)?, pager: None }),
        }
    }

    /// Writes a page, and waits until it was read. That a reader is gone is no error: it has all it wanted.
    pub(super) fn write(self, write: impl FnOnce(&Writer) -> io::Result<()>) -> Result<(), Error> {
        let written = write(&self.writer).and_then(|()| self.writer.finish().map(drop));
        drop(self.writer);
        self.pager.map_or(Ok(()), Pager::wait).map_err(|why| Error::Other(format!("waiting for the pager: {why}")))?;
        match written {
            Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::Other(format!("cannot write the output: {why}")))
            }
            _ => Ok(()),
        }
    }
}
