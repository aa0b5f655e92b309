//! The files of the history: a state, and the commits that follow it.
//!
//! Owns the format and what is read of a file whose end is torn. Refuses to know which files there are and what records mean.
//!
//! ```text
//!  file   = "BRUMEHI1" frame(state) frame(commit)*
//!  frame  = length: u32 | check: the first 8 bytes of the body's SHA-256 | body
//!  body   = kind: u8 (0 state, 1 commit) | revision: u64 | at: i64, milliseconds since 1970 | count: u32 | change*
//!  change = action: u8 (0 removed, 1 made, 2 changed) | length: u32 | key | length: u32 | record, none where it was removed
//! ```
//!
//! Numbers are little-endian. The frames of a file are of revisions that follow each other, each with a frame. What is torn or
//! damaged ends the file: the frames before it count.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aws_types::Timestamp;
use sha2::{Digest as _, Sha256};
use store::{Key, Revision};

const MAGIC: &[u8; 8] = b"BRUMEHI1";
/// How long a frame is before its body, in bytes.
const HEAD_BYTES: usize = 12;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Removed,
    Made,
    Changed,
}

/// A record that was made, changed or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) action: Action,
    /// As [`Key::to_bytes`] gives it.
    pub(super) key: Vec<u8>,
    pub(super) record: Vec<u8>,
}

/// A state, or a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) is_state: bool,
    pub(super) revision: Revision,
    pub(super) at: Timestamp,
    pub(super) changes: Vec<Recorded>,
}

impl Frame {
    fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut body = vec![u8::from(!self.is_state)];
        body.extend(self.revision.0.to_le_bytes());
        body.extend(self.at.unix_millis().to_le_bytes());
        body.extend(length(self.changes.len())?);
        for Recorded { action, key, record } in &self.changes {
            body.push(*action as u8);
            for part in [key, record] {
                body.extend(length(part.len())?);
                body.extend_from_slice(part);
            }
        }
        let mut bytes = length(body.len())?.to_vec();
        bytes.extend(&Sha256::digest(&body)[..8]);
        bytes.append(&mut body);
        Ok(bytes)
    }

    /// The frame that some bytes begin with, and how long it is; none where they are torn or damaged.
    fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
        let length = usize::try_from(u32::from_le_bytes(head[..4].try_into().ok()?)).ok()?;
        let body = rest.get(..length)?;
        if Sha256::digest(body)[..8] != head[4..] {
            return None;
        }
        let mut reader = Reader(body);
        let is_state = reader.byte()? == 0;
        let revision = Revision(u64::from_le_bytes(reader.array()?));
        let at = Timestamp::from_unix_millis(i64::from_le_bytes(reader.array()?));
        let count = u32::from_le_bytes(reader.array()?);
        let changes = (0..count).map(|_| {
            let action = match reader.byte()? {
                0 => Action::Removed,
                1 => Action::Made,
                2 => Action::Changed,
                _ => return None,
            };
            Some(Recorded { action, key: reader.part()?, record: reader.part()? })
        });
        let changes = changes.collect::<Option<Vec<_>>>()?;
        Some((Self { is_state, revision, at, changes }, HEAD_BYTES + length))
    }
}

fn length(count: usize) -> io::Result<[u8; 4]> {
    u32::try_from(count).map(u32::to_le_bytes).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn part(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(u32::from_le_bytes(self.array()?)).ok()?;
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part.to_vec())
    }
}

/// The records of a state, as they are stored.
pub(super) type Records = BTreeMap<Key, Vec<u8>>;

/// What a file says.
pub(super) struct Segment {
    /// The state first, then the commits.
    pub(super) frames: Vec<Frame>,
    /// How many bytes of the file say that.
    pub(super) length_bytes: u64,
    /// How many bytes the state has.
    pub(super) state_bytes: u64,
    /// Whether there is more, of later revisions than those that were read.
    pub(super) is_cut: bool,
}

impl Segment {
    /// Reads a file; none where it does not even have a state.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        Self::read_until(path, Revision(u64::MAX))
    }

    /// The same, of what a file has up to a revision.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn read_until(path: &Path, last: Revision) -> io::Result<Option<Self>> {
        Ok(Self::of_bytes(&fs::read(path)?, last))
    }

    fn of_bytes(bytes: &[u8], last_wanted: Revision) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let mut frames: Vec<Frame> = Vec::new();
        let (mut state_bytes, mut is_cut) = (0, false);
        while let Some((frame, length)) = Frame::read(rest) {
            let is_next = match frames.last() {
                None => frame.is_state,
                Some(last) => !frame.is_state && frame.revision == last.revision.next(),
            };
            if !is_next {
                break;
            }
            if frame.revision > last_wanted {
                is_cut = true;
                break;
            }
            if frame.is_state {
                state_bytes = length as u64;
            }
            frames.push(frame);
            rest = &rest[length..];
        }
        let length_bytes = (bytes.len() - rest.len()) as u64;
        (!frames.is_empty()).then_some(Self { frames, length_bytes, state_bytes, is_cut })
    }

    /// The first and the last revision.
    pub(super) fn span(&self) -> (Revision, Revision) {
        let [first, .., last] = self.frames.as_slice() else {
            let only = self.frames[0].revision;
            return (only, only);
        };
        (first.revision, last.revision)
    }

    /// The records of a revision, and from when until when they were the newest; the end is unknown of the last one.
    pub(super) fn state(&self, revision: Revision) -> Option<(Records, Option<Timestamp>)> {
        let (first, last) = self.span();
        if revision < first || last < revision {
            return None;
        }
        let mut records = BTreeMap::new();
        for frame in self.frames.iter().take_while(|frame| frame.revision <= revision) {
            for change in &frame.changes {
                let Some(key) = Key::from_bytes(&change.key) else { continue };
                match change.action {
                    Action::Removed => records.remove(&key),
                    Action::Made | Action::Changed => records.insert(key, change.record.clone()),
                };
            }
        }
        let next = self.frames.iter().find(|frame| frame.revision > revision);
        Some((records, next.map(|frame| frame.at)))
    }
}

/// A file that commits are added to.
pub(super) struct Writer {
    file: File,
    pub(super) newest: Revision,
    /// How many bytes the state has, and the commits after it.
    pub(super) state_bytes: u64,
    pub(super) commit_bytes: u64,
}

impl Writer {
    /// Makes a file that begins with a state. It is there whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn create(path: &Path, state: &Frame) -> io::Result<Self> {
        let partial = path.with_extension("new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        let bytes = state.to_bytes()?;
        file.write_all(MAGIC)?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        fs::rename(&partial, path)?;
        Ok(Self { file, newest: state.revision, state_bytes: bytes.len() as u64, commit_bytes: 0 })
    }

    /// Goes on with a file, of which what is torn is cut off.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn go_on(path: &Path, segment: &Segment) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        file.set_len(segment.length_bytes)?;
        let (_, newest) = segment.span();
        let commit_bytes = segment.length_bytes.saturating_sub(segment.state_bytes);
        Ok(Self { file, newest, state_bytes: segment.state_bytes, commit_bytes })
    }

    /// Adds a commit, in one write.
    ///
    /// # Errors
    /// When it cannot be written; the file's end may be torn then.
    pub(super) fn append(&mut self, commit: &Frame) -> io::Result<()> {
        let bytes = commit.to_bytes()?;
        self.file.write_all(&bytes)?;
        self.newest = commit.revision;
        self.commit_bytes += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(is_state: bool, revision: u64) -> Frame {
        let change = |action, record: &[u8]| Recorded {
            action,
            key: format!("aws\x00000000000042\0eu-west-1\0a.b\0{revision}").into_bytes(),
            record: record.to_vec(),
        };
        let made = change(if is_state { Action::Made } else { Action::Changed }, b"1\n{}");
        let at = Timestamp::from_unix_millis(1_000 * i64::try_from(revision).unwrap());
        Frame { is_state, revision: Revision(revision), at, changes: vec![made] }
    }

    fn of_bytes(bytes: &[u8]) -> Option<Segment> {
        Segment::of_bytes(bytes, Revision(u64::MAX))
    }

    fn bytes(frames: &[Frame]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        frames.iter().for_each(|frame| bytes.extend(frame.to_bytes().unwrap()));
        bytes
    }

    #[test]
    fn what_is_written_is_read_up_to_where_it_is_torn() {
        let frames = [frame(true, 7), frame(false, 8), frame(false, 9)];
        let whole = bytes(&frames);
        let ends: Vec<usize> = (1..=3).map(|count| bytes(&frames[..count]).len()).collect();
        for length in 0..=whole.len() {
            let expect = ends.iter().filter(|&&end| end <= length).count();
            let read = of_bytes(&whole[..length]);
            assert_eq!(read.map_or(0, |read| read.frames.len()), expect, "{length}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            let read = of_bytes(&damaged).map_or(Vec::new(), |read| read.frames);
            assert!(read.len() < 3 && frames.starts_with(&read), "{at}");
        }
    }

    #[test]
    fn a_gap_ends_a_file() {
        let read = of_bytes(&bytes(&[frame(true, 7), frame(false, 9)])).unwrap();
        assert_eq!(read.span(), (Revision(7), Revision(7)));
        assert!(of_bytes(&bytes(&[frame(false, 7)])).is_none());
    }

    #[test]
    fn a_state_is_what_the_commits_up_to_it_made() {
        let mut removal = frame(false, 9);
        removal.changes[0] =
            Recorded { action: Action::Removed, record: Vec::new(), ..frame(true, 7).changes[0].clone() };
        let read = of_bytes(&bytes(&[frame(true, 7), frame(false, 8), removal])).unwrap();
        let state = |revision| read.state(Revision(revision)).map(|(records, until)| (records.len(), until));
        let at = |secs: i64| Some(Timestamp::from_unix_millis(secs * 1_000));
        assert_eq!(
            [6, 7, 8, 9, 10].map(state),
            [None, Some((1, at(8))), Some((2, at(9))), Some((1, None)), None]
        );
    }
}
