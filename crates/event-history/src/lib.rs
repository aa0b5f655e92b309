//! The history of events of a cloud: what was recorded, as far back as it is kept.
//!
//! Owns the files, their bounds, the index in memory by which events are found, and the thread that writes. Refuses to know
//! what an event means, beyond the facts that it is found by.
//!
//! ```text
//!  recorders ──bounded queue──> one thread ──> newest segment, index ──> lookups
//! ```
//!
//! Memory and disk are bounded: see [`Limits`]. What is too old goes a segment at a time; where there is too much, those
//! accounts give way that have more than their share (`share.rs`). Nothing about the history keeps the cloud from starting
//! or from answering.

mod index;
mod query;
mod room;
mod segment;
mod share;
mod writer;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::{Path, PathBuf};

use aws_types::{AccountId, Timestamp};
use cloudtrail_events::{Event, Facts, Found, Page, Query};
use parking_lot::{Condvar, Mutex, RwLock};

use index::{Index, Location};
use segment::{Appender, SegmentFile};
use share::Room;

pub use query::{Recent, RecentPage};
pub use room::QUEUE_BYTES;
pub use writer::{Importance, QUEUE_CALLS, SYNC_PERIOD, Writer};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many bytes all segments have, about.
    pub history_bytes: u64,
    /// When a new segment is begun.
    pub segment_bytes: u64,
    /// How old the newest event of a segment may be.
    /// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>
    pub age_millis: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { history_bytes: 256 << 20, segment_bytes: 8 << 20, age_millis: 90 * 24 * 60 * 60 * 1000 }
    }
}

/// The history of one cloud.
pub struct EventHistory {
    directory: PathBuf,
    limits: Limits,
    files: Mutex<Files>,
    index: RwLock<Index>,
    is_loaded: Mutex<bool>,
    loaded: Condvar,
}

/// The segments, oldest first. The last is the one that is written.
#[derive(Default)]
struct Files {
    segments: VecDeque<SegmentFile>,
    appender: Option<Appender>,
}

impl EventHistory {
    /// The history in a directory, which is made when something is written. Nothing is read before [`EventHistory::load`].
    pub fn new(directory: PathBuf, limits: Limits) -> Self {
        Self {
            directory,
            limits,
            files: Mutex::default(),
            index: RwLock::default(),
            is_loaded: Mutex::new(false),
            loaded: Condvar::new(),
        }
    }

    /// Reads what is there. Of a segment whose end is torn, the rest is cut off. Lookups wait until it has ended.
    ///
    /// # Errors
    /// When the directory cannot be read. What is written afterwards can be found all the same.
    pub fn load(&self) -> io::Result<()> {
        let read = self.read();
        *self.is_loaded.lock() = true;
        self.loaded.notify_all();
        read
    }

    fn read(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let mut files = self.files.lock();
        for (number, path) in segment::list(&self.directory)? {
            let mut index = self.index.write();
            let file = segment::read(number, path, |location, event| {
                // One that was to be moved to this file when the machine ended is in an earlier one, too.
                if !index.has(&event.event_id) {
                    index.add(location, &Facts::of(event));
                }
            });
            drop(index);
            match file {
                Ok(file) => files.segments.push_back(file),
                Err(error) => tracing::warn!(number, %error, "a part of the events cannot be read"),
            }
        }
        Ok(())
    }

    fn wait_until_loaded(&self) {
        let mut is_loaded = self.is_loaded.lock();
        while !*is_loaded {
            self.loaded.wait(&mut is_loaded);
        }
    }

    /// Adds events, in one write. They are safe from the end of this process, and after [`EventHistory::sync`] from that of
    /// the machine.
    ///
    /// # Errors
    /// When they cannot be written. None of them is there then.
    pub fn append(&self, events: &[Event], now: Timestamp) -> io::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut files = self.files.lock();
        let written = self.write(&mut files, events);
        if written.is_err() {
            // What is half written is cut off when the segment is read again; another is begun meanwhile.
            files.appender = None;
        }
        let locations = written?;
        if let Some(last) = files.segments.back_mut() {
            locations.iter().zip(events).for_each(|(location, event)| last.count(location.length, event));
        }
        {
            let mut index = self.index.write();
            for (location, event) in locations.into_iter().zip(events) {
                index.add(location, &Facts::of(event));
            }
        }
        self.make_room(&mut files, now);
        Ok(())
    }

    fn write(&self, files: &mut Files, events: &[Event]) -> io::Result<Vec<Location>> {
        let last = files.segments.back();
        let is_full = last.is_some_and(|last| last.bytes >= self.limits.segment_bytes);
        if is_full && let Some(mut full) = files.appender.take() {
            full.sync()?;
        }
        if files.appender.is_none() {
            let appender = self.appender(files, is_full)?;
            files.appender = Some(appender);
        }
        let (Some(appender), Some(last)) = (&mut files.appender, files.segments.back_mut()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let locations = appender.append(events);
        if locations.is_err() {
            // Its length is not what is known of it any more.
            last.can_go_on = false;
        }
        let locations = locations?;
        last.bytes = appender.bytes();
        Ok(locations)
    }

    /// What to write with: the newest segment, or a new one.
    fn appender(&self, files: &mut Files, is_full: bool) -> io::Result<Appender> {
        let number = match files.segments.back_mut() {
            Some(last) if last.can_go_on && !is_full => return Appender::go_on(last),
            Some(last) => {
                last.can_go_on = false;
                last.number + 1
            }
            None => 1,
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let (file, appender) = Appender::create(&self.directory, number)?;
        files.segments.push_back(file);
        Ok(appender)
    }

    /// Makes what was appended safe from the end of the machine.
    ///
    /// # Errors
    /// When the disk does not say that it has it.
    pub fn sync(&self) -> io::Result<()> {
        match &mut self.files.lock().appender {
            Some(appender) => appender.sync(),
            None => Ok(()),
        }
    }

    /// Removes what is too old, or too much; what is being written stays.
    fn make_room(&self, files: &mut Files, now: Timestamp) {
        let oldest_kept = now.plus_millis(-self.limits.age_millis);
        while let Some(room) = share::room(files.segments.iter(), &self.limits, oldest_kept) {
            let made = match room {
                Room::Remove(at) => self.remove(files, at),
                Room::Rewrite(at, without) => self.rewrite(files, at, &without),
            };
            if let Err(error) = made {
                tracing::warn!(%error, "old events cannot be removed");
                return;
            }
        }
    }

    fn remove(&self, files: &mut Files, at: usize) -> io::Result<()> {
        let Some(file) = files.segments.get(at) else { return Ok(()) };
        let mut index = self.index.write();
        remove_file(&file.path)?;
        index.replace_segments(&[file.number], &HashMap::new());
        files.segments.remove(at);
        Ok(())
    }

    /// Writes a segment anew without the events of some accounts, together with what is left of the one before where both
    /// are small: what is left of many would be as many files.
    fn rewrite(&self, files: &mut Files, at: usize, without: &BTreeSet<AccountId>) -> io::Result<()> {
        let of = |at: usize| files.segments.get(at).map_or(0, |file| file.number);
        let bytes_of = |kept: &[(u64, Location, AccountId, Timestamp)]| -> u64 {
            kept.iter().map(|(_, location, ..)| segment::line_bytes(location.length)).sum()
        };
        let mut segments = vec![of(at)];
        let mut kept = self.index.read().of_segments(&segments, without);
        if let Some(before) = at.checked_sub(1) {
            let both = [of(before), of(at)];
            let of_both = self.index.read().of_segments(&both, without);
            if bytes_of(&of_both) <= self.limits.segment_bytes {
                (segments, kept) = (both.to_vec(), of_both);
            }
        }
        if kept.is_empty() {
            return (0..segments.len()).try_for_each(|_| self.remove(files, at + 1 - segments.len()));
        }
        let lines: Vec<Location> = kept.iter().map(|(_, location, ..)| *location).collect();
        let locations = segment::write_anew(&self.directory, of(at), &lines)?;
        let moved = kept.iter().map(|(sequence, ..)| *sequence).zip(locations).collect();
        {
            // Whoever has found something has opened its file by now, or finds it at its new place.
            let mut index = self.index.write();
            segment::put_anew(&self.directory, of(at))?;
            index.replace_segments(&segments, &moved);
        }
        let Some(file) = files.segments.get_mut(at) else { return Ok(()) };
        (file.bytes, file.newest) = (bytes_of(&kept), Timestamp::default());
        file.accounts.clear();
        for (_, location, account, time) in kept {
            *file.accounts.entry(account).or_default() += segment::line_bytes(location.length);
            file.newest = file.newest.max(time);
        }
        if segments.len() == 2
            && let Some(before) = files.segments.remove(at - 1)
        {
            remove_file(&before.path)?;
        }
        Ok(())
    }

    /// The events of an account and region that a query is about, newest first.
    pub fn lookup(&self, query: &Query) -> Page {
        self.wait_until_loaded();
        let oldest_kept = query.now.plus_millis(-self.limits.age_millis);
        let index = self.index.read();
        let (found, next) = index.lookup(query, oldest_kept);
        let files = self.open(&found);
        drop(index);
        Page { events: read_all(&files, &found), next }
    }

    /// Events of all accounts and regions, oldest first.
    pub fn recent(&self, wanted: &Recent) -> RecentPage {
        self.wait_until_loaded();
        let index = self.index.read();
        let (found, last, has_more) = index.recent(wanted);
        let files = self.open(&found);
        drop(index);
        RecentPage { events: read_all(&files, &found), last, has_more }
    }

    /// The files of events. As long as the index cannot change, they are those that it tells of.
    fn open(&self, found: &[(u64, Location)]) -> HashMap<u64, fs::File> {
        let segments: BTreeSet<u64> = found.iter().map(|(_, location)| location.segment).collect();
        let open = |segment: u64| {
            let path = segment::path(&self.directory, segment);
            match fs::File::open(&path) {
                Ok(file) => Some((segment, file)),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a part of the events cannot be read");
                    None
                }
            }
        };
        segments.into_iter().filter_map(open).collect()
    }

    /// How many events can be found.
    pub fn len(&self) -> usize {
        self.wait_until_loaded();
        self.index.read().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads events from their files. What cannot be read is left out, and the log says so.
fn read_all(files: &HashMap<u64, fs::File>, found: &[(u64, Location)]) -> Vec<Found> {
    let read = |(sequence, location): &(u64, Location)| {
        let mut bytes = vec![0; location.length as usize];
        let read = files.get(&location.segment)?.read_exact_at(&mut bytes, location.offset);
        let event = read.and_then(|()| Ok((serde_json::from_slice::<Event>(&bytes)?, bytes)));
        let read = event.and_then(|(event, bytes)| {
            let json = String::from_utf8(bytes).map_err(io::Error::other)?;
            Ok(Found { sequence: *sequence, facts: Facts::of(&event), json })
        });
        let (segment, offset) = (location.segment, location.offset);
        read.inspect_err(|error| tracing::warn!(segment, offset, %error, "an event cannot be read")).ok()
    };
    found.iter().filter_map(read).collect()
}

/// Removes a file, if it is there.
fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
