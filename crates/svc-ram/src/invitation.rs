//! Invitations to shares: shown, accepted and rejected by the accounts that are invited.
//!
//! Owns an invitation's way to an end. Refuses to send one; that is [`crate::association`]'s.

use aws_api::ram::{
    AcceptResourceShareInvitationRequest, AcceptResourceShareInvitationResponse,
    GetResourceShareInvitationsRequest, GetResourceShareInvitationsResponse,
    ListPendingInvitationResourcesRequest, ListPendingInvitationResourcesResponse,
    RejectResourceShareInvitationRequest, RejectResourceShareInvitationResponse, ResourceShareInvitation,
};
use resource_shares::{Acceptance, Invitation, ResourceShare};
use service_api::{RequestContext, ServiceError};
use store::{Read, Scope};

use crate::permission::list_is_regional;
use crate::{State, error, list, page, share};

fn shown(context: &RequestContext, invitation: &Invitation) -> ResourceShareInvitation {
    let status = match invitation.acceptance {
        Acceptance::Pending if invitation.is_expired(context.now) => "EXPIRED",
        Acceptance::Pending => "PENDING",
        Acceptance::Accepted => "ACCEPTED",
        Acceptance::Rejected => "REJECTED",
    };
    ResourceShareInvitation {
        resource_share_invitation_arn: Some(invitation.arn.clone()),
        resource_share_name: Some(invitation.share_name.clone()),
        resource_share_arn: Some(invitation.share_arn.clone()),
        sender_account_id: Some(invitation.sender.to_string()),
        receiver_account_id: Some(invitation.receiver.to_string()),
        invitation_timestamp: Some(invitation.sent),
        status: Some(status.to_owned()),
        ..ResourceShareInvitation::default()
    }
}

/// Whether requests can see an invitation: it is not too old, and its sender's account is not closed.
fn is_seen(reader: &impl Read, context: &RequestContext, invitation: &Invitation) -> bool {
    invitation.is_visible(context.now) && invitation.is_of_open_account(reader, context.partition)
}

/// An invitation that the caller was sent.
fn named(reader: &impl Read, context: &RequestContext, arn: &str) -> Result<Invitation, ServiceError> {
    if !arn.starts_with("arn:") || !arn.contains(":resource-share-invitation/") {
        return Err(error::malformed_arn(arn));
    }
    let id = arn.rsplit('/').next().unwrap_or_default();
    let found = reader
        .get::<Invitation>(&context.scope(), id)
        .filter(|invitation| invitation.arn == arn && is_seen(reader, context, invitation));
    found.map(|invitation| (*invitation).clone()).ok_or_else(|| {
        let message = format!("ResourceShareInvitation {arn} could not be found.");
        ServiceError::new("ResourceShareInvitationArnNotFoundException", message)
    })
}

/// The share that an invitation is to.
fn share_of(
    reader: &impl Read,
    context: &RequestContext,
    invitation: &Invitation,
) -> Option<(Scope, ResourceShare)> {
    let place = Scope::new(context.partition, invitation.sender, context.region.clone());
    let share = reader.get::<ResourceShare>(&place, &invitation.share_id)?;
    Some((place, (*share).clone()))
}

/// Whether an invitation can still be answered.
///
/// # Errors
/// The error for what has become of it.
fn check_pending(context: &RequestContext, invitation: &Invitation) -> Result<(), ServiceError> {
    let (code, said) = match invitation.acceptance {
        Acceptance::Accepted => ("ResourceShareInvitationAlreadyAcceptedException", "was already accepted"),
        Acceptance::Rejected => ("ResourceShareInvitationAlreadyRejectedException", "was already rejected"),
        Acceptance::Pending if invitation.is_expired(context.now) => {
            ("ResourceShareInvitationExpiredException", "has expired")
        }
        Acceptance::Pending => return Ok(()),
    };
    Err(ServiceError::new(code, format!("ResourceShareInvitation {} {said}.", invitation.arn)))
}

fn answer(
    state: &State,
    context: &RequestContext,
    arn: &str,
    acceptance: Acceptance,
) -> Result<ResourceShareInvitation, ServiceError> {
    let answered = state.store.transact(|transaction| {
        share::sweep(context, transaction);
        let mut invitation = named(transaction, context, arn)?;
        check_pending(context, &invitation)?;
        invitation.acceptance = acceptance;
        transaction.put(&context.scope(), &invitation.id.clone(), invitation.clone());
        let (place, mut share) = share_of(transaction, context, &invitation)
            .ok_or_else(|| error::unknown("ResourceShare", &invitation.share_arn))?;
        if let Some(principal) = share.principals.get_mut(&invitation.receiver.to_string()) {
            principal.acceptance = acceptance;
            principal.updated = context.now;
        }
        if share.is_accepted_by(transaction, context.partition, invitation.receiver) {
            resource_shares::put_partners(transaction, &place, invitation.receiver);
        }
        transaction.put(&place, &share.id.clone(), share);
        Ok::<_, ServiceError>(invitation)
    })?;
    Ok(shown(context, &answered))
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_AcceptResourceShareInvitation.html>
pub(crate) fn accept(
    state: &State,
    context: &RequestContext,
    request: AcceptResourceShareInvitationRequest,
) -> Result<AcceptResourceShareInvitationResponse, ServiceError> {
    let invitation = answer(state, context, &request.resource_share_invitation_arn, Acceptance::Accepted)?;
    Ok(AcceptResourceShareInvitationResponse {
        resource_share_invitation: Some(invitation),
        client_token: request.client_token,
    })
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_RejectResourceShareInvitation.html>
pub(crate) fn reject(
    state: &State,
    context: &RequestContext,
    request: RejectResourceShareInvitationRequest,
) -> Result<RejectResourceShareInvitationResponse, ServiceError> {
    let invitation = answer(state, context, &request.resource_share_invitation_arn, Acceptance::Rejected)?;
    Ok(RejectResourceShareInvitationResponse {
        resource_share_invitation: Some(invitation),
        client_token: request.client_token,
    })
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_GetResourceShareInvitations.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetResourceShareInvitationsRequest,
) -> Result<GetResourceShareInvitationsResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let wanted = request.resource_share_invitation_arns.filter(|arns| !arns.is_empty());
    for one in wanted.iter().flatten() {
        named(&snapshot, context, one)?;
    }
    let shares = request.resource_share_arns.filter(|arns| !arns.is_empty());
    let found = snapshot
        .scan::<Invitation>(&context.scope())
        .filter(|(_, one)| is_seen(&snapshot, context, one))
        .filter(|(_, one)| wanted.as_ref().is_none_or(|wanted| wanted.contains(&one.arn)))
        .filter(|(_, one)| shares.as_ref().is_none_or(|shares| shares.contains(&one.share_arn)))
        .map(|(id, one)| (id.to_owned(), shown(context, &one)));
    let page = page::take(found, request.next_token.as_deref(), request.max_results)?;
    Ok(GetResourceShareInvitationsResponse {
        resource_share_invitations: Some(page.items),
        next_token: page.next_token,
    })
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_ListPendingInvitationResources.html>
pub(crate) fn list_resources(
    state: &State,
    context: &RequestContext,
    request: ListPendingInvitationResourcesRequest,
) -> Result<ListPendingInvitationResourcesResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let invitation = named(&snapshot, context, &request.resource_share_invitation_arn)?;
    check_pending(context, &invitation)?;
    let share = share_of(&snapshot, context, &invitation).map(|(_, share)| share);
    let is_any = list_is_regional(request.resource_region_scope.as_deref());
    let resources =
        share.iter().filter(|_| is_any).flat_map(|share| list::shown(state, &snapshot, context, share));
    let resources = resources.map(|one| (one.arn.clone().unwrap_or_default(), one));
    let page = page::take(resources, request.next_token.as_deref(), request.max_results)?;
    Ok(ListPendingInvitationResourcesResponse { resources: Some(page.items), next_token: page.next_token })
}
