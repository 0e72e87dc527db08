//! The keys of one configuration file: read, and each checked for itself.

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _};
use toml_edit::{Document, Item, TableLike, Value};

use crate::cli::Cli;
use crate::error::Error;

/// The file of all users of this host.
pub(super) const OF_HOST: &str = "/etc/opentop.toml";

/// Tables of a file, and the options whose values, `NAME=TEXT`, they hold.
pub(super) const TABLES: [(&str, &str); 2] = [("filters", "define"), ("highlight", "highlight")];

/// Options that belong to one command line, or write somewhere.
pub(super) const IN_NO_FILE: [&str; 9] = ["as", "config", "force", "help", "out", "pid", "save", "tree", "version"];

/// Options that a user's own file may set: those that say how something is shown.
const OF_USERS: [&str; 30] = [
    "all",
    "ascii",
    "batch",
    "by",
    "color",
    "columns",
    "comm",
    "define",
    "errno",
    "event-columns",
    "factor",
    "failed",
    "file",
    "filter",
    "group-by",
    "highlight",
    "history",
    "interval",
    "latency",
    "lookups",
    "mouse",
    "output",
    "quiet",
    "ranking-columns",
    "raw",
    "resolve",
    "sort",
    "speed",
    "times",
    "user",
];

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Host,
    User,
    /// Named by `--config`, in place of the others.
    Given,
}

/// A key with its value.
#[derive(Debug)]
pub(super) struct Setting {
    pub key: String,
    /// What it is on the command line.
    pub options: Vec<String>,
    /// `FILE, line N`.
    pub origin: String,
    pub whose: Whose,
}

impl Setting {
    /// Takes the place of an earlier one of the same key. Of a table each name is a key of its own.
    pub fn replace(&mut self, old: Self) {
        if TABLES.iter().any(|(_, option)| *option == self.key) {
            let name = |option: &String| option.split('=').nth(1).map(str::to_owned);
            let kept = old.options.into_iter().filter(|old| !self.options.iter().any(|new| name(new) == name(old)));
            let mut all: Vec<_> = kept.collect();
            all.append(&mut self.options);
            self.options = all;
        }
    }
}

/// Whether a text lies here whose quotes were forgotten.
fn is_bare_word(rest: &str) -> bool {
    let word = rest.split([',', ']', '#', '\n']).next().unwrap_or_default().trim();
    word.starts_with(|c: char| c.is_alphabetic()) && !word.contains(['=', '"', '\''])
}

/// The settings of a file, each of which clap would take.
pub(super) fn parse(text: &str, file: &str, whose: Whose) -> Result<Vec<Setting>, Error> {
    let origin = |at: usize| format!("{file}, line {}", text[..text.floor_char_boundary(at)].matches('\n').count() + 1);
    let document = Document::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let quotes = if text.get(at..).is_some_and(is_bare_word) { ": texts need quotes, as in \"never\"" } else { "" };
        Error::Usage(format!("{}: {}{quotes}", origin(at), error.message()))
    })?;
    // Built once: that costs many times as much as to parse with it.
    let mut command = Cli::command();
    let mut settings = Vec::new();
    for (key, item) in document.as_table() {
        let at = document
            .as_table()
            .key(key)
            .and_then(toml_edit::Key::span)
            .or_else(|| item.span())
            .map_or(0, |span| span.start);
        let origin = origin(at);
        let wrong = |why: String| Error::Usage(format!("{origin}: {why}"));
        let table = TABLES.iter().find(|(table, _)| *table == key);
        let option = table.map_or(key, |(_, option)| *option);
        let values = match (table, item.as_table_like()) {
            (Some(_), Some(table)) => pairs(table),
            (Some(_), None) => Err(format!("{key} is a table: write [{key}], and below it NAME = \"FILTER\"")),
            (None, _) => values(item),
        };
        let options = values.and_then(|values| options(&mut command, option, &values, whose)).map_err(wrong)?;
        // A flag that is not set is none.
        if !options.is_empty() {
            settings.push(Setting { key: option.to_owned(), options, origin, whose });
        }
    }
    Ok(settings)
}

/// `NAME=TEXT` for each entry of a table.
fn pairs(table: &dyn TableLike) -> Result<Vec<String>, String> {
    let pair = |(name, item): (&str, &Item)| match item.as_str() {
        Some(text) => Ok(format!("{name}={text}")),
        None => Err(format!("{name}: a text in quotes is needed")),
    };
    table.iter().map(pair).collect()
}

/// The value of a key as the command line has it.
fn values(item: &Item) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.value().clone()),
        Value::Integer(number) => Ok(number.value().to_string()),
        Value::Float(number) => Ok(number.value().to_string()),
        Value::Boolean(flag) => Ok(flag.value().to_string()),
        _ => Err("a text, a number, true, false or a list of them is needed".to_owned()),
    };
    match item.as_value() {
        // As the command line has it, with commas between.
        Some(Value::Array(list)) => Ok(vec![list.iter().map(one).collect::<Result<Vec<_>, _>>()?.join(",")]),
        Some(value) => Ok(vec![one(value)?]),
        None => Err("there is no such table: tables are [filters] and [highlight]".to_owned()),
    }
}

/// What a key is on the command line, where an option has this name, may be set in such a file, and takes these values.
fn options(command: &mut Command, option: &str, values: &[String], whose: Whose) -> Result<Vec<String>, String> {
    if IN_NO_FILE.contains(&option) {
        return Err(format!("{option} belongs on the command line"));
    }
    let arg_of = |mode: &Command| mode.get_arguments().find(|arg| arg.get_long() == Some(option)).cloned();
    let modes = std::iter::once(&*command).chain(command.get_subcommands());
    let with: Vec<_> = modes.filter_map(|mode| Some((mode.get_name().to_owned(), arg_of(mode)?))).collect();
    let Some((_, arg)) = with.first() else {
        return Err(format!("no option is called --{option}"));
    };
    if whose == Whose::User && !OF_USERS.contains(&option) {
        return Err(format!(
            "{option} is not taken from a user's file: it belongs on the command line or in {OF_HOST}"
        ));
    }
    let options: Vec<_> = match (arg.get_action().takes_values(), values) {
        (true, values) => values.iter().map(|value| format!("--{option}={value}")).collect(),
        (false, [value]) if value == "true" => vec![format!("--{option}")],
        (false, [value]) if value == "false" => Vec::new(),
        (false, _) => return Err(format!("{option} is true or false")),
    };
    // Forms of output are not the same everywhere: one that takes it is enough.
    let wrong: Option<Vec<_>> = with.iter().map(|(mode, _)| wrong(command, mode, &options)).collect();
    wrong.and_then(|wrong| wrong.into_iter().next()).map_or(Ok(options), Err)
}

/// Why `mode`, a subcommand or the command itself, does not take the values of these options. Whatever else it would
/// need is not their fault.
fn wrong(command: &mut Command, mode: &str, options: &[String]) -> Option<String> {
    let subcommand = Some(mode).filter(|mode| *mode != command.get_name());
    let arguments = std::iter::once("opentop").chain(subcommand).chain(options.iter().map(String::as_str));
    let arguments: Vec<_> = arguments.map(str::to_owned).collect();
    let error = command.try_get_matches_from_mut(arguments).err()?;
    matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation).then(|| {
        let said = error.to_string();
        let said: Vec<_> = said.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
        said.join(" ").trim_start_matches("error: ").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Arg;

    fn settings(text: &str, whose: Whose) -> Result<Vec<Setting>, String> {
        parse(text, "f", whose).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, whose, expected) in [
            ("x = ", Whose::Host, "f, line 1: "),
            ("color = never", Whose::Host, "f, line 1: invalid float, expected `nan`: texts need quotes"),
            ("sort = failed # most", Whose::Host, "f, line 1: invalid boolean, expected `false`: texts need quotes"),
            (
                "\n\nsort = 'nobody'",
                Whose::Host,
                "f, line 3: invalid value 'nobody' for '--sort <COLUMN>': choose one of rate",
            ),
            (
                "color = 'mauve'",
                Whose::Host,
                "f, line 1: invalid value 'mauve' for '--color <WHEN>' [possible values: auto",
            ),
            ("interval = 'x'", Whose::Host, "f, line 1: invalid value 'x' for '--interval <SECS>'"),
            ("groupby = 'file'", Whose::Host, "f, line 1: no option is called --groupby"),
            ("latency = 7", Whose::Host, "f, line 1: latency is true or false"),
            ("out = '/etc/passwd'", Whose::Host, "f, line 1: out belongs on the command line"),
            ("\nas = 'root'", Whose::Given, "f, line 2: as belongs on the command line"),
            ("ring = '1G'", Whose::User, "f, line 1: ring is not taken from a user's file"),
            ("filters = 7", Whose::User, "f, line 1: filters is a table: write [filters]"),
            ("[filters]\na = 7", Whose::User, "f, line 1: a: a text in quotes is needed"),
            (
                "[filters]\n'a b' = 'x'",
                Whose::User,
                "f, line 1: invalid value 'a b=x' for '--define <NAME=EXPR>': \"a b\" is no name",
            ),
            (
                "[highlight]\nmauve = 'x'",
                Whose::User,
                "f, line 1: invalid value 'mauve=x' for '--highlight <COLOUR=EXPR>': no colour",
            ),
            ("[screen]\na = 1", Whose::User, "f, line 1: there is no such table"),
            ("sort = 2020-01-01", Whose::User, "f, line 1: a text, a number"),
        ] {
            let error = settings(text, whose).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        assert_eq!(settings("ring = '1G'", Whose::Host).unwrap()[0].options, ["--ring=1G"]);
    }

    #[test]
    fn every_key_of_a_user_is_an_option() {
        let command = Cli::command();
        for key in OF_USERS.into_iter().chain(IN_NO_FILE) {
            let known = std::iter::once(&command).chain(command.get_subcommands());
            let mut longs = known.flat_map(|command| command.get_arguments().filter_map(Arg::get_long));
            assert!(longs.any(|long| long == key) || ["help", "version"].contains(&key), "{key}");
        }
    }
}
