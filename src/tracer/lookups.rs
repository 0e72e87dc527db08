//! Look-ups: an object of its own, loaded when they are first asked for, attached while they are.

use std::mem::MaybeUninit;

use libbpf_rs::skel::{OpenSkel as _, Skel as _, SkelBuilder as _};
use libbpf_rs::{Link, OpenObject};

use super::hook_set::HookSet;
use super::hooks::{self, Chosen};
use super::kernel::Kernel;
use super::missed::MissedRuns;
use super::object::{explain, share_maps, take_what_libbpf_said};
use super::selftest;
use crate::bpf::{LookupsSkel, LookupsSkelBuilder, OpentopSkel};

/// The loaded programs of one hook set.
pub(super) struct Lookups<'a> {
    skel: LookupsSkel<'a>,
    set: HookSet,
    chosen: Vec<Chosen>,
    links: Vec<Link>,
}

impl<'a> Lookups<'a> {
    /// Loads what the set needs, with the maps of `base`. Without what sees io_uring, where the kernel refuses that.
    ///
    /// # Errors
    /// If the kernel refuses it; the reason is for people to read.
    pub(super) fn load(
        slots: &mut std::slice::IterMut<'a, MaybeUninit<OpenObject>>,
        set: HookSet,
        kernel: &Kernel,
        base: &OpentopSkel<'_>,
    ) -> Result<Self, String> {
        let (of_set, of_rings) = hooks::choose_lookups(set, kernel)?;
        let all = [&of_set[..], &of_rings].concat();
        let mut load = |chosen: Vec<Chosen>| {
            let slot = slots.next().ok_or("there is no room for another BPF object")?;
            take_what_libbpf_said();
            let skel = load(slot, set, &chosen, kernel, base).map_err(|why| explain(&why))?;
            Ok(Self { skel, set, chosen, links: Vec::new() })
        };
        load(all).or_else(|_: String| load(of_set))
    }

    pub(super) fn set(&self) -> HookSet {
        self.set
    }

    /// Whether they see look-ups by io_uring.
    pub(super) fn sees_rings(&self) -> bool {
        self.chosen.iter().any(hooks::Chosen::is_for_rings)
    }

    /// # Errors
    /// If the kernel refuses it; the reason is for people to read.
    pub(super) fn attach(&mut self) -> Result<(), String> {
        let links = hooks::attach(self.skel.object(), &self.chosen).map_err(|why| explain(&why))?;
        self.links = links.set;
        Ok(())
    }

    /// Sees that a look-up is seen.
    ///
    /// # Errors
    /// If it is not.
    pub(super) fn test(base: &OpentopSkel<'_>) -> Result<(), String> {
        if selftest::sees_lookups(base) { Ok(()) } else { Err("they were attached, but see no look-ups".into()) }
    }

    pub(super) fn is_attached(&self) -> bool {
        !self.links.is_empty()
    }

    /// Detaches them. What links have missed goes with them, and so is added to `closed`.
    pub(super) fn detach(&mut self, closed: &mut MissedRuns) {
        closed.all += self.missed_by_links();
        self.links.clear();
    }

    /// Runs that were missed by now, without those of links that are gone.
    pub(super) fn missed(&self) -> u64 {
        let mut missed = MissedRuns::default();
        missed.add_programs(self.skel.object());
        missed.all + self.missed_by_links()
    }

    fn missed_by_links(&self) -> u64 {
        let mut missed = MissedRuns::default();
        missed.add_links(&self.links);
        missed.all
    }
}

fn load<'a>(
    slot: &'a mut MaybeUninit<OpenObject>,
    set: HookSet,
    chosen: &[Chosen],
    kernel: &Kernel,
    base: &OpentopSkel<'_>,
) -> libbpf_rs::Result<LookupsSkel<'a>> {
    let mut open = LookupsSkelBuilder::default().open(slot)?;
    hooks::select(open.open_object_mut(), set, chosen)?;
    if let Some(rodata) = open.maps.rodata_data.as_deref_mut() {
        rodata.can_cast = kernel.can_cast();
    }
    share_maps(open.open_object_mut(), base.object())?;
    open.load()
}
