//! The directory of a store and who may use it.
//!
//! The lock is a POSIX record lock, because those are not inherited over fork(2): a workload that outlives a killed
//! daemon does not keep the directory locked, as it would with flock(2). They are per process, so a
//! second open in one process is refused by a set that the process keeps.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use parking_lot::Mutex;

use crate::StoreError;

/// The mode of directories: it says what there is, if not what it contains.
pub(crate) const DIR_MODE: u32 = 0o700;

/// The mode of the files in it.
pub(crate) const FILE_MODE: u32 = 0o600;

/// Device and inode of the lock files that this process holds.
static HELD: Mutex<BTreeSet<(u64, u64)>> = Mutex::new(BTreeSet::new());

/// A directory that this process alone uses, until this is dropped.
#[derive(Debug)]
pub(crate) struct StoreDir {
    path: PathBuf,
    identity: (u64, u64),
    /// Closing it releases the lock.
    _lock: File,
}

impl StoreDir {
    /// Makes the directory if need be, and locks it.
    pub(crate) fn lock(path: &Path) -> Result<Self, StoreError> {
        let failed = StoreError::directory(path);
        DirBuilder::new().recursive(true).mode(DIR_MODE).create(path).map_err(&failed)?;
        let path = path.canonicalize().map_err(&failed)?;
        let metadata = path.metadata().map_err(&failed)?;
        if metadata.mode() & 0o777 != DIR_MODE {
            std::fs::set_permissions(&path, Permissions::from_mode(DIR_MODE)).map_err(&failed)?;
        }
        // Opening and closing the lock file a second time would release the process's lock, so the set is asked first.
        let identity = (metadata.dev(), metadata.ino());
        if !HELD.lock().insert(identity) {
            return Err(StoreError::Locked { dir: path, pid: Some(std::process::id()) });
        }
        match Self::lock_file(&path) {
            Ok(lock) => Ok(Self { path, identity, _lock: lock }),
            Err(error) => {
                HELD.lock().remove(&identity);
                Err(error)
            }
        }
    }

    fn lock_file(dir: &Path) -> Result<File, StoreError> {
        let failed = StoreError::directory(dir);
        let path = dir.join("objects.lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(path)
            .map_err(&failed)?;
        let mut whole = whole_file();
        match fcntl(&file, FcntlArg::F_SETLK(&whole)) {
            Ok(_) => Ok(file),
            Err(Errno::EACCES | Errno::EAGAIN) => {
                let asked = fcntl(&file, FcntlArg::F_GETLK(&mut whole));
                let pid = asked.ok().and_then(|_| u32::try_from(whole.l_pid).ok()).filter(|pid| *pid != 0);
                Err(StoreError::Locked { dir: dir.to_owned(), pid })
            }
            Err(errno) => Err(failed(errno.into())),
        }
    }

    /// The canonical path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for StoreDir {
    fn drop(&mut self) {
        HELD.lock().remove(&self.identity);
    }
}

fn whole_file() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}
