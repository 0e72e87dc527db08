//! The live source: loads and attaches the BPF side, drains its ring buffer, reads its counters.
//!
//! [`Tracer::start`] does everything that can fail for want of rights, before any terminal is touched;
//! [`Tracer::run`] then feeds a channel until a command stops it.

mod ancestors;
mod cgroups;
mod counters;
pub(crate) mod decode;
mod hook_set;
mod hooks;
mod kernel;
mod lookups;
mod manager;
mod missed;
mod object;
mod poll;
mod probe;
mod process;
mod programs;
mod selftest;
mod watch;

pub use cgroups::{cgroup_mount, is_cgroup2};
pub use hook_set::HookSet;
pub use hooks::Extras;
pub use kernel::BTF_PATH;
pub use probe::{Facts, Lockdown, Preemption, Privilege, sees_host_pids};
pub(crate) use process::{Named, descendants, named};

use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use libbpf_rs::OpenObject;

use crate::error::Error;
use crate::filter::KernelFilter;
use crate::message::{Hooks, LOOKUPS, Message, Unseen};
use kernel::Kernel;
use manager::{HookManager, Slots};
use object::{LoadedObject, OpenedObject};

/// How to trace.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of the ring buffer in bytes; a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// Only the descendants of this process, of which the command is one. With `extras.children`.
    pub follow_own: bool,
    /// Report opentop's own opens too.
    pub show_self: bool,
    /// What libbpf says is added to what keeps a hook from working.
    pub verbose: bool,
    /// What the kernel leaves out.
    pub filter: KernelFilter,
    /// Tell the ancestors of the processes that are counted, too.
    pub ancestors: bool,
    /// No events: nothing but what is counted, and users and parents of processes are not known.
    pub counts_only: bool,
    /// How often the counters are read.
    pub interval: Duration,
    /// The hook set to use; `None`: the best that works.
    pub hooks: Option<HookSet>,
    pub extras: Extras,
    /// Have a thread that may look at processes tell which programs they run.
    pub identity: bool,
    /// Only this cgroup of the v2 hierarchy, and those below it.
    pub cgroup: Option<PathBuf>,
    /// Tracing ends when all of these have ended; with none of them, or too many to watch, it does not.
    pub ends_with: Vec<u32>,
}

impl Options {
    /// No events, and so no room for any.
    pub fn counting() -> Self {
        let page = rustix::param::page_size() as u32;
        Self { counts_only: true, ring_bytes: page, ..Self::default() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ring_bytes: 8 << 20,
            follow_own: false,
            show_self: false,
            verbose: false,
            filter: KernelFilter::default(),
            ancestors: false,
            counts_only: false,
            interval: Duration::from_secs(1),
            hooks: None,
            identity: false,
            extras: Extras { programs: true, rings: true, kernel: true, ..Extras::default() },
            cgroup: None,
            ends_with: Vec::new(),
        }
    }
}

/// What a running tracer can be commanded to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// From now on the kernel leaves out what this filter does not want.
    Filter(KernelFilter),
    /// The same for other hosts, as an expression: they leave out what it does not hold for.
    Expression(String),
    /// See look-ups too, or no longer.
    Lookups(bool),
    /// Leave the hook set for the next best one, as when it loses opens.
    MoveOn,
    /// Send what is left, the final counts and the end.
    Stop,
}

/// BPF objects that there can be: at the start each hook set is tried with the optional hooks and alone, what none has
/// yet follows by itself, while running each other set is tried once more, and look-ups of each with io_uring and
/// without.
const OBJECTS: usize = 2 * HookSet::ALL.len() + hooks::OPTIONAL + HookSet::ALL.len() - 1 + 2 * HookSet::ALL.len();

/// Where the BPF objects live: those of hook sets, refused, in use or left, and those of optional hooks.
pub type Storage = [MaybeUninit<OpenObject>; OBJECTS];

/// An empty storage, to be kept on the stack of whoever runs the tracer.
pub fn storage() -> Storage {
    [const { MaybeUninit::uninit() }; OBJECTS]
}

/// A loaded and attached BPF side.
pub struct Tracer<'a> {
    /// Has the maps.
    base: LoadedObject<'a>,
    manager: HookManager<'a>,
    options: Options,
    host_pids: bool,
    preemption: Preemption,
}

impl std::fmt::Debug for Tracer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracer").field("hooks", &self.hooks()).field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'a> Tracer<'a> {
    /// Loads and attaches the first hook set that this kernel takes, and the optional hooks that it takes.
    ///
    /// # Errors
    /// If the host cannot be traced; the text says what is missing.
    pub fn start(storage: &'a mut Storage, options: Options) -> Result<Self, Error> {
        let facts = Facts::gather();
        precheck(&facts)?;
        if options.extras.children && !options.follow_own && !facts.host_pids {
            return Err(Error::Other(
                "--tree finds the descendants that are there already by their pids, and those of this pid namespace \
                 are not the host's: start the container with --pid=host, or use `opentop -- COMMAND`"
                    .into(),
            ));
        }
        let mut slots = storage.iter_mut();
        let unreadable = |why| Error::bpf("read the kernel's type information", why);
        let (kernel, first) = read_and_open(&mut slots, &options);
        let kernel = kernel.map_err(unreadable)?;
        let candidates = match options.hooks {
            Some(forced) => vec![(forced, "--hooks asks for it")],
            None => probe::candidates(facts.preemption, kernel.has_lossless_probes()).to_vec(),
        };
        let started = HookManager::start(first, slots, Arc::new(kernel), &candidates, &options);
        let (base, mut manager) = started.map_err(|tried| {
            let tried: Vec<_> = tried.iter().map(|(set, why)| format!("{}: {why}", set.name())).collect();
            let tried = tried.join("; ");
            if options.hooks.is_some() { Error::HookRefused { tried } } else { Error::NoHook { tried } }
        })?;
        let completed = manager.complete(&base, &options);
        completed.map_err(|why| Error::bpf("load the optional hooks", why))?;
        if options.extras.lookups {
            let started = manager.start_lookups(&base);
            started.map_err(|why| Error::bpf("see look-ups, which --lookups asks for", why))?;
        }
        Ok(Self { base, manager, options, host_pids: facts.host_pids, preemption: facts.preemption })
    }

    /// The hooks in use.
    pub fn hooks(&self) -> Hooks {
        self.manager.hooks()
    }

    /// Feeds `messages` until `commands` says so or is closed, or the receiver is gone. The last messages are the final
    /// counts and [`Message::End`].
    ///
    /// # Errors
    /// If the ring buffer or the maps cannot be read.
    pub fn run(self, messages: &Sender<Message>, commands: &Receiver<Command>) -> Result<(), Error> {
        poll::run(self, messages, commands)
    }
}

/// Reads the kernel's types, and meanwhile opens the BPF object as far as it needs none of them: each is a good part of
/// the start.
fn read_and_open<'a>(
    slots: &mut Slots<'a>,
    options: &Options,
) -> (Result<Kernel, String>, Result<OpenedObject<'a>, String>) {
    thread::scope(|scope| {
        let kernel = thread::Builder::new().name("types".into()).spawn_scoped(scope, Kernel::new);
        let opened = manager::open_next(slots, options).and_then(OpenedObject::with_large_maps);
        let kernel = kernel.map_err(|why| format!("cannot start a thread: {why}"));
        let kernel = kernel.and_then(|kernel| kernel.join().unwrap_or_else(|_| Err("its thread panicked".into())));
        (kernel, opened)
    })
}

/// Tries all hook sets, in the order in which they would be used: each for real, and taken down again. Gives its hooks,
/// or the reason why not.
pub fn try_all(facts: &Facts, options: &Options) -> Vec<(HookSet, Result<Hooks, String>)> {
    let kernel = Kernel::new().map(Arc::new);
    let lossless = kernel.as_ref().is_ok_and(|kernel| kernel.has_lossless_probes());
    let attempt = |(set, reason)| {
        let mut storage = storage();
        let kernel = kernel.clone()?;
        let refused = |mut tried: Vec<(HookSet, String)>| tried.pop().map_or_else(String::new, |(_, why)| why);
        let mut slots = storage.iter_mut();
        let first = manager::open_next(&mut slots, options);
        let started = HookManager::start(first, slots, kernel, &[(set, reason)], options);
        let (base, mut manager) = started.map_err(refused)?;
        manager.complete(&base, options)?;
        if let Err(why) = manager.start_lookups(&base) {
            manager.note_unseen(Unseen { what: LOOKUPS, why });
        }
        Ok(manager.hooks())
    };
    probe::candidates(facts.preemption, lossless).map(|candidate| (candidate.0, attempt(candidate))).into()
}

/// What forbids tracing whatever the hooks.
pub(crate) fn precheck(facts: &Facts) -> Result<(), Error> {
    match facts {
        Facts { privilege: Privilege::Missing, .. } => Err(Error::Privilege),
        Facts { privilege: Privilege::MissingOne(name), .. } => Err(Error::Capability(name)),
        Facts { privilege: Privilege::UserNamespace, .. } => Err(Error::UserNamespace),
        Facts { privilege: Privilege::Seccomp, .. } => Err(Error::Seccomp),
        Facts { btf: false, .. } => Err(Error::NoBtf),
        Facts { lockdown: Lockdown::Confidentiality, .. } => Err(Error::Lockdown),
        _ => Ok(()),
    }
}
