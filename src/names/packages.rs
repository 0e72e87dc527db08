//! Which package of the host a file belongs to, as dpkg's own lists have it, or as rpm tells.
//!
//! rpm keeps a database that only rpm can read, so that it is asked, with no more rights than the user has; never as
//! root, which runs no program.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Where dpkg keeps a list of files for each package.
pub const LISTS: &str = "/var/lib/dpkg/info";

/// Directories that are links to those of the same name below /usr; a package may have either name for them.
const MERGED: [&[u8]; 6] = [b"/bin/", b"/sbin/", b"/lib/", b"/lib32/", b"/lib64/", b"/libx32/"];

/// What reads rpm's database.
const RPM: &str = "/usr/bin/rpm";

/// A line for each file of each package.
const RPM_FORMAT: &str = "[%{FILENAMES}\\t%{=NAME}\\n]";

/// No path in a list is longer, nor with the package behind it.
const LINE_MAX: u64 = 4096 + 256;

/// A running rpm, which tells the files of all packages.
#[derive(Debug)]
pub struct Rpm(Child);

impl Rpm {
    /// Starts it.
    ///
    /// # Errors
    /// If it cannot be started; hosts of other kinds have none.
    pub fn start() -> io::Result<Self> {
        let mut command = Command::new(RPM);
        command.env_clear().env("LC_ALL", "C").args(["-qa", "--queryformat", RPM_FORMAT]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map(Self)
    }

    fn lines(&mut self) -> io::Result<BufReader<ChildStdout>> {
        self.0.stdout.take().map(BufReader::new).ok_or_else(|| io::Error::other("it was asked before"))
    }
}

/// Packages by the files that were asked for.
#[derive(Debug, Default)]
pub struct Packages<'a> {
    packages: Vec<String>,
    by_file: HashMap<&'a [u8], u32>,
}

impl<'a> Packages<'a> {
    /// Looks up `files`, absolute paths, in the lists in `lists`.
    ///
    /// # Errors
    /// If the lists cannot be read; a host without dpkg has none.
    pub fn find(files: impl Iterator<Item = &'a [u8]>, lists: &Path) -> io::Result<Self> {
        // The names are the report's, which has bounds.
        let mut wanted: HashMap<&'a [u8], Option<u32>> = files.map(|file| (merged(file), None)).collect();
        let mut packages = Vec::new();
        for entry in fs::read_dir(lists)? {
            let name = entry?.file_name();
            let Some(package) = name.to_str().and_then(|name| name.strip_suffix(".list")) else { continue };
            let package = package.split(':').next().unwrap_or(package);
            packages.push(package.to_owned());
            let id = (packages.len() - 1) as u32;
            let mut list = BufReader::new(File::open(lists.join(&name))?);
            let mut line = Vec::new();
            while list.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? > 0 {
                let file = merged(line.strip_suffix(b"\n").unwrap_or(&line));
                if let Some(found) = wanted.get_mut(file) {
                    found.get_or_insert(id);
                }
                line.clear();
            }
        }
        Ok(Self::of_found(packages, wanted))
    }

    /// Looks up `files`, absolute paths, in what rpm tells.
    ///
    /// # Errors
    /// If it fails, or knows no package at all.
    pub fn ask(files: impl Iterator<Item = &'a [u8]>, mut rpm: Rpm) -> io::Result<Self> {
        let (found, any) = Self::listed(files, rpm.lines()?)?;
        let status = rpm.0.wait()?;
        match (status.success(), any) {
            (true, true) => Ok(found),
            (true, false) => Err(io::Error::other("it knows no package")),
            (false, _) => Err(io::Error::other(format!("it failed with {status}"))),
        }
    }

    /// Looks up `files` in lines of a path, a tab and its package, which come package by package; and whether there was
    /// any line.
    fn listed(files: impl Iterator<Item = &'a [u8]>, mut lines: impl BufRead) -> io::Result<(Self, bool)> {
        let mut wanted: HashMap<&'a [u8], Option<u32>> = files.map(|file| (merged(file), None)).collect();
        let (mut packages, mut line, mut any) = (Vec::<String>::new(), Vec::new(), false);
        while lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? > 0 {
            any = true;
            // A name of a file may have a tab, that of a package has none.
            if let Some(tab) = line.iter().rposition(|byte| *byte == b'\t')
                && let Some(found) = wanted.get_mut(merged(&line[..tab]))
                && found.is_none()
            {
                let package = String::from_utf8_lossy(line[tab + 1..].trim_ascii_end());
                if packages.last().is_none_or(|last| *last != package) {
                    packages.push(package.into_owned());
                }
                *found = Some((packages.len() - 1) as u32);
            }
            line.clear();
        }
        Ok((Self::of_found(packages, wanted), any))
    }

    fn of_found(packages: Vec<String>, found: HashMap<&'a [u8], Option<u32>>) -> Self {
        let by_file = found.into_iter().filter_map(|(file, package)| Some((file, package?))).collect();
        Self { packages, by_file }
    }

    /// The package of a file that was asked for. A directory that several have belongs to any of them.
    pub fn of(&self, file: &[u8]) -> Option<&str> {
        let package = self.by_file.get(merged(file))?;
        self.packages.get(*package as usize).map(String::as_str)
    }
}

/// A path as it is without /usr, where that makes no difference.
fn merged(path: &[u8]) -> &[u8] {
    let short = path.strip_prefix(b"/usr").unwrap_or(path);
    if MERGED.iter().any(|dir| short.starts_with(dir)) { short } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_packages_under_either_name() {
        let dir = std::env::temp_dir().join(format!("opentop-packages-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("libc6:amd64.list"), "/.\n/lib\n/lib/x/libc.so.6\n").unwrap();
        fs::write(dir.join("dev.list"), "/usr/include/a.h\n/usr/lib/x/libc.a").unwrap();
        fs::write(dir.join("dev.md5sums"), "/etc/other\n").unwrap();
        let files = ["/usr/lib/x/libc.so.6", "/lib/x/libc.a", "/usr/include/a.h", "/include/a.h", "/etc/other"];
        let found = Packages::find(files.iter().map(|file| file.as_bytes()), &dir);
        fs::remove_dir_all(&dir).unwrap();
        let found = found.unwrap();
        let packages = files.map(|file| found.of(file.as_bytes()));
        assert_eq!(packages, [Some("libc6"), Some("dev"), Some("dev"), None, None]);
        assert!(Packages::find([].into_iter(), &dir).is_err());
    }

    #[test]
    fn files_belong_to_the_packages_that_rpm_tells() {
        let lines = "/usr/bin/ls\tcoreutils\n/usr/bin/cat\tcoreutils\n/etc/a\tb\tsetup\n/etc/long".to_owned()
            + &"x".repeat(9000)
            + "\tsetup\n/usr/lib64/libc.so.6\tglibc\n/etc/none\n";
        let files = ["/bin/cat", "/usr/bin/ls", "/etc/a\tb", "/lib64/libc.so.6", "/etc/none", "/etc/other"];
        let (found, any) = Packages::listed(files.iter().map(|file| file.as_bytes()), lines.as_bytes()).unwrap();
        let packages = files.map(|file| found.of(file.as_bytes()));
        assert_eq!(packages, [Some("coreutils"), Some("coreutils"), Some("setup"), Some("glibc"), None, None]);
        assert!(any && !Packages::listed([].into_iter(), &b""[..]).unwrap().1);
    }
}
