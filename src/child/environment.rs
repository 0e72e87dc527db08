//! The environment of a command that runs as somebody else.

use std::ffi::OsString;

use crate::names::accounts::Account;

/// What is passed on of opentop's own environment to a program that runs as somebody else: how the terminal writes, and
/// in which language and time zone. Everything else is the business of whoever called opentop, or a way into the
/// program.
const PASSED_ON: [&str; 6] = ["TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE", "TZ"];

/// Where programs are looked for as root, and as anybody else.
const PATH_OF_ROOT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The environment of a program that runs as `account`; `own` is that of opentop.
pub(super) fn environment(
    account: &Account,
    own: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    let passed_on =
        |name: &OsString| name.to_str().is_some_and(|name| PASSED_ON.contains(&name) || name.starts_with("LC_"));
    let path = if account.uid == 0 { PATH_OF_ROOT } else { PATH };
    let theirs = [
        ("HOME", account.home.clone()),
        ("USER", account.name.clone()),
        ("LOGNAME", account.name.clone()),
        ("SHELL", if account.shell.is_empty() { "/bin/sh".into() } else { account.shell.clone() }),
        ("PATH", path.into()),
    ];
    own.filter(move |(name, _)| passed_on(name)).chain(theirs.map(|(name, value)| (name.into(), value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uid: u32, shell: &str) -> Vec<(String, String)> {
        let account = Account {
            name: "web".into(),
            uid,
            gid: uid,
            groups: vec![uid],
            home: "/var/www".into(),
            shell: shell.into(),
        };
        let own = [
            "TERM=xterm",
            "LC_ALL=C",
            "LANG=C",
            "TZ=UTC",
            "PATH=/root/bin",
            "HOME=/root",
            "USER=root",
            "SHELL=/bin/fish",
        ];
        let dangerous =
            ["LD_PRELOAD=/x", "SUDO_UID=1", "XDG_RUNTIME_DIR=/run/user/0", "MAIL=/x", "BASH_ENV=/x", "TOKEN=x", "LC"];
        let own = own.iter().chain(&dangerous).map(|variable| variable.split_once('=').unwrap_or((variable, "")));
        let pairs = environment(&account, own.map(|(name, value)| (name.into(), value.into())));
        pairs.map(|(name, value)| (name.into_string().unwrap(), value.into_string().unwrap())).collect()
    }

    #[test]
    fn of_the_own_environment_somebody_else_gets_the_terminal_and_the_language() {
        let expected = [
            ("TERM", "xterm"),
            ("LC_ALL", "C"),
            ("LANG", "C"),
            ("TZ", "UTC"),
            ("HOME", "/var/www"),
            ("USER", "web"),
            ("LOGNAME", "web"),
            ("SHELL", "/bin/zsh"),
            ("PATH", PATH),
        ];
        assert_eq!(of(33, "/bin/zsh"), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(of(0, "").contains(&("PATH".into(), PATH_OF_ROOT.into())));
        assert!(of(33, "").contains(&("SHELL".into(), "/bin/sh".into())));
    }
}
