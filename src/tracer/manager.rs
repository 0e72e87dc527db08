//! What is attached: a hook set, and the optional hooks for what no set sees by itself.

use std::mem::MaybeUninit;
use std::sync::Arc;

use libbpf_rs::skel::Skel as _;
use libbpf_rs::{Link, OpenObject};

use super::hook_set::HookSet;
use super::hooks::{self, Links};
use super::kernel::Kernel;
use super::missed::MissedRuns;
use super::object::{LoadedObject, OpenedObject, add_children, set_filter};
use super::{Options, probe, selftest};
use crate::message::{Hooks, Left, Unseen};

/// Objects are loaded one after the other into `slots`, and all use the maps of the first.
pub(super) struct HookManager<'a> {
    slots: Slots<'a>,
    kernel: Arc<Kernel>,
    /// All but the object of the start, which has the maps.
    objects: Vec<LoadedObject<'a>>,
    links: Links,
    /// What links had missed when they were closed.
    closed: MissedRuns,
    set: HookSet,
    /// Why it was chosen.
    reason: &'static str,
    unseen: Vec<Unseen>,
    /// The sets that were left, and how many runs they had missed by then.
    left: Vec<(HookSet, u64)>,
    /// The sets that were tried while running, each once.
    tried: Vec<HookSet>,
}

/// What is left of the storage.
pub(super) type Slots<'a> = std::slice::IterMut<'a, MaybeUninit<OpenObject>>;

/// Opens the object once more.
pub(super) fn open_next<'a>(slots: &mut Slots<'a>, options: &Options) -> Result<OpenedObject<'a>, String> {
    let slot = slots.next().ok_or("there is no room for another BPF object")?;
    OpenedObject::new(slot, options)
}

/// Attaches a object that reports, and sees that it does.
fn attach_and_test<'a>(object: LoadedObject<'a>, options: &Options) -> Result<(Links, LoadedObject<'a>), String> {
    let links = object.attach()?;
    if options.extras.children {
        add_children(&object.skel, options).map_err(|why| format!("cannot follow the children: {why}"))?;
    }
    if selftest::sees_opens(&object.skel) {
        Ok((links, object))
    } else {
        Err("it was attached, but sees no opens".into())
    }
}

impl<'a> HookManager<'a> {
    /// Loads and attaches the first of `candidates` that the kernel takes, into `first` while it lasts; returns the object that
    /// has the maps, too.
    ///
    /// # Errors
    /// Why each of them cannot be used.
    pub(super) fn start(
        first: Result<OpenedObject<'a>, String>,
        mut slots: Slots<'a>,
        kernel: Arc<Kernel>,
        candidates: &[(HookSet, &'static str)],
        options: &Options,
    ) -> Result<(LoadedObject<'a>, Self), Vec<(HookSet, String)>> {
        let (mut tried, mut first) = (Vec::new(), Some(first));
        for &(set, reason) in candidates {
            let attempt = hooks::choose_set(set, options.extras, &kernel).and_then(|chosen| {
                let chosen = [chosen, hooks::choose_base(&kernel)?].concat();
                let opened = first.take().unwrap_or_else(|| open_next(&mut slots, options))?;
                let joined = hooks::optional(options.extras).filter(|optional| optional.joins(set));
                let joined = joined.filter_map(|optional| optional.choose(&kernel).ok()).flatten();
                let all = chosen.iter().cloned().chain(joined).collect();
                let go = |opened: OpenedObject<'a>, chosen| {
                    attach_and_test(opened.load(set, chosen, &kernel, options, None)?, options)
                };
                go(opened, all).or_else(|_| go(open_next(&mut slots, options)?, chosen))
            });
            match attempt {
                Ok((links, base)) => {
                    let manager = Self {
                        slots,
                        kernel,
                        objects: Vec::new(),
                        links,
                        closed: MissedRuns::default(),
                        set,
                        reason,
                        unseen: Vec::new(),
                        left: Vec::new(),
                        tried: Vec::new(),
                    };
                    return Ok((base, manager));
                }
                Err(why) => tried.push((set, why)),
            }
        }
        Err(tried)
    }

    /// The hook set in use.
    pub(super) fn set(&self) -> HookSet {
        self.set
    }

    /// What is in use, for those who show it.
    pub(super) fn hooks(&self) -> Hooks {
        let left = self.left.iter().map(|&(set, missed)| Left { set: set.name(), missed });
        Hooks {
            set: self.set.name().to_owned(),
            reason: self.reason,
            unseen: self.unseen.clone(),
            left: left.collect(),
        }
    }

    /// The runs that the kernel has missed since the start.
    pub(super) fn missed(&self, base: &LoadedObject<'_>) -> MissedRuns {
        let mut missed = self.closed;
        let objects = std::iter::once(base).chain(&self.objects);
        objects.for_each(|object| missed.add_programs(object.skel.object()));
        missed.add_links(&self.links.set);
        missed
    }

    /// Takes everything down; what was loaded stays.
    pub(super) fn detach(&mut self) {
        self.replace_set_links(Vec::new());
        self.links.others.clear();
    }

    /// Closing links takes their counters along, so that these are read before.
    fn replace_set_links(&mut self, links: Vec<Link>) {
        self.closed.add_links(&self.links.set);
        self.links.set = links;
    }

    /// Loads and attaches the optional hooks that no object has yet, as far as the kernel takes them.
    ///
    /// # Errors
    /// If there is no room for another object, whatever the kernel takes.
    pub(super) fn complete(&mut self, base: &LoadedObject<'_>, options: &Options) -> Result<(), String> {
        for optional in hooks::optional(options.extras).filter(|optional| !optional.is_in(base.chosen())) {
            let attached = match optional.choose(&self.kernel) {
                Err(why) => Err(why),
                Ok(chosen) => {
                    let opened = open_next(&mut self.slots, options)?;
                    let object = opened.load(self.set, chosen, &self.kernel, options, Some(&base.skel));
                    object.and_then(|object| Ok((object.attach()?, object)))
                }
            };
            match attached {
                Ok((links, object)) => {
                    self.links.others.extend(links.others);
                    self.objects.push(object);
                }
                Err(why) => self.unseen.push(Unseen { what: optional.what, why }),
            }
        }
        Ok(())
    }

    /// Moves to the next hook set that the kernel takes, sees opens, and is not known to lose them, if there is one. Both
    /// are attached for a moment, and one byte says which of them reports. So one open of each task that is between the
    /// two just then may be missed or come twice, and no other.
    ///
    /// # Errors
    /// If the BPF side cannot be changed; the reason is for people to read.
    pub(super) fn move_on(&mut self, base: &LoadedObject<'_>, options: &Options) -> Result<bool, String> {
        let order = probe::order(probe::Preemption::Full, self.kernel.has_lossless_probes());
        for set in order {
            let was_left = self.left.iter().any(|(left, _)| *left == set);
            if set == self.set || was_left || self.tried.contains(&set) {
                continue;
            }
            self.tried.push(set);
            let attempt = hooks::choose_set(set, options.extras, &self.kernel).and_then(|chosen| {
                let opened = open_next(&mut self.slots, options)?;
                let object = opened.load(set, chosen, &self.kernel, options, Some(&base.skel))?;
                Ok((object.attach()?, object))
            });
            if let Ok((links, object)) = attempt {
                let report = |set| set_filter(&base.skel, &options.filter, options, set);
                report(set).map_err(|why| why.to_string())?;
                if !selftest::sees_opens(&base.skel) {
                    report(self.set).map_err(|why| why.to_string())?;
                    continue;
                }
                let missed = self.missed(base).of_set;
                self.replace_set_links(links.set);
                self.objects.push(object);
                self.left.push((std::mem::replace(&mut self.set, set), missed));
                self.reason = "the set before it lost opens";
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "needs root: make test"]
    fn hooks_that_see_nothing_are_refused() {
        assert!(rustix::process::geteuid().is_root(), "this test loads BPF programs: run it as root");
        let (kernel, options, mut slot) = (Kernel::new().unwrap(), Options::default(), MaybeUninit::uninit());
        let opened = OpenedObject::new(&mut slot, &options).unwrap();
        let mut chosen = hooks::choose_base(&kernel).unwrap();
        chosen.retain(hooks::Chosen::is_attached_to_nothing);
        let nothing = opened.load(HookSet::SyscallExit, chosen, &kernel, &options, None).unwrap();
        let why = attach_and_test(nothing, &options).map(drop).expect_err("nothing was attached");
        assert!(why.contains("sees no opens"), "{why}");
    }

    #[test]
    #[ignore = "needs root: make test"]
    fn no_room_for_another_object_is_an_error() {
        assert!(rustix::process::geteuid().is_root(), "this test loads BPF programs: run it as root");
        let (mut kernel, options, mut slots) = (Kernel::new().unwrap(), Options::default(), [MaybeUninit::uninit()]);
        kernel.trampolines = true;
        let mut slots = slots.iter_mut();
        let first = open_next(&mut slots, &options);
        let order = [(HookSet::SyscallExitRaw, "")];
        let started = HookManager::start(first, slots, Arc::new(kernel), &order, &options);
        let (base, mut manager) = started.unwrap_or_else(|tried| panic!("{tried:?}"));
        let why = manager.complete(&base, &options).expect_err("the kernel's own opens need an object of their own");
        assert!(why.contains("no room"), "{why}");
    }
}
