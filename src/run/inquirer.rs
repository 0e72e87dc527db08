//! The threads that look at other processes in `/proc`, and at what is mounted, when somebody asks.
//!
//! A process that hangs can keep whoever reads its command line waiting, and a file server that is gone whoever asks
//! for permissions. So there are some, no two of which are at the same, and nobody waits for them, not even at the end:
//! they end with the process.

use std::mem::discriminant;
use std::sync::{Arc, Mutex, PoisonError};
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

/// As many can be kept waiting for ever before nobody answers any more.
const THREADS: usize = 4;

/// The threads, as their owner sees them.
pub(super) struct Inquirer {
    questions: Sender<Question>,
    pub(super) answers: Receiver<Answer>,
}

/// Answers a question, in as many pieces as there are; false where nobody listens any more.
type Answering = fn(&Question, &dyn Fn(Answer) -> bool) -> bool;

impl Inquirer {
    /// Starts the threads, which keep of the caller's privileges what they need. To be called while they are there.
    pub(super) fn start() -> Result<Self, Error> {
        Self::with(|| privileges::keep_only(Role::Inquirer), answer)
    }

    fn with(begin: fn() -> Result<(), Error>, answer: Answering) -> Result<Self, Error> {
        let ((questions, asked), (answering, answers)) = (bounded(WAITING), bounded(WAITING));
        let busy = Busy::default();
        for _ in 0..THREADS {
            let ((ready, started), busy) = (bounded(1), busy.clone());
            let (asked, answering): (Receiver<Question>, Sender<Answer>) = (asked.clone(), answering.clone());
            let run = move || {
                if ready.send(begin()).is_err() {
                    return;
                }
                drop(ready);
                for question in asked {
                    let send = |answer| answering.send(answer).is_ok();
                    if !busy.alone_with(&question, || answer(&question, &send)) {
                        return;
                    }
                }
            };
            let thread = thread::Builder::new().name("inquirer".into()).spawn(run);
            thread.map_err(no_thread)?;
            let panicked = || Error::Other("the thread that looks at processes panicked".into());
            started.recv().unwrap_or_else(|_| Err(panicked()))?;
        }
        Ok(Self { questions, answers })
    }

    pub(super) fn ask(&self, question: Question) {
        // Where they are at earlier ones the answer to this comes when it is asked again.
        let _ = self.questions.try_send(question);
    }
}

/// What the threads are at.
#[derive(Clone, Default)]
struct Busy(Arc<Mutex<Vec<Question>>>);

impl Busy {
    /// Does `work`, unless somebody is at the same already; then the answer is true.
    fn alone_with(&self, question: &Question, work: impl FnOnce() -> bool) -> bool {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut questions = lock();
        if questions.iter().any(|other| is_same(other, question)) {
            return true;
        }
        questions.push(question.clone());
        drop(questions);
        let done = work();
        lock().retain(|other| !is_same(other, question));
        done
    }
}

fn is_same(one: &Question, other: &Question) -> bool {
    match (one, other) {
        (Question::Who { id, .. }, Question::Who { id: other, .. }) => id == other,
        _ => discriminant(one) == discriminant(other),
    }
}

fn answer(question: &Question, send: &dyn Fn(Answer) -> bool) -> bool {
    match question {
        Question::Who { id, denied } => {
            let denied = denied.as_ref();
            send(Answer::Who { id: *id, identity: process::identity(*id).map(Box::new) })
                && denied.is_none_or(|(path, uid)| send(Answer::Denied { id: *id, by: denied_by(path, *uid) }))
        }
        Question::Descriptors(ids) => {
            send(Answer::Descriptors(ids.iter().map(|id| (*id, process::descriptors(*id))).collect()))
        }
        Question::Mounts => {
            let mounts = Mounts::read().map_err(|why| format!("not known: /proc/self/mountinfo: {why}"));
            send(Answer::Mounts(mounts.map(Arc::new)))
        }
        Question::SharesMounts(ids) => {
            send(Answer::SharesMounts(ids.iter().map(|id| (*id, process::shares_mounts(*id))).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_process_that_keeps_its_reader_waiting_keeps_nobody_else() {
        let hangs: Answering = |question, send| match question {
            Question::Who { id: (1, _), .. } => loop {
                thread::park();
            },
            Question::Who { id, .. } => send(Answer::Who { id: *id, identity: None }),
            _ => send(Answer::Descriptors(Vec::new())),
        };
        let inquirer = Inquirer::with(|| Ok(()), hangs).unwrap();
        let who = |pid| Question::Who { id: (pid, 7), denied: None };
        for pid in 2..20 {
            // It is asked again and again, as nobody answers.
            (0..3).for_each(|_| inquirer.ask(who(1)));
            let answer = loop {
                inquirer.ask(who(pid));
                let answer = inquirer.answers.recv_timeout(Duration::from_secs(20)).unwrap();
                if matches!(answer, Answer::Who { id: (told, 7), .. } if told == pid) {
                    break answer;
                }
            };
            drop(answer);
        }
    }
}
