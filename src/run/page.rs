//! A page on stdout, by a pager where that may be.

use std::io;
use std::os::fd::OwnedFd;

use super::unless_unread;
use crate::error::Error;
use crate::output::{self, Writer};
use crate::pager::Pager;

/// Where a page goes. Nothing is started for it but the pager: the thread that writes has the rights that are left
/// then.
pub(super) struct Page {
    pager: Option<(Pager, OwnedFd)>,
}

impl Page {
    /// `pager`: by a pager, if there is one.
    pub(super) fn start(pager: bool) -> Self {
        Self { pager: if pager { Pager::start() } else { None } }
    }

    /// Writes a page, and waits until it was read. That a reader is gone is no error: it has all it wanted.
    pub(super) fn write(self, write: impl FnOnce(&Writer) -> io::Result<()>) -> Result<(), Error> {
        let (pager, writer) = match self.pager {
            Some((pager, pipe)) => (Some(pager), Writer::start(pipe)),
            None => (None, output::stdout()),
        };
        let writer = writer.map_err(|why| Error::Other(format!("cannot write to stdout: {why}")))?;
        let written = write(&writer).and_then(|()| writer.finish().map(drop));
        drop(writer);
        pager.map_or(Ok(()), Pager::wait).map_err(|why| Error::Other(format!("waiting for the pager: {why}")))?;
        unless_unread(written, "output")
    }
}
