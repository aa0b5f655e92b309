//! What is shared, with whom, and by which policies, over all shares: the List operations and GetResourcePolicies.

use aws_api::ram::{
    GetResourcePoliciesRequest, GetResourcePoliciesResponse, ListPrincipalsRequest, ListPrincipalsResponse,
    ListResourcesRequest, ListResourcesResponse, Principal, Resource,
};
use resource_shares::{Acceptance, ResourceShare};
use service_api::{RequestContext, ServiceError};
use store::{Scope, Snapshot};

use crate::association::check_arn;
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
    let has = |share: &ResourceShare| {
        request.resource_arn.as_ref().is_none_or(|arn| share.resources.contains_key(arn))
            && resource_type.is_none_or(|wanted| {
                share.resources.keys().any(|arn| ResourceType::of(arn).is_some_and(|it| it.0 == wanted))
            })
    };
    let of_share = |share: ResourceShare| -> Vec<Principal> {
        let principal = |id: String, created, updated| Principal {
            id: Some(id),
            resource_share_arn: Some(share.arn.clone()),
            creation_time: Some(created),
            last_updated_time: Some(updated),
            external: Some(true),
        };
        match owner {
            Owner::Caller => share
                .principals
                .iter()
                .filter(|(_, held)| held.acceptance != Acceptance::Rejected)
                .map(|(id, held)| principal(id.clone(), held.created, held.updated))
                .collect(),
            Owner::Others => vec![principal(share.owner.to_string(), share.created, share.updated)],
        }
    };
    let found = of(&state.store.snapshot(), context, owner)
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
    let shares = of(&state.store.snapshot(), context, Owner::Caller);
    let mut policies = Vec::new();
    for arn in &request.resource_arns {
        let (resource_type, _) = check_arn(arn)?;
        let with = shares.iter().filter(|share| share.resources.contains_key(arn)).flat_map(|share| {
            let accepted =
                share.principals.iter().filter(|(_, held)| held.acceptance == Acceptance::Accepted);
            accepted.map(|(account, _)| account)
        });
        let with = with.filter(|account| request.principal.as_ref().is_none_or(|wanted| wanted == *account));
        let with: std::collections::BTreeSet<String> =
            with.map(|account| format!("\"arn:{}:iam::{account}:root\"", context.partition)).collect();
        if with.is_empty() {
            continue;
        }
        let with = with.into_iter().collect::<Vec<_>>().join(",");
        let policy = format!(
            r#"{{"Version":"2008-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":[{with}]}},"Action":[{}],"Resource":"{arn}"}}]}}"#,
            resource_type.actions_json()
        );
        policies.push((format!("{:06}", policies.len()), policy));
    }
    let page = page::take(policies, request.next_token.as_deref(), request.max_results)?;
    Ok(GetResourcePoliciesResponse { policies: Some(page.items), next_token: page.next_token })
}
