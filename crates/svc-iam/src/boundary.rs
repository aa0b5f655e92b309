//! Permissions boundaries: the managed policy that says what a user or role may do at most.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>

use aws_api::iam as api;
use identities::{ManagedPolicy, name_key};
use service_api::{RequestContext, ServiceError};
use store::Read;

use crate::{error, scope};

/// Checks the boundary that a request names.
///
/// # Errors
/// `NoSuchEntity`.
pub(crate) fn check(
    reader: &impl Read,
    context: &RequestContext,
    wanted: Option<String>,
) -> Result<Option<String>, ServiceError> {
    let Some(arn) = wanted else { return Ok(None) };
    let name = arn.rsplit('/').next().unwrap_or_default();
    let found = reader.get::<ManagedPolicy>(&scope(context), &name_key(name));
    if found.is_none_or(|policy| policy.arn.as_str() != arn) {
        let message = format!("Scope ARN: {arn} does not exist or is not attachable.");
        return Err(error::no_such_entity(message));
    }
    Ok(Some(arn))
}

/// A boundary as answers have it.
pub(crate) fn shown(boundary: Option<&String>) -> Option<api::AttachedPermissionsBoundary> {
    boundary.map(|arn| api::AttachedPermissionsBoundary {
        permissions_boundary_type: Some("Policy".to_owned()),
        permissions_boundary_arn: Some(arn.clone()),
    })
}
