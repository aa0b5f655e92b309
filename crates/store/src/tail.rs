//! Following the changes from a revision on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::Revision;
use crate::change::Commit;

/// How many commits a follower may be behind.
pub const RING_COMMITS: usize = 4096;

/// How many changes, over all its commits, a follower may be behind. One commit is kept whatever its size.
pub const RING_CHANGES: usize = 65_536;

/// How many bytes of records, before and after, a follower may be behind. One commit is kept whatever its size.
pub const RING_BYTES: usize = 8 << 20;

/// Why a follower gets no more changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TailError {
    /// The changes after its revision are no longer kept: take a new snapshot and follow from its revision.
    #[error("the follower is too far behind and has to take a new snapshot")]
    Behind,
    /// The store was closed, and everything before that was given out.
    #[error("the store is closed")]
    Closed,
}

/// The newest commits, and who waits for more.
pub(crate) struct Feed {
    ring: Mutex<Ring>,
    grown: Condvar,
    newest: watch::Sender<Newest>,
}

#[derive(Clone, Copy, PartialEq)]
struct Newest {
    revision: Revision,
    closed: bool,
}

struct Ring {
    commits: VecDeque<Commit>,
    changes: usize,
    bytes: usize,
    newest: Newest,
}

impl Feed {
    pub(crate) fn new(newest: Revision) -> Self {
        let newest = Newest { revision: newest, closed: false };
        let ring = Ring { commits: VecDeque::new(), changes: 0, bytes: 0, newest };
        Self { ring: Mutex::new(ring), grown: Condvar::new(), newest: watch::Sender::new(newest) }
    }

    pub(crate) fn push(&self, commits: impl IntoIterator<Item = Commit>) {
        self.update(|ring| {
            for commit in commits {
                ring.newest.revision = commit.revision;
                ring.changes += commit.changes.len();
                ring.bytes += bytes(&commit);
                ring.commits.push_back(commit);
            }
            while ring.is_too_large() {
                let oldest = ring.commits.pop_front().expect("there is more than one");
                ring.changes -= oldest.changes.len();
                ring.bytes -= bytes(&oldest);
            }
        });
    }

    pub(crate) fn close(&self) {
        self.update(|ring| ring.newest.closed = true);
    }

    fn update(&self, change: impl FnOnce(&mut Ring)) {
        let mut ring = self.ring.lock();
        change(&mut ring);
        self.newest.send_replace(ring.newest);
        self.grown.notify_all();
    }
}

/// How many bytes the records of a commit have, before and after it.
fn bytes(commit: &Commit) -> usize {
    let records = commit.changes.iter().flat_map(|change| change.before.iter().chain(&change.after));
    records.map(|record| record.length()).sum()
}

impl Ring {
    /// Whether the oldest commit is to go.
    fn is_too_large(&self) -> bool {
        self.commits.len() > RING_COMMITS
            || (self.commits.len() > 1 && (self.changes > RING_CHANGES || self.bytes > RING_BYTES))
    }

    /// The commit right after a revision; `None` when there is none yet.
    fn after(&self, revision: Revision) -> Result<Option<Commit>, TailError> {
        if revision >= self.newest.revision {
            return if self.newest.closed { Err(TailError::Closed) } else { Ok(None) };
        }
        // Revisions in the ring follow each other and end with the newest, so the place is arithmetic.
        let from_end = self.newest.revision.0 - revision.0;
        let index =
            usize::try_from(from_end).ok().and_then(|from_end| self.commits.len().checked_sub(from_end));
        Ok(Some(index.map(|index| self.commits[index].clone()).ok_or(TailError::Behind)?))
    }
}

/// A follower of the changes. Yields each commit after its revision once, in order.
pub struct Tail {
    feed: Arc<Feed>,
    newest: watch::Receiver<Newest>,
    after: Revision,
}

impl Tail {
    pub(crate) fn new(feed: Arc<Feed>, after: Revision) -> Self {
        let newest = feed.newest.subscribe();
        Self { feed, newest, after }
    }

    /// The last revision that was given out.
    pub fn revision(&self) -> Revision {
        self.after
    }

    /// The next commit if there is one now.
    ///
    /// # Errors
    /// [`TailError`].
    pub fn try_next(&mut self) -> Result<Option<Commit>, TailError> {
        let commit = self.feed.ring.lock().after(self.after)?;
        Ok(self.advance(commit))
    }

    /// The next commit, for which it blocks this thread up to `timeout`; `None` when none came.
    ///
    /// # Errors
    /// [`TailError`].
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Commit>, TailError> {
        let deadline = Instant::now() + timeout;
        let mut ring = self.feed.ring.lock();
        loop {
            if let Some(commit) = ring.after(self.after)? {
                drop(ring);
                return Ok(self.advance(Some(commit)));
            }
            if self.feed.grown.wait_until(&mut ring, deadline).timed_out() {
                let commit = ring.after(self.after)?;
                drop(ring);
                return Ok(self.advance(commit));
            }
        }
    }

    /// The next commit, when there is one. Cancelling it loses nothing.
    ///
    /// # Errors
    /// [`TailError`].
    pub async fn changed(&mut self) -> Result<Commit, TailError> {
        loop {
            self.newest.borrow_and_update();
            if let Some(commit) = self.try_next()? {
                return Ok(commit);
            }
            if self.newest.changed().await.is_err() {
                return Err(TailError::Closed);
            }
        }
    }

    fn advance(&mut self, commit: Option<Commit>) -> Option<Commit> {
        if let Some(commit) = &commit {
            self.after = commit.revision;
        }
        commit
    }
}
