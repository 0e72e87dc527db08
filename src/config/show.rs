//! How opens are shown: on the screen or as lines, and in which form.

use super::values::history;
use super::{Environment, Selection, Target};
use crate::cli::{OutputForm, Shown};
use crate::error::Error;
use crate::filter::Filter;
use crate::highlight::{Colour, Highlight};
use crate::history::log::Bound;
use crate::output::TextColumn;
use crate::ranking::Sort;
use crate::ranking::openers::Group;
use crate::tui::app::choice::Columns;

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

/// Refuses to sort by what processes have open, and says why. `options` make it so.
pub(super) fn by_descriptors(shown: &Shown, why: &str, options: &'static [&'static str]) -> Result<(), Error> {
    let option = match () {
        () if shown.leaks => "leaks",
        () if shown.sort.is_live() => "sort",
        () => return Ok(()),
    };
    Err(Error::Unfit { options, what: format!("--{option}: {why}") })
}

/// Refuses for the screen what is about lines.
fn refuse_lines(shown: &Shown, selection: &Selection) -> Result<(), Error> {
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
    Ok(())
}

/// `screen`: there is one.
pub(super) fn show(shown: &Shown, selection: Selection, environment: Environment, screen: bool) -> Result<Show, Error> {
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
        refuse_lines(shown, &selection)?;
    }
    if shown.batch && selection.rate.is_some() {
        let what = "--rate-limit counts opens, and --batch prints rankings: leave one out".to_owned();
        return Err(Error::Unfit { options: &["rate-limit", "batch"], what });
    }
    let highlight = |(colour, expression): &(Colour, String)| {
        let filter = Filter::parse(expression, &selection.names);
        let filter = filter.map_err(|why| Error::value("highlight", colour.name(), why))?;
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
