//! The errors of the `cloudtrail` model.

use service_api::ServiceError;

use crate::Membership;

/// No trail has the name.
pub(crate) fn unknown_trail(name: &str, account: impl std::fmt::Display) -> ServiceError {
    ServiceError::new("TrailNotFoundException", format!("Unknown trail: {name} for the user: {account}"))
}

/// A text that is no ARN of a trail.
pub(crate) fn invalid_arn(arn: &str) -> ServiceError {
    ServiceError::new("CloudTrailARNInvalidException", format!("Invalid trail ARN: {arn}"))
}

/// Selectors that cannot be.
pub(crate) fn invalid_selectors(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidEventSelectorsException", message)
}

/// There is no organization.
pub(crate) fn no_organization() -> ServiceError {
    ServiceError::new("OrganizationsNotInUseException", "Your account is not a member of an organization.")
}

/// Somebody who may not manage what is the organization's.
pub(crate) fn not_administrator() -> ServiceError {
    ServiceError::new(
        "NotOrganizationMasterAccountException",
        "Only the management account of an organization, or a delegated administrator, can do this.",
    )
}

/// The same, of who names delegated administrators.
pub(crate) fn not_management() -> ServiceError {
    ServiceError::new(
        "NotOrganizationManagementAccountException",
        "Only the management account of an organization can do this.",
    )
}

/// Refuses what an organization does not let CloudTrail do.
///
/// # Errors
/// `OrganizationNotInAllFeaturesModeException`, `CloudTrailAccessNotEnabledException`.
pub(crate) fn check_trusted(membership: &Membership) -> Result<(), ServiceError> {
    if !membership.has_all_features {
        return Err(ServiceError::new(
            "OrganizationNotInAllFeaturesModeException",
            "Your organization must have all features enabled.",
        ));
    }
    if !membership.trusts_cloudtrail {
        return Err(ServiceError::new(
            "CloudTrailAccessNotEnabledException",
            "Your organization must enable trusted access of cloudtrail.amazonaws.com.",
        ));
    }
    Ok(())
}

/// Something of AWS that this cloud does not have.
pub(crate) fn not_here(code: &'static str, what: &str) -> ServiceError {
    ServiceError::new(code, format!("{what} is not implemented."))
}
