//! Bytes in files: `blobs/ab/abcdef…`, one for each blob, and `staging` for what is on its way.
//!
//! A file is written in `staging`, synced, renamed, and its directory synced, in this order: so a name in `blobs` is always
//! that of whole bytes, also after a power failure.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use directory_lock::{DIR_MODE, FILE_MODE};
use nix::sys::statvfs::statvfs;

use crate::Address;
use crate::bytes::{ByteStore, StagedBytes, StoredBytes};

/// Files in a directory of this machine.
#[derive(Debug)]
pub struct LocalBytes {
    blobs: PathBuf,
    staging: PathBuf,
    /// Numbers the staged files of this process.
    staged: AtomicU64,
}

impl LocalBytes {
    /// Makes the directories if need be.
    ///
    /// # Errors
    /// They cannot be made.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let blobs = dir.join("blobs");
        let staging = dir.join("staging");
        let make = |path: &Path| DirBuilder::new().recursive(true).mode(DIR_MODE).create(path);
        make(&staging)?;
        // The last part is made last, so that its being there says that all are.
        if !blobs.join("ff").exists() {
            for part in 0..=u8::MAX {
                make(&blobs.join(hex::encode([part])))?;
            }
            sync_dir(&blobs)?;
            sync_dir(dir)?;
        }
        Ok(Self { blobs, staging, staged: AtomicU64::new(0) })
    }

    fn path(&self, address: &Address) -> PathBuf {
        self.blobs.join(hex::encode([address.part()])).join(address.to_string())
    }
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

impl ByteStore for LocalBytes {
    fn stage(&self) -> io::Result<Box<dyn StagedBytes>> {
        let path = self.staging.join(self.staged.fetch_add(1, Ordering::Relaxed).to_string());
        let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path)?;
        Ok(Box::new(StagedFile { file, at: 0, path: Some(path), blobs: self.blobs.clone() }))
    }

    fn open(&self, address: &Address) -> io::Result<Box<dyn StoredBytes>> {
        Ok(Box::new(File::open(self.path(address))?))
    }

    fn find(&self, address: &Address) -> io::Result<Option<u64>> {
        match self.path(address).symlink_metadata() {
            Ok(metadata) => {
                // Who made it may have been killed between the rename and this.
                sync_dir(&self.blobs.join(hex::encode([address.part()])))?;
                Ok(Some(metadata.len()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn remove(&self, address: &Address) -> io::Result<()> {
        match std::fs::remove_file(self.path(address)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn list(&self, part: u8) -> io::Result<Vec<Address>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(self.blobs.join(hex::encode([part])))? {
            let name = entry?.file_name();
            // What has another name is not of this store, and is left alone.
            if let Some(address) = name.to_str().and_then(|name| name.parse().ok()) {
                found.push(address);
            }
        }
        Ok(found)
    }

    fn discard_staged(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.staging)? {
            std::fs::remove_file(entry?.path())?;
        }
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        let space = statvfs(&self.blobs)?;
        Ok(Some(space.blocks_available() * space.fragment_size()))
    }
}

struct StagedFile {
    file: File,
    at: u64,
    /// `None` once it was renamed.
    path: Option<PathBuf>,
    blobs: PathBuf,
}

impl StagedBytes for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn publish(mut self: Box<Self>, address: &Address) -> io::Result<()> {
        self.file.sync_data()?;
        let dir = self.blobs.join(hex::encode([address.part()]));
        if let Some(path) = &self.path {
            std::fs::rename(path, dir.join(address.to_string()))?;
        }
        self.path = None;
        sync_dir(&dir)
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!(%error, path = %path.display(), "a staged file could not be removed");
        }
    }
}

impl StoredBytes for File {
    fn length_bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, out: &mut [u8], offset_bytes: u64) -> io::Result<()> {
        self.read_exact_at(out, offset_bytes)
    }
}
