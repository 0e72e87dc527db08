//! The thread that looks through the history: [`Work`] in, [`Done`] out.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::app::{Done, Work};

/// The thread. Dropping it ends and joins it, at once whatever it is at.
#[derive(Debug)]
pub(super) struct Worker {
    latest: Arc<AtomicU64>,
    /// `None` once the thread is told to end.
    work: Option<Sender<Work>>,
    waiting: Receiver<Work>,
    done: Receiver<Done>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn start() -> io::Result<Self> {
        let latest = Arc::new(AtomicU64::new(0));
        let (work, to_do) = unbounded::<Work>();
        let (finished, done) = unbounded();
        let newest = Arc::clone(&latest);
        let waiting = to_do.clone();
        let thread = std::thread::Builder::new().name("filter".into()).spawn(move || {
            for work in to_do {
                let number = work.number;
                let done = work.run(|| newest.load(Ordering::Relaxed) == number);
                if done.is_some_and(|done| finished.send(done).is_err()) {
                    return;
                }
            }
        })?;
        Ok(Self { latest, work: Some(work), waiting, done, thread: Some(thread) })
    }

    /// Leaves whatever it is at for this.
    pub(super) fn ask(&self, work: Work) {
        self.latest.store(work.number, Ordering::Relaxed);
        // What waits still holds events that may be gone by now.
        self.waiting.try_iter().for_each(drop);
        if let Some(sender) = &self.work {
            let _ = sender.send(work);
        }
    }

    pub(super) fn done(&self) -> &Receiver<Done> {
        &self.done
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.latest.store(u64::MAX, Ordering::Relaxed);
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
