//! What is in a share, and whom it is for: associations of resources and of principals.
//!
//! Owns which resources and principals a share may have. A principal is another account; adding one sends it an
//! invitation ([`crate::invitation`]), unless both are in one organization that shares within itself: then there is nothing
//! to accept, and the organization and its units are principals, too. Refuses users and roles, with whom none of the types
//! here can be shared.

use std::sync::Arc;

use aws_api::ram::{
    AssociateResourceShareRequest, AssociateResourceShareResponse, DisassociateResourceShareRequest,
    DisassociateResourceShareResponse, GetResourceShareAssociationsRequest,
    GetResourceShareAssociationsResponse, ResourceShareAssociation,
};
use aws_types::AccountId;
use organization::{Member, Organization, ParentId, organization_of, path_of_parent};
use resource_shares::{Acceptance, Invitation, ResourceShare, SERVICE, SharePrincipal, SharedResource};
use service_api::{RequestContext, RequestId, ServiceError};
use store::{Read, Scope, Transaction};

use crate::share::{Owner, arn, of, own, sweep};
use crate::{ResourceType, State, error, page};

pub(crate) const ONLY_WITHIN_ORGANIZATION: &str =
    "The resource you are attempting to share can only be shared within your AWS Organization.";

/// The resources and accounts that a request names.
pub(crate) struct Entities {
    resources: Vec<String>,
    principals: Vec<Principal>,
}

/// Whom a share is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Principal {
    /// An account.
    Account(AccountId),
    /// The owner's organization, or a unit of it, by its ARN.
    Within(String),
}

impl Principal {
    /// As shares keep it.
    fn key(&self) -> String {
        match self {
            Self::Account(account) => account.to_string(),
            Self::Within(arn) => arn.clone(),
        }
    }
}

/// The caller's organization, where it shares within itself.
fn sharing_organization(reader: &impl Read, context: &RequestContext) -> Option<Arc<Organization>> {
    organization_of(reader, context.partition, context.account())
        .filter(|organization| organization.trusted_services.contains_key(SERVICE))
}

/// Whether the caller and another account are in an organization that shares within itself.
pub(crate) fn is_in_one_organization(reader: &impl Read, context: &RequestContext, other: AccountId) -> bool {
    resource_shares::share_within(reader, context.partition, context.account(), other)
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
        let principals: Vec<Principal> = principals.collect::<Result<_, _>>()?;
        for one in &principals {
            if let Principal::Within(arn) = one {
                check_within(&snapshot, context, arn)?;
            }
        }
        if principals.contains(&Principal::Account(context.account())) {
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

fn principal(text: &str) -> Result<Principal, ServiceError> {
    if let Ok(account) = text.parse() {
        return Ok(Principal::Account(account));
    }
    if text.starts_with("arn:") && text.contains(":organizations:") {
        return Ok(Principal::Within(text.to_owned()));
    }
    Err(error::invalid_parameter(format!("Principal ID {text} is malformed. Verify the ID and try again.")))
}

/// Whether an ARN is that of the caller's organization or of a unit in it.
///
/// # Errors
/// `UnknownResourceException`, `OperationNotPermittedException`.
fn check_within(reader: &impl Read, context: &RequestContext, arn: &str) -> Result<(), ServiceError> {
    let id = arn.rsplit('/').next().unwrap_or_default();
    let unknown = || error::unknown("Organization", id);
    let organization = organization_of(reader, context.partition, context.account()).ok_or_else(unknown)?;
    let is_unit = || {
        let parent = id.parse().ok().map(ParentId::Unit);
        organization.arn_of(context.partition, "ou", id).as_str() == arn
            && parent.is_some_and(|parent| {
                path_of_parent(reader, context.partition, &organization, &parent).is_some()
            })
    };
    if organization.arn(context.partition).as_str() != arn && !is_unit() {
        return Err(unknown());
    }
    if organization.trusted_services.contains_key(SERVICE) {
        Ok(())
    } else {
        Err(error::not_permitted("Sharing with AWS Organizations is not enabled for your organization."))
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
    let now = context.now;
    for one in &wanted.resources {
        share.resources.entry(one.clone()).or_insert(SharedResource { created: now });
    }
    for principal in &wanted.principals {
        let is_within = match principal {
            Principal::Account(account) => is_in_one_organization(transaction, context, *account),
            Principal::Within(_) => true,
        };
        match principal {
            Principal::Account(receiver) if !is_within => {
                if !share.allow_external_principals {
                    return Err(error::not_permitted(ONLY_WITHIN_ORGANIZATION));
                }
                invite(state, context, transaction, share, *receiver);
            }
            Principal::Account(_) | Principal::Within(_) => {
                share_within(context, transaction, share, principal);
            }
        }
    }
    share.updated = now;
    Ok(())
}

/// Shares with a principal of the owner's organization, which has nothing to accept.
fn share_within(
    context: &RequestContext,
    transaction: &mut Transaction,
    share: &mut ResourceShare,
    principal: &Principal,
) {
    let now = context.now;
    let key = principal.key();
    if share.principals.get(&key).is_some_and(|held| held.acceptance == Acceptance::Accepted) {
        return;
    }
    withdraw(context, transaction, share, &key);
    let accepted =
        SharePrincipal { acceptance: Acceptance::Accepted, created: now, updated: now, external: false };
    share.principals.insert(key, accepted);
    let Some(organization) = sharing_organization(transaction, context) else { return };
    let members = transaction.scan::<Member>(&organization.scope(context.partition));
    let members: Vec<AccountId> = members.map(|(_, member)| member.account).collect();
    for account in members {
        if share.is_accepted_by(transaction, context.partition, account) {
            resource_shares::put_partners(transaction, &context.scope(), account);
        }
    }
}

/// Invites an account, unless it is.
fn invite(
    state: &State,
    context: &RequestContext,
    transaction: &mut Transaction,
    share: &mut ResourceShare,
    receiver: AccountId,
) {
    let now = context.now;
    let key = receiver.to_string();
    let place = Scope::new(context.partition, receiver, context.region.clone());
    let is_invited = share.principals.get(&key).is_some_and(|held| match held.acceptance {
        // Who had nothing to accept while it was in the organization has not accepted.
        Acceptance::Accepted => held.external,
        Acceptance::Rejected => false,
        Acceptance::Pending => transaction
            .scan::<Invitation>(&place)
            .any(|(_, sent)| sent.share_id == share.id && !sent.is_expired(now)),
    });
    if is_invited {
        return;
    }
    withdraw(context, transaction, share, &key);
    let principal =
        SharePrincipal { acceptance: Acceptance::Pending, created: now, updated: now, external: true };
    share.principals.insert(key, principal);
    let id = RequestId::from_bits(state.ids.bits()).to_string();
    let invitation = Invitation {
        arn: arn(context, &share.owner.to_string(), "resource-share-invitation", &id),
        id,
        share_arn: share.arn.clone(),
        share_id: share.id.clone(),
        share_name: share.name.clone(),
        sender: share.owner,
        receiver,
        sent: now,
        acceptance: Acceptance::Pending,
    };
    transaction.put(&place, &invitation.id.clone(), invitation);
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

fn of_principal(
    reader: &impl Read,
    context: &RequestContext,
    share: &ResourceShare,
    account: &str,
    held: &SharePrincipal,
) -> ResourceShareAssociation {
    let (status, message) = match held.acceptance {
        Acceptance::Pending => ("ASSOCIATING", None),
        Acceptance::Accepted if !share.has_effect_for(reader, context.partition, account) => {
            ("DISASSOCIATED", Some("The organization does not share with the principal any more.".to_owned()))
        }
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
        external: Some(held.external),
    }
}

/// The associations of a share's resources.
fn resources_of(share: &ResourceShare) -> Vec<ResourceShareAssociation> {
    share.resources.iter().map(|(arn, held)| of_resource(share, arn, held)).collect()
}

fn principals_of(
    reader: &impl Read,
    context: &RequestContext,
    share: &ResourceShare,
) -> Vec<ResourceShareAssociation> {
    let all = share.principals.iter();
    all.map(|(account, held)| of_principal(reader, context, share, account, held)).collect()
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
    let mut associations = state.store.transact(|transaction| {
        sweep(context, transaction);
        let mut share = own(transaction, context, &request.resource_share_arn)?;
        add(state, context, transaction, &mut share, &wanted)?;
        transaction.put(&context.scope(), &share.id.clone(), share.clone());
        let mut associations = resources_of(&share);
        associations.extend(principals_of(transaction, context, &share));
        Ok::<_, ServiceError>(associations)
    })?;
    let is_wanted = |entity: &String| {
        wanted.resources.contains(entity) || wanted.principals.iter().any(|one| one.key() == *entity)
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
            let key = principal(one)?.key();
            let held = share.principals.remove(&key).ok_or_else(|| error::unknown("Principal", one))?;
            withdraw(context, transaction, &share, &key);
            gone.push(of_principal(transaction, context, &share, &key, &held));
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
    let is_of_resources = match (request.association_type.as_str(), &request.resource_arn, &request.principal)
    {
        ("RESOURCE", _, None) => true,
        ("PRINCIPAL", None, _) => false,
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
    let associations_of = |share: &ResourceShare| {
        if is_of_resources { resources_of(share) } else { principals_of(&snapshot, context, share) }
    };
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
