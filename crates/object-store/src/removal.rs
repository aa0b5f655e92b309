//! Removing bytes that nothing refers to: soon after the last reference went, and by a sweep for what a crash left.
//!
//! The index forgets a blob first, durably; its bytes go afterwards. So what a crash leaves is bytes without an entry, never
//! an entry without bytes. Bytes go when no snapshot has rows for them any more, nobody holds them, and the newest durable
//! index does not have them.

use std::sync::Arc;
use std::time::Duration;

use crate::committer::Shared;
use crate::error::{BlobError, StoreError};
use crate::index::Revision;
use crate::{Address, ObjectStore};

/// How long a removal waits for a snapshot in one go. While it does, others wait, too.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long a step of a sweep waits for snapshots that are older than what it looked at.
const SWEEP_PATIENCE: Duration = Duration::from_secs(5);

/// The thread that removes. It ends when the store is closed and everything that can go at once has gone.
pub(crate) fn run(shared: &Arc<Shared>) {
    let queue = &shared.blobs.removals;
    while let Some(candidate) = queue.next() {
        let mut may_go = shared.readers.wait_for(candidate.revision, PATIENCE);
        while !may_go && !queue.is_closed() {
            may_go = shared.readers.wait_for(candidate.revision, PATIENCE);
        }
        if may_go {
            try_remove(shared, candidate.address);
        }
        queue.done();
    }
}

/// Removes the bytes of an address if they may go. Without the index that is not known, so it waits for it.
fn try_remove(shared: &Shared, address: Address) {
    loop {
        match remove(shared, address) {
            Err(BlobError::Index(StoreError::Unavailable | StoreError::Interrupted))
                if !shared.blobs.removals.is_closed() =>
            {
                std::thread::sleep(PATIENCE);
            }
            Err(error) => {
                tracing::warn!(%error, %address, "a blob's bytes stay until the next sweep");
                return;
            }
            Ok(_) => return,
        }
    }
}

/// Removes the bytes of an address, unless they are held or the newest index has them. Says whether it did.
fn remove(shared: &Shared, address: Address) -> Result<bool, BlobError> {
    let Some(_removal) = shared.blobs.pins.begin_removal(address) else { return Ok(false) };
    // Nobody can pin it now, and what is in the index without being durable is pinned.
    let state = shared.durable.load_full();
    if state.read(|view| view.entry(&address))?.is_some_and(|entry| !entry.is_inline) {
        return Ok(false);
    }
    shared.blobs.bytes.remove(&address).map_err(BlobError::write)?;
    Ok(true)
}

/// What a step of a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many blobs' bytes were looked at.
    pub seen: u64,
    /// How many were removed, because nothing refers to them.
    pub removed: u64,
    /// How many could not be removed now: they are held, or an old snapshot may have them.
    pub left: u64,
}

/// Goes through all bytes, a 256th with each step, and removes those that the index does not have.
pub struct Sweep<'a> {
    store: &'a ObjectStore,
    next: Option<u8>,
}

impl<'a> Sweep<'a> {
    pub(crate) fn new(store: &'a ObjectStore) -> Self {
        Self { store, next: Some(0) }
    }

    /// Does the next part; `None` when all are done.
    ///
    /// # Errors
    /// [`BlobError`]. The next step is that of the part after.
    pub fn step(&mut self) -> Result<Option<Swept>, BlobError> {
        let Some(part) = self.next else { return Ok(None) };
        self.next = part.checked_add(1);
        let shared = self.store.shared();
        let addresses = shared.blobs.bytes.list(part).map_err(BlobError::write)?;
        let mut swept = Swept { seen: addresses.len() as u64, ..Swept::default() };
        let (revision, unknown) = unknown(shared, addresses)?;
        if unknown.is_empty() {
            return Ok(Some(swept));
        }
        // A snapshot that is older than what was looked at may have rows for them.
        let may_go = shared.readers.wait_for(revision, SWEEP_PATIENCE);
        for address in unknown {
            let removed = may_go && remove(shared, address)?;
            swept.removed += u64::from(removed);
            swept.left += u64::from(!removed);
        }
        Ok(Some(swept))
    }

    /// Does all parts that are left.
    ///
    /// # Errors
    /// [`BlobError`] of the first part that failed.
    pub fn finish(mut self) -> Result<Swept, BlobError> {
        let mut all = Swept::default();
        while let Some(step) = self.step()? {
            all.seen += step.seen;
            all.removed += step.removed;
            all.left += step.left;
        }
        Ok(all)
    }
}

fn unknown(shared: &Shared, addresses: Vec<Address>) -> Result<(Revision, Vec<Address>), StoreError> {
    let state = shared.durable.load_full();
    let mut unknown = Vec::new();
    for address in addresses {
        if state.read(|view| view.entry(&address))?.is_none_or(|entry| entry.is_inline) {
            unknown.push(address);
        }
    }
    Ok((state.revision, unknown))
}
