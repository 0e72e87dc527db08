//! The counts as a tree of who started whom: each process with the sums of all below it.
//!
//! Children that have ended and started nothing themselves are one branch for each command: a script has thousands.

use std::collections::HashMap;

use super::families::Id;
use super::row::{add, process_key};
use super::{Group, Key, Openers, Row};

/// What names a branch: a process; of ended ones that are told together, their parent and command.
pub type BranchId = (Id, Vec<u8>);

/// A process, or ended ones of one command, and what they and all below them have opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    pub id: BranchId,
    /// The sums; `processes` are those that have opened something.
    pub row: Row,
    /// So many ended processes are told together; 0: this is one process.
    pub folded: u64,
    /// How many branches it is away from the first process.
    pub depth: usize,
    pub has_children: bool,
}

struct Node {
    id: BranchId,
    row: Row,
    folded: u64,
    parent: Option<usize>,
    children: Vec<usize>,
}

impl Node {
    fn new(id: BranchId, row: Row) -> Self {
        Self { id, row, folded: 0, parent: None, children: Vec::new() }
    }
}

/// The nodes before they have an order.
#[derive(Default)]
struct Nodes {
    all: Vec<Node>,
    processes: HashMap<Id, usize>,
    folded: HashMap<BranchId, usize>,
}

impl Openers {
    /// All branches, each before those below it, siblings as `compare` has them.
    pub fn tree(&self, compare: impl Fn(&Row, &Row) -> std::cmp::Ordering) -> Vec<Branch> {
        let mut nodes = self.nodes();
        let order = nodes.sum_up();
        let mut branches = Vec::with_capacity(order.len());
        let mut next: Vec<(usize, usize)> = Vec::new();
        let sorted = |nodes: &Nodes, of: &[usize]| {
            let mut of = of.to_vec();
            of.sort_by(|a, b| compare(&nodes.all[*b].row, &nodes.all[*a].row));
            of
        };
        let roots: Vec<_> = order.iter().filter(|at| nodes.all[**at].parent.is_none()).copied().collect();
        next.extend(sorted(&nodes, &roots).into_iter().map(|at| (at, 0)));
        while let Some((at, depth)) = next.pop() {
            let node = &nodes.all[at];
            next.extend(sorted(&nodes, &node.children).into_iter().map(|child| (child, depth + 1)));
            branches.push(Branch {
                id: node.id.clone(),
                row: node.row.clone(),
                folded: node.folded,
                depth,
                has_children: !node.children.is_empty(),
            });
        }
        branches
    }

    fn nodes(&self) -> Nodes {
        let mut nodes = Nodes::default();
        for row in self.process_rows() {
            let Key::Process { source, pid, start_ns } = row.key else { continue };
            let id = ((source, pid), start_ns);
            let id = self.families.of_process(id).unwrap_or(id);
            // Who is no parent and has ended is one of many.
            if row.ended && self.families.get(id).is_none() {
                nodes.fold(row);
            } else {
                nodes.process(id, row);
            }
        }
        self.sum_rows().for_each(|row| nodes.fold(row));
        // Those that are added go on with their own parents.
        let mut at = 0;
        while at < nodes.all.len() {
            let parent = nodes.all[at].row.parent;
            if parent.0.1 != 0 && parent != nodes.all[at].id.0 || nodes.all[at].folded > 0 {
                nodes.all[at].parent = Some(match nodes.processes.get(&parent) {
                    Some(known) => *known,
                    None => nodes.process(parent, self.row_of_parent(parent)),
                });
            }
            at += 1;
        }
        nodes
    }

    /// A parent that has opened nothing itself.
    fn row_of_parent(&self, id: Id) -> Row {
        let kin = self.families.get(id).cloned().unwrap_or_default();
        Row { comm: kin.comm, parent: kin.parent, ended: kin.ended, ..Row::new(process_key(id)) }
    }
}

impl Nodes {
    fn process(&mut self, id: Id, row: Row) -> usize {
        let at = self.all.len();
        self.all.push(Node::new((id, Vec::new()), row));
        self.processes.insert(id, at);
        at
    }

    fn fold(&mut self, row: Row) {
        let id = (row.parent, row.comm.clone());
        let at = *self.folded.entry(id.clone()).or_insert_with(|| {
            let empty = Row {
                comm: row.comm.clone(),
                uid: row.uid,
                host: row.host,
                parent: row.parent,
                ended: true,
                ..Row::new(Key::Rest)
            };
            self.all.push(Node::new(id, empty));
            self.all.len() - 1
        });
        self.all[at].folded += row.processes;
        add(Group::Process, &mut self.all[at].row, &row);
    }

    /// Adds to each what is below it. Returns all, each before what is below it; whatever a recording says, none is
    /// below itself.
    fn sum_up(&mut self) -> Vec<usize> {
        for at in 0..self.all.len() {
            if let Some(parent) = self.all[at].parent {
                self.all[parent].children.push(at);
            }
        }
        let mut seen = vec![false; self.all.len()];
        let mut order = Vec::with_capacity(self.all.len());
        let roots = (0..self.all.len()).filter(|at| self.all[*at].parent.is_none());
        // Those in a circle have no root among them.
        for root in roots.chain(0..self.all.len()).collect::<Vec<_>>() {
            if seen[root] {
                continue;
            }
            if let Some(parent) = self.all[root].parent.take() {
                self.all[parent].children.retain(|child| *child != root);
            }
            seen[root] = true;
            let mut next = vec![root];
            while let Some(at) = next.pop() {
                order.push(at);
                for &child in &self.all[at].children {
                    seen[child] = true;
                    next.push(child);
                }
            }
        }
        for at in order.iter().rev() {
            if let Some(parent) = self.all[*at].parent {
                let row = self.all[*at].row.clone();
                self.all[parent].row.add_numbers(&row);
            }
        }
        order
    }
}
