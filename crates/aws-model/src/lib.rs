//! The machine-readable API models of AWS services, and the documents they describe.
//!
//! Owns: the compact model files under `models/`, their lookup by service, and [`Value`], the tree that codecs
//! produce and services answer with. Refuses to know wire formats and what any operation does.

mod value;

pub use value::{Fields, Value};
