//! Keeps the data plane told: follows the store and applies what each commit means to the network.
//!
//! Owns the order of things: a revision counts as enforced once every packet is decided by it. Refuses to know what a
//! record means (the projection does) and how packets move.

use std::sync::Arc;

use data_plane::DataPlane;
use store::{Revision, Snapshot, Store, Tail, TailError};
use tokio::sync::watch;
use vpc_model::Delta;

use crate::directory::Directory;
use crate::projection::{self, Projection};

/// Follows the store until it is closed.
pub(crate) struct Topology {
    store: Store,
    plane: Arc<DataPlane>,
    directory: Arc<Directory>,
    enforced: watch::Sender<Revision>,
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
        let topology = Self { store, plane, directory, enforced, fixed };
        topology.directory.take_public_addresses(&snapshot);
        let everything = topology.everything(&snapshot);
        topology.apply(&everything, snapshot.revision());
        let tail = topology.store.tail(snapshot.revision());
        (topology, tail)
    }

    fn everything(&self, snapshot: &Snapshot) -> Projection {
        let mut everything = projection::everything(snapshot);
        everything.deltas.extend(self.fixed.iter().cloned());
        everything
    }

    /// The newest revision that every packet is decided by.
    pub(crate) fn enforced(&self) -> watch::Receiver<Revision> {
        self.enforced.subscribe()
    }

    /// Applies commits as they come, until the store is closed.
    pub(crate) async fn follow(self, mut tail: Tail) {
        loop {
            match tail.changed().await {
                Ok(commit) => {
                    self.directory.follow(&commit);
                    let changed = projection::changed(&self.store.snapshot(), &commit);
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

    /// Compiling takes from microseconds to milliseconds, and nothing else on this task could go on before it.
    fn apply(&self, projection: &Projection, revision: Revision) {
        tokio::task::block_in_place(|| {
            self.plane.apply(&projection.deltas);
            self.directory.apply(projection);
        });
        self.enforced.send_replace(revision);
    }
}
