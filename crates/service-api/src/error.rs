//! Errors as services raise them.

use std::borrow::Cow;

use aws_model::{Fields, Value};
use store::StoreError;

/// A modelled AWS error. Its HTTP status and wire form come from the model and the protocol, in the gateway.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceError {
    /// AWS's error code, such as `InvalidVpcID.NotFound`.
    pub code: Cow<'static, str>,
    /// The public message.
    pub message: String,
    /// Members of the modelled error shape beside the message, for the protocols that carry them.
    pub fields: Fields,
    /// Headers of the answer, by their names in lower case, for the services that tell something there.
    pub headers: Vec<(&'static str, String)>,
    /// The status, only where AWS answers with another than the model or the protocol's default says.
    pub status: Option<u16>,
    /// Whether the fault is Brume's: the gateway logs these, and only these, as errors.
    pub is_fault: bool,
}

impl ServiceError {
    /// An error of the caller's making.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            fields: Fields::new(),
            headers: Vec::new(),
            status: None,
            is_fault: false,
        }
    }

    /// The same error with another HTTP status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The same error with another member: of its shape, or in S3 any that stands beside the message.
    #[must_use]
    pub fn with_field(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.fields.push(name, Value::String(text.into()));
        self
    }

    /// The same error with a header, such as `x-amz-bucket-region`.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// An error of Brume's own making: `InternalError`, status 500.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { status: Some(500), is_fault: true, ..Self::new("InternalError", message) }
    }
}

/// A failed commit changed nothing and may be retried.
impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        Self {
            status: Some(503),
            is_fault: true,
            ..Self::new(
                "ServiceUnavailable",
                format!("The request could not be stored: {error}. Nothing was changed; retry."),
            )
        }
    }
}
