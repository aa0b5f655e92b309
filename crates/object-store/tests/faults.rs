//! A disk that fails, fills up and loses power, at every operation in turn.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use object_store::fault::{FaultPlan, FaultyBytes, FaultyDisk};
use object_store::{BlobError, ObjectStore, Read as _, Row, StoreError};
use proptest::prelude::*;
use support::{OBJECTS, all, content, get, put, read, secret, write};

const SOON: Duration = Duration::from_secs(10);
const WRITES: u64 = 8;
const READ_ROWS: u32 = 40_000;

type State = BTreeMap<String, Vec<u8>>;

fn open(disk: &FaultyDisk, bytes: &FaultyBytes) -> ObjectStore {
    disk.open(secret(), Arc::new(bytes.clone())).unwrap()
}

/// Every other content is small.
fn content_of(number: u64) -> Vec<u8> {
    content(number, if number.is_multiple_of(2) { 300 } else { 17_000 })
}

fn key(number: u64) -> String {
    format!("n{}", number % 3)
}

/// Writes two rows with one content in one transaction.
fn write_both(store: &ObjectStore, number: u64) -> Result<(), StoreError> {
    let blob = write(store.writer(), &content_of(number)).unwrap();
    store.transact(|tx| {
        let blobs = vec![tx.adopt(&blob)];
        for key in [key(number), format!("copy of {}", key(number))] {
            tx.put(OBJECTS, key.as_bytes(), Row { value: vec![number as u8], blobs: blobs.clone() })?;
        }
        Ok(())
    })
}

fn with(mut state: State, number: u64) -> State {
    state.insert(key(number), content_of(number));
    state.insert(format!("copy of {}", key(number)), content_of(number));
    state
}

fn state(store: &ObjectStore) -> State {
    let snapshot = store.snapshot();
    let rows = all(&snapshot, OBJECTS).unwrap();
    let content = |(key, row): (Vec<u8>, Row)| {
        let content = read(&snapshot, row.blobs[0]).unwrap();
        assert!(content == content_of(u64::from(row.value[0])));
        (String::from_utf8(key).unwrap(), content)
    };
    rows.into_iter().map(content).collect()
}

/// Counts are right, and no bytes are left that nothing refers to.
fn check_whole(store: &ObjectStore, context: &str) {
    assert!(store.wait_for_removals(SOON), "{context}");
    store.sweep().finish().unwrap();
    let report = store.fsck(false).unwrap();
    assert!(report.is_clean() && report.unreferenced == 0, "{context}: {report:?}");
}

fn operations_of_workload() -> u64 {
    let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
    let store = open(&disk, &bytes);
    disk.set_plan(FaultPlan::default());
    (0..WRITES).for_each(|number| write_both(&store, number).unwrap());
    disk.operations()
}

#[test]
fn an_io_error_changes_nothing_and_reads_go_on() {
    let mut failures = 0;
    for fail_at in 0..operations_of_workload() {
        let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
        let store = open(&disk, &bytes);
        disk.set_plan(FaultPlan { fail_at: Some(fail_at), ..FaultPlan::default() });
        let mut expected = State::new();
        let oldest = store.snapshot();
        let mut was_crashed = false;
        for number in 0..WRITES {
            let before = store.snapshot();
            match write_both(&store, number) {
                Ok(()) => expected = with(expected, number),
                Err(StoreError::Write(error)) => {
                    failures += 1;
                    assert!(error.to_string().contains("simulated"), "{error}");
                    // A snapshot of before is of the newest durable state still, so that it can be read.
                    assert_eq!(all(&before, OBJECTS).unwrap().len(), expected.len());
                }
                Err(error) => panic!("operation {fail_at}: {error}"),
            }
            assert!(state(&store) == expected, "operation {fail_at}");
            // Right after the failure, before other commits write the same pages: what is acknowledged is on the disk, and
            // nothing else, whatever a sync that failed has lost.
            if !was_crashed && disk.operations() > fail_at {
                was_crashed = true;
                let crashed = disk.after_crash(|| false);
                assert!(state(&open(&crashed, &bytes)) == expected, "operation {fail_at}, crash at once");
            }
        }
        // An older one says that it was interrupted, or is as it was.
        match all(&oldest, OBJECTS) {
            Ok(rows) => assert!(rows.is_empty()),
            Err(error) => assert!(matches!(error, StoreError::Interrupted), "{error}"),
        }
        drop(oldest);
        write_both(&store, 50).unwrap();
        let expected = with(expected, 50);
        check_whole(&store, &format!("operation {fail_at}"));
        // A sync that failed must not have been believed: what is acknowledged survives the worst crash.
        let crashed = disk.after_crash(|| false);
        drop(store);
        assert!(state(&open(&crashed, &bytes)) == expected, "operation {fail_at}, after a crash");
        assert!(state(&open(&disk, &bytes)) == expected, "operation {fail_at}, after a reopen");
    }
    assert!(failures > 10, "the faults hit nothing: {failures}");
}

/// redb refuses everything after a read that failed; the store opens it again.
#[test]
fn a_read_that_fails_is_the_only_one() {
    let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
    let store = open(&disk, &bytes);
    store
        .transact::<_, StoreError>(|tx| {
            (0..READ_ROWS).try_for_each(|number| {
                tx.put(OBJECTS, &number.to_be_bytes(), Row::new(vec![number as u8; 900]))
            })
        })
        .unwrap();
    drop(store);
    let mut failures = 0;
    for fail_at in [0, 5, 20] {
        // There is more than the index keeps in memory.
        let store = open(&disk, &bytes);
        disk.set_plan(FaultPlan { fail_read_at: Some(fail_at), ..FaultPlan::default() });
        let snapshot = store.snapshot();
        let mut failed = 0;
        for number in (0..READ_ROWS).step_by(397) {
            match snapshot.get(OBJECTS, &number.to_be_bytes()) {
                Ok(row) => assert_eq!(row, Some(Row::new(vec![number as u8; 900]))),
                Err(StoreError::Read(_)) => failed += 1,
                Err(error) => panic!("read {fail_at}: {error}"),
            }
        }
        assert!(failed <= 1, "read {fail_at}: {failed}");
        failures += failed;
        disk.set_plan(FaultPlan::default());
        let key = 5_u32.to_be_bytes();
        store.transact::<_, StoreError>(|tx| tx.put(OBJECTS, &key, Row::new(vec![5; 900]))).unwrap();
        assert_eq!(all(&store.snapshot(), OBJECTS).unwrap().len(), READ_ROWS as usize);
    }
    assert_eq!(failures, 3, "the faults hit nothing");
}

/// Right after a failed commit, before anything else is written, the disk has the state of before.
#[test]
fn what_was_refused_is_not_on_the_disk() {
    let mut failures = 0;
    for fail_at in 0..operations_of_workload() {
        let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
        let store = open(&disk, &bytes);
        disk.set_plan(FaultPlan { fail_at: Some(fail_at), ..FaultPlan::default() });
        let mut expected = State::new();
        for number in 0..WRITES {
            if write_both(&store, number).is_err() {
                failures += 1;
                for survives in [false, true] {
                    let crashed = disk.after_crash(|| survives);
                    assert!(state(&open(&crashed, &bytes)) == expected, "operation {fail_at}, {survives}");
                }
                break;
            }
            expected = with(expected, number);
        }
    }
    assert!(failures > 10, "the faults hit nothing: {failures}");
}

#[test]
fn writes_are_refused_while_the_disk_is_gone_and_work_when_it_is_back() {
    let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
    let store = open(&disk, &bytes);
    write_both(&store, 0).unwrap();
    for crash_at in 0..8 {
        disk.set_plan(FaultPlan { crash_at: Some(crash_at), ..FaultPlan::default() });
        let before = loop {
            let before = disk_free(&store, &disk, crash_at);
            if let Some(before) = before {
                break before;
            }
        };
        disk.set_plan(FaultPlan::default());
        // The first reads may find it out only.
        let started = Instant::now();
        while store.snapshot().get(OBJECTS, b"n0").is_err() {
            assert!(started.elapsed() < SOON);
            std::thread::sleep(Duration::from_millis(1));
        }
        // What failed and could not be undone at once may be there, whole.
        let found = state(&store);
        assert!(found == before || found == with(before, 1), "operation {crash_at}");
        write_both(&store, 2).unwrap();
        let expected = with(found, 2);
        assert!(state(&store) == expected);
        assert!(state(&open(&disk.after_crash(|| false), &bytes)) == expected, "operation {crash_at}");
        check_whole(&store, &format!("operation {crash_at}"));
    }
}

/// Writes until the disk is gone; what was there then.
fn disk_free(store: &ObjectStore, disk: &FaultyDisk, crash_at: u64) -> Option<State> {
    let before = state(store);
    match write_both(store, 1) {
        Ok(()) => None,
        Err(_) => {
            assert!(disk.operations() > crash_at);
            write_both(store, 1).unwrap_err();
            Some(before)
        }
    }
}

#[test]
fn a_full_disk_refuses_rows_and_a_later_retry_works() {
    let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
    let store = open(&disk, &bytes);
    disk.set_plan(FaultPlan { capacity_bytes: Some(8 << 20), ..FaultPlan::default() });
    let put = |number: u32| {
        store.transact::<_, StoreError>(|tx| {
            tx.put(OBJECTS, &number.to_be_bytes(), Row::new(vec![1; 500_000]))
        })
    };
    let full = (0..).find(|number| put(*number).is_err()).unwrap();
    assert!((3..20).contains(&full), "{full}");
    assert!(matches!(put(full), Err(StoreError::Full)));
    assert_eq!(all(&store.snapshot(), OBJECTS).unwrap().len(), full as usize);
    disk.set_plan(FaultPlan::default());
    put(full).unwrap();
    assert_eq!(all(&store.snapshot(), OBJECTS).unwrap().len(), full as usize + 1);
    assert!(
        all(&open(&disk.after_crash(|| false), &bytes).snapshot(), OBJECTS).unwrap().len()
            == full as usize + 1
    );
}

#[test]
fn a_store_of_bytes_that_fails_leaves_no_part_of_a_content() {
    let whole = content(1, 2_500_000);
    let operations = {
        let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
        write(open(&disk, &bytes).writer(), &whole).unwrap();
        bytes.operations()
    };
    assert!(operations > 5, "{operations}");
    for fail_at in 0..operations - 1 {
        let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
        let store = open(&disk, &bytes);
        bytes.set_plan(FaultPlan { fail_at: Some(fail_at), ..FaultPlan::default() });
        let refused = write(store.writer(), &whole);
        assert!(matches!(refused, Err(BlobError::Write(_))), "operation {fail_at}: {refused:?}");
        assert_eq!((bytes.addresses().len(), bytes.staged_bytes()), (0, 0), "operation {fail_at}");
        assert_eq!(put(&store, "a", &whole).unwrap().length_bytes, whole.len() as u64);
        assert!(get(&store, "a").unwrap().unwrap() == whole);
    }
    let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
    let store = open(&disk, &bytes);
    bytes.set_plan(FaultPlan { capacity_bytes: Some(2 << 20), ..FaultPlan::default() });
    assert!(matches!(write(store.writer(), &whole), Err(BlobError::Full)));
    let mut writer = store.writer();
    let failed = (0..5).map(|_| writer.write(&whole)).find(Result::is_err).unwrap();
    assert!(matches!(failed, Err(BlobError::Full)));
    assert!(matches!(writer.write(b"more"), Err(BlobError::Abandoned)));
    assert!(matches!(writer.finish(), Err(BlobError::Abandoned)));
    assert_eq!(bytes.staged_bytes(), 0);
    put(&store, "small", &content(1, 1_000_000)).unwrap();
}

/// Rows are counted up from several threads while a commit fails: what was built on it fails with it.
#[test]
fn what_was_built_on_a_failed_commit_fails_with_it() {
    for fail_at in 0..8 {
        let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
        let store = open(&disk, &bytes);
        disk.set_plan(FaultPlan { fail_at: Some(fail_at), ..FaultPlan::default() });
        let count = |row: Option<Row>| row.map_or(0, |row| u64::from_le_bytes(row.value.try_into().unwrap()));
        let acknowledged = AtomicU64::new(0);
        std::thread::scope(|threads| {
            for thread in 0..8 {
                let (store, acknowledged) = (&store, &acknowledged);
                threads.spawn(move || {
                    for number in 0..10 {
                        let blob = write(store.writer(), &content_of(thread * 10 + number)).unwrap();
                        let counted = store.transact::<_, StoreError>(|tx| {
                            let next = count(tx.get(OBJECTS, b"n")?) + 1;
                            let blobs = vec![tx.adopt(&blob)];
                            tx.put(OBJECTS, b"n", Row { value: next.to_le_bytes().to_vec(), blobs })
                        });
                        acknowledged.fetch_add(u64::from(counted.is_ok()), Ordering::Relaxed);
                        // An answer that only read is as durable as one that wrote.
                        let seen = store.transact::<_, StoreError>(|tx| tx.get(OBJECTS, b"n"));
                        if let Ok(Some(seen)) = seen {
                            let durable = store.snapshot().get(OBJECTS, b"n").unwrap();
                            assert!(count(durable) >= count(Some(seen)));
                        }
                    }
                });
            }
        });
        let acknowledged = acknowledged.into_inner();
        assert!(acknowledged >= 72, "one failed batch has at most 8 transactions: {acknowledged}");
        let found = count(store.snapshot().get(OBJECTS, b"n").unwrap());
        assert_eq!(found, acknowledged, "operation {fail_at}");
        check_whole(&store, &format!("operation {fail_at}"));
    }
}

#[test]
fn transactions_that_wait_are_one_commit() {
    let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
    let store = open(&disk, &bytes);
    let before = store.snapshot().revision().0;
    // While this one is inside its transaction the others gather behind it.
    std::thread::scope(|threads| {
        store
            .transact::<_, StoreError>(|tx| {
                for thread in 0..16_u8 {
                    let store = &store;
                    threads.spawn(move || {
                        store
                            .transact::<_, StoreError>(|tx| tx.put(OBJECTS, &[thread], Row::default()))
                            .unwrap();
                    });
                }
                std::thread::sleep(Duration::from_millis(100));
                tx.put(OBJECTS, b"first", Row::default())
            })
            .unwrap();
    });
    assert_eq!(all(&store.snapshot(), OBJECTS).unwrap().len(), 17);
    let commits = store.snapshot().revision().0 - before;
    assert!(commits <= 8, "17 transactions were {commits} commits");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// After a power failure at any operation, whatever of the unsynced sectors is on disk: everything acknowledged is
    /// there, and beyond it at most the transaction that was on its way, whole; and counts are right.
    #[test]
    fn a_power_failure_loses_nothing_acknowledged(crash_at in 0_u64..60, seed in any::<u64>()) {
        let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
        let store = open(&disk, &bytes);
        disk.set_plan(FaultPlan { crash_at: Some(crash_at), ..FaultPlan::default() });
        let mut acknowledged = State::new();
        let mut in_flight = None;
        for number in 0..12 {
            if write_both(&store, number).is_err() {
                in_flight = Some(with(acknowledged.clone(), number));
                break;
            }
            acknowledged = with(acknowledged, number);
        }
        drop(store);
        let mut random = seed | 1;
        let crashed = disk.after_crash(|| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random & 1 == 0
        });
        let reopened = open(&crashed, &bytes);
        let found = state(&reopened);
        prop_assert!(found == acknowledged || Some(&found) == in_flight.as_ref());
        check_whole(&reopened, "after a crash");
        write_both(&reopened, 20).unwrap();
        prop_assert!(state(&reopened) == with(found, 20));
    }
}
