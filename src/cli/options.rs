//! Options that several commands share, in groups.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values::{self, Pids, TextColumns};
use crate::highlight::Colour;
use crate::output::report::By;
use crate::ranking::Sort;
use crate::ranking::openers::Group;
use crate::tui::app::choice::{Chosen, Times};

/// Options that need the kernel.
#[derive(Debug, Args)]
pub struct Trace {
    #[command(flatten)]
    pub filters: Filters,
    /// Size of the ring buffer, such as 512K or 16M: a power of two
    #[arg(long, value_name = "SIZE", default_value = "8M", help_heading = "Tracing")]
    pub ring: String,
    /// The hooks to use instead of the best that work
    #[arg(long, value_name = "auto|function|probe|syscall|raw", default_value = "auto", help_heading = "Tracing")]
    pub hooks: String,
    /// Measure how long each open took, from call to result
    #[arg(long, help_heading = "Tracing")]
    pub latency: bool,
    /// Tell the path of the file that was opened too, links followed
    #[arg(long, help_heading = "Tracing")]
    pub resolve: bool,
    /// Show what is looked up by name and not opened, too: stat, access, readlink and their like. They are counted
    /// apart
    #[arg(long, help_heading = "Tracing")]
    pub lookups: bool,
    /// In JSON, recordings and details, tell the file of the program that each process runs and its parent's command,
    /// where they are known
    #[arg(long, help_heading = "Tracing")]
    pub identity: bool,
    /// With --pid: their descendants too
    #[arg(long, requires = "pid", help_heading = "Filters")]
    pub tree: bool,
    /// Only this cgroup and those below it
    #[arg(long, value_name = "PATH", help_heading = "Filters")]
    pub cgroup: Option<PathBuf>,
    /// Run COMMAND as this user of /etc/passwd, with the groups and an environment of theirs; needs root
    #[arg(long = "as", value_name = "USER", requires = "run", help_heading = "Tracing")]
    pub run_as: Option<OsString>,
    /// With COMMAND: end with it, or wait for all that it has started too, daemons included
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Until::All, requires = "run", help_heading = "Tracing")]
    pub until: Until,
    /// Run this command and show only it and its descendants. It has the privileges that opentop was started with:
    /// under sudo it runs as root, unless --as names somebody else. Without the screen it keeps the terminal and its
    /// three streams, but for its stdout with -o json or csv: that goes to stderr, unless --out takes the lines. ^C is
    /// the command's; twice within a second it ends opentop
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "pid")]
    pub run: Vec<OsString>,
    /// Show opentop's own opens, which are hidden otherwise
    #[arg(long = "self", help_heading = "Tracing")]
    pub show_self: bool,
    /// Where the kernel refuses programs, tell what libbpf says too
    #[arg(long, help_heading = "Tracing")]
    pub verbose: bool,
}

/// Which opens, and until when; of a recording too.
#[derive(Debug, Args)]
pub struct Filters {
    /// Only these processes; commas or blanks separate them, as in -p "$(pidof nginx)". Without the screen opentop ends
    /// when the last of them has ended (of at most 256, and without --tree)
    #[arg(short, long, value_name = "PID[,PID]", value_parser = values::pids, help_heading = "Filters")]
    pub pid: Vec<Pids>,
    /// Only this user
    #[arg(short, long, value_name = "NAME|UID", help_heading = "Filters")]
    pub user: Option<String>,
    /// Only commands whose name matches, the program's or the thread's; a leading ! negates
    #[arg(short, long, value_name = "REGEX", help_heading = "Filters")]
    pub comm: Option<String>,
    /// Only files whose name or path matches, or those of what a link led to; a leading ! negates
    #[arg(short, long, value_name = "REGEX", help_heading = "Filters")]
    pub file: Option<String>,
    /// Only opens that failed
    #[arg(short = 'x', long, help_heading = "Filters")]
    pub failed: bool,
    /// Only opens that failed with one of these errors
    #[arg(short, long, value_name = "NAME[,NAME]", help_heading = "Filters")]
    pub errno: Option<String>,
    /// Only what this expression matches, as in the / prompt: comm:RE file:RE err:ENOENT !pid:1 …
    #[arg(short = 'F', long, value_name = "EXPR", help_heading = "Filters")]
    pub filter: Option<String>,

    /// In filters, @NAME stands for EXPR; in a configuration a table: `[filters]`, and below it NAME = "EXPR"
    #[arg(long, value_name = "NAME=EXPR", value_parser = values::definition, help_heading = "Filters")]
    pub define: Vec<(String, String)>,

    /// Stop after N opens, with --batch after N rankings
    #[arg(short = 'n', long, value_name = "N", value_parser = values::count)]
    #[arg(allow_negative_numbers = true, help_heading = "Output")]
    pub count: Option<u64>,
    /// Stop after SECS seconds; the screen then shows what came until then
    #[arg(short, long, value_name = "SECS", value_parser = values::seconds)]
    #[arg(allow_negative_numbers = true, help_heading = "Output")]
    pub duration: Option<f64>,
    /// Seconds between two readings of the counters, with --batch between two rankings
    #[arg(short, long, value_name = "SECS", default_value_t = 1.0, value_parser = values::seconds)]
    #[arg(allow_negative_numbers = true, help_heading = "Output")]
    pub interval: f64,
}

impl Filters {
    /// All that `--pid` names.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.pid.iter().flat_map(|Pids(pids)| pids.iter().copied()).collect()
    }
}

/// How it is shown.
#[derive(Debug, Args)]
pub struct Shown {
    /// Print the ranking every interval instead of each open, like top -b
    #[arg(short, long, help_heading = "Output")]
    pub batch: bool,
    /// How to show opens; tui on a terminal, text otherwise
    #[arg(short, long, value_enum, value_name = "FORM", help_heading = "Output")]
    pub output: Option<OutputForm>,
    /// Write the lines to this new file instead of stdout, where a command's output may be between them
    #[arg(short = 'O', long, value_name = "FILE", help_heading = "Output")]
    pub out: Option<PathBuf>,
    /// Replace the FILE of --out if it exists
    #[arg(long, requires = "out", help_heading = "Output")]
    pub force: bool,
    #[arg(short, long, value_name = "WHAT", default_value = "process", value_parser = values::group, help_heading = "Ranking")]
    #[arg(help = format!("What the ranking has one row for: {}", values::groups()))]
    pub group_by: Group,
    #[arg(short, long, value_name = "COLUMN", default_value = "rate", value_parser = values::sort, help_heading = "Ranking")]
    #[arg(help = format!("What the ranking is sorted by: {}", values::sorts()))]
    pub sort: Sort,
    /// Who opens more than it closes: the processes that have reached their limit of open descriptors, then those whose
    /// grow fastest, as --sort growth; on the live screen
    #[arg(long, conflicts_with_all = ["sort", "group_by", "batch"], help_heading = "Ranking")]
    pub leaks: bool,
    /// Memory for the events that the screen keeps, such as 64M; a number without a unit is a number of events
    #[arg(long, value_name = "SIZE", default_value = "64M", help_heading = "Screen")]
    pub history: String,
    /// When to use colours; auto honours NO_COLOR
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = ColorWhen::Auto, help_heading = "Screen")]
    pub color: ColorWhen,
    /// Columns of text before the file: time (since the first open), wall, between, comm, process, pid, tid, ppid,
    /// user, op, flags, mode, latency, fd, err, container, unit
    #[arg(long, value_name = "NAME,...", default_value = "time,comm,pid,fd,err", value_parser = values::text_columns, help_heading = "Output")]
    pub columns: TextColumns,
    /// Columns of the screen's list of events, in their order, some with a width: time,pid,comm:20,path
    #[arg(long, value_name = "NAME[:WIDTH],...", value_parser = values::event_columns, help_heading = "Screen")]
    pub event_columns: Option<Chosen>,
    /// Columns of the screen's ranking
    #[arg(long, value_name = "NAME[:WIDTH],...", value_parser = values::ranking_columns, help_heading = "Screen")]
    pub ranking_columns: Option<Chosen>,
    /// What the screen's column TIME tells: the time of day, since the first event, since the row above
    #[arg(long, value_name = "wall|start|between", default_value = "wall", value_parser = values::times, help_heading = "Screen")]
    pub times: Times,
    /// Let the mouse click and scroll from the start
    #[arg(long, help_heading = "Screen")]
    pub mouse: bool,
    /// Write the columns, the grouping and the order that the screen has at its end to the user's own configuration
    #[arg(long, help_heading = "Screen")]
    pub save: bool,
    /// Draw with ASCII only, as where the locale is not of UTF-8 or TERM is linux, vt100 or the like
    #[arg(long, help_heading = "Screen")]
    pub ascii: bool,
    /// Show events for which the filter EXPR holds in this colour: red, green, yellow, blue, magenta, cyan or bold; in
    /// a configuration a table: `[highlight]`, and below it COLOUR = "EXPR"
    #[arg(long, value_name = "COLOUR=EXPR", value_parser = values::highlight, help_heading = "Screen")]
    pub highlight: Vec<(Colour, String)>,
}

/// How a report for people looks.
#[derive(Clone, Copy, Debug, Args)]
pub struct Page {
    /// What the lists are for: all together with their directories, or each program
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = By::Dir)]
    pub by: By,
    /// Every row of every list
    #[arg(long)]
    pub all: bool,
    /// When to use colours; auto honours NO_COLOR
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = ColorWhen::Auto)]
    pub color: ColorWhen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    Text,
    Json,
    Depfile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiffForm {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputForm {
    Tui,
    Text,
    Json,
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    Auto,
    Always,
    Never,
}

/// What the end of a command is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Until {
    /// It has ended.
    Exit,
    /// It and all its descendants have ended.
    #[default]
    All,
}

/// What is told when a command has ended.
#[derive(Clone, Copy, Debug, Args)]
pub struct AtEnd {
    /// With COMMAND: tell at the end what it touched, on the page that `opentop report` writes; on stdout, or on stderr
    /// where lines or a recording go to stdout
    #[arg(long, requires = "run", help_heading = "Output")]
    pub report: bool,
}

/// How many lines there may be.
#[derive(Clone, Copy, Debug, Args)]
pub struct Rate {
    /// Write at most N opens a second, as 1000/s or 1000; what goes beyond is dropped, and told as lost to the rate
    #[arg(long, value_name = "N/s", value_parser = values::rate, help_heading = "Output")]
    pub rate_limit: Option<u64>,
}
