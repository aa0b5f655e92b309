//! One transaction: reads and writes that become durable together or not at all.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::blob::Blob;
use crate::error::StoreError;
use crate::overlay::{Overlay, Source};
use crate::read::{Chunk, Direction, Layers, Read as _, Wanted, sealed::Sealed};
use crate::row::{Row, Table};
use crate::snapshot::State;
use crate::{Address, BlobRef};

/// The state that a [`crate::ObjectStore::transact`] closure reads and writes. It sees its own writes; nobody else does
/// before it is committed.
pub struct Transaction<'a> {
    /// What is durable.
    pub(crate) state: &'a State,
    /// What is on its way to the disk, and what waits for that.
    pub(crate) pending: [Option<&'a Overlay>; 2],
    pub(crate) own: Overlay,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(state: &'a State, in_flight: Option<&'a Overlay>, forming: &'a Overlay) -> Self {
        Self { state, pending: [in_flight, Some(forming)], own: Overlay::default() }
    }

    /// From now on rows may refer to this blob, also when none does yet. Its bytes are held until the transaction has
    /// ended.
    pub fn adopt(&mut self, blob: &Blob) -> BlobRef {
        self.own.adopt(blob.clone());
        blob.reference()
    }

    /// Writes a row, in place of one with the same key if there is one.
    ///
    /// # Errors
    /// [`StoreError::UnknownBlob`] when it refers to a blob that was not adopted and that no row refers to,
    /// [`StoreError::TooLarge`], and those of [`Read::get`](crate::Read::get).
    pub fn put(&mut self, table: Table, key: &[u8], row: Row) -> Result<(), StoreError> {
        row.check(key)?;
        for blob in &row.blobs {
            self.check_known(blob.address)?;
        }
        let before = self.get(table, key)?.map(|row| row.blobs).unwrap_or_default();
        self.own.set(table.key(key), &before, Some(row));
        Ok(())
    }

    /// Removes a row. Returns whether there was one.
    ///
    /// # Errors
    /// Those of [`Read::get`](crate::Read::get).
    pub fn delete(&mut self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        let before = self.get(table, key)?;
        if let Some(before) = &before {
            self.own.set(table.key(key), &before.blobs, None);
        }
        Ok(before.is_some())
    }

    /// How many references rows have to a blob, with what this transaction has changed.
    ///
    /// # Errors
    /// Those of [`Read::get`](crate::Read::get).
    pub fn references(&self, address: Address) -> Result<u64, StoreError> {
        let durable = self.state.read(|view| view.entry(&address))?.map_or(0, |entry| entry.references);
        let changes = self.layers().map(|layer| layer.difference(&address)).sum();
        Ok(durable.saturating_add_signed(changes))
    }

    /// Changes what is counted, without a row. Only for what was counted wrong.
    pub(crate) fn correct(&mut self, address: Address, difference: i64, found: Option<Source>) {
        *self.own.differences.entry(address).or_default() += difference;
        if let Some(found) = found {
            self.own.sources.insert(address, found);
        }
    }

    /// What no row refers to before this transaction is on its way out, unless somebody holds it.
    fn check_known(&self, address: Address) -> Result<(), StoreError> {
        // What a batch on its way adopted is released with it; if that has references, they are counted.
        let waiting = [self.pending[1], Some(&self.own)].into_iter().flatten();
        let is_adopted = waiting.into_iter().any(|layer| layer.sources.contains_key(&address));
        // What this transaction itself took the last reference from is still there until it is committed.
        let own = self.own.difference(&address).min(0).unsigned_abs();
        if is_adopted || self.references(address)? + own > 0 {
            return Ok(());
        }
        Err(StoreError::UnknownBlob(address))
    }

    /// What was changed, oldest first.
    fn layers(&self) -> impl Iterator<Item = &Overlay> {
        self.pending.into_iter().flatten().chain([&self.own])
    }
}

impl Sealed for Transaction<'_> {}

impl Layers for Transaction<'_> {
    fn row(&self, key: &[u8]) -> Result<Option<Row>, StoreError> {
        let newest = [Some(&self.own), self.pending[1], self.pending[0]].into_iter().flatten();
        match newest.filter_map(|layer| layer.rows.get(key)).next() {
            Some(changed) => Ok(changed.clone()),
            None => self.state.row(key),
        }
    }

    fn chunk(&self, wanted: Wanted<'_>) -> Result<Chunk, StoreError> {
        let durable = self.state.chunk(wanted)?;
        let (mut lower, mut upper) = wanted.bounds;
        if let Some(end) = &durable.end {
            match wanted.direction {
                Direction::Forward => upper = Bound::Included(end),
                Direction::Backward => lower = Bound::Included(end),
            }
        }
        let mut rows: BTreeMap<Vec<u8>, Option<Row>> =
            durable.rows.into_iter().map(|(key, row)| (key, Some(row))).collect();
        for layer in self.layers() {
            let changed = layer.rows.range::<[u8], _>((lower, upper));
            rows.extend(changed.map(|(key, row)| (key.clone(), row.clone())));
        }
        let there = rows.into_iter().filter_map(|(key, row)| Some((key, row?)));
        let rows = match wanted.direction {
            Direction::Forward => there.collect(),
            Direction::Backward => there.rev().collect(),
        };
        Ok(Chunk { rows, end: durable.end })
    }
}
