//! The note that a running daemon leaves for the other commands.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use aws_types::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};

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
        (start_ticks(state.pid) == Some(state.start_ticks)).then_some(state)
    }
}

/// The start time of a process that has not ended, in clock ticks since boot: field 22 of `/proc/PID/stat`,
/// `proc_pid_stat(5)`.
pub(crate) fn start_ticks(pid: i32) -> Option<u64> {
    start_ticks_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The same, from the text of that file.
fn start_ticks_of(stat: &str) -> Option<u64> {
    // The second field is the command in parentheses and may itself hold spaces and parentheses.
    let (_, after_command) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_command.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    // A killed process has a dead main thread while the others still let go of its files, port and locks; it has ended
    // when that thread is the only one left (field 20).
    let has_ended = matches!(field(3)?, "Z" | "X") && field(20)? == "1";
    if has_ended { None } else { field(22)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_own_start_and_no_dead_process() {
        let own = std::process::id().cast_signed();
        assert_eq!(start_ticks(own), start_ticks(own));
        assert!(start_ticks(own).is_some());
        assert_eq!(start_ticks(i32::MAX), None);
    }

    #[test]
    fn a_process_has_ended_with_its_last_thread() {
        let check = |state: &str, threads: u32, expect: Option<u64>| {
            let stat = format!("7 (a) b) {state} 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 {threads} 0 4242 0 0");
            assert_eq!(start_ticks_of(&stat), expect, "{stat}");
        };
        check("S", 1, Some(4242));
        check("R", 4, Some(4242));
        check("Z", 4, Some(4242));
        check("Z", 1, None);
    }
}
