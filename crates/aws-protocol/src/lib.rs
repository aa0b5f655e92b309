//! Model-driven codecs for the AWS wire protocols, in the server's direction.
//!
//! Owns: which operation a request is for, its input, whether that fits the model, and the response or error in the
//! shape that clients of the protocol read. Refuses to know what any operation does, who asks, and sockets.
//!
//! Everything read here comes from outside and is not trusted: depth, number of parameters and the growth of what is
//! read are bounded, and nothing panics. The size of a whole body is the gateway's to bound.
//!
//! ```
//! use aws_protocol::{Codec, Request};
//!
//! let model = aws_model::service("ec2").expect("EC2 is built in").model();
//! let request = Request {
//!     method: "POST".into(),
//!     path: "/".into(),
//!     query: String::new(),
//!     headers: Default::default(),
//!     body: "Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-1".into(),
//! };
//! let codec = Codec::for_request(model, &request);
//! let operation = codec.route(&request)?;
//! let input = codec.decode(operation, &request)?;
//! codec.validate(operation, &input)?;
//! # Ok::<(), aws_protocol::ProtocolError>(())
//! ```

mod cbor;
mod codec;
mod encode;
mod error;
mod event_stream;
mod fault;
mod item;
mod json;
mod message;
mod query;
mod rest;
mod s3;
mod scalar;
mod timestamp;
mod validate;
mod xml;

pub use codec::Codec;
pub use error::{ErrorReply, ProtocolError};
pub use message::{Request, Response};

/// How deep documents may be nested. DynamoDB allows 32 levels of attributes, each of which takes two; serde_json stops
/// at 128 by itself.
const MAX_DEPTH: usize = 100;
