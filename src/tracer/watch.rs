//! Whether the processes that were asked for are still there.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Processes that are watched at most: each takes a descriptor.
const WATCHED_MAX: usize = 256;

/// How often they are looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// Processes, by descriptors: a pid could be another's by now.
#[derive(Debug)]
pub(super) struct Watch {
    running: Vec<OwnedFd>,
    /// None were to be watched, or one cannot be: they never end.
    endless: bool,
    next: Instant,
}

impl Watch {
    pub(super) fn new(pids: &[u32]) -> Self {
        let open = |pid: &u32| {
            let pid = i32::try_from(*pid).ok().and_then(Pid::from_raw)?;
            Some(pidfd_open(pid, PidfdFlags::empty()))
        };
        let mut endless = pids.is_empty() || pids.len() > WATCHED_MAX;
        let mut running = Vec::new();
        for opened in pids.iter().take(WATCHED_MAX).filter_map(open) {
            match opened {
                Ok(process) => running.push(process),
                Err(rustix::io::Errno::SRCH) => {}
                Err(_) => endless = true,
            }
        }
        Self { running, endless, next: Instant::now() }
    }

    /// Whether all have ended, as far as it is time to look again.
    pub(super) fn all_ended(&mut self) -> bool {
        if self.endless || Instant::now() < self.next {
            return false;
        }
        self.next = Instant::now() + INTERVAL;
        self.running.retain(|process| !has_ended(process));
        self.running.is_empty()
    }
}

/// The descriptor of a process becomes readable when all of its threads have ended, waited for or not.
fn has_ended(process: &OwnedFd) -> bool {
    let fd = process.as_fd();
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&at_once)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_end_is_that_of_the_last() {
        let mut children = [(); 2].map(|()| Command::new("sleep").arg("60").spawn().unwrap());
        let mut watch = Watch::new(&children.each_ref().map(std::process::Child::id));
        for child in &mut children {
            watch.next = Instant::now();
            assert!(!watch.all_ended());
            child.kill().unwrap();
            child.wait().unwrap();
        }
        watch.next = Instant::now();
        assert!(watch.all_ended());
    }

    #[test]
    fn nobody_to_watch_is_no_end() {
        assert!(!Watch::new(&[]).all_ended());
        assert!(Watch::new(&[u32::MAX >> 1]).all_ended());
    }
}
