//! What the last scrub found, in a file beside the objects: a daemon that starts knows it.

use std::path::Path;
use std::{fs, io};

use aws_types::Timestamp;
use serde::{Deserialize, Serialize};

/// Why everything was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScrubCause {
    /// It was due.
    Background,
    /// Somebody asked for it.
    Operator,
}

/// What a scrub found that went through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubSummary {
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Why it was done.
    pub cause: ScrubCause,
    /// How many contents were read.
    pub contents: u64,
    /// How many bytes of stored forms were read.
    pub bytes: u64,
    /// How many of the contents only their owners can open: their check sums are right, which is what can be known.
    pub without_secret: u64,
    /// How many are missing or damaged.
    pub damaged: u64,
}

/// The summary in a file; `None` where there is none, or one that this build does not know.
pub(super) fn read(path: &Path) -> Option<ScrubSummary> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Writes a summary, whole or not at all.
pub(super) fn write(path: &Path, summary: &ScrubSummary) -> io::Result<()> {
    let partial = path.with_extension("new");
    fs::write(&partial, serde_json::to_vec_pretty(summary)?)?;
    fs::rename(partial, path)
}
