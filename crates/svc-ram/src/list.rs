//! What is shared, with whom, and by which policies, over all shares: the List operations and GetResourcePolicies.

use std::collections::BTreeSet;

use aws_api::ram::{
    GetResourcePoliciesRequest, GetResourcePoliciesResponse, ListPrincipalsRequest, ListPrincipalsResponse,
    ListResourcesRequest, ListResourcesResponse, Principal, Resource,
};
use resource_shares::{Acceptance, ResourceShare};
use service_api::{RequestContext, ServiceError};
use store::{Scope, Snapshot};

use crate::association::{check_arn, is_in_one_organization};
use crate::permission::list_is_regional;
use crate::share::{Owner, of};
use crate::{ResourceType, State, page};

/// The resources of a share.
pub(crate) fn shown(
    state: &State,
    snapshot: &Snapshot,
    context: &RequestContext,
    share: &ResourceShare,
) -> Vec<Resource> {
    let place = Scope::new(context.partition, share.owner, context.region.clone());
    let shown = |(arn, held): (&String, &resource_shares::SharedResource)| {
        let (resource_type, id) = ResourceType::of(arn)?;
        let is_there = state.resources.has(snapshot, &place, resource_type, id);
        Some(Resource {
            arn: Some(arn.clone()),
            r#type: Some(resource_type.name().to_owned()),
            resource_share_arn: Some(share.arn.clone()),
            status: Some(if is_there { "AVAILABLE" } else { "UNAVAILABLE" }.to_owned()),
            creation_time: Some(held.created),
            last_updated_time: Some(held.created),
            resource_region_scope: Some("REGIONAL".to_owned()),
            ..Resource::default()
        })
    };
    share.resources.iter().filter_map(shown).collect()
}

fn is_wanted(wanted: Option<&Vec<String>>, text: &String) -> bool {
    wanted.is_none_or(|wanted| wanted.is_empty() || wanted.contains(text))
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_ListResources.html>
pub(crate) fn resources(
    state: &State,
    context: &RequestContext,
    request: ListResourcesRequest,
) -> Result<ListResourcesResponse, ServiceError> {
    let owner = Owner::parse(&request.resource_owner)?;
    let resource_type = request.resource_type.as_deref().map(ResourceType::named).transpose()?;
    let snapshot = state.store.snapshot();
    let is_any = list_is_regional(request.resource_region_scope.as_deref());
    let is_for = |share: &ResourceShare| {
        request.principal.as_ref().is_none_or(|principal| match owner {
            Owner::Caller => share.principals.contains_key(principal),
            Owner::Others => share.owner.to_string() == *principal,
        })
    };
    let found = of(&snapshot, context, owner)
        .into_iter()
        .filter(|share| {
            is_any && is_for(share) && is_wanted(request.resource_share_arns.as_ref(), &share.arn)
        })
        .flat_map(|share| {
            let resources = shown(state, &snapshot, context, &share);
            resources.into_iter().map(move |one| (share.id.clone(), one))
        })
        .filter(|(_, one)| one.arn.as_ref().is_some_and(|arn| is_wanted(request.resource_arns.as_ref(), arn)))
        .filter(|(_, one)| resource_type.is_none_or(|wanted| one.r#type.as_deref() == Some(wanted.name())))
        .map(|(id, one)| (format!("{id} {}", one.arn.as_deref().unwrap_or_default()), one));
    let page = page::take(found, request.next_token.as_deref(), request.max_results)?;
    Ok(ListResourcesResponse { resources: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_ListPrincipals.html>
pub(crate) fn principals(
    state: &State,
    context: &RequestContext,
    request: ListPrincipalsRequest,
) -> Result<ListPrincipalsResponse, ServiceError> {
    let owner = Owner::parse(&request.resource_owner)?;
    let resource_type = request.resource_type.as_deref().map(ResourceType::named).transpose()?;
    let snapshot = state.store.snapshot();
    let has = |share: &ResourceShare| {
        request.resource_arn.as_ref().is_none_or(|arn| share.resources.contains_key(arn))
            && resource_type.is_none_or(|wanted| {
                share.resources.keys().any(|arn| ResourceType::of(arn).is_some_and(|it| it.0 == wanted))
            })
    };
    let of_share = |share: ResourceShare| -> Vec<Principal> {
        let principal = |id: String, created, updated, external| Principal {
            id: Some(id),
            resource_share_arn: Some(share.arn.clone()),
            creation_time: Some(created),
            last_updated_time: Some(updated),
            external: Some(external),
        };
        match owner {
            Owner::Caller => share
                .principals
                .iter()
                .filter(|(id, held)| {
                    held.acceptance == Acceptance::Pending
                        || share.has_effect_for(&snapshot, context.partition, id)
                })
                .map(|(id, held)| principal(id.clone(), held.created, held.updated, held.external))
                .collect(),
            Owner::Others => {
                let is_within = is_in_one_organization(&snapshot, context, share.owner);
                vec![principal(share.owner.to_string(), share.created, share.updated, !is_within)]
            }
        }
    };
    let found = of(&snapshot, context, owner)
        .into_iter()
        .filter(|share| has(share) && is_wanted(request.resource_share_arns.as_ref(), &share.arn))
        .flat_map(of_share)
        .filter(|one| one.id.as_ref().is_some_and(|id| is_wanted(request.principals.as_ref(), id)))
        .map(|one| {
            let (share, id) = (one.resource_share_arn.as_deref(), one.id.as_deref());
            (format!("{} {}", share.unwrap_or_default(), id.unwrap_or_default()), one)
        });
    let page = page::take(found, request.next_token.as_deref(), request.max_results)?;
    Ok(ListPrincipalsResponse { principals: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_GetResourcePolicies.html>
pub(crate) fn policies(
    state: &State,
    context: &RequestContext,
    request: GetResourcePoliciesRequest,
) -> Result<GetResourcePoliciesResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let shares = of(&snapshot, context, Owner::Caller);
    let mut policies = Vec::new();
    for arn in &request.resource_arns {
        let (resource_type, _) = check_arn(arn)?;
        let with = shares.iter().filter(|share| share.resources.contains_key(arn)).flat_map(|share| {
            let (snapshot, partition) = (&snapshot, context.partition);
            share.principals.keys().filter(move |one| share.has_effect_for(snapshot, partition, one))
        });
        let with = with.filter(|account| request.principal.as_ref().is_none_or(|wanted| wanted == *account));
        let with: BTreeSet<&String> = with.collect();
        let (within, accounts): (Vec<&String>, Vec<&String>) =
            with.into_iter().partition(|principal| principal.starts_with("arn:"));
        let statement = |principal: &str, condition: &str| {
            format!(
                r#"{{"Effect":"Allow","Principal":{principal},"Action":[{}],"Resource":"{arn}"{condition}}}"#,
                resource_type.actions_json()
            )
        };
        let mut statements: Vec<String> =
            within.into_iter().map(|principal| statement(r#""*""#, &condition(principal))).collect();
        if !accounts.is_empty() {
            let root = |account: &&String| format!("\"arn:{}:iam::{account}:root\"", context.partition);
            let accounts = accounts.iter().map(root).collect::<Vec<_>>().join(",");
            statements.insert(0, statement(&format!(r#"{{"AWS":[{accounts}]}}"#), ""));
        }
        if statements.is_empty() {
            continue;
        }
        let policy = format!(r#"{{"Version":"2008-10-17","Statement":[{}]}}"#, statements.join(","));
        policies.push((format!("{:06}", policies.len()), policy));
    }
    let page = page::take(policies, request.next_token.as_deref(), request.max_results)?;
    Ok(GetResourcePoliciesResponse { policies: Some(page.items), next_token: page.next_token })
}

/// What is true of requests of accounts for which the ARN of an organization or unit stands.
fn condition(principal: &str) -> String {
    let (kind, rest) = principal.rsplit(':').next().and_then(|one| one.split_once('/')).unwrap_or_default();
    match rest.split_once('/') {
        Some((organization, unit)) if kind == "ou" => format!(
            r#","Condition":{{"ForAnyValue:StringLike":{{"aws:PrincipalOrgPaths":"{organization}/*/{unit}/*"}}}}"#
        ),
        _ => format!(r#","Condition":{{"StringEquals":{{"aws:PrincipalOrgID":"{rest}"}}}}"#),
    }
}
