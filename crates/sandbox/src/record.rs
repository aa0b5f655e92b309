//! What is written down about a run and about a root disk, so that a later process can pick it up.

use std::fs;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, openat, renameat};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::driver::{Exit, Running};
use crate::error::SandboxError;
use crate::idmap::IdRange;

/// How far a run has come.
///
/// ```text
/// Held -> Released -> Ready -> Exited
///   |         +-------------------^
///   +-----------------------------^
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Init waits to be released.
    Held,
    /// Init goes on.
    Released,
    /// Network configured, user data started.
    Ready,
    /// It is over.
    Exited(Exit),
}

/// One run of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    /// Process numbers mean something in this boot of the host only.
    pub(crate) boot_id: String,
    /// The processes.
    pub(crate) running: Running,
    /// How far it is.
    pub(crate) phase: Phase,
    /// Directories of the host's cgroup hierarchies that belong to this run.
    pub(crate) cgroups: Vec<std::path::PathBuf>,
}

/// The facts of a root disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DiskRecord {
    /// Who owns its files.
    pub(crate) ids: IdRange,
}

/// The id of this boot of the host.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Reads a record. `None`: there is none.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, SandboxError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SandboxError::file("read", path, error)),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|source| SandboxError::Record { path: path.to_owned(), source })
}

/// Replaces a record in one step: a reader sees the old one or the new one.
pub(crate) fn write<T: Serialize>(path: &Path, record: &T) -> Result<(), SandboxError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default();
    fs::File::open(parent)
        .and_then(|directory| write_at(&directory, Path::new(name), record))
        .map_err(|error| SandboxError::file("write", path, error))
}

/// As [`write`], in a directory that is held open and may have no path any more.
pub(crate) fn write_at<T: Serialize>(directory: &impl AsFd, name: &Path, record: &T) -> io::Result<()> {
    let new = name.with_extension("new");
    let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::CLOEXEC;
    let mut file = fs::File::from(openat(directory, &new, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(&serde_json::to_vec(record)?)?;
    drop(file);
    renameat(directory, &new, directory, name)?;
    Ok(())
}
