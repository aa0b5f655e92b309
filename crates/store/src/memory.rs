//! A backend in memory, for tests: what is "durable" lives as long as somebody holds it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::backend::{Backend, Contents};
use crate::change::Commit;
use crate::record::Stored;
use crate::{Key, Revision, Snapshot, StoreError};

#[derive(Default)]
struct Held {
    revision: Revision,
    records: BTreeMap<Key, Box<[u8]>>,
}

/// Records in memory. A clone holds the same records, so that a store can be opened on them again.
#[derive(Clone, Default)]
pub struct MemoryBackend(Arc<Mutex<Held>>);

impl MemoryBackend {
    /// Holds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Backend for MemoryBackend {
    fn load(&mut self) -> Result<Contents, StoreError> {
        let held = self.0.lock();
        let records =
            held.records.iter().map(|(key, bytes)| (key.clone(), Stored::from_bytes(bytes))).collect();
        Ok(Contents { revision: held.revision, records })
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<(), StoreError> {
        let mut held = self.0.lock();
        for commit in commits {
            for change in commit.changes.iter() {
                match change.stored() {
                    Some(stored) => held.records.insert(change.key.clone(), stored.to_bytes().into()),
                    None => held.records.remove(&change.key),
                };
            }
            held.revision = commit.revision;
        }
        Ok(())
    }

    fn restore(&mut self, state: &Snapshot) -> Result<(), StoreError> {
        let mut held = self.0.lock();
        held.records = state.tables.all().map(|(key, stored)| (key, stored.to_bytes().into())).collect();
        held.revision = state.revision();
        Ok(())
    }
}
