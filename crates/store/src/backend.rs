//! What the store asks of the thing that keeps its records.

use crate::change::Commit;
use crate::record::Stored;
use crate::{Key, Snapshot, StoreError};

/// The format of the stored state that this build writes, and the newest that it reads.
///
/// | format | since | what |
/// | --- | --- | --- |
/// | 0 | before the first release | records only, without a change log |
/// | 1 | before the first release | records, and a change log with the revision as its sequence number |
/// | 2 | 0.1 | records only: followers read commits from memory, see `docs/adr/0005-no-change-log-on-disk.md` |
pub const FORMAT_VERSION: u32 = 2;

/// Everything that a backend holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// The newest committed revision.
    pub revision: crate::Revision,
    /// All records, in any order, each once.
    pub records: Vec<(Key, Stored)>,
}

/// Keeps records durably. The store calls it from one thread at a time.
pub trait Backend: Send + 'static {
    /// Reads everything. Called once, first.
    ///
    /// # Errors
    /// The state is unreadable, or of a newer format.
    fn load(&mut self) -> Result<Contents, StoreError>;

    /// Makes these commits durable, all of them or none, before it returns. Their revisions follow each other, the
    /// first follows the newest one held.
    ///
    /// # Errors
    /// The commits may be durable or not; the store calls [`Backend::restore`] before the next commit.
    fn commit(&mut self, commits: &[Commit]) -> Result<(), StoreError>;

    /// After a failed commit: makes what is held equal to `state` again.
    ///
    /// # Errors
    /// It could not; the store keeps refusing writes and calls it again before the next one.
    fn restore(&mut self, state: &Snapshot) -> Result<(), StoreError>;
}
