//! Permissions boundaries: the managed policy that says what a user or role may do at most.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>

use aws_api::Unit;
use aws_api::iam::{
    self as api, DeleteRolePermissionsBoundaryRequest, DeleteUserPermissionsBoundaryRequest,
    PutRolePermissionsBoundaryRequest, PutUserPermissionsBoundaryRequest, operation as op,
};
use service_api::{Operations, RequestContext, ServiceError};
use store::Read;

use crate::managed_policy::{self, Managed};
use crate::{State, error, role, user};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::PutUserPermissionsBoundary>(put_of_user)
        .with::<op::DeleteUserPermissionsBoundary>(delete_of_user)
        .with::<op::PutRolePermissionsBoundary>(put_of_role)
        .with::<op::DeleteRolePermissionsBoundary>(delete_of_role)
}

/// Checks the boundary that a request names, if it does.
///
/// # Errors
/// `InvalidInput`, `NoSuchEntity`.
pub(crate) fn check(
    reader: &impl Read,
    context: &RequestContext,
    wanted: Option<String>,
) -> Result<Option<String>, ServiceError> {
    let Some(arn) = wanted else { return Ok(None) };
    managed_policy::check_arn(&arn)?;
    let found = Managed::get(reader, context, &arn);
    // The policies of service-linked roles are no customer's.
    let found =
        found.filter(|found| !matches!(found, Managed::Aws(policy) if policy.is_of_service_linked_role()));
    if found.is_none() {
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

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPermissionsBoundary.html>
fn put_of_user(
    state: &State,
    context: &RequestContext,
    request: PutUserPermissionsBoundaryRequest,
) -> Result<Unit, ServiceError> {
    user::change(state, context, &request.user_name, |transaction, user| {
        user.permissions_boundary = check(transaction, context, Some(request.permissions_boundary))?;
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUserPermissionsBoundary.html>
fn delete_of_user(
    state: &State,
    context: &RequestContext,
    request: DeleteUserPermissionsBoundaryRequest,
) -> Result<Unit, ServiceError> {
    user::change(state, context, &request.user_name, |_, user| {
        user.permissions_boundary = None;
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePermissionsBoundary.html>
fn put_of_role(
    state: &State,
    context: &RequestContext,
    request: PutRolePermissionsBoundaryRequest,
) -> Result<Unit, ServiceError> {
    role::change(state, context, &request.role_name, |transaction, role| {
        role::check_modifiable(role)?;
        role.permissions_boundary = check(transaction, context, Some(request.permissions_boundary))?;
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRolePermissionsBoundary.html>
fn delete_of_role(
    state: &State,
    context: &RequestContext,
    request: DeleteRolePermissionsBoundaryRequest,
) -> Result<Unit, ServiceError> {
    role::change(state, context, &request.role_name, |_, role| {
        role::check_modifiable(role)?;
        role.permissions_boundary = None;
        Ok(Unit)
    })
}
