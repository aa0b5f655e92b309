//! Keeps the data plane told: follows the store and applies what each commit means to the network, and what time alone
//! changes.
//!
//! Owns the order of things: a revision counts as enforced once every packet is decided by it. Refuses to know what a
//! record means (the projection does) and how packets move.

use std::sync::Arc;
use std::time::Duration;

use aws_types::Timestamp;
use data_plane::DataPlane;
use store::{Revision, Snapshot, Store, Tail, TailError};
use tokio::sync::watch;
use vpc_model::Delta;

use crate::directory::Directory;
use crate::now;
use crate::projection::{Projection, Projector};

/// How long it is at most until the clock is read again: it may have been set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long the network may take to be told of a change.
const ENFORCE_TIMEOUT: Duration = Duration::from_secs(2);

/// Waits until the network does what the newest records say. That it takes longer is no error. Blocks.
pub(crate) fn wait_until_enforced(
    store: &Store,
    enforced: &watch::Receiver<Revision>,
    runtime: &tokio::runtime::Handle,
) {
    let newest = store.snapshot().revision();
    let mut enforced = enforced.clone();
    let waited = runtime.block_on(async {
        tokio::time::timeout(ENFORCE_TIMEOUT, enforced.wait_for(|revision| *revision >= newest)).await
    });
    if !matches!(waited, Ok(Ok(_))) {
        tracing::warn!("the network has not followed a change yet");
    }
}

/// Follows the store until it is closed.
pub(crate) struct Topology {
    store: Store,
    plane: Arc<DataPlane>,
    directory: Arc<Directory>,
    enforced: watch::Sender<Revision>,
    projector: Projector,
    /// What the network is told that is in no record.
    fixed: Vec<Delta>,
}

impl Topology {
    /// Tells the data plane everything that is there now; [`Topology::follow`] goes on from there.
    pub(crate) fn new(
        store: Store,
        plane: Arc<DataPlane>,
        directory: Arc<Directory>,
        fixed: Vec<Delta>,
    ) -> (Self, Tail) {
        let snapshot = store.snapshot();
        let enforced = watch::Sender::new(snapshot.revision());
        let projector = Projector::default();
        let mut topology = Self { store, plane, directory, enforced, projector, fixed };
        topology.directory.take_public_addresses(&snapshot);
        let everything = topology.everything(&snapshot);
        topology.apply(&everything, snapshot.revision());
        let tail = topology.store.tail(snapshot.revision());
        (topology, tail)
    }

    fn everything(&mut self, snapshot: &Snapshot) -> Projection {
        let mut everything = self.projector.everything(snapshot, now());
        everything.deltas.extend(self.fixed.iter().cloned());
        everything
    }

    /// The newest revision that every packet is decided by.
    pub(crate) fn enforced(&self) -> watch::Receiver<Revision> {
        self.enforced.subscribe()
    }

    /// Applies commits as they come, and what changes by itself when it does, until the store is closed.
    pub(crate) async fn follow(mut self, mut tail: Tail) {
        loop {
            let wait = wait(self.projector.due_at(), now());
            let commit = tokio::select! {
                commit = tail.changed() => commit,
                () = tokio::time::sleep(wait) => {
                    let due = self.projector.due(&self.store.snapshot(), now());
                    self.tell(&due);
                    continue;
                }
            };
            match commit {
                Ok(commit) => {
                    self.directory.follow(&commit);
                    let changed = self.projector.changed(&self.store.snapshot(), &commit, now());
                    self.apply(&changed, commit.revision);
                }
                Err(TailError::Closed) => return,
                Err(TailError::Behind) => {
                    let snapshot = self.store.snapshot();
                    let mut everything = self.everything(&snapshot);
                    everything.remove_unlisted(self.directory.objects());
                    self.directory.take_public_addresses(&snapshot);
                    self.apply(&everything, snapshot.revision());
                    tail = self.store.tail(snapshot.revision());
                }
            }
        }
    }

    fn apply(&self, projection: &Projection, revision: Revision) {
        self.tell(projection);
        self.enforced.send_replace(revision);
    }

    /// Compiling takes from microseconds to milliseconds, and nothing else on this task could go on before it.
    fn tell(&self, projection: &Projection) {
        if projection.deltas.is_empty() {
            return;
        }
        tokio::task::block_in_place(|| {
            self.plane.apply(&projection.deltas);
            self.directory.apply(projection);
        });
    }
}

/// How long it is until something changes by itself, or the clock is read again.
fn wait(due_at: Option<Timestamp>, now: Timestamp) -> Duration {
    let millis = due_at.map(|at| at.unix_millis().saturating_sub(now.unix_millis()));
    millis.map_or(LONGEST_WAIT, |millis| {
        Duration::from_millis(millis.try_into().unwrap_or(0)).min(LONGEST_WAIT)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_until_something_is_due_and_never_long() {
        let now = Timestamp::from_unix_millis(1_000_000);
        let check = |due_after_millis: Option<i64>, expect_millis: u64| {
            let due_at = due_after_millis.map(|millis| now.plus_millis(millis));
            assert_eq!(wait(due_at, now), Duration::from_millis(expect_millis), "{due_after_millis:?}");
        };
        check(None, 5000);
        check(Some(100), 100);
        check(Some(90_000), 5000);
        check(Some(0), 0);
        // It became due while something else was told.
        check(Some(-3), 0);
    }
}
