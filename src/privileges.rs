//! What each thread may still do once everything is loaded, attached and started: opentop is mostly root, and reads
//! what strangers write.
//!
//! | thread | user | capabilities |
//! |---|---|---|
//! | tracer | the caller of sudo | `CAP_BPF`, `CAP_PERFMON`: maps, and loading another hook set; `CAP_DAC_READ_SEARCH`: names of cgroups by handle, also of those whose processes have ended, tracefs, its own `fdinfo` |
//! | inquirers, with the screen; identity, with `--identity` | the caller of sudo | `CAP_SYS_PTRACE`, `CAP_DAC_READ_SEARCH`: what `/proc` says of others' processes and of mounts, who may pass which directory; they read nothing else |
//! | kill | the caller of sudo | `CAP_KILL`: signals to COMMAND, which may be root |
//! | all others, and all of a replay | the caller of sudo | none |
//!
//! Without sudo the user stays as it is. No thread can gain anything again: `no_new_privs`, an empty bounding set, and
//! a filter of system calls that forbids what opentop never does after its start, such as running a program.
//!
//! Everything here is of the calling thread and those that it starts: threads are not changed behind each other's
//! backs.

use std::env;
use std::io;

use rustix::process::{DumpableBehavior, Gid, Uid};
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, sock_filter};

use crate::error::Error;
use crate::names::accounts::{Account, id};

/// Whoever called sudo: files that opentop writes are his, and so is the process once it is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    pub uid: u32,
    pub gid: u32,
}

impl Caller {
    /// `None` where nobody called sudo, or where opentop is not root and could not become anybody.
    pub fn of_sudo() -> Option<Self> {
        let caller = Self::from_variables(env::var("SUDO_UID").ok().as_deref(), env::var("SUDO_GID").ok().as_deref());
        caller.filter(|_| rustix::process::geteuid().is_root())
    }

    fn from_variables(uid: Option<&str>, gid: Option<&str>) -> Option<Self> {
        Some(Self { uid: id(uid?)?, gid: id(gid?)? })
    }

    /// Makes the calling thread his, with his groups. The others stay as they are.
    pub(crate) fn assume(self) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        rustix::thread::set_thread_groups(&self.groups())?;
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        Ok(rustix::thread::set_thread_res_uid(uid, uid, uid)?)
    }

    /// His group and those that he is in besides.
    fn groups(self) -> Vec<Gid> {
        let mut groups = Account::of(self.uid).map_or_else(Vec::new, |account| account.groups);
        if !groups.contains(&self.gid) {
            groups.push(self.gid);
        }
        groups.into_iter().map(Gid::from_raw).collect()
    }
}

/// Whether the process has no more rights than its user has anywhere: it is not root, and was not made so by sudo.
pub fn none() -> bool {
    has_no_capability() && !rustix::process::geteuid().is_root() && env::var_os("SUDO_UID").is_none()
}

/// Whether the calling thread has no capability.
pub(crate) fn has_no_capability() -> bool {
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.permitted.is_empty())
}

/// Leaves the calling thread, which is not root's, with no capability. The others stay as they are.
pub(crate) fn drop_all_capabilities() -> io::Result<()> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

/// What a thread is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Has the BPF objects.
    Tracer,
    /// Sends signals to the command.
    Signaller,
    /// Looks at other processes in `/proc`.
    Inquirer,
    /// Shows or writes what comes, or reads a recording.
    Consumer,
}

impl Role {
    /// What it keeps of what it has.
    fn keeps(self, permitted: CapabilitySet) -> CapabilitySet {
        const TRACING: CapabilitySet = CapabilitySet::BPF.union(CapabilitySet::PERFMON);
        match self {
            Role::Consumer => CapabilitySet::empty(),
            Role::Inquirer => permitted & (CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH),
            Role::Signaller => permitted & CapabilitySet::KILL,
            Role::Tracer if permitted.contains(TRACING) => permitted & (TRACING | CapabilitySet::DAC_READ_SEARCH),
            // The older capability is all that was given.
            Role::Tracer => permitted & (CapabilitySet::SYS_ADMIN | TRACING | CapabilitySet::DAC_READ_SEARCH),
        }
    }
}

/// Leaves the calling thread, and those that it starts from now on, with what `role` needs.
///
/// # Errors
/// If anything is left that should have gone.
pub fn keep_only(role: Role) -> Result<(), Error> {
    let failed = |why: io::Error| Error::Other(format!("cannot give up privileges: {why}"));
    let had = rustix::thread::capabilities(None).map_err(|why| failed(why.into()))?;
    if !had.permitted.is_empty() {
        drop_capabilities(&had, role.keeps(had.permitted)).map_err(failed)?;
    }
    rustix::thread::set_no_new_privs(true).map_err(|why| failed(why.into()))?;
    forbid_calls().map_err(failed)
}

fn drop_capabilities(had: &CapabilitySets, kept: CapabilitySet) -> io::Result<()> {
    let caller = Caller::of_sudo();
    if had.effective.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all().iter() {
            match rustix::thread::remove_capability_from_bounding_set(capability) {
                // A later kernel's.
                Ok(()) | Err(rustix::io::Errno::INVAL) => {}
                Err(why) => return Err(why.into()),
            }
        }
        // Becoming another user does not touch the capabilities, and being root brings none.
        let bits = CapabilitiesSecureBits::NO_SETUID_FIXUP
            | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
            | CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED;
        rustix::thread::set_capabilities_secure_bits(bits)?;
    }
    rustix::thread::clear_ambient_capability_set()?;
    if let Some(caller) = caller {
        caller.assume()?;
    }
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, sets)?;
    // The caller must not get at the memory of a process that can do more than he.
    Ok(rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// What opentop never does after its start: running programs, becoming somebody else, getting at other processes, the
/// kernel and the mounts.
const FORBIDDEN: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_setuid,
    libc::SYS_setreuid,
    libc::SYS_setresuid,
    libc::SYS_setfsuid,
    libc::SYS_setgid,
    libc::SYS_setregid,
    libc::SYS_setresgid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_keyctl,
    libc::SYS_userfaultfd,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_mount_setattr,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_socket,
    libc::SYS_connect,
    // Its requests can be any of these, and no filter sees them.
    libc::SYS_io_uring_setup,
];

/// Numbers from this on are calls of x32, programs of 32 bits on registers of 64: the same calls under other numbers.
const X32: u32 = 0x4000_0000;

/// Forbidden calls fail with EPERM.
fn forbid_calls() -> io::Result<()> {
    let Ok(arch) = TargetArch::try_from(env::consts::ARCH) else { return Ok(()) };
    let rules = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch);
    let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(io::Error::other)?;
    let step = |code: u32, jf, k| sock_filter { code: code as u16, jt: 0, jf, k };
    // The number is what the data of seccomp begin with.
    let no_x32 = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, X32),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
    ];
    seccompiler::apply_filter(&[&no_x32, &program[..]].concat()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_are_ids_name_a_caller() {
        let caller = |uid, gid| Caller::from_variables(Some(uid), Some(gid));
        assert_eq!(caller("1000", "100"), Some(Caller { uid: 1000, gid: 100 }));
        for (uid, gid) in [("", "1"), ("1", "x"), ("-1", "1"), ("4294967295", "1"), ("1", "4294967295"), ("1 ", "1")] {
            assert_eq!(caller(uid, gid), None, "{uid} {gid}");
        }
        assert_eq!(Caller::from_variables(Some("1"), None), None);
    }

    #[test]
    fn a_tracer_keeps_no_more_than_it_has_and_needs() {
        let three = CapabilitySet::BPF | CapabilitySet::PERFMON | CapabilitySet::DAC_READ_SEARCH;
        assert_eq!(Role::Tracer.keeps(CapabilitySet::all()), three);
        let two = CapabilitySet::BPF | CapabilitySet::PERFMON;
        assert_eq!(Role::Tracer.keeps(two), two);
        assert_eq!(Role::Tracer.keeps(CapabilitySet::SYS_ADMIN), CapabilitySet::SYS_ADMIN);
        assert_eq!(Role::Signaller.keeps(CapabilitySet::all()), CapabilitySet::KILL);
        assert_eq!(Role::Signaller.keeps(two), CapabilitySet::empty());
        assert_eq!(Role::Consumer.keeps(CapabilitySet::all()), CapabilitySet::empty());
    }
    #[test]
    fn a_forbidden_call_is_refused_under_each_of_its_numbers() {
        let answers = std::thread::spawn(|| {
            rustix::thread::set_no_new_privs(true).unwrap();
            forbid_calls().unwrap();
            let x32 = |call| libc::c_long::from(X32) + call;
            // Execve of x32 has a number of its own.
            let others = FORBIDDEN.iter().copied().chain([520]).map(x32);
            let call = |call: libc::c_long| {
                // SAFETY: none of these takes -1 for an address or a descriptor that it could use.
                let returned = unsafe { libc::syscall(call, -1, -1, -1, -1, -1, -1) };
                (call, returned, io::Error::last_os_error().raw_os_error())
            };
            FORBIDDEN.iter().copied().chain(others).map(call).collect::<Vec<_>>()
        });
        for (call, returned, error) in answers.join().unwrap() {
            assert_eq!((returned, error), (-1, Some(libc::EPERM)), "call {call}");
        }
    }
}
