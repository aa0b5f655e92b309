//! Processes named so that a reused number is never mistaken for them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

/// A process: its number and when it began, which together no other process of this boot has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The number.
    pub pid: i32,
    /// When it began, in clock ticks since the host booted (field 22 of `/proc/<pid>/stat`).
    pub start_time_ticks: u64,
}

impl ProcessId {
    /// The live process that has the number now.
    ///
    /// # Errors
    /// There is none, or it has ended and was not waited for.
    pub fn of_pid(pid: i32) -> io::Result<Self> {
        let (state, start_time_ticks) = read_stat(pid)?;
        if matches!(state, b'Z' | b'X') {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self { pid, start_time_ticks })
    }

    /// The calling process.
    ///
    /// # Errors
    /// `/proc` is not there.
    pub fn current() -> io::Result<Self> {
        Self::of_pid(nix::unistd::getpid().as_raw())
    }

    /// Whether this very process still runs.
    pub fn is_alive(&self) -> bool {
        Self::of_pid(self.pid).is_ok_and(|now| now == *self)
    }

    /// A descriptor of this very process; `None` when it has ended.
    pub(crate) fn pidfd(&self) -> Option<OwnedFd> {
        let pid = rustix::process::Pid::from_raw(self.pid)?;
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()?;
        // Looked at after opening: the descriptor cannot change owner any more.
        self.is_alive().then_some(pidfd)
    }

    /// Sends a signal. `false`: it has ended already.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<bool> {
        let Some(pidfd) = self.pidfd() else { return Ok(false) };
        send_signal(&pidfd, signal)
    }

    /// Waits until it has ended. `false`: it has not within the time.
    pub(crate) fn wait_ended(&self, timeout: Option<Duration>) -> io::Result<bool> {
        match self.pidfd() {
            None => Ok(true),
            Some(pidfd) => wait_readable(&pidfd, timeout),
        }
    }
}

/// Sends a signal to the process of a descriptor. `false`: it has ended already.
pub(crate) fn send_signal(pidfd: &OwnedFd, signal: Signal) -> io::Result<bool> {
    let signal = rustix::process::Signal::from_named_raw(signal as i32)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    match rustix::process::pidfd_send_signal(pidfd, signal) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Waits until a descriptor is readable. `false`: it is not within the time.
pub(crate) fn wait_readable(fd: &impl AsFd, timeout: Option<Duration>) -> io::Result<bool> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    loop {
        let wait = match deadline {
            None => PollTimeout::NONE,
            Some(deadline) => poll_timeout(deadline.saturating_duration_since(Instant::now())),
        };
        match poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], wait) {
            Ok(0) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => return Ok(false),
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// A time as poll takes it: whole milliseconds, rounded up so that a short wait is not a busy loop.
pub(crate) fn poll_timeout(wait: Duration) -> PollTimeout {
    let millis = wait.as_micros().div_ceil(1000).min(60_000);
    PollTimeout::try_from(millis as i32).unwrap_or(PollTimeout::MAX)
}

fn read_stat(pid: i32) -> io::Result<(u8, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_stat(&stat).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The state (field 3) and the start time (field 22). The name in parentheses may hold anything, also parentheses.
fn parse_stat(stat: &str) -> Option<(u8, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    Some((state, start_time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_confuse_the_reader() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 987654 20";
        assert_eq!(parse_stat(&format!("42 (a) b (c)) {rest}")), Some((b'S', 987654)));
        assert_eq!(parse_stat("42 (x"), None);
    }

    #[test]
    fn a_process_is_itself_and_no_other() {
        let me = ProcessId::current().unwrap();
        assert!(me.is_alive());
        assert!(!ProcessId { start_time_ticks: me.start_time_ticks + 1, ..me }.is_alive());
    }
}
