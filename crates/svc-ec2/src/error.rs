//! Constructors of the errors that several resources give.
//!
//! Owns codes and messages as AWS prints them (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).
//! Refuses to know when they apply; an error that one resource alone gives stands beside the rule that it reports.

use std::fmt::Display;

use aws_api::ec2 as api;
use service_api::ServiceError;

/// The status of `DryRunOperation`.
const PRECONDITION_FAILED: u16 = 412;
/// The status of what AWS counts among its own errors: a client that tries again may find room.
const SERVER_ERROR: u16 = 500;

/// The code of [`no_free_address`].
pub(crate) const ADDRESS_SHORTAGE: &str = "InsufficientAddressCapacity";

/// The request would have succeeded.
pub(crate) fn dry_run() -> ServiceError {
    ServiceError::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
        .with_status(PRECONDITION_FAILED)
}

/// A required parameter is absent.
pub(crate) fn missing(parameter: &str) -> ServiceError {
    ServiceError::new("MissingParameter", format!("The request must contain the parameter {parameter}"))
}

/// One of two parameters is required.
pub(crate) fn missing_either(one: &str, other: &str) -> ServiceError {
    ServiceError::new("MissingParameter", format!("Either '{one}' or '{other}' should be provided."))
}

/// A parameter's value is refused, in words of the rule's own.
pub(crate) fn invalid_value(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameterValue", message)
}

/// A parameter's value is refused, in the usual words.
pub(crate) fn invalid_value_for(value: impl Display, parameter: &str, why: &str) -> ServiceError {
    invalid_value(format!("Value ({value}) for parameter {parameter} is invalid. {why}"))
}

/// Parameters that exclude each other were given together.
pub(crate) fn combination(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameterCombination", message)
}

/// A resource cannot be deleted while others depend on it.
pub(crate) fn dependency(noun: &str, id: impl Display) -> ServiceError {
    ServiceError::new(
        "DependencyViolation",
        format!("The {noun} '{id}' has dependencies and cannot be deleted."),
    )
}

/// A pool of public addresses is empty.
pub(crate) fn no_free_address() -> ServiceError {
    let message = "There are not enough free addresses to satisfy your request.";
    ServiceError::new(ADDRESS_SHORTAGE, message).with_status(SERVER_ERROR)
}

/// Something that AWS can do and this implementation refuses.
pub(crate) fn unsupported(message: impl Into<String>) -> ServiceError {
    ServiceError::new("UnsupportedOperation", message)
}

/// Refuses the first of these things that is asked for, each with how several of it are named.
///
/// # Errors
/// `UnsupportedOperation`.
pub(crate) fn refuse_unsupported(things: &[(bool, &str)]) -> Result<(), ServiceError> {
    match things.iter().find(|(is_asked, _)| *is_asked) {
        Some((_, what)) => Err(unsupported(format!("{what} are not supported."))),
        None => Ok(()),
    }
}

/// An error that an answer tells of one of several resources, while the others went well.
pub(crate) fn unsuccessful(id: &str, error: ServiceError) -> api::UnsuccessfulItem {
    let error =
        api::UnsuccessfulItemError { code: Some(error.code.to_string()), message: Some(error.message) };
    api::UnsuccessfulItem { error: Some(error), resource_id: Some(id.to_owned()) }
}

/// The operation is not allowed on this resource, or not now.
pub(crate) fn not_permitted(message: impl Into<String>) -> ServiceError {
    ServiceError::new("OperationNotPermitted", message)
}

/// Resources of different VPCs cannot be used together.
pub(crate) fn different_networks() -> ServiceError {
    ServiceError::new(
        "InvalidGroup.NotFound",
        "You have specified two resources that belong to different networks.",
    )
}
