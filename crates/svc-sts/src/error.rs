//! Errors that several operations give.

use iam_policy::PolicyError;
use service_api::ServiceError;
use session_tokens::PackedPolicyTooLarge;

pub(crate) fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ValidationError", message).with_status(400)
}

pub(crate) fn access_denied(message: impl Into<String>) -> ServiceError {
    ServiceError::new("AccessDenied", message).with_status(403)
}

/// The one answer to everybody who may not do it, also where the role is not there.
pub(crate) fn not_authorized(caller: &str, action: &str, resource: &str) -> ServiceError {
    access_denied(format!("User: {caller} is not authorized to perform: {action} on resource: {resource}"))
}

pub(crate) fn malformed_policy(error: &PolicyError) -> ServiceError {
    ServiceError::new("MalformedPolicyDocument", error.to_string())
}

pub(crate) fn too_large(error: PackedPolicyTooLarge) -> ServiceError {
    ServiceError::new("PackedPolicyTooLarge", error.to_string())
}

pub(crate) fn not_supported(parameter: &str) -> ServiceError {
    validation(format!("The parameter {parameter} is not supported."))
}
