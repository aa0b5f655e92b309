//! What the tests have in common.

#![allow(dead_code)]

use std::ops::Bound;
use std::path::{Path, PathBuf};

use object_store::{
    Blob, BlobError, BlobRef, BlobSecret, BlobWriter, Direction, ObjectStore, Read, Row, Snapshot,
    StoreError, Table,
};

pub(crate) const OBJECTS: Table = Table::new("objects");

pub(crate) fn secret() -> BlobSecret {
    BlobSecret::new([7; 32])
}

/// Bytes that look random, and are the same for the same seed.
pub(crate) fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub(crate) fn write(mut writer: BlobWriter, content: &[u8]) -> Result<Blob, BlobError> {
    for part in content.chunks(300_000) {
        writer.write(part)?;
    }
    writer.finish()
}

/// Writes a content and a row that refers to it.
pub(crate) fn put(store: &ObjectStore, key: &str, content: &[u8]) -> Result<BlobRef, BlobError> {
    let blob = write(store.writer(), content)?;
    put_blob(store, key, &blob)?;
    Ok(blob.reference())
}

pub(crate) fn put_blob(store: &ObjectStore, key: &str, blob: &Blob) -> Result<(), StoreError> {
    store.transact(|tx| {
        let blobs = vec![tx.adopt(blob)];
        tx.put(OBJECTS, key.as_bytes(), Row { value: key.as_bytes().to_vec(), blobs })
    })
}

pub(crate) fn delete(store: &ObjectStore, key: &str) -> Result<bool, StoreError> {
    store.transact(|tx| tx.delete(OBJECTS, key.as_bytes()))
}

pub(crate) fn read(snapshot: &Snapshot, reference: BlobRef) -> Result<Vec<u8>, BlobError> {
    let mut reader = snapshot.open_blob(reference, &secret())?;
    let mut content = Vec::new();
    while let Some(part) = reader.next_part()? {
        content.extend_from_slice(part);
    }
    Ok(content)
}

/// The content of a row's only blob.
pub(crate) fn get(store: &ObjectStore, key: &str) -> Result<Option<Vec<u8>>, BlobError> {
    let snapshot = store.snapshot();
    let row = snapshot.get(OBJECTS, key.as_bytes())?;
    row.map(|row| read(&snapshot, row.blobs[0])).transpose()
}

pub(crate) fn all<R: Read>(state: &R, table: Table) -> Result<Vec<(Vec<u8>, Row)>, StoreError> {
    state.scan(table, Bound::Unbounded, Bound::Unbounded, Direction::Forward).collect()
}

pub(crate) fn references(store: &ObjectStore, blob: BlobRef) -> u64 {
    store.transact(|tx| tx.references(blob.address)).unwrap()
}

/// All files below a directory.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in dir.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { dirs.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// The file of a blob.
pub(crate) fn file_of(dir: &Path, blob: BlobRef) -> PathBuf {
    let name = blob.address.to_string();
    dir.join("blobs").join(&name[..2]).join(name)
}
