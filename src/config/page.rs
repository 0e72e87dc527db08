//! How pages are shown: reports and differences.

use super::Environment;
use crate::cli::{self, ColorWhen, Page};
use crate::output::report::{By, Look};

/// How to show what is known at the end.
#[derive(Clone, Copy, Debug)]
pub struct Paper {
    pub look: Look,
    /// Work out why something was denied.
    pub explain: bool,
    /// By a pager, if there is one.
    pub pager: bool,
    /// rpm may be asked which package a file belongs to: root runs no program.
    pub rpm: bool,
}

/// A report that is told when something else has ended.
#[derive(Clone, Copy, Debug)]
pub struct AtEnd {
    pub look: Look,
    /// Else to stderr.
    pub to_stdout: bool,
}

/// How a page on stdout looks in this environment.
pub(super) fn paper(page: Page, text: bool, environment: Environment) -> Paper {
    let terminal = environment.columns;
    let pager = text && terminal.is_some() && environment.unprivileged;
    Paper { look: look(page, terminal, environment), explain: false, pager, rpm: environment.unprivileged }
}

/// How a page looks: `columns` are those of the terminal that it is written to, and 80 where there is none.
pub(super) fn look(page: Page, columns: Option<u16>, environment: Environment) -> Look {
    const COLUMNS: std::ops::RangeInclusive<usize> = 60..=200;
    let width = columns.filter(|columns| *columns > 0).map_or(80, usize::from);
    Look {
        width: width.clamp(*COLUMNS.start(), *COLUMNS.end()),
        colour: page.color.resolve(columns.is_some() && !environment.no_color),
        all: page.all,
        all_by: "--all",
        by: page.by,
    }
}

/// The report at the end, if it is asked for. `to_stdout`: nothing else of opentop's goes there.
pub(super) fn at_end(asked: cli::AtEnd, to_stdout: bool, color: ColorWhen, environment: Environment) -> Option<AtEnd> {
    let columns = if to_stdout { environment.columns } else { environment.stderr_columns };
    let page = Page { by: By::Dir, all: false, color };
    asked.report.then(|| AtEnd { look: look(page, columns, environment), to_stdout })
}

impl ColorWhen {
    /// Whether there are colours, where `auto` says what to do when nothing is asked for.
    pub(super) fn resolve(self, auto: bool) -> bool {
        match self {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => auto,
        }
    }
}
