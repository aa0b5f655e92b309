//! The errors of the `organizations` model.

use aws_model::Value;
use service_api::ServiceError;

fn with_reason(code: &'static str, reason: &str, message: impl Into<String>) -> ServiceError {
    let mut error = ServiceError::new(code, message);
    error.fields.push("Reason", Value::String(reason.to_owned()));
    error
}

/// What the organization, or the state that it is in, does not allow.
pub(crate) fn constraint(reason: &str, message: impl Into<String>) -> ServiceError {
    with_reason("ConstraintViolationException", reason, message)
}

/// The same of a handshake.
pub(crate) fn handshake_constraint(reason: &str, message: impl Into<String>) -> ServiceError {
    with_reason("HandshakeConstraintViolationException", reason, message)
}

/// A request that the model allows and the service does not.
pub(crate) fn invalid_input(reason: &str, message: impl Into<String>) -> ServiceError {
    with_reason("InvalidInputException", reason, message)
}

/// An id that does not have the form of one.
pub(crate) fn pattern() -> ServiceError {
    invalid_input("INVALID_PATTERN", "You provided a value that does not match the required pattern.")
}

pub(crate) fn access_denied() -> ServiceError {
    ServiceError::new("AccessDeniedException", "You don't have permissions to access this resource.")
}

pub(crate) fn not_in_use() -> ServiceError {
    ServiceError::new("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
}

pub(crate) fn account_not_found() -> ServiceError {
    ServiceError::new("AccountNotFoundException", "You specified an account that doesn't exist.")
}

pub(crate) fn unit_not_found() -> ServiceError {
    ServiceError::new(
        "OrganizationalUnitNotFoundException",
        "You specified an organizational unit that doesn't exist.",
    )
}

pub(crate) fn policy_not_found() -> ServiceError {
    ServiceError::new("PolicyNotFoundException", "You specified a policy that doesn't exist.")
}

pub(crate) fn target_not_found() -> ServiceError {
    ServiceError::new("TargetNotFoundException", "You specified a target that doesn't exist.")
}

pub(crate) fn parent_not_found() -> ServiceError {
    ServiceError::new("ParentNotFoundException", "You specified a parent that doesn't exist.")
}

pub(crate) fn root_not_found() -> ServiceError {
    ServiceError::new("RootNotFoundException", "You specified a root that doesn't exist.")
}

pub(crate) fn handshake_not_found() -> ServiceError {
    ServiceError::new("HandshakeNotFoundException", "You specified a handshake that doesn't exist.")
}

pub(crate) fn management_cannot_leave() -> ServiceError {
    ServiceError::new(
        "MasterCannotLeaveOrganizationException",
        "The management account of an organization cannot leave it. Delete the organization instead.",
    )
}

pub(crate) fn needs_all_features() -> ServiceError {
    constraint(
        "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
        "You can't perform the operation because the organization has not enabled all features.",
    )
}
