//! All identities and policies of an account at once: GetAccountAuthorizationDetails.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_api::iam::{
    self as api, GetAccountAuthorizationDetailsRequest, GetAccountAuthorizationDetailsResponse,
    operation as op,
};
use identities::{Group, Role, User};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read as _, Snapshot};

use crate::attachment::Usage;
use crate::managed_policy::{Managed, PolicyScope};
use crate::{
    State, attachment, boundary, document, group, inline_policy, instance_profile, managed_policy, page,
    policy_version, role, scope, tag,
};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table.with::<op::GetAccountAuthorizationDetails>(get)
}

/// What there are details of. They are made for those on the page alone.
enum Held {
    User(Arc<User>),
    Group(Arc<Group>),
    Role(Arc<Role>),
    Policy(Managed),
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetAccountAuthorizationDetailsRequest,
) -> Result<GetAccountAuthorizationDetailsResponse, ServiceError> {
    let filter: BTreeSet<String> = request.filter.unwrap_or_default().into_iter().collect();
    let snapshot = state.store.snapshot();
    let usage = Usage::count(&snapshot, context);
    let found = all(&snapshot, context, &usage, &filter);
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    let is_truncated = page.is_truncated();
    let (mut users, mut groups, mut roles, mut policies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for held in page.items {
        match held {
            Held::User(user) => users.push(of_user(&snapshot, context, &user)),
            Held::Group(group) => groups.push(of_group(&group)),
            Held::Role(role) => roles.push(of_role(state, &snapshot, context, &role)),
            Held::Policy(policy) => policies.push(of_policy(&policy, &usage)),
        }
    }
    Ok(GetAccountAuthorizationDetailsResponse {
        user_detail_list: Some(users),
        group_detail_list: Some(groups),
        role_detail_list: Some(roles),
        policies: Some(policies),
        is_truncated,
        marker: page.marker,
    })
}

/// All that a filter lets through, by kind and name.
fn all(
    snapshot: &Snapshot,
    context: &RequestContext,
    usage: &Usage,
    filter: &BTreeSet<String>,
) -> Vec<(String, Held)> {
    let wants = |kind: &str| filter.is_empty() || filter.contains(kind);
    let (scope, mut found) = (scope(context), Vec::new());
    if wants("User") {
        let users = snapshot.scan::<User>(&scope);
        found.extend(users.map(|(key, held)| (format!("1/{key}"), Held::User(held))));
    }
    if wants("Group") {
        let groups = snapshot.scan::<Group>(&scope);
        found.extend(groups.map(|(key, held)| (format!("2/{key}"), Held::Group(held))));
    }
    if wants("Role") {
        let roles = snapshot.scan::<Role>(&scope);
        found.extend(roles.map(|(key, held)| (format!("3/{key}"), Held::Role(held))));
    }
    // Of AWS's policies those that the account uses.
    let is_wanted = |policy: &Managed| match policy {
        Managed::Own(_) => wants("LocalManagedPolicy"),
        Managed::Aws(_) => wants("AWSManagedPolicy") && usage.has(&policy.arn()),
    };
    let policies = managed_policy::all(snapshot, context, PolicyScope::All).into_iter();
    let policies = policies.filter(|(_, policy)| is_wanted(policy));
    found.extend(policies.map(|(key, held)| (format!("4/{key}"), Held::Policy(held))));
    found
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
        role_last_used: Some(role::last_used(state, context, role)),
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
