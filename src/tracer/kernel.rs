//! The running kernel as its own type information describes it, as far as the kernel side depends on it.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;

use libbpf_rs::libbpf_sys::bpf_object_open_opts;
use rustix::fs::MemfdFlags;

use super::btf::{Btf, Wanted};
use super::hooks;

/// The structs whose fields the kernel side reads: those of `vmlinux.h`.
const STRUCTS: &[&str] = &[
    "cgroup",
    "cred",
    "css_set",
    "delayed_filename",
    "dentry",
    "fdtable",
    "file",
    "filename",
    "files_struct",
    "fs_struct",
    "hlist_bl_node",
    "io_kiocb",
    "io_open",
    "io_uring_cqe",
    "kernfs_node",
    "linux_binprm",
    "mount",
    "open_how",
    "path",
    "pt_regs",
    "qstr",
    "signal_struct",
    "task_struct",
    "thread_info",
    "user_pt_regs",
    "vfsmount",
];

/// Came with return probes that are built on the function graph tracer, in 6.14.
const LOSSLESS_PROBES: &str = "fprobe_hlist";

const LOOP: &str = "bpf_loop";

/// Gives pointers a type, since 6.2.
const CAST: &str = "bpf_rdonly_cast";

/// The structs that pointers are given as their types: the enum opentop_type of `vmlinux.h`.
const TYPED: &[&str] =
    &["task_struct", "fs_struct", "files_struct", "file", "dentry", "vfsmount", "mount", "linux_binprm"];

/// The values of that enum on this kernel: none, where pointers cannot be given types.
fn type_ids(btf: &Btf) -> Vec<(String, u32)> {
    let id = |name: &'static str| Some((format!("TYPE_{name}"), btf.struct_id(name)?));
    let ids: Option<Vec<_>> = btf.function_id(CAST).and_then(|_| TYPED.iter().map(|name| id(name)).collect());
    ids.unwrap_or_default()
}

/// The types that the kernel side reads, for libbpf: a file that has no name, and a path to it.
#[derive(Debug)]
pub(super) struct Excerpt {
    file: File,
    path: CString,
}

impl Excerpt {
    /// An empty one.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(super) fn new() -> Result<Self, String> {
        let file = rustix::fs::memfd_create("opentop-btf", MemfdFlags::CLOEXEC);
        let file = File::from(file.map_err(|why| format!("cannot make a file in memory: {why}"))?);
        let path = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(|why| why.to_string())?;
        Ok(Self { file, path })
    }

    /// It is there as long as this, and holds nothing before a [`Kernel`] is made with it.
    pub(super) fn path(&self) -> &CStr {
        &self.path
    }
}

/// What the kernel has.
#[derive(Debug)]
pub(super) struct Kernel {
    btf: Btf,
    excerpt: Excerpt,
}

impl Kernel {
    /// Reads the kernel's types, which takes some milliseconds, and fills `excerpt`.
    ///
    /// # Errors
    /// If the kernel does not describe itself, or in a way that is not known.
    pub(super) fn new(mut excerpt: Excerpt) -> Result<Self, String> {
        let (mut functions, typedefs) = hooks::needed();
        functions.extend([LOOP, CAST]);
        let structs = [STRUCTS, &[LOSSLESS_PROBES]].concat();
        let wanted = Wanted { functions: &functions, typedefs: &typedefs, structs: &structs };
        let btf = Btf::of_kernel(&wanted)?;
        let types = btf.excerpt("opentop_type", &type_ids(&btf));
        excerpt.file.write_all(&types).map_err(|why| format!("cannot write a file in memory: {why}"))?;
        Ok(Self { btf, excerpt })
    }

    /// As [`Kernel::new`], with an excerpt of its own.
    ///
    /// # Errors
    /// As there.
    pub(super) fn of_host() -> Result<Self, String> {
        Self::new(Excerpt::new()?)
    }

    /// The id of a function.
    pub(super) fn function(&self, name: &'static str) -> Option<u32> {
        self.btf.function_id(name)
    }

    /// Whether programs may call a function in a loop.
    pub(super) fn has_loops(&self) -> bool {
        self.function(LOOP).is_some()
    }

    /// The id of the function that gives pointers a type.
    pub(super) fn cast(&self) -> Option<u32> {
        self.function(CAST)
    }

    /// The id of the type of a tracepoint's programs, and how many parameters they have, the hidden first one included.
    pub(super) fn tracepoint(&self, programs: &'static str) -> Option<(u32, u32)> {
        self.btf.pointer_to_function(programs)
    }

    /// Whether return probes lose nothing.
    pub(super) fn has_lossless_probes(&self) -> bool {
        self.btf.struct_id(LOSSLESS_PROBES).is_some()
    }

    /// The path of the excerpt.
    pub(super) fn types(&self) -> &CStr {
        self.excerpt.path()
    }
}

/// Options for opening an object that let libbpf read the types at `path`, which must outlive the opening. They are read
/// when it is loaded.
pub(super) fn open_options(path: &CStr) -> bpf_object_open_opts {
    bpf_object_open_opts {
        sz: size_of::<bpf_object_open_opts>() as _,
        btf_custom_path: path.as_ptr(),
        ..bpf_object_open_opts::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn the_structs_are_those_of_vmlinux_h() {
        let header = include_str!("../bpf/vmlinux.h");
        let structs = header.lines().filter_map(|line| line.strip_prefix("struct ")?.strip_suffix(" {"));
        let structs: BTreeSet<&str> = structs.filter(|name| !name.contains("___")).collect();
        let typed = header.lines().filter_map(|line| line.trim().strip_prefix("TYPE_")?.split([',', ' ']).next());
        assert_eq!(super::TYPED, typed.collect::<Vec<_>>());
        assert_eq!(super::STRUCTS.iter().copied().collect::<BTreeSet<_>>(), structs);
    }
}
