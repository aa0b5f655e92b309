//! A directory that one process alone uses.
//!
//! Owns its making, its modes and its lock. Refuses to know what is in it.
//!
//! The lock is a POSIX record lock, because those are not inherited over fork(2): a workload that outlives a killed
//! daemon does not keep the daemon's directory locked, as it would with flock(2). They are per process, so a
//! second open in one process is refused by a set that the process keeps.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use parking_lot::Mutex;

/// The mode of directories: keys and passwords are in them, and names say what there is.
pub const DIR_MODE: u32 = 0o700;

/// The mode of the files in them.
pub const FILE_MODE: u32 = 0o600;

/// A lock: device and inode of its directory, and the name of its file.
type Identity = (u64, u64, &'static str);

/// The locks that this process holds.
static HELD: Mutex<BTreeSet<Identity>> = Mutex::new(BTreeSet::new());

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process (or this one, a second time) uses it.
    #[error("{} is in use by {}", dir.display(), holder(*.pid))]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The process that holds it, where the kernel can name it.
        pid: Option<u32>,
    },
    /// It, or its lock, could not be made or opened.
    #[error("{}: {source}", path.display())]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Who holds a lock, in words.
pub fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// A directory that this process alone uses, until this is dropped.
#[derive(Debug)]
pub struct LockedDir {
    path: PathBuf,
    identity: Identity,
    /// Closing it releases the lock.
    _lock: File,
}

impl LockedDir {
    /// Makes the directory if need be, and locks it by a file of this name in it.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn lock(path: &Path, file_name: &'static str) -> Result<Self, LockError> {
        let failed = failed(path);
        DirBuilder::new().recursive(true).mode(DIR_MODE).create(path).map_err(&failed)?;
        let path = path.canonicalize().map_err(&failed)?;
        let metadata = path.metadata().map_err(&failed)?;
        if metadata.mode() & 0o777 != DIR_MODE {
            std::fs::set_permissions(&path, Permissions::from_mode(DIR_MODE)).map_err(&failed)?;
        }
        // Opening and closing the lock file a second time would release the process's lock, so the set is asked first.
        let identity = (metadata.dev(), metadata.ino(), file_name);
        if !HELD.lock().insert(identity) {
            return Err(LockError::InUse { dir: path, pid: Some(std::process::id()) });
        }
        match lock_file(&path, file_name) {
            Ok(lock) => Ok(Self { path, identity, _lock: lock }),
            Err(error) => {
                HELD.lock().remove(&identity);
                Err(error)
            }
        }
    }

    /// The canonical path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LockedDir {
    fn drop(&mut self) {
        HELD.lock().remove(&self.identity);
    }
}

fn lock_file(dir: &Path, name: &str) -> Result<File, LockError> {
    let failed = failed(dir);
    let path = dir.join(name);
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
            Err(LockError::InUse { dir: dir.to_owned(), pid })
        }
        Err(errno) => Err(failed(errno.into())),
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> LockError {
    move |source| LockError::Directory { path: path.to_owned(), source }
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
