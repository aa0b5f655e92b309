//! What requests to Organizations touch, as policies see it.
//!
//! Owns how ids lead to ARNs, which have the organization's id and its management account, and who has to be able to make
//! the role of the service. Refuses to know policies.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html>

use aws_model::Value;
use organization::{
    AWS_POLICIES, FeatureSet, HandshakeAction, Member, OrganizationalUnit, managed_by, organization_of,
    policy,
};
use service_api::{
    ConditionKeys, NeededPermission, RequestContext, ResourceFacts, Sharing, dependent, needed_by_table,
};
use store::Read as _;

use crate::{Organizations, State, handshake, service_role};

/// What a request needs. Where an account gets the service-linked role of Organizations, its caller could make it.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_AcceptHandshake.html>
pub(crate) fn needed(
    service: &Organizations,
    context: &RequestContext,
    operation: &str,
    input: &Value,
) -> Option<Vec<NeededPermission>> {
    let mut needed = needed_by_table(service, context, operation, input)?;
    let makes_role = match operation {
        "CreateOrganization" => true,
        "AcceptHandshake" => has_all_features(&service.state, context, input),
        _ => false,
    };
    if makes_role {
        needed.push(dependent::linked_role(context, service_role::SERVICE, service_role::SERVICE_ROLE));
    }
    Some(needed)
}

/// Whether the organization of a handshake has all features, or is to have them.
fn has_all_features(state: &State, context: &RequestContext, input: &Value) -> bool {
    let snapshot = state.store.snapshot();
    let id = dependent::texts_at(input, &["HandshakeId"]).first().and_then(|id| id.parse().ok());
    let handshake = id.and_then(|id| handshake::get(&snapshot, context, &id));
    handshake.is_none_or(|handshake| {
        let organization = managed_by(&snapshot, context.partition, handshake.management);
        handshake.action != HandshakeAction::Invite
            || organization.is_some_and(|organization| organization.feature_set == FeatureSet::All)
    })
}

/// What is known of an account, unit, root, policy or the resource policy of the caller's organization, by its id.
pub(crate) fn facts(
    state: &State,
    context: &RequestContext,
    resource_type: &str,
    id: &str,
) -> Option<ResourceFacts> {
    let snapshot = state.store.snapshot();
    let partition = context.partition;
    if let Some(of_aws) = AWS_POLICIES.iter().find(|policy| policy.id.as_str() == id) {
        return Some(ResourceFacts { arn: Some(of_aws.arn.to_string()), ..ResourceFacts::default() });
    }
    let organization = organization_of(&snapshot, partition, context.account())?;
    let scope = organization.scope(partition);
    let (arn, tags) = match resource_type {
        "account" => {
            let member = snapshot.get::<Member>(&scope, id);
            let tags = member.map(|member| member.tags.clone()).unwrap_or_default();
            (organization.arn_of(partition, "account", id).to_string(), tags)
        }
        "organizationalunit" => {
            let unit = snapshot.get::<OrganizationalUnit>(&scope, id);
            let tags = unit.map(|unit| unit.tags.clone()).unwrap_or_default();
            (organization.arn_of(partition, "ou", id).to_string(), tags)
        }
        "resourcepolicy" => {
            let held = organization.resource_policy.as_ref().filter(|held| held.id.as_str() == id)?;
            (organization.arn_of(partition, "resourcepolicy", id).to_string(), held.tags.clone())
        }
        "root" => (organization.arn_of(partition, "root", id).to_string(), organization.root_tags.clone()),
        "policy" => {
            let policy = policy(&snapshot, &scope, &id.parse().ok()?)?;
            (policy.arn.to_string(), policy.tags.clone())
        }
        _ => return None,
    };
    let owner = Some(organization.management).filter(|owner| *owner != context.account());
    // What members and delegates may do with what the management account has, `caller` looks at.
    Some(ResourceFacts {
        arn: Some(arn),
        tags,
        owner,
        sharing: Sharing::ByService,
        ..ResourceFacts::default()
    })
}

/// What a request says of what it touches: the type of policies and the service that it is about. Of a policy that it names by
/// its id, the type is the policy's.
pub(crate) fn said(state: &State, context: &RequestContext, input: &Value) -> ConditionKeys {
    let Value::Structure(fields) = input else { return Vec::new() };
    let text = |member: &str| match fields.get(member) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    };
    let named = text("PolicyType").or_else(|| text("Filter")).or_else(|| text("Type"));
    let policy_type = named.or_else(|| type_of(state, context, &text("PolicyId")?));
    let keys = [
        ("organizations:PolicyType", policy_type),
        ("organizations:ServicePrincipal", text("ServicePrincipal")),
    ];
    keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), vec![value?]))).collect()
}

fn type_of(state: &State, context: &RequestContext, id: &str) -> Option<String> {
    let id = id.parse().ok()?;
    let snapshot = state.store.snapshot();
    let organization = organization_of(&snapshot, context.partition, context.account())?;
    let policy = policy(&snapshot, &organization.scope(context.partition), &id)?;
    Some(policy.policy_type.name().to_owned())
}
