//! The data directory: modes, the lock, and formats.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use redb::{ReadableDatabase as _, TableDefinition, TableHandle as _};
use serde::{Deserialize, Serialize};
use store::{FORMAT_VERSION, Read as _, Record, RedbBackend, Revision, Scope, Store, StoreError};

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// What format 1 had beside today's tables.
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note(String);

impl Record for Note {
    const KIND: &'static str = "test.note";
}

fn scope() -> Scope {
    Scope::new(Default::default(), "123456789012".parse().unwrap(), "eu-west-1".parse().unwrap())
}

fn put(store: &Store, id: &str) {
    let put = store.transact(|tx| {
        tx.put(&scope(), id, Note(id.to_owned()));
        Ok::<_, StoreError>(())
    });
    put.unwrap();
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn open_error(dir: &Path) -> StoreError {
    RedbBackend::open(dir).map(|_| ()).unwrap_err()
}

#[test]
fn is_private() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("a/b");
    let store = Store::open(RedbBackend::open(&data).unwrap()).unwrap();
    assert_eq!(mode(&data), 0o700);
    for entry in data.read_dir().unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    drop(store);
}

#[test]
fn is_locked_within_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let held = RedbBackend::open(dir.path()).unwrap();
    let pid = Some(std::process::id());
    let expected = StoreError::Locked { dir: dir.path().canonicalize().unwrap(), pid };
    assert_eq!(open_error(dir.path()).to_string(), expected.to_string());
    drop(held);
    RedbBackend::open(dir.path()).unwrap();
}

#[test]
fn is_locked_between_processes() {
    const DIR: &str = "STORE_TEST_LOCKED_DIR";
    if let Some(dir) = std::env::var_os(DIR) {
        let error = open_error(Path::new(&dir)).to_string();
        std::fs::write(Path::new(&dir).join("error"), error).unwrap();
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let _held = RedbBackend::open(dir.path()).unwrap();
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "is_locked_between_processes"])
        .env(DIR, dir.path())
        .status()
        .unwrap();
    assert!(child.success());
    let error = std::fs::read_to_string(dir.path().join("error")).unwrap();
    let path = dir.path().canonicalize().unwrap();
    assert_eq!(
        error,
        format!("the data directory {} is in use by process {}", path.display(), std::process::id())
    );
}

#[test]
fn what_is_not_a_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.redb");
    std::fs::write(&file, "something else entirely, but long enough to look at").unwrap();
    assert!(matches!(open_error(dir.path()), StoreError::Open(_)));
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("something else"));
}

fn set_format(dir: &Path, format: u32) {
    let database = redb::Database::create(dir.join("store.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("format", u64::from(format)).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn an_older_format_opens_and_a_newer_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    set_format(dir.path(), 0);
    let store = Store::open(RedbBackend::open(dir.path()).unwrap()).unwrap();
    assert_eq!(store.snapshot().revision(), Revision(0));
    drop(store);
    set_format(dir.path(), FORMAT_VERSION + 1);
    let error = open_error(dir.path());
    let found = FORMAT_VERSION + 1;
    assert!(matches!(error, StoreError::NewerFormat { found: it, supported: FORMAT_VERSION } if it == found));
    assert!(error.to_string().contains("use a newer build"), "{error}");
}

#[test]
fn a_state_with_a_change_log_opens_without_it_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Store::open(RedbBackend::open(dir.path()).unwrap()).unwrap();
    put(&open(), "old");
    // What the build before did: the same records, and a log of the keys of each commit.
    let database = redb::Database::create(dir.path().join("store.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("format", 1).unwrap();
    transaction.open_table(LOG).unwrap().insert(1, b"[]".as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(database);

    put(&open(), "new");
    let snapshot = open().snapshot();
    assert_eq!(snapshot.revision(), Revision(2));
    assert_eq!(snapshot.scan::<Note>(&scope()).map(|(id, _)| id).collect::<Vec<_>>(), ["new", "old"]);
    let database = redb::Database::create(dir.path().join("store.redb")).unwrap();
    let transaction = database.begin_read().unwrap();
    let tables: Vec<_> = transaction.list_tables().unwrap().map(|table| table.name().to_owned()).collect();
    assert_eq!(tables, ["meta", "records"]);
    let format = transaction.open_table(META).unwrap().get("format").unwrap().unwrap().value();
    assert_eq!(format, u64::from(FORMAT_VERSION));
}
