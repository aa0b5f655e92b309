//! Keeps the data plane told: follows the store and applies what each commit means to the network.
//!
//! Owns the order of things: a revision counts as enforced once every packet is decided by it. Refuses to know what a
//! record means (the projection does) and how packets move.

use std::sync::Arc;

use data_plane::DataPlane;
use store::{Revision, Store, Tail, TailError};
use tokio::sync::watch;

use crate::directory::Directory;
use crate::projection::{self, Projection};

/// Follows the store until it is closed.
pub(crate) struct Topology {
    store: Store,
    plane: Arc<DataPlane>,
    directory: Arc<Directory>,
    enforced: watch::Sender<Revision>,
}

impl Topology {
    /// Tells the data plane everything that is there now; [`Topology::follow`] goes on from there.
    pub(crate) fn new(store: Store, plane: Arc<DataPlane>, directory: Arc<Directory>) -> (Self, Tail) {
        let snapshot = store.snapshot();
        let everything = projection::everything(&snapshot);
        let topology = Self { store, plane, directory, enforced: watch::Sender::new(snapshot.revision()) };
        topology.directory.take_public_addresses(&snapshot);
        topology.apply(&everything, snapshot.revision());
        let tail = topology.store.tail(snapshot.revision());
        (topology, tail)
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
                    let mut everything = projection::everything(&snapshot);
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
