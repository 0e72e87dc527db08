//! Who opens: threads, children, users, namespaces, and command names that are an attacker's text.

use super::failures::{NOBODY, become_nobody};
use super::{Way, ways};
use crate::report::Who;
use crate::scene::{Gone, Scene, unless};
use crate::sys::{self, OPENAT};

pub const WAYS: &[Way] = ways![
    "from a thread" => from_a_thread,
    "from many threads" => from_many_threads,
    "from a child" => from_a_child,
    "from a child of a child" => from_a_grandchild,
    "from another user" => from_another_user,
    "comm with ESC" => |scene| with_comm(scene, b"\x1b[31mred\x1b[0m"),
    "comm with newline" => |scene| with_comm(scene, b"two\nlines"),
    "comm not UTF-8" => |scene| with_comm(scene, b"caf\xe9\xff"),
    "comm cut inside a character" => |scene| with_comm(scene, "abcdefghijklmn漢".as_bytes()),
    "comm empty" => |scene| with_comm(scene, b""),
    "comm of a thread" => comm_of_a_thread,
    "in a pid namespace" => in_a_pid_namespace,
    "in a user namespace" => in_a_user_namespace,
];

fn open_one(scene: &Scene, name: &str) {
    scene.open(&OPENAT, scene.file(name)).flags(libc::O_CLOEXEC).label(name).ok();
}

fn from_a_thread(scene: &Scene) -> Gone {
    open_one(scene, "main");
    std::thread::scope(|scope| scope.spawn(|| open_one(scene, "thread")).join()).expect("the thread ends well");
    Ok(())
}

fn from_many_threads(scene: &Scene) -> Gone {
    std::thread::scope(|scope| {
        for name in ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"] {
            scope.spawn(move || {
                for _ in 0..8 {
                    scene.open(&OPENAT, name).label(name).fails(libc::ENOENT);
                }
            });
        }
    });
    Ok(())
}

/// Runs in a child, which has to end well.
fn in_child(child: impl FnOnce()) {
    let pid = sys::fork(|| {
        child();
        0
    });
    assert_eq!(sys::wait(pid), 0, "the child's status");
}

fn from_a_child(scene: &Scene) -> Gone {
    open_one(scene, "parent");
    in_child(|| open_one(scene, "child"));
    Ok(())
}

fn from_a_grandchild(scene: &Scene) -> Gone {
    in_child(|| in_child(|| open_one(scene, "grandchild")));
    Ok(())
}

fn from_another_user(scene: &Scene) -> Gone {
    scene.file("there");
    become_nobody();
    scene.open(&OPENAT, "there").who(|who| assert_eq!(who.uid, NOBODY)).ok();
    Ok(())
}

fn set_comm(comm: &[u8]) {
    let comm = sys::c_string(comm);
    // SAFETY: PR_SET_NAME reads a C string, of which it keeps 15 bytes.
    sys::must("prctl", sys::result(unsafe { libc::prctl(libc::PR_SET_NAME, comm.as_ptr()) }.into()));
}

fn with_comm(scene: &Scene, comm: &[u8]) -> Gone {
    set_comm(comm);
    open_one(scene, "there");
    Ok(())
}

fn comm_of_a_thread(scene: &Scene) -> Gone {
    let thread = || {
        set_comm(b"a thread's own");
        open_one(scene, "thread");
    };
    std::thread::scope(|scope| scope.spawn(thread).join()).expect("the thread ends well");
    open_one(scene, "main");
    Ok(())
}

/// The child is number 1 for itself; the host's number is what must be reported.
fn in_a_pid_namespace(scene: &Scene) -> Gone {
    let parent = Who::me().pid;
    // SAFETY: no pointers.
    unless("a pid namespace", sys::result(unsafe { libc::unshare(libc::CLONE_NEWPID) }.into()))?;
    in_child(|| {
        // SAFETY: no pointers.
        assert_eq!(unsafe { libc::getpid() }, 1);
        scene.file("there");
        scene.open(&OPENAT, "there").who(|who| who.ppid = Some(parent)).ok();
    });
    Ok(())
}

/// Root of the host has no name in a new user namespace; the host's number is what must be reported.
fn in_a_user_namespace(scene: &Scene) -> Gone {
    let uid = Who::me().uid;
    scene.file("there");
    // SAFETY: no pointers.
    unless("a user namespace", sys::result(unsafe { libc::unshare(libc::CLONE_NEWUSER) }.into()))?;
    scene.open(&OPENAT, "there").who(|who| who.uid = uid).ok();
    Ok(())
}
