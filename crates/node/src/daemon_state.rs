//! The note that a running daemon leaves for the other commands.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use aws_types::{AccountId, Timestamp};
use sandbox::ProcessId;
use serde::{Deserialize, Serialize};

use crate::daemon_lock::goes_on;
use crate::paths::RunDir;

/// Which process runs the cloud, where, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonState {
    /// The daemon's process id.
    pub pid: i32,
    /// The kernel's start time of that process, in clock ticks since boot: a reused pid has another one.
    pub start_ticks: u64,
    /// When it was started.
    pub since: Timestamp,
    /// Where AWS clients connect.
    pub listen: SocketAddr,
    /// The cloud's first account.
    pub account: AccountId,
    /// The cloud's data directory.
    pub data_dir: PathBuf,
    /// The version of the running binary.
    pub version: String,
}

impl DaemonState {
    /// Writes the note, whole or not at all.
    ///
    /// # Errors
    /// When the run directory cannot be written.
    pub fn write(&self, run_dir: &RunDir) -> io::Result<()> {
        let partial = run_dir.path().join("daemon.json.new");
        fs::write(&partial, serde_json::to_vec_pretty(self)?)?;
        fs::rename(partial, run_dir.daemon())
    }

    /// The note, if there is one and its process still lives.
    pub fn read_running(run_dir: &RunDir) -> Option<Self> {
        let state: Self = serde_json::from_slice(&fs::read(run_dir.daemon()).ok()?).ok()?;
        state.process().is_alive().then_some(state)
    }

    /// Whether its process lives and was not killed. One that was is waited for by the next daemon.
    pub fn goes_on(&self) -> bool {
        goes_on(&self.process())
    }

    fn process(&self) -> ProcessId {
        ProcessId { pid: self.pid, start_time_ticks: self.start_ticks }
    }
}
