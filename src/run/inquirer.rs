//! The thread that looks at other processes in `/proc`, and at what is mounted, when somebody asks: the only one that may.
//!
//! A process that hangs can keep whoever reads its command line waiting, and a file server that is gone whoever asks for
//! permissions. So nobody waits for this thread, not even at the end: it ends with the process.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::command::no_thread;
use crate::error::Error;
use crate::names::mounts::Mounts;
use crate::names::permissions::denied_by;
use crate::names::process;
use crate::privileges::{self, Role};
use crate::tui::app::{Answer, Question};

/// Questions that may wait; who asks more asks again.
const WAITING: usize = 4;

/// The thread, as its owner sees it.
pub(super) struct Inquirer {
    questions: Sender<Question>,
    pub(super) answers: Receiver<Answer>,
}

impl Inquirer {
    /// Starts the thread, which keeps of the caller's privileges what it needs. To be called while they are there.
    pub(super) fn start() -> Result<Self, Error> {
        let ((questions, asked), (answer, answers)) = (bounded(WAITING), bounded(WAITING));
        let (ready, started) = bounded(1);
        let run = move || {
            if ready.send(privileges::keep_only(Role::Inquirer)).is_err() {
                return;
            }
            drop(ready);
            asked.iter().try_for_each(|question| answer.send(answer_to(question))).unwrap_or_default();
        };
        let thread = thread::Builder::new().name("inquirer".into()).spawn(run);
        thread.map_err(no_thread)?;
        started.recv().unwrap_or_else(|_| Err(Error::Other("the thread that looks at processes panicked".into())))?;
        Ok(Self { questions, answers })
    }

    pub(super) fn ask(&self, question: Question) {
        // Where it is at an earlier one the answer to this comes when it is asked again.
        let _ = self.questions.try_send(question);
    }
}

fn answer_to(question: Question) -> Answer {
    match question {
        Question::Who { id, denied } => {
            let denied = denied.map(|(path, uid)| denied_by(&path, uid));
            Answer::Who { id, identity: process::identity(id).map(Box::new), denied }
        }
        Question::Descriptors(ids) => {
            Answer::Descriptors(ids.into_iter().map(|id| (id, process::descriptors(id))).collect())
        }
        Question::Mounts => {
            let mounts = Mounts::read().map_err(|why| format!("not known: /proc/self/mountinfo: {why}"));
            Answer::Mounts(mounts.map(Arc::new))
        }
        Question::SharesMounts(ids) => {
            Answer::SharesMounts(ids.into_iter().map(|id| (id, process::shares_mounts(id))).collect())
        }
    }
}
