//! The pure network engine: one function from a packet to a verdict with a reason.
