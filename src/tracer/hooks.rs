//! The hook sets, and the programs of the one BPF object that each of them is made of.
//!
//! A set is one way to see system calls return. To every set come the same extras, where the kernel has them: programs
//! that were started, opens by io_uring and by the kernel itself, children of followed processes, the beginning of a
//! call for its latency.

use libbpf_rs::{KprobeMultiOpts, Link, Object, OpenObject};

use super::hook_set::HookSet;
use super::kernel::Kernel;
use super::programs::{AttachTo, Needs, Role, SETUP_NEW_EXEC, Spec, find, has_role, programs};

/// What is wanted in addition to the opens of system calls. Children and latency are asked for by options, and without
/// them a set is of no use; the others are left out, and said to be, where the kernel does not have them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Programs that were started.
    pub programs: bool,
    /// Opens by io_uring.
    pub rings: bool,
    /// Files that the kernel opens itself.
    pub kernel: bool,
    /// Children of wanted processes.
    pub children: bool,
    /// How long each open took.
    pub latency: bool,
    /// The opened file's own path.
    pub resolve: bool,
    /// Look-ups too.
    pub lookups: bool,
}

/// The calls without which a set of functions is of no use.
const INDISPENSABLE: [&str; 2] = ["openat_return", "fstatat_lookup"];

const NO_TRAMPOLINES: &str = "this host allows no programs at the kernel's functions";

/// A program that will be loaded, and the kernel's function that it attaches to, if it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    program: &'static str,
    function: Option<&'static str>,
}

impl Chosen {
    /// Whether it sees look-ups by io_uring.
    pub(super) fn is_for_rings(&self) -> bool {
        has_role(self.program, |role| role == Role::LookupRing)
    }

    /// Whether it is attached to nothing, and so sees no open.
    #[cfg(test)]
    pub(super) fn is_attached_to_nothing(&self) -> bool {
        find(self.program).is_some_and(|spec| matches!(spec.attach_to, AttachTo::Nothing))
    }
}

impl Spec {
    /// Chooses the program, if the kernel has what it needs.
    fn choose(&self, kernel: &Kernel) -> Option<Chosen> {
        let chosen = |function| Chosen { program: self.program, function };
        match &self.needs {
            Needs::Nothing => Some(chosen(None)),
            Needs::Tracepoint(name, parameters) => {
                kernel.tracepoint(name).filter(|count| parameters.contains(count)).map(|_| chosen(None))
            }
            Needs::Function(names) => {
                names.iter().find_map(|name| kernel.function(name)).map(|name| chosen(Some(name)))
            }
        }
    }
}

/// Whether a program belongs to a hook set, and is not optional.
pub(super) fn is_of_set(program: &str) -> bool {
    has_role(program, |role| matches!(role, Role::Set(_) | Role::Call))
}

/// Whether an open or a look-up is lost when a run of a program is missed; without its beginning it only has no
/// latency.
pub(super) fn sees_opens(program: &str) -> bool {
    has_role(program, |role| !matches!(role, Role::Base | Role::Entry(_)))
}

/// Opens that a set does not see by itself, and the programs that do.
pub(super) struct Optional {
    pub(super) what: &'static str,
    role: Role,
    /// What the names of the programs begin with, each of which is needed.
    programs: &'static [&'static str],
}

/// How many of them there can be.
pub(super) const OPTIONAL: usize = 3;

/// The optional programs that are wanted beside a set. Where that is of probes, starts of programs are probed too.
pub(super) fn optional(extras: Extras, set: HookSet, kernel: &Kernel) -> impl Iterator<Item = Optional> + use<> {
    let probed = set == HookSet::Probes && kernel.can_cast() && kernel.function(SETUP_NEW_EXEC).is_some();
    let (role, hooks) = if probed { (Role::ProbedExec, &["exec_probed"]) } else { (Role::Exec, &["exec_done"]) };
    let programs = Optional { what: "programs that are started", role, programs: hooks };
    let rings = Optional { what: "opens by io_uring", role: Role::Ring, programs: &["ring_submit", "ring_complete"] };
    let kernel = Optional {
        what: "the kernel's own opens",
        role: Role::Kernel,
        programs: &["open_exec_return", "filp_open_return"],
    };
    let all: [_; OPTIONAL] = [(extras.programs, programs), (extras.rings, rings), (extras.kernel, kernel)];
    all.into_iter().filter_map(|(wanted, each)| wanted.then_some(each))
}

impl Optional {
    /// The programs.
    ///
    /// # Errors
    /// If this kernel does not have everything for them: what it lacks.
    pub(super) fn choose(&self, kernel: &Kernel) -> Result<Vec<Chosen>, String> {
        if self.role == Role::Kernel && !kernel.trampolines {
            return Err(NO_TRAMPOLINES.into());
        }
        let chosen = choose(|role| role == self.role, kernel)?;
        let lacks = |program: &&&str| !chosen.iter().any(|chosen| chosen.program.starts_with(**program));
        match self.programs.iter().find(lacks) {
            Some(program) => Err(format!("the kernel has nothing for {program}")),
            None => Ok(chosen),
        }
    }

    /// Whether its programs attach to what those of the set do, or to tracepoints, so that they can be loaded with it.
    pub(super) fn joins(&self, set: HookSet) -> bool {
        self.role != Role::Kernel || set == HookSet::Functions
    }

    /// Whether its programs are among those.
    pub(super) fn is_in(&self, chosen: &[Chosen]) -> bool {
        chosen.iter().any(|chosen| has_role(chosen.program, |role| role == self.role))
    }
}

/// The programs of a set, with those that are asked for by options, that this kernel has everything for.
///
/// # Errors
/// If the set cannot be used, with the reason.
pub(super) fn choose_set(set: HookSet, extras: Extras, kernel: &Kernel) -> Result<Vec<Chosen>, String> {
    if set != HookSet::SyscallExitRaw && !kernel.has_loops() {
        return Err("the kernel has no bpf_loop(), which came with 5.17".into());
    }
    if set == HookSet::Functions && !kernel.trampolines {
        return Err(NO_TRAMPOLINES.into());
    }
    let wanted = |role| match role {
        Role::Set(of) => of == set,
        Role::Call => set == HookSet::Functions || set == HookSet::Probes,
        Role::Children => extras.children,
        Role::Entry(of) => extras.latency && of.contains(&set),
        Role::Base | Role::Exec | Role::ProbedExec | Role::Ring | Role::Kernel => false,
        Role::Lookup(_) | Role::LookupCall | Role::LookupRing => false,
    };
    choose(wanted, kernel)
}

/// What the object that has the maps needs, whatever its hook set.
///
/// # Errors
/// If the kernel has not everything for it.
pub(super) fn choose_base(kernel: &Kernel) -> Result<Vec<Chosen>, String> {
    let chosen = choose(|role| role == Role::Base, kernel)?;
    let all = programs().filter(|spec| spec.role == Role::Base).count();
    if chosen.len() < all { Err("the kernel does not tell when processes end".into()) } else { Ok(chosen) }
}

/// The programs for the look-ups that a set sees, and those for look-ups by io_uring, of which the kernel may have
/// none.
///
/// # Errors
/// If the set cannot see look-ups, with the reason.
pub(super) fn choose_lookups(set: HookSet, kernel: &Kernel) -> Result<(Vec<Chosen>, Vec<Chosen>), String> {
    let wanted = |role| match role {
        Role::Lookup(of) => of == set,
        Role::LookupCall => set == HookSet::Functions || set == HookSet::Probes,
        _ => false,
    };
    Ok((choose(wanted, kernel)?, choose(|role| role == Role::LookupRing, kernel)?))
}

fn choose(wanted: impl Fn(Role) -> bool, kernel: &Kernel) -> Result<Vec<Chosen>, String> {
    let mut chosen = Vec::new();
    for spec in programs().filter(|spec| wanted(spec.role) && spec.fits(kernel.has_loops())) {
        match spec.choose(kernel) {
            Some(found) => chosen.push(found),
            None if matches!(spec.role, Role::Set(_) | Role::Lookup(_)) || INDISPENSABLE.contains(&spec.program) => {
                return Err(format!("the kernel has nothing for {}", spec.program));
            }
            None => {}
        }
    }
    Ok(chosen)
}

/// Lets exactly the chosen programs be loaded. Where return probes are used, the calls' own programs are not.
///
/// # Errors
/// If a program cannot be given its function.
pub(super) fn select(object: &mut OpenObject, set: HookSet, chosen: &[Chosen]) -> libbpf_rs::Result<()> {
    for mut program in object.progs_mut() {
        let name = program.name().to_string_lossy();
        let probed = set == HookSet::Probes && has_role(&name, is_call);
        let chosen = chosen.iter().find(|chosen| name == chosen.program && !probed);
        program.set_autoload(chosen.is_some());
        let has_target = find(&name).is_some_and(|spec| matches!(spec.attach_to, AttachTo::Trampoline));
        if let Some(function) = chosen.and_then(|chosen| chosen.function).filter(|_| has_target) {
            program.set_attach_target(0, Some(function.to_owned()))?;
        }
    }
    Ok(())
}

/// What keeps programs attached.
#[derive(Default)]
pub(super) struct Links {
    /// Of a hook set, which another set can replace.
    pub(super) set: Vec<Link>,
    /// Of the optional hooks, and of what every set needs.
    pub(super) others: Vec<Link>,
}

/// Attaches what was loaded.
pub(super) fn attach(object: &Object, chosen: &[Chosen]) -> libbpf_rs::Result<Links> {
    let mut links = Links::default();
    for program in object.progs_mut().filter(|program| program.autoload()) {
        let Some(spec) = program.name().to_str().and_then(find) else { continue };
        let link = match spec.attach_to {
            AttachTo::Nothing => continue,
            AttachTo::Trampoline => program.attach_trace()?,
            AttachTo::RawTracepoint(name) => program.attach_raw_tracepoint(name)?,
            AttachTo::Probes { at_return } => {
                program.attach_kprobe_multi_with_opts(probes(chosen, |of| has_role(of.program, is_call), at_return))?
            }
            AttachTo::Probe { at_return } => {
                program.attach_kprobe_multi_with_opts(probes(chosen, |of| of.program == spec.program, at_return))?
            }
        };
        let stays = matches!(spec.role, Role::Base | Role::Exec | Role::ProbedExec | Role::Ring | Role::Kernel);
        if stays { &mut links.others } else { &mut links.set }.push(link);
    }
    Ok(links)
}

/// Whether it is for the function of one call.
fn is_call(role: Role) -> bool {
    matches!(role, Role::Call | Role::LookupCall)
}

/// Nobody wants the cookies, but Linux 6.18 follows a null pointer where there are none and somebody reads the link's
/// fdinfo, as lsof does, or opentop for the count of losses.
fn probes(chosen: &[Chosen], is_probed: impl Fn(&Chosen) -> bool, retprobe: bool) -> KprobeMultiOpts {
    let probed = chosen.iter().filter(|chosen| is_probed(chosen));
    let symbols: Vec<String> = probed.filter_map(|chosen| chosen.function).map(str::to_owned).collect();
    KprobeMultiOpts { cookies: vec![0; symbols.len()], symbols, retprobe, ..KprobeMultiOpts::default() }
}
