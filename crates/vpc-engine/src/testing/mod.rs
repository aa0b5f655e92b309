//! Random networks and an independent judgement of them, for tests of this crate and of others.
//!
//! Owns what such tests share: [`Topology`], the random packets and changes of a [`Scenario`], the [`Reference`]
//! evaluator, which is written from the facts alone and scans lists, and [`frame()`], which makes bytes of a packet.
//! Refuses to be used outside tests: it is behind the feature `testing`.

mod frames;
mod random;
mod reference;
mod scenario;
#[cfg(test)]
pub(crate) mod strategies;
mod topology;

pub use frames::{frame, with_checksums};
pub use random::Random;
pub use reference::{Arrival, Reference};
pub use scenario::{Scenario, Step};
pub use topology::Topology;
