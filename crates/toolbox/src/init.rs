//! The guest's init: brings the network up, runs user data, reaps, and shuts down.
//!
//! Owns process 1. Refuses to know how the guest was made; it is told what it needs by environment variables and two
//! descriptors, which nothing that it starts inherits.
//!
//! ```text
//! held --release--> network --configured or given up--> user data --> idle
//!   |                  |                                    |          |
//!   +--SIGTERM, SIGPWR-+------------------------------------+----------+--> power off (exit code 0)
//!                      +---------------SIGINT---------------+----------+--> start again, same namespaces
//! ```

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::network::Network;
use crate::user_data;

/// Names the descriptor from which one byte lets init go on.
pub const RELEASE_FD_VARIABLE: &str = "BRUME_RELEASE_FD";
/// Names the descriptor to which init writes what it has reached.
pub const STATUS_FD_VARIABLE: &str = "BRUME_STATUS_FD";
/// Holds the instance id.
pub const INSTANCE_VARIABLE: &str = "BRUME_INSTANCE_ID";
/// Holds the interfaces to wait for, separated by commas.
pub const INTERFACES_VARIABLE: &str = "BRUME_INTERFACES";
/// Set when init has replaced itself to start again.
const REBOOTED_VARIABLE: &str = "BRUME_REBOOTED";

/// Written to the status descriptor when the network is configured, or was given up on, and user data was started.
pub const STATUS_READY: u8 = b'R';

/// The signals that init acts on: a child has ended, power off (two), reboot. Whoever starts init blocks them, so that
/// none is lost before it listens.
pub const HANDLED_SIGNALS: [Signal; 4] = [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGPWR, Signal::SIGINT];

/// All of the variables above, which are init's own business.
const OWN_VARIABLES: [&str; 5] =
    [RELEASE_FD_VARIABLE, STATUS_FD_VARIABLE, INSTANCE_VARIABLE, INTERFACES_VARIABLE, REBOOTED_VARIABLE];

/// User data runs without a network after this time, as cloud-init does when waiting for the network fails.
const NETWORK_PATIENCE: Duration = Duration::from_secs(30);
/// How long processes have to end on SIGTERM before SIGKILL.
const TERMINATE_PATIENCE: Duration = Duration::from_secs(3);
/// Ports may be pinged by every group, as systemd has it since version 243.
const PING_GROUP_RANGE: (&str, &str) = ("/proc/sys/net/ipv4/ping_group_range", "0 65534\n");

/// Whether this process is process 1 of a guest.
pub fn is_init() -> bool {
    std::process::id() == 1 && std::env::var_os(STATUS_FD_VARIABLE).is_some()
}

/// Says something on the console.
pub(crate) fn say(message: std::fmt::Arguments<'_>) {
    // One write, so that lines of several writers do not mix. A console that is gone is no reason to stop.
    let _ = std::io::stdout().lock().write_all(format!("[brume-init] {message}\n").as_bytes());
}

/// Takes out of a command's environment what is init's own.
pub(crate) fn hide_own_variables(command: &mut std::process::Command) {
    for variable in OWN_VARIABLES {
        command.env_remove(variable);
    }
}

/// Runs as init. Returns when the guest is to end: with success for a power-off.
pub fn main() -> ExitCode {
    match Init::new() {
        Ok(mut init) => init.run(),
        Err(error) => {
            say(format_args!("cannot start: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Request {
    PowerOff,
    Reboot,
}

struct Init {
    signals: SignalFd,
    release: fs::File,
    status: fs::File,
    interfaces: Vec<String>,
    user_data: Option<Pid>,
}

impl Init {
    fn new() -> std::io::Result<Self> {
        // Not the name of the executable: process 1 is init to whoever looks.
        let _ = nix::sys::prctl::set_name(c"init");
        let signals: SigSet = HANDLED_SIGNALS.into_iter().collect();
        // Before any thread, so that all inherit it. Process 1 is not ended by signals that it does not handle.
        signals.thread_block()?;
        let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let interfaces = std::env::var(INTERFACES_VARIABLE).unwrap_or_default();
        Ok(Self {
            signals,
            release: passed_descriptor(RELEASE_FD_VARIABLE)?.into(),
            status: passed_descriptor(STATUS_FD_VARIABLE)?.into(),
            interfaces: interfaces.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            user_data: None,
        })
    }

    fn run(&mut self) -> ExitCode {
        let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let rebooted = std::env::var_os(REBOOTED_VARIABLE).is_some();
        say(format_args!(
            "{} on {}, Linux {}",
            if rebooted { "starting again" } else { "starting" },
            hostname.trim(),
            kernel.trim()
        ));
        if !rebooted {
            match self.wait_release() {
                Ok(None) => {}
                Ok(Some(Request::PowerOff)) => return ExitCode::SUCCESS,
                Ok(Some(Request::Reboot)) => return self.start_again(),
                Err(error) => {
                    say(format_args!("never released: {error}"));
                    return ExitCode::FAILURE;
                }
            }
        }
        let _ = fs::write(PING_GROUP_RANGE.0, PING_GROUP_RANGE.1);
        let request = match Network::start(&self.interfaces) {
            Ok(network) => self.serve(&network),
            Err(error) => {
                say(format_args!("no network: {error}"));
                return ExitCode::FAILURE;
            }
        };
        self.end_everything();
        match request {
            Request::PowerOff => {
                say(format_args!("power off"));
                ExitCode::SUCCESS
            }
            Request::Reboot => self.start_again(),
        }
    }

    /// Until the caller has moved the interfaces in.
    fn wait_release(&mut self) -> std::io::Result<Option<Request>> {
        loop {
            let mut polled = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.release.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut polled, PollTimeout::NONE) {
                Ok(_) => {}
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let released = polled[1].revents().is_some_and(|events| !events.is_empty());
            if released {
                self.release.read_exact(&mut [0])?;
                return Ok(None);
            }
            if let Some(request) = self.read_signals() {
                return Ok(Some(request));
            }
        }
    }

    /// Until a signal asks for an end.
    fn serve(&mut self, network: &Network) -> Request {
        let deadline = Instant::now() + NETWORK_PATIENCE;
        let mut waiting_for_network = !self.interfaces.is_empty();
        if !waiting_for_network {
            self.start_user_data();
        }
        loop {
            let mut polled = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            let mut wait = PollTimeout::NONE;
            if waiting_for_network {
                polled.push(PollFd::new(network.configured(), PollFlags::POLLIN));
                let left = deadline.saturating_duration_since(Instant::now()).as_millis() as u16;
                wait = PollTimeout::from(left);
            }
            let _ = poll(&mut polled, wait);
            let configured = polled.get(1).and_then(PollFd::revents).is_some_and(|events| !events.is_empty());
            if waiting_for_network && (configured || Instant::now() >= deadline) {
                if !configured {
                    say(format_args!("the network is not configured yet; going on without"));
                }
                waiting_for_network = false;
                self.start_user_data();
            }
            if let Some(request) = self.read_signals() {
                return request;
            }
        }
    }

    fn start_user_data(&mut self) {
        self.user_data = user_data::start();
        // A monitor that is gone takes the guest with it, so there is nobody to tell of a failure.
        let _ = self.status.write_all(&[STATUS_READY]);
    }

    fn read_signals(&mut self) -> Option<Request> {
        let mut request = None;
        while let Ok(Some(signal)) = self.signals.read_signal() {
            match Signal::try_from(signal.ssi_signo as i32) {
                Ok(Signal::SIGTERM | Signal::SIGPWR) => request = Some(Request::PowerOff),
                Ok(Signal::SIGINT) => request = request.or(Some(Request::Reboot)),
                _ => {}
            }
        }
        self.reap();
        request
    }

    /// Waits for every process that has ended and was left to init. `false`: there are no children at all.
    fn reap(&mut self) -> bool {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => return true,
                Ok(status) => {
                    if status.pid().is_some() && status.pid() == self.user_data {
                        self.user_data = None;
                        user_data::tell_end(status);
                    }
                }
                Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Ends every process but this one.
    fn end_everything(&mut self) {
        say(format_args!("stopping"));
        let everyone = Pid::from_raw(-1);
        if kill(everyone, Signal::SIGTERM).is_ok() {
            let deadline = Instant::now() + TERMINATE_PATIENCE;
            while self.reap() && Instant::now() < deadline {
                let left = deadline.saturating_duration_since(Instant::now()).as_millis() as u16;
                let mut polled = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
                let _ = poll(&mut polled, PollTimeout::from(left));
                while let Ok(Some(_)) = self.signals.read_signal() {}
            }
        }
        if kill(everyone, Signal::SIGKILL).is_ok() {
            while waitpid(None, None).is_ok() {}
        }
    }

    /// Becomes a fresh init. What was in memory file systems is lost, as in any reboot.
    fn start_again(&mut self) -> ExitCode {
        say(format_args!("reboot"));
        for directory in ["/run", "/tmp", "/dev/shm"] {
            empty(directory);
        }
        let error = replace_self([&self.release, &self.status]);
        say(format_args!("cannot start again: {error}"));
        ExitCode::FAILURE
    }
}

fn empty(directory: &str) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let _ = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
    }
}

/// Takes the descriptor that a variable names, and keeps it from children.
#[allow(unsafe_code)]
fn passed_descriptor(variable: &str) -> std::io::Result<OwnedFd> {
    use std::os::fd::FromRawFd;
    let number: i32 = std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| std::io::Error::other(format!("{variable} is not set")))?;
    // SAFETY: fcntl on a number that is not open is an error, not undefined.
    if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: it is open, and the starter passed it to be owned here; each variable is read once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Executes this program again in place, with the descriptors. Returns only to say why not.
fn replace_self(descriptors: [&fs::File; 2]) -> std::io::Error {
    use std::os::unix::process::CommandExt;
    for descriptor in descriptors {
        if let Err(error) = rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty()) {
            return error.into();
        }
    }
    std::process::Command::new("/proc/self/exe").arg0("init").env(REBOOTED_VARIABLE, "1").exec()
}
