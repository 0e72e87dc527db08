//! Names: what they may hold, how long they may be, where they may lie.

use super::{Way, ways};
use crate::scene::{Gone, Scene};
use crate::sys::{self, OPENAT};
use std::ffi::{c_char, c_void};

/// NAME_MAX: the longest component.
const NAME_MAX: usize = 255;
/// PATH_MAX: the longest name, its NUL included.
const PATH_MAX: usize = 4096;

pub const WAYS: &[Way] = ways![
    "name with blanks" => |scene| named(scene, b"two words \t and a tab"),
    "name with ESC" => |scene| named(scene, b"\x1b[2J\x1b]0;title\x07name"),
    "name with newline" => |scene| named(scene, b"one\nline\r\nmore"),
    "name with backslash" => |scene| named(scene, br"back\slash\x1b\\two"),
    "name with quotes" => |scene| named(scene, br#""double" 'single' `back`"#),
    "name with every control" => |scene| named(scene, &every_control()),
    "name with DEL and C1" => |scene| named(scene, "del\x7f c1\u{85}\u{9b}31m".as_bytes()),
    "name not UTF-8" => |scene| named(scene, b"caf\xe9 \xff\xfe \xc3( \xed\xa0\x80"),
    "name cut inside a character" => |scene| named(scene, b"half a crab \xf0\x9f\xa6"),
    "name right to left" => |scene| named(scene, "\u{202e}gnp.exe \u{2066}x\u{2069}".as_bytes()),
    "name with zero width" => |scene| named(scene, "zero\u{200b}\u{200d}\u{feff}width".as_bytes()),
    "name with emoji" => |scene| named(scene, "🦀 crab 👩‍👩‍👧‍👦 漢字 é".as_bytes()),
    "name like JSON" => |scene| named(scene, br#"","pid":1,"x":""#),
    "name of one byte" => |scene| named(scene, b"x"),
    "name empty" => empty,
    "name of a directory with hostile bytes" => hostile_directory,
    "component of 255 bytes" => |scene| named(scene, &[b'c'; NAME_MAX]),
    "component of 255 wide bytes" => |scene| named(scene, "漢".repeat(NAME_MAX / 3).as_bytes()),
    "component of 256 bytes" => component_too_long,
    "name over 1000 bytes" => |scene| long(scene, 1_100),
    "name over 2000 bytes" => |scene| long(scene, 2_050),
    "name of PATH_MAX - 1 bytes" => |scene| long(scene, PATH_MAX - 1),
    "name of PATH_MAX bytes" => too_long,
    "name on a page not in memory" => page_not_in_memory,
    "name across two pages" => across_two_pages,
    "name at a bad address" => |scene| bad_address(scene, std::ptr::without_provenance(1)),
    "name at no address" => |scene| bad_address(scene, std::ptr::null()),
    "name without an end" => without_an_end,
];

/// A file of that name, and one that is missing and has it in its name.
fn named(scene: &Scene, name: &[u8]) -> Gone {
    sys::make_file(name, 0o644);
    scene.open(&OPENAT, name).ok();
    let missing = [b"missing/", name].concat();
    scene.open(&OPENAT, missing).label("missing").fails(libc::ENOENT);
    Ok(())
}

/// Every byte below the blank but NUL.
fn every_control() -> Vec<u8> {
    (1..b' ').collect()
}

fn empty(scene: &Scene) -> Gone {
    scene.open(&OPENAT, "").fails(libc::ENOENT);
    Ok(())
}

/// The directory's bytes come from the kernel, not from the program's name.
fn hostile_directory(scene: &Scene) -> Gone {
    let name = b"dir \x1b[31m\n\\ \xff";
    sys::make_dir(name, 0o755);
    let dir = scene.opened_dir([&scene.dir, &b"/"[..], name].concat());
    scene.open(&OPENAT, "file").at(&dir).flags(libc::O_CREAT).mode(0o600).ok();
    Ok(())
}

fn component_too_long(scene: &Scene) -> Gone {
    scene.open(&OPENAT, [b'c'; NAME_MAX + 1]).fails(libc::ENAMETOOLONG);
    Ok(())
}

/// A relative name of exactly `len` bytes: its directories are there, and so is the file.
fn long(scene: &Scene, len: usize) -> Gone {
    let name = long_name(len);
    let mut walked = Vec::new();
    let components: Vec<&[u8]> = name.split(|&byte| byte == b'/').collect();
    let (file, directories) = components.split_last().expect("a long name has components");
    for component in directories {
        sys::make_dir(component, 0o755);
        sys::change_dir(component);
        walked.push(component);
    }
    sys::make_file(file, 0o644);
    sys::change_dir(&scene.dir);
    scene.open(&OPENAT, &name).ok();
    Ok(())
}

/// `len` bytes of components of at most 200 bytes, each different.
fn long_name(len: usize) -> Vec<u8> {
    let mut name = Vec::new();
    while name.len() < len {
        let component = format!("{:0>200}/", name.len());
        name.extend(component.as_bytes());
    }
    name.truncate(len);
    if name.last() == Some(&b'/') {
        name[len - 2..].copy_from_slice(b"/x");
    }
    name
}

/// The kernel refuses it unread; what can be reported is its beginning.
fn too_long(scene: &Scene) -> Gone {
    let name = long_name(PATH_MAX);
    scene.open(&OPENAT, name).kind("truncated").fails(libc::ENAMETOOLONG);
    Ok(())
}

/// The address of `name` in a mapped file of several pages, of which none has been touched.
fn mapped(scene: &Scene, name: &str, at: usize) -> *const c_char {
    let mut bytes = vec![0; 3 * PAGE];
    bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
    let file = format!("pages of {name}");
    scene.written(&file, &bytes, 0o600);
    let fd = scene.open(&OPENAT, file).label("pages").ok();
    // SAFETY: a new mapping at an address that the kernel chooses.
    let start = unsafe {
        libc::fdatasync(fd);
        libc::posix_fadvise(fd, 0, 0, libc::POSIX_FADV_DONTNEED);
        libc::mmap(std::ptr::null_mut(), bytes.len(), libc::PROT_READ, libc::MAP_PRIVATE, fd, 0)
    };
    assert_ne!(start, libc::MAP_FAILED, "mapping a file");
    start.wrapping_byte_add(at).cast_const().cast()
}

/// The largest page of the architectures here.
const PAGE: usize = 0x1_0000;

fn page_not_in_memory(scene: &Scene) -> Gone {
    not_in_memory(scene, PAGE)
}

fn across_two_pages(scene: &Scene) -> Gone {
    not_in_memory(scene, 2 * PAGE - 3)
}

fn not_in_memory(scene: &Scene, at: usize) -> Gone {
    scene.open(&OPENAT, scene.file("there")).address(mapped(scene, "there", at)).ok();
    scene.open(&OPENAT, "missing").address(mapped(scene, "missing", at)).label("missing").fails(libc::ENOENT);
    Ok(())
}

fn bad_address(scene: &Scene, address: *const c_char) -> Gone {
    scene.open(&OPENAT, "").address(address).nameless().fails(libc::EFAULT);
    Ok(())
}

/// A name that runs into a page that is not there.
fn without_an_end(scene: &Scene) -> Gone {
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping of two pages, of which the second is taken away again.
    let start = unsafe {
        let start = libc::mmap(std::ptr::null_mut(), 2 * PAGE, libc::PROT_READ | libc::PROT_WRITE, kind, -1, 0);
        assert_ne!(start, libc::MAP_FAILED, "two pages");
        libc::munmap(start.wrapping_byte_add(PAGE), PAGE);
        start.cast::<u8>().write_bytes(b'n', PAGE);
        start
    };
    bad_address(scene, start.wrapping_byte_add(PAGE - 9).cast_const().cast::<c_void>().cast())
}
