//! Starting a program opens it, and its interpreter.

use super::{Way, ways};
use crate::elf;
use crate::report::{Line, Who, fold};
use crate::scene::{Gone, Scene, join};
use crate::sys::{self, Result};
use std::ffi::c_int;

pub const WAYS: &[Way] = ways![
    "exec" => |scene| program(scene, b"./program"),
    "exec absolute" => |scene| program(scene, &scene.path("program")),
    "exec ENOENT" => |scene| fails(scene, "missing", libc::ENOENT),
    "exec EACCES" => |scene| fails(scene, scene.file("not-executable"), libc::EACCES),
    "exec ETXTBSY" => etxtbsy,
    "exec with an interpreter" => with_interpreter,
    "exec of a script" => script,
];

/// Executes `name` in a child and reports it as an open of that child.
fn exec(scene: &Scene, name: &[u8]) -> (Who, Result) {
    let parent = Who::me();
    let path = sys::c_string(name);
    let pid = sys::fork(|| {
        let argv = [path.as_ptr(), std::ptr::null()];
        // SAFETY: both lists end with a null pointer.
        unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), argv[1..].as_ptr()) };
        sys::errno()
    });
    let result = match sys::wait(pid) {
        status if status == elf::PROGRAM.into() || status == elf::INTERPRETER.into() => Ok(status),
        errno => Err(errno),
    };
    let who = Who { pid, tid: Some(pid), ppid: Some(parent.pid), uid: parent.uid, comm: None };
    report(scene.way, &who, Some(name), &fold(&absolute(scene, name)), result);
    (who, result)
}

fn absolute(scene: &Scene, name: &[u8]) -> Vec<u8> {
    if name.starts_with(b"/") { name.to_vec() } else { join(&scene.dir, name) }
}

/// An exec has no flags and gives no descriptor.
fn report(way: &str, who: &Who, name: Option<&[u8]>, path: &[u8], result: Result) {
    let path_kind = if name.is_some_and(|name| name.starts_with(b"/")) { "absolute" } else { "joined" };
    let who = who.clone();
    let (path, flags, mode, fd, dir_deleted) = (Some(path), None, None, false, false);
    Line { way, who, op: "exec", name, path, path_kind, flags, mode, result, fd, dir_deleted }.print();
}

fn program(scene: &Scene, name: &[u8]) -> Gone {
    scene.written("program", &elf::program(elf::PROGRAM, None), 0o755);
    let (_, result) = exec(scene, name);
    assert_eq!(result, Ok(elf::PROGRAM.into()), "the program's status");
    Ok(())
}

fn fails(scene: &Scene, name: &str, errno: c_int) -> Gone {
    assert_eq!(exec(scene, name.as_bytes()).1, Err(errno), "the kernel answered otherwise");
    Ok(())
}

/// A program that is open for writing.
fn etxtbsy(scene: &Scene) -> Gone {
    scene.written("program", &elf::program(elf::PROGRAM, None), 0o755);
    scene.open(&sys::OPENAT, "program").flags(libc::O_WRONLY).label("writer").ok();
    fails(scene, "program", libc::ETXTBSY)
}

/// The kernel opens the interpreter by the path that the program holds.
fn with_interpreter(scene: &Scene) -> Gone {
    let interpreter = scene.path("interpreter");
    scene.written("interpreter", &elf::program(elf::INTERPRETER, None), 0o755);
    scene.written("program", &elf::program(elf::PROGRAM, Some(&interpreter)), 0o755);
    let (who, result) = exec(scene, b"program");
    assert_eq!(result, Ok(elf::INTERPRETER.into()), "the interpreter's status");
    interpreter_opened(scene, &who, &interpreter);
    Ok(())
}

fn script(scene: &Scene) -> Gone {
    let interpreter = scene.path("interpreter");
    scene.written("interpreter", &elf::program(elf::INTERPRETER, None), 0o755);
    scene.written("script", &[b"#!", &interpreter[..], b"\n"].concat(), 0o755);
    let (who, result) = exec(scene, b"script");
    assert_eq!(result, Ok(elf::INTERPRETER.into()), "the interpreter's status");
    interpreter_opened(scene, &who, &interpreter);
    Ok(())
}

fn interpreter_opened(scene: &Scene, who: &Who, path: &[u8]) {
    report(&format!("{}: interpreter", scene.way), who, Some(path), path, Ok(0));
}
