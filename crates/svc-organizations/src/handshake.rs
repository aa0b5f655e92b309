//! Handshakes: invitations, and the consent to all features.
//!
//! Owns a handshake's way to an end, and what follows from its acceptance.

use std::sync::Arc;

use aws_api::organizations::{
    self as api, AcceptHandshakeRequest, AcceptHandshakeResponse, CancelHandshakeRequest,
    CancelHandshakeResponse, DeclineHandshakeRequest, DeclineHandshakeResponse, DescribeHandshakeRequest,
    DescribeHandshakeResponse, HandshakeFilter, HandshakeParty, HandshakeResource,
    InviteAccountToOrganizationRequest, InviteAccountToOrganizationResponse, ListHandshakesForAccountRequest,
    ListHandshakesForAccountResponse, ListHandshakesForOrganizationRequest,
    ListHandshakesForOrganizationResponse,
};
use aws_types::AccountId;
use identities::{Email, cloud_scope};
use organization::{
    FeatureSet, HANDSHAKE_MILLIS, Handshake, HandshakeAction, HandshakeId, HandshakeState, HandshakeTarget,
    JoinedMethod, Organization, OrganizationId, join, managed_by, organization_of,
};
use resource_shares::put_partners_within;
use service_api::{RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::caller::{self, Place};
use crate::{State, error, new_account, organization as own, page, service_role, tag};

/// How many invitations can be sent within a day.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const MAX_INVITATIONS: usize = 20;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

pub(crate) fn put(transaction: &mut Transaction, context: &RequestContext, handshake: Handshake) {
    transaction.put(&cloud_scope(context.partition), handshake.id.clone().as_str(), handshake);
}

/// Forgets what no request can see any more. Whatever makes a handshake does so.
pub(crate) fn sweep(transaction: &mut Transaction, context: &RequestContext) {
    let scope = cloud_scope(context.partition);
    let held = transaction.scan::<Handshake>(&scope);
    let old = held.filter(|(_, one)| !one.is_visible(context.now)).map(|(id, _)| id.to_owned());
    for id in old.collect::<Vec<_>>() {
        transaction.delete::<Handshake>(&scope, &id);
    }
}

/// Refuses another handshake of an organization for something, where there were as many as can be within a day: as many as it
/// can have accounts, but some at least.
///
/// # Errors
/// `HandshakeConstraintViolationException`.
pub(crate) fn check_rate(
    reader: &impl Read,
    context: &RequestContext,
    organization: &OrganizationId,
    action: &HandshakeAction,
    accounts: usize,
) -> Result<(), ServiceError> {
    let is_recent = |one: &Handshake| context.now < one.requested.plus_millis(DAY_MILLIS);
    let sent = of_organization(reader, context, organization).into_iter();
    let most = MAX_INVITATIONS.max(accounts);
    if sent.filter(|one| one.action == *action && is_recent(one)).count() >= most {
        return Err(error::handshake_constraint(
            "HANDSHAKE_RATE_LIMIT_EXCEEDED",
            format!("You can make {most} handshakes of a kind within a day."),
        ));
    }
    Ok(())
}

/// A handshake that requests can see.
pub(crate) fn get(reader: &impl Read, context: &RequestContext, id: &HandshakeId) -> Option<Handshake> {
    let found = reader.get::<Handshake>(&cloud_scope(context.partition), id.as_str());
    found.filter(|one| one.is_visible(context.now)).map(|one| (*one).clone())
}

fn all<'a, R: Read>(
    reader: &'a R,
    context: &RequestContext,
) -> impl Iterator<Item = Arc<Handshake>> + use<'a, R> {
    let now = context.now;
    reader
        .scan::<Handshake>(&cloud_scope(context.partition))
        .map(|(_, one)| one)
        .filter(move |one| one.is_visible(now))
}

/// The handshakes of an organization that requests can see.
pub(crate) fn of_organization(
    reader: &impl Read,
    context: &RequestContext,
    organization: &OrganizationId,
) -> Vec<Handshake> {
    all(reader, context).filter(|one| one.organization == *organization).map(|one| (*one).clone()).collect()
}

/// How many invitations of an organization wait for an answer.
pub(crate) fn open_invitations(
    reader: &impl Read,
    context: &RequestContext,
    organization: &OrganizationId,
) -> usize {
    let handshakes = of_organization(reader, context, organization).into_iter();
    handshakes
        .filter(|one| one.action == HandshakeAction::Invite && !one.state_at(context.now).is_final())
        .count()
}

/// The handshake by which an organization is about to have all features.
pub(crate) fn pending_all_features(
    reader: &impl Read,
    context: &RequestContext,
    organization: &OrganizationId,
) -> Option<Handshake> {
    let mut handshakes = of_organization(reader, context, organization).into_iter();
    handshakes
        .find(|one| one.action == HandshakeAction::EnableAllFeatures && !one.state_at(context.now).is_final())
}

/// Lets the management account finish once every invited account has approved. One that leaves is not asked any more.
pub(crate) fn open_all_features(transaction: &mut Transaction, context: &RequestContext, place: &Place) {
    let organization = &place.organization;
    let Some(mut parent) = pending_all_features(transaction, context, &organization.id) else { return };
    let approval = HandshakeAction::ApproveAllFeatures { parent: parent.id.clone() };
    let approvals = of_organization(transaction, context, &organization.id);
    let has_approved = |account: AccountId| {
        approvals.iter().any(|one| {
            one.action == approval && one.receiver == account && one.state == HandshakeState::Accepted
        })
    };
    if own::invited(transaction, place).into_iter().all(has_approved) {
        parent.state = HandshakeState::Open;
        put(transaction, context, parent);
    }
}

/// Takes back what an account that leaves was asked.
pub(crate) fn cancel_approvals_of(
    transaction: &mut Transaction,
    context: &RequestContext,
    place: &Place,
    account: AccountId,
) {
    for one in of_organization(transaction, context, &place.organization.id) {
        let is_approval = matches!(one.action, HandshakeAction::ApproveAllFeatures { .. });
        if is_approval && one.receiver == account && !one.state_at(context.now).is_final() {
            end(transaction, context, one, HandshakeState::Canceled);
        }
    }
    open_all_features(transaction, context, place);
}

fn end(
    transaction: &mut Transaction,
    context: &RequestContext,
    handshake: Handshake,
    state: HandshakeState,
) -> Handshake {
    let ended = Handshake { state, ended: Some(context.now), ..handshake };
    put(transaction, context, ended.clone());
    ended
}

fn resource(resource_type: &str, value: impl Into<String>) -> HandshakeResource {
    HandshakeResource { value: Some(value.into()), r#type: Some(resource_type.to_owned()), resources: None }
}

pub(crate) fn shown(reader: &impl Read, context: &RequestContext, handshake: &Handshake) -> api::Handshake {
    let management = identities::account(reader, context.partition, handshake.management);
    let inside = |organization: &Organization| {
        let mut resources = Vec::new();
        if let Some(email) = management.as_ref().and_then(|account| account.email.clone()) {
            resources.push(resource("MASTER_EMAIL", email));
        }
        if let Some(name) = management.as_ref().and_then(|account| account.name.clone()) {
            resources.push(resource("MASTER_NAME", name));
        }
        resources.push(resource("ORGANIZATION_FEATURE_SET", organization.feature_set.name()));
        resources
    };
    let organization = managed_by(reader, context.partition, handshake.management);
    let organization = organization.filter(|one| one.id == handshake.organization);
    let mut resources = vec![HandshakeResource {
        resources: organization.map(|organization| inside(&organization)),
        ..resource("ORGANIZATION", handshake.organization.as_str())
    }];
    let (party, party_type) = match &handshake.target {
        HandshakeTarget::Account => (handshake.receiver.to_string(), "ACCOUNT"),
        HandshakeTarget::Email(email) => (email.clone(), "EMAIL"),
    };
    resources.push(resource(party_type, party.clone()));
    if let HandshakeAction::ApproveAllFeatures { parent } = &handshake.action {
        resources.push(resource("PARENT_HANDSHAKE", parent.as_str()));
    }
    if let Some(notes) = &handshake.notes {
        resources.push(resource("NOTES", notes.clone()));
    }
    let organization_party =
        HandshakeParty { id: handshake.organization.to_string(), r#type: "ORGANIZATION".to_owned() };
    let other_party = HandshakeParty { id: party, r#type: party_type.to_owned() };
    let action = handshake.action.name();
    api::Handshake {
        id: Some(handshake.id.to_string()),
        arn: Some(format!(
            "arn:{}:organizations::{}:handshake/{}/{}/{}",
            context.partition,
            handshake.management,
            handshake.organization,
            action.to_ascii_lowercase(),
            handshake.id
        )),
        parties: Some(vec![organization_party, other_party]),
        state: Some(handshake.state_at(context.now).name().to_owned()),
        requested_timestamp: Some(handshake.requested),
        expiration_timestamp: Some(handshake.expires),
        action: Some(action.to_owned()),
        resources: Some(resources),
    }
}

/// Whom an invitation is for.
fn invited(
    transaction: &Transaction,
    context: &RequestContext,
    party: &HandshakeParty,
) -> Result<(AccountId, HandshakeTarget), ServiceError> {
    match party.r#type.as_str() {
        "ACCOUNT" => {
            let account = party.id.parse().map_err(|_| error::pattern())?;
            Ok((account, HandshakeTarget::Account))
        }
        "EMAIL" => {
            let key = party.id.to_ascii_lowercase();
            let found = transaction.get::<Email>(&cloud_scope(context.partition), &key);
            let found = found.ok_or_else(|| {
                // AWS mails strangers an offer to make an account; there is no mail here.
                error::invalid_input(
                    "INVALID_EMAIL_ADDRESS_TARGET",
                    "No account has the e-mail address that you specified.",
                )
            })?;
            Ok((found.account, HandshakeTarget::Email(party.id.clone())))
        }
        _ => Err(error::invalid_input(
            "INVALID_PARTY_TYPE_TARGET",
            "You can invite an account, by its number or its e-mail address.",
        )),
    }
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_InviteAccountToOrganization.html>
pub(crate) fn invite(
    state: &State,
    context: &RequestContext,
    request: InviteAccountToOrganizationRequest,
) -> Result<InviteAccountToOrganizationResponse, ServiceError> {
    let tags = tag::new(request.tags.clone())?;
    let sent = state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        let organization = &place.organization;
        let (receiver, target) = invited(transaction, context, &request.target)?;
        let is_there =
            identities::account(transaction, context.partition, receiver).is_some_and(|one| one.is_active());
        if !is_there {
            return Err(error::handshake_constraint(
                "TARGET_ACCOUNT_VALIDATION_FAILURE",
                "The account that you specified does not exist or is closed.",
            ));
        }
        if organization_of(transaction, context.partition, receiver).is_some() {
            return Err(already_in());
        }
        if pending_all_features(transaction, context, &organization.id).is_some() {
            return Err(error::handshake_constraint(
                "INVITE_DISABLED_DURING_ENABLE_ALL_FEATURES",
                "You can't invite accounts while all features are being enabled.",
            ));
        }
        let earlier = of_organization(transaction, context, &organization.id);
        let invitations = || earlier.iter().filter(|one| one.action == HandshakeAction::Invite);
        if invitations().any(|one| one.receiver == receiver && !one.state_at(context.now).is_final()) {
            return Err(ServiceError::new(
                "DuplicateHandshakeException",
                "A handshake with the same action and target already exists.",
            ));
        }
        new_account::check_count(state, context, transaction, &place)?;
        let accounts = state.config.max_accounts;
        check_rate(transaction, context, &organization.id, &HandshakeAction::Invite, accounts)?;
        let invitation = Handshake {
            id: HandshakeId::random(&mut || state.ids.bits()),
            action: HandshakeAction::Invite,
            organization: organization.id.clone(),
            management: organization.management,
            receiver,
            target,
            state: HandshakeState::Open,
            requested: context.now,
            expires: context.now.plus_millis(HANDSHAKE_MILLIS),
            ended: None,
            notes: request.notes.clone(),
            tags: tags.clone(),
        };
        sweep(transaction, context);
        put(transaction, context, invitation.clone());
        Ok(shown(transaction, context, &invitation))
    })?;
    Ok(InviteAccountToOrganizationResponse { handshake: Some(sent) })
}

fn already_in() -> ServiceError {
    error::handshake_constraint(
        "ALREADY_IN_AN_ORGANIZATION",
        "The handshake request is invalid because the invited account is already a member of an organization.",
    )
}

/// A handshake with the caller, from either side.
fn named(reader: &impl Read, context: &RequestContext, id: &str) -> Result<Handshake, ServiceError> {
    let id: HandshakeId = id.parse().map_err(|_| error::pattern())?;
    let own = context.account();
    get(reader, context, &id)
        .filter(|one| one.receiver == own || one.management == own)
        .ok_or_else(error::handshake_not_found)
}

/// Whether a handshake can come to an end.
fn check_transition(
    handshake: &Handshake,
    context: &RequestContext,
    to: HandshakeState,
) -> Result<(), ServiceError> {
    let state = handshake.state_at(context.now);
    let is_allowed = match state {
        HandshakeState::Open => true,
        HandshakeState::Requested => to == HandshakeState::Canceled,
        HandshakeState::Canceled
        | HandshakeState::Accepted
        | HandshakeState::Declined
        | HandshakeState::Expired => false,
    };
    if is_allowed {
        Ok(())
    } else if state == to {
        Err(ServiceError::new(
            "HandshakeAlreadyInStateException",
            format!("The specified handshake is already in the requested state: {}.", to.name()),
        ))
    } else {
        Err(ServiceError::new(
            "InvalidHandshakeTransitionException",
            format!(
                "You can't perform the operation on the handshake in its current state: {}.",
                state.name()
            ),
        ))
    }
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_AcceptHandshake.html>
pub(crate) fn accept(
    state: &State,
    context: &RequestContext,
    request: AcceptHandshakeRequest,
) -> Result<AcceptHandshakeResponse, ServiceError> {
    let accepted = state.store.transact(|transaction| {
        let handshake = named(transaction, context, &request.handshake_id)?;
        if handshake.receiver != context.account() {
            return Err(error::access_denied());
        }
        check_transition(&handshake, context, HandshakeState::Accepted)?;
        let organization = managed_by(transaction, context.partition, handshake.management)
            .filter(|one| one.id == handshake.organization)
            .ok_or_else(error::handshake_not_found)?;
        let handshake = end(transaction, context, handshake, HandshakeState::Accepted);
        match &handshake.action {
            HandshakeAction::Invite => {
                if organization_of(transaction, context.partition, handshake.receiver).is_some() {
                    return Err(already_in());
                }
                let (receiver, tags) = (handshake.receiver, handshake.tags.clone());
                let member = own::new_member(context, &organization, receiver, JoinedMethod::Invited, tags);
                join(transaction, context.partition, &organization, member);
                put_partners_within(transaction, context.partition, receiver);
                service_role::put(state, context, transaction, receiver);
            }
            HandshakeAction::EnableAllFeatures => {
                let mut organization = (*organization).clone();
                organization.feature_set = FeatureSet::All;
                organization.put(transaction, context.partition);
            }
            HandshakeAction::ApproveAllFeatures { .. } => {
                let place = Place { scope: organization.scope(context.partition), organization };
                open_all_features(transaction, context, &place);
            }
        }
        Ok(shown(transaction, context, &handshake))
    })?;
    Ok(AcceptHandshakeResponse { handshake: Some(accepted) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DeclineHandshake.html>
pub(crate) fn decline(
    state: &State,
    context: &RequestContext,
    request: DeclineHandshakeRequest,
) -> Result<DeclineHandshakeResponse, ServiceError> {
    let declined = state.store.transact(|transaction| {
        let handshake = named(transaction, context, &request.handshake_id)?;
        if handshake.receiver != context.account() {
            return Err(error::access_denied());
        }
        check_transition(&handshake, context, HandshakeState::Declined)?;
        let handshake = end(transaction, context, handshake, HandshakeState::Declined);
        Ok(shown(transaction, context, &handshake))
    })?;
    Ok(DeclineHandshakeResponse { handshake: Some(declined) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CancelHandshake.html>
pub(crate) fn cancel(
    state: &State,
    context: &RequestContext,
    request: CancelHandshakeRequest,
) -> Result<CancelHandshakeResponse, ServiceError> {
    let canceled = state.store.transact(|transaction| {
        let handshake = named(transaction, context, &request.handshake_id)?;
        if handshake.management != context.account() {
            return Err(error::access_denied());
        }
        check_transition(&handshake, context, HandshakeState::Canceled)?;
        let handshake = end(transaction, context, handshake, HandshakeState::Canceled);
        let approval = HandshakeAction::ApproveAllFeatures { parent: handshake.id.clone() };
        for one in of_organization(transaction, context, &handshake.organization) {
            if one.action == approval && !one.state_at(context.now).is_final() {
                end(transaction, context, one, HandshakeState::Canceled);
            }
        }
        Ok::<_, ServiceError>(shown(transaction, context, &handshake))
    })?;
    Ok(CancelHandshakeResponse { handshake: Some(canceled) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeHandshake.html>
pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    request: DescribeHandshakeRequest,
) -> Result<DescribeHandshakeResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let handshake = named(&snapshot, context, &request.handshake_id)?;
    Ok(DescribeHandshakeResponse { handshake: Some(shown(&snapshot, context, &handshake)) })
}

fn is_wanted(handshake: &Handshake, filter: Option<&HandshakeFilter>) -> bool {
    let Some(filter) = filter else { return true };
    let parent = match &handshake.action {
        HandshakeAction::ApproveAllFeatures { parent } => Some(parent.as_str()),
        HandshakeAction::Invite | HandshakeAction::EnableAllFeatures => None,
    };
    filter.action_type.as_deref().is_none_or(|wanted| wanted == handshake.action.name())
        && filter.parent_handshake_id.as_deref().is_none_or(|wanted| parent == Some(wanted))
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListHandshakesForAccount.html>
pub(crate) fn list_for_account(
    state: &State,
    context: &RequestContext,
    request: ListHandshakesForAccountRequest,
) -> Result<ListHandshakesForAccountResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let own = context.account();
    let found = all(&snapshot, context)
        .filter(|one| one.receiver == own && is_wanted(one, request.filter.as_ref()))
        .map(|one| (one.id.to_string(), shown(&snapshot, context, &one)));
    let page = page::take(found, request.next_token.as_deref(), request.max_results)?;
    Ok(ListHandshakesForAccountResponse { handshakes: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListHandshakesForOrganization.html>
pub(crate) fn list_for_organization(
    state: &State,
    context: &RequestContext,
    request: ListHandshakesForOrganizationRequest,
) -> Result<ListHandshakesForOrganizationResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading(state, &snapshot, context, "ListHandshakesForOrganization")?;
    let found = of_organization(&snapshot, context, &place.organization.id)
        .into_iter()
        .filter(|one| is_wanted(one, request.filter.as_ref()))
        .map(|one| (one.id.to_string(), shown(&snapshot, context, &one)));
    let page = page::take(found, request.next_token.as_deref(), request.max_results)?;
    Ok(ListHandshakesForOrganizationResponse { handshakes: Some(page.items), next_token: page.next_token })
}
