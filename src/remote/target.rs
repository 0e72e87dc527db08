//! Which hosts are meant.

use std::ffi::OsString;
use std::path::Path;

use super::args::RemoteArgs;
use crate::error::Error;
use crate::escape::{escape, is_invisible};
use crate::privileges::Caller;
use crate::user_file;

/// Hosts at a time: each has a thread or two and an ssh here.
const HOSTS_MAX: usize = 64;

/// What a shell would obey.
const SHELL: &[char] = &['\'', '"', '`', '$', '\\', ';', '&', '<', '>', '|', '(', ')', '{', '}'];

/// Bytes of a host's name, and of a file of such.
const NAME_MAX: usize = 255;
const FILE_MAX: u64 = 64 << 10;

/// Hosts to reach, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub hosts: Vec<String>,
    /// ssh and its arguments before the host.
    pub ssh: Vec<OsString>,
    /// What is run on the hosts, for their shells.
    pub remote: String,
}

impl Target {
    /// What the options mean; `None` where they name no host.
    ///
    /// # Errors
    /// If a name is none, if there are too many, or if the file cannot be read.
    pub fn new(args: &RemoteArgs) -> Result<Option<Self>, Error> {
        let mut hosts = Vec::new();
        for name in &args.host {
            add(&mut hosts, name, "--host").map_err(Error::of("host"))?;
        }
        if let Some(file) = &args.hosts {
            let from = format!("--hosts {}", file.display());
            of_file(&mut hosts, file, &from).map_err(Error::of("hosts"))?;
        }
        if hosts.is_empty() {
            return args.without_hosts().map(|()| None);
        }
        let ssh: Vec<OsString> = args.ssh.split_whitespace().map(Into::into).collect();
        if ssh.is_empty() {
            return Err(Error::of("ssh")(Error::Usage("--ssh needs a command, such as \"ssh -F FILE\"".into())));
        }
        if args.remote.trim().is_empty() {
            let what = "--remote needs a command, such as \"sudo -n opentop\"";
            return Err(Error::of("remote")(Error::Usage(what.into())));
        }
        Ok(Some(Self { hosts, ssh, remote: args.remote.clone() }))
    }
}

/// Adds those of a file, one a line.
fn of_file(hosts: &mut Vec<String>, file: &Path, from: &str) -> Result<(), Error> {
    for line in read(file, from)?.lines() {
        let name = line.split('#').next().unwrap_or_default().trim();
        if !name.is_empty() {
            add(hosts, name, from)?;
        }
    }
    if hosts.is_empty() {
        return Err(Error::Usage(format!("{from}: it names no host; write one a line")));
    }
    Ok(())
}

fn add(hosts: &mut Vec<String>, name: &str, from: &str) -> Result<(), Error> {
    let name = name.trim();
    let wrong = |why: &str| {
        let shown = escape(&name.as_bytes()[..name.floor_char_boundary(80)]);
        Err(Error::Usage(format!("{from}: {shown:?} is no host: {why}")))
    };
    // ssh would take it for an option, and options run commands.
    if name.split('@').any(|part| part.starts_with('-')) {
        return wrong("a name does not begin with -");
    }
    // A ProxyCommand of ssh_config has it run by a shell. ssh refuses these too, but not each that is still in use.
    if name.contains(SHELL) {
        return wrong("a name has no characters that mean something to a shell");
    }
    if name.is_empty() || name.len() > NAME_MAX {
        return wrong("a name has 1 to 255 bytes");
    }
    if name.chars().any(|c| c.is_control() || c.is_whitespace() || is_invisible(c)) {
        return wrong("a name has no blanks and no control characters");
    }
    if hosts.iter().any(|known| known == name) {
        return Ok(());
    }
    if hosts.len() == HOSTS_MAX {
        return Err(Error::Usage(format!("{from}: more than {HOSTS_MAX} hosts: show them in several terminals")));
    }
    hosts.push(name.to_owned());
    Ok(())
}

fn read(file: &Path, from: &str) -> Result<String, Error> {
    // Its lines come back as names of hosts, so that it must be one that the caller of sudo may read.
    match user_file::read(file, Caller::of_sudo(), false, FILE_MAX) {
        Ok(Some(bytes)) => String::from_utf8(bytes).map_err(|_| Error::Usage(format!("{from}: it is not UTF-8"))),
        Ok(None) => Err(Error::Other(format!("{from}: no such file"))),
        Err(why) => Err(Error::Other(format!("{from}: cannot read it: {why}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(hosts: &[&str]) -> Result<Option<Target>, Error> {
        let host = hosts.iter().map(|host| (*host).to_owned()).collect();
        Target::new(&RemoteArgs { host, hosts: None, ssh: "ssh -p 22".into(), remote: "opentop".into() })
    }

    #[test]
    fn what_ssh_or_a_terminal_would_obey_is_no_host() {
        for name in [
            "-oProxyCommand=touch /tmp/x",
            "-l",
            "",
            " ",
            "a b",
            "a\x1b[2J",
            "a\nb",
            "\u{202e}a",
            "u@-oX=y",
            "a;b",
            "$(a)",
            "`a`",
        ] {
            let why = target(&["ok", name]).unwrap_err();
            assert!(!why.to_string().chars().any(char::is_control), "{why}");
            assert_eq!(why.exit_code(), crate::error::EXIT_USAGE, "{why}");
        }
        assert!(target(&["x".repeat(256).as_str()]).is_err());
    }

    #[test]
    fn a_host_is_named_once_and_there_are_not_too_many() {
        let found = target(&["web1", "root@web2", "web1", "[::1]"]).unwrap().unwrap();
        assert_eq!(found.hosts, ["web1", "root@web2", "[::1]"]);
        assert_eq!(found.ssh, ["ssh", "-p", "22"]);
        assert!(matches!(target(&[]), Err(Error::Unfit { .. })), "how to reach nobody");
        let many: Vec<_> = (0..65).map(|n| format!("h{n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(target(&many[..64]).is_ok() && target(&many).is_err());
    }
}
