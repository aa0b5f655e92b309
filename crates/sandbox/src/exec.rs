//! Commands in a guest, as the host holds them.
//!
//! A command has a helper on the host, which enters the guest's namespaces, starts the command in a session of its
//! own, and ends with its exit code. Told to terminate, the helper kills the command's whole process group. The helper
//! of a command that somebody runs by hand hangs up on it when that somebody has gone.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::error::SandboxError;
use crate::process::{send_signal, wait_readable};

/// The helper's exit code when it could not enter the guest.
pub(crate) const SETUP_FAILED: i32 = 125;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecStatus {
    /// With an exit code. As shells have it, 127 is a program that is not there, 126 one that is not executable, and
    /// 128 plus a signal's number one that the signal ended.
    Exited(i32),
    /// Its helper was killed, so the command has no exit code.
    Killed,
}

/// A command that runs in a guest. Dropping it leaves the command running.
#[derive(Debug)]
pub struct ExecChild {
    child: Child,
    pidfd: Arc<OwnedFd>,
}

/// Kills a command from another thread.
#[derive(Clone, Debug)]
pub struct Canceller {
    pidfd: Arc<OwnedFd>,
}

/// Bounds for [`ExecChild::capture`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureLimits {
    /// After this time the command is killed. `None` waits for ever.
    pub timeout: Option<Duration>,
    /// Bytes of standard output that are kept, from its beginning.
    pub stdout_bytes: usize,
    /// Bytes of standard error that are kept, from its beginning.
    pub stderr_bytes: usize,
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// How it ended.
    pub status: ExecStatus,
    /// Standard output, up to the limit.
    pub stdout: Vec<u8>,
    /// Standard error, up to the limit.
    pub stderr: Vec<u8>,
    /// There was more output than was kept.
    pub truncated: bool,
    /// It was killed because its time ran out.
    pub timed_out: bool,
}

/// How long output is still read after a command has ended: what it left running may hold the pipes open for ever.
const DRAIN_TIME: Duration = Duration::from_millis(200);

impl ExecChild {
    pub(crate) fn new(child: Child) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::Process { action: "watch the command", source };
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
            .map_err(|error| failed(error.into()))?;
        Ok(Self { child, pidfd: Arc::new(pidfd) })
    }

    /// The writing end of the command's standard input, once, if it is a pipe.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// The reading end of the command's standard output, once, if it is a pipe.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The reading end of the command's standard error, once, if it is a pipe.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// A handle that kills the command.
    pub fn canceller(&self) -> Canceller {
        Canceller { pidfd: Arc::clone(&self.pidfd) }
    }

    /// Waits for the end of the command.
    ///
    /// # Errors
    /// The system cannot wait for it.
    pub fn wait(&mut self) -> Result<ExecStatus, SandboxError> {
        self.child.wait().map(status_of).map_err(wait_failed)
    }

    /// How the command ended, if it has.
    ///
    /// # Errors
    /// The system cannot tell.
    pub fn try_wait(&mut self) -> Result<Option<ExecStatus>, SandboxError> {
        self.child.try_wait().map(|status| status.map(status_of)).map_err(wait_failed)
    }

    /// Waits for the end of the command, reading its output all the while; kills its process group when time runs
    /// out.
    ///
    /// # Errors
    /// The system cannot wait for it.
    pub fn capture(mut self, limits: CaptureLimits) -> Result<Captured, SandboxError> {
        drop(self.take_stdin());
        let stdout = Reader::start(self.take_stdout(), limits.stdout_bytes);
        let stderr = Reader::start(self.take_stderr(), limits.stderr_bytes);
        let timed_out = !wait_readable(&*self.pidfd, limits.timeout).map_err(wait_failed)?;
        if timed_out {
            self.canceller().cancel()?;
        }
        let status = self.wait()?;
        let deadline = Instant::now() + DRAIN_TIME;
        let (stdout, stdout_cut) = stdout.finish(deadline);
        let (stderr, stderr_cut) = stderr.finish(deadline);
        Ok(Captured { status, stdout, stderr, truncated: stdout_cut || stderr_cut, timed_out })
    }
}

impl Canceller {
    /// Kills the command and its process group. Does nothing when it has ended.
    ///
    /// # Errors
    /// The system refuses.
    pub fn cancel(&self) -> Result<(), SandboxError> {
        send_signal(&self.pidfd, Signal::SIGTERM)
            .map(|_| ())
            .map_err(|source| SandboxError::Process { action: "kill the command", source })
    }
}

fn status_of(status: ExitStatus) -> ExecStatus {
    status.code().map_or(ExecStatus::Killed, ExecStatus::Exited)
}

fn wait_failed(source: io::Error) -> SandboxError {
    SandboxError::Process { action: "wait for the command", source }
}

/// A thread that reads a pipe to its end, so that the command never blocks on it. It ends with the pipe, which may be
/// later than the command.
struct Reader {
    chunks: mpsc::Receiver<Vec<u8>>,
    limit_bytes: usize,
}

impl Reader {
    fn start(pipe: Option<impl Read + Send + 'static>, limit_bytes: usize) -> Self {
        let (sender, chunks) = mpsc::channel();
        if let Some(mut pipe) = pipe {
            std::thread::spawn(move || {
                let mut kept = 0;
                let mut buffer = vec![0; 16 * 1024];
                loop {
                    match pipe.read(&mut buffer) {
                        Ok(0) => break,
                        Ok(count) => {
                            // One byte over the limit tells that there was more; the rest is read and dropped.
                            let wanted = count.min((limit_bytes + 1).saturating_sub(kept));
                            kept += wanted;
                            if wanted > 0 && sender.send(buffer[..wanted].to_vec()).is_err() {
                                break;
                            }
                        }
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(_) => break,
                    }
                }
            });
        }
        Self { chunks, limit_bytes }
    }

    /// What was read, and whether that is less than there was.
    fn finish(self, deadline: Instant) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        while let Ok(chunk) = self.chunks.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            bytes.extend(chunk);
        }
        let truncated = bytes.len() > self.limit_bytes;
        bytes.truncate(self.limit_bytes);
        (bytes, truncated)
    }
}
