//! What is attached: a hook set, and the optional hooks for what no set sees by itself.

use std::mem::MaybeUninit;
use std::sync::Arc;

use libbpf_rs::skel::Skel as _;
use libbpf_rs::{Link, OpenObject};

use super::hook_set::HookSet;
use super::hooks::{self, Links};
use super::kernel::Kernel;
use super::lookups::Lookups;
use super::missed::{Losses, MissedRuns};
use super::object::{LoadedObject, OpenedObject, add_children, set_filter};
use super::probe::Preemption;
use super::{Options, probe, selftest};
use crate::message::{Hooks, LOOKUPS, Left, Unseen};

/// Objects are loaded one after the other into `slots`, and all use the maps of the first.
pub(super) struct HookManager<'a> {
    slots: Slots<'a>,
    kernel: Arc<Kernel>,
    /// All but the object of the start, which has the maps.
    objects: Vec<LoadedObject<'a>>,
    links: Links,
    /// Of each set that was used while look-ups were asked for; one of them is attached at most.
    lookups: Vec<Lookups<'a>>,
    /// What links had missed when they were closed.
    closed: MissedRuns,
    set: HookSet,
    /// Why it was chosen.
    reason: &'static str,
    unseen: Vec<Unseen>,
    /// The sets that were left, and what they had lost in the span that they were judged by.
    left: Vec<(HookSet, Losses)>,
    /// The sets that were tried while running, each once.
    tried: Vec<HookSet>,
    trial: Option<Trial>,
}

/// The set before the present one, attached until it is known which of them loses less.
struct Trial {
    set: HookSet,
    links: Vec<Link>,
    /// Why it is to be left.
    losses: Losses,
    /// Opens that had been made when it was.
    opens: u64,
    /// Which object has the set in its place.
    object: usize,
}

/// Opens that tell how much a set loses.
const TRIAL_OPENS: u64 = 1000;

/// What is left of the storage.
pub(super) type Slots<'a> = std::slice::IterMut<'a, MaybeUninit<OpenObject>>;

/// Opens the object once more.
pub(super) fn open_next<'a>(slots: &mut Slots<'a>, options: &Options) -> Result<OpenedObject<'a>, String> {
    let slot = slots.next().ok_or("there is no room for another BPF object")?;
    OpenedObject::new(slot, options)
}

/// Attaches an object that reports, and sees that it does.
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
    /// Loads and attaches the first of `candidates` that the kernel takes, into `first` while it lasts; returns the
    /// object that has the maps, too.
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
                let joined = hooks::optional(options.extras, set, &kernel).filter(|optional| optional.joins(set));
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
                        lookups: Vec::new(),
                        closed: MissedRuns::default(),
                        set,
                        reason,
                        unseen: Vec::new(),
                        left: Vec::new(),
                        tried: Vec::new(),
                        trial: None,
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
        let left = self.left.iter().map(|&(set, Losses { missed, opens })| Left { set: set.name(), missed, opens });
        Hooks {
            set: self.set.name().to_owned(),
            reason: self.reason,
            unseen: self.unseen.clone(),
            left: left.collect(),
            lookups: self.has_lookups(),
        }
    }

    /// The runs that the kernel has missed since the start.
    pub(super) fn missed(&self, base: &LoadedObject<'_>) -> MissedRuns {
        let mut missed = self.closed;
        let objects = std::iter::once(base).chain(&self.objects);
        objects.for_each(|object| missed.add_programs(object.skel.object()));
        missed.add_links(&self.links.set);
        missed.add_optional(&self.links.others);
        self.trial.iter().for_each(|trial| missed.add_links(&trial.links));
        missed.all += self.lookups.iter().map(Lookups::missed).sum::<u64>();
        missed
    }

    /// Takes everything down; what was loaded stays.
    pub(super) fn detach(&mut self) {
        self.end_trial();
        self.replace_set_links(Vec::new());
        self.closed.add_optional(&self.links.others);
        self.links.others.clear();
        self.stop_lookups();
    }

    fn has_lookups(&self) -> bool {
        self.lookups.iter().any(Lookups::is_attached)
    }

    /// Sees look-ups from now on, by the set in use.
    ///
    /// # Errors
    /// If the kernel does not take what is needed; the reason is for people to read.
    pub(super) fn start_lookups(&mut self, base: &LoadedObject<'_>) -> Result<(), String> {
        if self.has_lookups() {
            return Ok(());
        }
        let lookups = self.lookups_of(self.set, base)?;
        lookups.attach()?;
        let tested = Lookups::test(&base.skel);
        let sees_rings = lookups.sees_rings();
        if tested.is_err() {
            self.stop_lookups();
        } else if !sees_rings {
            let why = "the kernel does not take what sees them".to_owned();
            self.note_unseen(Unseen { what: "look-ups by io_uring", why });
        }
        tested
    }

    pub(super) fn stop_lookups(&mut self) {
        for lookups in &mut self.lookups {
            lookups.detach(&mut self.closed);
        }
    }

    /// Sees look-ups by the set that is in use now, if any are seen. One that is made at this very moment may be
    /// missed.
    fn follow_with_lookups(&mut self, base: &LoadedObject<'_>) {
        if !self.has_lookups() {
            return;
        }
        self.stop_lookups();
        if let Err(why) = self.start_lookups(base) {
            self.note_unseen(Unseen { what: LOOKUPS, why });
        }
    }

    /// The programs for the look-ups of a set, loaded when they are first asked for.
    fn lookups_of(&mut self, set: HookSet, base: &LoadedObject<'_>) -> Result<&mut Lookups<'a>, String> {
        let at = match self.lookups.iter().position(|lookups| lookups.set() == set) {
            Some(at) => at,
            None => {
                self.lookups.push(Lookups::load(&mut self.slots, set, &self.kernel, &base.skel)?);
                self.lookups.len() - 1
            }
        };
        Ok(&mut self.lookups[at])
    }

    /// Adds it to what the hooks are said not to see, once.
    pub(super) fn note_unseen(&mut self, unseen: Unseen) {
        if !self.unseen.iter().any(|noted| noted.what == unseen.what) {
            self.unseen.push(unseen);
        }
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
        let optional = hooks::optional(options.extras, self.set, &self.kernel);
        for optional in optional.filter(|optional| !optional.is_in(base.chosen())) {
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

    /// Moves to the next hook set that the kernel takes, sees opens, and may lose less, if there is one; to any other
    /// where nothing was lost. Both are attached for a moment, and one byte says which of them reports. So one open of
    /// each task that is between the two just then may be missed or come twice, and no other.
    ///
    /// `lost` is what the set in use has lost lately; `opens` how many there were at all. With those the new set is on
    /// trial: see [`Self::settle`].
    ///
    /// # Errors
    /// If the BPF side cannot be changed; the reason is for people to read.
    pub(super) fn move_on(
        &mut self,
        base: &LoadedObject<'_>,
        options: &Options,
        lost: Option<(Losses, Preemption)>,
        opens: u64,
    ) -> Result<bool, String> {
        self.end_trial();
        let lossless_probes = self.kernel.has_lossless_probes();
        for set in probe::order(Preemption::Full, lossless_probes) {
            let was_left = self.left.iter().any(|(left, _)| *left == set);
            let is_worse = lost.is_some_and(|(_, model)| !probe::may_lose_less(set, self.set, model, lossless_probes));
            if set == self.set || was_left || is_worse || self.tried.contains(&set) {
                continue;
            }
            self.tried.push(set);
            let attempt = hooks::choose_set(set, options.extras, &self.kernel).and_then(|chosen| {
                let opened = open_next(&mut self.slots, options)?;
                let object = opened.load(set, chosen, &self.kernel, options, Some(&base.skel))?;
                Ok((object.attach()?, object))
            });
            if let Ok((links, object)) = attempt {
                report(base, options, set)?;
                if !selftest::sees_opens(&base.skel) {
                    report(base, options, self.set)?;
                    continue;
                }
                let before = std::mem::replace(&mut self.set, set);
                let links = std::mem::replace(&mut self.links.set, links.set);
                let losses = lost.map_or_else(Losses::default, |(losses, _)| losses);
                self.trial = Some(Trial { set: before, links, losses, opens, object: self.objects.len() });
                self.objects.push(object);
                if lost.is_none() {
                    self.end_trial();
                }
                self.left.push((before, losses));
                self.follow_with_lookups(base);
                self.reason = "the set before it lost opens";
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the set in use was moved to, and may have to go again.
    pub(super) fn is_on_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// Ends a trial once there were enough opens: the set before comes back, unless the new one has missed fewer runs
    /// for an open. True if it came back.
    ///
    /// # Errors
    /// If the BPF side cannot be changed; the reason is for people to read.
    pub(super) fn settle(&mut self, base: &LoadedObject<'_>, options: &Options, opens: u64) -> Result<bool, String> {
        let Some(trial) = self.trial.take_if(|trial| opens >= trial.opens + TRIAL_OPENS) else { return Ok(false) };
        let mut new = MissedRuns::default();
        self.objects.get(trial.object).into_iter().for_each(|object| new.add_programs(object.skel.object()));
        new.add_links(&self.links.set);
        let new = Losses { missed: new.of_set, opens: opens - trial.opens };
        if new.is_less_than(trial.losses) {
            self.closed.add_links(&trial.links);
            return Ok(false);
        }
        report(base, options, trial.set)?;
        self.replace_set_links(trial.links);
        self.left.retain(|(left, _)| *left != trial.set);
        self.left.push((std::mem::replace(&mut self.set, trial.set), new));
        self.reason = "the set tried in its place lost more opens";
        self.follow_with_lookups(base);
        Ok(true)
    }

    /// Keeps the set in use.
    fn end_trial(&mut self) {
        if let Some(trial) = self.trial.take() {
            self.closed.add_links(&trial.links);
        }
    }
}

/// Lets this set report, and no other.
fn report(base: &LoadedObject<'_>, options: &Options, set: HookSet) -> Result<(), String> {
    set_filter(&base.skel, &options.filter, options, set).map_err(|why| why.to_string())
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
