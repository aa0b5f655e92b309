//! Why the store could not do something.

use std::path::PathBuf;

/// Why an open, read or commit failed. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The backend could not make the change durable.
    #[error("the state could not be written: {0}")]
    Write(String),
    /// The backend could not be opened or read.
    #[error("the state could not be opened: {0}")]
    Open(String),
    /// Another process (or this one, a second time) has the data directory open.
    #[error("the data directory {} is in use by {}", dir.display(), holder(*.pid))]
    Locked {
        /// The data directory.
        dir: PathBuf,
        /// The process that holds it, where the kernel can name it.
        pid: Option<u32>,
    },
    /// The state was written by a newer build.
    #[error(
        "the state has format {found}, and this build reads formats up to {supported}; use a newer build"
    )]
    NewerFormat {
        /// The format found.
        found: u32,
        /// The newest format that this build reads.
        supported: u32,
    },
    /// A record does not decode as its kind.
    #[error("the {kind} record {id} in {scope} cannot be read: {reason}")]
    Undecodable {
        /// The kind.
        kind: &'static str,
        /// What it belongs to.
        scope: String,
        /// Its id.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
