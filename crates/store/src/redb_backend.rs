//! The embedded, crash-safe backend: one redb file.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `meta` | `format`, `revision` | number |
//! | `records` | partition, account, region, kind, id | format version and JSON of the record |
//!
//! A commit writes both in one redb transaction.

use std::path::Path;

use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, StorageBackend as _, TableDefinition, TableError,
    WriteTransaction,
};

use crate::backend::{Backend, Contents, FORMAT_VERSION};
use crate::change::Commit;
use crate::medium::{DirMedium, Medium};
use crate::record::Stored;
use crate::{Key, OpenError, Revision, Snapshot, StoreError, WriteError};

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("records");
/// Formats 1 and older had it. Nothing read it.
const OLD_LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const FORMAT: &str = "format";
const REVISION: &str = "revision";

/// Everything is served from the store's own maps, so redb needs little more than the pages of one commit.
const CACHE_BYTES: usize = 2 << 20;

/// State in the file `store.redb` of a data directory, which is made with mode 0700 and locked.
pub struct RedbBackend(RedbFile<DirMedium>);

impl RedbBackend {
    /// Locks the directory and opens the file, making both when they are not there.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when the directory is in use, [`StoreError::Open`] when it cannot be made or the file is
    /// not a database, [`StoreError::NewerFormat`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        RedbFile::open(DirMedium::lock(dir)?).map(Self)
    }
}

impl Backend for RedbBackend {
    fn load(&mut self) -> Result<Contents, StoreError> {
        self.0.load()
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<(), StoreError> {
        self.0.commit(commits)
    }

    fn restore(&mut self, state: &Snapshot) -> Result<(), StoreError> {
        self.0.restore(state)
    }
}

/// A redb database on any medium.
pub(crate) struct RedbFile<M: Medium> {
    /// `None` after a failed commit, until it was restored.
    database: Option<Database>,
    medium: M,
}

impl<M: Medium> RedbFile<M> {
    pub(crate) fn open(medium: M) -> Result<Self, StoreError> {
        let mut file = medium.open().map_err(OpenError::from)?;
        if file.len().map_err(OpenError::from)? == 0 {
            drop(file);
            // A file that redb had no time to finish would never be opened again, so it is finished elsewhere.
            let replacement = medium.create_replacement().map_err(OpenError::from)?;
            prepare(&open_database(replacement).map_err(OpenError::database)?)?;
            medium.install_replacement().map_err(OpenError::from)?;
            file = medium.open().map_err(OpenError::from)?;
        }
        let database = open_database(file).map_err(OpenError::database)?;
        prepare(&database)?;
        Ok(Self { database: Some(database), medium })
    }

    /// Writes all of `state` to a new file and puts it in the place of the current one.
    fn rewrite(&mut self, state: &Snapshot) -> Result<(), WriteError> {
        let replacement = self.medium.create_replacement()?;
        let database = open_database(replacement).map_err(WriteError::database)?;
        let transaction = database.begin_write().map_err(WriteError::database)?;
        write_all(&transaction, state).map_err(WriteError::database)?;
        transaction.commit().map_err(WriteError::database)?;
        drop(database);
        Ok(self.medium.install_replacement()?)
    }

    fn reopen(&self) -> Result<Database, WriteError> {
        open_database(self.medium.open()?).map_err(WriteError::database)
    }
}

impl<M: Medium> Backend for RedbFile<M> {
    fn load(&mut self) -> Result<Contents, StoreError> {
        let database = self.database.as_ref().ok_or(WriteError::NotRestored)?;
        read_all(database).map_err(OpenError::database)?
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<(), StoreError> {
        let database = self.database.as_ref().ok_or(WriteError::NotRestored)?;
        let transaction = database.begin_write().map_err(WriteError::database)?;
        write_commits(&transaction, commits).map_err(WriteError::database)?;
        Ok(transaction.commit().map_err(WriteError::database)?)
    }

    fn restore(&mut self, state: &Snapshot) -> Result<(), StoreError> {
        // redb refuses everything after a failed write until it is opened again.
        self.database = None;
        if !self.medium.has_failed_sync()
            && let Ok(database) = self.reopen()
            && read_revision(&database).is_ok_and(|revision| revision == state.revision())
        {
            self.database = Some(database);
            return Ok(());
        }
        // What failed is on disk all the same, or nothing is known about what is on disk.
        self.rewrite(state)?;
        self.database = Some(self.reopen()?);
        Ok(())
    }
}

fn open_database(file: impl redb::StorageBackend) -> Result<Database, redb::DatabaseError> {
    Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(file)
}

/// Brings a new file, or one of an older format, to today's.
fn prepare(database: &Database) -> Result<(), StoreError> {
    let found = read_format(database).map_err(OpenError::database)?;
    match found {
        Some(found) if found > u64::from(FORMAT_VERSION) => Err(StoreError::NewerFormat {
            found: u32::try_from(found).unwrap_or(u32::MAX),
            supported: FORMAT_VERSION,
        }),
        Some(found) if found == u64::from(FORMAT_VERSION) => Ok(()),
        _ => Ok(write_format(database).map_err(OpenError::database)?),
    }
}

fn read_format(database: &Database) -> Result<Option<u64>, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => Ok(meta.get(FORMAT)?.map(|version| version.value())),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes the tables that are missing, removes the one that older formats had, and names the format. Records are the same
/// in all of them.
fn write_format(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(RECORDS)?;
    transaction.delete_table(OLD_LOG)?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT, u64::from(FORMAT_VERSION))?;
        if meta.get(REVISION)?.is_none() {
            meta.insert(REVISION, 0)?;
        }
    }
    Ok(transaction.commit()?)
}

fn read_revision(database: &Database) -> Result<Revision, redb::Error> {
    let meta = database.begin_read()?.open_table(META)?;
    Ok(Revision(meta.get(REVISION)?.map_or(0, |revision| revision.value())))
}

fn read_all(database: &Database) -> Result<Result<Contents, StoreError>, redb::Error> {
    let mut contents = Contents { revision: read_revision(database)?, records: Vec::new() };
    for entry in database.begin_read()?.open_table(RECORDS)?.iter()? {
        let (key, value) = entry?;
        let Some(key) = Key::from_bytes(key.value()) else {
            let text = String::from_utf8_lossy(key.value()).replace('\0', "/");
            return Ok(Err(OpenError::Key(text).into()));
        };
        contents.records.push((key, Stored::from_bytes(value.value())));
    }
    Ok(Ok(contents))
}

fn write_commits(transaction: &WriteTransaction, commits: &[Commit]) -> Result<(), redb::Error> {
    let mut records = transaction.open_table(RECORDS)?;
    let mut meta = transaction.open_table(META)?;
    for commit in commits {
        for change in commit.changes.iter() {
            let key = change.key.to_bytes();
            match change.stored() {
                Some(stored) => records.insert(key.as_slice(), stored.to_bytes().as_slice())?,
                None => records.remove(key.as_slice())?,
            };
        }
        meta.insert(REVISION, commit.revision.0)?;
    }
    Ok(())
}

fn write_all(transaction: &WriteTransaction, state: &Snapshot) -> Result<(), redb::Error> {
    let mut records = transaction.open_table(RECORDS)?;
    let mut meta = transaction.open_table(META)?;
    for (key, stored) in state.tables.all() {
        records.insert(key.to_bytes().as_slice(), stored.to_bytes().as_slice())?;
    }
    meta.insert(FORMAT, u64::from(FORMAT_VERSION))?;
    meta.insert(REVISION, state.revision().0)?;
    Ok(())
}
