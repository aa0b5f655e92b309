//! The BPF file system in which program and maps stay: mounted on a folder of the cloud's own, so that nothing appears in
//! `/sys/fs/bpf` and one unmount takes everything away.

use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags};
use nix::sys::statfs::{FsType, statfs};

/// `BPF_FS_MAGIC` of linux/magic.h.
const BPF_FS: i64 = 0xcafe_4a11;

/// The folder could not be made, mounted or cleared.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct PinError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Mounts a BPF file system at `folder` unless one is there.
pub(crate) fn mount(folder: &Path) -> Result<(), PinError> {
    std::fs::create_dir_all(folder).map_err(|source| failed("make", folder, source))?;
    if is_mounted(folder) {
        return Ok(());
    }
    nix::mount::mount(Some("brume"), folder, Some("bpf"), MsFlags::empty(), Some("mode=0700"))
        .map_err(|errno| failed("mount a BPF file system at", folder, errno.into()))
}

/// Unmounts it, and with it lets go of everything pinned there, and removes the folder. Absence is no error.
pub(crate) fn unmount(folder: &Path) -> Result<(), PinError> {
    while is_mounted(folder) {
        nix::mount::umount2(folder, MntFlags::MNT_DETACH)
            .map_err(|errno| failed("unmount", folder, errno.into()))?;
    }
    match std::fs::remove_dir(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed("remove", folder, source)),
        _ => Ok(()),
    }
}

/// Removes a folder of pins. Absence is no error.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), PinError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed("remove", folder, source)),
        _ => Ok(()),
    }
}

/// Makes a folder for pins.
pub(crate) fn make_folder(folder: &Path) -> Result<(), PinError> {
    std::fs::create_dir_all(folder).map_err(|source| failed("make", folder, source))
}

/// The folders in `folder` other than `keep`.
pub(crate) fn others(folder: &Path, keep: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path != keep && path.is_dir()).collect()
}

fn is_mounted(folder: &Path) -> bool {
    statfs(folder).is_ok_and(|found| found.filesystem_type() == FsType(BPF_FS))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> PinError {
    PinError { action, path: path.to_owned(), source }
}
