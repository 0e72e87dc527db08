//! The values of options: what each of them is read as, and what is said where it cannot be.

use std::net::SocketAddr;

use crate::filter;
use crate::highlight::Colour;
use crate::output::TextColumn;
use crate::ranking::Sort;
use crate::ranking::openers::Group;
use crate::tui::app::choice::{Chosen, Table, Times};

pub(super) fn seconds(value: &str) -> Result<f64, String> {
    value.parse().map_err(|_| "give seconds, such as 5 or 0.5".to_owned())
}

pub(super) fn factor(value: &str) -> Result<f64, String> {
    value.parse().map_err(|_| "give a number, such as 2 or 0.5".to_owned())
}

pub(super) fn address(value: &str) -> Result<SocketAddr, String> {
    value.parse().map_err(|_| "give an address and a port, such as 127.0.0.1:9435".to_owned())
}

pub(super) fn count(value: &str) -> Result<u64, String> {
    value.parse().map_err(|_| "give a whole number, such as 10".to_owned())
}

pub(super) fn rate(value: &str) -> Result<u64, String> {
    let number = value.strip_suffix("/s").unwrap_or(value).parse().ok().filter(|rate| *rate > 0);
    number.ok_or_else(|| "give a number of lines a second, from 1 on, such as 1000/s".to_owned())
}

/// Process ids, as one value of an option has them.
#[derive(Clone, Debug)]
pub struct Pids(pub(super) Vec<u32>);

pub(super) fn pids(value: &str) -> Result<Pids, String> {
    let words = value.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
    // Pid 0 is the kernel's own idle task, which opens nothing.
    let pid = |word: &str| match word.parse() {
        Ok(0) | Err(_) => {
            Err(format!("{word:?} is no process id: give numbers from 1 on, with commas or blanks between"))
        }
        Ok(pid) => Ok(pid),
    };
    let pids = words.map(pid).collect::<Result<Vec<_>, _>>()?;
    if pids.is_empty() { Err("no process id in it: is the process running?".into()) } else { Ok(Pids(pids)) }
}

/// Columns of a line.
#[derive(Clone, Debug)]
pub struct TextColumns(pub Vec<TextColumn>);

pub(super) fn text_columns(list: &str) -> Result<TextColumns, String> {
    let known = || TextColumn::ALL.map(|(_, name, ..)| name).join(", ");
    let column = |name: &str| {
        TextColumn::from_name(name.trim())
            .ok_or_else(|| format!("no column {name:?}: choose of {}; the file is the last", known()))
    };
    list.split(',').filter(|name| *name != "file").map(column).collect::<Result<_, _>>().map(TextColumns)
}

pub(super) fn event_columns(list: &str) -> Result<Chosen, String> {
    Chosen::parse(list, Table::Events)
}

pub(super) fn ranking_columns(list: &str) -> Result<Chosen, String> {
    Chosen::parse(list, Table::Ranking)
}

pub(super) fn times(name: &str) -> Result<Times, String> {
    let known = || Times::ALL.map(Times::name).join(", ");
    Times::ALL.into_iter().find(|times| times.name() == name).ok_or_else(|| format!("choose one of {}", known()))
}

pub(super) fn definition(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, _)) if !filter::is_name(name) => {
            Err(format!("{name:?} is no name of a filter: letters, digits, - _ and . make one"))
        }
        Some((_, "")) => Err("the filter is empty".into()),
        Some((name, expression)) => Ok((name.to_owned(), expression.to_owned())),
        None => Err("NAME=EXPR is needed, as in missing=err:ENOENT".into()),
    }
}

pub(super) fn highlight(text: &str) -> Result<(Colour, String), String> {
    let known = || Colour::ALL.map(Colour::name).join(", ");
    let (name, expression) = text.split_once('=').ok_or("COLOUR=EXPR is needed, as in red=err:EACCES")?;
    let colour = Colour::ALL.into_iter().find(|colour| colour.name() == name);
    Ok((colour.ok_or_else(|| format!("no colour {name:?}: choose one of {}", known()))?, expression.to_owned()))
}

pub(super) fn group(name: &str) -> Result<Group, String> {
    Group::from_name(name).ok_or_else(|| format!("choose one of {}", groups()))
}

pub(super) fn groups() -> String {
    Group::ALL.map(Group::name).join(", ")
}

pub(super) fn sort(name: &str) -> Result<Sort, String> {
    Sort::from_name(name).ok_or_else(|| format!("choose one of {}", sorts()))
}

pub(super) fn sorts() -> String {
    Sort::ALL.map(|(_, name)| name).join(", ")
}
