//! Random networks and an independent judgement of them, for tests of this crate and of others.
//!
//! Owns what such tests share: [`Topology`], the random packets and changes of a [`Scenario`], the [`Reference`]
//! evaluator, which is written from the facts alone and scans lists, [`frame()`], which makes bytes of a packet, and the
//! [`facts`] as rows that are played in a [`world`] with names.
//! Refuses to be used outside tests: it is behind the feature `testing`.

mod estate;
pub mod facts;
mod frames;
mod random;
mod reference;
mod scenario;
#[cfg(test)]
pub(crate) mod strategies;
mod topology;
pub mod wires;
pub mod world;

pub use estate::{DB_PORT, WEB_PORT, estate};
pub use frames::{frame, with_checksums};
pub use random::Random;
pub use reference::{Arrival, Reference};
pub use scenario::{Scenario, Step};
pub use topology::Topology;
