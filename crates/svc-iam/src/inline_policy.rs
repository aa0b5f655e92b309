//! Inline policies: those that a user, group or role has for itself.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html>

use aws_api::Unit;
use aws_api::iam::{self as api, operation as op};
use iam_policy::{Policy, PolicyKind};
use identities::{Group, Role, User};
use service_api::{Operations, RequestContext, ServiceError};

use crate::holder::{self, Holder};
use crate::page::Page;
use crate::{State, document, error, page};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    of_roles(of_groups(of_users(table)))
}

fn of_users(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::PutUserPolicy>(|state, context, request| {
            put::<User>(state, context, &request.user_name, request.policy_name, &request.policy_document)
        })
        .with::<op::GetUserPolicy>(|state, context, request| {
            let found = get::<User>(state, context, &request.user_name, &request.policy_name)?;
            let Found { holder, name, document } = found;
            Ok(api::GetUserPolicyResponse { user_name: holder, policy_name: name, policy_document: document })
        })
        .with::<op::ListUserPolicies>(|state, context, request| {
            let (marker, max_items) = (request.marker.as_deref(), request.max_items);
            let page = list::<User>(state, context, &request.user_name, marker, max_items)?;
            let is_truncated = page.is_truncated();
            Ok(api::ListUserPoliciesResponse { policy_names: page.items, is_truncated, marker: page.marker })
        })
        .with::<op::DeleteUserPolicy>(|state, context, request| {
            delete::<User>(state, context, &request.user_name, &request.policy_name)
        })
}

fn of_groups(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::PutGroupPolicy>(|state, context, request| {
            put::<Group>(state, context, &request.group_name, request.policy_name, &request.policy_document)
        })
        .with::<op::GetGroupPolicy>(|state, context, request| {
            let found = get::<Group>(state, context, &request.group_name, &request.policy_name)?;
            let Found { holder, name, document } = found;
            Ok(api::GetGroupPolicyResponse {
                group_name: holder,
                policy_name: name,
                policy_document: document,
            })
        })
        .with::<op::ListGroupPolicies>(|state, context, request| {
            let (marker, max_items) = (request.marker.as_deref(), request.max_items);
            let page = list::<Group>(state, context, &request.group_name, marker, max_items)?;
            let is_truncated = page.is_truncated();
            Ok(api::ListGroupPoliciesResponse { policy_names: page.items, is_truncated, marker: page.marker })
        })
        .with::<op::DeleteGroupPolicy>(|state, context, request| {
            delete::<Group>(state, context, &request.group_name, &request.policy_name)
        })
}

fn of_roles(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::PutRolePolicy>(|state, context, request| {
            put::<Role>(state, context, &request.role_name, request.policy_name, &request.policy_document)
        })
        .with::<op::GetRolePolicy>(|state, context, request| {
            let found = get::<Role>(state, context, &request.role_name, &request.policy_name)?;
            let Found { holder, name, document } = found;
            Ok(api::GetRolePolicyResponse { role_name: holder, policy_name: name, policy_document: document })
        })
        .with::<op::ListRolePolicies>(|state, context, request| {
            let (marker, max_items) = (request.marker.as_deref(), request.max_items);
            let page = list::<Role>(state, context, &request.role_name, marker, max_items)?;
            let is_truncated = page.is_truncated();
            Ok(api::ListRolePoliciesResponse { policy_names: page.items, is_truncated, marker: page.marker })
        })
        .with::<op::DeleteRolePolicy>(|state, context, request| {
            delete::<Role>(state, context, &request.role_name, &request.policy_name)
        })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html>
fn put<H: Holder>(
    state: &State,
    context: &RequestContext,
    holder: &str,
    name: String,
    text: &str,
) -> Result<Unit, ServiceError> {
    let policy = document::parse(text, PolicyKind::Inline)?;
    holder::change::<H>(state, context, holder, |_, holder| {
        holder.inline_mut().insert(name, policy);
        let chars: usize = holder.inline().values().map(document::chars).sum();
        if chars > H::INLINE_CHARS {
            let (noun, name) = (H::NOUN, holder.name());
            return Err(error::limit_exceeded(format!(
                "Maximum policy size of {} bytes exceeded for {noun} {name}",
                H::INLINE_CHARS
            )));
        }
        Ok(())
    })?;
    Ok(Unit)
}

struct Found {
    holder: String,
    name: String,
    document: String,
}

fn named<'a, H: Holder>(holder: &'a H, name: &str) -> Result<&'a Policy, ServiceError> {
    let missing =
        || error::no_such_entity(format!("The {} policy with name {name} cannot be found.", H::NOUN));
    holder.inline().get(name).ok_or_else(missing)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUserPolicy.html>
fn get<H: Holder>(
    state: &State,
    context: &RequestContext,
    holder: &str,
    name: &str,
) -> Result<Found, ServiceError> {
    let holder = H::find(&state.store.snapshot(), context, holder)?;
    let document = document::shown(named(&holder, name)?);
    Ok(Found { holder: holder.name().to_owned(), name: name.to_owned(), document })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUserPolicies.html>
fn list<H: Holder>(
    state: &State,
    context: &RequestContext,
    holder: &str,
    marker: Option<&str>,
    max_items: Option<i32>,
) -> Result<Page<String>, ServiceError> {
    let holder = H::find(&state.store.snapshot(), context, holder)?;
    page::take(holder.inline().keys().map(|name| (name.clone(), name.clone())), marker, max_items)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUserPolicy.html>
fn delete<H: Holder>(
    state: &State,
    context: &RequestContext,
    holder: &str,
    name: &str,
) -> Result<Unit, ServiceError> {
    holder::change::<H>(state, context, holder, |_, holder| {
        named(holder, name)?;
        holder.inline_mut().remove(name);
        Ok(())
    })?;
    Ok(Unit)
}

/// The inline policies of one, as GetAccountAuthorizationDetails has them.
pub(crate) fn details(holder: &impl Holder) -> Vec<api::PolicyDetail> {
    let detail = |(name, policy): (&String, &Policy)| api::PolicyDetail {
        policy_name: Some(name.clone()),
        policy_document: Some(document::shown(policy)),
    };
    holder.inline().iter().map(detail).collect()
}
