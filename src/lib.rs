//! opentop: top for file opens.
//!
//! # Architecture
//!
//! Data flows one way, and state changes in one place:
//!
//! ```text
//! kernel hooks ─▶ ring buffer ─▶ poller ─▶ decode ─▶ bounded channel ─┬▶ App::update ─▶ ui::render ─▶ terminal
//!       └──▶ counts per process ─▶ read each interval ─▶ the same ────┤        └▶ effects, as values
//! recording ─▶ replay ─▶ the same channel ────────────────────────────┴▶ lines, rankings ─▶ output
//! ```
//!
//! What the kernel counts does not depend on what reaches the channel: so losses can be told, and the ranking stays
//! exact. Whatever can fail for want of rights does so before the terminal is touched.
//!
//! | folder or file | what is in it |
//! |---|---|
//! | [`cli`], [`config`], `run`, [`check`], [`child`], [`signals`], [`pager`] | the command line as typed, as meant, and what it starts |
//! | [`event`] | one open, batches of opens, names of errors and flags; knows no BPF |
//! | [`message`] | what flows: opens, counts, totals, losses, the end |
//! | [`names`] | what numbers are called: users, cgroups, containers, units; packages of files |
//! | [`filter`], [`highlight`] | the filter language, and which part of it the kernel can do; colours by it |
//! | [`history`] | what is remembered: the log, its matches, its gaps, folded searches |
//! | [`ranking`] | who opens most: exact counts, counts from events, latencies |
//! | [`bpf`] | the BPF side, in C, and its types |
//! | [`tracer`] | hooks, loading, the ring buffer, decoding, counters, missed runs, facts of the host |
//! | [`mod@report`] | what programs touched: files by what was done with them, searches, programs |
//! | [`recording`] | writing, reading, replaying |
//! | [`mod@remote`] | other hosts over ssh: the far side, and the near one |
//! | [`output`] | text, JSON, CSV; [`output::lines`] writes opens with them, [`output::rankings`] rankings |
//! | `metrics` | counters for Prometheus, in a bounded number of series; HTTP |
//! | [`tui`] | the screen: [`tui::app`] state and its changes, [`tui::ui`] drawing, [`tui::terminal`] bytes in, cells out |
//! | [`bounded`], [`clock`], [`escape`], [`error`], [`mod@format`], [`near`], [`privileges`], [`toml_keys`], [`user_file`] | what anyone may use |
//!
//! Imports run downwards in that table's sense: the screen and the outputs know rankings and histories, those know
//! events and names, and nobody below knows who uses it.

#![allow(rustdoc::private_intra_doc_links, reason = "written for who works on it: cargo doc --document-private-items")]

mod bounded;
mod bpf;
mod check;
mod child;
pub mod cli;
mod clock;
mod config;
pub mod error;
pub mod escape;
mod event;
pub mod filter;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod highlight;
pub mod history;
pub mod message;
mod metrics;
pub mod names;
mod near;
mod output;
mod pager;
mod privileges;
pub mod ranking;
mod recording;
mod remote;
mod report;
mod run;
mod signals;
mod toml_keys;
pub mod tracer;
pub mod tui;
mod user_file;

pub use check::NOT_SEEN;
pub use config::{Refused, Settings, command_line};
pub use report::PATTERNS;

use std::io;

use cli::Cli;
use config::{Config, Environment};
use error::Error;
use run::{agent, diff, live, metrics, record, record_in_files, replay, report, report_command};
use tracer::Options;

/// Does what the command line asks for, as [`command_line`] has read it. The value is the exit status.
///
/// # Errors
/// If it cannot be done; the error says what, why, and what to do, and its exit status.
pub fn run(cli: &Cli, mut settings: Settings) -> Result<u8, Error> {
    if cli.is_verbose() {
        settings.sources.iter().for_each(|source| error::print(format_args!("configuration {source}")));
    }
    match settings.config(Environment::gather())? {
        Config::Live { origin, show, command, at_end } => live(origin, show, &command, at_end),
        Config::Agent => agent(),
        Config::Record { file, rotation, origin, selection, command, at_end } => match rotation {
            Some(rotation) => record_in_files(&file, rotation, origin, &selection, &command, at_end),
            None => record(&file, origin, &selection, &command, at_end),
        },
        Config::Replay { file, speed, show } => replay(&file, speed, show),
        Config::Report { file, selection, form, paper } => report(&file, &selection, form, paper),
        Config::ReportCommand { options, selection, command, form, paper } => {
            report_command(options, &selection, &command, form, paper)
        }
        Config::Diff { files, selection, how, form, paper } => diff(&files, &selection, how, form, paper),
        Config::Metrics { options, to, idle } => metrics(options, &to, idle),
        Config::Check { verbose } => {
            let options = Options { verbose, ..Options::default() };
            check::run(&mut io::stdout().lock(), &options, &settings.sources)
        }
    }
}
