//! The thread that looks through the history: [`Work`] in, [`Done`] out.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::app::{Done, Work};

/// The thread. Dropping it ends and joins it, at once whatever it is at.
#[derive(Debug)]
pub(super) struct Worker {
    abandoned: Arc<AtomicBool>,
    /// `None` once the thread is told to end.
    work: Option<Sender<Work>>,
    done: Receiver<Option<Done>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn start() -> io::Result<Self> {
        let abandoned = Arc::new(AtomicBool::new(false));
        let (work, to_do) = bounded::<Work>(1);
        let (finished, done) = bounded(1);
        let left = Arc::clone(&abandoned);
        let thread = std::thread::Builder::new().name("filter".into()).spawn(move || {
            for work in to_do {
                let done = work.run(|| !left.load(Ordering::Relaxed));
                if finished.send(done).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { abandoned, work: Some(work), done, thread: Some(thread) })
    }

    /// To be asked only when what was asked before is answered.
    pub(super) fn ask(&self, work: Work) {
        self.abandoned.store(false, Ordering::Relaxed);
        if let Some(sender) = &self.work {
            let _ = sender.send(work);
        }
    }

    /// Has it answer soon, with nothing where it is not done yet.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// One answer to each question.
    pub(super) fn done(&self) -> &Receiver<Option<Done>> {
        &self.done
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.abandon();
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
