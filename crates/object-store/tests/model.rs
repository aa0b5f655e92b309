//! Random transactions, compared with maps of the standard library: rows, order, references, and what is left of bytes.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use object_store::fault::{FaultyBytes, FaultyDisk};
use object_store::{
    Address, Blob, BlobRef, Direction, ObjectStore, Read, Row, StoreError, Table, after_prefix,
};
use proptest::prelude::*;
use support::{content, secret};

const TABLES: [Table; 2] = [Table::new("a"), Table::new("a-b")];

type Key = (usize, Vec<u8>);
type Model = BTreeMap<Key, Row>;
type Limit = Bound<Vec<u8>>;
type Compare<'a> = &'a dyn Fn(&Limit, &Limit);

#[derive(Clone, Debug)]
enum Change {
    Put {
        key: Key,
        value: u8,
        contents: Vec<u8>,
    },
    /// Writes the row of one key under another.
    Copy {
        from: Key,
        to: Key,
    },
    Delete {
        key: Key,
    },
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Change>),
    Refused(Vec<Change>),
    /// Several transactions at once, each of its own keys.
    Together(Vec<(u8, u8)>),
    Scan {
        table: usize,
        from: Bound<Vec<u8>>,
        to: Bound<Vec<u8>>,
        changes: Vec<Change>,
    },
    Reopen,
}

fn key() -> impl Strategy<Value = Key> {
    (0..2_usize, prop::collection::vec(prop_oneof![Just(0_u8), Just(97), Just(98), Just(255)], 0..3))
}

fn bound() -> impl Strategy<Value = Limit> {
    let bytes = || key().prop_map(|(_, key)| key);
    prop_oneof![Just(Bound::Unbounded), bytes().prop_map(Bound::Included), bytes().prop_map(Bound::Excluded)]
}

fn change() -> impl Strategy<Value = Change> {
    let contents = prop::collection::vec(0..5_u8, 0..3);
    prop_oneof![
        4 => (key(), any::<u8>(), contents).prop_map(|(key, value, contents)| Change::Put { key, value, contents }),
        1 => (key(), key()).prop_map(|(from, to)| Change::Copy { from, to }),
        3 => key().prop_map(|key| Change::Delete { key }),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(change(), 0..6)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => changes().prop_map(Step::Commit),
        1 => changes().prop_map(Step::Refused),
        1 => prop::collection::vec((0..4_u8, 0..5_u8), 1..5).prop_map(Step::Together),
        3 => (0..2_usize, bound(), bound(), changes())
            .prop_map(|(table, from, to, changes)| Step::Scan { table, from, to, changes }),
        1 => Just(Step::Reopen),
    ]
}

/// Contents 0 to 2 are small, the others have bytes.
fn bytes_of(number: u8) -> Vec<u8> {
    content(
        u64::from(number),
        if number < 3 { 40 + usize::from(number) } else { 17_000 + usize::from(number) },
    )
}

fn write(store: &ObjectStore, number: u8) -> Blob {
    support::write(store.writer(), &bytes_of(number)).unwrap()
}

fn apply(
    store: &ObjectStore,
    model: &mut Model,
    changes: &[Change],
    and_then: impl FnOnce(&object_store::Transaction<'_>, &Model) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let written: Vec<Vec<Blob>> = changes
        .iter()
        .map(|change| match change {
            Change::Put { contents, .. } => contents.iter().map(|number| write(store, *number)).collect(),
            _ => Vec::new(),
        })
        .collect();
    let mut after = model.clone();
    store.transact(|tx| {
        for (change, blobs) in changes.iter().zip(&written) {
            match change {
                Change::Put { key, value, .. } => {
                    let blobs = blobs.iter().map(|blob| tx.adopt(blob)).collect();
                    let row = Row { value: vec![*value], blobs };
                    tx.put(TABLES[key.0], &key.1, row.clone())?;
                    after.insert(key.clone(), row);
                }
                Change::Copy { from, to } => {
                    let row = tx.get(TABLES[from.0], &from.1)?;
                    assert_eq!(row.as_ref(), after.get(from));
                    if let Some(row) = row {
                        tx.put(TABLES[to.0], &to.1, row.clone())?;
                        after.insert(to.clone(), row);
                    }
                }
                Change::Delete { key } => {
                    let was_there = after.remove(key).is_some();
                    assert_eq!(tx.delete(TABLES[key.0], &key.1)?, was_there);
                }
            }
        }
        for (address, count) in counts(&after) {
            assert_eq!(tx.references(address)?, count);
        }
        and_then(tx, &after)
    })?;
    *model = after;
    Ok(())
}

fn counts(model: &Model) -> BTreeMap<Address, u64> {
    let mut counts = BTreeMap::new();
    for blob in model.values().flat_map(|row| &row.blobs) {
        *counts.entry(blob.address).or_default() += 1;
    }
    counts
}

/// Compares a scan with the model's, both ways.
fn compare<R: Read>(state: &R, model: &Model, table: usize, from: &Limit, to: &Limit) {
    let bounds = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
    let is_within = |key: &[u8]| std::ops::RangeBounds::<[u8]>::contains(&bounds, key);
    let expected: Vec<(Vec<u8>, Row)> = model
        .iter()
        .filter(|((of, key), _)| *of == table && is_within(key))
        .map(|((_, key), row)| (key.clone(), row.clone()))
        .collect();
    let scan = |direction| {
        let rows = state.scan(TABLES[table], bounds.0, bounds.1, direction);
        rows.collect::<Result<Vec<_>, _>>().unwrap()
    };
    assert_eq!(scan(Direction::Forward), expected);
    let backward: Vec<_> = expected.into_iter().rev().collect();
    assert_eq!(scan(Direction::Backward), backward);
}

fn check(store: &ObjectStore, bytes: &FaultyBytes, model: &Model) {
    let snapshot = store.snapshot();
    for table in 0..2 {
        compare(&snapshot, model, table, &Bound::Unbounded, &Bound::Unbounded);
        let end = after_prefix(b"a");
        compare(&snapshot, model, table, &Bound::Included(b"a".to_vec()), &end);
    }
    let all: BTreeSet<BlobRef> = model.values().flat_map(|row| row.blobs.clone()).collect();
    for blob in &all {
        let read = support::read(&snapshot, *blob).unwrap();
        assert!((0..5).any(|number| read == bytes_of(number)));
    }
    let usage = store.usage().unwrap();
    assert_eq!((usage.rows, usage.blobs), (model.len() as u64, all.len() as u64));
    assert_eq!(usage.content_bytes, all.iter().map(|blob| blob.length_bytes).sum::<u64>());
    drop(snapshot);
    assert!(store.wait_for_removals(Duration::from_secs(10)));
    let with_bytes: Vec<Address> =
        all.iter().filter(|blob| blob.length_bytes > 16_384).map(|blob| blob.address).collect();
    assert_eq!(bytes.addresses(), with_bytes, "what nothing refers to has gone, and nothing else");
    assert_eq!(bytes.staged_bytes(), 0);
    let report = store.fsck(false).unwrap();
    assert!(report.is_clean() && report.unreferenced == 0, "{report:?}");
}

fn together(store: &ObjectStore, model: &mut Model, writes: &[(u8, u8)]) {
    std::thread::scope(|threads| {
        for (at, (_, number)) in writes.iter().enumerate() {
            threads.spawn(move || {
                let blob = write(store, *number);
                store
                    .transact::<_, StoreError>(|tx| {
                        let blobs = vec![tx.adopt(&blob)];
                        tx.put(TABLES[0], &[200, at as u8], Row { value: vec![*number], blobs })
                    })
                    .unwrap();
            });
        }
    });
    for (at, (_, number)) in writes.iter().enumerate() {
        let blobs = vec![write(store, *number).reference()];
        model.insert((0, vec![200, at as u8]), Row { value: vec![*number], blobs });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn rows_and_references_are_as_in_a_map(steps in prop::collection::vec(step(), 1..16)) {
        let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
        let open = || disk.open(secret(), Arc::new(bytes.clone())).unwrap();
        let mut store = open();
        let mut model = Model::new();
        for step in &steps {
            match step {
                Step::Commit(changes) => apply(&store, &mut model, changes, |_, _| Ok(())).unwrap(),
                Step::Refused(changes) => {
                    let refused = apply(&store, &mut model, changes, |_, _| Err(StoreError::Interrupted));
                    prop_assert!(matches!(refused, Err(StoreError::Interrupted)));
                }
                Step::Together(writes) => together(&store, &mut model, writes),
                Step::Scan { table, from, to, changes } => {
                    compare(&store.snapshot(), &model, *table, from, to);
                    let seen = apply(&store, &mut model, changes, |tx, after| {
                        compare(tx, after, *table, from, to);
                        Ok(())
                    });
                    seen.unwrap();
                }
                Step::Reopen => {
                    drop(store);
                    store = open();
                }
            }
            check(&store, &bytes, &model);
        }
    }
}

/// Scans cross the sizes in which they read, over what is durable and what is not.
#[test]
fn long_scans_see_every_row_once() {
    let (disk, bytes) = (FaultyDisk::new(), FaultyBytes::new());
    let store = disk.open(secret(), Arc::new(bytes)).unwrap();
    let mut model = Model::new();
    let key = |number: u32| number.to_be_bytes().to_vec();
    store
        .transact::<_, StoreError>(|tx| {
            for number in 0..3000_u32 {
                let row = Row::new(vec![number as u8; (number % 50) as usize * 20]);
                tx.put(TABLES[0], &key(number * 2), row.clone())?;
                tx.put(TABLES[1], &key(number), Row::new("other"))?;
                model.insert((0, key(number * 2)), row);
                model.insert((1, key(number)), Row::new("other"));
            }
            Ok(())
        })
        .unwrap();
    let ends = [0, 1, 2, 999, 1000, 3001, 5998, 6001];
    let compare_all = |state: Compare<'_>| {
        for (from, to) in ends.iter().flat_map(|from| ends.iter().map(move |to| (*from, *to))) {
            state(&Bound::Included(key(from)), &Bound::Excluded(key(to)));
            state(&Bound::Excluded(key(from)), &Bound::Included(key(to)));
        }
    };
    let snapshot = store.snapshot();
    compare_all(&|from, to| compare(&snapshot, &model, 0, from, to));
    store
        .transact::<_, StoreError>(|tx| {
            let mut after = model.clone();
            for number in 0..3000_u32 {
                if number % 3 == 0 {
                    tx.delete(TABLES[0], &key(number * 2))?;
                    after.remove(&(0, key(number * 2)));
                }
                if number % 5 == 0 {
                    tx.put(TABLES[0], &key(number * 2 + 1), Row::new("new"))?;
                    after.insert((0, key(number * 2 + 1)), Row::new("new"));
                }
            }
            compare_all(&|from, to| compare(tx, &after, 0, from, to));
            Ok(())
        })
        .unwrap();
}
