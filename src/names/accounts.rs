//! Who a user is, from `/etc/passwd` and `/etc/group`, read by hand for the reasons that [`crate::names`] gives.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// A line of passwd(5), with the groups that group(5) adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: OsString,
    pub uid: u32,
    pub gid: u32,
    /// All groups, `gid` included.
    pub groups: Vec<u32>,
    pub home: OsString,
    pub shell: OsString,
}

impl Account {
    /// The account of this host called `user`, or with this number.
    pub fn find(user: &OsStr) -> Option<Self> {
        Self::find_in(&read("/etc/passwd"), &read("/etc/group"), user)
    }

    /// The account of this host with this number.
    pub fn of(uid: u32) -> Option<Self> {
        // A name may be another's number.
        Self::find(OsStr::new(&uid.to_string())).filter(|account| account.uid == uid)
    }

    fn find_in(passwd: &[u8], group: &[u8], user: &OsStr) -> Option<Self> {
        let number = user.to_str().and_then(id);
        let by_name = |account: &Self| account.name == user;
        let accounts = || lines(passwd).filter_map(|line| Self::parse(&line));
        let found = accounts().find(by_name).or_else(|| accounts().find(|account| Some(account.uid) == number))?;
        Some(Self { groups: groups_in(group, &found.name, found.gid), ..found })
    }

    fn parse(line: &[&[u8]]) -> Option<Self> {
        let &[name, _, uid, gid, _, home, shell] = line else { return None };
        let text = |bytes: &[u8]| OsString::from_vec(bytes.to_owned());
        let number = |bytes: &[u8]| str::from_utf8(bytes).ok().and_then(id);
        let (uid, gid) = (number(uid)?, number(gid)?);
        Some(Self { name: text(name), uid, gid, groups: Vec::new(), home: text(home), shell: text(shell) })
    }
}

/// A number that a user or group can have. The largest is none: the kernel takes it for "leave it as it is".
pub fn id(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id| digits && *id != u32::MAX)
}

fn groups_in(group: &[u8], name: &OsStr, gid: u32) -> Vec<u32> {
    let of_line = |line: Vec<&[u8]>| match line[..] {
        [_, _, number, members] if members.split(|&byte| byte == b',').any(|member| member == name.as_bytes()) => {
            str::from_utf8(number).ok().and_then(id)
        }
        _ => None,
    };
    let mut groups: Vec<_> = std::iter::once(gid).chain(lines(group).filter_map(of_line)).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

fn read(path: &str) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

/// The fields of each line.
fn lines(file: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    file.split(|&byte| byte == b'\n').map(|line| line.split(|&byte| byte == b':').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] =
        b"root:x:0:0:root:/root:/bin/bash\nbroken:x:1\nweb:x:33:34::/var/www:/bin/sh\n7:x:8:8::/h:/s\n\
          max:x:4294967295:1:::\n";
    const GROUP: &[u8] = b"root:x:0:\nweb:x:34:\nadm:x:4:syslog,web\nwebs:x:5:webs\nssl:x:110:web,root\n+\n";

    fn find(user: &str) -> Option<Account> {
        Account::find_in(PASSWD, GROUP, OsStr::new(user))
    }

    #[test]
    fn an_account_has_its_groups_home_and_shell() {
        let web = find("web").unwrap();
        assert_eq!((web.uid, web.gid, &web.groups[..]), (33, 34, &[4, 34, 110][..]));
        assert_eq!((web.home.to_str(), web.shell.to_str()), (Some("/var/www"), Some("/bin/sh")));
        assert_eq!(find("root").unwrap().groups, [0, 110]);
    }

    #[test]
    fn a_name_goes_before_a_number_and_what_is_broken_is_nobody() {
        assert_eq!(find("33").unwrap().name, "web");
        assert_eq!(find("7").unwrap().uid, 8);
        for nobody in ["", "broken", "34", "max", "4294967295", "+33", "-1"] {
            assert_eq!(find(nobody), None, "{nobody}");
        }
    }
}
