//! Managed policies: made, shown, listed and deleted; and their tags.
//!
//! Owns how one is found by its ARN, whether it is the account's own or AWS's. Refuses to know who has it attached
//! ([`crate::attachment`] does) and its versions after the first ([`crate::policy_version`]).
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_api::Unit;
use aws_api::iam::{
    self as api, CreatePolicyRequest, CreatePolicyResponse, DeletePolicyRequest, GetPolicyRequest,
    GetPolicyResponse, ListPoliciesRequest, ListPoliciesResponse, ListPolicyTagsRequest,
    ListPolicyTagsResponse, TagPolicyRequest, UntagPolicyRequest, operation as op,
};
use aws_managed_policies::AwsManagedPolicy;
use aws_types::Arn;
use iam_policy::{Policy, PolicyKind};
use identities::{IdKind, ManagedPolicy, PolicyVersion, name_key};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Snapshot, Transaction};

use crate::attachment::Usage;
use crate::tag::{self, KeyCase};
use crate::{State, arn, document, error, page, path, quota, scope};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreatePolicy>(create)
        .with::<op::GetPolicy>(get)
        .with::<op::ListPolicies>(list)
        .with::<op::DeletePolicy>(delete)
        .with::<op::TagPolicy>(tag)
        .with::<op::UntagPolicy>(untag)
        .with::<op::ListPolicyTags>(list_tags)
}

/// A managed policy, whoever's it is.
#[derive(Clone, Debug)]
pub(crate) enum Managed {
    /// The account's.
    Own(Arc<ManagedPolicy>),
    /// AWS's.
    Aws(&'static AwsManagedPolicy),
}

impl Managed {
    /// The policy with this ARN, if the account can use one.
    pub(crate) fn get(reader: &impl Read, context: &RequestContext, arn: &str) -> Option<Self> {
        if let Some(policy) = aws_managed_policies::policy(arn) {
            return Some(Self::Aws(policy));
        }
        let name = arn.rsplit('/').next()?;
        let found = reader.get::<ManagedPolicy>(&scope(context), &name_key(name));
        found.filter(|policy| policy.arn.as_str() == arn).map(Self::Own)
    }

    pub(crate) fn arn(&self) -> String {
        match self {
            Self::Own(policy) => policy.arn.to_string(),
            Self::Aws(policy) => policy.arn(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Own(policy) => &policy.name,
            Self::Aws(policy) => policy.name,
        }
    }

    pub(crate) fn path(&self) -> &str {
        match self {
            Self::Own(policy) => &policy.path,
            Self::Aws(policy) => policy.path,
        }
    }

    /// What lists are sorted by. The account's policies can have the names of AWS's.
    fn key(&self) -> String {
        let owner = match self {
            Self::Own(_) => "own",
            Self::Aws(_) => "aws",
        };
        format!("{}/{owner}", name_key(self.name()))
    }

    /// A policy as lists have it: without its description and tags.
    pub(crate) fn listed(&self, usage: &Usage) -> api::Policy {
        let arn = self.arn();
        let (attachments, boundaries) = usage.of(&arn);
        let (id, default_version, created, updated) = match self {
            Self::Own(policy) => (policy.id.as_str(), policy.default_version, policy.created, policy.updated),
            Self::Aws(policy) => (policy.id, policy.default_version, policy.created, policy.updated),
        };
        api::Policy {
            policy_name: Some(self.name().to_owned()),
            policy_id: Some(id.to_owned()),
            arn: Some(arn),
            path: Some(self.path().to_owned()),
            default_version_id: Some(version_id(default_version)),
            attachment_count: Some(attachments),
            permissions_boundary_usage_count: Some(boundaries),
            is_attachable: Some(true),
            description: None,
            create_date: Some(created),
            update_date: Some(updated),
            tags: None,
        }
    }

    /// A policy with all that there is to say of it.
    fn shown(&self, usage: &Usage) -> api::Policy {
        let (description, tags) = match self {
            Self::Own(policy) => (policy.description.clone(), tag::shown(&policy.tags)),
            Self::Aws(_) => (None, Vec::new()),
        };
        api::Policy { description, tags: Some(tags), ..self.listed(usage) }
    }
}

/// `v1`.
pub(crate) fn version_id(number: u32) -> String {
    format!("v{number}")
}

/// The error for an ARN that no policy has.
pub(crate) fn not_found(arn: &str) -> ServiceError {
    error::no_such_entity(format!("Policy {arn} was not found."))
}

/// The policy with this ARN, whoever's it is.
///
/// # Errors
/// `InvalidInput`, `NoSuchEntity`.
pub(crate) fn find(reader: &impl Read, context: &RequestContext, arn: &str) -> Result<Managed, ServiceError> {
    check_arn(arn)?;
    Managed::get(reader, context, arn).ok_or_else(|| not_found(arn))
}

/// # Errors
/// `InvalidInput` for what is no ARN of a policy.
pub(crate) fn check_arn(arn: &str) -> Result<(), ServiceError> {
    let is_policy = arn.parse::<Arn>().is_ok_and(|arn| arn.resource().starts_with("policy/"));
    if is_policy { Ok(()) } else { Err(error::invalid_input(format!("ARN {arn} is not valid."))) }
}

/// The account's own policy with this ARN, to change it.
///
/// # Errors
/// `InvalidInput`, `NoSuchEntity`; `AccessDenied` for a policy of AWS's.
pub(crate) fn find_own(
    reader: &impl Read,
    context: &RequestContext,
    action: &str,
    arn: &str,
) -> Result<ManagedPolicy, ServiceError> {
    match find(reader, context, arn)? {
        Managed::Own(policy) => Ok((*policy).clone()),
        // No account may, not even its root user: the policy is another account's.
        Managed::Aws(_) => {
            let message = format!(
                "User: {} is not authorized to perform: iam:{action} on resource: policy {arn}",
                context.principal.arn
            );
            Err(ServiceError::new("AccessDenied", message).with_status(403))
        }
    }
}

/// Writes a policy in its place.
pub(crate) fn put(transaction: &mut Transaction, context: &RequestContext, policy: ManagedPolicy) {
    transaction.put(&scope(context), &name_key(&policy.name), policy);
}

/// Changes a policy of the account's own.
///
/// # Errors
/// Those of [`find_own`] and of the change.
pub(crate) fn change<T>(
    state: &State,
    context: &RequestContext,
    action: &str,
    arn: &str,
    change: impl FnOnce(&mut ManagedPolicy) -> Result<T, ServiceError>,
) -> Result<T, ServiceError> {
    state.store.transact(|transaction| {
        let mut policy = find_own(transaction, context, action, arn)?;
        let answer = change(&mut policy)?;
        put(transaction, context, policy);
        Ok(answer)
    })
}

/// Reads the document of a managed policy.
///
/// # Errors
/// `MalformedPolicyDocument`, `LimitExceeded`.
pub(crate) fn read_document(text: &str) -> Result<Policy, ServiceError> {
    let policy = document::parse(text, PolicyKind::Identity)?;
    quota::POLICY_CHARS.check(document::chars(&policy))?;
    Ok(policy)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreatePolicyRequest,
) -> Result<CreatePolicyResponse, ServiceError> {
    let policy = read_document(&request.policy_document)?;
    let tags = tag::of(KeyCase::Kept, request.tags)?;
    let (name, path) = (request.policy_name, path(request.path));
    let id = state.unique_id(IdKind::ManagedPolicy);
    state.store.transact(|transaction| {
        if transaction.contains::<ManagedPolicy>(&scope(context), &name_key(&name)) {
            return Err(error::already_exists(format!(
                "A policy called {name} already exists. Duplicate names are not allowed."
            )));
        }
        quota::POLICIES.check(transaction.count::<ManagedPolicy>(&scope(context)) + 1)?;
        let policy = ManagedPolicy {
            id,
            arn: arn(context, "policy", &path, &name),
            name,
            path,
            description: request.description,
            created: context.now,
            updated: context.now,
            default_version: 1,
            next_version: 2,
            versions: BTreeMap::from([(1, PolicyVersion { policy, created: context.now })]),
            tags,
        };
        put(transaction, context, policy.clone());
        let made = Managed::Own(Arc::new(policy)).shown(&Usage::none());
        Ok(CreatePolicyResponse { policy: Some(api::Policy { description: None, ..made }) })
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicy.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetPolicyRequest,
) -> Result<GetPolicyResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let policy = find(&snapshot, context, &request.policy_arn)?;
    Ok(GetPolicyResponse { policy: Some(policy.shown(&Usage::count(&snapshot, context))) })
}

/// Whose policies are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyScope {
    All,
    Aws,
    Local,
}

/// The policies of a scope, in the order of their keys.
pub(crate) fn all(snapshot: &Snapshot, context: &RequestContext, of: PolicyScope) -> Vec<(String, Managed)> {
    let mut found = Vec::new();
    if of != PolicyScope::Aws {
        let own = snapshot.scan::<ManagedPolicy>(&scope(context));
        found.extend(own.map(|(_, policy)| Managed::Own(policy)));
    }
    if of != PolicyScope::Local {
        found.extend(aws_managed_policies::all().iter().map(Managed::Aws));
    }
    let mut found: Vec<_> = found.into_iter().map(|policy| (policy.key(), policy)).collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicies.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListPoliciesRequest,
) -> Result<ListPoliciesResponse, ServiceError> {
    let of = match request.scope.as_deref() {
        Some("AWS") => PolicyScope::Aws,
        Some("Local") => PolicyScope::Local,
        _ => PolicyScope::All,
    };
    let (prefix, only_attached) = (path(request.path_prefix), request.only_attached == Some(true));
    let usage_filter = request.policy_usage_filter.as_deref();
    let snapshot = state.store.snapshot();
    let usage = Usage::count(&snapshot, context);
    let is_wanted = |policy: &Managed| {
        let (attachments, boundaries) = usage.of(&policy.arn());
        let is_of_usage = match usage_filter {
            Some("PermissionsBoundary") => boundaries > 0,
            Some("PermissionsPolicy") => attachments > 0,
            _ => true,
        };
        let is_used = !only_attached || attachments > 0;
        is_of_usage && is_used && policy.path().starts_with(&prefix)
    };
    let found = all(&snapshot, context, of).into_iter().filter(|(_, policy)| is_wanted(policy));
    let found = found.map(|(key, policy)| (key, policy.listed(&usage)));
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    let is_truncated = page.is_truncated();
    Ok(ListPoliciesResponse { policies: Some(page.items), is_truncated, marker: page.marker })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeletePolicyRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let policy = find_own(transaction, context, "DeletePolicy", &request.policy_arn)?;
        if Usage::count(transaction, context).of(policy.arn.as_str()) != (0, 0) {
            return Err(error::delete_conflict("Cannot delete a policy attached to entities."));
        }
        if policy.versions.len() > 1 {
            return Err(error::delete_conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
            ));
        }
        transaction.delete::<ManagedPolicy>(&scope(context), &name_key(&policy.name));
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagPolicy.html>
fn tag(state: &State, context: &RequestContext, request: TagPolicyRequest) -> Result<Unit, ServiceError> {
    change(state, context, "TagPolicy", &request.policy_arn, |policy| {
        tag::add(KeyCase::Kept, &mut policy.tags, request.tags)?;
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagPolicy.html>
fn untag(state: &State, context: &RequestContext, request: UntagPolicyRequest) -> Result<Unit, ServiceError> {
    change(state, context, "UntagPolicy", &request.policy_arn, |policy| {
        tag::remove(KeyCase::Kept, &mut policy.tags, &request.tag_keys);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicyTags.html>
fn list_tags(
    state: &State,
    context: &RequestContext,
    request: ListPolicyTagsRequest,
) -> Result<ListPolicyTagsResponse, ServiceError> {
    let tags = match find(&state.store.snapshot(), context, &request.policy_arn)? {
        Managed::Own(policy) => policy.tags.clone(),
        Managed::Aws(_) => aws_types::Tags::default(),
    };
    let page = page::take(tag::keyed(&tags), request.marker.as_deref(), request.max_items)?;
    Ok(ListPolicyTagsResponse { is_truncated: page.is_truncated(), tags: page.items, marker: page.marker })
}
