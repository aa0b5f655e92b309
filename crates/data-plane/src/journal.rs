//! The journal of tracked connections: what a daemon that was killed leaves to the next one.
//!
//! A file of fixed slots, mapped into memory: a record is written where it stays, there is no system call, no growing log and
//! nothing to compact, and what has been written is the kernel's the moment it is written, so that `kill -9` loses
//! nothing. It is not for crashes of the machine, after which no connection is left anyway; a boot id in its head tells.
//!
//! Refuses to know what a record means.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use hashbrown::HashMap;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use vpc_abi as abi;
use vpc_engine::flows::FlowState;
use vpc_engine::{FlowEvent, FlowRecord, Millis};

use crate::DataPlaneError;

/// Tells this format and its version.
const MAGIC: u64 = u64::from_ne_bytes(*b"brumefl1");
/// Bytes of a slot: its length word, then the record.
const SLOT_BYTES: usize = 256;
/// Slots that get their room in the file system together.
const RESERVED_AT_ONCE: u32 = 1024;
/// Bytes before the first slot.
const HEAD_BYTES: usize = 4096;
/// Where the engine's time of the last sign of life is, in the head.
const ALIVE_AT: usize = 8;
/// Where the boot id is, in the head.
const BOOT_ID_AT: usize = 64;
/// A boot id is written as a UUID.
const BOOT_ID_BYTES: usize = 36;

/// The journal, open for writing.
pub(crate) struct Journal {
    map: NonNull<u8>,
    bytes: usize,
    slots: u32,
    free: Vec<u32>,
    /// Slots from this one on have never been used.
    fresh: u32,
    /// Slots up to this one have room in the file system. Writing to one that has none would end the process.
    reserved: u32,
    /// The slot of each connection, by what its interface sends.
    live: HashMap<abi::FlowKey, u32>,
    has_lost: bool,
    file: File,
}

// SAFETY: the mapping belongs to this value alone and is not bound to a thread.
unsafe impl Send for Journal {}

/// Sees to it that a folder's files are in memory, where the kernel has no reason to write them to a disk, and that nobody
/// else's files take their room: mounts a file system there, unless that has been done. Where that is not allowed, the
/// journal is where the folder is.
pub(crate) fn hold_in_memory(folder: &Path) -> Result<(), DataPlaneError> {
    std::fs::create_dir_all(folder).map_err(DataPlaneError::file("make", folder))?;
    let device = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.dev()).ok();
    let is_mounted = folder.parent().is_some_and(|parent| device(parent) != device(folder));
    if !is_mounted {
        let mounted =
            mount(Some("brume"), folder, Some("tmpfs"), MsFlags::empty(), Some("mode=0700,size=512m"));
        if let Err(error) = mounted {
            tracing::debug!(%error, "the flow journal shares its file system");
        }
    }
    Ok(())
}

/// Takes the folder and all that is in it away. Absence is no error.
pub(crate) fn remove_memory(folder: &Path) -> Result<(), DataPlaneError> {
    // Fails at once on what is no mount point.
    while umount2(folder, MntFlags::MNT_DETACH).is_ok() {}
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(DataPlaneError::file("remove", folder)(source))
        }
        _ => Ok(()),
    }
}

/// What a predecessor left.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) records: Vec<FlowRecord>,
    /// The predecessor's last sign of life.
    pub(crate) alive: Millis,
}

impl Journal {
    /// Opens the journal with room for `slots` connections, and reads what is in it. What was found is to be written again by
    /// [`Self::keep`]; the file itself begins empty.
    pub(crate) fn open(path: &Path, slots: u32) -> Result<(Self, Found), DataPlaneError> {
        let bytes = HEAD_BYTES + slots as usize * SLOT_BYTES;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(DataPlaneError::file("open", path))?;
        let found = read(&file).unwrap_or_default();
        // A new file under the same name, put in place when the old one's records are in it: see `publish`.
        let next = path.with_extension("next");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&next)
            .map_err(DataPlaneError::file("make", &next))?;
        file.set_len(bytes as u64).map_err(DataPlaneError::file("size", &next))?;
        fallocate(&file, FallocateFlags::empty(), 0, HEAD_BYTES as libc::off_t)
            .map_err(|errno| DataPlaneError::file("reserve room for", &next)(errno.into()))?;
        // SAFETY: a new shared mapping, at an address of the kernel's choice, of a file that is that long and that nobody
        // shortens.
        let map = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_NORESERVE,
                file.as_raw_fd(),
                0,
            )
        };
        let map = match NonNull::new(map.cast::<u8>()) {
            Some(map) if map.as_ptr().cast() != libc::MAP_FAILED => map,
            _ => return Err(DataPlaneError::file("map", &next)(io::Error::last_os_error())),
        };
        let live = HashMap::new();
        let mut journal =
            Self { map, bytes, slots, free: Vec::new(), fresh: 0, reserved: 0, live, has_lost: false, file };
        journal.write_at(BOOT_ID_AT, &boot_id());
        journal.word64(0).store(MAGIC, Ordering::Release);
        Ok((journal, found))
    }

    /// Makes this journal the one that a successor finds.
    pub(crate) fn publish(&self, path: &Path) -> Result<(), DataPlaneError> {
        let next = path.with_extension("next");
        std::fs::rename(&next, path).map_err(DataPlaneError::file("put in place", path))
    }

    /// Notes that the daemon is alive.
    pub(crate) fn beat(&self, now: Millis) {
        self.word64(ALIVE_AT).store(now.0, Ordering::Relaxed);
    }

    /// Writes what happened to a connection, which `key` is what its interface sends on.
    pub(crate) fn note(&mut self, event: &FlowEvent, key: &abi::FlowKey) {
        match event {
            FlowEvent::Opened(record) => self.keep(record, key),
            FlowEvent::Changed(record) => match record.state() {
                // Both sides have closed it; nobody will miss it.
                FlowState::Closing => self.forget(key),
                // It may still carry data for as long as an established one, which is what its record says.
                FlowState::HalfClosed => {}
                FlowState::Opening
                | FlowState::Established
                | FlowState::Exchange
                | FlowState::Stream
                | FlowState::Icmp
                | FlowState::Other => self.keep(record, key),
            },
            FlowEvent::Closed(..) => self.forget(key),
        }
    }

    /// Writes a record, in place of an earlier one of the same connection.
    pub(crate) fn keep(&mut self, record: &FlowRecord, key: &abi::FlowKey) {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.fresh < self.reserved || self.reserve() => {
                self.fresh += 1;
                self.fresh - 1
            }
            None => return self.lose(),
        };
        let mut buffer = [0; SLOT_BYTES - 4];
        let Ok(written) = postcard::to_slice(record, &mut buffer) else {
            self.free.push(slot);
            return self.lose();
        };
        let length = written.len();
        let at = offset(slot);
        self.write_at(at + 4, &buffer[..length]);
        // The length makes the slot count; before it, a reader skips the slot. The earlier record goes after, so that a
        // daemon killed in between leaves two, of which the reader takes one, rather than none.
        self.word32(at).store(length as u32, Ordering::Release);
        if let Some(earlier) = self.live.insert(*key, slot) {
            self.clear(earlier);
        }
    }

    /// Gets room for the next slots. Answers whether there is any.
    fn reserve(&mut self) -> bool {
        let count = RESERVED_AT_ONCE.min(self.slots - self.reserved);
        let (at, bytes) = (offset(self.reserved), count as usize * SLOT_BYTES);
        if count == 0
            || fallocate(&self.file, FallocateFlags::empty(), at as libc::off_t, bytes as libc::off_t)
                .is_err()
        {
            return false;
        }
        self.reserved += count;
        true
    }

    fn forget(&mut self, key: &abi::FlowKey) {
        if let Some(slot) = self.live.remove(key) {
            self.clear(slot);
        }
    }

    fn clear(&mut self, slot: u32) {
        self.word32(offset(slot)).store(0, Ordering::Release);
        self.free.push(slot);
    }

    fn lose(&mut self) {
        if !std::mem::replace(&mut self.has_lost, true) {
            tracing::warn!("the flow journal has no more room; some connections would not survive a restart");
        }
    }

    fn write_at(&mut self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= self.bytes, "beyond the journal's end");
        // SAFETY: the range lies in the mapping, which this value owns; no reference to it exists.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.map.as_ptr().add(at), bytes.len()) };
    }

    fn word32(&self, at: usize) -> &AtomicU32 {
        assert!(at.is_multiple_of(4) && at + 4 <= self.bytes, "beyond the journal's end");
        // SAFETY: aligned, inside the mapping, which lives as long as self, and only ever accessed as an atomic.
        unsafe { AtomicU32::from_ptr(self.map.as_ptr().add(at).cast()) }
    }

    fn word64(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at + 8 <= self.bytes, "beyond the journal's end");
        // SAFETY: as above.
        unsafe { AtomicU64::from_ptr(self.map.as_ptr().add(at).cast()) }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by open with this length and nothing refers to it any more.
        let result = unsafe { libc::munmap(self.map.as_ptr().cast(), self.bytes) };
        debug_assert_eq!(result, 0, "a mapping of one's own can be unmapped");
    }
}

fn offset(slot: u32) -> usize {
    HEAD_BYTES + slot as usize * SLOT_BYTES
}

/// Reads a journal as bytes, trusting none of it; none when it is of another boot or format.
fn read(file: &File) -> Option<Found> {
    let metadata = file.metadata().ok()?;
    // Slots are used from the first on, so behind what the file system has stored there is only emptiness.
    let end = metadata.len().min(metadata.blocks() * 512 + HEAD_BYTES as u64);
    let mut reader = io::BufReader::with_capacity(1 << 20, file).take(end);
    let mut head = [0; HEAD_BYTES];
    reader.read_exact(&mut head).ok()?;
    let word = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().expect("eight bytes"));
    if word(0) != MAGIC || head[BOOT_ID_AT..][..BOOT_ID_BYTES] != boot_id() {
        return None;
    }
    let mut found = Found { records: Vec::new(), alive: Millis(word(ALIVE_AT)) };
    let mut slot = [0; SLOT_BYTES];
    while reader.read_exact(&mut slot).is_ok() {
        let [a, b, c, d, record @ ..] = &slot;
        let length = u32::from_ne_bytes([*a, *b, *c, *d]) as usize;
        if let Some(record) = record.get(..length).filter(|record| !record.is_empty())
            && let Ok(record) = postcard::from_bytes(record)
        {
            found.records.push(record);
        }
    }
    Some(found)
}

fn boot_id() -> [u8; BOOT_ID_BYTES] {
    let mut id = [0; BOOT_ID_BYTES];
    if let Ok(text) = std::fs::read("/proc/sys/kernel/random/boot_id") {
        let length = text.len().min(BOOT_ID_BYTES);
        id[..length].copy_from_slice(&text[..length]);
    }
    id
}

#[cfg(test)]
mod tests {
    use nix::sched::{CloneFlags, unshare};
    use vpc_engine::testing::{Scenario, Step};
    use vpc_engine::{FlowOptions, Flows, Snapshot};

    use super::*;

    /// Runs a test on a thread with mounts of its own, where that is allowed.
    fn with_own_mounts(test: impl FnOnce(&Path) + Send + 'static) {
        let thread = std::thread::spawn(|| {
            let folder = tempfile::tempdir().unwrap();
            let separate = unshare(CloneFlags::CLONE_NEWNS).and_then(|()| {
                mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
            });
            match separate {
                Ok(()) => test(folder.path()),
                Err(error) => {
                    assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "{error}");
                    eprintln!("SKIPPED: no mounts of its own: {error}");
                }
            }
        });
        thread.join().unwrap();
    }

    /// Any connection.
    fn record() -> FlowRecord {
        let mut scenario = Scenario::new(1);
        let snapshot = Snapshot::new().apply(&scenario.topology().deltas()).snapshot;
        let mut flows = Flows::new(FlowOptions::default());
        while flows.is_empty() {
            if let Step::Packet(from, packet) = scenario.step() {
                vpc_engine::forward(&snapshot, &mut flows, from, &packet, Millis(1000));
            }
        }
        flows.records().next().expect("not empty")
    }

    #[test]
    fn a_journal_without_room_loses_records_and_nothing_else() {
        with_own_mounts(|folder| {
            let mounted = mount(Some("t"), folder, Some("tmpfs"), MsFlags::empty(), Some("size=400k"));
            mounted.unwrap();
            let (mut journal, _) = Journal::open(&folder.join("journal"), 1 << 19).unwrap();
            let record = record();
            for number in 0..5000_u32 {
                let key = abi::FlowKey { port: number, ..crate::entry::key_sent(&record.key) };
                journal.keep(&record, &key);
            }
            assert!(journal.has_lost);
            assert_eq!(journal.live.len(), RESERVED_AT_ONCE as usize, "what had room is there");
        });
    }

    #[test]
    fn a_journal_has_a_file_system_of_its_own_and_leaves_it() {
        with_own_mounts(|folder| {
            mount(Some("t"), folder, Some("tmpfs"), MsFlags::empty(), Some("size=64k")).unwrap();
            let memory = folder.join("flows");
            hold_in_memory(&memory).unwrap();
            hold_in_memory(&memory).unwrap();
            std::fs::write(memory.join("large"), vec![0; 1 << 20]).expect("room beyond the folder's own");
            remove_memory(&memory).unwrap();
            assert!(!memory.exists());
        });
    }
}
