//! What pages are made of: titles, rows that fit, trees of paths, and how many rows are not shown.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

use super::tree::{self, Leaf, Row};
use crate::escape::escape;
use crate::format::{cut, elide, group_digits, wrap_words};

/// Rows of one section, unless all are asked for.
pub(super) const ROWS: usize = 12;

/// What the page has sections of its own for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// Nothing: one list of files for all.
    #[default]
    Dir,
    Process,
    /// Packages, and the files of none; as dpkg of this host has them.
    Package,
}

/// How the page looks.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub width: usize,
    pub colour: bool,
    /// Every row of every section.
    pub all: bool,
    /// What has those shown.
    pub all_by: &'static str,
    pub by: By,
}

/// A page that is being written.
pub(super) struct Sheet<W> {
    pub(super) out: W,
    pub(super) look: Look,
}

impl<W: Write> Sheet<W> {
    pub(super) fn limited<'b, T>(&self, rows: &'b [T]) -> impl Iterator<Item = &'b T> + use<'b, T, W> {
        rows.iter().take(if self.look.all { usize::MAX } else { ROWS })
    }

    /// Says how many of `total` rows are not shown.
    pub(super) fn more(&mut self, total: usize) -> io::Result<()> {
        self.more_of(if self.look.all { total } else { total.min(ROWS) }, total)
    }

    pub(super) fn more_of(&mut self, rows: usize, total: usize) -> io::Result<()> {
        if rows == total {
            return Ok(());
        }
        let text = format!("  and {} more ({} shows them)", group_digits((total - rows) as u64), self.look.all_by);
        writeln!(self.out, "{}", self.faint(&text))
    }

    pub(super) fn title(&mut self, title: &str, about: &str) -> io::Result<()> {
        let title = cut(title, self.look.width / 2, "…");
        let about = cut(about, self.look.width - title.width() - 1, "…");
        writeln!(self.out, "\n{} {}", self.bold(&title), self.faint(&about))
    }

    /// A path on the left, what there is to say of it on the right, and who it concerns behind that. What does not fit
    /// beside the path goes below it.
    pub(super) fn row(&mut self, path: &str, what: &str, who: &str) -> io::Result<()> {
        let width = self.look.width;
        let note = match who {
            "" => what.to_owned(),
            who => format!("{what}  {who}"),
        };
        if note.is_empty() {
            return writeln!(self.out, "  {}", elide(path, width - 2, "…"));
        }
        let note = elide(&note, width - 4, "…");
        let room = width.saturating_sub(note.width() + 4);
        if path.width() <= room || room >= width / 2 {
            let path = elide(path, room, "…");
            let gap = width - 2 - path.width() - note.width();
            return writeln!(self.out, "  {path}{:gap$}{}", "", self.faint(&note));
        }
        writeln!(self.out, "  {}", elide(path, width - 2, "…"))?;
        let gap = width - note.width();
        writeln!(self.out, "{:gap$}{}", "", self.faint(&note))
    }

    pub(super) fn wrapped(&mut self, indent: &str, text: &str) -> io::Result<()> {
        let lines = wrap_words(text, self.look.width - indent.len());
        lines.iter().try_for_each(|line| writeln!(self.out, "{indent}{line}"))
    }

    pub(super) fn bold(&self, text: &str) -> String {
        self.styled(text, "\x1b[1m")
    }

    pub(super) fn faint(&self, text: &str) -> String {
        self.styled(text, "\x1b[2m")
    }

    pub(super) fn styled(&self, text: &str, start: &str) -> String {
        if self.look.colour && !text.is_empty() { format!("{start}{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A row for each file or closed directory. `note` is what to say of one, and whom it concerns.
    pub(super) fn tree(&mut self, leaves: &[Leaf<'_>], note: impl Fn(&Row<'_>) -> (String, String)) -> io::Result<()> {
        for row in tree::rows(leaves, if self.look.all { usize::MAX } else { ROWS }) {
            let (what, who) = note(&row);
            self.row(&shown(&row.path), &what, &who)?;
        }
        Ok(())
    }
}

/// A path as it is shown.
pub(super) fn shown(path: &[u8]) -> String {
    if path.is_empty() { "(a name that could not be read)".into() } else { escape(path) }
}

pub(super) fn opens(count: u64) -> String {
    counted(count, "open")
}

pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", group_digits(count), if count == 1 { "" } else { "s" })
}
