//! opentop: top for file opens.

pub mod bpf;
pub mod escape;
pub mod event;
pub mod source;
