//! The errors of the `account` model.

use aws_model::Value;
use service_api::ServiceError;

pub(crate) fn access_denied(message: impl Into<String>) -> ServiceError {
    ServiceError::new("AccessDeniedException", message)
}

pub(crate) fn not_found(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ResourceNotFoundException", message)
}

pub(crate) fn conflict(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ConflictException", message)
}

/// A value that the model allows and the service does not, with the model's reason.
pub(crate) fn invalid(reason: &str, message: impl Into<String>) -> ServiceError {
    let mut error = ServiceError::new("ValidationException", message);
    error.fields.push("reason", Value::String(reason.to_owned()));
    error
}
