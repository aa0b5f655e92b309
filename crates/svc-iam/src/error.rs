//! The errors of the `iam` model.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>

use service_api::ServiceError;

/// Something that is not there.
pub(crate) fn no_such_entity(message: impl Into<String>) -> ServiceError {
    ServiceError::new("NoSuchEntity", message)
}

/// A name that is taken.
pub(crate) fn already_exists(message: impl Into<String>) -> ServiceError {
    ServiceError::new("EntityAlreadyExists", message)
}

/// Something that has to go first.
pub(crate) fn delete_conflict(message: impl Into<String>) -> ServiceError {
    ServiceError::new("DeleteConflict", message)
}

/// Values that the model allows and IAM does not.
pub(crate) fn invalid_input(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidInput", message)
}

/// A member that the model cannot describe.
pub(crate) fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ValidationError", message)
}

/// What only AWS changes.
pub(crate) fn unmodifiable(message: impl Into<String>) -> ServiceError {
    ServiceError::new("UnmodifiableEntity", message)
}

/// More than a quota allows.
pub(crate) fn limit_exceeded(message: impl Into<String>) -> ServiceError {
    ServiceError::new("LimitExceeded", message)
}
