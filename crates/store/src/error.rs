//! Why the store could not do something.
//!
//! One outcome may be the answer to many transactions, so errors can be cloned; what they were caused by is shared.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use directory_lock::{LockError, holder};

/// Why an open, read or commit failed. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The backend could not make the change durable.
    #[error("the state could not be written: {0}")]
    Write(#[from] WriteError),
    /// The backend could not be opened or read.
    #[error("the state could not be opened: {0}")]
    Open(#[from] OpenError),
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
        reason: DecodeError,
    },
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// Why a change was not made durable.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// The database refused.
    #[error(transparent)]
    Database(Arc<redb::Error>),
    /// Its file could not be used.
    #[error(transparent)]
    File(Arc<io::Error>),
    /// The backend has a bug.
    #[error("the backend panicked: {0}")]
    Panicked(String),
    /// An earlier write failed, and what is on disk is not known.
    #[error("an earlier write failed and the file could not be restored")]
    NotRestored,
}

impl WriteError {
    pub(crate) fn database(error: impl Into<redb::Error>) -> Self {
        Self::Database(Arc::new(error.into()))
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::File(Arc::new(error))
    }
}

/// Why the state was not opened or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// The database refused, or the file is not one.
    #[error(transparent)]
    Database(Arc<redb::Error>),
    /// Its file could not be used.
    #[error(transparent)]
    File(Arc<io::Error>),
    /// The data directory could not be used.
    #[error("{}: {source}", path.display())]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// A record has a key that no build writes.
    #[error("{0} is not the key of a record")]
    Key(String),
    /// The thread that commits could not be started.
    #[error("no thread for commits: {0}")]
    Thread(Arc<io::Error>),
}

impl OpenError {
    pub(crate) fn database(error: impl Into<redb::Error>) -> Self {
        Self::Database(Arc::new(error.into()))
    }
}

impl From<LockError> for StoreError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::InUse { dir, pid } => Self::Locked { dir, pid },
            LockError::Directory { path, source } => {
                OpenError::Directory { path, source: Arc::new(source) }.into()
            }
        }
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::File(Arc::new(error))
    }
}

/// Why a stored record is not one of its kind.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DecodeError {
    /// Its bytes do not begin with a line.
    #[error("it has no format version")]
    NoVersion,
    /// They do, and it is something else.
    #[error("its format version is not a number")]
    BadVersion,
    /// A newer build wrote it.
    #[error("it has version {found}, and this build reads up to {supported}")]
    Newer {
        /// The version found.
        found: u32,
        /// The newest that this build reads.
        supported: u32,
    },
    /// It is so old that nothing is left that could upgrade it.
    #[error("it has version {found}, which is too old to be upgraded")]
    TooOld {
        /// The version found.
        found: u32,
    },
    /// Its JSON is malformed, or has other members than the kind.
    #[error(transparent)]
    Json(Arc<serde_json::Error>),
    /// It has been decoded as another type before.
    #[error("two types call themselves {0}")]
    TwoTypes(&'static str),
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(Arc::new(error))
    }
}
