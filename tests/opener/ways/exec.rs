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
    "exec by a descriptor" => by_descriptor,
    "exec in a directory" => in_directory,
    "exec with an interpreter" => with_interpreter,
    "exec with a missing interpreter" => missing_interpreter,
    "exec of a script" => script,
    "exec of a script of a script" => script_of_a_script,
    "exec of a script by a descriptor" => script_by_descriptor,
    "exec of a script by a high descriptor" => script_by_high_descriptor,
    "exec of a script in a directory" => script_in_directory,
];

/// Executes `name` in a child and reports it as an open of that child.
fn exec(scene: &Scene, name: &[u8]) -> (Who, Result) {
    let (who, result) = exec_at(libc::AT_FDCWD, name, 0);
    let kind = if name.starts_with(b"/") { "absolute" } else { "joined" };
    report(scene.way, &who, Some(name), &fold(&absolute(scene, name)), kind, result);
    (who, result)
}

/// Executes in a child, which ends with the errno if it cannot.
fn exec_at(dirfd: c_int, name: &[u8], flags: c_int) -> (Who, Result) {
    let parent = Who::me();
    let path = sys::c_string(name);
    let pid = sys::fork(|| {
        let argv = [path.as_ptr(), std::ptr::null()];
        let (argv, env) = (argv.as_ptr(), argv[1..].as_ptr());
        // SAFETY: both lists end with a null pointer.
        unsafe {
            match dirfd {
                libc::AT_FDCWD => libc::syscall(libc::SYS_execve, path.as_ptr(), argv, env),
                _ => libc::syscall(libc::SYS_execveat, dirfd, path.as_ptr(), argv, env, flags),
            }
        };
        sys::errno()
    });
    let result = match sys::wait(pid) {
        status if status == elf::PROGRAM.into() || status == elf::INTERPRETER.into() => Ok(status),
        errno => Err(errno),
    };
    // A program that was started has a command name of its own.
    let comm = parent.comm.filter(|_| result.is_err());
    (Who { pid, tid: Some(pid), ppid: Some(parent.pid), uid: parent.uid, comm }, result)
}

fn absolute(scene: &Scene, name: &[u8]) -> Vec<u8> {
    if name.starts_with(b"/") { name.to_vec() } else { join(&scene.dir, name) }
}

/// The kernel opens a program for reading; the caller gets no descriptor.
fn report(way: &str, who: &Who, name: Option<&[u8]>, path: &[u8], path_kind: &str, result: Result) {
    let (who, path, flags, mode) = (who.clone(), Some(path), Some(libc::O_RDONLY as u64), None);
    let (fd, dir_deleted, opened, real) = (false, false, None, None);
    Line { way, who, op: "exec", name, path, path_kind, opened, real, flags, mode, result, fd, dir_deleted }.print();
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

/// The name that the kernel makes up where a program is given by a descriptor.
fn made_up(fd: c_int, name: &str) -> Vec<u8> {
    format!("/dev/fd/{fd}{name}").into_bytes()
}

/// `fexecve`: nothing is looked up, what is started is the open file.
fn by_descriptor(scene: &Scene) -> Gone {
    scene.written("program", &elf::program(elf::PROGRAM, None), 0o755);
    let fd = scene.open(&sys::OPENAT, "program").flags(libc::O_PATH | libc::O_CLOEXEC).label("descriptor").ok();
    let (who, result) = exec_at(fd, b"", libc::AT_EMPTY_PATH);
    assert_eq!(result, Ok(elf::PROGRAM.into()), "the program's status");
    report(scene.way, &who, Some(&made_up(fd, "")), &scene.path("program"), "handle", result);
    Ok(())
}

fn in_directory(scene: &Scene) -> Gone {
    let dir = scene.dirfd("sub");
    scene.written("sub/program", &elf::program(elf::PROGRAM, None), 0o755);
    let (who, result) = exec_at(dir.fd, b"program", 0);
    assert_eq!(result, Ok(elf::PROGRAM.into()), "the program's status");
    let name = made_up(dir.fd, "/program");
    report(scene.way, &who, Some(&name), &join(&dir.path, b"program"), "handle", result);
    let (who, result) = exec_at(dir.fd, b"missing", 0);
    assert_eq!(result, Err(libc::ENOENT), "a program that is not there");
    let way = format!("{}: missing", scene.way);
    report(&way, &who, Some(b"missing"), &join(&dir.path, b"missing"), "joined", result);
    Ok(())
}

/// The kernel opens the interpreter by the path that the program holds.
fn with_interpreter(scene: &Scene) -> Gone {
    let interpreter = scene.path("interpreter");
    scene.written("interpreter", &elf::program(elf::INTERPRETER, None), 0o755);
    scene.written("program", &elf::program(elf::PROGRAM, Some(&interpreter)), 0o755);
    let (who, result) = exec(scene, b"program");
    assert_eq!(result, Ok(elf::INTERPRETER.into()), "the interpreter's status");
    interpreter_opened(scene, &who, &interpreter, Ok(0));
    Ok(())
}

/// Both the program and its interpreter are said to be missing, and one of them lies there for all to see.
fn missing_interpreter(scene: &Scene) -> Gone {
    let interpreter = scene.path("interpreter");
    scene.written("program", &elf::program(elf::PROGRAM, Some(&interpreter)), 0o755);
    let (who, result) = exec(scene, b"program");
    assert_eq!(result, Err(libc::ENOENT), "the kernel answered otherwise");
    interpreter_opened(scene, &who, &interpreter, result);
    Ok(())
}

/// Makes a script of that name; its interpreter.
fn written_script(scene: &Scene, name: &str) -> Vec<u8> {
    let interpreter = scene.path("interpreter");
    scene.written("interpreter", &elf::program(elf::INTERPRETER, None), 0o755);
    scene.written(name, &[b"#!", &interpreter[..], b"\n"].concat(), 0o755);
    interpreter
}

fn script(scene: &Scene) -> Gone {
    let interpreter = written_script(scene, "script");
    let (who, result) = exec(scene, b"script");
    interpreted(scene, &who, &interpreter, result);
    Ok(())
}

/// The second is what the first names as its interpreter.
fn script_of_a_script(scene: &Scene) -> Gone {
    let interpreter = written_script(scene, "second");
    let second = scene.path("second");
    scene.written("first", &[b"#!", &second[..], b"\n"].concat(), 0o755);
    let (who, result) = exec(scene, b"first");
    interpreter_opened(scene, &who, &second, Ok(0));
    interpreted(scene, &who, &interpreter, result);
    Ok(())
}

fn script_by_descriptor(scene: &Scene) -> Gone {
    let interpreter = written_script(scene, "script");
    // Not closed on exec, since the interpreter is told to open it.
    let fd = scene.open(&sys::OPENAT, "script").flags(libc::O_PATH).label("descriptor").ok();
    script_at(scene, fd, &interpreter)
}

/// Of more digits than one.
fn script_by_high_descriptor(scene: &Scene) -> Gone {
    let interpreter = written_script(scene, "script");
    let low = scene.open(&sys::OPENAT, "script").flags(libc::O_PATH).label("descriptor").ok();
    // SAFETY: no pointers.
    let fd = unsafe { libc::fcntl(low, libc::F_DUPFD, 123) };
    script_at(scene, sys::must("F_DUPFD", sys::result(fd.into())), &interpreter)
}

fn script_at(scene: &Scene, fd: c_int, interpreter: &[u8]) -> Gone {
    let (who, result) = exec_at(fd, b"", libc::AT_EMPTY_PATH);
    report(scene.way, &who, Some(&made_up(fd, "")), &scene.path("script"), "handle", result);
    interpreted(scene, &who, interpreter, result);
    Ok(())
}

fn script_in_directory(scene: &Scene) -> Gone {
    let dir = scene.dirfd("sub");
    let interpreter = written_script(scene, "sub/script");
    let (who, result) = exec_at(dir.fd, b"script", 0);
    report(scene.way, &who, Some(b"script"), &join(&dir.path, b"script"), "joined", result);
    interpreted(scene, &who, &interpreter, result);
    Ok(())
}

fn interpreted(scene: &Scene, who: &Who, interpreter: &[u8], result: Result) {
    assert_eq!(result, Ok(elf::INTERPRETER.into()), "the interpreter's status");
    interpreter_opened(scene, who, interpreter, Ok(0));
}

fn interpreter_opened(scene: &Scene, who: &Who, path: &[u8], result: Result) {
    report(&format!("{}: interpreter", scene.way), who, Some(path), path, "absolute", result);
}
