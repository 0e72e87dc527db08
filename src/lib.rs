//! opentop: top for file opens.
//!
//! Data flows one way, and changes state in one place:
//!
//! ```text
//! kernel hooks ─▶ ring buffer ─▶ poller ─▶ decode ─▶ bounded channel ─┬▶ App::update ─▶ ui::render ─▶ terminal
//!       └──▶ counts per process ─▶ read each interval ─▶ the same ────┤        └▶ effects, as values
//! recording ─▶ replay ─▶ the same channel ────────────────────────────┴▶ lines, tables ─▶ output
//! ```
//!
//! * A [`source`] is the kernel ([`tracer`]) or a recording ([`mod@record`]). Both send the same [`source::Message`]s: opens
//!   in batches, counts, the end. What the kernel counts does not depend on what reaches the channel, so that losses
//!   can be told and the ranking stays exact.
//! * An open is an [`event::OpenEvent`], made from the bytes that `src/bpf/opentop.h` describes, its texts made
//!   displayable by [`escape`] once and for all. [`model`] keeps and counts opens, [`filter`] chooses among them,
//!   [`names`] and [`container`] tell what their numbers are called.
//! * The screen is [`app`] (its state, and the one way in which it changes), [`ui`] (drawing, which only reads) and
//!   [`terminal`] (input, output, and leaving it as it was). Without the screen, `lines` writes opens and `tables`
//!   writes rankings, each in a form of [`output`].
//! * [`cli`] is the command line as typed, [`config`] as meant, `run` starts what it asks for; whatever can fail does so
//!   before the terminal is touched, with an [`error`] that says what to do.

pub mod accounts;
pub mod app;
pub mod bounded;
pub mod bpf;
mod check;
mod child;
pub mod cli;
pub mod clock;
pub mod config;
pub mod container;
mod ending;
pub mod error;
pub mod escape;
pub mod event;
pub mod filter;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod lines;
pub mod model;
pub mod names;
pub mod output;
pub mod privileges;
pub mod record;
mod run;
mod signals;
pub mod source;
mod tables;
pub mod terminal;
pub mod tracer;
pub mod ui;
pub mod user_file;

pub use check::NOT_SEEN;

use std::io;

use cli::Cli;
use config::{Config, Surroundings};
use error::Error;
use run::{live, record, replay};
use tracer::Options;

/// Does what the command line asks for. The value is the exit status.
///
/// # Errors
/// If it cannot be done; the error says what, why, and what to do, and its exit status.
pub fn run(cli: Cli) -> Result<u8, Error> {
    match Config::new(cli, Surroundings::gather())? {
        Config::Live { options, show, command } => live(options, show, &command),
        Config::Record { file, replace, options, show, command } => record(&file, replace, options, show, &command),
        Config::Replay { file, speed, show } => replay(&file, speed, show),
        Config::Check => check::run(&mut io::stdout().lock(), &Options::default()),
    }
}
