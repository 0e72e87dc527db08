//! The kernel side as generated from `src/bpf`: the skeleton to load it, and the types of `opentop.h`.

#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::undocumented_unsafe_blocks,
    missing_debug_implementations,
    unsafe_op_in_unsafe_fn
)]

include!(concat!(env!("OUT_DIR"), "/opentop.skel.rs"));
