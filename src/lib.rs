//! opentop: top for file opens.

pub mod escape;
pub mod event;
pub mod source;
