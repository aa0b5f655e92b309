//! The configurations that the network has had, as far back as they are kept, as `brume revisions` lists them.
//!
//! Owns which revisions are kept, in which files. Refuses to know what a configuration does: whoever asks projects it.
//! [Decision 17](../../../../docs/adr/0017-a-bounded-history-of-configurations.md) says why it is as it is.

mod segment;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use aws_types::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use store::{Change, Commit, Key, Revision, Snapshot, Store, Stored, TailError};

use crate::control::{self, Question};
use crate::now;
use crate::paths::RunDir;
use crate::projection;
use segment::{Action, Frame, Recorded, Segment, Writer};

/// How many files are kept: each begins with a whole state, and the oldest goes when there is one more.
const SEGMENTS_MAX: usize = 8;
/// How many bytes all of them have, about; the newest is kept whatever its size.
const HISTORY_BYTES_MAX: u64 = 256 << 20;
/// A new file is begun when the commits of the last have so many bytes, and more than its state.
const SEGMENT_COMMIT_BYTES: u64 = 1 << 20;
/// After a failure, how many milliseconds pass until it is tried again.
const RETRY_MILLIS: i64 = 10_000;
/// How many revisions are told of at most: the newest.
pub const REVISIONS_TOLD_MAX: usize = 10_000;

/// The kinds that a network is not made of, and that are read where one is made of others: the public addresses of regions, and
/// who shares with whom.
const LOOKED_UP: [&str; 2] = ["ec2.public-pool", "ram.sharing-partner"];
/// The kinds with members that are secret, or that are about people: what these hold is not written.
const SECRETS: [(&str, &[&str]); 2] =
    [("ec2.vpn-connection", &["pre_shared_key"]), ("account.account", &["name", "email", "contact"])];

/// Whether the records of a kind are kept: those that a projection reads, and no others. Others may be large or secret.
fn is_kept(kind: &str) -> bool {
    projection::is_of_network(kind) || LOOKED_UP.contains(&kind)
}

/// A commit that changed the network's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionEntry {
    /// Its number.
    pub revision: u64,
    /// When it was.
    pub at: Timestamp,
    /// What it changed, such as `security-group sg-… changed`.
    pub changes: Vec<String>,
}

/// Which revisions are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisions {
    /// The newest there is.
    pub newest: u64,
    /// The first and the last of those that are kept, in runs without a gap, oldest first.
    pub kept: Vec<(u64, u64)>,
    /// Those of them that changed something, oldest first; [`REVISIONS_TOLD_MAX`] at most.
    pub entries: Vec<RevisionEntry>,
}

impl Revisions {
    /// Asks the daemon of a run directory.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub fn ask(run_dir: &RunDir) -> io::Result<Self> {
        control::ask(run_dir, &Question::Revisions)
    }
}

/// A configuration of earlier.
pub(crate) struct Past {
    pub(crate) records: Snapshot,
    /// The last moment at which it was the newest.
    pub(crate) at: Timestamp,
}

/// The history of a cloud.
pub(crate) struct History {
    store: Store,
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    writer: Option<Writer>,
    /// When something failed last.
    failed_at: Option<Timestamp>,
}

impl History {
    /// Goes on with what is in a directory, or begins anew where that does not end at the store's newest revision. What cannot
    /// be read or written is logged, and keeps nobody from anything.
    pub(crate) fn open(store: Store, directory: PathBuf) -> Self {
        let history = Self { store, directory, state: Mutex::default() };
        history.attempt(&mut history.state.lock(), |history, state| history.resume(state));
        history
    }

    /// Follows the store until it is closed.
    pub(crate) async fn follow(self: std::sync::Arc<Self>) {
        let after = self.state.lock().writer.as_ref().map(|writer| writer.newest);
        let mut tail = self.store.tail(after.unwrap_or_else(|| self.store.snapshot().revision()));
        loop {
            match tail.changed().await {
                Ok(commit) => tokio::task::block_in_place(|| self.record(&commit)),
                Err(TailError::Closed) => return,
                // What is missing between shows when the next commit comes.
                Err(TailError::Behind) => tail = self.store.tail(self.store.snapshot().revision()),
            }
        }
    }

    fn attempt(&self, state: &mut State, run: impl FnOnce(&Self, &mut State) -> io::Result<()>) {
        let failed_before = state.failed_at.is_some();
        match run(self, state) {
            Ok(()) => state.failed_at = None,
            Err(error) => {
                state.writer = None;
                state.failed_at = Some(now());
                if !failed_before {
                    tracing::error!(%error, "the history of the network cannot be kept; `brume diff` will lack revisions");
                }
            }
        }
    }

    fn resume(&self, state: &mut State) -> io::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        let newest = self.store.snapshot().revision();
        self.forget_what_is_newer(newest)?;
        if let Some((_, path)) = self.files()?.pop()
            && let Some(segment) = Segment::read_until(&path, newest)?
        {
            let (_, last) = segment.span();
            if segment.is_cut {
                tracing::warn!(path = %path.display(), %newest, "the history is newer than the state; the rest is cut off");
                Writer::go_on(&path, &segment)?;
            } else if last == newest {
                state.writer = Some(Writer::go_on(&path, &segment)?);
                return Ok(());
            }
        }
        self.begin(state)
    }

    /// Removes the files of revisions that the store does not have: it has been restored from a copy of earlier, and will give
    /// their numbers to others.
    fn forget_what_is_newer(&self, newest: Revision) -> io::Result<()> {
        for (_, path) in self.files()?.into_iter().filter(|(first, _)| *first > newest.0) {
            tracing::warn!(path = %path.display(), %newest, "the history is newer than the state; that part is removed");
            std::fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Begins a file with the state as it is.
    fn begin(&self, state: &mut State) -> io::Result<()> {
        let snapshot = self.store.snapshot();
        self.forget_what_is_newer(snapshot.revision())?;
        let kept = snapshot.records().filter(|(key, _)| is_kept(key.kind));
        let changes = kept.map(|(key, stored)| Recorded {
            action: Action::Made,
            key: key.to_bytes(),
            record: written(key.kind, stored),
        });
        let frame =
            Frame { is_state: true, revision: snapshot.revision(), at: now(), changes: changes.collect() };
        let path = self.directory.join(format!("{:020}.log", frame.revision.0));
        state.writer = Some(Writer::create(&path, &frame)?);
        self.forget_the_oldest()
    }

    /// The files by their first revisions.
    fn files(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let first = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            if let Some(first) =
                first.filter(|_| path.extension().is_some_and(|extension| extension == "log"))
            {
                files.push((first, path));
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    fn forget_the_oldest(&self) -> io::Result<()> {
        let mut files = self.files()?;
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let mut bytes: u64 = files.iter().map(|(_, path)| size(path)).sum();
        while files.len() > 1 && (files.len() > SEGMENTS_MAX || bytes > HISTORY_BYTES_MAX) {
            let (_, oldest) = files.remove(0);
            bytes -= size(&oldest);
            std::fs::remove_file(oldest)?;
        }
        Ok(())
    }

    /// Takes a commit in.
    fn record(&self, commit: &Commit) {
        let mut state = self.state.lock();
        if state.failed_at.is_some_and(|at| now() < at.plus_millis(RETRY_MILLIS)) {
            return;
        }
        self.attempt(&mut state, |history, state| history.append(state, commit));
    }

    fn append(&self, state: &mut State, commit: &Commit) -> io::Result<()> {
        let Some(writer) = &mut state.writer else { return self.begin(state) };
        if commit.revision <= writer.newest {
            return Ok(());
        }
        let is_full = writer.commit_bytes > SEGMENT_COMMIT_BYTES.max(writer.state_bytes);
        if commit.revision != writer.newest.next() || is_full {
            return self.begin(state);
        }
        let changes = commit.changes.iter().filter(|change| is_kept(change.key.kind)).map(recorded);
        let frame =
            Frame { is_state: false, revision: commit.revision, at: now(), changes: changes.collect() };
        writer.append(&frame)
    }

    /// The files there are. Nobody begins or removes one while they are listed; they are read afterwards, so that commits do not
    /// wait for it. What is being written then is read whole or not at all.
    fn listed(&self) -> Vec<(u64, PathBuf)> {
        let _state = self.state.lock();
        self.files().unwrap_or_default()
    }

    /// Which revisions are kept, and what each changed.
    pub(crate) fn list(&self) -> Revisions {
        let mut runs = Vec::new();
        let mut entries: BTreeMap<u64, RevisionEntry> = BTreeMap::new();
        for segment in self.listed().iter().filter_map(|(_, path)| read(path)) {
            add_run(&mut runs, &segment);
            for frame in segment.frames.iter().filter(|frame| !frame.is_state) {
                let changes = words(&frame.changes);
                if !changes.is_empty() {
                    let revision = frame.revision.0;
                    entries.insert(revision, RevisionEntry { revision, at: frame.at, changes });
                }
            }
            while entries.len() > REVISIONS_TOLD_MAX {
                entries.pop_first();
            }
        }
        Revisions {
            newest: self.store.snapshot().revision().0,
            kept: runs,
            entries: entries.into_values().collect(),
        }
    }

    /// The newest state.
    pub(crate) fn today(&self) -> Snapshot {
        self.store.snapshot()
    }

    /// The configuration of a revision.
    ///
    /// # Errors
    /// What to say when it is not kept.
    pub(crate) fn at(&self, revision: Revision) -> Result<Past, String> {
        let newest = self.store.snapshot();
        if revision == newest.revision() {
            return Ok(Past { records: newest, at: now() });
        }
        if revision > newest.revision() {
            return Err(format!("there is no revision {revision} yet; the newest is {}", newest.revision()));
        }
        let files = self.listed();
        // Files begin where the ones before them end, so that one alone can have it.
        let has_begun = files.iter().rposition(|(first, _)| *first <= revision.0);
        let found = has_begun.and_then(|index| {
            let (records, until) = read(&files[index].1)?.state(revision)?;
            // The last of a file was the newest until the next file began.
            let next = || files[index + 1..].iter().find_map(|(_, path)| Some(read(path)?.frames[0].at));
            Some((records, until.or_else(next)))
        });
        let Some((records, until)) = found else {
            let mut runs = Vec::new();
            files.iter().filter_map(|(_, path)| read(path)).for_each(|segment| add_run(&mut runs, &segment));
            let runs = runs.into_iter().map(|(first, last)| format!("{first} to {last}"));
            let runs = runs.collect::<Vec<_>>().join(", ");
            return Err(format!("revision {revision} is not kept any more; kept are {runs}"));
        };
        let records = records.into_iter().map(|(key, bytes): (Key, _)| (key, Stored::from_bytes(&bytes)));
        let mut records = Snapshot::of_records(revision, records);
        // A record that this build cannot read is found now and not met later.
        let mut kinds = crate::record_kinds().filter(|kind| is_kept(kind.name()));
        kinds
            .try_for_each(|kind| kind.check_snapshot(&mut records))
            .map_err(|error| format!("this build cannot read revision {revision}: {error}"))?;
        // A moment before the next, so that what time alone had changed by then has changed.
        Ok(Past { records, at: until.map_or_else(now, |until| until.plus_millis(-1)) })
    }
}

/// What a file has; nothing where it cannot be read. One that is too old is gone by the time that it is read.
fn read(path: &Path) -> Option<Segment> {
    Segment::read(path).unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::warn!(path = %path.display(), %error, "a part of the history cannot be read");
        }
        None
    })
}

/// Adds the revisions of a file to the runs without a gap of those before it.
fn add_run(runs: &mut Vec<(u64, u64)>, segment: &Segment) {
    let (Revision(first), Revision(last)) = segment.span();
    match runs.last_mut() {
        Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
        _ => runs.push((first, last)),
    }
}

fn recorded(change: &Change) -> Recorded {
    let action = match (change.is_creation(), change.is_removal()) {
        (_, true) => Action::Removed,
        (true, false) => Action::Made,
        (false, false) => Action::Changed,
    };
    let record = change.stored().map(|stored| written(change.key.kind, stored)).unwrap_or_default();
    Recorded { action, key: change.key.to_bytes(), record }
}

/// A record as it is written: as it is stored, but for what is secret. What cannot be looked into is left empty, and is found to
/// be unreadable when somebody asks for its revision.
fn written(kind: &str, stored: &Stored) -> Vec<u8> {
    let bytes = stored.to_bytes();
    match SECRETS.iter().find(|(with_secrets, _)| *with_secrets == kind) {
        Some((_, secret)) => without_secrets(&bytes, secret).unwrap_or_default(),
        None => bytes,
    }
}

/// The version comes first, in a line of its own, and then JSON.
fn without_secrets(record: &[u8], secret: &[&str]) -> Option<Vec<u8>> {
    let json_at = record.iter().position(|byte| *byte == b'\n')? + 1;
    let (version, json) = record.split_at(json_at);
    let mut json: serde_json::Value = serde_json::from_slice(json).ok()?;
    empty_secrets(&mut json, secret);
    Some([version, &serde_json::to_vec(&json).ok()?].concat())
}

fn empty_secrets(json: &mut serde_json::Value, secret: &[&str]) {
    match json {
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                match secret.contains(&name.as_str()) {
                    true if value.is_string() => *value = serde_json::Value::String(String::new()),
                    true => *value = serde_json::Value::Null,
                    false => empty_secrets(value, secret),
                }
            }
        }
        serde_json::Value::Array(values) => {
            values.iter_mut().for_each(|value| empty_secrets(value, secret));
        }
        _ => {}
    }
}

/// What changed, in a few words: of each kind that a network is made of.
fn words(changes: &[Recorded]) -> Vec<String> {
    let mut found: BTreeMap<(&'static str, Action), Vec<String>> = BTreeMap::new();
    for change in changes {
        let Some(key) = Key::from_bytes(&change.key) else { continue };
        if projection::is_of_network(key.kind) {
            found.entry((key.kind, change.action)).or_default().push(key.id.to_string());
        }
    }
    let said = found.into_iter().map(|((kind, action), ids)| {
        let noun = kind.split_once('.').map_or(kind, |(_, noun)| noun);
        let verb = match action {
            Action::Removed => "removed",
            Action::Made => "made",
            Action::Changed => "changed",
        };
        match ids.as_slice() {
            [id] => format!("{noun} {id} {verb}"),
            ids => format!("{} × {noun} {verb}", ids.len()),
        }
    });
    said.collect()
}
