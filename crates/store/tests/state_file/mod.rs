//! State files of releases, compressed, as the tests of services keep them.
//!
//! Owns how they are opened and made. Refuses to know what is in them. Tests of other crates have this module by its path.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::Path;

use store::{Backend as _, Contents, RecordKind, RedbBackend, Store};
use tempfile::TempDir;

/// A data directory with the state of a file.
pub fn directory(file: &Path) -> TempDir {
    let compressed = std::fs::read(file).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&compressed[..]).read_to_end(&mut bytes).unwrap();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("store.redb"), bytes).unwrap();
    directory
}

/// What a data directory has.
pub fn contents(directory: &TempDir) -> Contents {
    RedbBackend::open(directory.path()).unwrap().load().unwrap()
}

/// The state of a data directory.
pub fn open(directory: &TempDir) -> Store {
    Store::open(RedbBackend::open(directory.path()).unwrap()).unwrap()
}

/// The kinds of records that there are.
pub fn kinds(contents: &Contents) -> BTreeSet<&'static str> {
    contents.records.iter().map(|(key, _)| key.kind).collect()
}

/// The names of the kinds of records that a service writes.
pub fn names(kinds: impl IntoIterator<Item = RecordKind>) -> BTreeSet<&'static str> {
    kinds.into_iter().map(|kind| kind.name()).collect()
}

/// Makes a file of what is put into an empty state, and tells the kinds of records in it.
pub fn write(file: &Path, make: impl FnOnce(Store)) -> BTreeSet<&'static str> {
    let directory = tempfile::tempdir().unwrap();
    make(open(&directory));
    let made = kinds(&contents(&directory));
    let bytes = std::fs::read(directory.path().join("store.redb")).unwrap();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let level = flate2::Compression::best();
    let mut compressed = flate2::write::GzEncoder::new(std::fs::File::create(file).unwrap(), level);
    compressed.write_all(&bytes).unwrap();
    compressed.finish().unwrap();
    made
}
