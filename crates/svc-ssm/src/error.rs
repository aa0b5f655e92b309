//! The errors of the `ssm` model that more than one resource raises, with AWS's messages.

use service_api::ServiceError;

/// A request that the model allows and the service does not.
pub(crate) fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ValidationException", message)
}

/// A part of AWS's service that is not built: a clear refusal, and nothing changed.
pub(crate) fn not_implemented(what: &str) -> ServiceError {
    validation(format!("{what} is not implemented."))
}

pub(crate) fn invalid_filter_key(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidFilterKey", message)
}

pub(crate) fn invalid_filter_value(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidFilterValue", message)
}

pub(crate) fn invalid_instance_id(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidInstanceId", message)
}
