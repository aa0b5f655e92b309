//! Durable, transactional, in-memory-served state.
//!
//! `transact` makes a change durable before it returns, `snapshot` reads without blocking writers, `tail` follows the
//! changes from a revision on. Keys begin with partition, account and region. Refuses to know what the records mean.

mod key;

pub use key::{Key, Scope};

/// Why a read or commit failed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The backend could not make the change durable.
    #[error("the state could not be written: {0}")]
    Write(String),
}
