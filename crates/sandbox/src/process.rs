//! Processes named so that a reused number is never mistaken for them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
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
        let stat = Stat::of(pid)?;
        if stat.has_ended {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self { pid, start_time_ticks: stat.start_time_ticks })
    }

    /// The number of a process's parent; 0 where that is none of this PID namespace.
    ///
    /// # Errors
    /// There is no such process.
    pub fn parent_of(pid: i32) -> io::Result<i32> {
        Ok(Stat::of(pid)?.parent)
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

    /// Whether this very process still has files, ports and locks, and will not do anything any more: it was killed, or is
    /// letting go of them.
    pub fn is_ending(&self) -> bool {
        Stat::of(self.pid).is_ok_and(|stat| {
            !stat.has_ended && stat.is_ending && stat.start_time_ticks == self.start_time_ticks
        })
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

/// Waits until one of the descriptors can be read or has hung up, or the time is over: which of them, in their order.
pub(crate) fn readable<const N: usize>(fds: [Option<BorrowedFd<'_>>; N], wait: PollTimeout) -> [bool; N] {
    let mut polled: Vec<PollFd<'_>> =
        fds.iter().flatten().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    if poll(&mut polled, wait).is_err() {
        return [false; N];
    }
    let mut polled = polled.iter();
    fds.map(|fd| {
        fd.is_some() && polled.next().and_then(PollFd::revents).is_some_and(|events| !events.is_empty())
    })
}

/// A time as poll takes it: whole milliseconds, rounded up so that a short wait is not a busy loop.
pub(crate) fn poll_timeout(wait: Duration) -> PollTimeout {
    let millis = wait.as_micros().div_ceil(1000).min(60_000);
    PollTimeout::try_from(millis as i32).unwrap_or(PollTimeout::MAX)
}

/// The flag of a process that ends: `include/linux/sched.h`.
const PF_EXITING: u64 = 0x4;

/// SIGKILL, in a set of signals.
const SIGKILL_PENDING: u64 = 1 << (Signal::SIGKILL as i32 - 1);

/// What `/proc/<pid>/stat` says of a process. `proc_pid_stat(5)`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    has_ended: bool,
    /// Whether it ends, or has ended.
    is_ending: bool,
    parent: i32,
    start_time_ticks: u64,
}

impl Stat {
    fn of(pid: i32) -> io::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Ok(Self::parse(&text).ok_or(io::ErrorKind::InvalidData)?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The second field is the command in parentheses and may itself hold spaces and parentheses.
        let (_, after_command) = text.rsplit_once(')')?;
        let fields: Vec<&str> = after_command.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        // A killed process has a dead main thread while the others still let go of its files, ports and locks; it has
        // ended when no other thread is left (field 20).
        let threads: u32 = field(20)?.parse().ok()?;
        let is_dead = matches!(field(3)?, "Z" | "X");
        let parent = field(4)?.parse().ok()?;
        // Who is killed is told so in every thread (field 31), until it begins to end (PF_EXITING in field 9).
        let flags: u64 = field(9)?.parse().ok()?;
        let pending: u64 = field(31)?.parse().ok()?;
        Some(Self {
            has_ended: is_dead && threads <= 1,
            is_ending: is_dead || flags & PF_EXITING != 0 || pending & SIGKILL_PENDING != 0,
            parent,
            start_time_ticks: field(22)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_ended_with_its_last_thread() {
        let check = |state: &str, flags: u64, threads: u32, pending: u64, ends: (bool, bool)| {
            let text = format!(
                "7 (a) b (c)) {state} 1 7 7 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 {threads} 0 4242 0 0 0 0 0 0 0 0 {pending} 0"
            );
            let (has_ended, is_ending) = ends;
            let expected = Stat { has_ended, is_ending, parent: 1, start_time_ticks: 4242 };
            assert_eq!(Stat::parse(&text), Some(expected), "{text}");
        };
        check("S", 4194560, 1, 0, (false, false));
        check("R", 0, 4, 1 << 14, (false, false));
        check("R", 0, 4, 1 << 8, (false, true));
        check("D", 0x404, 4, 0, (false, true));
        check("Z", 4, 4, 0, (false, true));
        check("Z", 4, 1, 0, (true, true));
        check("X", 4, 0, 0, (true, true));
        assert_eq!(Stat::parse("42 (x"), None);
    }

    #[test]
    fn a_process_is_itself_and_no_other() {
        let me = ProcessId::current().unwrap();
        assert!(me.is_alive());
        assert_eq!(ProcessId::parent_of(me.pid).unwrap(), nix::unistd::getppid().as_raw());
        assert!(!me.is_ending());
        assert!(ProcessId::of_pid(i32::MAX).is_err());
        assert!(!ProcessId { start_time_ticks: me.start_time_ticks + 1, ..me }.is_alive());
    }
}
