//! Which columns the tables of the screen have, in which order and how wide, as the user chose: on the screen, on the
//! command line, in a configuration.

use crate::ranking::Sort;

/// A table of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Events,
    Ranking,
}

/// The columns of the events, and the width of the screen from which on each is shown where nobody has chosen.
pub const EVENT_COLUMNS: [(&str, u16); 14] = [
    ("time", 60),
    ("pid", 50),
    ("tid", 180),
    ("ppid", 180),
    ("user", 120),
    ("comm", 24),
    ("op", 110),
    ("rw", 0),
    ("flags", 140),
    ("latency", 76),
    ("fd", 64),
    ("err", 30),
    ("container", 170),
    ("path", 0),
];

/// What stands in a column of the ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenersColumn {
    /// Where there are several; not to be chosen.
    Host,
    Pid,
    User,
    Rate,
    Total,
    Processes,
    Failed,
    FailedShare,
    Median,
    P99,
    Descriptors,
    Growth,
    Name,
    Last,
}

impl OpenersColumn {
    pub(crate) const ALL: [OpenersColumn; 11] = [
        OpenersColumn::Pid,
        OpenersColumn::User,
        OpenersColumn::Rate,
        OpenersColumn::Total,
        OpenersColumn::Processes,
        OpenersColumn::Failed,
        OpenersColumn::FailedShare,
        OpenersColumn::Median,
        OpenersColumn::P99,
        OpenersColumn::Name,
        OpenersColumn::Last,
    ];

    /// As options and a configuration have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            OpenersColumn::Host => "host",
            _ => self.sort().map_or("last", Sort::name),
        }
    }

    /// What the ranking is sorted by where this column is chosen.
    pub(crate) fn sort(self) -> Option<Sort> {
        Some(match self {
            OpenersColumn::Pid => Sort::Pid,
            OpenersColumn::User => Sort::User,
            OpenersColumn::Rate => Sort::Rate,
            OpenersColumn::Total => Sort::Total,
            OpenersColumn::Processes => Sort::Processes,
            OpenersColumn::Failed => Sort::Failed,
            OpenersColumn::FailedShare => Sort::FailedShare,
            OpenersColumn::Median => Sort::Median,
            OpenersColumn::P99 => Sort::P99,
            OpenersColumn::Descriptors => Sort::Descriptors,
            OpenersColumn::Growth => Sort::Growth,
            OpenersColumn::Name => Sort::Name,
            OpenersColumn::Host | OpenersColumn::Last => return None,
        })
    }
}

impl Table {
    /// The names of its columns.
    pub fn columns(self) -> Vec<&'static str> {
        match self {
            Table::Events => EVENT_COLUMNS.iter().map(|(name, _)| *name).collect(),
            Table::Ranking => OpenersColumn::ALL.iter().map(|column| column.name()).collect(),
        }
    }

    /// The option, and the key of a configuration.
    pub fn option(self) -> &'static str {
        match self {
            Table::Events => "event-columns",
            Table::Ranking => "ranking-columns",
        }
    }
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub name: &'static str,
    pub shown: bool,
    /// 0: as wide as it usually is.
    pub width: u16,
}

/// All columns of a table in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen(pub Vec<Choice>);

/// The widest that a column can be made.
const WIDTH_MAX: u16 = 200;

impl Chosen {
    /// Of the columns of `table` those that are `shown`.
    pub fn of(table: Table, shown: &[&str]) -> Self {
        let choice = |name: &'static str| Choice { name, shown: shown.contains(&name), width: 0 };
        Self(table.columns().into_iter().map(choice).collect())
    }

    /// Reads `NAME[:WIDTH],...`.
    ///
    /// # Errors
    /// Where there is no such column, one is named twice, or a width is none.
    pub fn parse(list: &str, table: Table) -> Result<Self, String> {
        let known = table.columns();
        let mut choices: Vec<Choice> = Vec::new();
        for word in list.split(',').map(str::trim) {
            let (name, width) = word.split_once(':').unwrap_or((word, "0"));
            let Some(name) = known.iter().find(|known| **known == name) else {
                return Err(format!("no column {name:?}: choose of {}", known.join(", ")));
            };
            let width = width.parse().ok().filter(|width| *width <= WIDTH_MAX);
            let width = width.ok_or_else(|| format!("{word:?}: a width of {WIDTH_MAX} or less is needed"))?;
            if choices.iter().any(|choice| choice.name == *name) {
                return Err(format!("{name} is there twice"));
            }
            choices.push(Choice { name, shown: true, width });
        }
        let others = known.into_iter().filter(|name| !choices.iter().any(|choice| choice.name == *name));
        let others: Vec<_> = others.map(|name| Choice { name, shown: false, width: 0 }).collect();
        choices.extend(others);
        Ok(Self(choices))
    }

    /// What [`Chosen::parse`] reads.
    pub fn source(&self) -> String {
        let word = |choice: &Choice| match choice.width {
            0 => choice.name.to_owned(),
            width => format!("{}:{width}", choice.name),
        };
        self.0.iter().filter(|choice| choice.shown).map(word).collect::<Vec<_>>().join(",")
    }

    /// Makes column `at` so much wider, or narrower; one that is as wide as usual begins with the width of most.
    pub fn widen(&mut self, at: usize, by: i16) {
        if let Some(choice) = self.0.get_mut(at) {
            let width = if choice.width == 0 { 10 } else { choice.width };
            choice.width = width.saturating_add_signed(by).min(WIDTH_MAX);
        }
    }
}

/// What a column of times tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// The time of day.
    #[default]
    Wall,
    /// Since the first event that is kept.
    Start,
    /// Since the row above.
    Between,
}

impl Times {
    pub const ALL: [Times; 3] = [Times::Wall, Times::Start, Times::Between];

    pub fn name(self) -> &'static str {
        match self {
            Times::Wall => "wall",
            Times::Start => "start",
            Times::Between => "between",
        }
    }

    /// What stands above the column.
    pub fn title(self) -> &'static str {
        match self {
            Times::Wall => "TIME",
            Times::Start => "SINCE START",
            Times::Between => "SINCE ABOVE",
        }
    }

    pub(super) fn next(self) -> Self {
        match self {
            Times::Wall => Times::Start,
            Times::Start => Times::Between,
            Times::Between => Times::Wall,
        }
    }
}

/// What is chosen of both tables; `None`: whatever suits the width.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    pub events: Option<Chosen>,
    pub ranking: Option<Chosen>,
    pub times: Times,
}

impl Columns {
    pub(super) fn of(&mut self, table: Table) -> &mut Option<Chosen> {
        match table {
            Table::Events => &mut self.events,
            Table::Ranking => &mut self.ranking,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_is_written() {
        let chosen = Chosen::parse("path, comm:20,rw", Table::Events).unwrap();
        assert_eq!((chosen.source().as_str(), chosen.0.len()), ("path,comm:20,rw", EVENT_COLUMNS.len()));
        assert_eq!(Chosen::parse("rate,name", Table::Ranking).unwrap().source(), "rate,name");
        for (list, expected) in [
            ("", "no column \"\": choose of time, pid"),
            ("pid,pid", "pid is there twice"),
            ("pid:x", "\"pid:x\": a width of 200 or less"),
            ("pid:201", "\"pid:201\": a width of 200 or less"),
        ] {
            let error = Chosen::parse(list, Table::Events).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
