//! Resource shares: made, shown, changed and deleted.
//!
//! Owns how a share is found and shown. Refuses to know what is in it; that is [`crate::association`]'s.

use std::collections::BTreeMap;

use aws_api::ram::{
    CreateResourceShareRequest, CreateResourceShareResponse, DeleteResourceShareRequest,
    DeleteResourceShareResponse, EnableSharingWithAwsOrganizationRequest,
    EnableSharingWithAwsOrganizationResponse, GetResourceSharesRequest, GetResourceSharesResponse,
    ResourceShare as Shown, UpdateResourceShareRequest, UpdateResourceShareResponse,
};
use aws_types::Tags;
use identities::{LinkedRoleError, create_service_linked_role};
use organization::{FeatureSet, managed_by};
use resource_shares::{Asked, Invitation, ResourceShare, SERVICE};
use service_api::{RequestContext, RequestId, ServiceError};
use store::{Read, Snapshot, Transaction};

use crate::association::{self, Entities};
use crate::{State, error, page, permission, tag};

/// The longest name, in characters.
const MAX_NAME_CHARS: usize = 255;

/// The ARN of something of RAM's in the region of the request.
pub(crate) fn arn(context: &RequestContext, owner: &str, kind: &str, id: &str) -> String {
    format!("arn:{}:ram:{}:{owner}:{kind}/{id}", context.partition, context.region)
}

/// A share of the caller's own, which is not deleted.
///
/// # Errors
/// `MalformedArnException`, `UnknownResourceException`.
pub(crate) fn own(
    reader: &impl Read,
    context: &RequestContext,
    share_arn: &str,
) -> Result<ResourceShare, ServiceError> {
    let id = id_of(share_arn)?;
    let found = reader.get::<ResourceShare>(&context.scope(), id);
    let found = found.filter(|share| share.arn == share_arn && share.deleted.is_none());
    found.map(|share| (*share).clone()).ok_or_else(|| error::unknown("ResourceShare", share_arn))
}

fn id_of(share_arn: &str) -> Result<&str, ServiceError> {
    let mut parts = share_arn.splitn(6, ':');
    let is_ram = parts.next() == Some("arn") && parts.nth(1) == Some("ram");
    let id = parts.nth(2).and_then(|resource| resource.strip_prefix("resource-share/"));
    id.filter(|id| is_ram && !id.is_empty()).ok_or_else(|| error::malformed_arn(share_arn))
}

/// Who owns what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Caller,
    Others,
}

impl Owner {
    /// # Errors
    /// `InvalidParameterException`.
    pub(crate) fn parse(text: &str) -> Result<Self, ServiceError> {
        match text {
            "SELF" => Ok(Self::Caller),
            "OTHER-ACCOUNTS" => Ok(Self::Others),
            other => Err(error::invalid_parameter(format!("Invalid resource owner: {other}"))),
        }
    }
}

/// The caller's own shares in the region, or those of others that it has accepted, in the order of their ids.
pub(crate) fn of(snapshot: &Snapshot, context: &RequestContext, owner: Owner) -> Vec<ResourceShare> {
    let scope = context.scope();
    let mut shares: Vec<ResourceShare> = match owner {
        Owner::Caller => snapshot
            .scan::<ResourceShare>(&scope)
            .filter(|(_, share)| share.is_visible(context.now))
            .map(|(_, share)| (*share).clone())
            .collect(),
        Owner::Others => snapshot
            .scan_all::<ResourceShare>()
            .filter(|(place, _, _)| place.partition == scope.partition && place.region == scope.region)
            .filter(|(_, _, share)| share.is_in_force_for(snapshot, scope.partition, context.account()))
            .map(|(_, _, share)| (*share).clone())
            .collect(),
    };
    shares.sort_by(|one, other| one.id.cmp(&other.id));
    shares
}

fn shown(share: &ResourceShare) -> Shown {
    Shown {
        resource_share_arn: Some(share.arn.clone()),
        name: Some(share.name.clone()),
        owning_account_id: Some(share.owner.to_string()),
        allow_external_principals: Some(share.allow_external_principals),
        status: Some(if share.deleted.is_some() { "DELETED" } else { "ACTIVE" }.to_owned()),
        tags: Some(tag::shown(&share.tags)),
        creation_time: Some(share.created),
        last_updated_time: Some(share.updated),
        feature_set: Some("STANDARD".to_owned()),
        ..Shown::default()
    }
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let is_valid = (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.contains(char::is_control);
    if is_valid {
        Ok(())
    } else {
        Err(error::invalid_parameter("The name of the resource share is not valid."))
    }
}

/// Removes the shares and invitations that nobody can see any more, in all accounts and regions.
pub(crate) fn sweep(context: &RequestContext, transaction: &mut Transaction) {
    let shares = transaction
        .scan_all::<ResourceShare>()
        .filter(|(_, _, share)| !share.is_visible(context.now))
        .map(|(scope, id, _)| (scope.clone(), id.to_owned()));
    let shares: Vec<_> = shares.collect();
    let invitations = transaction
        .scan_all::<Invitation>()
        .filter(|(_, _, invitation)| !invitation.is_visible(context.now))
        .map(|(scope, id, _)| (scope.clone(), id.to_owned()));
    let invitations: Vec<_> = invitations.collect();
    for (scope, id) in shares {
        transaction.delete::<ResourceShare>(&scope, &id);
    }
    for (scope, id) in invitations {
        transaction.delete::<Invitation>(&scope, &id);
    }
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_CreateResourceShare.html>
pub(crate) fn create(
    state: &State,
    context: &RequestContext,
    request: CreateResourceShareRequest,
) -> Result<CreateResourceShareResponse, ServiceError> {
    check_name(&request.name)?;
    if request.resource_share_configuration.is_some() || request.permission_template_parameters.is_some() {
        return Err(error::invalid_parameter(
            "ResourceShareConfiguration and PermissionTemplateParameters are not implemented.",
        ));
    }
    let permissions = request.permission_arns.unwrap_or_default();
    for one in &permissions {
        permission::named(context, one)?;
    }
    let mut tags = Tags::default();
    tag::set(&mut tags, request.tags.unwrap_or_default())?;
    let wanted = Entities::read(
        state,
        context,
        request.resource_arns.as_ref(),
        request.principals.as_ref(),
        request.sources.as_ref(),
    )?;
    let sorted = |texts: Option<&Vec<String>>| {
        let mut texts = texts.cloned().unwrap_or_default();
        texts.sort_unstable();
        texts
    };
    let asked = Asked {
        name: request.name.clone(),
        resources: sorted(request.resource_arns.as_ref()),
        principals: sorted(request.principals.as_ref()),
        permissions: sorted(Some(&permissions)),
        allow_external_principals: request.allow_external_principals.unwrap_or(true),
        tags: tags.clone(),
    };
    let scope = context.scope();
    let id = RequestId::from_bits(state.ids.bits()).to_string();
    let share = ResourceShare {
        arn: arn(context, &context.account().to_string(), "resource-share", &id),
        id,
        name: request.name,
        owner: context.account(),
        allow_external_principals: request.allow_external_principals.unwrap_or(true),
        resources: BTreeMap::new(),
        principals: BTreeMap::new(),
        permissions,
        tags,
        client_token: request.client_token.clone(),
        asked: Some(asked),
        created: context.now,
        updated: context.now,
        deleted: None,
    };
    let made = state.store.transact(|transaction| {
        if let Some(token) = &request.client_token {
            let earlier = transaction
                .scan::<ResourceShare>(&scope)
                .map(|(_, earlier)| earlier)
                .find(|earlier| earlier.client_token.as_ref() == Some(token) && earlier.deleted.is_none());
            if let Some(earlier) = earlier {
                // Records of earlier releases have the name alone.
                let is_same = match &earlier.asked {
                    Some(asked) => Some(asked) == share.asked.as_ref(),
                    None => earlier.name == share.name,
                };
                if is_same {
                    return Ok((*earlier).clone());
                }
                return Err(ServiceError::new(
                    "IdempotentParameterMismatchException",
                    "The client token was used before, by a request with other parameters.",
                ));
            }
        }
        sweep(context, transaction);
        let mut share = share.clone();
        association::add(state, context, transaction, &mut share, &wanted)?;
        transaction.put(&scope, &share.id.clone(), share.clone());
        Ok(share)
    })?;
    Ok(CreateResourceShareResponse { resource_share: Some(shown(&made)), client_token: request.client_token })
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_UpdateResourceShare.html>
pub(crate) fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateResourceShareRequest,
) -> Result<UpdateResourceShareResponse, ServiceError> {
    if let Some(name) = &request.name {
        check_name(name)?;
    }
    let updated = state.store.transact(|transaction| {
        sweep(context, transaction);
        let mut share = own(transaction, context, &request.resource_share_arn)?;
        if let Some(name) = &request.name {
            share.name.clone_from(name);
        }
        if let Some(allow) = request.allow_external_principals {
            if !allow && share.principals.values().any(|one| one.external) {
                return Err(error::not_permitted(association::ONLY_WITHIN_ORGANIZATION));
            }
            share.allow_external_principals = allow;
        }
        share.updated = context.now;
        transaction.put(&context.scope(), &share.id.clone(), share.clone());
        Ok::<_, ServiceError>(share)
    })?;
    Ok(UpdateResourceShareResponse {
        resource_share: Some(shown(&updated)),
        client_token: request.client_token,
    })
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_DeleteResourceShare.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteResourceShareRequest,
) -> Result<DeleteResourceShareResponse, ServiceError> {
    let scope = context.scope();
    state.store.transact(|transaction| {
        let mut share = own(transaction, context, &request.resource_share_arn)?;
        for receiver in std::mem::take(&mut share.principals).into_keys() {
            association::withdraw(context, transaction, &share, &receiver);
        }
        share.resources.clear();
        share.deleted = Some(context.now);
        share.updated = context.now;
        transaction.put(&scope, &share.id.clone(), share);
        sweep(context, transaction);
        Ok::<_, ServiceError>(())
    })?;
    Ok(DeleteResourceShareResponse { return_value: Some(true), client_token: request.client_token })
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_GetResourceShares.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetResourceSharesRequest,
) -> Result<GetResourceSharesResponse, ServiceError> {
    let shares = of(&state.store.snapshot(), context, Owner::parse(&request.resource_owner)?);
    let wanted = request.resource_share_arns.filter(|arns| !arns.is_empty());
    for share_arn in wanted.iter().flatten() {
        id_of(share_arn)?;
        if !shares.iter().any(|share| share.arn == *share_arn) {
            return Err(error::unknown("ResourceShare", share_arn));
        }
    }
    let of_permission =
        request.permission_arn.as_deref().map(|one| permission::named(context, one)).transpose()?;
    let filters = request.tag_filters.unwrap_or_default();
    let is_tagged = |share: &ResourceShare| {
        filters.iter().all(|filter| {
            let value = filter.tag_key.as_deref().and_then(|key| share.tags.get(key));
            let values = filter.tag_values.as_deref().unwrap_or_default();
            value.is_some_and(|value| values.is_empty() || values.iter().any(|one| one == value))
        })
    };
    let found = shares
        .iter()
        .filter(|share| wanted.as_ref().is_none_or(|wanted| wanted.contains(&share.arn)))
        .filter(|share| request.name.as_ref().is_none_or(|name| share.name == *name))
        .filter(|share| of_permission.is_none_or(|one| permission::types_of(context, share).contains(&one)))
        .filter(|share| is_tagged(share))
        .map(|share| (share.id.clone(), shown(share)))
        .filter(|(_, share)| {
            request.resource_share_status.is_none() || share.status == request.resource_share_status
        });
    let page = page::take(found, request.next_token.as_deref(), request.max_results)?;
    Ok(GetResourceSharesResponse { resource_shares: Some(page.items), next_token: page.next_token })
}

/// From now on the accounts of the organization share without invitations, and with units. The management account gets the role
/// by which RAM looks at the organization.
///
/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_EnableSharingWithAwsOrganization.html>
pub(crate) fn enable_organization(
    state: &State,
    context: &RequestContext,
    _: EnableSharingWithAwsOrganizationRequest,
) -> Result<EnableSharingWithAwsOrganizationResponse, ServiceError> {
    state.store.transact(|transaction| {
        let managed = managed_by(transaction, context.partition, context.account());
        let managed = managed.filter(|one| one.feature_set == FeatureSet::All);
        let managed = managed.ok_or_else(|| {
            error::not_permitted(
                "Unable to enable sharing with AWS Organizations: your account is not the management account of an \
                 organization with all features.",
            )
        })?;
        let mut organization = (*managed).clone();
        organization.trusted_services.entry(SERVICE.to_owned()).or_insert(context.now);
        organization.put(transaction, context.partition);
        let place = (context.partition, context.account());
        let mut bits = || state.ids.bits();
        match create_service_linked_role(transaction, place, &mut bits, context.now, SERVICE, None) {
            Ok(_) | Err(LinkedRoleError::Taken(_)) => {}
            Err(error) => return Err(ServiceError::internal(error.to_string())),
        }
        Ok(EnableSharingWithAwsOrganizationResponse { return_value: Some(true) })
    })
}
