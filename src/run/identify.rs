//! What `--identity` adds to a source: a thread that tells, before the events of a process, which program it runs and
//! who started it.

use std::thread::{Builder, Scope};

use crossbeam_channel::{Receiver, bounded};

use super::command::no_thread;
use crate::bounded::Bounded;
use crate::error::Error;
use crate::event::{Batch, OpenEvent, PathKind, ProcessName};
use crate::message::Message;
use crate::names::process;
use crate::privileges::{self, Role};
use crate::tracer::sees_host_pids;

/// Bytes of processes that are known at a time.
const PROCESSES_BYTES: usize = 8 << 20;

/// The same of commands.
const COMMANDS_BYTES: usize = 2 << 20;

/// Starts the thread, which keeps of the caller's privileges what it needs. To be called while they are there. Returns
/// what it hands on. It asks `/proc` for nothing that a process could keep it waiting for.
pub(super) fn identify<'scope>(
    scope: &'scope Scope<'scope, '_>,
    messages: Receiver<Message>,
) -> Result<Receiver<Message>, Error> {
    let ((named, received), (ready, started)) = (bounded(1), bounded(1));
    let run = move || {
        if ready.send(privileges::keep_only(Role::Inquirer)).is_err() {
            return;
        }
        drop(ready);
        // Elsewhere /proc has other processes by these numbers.
        let find = if sees_host_pids() { process::name_of } else { unknown };
        let mut identifier = Identifier::new(find);
        let send = |message| named.send(message).is_ok();
        // Until nobody listens any more.
        messages.iter().all(|message| match message {
            Message::Opens(batch) => identifier.pass_on(&batch, |batch| send(Message::Opens(batch))),
            message => send(message),
        });
    };
    Builder::new().name("identity".into()).spawn_scoped(scope, run).map_err(no_thread)?;
    started.recv().unwrap_or_else(|_| Err(Error::Other("the thread that looks at processes panicked".into())))?;
    Ok(received)
}

fn unknown(event: &OpenEvent<'_>) -> ProcessName {
    let OpenEvent { source, pid, start_ns, ppid, .. } = *event;
    ProcessName { source, pid, start_ns, ppid, exe: None, parent: None }
}

/// Names processes by their events, and by what `find` tells of one that is new.
struct Identifier<F> {
    find: F,
    /// By pid and start.
    known: Bounded<ProcessName, (u32, u64)>,
    /// The latest command of each pid that has made events, with the start of its process: a parent may have ended
    /// before it is looked for.
    commands: Bounded<(u64, Vec<u8>), u32>,
}

impl<F: Fn(&OpenEvent<'_>) -> ProcessName> Identifier<F> {
    fn new(find: F) -> Self {
        Self { find, known: Bounded::new(PROCESSES_BYTES), commands: Bounded::new(COMMANDS_BYTES) }
    }

    /// Sends the same events with names, in as many batches as that takes. False if nobody listens.
    fn pass_on(&mut self, batch: &Batch, mut send: impl FnMut(Batch) -> bool) -> bool {
        let mut named = Batch::default();
        batch.cgroups().iter().for_each(|cgroup| named.name_cgroup(cgroup.clone()));
        for event in batch.iter() {
            if named.is_full() && !send(std::mem::take(&mut named)) {
                return false;
            }
            if let Some(process) = self.news(&event) {
                named.name_process(process);
            }
            named.push(&event);
        }
        send(named)
    }

    /// What the event, or `/proc`, tells of its process that is not known yet.
    fn news(&mut self, event: &OpenEvent<'_>) -> Option<ProcessName> {
        if event.start_ns == 0 {
            return None;
        }
        let (exe, parent) = (started(event), self.command_of_parent(event));
        let id = (event.pid, event.start_ns);
        let known = self.known.get(id);
        let runs_other = match (known, exe) {
            (None, _) => true,
            (Some(known), Some(exe)) => known.exe.as_deref() != Some(exe),
            // Not every start of a program is seen: some are filtered in the kernel, some lost, some have no path.
            (Some(_), None) => event.starts_program() || !self.has_command(event),
        };
        let is_news = runs_other || known.is_some_and(|known| known.parent.is_none() && parent.is_some());
        let process = is_news.then(|| {
            let known_parent = known.and_then(|known| known.parent.clone());
            let is_told = exe.is_some() || !runs_other;
            let found = known.filter(|_| is_told).cloned().unwrap_or_else(|| (self.find)(event));
            let exe = exe.map(<[u8]>::to_vec).or(found.exe);
            let parent = known_parent.or(found.parent).or_else(|| parent.map(<[u8]>::to_vec));
            ProcessName { exe, parent, ..found }
        });
        let process = process.filter(|process| known != Some(process));
        if let Some(process) = &process {
            self.known.insert(id, process.clone(), process.bytes());
        }
        self.note_command(event);
        process
    }

    /// Whether the event's process was called the same at its event before.
    fn has_command(&self, event: &OpenEvent<'_>) -> bool {
        let known = self.commands.get(event.pid);
        known.is_some_and(|(start_ns, command)| *start_ns == event.start_ns && command == event.process())
    }

    fn note_command(&mut self, event: &OpenEvent<'_>) {
        if !self.has_command(event) {
            let command = event.process();
            let bytes = 192 + command.len();
            self.commands.insert(event.pid, (event.start_ns, command.to_owned()), bytes);
        }
    }

    fn command_of_parent(&self, event: &OpenEvent<'_>) -> Option<&[u8]> {
        // Whoever has got the parent's pid since has started after its child.
        let parent = self.commands.get(event.ppid).filter(|parent| (1..=event.start_ns).contains(&parent.0));
        parent.map(|(_, command)| command.as_slice())
    }
}

/// The path of the program that runs from the event on, where it starts one.
fn started<'a>(event: &OpenEvent<'a>) -> Option<&'a [u8]> {
    let path = if event.real_path.is_empty() { event.path } else { event.real_path };
    let whole = match event.path_kind {
        PathKind::Absolute | PathKind::Joined => true,
        // Of a program by a descriptor that is deleted `/proc` tells more.
        PathKind::Handle => !event.dir_deleted,
        PathKind::Truncated | PathKind::Unreadable => false,
    };
    (event.starts_program() && whole && !path.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CgroupName, Op, sample};
    use std::cell::Cell;

    fn child() -> OpenEvent<'static> {
        OpenEvent { pid: 7, start_ns: 9, ppid: 3, ..sample() }
    }

    fn exec(path: &'static [u8]) -> OpenEvent<'static> {
        OpenEvent { op: Op::Exec, path, name: path, ret: 0, ..child() }
    }

    #[test]
    fn a_program_that_is_started_is_what_runs_from_then_on() {
        let found = Cell::new(0);
        let mut identifier = Identifier::new(|event: &OpenEvent<'_>| {
            found.set(found.get() + 1);
            ProcessName { exe: Some(b"/bin/sh".into()), parent: Some(b"make".into()), ..unknown(event) }
        });
        let mut told = |event| identifier.news(&event).map(|process| (process.exe.unwrap(), process.parent.unwrap()));
        let runs = |exe: &[u8]| Some((exe.to_vec(), b"make".to_vec()));
        assert_eq!(told(child()), runs(b"/bin/sh"));
        assert_eq!(told(OpenEvent { ret: -2, ..exec(b"/no") }), None);
        assert_eq!(told(exec(b"/usr/bin/cat")), runs(b"/usr/bin/cat"));
        assert_eq!(told(exec(b"/usr/bin/cat")), None);
        let by_descriptor = OpenEvent { name: b"/dev/fd/3", path_kind: PathKind::Handle, ..exec(b"/home/script") };
        assert_eq!(told(by_descriptor), runs(b"/home/script"));
        assert_eq!(told(child()), None);
        assert_eq!(told(OpenEvent { start_ns: 10, ..child() }), runs(b"/bin/sh"), "another has the pid");
        assert_eq!(told(OpenEvent { start_ns: 0, ..child() }), None);
        assert_eq!(found.get(), 2);
    }

    /// As with `-x`, after losses, or with fexecve(3).
    #[test]
    fn a_program_whose_start_is_not_told_is_looked_for() {
        let runs = Cell::new(Some(&b"/bin/sh"[..]));
        let mut identifier = Identifier::new(|event: &OpenEvent<'_>| ProcessName {
            exe: runs.get().map(<[u8]>::to_vec),
            parent: Some(b"make".into()),
            ..unknown(event)
        });
        let mut told = |event| identifier.news(&event).map(|process| (process.exe, process.parent));
        let news = |exe: Option<&[u8]>| Some((exe.map(<[u8]>::to_vec), Some(b"make".to_vec())));
        let as_command = |comm| OpenEvent { comm, ..child() };
        assert_eq!(told(as_command(b"sh")), news(runs.get()));
        runs.set(Some(b"/bin/cat"));
        assert_eq!(told(as_command(b"sh")), None);
        assert_eq!(told(as_command(b"cat")), news(runs.get()));
        assert_eq!(told(as_command(b"cat")), None);
        // Another name alone is no other program.
        assert_eq!(told(as_command(b"cat 2")), None);
        let deleted = OpenEvent { path_kind: PathKind::Handle, dir_deleted: true, ..exec(b"/gone") };
        for exec in [exec(b""), OpenEvent { path_kind: PathKind::Truncated, ..exec(b"/.../x") }, deleted] {
            runs.set(Some(exec.path));
            assert_eq!(told(OpenEvent { comm: b"cat 2", ..exec }), news(runs.get()));
        }
        // It has ended since.
        runs.set(None);
        assert_eq!(told(as_command(b"x")), news(None));
    }

    #[test]
    fn a_parent_that_has_ended_is_known_by_its_events() {
        let mut identifier = Identifier::new(unknown);
        let parent = OpenEvent { pid: 3, start_ns: 5, comm: b"sh", ..sample() };
        assert_eq!(identifier.news(&child()).unwrap().parent, None);
        // A later process with the parent's pid.
        identifier.news(&OpenEvent { start_ns: 10, comm: b"other", ..parent });
        assert_eq!(identifier.news(&child()), None);
        identifier.news(&parent);
        assert_eq!(identifier.news(&child()).unwrap().parent, Some(b"sh".into()));
        assert_eq!(identifier.news(&child()), None);
    }

    #[test]
    fn all_events_are_passed_on_in_bounded_batches() {
        let mut batch = Batch::default();
        batch.name_cgroup(CgroupName { id: 5, path: b"/a".into(), name: None });
        (1..=1000).for_each(|pid| batch.push(&OpenEvent { pid, ..sample() }));
        let find = |event: &OpenEvent<'_>| ProcessName { exe: Some(vec![b'a'; 4096]), ..unknown(event) };
        let (mut identifier, mut sent) = (Identifier::new(find), Vec::new());
        assert!(identifier.pass_on(&batch, |batch| {
            sent.push(batch);
            true
        }));
        assert_eq!(
            sent.iter().flat_map(Batch::iter).map(|event| event.pid).collect::<Vec<_>>(),
            (1..=1000).collect::<Vec<_>>()
        );
        assert!(
            sent.len() > 10
                && sent.iter().all(|batch| batch.memory() < 1 << 20 && batch.len() == batch.processes().len())
        );
        assert_eq!(sent[0].cgroups().len(), 1);
        assert!(identifier.known.bytes() <= PROCESSES_BYTES && identifier.commands.bytes() <= COMMANDS_BYTES);
    }
}
