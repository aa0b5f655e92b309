//! Committed changes, as backends write them and followers read them.

use std::sync::Arc;

use crate::record::{Record, Stored};
use crate::tables::undecodable;
use crate::{Key, Revision};

/// One record that a transaction wrote or removed.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which record.
    pub key: Key,
    pub(crate) before: Option<Arc<Stored>>,
    pub(crate) after: Option<Arc<Stored>>,
}

impl Change {
    /// Whether it is about a record of this kind.
    pub fn is<R: Record>(&self) -> bool {
        self.key.kind == R::KIND
    }

    /// The record before the transaction; `None` when there was none, or it is of another kind.
    pub fn before<R: Record>(&self) -> Option<Arc<R>> {
        self.decoded(self.before.as_ref())
    }

    /// The record after the transaction; `None` when it was removed, or is of another kind.
    pub fn after<R: Record>(&self) -> Option<Arc<R>> {
        self.decoded(self.after.as_ref())
    }

    /// Whether there was no record before the transaction.
    pub fn is_creation(&self) -> bool {
        self.before.is_none()
    }

    /// Whether there is no record after the transaction.
    pub fn is_removal(&self) -> bool {
        self.after.is_none()
    }

    /// What a backend writes for the key; `None` removes it.
    pub fn stored(&self) -> Option<&Stored> {
        self.after.as_deref()
    }

    fn decoded<R: Record>(&self, stored: Option<&Arc<Stored>>) -> Option<Arc<R>> {
        let stored = stored.filter(|_| self.is::<R>())?;
        let decoded = stored.decode();
        Some(
            decoded.unwrap_or_else(|reason| {
                panic!("{}", undecodable::<R>(&self.key.scope, &self.key.id, reason))
            }),
        )
    }
}

/// The changes of one committed transaction, in order of their keys.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its number.
    pub revision: Revision,
    /// What it changed; at least one record.
    pub changes: Arc<[Change]>,
}
