//! A simulated disk that fails, fills up and loses what was not synced, and a store of bytes that does, for tests of what is
//! built on the store.
//!
//! The disk stands below redb, so what is tested is the real index: every write, sync and change of length can fail or be
//! the last thing that happens before a crash.

mod bytes;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::StorageBackend;

use crate::bytes::ByteStore;
use crate::error::{Cause, StoreError};
use crate::medium::{HEAD_BYTES, Heads, Medium};
use crate::{BlobSecret, ObjectStore};

pub use bytes::FaultyBytes;

/// What a torn write tears at: the part that a disk writes or does not.
const SECTOR_BYTES: usize = 512;

/// What the disk does wrong. Operations (writes, syncs and changes of length) are counted from 0 when the plan is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// This operation, and this one alone, answers an I/O error. A sync that fails forgets the writes that it was for
    /// in the way Linux does: they can still be read, and are gone after a crash.
    pub fail_at: Option<u64>,
    /// Every operation from this one on answers an error and has no effect: the power is gone.
    pub crash_at: Option<u64>,
    /// This read, and this one alone, answers an I/O error. Reads are counted by themselves.
    pub fail_read_at: Option<u64>,
    /// The file cannot grow beyond this.
    pub capacity_bytes: Option<u64>,
}

/// A disk in memory with a file and its replacement. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct FaultyDisk(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<Name, FileState>,
    plan: FaultPlan,
    operations: u64,
    reads: u64,
    heads: Heads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Current,
    Replacement,
}

#[derive(Clone, Debug, Default)]
struct FileState {
    /// What a read sees.
    seen: Vec<u8>,
    /// What survives a crash for sure.
    durable: Vec<u8>,
    /// What was done since the last sync, and may survive.
    unsynced: Vec<Effect>,
}

#[derive(Clone, Debug)]
enum Effect {
    Write { offset: usize, data: Vec<u8> },
    SetLen(usize),
}

impl FaultyDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a store whose index is on this disk, with its bytes somewhere else.
    ///
    /// # Errors
    /// As [`ObjectStore::open`], and what the disk's plan makes fail.
    pub fn open(&self, secret: BlobSecret, bytes: Arc<dyn ByteStore>) -> Result<ObjectStore, StoreError> {
        bytes.discard_staged().map_err(|error| StoreError::Read(Cause::file(error)))?;
        ObjectStore::start(self.clone(), secret, bytes, None)
    }

    /// From now on, goes wrong like this. The count of operations starts again.
    pub fn set_plan(&self, plan: FaultPlan) {
        let mut disk = self.0.lock();
        disk.plan = plan;
        disk.operations = 0;
        disk.reads = 0;
    }

    /// How many operations there have been since the plan was set.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// What is on the disk after the power failed: of what was not synced, each sector may be there or not, as
    /// `random` says.
    pub fn after_crash(&self, mut random: impl FnMut() -> bool) -> Self {
        let disk = self.0.lock();
        let mut files = BTreeMap::new();
        for (name, file) in &disk.files {
            let mut bytes = file.durable.clone();
            for effect in &file.unsynced {
                effect.apply_torn(&mut bytes, &mut random);
            }
            files.insert(*name, FileState { seen: bytes.clone(), durable: bytes, unsynced: Vec::new() });
        }
        Self(Arc::new(Mutex::new(Disk { files, ..Disk::default() })))
    }

    fn file(&self, name: Name) -> FaultyFile {
        FaultyFile { disk: self.clone(), name }
    }
}

impl Effect {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data } => {
                bytes.resize(bytes.len().max(offset + data.len()), 0);
                bytes[*offset..*offset + data.len()].copy_from_slice(data);
            }
            Self::SetLen(len) => bytes.resize(*len, 0),
        }
    }

    fn apply_torn(&self, bytes: &mut Vec<u8>, random: &mut impl FnMut() -> bool) {
        match self {
            Self::Write { offset, data } => {
                for (index, sector) in data.chunks(SECTOR_BYTES).enumerate() {
                    let start = offset + index * SECTOR_BYTES;
                    if random() {
                        bytes.resize(bytes.len().max(start + sector.len()), 0);
                        bytes[start..start + sector.len()].copy_from_slice(sector);
                    }
                }
            }
            Self::SetLen(len) => {
                if random() {
                    bytes.resize(*len, 0);
                }
            }
        }
    }
}

impl Disk {
    /// Counts an operation and says whether it goes wrong.
    fn step(&mut self) -> io::Result<()> {
        let operation = self.operations;
        self.operations += 1;
        if self.plan.crash_at.is_some_and(|at| operation >= at) {
            return Err(io::Error::other("the simulated power is gone"));
        }
        if self.plan.fail_at == Some(operation) {
            return Err(io::Error::other("simulated I/O error"));
        }
        Ok(())
    }

    fn note(&mut self, name: Name, note: impl FnOnce(&mut Heads)) {
        if name == Name::Current {
            note(&mut self.heads);
        }
    }

    fn apply(&mut self, name: Name, effect: Effect) {
        let file = self.files.entry(name).or_default();
        effect.apply(&mut file.seen);
        file.unsynced.push(effect);
    }
}

/// An open file of a [`FaultyDisk`].
#[derive(Debug)]
pub(crate) struct FaultyFile {
    disk: FaultyDisk,
    name: Name,
}

fn to_index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

impl StorageBackend for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.0.lock().files.get(&self.name).map_or(0, |file| file.seen.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut disk = self.disk.0.lock();
        disk.reads += 1;
        if disk.plan.fail_read_at == Some(disk.reads - 1) {
            return Err(io::Error::other("simulated I/O error"));
        }
        let start = to_index(offset)?;
        let bytes = disk.files.get(&self.name).and_then(|file| file.seen.get(start..start + out.len()));
        out.copy_from_slice(bytes.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk.0.lock();
        disk.step()?;
        if disk.plan.capacity_bytes.is_some_and(|capacity| len > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.apply(self.name, Effect::SetLen(to_index(len)?));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk.0.lock();
        let outcome = disk.step();
        let is_crashed = disk.plan.crash_at.is_some_and(|at| disk.operations > at);
        let file = disk.files.entry(self.name).or_default();
        match outcome {
            Ok(()) => {
                // What an earlier sync failed to write is not written by this one: its pages count as clean.
                for effect in std::mem::take(&mut file.unsynced) {
                    effect.apply(&mut file.durable);
                }
                let length = file.seen.len();
                file.durable.resize(length, 0);
                disk.note(self.name, Heads::synced);
                Ok(())
            }
            Err(error) => {
                if !is_crashed {
                    file.unsynced.clear();
                }
                disk.note(self.name, Heads::failed);
                Err(error)
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.0.lock();
        disk.note(self.name, |heads| heads.write(offset, data));
        disk.step()?;
        disk.apply(self.name, Effect::Write { offset: to_index(offset)?, data: data.to_vec() });
        Ok(())
    }
}

impl Medium for FaultyDisk {
    type File = FaultyFile;

    fn open(&self) -> io::Result<FaultyFile> {
        let mut disk = self.0.lock();
        let mut head = vec![0; HEAD_BYTES];
        if let Some(file) = disk.files.get(&Name::Current)
            && let Some(seen) = file.seen.get(..HEAD_BYTES)
        {
            head.copy_from_slice(seen);
        }
        disk.heads.opened(head);
        Ok(self.file(Name::Current))
    }

    fn create_replacement(&self) -> io::Result<FaultyFile> {
        self.0.lock().files.remove(&Name::Replacement);
        Ok(self.file(Name::Replacement))
    }

    fn install_replacement(&self) -> io::Result<()> {
        let mut disk = self.0.lock();
        disk.step()?;
        let replacement = disk.files.remove(&Name::Replacement);
        disk.files.insert(Name::Current, replacement.ok_or(io::ErrorKind::NotFound)?);
        Ok(())
    }

    fn revert(&self) -> io::Result<()> {
        let head = self.0.lock().heads.to_restore().map(<[u8]>::to_vec);
        if let Some(head) = head {
            let file = self.file(Name::Current);
            file.write(0, &head)?;
            file.sync_data()?;
            self.0.lock().heads.restored();
        }
        Ok(())
    }

    fn give_reserve(&self) -> io::Result<bool> {
        Ok(false)
    }

    fn keep_reserve(&self) -> io::Result<()> {
        Ok(())
    }
}
