//! The command line as meant: everything that can be checked before anything is started, checked once.

mod environment;
mod file;
mod keys;
mod origin;
mod page;
mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::child::Program;
use crate::cli::{Cli, ColorWhen, Command, DiffForm, Filters, OutputForm, Page, ReportForm, Shown, Trace};
use crate::error::{self, Error};
use crate::escape;
use crate::filter::{Filter, FilterError, Term};
use crate::highlight::{Colour, Highlight};
use crate::history::log::Bound;
use crate::names::Names;
use crate::names::accounts::Account;
use crate::output::TextColumn;
use crate::output::report::By;
use crate::ranking::Sort;
use crate::ranking::openers::Group;
use crate::tracer::{Extras, Options, sees_host_pids};
use crate::tui::app::choice::Columns;
pub use environment::Environment;
pub(crate) use file::user_path;
pub use file::{Refused, Settings, Source, command_line};
pub use origin::Origin;
pub(crate) use origin::of_agent;
use origin::origin;
pub use page::{AtEnd, Paper};
use page::{at_end, paper};
use values::{cgroup, history, hooks, ring_bytes, rotation, running, seconds};

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

/// Which opens, wherever they come from, and until when.
#[derive(Debug)]
pub struct Selection {
    pub filter: Filter,
    pub names: Names,
    pub limits: Limits,
    /// Lines of opens in a second, at most.
    pub rate: Option<u64>,
    pub interval: Duration,
}

impl Selection {
    /// The filter, with the names that it needs.
    pub fn filter_with_names(&self) -> (&Filter, Names) {
        (&self.filter, self.names.clone())
    }
}

/// How to show them.
#[derive(Debug)]
pub struct Show {
    pub selection: Selection,
    pub form: OutputForm,
    /// Where lines go; `None`: stdout.
    pub out: Option<Target>,
    /// What a command prints beside the screen is thrown away.
    pub quiet: bool,
    /// Rankings instead of opens; never on the screen.
    pub batch: bool,
    pub group: Group,
    pub sort: Sort,
    pub history: Bound,
    pub colour: bool,
    pub ascii: bool,
    pub highlights: Vec<Highlight>,
    /// Of lines.
    pub columns: Vec<TextColumn>,
    pub screen_columns: Columns,
    pub mouse: bool,
    /// Write what is chosen on the screen to the user's configuration.
    pub save: bool,
}

/// When to stop unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub count: Option<u64>,
    pub duration: Option<Duration>,
}

impl Config {
    /// What `cli` means in this environment.
    ///
    /// # Errors
    /// If it cannot be meant: an option's value makes no sense, or two options contradict each other.
    pub fn new(cli: Cli, environment: Environment) -> Result<Self, Error> {
        Ok(match cli.command {
            None => {
                let trace = cli.live.trace;
                let (mut selection, mut origin) = origin(&trace, &cli.live.remote)?;
                selection.rate = cli.live.rate.rate_limit;
                let show = Show {
                    quiet: cli.live.quiet,
                    ..show(&cli.live.shown, selection, environment, environment.screen)?
                };
                let to_stdout = show.form == OutputForm::Tui || show.out.is_some();
                let at_end = at_end(cli.live.at_end, to_stdout, cli.live.shown.color, environment);
                let names_parents = if show.batch { show.group == Group::Parent } else { show.form == OutputForm::Tui };
                if let Origin::Here(options) = &mut origin {
                    options.ancestors = names_parents;
                }
                Config::Live { origin, show, command: program(trace)?, at_end }
            }
            Some(Command::Record { file, force, max_size, files, rate, trace, at_end: asked, remote }) => {
                let (mut selection, origin) = origin(&trace, &remote)?;
                selection.rate = rate.rate_limit;
                let rotation = max_size.map(|size| rotation(&size, files, &file)).transpose()?;
                let at_end = at_end(asked, file != Path::new("-"), ColorWhen::Auto, environment);
                let file = Target { path: file, replace: force };
                Config::Record { file, rotation, origin, selection, command: program(trace)?, at_end }
            }
            Some(Command::Replay { file, speed, filters, shown }) => {
                let screen = if file == Path::new("-") { environment.screen_without_stdin } else { environment.screen };
                // The users of the host that was recorded are not those of this one.
                let selection = selection(&filters, Names::without_users(), false)?;
                let why = "what the processes of a recording had open is not known: sort by another column";
                by_descriptors(&shown, why, &["leaks", "sort"])?;
                let show = show(&shown, selection, environment, screen)?;
                let natural = if show.form == OutputForm::Tui { 1.0 } else { 0.0 };
                let speed = speed.unwrap_or(natural);
                if !(speed.is_finite() && speed >= 0.0) {
                    return Err(Error::Usage(format!("--speed {speed}: a factor of 0 or more is needed")));
                }
                Config::Replay { file, speed, show }
            }
            Some(Command::Report { file, output: form, explain, page, trace }) => {
                let paper = Paper { explain, ..paper(page, form == ReportForm::Text, environment) };
                match file {
                    Some(file) => {
                        needs_no_tracing(&trace)?;
                        let selection = selection(&trace.filters, Names::without_users(), false)?;
                        Config::Report { file, selection, form, paper }
                    }
                    None => {
                        let selection = selection(&trace.filters, Names::of_host(), follows(&trace))?;
                        let options = options(&trace, &selection)?;
                        Config::ReportCommand { options, selection, command: program(trace)?, form, paper }
                    }
                }
            }
            Some(Command::Diff { before, after, factor, raw, output: form, all, color, filters }) => {
                if !(factor.is_finite() && factor >= 1.0) {
                    return Err(Error::Usage(format!("--factor {factor}: a factor of 1 or more is needed")));
                }
                let page = Page { by: By::Dir, all, color };
                let selection = selection(&filters, Names::without_users(), false)?;
                let paper = paper(page, form == DiffForm::Text, environment);
                Config::Diff { files: [before, after], selection, how: (factor, raw), form, paper }
            }
            Some(Command::Agent) => Config::Agent,
            Some(Command::Metrics { listen, textfile, latency, interval, hooks: set, slots_idle }) => {
                let extras = Extras { latency, ..Options::default().extras };
                let interval = seconds("--interval", interval)?;
                let options = Options { hooks: hooks(&set)?, extras, interval, ..Options::counting() };
                let to = textfile.map_or(MetricsTo::Http(listen), MetricsTo::File);
                Config::Metrics { options, to, idle: seconds("--slots-idle", slots_idle)? }
            }
            Some(Command::Check { verbose }) => Config::Check { verbose },
        })
    }
}

/// Refuses what says how to trace: a recording is there already.
fn needs_no_tracing(trace: &Trace) -> Result<(), Error> {
    let given: [(&'static [&'static str], bool); 7] = [
        (&["latency"], trace.latency),
        (&["resolve"], trace.resolve),
        (&["lookups"], trace.lookups),
        (&["tree"], trace.tree),
        (&["cgroup"], trace.cgroup.is_some()),
        (&["self"], trace.show_self),
        (&["duration"], trace.filters.duration.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((options, _)) => {
            let what = format!("--{} is for tracing, and FILE is a recording: leave one out", options[0]);
            Err(Error::Unfit { options, what })
        }
        None => Ok(()),
    }
}

/// Whether processes are followed into their children. Which those are only the BPF side knows.
fn follows(trace: &Trace) -> bool {
    trace.tree || !trace.run.is_empty()
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

fn options(trace: &Trace, selection: &Selection) -> Result<Options, Error> {
    let mut filter = selection.filter.kernel_part();
    let pids = trace.filters.pids();
    if trace.tree {
        let given = pids.len();
        if given > TREES_MAX {
            return Err(Error::Usage(format!("--tree follows at most {TREES_MAX} processes, and --pid names {given}")));
        }
        filter.pids.clone_from(&pids);
    }
    running(&pids)?;
    Ok(Options {
        ring_bytes: ring_bytes(&trace.ring)?,
        // The command will be a child of this process, whose own opens are hidden.
        follow_own: !trace.run.is_empty(),
        show_self: trace.show_self,
        verbose: trace.verbose,
        filter,
        ancestors: false,
        counts_only: false,
        interval: selection.interval,
        hooks: hooks(&trace.hooks)?,
        identity: trace.identity,
        extras: Extras {
            programs: true,
            rings: true,
            kernel: true,
            children: follows(trace),
            latency: trace.latency,
            resolve: trace.resolve,
            lookups: trace.lookups,
        },
        cgroup: trace.cgroup.as_deref().map(cgroup).transpose()?,
        ends_with: if trace.tree || !sees_host_pids() { Vec::new() } else { pids },
    })
}

fn selection(filters: &Filters, mut names: Names, follows: bool) -> Result<Selection, Error> {
    filters.define.iter().for_each(|(name, expression)| names.name_filter(name, expression));
    Ok(Selection {
        filter: filter(filters, &names, follows)?,
        names,
        limits: Limits {
            count: filters.count,
            duration: filters.duration.map(|secs| seconds("--duration", secs)).transpose()?,
        },
        rate: None,
        interval: seconds("--interval", filters.interval)?,
    })
}

/// Refuses to sort by what processes have open, and says why. `options` make it so.
fn by_descriptors(shown: &Shown, why: &str, options: &'static [&'static str]) -> Result<(), Error> {
    let option = match () {
        () if shown.leaks => "leaks",
        () if shown.sort.is_live() => "sort",
        () => return Ok(()),
    };
    Err(Error::Unfit { options, what: format!("--{option}: {why}") })
}

/// `screen`: there is one.
fn show(shown: &Shown, selection: Selection, environment: Environment, screen: bool) -> Result<Show, Error> {
    let form = match shown.output {
        None if screen && !shown.batch && shown.out.is_none() => OutputForm::Tui,
        None => OutputForm::Text,
        Some(OutputForm::Tui) if !screen => {
            let what =
                "the screen needs a terminal on stdin and stdout, and TERM must not be dumb: use -o text, json or csv";
            return Err(Error::Unfit { options: &["output"], what: what.into() });
        }
        Some(form) => form,
    };
    if form == OutputForm::Tui {
        let lines: [(_, &'static [&'static str], _); 4] = [
            (shown.batch, &["batch", "output"], "--batch prints"),
            (selection.limits.count.is_some(), &["count", "output"], "--count counts"),
            (selection.rate.is_some(), &["rate-limit", "output"], "--rate-limit counts"),
            (shown.out.is_some(), &["output"], "--out takes"),
        ];
        if let Some((_, options, what)) = lines.into_iter().find(|(given, ..)| *given) {
            let what = format!("{what} lines, and the screen has none: add -o text, json or csv");
            return Err(Error::Unfit { options, what });
        }
    }
    if shown.batch && selection.rate.is_some() {
        let what = "--rate-limit counts opens, and --batch prints rankings: leave one out".to_owned();
        return Err(Error::Unfit { options: &["rate-limit", "batch"], what });
    }
    let highlight = |(colour, expression): &(Colour, String)| {
        let filter = Filter::parse(expression, &selection.names);
        let filter = filter.map_err(|why| Error::Usage(format!("--highlight {}: {why}", colour.name())))?;
        Ok(Highlight { colour: *colour, filter })
    };
    if form != OutputForm::Tui && (shown.batch || shown.leaks) {
        let why = "what processes have open is looked at by the screen alone: leave out -b and -o";
        by_descriptors(shown, why, &["leaks", "sort", "batch", "output"])?;
    }
    let sort = if shown.leaks { Sort::Growth } else { shown.sort };
    Ok(Show {
        highlights: shown.highlight.iter().map(highlight).collect::<Result<_, Error>>()?,
        columns: shown.columns.0.clone(),
        screen_columns: Columns {
            events: shown.event_columns.clone(),
            ranking: shown.ranking_columns.clone(),
            times: shown.times,
        },
        mouse: shown.mouse,
        save: shown.save,
        selection,
        form,
        out: shown.out.clone().map(|path| Target { path, replace: shown.force }),
        quiet: false,
        batch: shown.batch,
        group: shown.group_by,
        sort,
        history: history(&shown.history)?,
        colour: shown.color.resolve(screen && !environment.no_color),
        ascii: shown.ascii || environment.ascii,
    })
}

/// Each filtering option is one term; all of them must hold, and the expression too. Where processes are followed the
/// pids are left to the BPF side.
fn filter(filters: &Filters, names: &Names, follows: bool) -> Result<Filter, Error> {
    let pids = filters.pids().iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let options = [
        ("--pid", "pid", (!pids.is_empty() && !follows).then_some(pids.as_str())),
        ("--user", "uid", filters.user.as_deref()),
        ("--comm", "comm", filters.comm.as_deref()),
        ("--file", "file", filters.file.as_deref()),
        ("--failed", "err", filters.failed.then_some("any")),
        ("--errno", "err", filters.errno.as_deref()),
    ];
    let mut terms = Vec::new();
    for (option, field, value) in options {
        let Some(value) = value else { continue };
        // Where in the value it goes wrong is no column of what was typed.
        let wrong = |why: FilterError| Error::Usage(format!("{option} {}: {}", start_of(value), why.what));
        terms.push(Term::new(field, value, names).map_err(wrong)?);
    }
    let expression = filters.filter.as_deref().unwrap_or_default();
    let parsed = Filter::parse(expression, names).map_err(|why| Error::Usage(format!("--filter: {why}")))?;
    let filter = Filter::from_terms(terms).and(parsed);
    filter.remarks().for_each(error::print);
    Ok(filter)
}

/// As much of a value as an error needs to repeat.
fn start_of(value: &str) -> &str {
    const SHOWN: usize = 80;
    &value[..value.floor_char_boundary(SHOWN)]
}

/// Processes that `--tree` follows at most; their descendants need room in the kernel too.
const TREES_MAX: usize = 1024;

#[cfg(test)]
mod tests;
