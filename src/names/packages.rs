//! Which package of the host a file belongs to, as dpkg's own lists have it.
//!
//! No program is asked. rpm keeps a database that only rpm can read, so that hosts of that kind are told that they have none.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;

/// Where dpkg keeps a list of files for each package.
pub const LISTS: &str = "/var/lib/dpkg/info";

/// Directories that are links to those of the same name below /usr; a package may have either name for them.
const MERGED: [&[u8]; 6] = [b"/bin/", b"/sbin/", b"/lib/", b"/lib32/", b"/lib64/", b"/libx32/"];

/// No path in a list is longer.
const LINE_MAX: u64 = 4096;

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
        let by_file = wanted.into_iter().filter_map(|(file, package)| Some((file, package?))).collect();
        Ok(Self { packages, by_file })
    }

    /// The package of a file that was asked for. A directory that several have belongs to any of them.
    #[must_use]
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
}
