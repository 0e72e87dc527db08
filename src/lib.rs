//! opentop: top for file opens.

pub mod app;
pub mod bpf;
pub mod container;
pub mod error;
pub mod escape;
pub mod event;
pub mod filter;
pub mod model;
pub mod names;
pub mod output;
pub mod record;
pub mod source;
pub mod terminal;
pub mod tracer;
pub mod ui;
