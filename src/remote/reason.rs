//! Why there is no connection, and what to do about it, from what ssh and the far side say on stderr.

use crate::escape::escape;

/// Bytes of a reason.
const REASON_MAX: usize = 300;

const ASKS: &str = "sudo there asks for a password: allow opentop in sudoers with NOPASSWD, or give --remote opentop \
                    with its capabilities";
const NOT_ALLOWED: &str =
    "the user there may not use sudo: allow opentop in sudoers with NOPASSWD, or log in as another user";
const NO_SUDO: &str =
    "there is no sudo there: log in as root with --remote opentop, or give the opentop there its capabilities";

/// What stands in a line, and what that means.
const KNOWN: [(&str, &str); 15] = [
    ("a password is required", ASKS),
    ("a terminal is required", ASKS),
    ("you must have a tty", "sudo there wants a terminal (requiretty): take that out of sudoers for opentop"),
    ("is not in the sudoers file", NOT_ALLOWED),
    ("is not allowed to execute", NOT_ALLOWED),
    ("sudo: command not found", NO_SUDO),
    ("sudo: not found", NO_SUDO),
    ("unrecognized subcommand", "its opentop is older and has no agent: bring it this one (scp)"),
    (
        "opentop: command not found",
        "there is no opentop in the PATH there: bring it the static binary (scp), or give --remote",
    ),
    ("opentop: not found", "there is no opentop in the PATH there: bring it the static binary (scp), or give --remote"),
    ("Permission denied (", "ssh cannot log in without asking: it needs a key, in the agent if it has a passphrase"),
    ("Host key verification failed", "its host key is not known, or another: ssh to it once by hand"),
    ("Could not resolve hostname", "there is no host of this name: look for it in ssh_config or DNS"),
    ("Connection refused", "nothing listens there for ssh: is sshd running, at this port?"),
    ("Connection timed out", "no answer: the host is down, or a firewall drops the connection"),
];

/// What is said where nobody knows more.
pub(super) const ENDED: &str = "the connection ended";

/// The reason in what was said last, in one displayable line; `read` is what was wrong with what came.
pub(super) fn reason(said: &[u8], read: Option<String>) -> String {
    let said = String::from_utf8_lossy(said);
    let known = said.lines().rev().find_map(|line| KNOWN.iter().find(|(text, _)| line.contains(text)));
    if let Some((_, why)) = known {
        return (*why).to_owned();
    }
    // What opentop there says of itself, before what sudo or ssh may add.
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty()).rev();
    let own = lines().find(|line| line.starts_with("opentop: "));
    let read = read.filter(|why| why != ENDED);
    match own.or_else(|| if read.is_some() { None } else { lines().next() }) {
        Some(line) => {
            let shown = escape(line.as_bytes());
            shown[..shown.floor_char_boundary(REASON_MAX)].to_owned()
        }
        None => read.unwrap_or_else(|| ENDED.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_what_to_do_and_is_one_displayable_line() {
        assert!(reason(b"Welcome\nsudo: a password is required\n", None).contains("NOPASSWD"));
        assert!(reason(b"sh: 1: sudo: not found\n", Some(ENDED.into())).contains("--remote opentop"));
        assert!(reason(b"sudo: opentop: command not found\n", None).contains("scp"));
        assert!(reason(b"bash: line 1: opentop: command not found\n", Some(ENDED.into())).contains("scp"));
        assert!(reason(b"root@h: Permission denied (publickey).\r\n", None).contains("key"));
        assert_eq!(reason(b"opentop: no BTF here\nConnection to h closed.\n", None), "opentop: no BTF here");
        assert_eq!(reason(b"", None), ENDED);
        assert_eq!(
            reason(b"Warning: added a key\n", Some("nothing has come for 5 s".into())),
            "nothing has come for 5 s"
        );
        let hostile = reason(&[b"x\x1b[2J".as_slice(), &[b'y'; 9999]].concat(), None);
        assert!(hostile.len() <= REASON_MAX && !hostile.chars().any(char::is_control), "{hostile}");
    }
}
