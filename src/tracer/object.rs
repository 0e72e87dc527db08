//! One loaded BPF object: which of its programs, with which maps.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::Mutex;

use libbpf_rs::libbpf_sys::bpf_map_create_opts;
use libbpf_rs::skel::{OpenSkel as _, Skel as _, SkelBuilder as _};
use libbpf_rs::{
    ErrorExt as _, MapCore as _, MapFlags, MapHandle, MapMut, Object, OpenMapMut, OpenObject, PrintLevel, ProgramInput,
};

use super::hook_set::HookSet;
use super::hooks::{self, Chosen, Links};
use super::kernel::Kernel;
use super::{Options, process};
use crate::bpf::{OpenOpentopSkel, OpentopSkel, OpentopSkelBuilder, as_bytes, types};
use crate::filter::KernelFilter;

/// Room for pids that are asked for by number. Descendants need more.
const LISTED_PIDS: u32 = 1024;

/// An object whose chosen programs are loaded, and not attached.
pub(super) struct LoadedObject<'a> {
    pub(super) skel: OpentopSkel<'a>,
    chosen: Vec<Chosen>,
}

/// An object that is not loaded yet.
pub(super) struct OpenedObject<'a>(OpenOpentopSkel<'a>);

impl<'a> OpenedObject<'a> {
    /// Opens it, and needs nothing of the kernel's types yet.
    ///
    /// # Errors
    /// If there is no memory for it; the reason is for people to read.
    pub(super) fn new(slot: &'a mut MaybeUninit<OpenObject>, options: &Options) -> Result<Self, String> {
        listen_to_libbpf(options.verbose);
        open(slot, options).map(Self).map_err(|why| explain(&why))
    }

    /// Makes the maps that take long to make. Loading makes the others.
    ///
    /// # Errors
    /// If the kernel refuses them; the reason is for people to read.
    pub(super) fn with_large_maps(mut self) -> Result<Self, String> {
        for map in [&mut self.0.maps.events, &mut self.0.maps.processes] {
            make(map).map_err(|why| explain(&why))?;
        }
        Ok(self)
    }

    /// Loads the chosen programs; with the maps of `base`, if there is one.
    ///
    /// # Errors
    /// If the kernel refuses them; the reason is for people to read.
    pub(super) fn load(
        self,
        set: HookSet,
        chosen: Vec<Chosen>,
        kernel: &Kernel,
        options: &Options,
        base: Option<&OpentopSkel<'_>>,
    ) -> Result<LoadedObject<'a>, String> {
        listen_to_libbpf(options.verbose);
        match load(self.0, set, &chosen, kernel, options, base) {
            Ok(skel) => Ok(LoadedObject { skel, chosen }),
            Err(why) => Err(explain(&why)),
        }
    }
}

impl LoadedObject<'_> {
    pub(super) fn chosen(&self) -> &[Chosen] {
        &self.chosen
    }

    /// # Errors
    /// If the kernel refuses it; the reason is for people to read.
    pub(super) fn attach(&self) -> Result<Links, String> {
        hooks::attach(self.skel.object(), &self.chosen).map_err(|why| explain(&why))
    }
}

/// What libbpf complained about, with `--verbose`: told when loading fails, and never on the terminal by itself.
static LIBBPF_SAID: Mutex<String> = Mutex::new(String::new());

fn keep_what_libbpf_says(_level: PrintLevel, text: String) {
    if let Ok(mut said) = LIBBPF_SAID.lock() {
        for line in text.lines().map(|line| line.trim_start_matches("libbpf: ").trim()).filter(|line| !line.is_empty())
        {
            if said.len() + line.len() < LIBBPF_SAYS_MAX {
                let between = if said.is_empty() { "" } else { " | " };
                said.push_str(between);
                said.push_str(line);
            }
        }
    }
}

/// Bytes of that.
const LIBBPF_SAYS_MAX: usize = 4 << 10;

pub(super) fn listen_to_libbpf(verbose: bool) {
    libbpf_rs::set_print(verbose.then_some((PrintLevel::Warn, keep_what_libbpf_says)));
    take_what_libbpf_said();
}

pub(super) fn take_what_libbpf_said() -> String {
    LIBBPF_SAID.lock().map(|mut said| std::mem::take(&mut *said)).unwrap_or_default()
}

pub(super) fn explain(why: &libbpf_rs::Error) -> String {
    let said = take_what_libbpf_said();
    if said.is_empty() { format!("{why:#}") } else { format!("{why:#} ({said})") }
}

fn open<'a>(slot: &'a mut MaybeUninit<OpenObject>, options: &Options) -> libbpf_rs::Result<OpenOpentopSkel<'a>> {
    let mut open = OpentopSkelBuilder::default().open(slot)?;
    open.maps.events.set_max_entries(options.ring_bytes)?;
    // What is not asked for needs no room.
    if !options.extras.latency {
        open.maps.enter_ts.set_max_entries(1)?;
    }
    if !options.extras.children {
        open.maps.wanted_pids.set_max_entries(LISTED_PIDS)?;
    }
    Ok(open)
}

fn make(map: &mut OpenMapMut<'_>) -> libbpf_rs::Result<()> {
    let opts = bpf_map_create_opts { sz: size_of::<bpf_map_create_opts>() as _, ..bpf_map_create_opts::default() };
    let (name, sizes) = (map.name().to_owned(), (map.key_size(), map.value_size(), map.max_entries()));
    let what = || format!("cannot make the map {}", name.display());
    let made = MapHandle::create(map.map_type(), Some(&name), sizes.0, sizes.1, sizes.2, &opts).with_context(what)?;
    map.reuse_fd(made.as_fd())
}

fn load<'a>(
    mut open: OpenOpentopSkel<'a>,
    set: HookSet,
    chosen: &[Chosen],
    kernel: &Kernel,
    options: &Options,
    base: Option<&OpentopSkel<'_>>,
) -> libbpf_rs::Result<OpentopSkel<'a>> {
    hooks::select(open.open_object_mut(), set, chosen)?;
    if let Some(rodata) = open.maps.rodata_data.as_deref_mut() {
        rodata.counts_only = options.counts_only;
        rodata.measure_latency = options.extras.latency;
        rodata.resolve = options.extras.resolve;
        rodata.hook_set = set as u8;
        rodata.can_cast = kernel.can_cast();
        rodata.follow_own = options.follow_own;
    }
    match base {
        Some(base) => {
            share_maps(open.open_object_mut(), base.object())?;
            open.load()
        }
        None => {
            let skel = open.load()?;
            fill_maps(&skel, options, set)?;
            Ok(skel)
        }
    }
}

/// Uses the maps of an object that is loaded, all but what is constant.
pub(super) fn share_maps(object: &mut OpenObject, base: &Object) -> libbpf_rs::Result<()> {
    for mut map in object.maps_mut() {
        let shared = base.maps().find(|shared| shared.name() == map.name());
        if let Some(shared) = shared.filter(|shared| !shared.name().to_string_lossy().ends_with("rodata")) {
            map.reuse_fd(shared.as_fd())?;
        }
    }
    Ok(())
}

/// What the BPF side must know before the first open.
fn fill_maps(skel: &OpentopSkel<'_>, options: &Options, set: HookSet) -> libbpf_rs::Result<()> {
    if let Some(path) = &options.cgroup {
        let directory = std::fs::File::open(path)?;
        skel.maps.wanted_cgroup.update(&0u32.to_ne_bytes(), &directory.as_raw_fd().to_ne_bytes(), MapFlags::ANY)?;
    }
    replace_ids(&skel.maps.wanted_pids, &options.filter.pids)?;
    skel.progs.learn_own_id.test_run(ProgramInput::default())?;
    set_filter(skel, &options.filter, options, set)
}

/// Adds the children that the wanted processes have by now; later ones are followed by programs, if those are attached.
pub(super) fn add_children(skel: &OpentopSkel<'_>, options: &Options) -> libbpf_rs::Result<()> {
    for pid in process::descendants(&options.filter.pids) {
        skel.maps.wanted_pids.update(&pid.to_ne_bytes(), &[1], MapFlags::ANY)?;
    }
    Ok(())
}

/// Hands `wanted` to the BPF side: first what the sets hold, then which of them count, and
/// which hook set is to report.
pub(super) fn set_filter(
    skel: &OpentopSkel<'_>,
    wanted: &KernelFilter,
    options: &Options,
    set: HookSet,
) -> libbpf_rs::Result<()> {
    let errnos: Vec<u32> = wanted.errnos.iter().map(|errno| errno.unsigned_abs()).collect();
    let maps = &skel.maps;
    for (map, ids) in [(&maps.wanted_uids, &wanted.uids), (&maps.wanted_errnos, &errnos)] {
        replace_ids(map, ids)?;
    }
    // Which processes are children of wanted ones only the kernel knows: they are told once, and stay.
    let tree = options.extras.children;
    if !tree {
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
        hook_set: set as u8,
        show_self: u8::from(options.show_self),
        pad: 0,
        result,
    };
    maps.bss_filter.update(&0u32.to_ne_bytes(), as_bytes(&filter), MapFlags::ANY)
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
