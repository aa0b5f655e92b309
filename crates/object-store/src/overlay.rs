//! What transactions change, over what is durable.

use std::collections::BTreeMap;

use crate::blob::{Blob, Kept};
use crate::index::Entry;
use crate::row::Row;
use crate::{Address, BlobRef};

/// Changes of one transaction, or of several in their order.
#[derive(Default)]
pub(crate) struct Overlay {
    /// By key among all tables. `None` is a row that was removed.
    pub(crate) rows: BTreeMap<Vec<u8>, Option<Row>>,
    /// How many references more rows have to a blob.
    pub(crate) differences: BTreeMap<Address, i64>,
    /// Where the blobs are that rows may begin to refer to. What is here is pinned.
    pub(crate) sources: BTreeMap<Address, Source>,
    /// About how much memory it takes.
    pub(crate) weight_bytes: usize,
}

/// What is known of a blob that is in no row yet.
pub(crate) enum Source {
    Adopted(Blob),
    /// It is in rows, and the index has lost count of it.
    Found(Entry),
}

impl Source {
    /// What the index is to say of it, but for the number of references.
    pub(crate) fn entry(&self) -> Entry {
        match self {
            Self::Found(entry) => *entry,
            Self::Adopted(blob) => Entry {
                references: 0,
                length_bytes: blob.length_bytes(),
                stored_bytes: blob.0.stored_bytes,
                is_inline: blob.is_inline(),
            },
        }
    }

    /// The stored form, if it is to be put into the index.
    pub(crate) fn inline(&self) -> Option<&[u8]> {
        match self {
            Self::Adopted(blob) => match &blob.0.kept {
                Kept::Inline(stored) => Some(stored),
                Kept::Bytes => None,
            },
            Self::Found(_) => None,
        }
    }
}

impl Overlay {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.differences.is_empty()
    }

    /// Writes or removes a row in the place of one that had these references.
    pub(crate) fn set(&mut self, key: Vec<u8>, before: &[BlobRef], row: Option<Row>) {
        for blob in before {
            *self.differences.entry(blob.address).or_default() -= 1;
        }
        for blob in row.iter().flat_map(|row| &row.blobs) {
            *self.differences.entry(blob.address).or_default() += 1;
        }
        self.weight_bytes += key.len() + row.as_ref().map_or(0, Row::weight_bytes);
        self.rows.insert(key, row);
    }

    pub(crate) fn adopt(&mut self, blob: Blob) {
        let inline = if let Kept::Inline(stored) = &blob.0.kept { stored.len() } else { 0 };
        self.weight_bytes += inline;
        self.sources.insert(blob.address(), Source::Adopted(blob));
    }

    /// Adds what a later transaction changed.
    pub(crate) fn append(&mut self, later: Self) {
        self.rows.extend(later.rows);
        for (address, difference) in later.differences {
            *self.differences.entry(address).or_default() += difference;
        }
        for (address, source) in later.sources {
            // A blob that is pinned stays pinned by who pinned it first: both are the same bytes.
            self.sources.entry(address).or_insert(source);
        }
        self.weight_bytes += later.weight_bytes;
    }

    pub(crate) fn difference(&self, address: &Address) -> i64 {
        self.differences.get(address).copied().unwrap_or(0)
    }

    /// It is durable, so that what it adopted has rows now.
    pub(crate) fn set_committed(&self) {
        for (address, source) in &self.sources {
            if let Source::Adopted(blob) = source
                && self.difference(address) > 0
            {
                blob.0.set_committed();
            }
        }
    }
}
