//! What is attached: a hook set, and beside it what that does not see by itself.

use std::mem::MaybeUninit;

use libbpf_rs::skel::Skel as _;
use libbpf_rs::{Link, OpenObject};

use super::hooks::{self, HookSet};
use super::kernel::Kernel;
use super::part::{self, Part};
use super::skips::Skips;
use super::{Hooks, Options, probe, selftest};

/// Parts are loaded one after the other into `slots`, and all use the maps of the first.
pub(super) struct Attached<'a> {
    slots: std::slice::IterMut<'a, MaybeUninit<OpenObject>>,
    kernel: Kernel,
    /// The sets moved to. That of the start is the part that has the maps.
    sets: Vec<Part<'a>>,
    set_links: Vec<Link>,
    beside: Vec<(Part<'a>, Vec<Link>)>,
    complete: bool,
    hooks: Hooks,
}

/// Attaches a part that reports, and sees that it does.
fn attach_and_test<'a>(part: Part<'a>, options: &Options) -> Result<(Vec<Link>, Part<'a>), String> {
    let links = part.attach()?;
    if options.extras.children {
        part::add_children(&part.skel, options).map_err(|why| format!("cannot follow the children: {why}"))?;
    }
    match selftest::sees_opens(&part.skel) {
        Ok(true) => Ok((links, part)),
        Ok(false) => Err("it was attached, but sees no opens".into()),
        Err(why) => Err(format!("cannot read its counts: {why}")),
    }
}

impl<'a> Attached<'a> {
    /// Loads and attaches the first of `order` that the kernel takes; returns the part that has the maps, too.
    ///
    /// # Errors
    /// Why each of them cannot be used.
    pub(super) fn start(
        mut slots: std::slice::IterMut<'a, MaybeUninit<OpenObject>>,
        kernel: Kernel,
        order: &[HookSet],
        options: &Options,
    ) -> Result<(Part<'a>, Self), Vec<(HookSet, String)>> {
        let mut tried = Vec::new();
        for (&set, slot) in order.iter().zip(&mut slots) {
            let attempt = hooks::choose_set(set, options.extras, &kernel)
                .and_then(|chosen| Part::load(slot, set, chosen, &kernel, options, None))
                .and_then(|part| attach_and_test(part, options));
            match attempt {
                Ok((set_links, base)) => {
                    let hooks = Hooks { set, left: Vec::new(), unseen: Vec::new() };
                    let (sets, beside) = (Vec::new(), Vec::new());
                    return Ok((base, Self { slots, kernel, sets, set_links, beside, complete: false, hooks }));
                }
                Err(why) => tried.push((set, why)),
            }
        }
        Err(tried)
    }

    pub(super) fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// All links, to be watched for skipped runs with the programs of `base`.
    pub(super) fn watch(&self, base: &Part<'_>, skips: &mut Skips) {
        let sets = std::iter::once(base).chain(&self.sets);
        sets.for_each(|part| skips.watch_programs(part.skel.object()));
        skips.watch_links(&self.set_links);
        for (part, links) in &self.beside {
            skips.watch_programs(part.skel.object());
            skips.watch_links(links);
        }
    }

    /// Takes everything down; what was loaded stays.
    pub(super) fn detach(&mut self) {
        self.set_links.clear();
        self.beside.iter_mut().for_each(|(_, links)| links.clear());
    }

    /// Loads and attaches what the hook set does not see by itself, unless that has been done.
    pub(super) fn complete(&mut self, base: &Part<'_>, options: &Options) {
        if std::mem::replace(&mut self.complete, true) {
            return;
        }
        for optional in hooks::optional(options.extras) {
            let chosen = optional.choose(&self.kernel);
            let attached = chosen.zip(self.slots.next()).and_then(|(chosen, slot)| {
                let set = self.hooks.set;
                let part = Part::load(slot, set, chosen, &self.kernel, options, Some(&base.skel)).ok()?;
                let links = part.attach().ok()?;
                Some((part, links))
            });
            match attached {
                Some(attached) => self.beside.push(attached),
                None => self.hooks.unseen.push(optional.what),
            }
        }
    }

    /// Moves to the next hook set that the kernel takes and that is not known to lose opens, if there is one. Both are
    /// attached for a moment, and one byte says which of them reports: no open is missed, and one may come twice only if
    /// it was between the two just then.
    ///
    /// # Errors
    /// If the kernel side cannot be told; the reason is for people to read.
    pub(super) fn move_on(&mut self, base: &Part<'_>, options: &Options, skips: &mut Skips) -> Result<bool, String> {
        let order = probe::order(probe::Preemption::Full, self.kernel.has_lossless_probes());
        for set in order.into_iter().filter(|set| *set != self.hooks.set && !self.hooks.left.contains(set)) {
            let Some(slot) = self.slots.next() else { break };
            let attempt = hooks::choose_set(set, options.extras, &self.kernel)
                .and_then(|chosen| Part::load(slot, set, chosen, &self.kernel, options, Some(&base.skel)))
                .and_then(|part| Ok((part.attach()?, part)));
            if let Ok((links, part)) = attempt {
                part::set_filter(&base.skel, &options.filter, options, set).map_err(|why| why.to_string())?;
                skips.forget_links(&self.set_links);
                self.set_links = links;
                skips.watch_links(&self.set_links);
                skips.watch_programs(part.skel.object());
                self.sets.push(part);
                self.hooks.left.push(std::mem::replace(&mut self.hooks.set, set));
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
    fn hooks_that_see_nothing_are_refused() {
        assert!(rustix::process::geteuid().is_root(), "this test loads BPF programs: run it as root");
        let (kernel, options, mut slot) = (Kernel::new().unwrap(), Options::default(), MaybeUninit::uninit());
        let nothing = Part::load(&mut slot, HookSet::SyscallExit, Vec::new(), &kernel, &options, None).unwrap();
        let why = attach_and_test(nothing, &options).map(drop).expect_err("nothing was attached");
        assert!(why.contains("sees no opens"), "{why}");
    }
}
