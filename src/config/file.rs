//! Configuration files: `/etc/opentop.toml`, over it the user's own. A key is an option by its long name, and what a file
//! says is what holds where the command line says nothing. So there is nothing that has to be kept in step with the options.
//!
//! ```toml
//! group-by = "file"
//! latency = true
//!
//! [filters]
//! missing = "err:ENOENT !comm:sh"
//!
//! [highlight]
//! red = "err:EACCES,EPERM"
//! ```
//!
//! Under sudo the user is whoever called it, and his file is opened with his rights. He may be allowed no more than one
//! command line, so that his file takes only keys that change what is shown.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use clap::builder::OsStr;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory as _, FromArgMatches as _, Parser as _};
use toml_edit::{Document, Item, TableLike, Value};

use crate::cli::Cli;
use crate::error::Error;
use crate::names::accounts::Account;
use crate::privileges::Caller;
use crate::toml_keys;
use crate::user_file::{self, Must};

const OF_HOST: &str = "/etc/opentop.toml";
const NAME: &str = "opentop.toml";

/// Tables of a file, and the options whose values, `NAME=TEXT`, they hold.
const TABLES: [(&str, &str); 2] = [("filters", "define"), ("highlight", "highlight")];

/// Options that belong to one command line, or write somewhere.
const IN_NO_FILE: [&str; 9] = ["as", "config", "force", "help", "out", "pid", "save", "tree", "version"];

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
enum Whose {
    Host,
    User,
    /// Named by `--config`, in place of the others.
    Given,
}

/// A file that was looked for.
#[derive(Clone, Debug)]
pub struct Source {
    pub path: PathBuf,
    pub found: bool,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({})",
            self.path.display(),
            if self.found { "read" } else { "not there, or not open to this user" }
        )
    }
}

/// What the files say that the command line does not.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub sources: Vec<Source>,
    /// Keys that are in force, and the line that each is from.
    origins: Vec<(String, String)>,
}

impl Settings {
    /// The error, with the line that it comes from where an option is wrong that no command line has given.
    pub fn blame(&self, error: Error) -> Error {
        let Error::Usage(text) = &error else { return error };
        let of = |key: &str| {
            text.strip_prefix("--")
                .and_then(|text| text.strip_prefix(key))
                .is_some_and(|rest| rest.starts_with([' ', ':']))
        };
        match self.origins.iter().find(|(key, _)| of(key)) {
            Some((_, origin)) => Error::Usage(format!("{origin}: {text}")),
            None => error,
        }
    }
}

/// A key with its value.
#[derive(Debug)]
struct Setting {
    key: String,
    values: Vec<String>,
    /// `FILE, line N`.
    origin: String,
}

/// Why there is no command line.
#[derive(Debug)]
pub enum Refused {
    /// By clap, or it has asked for the help.
    CommandLine(clap::Error),
    File(Error),
}

/// Reads the command line, and the files for what it does not say.
///
/// # Errors
/// If either makes no sense.
pub fn command_line(arguments: &[OsString]) -> Result<(Cli, Settings), Refused> {
    let mut cli = Cli::try_parse_from(arguments).map_err(Refused::CommandLine)?;
    let mut sources = Vec::new();
    let settings = read_all(cli.config.as_deref(), &mut sources).map_err(Refused::File)?;
    let mut origins = Vec::new();
    if !settings.is_empty() {
        let matches =
            with_defaults(Cli::command(), &settings).try_get_matches_from(arguments).map_err(Refused::CommandLine)?;
        cli = Cli::from_arg_matches(&matches).map_err(Refused::CommandLine)?;
        let in_force = settings.iter().filter(|setting| is_default(&matches, &setting.key));
        origins.extend(in_force.map(|setting| (setting.key.clone(), setting.origin.clone())));
    }
    Ok((cli, Settings { sources, origins }))
}

/// Whether the option has its value from a file.
fn is_default(matches: &ArgMatches, key: &str) -> bool {
    let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
    let id = key.replace('-', "_");
    matches.try_contains_id(&id).is_ok() && matches.value_source(&id) == Some(ValueSource::DefaultValue)
}

/// The command, whose options have other defaults.
fn with_defaults(mut command: Command, settings: &[Setting]) -> Command {
    for setting in settings {
        let id =
            command.get_arguments().find(|arg| arg.get_long() == Some(&setting.key)).map(|arg| arg.get_id().clone());
        if let Some(id) = id {
            let values: Vec<OsStr> = setting.values.iter().map(|value| OsString::from(value).into()).collect();
            command = command.mut_arg(id, |arg| arg.default_values(values));
        }
    }
    let names: Vec<_> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, |command| with_defaults(command, settings)))
}

fn read_all(given: Option<&Path>, sources: &mut Vec<Source>) -> Result<Vec<Setting>, Error> {
    let files = match given {
        Some(path) => vec![(path.to_owned(), Whose::Given)],
        None => {
            let own = user_path().map(|path| (path, Whose::User));
            [(PathBuf::from(OF_HOST), Whose::Host)].into_iter().chain(own).collect()
        }
    };
    let mut settings: Vec<Setting> = Vec::new();
    for (path, whose) in files {
        let caller = if whose == Whose::Host { None } else { Caller::of_sudo() };
        let shown = path.display();
        let wrong = |why: &dyn fmt::Display| Error::Usage(format!("{shown}: {why}; --config /dev/null does without"));
        let must = Must { be_own: whose != Whose::Given, be_no_link: whose == Whose::User };
        let bytes = match user_file::read(&path, caller, must, toml_keys::BYTES_MAX) {
            // Somebody else's home, as where a service has kept the variables of root.
            Err(why) if whose == Whose::User && why.kind() == io::ErrorKind::PermissionDenied => None,
            read => read.map_err(|why| wrong(&why))?,
        };
        sources.push(Source { path: path.clone(), found: bytes.is_some() });
        let Some(bytes) = bytes else {
            if whose == Whose::Given {
                return Err(Error::Usage(format!("--config {shown}: no such file")));
            }
            continue;
        };
        let text = String::from_utf8(bytes).map_err(|_| wrong(&"it is not UTF-8"))?;
        for setting in parse(&text, &shown.to_string(), whose)? {
            // Of a table each name is a key of its own.
            let is_same = |old: &Setting| old.key == setting.key;
            match settings.iter_mut().find(|old| is_same(old)) {
                Some(old) if TABLES.iter().any(|(_, option)| *option == setting.key) => {
                    let name = |value: &String| value.split('=').next().map(str::to_owned);
                    old.values.retain(|old| !setting.values.iter().any(|new| name(new) == name(old)));
                    old.values.extend(setting.values);
                }
                Some(old) => *old = setting,
                None => settings.push(setting),
            }
        }
    }
    Ok(settings)
}

/// Where the user's own file is, if he has a home. Under sudo no variable says where: they may be anybody's, and sudo does
/// not pass on what the user has set.
pub(crate) fn user_path() -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let config = |home: OsString| Some(absolute(home)?.join(".config"));
    let directory = match Caller::of_sudo() {
        Some(caller) => config(Account::find(caller.uid.to_string().as_ref())?.home),
        None => std::env::var_os("XDG_CONFIG_HOME").and_then(absolute).or_else(|| config(std::env::var_os("HOME")?)),
    };
    Some(directory?.join(NAME))
}

/// The settings of a file, each of which clap would take.
fn parse(text: &str, file: &str, whose: Whose) -> Result<Vec<Setting>, Error> {
    let origin = |at: usize| format!("{file}, line {}", text[..text.floor_char_boundary(at)].matches('\n').count() + 1);
    let document = Document::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Error::Usage(format!("{}: {}", origin(at), error.message()))
    })?;
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
        let values = values.and_then(|values| check(option, &values, whose).map(|()| values)).map_err(wrong)?;
        // A flag that is not set.
        if values != ["false"] {
            settings.push(Setting { key: option.to_owned(), values, origin });
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

/// Whether an option has this name, may be set in such a file, and takes these values.
fn check(option: &str, values: &[String], whose: Whose) -> Result<(), String> {
    let command = Cli::command();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let has = |command: &&Command| command.get_arguments().any(|arg| arg.get_long() == Some(option));
    if IN_NO_FILE.contains(&option) {
        return Err(format!("{option} belongs on the command line"));
    }
    let Some(command) = commands.into_iter().find(has) else {
        return Err(format!("no option is called --{option}"));
    };
    if whose == Whose::User && !OF_USERS.contains(&option) {
        return Err(format!(
            "{option} is not taken from a user's file: it belongs on the command line or in {OF_HOST}"
        ));
    }
    let flag = command.get_arguments().any(|arg| arg.get_long() == Some(option) && !arg.get_action().takes_values());
    let mut arguments = vec!["opentop".to_owned()];
    arguments.extend((command.get_name() != "opentop").then(|| command.get_name().to_owned()));
    match (flag, values) {
        (true, [value]) if value == "true" => arguments.push(format!("--{option}")),
        (true, [value]) if value == "false" => return Ok(()),
        (true, _) => return Err(format!("{option} is true or false")),
        (false, values) => arguments.extend(values.iter().map(|value| format!("--{option}={value}"))),
    }
    match Cli::try_parse_from(arguments) {
        // Whatever else it would need is not its fault.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) => {
            let said = error.to_string();
            let said: Vec<_> = said.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            Err(said.join(" ").trim_start_matches("error: ").to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Arg;

    fn settings(text: &str, whose: Whose) -> Result<Vec<Setting>, String> {
        parse(text, "f", whose).map_err(|error| error.to_string())
    }

    fn cli(texts: &[&str], arguments: &str) -> Result<Cli, clap::Error> {
        let settings: Vec<_> = texts.iter().flat_map(|text| settings(text, Whose::Host).unwrap()).collect();
        let arguments = std::iter::once("opentop").chain(arguments.split_whitespace());
        let matches = with_defaults(Cli::command(), &settings).try_get_matches_from(arguments)?;
        Cli::from_arg_matches(&matches)
    }

    #[test]
    fn a_key_is_what_holds_where_the_command_line_says_nothing() {
        let text = "group-by = 'file'\ninterval = 2.5\nlatency = true\nascii = false\n[filters]\na = 'err:any'\nb = '@a x=y'\n";
        let from_file = cli(&[text], "").unwrap().live;
        assert_eq!((from_file.shown.group_by.name(), from_file.trace.filters.interval), ("file", 2.5));
        assert!(from_file.trace.latency && !from_file.shown.ascii);
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(from_file.trace.filters.define, [pair("a", "err:any"), pair("b", "@a x=y")]);
        let given = cli(&[text], "-g user -i 1 --define c=d").unwrap().live;
        assert_eq!((given.shown.group_by.name(), given.trace.filters.interval), ("user", 1.0));
        assert_eq!(given.trace.filters.define, [pair("c", "d")]);
        let Some(crate::cli::Command::Replay { shown, speed, .. }) =
            cli(&[text, "speed = 4"], "replay x").unwrap().command
        else {
            panic!("no replay")
        };
        assert_eq!((shown.group_by.name(), speed), ("file", Some(4.0)));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, whose, expected) in [
            ("x = ", Whose::Host, "f, line 1: "),
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
        assert_eq!(settings("ring = '1G'", Whose::Host).unwrap()[0].values, ["1G"]);
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
