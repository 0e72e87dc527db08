//! What the running kernel has of that which the BPF side depends on, as its own type information (BTF) tells.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use libbpf_rs::btf::types::{FuncProto, Ptr, Typedef};
use libbpf_rs::btf::{Btf, BtfKind, BtfType};
use libbpf_rs::{ProgramType, ReferencesType as _};

use super::programs;

/// The kernel's own type information. libbpf reads it from here too.
pub const BTF_PATH: &str = "/sys/kernel/btf/vmlinux";

/// What return probes of many functions are made of, since 5.18.
const PROBES: &str = "fprobe";

/// What a return was remembered in before 6.14, of which there could be too few. Kernels that had it are not changed
/// any more, so that no new name can hide it, as one could hide a sign of those that lose nothing.
const LOSSY_PROBES: &str = "fprobe_rethook_node";

const LOOP: &str = "bpf_loop";

/// Gives pointers a type, since 6.2.
const CAST: &str = "bpf_rdonly_cast";

/// What the kernel has, of what is asked for here and in [`programs`].
#[derive(Debug)]
pub(super) struct Kernel {
    functions: HashSet<&'static str>,
    /// How many parameters the programs of a tracepoint have, the hidden first one included; by the name of their type.
    tracepoints: HashMap<&'static str, u32>,
    probes: bool,
    lossy_probes: bool,
    /// Whether programs may be attached to the kernel's functions, where it has what they need.
    pub(super) trampolines: bool,
}

impl Kernel {
    /// Reads the kernel's types, once.
    ///
    /// # Errors
    /// If the kernel does not describe itself, or in a way that libbpf does not know.
    pub(super) fn new() -> Result<Self, String> {
        let btf = Btf::from_vmlinux().map_err(|why| format!("{BTF_PATH}: {why:#}"))?;
        let (functions, tracepoints) = programs::needed();
        let (functions, tracepoints) = (sorted([functions, vec![LOOP, CAST]].concat()), sorted(tracepoints));
        let mut kernel = Self {
            functions: HashSet::new(),
            tracepoints: HashMap::new(),
            probes: false,
            lossy_probes: false,
            // What cannot be told is seen when they are loaded.
            trampolines: ProgramType::Tracing.is_supported().unwrap_or(true),
        };
        // One pass over all types: libbpf's own search would be one for each name.
        for found in btf.type_by_kind::<BtfType<'_>>() {
            let Some(name) = found.name() else { continue };
            match found.kind() {
                BtfKind::Func => kernel.functions.extend(among(&functions, name)),
                BtfKind::Typedef => {
                    let parameters = || parameters(&Typedef::try_from(found).ok()?);
                    let programs = among(&tracepoints, name);
                    kernel.tracepoints.extend(programs.and_then(|programs| Some((programs, parameters()?))));
                }
                BtfKind::Struct => {
                    kernel.probes |= name == PROBES;
                    kernel.lossy_probes |= name == LOSSY_PROBES;
                }
                _ => {}
            }
        }
        Ok(kernel)
    }

    /// The function, if it is there.
    pub(super) fn function(&self, name: &'static str) -> Option<&'static str> {
        self.functions.get(name).copied()
    }

    /// Whether programs may call a function in a loop.
    pub(super) fn has_loops(&self) -> bool {
        self.function(LOOP).is_some()
    }

    /// Whether pointers can be given types.
    pub(super) fn can_cast(&self) -> bool {
        self.function(CAST).is_some()
    }

    /// How many parameters a tracepoint's programs have, the hidden first one included; by the name of their type.
    pub(super) fn tracepoint(&self, programs: &'static str) -> Option<u32> {
        self.tracepoints.get(programs).copied()
    }

    /// Whether return probes lose nothing.
    pub(super) fn has_lossless_probes(&self) -> bool {
        self.probes && !self.lossy_probes
    }
}

fn sorted(mut names: Vec<&'static str>) -> Vec<&'static str> {
    names.sort_unstable();
    names
}

/// The one of the sorted names that this is, if it is.
fn among(names: &[&'static str], name: &OsStr) -> Option<&'static str> {
    names.binary_search_by_key(&name.as_bytes(), |name| name.as_bytes()).ok().map(|at| names[at])
}

/// How many parameters a pointer to a function takes.
fn parameters(pointer: &Typedef<'_>) -> Option<u32> {
    let pointer = Ptr::try_from(pointer.referenced_type()).ok()?;
    let function = FuncProto::try_from(pointer.referenced_type()).ok()?;
    u32::try_from(function.len()).ok()
}
