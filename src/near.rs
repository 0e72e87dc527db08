//! What somebody may have meant by a word that is none.

/// How alike two words are at least, from 0 to 1: `ENOENTT` and `ENOENT` are at 0.97, `foo` and `flag` at 0.6.
const ALIKE: f64 = 0.86;

/// The word of `known` that `word` looks like, in whatever case.
pub(crate) fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&word, &known.to_ascii_lowercase());
    let alike = known.into_iter().map(|known| (likeness(known), known)).filter(|(likeness, _)| *likeness > ALIKE);
    alike.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
}

/// The same as the beginning of what is said about the word.
pub(crate) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    near(word, known).map_or_else(String::new, |near| format!("did you mean {near}? Else "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::errno_names;

    #[test]
    fn what_looks_alike_is_meant() {
        for (word, expected) in [
            ("ENOENTT", Some("ENOENT")),
            ("eacess", Some("EACCES")),
            ("EPREM", Some("EPERM")),
            ("nonsense", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(near(word, errno_names()), expected, "{word}");
        }
    }
}
