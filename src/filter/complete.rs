//! What could be typed next: fields, their values where those are known, filters by name.

use super::field::{self, FIELDS};
use crate::event::{Op, errno_names, open_flag_names};
use crate::names::Names;

/// What could stand at the end of what is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Bytes at the end of what is typed that each candidate starts with, be it in another case.
    pub typed: usize,
    /// In the order of the help.
    pub candidates: Vec<String>,
}

impl Completion {
    /// What all candidates start with.
    pub fn common(&self) -> &str {
        let Some(first) = self.candidates.first() else { return "" };
        let shared = |other: &String| {
            first.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
        };
        &first[..self.candidates.iter().map(shared).min().unwrap_or(0)]
    }
}

type Values = fn(&Names) -> Vec<String>;

/// The fields whose values are known.
const VALUES: [(&str, Values); 4] = [
    ("err", |_| ["any"].into_iter().chain(errno_names()).map(str::to_owned).collect()),
    ("op", |_| Op::ALL.map(|op| op.name().to_owned()).to_vec()),
    ("flag", |_| ["read", "write"].into_iter().chain(open_flag_names()).map(str::to_owned).collect()),
    ("uid", |names| {
        let mut users: Vec<_> = names
            .users()
            .filter(|user| user.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b)))
            .map(str::to_owned)
            .collect();
        users.sort_unstable();
        users
    }),
];

/// What could stand at the end of `typed`, which is an expression up to the cursor.
pub fn complete(typed: &str, names: &Names) -> Completion {
    let word = typed.rsplit(char::is_whitespace).next().unwrap_or_default().trim_start_matches(['!', '(']);
    let (prefix, candidates) = match word.split_once(':') {
        _ if word.starts_with('@') => (word, names.filters().map(|(name, _)| format!("@{name}")).collect()),
        None => (word, FIELDS.iter().map(|field| format!("{}:", field.names[0])).collect()),
        Some((name, value)) => {
            let field = field::find(name).map(|field| field.names[0]);
            let values = VALUES.iter().find(|(known, _)| Some(*known) == field).map(|(_, values)| values(names));
            (value.rsplit(',').next().unwrap_or_default(), values.unwrap_or_default())
        }
    };
    let starts =
        |candidate: &String| candidate.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let candidates: Vec<String> = candidates.into_iter().filter(starts).collect();
    Completion { typed: prefix.len(), candidates }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let mut names = Names::from_passwd(b"root:x:0:0::/:\nwww-data:x:33:33::/:\nw w:x:34:34::/:\n");
        names.name_filter("missing", "err:ENOENT");
        names
    }

    #[test]
    fn fields_values_and_names_are_completed() {
        for (typed, prefix, expected) in [
            ("co", 2, vec!["comm:", "container:"]),
            ("web !(FI", 2, vec!["file:"]),
            ("err:enoe", 4, vec!["ENOENT", "ENOEXEC"]),
            ("errno:any,EMF", 3, vec!["EMFILE"]),
            ("op:open", 4, vec!["open", "openat", "openat2", "open_by_handle_at"]),
            ("flag:r", 1, vec!["read"]),
            ("(uid:w", 1, vec!["www-data"]),
            ("@", 1, vec!["@missing"]),
            ("file:/etc", 4, vec![]),
            ("nobody:x", 1, vec![]),
            ("é", 2, vec![]),
        ] {
            let completion = complete(typed, &names());
            assert_eq!(
                (completion.typed, completion.candidates),
                (prefix, expected.into_iter().map(str::to_owned).collect()),
                "{typed}"
            );
        }
        assert_eq!(complete("", &names()).candidates.len(), FIELDS.len());
        assert_eq!(complete("err:ENOE", &names()).common(), "ENOE");
        assert_eq!(complete("op:creat", &names()).common(), "creat");
        assert_eq!(complete("zzz", &names()).common(), "");
    }
}
