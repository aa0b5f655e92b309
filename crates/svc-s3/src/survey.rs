//! All rows, for whoever looks after the store: a page at a time, each of a snapshot of its own, so that looking at millions of
//! rows takes little memory and keeps nothing from being removed.
//!
//! Owns how rows are gone through, and which buckets they can be of. Refuses to know what is looked for: `usage`, `check`
//! and `whose` do.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use object_store::{Direction, ObjectStore, Read as _, Row, Snapshot, StoreError, Table, after_prefix};
use store::{Read as _, Store};

use crate::bucket::Bucket;
use crate::error::Failure;
use crate::place::{self, INCARNATION_BYTES, Incarnation};

/// How many rows are read under one snapshot.
const PAGE_ROWS: usize = 2048;

/// The tables whose rows begin with an incarnation, but for that of buckets.
pub(crate) const OF_BUCKETS: [Table; 4] = [place::OBJECTS, place::OBJECT_PARTS, place::UPLOADS, place::PARTS];

/// Why it was not looked at everything.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// There is no such bucket.
    #[error("there is no bucket {0}")]
    NoSuchBucket(String),
    /// Who asked wants no answer any more.
    #[error("it was ended before it was done")]
    Ended,
    /// Rows or records could not be read or changed.
    #[error("{0}")]
    Stores(String),
}

impl From<StoreError> for SurveyError {
    fn from(error: StoreError) -> Self {
        Self::Stores(error.to_string())
    }
}

impl From<Failure> for SurveyError {
    fn from(failure: Failure) -> Self {
        Self::Stores(failure.to_string())
    }
}

/// Is told how many rows were looked at, now and again, and says whether to go on.
pub type Watcher<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// A look at all rows.
pub(crate) struct Survey<'a> {
    pub(crate) store: &'a Store,
    pub(crate) objects: &'a ObjectStore,
    pub(crate) rows: u64,
    watcher: Watcher<'a>,
}

impl<'a> Survey<'a> {
    pub(crate) fn new(store: &'a Store, objects: &'a ObjectStore, watcher: Watcher<'a>) -> Self {
        Self { store, objects, rows: 0, watcher }
    }

    /// The buckets that there are, by incarnation.
    pub(crate) fn buckets(&self) -> BTreeMap<[u8; INCARNATION_BYTES], Arc<Bucket>> {
        let snapshot = self.store.snapshot();
        let all = snapshot.scan_all::<Bucket>();
        all.map(|(_, _, bucket)| (*bucket.incarnation.array(), bucket)).collect()
    }

    /// Shows all rows of a table whose keys begin so, with the snapshot that they are of.
    ///
    /// # Errors
    /// [`SurveyError`], and those of `show`.
    pub(crate) fn each(
        &mut self,
        table: Table,
        first: &[u8],
        mut show: impl FnMut(&Snapshot, &[u8], Row) -> Result<(), SurveyError>,
    ) -> Result<(), SurveyError> {
        let end = after_prefix(first);
        let end = end.as_ref().map(Vec::as_slice);
        let mut after: Option<Vec<u8>> = None;
        loop {
            if (self.watcher)(self.rows).is_break() {
                return Err(SurveyError::Ended);
            }
            let snapshot = self.objects.snapshot();
            let lower = after.as_deref().map_or(Bound::Included(first), Bound::Excluded);
            let mut last = None;
            let mut seen = 0;
            for found in snapshot.scan(table, lower, end, Direction::Forward).take(PAGE_ROWS) {
                let (key, row) = found?;
                show(&snapshot, &key, row)?;
                seen += 1;
                last = Some(key);
            }
            self.rows += seen;
            if last.is_none() || seen < PAGE_ROWS as u64 {
                return Ok(());
            }
            after = last;
        }
    }

    /// The incarnations that rows of a table are of, found without reading all of them.
    ///
    /// # Errors
    /// [`SurveyError`].
    pub(crate) fn incarnations(&mut self, table: Table) -> Result<Vec<Incarnation>, SurveyError> {
        let mut found = Vec::new();
        let mut lower = Bound::Unbounded;
        loop {
            if (self.watcher)(self.rows).is_break() {
                return Err(SurveyError::Ended);
            }
            let snapshot = self.objects.snapshot();
            let bound = match &lower {
                Bound::Included(key) => Bound::Included(Vec::as_slice(key)),
                _ => Bound::Unbounded,
            };
            let next =
                snapshot.scan(table, bound, Bound::Unbounded, Direction::Forward).next().transpose()?;
            let Some((key, _)) = next else { return Ok(found) };
            let Some(incarnation) = Incarnation::of_row(&key) else {
                return Err(SurveyError::Stores(format!(
                    "the table {} has a row of no bucket",
                    table.name()
                )));
            };
            found.push(incarnation);
            lower = match after_prefix(incarnation.bytes()) {
                Bound::Excluded(after) => Bound::Included(after),
                _ => return Ok(found),
            };
        }
    }
}
