//! The flow cache as user space holds it: load or adopt, look up, insert, remove, walk, admit, and hear of connections that
//! begin and end.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use aya::maps::{Array, HashMap, MapData, MapError, RingBuf};
use aya::programs::{ProgramError, ProgramFd, SchedClassifier};
use aya::{EbpfError, EbpfLoader, Pod};
use vpc_abi::{
    Admission, EPOCH_SLOTS, FLOW_ENTRIES_LIMIT, FlowEntry, FlowKey, TAKEN_BY_SLOW_PATH, TRANSLATION_LIMIT,
    TcpEvent,
};
use zerocopy::{FromBytes, FromZeros};

use crate::batch::{self, Batch, Cursor};
use crate::pins::{self, PinError};

/// The compiled program.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../ebpf/flow_cache.o");

/// What the program is called on a device; the number tells versions apart.
pub const PROGRAM_NAME: &str = "brume-flow-cache";

/// Entries read at once by a walk.
const BATCH_ENTRIES: usize = 1024;

/// The flow cache could not be loaded, adopted, read or written.
#[derive(Debug, thiserror::Error)]
pub enum FlowCacheError {
    /// The BPF file system could not be mounted or changed.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The kernel or the verifier refused the object.
    #[error("cannot load the flow cache: {0}")]
    Load(#[from] EbpfError),
    /// The verifier refused the program; its log is in the source.
    #[error("cannot load the flow cache's program: {0}")]
    Program(#[from] ProgramError),
    /// A map operation failed.
    #[error("the map {map} of the flow cache: {source}")]
    Map {
        /// The map.
        map: &'static str,
        /// Why.
        source: MapError,
    },
    /// Program or map could not be pinned.
    #[error("cannot pin {name} of the flow cache: {detail}")]
    NotPinned {
        /// Which.
        name: &'static str,
        /// Why.
        detail: String,
    },
    /// The object lacks something that this crate expects in it.
    #[error("the flow cache's object has no {0}")]
    Missing(&'static str),
}

/// The program, its maps, and the folder that they are pinned in.
pub struct FlowCache {
    flows: HashMap<MapData, Key, Entry>,
    // The same map again, because the one above does not give its descriptor away.
    flows_descriptor: MapData,
    epochs: Array<MapData, u32>,
    admissions: HashMap<MapData, Key, Admitted>,
    translations: HashMap<MapData, Key, u8>,
    translations_descriptor: MapData,
    events: RingBuf<MapData>,
    program: SchedClassifier,
    folder: PathBuf,
    version_folder: PathBuf,
    is_adopted: bool,
    walk: Walk<FlowEntry>,
    translations_walk: Walk<u8>,
}

/// A walk over a map, batch by batch.
struct Walk<V> {
    cursor: Cursor,
    batch: Batch<V>,
}

impl<V: FromZeros + Clone> Walk<V> {
    fn new() -> Self {
        Self { cursor: Cursor::default(), batch: Batch::new(BATCH_ENTRIES) }
    }

    /// Reads the next batch of a map with so many entries at most. Answers how many there are, and whether they are the last.
    fn next(&mut self, map: BorrowedFd<'_>, limit: u32) -> io::Result<(usize, bool)> {
        loop {
            match batch::read(map, &mut self.cursor, &mut self.batch) {
                Ok(answer) => return Ok(answer),
                // One bucket has more entries than fit: however they came there, they are to be seen.
                Err(error)
                    if error.raw_os_error() == Some(libc::ENOSPC)
                        && self.batch.keys.len() < limit as usize =>
                {
                    self.batch = Batch::new(self.batch.keys.len() * 2);
                }
                Err(error) => {
                    self.cursor = Cursor::default();
                    return Err(error);
                }
            }
        }
    }
}

// aya asks for a mark of its own on what is copied into maps as bytes.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Key(FlowKey);
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Entry(FlowEntry);
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Admitted(Admission);
// SAFETY: all three are C structures without padding for which any bytes are a value (zerocopy's FromBytes and IntoBytes).
unsafe impl Pod for Key {}
// SAFETY: as above.
unsafe impl Pod for Entry {}
// SAFETY: as above.
unsafe impl Pod for Admitted {}

const FLOWS: &str = "flows";
const EPOCHS: &str = "epochs";
const ADMISSIONS: &str = "admissions";
const TRANSLATIONS: &str = "translations";
const EVENTS: &str = "events";
const PROGRAM: &str = "flow_cache";

impl FlowCache {
    /// Opens the cache kept in `folder`, on which a BPF file system is mounted if there is none. Program and maps of the
    /// same version that an earlier daemon left are adopted with all their entries; otherwise they are loaded anew.
    ///
    /// # Errors
    /// When the kernel refuses, for example for lack of rights; the caller then works without a cache.
    pub fn open(folder: &Path) -> Result<Self, FlowCacheError> {
        pins::mount(folder)?;
        let version_folder = folder.join(format!("v-{:016x}", fnv1a(OBJECT)));
        match Self::adopt(folder, &version_folder) {
            Ok(cache) => return Ok(cache),
            Err(error) => tracing::debug!(%error, "no flow cache to adopt"),
        }
        pins::remove_folder(&version_folder)?;
        pins::make_folder(&version_folder)?;
        Self::load(folder, &version_folder)
    }

    fn adopt(folder: &Path, version_folder: &Path) -> Result<Self, FlowCacheError> {
        let map = |map: &'static str| {
            MapData::from_pin(version_folder.join(map)).map_err(|source| FlowCacheError::Map { map, source })
        };
        let program = SchedClassifier::from_pin(version_folder.join(PROGRAM))?;
        let data = [
            map(FLOWS)?,
            map(FLOWS)?,
            map(EPOCHS)?,
            map(ADMISSIONS)?,
            map(TRANSLATIONS)?,
            map(TRANSLATIONS)?,
            map(EVENTS)?,
        ];
        Self::assemble(folder, version_folder, program, data)
    }

    fn load(folder: &Path, version_folder: &Path) -> Result<Self, FlowCacheError> {
        let mut loaded = EbpfLoader::new().load(OBJECT)?;
        let program = loaded.program_mut(PROGRAM).ok_or(FlowCacheError::Missing(PROGRAM))?;
        let program: &mut SchedClassifier = program.try_into()?;
        program.load()?;
        for name in [FLOWS, EPOCHS, ADMISSIONS, TRANSLATIONS, EVENTS] {
            let map = loaded.map(name).ok_or(FlowCacheError::Missing(name))?;
            map.pin(version_folder.join(name)).map_err(|error| FlowCacheError::NotPinned {
                name,
                detail: format!("{error}: {:?}", std::error::Error::source(&error)),
            })?;
        }
        let program: &mut SchedClassifier =
            loaded.program_mut(PROGRAM).ok_or(FlowCacheError::Missing(PROGRAM))?.try_into()?;
        // The program comes last: where it is, the maps are too, so that a start killed in between is not adopted.
        program
            .pin(version_folder.join(PROGRAM))
            .map_err(|error| FlowCacheError::NotPinned { name: PROGRAM, detail: error.to_string() })?;
        let mut cache = Self::adopt(folder, version_folder)?;
        cache.is_adopted = false;
        Ok(cache)
    }

    fn assemble(
        folder: &Path,
        version_folder: &Path,
        program: SchedClassifier,
        [flows, flows_descriptor, epochs, admissions, translations, translations_descriptor, events]: [MapData;
            7],
    ) -> Result<Self, FlowCacheError> {
        let failed = |map| move |source| FlowCacheError::Map { map, source };
        Ok(Self {
            flows: aya::maps::Map::HashMap(flows).try_into().map_err(failed(FLOWS))?,
            epochs: aya::maps::Map::Array(epochs).try_into().map_err(failed(EPOCHS))?,
            admissions: aya::maps::Map::HashMap(admissions).try_into().map_err(failed(ADMISSIONS))?,
            translations: aya::maps::Map::HashMap(translations).try_into().map_err(failed(TRANSLATIONS))?,
            events: aya::maps::Map::RingBuf(events).try_into().map_err(failed(EVENTS))?,
            flows_descriptor,
            translations_descriptor,
            program,
            folder: folder.to_owned(),
            version_folder: version_folder.to_owned(),
            is_adopted: true,
            walk: Walk::new(),
            translations_walk: Walk::new(),
        })
    }

    /// Whether program and maps are those of an earlier daemon.
    pub fn is_adopted(&self) -> bool {
        self.is_adopted
    }

    /// The program, to be put on devices.
    ///
    /// # Errors
    /// When the program is not loaded, which it always is here.
    pub fn program(&self) -> Result<BorrowedFd<'_>, FlowCacheError> {
        let descriptor: &ProgramFd = self.program.fd()?;
        Ok(descriptor.as_fd())
    }

    /// The kernel's id of the program, by which it is recognised on a device.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn program_id(&self) -> Result<u32, FlowCacheError> {
        Ok(self.program.info()?.id())
    }

    /// Lets go of programs and maps of other versions, once no device runs them any more.
    ///
    /// # Errors
    /// When their pins cannot be removed.
    pub fn retire_other_versions(&self) -> Result<(), FlowCacheError> {
        for other in pins::others(&self.folder, &self.version_folder) {
            pins::remove_folder(&other)?;
        }
        Ok(())
    }

    /// Takes the BPF file system at `folder` away with all that is pinned in it. Absence is no error.
    ///
    /// # Errors
    /// When it cannot be unmounted.
    pub fn destroy(folder: &Path) -> Result<(), FlowCacheError> {
        Ok(pins::unmount(folder)?)
    }

    /// The epoch that entries of a port or domain have to carry, by its slot; none when that is beyond the cache's limit.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn epoch(&self, slot: u32) -> Result<Option<u32>, FlowCacheError> {
        if slot >= EPOCH_SLOTS {
            return Ok(None);
        }
        self.epochs.get(&slot, 0).map(Some).map_err(|source| FlowCacheError::Map { map: EPOCHS, source })
    }

    /// Sets the epoch of a port or domain: at once, no entry decided at an earlier one is used any more.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_epoch(&mut self, slot: u32, epoch: u32) -> Result<(), FlowCacheError> {
        if slot >= EPOCH_SLOTS {
            return Ok(());
        }
        self.epochs.set(slot, epoch, 0).map_err(|source| FlowCacheError::Map { map: EPOCHS, source })
    }

    /// What the cache holds for a key.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn get(&self, key: &FlowKey) -> Result<Option<FlowEntry>, FlowCacheError> {
        match self.flows.get(&Key(*key), 0) {
            Ok(entry) => Ok(Some(entry.0)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(source) => Err(FlowCacheError::Map { map: FLOWS, source }),
        }
    }

    /// Puts entries in, each in place of an earlier one of the same key. Answers how many went in; fewer than given when
    /// the cache is full.
    ///
    /// # Errors
    /// When the kernel refuses for another reason.
    pub fn insert(&mut self, keys: &[FlowKey], entries: &[FlowEntry]) -> Result<usize, FlowCacheError> {
        match batch::write(self.flows_descriptor.fd().as_fd(), keys, entries) {
            (count, Ok(())) => Ok(count),
            (count, Err(error)) if is_full(&error) => Ok(count),
            (_, Err(error)) => Err(failed(FLOWS, error)),
        }
    }

    /// Takes an entry out. Answers whether there was one.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove(&mut self, key: &FlowKey) -> Result<bool, FlowCacheError> {
        removed(self.flows.remove(&Key(*key)), FLOWS)
    }

    /// Takes an entry out and answers what it was, its last counts included.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn take(&mut self, key: &FlowKey) -> Result<Option<FlowEntry>, FlowCacheError> {
        batch::take(self.flows_descriptor.fd().as_fd(), key).map_err(|error| failed(FLOWS, error))
    }

    /// Has the next walk begin anew.
    pub fn restart_walk(&mut self) {
        self.walk.cursor = Cursor::default();
    }

    /// Shows `visit` the next entries of a walk over the whole cache, about a thousand, and answers whether the walk has
    /// come to its end; the next call then begins anew.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn walk(&mut self, mut visit: impl FnMut(&FlowKey, &FlowEntry)) -> Result<bool, FlowCacheError> {
        let map = self.flows_descriptor.fd().as_fd();
        let (count, is_end) =
            self.walk.next(map, FLOW_ENTRIES_LIMIT).map_err(|error| failed(FLOWS, error))?;
        for (key, entry) in self.walk.batch.keys.iter().zip(&self.walk.batch.values).take(count) {
            visit(key, entry);
        }
        Ok(is_end)
    }

    /// Has the program let new connections in whose SYN has this key but for the source port, which is 0 here. Answers
    /// whether there was room.
    ///
    /// # Errors
    /// When the kernel refuses for another reason.
    pub fn admit(&mut self, syn: &FlowKey, admission: &Admission) -> Result<bool, FlowCacheError> {
        match self.admissions.insert(Key(*syn), Admitted(*admission), 0) {
            Ok(()) => Ok(true),
            Err(MapError::SyscallError(error)) if is_full(&error.io_error) => Ok(false),
            Err(source) => Err(FlowCacheError::Map { map: ADMISSIONS, source }),
        }
    }

    /// Ends that. Its absence is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn withdraw(&mut self, syn: &FlowKey) -> Result<(), FlowCacheError> {
        removed(self.admissions.remove(&Key(*syn)), ADMISSIONS).map(drop)
    }

    /// Every key that there is an admission for, in no order.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn admitted(&self) -> Result<Vec<FlowKey>, FlowCacheError> {
        let failed = |source| FlowCacheError::Map { map: ADMISSIONS, source };
        self.admissions.keys().map(|key| key.map(|key| key.0).map_err(failed)).collect()
    }

    /// Notes that a NAT gateway has an address and port in use with a destination, so that the program lets in no connection
    /// that would take it. Answers whether there was room.
    ///
    /// # Errors
    /// When the kernel refuses for another reason.
    pub fn take_translation(&mut self, far: &FlowKey) -> Result<bool, FlowCacheError> {
        match self.translations.insert(Key(*far), TAKEN_BY_SLOW_PATH, 0) {
            Ok(()) => Ok(true),
            Err(MapError::SyscallError(error)) if is_full(&error.io_error) => Ok(false),
            Err(source) => Err(FlowCacheError::Map { map: TRANSLATIONS, source }),
        }
    }

    /// Notes that it is free again. Its absence is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn give_translation_back(&mut self, far: &FlowKey) -> Result<(), FlowCacheError> {
        removed(self.translations.remove(&Key(*far)), TRANSLATIONS).map(drop)
    }

    /// The next of a walk over what NAT gateways have in use, about a thousand, and whether the walk has come to its end; the
    /// next call then begins anew.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn walk_translations(&mut self) -> Result<(&[FlowKey], bool), FlowCacheError> {
        let map = self.translations_descriptor.fd().as_fd();
        let next = self.translations_walk.next(map, TRANSLATION_LIMIT);
        let (count, is_end) = next.map_err(|error| failed(TRANSLATIONS, error))?;
        Ok((&self.translations_walk.batch.keys[..count], is_end))
    }

    /// The oldest SYN, FIN or RST that the program has forwarded and that was not taken off yet.
    pub fn next_event(&mut self) -> Option<TcpEvent> {
        let item = self.events.next()?;
        let event = TcpEvent::read_from_prefix(&item).ok().map(|(event, _)| event);
        // Dropping it would take it off the ring.
        std::mem::forget(item);
        event
    }

    /// Takes off what [`Self::next_event`] answered. Until then a successor would be told of it too.
    pub fn take_event(&mut self) {
        drop(self.events.next());
    }

    /// Readable when many events wait; single ones do not make it so.
    pub fn events(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

/// Whether there was something to remove.
fn removed(result: Result<(), MapError>, map: &'static str) -> Result<bool, FlowCacheError> {
    match result {
        Ok(()) => Ok(true),
        Err(MapError::KeyNotFound) => Ok(false),
        Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => {
            Ok(false)
        }
        Err(source) => Err(FlowCacheError::Map { map, source }),
    }
}

fn failed(map: &'static str, io_error: io::Error) -> FlowCacheError {
    FlowCacheError::Map { map, source: aya::sys::SyscallError { call: "bpf", io_error }.into() }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::E2BIG | libc::ENOMEM))
}

/// FNV-1a, to tell one version of the object from another.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}
