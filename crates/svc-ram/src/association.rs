//! What is in a share, and whom it is for: associations of resources and of principals.
//!
//! Owns which resources and principals a share may have. A principal is another account; adding one sends it an
//! invitation ([`crate::invitation`]). Refuses organizations, of which there are none, and users and roles, with whom none
//! of the types here can be shared.

use aws_api::ram::{
    AssociateResourceShareRequest, AssociateResourceShareResponse, DisassociateResourceShareRequest,
    DisassociateResourceShareResponse, GetResourceShareAssociationsRequest,
    GetResourceShareAssociationsResponse, ResourceShareAssociation,
};
use aws_types::AccountId;
use resource_shares::{Acceptance, Invitation, ResourceShare, SharePrincipal, SharedResource};
use service_api::{RequestContext, RequestId, ServiceError};
use store::{Read as _, Scope, Transaction};

use crate::share::{Owner, arn, of, own, sweep};
use crate::{ResourceType, State, error, page};

pub(crate) const ONLY_WITHIN_ORGANIZATION: &str =
    "The resource you are attempting to share can only be shared within your AWS Organization.";

/// The resources and accounts that a request names.
pub(crate) struct Entities {
    resources: Vec<String>,
    principals: Vec<AccountId>,
}

impl Entities {
    /// Reads what is to be put into a share.
    ///
    /// # Errors
    /// `MalformedArnException`, `UnknownResourceException`, `InvalidParameterException`, `OperationNotPermittedException`.
    pub(crate) fn read(
        state: &State,
        context: &RequestContext,
        resource_arns: Option<&Vec<String>>,
        principals: Option<&Vec<String>>,
        sources: Option<&Vec<String>>,
    ) -> Result<Self, ServiceError> {
        if sources.is_some_and(|sources| !sources.is_empty()) {
            return Err(error::invalid_parameter("Sources are not implemented: no service is a principal."));
        }
        let snapshot = state.store.snapshot();
        let resources = resource_arns.cloned().unwrap_or_default();
        for text in &resources {
            let (resource_type, id) = check_arn(text)?;
            let own = arn_of(context, resource_type, id);
            if own != *text {
                return Err(error::not_permitted(format!(
                    "The resource {text} is not owned by this account in this region."
                )));
            }
            if !state.resources.has(&snapshot, &context.scope(), resource_type, id) {
                return Err(error::unknown("Resource", text));
            }
            if !state.resources.can_be_shared(&snapshot, &context.scope(), resource_type, id) {
                return Err(error::invalid_parameter(format!("The resource {text} cannot be shared.")));
            }
        }
        let principals = principals.into_iter().flatten().map(|text| principal(text));
        let principals: Vec<AccountId> = principals.collect::<Result<_, _>>()?;
        if principals.contains(&context.account()) {
            return Err(error::invalid_parameter(format!(
                "Principal ID {} is the owner of the resource share.",
                context.account()
            )));
        }
        Ok(Self { resources, principals })
    }
}

/// Reads a resource's ARN.
///
/// # Errors
/// `MalformedArnException`, and `InvalidParameterException` for a type that cannot be shared.
pub(crate) fn check_arn(text: &str) -> Result<(ResourceType, &str), ServiceError> {
    if !text.starts_with("arn:") || text.splitn(6, ':').count() < 6 {
        return Err(error::malformed_arn(text));
    }
    ResourceType::of(text)
        .ok_or_else(|| error::invalid_parameter(format!("The resource {text} cannot be shared.")))
}

fn arn_of(context: &RequestContext, resource_type: ResourceType, id: &str) -> String {
    let (partition, region, account) = (context.partition, &context.region, context.account());
    format!("arn:{partition}:ec2:{region}:{account}:{}{id}", resource_type.prefix())
}

fn principal(text: &str) -> Result<AccountId, ServiceError> {
    if let Ok(account) = text.parse() {
        return Ok(account);
    }
    match text.rsplit('/').next() {
        Some(id) if text.contains(":organizations:") => Err(error::unknown("Organization", id)),
        _ => Err(error::invalid_parameter(format!(
            "Principal ID {text} is malformed. Verify the ID and try again."
        ))),
    }
}

/// Puts resources and principals into a share; those that are there stay. Whoever is new, or has said no, is invited.
///
/// # Errors
/// `OperationNotPermittedException`.
pub(crate) fn add(
    state: &State,
    context: &RequestContext,
    transaction: &mut Transaction,
    share: &mut ResourceShare,
    wanted: &Entities,
) -> Result<(), ServiceError> {
    if !share.allow_external_principals && !wanted.principals.is_empty() {
        return Err(error::not_permitted(ONLY_WITHIN_ORGANIZATION));
    }
    let now = context.now;
    for one in &wanted.resources {
        share.resources.entry(one.clone()).or_insert(SharedResource { created: now });
    }
    for receiver in &wanted.principals {
        let key = receiver.to_string();
        let place = Scope::new(context.partition, *receiver, context.region.clone());
        let is_invited = share.principals.get(&key).is_some_and(|held| match held.acceptance {
            Acceptance::Accepted => true,
            Acceptance::Rejected => false,
            Acceptance::Pending => transaction
                .scan::<Invitation>(&place)
                .any(|(_, sent)| sent.share_id == share.id && !sent.is_expired(now)),
        });
        if is_invited {
            continue;
        }
        withdraw(context, transaction, share, &key);
        let principal = SharePrincipal { acceptance: Acceptance::Pending, created: now, updated: now };
        share.principals.insert(key, principal);
        let id = RequestId::from_bits(state.ids.bits()).to_string();
        let invitation = Invitation {
            arn: arn(context, &share.owner.to_string(), "resource-share-invitation", &id),
            id,
            share_arn: share.arn.clone(),
            share_id: share.id.clone(),
            share_name: share.name.clone(),
            sender: share.owner,
            receiver: *receiver,
            sent: now,
            acceptance: Acceptance::Pending,
        };
        transaction.put(&place, &invitation.id.clone(), invitation);
    }
    share.updated = now;
    Ok(())
}

/// Takes the invitations to a share back that an account was sent.
pub(crate) fn withdraw(
    context: &RequestContext,
    transaction: &mut Transaction,
    share: &ResourceShare,
    receiver: &str,
) {
    let Ok(receiver) = receiver.parse() else { return };
    let place = Scope::new(context.partition, receiver, context.region.clone());
    let sent = transaction.scan::<Invitation>(&place).filter(|(_, sent)| sent.share_id == share.id);
    let sent: Vec<String> = sent.map(|(id, _)| id.to_owned()).collect();
    for id in sent {
        transaction.delete::<Invitation>(&place, &id);
    }
}

fn of_resource(share: &ResourceShare, arn: &str, held: &SharedResource) -> ResourceShareAssociation {
    ResourceShareAssociation {
        resource_share_arn: Some(share.arn.clone()),
        resource_share_name: Some(share.name.clone()),
        associated_entity: Some(arn.to_owned()),
        association_type: Some("RESOURCE".to_owned()),
        status: Some("ASSOCIATED".to_owned()),
        creation_time: Some(held.created),
        last_updated_time: Some(held.created),
        external: Some(false),
        ..ResourceShareAssociation::default()
    }
}

fn of_principal(share: &ResourceShare, account: &str, held: &SharePrincipal) -> ResourceShareAssociation {
    let (status, message) = match held.acceptance {
        Acceptance::Pending => ("ASSOCIATING", None),
        Acceptance::Accepted => ("ASSOCIATED", None),
        Acceptance::Rejected => ("FAILED", Some("The invitation was rejected.".to_owned())),
    };
    ResourceShareAssociation {
        resource_share_arn: Some(share.arn.clone()),
        resource_share_name: Some(share.name.clone()),
        associated_entity: Some(account.to_owned()),
        association_type: Some("PRINCIPAL".to_owned()),
        status: Some(status.to_owned()),
        status_message: message,
        creation_time: Some(held.created),
        last_updated_time: Some(held.updated),
        external: Some(true),
    }
}

/// The associations of a share's resources.
pub(crate) fn resources_of(share: &ResourceShare) -> Vec<ResourceShareAssociation> {
    share.resources.iter().map(|(arn, held)| of_resource(share, arn, held)).collect()
}

fn principals_of(share: &ResourceShare) -> Vec<ResourceShareAssociation> {
    share.principals.iter().map(|(account, held)| of_principal(share, account, held)).collect()
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_AssociateResourceShare.html>
pub(crate) fn associate(
    state: &State,
    context: &RequestContext,
    request: AssociateResourceShareRequest,
) -> Result<AssociateResourceShareResponse, ServiceError> {
    let wanted = Entities::read(
        state,
        context,
        request.resource_arns.as_ref(),
        request.principals.as_ref(),
        request.sources.as_ref(),
    )?;
    let share = state.store.transact(|transaction| {
        sweep(context, transaction);
        let mut share = own(transaction, context, &request.resource_share_arn)?;
        add(state, context, transaction, &mut share, &wanted)?;
        transaction.put(&context.scope(), &share.id.clone(), share.clone());
        Ok::<_, ServiceError>(share)
    })?;
    let mut associations = resources_of(&share);
    associations.extend(principals_of(&share));
    let is_wanted = |entity: &String| {
        wanted.resources.contains(entity) || wanted.principals.iter().any(|one| one.to_string() == *entity)
    };
    associations.retain(|one| one.associated_entity.as_ref().is_some_and(is_wanted));
    Ok(AssociateResourceShareResponse {
        resource_share_associations: Some(associations),
        client_token: request.client_token,
    })
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_DisassociateResourceShare.html>
pub(crate) fn disassociate(
    state: &State,
    context: &RequestContext,
    request: DisassociateResourceShareRequest,
) -> Result<DisassociateResourceShareResponse, ServiceError> {
    let gone = state.store.transact(|transaction| {
        sweep(context, transaction);
        let mut share = own(transaction, context, &request.resource_share_arn)?;
        let mut gone = Vec::new();
        for one in request.resource_arns.iter().flatten() {
            check_arn(one)?;
            let held = share.resources.remove(one).ok_or_else(|| error::unknown("Resource", one))?;
            gone.push(of_resource(&share, one, &held));
        }
        for one in request.principals.iter().flatten() {
            let key = principal(one)?.to_string();
            let held = share.principals.remove(&key).ok_or_else(|| error::unknown("Principal", one))?;
            withdraw(context, transaction, &share, &key);
            gone.push(of_principal(&share, &key, &held));
        }
        share.updated = context.now;
        transaction.put(&context.scope(), &share.id.clone(), share);
        Ok::<_, ServiceError>(gone)
    })?;
    let associations = gone.into_iter().map(|one| ResourceShareAssociation {
        status: Some("DISASSOCIATED".to_owned()),
        status_message: None,
        last_updated_time: Some(context.now),
        ..one
    });
    Ok(DisassociateResourceShareResponse {
        resource_share_associations: Some(associations.collect()),
        client_token: request.client_token,
    })
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_GetResourceShareAssociations.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetResourceShareAssociationsRequest,
) -> Result<GetResourceShareAssociationsResponse, ServiceError> {
    let associations_of = match (request.association_type.as_str(), &request.resource_arn, &request.principal)
    {
        ("RESOURCE", _, None) => resources_of,
        ("PRINCIPAL", None, _) => principals_of,
        ("RESOURCE" | "PRINCIPAL", _, _) => {
            return Err(error::invalid_parameter(
                "You cannot specify resourceArn with associationType PRINCIPAL, or principal with RESOURCE.",
            ));
        }
        (other, _, _) => {
            return Err(error::invalid_parameter(format!("Invalid association type: {other}")));
        }
    };
    let snapshot = state.store.snapshot();
    let wanted = request.resource_share_arns.filter(|arns| !arns.is_empty());
    for one in wanted.iter().flatten() {
        own(&snapshot, context, one)?;
    }
    let entity = request.resource_arn.or(request.principal);
    let associations = of(&snapshot, context, Owner::Caller)
        .into_iter()
        .filter(|share| wanted.as_ref().is_none_or(|wanted| wanted.contains(&share.arn)))
        .flat_map(|share| associations_of(&share).into_iter().map(move |one| (share.id.clone(), one)))
        .filter(|(_, one)| entity.is_none() || one.associated_entity == entity)
        .filter(|(_, one)| request.association_status.is_none() || one.status == request.association_status)
        .map(|(id, one)| (format!("{id} {}", one.associated_entity.as_deref().unwrap_or_default()), one));
    let page = page::take(associations, request.next_token.as_deref(), request.max_results)?;
    Ok(GetResourceShareAssociationsResponse {
        resource_share_associations: Some(page.items),
        next_token: page.next_token,
    })
}
