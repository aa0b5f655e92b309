//! Where the files of the sandboxes are on the host.

use std::path::{Path, PathBuf};

use aws_types::InstanceId;

/// The directories of one cloud.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// For what dies with the run: one directory per instance.
    pub(crate) run_dir: PathBuf,
    /// For what stays: one directory per instance.
    pub(crate) state_dir: PathBuf,
}

impl Layout {
    /// Record, control pipe and log of a run.
    pub(crate) fn run(&self, instance_id: InstanceId) -> PathBuf {
        self.run_dir.join(instance_id.to_string())
    }

    /// Root disk and console.
    pub(crate) fn state(&self, instance_id: InstanceId) -> PathBuf {
        self.state_dir.join(instance_id.to_string())
    }

    /// The record of a run.
    pub(crate) fn record(&self, instance_id: InstanceId) -> PathBuf {
        self.run(instance_id).join(RECORD_FILE)
    }
}

/// In the run directory: what runs, as JSON.
pub(crate) const RECORD_FILE: &str = "record.json";
/// In the run directory: a pipe that the monitor listens on.
pub(crate) const CONTROL_FIFO: &str = "control";
/// In the run directory: what the monitor itself has to say.
pub(crate) const MONITOR_LOG: &str = "monitor.log";
/// In the state directory: facts of the root disk, as JSON; written last, so that its presence means a whole disk.
pub(crate) const DISK_FILE: &str = "disk.json";
/// In the state directory: the guest's root.
pub(crate) const ROOT_DIR: &str = "root";
/// In the state directory: what the guest changed under `/usr`.
pub(crate) const USR_UPPER_DIR: &str = "usr-upper";
/// In the state directory: the overlay's scratch space.
pub(crate) const USR_WORK_DIR: &str = "usr-work";
/// In the state directory: the guest's `/usr/local`.
pub(crate) const USR_LOCAL_DIR: &str = "usr-local";
/// In the state directory: console output.
pub(crate) const CONSOLE_FILE: &str = "console";

/// Ids of the instances that have a directory in `dir`.
pub(crate) fn instances_in(dir: &Path) -> std::io::Result<Vec<InstanceId>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut ids = Vec::new();
    for entry in entries {
        if let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
            ids.push(id);
        }
    }
    Ok(ids)
}
