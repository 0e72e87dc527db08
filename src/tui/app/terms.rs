//! From what is selected to a term of the filter language.

use crate::event::{OpenEvent, errno_name};
use crate::filter::Term;
use crate::names::Names;
use crate::ranking::openers::{Group, Key};
use crate::ranking::tally::key_of;

/// The term that holds for what is in the row of `key`. `sample` is an event of that row, if one is kept: without it
/// a container cannot be told from a unit. `None` where no term says it.
pub fn term_for(group: Group, key: &Key<'_>, sample: Option<OpenEvent<'_>>, names: &Names) -> Option<Term> {
    let term = match key {
        Key::Process { pid, .. } if group == Group::Parent => Term::new("ppid", &pid.to_string(), names),
        Key::Process { pid, .. } => Term::new("pid", &pid.to_string(), names),
        Key::User(_, uid) => Term::new("uid", &uid.to_string(), names),
        Key::Host(host) => Term::exact("host", names.host(*host).as_bytes(), names),
        Key::Error(0) => return Term::new("err", "any", names).ok().map(Term::negate),
        Key::Error(errno) => Term::new("err", &errno_name(*errno), names),
        Key::Text(text) if group == Group::Container => {
            let cgroup = names.cgroup(sample?.cgroup)?;
            let field = if cgroup.container.is_some() {
                "container"
            } else if cgroup.unit.is_some() {
                "unit"
            } else {
                "cgroup"
            };
            Term::exact(field, text, names)
        }
        Key::Text(text) if group == Group::Unit => {
            // Without a unit it is called by its path.
            Term::exact(if text.starts_with(b"/") { "cgroup" } else { "unit" }, text, names)
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
        let term = term_for(group, &key_of(group, event, names), Some(*event), names)?;
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
}
