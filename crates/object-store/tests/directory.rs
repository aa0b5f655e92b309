//! The directory: modes, the lock, and formats.

#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use object_store::{ObjectStore, Read as _, StoreError, index};
use support::{OBJECTS, content, files, get, put, secret};

const META: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");

fn open(dir: &Path) -> Result<ObjectStore, StoreError> {
    ObjectStore::open(dir, secret())
}

#[test]
fn is_private() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("a/b");
    let store = open(&data).unwrap();
    put(&store, "a", &content(1, 100_000)).unwrap();
    let mut writer = store.writer();
    writer.write(&content(1, 3_000_000)).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    for dir in [&data, &data.join("blobs"), &data.join("blobs/00"), &data.join("staging")] {
        assert_eq!(mode(dir), 0o700, "{}", dir.display());
    }
    let files = files(&data);
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn is_locked() {
    let dir = tempfile::tempdir().unwrap();
    let held = open(dir.path()).unwrap();
    let pid = Some(std::process::id());
    assert!(matches!(open(dir.path()), Err(StoreError::Locked { pid: it, .. }) if it == pid));
    let clone = held.clone();
    drop(held);
    assert!(matches!(open(dir.path()), Err(StoreError::Locked { .. })));
    drop(clone);
    open(dir.path()).unwrap();
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    put(&store, "a", b"kept").unwrap();
    drop(store);
    let set_format = |format| {
        let database = redb::Database::create(dir.path().join("objects.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(META).unwrap().insert("format", format).unwrap();
        transaction.commit().unwrap();
    };
    let newer = index::FORMAT_VERSION + 1;
    set_format(newer);
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(error, StoreError::NewerFormat { found, .. } if found == newer));
    set_format(index::FORMAT_VERSION);
    let store = open(dir.path()).unwrap();
    assert_eq!(get(&store, "a").unwrap().unwrap(), b"kept");
    assert!(store.snapshot().get(OBJECTS, b"b").unwrap().is_none());
}

#[test]
fn what_is_not_an_index_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("objects.redb");
    std::fs::write(&file, "something else entirely, but long enough to look at").unwrap();
    assert!(matches!(open(dir.path()), Err(StoreError::Read(_))));
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("something else"));
}
