//! The command line as meant: everything that can be checked before anything is started, checked once.

mod environment;
mod file;
mod keys;
mod origin;
mod page;
mod selection;
mod show;
mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::child::Program;
use crate::cli::{Cli, ColorWhen, Command, DiffForm, Filters, Live, OutputForm, Page, ReportForm, Shown, Trace};
use crate::error::Error;
use crate::escape;
use crate::names::Names;
use crate::names::accounts::Account;
use crate::output::report::By;
use crate::ranking::openers::Group;
use crate::tracer::{Extras, Options};
pub use environment::Environment;
pub(crate) use file::user_path;
pub use file::{Refused, Settings, Source, command_line};
pub use origin::Origin;
pub(crate) use origin::of_agent;
use origin::{follows, options, origin};
pub use page::{AtEnd, Paper};
use page::{at_end, paper};
pub use selection::Selection;
use selection::{needs_latency, selection};
pub use show::Show;
use show::{by_descriptors, show};
use values::{hooks, rotation, seconds};

/// What to do.
#[derive(Debug)]
pub enum Config {
    Live {
        origin: Origin,
        show: Show,
        command: Program,
        at_end: Option<AtEnd>,
    },
    Record {
        file: Target,
        rotation: Option<Rotation>,
        origin: Origin,
        selection: Selection,
        command: Program,
        at_end: Option<AtEnd>,
    },
    Replay {
        file: PathBuf,
        speed: f64,
        show: Show,
    },
    Report {
        file: PathBuf,
        selection: Selection,
        form: ReportForm,
        paper: Paper,
    },
    ReportCommand {
        options: Options,
        selection: Selection,
        command: Program,
        form: ReportForm,
        paper: Paper,
    },
    /// `how`: how many times as many opens are told, and whether names are compared as they are.
    Diff {
        files: [PathBuf; 2],
        selection: Selection,
        how: (f64, bool),
        form: DiffForm,
        paper: Paper,
    },
    /// The far side of another host's screen.
    Agent,
    /// `idle`: after so long a value without opens loses its series.
    Metrics {
        options: Options,
        to: MetricsTo,
        idle: Duration,
    },
    /// What libbpf says too.
    Check {
        verbose: bool,
    },
}

/// Where metrics go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsTo {
    Http(SocketAddr),
    File(PathBuf),
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `-` is stdout where a recording is written.
    pub path: PathBuf,
    /// An existing regular file may go.
    pub replace: bool,
}

/// How large the files of a recording get, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    pub bytes: u64,
    pub files: u32,
}

impl Config {
    /// What `cli` means in this environment.
    ///
    /// # Errors
    /// If it cannot be meant: an option's value makes no sense, or two options contradict each other.
    pub fn new(cli: Cli, environment: Environment) -> Result<Self, Error> {
        Ok(match cli.command {
            None => live(cli.live, environment)?,
            Some(Command::Record { file, force, max_size, files, rate, trace, at_end: asked, remote }) => {
                let (mut selection, origin) = origin(&trace, &remote)?;
                needs_latency(trace.latency, &selection.filter, None)?;
                selection.rate = rate.rate_limit;
                let rotation = max_size.map(|size| rotation(&size, files, &file)).transpose()?;
                let at_end = at_end(asked, file != Path::new("-"), ColorWhen::Auto, environment);
                let file = Target { path: file, replace: force };
                Config::Record { file, rotation, origin, selection, command: program(trace)?, at_end }
            }
            Some(Command::Replay { file, speed, filters, shown }) => {
                replay(file, speed, &filters, &shown, environment)?
            }
            Some(Command::Report { file, output: form, explain, page, trace }) => {
                let paper = Paper { explain, ..paper(page, form == ReportForm::Text, environment) };
                report(file, trace, form, paper)?
            }
            Some(Command::Diff { before, after, factor, raw, output: form, all, color, filters }) => {
                if !(factor.is_finite() && factor >= 1.0) {
                    return Err(Error::value("factor", factor, "a factor of 1 or more is needed"));
                }
                needs_no_duration(&filters)?;
                let page = Page { by: By::Dir, all, color };
                let selection = selection(&filters, Names::without_users(), false)?;
                let paper = paper(page, form == DiffForm::Text, environment);
                Config::Diff { files: [before, after], selection, how: (factor, raw), form, paper }
            }
            Some(Command::Agent) => Config::Agent,
            Some(Command::Metrics { listen, textfile, latency, interval, hooks: set, slots_idle }) => {
                let extras = Extras { latency, ..Options::default().extras };
                let interval = seconds("interval", interval)?;
                let options = Options { hooks: hooks(&set)?, extras, interval, ..Options::counting() };
                let to = textfile.map_or(MetricsTo::Http(listen), MetricsTo::File);
                Config::Metrics { options, to, idle: seconds("slots-idle", slots_idle)? }
            }
            Some(Command::Check { verbose }) => Config::Check { verbose },
        })
    }
}

fn live(live: Live, environment: Environment) -> Result<Config, Error> {
    let (mut selection, mut origin) = origin(&live.trace, &live.remote)?;
    selection.rate = live.rate.rate_limit;
    needs_latency(live.trace.latency, &selection.filter, Some(live.shown.sort))?;
    let show = Show { quiet: live.quiet, ..show(&live.shown, selection, environment, environment.screen)? };
    let to_stdout = show.form == OutputForm::Tui || show.out.is_some();
    let at_end = at_end(live.at_end, to_stdout, live.shown.color, environment);
    if let Origin::Here(options) = &mut origin {
        options.ancestors = if show.batch { show.group == Group::Parent } else { show.form == OutputForm::Tui };
    }
    Ok(Config::Live { origin, show, command: program(live.trace)?, at_end })
}

fn replay(
    file: PathBuf,
    speed: Option<f64>,
    filters: &Filters,
    shown: &Shown,
    environment: Environment,
) -> Result<Config, Error> {
    let screen = if file == Path::new("-") { environment.screen_without_stdin } else { environment.screen };
    // The users of the host that was recorded are not those of this one.
    let selection = selection(filters, Names::without_users(), false)?;
    let why = "what the processes of a recording had open is not known: sort by another column";
    by_descriptors(shown, why, &["leaks", "sort"])?;
    let show = show(shown, selection, environment, screen)?;
    let natural = if show.form == OutputForm::Tui { 1.0 } else { 0.0 };
    let speed = speed.unwrap_or(natural);
    if !(speed.is_finite() && speed >= 0.0) {
        return Err(Error::value("speed", speed, "a factor of 0 or more is needed"));
    }
    Ok(Config::Replay { file, speed, show })
}

/// Of a recording, or of a command.
fn report(file: Option<PathBuf>, trace: Trace, form: ReportForm, paper: Paper) -> Result<Config, Error> {
    if trace.identity {
        let what =
            "--identity is for JSON and recordings, and a report names all programs anyway: leave it out".to_owned();
        return Err(Error::Unfit { options: &["identity"], what });
    }
    let Some(file) = file else {
        let selection = selection(&trace.filters, Names::of_host(), follows(&trace))?;
        needs_latency(trace.latency, &selection.filter, None)?;
        let options = options(&trace, &selection)?;
        return Ok(Config::ReportCommand { options, selection, command: program(trace)?, form, paper });
    };
    needs_no_tracing(&trace)?;
    let selection = selection(&trace.filters, Names::without_users(), false)?;
    Ok(Config::Report { file, selection, form, paper })
}

/// Refuses what says how to trace: a recording is there already.
fn needs_no_tracing(trace: &Trace) -> Result<(), Error> {
    let given: [(&'static [&'static str], bool); 6] = [
        (&["latency"], trace.latency),
        (&["resolve"], trace.resolve),
        (&["lookups"], trace.lookups),
        (&["tree"], trace.tree),
        (&["cgroup"], trace.cgroup.is_some()),
        (&["self"], trace.show_self),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((options, _)) => Err(is_for_tracing(options)),
        None => needs_no_duration(&trace.filters),
    }
}

/// Refuses a time to end after: a recording is read as fast as it can be.
fn needs_no_duration(filters: &Filters) -> Result<(), Error> {
    if filters.duration.is_some() { Err(is_for_tracing(&["duration"])) } else { Ok(()) }
}

fn is_for_tracing(options: &'static [&'static str]) -> Error {
    let what = format!("--{} is for tracing, and FILE is a recording: leave one out", options[0]);
    Error::Unfit { options, what }
}

/// The command behind `--`, and as whom it is to run.
fn program(trace: Trace) -> Result<Program, Error> {
    if trace.run.first().is_some_and(|program| program.is_empty()) {
        return Err(Error::Usage("-- needs a command behind it, and the name of this one is empty".into()));
    }
    let find = |user: OsString| {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::Other("--as needs root, to become somebody else: run it with sudo".into()));
        }
        let shown = escape::escape(user.as_encoded_bytes());
        Account::find(&user).ok_or_else(|| Error::Usage(format!("--as {shown}: no such user in /etc/passwd")))
    };
    Ok(Program { account: trace.run_as.map(find).transpose()?, line: trace.run, until: trace.until })
}

#[cfg(test)]
mod tests;
