//! The files of the history: events, a line each.
//!
//! Owns the format and what is read of a file whose end is torn. Refuses to know which files there are too many.
//!
//! ```text
//!  events/00000000000000000007.log
//!  line = the first 8 bytes of the event's SHA-256, as 16 hexadecimal digits | space | the event as JSON | newline
//! ```
//!
//! What is torn or damaged at the end is cut off; a damaged line between whole ones is left out. A file is written anew beside
//! it and put in its place at one time; what that file has of an earlier one may be in both for a moment.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_types::{AccountId, Timestamp};
use cloudtrail_events::Event;
use sha2::{Digest as _, Sha256};

use crate::index::Location;

/// What is written to take the place of another file. One that is left over is of no use.
const ANEW: &str = "anew.tmp";
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
    /// How many of its bytes are lines of which account.
    pub(crate) accounts: BTreeMap<AccountId, u64>,
}

impl SegmentFile {
    fn empty(number: u64, path: PathBuf) -> Self {
        let newest = Timestamp::default();
        Self { number, path, bytes: 0, newest, can_go_on: true, accounts: BTreeMap::new() }
    }

    /// Counts a line with its event.
    pub(crate) fn count(&mut self, length: u32, event: &Event) {
        *self.accounts.entry(event.recipient_account_id).or_default() += line_bytes(length);
        self.newest = self.newest.max(event.event_time);
    }
}

/// How long the line of an event of that length is.
pub(crate) fn line_bytes(length: u32) -> u64 {
    u64::from(length) + SUM_BYTES as u64 + 1
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
    let mut file = SegmentFile::empty(number, path);
    let mut offset = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let start = offset;
        offset += line.len();
        let Some(event) = line.strip_suffix(b"\n").and_then(read_line) else { continue };
        let length = u32::try_from(line.len() - SUM_BYTES - 1).map_err(io::Error::other)?;
        tell(Location { segment: number, offset: (start + SUM_BYTES) as u64, length }, &event);
        file.bytes = offset as u64;
        file.count(length, &event);
    }
    if file.bytes < bytes.len() as u64 {
        tracing::warn!(path = %file.path.display(), "the end of the events is torn; it is cut off");
        OpenOptions::new().write(true).open(&file.path)?.set_len(file.bytes)?;
    }
    Ok(file)
}

/// Writes these lines, of any files, beside the files, for [`put_anew`] to put them in the place of one. Answers where they will
/// be there.
pub(crate) fn write_anew(directory: &Path, number: u64, lines: &[Location]) -> io::Result<Vec<Location>> {
    let mut files: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut written = Vec::new();
    let mut locations = Vec::with_capacity(lines.len());
    for line in lines {
        let bytes = match files.entry(line.segment) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(fs::read(path(directory, line.segment))?),
        };
        let start = usize::try_from(line.offset).map_err(io::Error::other)?.saturating_sub(SUM_BYTES);
        let end = start + usize::try_from(line_bytes(line.length)).map_err(io::Error::other)?;
        let offset = (written.len() + SUM_BYTES) as u64;
        locations.push(Location { segment: number, offset, length: line.length });
        written.extend_from_slice(bytes.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
    }
    let mut file = OpenOptions::new();
    let file = file.write(true).create(true).truncate(true).mode(0o600);
    let mut file = file.open(directory.join(ANEW))?;
    file.write_all(&written)?;
    file.sync_all()?;
    Ok(locations)
}

/// Puts what [`write_anew`] wrote in the place of a file, at one time.
pub(crate) fn put_anew(directory: &Path, number: u64) -> io::Result<()> {
    fs::rename(directory.join(ANEW), path(directory, number))?;
    File::open(directory)?.sync_all()
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
        let known = SegmentFile::empty(number, path);
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
