//! Many paths in few lines: a directory with much in it becomes one line that says how much.
//!
//! The tree is opened from its root on, the largest directory first, for as long as the lines suffice: those of the
//! system after all others, since what a host's packages bring is seldom what somebody looks for. What stays closed is
//! told by its numbers, so that nothing is left out.

use std::collections::BinaryHeap;
use std::ops::Range;

use crate::report::Counts;

/// A path, and what was counted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf<'a> {
    pub path: &'a [u8],
    pub counts: Counts,
}

/// A line: a file, or a closed directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// A directory ends with a slash. `/usr/include/*` are the files right in it, where what is below is told
    /// elsewhere.
    pub path: std::borrow::Cow<'a, [u8]>,
    pub files: usize,
    pub counts: Counts,
}

/// A part of the sorted leaves that is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    leaves: Range<usize>,
    /// Bytes of the path that are the directory's, the slash included.
    prefix: usize,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    File,
    /// All below the directory.
    Dir,
    /// The files right in it, so many of them.
    Files(usize),
}

/// Directories of the system.
const SYSTEM: [&[u8]; 10] =
    [b"/bin/", b"/boot/", b"/dev/", b"/etc/", b"/lib/", b"/lib64/", b"/proc/", b"/sbin/", b"/sys/", b"/usr/"];

/// The rows, by path, for `leaves` sorted by path without duplicates: no more than `most`, but for what cannot be
/// closed.
pub fn rows<'a>(leaves: &[Leaf<'a>], most: usize) -> Vec<Row<'a>> {
    if leaves.is_empty() {
        return Vec::new();
    }
    let mut nodes = vec![Some(dir(leaves, 0..leaves.len(), 0))];
    let mut first = BinaryHeap::from([(true, leaves.len(), 0)]);
    let mut lines = 1;
    while let Some((.., at)) = first.pop() {
        let Some(node) = &nodes[at] else { continue };
        let children = children(leaves, node);
        if lines - 1 + children.len() > most {
            continue;
        }
        lines += children.len() - 1;
        nodes[at] = None;
        for child in children {
            if child.what != What::File {
                let path = leaves[child.leaves.start].path;
                let is_system = SYSTEM.iter().any(|system| path.starts_with(system));
                first.push((!is_system, files(&child), nodes.len()));
            }
            nodes.push(Some(child));
        }
    }
    let mut open: Vec<_> = nodes.into_iter().flatten().collect();
    open.sort_by_key(|node| (node.leaves.start, node.what == What::Dir));
    open.iter().map(|node| row(leaves, node)).collect()
}

/// The directory of `leaves`, which share their first `prefix` bytes: the deepest one that all of them are below.
fn dir(leaves: &[Leaf<'_>], range: Range<usize>, prefix: usize) -> Node {
    let (first, last) = (leaves[range.start].path, leaves[range.end - 1].path);
    let common = first.iter().zip(last).take_while(|(a, b)| a == b).count();
    let prefix = first[..common].iter().rposition(|b| *b == b'/').map_or(prefix, |slash| prefix.max(slash + 1));
    Node { leaves: range, prefix, what: What::Dir }
}

fn files(node: &Node) -> usize {
    match node.what {
        What::File => 1,
        What::Dir => node.leaves.len(),
        What::Files(files) => files,
    }
}

/// What is right in a directory: those below it, and its files as one.
fn children(leaves: &[Leaf<'_>], node: &Node) -> Vec<Node> {
    let mut children = Vec::new();
    let mut files = Vec::new();
    let mut at = node.leaves.start;
    while at < node.leaves.end {
        match leaves[at].path[node.prefix..].iter().position(|b| *b == b'/') {
            Some(slash) if slash + 1 < leaves[at].path.len() - node.prefix => {
                let name = &leaves[at].path[..=(node.prefix + slash)];
                let end = at + leaves[at..node.leaves.end].partition_point(|leaf| leaf.path.starts_with(name));
                if node.what == What::Dir {
                    children.push(dir(leaves, at..end, name.len()));
                }
                at = end;
            }
            _ => {
                files.push(Node { leaves: at..at + 1, prefix: node.prefix, what: What::File });
                at += 1;
            }
        }
    }
    // A few files take no more lines alone than they would in one.
    match files.len() {
        count if count > 1 && node.what == What::Dir && !children.is_empty() => {
            children.push(Node { what: What::Files(count), ..node.clone() });
        }
        _ => children.extend(files),
    }
    children
}

fn row<'a>(leaves: &[Leaf<'a>], node: &Node) -> Row<'a> {
    let first = leaves[node.leaves.start].path;
    let mut counts = Counts::default();
    match node.what {
        What::File => return Row { path: first.into(), files: 1, counts: leaves[node.leaves.start].counts },
        What::Dir => leaves[node.leaves.clone()].iter().for_each(|leaf| counts.merge(&leaf.counts)),
        What::Files(_) => {
            for file in children(leaves, node) {
                counts.merge(&leaves[file.leaves.start].counts);
            }
        }
    }
    let dir = &first[..node.prefix];
    let path = if node.what == What::Dir { dir.into() } else { [dir, b"*"].concat().into() };
    Row { path, files: files(node), counts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;
    use crate::report::Kinds;
    use proptest::prelude::*;

    fn once() -> Counts {
        let mut counts = Counts::default();
        counts.add(Kinds::of(&sample()), false);
        counts
    }

    fn shown(paths: &[&str], most: usize) -> Vec<String> {
        let mut leaves: Vec<_> = paths.iter().map(|path| Leaf { path: path.as_bytes(), counts: once() }).collect();
        leaves.sort_by_key(|leaf| leaf.path);
        let rows = rows(&leaves, most);
        rows.iter().map(|row| format!("{} {}", String::from_utf8_lossy(&row.path), row.counts.opens)).collect()
    }

    #[test]
    fn a_directory_with_much_in_it_is_one_line() {
        let paths = ["/usr/include/a.h", "/usr/include/b.h", "/usr/include/c.h", "/etc/hosts", "/usr/lib/x.so"];
        assert_eq!(shown(&paths, 3), ["/etc/hosts 1", "/usr/include/ 3", "/usr/lib/x.so 1"]);
        assert_eq!(shown(&paths, 5).len(), 5);
        assert_eq!(shown(&paths, 1), ["/ 5"]);
    }

    #[test]
    fn the_directories_of_the_system_are_opened_last() {
        let paths = ["/home/u/a.c", "/home/u/b.c", "/usr/i/a", "/usr/i/b", "/usr/l/a", "/usr/l/b", "/usr/l/c"];
        assert_eq!(shown(&paths, 3), ["/home/u/a.c 1", "/home/u/b.c 1", "/usr/ 5"]);
        assert_eq!(shown(&paths, 4)[2..], ["/usr/i/ 2", "/usr/l/ 3"]);
    }

    #[test]
    fn files_beside_directories_are_one_line_of_their_own() {
        let paths = ["/i/a", "/i/b", "/i/c", "/i/sys/a", "/i/sys/b", "/i/sys/c"];
        assert_eq!(shown(&paths, 2), ["/i/* 3", "/i/sys/ 3"]);
        assert_eq!(shown(&paths, 4), ["/i/a 1", "/i/b 1", "/i/c 1", "/i/sys/ 3"]);
    }

    #[test]
    fn names_that_are_no_paths_are_shown_too() {
        assert_eq!(shown(&["", "x", "y/", "/"], 9), [" 1", "/ 1", "x 1", "y/ 1"]);
    }

    proptest! {
        #[test]
        fn nothing_is_left_out(paths in prop::collection::btree_set("[a-b/]{0,8}", 1..40), most in 1usize..50) {
            let leaves: Vec<_> = paths.iter().map(|path| Leaf { path: path.as_bytes(), counts: once() }).collect();
            let rows = rows(&leaves, most);
            prop_assert_eq!(rows.iter().map(|row| row.files).sum::<usize>(), leaves.len());
            prop_assert_eq!(rows.iter().map(|row| row.counts.opens).sum::<u64>(), leaves.len() as u64);
            prop_assert!(rows.len() <= most);
        }
    }
}
