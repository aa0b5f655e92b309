//! A content that was written, and what holds it until a row refers to it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bytes::ByteStore;
use crate::index::Revision;
use crate::pins::{Pins, Released};
use crate::queue::RemovalQueue;
use crate::reader::BlobReader;
use crate::{Address, BlobError, BlobRef, BlobSecret};

/// Contents up to this length have no file: they are in the index, and durable with the commit that refers to them.
pub const INLINE_BYTES: usize = 16 << 10;

/// The bytes of all blobs, and which of them must stay or may go.
pub(crate) struct Blobs {
    pub(crate) bytes: Arc<dyn ByteStore>,
    pub(crate) pins: Pins,
    pub(crate) removals: RemovalQueue,
}

/// A written content. While this is held, its bytes stay; if no row refers to them when the last clone is dropped, they go.
/// Clones are the same.
#[derive(Clone)]
pub struct Blob(pub(crate) Arc<Written>);

pub(crate) struct Written {
    pub(crate) reference: BlobRef,
    /// How many bytes it takes in its stored form.
    pub(crate) stored_bytes: u64,
    pub(crate) kept: Kept,
    /// Whether a commit that refers to it is durable.
    is_committed: AtomicBool,
    blobs: Arc<Blobs>,
}

/// Where the stored form is.
pub(crate) enum Kept {
    /// Here, until a commit puts it into the index.
    Inline(Vec<u8>),
    /// In the store of bytes, durably, pinned.
    Bytes,
}

impl Blob {
    /// A small content, in its stored form.
    pub(crate) fn inline(blobs: &Arc<Blobs>, reference: BlobRef, stored: Vec<u8>) -> Self {
        Self::new(blobs, reference, stored.len() as u64, Kept::Inline(stored))
    }

    /// A content whose bytes are in the store of bytes. The caller has pinned it, and gives the pin up.
    pub(crate) fn pinned(blobs: &Arc<Blobs>, reference: BlobRef, stored_bytes: u64) -> Self {
        Self::new(blobs, reference, stored_bytes, Kept::Bytes)
    }

    fn new(blobs: &Arc<Blobs>, reference: BlobRef, stored_bytes: u64, kept: Kept) -> Self {
        let is_committed = AtomicBool::new(false);
        Self(Arc::new(Written { reference, stored_bytes, kept, is_committed, blobs: Arc::clone(blobs) }))
    }

    /// What a row says of it.
    pub fn reference(&self) -> BlobRef {
        self.0.reference
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.0.reference.address
    }

    /// How long its content is.
    pub fn length_bytes(&self) -> u64 {
        self.0.reference.length_bytes
    }

    /// Whether it will be in the index, without a file.
    pub fn is_inline(&self) -> bool {
        matches!(self.0.kept, Kept::Inline(_))
    }

    /// Opens it for reading, before or after a commit refers to it.
    ///
    /// # Errors
    /// As [`Snapshot::open_blob`](crate::Snapshot::open_blob).
    pub fn open(&self, secret: &BlobSecret) -> Result<BlobReader, BlobError> {
        match &self.0.kept {
            Kept::Inline(stored) => BlobReader::of_inline(self.reference(), stored, secret),
            Kept::Bytes => BlobReader::of_bytes(self.reference(), &*self.0.blobs.bytes, secret),
        }
    }
}

impl Written {
    pub(crate) fn set_committed(&self) {
        self.is_committed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if matches!(self.kept, Kept::Inline(_)) {
            return;
        }
        let address = self.reference.address;
        if let Released::Last { was_refused } = self.blobs.pins.release(address)
            && (was_refused || !*self.is_committed.get_mut())
        {
            self.blobs.removals.push(Revision::default(), [address]);
        }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Blob").field(&self.0.reference).finish()
    }
}
