//! Contents and rows for a store of objects, on disk and in bounded memory.
//!
//! Owns two things. Contents ([`ObjectStore::writer`]) of any length, each once, sealed, in files that are named by what they
//! contain; and rows ([`ObjectStore::transact`]) in ordered tables, of which any number fits on the disk, that say which
//! contents are wanted. Refuses to know what rows and contents mean: whose they are, what they are called, who may read them.
//!
//! ```text
//! DIR/objects.lock           held while the store is open
//! DIR/objects.redb           the index: rows, how many references blobs have, small contents
//! DIR/objects.reserve        space for removing rows when the disk is full
//! DIR/blobs/ab/abcdef…       one file for each content beyond 16 KiB, named by its address
//! DIR/staging/N              what is on its way in
//! ```
//!
//! **The life of a content.** [`BlobWriter`] takes it in one pass, a mebibyte at a time: the block is hashed and sealed under
//! a key that follows from the secret and the hash, and staged. [`BlobWriter::finish`] makes it durable under its address,
//! over what is there of it, and gives a [`Blob`] that holds it. A transaction adopts the blob and writes a row that refers
//! to it. When the last row that refers to it is removed, the index forgets it, and then its file goes. A blob that was
//! dropped without a row goes, too.
//!
//! **What is promised.**
//! - What [`ObjectStore::transact`] answered is on disk, with all contents that it refers to, or has changed nothing.
//! - Many transactions that wait are one commit, with one wait for the disk.
//! - Every byte that [`BlobReader`] gives out was verified, at its place in its content.
//! - What a [`Snapshot`] has rows for can be read while it is there.
//! - After a failed commit the newest durable state is the newest, in what is read and on disk, and reads go on.
//! - Memory: [`index::CACHE_BYTES`] for the index, a block for each reader and writer, and what waits to be committed.
//!
//! Why it is so: `docs/adr/0019-objects-have-an-index-on-disk.md`. Where another store of bytes could stand:
//! [`ByteStore`].

mod address;
mod blob;
mod bytes;
mod committer;
mod error;
pub mod fault;
mod format;
mod fsck;
pub mod index;
mod local;
mod medium;
mod overlay;
mod pins;
mod queue;
mod read;
mod reader;
mod removal;
mod row;
mod scrub;
mod secret;
mod snapshot;
mod store;
mod transaction;
mod writer;

pub use address::{ADDRESS_BYTES, Address, BlobRef, ParseAddressError};
pub use blob::{Blob, INLINE_BYTES};
pub use bytes::{ByteStore, StagedBytes, StoredBytes};
pub use committer::FORMING_BYTES;
pub use error::{BlobError, Cause, Place, StoreError};
pub use format::{BLOCK_BYTES, MAX_BLOB_BYTES};
pub use fsck::{FsckReport, MAX_FINDINGS, Miscount};
pub use index::Revision;
pub use local::LocalBytes;
pub use queue::REMOVAL_QUEUE;
pub use read::{Direction, Layers, Read, Scan, after_prefix};
pub use reader::BlobReader;
pub use removal::{Sweep, Swept};
pub use row::{MAX_BLOBS_PER_ROW, MAX_KEY_BYTES, MAX_VALUE_BYTES, Row, Table};
pub use scrub::{
    Damage, DamageKind, MAX_DAMAGES, MAX_ROWS_PER_DAMAGE, RowId, ScrubOptions, ScrubProgress, ScrubReport,
};
pub use secret::{BlobSecret, SECRET_BYTES};
pub use snapshot::Snapshot;
pub use store::ObjectStore;
pub use transaction::Transaction;
pub use writer::{BlobWriter, HEADROOM_BYTES};

/// How much a store has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Rows of all tables.
    pub rows: u64,
    /// Contents, each once.
    pub blobs: u64,
    /// How long they are together.
    pub content_bytes: u64,
    /// How long their stored forms are together.
    pub stored_bytes: u64,
}
