//! opentop: top for file opens.

pub mod app;
pub mod bpf;
mod check;
mod child;
pub mod cli;
pub mod config;
pub mod container;
pub mod error;
pub mod escape;
pub mod event;
pub mod filter;
mod lines;
pub mod model;
pub mod names;
pub mod output;
pub mod record;
mod run;
mod signals;
pub mod source;
mod tables;
pub mod terminal;
pub mod tracer;
pub mod ui;

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
