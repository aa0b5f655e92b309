//! The index on disk: one redb file.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `meta` | `format`, `revision`, `content-bytes`, `stored-bytes` | number |
//! | `rows` | table, zero byte, key | references and value ([`crate::row`]) |
//! | `blobs` | address | how many references rows have to it, length, stored length, whether it is in `inline` |
//! | `inline` | address | stored form of a small content ([`crate::format`]) |
//!
//! Small contents are not in the rows, so that a page of rows does not read them, and equal ones are there once.

use redb::{
    Builder, Database, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    StorageBackend as _, StorageError, Table as RedbTable, TableDefinition, TableError, WriteTransaction,
};

use crate::address::ADDRESS_BYTES;
use crate::error::{Cause, StoreError};
use crate::medium::Medium;
use crate::overlay::Overlay;
use crate::{Address, Usage};

/// The format of the index that this build writes, and the newest that it reads.
pub const FORMAT_VERSION: u64 = 1;

/// How much of the index redb keeps in memory. The page cache has more where there is memory for it.
pub const CACHE_BYTES: usize = 16 << 20;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
const BLOBS: TableDefinition<'_, &[u8; ADDRESS_BYTES], &[u8; ENTRY_BYTES]> = TableDefinition::new("blobs");
const INLINE: TableDefinition<'_, &[u8; ADDRESS_BYTES], &[u8]> = TableDefinition::new("inline");
const FORMAT: &str = "format";
const REVISION: &str = "revision";
const CONTENT_BYTES: &str = "content-bytes";
const STORED_BYTES: &str = "stored-bytes";

const ENTRY_BYTES: usize = 25;

/// The number of a durable commit. It grows by one with each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// What is known of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// How many references rows have to it. At least one.
    pub(crate) references: u64,
    pub(crate) length_bytes: u64,
    pub(crate) stored_bytes: u64,
    pub(crate) is_inline: bool,
}

impl Entry {
    fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.references.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.length_bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.stored_bytes.to_le_bytes());
        bytes[24] = u8::from(self.is_inline);
        bytes
    }

    fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let number = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(eight)
        };
        Self {
            references: number(0),
            length_bytes: number(8),
            stored_bytes: number(16),
            is_inline: bytes[24] != 0,
        }
    }
}

/// The state of one commit, opened for reading.
pub(crate) struct View {
    /// Which opening of the database it is of.
    pub(crate) generation: u64,
    meta: ReadOnlyTable<&'static str, u64>,
    rows: ReadOnlyTable<&'static [u8], &'static [u8]>,
    blobs: ReadOnlyTable<&'static [u8; ADDRESS_BYTES], &'static [u8; ENTRY_BYTES]>,
    inline: ReadOnlyTable<&'static [u8; ADDRESS_BYTES], &'static [u8]>,
}

pub(crate) type Bounds<'a> = (std::ops::Bound<&'a [u8]>, std::ops::Bound<&'a [u8]>);
pub(crate) type RowsRange = redb::Range<'static, &'static [u8], &'static [u8]>;

impl View {
    fn open(database: &Database, generation: u64) -> Result<Self, redb::Error> {
        let transaction = database.begin_read()?;
        Ok(Self {
            generation,
            meta: transaction.open_table(META)?,
            rows: transaction.open_table(ROWS)?,
            blobs: transaction.open_table(BLOBS)?,
            inline: transaction.open_table(INLINE)?,
        })
    }

    /// A row, in its stored form.
    pub(crate) fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.rows.get(key)?.map(|value| value.value().to_vec()))
    }

    pub(crate) fn rows(&self, bounds: Bounds<'_>) -> Result<RowsRange, StorageError> {
        self.rows.range::<&[u8]>(bounds)
    }

    pub(crate) fn entry(&self, address: &Address) -> Result<Option<Entry>, StorageError> {
        Ok(self.blobs.get(&address.0)?.map(|entry| Entry::from_bytes(entry.value())))
    }

    /// Up to `limit` blobs after an address, in order.
    pub(crate) fn entries_after(
        &self,
        after: Option<Address>,
        limit: usize,
    ) -> Result<Vec<(Address, Entry)>, StorageError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.as_ref().map_or(Unbounded, |address| Excluded(&address.0));
        let range = self.blobs.range::<&[u8; ADDRESS_BYTES]>((from, Unbounded))?;
        let entry = |entry: Result<_, StorageError>| {
            let (address, entry): (redb::AccessGuard<'_, _>, redb::AccessGuard<'_, &[u8; ENTRY_BYTES]>) =
                entry?;
            let address: &[u8; ADDRESS_BYTES] = address.value();
            Ok((Address(*address), Entry::from_bytes(entry.value())))
        };
        range.take(limit).map(entry).collect()
    }

    pub(crate) fn inline(&self, address: &Address) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.inline.get(&address.0)?.map(|value| value.value().to_vec()))
    }

    pub(crate) fn usage(&self) -> Result<Usage, StorageError> {
        let number = |name| Ok::<_, StorageError>(self.meta.get(name)?.map_or(0, |number| number.value()));
        Ok(Usage {
            rows: self.rows.len()?,
            blobs: self.blobs.len()?,
            content_bytes: number(CONTENT_BYTES)?,
            stored_bytes: number(STORED_BYTES)?,
        })
    }
}

/// The index, as its one writer has it.
pub(crate) struct Index<M: Medium> {
    /// `None` after a failure, until it was reopened.
    database: Option<Database>,
    medium: M,
    generation: u64,
}

impl<M: Medium> Index<M> {
    pub(crate) fn open(medium: M) -> Result<Self, StoreError> {
        let cannot = |error| StoreError::Read(Cause::file(error));
        let mut file = medium.open().map_err(cannot)?;
        if file.len().map_err(cannot)? == 0 {
            drop(file);
            // A file that redb had no time to finish would never be opened again, so it is finished elsewhere.
            let replacement = medium.create_replacement().map_err(cannot)?;
            prepare(&open_database(replacement).map_err(StoreError::read)?)?;
            medium.install_replacement().map_err(cannot)?;
            file = medium.open().map_err(cannot)?;
        }
        let database = open_database(file).map_err(StoreError::read)?;
        prepare(&database)?;
        Ok(Self { database: Some(database), medium, generation: 0 })
    }

    /// Gives up the space that is kept for removals. Says whether there was any.
    pub(crate) fn give_reserve(&self) -> bool {
        self.medium.give_reserve().unwrap_or(false)
    }

    /// Keeps space for removals again, when there is enough.
    pub(crate) fn keep_reserve(&self) {
        if let Err(error) = self.medium.keep_reserve() {
            tracing::warn!(%error, "no space could be kept for removals");
        }
    }

    pub(crate) fn revision(&self) -> Result<Revision, StoreError> {
        read_revision(self.database()?).map_err(StoreError::read)
    }

    pub(crate) fn view(&self) -> Result<View, StoreError> {
        View::open(self.database()?, self.generation).map_err(StoreError::read)
    }

    fn database(&self) -> Result<&Database, StoreError> {
        self.database.as_ref().ok_or(StoreError::Unavailable)
    }

    /// Makes a batch durable, as this revision. `unreferenced` gets the addresses whose bytes nothing refers to any more.
    ///
    /// # Errors
    /// It may be durable all the same; [`Index::reopen`] tells.
    pub(crate) fn commit(
        &mut self,
        revision: Revision,
        batch: &Overlay,
        unreferenced: &mut Vec<Address>,
    ) -> Result<(), StoreError> {
        let written = |error: redb::Error| StoreError::write(Cause::database(error));
        let transaction = self.database()?.begin_write().map_err(|error| written(error.into()))?;
        *unreferenced = write(&transaction, revision, batch).map_err(written)?;
        transaction.commit().map_err(|error| written(error.into()))
    }

    /// After a failure: undoes what was not synced, and opens the database again. Returns its newest commit. That is the one
    /// that failed if it failed after it was synced, as when the file could not be made shorter.
    pub(crate) fn reopen(&mut self) -> Result<Revision, StoreError> {
        let cannot = |error| StoreError::Write(Cause::file(error));
        // redb refuses everything after a failure until it is opened again.
        self.database = None;
        self.generation += 1;
        self.medium.revert().map_err(cannot)?;
        let file = self.medium.open().map_err(cannot)?;
        self.database = Some(open_database(file).map_err(StoreError::read)?);
        self.revision()
    }
}

fn open_database(file: impl redb::StorageBackend) -> Result<Database, redb::DatabaseError> {
    Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(file)
}

/// Brings a new file to today's format, and refuses one of a newer build.
fn prepare(database: &Database) -> Result<(), StoreError> {
    match read_format(database).map_err(StoreError::read)? {
        Some(found) if found > FORMAT_VERSION => {
            Err(StoreError::NewerFormat { found, supported: FORMAT_VERSION })
        }
        Some(_) => Ok(()),
        None => write_format(database).map_err(|error| StoreError::write(Cause::database(error))),
    }
}

fn read_format(database: &Database) -> Result<Option<u64>, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => Ok(meta.get(FORMAT)?.map(|version| version.value())),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn write_format(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ROWS)?;
    transaction.open_table(BLOBS)?;
    transaction.open_table(INLINE)?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT, FORMAT_VERSION)?;
        for name in [REVISION, CONTENT_BYTES, STORED_BYTES] {
            meta.insert(name, 0)?;
        }
    }
    Ok(transaction.commit()?)
}

fn read_revision(database: &Database) -> Result<Revision, redb::Error> {
    let meta = database.begin_read()?.open_table(META)?;
    Ok(Revision(meta.get(REVISION)?.map_or(0, |revision| revision.value())))
}

fn write(
    transaction: &WriteTransaction,
    revision: Revision,
    batch: &Overlay,
) -> Result<Vec<Address>, redb::Error> {
    let mut rows = transaction.open_table(ROWS)?;
    for (key, row) in &batch.rows {
        match row {
            Some(row) => rows.insert(key.as_slice(), row.to_bytes().as_slice())?,
            None => rows.remove(key.as_slice())?,
        };
    }
    let mut counts = Counts {
        blobs: transaction.open_table(BLOBS)?,
        inline: transaction.open_table(INLINE)?,
        content_bytes: 0,
        stored_bytes: 0,
        unreferenced: Vec::new(),
    };
    for (address, difference) in &batch.differences {
        counts.change(*address, *difference, batch)?;
    }
    let Counts { content_bytes, stored_bytes, unreferenced, .. } = counts;
    let mut meta = transaction.open_table(META)?;
    meta.insert(REVISION, revision.0)?;
    for (name, change) in [(CONTENT_BYTES, content_bytes), (STORED_BYTES, stored_bytes)] {
        let before = meta.get(name)?.map_or(0, |number| number.value());
        meta.insert(name, before.saturating_add_signed(change))?;
    }
    Ok(unreferenced)
}

/// The tables of blobs while a batch is written.
struct Counts<'a> {
    blobs: RedbTable<'a, &'static [u8; ADDRESS_BYTES], &'static [u8; ENTRY_BYTES]>,
    inline: RedbTable<'a, &'static [u8; ADDRESS_BYTES], &'static [u8]>,
    content_bytes: i64,
    stored_bytes: i64,
    unreferenced: Vec<Address>,
}

impl Counts<'_> {
    fn change(&mut self, address: Address, difference: i64, batch: &Overlay) -> Result<(), redb::Error> {
        if difference == 0 {
            return Ok(());
        }
        let before = self.blobs.get(&address.0)?.map(|entry| Entry::from_bytes(entry.value()));
        let Some(mut entry) = before else { return self.begin(address, difference, batch) };
        match entry.references.checked_add_signed(difference) {
            Some(0) => self.end(address, entry),
            Some(references) => {
                entry.references = references;
                self.blobs.insert(&address.0, &entry.to_bytes())?;
                Ok(())
            }
            None => {
                // What is counted too low may be referred to, so it stays.
                tracing::error!(%address, "rows had more references than were counted; fsck can repair it");
                Ok(())
            }
        }
    }

    fn begin(&mut self, address: Address, difference: i64, batch: &Overlay) -> Result<(), redb::Error> {
        let (Ok(references), Some(source)) = (u64::try_from(difference), batch.sources.get(&address)) else {
            tracing::error!(%address, difference, "a blob that is not known was referred to; fsck can repair it");
            return Ok(());
        };
        let entry = Entry { references, ..source.entry() };
        self.blobs.insert(&address.0, &entry.to_bytes())?;
        if let Some(stored) = source.inline() {
            self.inline.insert(&address.0, stored)?;
        }
        self.content_bytes = self.content_bytes.saturating_add_unsigned(entry.length_bytes);
        self.stored_bytes = self.stored_bytes.saturating_add_unsigned(entry.stored_bytes);
        Ok(())
    }

    fn end(&mut self, address: Address, entry: Entry) -> Result<(), redb::Error> {
        self.blobs.remove(&address.0)?;
        if entry.is_inline {
            self.inline.remove(&address.0)?;
        } else {
            self.unreferenced.push(address);
        }
        self.content_bytes = self.content_bytes.saturating_sub_unsigned(entry.length_bytes);
        self.stored_bytes = self.stored_bytes.saturating_sub_unsigned(entry.stored_bytes);
        Ok(())
    }
}
