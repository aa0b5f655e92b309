//! The history of events of a cloud: what was recorded, as far back as it is kept.
//!
//! Owns the files, their bounds, the index in memory by which events are found, and the thread that writes. Refuses to know
//! what an event means, beyond the facts that it is found by.
//!
//! ```text
//!  recorders ──bounded queue──> one thread ──> newest segment, index ──> lookups
//! ```
//!
//! Memory and disk are bounded: see [`Limits`]. A segment goes as a whole, the oldest first. Nothing about the history keeps
//! the cloud from starting or from answering.

mod index;
mod query;
mod room;
mod segment;
mod writer;

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::PathBuf;

use aws_types::Timestamp;
use cloudtrail_events::{Event, Facts, Found, Page, Query};
use parking_lot::{Condvar, Mutex, RwLock};

use index::{Index, Location};
use segment::{Appender, SegmentFile};

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
            let file = segment::read(number, path, |location, event| index.add(location, &Facts::of(event)));
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
        let newest = events.iter().map(|event| event.event_time).max().unwrap_or(now);
        if let Some(last) = files.segments.back_mut() {
            last.newest = last.newest.max(newest);
        }
        {
            let mut index = self.index.write();
            for (location, event) in locations.into_iter().zip(events) {
                index.add(location, &Facts::of(event));
            }
        }
        self.forget_the_oldest(&mut files, now);
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

    /// Removes segments that are too old, or too many; the newest stays.
    fn forget_the_oldest(&self, files: &mut Files, now: Timestamp) {
        let oldest_kept = now.plus_millis(-self.limits.age_millis);
        loop {
            let bytes: u64 = files.segments.iter().map(|file| file.bytes).sum();
            let Some(oldest) = files.segments.front() else { return };
            let is_over = bytes > self.limits.history_bytes || oldest.newest < oldest_kept;
            if files.segments.len() == 1 || !is_over {
                return;
            }
            if let Err(error) = fs::remove_file(&oldest.path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(path = %oldest.path.display(), %error, "old events cannot be removed");
                return;
            }
            self.index.write().forget_segment(oldest.number);
            files.segments.pop_front();
        }
    }

    /// The events of an account and region that a query is about, newest first.
    pub fn lookup(&self, query: &Query) -> Page {
        self.wait_until_loaded();
        let oldest_kept = query.now.plus_millis(-self.limits.age_millis);
        let (found, next) = self.index.read().lookup(query, oldest_kept);
        Page { events: self.read_all(&found), next }
    }

    /// The newest events of all accounts and regions, oldest first.
    pub fn recent(&self, wanted: &Recent) -> RecentPage {
        self.wait_until_loaded();
        let (found, newest) = self.index.read().recent(wanted);
        RecentPage { events: self.read_all(&found), newest }
    }

    /// Reads events from their files. Whatever was removed meanwhile is left out.
    fn read_all(&self, found: &[(u64, Location)]) -> Vec<Found> {
        let mut open: HashMap<u64, Option<fs::File>> = HashMap::new();
        let mut read = |(sequence, location): &(u64, Location)| {
            let file = open
                .entry(location.segment)
                .or_insert_with(|| fs::File::open(segment::path(&self.directory, location.segment)).ok());
            let mut bytes = vec![0; location.length as usize];
            file.as_ref()?.read_exact_at(&mut bytes, location.offset).ok()?;
            let json = String::from_utf8(bytes).ok()?;
            let event: Event = serde_json::from_str(&json).ok()?;
            Some(Found { sequence: *sequence, facts: Facts::of(&event), json })
        };
        found.iter().filter_map(&mut read).collect()
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
