//! The BPF side as generated from `src/bpf`: the skeleton to load it, and the types of `opentop.h`.

mod generated {
    #![allow(
        clippy::all,
        clippy::pedantic,
        clippy::unwrap_used,
        clippy::undocumented_unsafe_blocks,
        missing_debug_implementations,
        unreachable_pub,
        unsafe_op_in_unsafe_fn
    )]

    pub mod opentop {
        include!(concat!(env!("OUT_DIR"), "/opentop.skel.rs"));
    }
    pub mod lookups {
        include!(concat!(env!("OUT_DIR"), "/lookups.skel.rs"));
    }
}

pub use generated::lookups::{LookupsSkel, LookupsSkelBuilder};
pub use generated::opentop::*;

/// The object of a skeleton, which the build has compressed.
fn unpack(object: &[u8]) -> Vec<u8> {
    zstd::decode_all(object).expect("build.rs wrote it")
}

/// Types of `opentop.h`: integers and arrays of integers, without padding.
///
/// # Safety
/// Every byte of the type belongs to an integer.
pub unsafe trait Plain: Copy {}

// SAFETY: `opentop.h` pads them by hand.
unsafe impl Plain for types::open_event {}
// SAFETY: as above.
unsafe impl Plain for types::process_key {}
// SAFETY: as above.
unsafe impl Plain for types::process_record {}
// SAFETY: as above.
unsafe impl Plain for types::filter {}

// A change of these sizes changes the protocol between the two sides; the sum of the fields shows that nothing pads.
const _: () = assert!(size_of::<types::open_event>() == 6 * 8 + 5 * 4 + 5 * 2 + 1 + 1 + 16 + 16);
const _: () = assert!(size_of::<types::process_key>() == 8 + 4 + 4);
const _: () = assert!(size_of::<types::process_count>() == 3 * 3 * 8 + 2 * 4 + 16 + 2 * 4);
const _: () =
    assert!(size_of::<types::process_record>() == size_of::<types::process_key>() + size_of::<types::process_count>());
const _: () = assert!(size_of::<types::filter>() == 5 + 1 + 1 + 1 + 4);

/// The bytes of `value`, as the BPF side reads them.
pub fn as_bytes<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: a `Plain` has no padding, so all of its bytes are initialised.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// The value that `bytes` begin with, if they are enough.
pub fn from_bytes<T: Plain>(bytes: &[u8]) -> Option<T> {
    // SAFETY: any bytes make a valid `Plain`, there are enough of them, and the read does not need alignment.
    (bytes.len() >= size_of::<T>()).then(|| unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// A command name as the kernel keeps it, without its NULs.
pub fn comm_bytes(comm: &[i8; 16]) -> &[u8] {
    // SAFETY: an i8 is a byte, and every byte is a u8.
    let bytes = unsafe { &*std::ptr::from_ref(comm).cast::<[u8; 16]>() };
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}
