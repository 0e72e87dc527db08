//! The screen: [`app`] is its state and the one way in which it changes, [`ui`] draws, [`terminal`] reads keys and
//! paints cells.

pub mod app;
pub mod terminal;
pub mod ui;
