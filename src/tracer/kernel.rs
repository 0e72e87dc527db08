//! What the running kernel has of that which the BPF side depends on, as its own type information (BTF) tells.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;

use libbpf_rs::ReferencesType as _;
use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{Func, FuncProto, Ptr, Struct, Typedef};

use super::programs;

/// The kernel's own type information. libbpf reads it from here too.
pub const BTF_PATH: &str = "/sys/kernel/btf/vmlinux";

/// Came with return probes that are built on the function graph tracer, in 6.14.
const LOSSLESS_PROBES: &str = "fprobe_hlist";

const LOOP: &str = "bpf_loop";

/// Gives pointers a type, since 6.2.
const CAST: &str = "bpf_rdonly_cast";

/// What the kernel has, of what is asked for here and in [`programs`].
#[derive(Debug)]
pub(super) struct Kernel {
    functions: HashSet<&'static str>,
    /// How many parameters the programs of a tracepoint have, the hidden first one included; by the name of their type.
    tracepoints: HashMap<&'static str, u32>,
    lossless_probes: bool,
}

impl Kernel {
    /// Reads the kernel's types, once.
    ///
    /// # Errors
    /// If the kernel does not describe itself, or in a way that libbpf does not know.
    pub(super) fn new() -> Result<Self, String> {
        let btf = Btf::from_vmlinux().map_err(|why| format!("{BTF_PATH}: {why:#}"))?;
        let (functions, tracepoints) = programs::needed();
        let wanted = |names: Vec<&'static str>| names.into_iter().collect::<HashSet<_>>();
        let (functions, tracepoints) = (wanted([functions, vec![LOOP, CAST]].concat()), wanted(tracepoints));
        // A pass over all types for each kind: libbpf's own search would be one for each name.
        let name = |name: Option<&OsStr>, of: &HashSet<&'static str>| of.get(name?.to_str()?).copied();
        Ok(Self {
            functions: btf.type_by_kind().filter_map(|found: Func<'_>| name(found.name(), &functions)).collect(),
            tracepoints: btf
                .type_by_kind()
                .filter_map(|found: Typedef<'_>| Some((name(found.name(), &tracepoints)?, parameters(&found)?)))
                .collect(),
            lossless_probes: btf.type_by_name::<Struct<'_>>(LOSSLESS_PROBES).is_some(),
        })
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
        self.lossless_probes
    }
}

/// How many parameters a pointer to a function takes.
fn parameters(pointer: &Typedef<'_>) -> Option<u32> {
    let pointer = Ptr::try_from(pointer.referenced_type()).ok()?;
    let function = FuncProto::try_from(pointer.referenced_type()).ok()?;
    u32::try_from(function.len()).ok()
}
