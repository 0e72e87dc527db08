//! Globs that are taken for regexes, which they mostly are and then find nothing.

use crate::escape::is_shown_as_it_is;

/// What to write instead of `regex`, where it looks like a glob.
pub(super) fn hint(regex: &str) -> Option<String> {
    is_glob(regex).then(|| format!("this is a regex, not a glob: did you mean {} ?", to_regex(regex)))
}

/// Whether a `*` stands where nobody who means a regex puts it, and nothing else that is special in one.
fn is_glob(text: &str) -> bool {
    if !is_shown_as_it_is(text)
        || text.contains(['^', '$', '(', ')', '|', '[', ']', '+', '{', '}', '\\', '"', '\''])
        || text.contains(".*")
    {
        return false;
    }
    let before = text.match_indices('*').map(|(at, _)| text[..at].chars().next_back());
    let mut stars = before.peekable();
    stars.peek().is_some() && stars.all(|before| before.is_none_or(|c| "/*-_".contains(c) || c.is_alphanumeric()))
}

/// The regex that finds what the glob does: a `*` stops at a `/`, two do not.
fn to_regex(glob: &str) -> String {
    let mut regex = match glob.chars().next() {
        Some('/') => "^".to_owned(),
        // Whatever stands before it in the name.
        Some('*') => String::new(),
        _ => "(^|/)".to_owned(),
    };
    let mut rest = glob.trim_start_matches('*');
    while let Some(c) = rest.chars().next() {
        let (token, len) = match c {
            '*' if rest.starts_with("**") => (".*".to_owned(), 2),
            '*' => ("[^/]*".to_owned(), 1),
            '?' => ("[^/]".to_owned(), 1),
            c => (regex_syntax::escape(c.encode_utf8(&mut [0; 4])), c.len_utf8()),
        };
        regex.push_str(&token);
        rest = &rest[len..];
    }
    // At the end it lets through whatever follows.
    let open = ["[^/]*", ".*"].into_iter().find_map(|end| regex.strip_suffix(end));
    match open {
        Some(open) => open.to_owned(),
        None => regex + "$",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex_automata::meta::Regex;

    #[test]
    fn a_glob_is_told_from_a_regex() {
        for (glob, regex, found, not_found) in [
            ("/etc/*.conf", r"^/etc/[^/]*\.conf$", "/etc/a.conf", "/etc/a/b.conf"),
            ("*.so", r"\.so$", "/usr/lib/a.so", "/usr/lib/a.so.1"),
            ("lib*.so", r"(^|/)lib[^/]*\.so$", "/usr/lib/libm.so", "/usr/lib/m.so"),
            ("/tmp/**/x?", "^/tmp/.*/x[^/]$", "/tmp/a/b/xy", "/tmp/x"),
            ("/proc/*", "^/proc/", "/proc/1/stat", "/x/proc/"),
        ] {
            assert!(is_glob(glob), "{glob}");
            assert_eq!(to_regex(glob), regex);
            let regex = Regex::new(regex).unwrap();
            assert!(regex.is_match(found.as_bytes()) && !regex.is_match(not_found.as_bytes()), "{glob}");
        }
        for regex in
            [".*", "a.*b", r"\.so$", "^/etc/.*conf", "(a|b)*", "[a-z]*x", "web", "", ".", r"a\*", "a.*/*", "*\0"]
        {
            assert!(!is_glob(regex), "{regex}");
        }
    }
}
