//! The resource policy of an organization: what its members may do with it.

use aws_api::organizations::{
    self as api, DescribeResourcePolicyResponse, PutResourcePolicyRequest, PutResourcePolicyResponse,
    ResourcePolicySummary,
};
use iam_policy::{Policy, PolicyKind, stands_for_action};
use organization::{ResourcePolicy, ResourcePolicyId};
use serde_json::Value;
use service_api::{RequestContext, ServiceError};

use crate::caller::{self, Place};
use crate::{State, error, tag};

fn shown(context: &RequestContext, place: &Place, policy: &ResourcePolicy) -> api::ResourcePolicy {
    let arn = place.organization.arn_of(context.partition, "resourcepolicy", policy.id.as_str());
    api::ResourcePolicy {
        resource_policy_summary: Some(ResourcePolicySummary {
            id: Some(policy.id.to_string()),
            arn: Some(arn.to_string()),
        }),
        content: Some(policy.policy.text().to_owned()),
    }
}

fn not_found() -> ServiceError {
    ServiceError::new("ResourcePolicyNotFoundException", "We can't find a resource policy request.")
}

/// What a member can be let do beside looking: what there is to do with policies, and with tags.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/security_iam_resource-based-policy-examples.html>
const DELEGABLE: [&str; 9] = [
    "AttachPolicy",
    "CreatePolicy",
    "DeletePolicy",
    "DetachPolicy",
    "DisablePolicyType",
    "EnablePolicyType",
    "TagResource",
    "UntagResource",
    "UpdatePolicy",
];

/// Whether an action of a statement, in which `*` and `?` can stand, means operations of Organizations, and none that cannot
/// be delegated.
fn can_be_delegated(action: &str) -> bool {
    let Some((prefix, pattern)) = action.split_once(':') else { return false };
    if !prefix.eq_ignore_ascii_case("organizations") {
        return false;
    }
    let operations = &aws_model::service("organizations").expect("the model is there").model().operations;
    let mut meant = operations.iter().filter(|one| stands_for_action(pattern, one.name));
    let is_delegable =
        |name: &str| name.starts_with("Describe") || name.starts_with("List") || DELEGABLE.contains(&name);
    meant.clone().next().is_some() && meant.all(|one| is_delegable(one.name))
}

/// Reads a policy that is about Organizations and nothing else. What it allows can be delegated, and it says what that is.
fn parse(text: &str) -> Result<Policy, ServiceError> {
    let policy = Policy::parse(text, PolicyKind::Resource)
        .map_err(|error| error::invalid_input("INVALID_RESOURCE_POLICY_JSON", error.to_string()))?;
    let document: Value = serde_json::from_str(text)
        .map_err(|error| error::invalid_input("INVALID_RESOURCE_POLICY_JSON", error.to_string()))?;
    let statements = elements(&document["Statement"]);
    let is_fit = |statement: &&Value| {
        let is_denied = statement["Effect"] == "Deny";
        let is_own = |action: &Value| {
            action.as_str().is_some_and(|action| {
                if is_denied {
                    action.to_ascii_lowercase().starts_with("organizations:")
                } else {
                    can_be_delegated(action)
                }
            })
        };
        statement.get("Action").is_some() && elements(&statement["Action"]).into_iter().all(is_own)
    };
    if !statements.iter().all(is_fit) {
        return Err(error::invalid_input(
            "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY",
            "The resource policy has actions that it can't delegate.",
        ));
    }
    if statements.iter().any(|statement| statement.get("NotResource").is_some()) {
        return Err(error::invalid_input(
            "UNSUPPORTED_RESOURCE_IN_RESOURCE_POLICY",
            "The resource policy has to say what it is about, not what it is not about.",
        ));
    }
    Ok(policy)
}

/// The elements of a list, or the one that stands alone.
fn elements(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(elements) => elements.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_PutResourcePolicy.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutResourcePolicyRequest,
) -> Result<PutResourcePolicyResponse, ServiceError> {
    let tags = tag::new(request.tags)?;
    let put = state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        let policy = parse(&request.content)?;
        let mut organization = (*place.organization).clone();
        let (id, tags) = match organization.resource_policy {
            // Its tags are changed by operations of their own.
            Some(_) if !tags.is_empty() => {
                return Err(error::invalid_input(
                    "INVALID_LIST_MEMBER",
                    "You can't add tags when you update a resource policy. Use TagResource instead.",
                ));
            }
            Some(earlier) => (earlier.id, earlier.tags),
            None => (ResourcePolicyId::random(&mut || state.ids.bits()), tags.clone()),
        };
        let policy = ResourcePolicy { id, policy, tags };
        organization.resource_policy = Some(policy.clone());
        organization.put(transaction, context.partition);
        Ok::<_, ServiceError>(shown(context, &place, &policy))
    })?;
    Ok(PutResourcePolicyResponse { resource_policy: Some(put) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeResourcePolicy.html>
pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    _: aws_api::Unit,
) -> Result<DescribeResourcePolicyResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading(state, &snapshot, context, "DescribeResourcePolicy")?;
    let policy = place.organization.resource_policy.as_ref().ok_or_else(not_found)?;
    Ok(DescribeResourcePolicyResponse { resource_policy: Some(shown(context, &place, policy)) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DeleteResourcePolicy.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    _: aws_api::Unit,
) -> Result<aws_api::Unit, ServiceError> {
    state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        let mut organization = (*place.organization).clone();
        organization.resource_policy.take().ok_or_else(not_found)?;
        organization.put(transaction, context.partition);
        Ok(aws_api::Unit)
    })
}
