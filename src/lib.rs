//! opentop: top for file opens.

pub mod app;
pub mod container;
pub mod escape;
pub mod event;
pub mod filter;
pub mod model;
pub mod names;
pub mod source;
pub mod terminal;
pub mod ui;
