//! All identities and policies of an account at once: GetAccountAuthorizationDetails.

use std::collections::BTreeSet;

use aws_api::iam::{
    self as api, GetAccountAuthorizationDetailsRequest, GetAccountAuthorizationDetailsResponse,
    operation as op,
};
use identities::{Group, Role, User};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read as _, Snapshot};

use crate::attachment::Usage;
use crate::managed_policy::{Managed, PolicyScope};
use crate::page::Page;
use crate::{
    State, attachment, boundary, document, group, inline_policy, instance_profile, managed_policy, page,
    policy_version, role, scope, tag,
};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table.with::<op::GetAccountAuthorizationDetails>(get)
}

enum Detail {
    User(api::UserDetail),
    Group(api::GroupDetail),
    Role(Box<api::RoleDetail>),
    Policy(Box<api::ManagedPolicyDetail>),
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetAccountAuthorizationDetailsRequest,
) -> Result<GetAccountAuthorizationDetailsResponse, ServiceError> {
    let filter: BTreeSet<String> = request.filter.unwrap_or_default().into_iter().collect();
    let wants = |kind: &str| filter.is_empty() || filter.contains(kind);
    let (snapshot, scope) = (state.store.snapshot(), scope(context));
    // Keys are in the order of the kinds.
    let mut found = Vec::new();
    for (key, held) in snapshot.scan::<User>(&scope).filter(|_| wants("User")) {
        found.push((format!("1/{key}"), Detail::User(of_user(&snapshot, context, &held))));
    }
    for (key, held) in snapshot.scan::<Group>(&scope).filter(|_| wants("Group")) {
        found.push((format!("2/{key}"), Detail::Group(of_group(&held))));
    }
    for (key, held) in snapshot.scan::<Role>(&scope).filter(|_| wants("Role")) {
        found.push((format!("3/{key}"), Detail::Role(Box::new(of_role(state, &snapshot, context, &held)))));
    }
    let usage = Usage::count(&snapshot, context);
    for (key, held) in managed_policy::all(&snapshot, context, PolicyScope::All) {
        // Of AWS's policies those that the account uses.
        let is_wanted = match &held {
            Managed::Own(_) => wants("LocalManagedPolicy"),
            Managed::Aws(_) => wants("AWSManagedPolicy") && usage.has(&held.arn()),
        };
        if is_wanted {
            found.push((format!("4/{key}"), Detail::Policy(Box::new(of_policy(&held, &usage)))));
        }
    }
    Ok(answer(page::take(found, request.marker.as_deref(), request.max_items)?))
}

fn answer(page: Page<Detail>) -> GetAccountAuthorizationDetailsResponse {
    let is_truncated = page.is_truncated();
    let (mut users, mut groups, mut roles, mut policies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for detail in page.items {
        match detail {
            Detail::User(user) => users.push(user),
            Detail::Group(group) => groups.push(group),
            Detail::Role(role) => roles.push(*role),
            Detail::Policy(policy) => policies.push(*policy),
        }
    }
    GetAccountAuthorizationDetailsResponse {
        user_detail_list: Some(users),
        group_detail_list: Some(groups),
        role_detail_list: Some(roles),
        policies: Some(policies),
        is_truncated,
        marker: page.marker,
    }
}

fn of_user(snapshot: &Snapshot, context: &RequestContext, user: &User) -> api::UserDetail {
    let groups = group::of_user(snapshot, context, user);
    api::UserDetail {
        path: Some(user.path.clone()),
        user_name: Some(user.name.clone()),
        user_id: Some(user.id.clone()),
        arn: Some(user.arn.to_string()),
        create_date: Some(user.created),
        user_policy_list: Some(inline_policy::details(user)),
        group_list: Some(groups.into_iter().map(|group| group.name).collect()),
        attached_managed_policies: Some(attachment::details(user)),
        permissions_boundary: boundary::shown(user.permissions_boundary.as_ref()),
        tags: Some(tag::shown(&user.tags)),
    }
}

fn of_group(group: &Group) -> api::GroupDetail {
    api::GroupDetail {
        path: Some(group.path.clone()),
        group_name: Some(group.name.clone()),
        group_id: Some(group.id.clone()),
        arn: Some(group.arn.to_string()),
        create_date: Some(group.created),
        group_policy_list: Some(inline_policy::details(group)),
        attached_managed_policies: Some(attachment::details(group)),
    }
}

fn of_role(state: &State, snapshot: &Snapshot, context: &RequestContext, role: &Role) -> api::RoleDetail {
    let profiles = instance_profile::with_role(snapshot, context, role);
    let profiles = profiles.iter().map(|profile| instance_profile::listed(snapshot, context, profile));
    api::RoleDetail {
        path: Some(role.path.clone()),
        role_name: Some(role.name.clone()),
        role_id: Some(role.id.clone()),
        arn: Some(role.arn.to_string()),
        create_date: Some(role.created),
        assume_role_policy_document: Some(document::shown(&role.trust_policy)),
        instance_profile_list: Some(profiles.collect()),
        role_policy_list: Some(inline_policy::details(role)),
        attached_managed_policies: Some(attachment::details(role)),
        permissions_boundary: boundary::shown(role.permissions_boundary.as_ref()),
        tags: Some(tag::shown(&role.tags)),
        role_last_used: Some(role::last_used(state, role)),
    }
}

fn of_policy(policy: &Managed, usage: &Usage) -> api::ManagedPolicyDetail {
    let listed = policy.listed(usage);
    api::ManagedPolicyDetail {
        policy_name: listed.policy_name,
        policy_id: listed.policy_id,
        arn: listed.arn,
        path: listed.path,
        default_version_id: listed.default_version_id,
        attachment_count: listed.attachment_count,
        permissions_boundary_usage_count: listed.permissions_boundary_usage_count,
        is_attachable: listed.is_attachable,
        description: match policy {
            Managed::Own(policy) => policy.description.clone(),
            Managed::Aws(_) => None,
        },
        create_date: listed.create_date,
        update_date: listed.update_date,
        policy_version_list: Some(policy_version::details(policy)),
    }
}
