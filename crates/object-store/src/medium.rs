//! Where the bytes of the index are: a file, or a simulated disk in tests. And how a failed commit is undone.
//!
//! redb writes a commit to pages that nothing durable uses, then the head of the file, which names the commit's root, and
//! syncs once. When that fails, Linux marks pages clean that are not on disk, so that what can be read is not what is there.
//! Pages of the failed commit do not matter, as nothing durable uses them. The head does, so it is kept as of the newest
//! sync that worked, and written back: the newest durable commit is then the newest again, on disk and in what is read.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use directory_lock::{FILE_MODE, LockedDir};
use nix::fcntl::posix_fallocate;
use nix::sys::statvfs::statvfs;
use parking_lot::Mutex;
use redb::StorageBackend;

/// How much of the file is its head: one page, of which redb uses the first 320 bytes.
pub(crate) const HEAD_BYTES: usize = 4096;

/// How much space is kept for removing rows from a full disk: a few hundred pages.
const RESERVE_BYTES: i64 = 4 << 20;

/// How much has to be left so that space is kept: less than contents leave ([`crate::HEADROOM_BYTES`]).
const KEEP_ABOVE_BYTES: u64 = 8 << 20;

/// A place for one database file.
pub(crate) trait Medium: Send + 'static {
    /// The bytes, opened.
    type File: StorageBackend;

    /// Opens the current file, which is empty at first.
    fn open(&self) -> io::Result<Self::File>;

    /// Opens an empty file that is to replace the current one.
    fn create_replacement(&self) -> io::Result<Self::File>;

    /// Puts the replacement, which is complete and synced, durably in the place of the current file.
    fn install_replacement(&self) -> io::Result<()>;

    /// Makes the newest commit that was synced the newest of the file again.
    fn revert(&self) -> io::Result<()>;

    /// Gives up the space that is kept for removing rows, which takes a few pages before it gives any back. Says whether
    /// there was any.
    fn give_reserve(&self) -> io::Result<bool>;

    /// Keeps that space if it is not kept, unless there is little left anyway.
    fn keep_reserve(&self) -> io::Result<()>;
}

/// The head of a file, as it is read and as it is on disk for sure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heads {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// Whether a write or a sync failed since the newest sync that worked.
    has_failed: bool,
}

impl Heads {
    /// Of a file that was just opened.
    pub(crate) fn opened(&mut self, head: Vec<u8>) {
        self.seen.clone_from(&head);
        self.durable = head;
    }

    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) {
        let Ok(start) = usize::try_from(offset) else { return };
        if start < HEAD_BYTES {
            let end = (start + data.len()).min(HEAD_BYTES);
            self.seen.resize(self.seen.len().max(end), 0);
            self.seen[start..end].copy_from_slice(&data[..end - start]);
        }
    }

    pub(crate) fn synced(&mut self) {
        self.durable.clone_from(&self.seen);
    }

    pub(crate) fn failed(&mut self) {
        self.has_failed = true;
    }

    /// The head to be written back, if any.
    pub(crate) fn to_restore(&self) -> Option<&[u8]> {
        (self.has_failed || self.seen != self.durable).then_some(&self.durable)
    }

    pub(crate) fn restored(&mut self) {
        self.seen.clone_from(&self.durable);
        self.has_failed = false;
    }
}

/// The file `objects.redb` in a locked directory.
#[derive(Debug)]
pub(crate) struct DirMedium {
    dir: Arc<LockedDir>,
    heads: Arc<Mutex<Heads>>,
    has_reserve: AtomicBool,
}

impl DirMedium {
    pub(crate) fn new(dir: Arc<LockedDir>) -> Self {
        Self { dir, heads: Arc::default(), has_reserve: AtomicBool::new(false) }
    }

    fn reserve_path(&self) -> PathBuf {
        self.dir.path().join("objects.reserve")
    }

    fn current_path(&self) -> PathBuf {
        self.dir.path().join("objects.redb")
    }

    fn replacement_path(&self) -> PathBuf {
        self.dir.path().join("objects.redb.new")
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(self.dir.path())?.sync_all()
    }

    fn open_file(path: PathBuf, truncate: bool) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(truncate).mode(FILE_MODE).open(path)
    }
}

impl Medium for DirMedium {
    type File = DirFile;

    fn open(&self) -> io::Result<DirFile> {
        let file = Self::open_file(self.current_path(), false)?;
        let mut head = vec![0; HEAD_BYTES];
        if file.metadata()?.len() >= HEAD_BYTES as u64 {
            file.read_exact_at(&mut head, 0)?;
        }
        self.heads.lock().opened(head);
        Ok(DirFile { file, heads: Some(Arc::clone(&self.heads)) })
    }

    fn create_replacement(&self) -> io::Result<DirFile> {
        Ok(DirFile { file: Self::open_file(self.replacement_path(), true)?, heads: None })
    }

    fn install_replacement(&self) -> io::Result<()> {
        std::fs::rename(self.replacement_path(), self.current_path())?;
        self.sync_dir()
    }

    fn revert(&self) -> io::Result<()> {
        let mut heads = self.heads.lock();
        if let Some(head) = heads.to_restore() {
            let file = OpenOptions::new().write(true).open(self.current_path())?;
            file.write_all_at(head, 0)?;
            file.sync_data()?;
            heads.restored();
        }
        Ok(())
    }

    fn give_reserve(&self) -> io::Result<bool> {
        match std::fs::remove_file(self.reserve_path()) {
            Ok(()) => {
                self.has_reserve.store(false, Ordering::Relaxed);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn keep_reserve(&self) -> io::Result<()> {
        if self.has_reserve.load(Ordering::Relaxed) {
            return Ok(());
        }
        let space = statvfs(self.dir.path())?;
        if space.blocks_available() * space.fragment_size() >= KEEP_ABOVE_BYTES {
            let file = Self::open_file(self.reserve_path(), false)?;
            posix_fallocate(&file, 0, RESERVE_BYTES)?;
            self.has_reserve.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// An open file of a [`DirMedium`].
#[derive(Debug)]
pub(crate) struct DirFile {
    file: File,
    /// `None` for a replacement.
    heads: Option<Arc<Mutex<Heads>>>,
}

impl DirFile {
    fn note(&self, note: impl FnOnce(&mut Heads)) {
        if let Some(heads) = &self.heads {
            note(&mut heads.lock());
        }
    }
}

impl StorageBackend for DirFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        let outcome = self.file.sync_data();
        self.note(if outcome.is_ok() { Heads::synced } else { Heads::failed });
        outcome
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        // Before it is done, as a write that fails may have been done in part.
        self.note(|heads| heads.write(offset, data));
        self.file.write_all_at(data, offset)
    }
}
