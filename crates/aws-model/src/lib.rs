//! The machine-readable API models of AWS services, and the documents they describe.
//!
//! Owns: the compact model files under `models/`, their lookup by service, and [`Value`], the tree that codecs
//! produce and services answer with. Refuses to know wire formats and what any operation does.
//!
//! A service's model is decompressed and read when it is first asked for, and then lives as long as the process, so
//! that every name in it is `&'static str` and may be held by a [`Value`] without copying.

mod embedded;
mod empty_text;
mod model;
mod pattern;
mod router;
mod service;
mod value;

pub use empty_text::is_absent_to_ec2;
pub use model::{
    Error, FloatRange, IntegerRange, List, Location, Map, Member, Metadata, Model, Namespace, Operation,
    Shape, ShapeId, ShapeKind, ShapeRef, Structure, Text, TimestampFormat, WireProtocol,
};
pub use pattern::matches_pattern;
pub use router::{Routable, RouteMatch, Router};
pub use service::{Service, service, service_of_target, services, services_at_endpoint, services_signing_as};
pub use value::{Fields, Value};
