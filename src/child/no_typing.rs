//! Keeps a command that runs as somebody else from typing into the terminal that it shares with root's shell.
//!
//! `ioctl(TIOCSTI)` puts bytes into the input of the caller's terminal, where the shell that started opentop reads them
//! once opentop has ended; Linux before 6.2 always allows it, later ones by `dev.tty.legacy_tiocsti`. `TIOCLINUX`
//! pastes into a console likewise. Both are refused by seccomp, for the command and all that it starts. `no_new_privs`
//! is not set, so that su and sudo work as ever.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use libc::{BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, sock_filter};
use libc::{SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, TIOCLINUX, TIOCSTI};

/// What the kernel calls an ABI (`AUDIT_ARCH_*`), and the number of ioctl in it: all those that processes can use.
#[cfg(target_arch = "x86_64")]
const IOCTL: [(u32, u32); 3] = [(0xc000_003e, 16), (0xc000_003e, 514), (0x4000_0003, 54)];
#[cfg(target_arch = "aarch64")]
const IOCTL: [(u32, u32); 2] = [(0xc000_00b7, 29), (0x4000_0028, 54)];

/// Set in the numbers of x32, which share an ABI's name with x86-64's.
const X32: u32 = 0x4000_0000;

/// Offsets in `struct seccomp_data`. Of the request the kernel looks at the low half.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const REQUEST: u32 = if cfg!(target_endian = "little") { 24 } else { 28 };

/// Has `starter` deny both to the command. Call it before the command's user is changed.
pub(super) fn deny(starter: &mut Command) {
    let filter = filter();
    let apply = move || {
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
        // Without CAP_SYS_ADMIN, as in some containers, only who gives up gaining privileges may filter calls.
        install(&program).or_else(|_| {
            rustix::thread::set_no_new_privs(true)?;
            install(&program)
        })
    };
    // SAFETY: between fork and exec only system calls are made; nothing is allocated and no lock taken.
    unsafe { starter.pre_exec(apply) };
}

fn install(program: &libc::sock_fprog) -> io::Result<()> {
    // SAFETY: the program is whole, and the kernel copies it.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, program) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// For each way to call ioctl a block that refuses the two requests, and passes what is something else to the next.
fn filter() -> Vec<sock_filter> {
    let load = |offset| step(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
    let equal = |value, then, otherwise| step(BPF_JMP | BPF_JEQ | BPF_K, then, otherwise, value);
    let end = |result| step(BPF_RET | BPF_K, 0, 0, result);
    let blocks = IOCTL.iter().flat_map(|(arch, number)| {
        [
            load(ARCH),
            equal(*arch, 0, 7),
            load(NUMBER),
            step(BPF_ALU | BPF_AND | BPF_K, 0, 0, !X32),
            equal(*number, 0, 4),
            load(REQUEST),
            equal(TIOCSTI as u32, 1, 0),
            equal(TIOCLINUX as u32, 0, 1),
            end(SECCOMP_RET_ERRNO | libc::EPERM as u32),
        ]
    });
    blocks.chain([end(SECCOMP_RET_ALLOW)]).collect()
}

fn step(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}
