//! Revisions, and the state as of one.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use aws_types::{AccountId, Partition};

use crate::record::{Record, Stored};
use crate::tables::{self, Read, Tables};
use crate::{Key, Scope, StoreError};

/// The number of a committed transaction. It starts at 0, for an empty store, and grows by one with each commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(pub u64);

impl Revision {
    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The whole state as of one revision. Cheap to clone, and never changes.
#[derive(Clone, Default)]
pub struct Snapshot {
    pub(crate) revision: Revision,
    pub(crate) tables: Tables,
}

impl Snapshot {
    /// The last commit that this snapshot includes.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The scopes of an account that have any record, in order.
    pub fn scopes_of(&self, partition: Partition, account: AccountId) -> BTreeSet<Scope> {
        self.tables.scopes_of(partition, account)
    }

    /// Every record of every kind, in no order that matters.
    pub fn records(&self) -> impl Iterator<Item = (Key, &Stored)> {
        self.tables.all().map(|(key, stored)| (key, &**stored))
    }

    /// A state that is made of records, of a revision that had them.
    pub fn of_records(revision: Revision, records: impl IntoIterator<Item = (Key, Stored)>) -> Self {
        let mut tables = Tables::default();
        for (key, stored) in records {
            tables.set(&key, Some(Arc::new(stored)));
        }
        Self { revision, tables }
    }

    /// Decodes every record of a kind, and finds out what they are part of.
    ///
    /// # Errors
    /// The first record that does not decode.
    pub(crate) fn check<R: Record>(&mut self) -> Result<(), StoreError> {
        tables::check::<R>(&self.tables)?;
        self.tables.index::<R>();
        Ok(())
    }
}

impl Read for Snapshot {
    fn tables(&self) -> &Tables {
        &self.tables
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("revision", &self.revision).finish_non_exhaustive()
    }
}
