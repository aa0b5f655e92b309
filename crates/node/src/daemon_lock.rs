//! That one daemon at a time has a cloud, and that all of the one before is gone when the next begins.
//!
//! Owns one lock in the run directory and the note of who has it. Refuses to know what the daemon does meanwhile.
//!
//! The lock is of flock(2), and the file is closed on exec(2). So it is held by the daemon and by every process that the daemon
//! has forked and that is not yet another program, and by no workload. That is just who has the daemon's sockets and other
//! locks: a daemon that is killed while it starts a program leaves a child that holds its port until exec(2), and the threads
//! of a process that was killed close its files one after the other. Whoever waits for this lock has waited for both.
//!
//! The lock is taken before anything else is, so that its descriptor is the lowest of those that matter, and the last one that is
//! let go when all are closed at once, at the end of a process or by exec(2): files are closed from the lowest descriptor up, and
//! released from the last closed to the first (Linux 6.18, `close_files` in fs/file.c and `task_work_run` in
//! kernel/task_work.c; the kernel promises no order, and in another one a moment of a few system calls would be left).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sandbox::ProcessId;

/// How long what a daemon left may take to be gone.
const GONE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often it is looked.
const GONE_POLL: Duration = Duration::from_millis(5);

/// How long a process has to look well before it is taken for one that goes on: between hearing that it is killed and beginning to
/// end, nothing tells it from others.
const LOOKS_WELL: Duration = Duration::from_millis(100);

/// Why a cloud cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DaemonLockError {
    /// A daemon has it.
    #[error("process {0} runs the cloud, or is about to; `brume status` shows it, `brume down` stops it")]
    Running(i32),
    /// The daemon has ended, or was killed, and something of it is still there.
    #[error(
        "an earlier daemon{} is not gone after {} s: it, or a child of it, still has {} open",
        pid.map(|pid| format!(", process {pid},")).unwrap_or_default(), timeout.as_secs(), path.display()
    )]
    Lingers {
        /// Which process it was, where that is known.
        pid: Option<i32>,
        /// The lock.
        path: PathBuf,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The lock cannot be used.
    #[error("cannot use {path}: {source}")]
    File {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The right to be the daemon of a cloud, or to remove what daemons left, until it is dropped.
#[derive(Debug)]
pub(crate) struct DaemonLock {
    /// It is closed and not unlocked: that would take the lock from children, too.
    _file: File,
}

impl DaemonLock {
    /// Takes the lock at this path, whose directory `prepare` makes if need be. Waits, for ten seconds at most, until what an
    /// earlier daemon left is gone; not for one that runs.
    ///
    /// # Errors
    /// [`DaemonLockError`].
    pub(crate) fn take(path: &Path, prepare: impl Fn() -> io::Result<()>) -> Result<Self, DaemonLockError> {
        Self::take_within(path, prepare, GONE_TIMEOUT)
    }

    fn take_within(
        path: &Path,
        prepare: impl Fn() -> io::Result<()>,
        timeout: Duration,
    ) -> Result<Self, DaemonLockError> {
        let failed = |source| DaemonLockError::File { path: path.to_owned(), source };
        let deadline = Instant::now() + timeout;
        loop {
            prepare().map_err(failed)?;
            if let Some(held) = try_lock(path).map_err(failed)? {
                return Ok(Self { _file: held });
            }
            let holder = noted(path);
            if let Some(holder) = holder.filter(goes_on) {
                return Err(DaemonLockError::Running(holder.pid));
            }
            if Instant::now() > deadline {
                let pid = holder.map(|holder| holder.pid);
                return Err(DaemonLockError::Lingers { pid, path: path.to_owned(), timeout });
            }
            std::thread::sleep(GONE_POLL);
        }
    }

    /// Keeps it for as long as this process lives: until its last thread has ended it has something of the cloud.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

/// Takes the lock, and notes that this process has it; `None` where another has it.
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Who had it may have removed it with its directory.
    let held = file.metadata()?;
    if !fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())) {
        return Ok(None);
    }
    let note = serde_json::to_vec(&ProcessId::current()?)?;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&note)?;
    Ok(Some(file))
}

/// Whether a process lives and was not killed.
pub(crate) fn goes_on(process: &ProcessId) -> bool {
    let is_well = || process.is_alive() && !process.is_ending();
    is_well() && {
        std::thread::sleep(LOOKS_WELL);
        is_well()
    }
}

/// Who took the lock last. Nobody, while that is being written.
fn noted(path: &Path) -> Option<ProcessId> {
    let mut note = Vec::new();
    File::open(path).ok()?.read_to_end(&mut note).ok()?;
    serde_json::from_slice(&note).ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    fn take(path: &Path, timeout: Duration) -> Result<DaemonLock, DaemonLockError> {
        DaemonLock::take_within(path, || Ok(()), timeout)
    }

    #[test]
    fn a_daemon_that_runs_is_named_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = take(&path, SHORT).unwrap();
        let began = Instant::now();
        let error = take(&path, Duration::from_secs(60)).unwrap_err();
        let me = std::process::id().cast_signed();
        assert!(matches!(error, DaemonLockError::Running(pid) if pid == me), "{error}");
        assert!(began.elapsed() < Duration::from_secs(30));
        drop(held);
        take(&path, SHORT).unwrap();
    }

    /// As a child between fork and exec has it: the same open file, whoever took the lock.
    #[test]
    fn what_a_daemon_left_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let mut dead = Command::new("true").spawn().unwrap();
        let gone = ProcessId { pid: dead.id().cast_signed(), start_time_ticks: 1 };
        dead.wait().unwrap();
        let held = try_lock(&path).unwrap().unwrap();
        fs::write(&path, serde_json::to_vec(&gone).unwrap()).unwrap();
        // Its standard input is the open file itself.
        let mut child = Command::new("sleep").arg("0.7").stdin(Stdio::from(held)).spawn().unwrap();
        let error = take(&path, SHORT).unwrap_err();
        assert!(
            matches!(error, DaemonLockError::Lingers { pid: Some(pid), .. } if pid == gone.pid),
            "{error}"
        );
        take(&path, Duration::from_secs(60)).unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_lock_whose_directory_was_removed_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("run");
        let path = inside.join("lock");
        let prepare = || fs::create_dir_all(&inside);
        let first = DaemonLock::take_within(&path, prepare, SHORT).unwrap();
        fs::remove_dir_all(&inside).unwrap();
        drop(first);
        DaemonLock::take_within(&path, prepare, SHORT).unwrap();
        assert!(path.is_file());
    }
}
