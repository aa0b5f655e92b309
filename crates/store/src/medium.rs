//! Where the bytes of a database file are: a file in the data directory, or a simulated disk in tests.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use directory_lock::{FILE_MODE, LockedDir};
use redb::StorageBackend;

use crate::StoreError;

/// A place for one database file, which can be replaced as a whole.
pub(crate) trait Medium: Send + 'static {
    /// The bytes, opened.
    type File: StorageBackend;

    /// Opens the current file, which is empty at first.
    fn open(&self) -> io::Result<Self::File>;

    /// Opens an empty file that is to replace the current one.
    fn create_replacement(&self) -> io::Result<Self::File>;

    /// Puts the replacement, which is complete and synced, durably in the place of the current file.
    fn install_replacement(&self) -> io::Result<()>;

    /// Whether a sync of the current file has failed. Linux then marks the pages clean although they are not on disk,
    /// so that nothing that was written since the sync before can be relied on.
    fn has_failed_sync(&self) -> bool;
}

/// The file `store.redb` in a locked data directory.
#[derive(Debug)]
pub(crate) struct DirMedium {
    dir: LockedDir,
    failed_sync: Arc<AtomicBool>,
}

impl DirMedium {
    pub(crate) fn lock(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { dir: LockedDir::lock(dir, "store.lock")?, failed_sync: Arc::default() })
    }

    fn current_path(&self) -> PathBuf {
        self.dir.path().join("store.redb")
    }

    fn replacement_path(&self) -> PathBuf {
        self.dir.path().join("store.redb.new")
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(self.dir.path())?.sync_all()
    }

    fn open_file(&self, path: &Path, truncate: bool) -> io::Result<DirFile> {
        let is_new = !path.exists();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(truncate)
            .mode(FILE_MODE)
            .open(path)?;
        if is_new {
            self.sync_dir()?;
        }
        Ok(DirFile { file, failed_sync: Arc::clone(&self.failed_sync) })
    }
}

impl Medium for DirMedium {
    type File = DirFile;

    fn open(&self) -> io::Result<DirFile> {
        self.open_file(&self.current_path(), false)
    }

    fn create_replacement(&self) -> io::Result<DirFile> {
        self.open_file(&self.replacement_path(), true)
    }

    fn install_replacement(&self) -> io::Result<()> {
        std::fs::rename(self.replacement_path(), self.current_path())?;
        self.sync_dir()?;
        self.failed_sync.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn has_failed_sync(&self) -> bool {
        self.failed_sync.load(Ordering::Relaxed)
    }
}

/// An open file of a [`DirMedium`].
#[derive(Debug)]
pub(crate) struct DirFile {
    file: File,
    failed_sync: Arc<AtomicBool>,
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
        self.file.sync_data().inspect_err(|_| self.failed_sync.store(true, Ordering::Relaxed))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, offset)
    }
}
