//! Policies: made, shown, changed and deleted.
//!
//! Owns what a policy may be called, how long it may be and how many there can be. What its text means others know:
//! `iam-policy` and `management-policies`.

use std::sync::Arc;

use aws_api::organizations::{
    self as api, CreatePolicyRequest, CreatePolicyResponse, DeletePolicyRequest, DescribePolicyRequest,
    DescribePolicyResponse, ListPoliciesRequest, ListPoliciesResponse, PolicySummary, UpdatePolicyRequest,
    UpdatePolicyResponse,
};
use iam_policy::Policy;
use management_policies::Document;
use organization::{
    AWS_POLICIES, FeatureSet, ManagementPolicy, ParentId, PolicyContent, PolicyId, PolicyRecord, PolicyType,
    ResourcePolicyId, TargetId,
};
use service_api::{RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::caller::{self, Place};
use crate::{State, attachment, error, page, tag};

/// How long a policy of a type can be, in characters, white space counted.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const fn max_chars(policy_type: PolicyType) -> usize {
    match policy_type {
        PolicyType::ServiceControl => iam_policy::limits::SERVICE_CONTROL_CHARS_MAX,
        PolicyType::ResourceControl => iam_policy::limits::RESOURCE_CONTROL_CHARS_MAX,
        PolicyType::Tag | PolicyType::Backup => 10_000,
    }
}

/// How many policies of a type an organization can have.
const fn max_policies(policy_type: PolicyType) -> usize {
    match policy_type {
        PolicyType::ServiceControl => 10_000,
        PolicyType::ResourceControl | PolicyType::Tag | PolicyType::Backup => 1000,
    }
}

/// A type that a request names.
///
/// # Errors
/// `InvalidInputException` for the types of AWS that are not here.
pub(crate) fn type_named(name: &str) -> Result<PolicyType, ServiceError> {
    PolicyType::named(name).ok_or_else(|| {
        error::invalid_input(
            "INVALID_ENUM_POLICY_TYPE",
            format!("Policies of the type {name} are not implemented."),
        )
    })
}

pub(crate) fn type_not_available() -> ServiceError {
    ServiceError::new(
        "PolicyTypeNotAvailableForOrganizationException",
        "You can't use the specified policy type with the feature set currently enabled for this organization.",
    )
}

pub(crate) fn type_not_enabled() -> ServiceError {
    ServiceError::new(
        "PolicyTypeNotEnabledException",
        "This operation can be performed only for enabled policy types.",
    )
}

/// The ARN of a root, unit or account, whether or not there is one, or of a policy, for policies about it. What there is no
/// ARN of is its id.
pub(crate) fn resource_arn(reader: &impl Read, context: &RequestContext, place: &Place, id: &str) -> String {
    let arn = |kind: &str| place.organization.arn_of(context.partition, kind, id).to_string();
    if id.parse::<ResourcePolicyId>().is_ok() {
        return arn("resourcepolicy");
    }
    if let Ok(policy) = id.parse::<PolicyId>() {
        // Its ARN has its type.
        let found = organization::policy(reader, &place.scope, &policy);
        return found.map_or_else(|| id.to_owned(), |policy| policy.arn.to_string());
    }
    match id.parse() {
        Ok(TargetId::Account(_)) => arn("account"),
        Ok(TargetId::Parent(ParentId::Root(_))) => arn("root"),
        Ok(TargetId::Parent(ParentId::Unit(_))) => arn("ou"),
        Err(_) => id.to_owned(),
    }
}

fn summary(policy: &PolicyRecord) -> PolicySummary {
    PolicySummary {
        id: Some(policy.id.to_string()),
        arn: Some(policy.arn.to_string()),
        name: Some(policy.name.clone()),
        description: Some(policy.description.clone()),
        r#type: Some(policy.policy_type.name().to_owned()),
        aws_managed: Some(policy.is_aws_managed),
    }
}

fn shown(policy: &PolicyRecord) -> api::Policy {
    api::Policy { policy_summary: Some(summary(policy)), content: Some(policy.text().to_owned()) }
}

/// As lists have it, with the key that they are sorted by.
pub(crate) fn listed(policy: &PolicyRecord) -> (String, PolicySummary) {
    (policy.id.to_string(), summary(policy))
}

/// Reads a policy of a type.
///
/// # Errors
/// `ConstraintViolationException`, `MalformedPolicyDocumentException`.
fn parse(policy_type: PolicyType, text: &str) -> Result<PolicyContent, ServiceError> {
    let most = max_chars(policy_type);
    if text.chars().count() > most {
        let message = format!("You have exceeded the maximum policy size of {most} characters.");
        return Err(error::constraint("POLICY_CONTENT_LIMIT_EXCEEDED", message));
    }
    let malformed = |message: String| ServiceError::new("MalformedPolicyDocumentException", message);
    match (policy_type.language(), policy_type.management()) {
        (Some(kind), _) => Policy::parse(text, kind)
            .map(PolicyContent::Permissions)
            .map_err(|error| malformed(error.to_string())),
        (None, Some(kind)) => Document::parse(kind, text)
            .map(|_| PolicyContent::Management(ManagementPolicy::new(text)))
            .map_err(|error| malformed(error.to_string())),
        (None, None) => Err(error::invalid_input("INVALID_ENUM_POLICY_TYPE", "The type has no language.")),
    }
}

/// A policy that the organization can use.
///
/// # Errors
/// `PolicyNotFoundException`, `InvalidInputException`.
pub(crate) fn named(reader: &impl Read, place: &Place, id: &str) -> Result<Arc<PolicyRecord>, ServiceError> {
    let id: PolicyId = id.parse().map_err(|_| error::pattern())?;
    organization::policy(reader, &place.scope, &id).ok_or_else(error::policy_not_found)
}

/// A policy of the organization's own.
fn own(reader: &impl Read, place: &Place, id: &str) -> Result<PolicyRecord, ServiceError> {
    let policy = named(reader, place, id)?;
    if policy.is_aws_managed {
        return Err(error::invalid_input("IMMUTABLE_POLICY", "You can't change policies that AWS manages."));
    }
    Ok((*policy).clone())
}

fn check_name(
    transaction: &Transaction,
    place: &Place,
    policy_type: PolicyType,
    name: &str,
) -> Result<(), ServiceError> {
    let is_taken = transaction
        .scan::<PolicyRecord>(&place.scope)
        .map(|(_, policy)| policy)
        .chain(AWS_POLICIES.iter().cloned())
        .any(|policy| policy.policy_type == policy_type && policy.name == name);
    if is_taken {
        return Err(ServiceError::new(
            "DuplicatePolicyException",
            "A policy with the same name already exists.",
        ));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreatePolicy.html>
pub(crate) fn create(
    state: &State,
    context: &RequestContext,
    request: CreatePolicyRequest,
) -> Result<CreatePolicyResponse, ServiceError> {
    let policy_type = type_named(&request.r#type)?;
    let tags = tag::new(request.tags)?;
    let made = state.store.transact(|transaction| {
        let place = caller::member(transaction, context)?;
        caller::check(state, &place, context, "CreatePolicy", "*")?;
        let organization = &place.organization;
        if organization.feature_set != FeatureSet::All {
            return Err(type_not_available());
        }
        let content = parse(policy_type, &request.content)?;
        check_name(transaction, &place, policy_type, &request.name)?;
        let policies = transaction.scan::<PolicyRecord>(&place.scope);
        let most = max_policies(policy_type);
        if policies.filter(|(_, policy)| policy.policy_type == policy_type).count() >= most {
            let message = format!("An organization can have {most} policies of the type.");
            return Err(error::constraint("POLICY_NUMBER_LIMIT_EXCEEDED", message));
        }
        let id = PolicyId::random(&mut || state.ids.bits());
        let resource = format!("{}/{id}", policy_type.name().to_ascii_lowercase());
        let arn = organization.arn_of(context.partition, "policy", &resource);
        let policy = PolicyRecord {
            id,
            arn,
            name: request.name.clone(),
            description: request.description.clone(),
            policy_type,
            content,
            is_aws_managed: false,
            updated: context.now,
            tags: tags.clone(),
        };
        transaction.put(&place.scope, policy.id.as_str(), policy.clone());
        Ok(shown(&policy))
    })?;
    Ok(CreatePolicyResponse { policy: Some(made) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_UpdatePolicy.html>
pub(crate) fn update(
    state: &State,
    context: &RequestContext,
    request: UpdatePolicyRequest,
) -> Result<UpdatePolicyResponse, ServiceError> {
    let updated = state.store.transact(|transaction| {
        let place = caller::member(transaction, context)?;
        let mut policy = own(transaction, &place, &request.policy_id)?;
        caller::check(state, &place, context, "UpdatePolicy", policy.arn.as_str())?;
        if let Some(name) = request.name.as_ref().filter(|name| **name != policy.name) {
            check_name(transaction, &place, policy.policy_type, name)?;
            policy.name.clone_from(name);
        }
        if let Some(description) = &request.description {
            policy.description.clone_from(description);
        }
        if let Some(text) = &request.content {
            policy.content = parse(policy.policy_type, text)?;
        }
        policy.updated = context.now;
        transaction.put(&place.scope, policy.id.as_str(), policy.clone());
        Ok::<_, ServiceError>(shown(&policy))
    })?;
    Ok(UpdatePolicyResponse { policy: Some(updated) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DeletePolicy.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeletePolicyRequest,
) -> Result<aws_api::Unit, ServiceError> {
    state.store.transact(|transaction| {
        let place = caller::member(transaction, context)?;
        let policy = own(transaction, &place, &request.policy_id)?;
        caller::check(state, &place, context, "DeletePolicy", policy.arn.as_str())?;
        if !attachment::targets_of(transaction, context, &place, &policy).is_empty() {
            return Err(ServiceError::new(
                "PolicyInUseException",
                "The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts \
                 before performing this operation.",
            ));
        }
        transaction.delete::<PolicyRecord>(&place.scope, policy.id.as_str());
        Ok(aws_api::Unit)
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribePolicy.html>
pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    request: DescribePolicyRequest,
) -> Result<DescribePolicyResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading_of(state, &snapshot, context, "DescribePolicy", &request.policy_id)?;
    let policy = named(&snapshot, &place, &request.policy_id)?;
    Ok(DescribePolicyResponse { policy: Some(shown(&policy)) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListPolicies.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListPoliciesRequest,
) -> Result<ListPoliciesResponse, ServiceError> {
    let policy_type = type_named(&request.filter)?;
    let snapshot = state.store.snapshot();
    let place = caller::reading(state, &snapshot, context, "ListPolicies")?;
    let own = snapshot.scan::<PolicyRecord>(&place.scope).map(|(_, policy)| policy);
    let mut policies: Vec<_> = AWS_POLICIES
        .iter()
        .cloned()
        .chain(own)
        .filter(|policy| policy.policy_type == policy_type)
        .map(|policy| listed(&policy))
        .collect();
    policies.sort_by(|one, other| one.0.cmp(&other.0));
    let page = page::take(policies, request.next_token.as_deref(), request.max_results)?;
    Ok(ListPoliciesResponse { policies: Some(page.items), next_token: page.next_token })
}
