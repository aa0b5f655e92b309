//! A question with everything that its answer depends on.
//!
//! Owns what is written down so that somebody else can ask again. Refuses to know why.

use serde::{Deserialize, Serialize};
use vpc_model::Delta;

use super::trace::{Question, Trace, Tracer};
use crate::snapshot::Snapshot;

/// A question about a network. The same case always has the same trace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    /// The seed of the table of connections: see [`Tracer::seeded`].
    pub seed: u64,
    /// What is asked.
    pub question: Question,
    /// The network, as the engine is told.
    pub deltas: Vec<Delta>,
}

impl Case {
    /// The network.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new().apply(&self.deltas).snapshot
    }

    /// What becomes of the packet and its reply; none where nothing is at its port.
    pub fn trace(&self) -> Option<Trace> {
        Tracer::seeded(&self.snapshot(), self.seed).trace(self.question)
    }
}
