//! The errors of the `resourcegroupstaggingapi` model.

use service_api::ServiceError;

use crate::NoMembers;

/// A request that the model allows and the service does not.
pub(crate) fn invalid_parameter(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameterException", message)
}

/// An account that cannot see the compliance of an organization.
pub(crate) fn no_members(reason: NoMembers) -> ServiceError {
    let message = match reason {
        NoMembers::NotManagement => {
            "Only the management account of an organization, or a delegated administrator for tag policies, can do this."
        }
        NoMembers::NotTrusted => {
            "Enable trusted access for the service principal tagpolicies.tag.amazonaws.com in the organization first."
        }
    };
    ServiceError::new("ConstraintViolationException", message)
}
