//! Keys of a configuration, changed in its text: comments and all else stay as they are.

use toml_edit::{DocumentMut, TomlError};

/// Bytes of a file that is read.
pub const BYTES_MAX: u64 = 256 << 10;

/// `text` with these keys and values; a key without a value goes.
///
/// # Errors
/// Where `text` is no TOML.
pub fn set(text: &str, keys: &[(&str, String)]) -> Result<String, TomlError> {
    let mut document: DocumentMut = text.parse()?;
    for (key, value) in keys {
        if value.is_empty() {
            document.remove(key);
        } else {
            document[key] = toml_edit::value(value.as_str());
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_else_stands_there_stays() {
        let text = "# mine\nsort = 'pid' # why\ntimes = 'wall'\n\n[filters]\na = 'b'\n";
        let keys = [("sort", "rate".to_owned()), ("times", String::new()), ("group-by", "file".to_owned())];
        let set = set(text, &keys).unwrap();
        assert!(set.starts_with("# mine\nsort = \"rate\"") && set.ends_with("[filters]\na = 'b'\n"), "{set}");
        assert!(set.contains("group-by = \"file\"\n") && !set.contains("times"), "{set}");
        assert!(super::set("x = ", &keys).is_err());
    }
}
