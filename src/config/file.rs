//! Configuration files: `/etc/opentop.toml`, over it the user's own. A key is an option by its long name, and what a
//! file says is what holds where the command line says nothing. So there is nothing that has to be kept in step with
//! the options.
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

use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _, Parser as _};

use super::keys::{OF_HOST, Setting, Whose, parse};
use super::{Config, Environment};
use crate::cli::Cli;
use crate::error::{self, Error};
use crate::filter::NO_USER;
use crate::names::accounts::Account;
use crate::privileges::Caller;
use crate::toml_keys;
use crate::user_file;

const NAME: &str = "opentop.toml";

/// A file that was looked for.
#[derive(Clone, Debug)]
pub struct Source {
    pub path: PathBuf,
    pub found: Found,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Read,
    /// Not there, or not open to this user.
    Nothing,
    /// A user's own that cannot be read, or makes no sense.
    PassedOver,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = match self.found {
            Found::Read => "read",
            Found::Nothing => "not there, or not open to this user",
            Found::PassedOver => "wrong, and passed over",
        };
        write!(f, "{} ({found})", self.path.display())
    }
}

/// What the files say that the command line does not.
#[derive(Debug, Default)]
pub struct Settings {
    pub sources: Vec<Source>,
    arguments: Vec<OsString>,
    /// The user's own last.
    settings: Vec<Setting>,
}

impl Settings {
    /// What the command line and the files mean. A key is passed over where the command line or this environment leaves
    /// it no meaning, and with a warning where it is wrong in a user's own file.
    ///
    /// # Errors
    /// If the command line, or a key of another file, cannot be meant.
    pub(crate) fn config(&mut self, environment: Environment) -> Result<Config, Error> {
        loop {
            let (cli, in_force) = self.cli().map_err(|error| Error::Usage(error.to_string()))?;
            let elsewhere = cli.shows_elsewhere();
            match Config::new(cli, environment) {
                Err(error) => self.pass_over(error, &in_force, elsewhere)?,
                config => return config,
            }
        }
    }

    /// The command line with all keys that it takes as options beside its own, and which those are.
    fn cli(&self) -> Result<(Cli, Vec<usize>), clap::Error> {
        // Built once: that costs many times as much as to parse with it.
        let mut command = Cli::command();
        let given = command.try_get_matches_from_mut(&self.arguments)?;
        let mut cli = Cli::from_arg_matches(&given)?;
        let subcommand = given.subcommand();
        let is_subcommand = subcommand.is_some();
        let (mode, given) = subcommand
            .map_or((&command, &given), |(name, given)| (command.find_subcommand(name).unwrap_or(&command), given));
        // What another mode alone takes, and what the command line says, is not tried.
        let is_open = |setting: &Setting| {
            let arg = mode.get_arguments().find(|arg| arg.get_long() == Some(&setting.key));
            arg.is_some_and(|arg| given.value_source(arg.get_id().as_str()) != Some(ValueSource::CommandLine))
        };
        let settings = self.settings.iter().enumerate().rev().filter(|(_, setting)| is_open(setting));
        let mut waiting: Vec<_> = settings.collect();
        // No option stands before a subcommand.
        let at = 1 + usize::from(is_subcommand);
        let mut arguments = self.arguments.clone();
        let mut in_force = Vec::new();
        // A key can need another one, whichever stands first.
        loop {
            let before = waiting.len();
            waiting.retain(|(index, setting)| {
                let mut more = arguments.clone();
                more.splice(at..at, setting.options.iter().map(OsString::from));
                let taken = command.try_get_matches_from_mut(&more).and_then(|matches| Cli::from_arg_matches(&matches));
                let Ok(taken) = taken else { return true };
                (cli, arguments) = (taken, more);
                in_force.push(*index);
                false
            });
            if waiting.len() == before {
                return Ok((cli, in_force));
            }
        }
    }

    /// Forgets the key that the error comes from, if one may be. `elsewhere`: filters can name users who are only known
    /// here.
    fn pass_over(&mut self, error: Error, in_force: &[usize], elsewhere: bool) -> Result<(), Error> {
        let find = |key: &str| in_force.iter().copied().find(|index| self.settings[*index].key == key);
        let (option, text) = match &error {
            Error::Unfit { options, .. } => {
                let index = options.iter().find_map(|key| find(key)).ok_or(error)?;
                self.settings.remove(index);
                return Ok(());
            }
            Error::Option { option, error } => (*option, error.to_string()),
            _ => return Err(error),
        };
        let Some(index) = find(option) else { return Err(error) };
        let what = format!("{}: {text}", self.settings[index].origin);
        let of_users = elsewhere && text.contains(NO_USER);
        if self.settings[index].whose != Whose::User && !of_users {
            return Err(Error::Usage(what));
        }
        self.settings.remove(index);
        error::print(format_args!("{what}; going on without it"));
        Ok(())
    }
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
pub fn command_line(arguments: Vec<OsString>) -> Result<(Cli, Settings), Refused> {
    let cli = Cli::try_parse_from(&arguments).map_err(Refused::CommandLine)?;
    let mut settings = Settings { arguments, ..Settings::default() };
    settings.read(cli.config.as_deref()).map_err(Refused::File)?;
    let (cli, _) = settings.cli().map_err(Refused::CommandLine)?;
    Ok((cli, settings))
}

impl Settings {
    fn read(&mut self, given: Option<&Path>) -> Result<(), Error> {
        if let Some(path) = given {
            return match self.read_file(path, Whose::Given)? {
                Found::Nothing => Err(Error::Usage(format!("--config {}: no such file", path.display()))),
                _ => Ok(()),
            };
        }
        self.read_file(Path::new(OF_HOST), Whose::Host)?;
        let Some(path) = user_path() else { return Ok(()) };
        if let Err(why) = self.read_file(&path, Whose::User) {
            error::print(format_args!("{why}; going on without it"));
            self.sources.push(Source { path, found: Found::PassedOver });
        }
        Ok(())
    }

    fn read_file(&mut self, path: &Path, whose: Whose) -> Result<Found, Error> {
        let caller = if whose == Whose::Host { None } else { Caller::of_sudo() };
        let shown = path.display().to_string();
        let without = if whose == Whose::User { "" } else { "; --config /dev/null does without" };
        let wrong = |why: &dyn fmt::Display| Error::Usage(format!("{shown}: {why}{without}"));
        let bytes = match user_file::read(path, caller, whose != Whose::Given, toml_keys::BYTES_MAX) {
            // Somebody else's home, as where a service has kept the variables of root.
            Err(why) if whose == Whose::User && why.kind() == io::ErrorKind::PermissionDenied => None,
            read => read.map_err(|why| wrong(&why))?,
        };
        let found = if bytes.is_some() { Found::Read } else { Found::Nothing };
        let text = String::from_utf8(bytes.unwrap_or_default()).map_err(|_| wrong(&"it is not UTF-8"))?;
        self.add(parse(&text, &shown, whose)?);
        self.sources.push(Source { path: path.to_owned(), found });
        Ok(found)
    }

    fn add(&mut self, settings: Vec<Setting>) {
        for mut setting in settings {
            if let Some(at) = self.settings.iter().position(|old| old.key == setting.key) {
                setting.replace(self.settings.remove(at));
            }
            self.settings.push(setting);
        }
    }
}

/// Where the user's own file is, if he has a home. Under sudo no variable says where: they may be anybody's, and sudo
/// does not pass on what the user has set.
pub(crate) fn user_path() -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let config = |home: OsString| Some(absolute(home)?.join(".config"));
    let directory = match Caller::of_sudo() {
        Some(caller) => config(Account::find(caller.uid.to_string().as_ref())?.home),
        None => std::env::var_os("XDG_CONFIG_HOME").and_then(absolute).or_else(|| config(std::env::var_os("HOME")?)),
    };
    Some(directory?.join(NAME))
}

#[cfg(test)]
mod tests;
