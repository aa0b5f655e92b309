//! The state of one revision, and what happens to it when the index fails.
//!
//! While a snapshot is there, the bytes of every blob that it has rows for stay. It keeps pages of the index from being used
//! again, too, so it should be short-lived.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, RwLock};
use redb::StorageError;

use crate::blob::Blobs;
use crate::committer::is_in_transaction;
use crate::error::{BlobError, Cause, StoreError};
use crate::index::{Revision, View};
use crate::read::{CHUNK_BYTES, Chunk, Direction, Layers, Wanted, sealed::Sealed};
use crate::reader::{BlobReader, may_be_inline};
use crate::row::Row;
use crate::{BlobRef, BlobSecret, Usage};

/// How long a read waits for the index to be reopened after a failure: it is read as a whole then.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which revisions are being read.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    revisions: Mutex<BTreeMap<Revision, usize>>,
    ended: Condvar,
}

impl Readers {
    fn begin(&self, revision: Revision) {
        *self.revisions.lock().entry(revision).or_default() += 1;
    }

    fn end(&self, revision: Revision) {
        let mut revisions = self.revisions.lock();
        if let Some(count) = revisions.get_mut(&revision) {
            *count -= 1;
            if *count == 0 {
                revisions.remove(&revision);
            }
        }
        self.ended.notify_all();
    }

    /// Waits until nobody reads anything older than `revision`. Says whether that came to be in time.
    pub(crate) fn wait_for(&self, revision: Revision, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut revisions = self.revisions.lock();
        loop {
            if revisions.first_key_value().is_none_or(|(oldest, _)| *oldest >= revision) {
                return true;
            }
            if self.ended.wait_until(&mut revisions, deadline).timed_out() {
                return revisions.first_key_value().is_none_or(|(oldest, _)| *oldest >= revision);
            }
        }
    }
}

/// Tells the commit thread that the index has to be reopened.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    pub(crate) work: Condvar,
    is_raised: AtomicBool,
}

impl Alarm {
    pub(crate) fn raise(&self) {
        self.is_raised.store(true, Ordering::Release);
        self.work.notify_all();
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.is_raised.load(Ordering::Acquire)
    }

    /// Waits until the commit thread has begun to do something about it.
    pub(crate) fn wait_until_taken(&self) {
        let started = Instant::now();
        while self.is_raised() && started.elapsed() < PATIENCE {
            self.work.notify_all();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn take(&self) {
        self.is_raised.store(false, Ordering::Release);
    }
}

/// How a state can be read.
///
/// ```text
/// Open --the index failed--> Reopening --> Open, or Failed --tried again--> Reopening
/// ```
#[derive(Clone)]
pub(crate) enum Opening {
    Open(Arc<View>),
    Reopening,
    Failed,
}

/// A durable state. All snapshots of a revision share it.
pub(crate) struct State {
    pub(crate) revision: Revision,
    view: RwLock<Opening>,
    /// Whether there is a newer one, so that this is not opened again after a failure.
    is_superseded: AtomicBool,
    readers: Arc<Readers>,
    alarm: Arc<Alarm>,
}

impl State {
    pub(crate) fn new(
        revision: Revision,
        opening: Opening,
        readers: Arc<Readers>,
        alarm: Arc<Alarm>,
    ) -> Self {
        readers.begin(revision);
        let view = RwLock::new(opening);
        Self { revision, view, is_superseded: AtomicBool::new(false), readers, alarm }
    }

    pub(crate) fn supersede(&self) {
        self.is_superseded.store(true, Ordering::Release);
    }

    pub(crate) fn set(&self, opening: Opening) {
        *self.view.write() = opening;
    }

    /// Reads, again when the index was reopened meanwhile.
    pub(crate) fn read<T>(&self, read: impl Fn(&View) -> Result<T, StorageError>) -> Result<T, StoreError> {
        let started = Instant::now();
        let mut failed = None;
        loop {
            let opening = self.view.read().clone();
            match opening {
                Opening::Open(view) if failed != Some(view.generation) => match read(&view) {
                    Err(StorageError::PreviousIo | StorageError::DatabaseClosed) => {
                        failed = Some(view.generation);
                    }
                    Err(error) => {
                        // redb refuses all reads after one that the disk failed.
                        if matches!(error, StorageError::Io(_)) {
                            self.alarm.raise();
                        }
                        return Err(StoreError::Read(Cause::database(error)));
                    }
                    Ok(answer) => return Ok(answer),
                },
                // Nobody opens an old state again.
                _ if self.is_superseded.load(Ordering::Acquire) => return Err(StoreError::Interrupted),
                Opening::Failed => {
                    self.alarm.raise();
                    return Err(StoreError::Unavailable);
                }
                Opening::Open(_) => self.alarm.raise(),
                Opening::Reopening => {}
            }
            // The commit thread may need what a transaction holds.
            if is_in_transaction() {
                return Err(StoreError::Unavailable);
            }
            if started.elapsed() > PATIENCE {
                return Err(StoreError::Unavailable);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // The pages are given back before anybody is told.
        *self.view.get_mut() = Opening::Failed;
        self.readers.end(self.revision);
    }
}

/// The state as of one durable commit. Cheap to clone, and never changes.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) state: Arc<State>,
    pub(crate) blobs: Arc<Blobs>,
}

impl Snapshot {
    /// The commit.
    pub fn revision(&self) -> Revision {
        self.state.revision
    }

    /// Opens a blob that a row of this snapshot refers to.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Damaged`] when its head or list are, [`BlobError::OtherSecret`],
    /// [`BlobError::Read`], [`BlobError::Index`].
    pub fn open_blob(&self, reference: BlobRef, secret: &BlobSecret) -> Result<BlobReader, BlobError> {
        if may_be_inline(reference)
            && let Some(stored) = self.state.read(|view| view.inline(&reference.address))?
        {
            return BlobReader::of_inline(reference, &stored, secret);
        }
        BlobReader::of_bytes(reference, &*self.blobs.bytes, secret)
    }

    /// How much there is.
    ///
    /// # Errors
    /// As [`Read::get`](crate::Read::get).
    pub fn usage(&self) -> Result<Usage, StoreError> {
        self.state.read(View::usage)
    }
}

impl Sealed for Snapshot {}

impl Layers for Snapshot {
    fn row(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        self.state.row(key)
    }

    fn chunk(&self, wanted: Wanted<'_>) -> Result<Chunk, StoreError> {
        self.state.chunk(wanted)
    }
}

impl State {
    pub(crate) fn row(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        self.read(|view| view.row(key))?.map(|row| Row::from_bytes(&row)).transpose()
    }

    pub(crate) fn chunk(&self, wanted: Wanted<'_>) -> Result<Chunk, StoreError> {
        let (stored, end) = self.read(|view| {
            let mut range = view.rows(wanted.bounds)?;
            let mut stored = Vec::with_capacity(wanted.rows);
            let mut bytes = 0;
            loop {
                let next = match wanted.direction {
                    Direction::Forward => range.next(),
                    Direction::Backward => range.next_back(),
                };
                let Some(next) = next else { return Ok((stored, None)) };
                let (key, row) = next?;
                bytes += key.value().len() + row.value().len();
                stored.push((key.value().to_vec(), row.value().to_vec()));
                if stored.len() >= wanted.rows || bytes >= CHUNK_BYTES {
                    let end = stored.last().map(|(key, _)| key.clone());
                    return Ok((stored, end));
                }
            }
        })?;
        let rows = stored.into_iter().map(|(key, row)| Ok((key, Row::from_bytes(&row)?)));
        Ok(Chunk { rows: rows.collect::<Result<VecDeque<_>, StoreError>>()?, end })
    }
}
