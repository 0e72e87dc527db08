//! The screen: [`app`] is its state and the one way in which it changes, `ui` draws, `terminal` reads bytes and
//! paints cells. None of them knows how it is driven: that is `run`, the loop, which alone sees all three.

pub mod app;
mod effect;
pub(crate) mod input;
mod run;
pub(crate) mod terminal;
pub(crate) mod ui;
mod worker;

pub use run::{Control, run};
