//! Why something could not be done.
//!
//! One outcome may be the answer to many transactions, so errors can be cloned; what they were caused by is shared.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use directory_lock::{LockError, holder};

use crate::Address;

/// Why the index could not be opened, read or changed. A change that failed has changed nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system has too little space left for the change. Reads and removals still work.
    #[error("there is no space left for objects")]
    Full,
    /// The index could not be made durable.
    #[error("the index of objects could not be written: {0}")]
    Write(#[source] Cause),
    /// The index could not be opened or read.
    #[error("the index of objects could not be read: {0}")]
    Read(#[source] Cause),
    /// The index was reopened after a failure, and this snapshot is older than what it has: take a new one.
    #[error("the snapshot was interrupted by a failure of the index")]
    Interrupted,
    /// The index failed and could not be reopened yet.
    #[error("the index of objects is not available at the moment")]
    Unavailable,
    /// Another process (or this one, a second time) has the directory open.
    #[error("the directory {} is in use by {}", dir.display(), holder(*.pid))]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The process that holds it, where the kernel can name it.
        pid: Option<u32>,
    },
    /// The directory could not be used.
    #[error("{}: {source}", path.display())]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// The index was written by a newer build.
    #[error(
        "the index of objects has format {found}, and this build reads formats up to {supported}; use a newer build"
    )]
    NewerFormat {
        /// The format found.
        found: u64,
        /// The newest format that this build reads.
        supported: u64,
    },
    /// What is in the index is nothing that any build writes.
    #[error("the index of objects has {0}")]
    Malformed(&'static str),
    /// A row refers to a blob that no other row refers to and that the transaction did not adopt. Its bytes may be on
    /// their way out.
    #[error("the blob {0} is not there to be referred to")]
    UnknownBlob(Address),
    /// A row is larger than a row may be.
    #[error("a row's {what} has {found}, and {limit} is the most")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        found: usize,
        /// How large it may be.
        limit: usize,
    },
    /// A thread of the store could not be started.
    #[error("no thread for the store: {0}")]
    Thread(#[source] Arc<io::Error>),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// What the database or its file said.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    /// The database refused.
    #[error(transparent)]
    Database(Arc<redb::Error>),
    /// Its file could not be used.
    #[error(transparent)]
    File(Arc<io::Error>),
    /// The database has a bug.
    #[error("the database panicked: {0}")]
    Panicked(String),
    /// It was reopened, and its newest commit is none that it had acknowledged.
    #[error("the index came back at revision {found}, and {expected} is the newest durable one")]
    OtherRevision {
        /// Which it has.
        found: u64,
        /// Which it should have.
        expected: u64,
    },
}

impl Cause {
    pub(crate) fn database(error: impl Into<redb::Error>) -> Self {
        Self::Database(Arc::new(error.into()))
    }

    pub(crate) fn file(error: io::Error) -> Self {
        Self::File(Arc::new(error))
    }

    /// Whether the file system had no space.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Database(error) => matches!(&**error, redb::Error::Io(error) if is_full(error)),
            Self::File(error) => is_full(error),
            Self::Panicked(_) | Self::OtherRevision { .. } => false,
        }
    }
}

impl StoreError {
    pub(crate) fn write(cause: Cause) -> Self {
        if cause.is_full() { Self::Full } else { Self::Write(cause) }
    }

    pub(crate) fn read(error: impl Into<redb::Error>) -> Self {
        Self::Read(Cause::database(error))
    }

    pub(crate) fn directory(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Directory { path: path.to_owned(), source: Arc::new(source) }
    }
}

impl From<LockError> for StoreError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::InUse { dir, pid } => Self::Locked { dir, pid },
            LockError::Directory { path, source } => Self::Directory { path, source: Arc::new(source) },
        }
    }
}

/// Where in its stored form a blob is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Its first bytes, or the whole of a small content.
    Head,
    /// The list of its blocks, or its length.
    List,
    /// A block, counted from 0.
    Block(u32),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("its head"),
            Self::List => f.write_str("the list of its blocks"),
            Self::Block(number) => write!(f, "block {number}"),
        }
    }
}

/// Why a content could not be written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BlobError {
    /// The store of bytes has too little space left.
    #[error("there is no space left for objects")]
    Full,
    /// The bytes could not be written.
    #[error("a blob could not be written: {0}")]
    Write(#[source] Arc<io::Error>),
    /// The bytes could not be read, and it is not known whether they are there.
    #[error("the blob {address} could not be read: {source}")]
    Read {
        /// Which one.
        address: Address,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// The bytes are not there.
    #[error("the blob {0} is missing")]
    Missing(Address),
    /// The bytes are not those that were written.
    #[error("the blob {address} is damaged in {place}")]
    Damaged {
        /// Which one.
        address: Address,
        /// Where.
        place: Place,
    },
    /// The blob was sealed under another secret.
    #[error("the blob {0} is sealed under another secret")]
    OtherSecret(Address),
    /// The stored form is of a newer build.
    #[error("the blob {0} has a format that this build does not know")]
    NewerFormat(Address),
    /// The content is longer than a blob may be.
    #[error("a blob may have {} bytes", crate::MAX_BLOB_BYTES)]
    TooLong,
    /// An earlier write to this writer failed, and nothing of it is left.
    #[error("an earlier write to the same blob failed")]
    Abandoned,
    /// The index could not be asked.
    #[error(transparent)]
    Index(#[from] StoreError),
}

impl BlobError {
    pub(crate) fn write(error: io::Error) -> Self {
        if is_full(&error) { Self::Full } else { Self::Write(Arc::new(error)) }
    }

    pub(crate) fn read(address: Address) -> impl Fn(io::Error) -> Self {
        move |error| match error.kind() {
            io::ErrorKind::NotFound => Self::Missing(address),
            _ => Self::Read { address, source: Arc::new(error) },
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
