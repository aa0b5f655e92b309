//! Random networks and an independent judgement of them, for tests of this crate and of others.
//!
//! Owns what tests share: generators, a reference evaluator written from the facts alone, and a frame builder. Refuses
//! to be used outside tests: it is behind the feature `testing`.

#[cfg(test)]
pub(crate) mod strategies;
