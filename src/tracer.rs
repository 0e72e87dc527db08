//! The live source: loads and attaches the kernel side, drains its ring buffer, reads its counters.
//!
//! [`Tracer::start`] does everything that can fail for want of rights, before any terminal is touched;
//! [`Tracer::run`] then feeds a channel until it is told to stop.

mod cgroups;
mod counters;
mod hooks;
mod poll;
mod probe;
mod process;
mod selftest;
mod skips;

pub use hooks::{Extras, HookSet};
pub use probe::{Facts, Lockdown, Preemption};

use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use libbpf_rs::skel::{OpenSkel as _, Skel as _, SkelBuilder as _};
use libbpf_rs::{Link, MapCore as _, MapFlags, MapMut, OpenObject, PrintLevel};

use crate::bpf::{OpentopSkel, OpentopSkelBuilder, as_bytes, types};
use crate::error::Error;
use crate::filter::KernelFilter;
use crate::source::Message;
use hooks::Kernel;

/// How to trace.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of the ring buffer in bytes; a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// Report opentop's own opens too.
    pub show_self: bool,
    /// What the kernel leaves out.
    pub filter: KernelFilter,
    /// How often the counters are read.
    pub interval: Duration,
    /// The hook set to use; `None`: the best that works.
    pub hooks: Option<HookSet>,
    pub extras: Extras,
    /// Only this cgroup of the v2 hierarchy, and those below it.
    pub cgroup: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ring_bytes: 8 << 20,
            show_self: false,
            filter: KernelFilter::default(),
            interval: Duration::from_secs(1),
            hooks: None,
            extras: Extras { programs: true, rings: true, ..Extras::default() },
            cgroup: None,
        }
    }
}

/// What a running tracer can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// From now on the kernel leaves out what this filter does not want.
    Filter(KernelFilter),
    /// Send what is left, the final counts and the end.
    Stop,
}

/// Where the BPF objects live: a slot for each attempt at each hook set.
pub type Storage = [[MaybeUninit<OpenObject>; hooks::ATTEMPTS]; HookSet::ALL.len()];

/// An empty storage, to be kept on the stack of whoever runs the tracer.
#[must_use]
pub fn storage() -> Storage {
    [const { [const { MaybeUninit::uninit() }; hooks::ATTEMPTS] }; HookSet::ALL.len()]
}

/// A loaded and attached kernel side.
pub struct Tracer<'a> {
    skel: OpentopSkel<'a>,
    links: Vec<Link>,
    hooks: Hooks,
    options: Options,
    host_pids: bool,
}

/// The hooks in use, and what this kernel does not let them see of what they see elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hooks {
    pub set: HookSet,
    pub unseen: Vec<&'static str>,
}

impl std::fmt::Display for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.set.name())?;
        if self.unseen.is_empty() { Ok(()) } else { write!(f, ", without {}", self.unseen.join(" and ")) }
    }
}

impl std::fmt::Debug for Tracer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracer").field("hooks", &self.hooks).field("options", &self.options).finish_non_exhaustive()
    }
}

/// The first that libbpf complained about; told when loading fails, and never on the terminal by itself.
static LIBBPF_SAID: Mutex<String> = Mutex::new(String::new());

fn keep_what_libbpf_says(_level: PrintLevel, text: String) {
    if let Ok(mut said) = LIBBPF_SAID.lock()
        && said.is_empty()
    {
        *said = text.lines().next().unwrap_or_default().trim_start_matches("libbpf: ").to_owned();
    }
}

fn take_what_libbpf_said() -> String {
    LIBBPF_SAID.lock().map(|mut said| std::mem::take(&mut *said)).unwrap_or_default()
}

impl<'a> Tracer<'a> {
    /// Loads and attaches the first hook set that this kernel takes.
    ///
    /// # Errors
    /// If the host cannot be traced; the text says what is missing.
    pub fn start(storage: &'a mut Storage, options: Options) -> Result<Self, Error> {
        let facts = Facts::gather();
        precheck(&facts)?;
        libbpf_rs::set_print(Some((PrintLevel::Warn, keep_what_libbpf_says)));
        let kernel = Kernel::new().map_err(|why| Error::bpf("read the kernel's type information", why))?;
        let order = match options.hooks {
            Some(forced) => vec![forced],
            None => probe::order(facts.preemption, kernel.has_lossless_probes()).to_vec(),
        };
        let mut tried = Vec::new();
        for (set, slots) in order.into_iter().zip(storage) {
            match load(slots, set, &kernel, &options) {
                Ok((skel, links, hooks)) => {
                    return Ok(Self { skel, links, hooks, options, host_pids: facts.host_pids });
                }
                Err(why) => tried.push(format!("{}: {why}", set.name())),
            }
        }
        Err(Error::NoHook { tried: tried.join("; ") })
    }

    /// The hooks in use.
    #[must_use]
    pub fn hooks(&self) -> &Hooks {
        &self.hooks
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

/// Which hook sets this host takes in the order in which they would be used, each tried for real and taken down again,
/// with the reason why not.
#[must_use]
pub fn try_all(facts: &Facts, options: &Options) -> Vec<(HookSet, Result<Hooks, String>)> {
    libbpf_rs::set_print(Some((PrintLevel::Warn, keep_what_libbpf_says)));
    let mut storage = storage();
    let kernel = match Kernel::new() {
        Ok(kernel) => kernel,
        Err(why) => return HookSet::ALL.map(|hooks| (hooks, Err(why.to_string()))).into(),
    };
    let order = probe::order(facts.preemption, kernel.has_lossless_probes());
    let tried = order.into_iter().zip(&mut storage);
    tried.map(|(set, slots)| (set, load(slots, set, &kernel, options).map(|(_, _, hooks)| hooks))).collect()
}

/// What forbids tracing whatever the hooks.
pub(crate) fn precheck(facts: &Facts) -> Result<(), Error> {
    match facts {
        Facts { privileged: false, .. } => Err(Error::Privilege),
        Facts { btf: false, .. } => Err(Error::NoBtf),
        Facts { lockdown: Lockdown::Confidentiality, .. } => Err(Error::Lockdown),
        _ => Ok(()),
    }
}

/// Loads and attaches one hook set, with fewer extras if the kernel refuses some. The reason why not is for people to
/// read; it is that of the first attempt.
fn load<'a>(
    slots: &'a mut [MaybeUninit<OpenObject>; hooks::ATTEMPTS],
    set: HookSet,
    kernel: &Kernel,
    options: &Options,
) -> Result<(OpentopSkel<'a>, Vec<Link>, Hooks), String> {
    let mut reason = None;
    for (extras, slot) in options.extras.attempts().into_iter().zip(slots) {
        let chosen = hooks::choose(set, extras, kernel)?;
        take_what_libbpf_said();
        match load_chosen(slot, set, &chosen, options) {
            Ok((skel, links)) => return Ok((skel, links, Hooks { set, unseen: hooks::unseen(&chosen) })),
            Err(why) => _ = reason.get_or_insert_with(|| explain(&why, &take_what_libbpf_said())),
        }
    }
    Err(reason.unwrap_or_default())
}

fn explain(why: &libbpf_rs::Error, said: &str) -> String {
    if said.is_empty() { format!("{why:#}") } else { format!("{why:#} ({said})") }
}

fn load_chosen<'a>(
    slot: &'a mut MaybeUninit<OpenObject>,
    hooks: HookSet,
    chosen: &[hooks::Chosen],
    options: &Options,
) -> libbpf_rs::Result<(OpentopSkel<'a>, Vec<Link>)> {
    let mut open = OpentopSkelBuilder::default().open(slot)?;
    hooks::select(open.open_object_mut(), hooks, chosen)?;
    open.maps.events.set_max_entries(options.ring_bytes)?;
    if !options.extras.latency {
        open.maps.entered.set_max_entries(1)?;
    }
    if let Some(rodata) = open.maps.rodata_data.as_deref_mut() {
        rodata.self_tgid = if options.show_self { 0 } else { std::process::id() };
        rodata.measure_latency = options.extras.latency;
    }
    let skel = open.load()?;
    if let Some(path) = &options.cgroup {
        let directory = std::fs::File::open(path)?;
        skel.maps.wanted_cgroup.update(&0u32.to_ne_bytes(), &directory.as_raw_fd().to_ne_bytes(), MapFlags::ANY)?;
    }
    set_filter(&skel, &options.filter, options)?;
    let links = hooks::attach(skel.object(), hooks, chosen)?;
    if !selftest::sees_opens(&skel)? {
        return Err(std::io::Error::other("it was attached, but sees no opens").into());
    }
    if options.extras.children {
        // Children that are born meanwhile are followed already.
        for pid in process::descendants(&options.filter.pids) {
            skel.maps.wanted_pids.update(&pid.to_ne_bytes(), &[1], MapFlags::ANY)?;
        }
    }
    Ok((skel, links))
}

/// Hands `wanted` to the kernel side: first what the sets hold, then which of them count.
fn set_filter(skel: &OpentopSkel<'_>, wanted: &KernelFilter, options: &Options) -> libbpf_rs::Result<()> {
    let errnos: Vec<u32> = wanted.errnos.iter().map(|errno| errno.unsigned_abs()).collect();
    let maps = &skel.maps;
    for (map, ids) in [(&maps.wanted_uids, &wanted.uids), (&maps.wanted_errnos, &errnos)] {
        replace_ids(map, ids)?;
    }
    // Which processes are children of wanted ones only the kernel knows: they are told once, and stay.
    let tree = options.extras.children;
    if !tree || maps.wanted_pids.keys().next().is_none() {
        replace_ids(&maps.wanted_pids, &wanted.pids)?;
    }
    let result = match wanted.failed {
        None => types::result::RESULT_ANY,
        Some(true) => types::result::RESULT_FAILED,
        Some(false) => types::result::RESULT_OK,
    };
    let filter = types::filter {
        active: u8::from(!wanted.is_empty() || tree || options.cgroup.is_some()),
        by_pid: u8::from(!wanted.pids.is_empty() || tree),
        by_uid: u8::from(!wanted.uids.is_empty()),
        by_errno: u8::from(!errnos.is_empty()),
        by_cgroup: u8::from(options.cgroup.is_some()),
        pad: [0; 3],
        result,
    };
    maps.filter.update(&0u32.to_ne_bytes(), as_bytes(&filter), MapFlags::ANY)
}

/// Makes `ids` the keys of `map`.
fn replace_ids(map: &MapMut<'_>, ids: &[u32]) -> libbpf_rs::Result<()> {
    let old: Vec<Vec<u8>> = map.keys().collect();
    for id in ids {
        map.update(&id.to_ne_bytes(), &[1], MapFlags::ANY)?;
    }
    for id in old.iter().filter(|old| !ids.iter().any(|id| id.to_ne_bytes() == old[..])) {
        map.delete(id)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_that_see_nothing_are_refused() {
        assert!(rustix::process::geteuid().is_root(), "this test loads BPF programs: run it as root");
        let mut slot = MaybeUninit::uninit();
        let nothing = load_chosen(&mut slot, HookSet::SyscallExit, &[], &Options::default()).map(drop);
        let why = nothing.expect_err("nothing was attached").to_string();
        assert!(why.contains("sees no opens"), "{why}");
    }
}
