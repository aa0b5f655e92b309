//! Events that trails select, on disk until the file that they are for is in its bucket.
//!
//! Owns the directory, what in it is still added to, and how much there may be. Refuses to know trails and buckets.
//!
//! ```text
//!  00000000000000000007.gathered
//!    {"scope":…,"trail":…}      whose file it will be, and what its name has
//!    {"eventVersion":…}         an event, a line each
//! ```
//!
//! What was added is safe from the end of the process at once, and from that of the machine after [`Spool::sync`]. After a start
//! nothing is added to files that are there: what is delivered again, because nobody could say that it was, has the same name
//! and the same events. A line that is torn is cut off.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_types::{AccountId, Region, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::Scope;

/// How many bytes of events a file has, before they are compressed.
const FILE_BYTES: u64 = 4 << 20;
/// How many files there are at one time: a trail of an organization has one for each account and region.
const FILES_MAX: usize = 4096;
/// How many bytes they have together. Where there is no room, those give way that their bucket has refused.
const SPOOL_BYTES_MAX: u64 = 256 << 20;
const SUFFIX: &str = "gathered";
/// What files end in that cannot be read.
const SET_ASIDE: &str = "unreadable";

/// Whose file it will be, and what its name has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// Where the trail is at home.
    pub(crate) scope: Scope,
    /// Its name.
    pub(crate) trail: String,
    /// When it was made: another one that has its name later has another time.
    pub(crate) created: Timestamp,
    /// Whose events they are.
    pub(crate) account: AccountId,
    /// Where they were.
    pub(crate) region: Region,
    /// When the first was gathered.
    pub(crate) since: Timestamp,
    /// Makes the name of the file its own.
    pub(crate) unique: String,
}

type Place = (Scope, String, AccountId, Region);

impl Head {
    fn place(&self) -> Place {
        (self.scope.clone(), self.trail.clone(), self.account, self.region.clone())
    }
}

/// The directory.
pub(crate) struct Spool {
    directory: PathBuf,
    state: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    files: BTreeMap<u64, Kept>,
    /// Those that are added to.
    open: HashMap<Place, u64>,
    bytes: u64,
    newest: u64,
}

struct Kept {
    head: Head,
    /// How many bytes of it are whole lines.
    bytes: u64,
    /// When it is tried again, once a bucket has refused it.
    retry: Option<Timestamp>,
    is_dirty: bool,
}

impl Spool {
    /// What is in a directory, which is made when something is added.
    pub(crate) fn open(directory: PathBuf) -> Self {
        let mut held = Held::default();
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
            let is_file = path.extension().is_some_and(|extension| extension == SUFFIX);
            let Some(number) = number.filter(|_| is_file) else { continue };
            held.newest = held.newest.max(number);
            match read_head(&path) {
                Ok((head, bytes)) => {
                    held.bytes += bytes;
                    held.files.insert(number, Kept { head, bytes, retry: None, is_dirty: false });
                }
                Err(error) => {
                    // It may be another build's, or the disk's fault for now: nobody but an operator removes it.
                    tracing::error!(path = %path.display(), %error, "events of a trail cannot be read, and are set aside");
                    let _ = fs::rename(&path, path.with_extension(SET_ASIDE));
                }
            }
        }
        Self { directory, state: Mutex::new(held) }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:020}.{SUFFIX}"))
    }

    /// Adds events, each a line with its end, to the file that is gathered for their trail, account and region. The head is
    /// that of a new file.
    ///
    /// # Errors
    /// They cannot be written, or there is no room. None of them is there then.
    pub(crate) fn add(&self, head: Head, lines: &str) -> io::Result<()> {
        let mut held = self.state.lock();
        let place = head.place();
        let goes_on = held.open.get(&place).copied().filter(|number| {
            let file = held.files.get(number);
            file.is_some_and(|file| file.bytes < FILE_BYTES && file.head.created == head.created)
        });
        if goes_on.is_none() {
            held.open.remove(&place);
        }
        self.make_room(&mut held, lines.len() as u64, goes_on.is_none())?;
        let (number, written) = match goes_on {
            Some(number) => {
                let file = File::options().append(true).open(self.path(number));
                (number, file.and_then(|mut file| file.write_all(lines.as_bytes())).map(|()| lines.len()))
            }
            None => {
                held.newest += 1;
                let number = held.newest;
                let written = self.create(number, &head, lines);
                if written.is_ok() {
                    held.open.insert(place.clone(), number);
                    held.files.insert(number, Kept { head, bytes: 0, retry: None, is_dirty: true });
                } else {
                    let _ = fs::remove_file(self.path(number));
                }
                (number, written)
            }
        };
        let Held { files, open, bytes, .. } = &mut *held;
        match (written, files.get_mut(&number)) {
            (Ok(length), Some(file)) => {
                file.bytes += length as u64;
                file.is_dirty = true;
                *bytes += length as u64;
                Ok(())
            }
            (written, _) => {
                // What is half written stands behind the whole lines, and nothing may come behind it.
                open.remove(&place);
                written.map(drop)
            }
        }
    }

    fn create(&self, number: u64, head: &Head, lines: &str) -> io::Result<usize> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let mut text = serde_json::to_string(head).map_err(io::Error::other)?;
        text.push('\n');
        text.push_str(lines);
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(self.path(number))?;
        file.write_all(text.as_bytes())?;
        Ok(text.len())
    }

    /// Those give way that were refused, the oldest first.
    fn make_room(&self, held: &mut Held, more: u64, is_new: bool) -> io::Result<()> {
        while held.bytes + more > SPOOL_BYTES_MAX || (is_new && held.files.len() >= FILES_MAX) {
            let refused = held.files.iter().find(|(_, file)| file.retry.is_some()).map(|(number, _)| *number);
            let Some(number) = refused else { return Err(io::ErrorKind::StorageFull.into()) };
            if let Some(file) = held.files.get(&number) {
                tracing::warn!(trail = file.head.trail, "events that were refused give way to newer ones");
            }
            self.forget(held, number);
        }
        Ok(())
    }

    /// The files to deliver now: those that are full, those that have gathered for so long or were refused so long ago, or all.
    /// Nothing is added to them any more.
    pub(crate) fn due(&self, now: Timestamp, period_millis: i64, all: bool) -> Vec<(u64, Head)> {
        let mut held = self.state.lock();
        let Held { files, open, .. } = &mut *held;
        let is_open = |number: &u64, file: &Kept| open.get(&file.head.place()) == Some(number);
        let is_due = |(number, file): &(&u64, &Kept)| {
            let since = file.head.since;
            // A clock that was set back keeps nothing for ever.
            let is_over = now >= since.plus_millis(period_millis) || now < since;
            all || match file.retry {
                Some(at) => now >= at,
                None => is_over || file.bytes >= FILE_BYTES || !is_open(number, file),
            }
        };
        let due: Vec<(u64, Head)> =
            files.iter().filter(is_due).map(|(number, file)| (*number, file.head.clone())).collect();
        open.retain(|_, number| due.iter().all(|(other, _)| other != number));
        due
    }

    /// The events of a file, a line each.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(&self, number: u64) -> io::Result<String> {
        let bytes = self.state.lock().files.get(&number).map(|file| file.bytes);
        let bytes = bytes.ok_or(io::ErrorKind::NotFound)?;
        let mut text = String::new();
        File::open(self.path(number))?.take(bytes).read_to_string(&mut text)?;
        let events = text.find('\n').map_or(text.len(), |end| end + 1);
        text.drain(..events);
        Ok(text)
    }

    /// Forgets a file that was delivered, or never can be.
    pub(crate) fn remove(&self, number: u64) {
        self.forget(&mut self.state.lock(), number);
    }

    fn forget(&self, held: &mut Held, number: u64) {
        if let Err(error) = fs::remove_file(self.path(number))
            && error.kind() != io::ErrorKind::NotFound
        {
            // It is delivered again after a start, under the same name.
            tracing::warn!(number, %error, "delivered events cannot be removed");
        }
        if let Some(file) = held.files.remove(&number) {
            held.bytes = held.bytes.saturating_sub(file.bytes);
            held.open.retain(|_, open| *open != number);
        }
    }

    /// Keeps a file that was refused for another time.
    pub(crate) fn retry_at(&self, number: u64, at: Timestamp) {
        if let Some(file) = self.state.lock().files.get_mut(&number) {
            file.retry = Some(at);
        }
    }

    /// Makes what was added safe from the end of the machine.
    pub(crate) fn sync(&self) {
        let dirty: Vec<u64> = {
            let mut held = self.state.lock();
            let dirty = held.files.iter_mut();
            dirty.filter_map(|(number, file)| std::mem::take(&mut file.is_dirty).then_some(*number)).collect()
        };
        if dirty.is_empty() {
            return;
        }
        let directory = std::iter::once(self.directory.clone());
        for path in dirty.into_iter().map(|number| self.path(number)).chain(directory) {
            match File::open(&path).and_then(|file| file.sync_data()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::error!(path = %path.display(), %error, "the disk does not take events of trails");
                }
                _ => {}
            }
        }
    }
}

/// The head of a file, and how many bytes of it are whole lines.
fn read_head(path: &Path) -> io::Result<(Head, u64)> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let head = bytes[..whole].split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok((serde_json::from_slice(head)?, whole as u64))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use aws_types::Partition;

    use super::*;

    const PERIOD_MILLIS: i64 = 1000;

    fn head(trail: &str, since_millis: i64) -> Head {
        let (account, region): (AccountId, Region) =
            ("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        Head {
            scope: Scope::new(Partition::Aws, account, region.clone()),
            trail: trail.to_owned(),
            created: Timestamp::from_unix_millis(1),
            account,
            region,
            since: Timestamp::from_unix_millis(since_millis),
            unique: "one".to_owned(),
        }
    }

    fn due(spool: &Spool, millis: i64) -> Vec<(String, String)> {
        let due = spool.due(Timestamp::from_unix_millis(millis), PERIOD_MILLIS, false);
        due.into_iter().map(|(number, head)| (head.trail, spool.read(number).unwrap())).collect()
    }

    fn pair(trail: &str, lines: &str) -> (String, String) {
        (trail.to_owned(), lines.to_owned())
    }

    #[test]
    fn events_gather_until_it_is_time_and_stay_until_they_are_delivered() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path().join("trails"));
        spool.sync();
        spool.add(head("a", 0), "1\n2\n").unwrap();
        spool.add(head("a", 500), "3\n").unwrap();
        spool.add(head("b", 600), "4\n").unwrap();
        spool.sync();
        assert_eq!(due(&spool, 999), []);
        assert_eq!(due(&spool, 1000), [pair("a", "1\n2\n3\n")]);
        // What comes then is for another file; what was refused waits.
        spool.add(head("a", 1000), "5\n").unwrap();
        spool.retry_at(1, Timestamp::from_unix_millis(3000));
        assert_eq!(due(&spool, 1600), [pair("b", "4\n")]);
        spool.remove(2);
        assert_eq!(due(&spool, 2000), [pair("a", "5\n")]);
        assert_eq!(due(&spool, 3000).len(), 2);
        spool.remove(1);
        spool.remove(3);
        assert_eq!(fs::read_dir(directory.path().join("trails")).unwrap().count(), 0);
        assert_eq!(spool.state.lock().bytes, 0);
    }

    #[test]
    fn a_start_finds_what_is_whole_and_adds_nothing_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path().to_owned());
        spool.add(head("a", 0), "1\n2\n").unwrap();
        let mut file = File::options().append(true).open(spool.path(1)).unwrap();
        file.write_all(b"torn").unwrap();
        fs::write(spool.path(2), "{\"sco").unwrap();
        let spool = Spool::open(directory.path().to_owned());
        spool.add(head("a", 10), "3\n").unwrap();
        // It is due at once, for nobody waits for more.
        assert_eq!(due(&spool, 20), [pair("a", "1\n2\n")]);
        assert_eq!(due(&spool, 1010), [pair("a", "1\n2\n"), pair("a", "3\n")]);
        assert!(!spool.path(2).exists());
    }

    #[test]
    fn what_was_refused_gives_way_and_nothing_else_does() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path().to_owned());
        spool.add(head("a", 0), "1\n").unwrap();
        spool.state.lock().bytes = SPOOL_BYTES_MAX;
        let full = spool.add(head("b", 0), "2\n").unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        spool.retry_at(1, Timestamp::from_unix_millis(1));
        spool.add(head("b", 0), "2\n").unwrap();
        assert_eq!(due(&spool, 1000), [pair("b", "2\n")]);
        spool.state.lock().bytes = 0;
        // Another trail of the name has another file.
        spool.add(head("c", 0), "3\n").unwrap();
        spool.add(Head { created: Timestamp::from_unix_millis(2), ..head("c", 0) }, "4\n").unwrap();
        spool.remove(2);
        assert_eq!(due(&spool, 1000), [pair("c", "3\n"), pair("c", "4\n")]);
    }
}
