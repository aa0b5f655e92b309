//! The errors of the `service-quotas` model.

use service_api::ServiceError;

/// A request that the model allows and the service does not.
pub(crate) fn illegal_argument(message: impl Into<String>) -> ServiceError {
    ServiceError::new("IllegalArgumentException", message)
}

/// A service, quota or request that is not there.
pub(crate) fn no_such(what: &str) -> ServiceError {
    ServiceError::new(
        "NoSuchResourceException",
        format!("The request failed because the specified {what} does not exist."),
    )
}
