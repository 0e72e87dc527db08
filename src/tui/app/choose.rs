//! The menu of columns: which, in which order, how wide.

use crossterm::event::{KeyCode, KeyEvent};

use super::action::{Action, Focus};
use super::choice::{Chosen, EVENT_COLUMNS, Table};
use super::scroll::Scroll;
use super::{App, Effect, Mode, columns};
use crate::tui::input::Mouse;

/// What is chosen of, and where the menu stands.
#[derive(Debug)]
pub struct Chooser {
    pub table: Table,
    pub chosen: Chosen,
    pub selected: usize,
}

impl App {
    pub(super) fn choose_columns(&mut self) {
        let table = if self.focus == Focus::Events { Table::Events } else { Table::Ranking };
        self.choose_of(table);
    }

    fn choose_of(&mut self, table: Table) {
        let chosen = self.columns.of(table).clone().unwrap_or_else(|| self.usual(table));
        self.mode = Mode::Columns(Chooser { table, chosen, selected: 0 });
    }

    /// The columns of a screen of this width.
    fn usual(&self, table: Table) -> Chosen {
        let width = self.size.width;
        let shown: Vec<_> = match table {
            Table::Events => {
                let fits = |(name, from): &(&str, u16)| width >= *from && (*name != "latency" || self.latency);
                EVENT_COLUMNS.iter().filter(|column| fits(column)).map(|(name, _)| *name).collect()
            }
            Table::Ranking => columns::shown(width, self.ranking.group, self.column_extras(), None),
        };
        Chosen::of(table, &shown)
    }

    pub(super) fn choose_key(&mut self, key: KeyEvent, action: Option<Action>) -> Vec<Effect> {
        let Mode::Columns(chooser) = &mut self.mode else { return Vec::new() };
        let (table, at, last) = (chooser.table, chooser.selected, chooser.chosen.0.len().saturating_sub(1));
        match (key.code, action) {
            (KeyCode::Char(' ') | KeyCode::Enter, _) => chooser.chosen.0[at].shown ^= true,
            (KeyCode::Char('t'), _) => {
                self.columns.times = self.columns.times.next();
                return Vec::new();
            }
            (KeyCode::Char('r'), _) => {
                *self.columns.of(table) = None;
                self.choose_of(table);
                return Vec::new();
            }
            (_, Some(Action::SortPrevious)) if at > 0 => {
                chooser.chosen.0.swap(at, at - 1);
                chooser.selected -= 1;
            }
            (_, Some(Action::SortNext)) if at < last => {
                chooser.chosen.0.swap(at, at + 1);
                chooser.selected += 1;
            }
            (_, Some(Action::Faster)) => chooser.chosen.widen(at, 1),
            (_, Some(Action::Slower)) => chooser.chosen.widen(at, -1),
            (_, Some(Action::Move(motion))) => {
                chooser.selected = Scroll { top: 0, selected: at }.moved(motion, last + 1, last + 1).selected;
                return Vec::new();
            }
            (_, Some(Action::NextPanel)) => {
                self.choose_of(if table == Table::Events { Table::Ranking } else { Table::Events });
                return Vec::new();
            }
            (_, Some(Action::Write)) => return vec![Effect::SaveSettings],
            (_, Some(Action::Quit | Action::Back | Action::Columns | Action::Help)) => {
                self.close();
                return Vec::new();
            }
            _ => return Vec::new(),
        }
        // What is never shown cannot be chosen back: one column stays.
        if chooser.chosen.0.iter().all(|choice| !choice.shown) {
            chooser.chosen.0[at].shown = true;
        }
        *self.columns.of(table) = Some(chooser.chosen.clone());
        Vec::new()
    }

    /// A click on the title of a column of the ranking sorts by it, another turns the order around.
    pub(super) fn click_head(&mut self, mouse: Mouse) {
        let Some(area) = self.layout().openers.filter(|area| area.y == mouse.row) else { return };
        let placed = columns::openers(area, self.ranking.group, self.column_extras(), self.columns.ranking.as_ref());
        let clicked = placed.iter().find(|placed| (placed.x..placed.x + placed.width).contains(&mouse.column));
        if let Some(sort) = clicked.and_then(|placed| placed.column.cell.sort()) {
            self.ranking.reversed = sort == self.ranking.sort && !self.ranking.reversed;
            self.ranking.sort = sort;
            self.order_ranking();
        }
    }

    /// What a configuration has to say for a screen like this one.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("group-by", self.group.name().to_owned()),
            ("sort", self.ranking.sort.name().to_owned()),
            ("times", self.columns.times.name().to_owned()),
        ];
        for (table, chosen) in [(Table::Events, &self.columns.events), (Table::Ranking, &self.columns.ranking)] {
            settings.push((table.option(), chosen.as_ref().map(Chosen::source).unwrap_or_default()));
        }
        settings
    }
}
