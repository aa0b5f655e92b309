//! Roles: made, shown, changed and deleted; and their tags.
//!
//! Owns how a role is found and shown. Refuses to know who may assume it (`svc-sts` does), the instance profiles that hand
//! it to instances ([`crate::instance_profile`]), and how roles of services come and go ([`crate::service_linked_role`]).
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_api::Unit;
use aws_api::iam::{
    self as api, CreateRoleRequest, CreateRoleResponse, DeleteRoleRequest, GetRoleRequest, GetRoleResponse,
    ListRoleTagsRequest, ListRoleTagsResponse, ListRolesRequest, ListRolesResponse, RoleLastUsed,
    TagRoleRequest, UntagRoleRequest, UpdateAssumeRolePolicyRequest, UpdateRoleDescriptionRequest,
    UpdateRoleDescriptionResponse, UpdateRoleRequest, UpdateRoleResponse, operation as op,
};
use identities::{IdKind, Role, RoleUse, SERVICE_LINKED_ROLE_PATH, name_key};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::tag::{self, KeyCase};
use crate::{
    State, arn, boundary, document, error, instance_profile, page, path, quota, scope, trust_policy,
};

/// How long a session lasts at most when the request names no duration.
pub(crate) const DEFAULT_SESSION_SECS: u32 = 3600;

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreateRole>(create)
        .with::<op::GetRole>(get)
        .with::<op::ListRoles>(list)
        .with::<op::UpdateRole>(update)
        .with::<op::UpdateRoleDescription>(update_description)
        .with::<op::UpdateAssumeRolePolicy>(update_trust_policy)
        .with::<op::DeleteRole>(delete)
        .with::<op::TagRole>(tag)
        .with::<op::UntagRole>(untag)
        .with::<op::ListRoleTags>(list_tags)
}

/// The role with this name.
///
/// # Errors
/// `NoSuchEntity`.
pub(crate) fn find(reader: &impl Read, context: &RequestContext, name: &str) -> Result<Role, ServiceError> {
    let found = reader.get::<Role>(&scope(context), &name_key(name)).map(|role| (*role).clone());
    found.ok_or_else(|| error::no_such_entity(format!("The role with name {name} cannot be found.")))
}

/// Writes a role in its place.
pub(crate) fn put(transaction: &mut Transaction, context: &RequestContext, role: Role) {
    transaction.put(&scope(context), &name_key(&role.name), role);
}

/// # Errors
/// `UnmodifiableEntity` for a role that belongs to a service.
pub(crate) fn check_modifiable(role: &Role) -> Result<(), ServiceError> {
    if role.linked_service.is_none() {
        return Ok(());
    }
    Err(error::unmodifiable(format!(
        "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
        role.name
    )))
}

/// Changes a role.
///
/// # Errors
/// `NoSuchEntity`, and those of the change.
pub(crate) fn change<T>(
    state: &State,
    context: &RequestContext,
    name: &str,
    change: impl FnOnce(&mut Transaction, &mut Role) -> Result<T, ServiceError>,
) -> Result<T, ServiceError> {
    state.store.transact(|transaction| {
        let mut role = find(transaction, context, name)?;
        let answer = change(transaction, &mut role)?;
        put(transaction, context, role);
        Ok(answer)
    })
}

/// A role as lists have it: without its boundary, tags and last use.
pub(crate) fn listed(role: &Role) -> api::Role {
    api::Role {
        path: role.path.clone(),
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        arn: role.arn.to_string(),
        create_date: role.created,
        assume_role_policy_document: Some(document::shown(&role.trust_policy)),
        description: role.description.clone(),
        max_session_duration: i32::try_from(role.max_session_secs).ok(),
        ..api::Role::default()
    }
}

/// A role with all that its record says of it.
pub(crate) fn shown(role: &Role) -> api::Role {
    api::Role {
        permissions_boundary: boundary::shown(role.permissions_boundary.as_ref()),
        tags: (!role.tags.is_empty()).then(|| tag::shown(&role.tags)),
        ..listed(role)
    }
}

/// When a role was last used; empty when it never was.
pub(crate) fn last_used(state: &State, context: &RequestContext, role: &Role) -> RoleLastUsed {
    state.uses.role(&scope(context), &role.id).map_or_else(RoleLastUsed::default, |used| RoleLastUsed {
        last_used_date: Some(used.at),
        region: Some(used.region.to_string()),
    })
}

/// A description; an empty one is none.
fn described(description: String) -> Option<String> {
    (!description.is_empty()).then_some(description)
}

/// Seconds, of which the model checked the range.
fn session_secs(wanted: Option<i32>) -> u32 {
    wanted.and_then(|secs| u32::try_from(secs).ok()).unwrap_or(DEFAULT_SESSION_SECS)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreateRoleRequest,
) -> Result<CreateRoleResponse, ServiceError> {
    let (name, path) = (request.role_name, path(request.path));
    if path.starts_with(SERVICE_LINKED_ROLE_PATH) {
        return Err(error::validation(format!(
            "The path {path} is reserved for the roles that services create with CreateServiceLinkedRole."
        )));
    }
    let tags = tag::of(KeyCase::Ignored, request.tags)?;
    let id = state.unique_id(IdKind::Role);
    state.store.transact(|transaction| {
        check_free(transaction, context, &name)?;
        let role = Role {
            id,
            arn: arn(context, "role", &path, &name),
            name,
            path,
            created: context.now,
            trust_policy: trust_policy::read(transaction, context, &request.assume_role_policy_document)?,
            description: request.description,
            max_session_secs: session_secs(request.max_session_duration),
            permissions_boundary: boundary::check(transaction, context, request.permissions_boundary)?,
            inline_policies: BTreeMap::new(),
            attached_policies: BTreeSet::new(),
            tags,
            linked_service: None,
        };
        let answer = CreateRoleResponse { role: shown(&role) };
        put(transaction, context, role);
        Ok(answer)
    })
}

fn check_free(transaction: &Transaction, context: &RequestContext, name: &str) -> Result<(), ServiceError> {
    if transaction.contains::<Role>(&scope(context), &name_key(name)) {
        return Err(error::already_exists(format!("Role with name {name} already exists.")));
    }
    quota::ROLES.check(transaction.count::<Role>(&scope(context)) + 1)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetRoleRequest,
) -> Result<GetRoleResponse, ServiceError> {
    let role = find(&state.store.snapshot(), context, &request.role_name)?;
    let role_last_used = Some(last_used(state, context, &role));
    Ok(GetRoleResponse { role: api::Role { role_last_used, ..shown(&role) } })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListRolesRequest,
) -> Result<ListRolesResponse, ServiceError> {
    let prefix = path(request.path_prefix);
    let snapshot = state.store.snapshot();
    let found = snapshot
        .scan::<Role>(&scope(context))
        .filter(|(_, role)| role.path.starts_with(&prefix))
        .map(|(key, role)| (key.to_owned(), listed(&role)));
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    Ok(ListRolesResponse { is_truncated: page.is_truncated(), roles: page.items, marker: page.marker })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html>
fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateRoleRequest,
) -> Result<UpdateRoleResponse, ServiceError> {
    change(state, context, &request.role_name, |_, role| {
        // What a request does not name stays.
        if let Some(secs) = request.max_session_duration {
            // Of a service's role the description alone is the customer's.
            check_modifiable(role)?;
            role.max_session_secs = session_secs(Some(secs));
        }
        if let Some(description) = request.description {
            role.description = described(description);
        }
        Ok(UpdateRoleResponse {})
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRoleDescription.html>
fn update_description(
    state: &State,
    context: &RequestContext,
    request: UpdateRoleDescriptionRequest,
) -> Result<UpdateRoleDescriptionResponse, ServiceError> {
    change(state, context, &request.role_name, |_, role| {
        role.description = described(request.description);
        Ok(UpdateRoleDescriptionResponse { role: Some(shown(role)) })
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html>
fn update_trust_policy(
    state: &State,
    context: &RequestContext,
    request: UpdateAssumeRolePolicyRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.role_name, |transaction, role| {
        check_modifiable(role)?;
        role.trust_policy = trust_policy::read(transaction, context, &request.policy_document)?;
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html>
fn delete(state: &State, context: &RequestContext, request: DeleteRoleRequest) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let role = find(transaction, context, &request.role_name)?;
        check_modifiable(&role)?;
        let first = |what| Err(error::delete_conflict(format!("Cannot delete entity, must {what} first.")));
        if !role.attached_policies.is_empty() {
            return first("detach all policies");
        }
        if !role.inline_policies.is_empty() {
            return first("delete policies");
        }
        if !instance_profile::with_role(transaction, context, &role).is_empty() {
            return first("remove roles from instance profile");
        }
        remove(transaction, context, &role);
        Ok(Unit)
    })
}

/// Removes a role that nothing holds.
pub(crate) fn remove(transaction: &mut Transaction, context: &RequestContext, role: &Role) {
    transaction.delete::<Role>(&scope(context), &name_key(&role.name));
    transaction.delete::<RoleUse>(&scope(context), &role.id);
    trust_policy::replace(transaction, role.arn.as_str(), &role.id);
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagRole.html>
fn tag(state: &State, context: &RequestContext, request: TagRoleRequest) -> Result<Unit, ServiceError> {
    change(state, context, &request.role_name, |_, role| {
        tag::add(KeyCase::Ignored, &mut role.tags, request.tags)?;
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagRole.html>
fn untag(state: &State, context: &RequestContext, request: UntagRoleRequest) -> Result<Unit, ServiceError> {
    change(state, context, &request.role_name, |_, role| {
        tag::remove(KeyCase::Ignored, &mut role.tags, &request.tag_keys);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoleTags.html>
fn list_tags(
    state: &State,
    context: &RequestContext,
    request: ListRoleTagsRequest,
) -> Result<ListRoleTagsResponse, ServiceError> {
    let role = find(&state.store.snapshot(), context, &request.role_name)?;
    let page = page::take(tag::keyed(&role.tags), request.marker.as_deref(), request.max_items)?;
    Ok(ListRoleTagsResponse { is_truncated: page.is_truncated(), tags: page.items, marker: page.marker })
}
