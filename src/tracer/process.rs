//! Facts about processes from `/proc`.

use std::collections::HashMap;
use std::fs;

/// The processes that descend from `roots` now, as far as their chain of parents is unbroken.
pub(crate) fn descendants(roots: &[u32]) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(parent) = parent(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut next = roots.to_vec();
    while let Some(pid) = next.pop() {
        let born = children.remove(&pid).unwrap_or_default();
        next.extend(&born);
        found.extend(born);
    }
    found
}

/// The parent in the text of `/proc/PID/stat`. The command name before it may hold anything, parentheses included.
fn parent(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent("12 (cat) S 7 12 12 0"), Some(7));
        assert_eq!(parent("12 (a) S 1 (b) R 8 12"), Some(8));
        assert_eq!(parent(""), None);
    }

    #[test]
    fn a_child_of_this_process_descends_from_it() {
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        let found = descendants(&[std::process::id()]);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&child.id()), "{found:?}");
    }
}
