//! From what is selected to a term of the filter language.

use crate::event::{OpenEvent, errno_name};
use crate::filter::Term;
use crate::names::Names;
use crate::ranking::openers::{Group, Key};
use crate::ranking::tally::key_of;

/// The term that holds for what is in the row of `key`. `None` where no term says it.
pub fn term_for(group: Group, key: &Key<'_>, names: &Names) -> Option<Term> {
    let term = match key {
        Key::Process { pid, .. } if group == Group::Parent => Term::new("ppid", &pid.to_string(), names),
        Key::Process { pid, .. } => Term::new("pid", &pid.to_string(), names),
        Key::User(_, uid) => Term::new("uid", &uid.to_string(), names),
        Key::Host(host) => Term::exact("host", names.host(*host).as_bytes(), names),
        Key::Error(0) => return Term::new("err", "any", names).ok().map(Term::negate),
        Key::Error(errno) => Term::new("err", &errno_name(*errno), names),
        Key::Text(text) if group == Group::Container => {
            let cgroup = names.cgroups().find(|cgroup| cgroup.group() == &text[..]);
            let field = match cgroup {
                Some(cgroup) if cgroup.container.is_some() => "container",
                Some(cgroup) if cgroup.unit.is_some() => "unit",
                _ => "cgroup",
            };
            Term::exact(field, text, names)
        }
        Key::Text(text) if group == Group::Unit => {
            // Without a unit it is called by its path, which can be unknown too.
            Term::exact(if text.is_empty() || text.starts_with(b"/") { "cgroup" } else { "unit" }, text, names)
        }
        Key::Text(text) => Term::exact(group.name(), text, names),
        Key::Rest => return None,
    };
    term.ok()
}

/// One thing about an event that a filter can be made of.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The key that picks it.
    pub key: char,
    pub what: &'static str,
    pub term: Term,
}

/// What can be included or excluded of an event, in the order of the menu.
pub fn choices(event: &OpenEvent<'_>, names: &Names) -> Vec<Choice> {
    const MENU: [(char, &str, Group); 7] = [
        ('p', "process", Group::Process),
        ('c', "command", Group::Comm),
        ('f', "file", Group::File),
        ('d', "directory", Group::Dir),
        ('u', "user", Group::User),
        ('e', "error", Group::Error),
        ('o', "container", Group::Container),
    ];
    let choice = |(key, what, group)| {
        let term = term_for(group, &key_of(group, event, names), names)?;
        Some(Choice { key, what, term })
    };
    MENU.into_iter().filter_map(choice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CgroupName, sample};
    use crate::filter::Filter;

    fn names() -> Names {
        let mut names = Names::from_passwd(b"www:x:33:33::/:/bin/sh\n");
        names.learn(&CgroupName { name: None, id: 8, path: b"/system.slice/ssh.service".into() });
        names
    }

    #[test]
    fn every_choice_holds_for_its_event_and_not_for_another() {
        let names = names();
        let event =
            OpenEvent { path: b"/a b/[x].c", name: b"[x].c", comm: b"c:d", uid: 33, cgroup: 8, ret: -2, ..sample() };
        let other = OpenEvent { pid: 7, ..sample() };
        let choices = choices(&event, &names);
        assert_eq!(choices.len(), 7);
        for choice in choices {
            let filter = Filter::parse(choice.term.source(), &names).unwrap();
            assert!(filter.matches(&event, &names), "{}", choice.term.source());
            assert!(!filter.matches(&other, &names), "{}", choice.term.source());
        }
    }

    /// Each row of each ranking has a term that holds for its events alone: those of no container, unit, error or name
    /// too.
    #[test]
    fn every_row_has_a_term() {
        let mut names = names();
        for (id, path) in [(9, "/"), (10, "/user.slice"), (11, "/machine.slice/libpod-0123456789abcdef.scope")] {
            names.learn(&CgroupName { name: None, id, path: path.into() });
        }
        let events = [
            sample(),
            OpenEvent { cgroup: 0, ppid: 0, path: b"", name: b"", comm: b"", leader_comm: b"", ..sample() },
            OpenEvent { cgroup: 7, ret: -2, ..sample() },
            OpenEvent { cgroup: 8, uid: 33, pid: 1, path: b"/a\x1b", name: b"a\x1b", ..sample() },
            OpenEvent { cgroup: 9, ppid: 2, path: b"=", name: b"=", ..sample() },
            OpenEvent { cgroup: 10, ..sample() },
            OpenEvent { cgroup: 11, ..sample() },
        ];
        for group in Group::ALL {
            for event in &events {
                let key = key_of(group, event, &names);
                let term = term_for(group, &key, &names).unwrap_or_else(|| panic!("{group:?} {key:?}"));
                let filter = Filter::parse(term.source(), &names).unwrap();
                for other in &events {
                    let is_same = key_of(group, other, &names) == key;
                    assert_eq!(filter.matches(other, &names), is_same, "{group:?} {} on {other:?}", term.source());
                }
            }
        }
    }
}
