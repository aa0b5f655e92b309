//! The store: contents and rows, opened as one.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use directory_lock::LockedDir;

use crate::blob::Blobs;
use crate::bytes::ByteStore;
use crate::committer::{Committer, Shared};
use crate::error::StoreError;
use crate::index::Index;
use crate::local::LocalBytes;
use crate::medium::{DirMedium, Medium};
use crate::pins::Pins;
use crate::queue::RemovalQueue;
use crate::removal::{self, Sweep};
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;
use crate::writer::BlobWriter;
use crate::{BlobSecret, Usage};

/// The file by which a directory is locked.
const LOCK: &str = "objects.lock";

/// Contents, and rows that refer to them. Clones are the same store; the last one dropped closes it.
#[derive(Clone)]
pub struct ObjectStore(Arc<Handle>);

struct Handle {
    secret: BlobSecret,
    shared: Arc<Shared>,
    /// The commit thread, then the one that removes.
    threads: Vec<JoinHandle<()>>,
    /// Released last.
    _dir: Option<Arc<LockedDir>>,
}

impl ObjectStore {
    /// Opens the store in a directory, with its bytes in files beside the index. Makes it if need be, mode 0700, and locks
    /// it. What was on its way in when it was last used is forgotten; for the rest that a crash left there is
    /// [`ObjectStore::sweep`].
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Directory`], [`StoreError::Read`], [`StoreError::NewerFormat`].
    pub fn open(dir: &Path, secret: BlobSecret) -> Result<Self, StoreError> {
        let lock = Arc::new(LockedDir::lock(dir, LOCK)?);
        let bytes = LocalBytes::open(lock.path()).map_err(StoreError::directory(dir))?;
        Self::open_locked(dir, lock, secret, Arc::new(bytes))
    }

    /// Opens the store with its index in a directory and its bytes somewhere else.
    ///
    /// # Errors
    /// As [`ObjectStore::open`].
    pub fn open_with(dir: &Path, secret: BlobSecret, bytes: Arc<dyn ByteStore>) -> Result<Self, StoreError> {
        let lock = Arc::new(LockedDir::lock(dir, LOCK)?);
        Self::open_locked(dir, lock, secret, bytes)
    }

    fn open_locked(
        dir: &Path,
        lock: Arc<LockedDir>,
        secret: BlobSecret,
        bytes: Arc<dyn ByteStore>,
    ) -> Result<Self, StoreError> {
        bytes.discard_staged().map_err(StoreError::directory(dir))?;
        let medium = DirMedium::new(Arc::clone(&lock));
        Self::start(medium, secret, bytes, Some(lock))
    }

    /// Opens the index on any medium and starts the threads.
    pub(crate) fn start<M: Medium>(
        medium: M,
        secret: BlobSecret,
        bytes: Arc<dyn ByteStore>,
        dir: Option<Arc<LockedDir>>,
    ) -> Result<Self, StoreError> {
        let index = Index::open(medium)?;
        let blobs = Arc::new(Blobs { bytes, pins: Pins::default(), removals: RemovalQueue::default() });
        let shared = Arc::new(Shared::new(index.revision()?, index.view()?, blobs));
        let committer = Committer { shared: Arc::clone(&shared), index, is_damaged: false };
        let remover = Arc::clone(&shared);
        // From here on dropping it ends what was started.
        let mut handle = Handle { secret, shared, threads: Vec::new(), _dir: dir };
        handle.spawn("object-commit", move || committer.run())?;
        handle.spawn("object-removal", move || removal::run(&remover))?;
        Ok(Self(Arc::new(handle)))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// The secret that contents are sealed under if nobody brings another.
    pub fn secret(&self) -> &BlobSecret {
        &self.0.secret
    }

    /// Begins to take a content, under the store's secret.
    pub fn writer(&self) -> BlobWriter {
        self.writer_under(&self.0.secret)
    }

    /// Begins to take a content, under a secret that is needed to read it and is not kept.
    pub fn writer_under(&self, secret: &BlobSecret) -> BlobWriter {
        BlobWriter::new(&self.0.shared.blobs, secret)
    }

    /// Runs a transaction: alone, on the newest state. What it wrote is durable before this returns `Ok`, and is
    /// discarded when the closure answers an error. A transaction that changes nothing commits nothing.
    ///
    /// The closure runs under the writer lock: it must not wait for anything, nor call `transact` again (that panics). This
    /// function blocks for the disk; call it from a thread that may.
    ///
    /// # Errors
    /// The closure's error, or [`StoreError`] when the change could not be made durable; nothing was changed then. Only when
    /// the disk fails again while a failed commit is undone, that commit may come back, whole.
    pub fn transact<T, E: From<StoreError>>(
        &self,
        run: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.0.shared.transact(run)
    }

    /// The durable state as of now.
    pub fn snapshot(&self) -> Snapshot {
        let shared = &self.0.shared;
        Snapshot { state: shared.durable.load_full(), blobs: Arc::clone(&shared.blobs) }
    }

    /// How much there is.
    ///
    /// # Errors
    /// As [`Read::get`](crate::Read::get).
    pub fn usage(&self) -> Result<Usage, StoreError> {
        self.snapshot().usage()
    }

    /// Begins to look for bytes that nothing refers to. Worth it after a crash, and otherwise seldom.
    pub fn sweep(&self) -> Sweep<'_> {
        Sweep::new(self)
    }

    /// Waits until the bytes of everything that was removed before have gone. Says whether that came to be in time; it does
    /// not while there is a snapshot of before.
    pub fn wait_for_removals(&self, timeout: Duration) -> bool {
        self.0.shared.blobs.removals.wait_until_empty(timeout)
    }
}

impl Handle {
    fn spawn(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        self.threads.push(thread.map_err(|error| StoreError::Thread(Arc::new(error)))?);
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the object store panicked");
            }
            // After the commit thread, which may still have something for it.
            self.shared.blobs.removals.close();
        }
    }
}
