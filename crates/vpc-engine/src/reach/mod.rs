//! Who reaches whom, and why not.
//!
//! Owns the sets of headers and the traces of decisions. Refuses to decide anything: what is told is what
//! [`crate::forward`] does, looked at.

mod bits;
mod case;
mod explore;
mod headers;
mod pairs;
mod repair;
mod trace;
mod ways;
mod words;

pub use case::Case;
pub use explore::{Exploration, Questions};

pub use headers::{FIELDS, Field, Header, HeaderBox, HeaderSet, Shown, Span, address, bits};
pub use pairs::{Pairs, Sent};
pub use repair::{Fix, Repair, repair, repair_seeded};
pub use trace::{Ends, Met, Question, Step, Trace, Tracer, Way};

/// The blocks whose addresses nobody on the internet has: private ones, and those that are never on a wire between hosts.
pub fn never_public() -> impl Iterator<Item = ipnet::IpNet> {
    crate::forward::never_public()
}
