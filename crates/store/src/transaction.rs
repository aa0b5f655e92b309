//! One transaction: reads and writes that become durable together or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::change::Change;
use crate::record::{Record, Stored};
use crate::tables::{Read, Tables};
use crate::{Key, Revision, Scope, Snapshot};

/// The state that a [`crate::Store::transact`] closure reads and writes. It sees its own writes; nobody else does
/// before it is committed.
pub struct Transaction {
    state: Snapshot,
    before: BTreeMap<Key, Option<Arc<Stored>>>,
}

impl Transaction {
    pub(crate) fn new(state: Snapshot) -> Self {
        Self { state, before: BTreeMap::new() }
    }

    /// The revision that this transaction has once it is committed, if it changes anything.
    pub fn revision(&self) -> Revision {
        self.state.revision.next()
    }

    /// Writes a record, in place of one with the same id if there is one.
    pub fn put<R: Record>(&mut self, scope: &Scope, id: &str, record: R) {
        self.set::<R>(scope, id, Some(Arc::new(Stored::new(record))));
    }

    /// Removes a record. Returns whether there was one.
    pub fn delete<R: Record>(&mut self, scope: &Scope, id: &str) -> bool {
        self.contains::<R>(scope, id) && {
            self.set::<R>(scope, id, None);
            true
        }
    }

    fn set<R: Record>(&mut self, scope: &Scope, id: &str, value: Option<Arc<Stored>>) {
        let key = Key { scope: scope.clone(), kind: R::KIND, id: id.into() };
        let before = self.state.tables.set_indexed::<R>(&key, value);
        self.before.entry(key).or_insert(before);
    }

    /// The state after this transaction, and what it changed, in order of the keys. Writing what was there already is
    /// no change.
    pub(crate) fn finish(self) -> (Snapshot, Vec<Change>) {
        let Self { mut state, before } = self;
        let mut changes = Vec::with_capacity(before.len());
        for (key, before) in before {
            let after = state.tables.stored(key.kind, &key.scope, &key.id).cloned();
            if before != after {
                changes.push(Change { key, before, after });
            }
        }
        if !changes.is_empty() {
            state.revision = state.revision.next();
        }
        (state, changes)
    }
}

impl Read for Transaction {
    fn tables(&self) -> &Tables {
        &self.state.tables
    }
}
