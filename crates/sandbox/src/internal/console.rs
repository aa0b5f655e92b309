//! The guest's console as a file on the host that holds its end and does not grow for ever.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, openat, renameat};

use crate::driver::CONSOLE_LIMIT_BYTES;
use crate::layout::CONSOLE_FILE;

/// The file is cut back when it is this large; above the limit, so that cutting is rare.
const CUT_AT_BYTES: u64 = 2 * CONSOLE_LIMIT_BYTES as u64;

/// The console file, in a directory held open because its path is not reachable any more.
pub(super) struct Console {
    directory: OwnedFd,
    file: File,
    length_bytes: u64,
}

impl Console {
    pub(super) fn open(directory: OwnedFd) -> std::io::Result<Self> {
        let mut file = open(&directory, CONSOLE_FILE, OFlags::empty())?;
        let length_bytes = file.seek(SeekFrom::End(0))?;
        Ok(Self { directory, file, length_bytes })
    }

    /// Adds to the end. A full disk loses console output, not the guest.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        if self.file.write_all(bytes).is_ok() {
            self.length_bytes += bytes.len() as u64;
        }
        if self.length_bytes > CUT_AT_BYTES {
            let _ = self.cut();
        }
    }

    /// Replaces the file by its end in one step, so that readers always see a whole console.
    fn cut(&mut self) -> std::io::Result<()> {
        let mut end = vec![0; CONSOLE_LIMIT_BYTES];
        self.file.seek(SeekFrom::End(-(CONSOLE_LIMIT_BYTES as i64)))?;
        self.file.read_exact(&mut end)?;
        let mut new = open(&self.directory, "console.new", OFlags::TRUNC)?;
        new.write_all(&end)?;
        renameat(&self.directory, "console.new", &self.directory, CONSOLE_FILE)?;
        self.file = new;
        self.length_bytes = end.len() as u64;
        Ok(())
    }
}

fn open(directory: &OwnedFd, name: &str, flags: OFlags) -> std::io::Result<File> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | flags;
    Ok(openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_the_file_stays_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let handle = File::open(directory.path()).unwrap();
        let mut console = Console::open(handle.into()).unwrap();
        for number in 0..40_000 {
            console.append(format!("line {number}\n").as_bytes());
        }
        let bytes = std::fs::read(directory.path().join(CONSOLE_FILE)).unwrap();
        assert!(bytes.len() as u64 <= CUT_AT_BYTES && bytes.len() >= CONSOLE_LIMIT_BYTES);
        assert!(bytes.ends_with(b"line 39998\nline 39999\n"));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
