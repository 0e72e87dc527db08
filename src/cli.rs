//! The command line as typed. What it means is settled in [`crate::config`].

mod options;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Args, Parser, Subcommand};
use libbpf_rs::libbpf_sys;

use crate::remote::args::RemoteArgs;
pub use options::{AtEnd, ColorWhen, DiffForm, Filters, OutputForm, Page, Rate, ReportForm, Shown, Trace, Until};

/// top for file opens: every file that any process on this host opens or fails to open, live.
#[derive(Debug, Parser)]
#[command(
    name = "opentop",
    version,
    long_version = long_version(),
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    after_help = "Exit status: 0 done, 1 failed (one line on stderr says why and what to do), 2 wrong usage.\n\
                  At the screen, ? shows the keys and q quits."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub live: Live,
    /// Read this configuration instead of /etc/opentop.toml and the user's own ~/.config/opentop.toml; each option but
    /// those of one run alone is a key there
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

/// What a report of a fault needs, for `--version`; `-V` is the first line of it.
fn long_version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let commit = option_env!("OPENTOP_COMMIT").unwrap_or("not known: built from sources without it");
        // SAFETY: both only return a constant.
        let (major, minor) = unsafe { (libbpf_sys::libbpf_major_version(), libbpf_sys::libbpf_minor_version()) };
        let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
        let linked = if cfg!(target_feature = "crt-static") { "statically" } else { "dynamically" };
        format!("{}\ncommit {commit}\nlibbpf {major}.{minor}\n{os} {arch}, linked {linked}", env!("CARGO_PKG_VERSION"))
    });
    &TEXT
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a recording
    Record {
        /// The file to write, - for stdout; an existing one is kept unless --force is given
        // Its own id: `file` is the option that filters.
        #[arg(id = "recording", value_name = "FILE")]
        file: PathBuf,
        /// Replace FILE if it exists
        #[arg(long)]
        force: bool,
        /// Write FILE.1, FILE.2 and so on, each a whole recording of this size at most, such as 100M
        #[arg(long, value_name = "SIZE")]
        max_size: Option<String>,
        /// With --max-size: after so many files the oldest is written anew
        #[arg(long, value_name = "N", default_value_t = 5, requires = "max_size", value_parser = clap::value_parser!(u32).range(2..=1000))]
        files: u32,
        #[command(flatten)]
        rate: Rate,
        #[command(flatten)]
        trace: Trace,
        #[command(flatten)]
        at_end: AtEnd,
        #[command(flatten)]
        remote: RemoteArgs,
    },
    /// Show a recording, on the same screens and outputs; needs no privileges
    Replay {
        /// A recording, or lines of `opentop -o json`; - reads stdin
        #[arg(id = "recording", value_name = "FILE")]
        file: PathBuf,
        /// How many times as fast as it was recorded; 0: as fast as possible. On the screen 1 unless given, else 0
        #[arg(long, value_name = "FACTOR", value_parser = values::factor)]
        speed: Option<f64>,
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        shown: Shown,
    },
    /// Tell what the programs of a recording, or a command, touched: what they read, wrote, ran, missed and were denied
    Report {
        /// A recording, or lines of `opentop -o json`; - reads stdin
        #[arg(id = "recording", value_name = "FILE", required_unless_present = "run", conflicts_with = "run")]
        file: Option<PathBuf>,
        /// text, a page for people; json, whose lines the man page tells; depfile, a rule for make for each file that
        /// was written
        #[arg(short, long, value_enum, value_name = "FORM", default_value_t = ReportForm::Text)]
        output: ReportForm,
        /// Work out for what was denied which directory or file denies it, by owner, group and permission bits as they
        /// are on this host now
        #[arg(long)]
        explain: bool,
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        trace: Trace,
    },
    /// Tell what one recording, or report, has and another has not; ends with 0 if nothing, 1 if something, 2 in
    /// trouble, as diff does
    Diff {
        /// A recording, lines of `opentop -o json`, or a report of `opentop report -o json`
        #[arg(value_name = "BEFORE")]
        before: PathBuf,
        /// Another one
        #[arg(value_name = "AFTER")]
        after: PathBuf,
        /// Tell of paths that were opened more than so many times as often
        #[arg(long, value_name = "FACTOR", default_value_t = 2.0, value_parser = values::factor)]
        factor: f64,
        /// Compare names as they are: pids, temporary names, long numbers and hashes are taken for the same otherwise
        #[arg(long)]
        raw: bool,
        /// text, a page for people; json, whose lines the man page tells
        #[arg(short, long, value_enum, value_name = "FORM", default_value_t = DiffForm::Text)]
        output: DiffForm,
        /// Every row of every list
        #[arg(long)]
        all: bool,
        /// When to use colours; auto honours NO_COLOR
        #[arg(long, value_enum, value_name = "WHEN", default_value_t = ColorWhen::Auto)]
        color: ColorWhen,
        #[command(flatten)]
        filters: Filters,
    },
    /// The far side of --host: ssh starts it, nobody else
    #[command(hide = true)]
    Agent,
    /// Count for Prometheus, without looking at single opens: by command, container, unit and error
    Metrics {
        /// Answer at http://ADDRESS/metrics
        #[arg(long, value_name = "ADDRESS", value_parser = values::address, default_value = "127.0.0.1:9435", conflicts_with = "textfile")]
        listen: SocketAddr,
        /// Write this file instead, every interval, for the node exporter's textfile collector; it is removed at the
        /// end
        #[arg(long, value_name = "FILE")]
        textfile: Option<PathBuf>,
        /// A histogram of how long opens took, too
        #[arg(long)]
        latency: bool,
        /// Seconds between two readings of the counters
        #[arg(short, long, value_name = "SECS", default_value_t = 5.0, value_parser = values::seconds)]
        interval: f64,
        /// The hooks to use instead of the best that work
        #[arg(long, value_name = "auto|function|probe|syscall|raw", default_value = "auto")]
        hooks: String,
        /// Seconds after which a command, container or unit that opens nothing loses its series
        #[arg(long, value_name = "SECS", default_value_t = 900.0, hide = true)]
        slots_idle: f64,
    },
    /// Tell whether this host can be traced, with which hooks, and what to do if not
    Check {
        /// Tell what libbpf says too
        #[arg(long)]
        verbose: bool,
    },
}

/// Options of what is shown live.
#[derive(Debug, Args)]
pub struct Live {
    #[command(flatten)]
    pub trace: Trace,
    #[command(flatten)]
    pub shown: Shown,
    #[command(flatten)]
    pub rate: Rate,
    #[command(flatten)]
    pub at_end: AtEnd,
    #[command(flatten)]
    pub remote: RemoteArgs,
    /// Throw away what COMMAND prints while the screen is shown, instead of keeping it for `o`
    #[arg(long, requires = "run", help_heading = "Screen")]
    pub quiet: bool,
}

impl Cli {
    /// Whether what is shown is of another host or another time, whose users are not known here.
    pub(crate) fn shows_elsewhere(&self) -> bool {
        match &self.command {
            None => self.live.remote.is_given(),
            Some(Command::Record { remote, .. }) => remote.is_given(),
            Some(Command::Report { file, .. }) => file.is_some(),
            Some(Command::Replay { .. } | Command::Diff { .. }) => true,
            Some(_) => false,
        }
    }

    /// Whether more is to be told on stderr.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        match &self.command {
            None => self.live.trace.verbose,
            Some(Command::Record { trace, .. } | Command::Report { trace, .. }) => trace.verbose,
            Some(_) => false,
        }
    }
}
