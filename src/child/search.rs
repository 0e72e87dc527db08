//! Where a command is: the search that execvp(3) does, without an open.
//!
//! Done here, before anything is run: the tries of execvp(3) itself would be traced as opens of the command.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD};

/// Where execvp(3) looks without `PATH`.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The file that `program` names: itself where it has a slash, else the first of that name in `path` that the calling
/// thread may execute.
///
/// # Errors
/// If there is none: not found, or permission denied where the only ones must not be executed.
pub(super) fn find(program: &OsStr, path: Option<OsString>) -> io::Result<PathBuf> {
    let path = path.unwrap_or_else(|| DEFAULT_PATH.into());
    if program.as_bytes().contains(&b'/') {
        return Ok(program.into());
    }
    let mut found = io::ErrorKind::NotFound;
    if program.is_empty() {
        return Err(found.into());
    }
    for dir in env::split_paths(&path) {
        // An empty entry is the working directory, and stays so with the name behind it.
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { &dir };
        let file = dir.join(program);
        if !file.is_file() {
            continue;
        }
        if rustix::fs::accessat(CWD, &file, Access::EXEC_OK, AtFlags::empty()).is_ok() {
            return Ok(file);
        }
        found = io::ErrorKind::PermissionDenied;
    }
    Err(found.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str, program: &str) -> Result<PathBuf, io::ErrorKind> {
        super::find(OsStr::new(program), Some(path.into())).map_err(|why| why.kind())
    }

    #[test]
    fn the_first_that_can_be_executed_is_found() {
        let sh = Ok(PathBuf::from("/bin/sh"));
        assert_eq!(find("/nope:/etc/passwd:/bin:/usr/bin", "sh"), sh);
        assert_eq!(find("/nope", "sh"), Err(io::ErrorKind::NotFound));
        assert_eq!(find("/bin", ""), Err(io::ErrorKind::NotFound));
        assert_eq!(find("/:/bin", "etc"), Err(io::ErrorKind::NotFound), "a directory is no program");
        assert_eq!(find("/etc", "passwd"), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(find("/nope", "./sh"), Ok(PathBuf::from("./sh")), "with a slash there is no search");
        assert_eq!(find("", "Cargo.toml"), Err(io::ErrorKind::PermissionDenied), "empty is the working directory");
    }
}
