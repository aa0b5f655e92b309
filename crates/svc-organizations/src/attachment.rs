//! What policies are attached to.
//!
//! Owns how many policies of a type a root, unit or account has at least and at most.

use aws_api::organizations::{
    AttachPolicyRequest, DetachPolicyRequest, ListPoliciesForTargetRequest, ListPoliciesForTargetResponse,
    ListTargetsForPolicyRequest, ListTargetsForPolicyResponse, PolicyTargetSummary,
};
use organization::{
    Attachments, Member, OrganizationalUnit, ParentId, PolicyRecord, PolicyType, ROOT_NAME, TargetId,
    account_name,
};
use service_api::{RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::caller::{self, Place};
use crate::{State, account, error, page, policy};

/// How many policies of a type can be attached to one target.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const fn max_attached(policy_type: PolicyType) -> usize {
    match policy_type {
        PolicyType::ServiceControl | PolicyType::ResourceControl => 5,
        PolicyType::Tag | PolicyType::Backup => 10,
    }
}

/// A target of the organization, and what is attached to it.
///
/// # Errors
/// `TargetNotFoundException`, `InvalidInputException`.
fn target(
    reader: &impl Read,
    context: &RequestContext,
    place: &Place,
    id: &str,
) -> Result<(TargetId, Attachments), ServiceError> {
    let target: TargetId = id.parse().map_err(|_| {
        error::invalid_input("INVALID_PATTERN_TARGET_ID", "The target's id has no valid form.")
    })?;
    let found = match &target {
        TargetId::Account(account) => {
            account::shown_member(reader, context, place, *account).map(|(member, _)| member.policies.clone())
        }
        TargetId::Parent(ParentId::Root(root)) => {
            (*root == place.organization.root).then(|| place.organization.root_policies.clone())
        }
        TargetId::Parent(ParentId::Unit(unit)) => {
            reader.get::<OrganizationalUnit>(&place.scope, unit.as_str()).map(|unit| unit.policies.clone())
        }
    };
    found.map(|attachments| (target, attachments)).ok_or_else(error::target_not_found)
}

fn put(
    transaction: &mut Transaction,
    context: &RequestContext,
    place: &Place,
    target: &TargetId,
    policies: Attachments,
) {
    match target {
        TargetId::Account(account) => {
            if let Some(member) = place.member(transaction, *account) {
                let member = Member { policies, ..(*member).clone() };
                transaction.put(&place.scope, &account.to_string(), member);
            }
        }
        TargetId::Parent(ParentId::Root(_)) => {
            let mut organization = (*place.organization).clone();
            organization.root_policies = policies;
            organization.put(transaction, context.partition);
        }
        TargetId::Parent(ParentId::Unit(id)) => {
            if let Some(unit) = transaction.get::<OrganizationalUnit>(&place.scope, id.as_str()) {
                let unit = OrganizationalUnit { policies, ..(*unit).clone() };
                transaction.put(&place.scope, id.as_str(), unit);
            }
        }
    }
}

/// Whether the caller may attach or detach a policy: a delegation has to be about the policy and about the target.
fn check_caller(
    state: &State,
    reader: &impl Read,
    context: &RequestContext,
    place: &Place,
    operation: &str,
    policy: &PolicyRecord,
    target: &str,
) -> Result<(), ServiceError> {
    caller::check(state, place, context, operation, policy.arn.as_str())?;
    caller::check(state, place, context, operation, &policy::resource_arn(reader, context, place, target))
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_AttachPolicy.html>
pub(crate) fn attach(
    state: &State,
    context: &RequestContext,
    request: AttachPolicyRequest,
) -> Result<aws_api::Unit, ServiceError> {
    state.store.transact(|transaction| {
        let place = caller::member(transaction, context)?;
        let policy = policy::named(transaction, &place, &request.policy_id)?;
        check_caller(state, transaction, context, &place, "AttachPolicy", &policy, &request.target_id)?;
        let (target, mut attachments) = target(transaction, context, &place, &request.target_id)?;
        let policy_type = policy.policy_type;
        if !place.organization.has_enabled(policy_type) {
            return Err(policy::type_not_enabled());
        }
        let attached = attachments.entry(policy_type).or_default();
        if attached.contains(&policy.id) {
            return Err(ServiceError::new(
                "DuplicatePolicyAttachmentException",
                "The specified policy is already attached to the specified target.",
            ));
        }
        if attached.len() >= max_attached(policy_type) {
            return Err(error::constraint(
                "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
                "You have attached the maximum number of policies to the specified target.",
            ));
        }
        attached.push(policy.id.clone());
        put(transaction, context, &place, &target, attachments);
        Ok(aws_api::Unit)
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DetachPolicy.html>
pub(crate) fn detach(
    state: &State,
    context: &RequestContext,
    request: DetachPolicyRequest,
) -> Result<aws_api::Unit, ServiceError> {
    state.store.transact(|transaction| {
        let place = caller::member(transaction, context)?;
        let policy = policy::named(transaction, &place, &request.policy_id)?;
        check_caller(state, transaction, context, &place, "DetachPolicy", &policy, &request.target_id)?;
        let (target, mut attachments) = target(transaction, context, &place, &request.target_id)?;
        let attached = attachments.entry(policy.policy_type).or_default();
        if !attached.contains(&policy.id) {
            return Err(ServiceError::new(
                "PolicyNotAttachedException",
                "The policy isn't attached to the specified target in the specified root.",
            ));
        }
        match policy.policy_type {
            PolicyType::ServiceControl if attached.len() == 1 => {
                return Err(error::constraint(
                    "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
                    "You cannot remove the last policy attached to the specified target. You should have at least one \
                     attached at any time.",
                ));
            }
            PolicyType::ResourceControl if policy.is_aws_managed => {
                return Err(error::invalid_input(
                    "NON_DETACHABLE_POLICY",
                    "You can't detach the policy RCPFullAWSAccess.",
                ));
            }
            PolicyType::ServiceControl | PolicyType::ResourceControl | PolicyType::Tag | PolicyType::Backup => {}
        }
        attached.retain(|id| *id != policy.id);
        put(transaction, context, &place, &target, attachments);
        Ok(aws_api::Unit)
    })
}

/// What a policy is attached to, by id.
pub(crate) fn targets_of(
    reader: &impl Read,
    context: &RequestContext,
    place: &Place,
    policy: &PolicyRecord,
) -> Vec<(String, PolicyTargetSummary)> {
    let organization = &place.organization;
    let has = |attachments: &Attachments| {
        attachments.get(&policy.policy_type).is_some_and(|attached| attached.contains(&policy.id))
    };
    let shown = |id: &str, kind: &str, name: String, target_type: &str| {
        let summary = PolicyTargetSummary {
            target_id: Some(id.to_owned()),
            arn: Some(organization.arn_of(context.partition, kind, id).to_string()),
            name: Some(name),
            r#type: Some(target_type.to_owned()),
        };
        (id.to_owned(), summary)
    };
    let mut targets = Vec::new();
    if has(&organization.root_policies) {
        targets.push(shown(organization.root.as_str(), "root", ROOT_NAME.to_owned(), "ROOT"));
    }
    for (id, unit) in reader.scan::<OrganizationalUnit>(&place.scope) {
        if has(&unit.policies) {
            targets.push(shown(id, "ou", unit.name.clone(), "ORGANIZATIONAL_UNIT"));
        }
    }
    for (id, member) in reader.scan::<Member>(&place.scope) {
        if has(&member.policies) {
            let name = account_name(reader, context.partition, member.account);
            targets.push(shown(id, "account", name, "ACCOUNT"));
        }
    }
    targets.sort_by(|one, other| one.0.cmp(&other.0));
    targets
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListTargetsForPolicy.html>
pub(crate) fn list_targets(
    state: &State,
    context: &RequestContext,
    request: ListTargetsForPolicyRequest,
) -> Result<ListTargetsForPolicyResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading_of(state, &snapshot, context, "ListTargetsForPolicy", &request.policy_id)?;
    let policy = policy::named(&snapshot, &place, &request.policy_id)?;
    let targets = targets_of(&snapshot, context, &place, &policy);
    let page = page::take(targets, request.next_token.as_deref(), request.max_results)?;
    Ok(ListTargetsForPolicyResponse { targets: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListPoliciesForTarget.html>
pub(crate) fn list_policies(
    state: &State,
    context: &RequestContext,
    request: ListPoliciesForTargetRequest,
) -> Result<ListPoliciesForTargetResponse, ServiceError> {
    let policy_type = policy::type_named(&request.filter)?;
    let snapshot = state.store.snapshot();
    let place = caller::reading_of(state, &snapshot, context, "ListPoliciesForTarget", &request.target_id)?;
    let (_, attachments) = target(&snapshot, context, &place, &request.target_id)?;
    let attached = attachments.get(&policy_type).into_iter().flatten();
    let mut policies: Vec<_> = attached
        .filter_map(|id| organization::policy(&snapshot, &place.scope, id))
        .map(|policy| policy::listed(&policy))
        .collect();
    policies.sort_by(|one, other| one.0.cmp(&other.0));
    let page = page::take(policies, request.next_token.as_deref(), request.max_results)?;
    Ok(ListPoliciesForTargetResponse { policies: Some(page.items), next_token: page.next_token })
}
