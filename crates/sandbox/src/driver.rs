//! What every kind of sandbox can do: the contract between the node and the drivers.
//!
//! Owns the nouns (spec, running sandbox, exit). Refuses to know how a driver does it.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use aws_types::InstanceId;
use serde::{Deserialize, Serialize};

use crate::error::SandboxError;
use crate::exec::ExecChild;
use crate::process::ProcessId;

/// How much of a console is kept, in bytes.
///
/// GetConsoleOutput returns at most the last 64 KB.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html>
pub const CONSOLE_LIMIT_BYTES: usize = 64 * 1024;

/// The `PATH` inside a guest. The stand-ins come last, so that the host's own programs win; what must win over those is in
/// the guest's `/usr/local/sbin`.
pub const GUEST_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/brume/bin";

/// What an instance is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Whose sandbox it is.
    pub instance_id: InstanceId,
    /// The host name that the guest has, such as `ip-10-0-0-5.ec2.internal`.
    pub hostname: String,
    /// `/etc/machine-id`: 32 hexadecimal digits. `None`: made from the instance id.
    pub machine_id: Option<String>,
    /// Decoded user data, run by the guest once in the life of its root disk.
    pub user_data: Option<Vec<u8>>,
    /// Processors, enforced as a share of time where cgroups allow it.
    pub vcpus: u32,
    /// Memory in bytes, enforced where cgroups allow it.
    pub memory_bytes: u64,
    /// Interfaces that the guest waits for and configures before user data runs, such as `eth0`. Interfaces that
    /// come later are configured too.
    pub interfaces: Vec<String>,
    /// Environment of everything that runs in the guest.
    pub environment: BTreeMap<String, String>,
}

/// A sandbox that has been started, as seen from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Whose it is.
    pub instance_id: InstanceId,
    /// The guest's init, as the host numbers it: `/proc/<pid>/ns/net` is the guest's network namespace.
    pub init: ProcessId,
    /// The process on the host that waits for the guest.
    pub monitor: ProcessId,
}

impl Running {
    /// Where the guest's network namespace can be opened.
    pub fn network_namespace(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.init.pid))
    }
}

/// How a guest ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// It shut itself down, on request or of its own accord.
    PoweredOff,
    /// It asked for a reset by `reboot(2)`; whoever owns it should start it again. A reboot by signal
    /// ([`Driver::reboot`]) happens inside the sandbox and does not end it.
    RebootRequested,
    /// It was killed from outside.
    Killed,
    /// Its init ended in a way that it never should.
    Crashed {
        /// What is known of it.
        reason: String,
    },
    /// The process that watched it is gone, and the guest with it; how it ended is not known.
    Lost,
}

/// How far a guest has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The network is configured (or was given up on, which the console says) and user data has been started.
    Ready,
    /// It ended before it was ready.
    Exited(Exit),
    /// The time given ran out first.
    TimedOut,
}

/// Where one of the standard streams of a command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StdioMode {
    /// Reads nothing, writes to nowhere.
    #[default]
    Null,
    /// A pipe that the caller gets.
    Pipe,
    /// The caller's own.
    Inherit,
}

/// A command to run in a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exec {
    /// The program, looked up in the guest's `PATH`, and its arguments.
    pub argv: Vec<String>,
    /// Variables added to the guest's environment.
    pub environment: BTreeMap<String, String>,
    /// The working directory; `None` is `/root`.
    pub working_directory: Option<PathBuf>,
    /// Standard input.
    pub stdin: StdioMode,
    /// Standard output and standard error.
    pub output: StdioMode,
}

impl Exec {
    /// A command with piped output, no input and nothing else said.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), output: StdioMode::Pipe, ..Self::default() }
    }
}

/// A way to run instances.
///
/// All calls block, some for as long as a process takes to end: call them from a thread that may. All are safe to
/// repeat.
pub trait Driver: Send + Sync {
    /// Makes the sandbox and its namespaces, and holds the guest's init there: the caller can now move interfaces
    /// into [`Running::network_namespace`], then [`Driver::release`] it. The root disk is made if there is none yet.
    ///
    /// # Errors
    /// What failed and at which step. Nothing half-made is left.
    fn start(&self, spec: &Spec) -> Result<Running, SandboxError>;

    /// Lets init go on.
    ///
    /// # Errors
    /// The sandbox has gone.
    fn release(&self, running: &Running) -> Result<(), SandboxError>;

    /// Waits until the guest is ready, has ended, or `timeout` has passed.
    ///
    /// # Errors
    /// The records of the sandbox cannot be read.
    fn wait_ready(&self, running: &Running, timeout: Duration) -> Result<Readiness, SandboxError>;

    /// Finds a running sandbox that an earlier process started. `None`: it does not run.
    ///
    /// # Errors
    /// The records of the sandbox cannot be read.
    fn adopt(&self, instance_id: InstanceId) -> Result<Option<Running>, SandboxError>;

    /// How the last run of an instance ended, if it has ended and its records are there.
    ///
    /// # Errors
    /// The records of the sandbox cannot be read.
    fn last_exit(&self, instance_id: InstanceId) -> Result<Option<Exit>, SandboxError>;

    /// Every instance that has anything on this host: running, or a root disk alone.
    ///
    /// # Errors
    /// The directories cannot be read.
    fn list(&self) -> Result<Vec<InstanceId>, SandboxError>;

    /// Asks the guest to shut down, and kills it when it has not within `grace`. The root disk stays.
    ///
    /// # Errors
    /// It could not be killed.
    fn stop(&self, running: &Running, grace: Duration) -> Result<Exit, SandboxError> {
        self.stop_within(running, &|| grace)
    }

    /// The same with a grace that may change meanwhile: it is asked again and again how long it is, counted from the
    /// beginning.
    ///
    /// # Errors
    /// As for [`Driver::stop`].
    fn stop_within(&self, running: &Running, grace: &dyn Fn() -> Duration) -> Result<Exit, SandboxError>;

    /// Asks the guest to end everything that runs in it and to start again, in the same namespaces and with the same
    /// interfaces. Returns at once.
    ///
    /// # Errors
    /// The sandbox has gone.
    fn reboot(&self, running: &Running) -> Result<(), SandboxError>;

    /// Ends the guest without asking it. The root disk stays.
    ///
    /// # Errors
    /// It could not be killed.
    fn kill(&self, running: &Running) -> Result<Exit, SandboxError>;

    /// Removes everything that the host has of an instance, killing it if it runs.
    ///
    /// # Errors
    /// All that could not be removed, together.
    fn destroy(&self, instance_id: InstanceId) -> Result<(), SandboxError>;

    /// Runs a command in the guest, without its network.
    ///
    /// # Errors
    /// The sandbox has gone, or the command could not be prepared. That the guest has no such program is told by the
    /// command's exit code (127; 126 when it is not executable), as a shell does.
    fn exec(&self, running: &Running, exec: &Exec) -> Result<ExecChild, SandboxError>;

    /// Runs a command in the guest with the caller's own standard streams; when input and output are terminals, the
    /// guest gets a terminal of its own that follows the caller's size. Returns the command's exit code, or 128 plus
    /// the number of the signal that ended it. When the calling process ends before the command, the command gets
    /// SIGHUP, and soon after SIGKILL.
    ///
    /// # Errors
    /// As for [`Driver::exec`].
    fn exec_interactive(&self, running: &Running, argv: &[String]) -> Result<ExitCode, SandboxError>;

    /// The last [`CONSOLE_LIMIT_BYTES`] of the console, over all boots of the root disk.
    ///
    /// # Errors
    /// The console cannot be read. That there is none yet gives an empty one.
    fn console_output(&self, instance_id: InstanceId) -> Result<Vec<u8>, SandboxError>;

    /// Waits until the guest has ended or `timeout` has passed (then `None`). `None` as timeout waits for ever.
    ///
    /// # Errors
    /// The records of the sandbox cannot be read.
    fn wait(&self, running: &Running, timeout: Option<Duration>) -> Result<Option<Exit>, SandboxError>;

    /// A descriptor that becomes readable when the guest has ended, for an event loop; then [`Driver::wait`] tells
    /// how without blocking.
    ///
    /// # Errors
    /// The sandbox has gone already.
    fn exit_fd(&self, running: &Running) -> Result<OwnedFd, SandboxError>;
}
