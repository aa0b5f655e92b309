//! Contents: what is written is read, equal contents are one, and damage is found.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::Read as _;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use object_store::{
    BLOCK_BYTES, BlobError, BlobRef, BlobSecret, DamageKind, INLINE_BYTES, ObjectStore, Place, Read as _,
    ScrubOptions, ScrubReport,
};
use redb::ReadableTable as _;
use support::{
    OBJECTS, content, delete, file_of, files, get, put, put_blob, read, references, secret, write,
};

fn open(dir: &Path) -> ObjectStore {
    ObjectStore::open(dir, secret()).unwrap()
}

fn scrub(store: &ObjectStore) -> ScrubReport {
    store.scrub(ScrubOptions::default(), |_| ControlFlow::Continue(())).unwrap()
}

const LENGTHS: [usize; 9] = [
    0,
    1,
    INLINE_BYTES,
    INLINE_BYTES + 1,
    BLOCK_BYTES - 1,
    BLOCK_BYTES,
    BLOCK_BYTES + 1,
    2 * BLOCK_BYTES,
    3 * BLOCK_BYTES + 77,
];

#[test]
fn what_is_written_is_read_after_a_reopen_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for length in LENGTHS {
        let blob = put(&store, &length.to_string(), &content(length as u64, length)).unwrap();
        assert_eq!(blob.length_bytes, length as u64);
        assert_eq!(file_of(dir.path(), blob).exists(), length > INLINE_BYTES, "{length}");
    }
    drop(store);
    let store = open(dir.path());
    for length in LENGTHS {
        assert!(
            get(&store, &length.to_string()).unwrap().unwrap() == content(length as u64, length),
            "{length}"
        );
    }
    let usage = store.usage().unwrap();
    assert_eq!(usage.content_bytes, LENGTHS.iter().map(|length| *length as u64).sum());
    assert_eq!((usage.rows, usage.blobs), (LENGTHS.len() as u64, LENGTHS.len() as u64));
    let on_disk: u64 =
        files(&dir.path().join("blobs")).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(usage.stored_bytes > on_disk && usage.stored_bytes < on_disk + 3 * (INLINE_BYTES as u64 + 64));
    assert!(store.fsck(false).unwrap().is_clean());
    let report = scrub(&store);
    assert_eq!((report.damaged, report.progress.blobs), (0, LENGTHS.len() as u64));
    assert!(files(&dir.path().join("staging")).is_empty());
}

#[test]
fn any_range_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let block = BLOCK_BYTES as u64;
    for length in [10_000, 3 * BLOCK_BYTES + 77] {
        let whole = content(3, length);
        let blob = put(&store, "a", &whole).unwrap();
        let mut reader = store.snapshot().open_blob(blob, &secret()).unwrap();
        let ranges = [
            (0, 1),
            (9_999, 10_000),
            (block - 1, block + 1),
            (block, 2 * block),
            (5, u64::MAX),
            (3 * block + 76, 3 * block + 77),
            (7, 7),
            (4 * block, 5 * block),
        ];
        for (start, end) in ranges {
            reader.set_range(start..end);
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            let end = end.min(length as u64) as usize;
            assert!(read == whole[(start as usize).min(end)..end], "{start}..{end} of {length}");
        }
    }
}

#[test]
fn equal_contents_are_one_file_and_another_secret_makes_another() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let bytes = content(1, 100_000);
    let first = put(&store, "a", &bytes).unwrap();
    assert_eq!(put(&store, "b", &bytes).unwrap(), first);
    assert_eq!((references(&store, first), store.usage().unwrap().blobs), (2, 1));
    let stored = std::fs::read(file_of(dir.path(), first)).unwrap();
    assert_eq!(files(&dir.path().join("blobs")).len(), 1);
    // Who writes it again does not depend on what the disk made of the bytes of before.
    std::fs::write(file_of(dir.path(), first), vec![0; stored.len()]).unwrap();
    assert_eq!(scrub(&store).damaged, 1);
    assert_eq!(put(&store, "b", &bytes).unwrap(), first);
    assert_eq!(scrub(&store).damaged, 0);
    assert!(std::fs::read(file_of(dir.path(), first)).unwrap() == stored);
    let theirs = BlobSecret::new([8; 32]);
    for length in [500, 100_000] {
        let blob = write(store.writer_under(&theirs), &content(1, length)).unwrap();
        put_blob(&store, "c", &blob).unwrap();
        assert_ne!(blob.address(), first.address);
        let open = |secret: &BlobSecret| store.snapshot().open_blob(blob.reference(), secret).map(|_| ());
        assert!(matches!(open(&secret()), Err(BlobError::OtherSecret(_))));
        open(&theirs).unwrap();
        let report = scrub(&store);
        assert_eq!((report.damaged, report.without_secret), (0, 1), "{length}");
    }
    // Nothing of the content is on the disk.
    for path in files(dir.path()) {
        let stored = std::fs::read(&path).unwrap();
        assert!(!stored.windows(16).any(|window| window == &bytes[..16]), "{}", path.display());
    }
}

fn flip(path: &Path, bit: u64) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, bit / 8).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << (bit % 8))], bit / 8).unwrap();
}

/// Reads everything; the place of damage if there is some.
fn damage(store: &ObjectStore, blob: BlobRef, expected: &[u8]) -> Option<Place> {
    match read(&store.snapshot(), blob) {
        Ok(content) => {
            assert!(content == expected, "what is given out is what was written");
            None
        }
        Err(BlobError::Damaged { place, address }) if address == blob.address => Some(place),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_flipped_bit_is_found_by_reading_and_by_a_scrub_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let bytes = content(5, 2 * BLOCK_BYTES + 5000);
    let theirs = BlobSecret::new([8; 32]);
    let ours = put(&store, "ours", &bytes).unwrap();
    let blob = write(store.writer_under(&theirs), &bytes).unwrap();
    put_blob(&store, "theirs", &blob).unwrap();
    let sealed_block = BLOCK_BYTES as u64 + 16;
    for (reference, key) in [(ours, "ours"), (blob.reference(), "theirs")] {
        let path = file_of(dir.path(), reference);
        let end = path.metadata().unwrap().len();
        let places = [
            (3, Place::Head),
            (14, Place::Head),
            (32, Place::Block(0)),
            (32 + sealed_block - 1, Place::Block(0)),
            (32 + sealed_block, Place::Block(1)),
            (32 + 2 * sealed_block + 5000, Place::Block(2)),
            (32 + 2 * sealed_block + 5016, Place::List),
            (end - 24 - 12, Place::List),
            (end - 24, Place::List),
            (end - 13, Place::List),
            (end - 1, Place::List),
        ];
        for (byte, place) in places {
            flip(&path, byte * 8 + 5);
            if key == "ours" {
                assert_eq!(damage(&store, reference, &bytes), Some(place), "byte {byte}");
            }
            let report = scrub(&store);
            assert_eq!(report.damaged, 1, "byte {byte} of {key}");
            let found = &report.damages[0];
            assert_eq!(
                (found.address, found.kind),
                (reference.address, DamageKind::Damaged(place)),
                "byte {byte}"
            );
            assert_eq!(found.rows.len(), 1);
            assert_eq!((&*found.rows[0].table, &*found.rows[0].key), ("objects", key.as_bytes()));
            flip(&path, byte * 8 + 5);
        }
    }
    assert_eq!(damage(&store, ours, &bytes), None);
    // What is before the damage is given out, what is in it is not.
    flip(&file_of(dir.path(), ours), (32 + sealed_block) * 8);
    let mut reader = store.snapshot().open_blob(ours, &secret()).unwrap();
    assert!(reader.next_part().unwrap().unwrap() == &bytes[..BLOCK_BYTES]);
    reader.next_part().unwrap_err();
    // A file that was cut is damage, and one that is not there is missing.
    let path = file_of(dir.path(), ours);
    let length = path.metadata().unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
    assert_eq!(damage(&store, ours, &bytes), Some(Place::List));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(read(&store.snapshot(), ours), Err(BlobError::Missing(it)) if it == ours.address));
    assert_eq!(scrub(&store).damages[0].kind, DamageKind::Missing);
    assert_eq!(store.fsck(false).unwrap().missing, [ours.address]);
    // The same content makes it whole again.
    put(&store, "again", &bytes).unwrap();
    assert_eq!(damage(&store, ours, &bytes), None);
}

const INLINE: redb::TableDefinition<'_, &[u8; 32], &[u8]> = redb::TableDefinition::new("inline");

#[test]
fn a_flipped_bit_of_a_small_content_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = content(6, 900);
    let theirs = BlobSecret::new([8; 32]);
    let store = open(dir.path());
    let ours = put(&store, "ours", &bytes).unwrap();
    put_blob(&store, "theirs", &write(store.writer_under(&theirs), &bytes).unwrap()).unwrap();
    drop(store);
    for bit in [0, 8, 17 * 8, 21 * 8, 500 * 8, 936 * 8 + 7] {
        flip_inline(dir.path(), bit);
        let store = open(dir.path());
        let read = read(&store.snapshot(), ours);
        assert!(read.is_err(), "bit {bit}");
        let report = scrub(&store);
        assert_eq!((report.damaged, report.damages.len()), (2, 2), "bit {bit}");
        assert_eq!(report.damages.iter().map(|damage| damage.rows.len()).sum::<usize>(), 2);
        drop(store);
        flip_inline(dir.path(), bit);
    }
    let store = open(dir.path());
    assert!(read(&store.snapshot(), ours).unwrap() == bytes);
    assert_eq!(scrub(&store).damaged, 0);
}

/// Turns a bit over in every small content.
fn flip_inline(dir: &Path, bit: usize) {
    let database = redb::Database::create(dir.join("objects.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut inline = transaction.open_table(INLINE).unwrap();
        let stored: Vec<_> = inline
            .iter()
            .unwrap()
            .map(|entry| entry.map(|(key, value)| (*key.value(), value.value().to_vec())).unwrap())
            .collect();
        for (key, mut value) in stored {
            value[bit / 8] ^= 1 << (bit % 8);
            inline.insert(&key, value.as_slice()).unwrap();
        }
    }
    transaction.commit().unwrap();
}

#[test]
fn a_scrub_keeps_to_its_rate_and_can_be_ended() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for number in 0..6 {
        put(&store, &number.to_string(), &content(number, 500_000)).unwrap();
    }
    let started = Instant::now();
    let options = ScrubOptions { bytes_per_sec: Some(6_000_000) };
    let report = store.scrub(options, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((report.damaged, report.is_cancelled), (0, false));
    assert!(started.elapsed() >= Duration::from_millis(480), "{:?}", started.elapsed());
    let options = ScrubOptions { bytes_per_sec: Some(1) };
    let started = Instant::now();
    let ended = store.scrub(options, |progress| match progress.bytes {
        0 => ControlFlow::Continue(()),
        _ if started.elapsed() < Duration::from_millis(50) => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    assert!(ended.unwrap().is_cancelled);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut writer = store.writer();
    writer.write(&content(1, 3 * BLOCK_BYTES)).unwrap();
    assert_eq!(files(&dir.path().join("staging")).len(), 1);
    drop(writer);
    assert!(files(&dir.path().join("staging")).is_empty());
    assert!(files(&dir.path().join("blobs")).is_empty());
    // What a killed process was writing goes when the store is opened.
    let mut writer = store.writer();
    writer.write(&content(1, 3 * BLOCK_BYTES)).unwrap();
    std::mem::forget(writer);
    assert_eq!(files(&dir.path().join("staging")).len(), 1);
    drop(store);
    let _store = open(dir.path());
    assert!(files(&dir.path().join("staging")).is_empty());
}

#[test]
fn rows_may_have_many_blobs_and_one_blob_many_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let blobs: Vec<_> = (0..5).map(|seed| write(store.writer(), &content(seed, 20_000)).unwrap()).collect();
    let refs = store
        .transact::<_, object_store::StoreError>(|tx| {
            let mut refs: Vec<_> = blobs.iter().map(|blob| tx.adopt(blob)).collect();
            refs.push(refs[0]);
            let row = object_store::Row { value: Vec::new(), blobs: refs.clone() };
            tx.put(OBJECTS, b"a", row.clone())?;
            tx.put(OBJECTS, b"b", row)?;
            Ok(refs)
        })
        .unwrap();
    drop(blobs);
    assert_eq!(references(&store, refs[0]), 4);
    assert_eq!(references(&store, refs[1]), 2);
    assert_eq!(store.snapshot().get(OBJECTS, b"b").unwrap().unwrap().blobs, refs);
    delete(&store, "a").unwrap();
    assert!(store.wait_for_removals(Duration::from_secs(10)));
    assert_eq!(files(&dir.path().join("blobs")).len(), 5);
    delete(&store, "b").unwrap();
    assert!(store.wait_for_removals(Duration::from_secs(10)));
    assert!(files(&dir.path().join("blobs")).is_empty());
    assert_eq!(store.usage().unwrap(), object_store::Usage::default());
}
