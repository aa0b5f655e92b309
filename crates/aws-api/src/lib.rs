//! Typed requests and responses of the implemented operations, generated from the models by `cargo xtask models`.
//!
//! Owns the Rust view of each implemented operation's input and output. Refuses to know wire formats and behaviour.

use aws_model::Value;

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

/// A document does not have the shape that the model says. The codec validates input first, so this is a bug there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{shape}: {problem}")]
pub struct ShapeError {
    /// The shape that was to be read.
    pub shape: &'static str,
    /// What is wrong with it.
    pub problem: String,
}
