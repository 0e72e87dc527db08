//! The tree of who started whom: which branches are open, which is selected.

use std::collections::HashSet;

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use super::action::{Action, Motion};
use super::scroll::Scroll;
use super::{App, Effect, Mode};
use crate::ranking::openers::{Branch, BranchId, Key};

/// Branches that may be closed at a time; beyond, all are open again.
const CLOSED_MAX: usize = 4096;

/// The tree as it is looked at.
#[derive(Debug, Default)]
pub struct Tree {
    branches: Vec<Branch>,
    closed: HashSet<BranchId>,
    scroll: Scroll,
    /// The branch that the user chose.
    chosen: Option<BranchId>,
}

impl Tree {
    /// The branches that are to be seen: those below a closed one are not.
    pub(crate) fn rows(&self) -> Vec<&Branch> {
        let mut below = usize::MAX;
        let seen = self.branches.iter().filter(|branch| {
            if branch.depth > below {
                return false;
            }
            below = if self.closed.contains(&branch.id) { branch.depth } else { usize::MAX };
            true
        });
        seen.collect()
    }

    pub(crate) fn is_closed(&self, branch: &Branch) -> bool {
        self.closed.contains(&branch.id)
    }

    pub(crate) fn scroll(&self, rows: usize, height: usize) -> Scroll {
        self.scroll.settled(rows, height)
    }

    /// Takes in newer counts; the selection stays on its branch.
    fn renew(&mut self, branches: Vec<Branch>) {
        self.branches = branches;
        let chosen = self.chosen.as_ref();
        if let Some(at) = chosen.and_then(|chosen| self.rows().iter().position(|branch| branch.id == *chosen)) {
            self.scroll.selected = at;
        }
    }

    fn selected(&self) -> Option<&Branch> {
        self.scroll.selected_of(&self.rows()).copied()
    }

    fn go(&mut self, motion: Motion, height: usize) {
        self.scroll = self.scroll.moved(motion, self.rows().len(), height);
        self.chosen = self.selected().map(|branch| branch.id.clone());
    }

    /// Opens or closes the selected branch; `None`: whichever it is not.
    fn open(&mut self, open: Option<bool>) {
        let Some(branch) = self.selected().filter(|branch| branch.has_children) else { return };
        let id = branch.id.clone();
        let open = open.unwrap_or_else(|| self.closed.contains(&id));
        if open {
            self.closed.remove(&id);
        } else {
            if self.closed.len() >= CLOSED_MAX {
                self.closed.clear();
            }
            self.closed.insert(id.clone());
        }
        self.chosen = Some(id);
    }

    /// Closes the selected branch, or goes to the one that it is on.
    fn close_or_leave(&mut self) {
        let Some(branch) = self.selected() else { return };
        if branch.has_children && !self.closed.contains(&branch.id) {
            return self.open(Some(false));
        }
        let depth = branch.depth;
        let above = self.rows().iter().take(self.scroll.selected).rposition(|branch| branch.depth < depth);
        if let Some(at) = above {
            self.scroll.selected = at;
            self.chosen = self.selected().map(|branch| branch.id.clone());
        }
    }
}

impl App {
    pub(super) fn show_tree(&mut self) {
        let mut tree = Tree::default();
        tree.renew(self.ranking.tree(&self.names));
        self.mode = Mode::Tree(tree);
    }

    /// The counts have changed.
    pub(super) fn refresh_tree(&mut self) {
        if self.tree_mut().is_none() {
            return;
        }
        let branches = self.ranking.tree(&self.names);
        if let Some(tree) = self.tree_mut() {
            tree.renew(branches);
        }
    }

    /// Where it is: on both panels.
    pub(crate) fn tree_area(&self) -> Option<Rect> {
        let layout = self.layout();
        match (layout.openers, layout.events) {
            (Some(openers), Some(events)) => Some(openers.union(events)),
            (one, other) => one.or(other),
        }
    }

    pub(super) fn tree_key(&mut self, key: KeyEvent, action: Option<Action>) -> Vec<Effect> {
        let height = self.tree_area().map_or(0, |area| usize::from(area.height.saturating_sub(1)));
        let Mode::Tree(tree) = &mut self.mode else { return Vec::new() };
        match action {
            Some(Action::Quit | Action::Back | Action::Tree) => self.close(),
            Some(Action::Move(motion)) => tree.go(motion, height),
            Some(Action::Open) => tree.open(None),
            Some(Action::Right | Action::Faster) => tree.open(Some(true)),
            Some(Action::Left) => tree.close_or_leave(),
            Some(Action::Slower) => tree.open(Some(false)),
            Some(Action::Details) => {
                let Some(Branch { row, folded: 0, .. }) = tree.selected() else { return Vec::new() };
                let row = row.clone();
                if let Key::Process { source, pid, start_ns } = row.key {
                    return self.show_process(((source, pid), start_ns), row, " with all below it");
                }
            }
            Some(Action::Reverse) => {
                self.ranking.reversed ^= true;
                self.refresh_tree();
            }
            _ => return self.key_in_view(key, action),
        }
        Vec::new()
    }
}

/// A script and its children on a screen.
#[cfg(test)]
pub(crate) fn forest(screen: &mut super::fixture::Screen) {
    use super::Event;
    use crate::message::{Ancestor, Counts, Message, ProcessCount};
    let process = |pid: u32, ppid, comm: &str, opens, ended| ProcessCount {
        source: crate::event::Source::HERE,
        pid,
        start_ns: u64::from(pid) * 1_000_000_000,
        ppid,
        uid: 0,
        comm: comm.into(),
        opens,
        failed: opens / 10,
        cgroups: Default::default(),
        ended,
    };
    let cats = (0..37).map(|n| process(100 + n, 50, "cat", 10, true));
    let others = [process(50, 40, "build.sh", 5, false), process(60, 1, "evil\u{1b}[2J", 3, false)];
    let processes = cats.chain(others).collect();
    let ancestor = |pid, ppid, comm: &str| Ancestor { pid, start_ns: u64::from(pid), ppid, comm: comm.into() };
    let ancestors = vec![ancestor(40, 1, "bash"), ancestor(1, 0, "systemd")];
    let counts = Counts { ts_ns: 1_000_000_000, processes, ancestors, ..Counts::default() };
    screen.update(Event::Message(Message::Counts(counts)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::app::fixture::Screen;

    fn rows(screen: &Screen) -> Vec<String> {
        let area = screen.app.tree_area().unwrap();
        let lines = (area.y + 1..area.bottom()).map(|y| screen.line(usize::from(y)));
        lines
            .filter(|line| !line.is_empty())
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn a_script_has_its_children_under_it_and_their_sums() {
        let mut screen = Screen::new(80, 24);
        forest(&mut screen);
        screen.keys("T");
        let expected = [
            "> 1 378 378 39 9.8 - systemd",
            "40 375 375 38 9.9 - bash",
            "50 375 375 38 9.9 - build.sh",
            "370 370 37 10.0 37 × cat, ended",
            "60 3.0 3 1 0 evil\\x1b[2J",
        ];
        assert_eq!(rows(&screen), expected, "{}", screen.text());
    }

    #[test]
    fn branches_are_closed_and_the_selection_stays() {
        let mut screen = Screen::new(80, 24);
        forest(&mut screen);
        screen.keys("Tjj\r");
        assert_eq!(rows(&screen).len(), 4);
        assert!(rows(&screen)[2].contains("+ build.sh"), "{:?}", rows(&screen));
        forest(&mut screen);
        assert!(rows(&screen)[2].starts_with('>'), "{:?}", rows(&screen));
        screen.keys("+");
        assert_eq!(rows(&screen).len(), 5);
        // Left leaves a closed one, right opens it.
        screen.keys("\x1b[D\x1b[D");
        assert!(rows(&screen)[1].starts_with("> 40"), "{:?}", rows(&screen));
        screen.keys("\x1b[D");
        assert_eq!(rows(&screen).len(), 3);
        screen.keys("\x1b[C");
        assert_eq!(rows(&screen).len(), 4);
        screen.keys("d");
        assert!(matches!(&screen.app.mode, Mode::Opener { who, .. } if who.id.0.1 == 40), "{:?}", screen.app.mode);
        screen.keys("qT");
        assert!(matches!(screen.app.mode, Mode::Browse));
    }
}
