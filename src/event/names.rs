//! The kernel's numbers by the names that every manual uses.

use std::borrow::Cow;

/// Errno names, `E` included, indexed by number. From `asm-generic/errno*.h`; x86 and arm64 share them.
const ERRNO: [&str; 134] = [
    "",
    "EPERM",
    "ENOENT",
    "ESRCH",
    "EINTR",
    "EIO",
    "ENXIO",
    "E2BIG",
    "ENOEXEC",
    "EBADF",
    "ECHILD",
    "EAGAIN",
    "ENOMEM",
    "EACCES",
    "EFAULT",
    "ENOTBLK",
    "EBUSY",
    "EEXIST",
    "EXDEV",
    "ENODEV",
    "ENOTDIR",
    "EISDIR",
    "EINVAL",
    "ENFILE",
    "EMFILE",
    "ENOTTY",
    "ETXTBSY",
    "EFBIG",
    "ENOSPC",
    "ESPIPE",
    "EROFS",
    "EMLINK",
    "EPIPE",
    "EDOM",
    "ERANGE",
    "EDEADLK",
    "ENAMETOOLONG",
    "ENOLCK",
    "ENOSYS",
    "ENOTEMPTY",
    "ELOOP",
    "",
    "ENOMSG",
    "EIDRM",
    "ECHRNG",
    "EL2NSYNC",
    "EL3HLT",
    "EL3RST",
    "ELNRNG",
    "EUNATCH",
    "ENOCSI",
    "EL2HLT",
    "EBADE",
    "EBADR",
    "EXFULL",
    "ENOANO",
    "EBADRQC",
    "EBADSLT",
    "",
    "EBFONT",
    "ENOSTR",
    "ENODATA",
    "ETIME",
    "ENOSR",
    "ENONET",
    "ENOPKG",
    "EREMOTE",
    "ENOLINK",
    "EADV",
    "ESRMNT",
    "ECOMM",
    "EPROTO",
    "EMULTIHOP",
    "EDOTDOT",
    "EBADMSG",
    "EOVERFLOW",
    "ENOTUNIQ",
    "EBADFD",
    "EREMCHG",
    "ELIBACC",
    "ELIBBAD",
    "ELIBSCN",
    "ELIBMAX",
    "ELIBEXEC",
    "EILSEQ",
    "ERESTART",
    "ESTRPIPE",
    "EUSERS",
    "ENOTSOCK",
    "EDESTADDRREQ",
    "EMSGSIZE",
    "EPROTOTYPE",
    "ENOPROTOOPT",
    "EPROTONOSUPPORT",
    "ESOCKTNOSUPPORT",
    "EOPNOTSUPP",
    "EPFNOSUPPORT",
    "EAFNOSUPPORT",
    "EADDRINUSE",
    "EADDRNOTAVAIL",
    "ENETDOWN",
    "ENETUNREACH",
    "ENETRESET",
    "ECONNABORTED",
    "ECONNRESET",
    "ENOBUFS",
    "EISCONN",
    "ENOTCONN",
    "ESHUTDOWN",
    "ETOOMANYREFS",
    "ETIMEDOUT",
    "ECONNREFUSED",
    "EHOSTDOWN",
    "EHOSTUNREACH",
    "EALREADY",
    "EINPROGRESS",
    "ESTALE",
    "EUCLEAN",
    "ENOTNAM",
    "ENAVAIL",
    "EISNAM",
    "EREMOTEIO",
    "EDQUOT",
    "ENOMEDIUM",
    "EMEDIUMTYPE",
    "ECANCELED",
    "ENOKEY",
    "EKEYEXPIRED",
    "EKEYREVOKED",
    "EKEYREJECTED",
    "EOWNERDEAD",
    "ENOTRECOVERABLE",
    "ERFKILL",
    "EHWPOISON",
];

/// What the kernel returns inside itself when a signal interrupted the call. The program sees EINTR or, after a
/// restart, a second result; strace shows the same names. From `linux/errno.h`.
const RESTARTS: [(i32, &str); 4] =
    [(512, "ERESTARTSYS"), (513, "ERESTARTNOINTR"), (514, "ERESTARTNOHAND"), (516, "ERESTART_RESTARTBLOCK")];

/// The name of an errno, or its number where it has no name.
pub fn errno_name(errno: i32) -> Cow<'static, str> {
    let restart = RESTARTS.iter().find(|(number, _)| *number == errno).map(|(_, name)| *name);
    let known = usize::try_from(errno).ok().and_then(|number| ERRNO.get(number)).copied();
    match known.or(restart) {
        Some(name) if !name.is_empty() => name.into(),
        _ => errno.to_string().into(),
    }
}

/// What an errno means, as perror(3) has it; `None` where nothing is known of it.
pub fn errno_words(errno: i32) -> Option<String> {
    let said = std::io::Error::from_raw_os_error(errno).to_string();
    let (words, _) = said.rsplit_once(" (os error")?;
    (errno > 0 && !words.starts_with("Unknown") && !words.starts_with("No error")).then(|| words.to_lowercase())
}

/// The names of all errors, by their numbers.
pub fn errno_names() -> impl Iterator<Item = &'static str> {
    ERRNO.into_iter().filter(|name| !name.is_empty())
}

/// The number behind an errno's name (any case) or decimal number.
pub fn errno_number(name: &str) -> Option<i32> {
    const ALIASES: [(&str, &str); 3] = [("EWOULDBLOCK", "EAGAIN"), ("EDEADLOCK", "EDEADLK"), ("ENOTSUP", "EOPNOTSUPP")];
    if let Ok(number) = name.parse::<i32>() {
        return (number > 0).then_some(number);
    }
    let alias = ALIASES.into_iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name));
    let name = alias.map_or(name, |(_, name)| name);
    let in_table = ERRNO.iter().position(|known| known.eq_ignore_ascii_case(name) && !known.is_empty());
    let restart = || RESTARTS.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(number, _)| *number);
    in_table.map(|number| number as i32).or_else(restart)
}

const ACCESS: u64 = libc::O_ACCMODE as u64;

/// glibc defines O_LARGEFILE as 0 on 64-bit systems; these are the kernel's values.
#[cfg(target_arch = "aarch64")]
const O_LARGEFILE: u64 = 0o400_000;
#[cfg(not(target_arch = "aarch64"))]
const O_LARGEFILE: u64 = 0o100_000;

/// Flag bits and their names, those that contain others first. The kernel's values differ between architectures,
/// so they are libc's.
const FLAGS: [(u64, &str); 16] = [
    (libc::O_TMPFILE as u64, "O_TMPFILE"),
    (libc::O_SYNC as u64, "O_SYNC"),
    (libc::O_DSYNC as u64, "O_DSYNC"),
    (libc::O_CREAT as u64, "O_CREAT"),
    (libc::O_EXCL as u64, "O_EXCL"),
    (libc::O_NOCTTY as u64, "O_NOCTTY"),
    (libc::O_TRUNC as u64, "O_TRUNC"),
    (libc::O_APPEND as u64, "O_APPEND"),
    (libc::O_NONBLOCK as u64, "O_NONBLOCK"),
    (libc::O_ASYNC as u64, "O_ASYNC"),
    (libc::O_DIRECT as u64, "O_DIRECT"),
    (O_LARGEFILE, "O_LARGEFILE"),
    (libc::O_DIRECTORY as u64, "O_DIRECTORY"),
    (libc::O_NOFOLLOW as u64, "O_NOFOLLOW"),
    (libc::O_NOATIME as u64, "O_NOATIME"),
    (libc::O_CLOEXEC as u64, "O_CLOEXEC"),
];
const O_PATH: (u64, &str) = (libc::O_PATH as u64, "O_PATH");

/// The names of all open flags.
pub fn open_flag_names() -> impl Iterator<Item = &'static str> {
    ["O_RDONLY", "O_WRONLY", "O_RDWR"].into_iter().chain(FLAGS.into_iter().map(|(_, name)| name)).chain([O_PATH.1])
}

/// The names of `flags`, access mode first; bits without a name as one hexadecimal number last.
pub fn flag_names(flags: u64) -> impl Iterator<Item = Cow<'static, str>> {
    let access = match flags & ACCESS {
        0 => "O_RDONLY",
        1 => "O_WRONLY",
        2 => "O_RDWR",
        _ => "O_ACCMODE",
    };
    let mut rest = flags & !ACCESS;
    let mut names = vec![Cow::from(access)];
    for (bits, name) in FLAGS.into_iter().chain([O_PATH]) {
        if rest & bits == bits {
            rest &= !bits;
            names.push(name.into());
        }
    }
    if rest != 0 {
        names.push(format!("{rest:#x}").into());
    }
    names.into_iter()
}

/// The bits behind a flag's name (any case); the access modes give their value and its mask.
pub fn flag_bits(name: &str) -> Option<(u64, u64)> {
    const MODES: [(u64, &str); 3] = [(0, "O_RDONLY"), (1, "O_WRONLY"), (2, "O_RDWR")];
    let named = |(_, known): &(u64, &str)| known.eq_ignore_ascii_case(name);
    let mode = MODES.into_iter().find(named).map(|(bits, _)| (bits, ACCESS));
    mode.or_else(|| FLAGS.into_iter().chain([O_PATH]).find(named).map(|(bits, _)| (bits, bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(flags: i32) -> Vec<String> {
        flag_names(flags as u64).map(Cow::into_owned).collect()
    }

    #[test]
    fn errno_names_agree_with_libc() {
        for (number, name) in [
            (libc::ENOENT, "ENOENT"),
            (libc::EMFILE, "EMFILE"),
            (libc::ELOOP, "ELOOP"),
            (libc::EOVERFLOW, "EOVERFLOW"),
            (libc::EOPNOTSUPP, "EOPNOTSUPP"),
            (libc::ESTALE, "ESTALE"),
            (libc::EDQUOT, "EDQUOT"),
            (libc::EHWPOISON, "EHWPOISON"),
            (512, "ERESTARTSYS"),
        ] {
            assert_eq!(errno_name(number), name);
            assert_eq!(errno_number(name), Some(number));
        }
        assert_eq!(errno_name(41), "41");
        assert_eq!(errno_words(libc::EMFILE).as_deref(), Some("too many open files"));
        assert_eq!(errno_words(libc::ENFILE).as_deref(), Some("too many open files in system"));
        assert_eq!((errno_words(512), errno_words(0), errno_words(41)), (None, None, None));
        assert_eq!(errno_number("enoent"), Some(libc::ENOENT));
        assert_eq!(errno_number("ENOSUCHTHING"), None);
        assert_eq!(errno_number(""), None);
    }

    #[test]
    fn flags_by_name() {
        assert_eq!(names(libc::O_CLOEXEC), ["O_RDONLY", "O_CLOEXEC"]);
        assert_eq!(names(libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC), ["O_WRONLY", "O_CREAT", "O_TRUNC"]);
        assert_eq!(names(libc::O_RDWR | libc::O_TMPFILE), ["O_RDWR", "O_TMPFILE"]);
        assert_eq!(names(libc::O_DIRECTORY), ["O_RDONLY", "O_DIRECTORY"]);
        assert_eq!(names(libc::O_SYNC), ["O_RDONLY", "O_SYNC"]);
        assert_eq!(names(libc::O_PATH | 0x4000_0000), ["O_RDONLY", "O_PATH", "0x40000000"]);
    }

    #[test]
    fn a_flag_name_gives_its_bits() {
        assert_eq!(flag_bits("o_creat"), Some((libc::O_CREAT as u64, libc::O_CREAT as u64)));
        assert_eq!(flag_bits("O_RDONLY"), Some((0, 3)));
        assert_eq!(flag_bits("CREAT"), None);
    }
}
