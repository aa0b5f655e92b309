//! Bytes go when nothing wants them, not before, and not never.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use object_store::fault::{FaultPlan, FaultyBytes, FaultyDisk};
use object_store::{BlobError, BlobRef, Miscount, ObjectStore, Read as _, Row, StoreError};
use redb::ReadableTable as _;
use support::{
    OBJECTS, all, content, delete, file_of, files, get, put, put_blob, read, references, secret, write,
};

const SOON: Duration = Duration::from_secs(10);

fn open(dir: &Path) -> ObjectStore {
    ObjectStore::open(dir, secret()).unwrap()
}

#[test]
fn what_a_snapshot_has_rows_for_stays_while_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let blob = put(&store, "a", &content(1, 50_000)).unwrap();
    let small = put(&store, "b", &content(2, 5_000)).unwrap();
    let snapshot = store.snapshot();
    delete(&store, "a").unwrap();
    put(&store, "b", b"other").unwrap();
    assert!(!store.wait_for_removals(Duration::from_millis(300)), "the snapshot is still there");
    assert!(read(&snapshot, blob).unwrap() == content(1, 50_000));
    assert!(read(&snapshot, small).unwrap() == content(2, 5_000));
    drop(snapshot);
    assert!(store.wait_for_removals(SOON));
    assert!(!file_of(dir.path(), blob).exists());
    assert!(matches!(read(&store.snapshot(), blob), Err(BlobError::Missing(_))));
    assert!(matches!(read(&store.snapshot(), small), Err(BlobError::Missing(_))));
}

#[test]
fn a_blob_that_is_held_stays_and_goes_when_it_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let bytes = content(1, 50_000);
    let held = write(store.writer(), &bytes).unwrap();
    let path = file_of(dir.path(), held.reference());
    // Another row comes and goes meanwhile, and a sweep.
    put(&store, "a", &bytes).unwrap();
    delete(&store, "a").unwrap();
    assert!(store.wait_for_removals(SOON));
    assert_eq!(store.sweep().finish().unwrap().left, 1);
    assert!(path.exists());
    let mut reader = held.open(&secret()).unwrap();
    assert!(reader.next_part().unwrap().unwrap() == bytes);
    put_blob(&store, "b", &held).unwrap();
    drop(held);
    assert!(store.wait_for_removals(SOON));
    assert!(get(&store, "b").unwrap().unwrap() == bytes);
    delete(&store, "b").unwrap();
    assert!(store.wait_for_removals(SOON));
    assert!(!path.exists());
    drop(write(store.writer(), &bytes).unwrap());
    assert!(store.wait_for_removals(SOON));
    assert!(!path.exists(), "nobody ever referred to it");
}

#[test]
fn a_transaction_that_fails_takes_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let kept = put(&store, "a", &content(1, 50_000)).unwrap();
    let blob = write(store.writer(), &content(2, 50_000)).unwrap();
    let refused: Result<(), StoreError> = store.transact(|tx| {
        let blobs = vec![tx.adopt(&blob)];
        tx.put(OBJECTS, b"b", Row { value: Vec::new(), blobs })?;
        tx.delete(OBJECTS, b"a")?;
        assert_eq!(tx.references(kept.address)?, 0);
        assert!(tx.get(OBJECTS, b"a")?.is_none() && tx.get(OBJECTS, b"b")?.is_some());
        Err(StoreError::Closed)
    });
    assert!(matches!(refused, Err(StoreError::Closed)));
    let path = file_of(dir.path(), blob.reference());
    drop(blob);
    assert!(store.wait_for_removals(SOON));
    assert!(!path.exists() && file_of(dir.path(), kept).exists());
    assert_eq!(all(&store.snapshot(), OBJECTS).unwrap().len(), 1);
}

#[test]
fn a_row_cannot_refer_to_what_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let copy = |from: BlobRef, key: &[u8]| {
        store.transact::<_, StoreError>(|tx| {
            tx.put(OBJECTS, key, Row { value: Vec::new(), blobs: vec![from] })
        })
    };
    for length in [500, 50_000] {
        let blob = put(&store, "a", &content(1, length)).unwrap();
        copy(blob, b"b").unwrap();
        delete(&store, "a").unwrap();
        copy(blob, b"c").unwrap();
        // Moved within a transaction, its last reference may go before the new one comes.
        delete(&store, "b").unwrap();
        store
            .transact::<_, StoreError>(|tx| {
                let row = tx.get(OBJECTS, b"c")?.unwrap();
                tx.delete(OBJECTS, b"c")?;
                tx.put(OBJECTS, b"d", row)
            })
            .unwrap();
        assert_eq!(references(&store, blob), 1);
        delete(&store, "d").unwrap();
        assert!(matches!(copy(blob, b"e"), Err(StoreError::UnknownBlob(it)) if it == blob.address));
    }
}

#[test]
fn a_sweep_removes_what_a_crash_left_and_nothing_else() {
    let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
    let store = disk.open(secret(), Arc::new(bytes.clone())).unwrap();
    for number in 0..40 {
        put(&store, &number.to_string(), &content(number, 20_000)).unwrap();
    }
    // Removals fail, as if the process had ended before each.
    bytes.set_plan(FaultPlan { crash_at: Some(0), ..FaultPlan::default() });
    for number in 0..30 {
        delete(&store, &number.to_string()).unwrap();
    }
    assert!(store.wait_for_removals(SOON));
    assert_eq!(bytes.addresses().len(), 40);
    assert_eq!(store.fsck(false).unwrap().unreferenced, 30);
    drop(store);
    bytes.set_plan(FaultPlan::default());
    let store = disk.open(secret(), Arc::new(bytes)).unwrap();
    let swept = store.sweep().finish().unwrap();
    assert_eq!((swept.seen, swept.removed, swept.left), (40, 30, 0));
    for number in 30..40 {
        assert!(get(&store, &number.to_string()).unwrap().unwrap() == content(number, 20_000));
    }
    assert_eq!(store.sweep().finish().unwrap().removed, 0);
}

/// Writers of the same few contents, removals and sweeps get in each other's way as much as they can.
#[test]
fn nothing_is_removed_that_somebody_just_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let contents: Vec<_> = (0..3).map(|seed| content(seed, 17_000)).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let sweeper = threads.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                store.sweep().finish().unwrap();
            }
        });
        let writers: Vec<_> = (0..4_u64)
            .map(|thread| {
                let (store, contents) = (&store, &contents);
                threads.spawn(move || {
                    for number in 0..60_u64 {
                        let key = format!("{thread}");
                        let expected = &contents[((number * 7 + thread) % 3) as usize];
                        put(store, &key, expected).unwrap();
                        assert!(get(store, &key).unwrap().unwrap() == *expected);
                        if number % 3 == 0 {
                            delete(store, &key).unwrap();
                        }
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        is_over.store(true, Ordering::Relaxed);
        sweeper.join().unwrap();
        outcomes.into_iter().for_each(|outcome| outcome.unwrap());
    });
    assert!(store.wait_for_removals(SOON));
    let report = store.fsck(false).unwrap();
    assert!(report.is_clean() && report.unreferenced == 0, "{report:?}");
    for thread in 0..4 {
        delete(&store, &thread.to_string()).unwrap();
    }
    assert!(store.wait_for_removals(SOON));
    assert!(files(&dir.path().join("blobs")).is_empty());
}

const BLOBS: redb::TableDefinition<'_, &[u8; 32], &[u8; 25]> = redb::TableDefinition::new("blobs");

/// Sets what is counted, behind the store's back.
fn tamper(dir: &Path, blob: BlobRef, counted: Option<u64>) {
    let database = redb::Database::create(dir.join("objects.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut blobs = transaction.open_table(BLOBS).unwrap();
        let key = blob.address.as_bytes();
        let mut entry = *blobs.get(key).unwrap().unwrap().value();
        match counted {
            Some(counted) => {
                entry[..8].copy_from_slice(&counted.to_le_bytes());
                blobs.insert(key, &entry).unwrap();
            }
            None => drop(blobs.remove(key).unwrap()),
        }
    }
    transaction.commit().unwrap();
}

#[test]
fn wrong_counts_are_found_and_repaired() {
    for length in [500, 50_000] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let bytes = content(1, length);
        let blob = put(&store, "a", &bytes).unwrap();
        put(&store, "b", &bytes).unwrap();
        let other = put(&store, "c", &content(2, length)).unwrap();
        drop(store);
        for wrong in [None, Some(1), Some(3), Some(77)] {
            tamper(dir.path(), blob, wrong);
            let store = open(dir.path());
            let counted = wrong.unwrap_or(0);
            let expected = Miscount { blob, counted, found: 2 };
            let report = store.fsck(false).unwrap();
            assert_eq!((report.miscounts.as_slice(), report.is_clean()), ([expected].as_slice(), false));
            let report = store.fsck(true).unwrap();
            assert_eq!((report.repaired, report.is_clean()), (1, true));
            assert_eq!(references(&store, blob), 2, "{wrong:?}");
            assert!(get(&store, "a").unwrap().unwrap() == bytes);
            assert_eq!(store.fsck(false).unwrap().miscounted, 0);
            assert_eq!(references(&store, other), 1);
        }
    }
}

#[test]
fn the_totals_follow_the_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, "a", &content(1, 500)).unwrap();
    put(&store, "b", &content(1, 500)).unwrap();
    put(&store, "c", &content(2, 2_000_000)).unwrap();
    let usage = store.usage().unwrap();
    assert_eq!((usage.rows, usage.blobs, usage.content_bytes), (3, 2, 2_000_500));
    delete(&store, "c").unwrap();
    delete(&store, "a").unwrap();
    let usage = store.usage().unwrap();
    assert_eq!((usage.rows, usage.blobs, usage.content_bytes), (1, 1, 500));
}
