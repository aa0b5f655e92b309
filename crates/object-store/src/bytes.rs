//! The seam: what the store asks of the thing that keeps the bytes of its blobs.
//!
//! [`LocalBytes`](crate::LocalBytes) is files beside the index. Another store of bytes, such as Ceph's RADOS gateway or any
//! S3, can stand here for who outgrows one machine, because everything else is done on this side: contents arrive sealed and
//! named, are verified when they come back, and which of them are wanted is in the index. So the other side sees names and
//! sealed bytes, and may be as untrusted as a disk.
//!
//! What it has to hold to:
//!
//! - [`StagedBytes::publish`] returns only when the bytes are as durable as they will ever be, and nobody sees a part of them
//!   under the name before. Publishing a name that is there already is no error, and either bytes may stay: they are equal.
//! - After `publish`, [`ByteStore::open`] finds the name at once; after [`ByteStore::remove`] it may find it for a while.
//! - Removing what is not there is no error. A removal may be lost in a crash; the next sweep finds it again.
//! - What was staged and not published may stay after a crash until [`ByteStore::discard_staged`].
//! - One process uses it at a time. The lock on the index stands for it, so the two have to be moved together.
//!
//! What this does not give: the index stays on one machine, and every read of a block is a ranged read of about a mebibyte.

use std::fmt;
use std::io;

use crate::Address;

/// Keeps sealed bytes by address. Its methods block, and are called from many threads.
pub trait ByteStore: Send + Sync + fmt::Debug + 'static {
    /// Begins to take the bytes of one blob, whose address is not known yet.
    ///
    /// # Errors
    /// It takes none; with [`io::ErrorKind::StorageFull`] where that is for want of space.
    fn stage(&self) -> io::Result<Box<dyn StagedBytes>>;

    /// Finds the bytes of a blob. What was opened stays readable when it is removed meanwhile, or gives an error.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when they are not there for sure, anything else when that is not known.
    fn open(&self, address: &Address) -> io::Result<Box<dyn StoredBytes>>;

    /// Whether the bytes of a blob are there and durable, and how many they are.
    ///
    /// # Errors
    /// It is not known.
    fn find(&self, address: &Address) -> io::Result<Option<u64>>;

    /// Removes the bytes of a blob if they are there.
    ///
    /// # Errors
    /// They may still be there.
    fn remove(&self, address: &Address) -> io::Result<()>;

    /// The addresses of all blobs of one part ([`Address::part`]) that are there, in any order.
    ///
    /// # Errors
    /// Not all are known.
    fn list(&self, part: u8) -> io::Result<Vec<Address>>;

    /// Forgets what was staged and never published. Called once, before anything is staged.
    ///
    /// # Errors
    /// Some may be left.
    fn discard_staged(&self) -> io::Result<()>;

    /// How many bytes more it takes, where it knows a limit.
    ///
    /// # Errors
    /// It is not known at the moment.
    fn free_bytes(&self) -> io::Result<Option<u64>>;
}

/// The bytes of one blob on their way in. Dropped without having been published, they are forgotten.
pub trait StagedBytes: Send {
    /// Takes more bytes, at the end of those that it has.
    ///
    /// # Errors
    /// They were not taken, or in part; nothing else is called then.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes all of them durable, under this name.
    ///
    /// # Errors
    /// The name may be there or not, and whole if it is.
    fn publish(self: Box<Self>, address: &Address) -> io::Result<()>;
}

/// The bytes of one blob, opened.
pub trait StoredBytes: Send + Sync {
    /// How many there are.
    ///
    /// # Errors
    /// It is not known.
    fn length_bytes(&self) -> io::Result<u64>;

    /// Fills `out` with the bytes from an offset on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when there are too few; anything else when they could not be read.
    fn read_at(&self, out: &mut [u8], offset_bytes: u64) -> io::Result<()>;
}
