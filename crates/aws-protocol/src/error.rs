//! What the codecs themselves refuse, in AWS's words.

use std::borrow::Cow;

use aws_model::{Fields, WireProtocol};

/// A request that does not fit the service's model. It becomes an answer like any other error.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ProtocolError {
    /// AWS's code, such as `InvalidAction`.
    pub code: Cow<'static, str>,
    /// The public message.
    pub message: String,
    /// The status, where it is not 400.
    pub status: Option<u16>,
}

impl ProtocolError {
    /// An error with status 400.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: None }
    }

    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// A body or parameter that cannot be read at all, or is of another type than the model says.
    pub(crate) fn malformed(protocol: WireProtocol, problem: impl Into<String>) -> Self {
        let code = match protocol {
            WireProtocol::Ec2Query => "InvalidParameterValue",
            WireProtocol::AwsQuery => "MalformedInput",
            WireProtocol::RestXml => "MalformedXML",
            WireProtocol::AwsJson | WireProtocol::RestJson | WireProtocol::RpcV2Cbor => {
                "SerializationException"
            }
        };
        Self::new(code, problem)
    }
}

/// An error to be answered.
#[derive(Clone, Copy, Debug)]
pub struct ErrorReply<'a> {
    /// The code, by its wire name or the name of its shape.
    pub code: &'a str,
    /// The public message.
    pub message: &'a str,
    /// Members of the modelled error shape beside the message.
    pub fields: &'a Fields,
    /// The status, where it is not the one that the model or the protocol gives.
    pub status: Option<u16>,
}

impl<'a> ErrorReply<'a> {
    /// A reply of a refusal by the codec; `fields` is an empty set that the caller lends.
    pub fn of(error: &'a ProtocolError, fields: &'a Fields) -> Self {
        Self { code: &error.code, message: &error.message, fields, status: error.status }
    }
}
