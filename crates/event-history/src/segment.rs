//! The files of the history: events, a line each.
//!
//! Owns the format and what is read of a file whose end is torn. Refuses to know which files there are too many.
//!
//! ```text
//!  events/00000000000000000007.log
//!  line = the first 8 bytes of the event's SHA-256, as 16 hexadecimal digits | space | the event as JSON | newline
//! ```
//!
//! What is torn or damaged at the end is cut off; a damaged line between whole ones is left out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_types::Timestamp;
use cloudtrail_events::Event;
use sha2::{Digest as _, Sha256};

use crate::index::Location;

/// How long a line is before its event, in bytes.
const SUM_BYTES: usize = 17;

/// A file, as far as it is known.
pub(crate) struct SegmentFile {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    /// How many bytes of it are whole lines.
    pub(crate) bytes: u64,
    /// When its newest event was.
    pub(crate) newest: Timestamp,
    /// Whether it can be added to.
    pub(crate) can_go_on: bool,
}

/// The file of that number.
pub(crate) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:020}.log"))
}

/// The files of a directory, oldest first.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log")
            && let Some(number) = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok())
        {
            files.push((number, path));
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn sum(json: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(json).into();
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The event of a line without its newline.
fn read_line(line: &[u8]) -> Option<Event> {
    let (head, json) = line.split_at_checked(SUM_BYTES)?;
    if head.last() != Some(&b' ') || head[..SUM_BYTES - 1] != *sum(json).as_bytes() {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// Reads a file, tells its events, and cuts off what is torn.
pub(crate) fn read(
    number: u64,
    path: PathBuf,
    mut tell: impl FnMut(Location, &Event),
) -> io::Result<SegmentFile> {
    let bytes = fs::read(&path)?;
    let mut file = SegmentFile { number, path, bytes: 0, newest: Timestamp::default(), can_go_on: true };
    let mut offset = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let start = offset;
        offset += line.len();
        let Some(event) = line.strip_suffix(b"\n").and_then(read_line) else { continue };
        let length = u32::try_from(line.len() - SUM_BYTES - 1).map_err(io::Error::other)?;
        tell(Location { segment: number, offset: (start + SUM_BYTES) as u64, length }, &event);
        file.bytes = offset as u64;
        file.newest = file.newest.max(event.event_time);
    }
    if file.bytes < bytes.len() as u64 {
        tracing::warn!(path = %file.path.display(), "the end of the events is torn; it is cut off");
        OpenOptions::new().write(true).open(&file.path)?.set_len(file.bytes)?;
    }
    Ok(file)
}

/// The file that events are added to.
pub(crate) struct Appender {
    file: File,
    number: u64,
    bytes: u64,
    is_dirty: bool,
}

impl Appender {
    /// Begins a file.
    pub(crate) fn create(directory: &Path, number: u64) -> io::Result<(SegmentFile, Self)> {
        let path = path(directory, number);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        // The name has to be there after a crash of the machine, too.
        File::open(directory)?.sync_all()?;
        let known = SegmentFile { number, path, bytes: 0, newest: Timestamp::default(), can_go_on: true };
        Ok((known, Self { file, number, bytes: 0, is_dirty: false }))
    }

    /// Goes on with a file.
    pub(crate) fn go_on(known: &SegmentFile) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(&known.path)?;
        if file.metadata()?.len() != known.bytes {
            file.set_len(known.bytes)?;
        }
        Ok(Self { file, number: known.number, bytes: known.bytes, is_dirty: false })
    }

    /// How many bytes it has.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds events, in one write.
    pub(crate) fn append(&mut self, events: &[Event]) -> io::Result<Vec<Location>> {
        let mut lines = Vec::new();
        let mut locations = Vec::with_capacity(events.len());
        for event in events {
            let json = event.to_json();
            let offset = self.bytes + (lines.len() + SUM_BYTES) as u64;
            let length = u32::try_from(json.len()).map_err(io::Error::other)?;
            locations.push(Location { segment: self.number, offset, length });
            lines.extend_from_slice(sum(json.as_bytes()).as_bytes());
            lines.push(b' ');
            lines.extend_from_slice(json.as_bytes());
            lines.push(b'\n');
        }
        self.is_dirty = true;
        if let Err(error) = self.file.write_all(&lines) {
            // A part may be there: it is taken back, so that no line has two events.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += lines.len() as u64;
        Ok(locations)
    }

    /// Waits until the disk has what was added.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.is_dirty {
            self.file.sync_data()?;
            self.is_dirty = false;
        }
        Ok(())
    }
}
