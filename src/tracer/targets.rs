//! What programs are attached to and what they call in the kernel: both are named by ids among the kernel's types.
//!
//! libbpf would find the ids by itself, but for that it reads all types of the kernel, five megabytes, once for each
//! object. They are known already, from [`super::kernel`]. So the sections of our programs are handled here: libbpf
//! takes the programs for ones that need no types, until the moment before it hands them to the kernel.

use std::cell::RefCell;
use std::ffi::{CStr, c_int, c_long};
use std::slice;
use std::sync::OnceLock;

use libbpf_rs::libbpf_sys::{
    self as sys, BPF_CALL, BPF_JMP, BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_TRACING,
    BPF_PSEUDO_KFUNC_CALL, BPF_TRACE_FENTRY, BPF_TRACE_FEXIT, BPF_TRACE_KPROBE_MULTI, BPF_TRACE_RAW_TP, bpf_insn,
    bpf_prog_load_opts, bpf_program, libbpf_prog_handler_opts,
};

use super::hooks::Chosen;
use crate::bpf::types;

/// A kind of section.
struct Section {
    name: &'static CStr,
    /// What libbpf takes its programs for.
    seems: u32,
    /// What they are.
    is: u32,
    attach: u32,
}

const fn section(name: &'static CStr, seems: u32, is: u32, attach: u32) -> Section {
    Section { name, seems, is, attach }
}

const SECTIONS: &[Section] = &[
    section(c"tp_btf+", BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP),
    section(c"fentry+", BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY),
    section(c"fexit+", BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT),
    section(c"raw_tp+", BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_RAW_TRACEPOINT, 0),
    section(c"kprobe.multi+", BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI),
    section(c"kretprobe.multi+", BPF_PROG_TYPE_KPROBE, BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI),
];

/// The ids for the programs of the object that this thread loads.
struct Targets {
    /// What each program is attached to.
    attach: Vec<(&'static str, u32)>,
    /// The function that stands behind `RDONLY_CAST`.
    cast: Option<u32>,
}

thread_local! {
    static TARGETS: RefCell<Targets> = const { RefCell::new(Targets { attach: Vec::new(), cast: None }) };
}

/// Tells libbpf to leave our sections to us. To be called before an object is opened.
///
/// # Errors
/// If libbpf has no memory for it.
pub(super) fn take_sections() -> libbpf_rs::Result<()> {
    static TAKEN: OnceLock<c_int> = OnceLock::new();
    match *TAKEN.get_or_init(|| SECTIONS.iter().map(register).min().unwrap_or_default()) {
        failed @ ..0 => Err(libbpf_rs::Error::from_raw_os_error(-failed)),
        _ => Ok(()),
    }
}

fn register(section: &Section) -> c_int {
    let opts = libbpf_prog_handler_opts {
        sz: size_of::<libbpf_prog_handler_opts>() as _,
        cookie: section.is.into(),
        prog_prepare_load_fn: Some(prepare),
        ..libbpf_prog_handler_opts::default()
    };
    // SAFETY: libbpf copies what it is given, and the once lock sees that this is not done twice at a time.
    unsafe { sys::libbpf_register_prog_handler(section.name.as_ptr(), section.seems, section.attach, &raw const opts) }
}

/// Sets the ids for what this thread loads next.
pub(super) fn aim(chosen: &[Chosen], cast: Option<u32>) {
    let attach = chosen.iter().filter_map(|chosen| Some((chosen.program, chosen.target?))).collect();
    TARGETS.set(Targets { attach, cast });
}

/// Called by libbpf when all of a program is there, and about to be loaded. `is`: the program's true type.
unsafe extern "C" fn prepare(program: *mut bpf_program, opts: *mut bpf_prog_load_opts, is: c_long) -> c_int {
    // SAFETY: both pointers are libbpf's, valid for this call and not used by anyone else during it.
    let (name, opts) = unsafe { (CStr::from_ptr(sys::bpf_program__name(program)), &mut *opts) };
    TARGETS.with_borrow(|targets| {
        if is == c_long::from(BPF_PROG_TYPE_TRACING) {
            let target = targets.attach.iter().find(|(program, _)| program.as_bytes() == name.to_bytes());
            let Some((_, id)) = target else { return -libc::ESRCH };
            opts.attach_btf_id = *id;
        }
        // SAFETY: as above; setting the instructions copies them.
        unsafe {
            if let Some(cast) = targets.cast {
                let (first, count) = (sys::bpf_program__insns(program), sys::bpf_program__insn_cnt(program));
                let mut instructions = slice::from_raw_parts(first, count as usize).to_vec();
                instructions.iter_mut().for_each(|each| put_in(each, cast));
                let set = sys::bpf_program__set_insns(program, instructions.as_mut_ptr(), count);
                if set < 0 {
                    return set;
                }
            }
            sys::bpf_program__set_type(program, is as u32)
        }
    })
}

/// Makes a call of the stand-in a call of the function with the id `cast`.
fn put_in(instruction: &mut bpf_insn, cast: u32) {
    const CALL: u32 = BPF_JMP | BPF_CALL;
    let is_call = u32::from(instruction.code) == CALL && instruction.src_reg() == 0;
    if is_call && instruction.imm == types::stand_in::RDONLY_CAST.0 as i32 {
        instruction.set_src_reg(BPF_PSEUDO_KFUNC_CALL as u8);
        instruction.imm = cast as i32;
    }
}
