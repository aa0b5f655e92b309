//! The compiled network.
use vpc_model::{Delta, Interface, Port};

/// An immutable, compiled view of the network's intent; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {}

/// What [`Snapshot::apply`] answers.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The network after the changes.
    pub snapshot: Snapshot,
    /// The ports whose cached decisions may have changed.
    pub stale: StalePorts,
    /// The ports that no longer have the interface that they had: [`crate::Flows::forget_port`] is due for each.
    pub removed: Vec<Port>,
}

/// Ports whose cached decisions may have changed, ascending. A cached decision depends on its ingress port and its
/// egress port, and on nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StalePorts(Vec<Port>);

impl StalePorts {
    /// The ports, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Port> + '_ {
        self.0.iter().copied()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a port is among them.
    pub fn contains(&self, port: Port) -> bool {
        self.0.binary_search(&port).is_ok()
    }
}

impl Snapshot {
    /// A network with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The network after these changes, in any order; references may dangle.
    pub fn apply(&self, _deltas: &[Delta]) -> Applied {
        Applied { snapshot: self.clone(), stale: StalePorts::default(), removed: Vec::new() }
    }

    /// The interface at a port.
    pub fn interface(&self, _port: Port) -> Option<&Interface> {
        None
    }
}
