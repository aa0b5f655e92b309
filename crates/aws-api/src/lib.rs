//! Typed requests and responses of the implemented operations, generated from the models by `cargo xtask models`.
//!
//! Owns the Rust view of each implemented operation's input and output. Refuses to know wire formats and behaviour.
//!
//! Each structure of a model is a struct with the same name and its members in snake case. Required members have
//! their plain type, all others are `Option`s, so that an absent list differs from an empty one. Enums are strings.

#[doc(hidden)]
pub mod shaped;

#[rustfmt::skip]
pub mod account;
pub mod backup;
pub mod cloudtrail;
#[rustfmt::skip]
pub mod ec2;
#[rustfmt::skip]
pub mod iam;
pub mod organizations;
#[rustfmt::skip]
pub mod ram;
#[rustfmt::skip]
pub mod resourcegroupstaggingapi;
#[rustfmt::skip]
pub mod s3;
#[rustfmt::skip]
pub mod service_quotas;
#[rustfmt::skip]
pub mod ssm;
#[rustfmt::skip]
pub mod sts;

pub use shaped::Shaped;

use aws_model::{Fields, Value};

/// An operation of a service: a marker type that ties its name to its input and output.
pub trait Operation: 'static {
    /// The name of the service's model, such as `ec2`.
    const SERVICE: &'static str;
    /// The name in the model, such as `CreateVpc`.
    const NAME: &'static str;
    /// The typed input.
    type Input: TryFrom<Value, Error = ShapeError>;
    /// The typed output.
    type Output: Into<Value>;
}

/// The input or output of an operation that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unit;

impl TryFrom<Value> for Unit {
    type Error = ShapeError;

    fn try_from(_: Value) -> Result<Self, ShapeError> {
        Ok(Self)
    }
}

impl From<Unit> for Value {
    fn from(_: Unit) -> Self {
        Value::Structure(Fields::new())
    }
}

/// A document does not have the shape that the model says. The codec validates input first, so this is a bug there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{shape}: {problem}")]
pub struct ShapeError {
    /// The shape that was to be read.
    pub shape: &'static str,
    /// What is wrong with it.
    pub problem: String,
}
