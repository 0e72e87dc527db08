//! The directories: which one is looked at, or the mounts instead, how its rows are sorted, and which is selected.

pub(super) mod counted;
mod counting;

use std::cmp::Ordering;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;

use super::action::{Action, Motion};
use super::columns::{Column, Placed, from, lay_out, next_sort};
use super::scroll::Scroll;
use super::{App, Effect, Mode};
use crate::escape::escape;
use crate::filter::Term;
use crate::history::directories::Child;
use crate::history::mounts::MountKey;
use crate::names::mounts::{Mount, Mounts};
use crate::ranking::Sort;

use counted::Counted;
pub(crate) use counted::Name;

/// What is looked at.
#[derive(Debug)]
pub(crate) enum At {
    /// The directory by the names on the way to it from the root.
    Directory(Vec<Vec<u8>>),
    Mounts(Listing),
}

/// What is known of what is mounted.
#[derive(Debug)]
pub(crate) enum Listing {
    /// Nothing yet.
    Asked,
    Known(Arc<Mounts>),
    /// And why not.
    Unknown(String),
}

/// Directories, or mounts, as they are looked at.
#[derive(Debug)]
pub struct Directories {
    pub(crate) at: At,
    /// `None` until its events are counted.
    pub(crate) counted: Option<Counted>,
    pub(crate) sort: Sort,
    pub(crate) reversed: bool,
    scroll: Scroll,
    /// The row that the user chose.
    chosen: Option<Name>,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Rate,
    Total,
    Failed,
    FailedShare,
    Type,
    Name,
}

impl Cell {
    pub(crate) fn sort(self) -> Option<Sort> {
        match self {
            Cell::Rate => Some(Sort::Rate),
            Cell::Total => Some(Sort::Total),
            Cell::Failed => Some(Sort::Failed),
            Cell::FailedShare => Some(Sort::FailedShare),
            Cell::Name => Some(Sort::Name),
            Cell::Type => None,
        }
    }
}

const fn column(cell: Cell, title: &'static str, width: u16, at: std::ops::Range<u16>) -> Column<Cell> {
    Column { title, width, right: !matches!(cell, Cell::Type | Cell::Name), at, cell }
}

static COLUMNS: [Column<Cell>; 6] = [
    column(Cell::Rate, "OPENS/s", 8, from(48..)),
    column(Cell::Total, "TOTAL", 8, from(20..)),
    column(Cell::Failed, "FAILED", 8, from(60..)),
    column(Cell::FailedShare, "FAIL%", 6, from(36..)),
    column(Cell::Type, "TYPE", 9, from(48..)),
    column(Cell::Name, "", 0, from(0..)),
];

type Row = (Name, Child);

/// The path by the names on the way to it from the root.
pub(crate) fn path_of(names: &[Vec<u8>]) -> Vec<u8> {
    if names.is_empty() { b"/".to_vec() } else { names.iter().flat_map(|name| [b"/", &**name].concat()).collect() }
}

impl Directories {
    fn new(at: At, sort: (Sort, bool)) -> Self {
        let (sort, reversed) = sort;
        Self { at, counted: None, sort, reversed, scroll: Scroll::default(), chosen: None }
    }

    pub(crate) fn columns(&self, area: Rect) -> Vec<Placed<'static, Cell>> {
        let is_typed = matches!(self.at, At::Mounts(_));
        lay_out(COLUMNS.iter().filter(|column| is_typed || column.cell != Cell::Type), area)
    }

    /// The rows in their order; what has no name of its own comes last.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = self.counted.as_ref().map_or_else(Vec::new, Counted::rows);
        rows.sort_unstable_by(|a, b| self.compare(a, b));
        rows
    }

    fn compare(&self, (a, of_a): &Row, (b, of_b): &Row) -> Ordering {
        let rest = |name: &Name| matches!(name, Name::Others | Name::Unknown);
        let by_name = || self.text(a).cmp(self.text(b));
        let order = match self.sort {
            Sort::Rate => of_a.rate.unwrap_or(0.0).total_cmp(&of_b.rate.unwrap_or(0.0)),
            Sort::Failed => of_a.failed.cmp(&of_b.failed),
            Sort::FailedShare => of_a.failed_share().total_cmp(&of_b.failed_share()),
            Sort::Name => by_name(),
            _ => of_a.opens.cmp(&of_b.opens),
        };
        let order = if self.sort.is_descending() == self.reversed { order } else { order.reverse() };
        rest(a).cmp(&rest(b)).then(order).then(of_b.opens.cmp(&of_a.opens)).then_with(by_name)
    }

    fn mount(&self, number: u32) -> Option<&Mount> {
        self.counted.as_ref()?.by_mount()?.mounts.get(number)
    }

    /// What a row is called, not escaped.
    fn text<'a>(&'a self, name: &'a Name) -> &'a [u8] {
        match name {
            Name::Child(name) => name,
            Name::Others => b"(others)",
            Name::Unknown | Name::Mount(MountKey::Unknown) => b"(unknown paths)",
            Name::Mount(MountKey::Container) => b"(container)",
            Name::Mount(MountKey::Elsewhere) => b"(other mounts or root)",
            Name::Mount(MountKey::Waiting) => b"(not looked at yet)",
            Name::Mount(MountKey::Mount(number) | MountKey::Path(number)) => {
                self.mount(*number).map_or(b"", |mount| &mount.point)
            }
        }
    }

    /// What a row is called, displayable.
    pub(crate) fn label(&self, name: &Name, is_directory: bool) -> String {
        let text = escape(self.text(name));
        match name {
            Name::Child(name) if name == b"." => ". (itself)".to_owned(),
            Name::Child(_) if is_directory => text + "/",
            Name::Mount(MountKey::Path(_)) => text + " (process gone)",
            _ => text,
        }
    }

    /// The type of file system of a row, displayable.
    pub(crate) fn kind(&self, name: &Name) -> String {
        let kind = |number| self.mount(number).map_or(String::new(), |mount| escape(&mount.kind));
        match name {
            Name::Mount(MountKey::Mount(number)) => kind(*number),
            Name::Mount(MountKey::Path(number)) => kind(*number) + "?",
            _ => String::new(),
        }
    }

    /// The window on `rows`; the selection stays on the row that was chosen.
    pub(crate) fn scroll(&self, rows: &[Row], height: usize) -> Scroll {
        let chosen = self.chosen.as_ref();
        let at = chosen.and_then(|chosen| rows.iter().position(|(name, _)| name == chosen));
        Scroll { selected: at.unwrap_or(self.scroll.selected), ..self.scroll }.settled(rows.len(), height)
    }

    fn go(&mut self, motion: Motion, height: usize) {
        let rows = self.rows();
        self.scroll = self.scroll(&rows, height).moved(motion, rows.len(), height);
        self.chosen = rows.into_iter().nth(self.scroll.selected).map(|(name, _)| name);
    }

    /// The directory that the selected row is, if it is one.
    fn entered(&self, height: usize) -> Option<Vec<Vec<u8>>> {
        let rows = self.rows();
        match (&self.at, rows.get(self.scroll(&rows, height).selected)?) {
            (At::Directory(names), (Name::Child(name), Child { is_directory: true, .. })) => {
                Some([names.as_slice(), std::slice::from_ref(name)].concat())
            }
            (_, (Name::Mount(MountKey::Mount(number) | MountKey::Path(number)), _)) => {
                let names = self.mount(*number)?.point.split(|byte| *byte == b'/');
                Some(names.filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
            }
            _ => None,
        }
    }

    /// The path of the selected row, and whether what is below it is of the row; of opens by mount none is that of its
    /// row alone.
    fn path(&self, height: usize) -> Option<(Vec<u8>, bool)> {
        let rows = self.rows();
        let At::Directory(names) = &self.at else { return None };
        match &rows.get(self.scroll(&rows, height).selected)?.0 {
            Name::Child(name) if name == b"." => Some((path_of(names), false)),
            Name::Child(name) => Some((path_of(&[names.as_slice(), std::slice::from_ref(name)].concat()), true)),
            Name::Others | Name::Unknown | Name::Mount(_) => None,
        }
    }

    /// What is looked at, displayable.
    pub(crate) fn title(&self) -> String {
        match &self.at {
            At::Directory(names) => format!("IN {}", escape(&path_of(names))),
            At::Mounts(_) => "MOUNT".to_owned(),
        }
    }

    fn sort_by_next(&mut self, step: isize, area: Rect) {
        let sorts: Vec<_> = self.columns(area).iter().filter_map(|placed| placed.column.cell.sort()).collect();
        if let Some(sort) = next_sort(&sorts, self.sort, step) {
            (self.sort, self.reversed) = (sort, false);
        }
    }
}

impl App {
    pub(super) fn show_directories(&mut self) {
        self.look_at(At::Directory(Vec::new()), None);
    }

    /// Looks at something else, sorted as before; `chosen` is selected there.
    fn look_at(&mut self, at: At, chosen: Option<Name>) {
        let sort = match &self.mode {
            Mode::Directories(view) => (view.sort, view.reversed),
            _ => (Sort::Total, false),
        };
        self.mode = Mode::Directories(Directories { chosen, ..Directories::new(at, sort) });
        self.work_due = true;
    }

    fn show_mounts(&mut self) -> Vec<Effect> {
        let listing = self.setup.hidden_processes.map_or(Listing::Asked, |why| Listing::Unknown(why.to_owned()));
        self.look_at(At::Mounts(listing), None);
        self.ask_for_mounts().into_iter().collect()
    }

    fn go_up(&mut self) {
        let Mode::Directories(view) = &self.mode else { return };
        match &view.at {
            At::Mounts(_) => self.show_directories(),
            At::Directory(names) => {
                if let Some((left, names)) = names.split_last() {
                    let (names, left) = (names.to_vec(), left.clone());
                    self.look_at(At::Directory(names), Some(Name::Child(left)));
                }
            }
        }
    }

    pub(super) fn directories_key(&mut self, key: KeyEvent, action: Option<Action>) -> Vec<Effect> {
        let area = self.tree_area().unwrap_or_default();
        let height = usize::from(area.height.saturating_sub(1));
        let Mode::Directories(view) = &mut self.mode else { return Vec::new() };
        match (key.code, action) {
            (_, Some(Action::Include | Action::Exclude)) => return self.pick_below(action == Some(Action::Include)),
            (_, Some(Action::Copy)) => return self.copy_path(),
            (_, Some(action @ (Action::Filter | Action::Write))) => return self.act(action),
            (KeyCode::Backspace, _) | (_, Some(Action::Left)) => self.go_up(),
            (KeyCode::Char('m'), _) if matches!(view.at, At::Mounts(_)) => self.show_directories(),
            (KeyCode::Char('m'), _) => return self.show_mounts(),
            (_, Some(Action::Open | Action::Right)) => match view.entered(height) {
                Some(names) => self.look_at(At::Directory(names), None),
                None => self.say("no directory that anything was opened in"),
            },
            (_, Some(Action::Move(motion))) => view.go(motion, height),
            (_, Some(Action::SortNext)) => view.sort_by_next(1, area),
            (_, Some(Action::SortPrevious)) => view.sort_by_next(-1, area),
            (_, Some(Action::Reverse)) => view.reversed ^= true,
            (_, Some(Action::Quit | Action::Back | Action::Directories)) => self.close(),
            _ => return self.key_in_view(key, action),
        }
        Vec::new()
    }

    /// Makes the filter hold for what is at the selected row and below it, or for all else.
    fn pick_below(&mut self, include: bool) -> Vec<Effect> {
        let Some((path, below)) = self.selected_path() else {
            self.say("no filter can express this row");
            return Vec::new();
        };
        let term = if below { Term::below } else { Term::exact };
        match term("file", &path, &self.names) {
            Ok(term) => self.add_term(&term, include),
            Err(why) => {
                self.say(why.to_string());
                Vec::new()
            }
        }
    }

    fn copy_path(&mut self) -> Vec<Effect> {
        match self.selected_path() {
            Some((path, _)) => vec![Effect::Copy(escape(&path))],
            None => {
                self.say("there is no path to copy");
                Vec::new()
            }
        }
    }

    /// See [`Directories::path`].
    fn selected_path(&self) -> Option<(Vec<u8>, bool)> {
        let height = usize::from(self.tree_area()?.height.saturating_sub(1));
        self.directories()?.path(height)
    }
}

#[cfg(test)]
mod tests;
