//! What runs in fresh processes of the executable: the monitor of a sandbox, and the helper of a command in one.
//!
//! Owns entering and making namespaces, which only a process without threads may do. Everything here runs before
//! `main` has done anything else, talks to its starter by a request and a reply, and never returns to it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use crate::driver::{Exec, Running, Spec, StdioMode};
use crate::idmap::IdRange;
use crate::process::ProcessId;

mod command;
mod console;
mod guest;
mod lockdown;
mod monitor;
mod mounts;
mod rootfs;
mod syscalls;
mod terminal;
mod trust;

/// First argument of the executable when it is to become a monitor.
pub(crate) const INIT_ARGUMENT: &str = "__sandbox-init";
/// First argument of the executable when it is to run a command in a guest.
pub(crate) const EXEC_ARGUMENT: &str = "__sandbox-exec";

/// Takes over when the executable was started as a helper of a sandbox. To be called first in `main`, before any
/// thread: `None` means that this is an ordinary start.
pub fn main_internal(args: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut args = args.into_iter().skip(1);
    let first = args.next()?;
    if first == INIT_ARGUMENT {
        Some(monitor::main())
    } else if first == EXEC_ARGUMENT {
        Some(command::main(args.next()))
    } else {
        None
    }
}

/// What a monitor is told, on its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StartRequest {
    pub(crate) spec: Spec,
    /// The certificate of an authority that the guest trusts, as PEM.
    pub(crate) authority: Option<String>,
    pub(crate) ids: IdRange,
    pub(crate) run_dir: PathBuf,
    pub(crate) state_dir: PathBuf,
    pub(crate) toolbox: PathBuf,
    /// Name of the cloud's directory in the control groups.
    pub(crate) cgroup: String,
}

/// What a monitor answers, on its standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StartReply {
    /// The guest's init waits to be released.
    Started {
        running: Running,
        /// What this host cannot give to guests.
        degraded: Vec<String>,
    },
    /// Nothing is left of it but files.
    Failed { step: String, problem: String },
}

/// What the helper of a command is told, in a memory file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ExecRequest {
    pub(crate) running: Running,
    pub(crate) cgroups: Vec<PathBuf>,
    pub(crate) argv: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) working_directory: PathBuf,
    /// Who runs the command by hand: it gets a terminal if the helper has one, and ends when the caller does.
    pub(crate) caller: Option<ProcessId>,
}

impl ExecRequest {
    pub(crate) fn new(
        running: Running,
        cgroups: Vec<PathBuf>,
        exec: &Exec,
        caller: Option<ProcessId>,
    ) -> Self {
        Self {
            running,
            cgroups,
            argv: exec.argv.clone(),
            environment: exec.environment.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            working_directory: exec.working_directory.clone().unwrap_or_else(|| PathBuf::from("/root")),
            caller,
        }
    }
}

/// A failed step of setting something up. As text, which is all that can be told to another process.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: String,
    pub(crate) problem: String,
}

/// Adds the name of the step to an error.
pub(crate) trait Step<T> {
    fn step(self, step: impl Into<String>) -> Result<T, Failure>;
}

impl<T, E: std::fmt::Display> Step<T> for Result<T, E> {
    fn step(self, step: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| Failure { step: step.into(), problem: error.to_string() })
    }
}

impl StdioMode {
    pub(crate) fn to_stdio(self) -> std::process::Stdio {
        match self {
            Self::Null => std::process::Stdio::null(),
            Self::Pipe => std::process::Stdio::piped(),
            Self::Inherit => std::process::Stdio::inherit(),
        }
    }
}
