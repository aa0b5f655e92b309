//! Managed policies of users, groups and roles: attached, detached and listed, from either side.
//!
//! Owns who has which ([`Usage`]). The records of users, groups and roles say it; a policy does not know.

use std::collections::HashMap;

use aws_api::Unit;
use aws_api::iam::{
    self as api, ListEntitiesForPolicyRequest, ListEntitiesForPolicyResponse, operation as op,
};
use identities::{Group, Role, User};
use service_api::{Operations, RequestContext, ServiceError};
use store::Read;

use crate::holder::{self, Holder};
use crate::managed_policy::{self, Managed};
use crate::page::Page;
use crate::{State, error, page, path, scope};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    let table = table
        .with::<op::AttachUserPolicy>(|state, context, request| {
            attach::<User>(state, context, &request.user_name, &request.policy_arn)
        })
        .with::<op::AttachGroupPolicy>(|state, context, request| {
            attach::<Group>(state, context, &request.group_name, &request.policy_arn)
        })
        .with::<op::AttachRolePolicy>(|state, context, request| {
            attach::<Role>(state, context, &request.role_name, &request.policy_arn)
        })
        .with::<op::DetachUserPolicy>(|state, context, request| {
            detach::<User>(state, context, &request.user_name, &request.policy_arn)
        })
        .with::<op::DetachGroupPolicy>(|state, context, request| {
            detach::<Group>(state, context, &request.group_name, &request.policy_arn)
        })
        .with::<op::DetachRolePolicy>(|state, context, request| {
            detach::<Role>(state, context, &request.role_name, &request.policy_arn)
        });
    lists(table).with::<op::ListEntitiesForPolicy>(list_entities)
}

fn lists(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::ListAttachedUserPolicies>(|state, context, request| {
            let (marker, max_items) = (request.marker.as_deref(), request.max_items);
            let page =
                list::<User>(state, context, &request.user_name, request.path_prefix, marker, max_items)?;
            let is_truncated = page.is_truncated();
            let attached_policies = Some(page.items);
            Ok(api::ListAttachedUserPoliciesResponse { attached_policies, is_truncated, marker: page.marker })
        })
        .with::<op::ListAttachedGroupPolicies>(|state, context, request| {
            let (marker, max_items) = (request.marker.as_deref(), request.max_items);
            let page =
                list::<Group>(state, context, &request.group_name, request.path_prefix, marker, max_items)?;
            let is_truncated = page.is_truncated();
            let attached_policies = Some(page.items);
            Ok(api::ListAttachedGroupPoliciesResponse {
                attached_policies,
                is_truncated,
                marker: page.marker,
            })
        })
        .with::<op::ListAttachedRolePolicies>(|state, context, request| {
            let (marker, max_items) = (request.marker.as_deref(), request.max_items);
            let page =
                list::<Role>(state, context, &request.role_name, request.path_prefix, marker, max_items)?;
            let is_truncated = page.is_truncated();
            let attached_policies = Some(page.items);
            Ok(api::ListAttachedRolePoliciesResponse { attached_policies, is_truncated, marker: page.marker })
        })
}

/// How often each managed policy is used in an account, by ARN.
pub(crate) struct Usage(HashMap<String, (i32, i32)>);

impl Usage {
    /// Where there is none yet.
    pub(crate) fn none() -> Self {
        Self(HashMap::new())
    }

    /// Counts all of an account.
    pub(crate) fn count(reader: &impl Read, context: &RequestContext) -> Self {
        let (scope, mut usage) = (scope(context), Self::none());
        for (_, user) in reader.scan::<User>(&scope) {
            usage.add(&user.attached_policies, user.permissions_boundary.as_ref());
        }
        for (_, group) in reader.scan::<Group>(&scope) {
            usage.add(&group.attached_policies, None);
        }
        for (_, role) in reader.scan::<Role>(&scope) {
            usage.add(&role.attached_policies, role.permissions_boundary.as_ref());
        }
        usage
    }

    fn add<'a>(&mut self, attached: impl IntoIterator<Item = &'a String>, boundary: Option<&String>) {
        attached.into_iter().for_each(|arn| self.0.entry(arn.clone()).or_default().0 += 1);
        boundary.into_iter().for_each(|arn| self.0.entry(arn.clone()).or_default().1 += 1);
    }

    /// How many have a policy attached, and of how many it is the permissions boundary.
    pub(crate) fn of(&self, arn: &str) -> (i32, i32) {
        self.0.get(arn).copied().unwrap_or_default()
    }

    /// Whether a policy is used at all.
    pub(crate) fn has(&self, arn: &str) -> bool {
        self.0.contains_key(arn)
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html>
fn attach<H: Holder>(
    state: &State,
    context: &RequestContext,
    name: &str,
    arn: &str,
) -> Result<Unit, ServiceError> {
    managed_policy::check_arn(arn)?;
    holder::change::<H>(state, context, name, |transaction, holder| {
        let found = Managed::get(transaction, context, arn).ok_or_else(|| {
            error::no_such_entity(format!("Policy {arn} does not exist or is not attachable."))
        })?;
        if matches!(found, Managed::Aws(policy) if policy.is_of_service_linked_role()) {
            return Err(ServiceError::new(
                "PolicyNotAttachable",
                "Cannot attach a Service Role Policy to a Customer Role.",
            ));
        }
        if holder.attached_mut().insert(arn.to_owned()) {
            H::ATTACHED.check(holder.attached().len())?;
        }
        Ok(())
    })?;
    Ok(Unit)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DetachRolePolicy.html>
fn detach<H: Holder>(
    state: &State,
    context: &RequestContext,
    name: &str,
    arn: &str,
) -> Result<Unit, ServiceError> {
    managed_policy::check_arn(arn)?;
    holder::change::<H>(state, context, name, |_, holder| {
        if holder.attached_mut().remove(arn) { Ok(()) } else { Err(managed_policy::not_found(arn)) }
    })?;
    Ok(Unit)
}

/// The name and path that stand in a policy's ARN.
fn name_and_path(arn: &str) -> (&str, &str) {
    let place = arn.splitn(6, ':').nth(5).and_then(|resource| resource.strip_prefix("policy"));
    let place = place.unwrap_or_default();
    let start = place.rfind('/').map_or(0, |slash| slash + 1);
    (&place[start..], &place[..start])
}

fn shown(arn: &str) -> api::AttachedPolicy {
    let (name, _) = name_and_path(arn);
    api::AttachedPolicy { policy_name: Some(name.to_owned()), policy_arn: Some(arn.to_owned()) }
}

/// The managed policies of one, as GetAccountAuthorizationDetails has them.
pub(crate) fn details(holder: &impl Holder) -> Vec<api::AttachedPolicy> {
    holder.attached().iter().map(|arn| shown(arn)).collect()
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAttachedRolePolicies.html>
fn list<H: Holder>(
    state: &State,
    context: &RequestContext,
    name: &str,
    prefix: Option<String>,
    marker: Option<&str>,
    max_items: Option<i32>,
) -> Result<Page<api::AttachedPolicy>, ServiceError> {
    let (holder, prefix) = (H::find(&state.store.snapshot(), context, name)?, path(prefix));
    // The account's policies and AWS's can have one name; which comes first is all the same.
    let mut found: Vec<_> = holder
        .attached()
        .iter()
        .filter(|arn| name_and_path(arn).1.starts_with(&prefix))
        .map(|arn| {
            let owner = if aws_managed_policies::policy(arn).is_some() { "aws" } else { "own" };
            (format!("{}/{owner}", name_and_path(arn).0), shown(arn))
        })
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    page::take(found, marker, max_items)
}

/// One that has a policy.
enum Entity {
    Group(api::PolicyGroup),
    Role(api::PolicyRole),
    User(api::PolicyUser),
}

/// How an entity has to use a policy to be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UsageFilter {
    Permissions,
    Boundary,
    Any,
}

impl UsageFilter {
    fn passes(self, arn: &str, is_attached: bool, boundary: Option<&String>) -> bool {
        let is_boundary = boundary.is_some_and(|boundary| boundary == arn);
        match self {
            Self::Permissions => is_attached,
            Self::Boundary => is_boundary,
            Self::Any => is_attached || is_boundary,
        }
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListEntitiesForPolicy.html>
fn list_entities(
    state: &State,
    context: &RequestContext,
    request: ListEntitiesForPolicyRequest,
) -> Result<ListEntitiesForPolicyResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let arn = managed_policy::find(&snapshot, context, &request.policy_arn)?.arn();
    let filter = match request.policy_usage_filter.as_deref() {
        Some("PermissionsPolicy") => UsageFilter::Permissions,
        Some("PermissionsBoundary") => UsageFilter::Boundary,
        _ => UsageFilter::Any,
    };
    let (scope, prefix) = (scope(context), path(request.path_prefix));
    let of_kind = |kind: &str| request.entity_filter.as_deref().is_none_or(|wanted| wanted == kind);
    let mut found = Vec::new();
    for (key, group) in snapshot.scan::<Group>(&scope).filter(|_| of_kind("Group")) {
        if filter.passes(&arn, group.attached_policies.contains(&arn), None)
            && group.path.starts_with(&prefix)
        {
            let (group_name, group_id) = (Some(group.name.clone()), Some(group.id.clone()));
            found.push((format!("group/{key}"), Entity::Group(api::PolicyGroup { group_name, group_id })));
        }
    }
    for (key, role) in snapshot.scan::<Role>(&scope).filter(|_| of_kind("Role")) {
        let is_attached = role.attached_policies.contains(&arn);
        let boundary = role.permissions_boundary.as_ref();
        if filter.passes(&arn, is_attached, boundary) && role.path.starts_with(&prefix) {
            let (role_name, role_id) = (Some(role.name.clone()), Some(role.id.clone()));
            found.push((format!("role/{key}"), Entity::Role(api::PolicyRole { role_name, role_id })));
        }
    }
    for (key, user) in snapshot.scan::<User>(&scope).filter(|_| of_kind("User")) {
        let is_attached = user.attached_policies.contains(&arn);
        let boundary = user.permissions_boundary.as_ref();
        if filter.passes(&arn, is_attached, boundary) && user.path.starts_with(&prefix) {
            let (user_name, user_id) = (Some(user.name.clone()), Some(user.id.clone()));
            found.push((format!("user/{key}"), Entity::User(api::PolicyUser { user_name, user_id })));
        }
    }
    Ok(entities(page::take(found, request.marker.as_deref(), request.max_items)?))
}

fn entities(page: Page<Entity>) -> ListEntitiesForPolicyResponse {
    let is_truncated = page.is_truncated();
    let (mut groups, mut roles, mut users) = (Vec::new(), Vec::new(), Vec::new());
    for entity in page.items {
        match entity {
            Entity::Group(group) => groups.push(group),
            Entity::Role(role) => roles.push(role),
            Entity::User(user) => users.push(user),
        }
    }
    ListEntitiesForPolicyResponse {
        policy_groups: Some(groups),
        policy_users: Some(users),
        policy_roles: Some(roles),
        is_truncated,
        marker: page.marker,
    }
}
