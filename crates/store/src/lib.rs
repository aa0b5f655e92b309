//! Durable, transactional, in-memory-served state.
//!
//! [`Store::transact`] makes a change durable before it returns, [`Store::snapshot`] reads without blocking writers,
//! [`Store::tail`] follows the changes from a revision on. Keys begin with partition, account and region. Refuses to
//! know what the records mean.

mod backend;
mod change;
mod error;
pub mod fault;
mod key;
mod medium;
mod memory;
mod record;
mod redb_backend;
mod snapshot;
mod store;
mod tables;
mod tail;
mod transaction;

pub use backend::{Backend, Contents, FORMAT_VERSION};
pub use change::{Change, Commit};
pub use error::{DecodeError, OpenError, StoreError, WriteError};
pub use key::{Key, Scope};
pub use memory::MemoryBackend;
pub use record::{Record, RecordKind, Stored};
pub use redb_backend::RedbBackend;
pub use snapshot::{Revision, Snapshot};
pub use store::Store;
pub use tables::Read;
pub use tail::{RING_BYTES, RING_CHANGES, RING_COMMITS, Tail, TailError};
pub use transaction::Transaction;
