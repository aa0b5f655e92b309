//! The accounts of an organization: shown, moved, removed and closed.
//!
//! Owns an account's place and state in the organization. That an account is closed, the account itself says
//! (`identities`); what an account that leaves must have before, this module says.

use std::sync::Arc;

use aws_api::organizations::{
    self as api, CloseAccountRequest, DescribeAccountRequest, DescribeAccountResponse,
    ListAccountsForParentRequest, ListAccountsForParentResponse, ListAccountsRequest, ListAccountsResponse,
    MoveAccountRequest, RemoveAccountFromOrganizationRequest,
};
use aws_types::{AccountId, Timestamp};
use identities::{Account, AccountState, StateError, close_account};
use organization::{JoinedMethod, Member, ParentId, leave, path_of_parent};
use resource_shares::put_partners_within;
use service_api::{RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::caller::{self, Place};
use crate::{Config, State, error, handshake, page, unit};

/// For how long an account that is closed is shown as about to be closed, at AWS's pace and at ours.
const CLOSING_MILLIS: i64 = 60_000;
const QUICK_CLOSING_MILLIS: i64 = 100;
/// How long an account that the organization made stays at least, at AWS's pace.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const STAYS_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How many accounts can be closed in 30 days: a tenth of the active ones, at least 10 and at most 1,000.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const LEAST_CLOSURES: usize = 10;
const MOST_CLOSURES: usize = 1000;
const CLOSURES_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;
/// How many accounts can be closing at a time.
const MOST_CLOSING: usize = 3;

/// Where an account is on its way.
///
/// ```text
/// Active ──CloseAccount──> PendingClosure ──soon──> Closed ──90 days──> gone
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Active,
    PendingClosure,
    Closed,
}

impl Status {
    fn of(account: &Account, config: &Config, now: Timestamp) -> Self {
        let closing = if config.realistic_timing { CLOSING_MILLIS } else { QUICK_CLOSING_MILLIS };
        match account.state {
            AccountState::Active => Self::Active,
            AccountState::Suspended { closed } if now < closed.plus_millis(closing) => Self::PendingClosure,
            AccountState::Suspended { .. } | AccountState::Gone { .. } => Self::Closed,
        }
    }

    /// As the members Status and State have it, of which the first is the older.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Active => ("ACTIVE", "ACTIVE"),
            Self::PendingClosure => ("PENDING_CLOSURE", "PENDING_CLOSURE"),
            Self::Closed => ("SUSPENDED", "CLOSED"),
        }
    }
}

/// A member that requests can see, with its account: it has joined, and was not closed too long ago.
pub(crate) fn shown_member(
    reader: &impl Read,
    context: &RequestContext,
    place: &Place,
    account: AccountId,
) -> Option<(Arc<Member>, Arc<Account>)> {
    let member = place.member(reader, account).filter(|member| member.has_joined(context.now))?;
    let account = identities::account(reader, context.partition, account)?;
    (!account.is_gone(context.now)).then_some((member, account))
}

/// The same, by the number in a request.
///
/// # Errors
/// `AccountNotFoundException`, `InvalidInputException`.
pub(crate) fn named(
    reader: &impl Read,
    context: &RequestContext,
    place: &Place,
    number: &str,
) -> Result<(Arc<Member>, Arc<Account>), ServiceError> {
    let account = number.parse().map_err(|_| error::pattern())?;
    shown_member(reader, context, place, account).ok_or_else(error::account_not_found)
}

/// All members that requests can see, in the order of their numbers.
pub(crate) fn all(
    reader: &impl Read,
    context: &RequestContext,
    place: &Place,
) -> Vec<(Arc<Member>, Arc<Account>)> {
    let members: Vec<AccountId> =
        reader.scan::<Member>(&place.scope).map(|(_, member)| member.account).collect();
    members.into_iter().filter_map(|account| shown_member(reader, context, place, account)).collect()
}

/// The same of those in a root or unit.
pub(crate) fn of_parent(
    reader: &impl Read,
    context: &RequestContext,
    place: &Place,
    parent: &ParentId,
) -> Vec<(Arc<Member>, Arc<Account>)> {
    let members: Vec<AccountId> =
        reader.parts::<Member>(&place.scope, parent.as_str()).map(|(_, member)| member.account).collect();
    members.into_iter().filter_map(|account| shown_member(reader, context, place, account)).collect()
}

pub(crate) fn shown(
    state: &State,
    reader: &impl Read,
    context: &RequestContext,
    place: &Place,
    (member, account): &(Arc<Member>, Arc<Account>),
) -> api::Account {
    let number = account.id.to_string();
    let (status, account_state) = Status::of(account, &state.config, context.now).names();
    let parent = path_of_parent(reader, context.partition, &place.organization, &member.parent);
    api::Account {
        arn: Some(place.organization.arn_of(context.partition, "account", &number).to_string()),
        email: account.email.clone(),
        name: Some(account.name.clone().unwrap_or_default()),
        status: Some(status.to_owned()),
        state: Some(account_state.to_owned()),
        paths: parent.map(|parent| vec![format!("{parent}{number}/")]),
        joined_method: Some(
            match member.method {
                JoinedMethod::Created => "CREATED",
                JoinedMethod::Invited => "INVITED",
            }
            .to_owned(),
        ),
        joined_timestamp: Some(member.joined),
        id: Some(number),
    }
}

/// Takes the accounts out of the caller's organization that were closed too long ago.
///
/// # Errors
/// `AWSOrganizationsNotInUseException`.
pub(crate) fn sweep(context: &RequestContext, transaction: &mut Transaction) -> Result<(), ServiceError> {
    let place = caller::member(transaction, context)?;
    let members: Vec<AccountId> =
        transaction.scan::<Member>(&place.scope).map(|(_, member)| member.account).collect();
    for account in members {
        let found = identities::account(transaction, context.partition, account);
        if found.is_some_and(|account| account.is_gone(context.now)) {
            leave(transaction, context.partition, &place.organization, account);
        }
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeAccount.html>
pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    request: DescribeAccountRequest,
) -> Result<DescribeAccountResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading_of(state, &snapshot, context, "DescribeAccount", &request.account_id)?;
    let found = named(&snapshot, context, &place, &request.account_id)?;
    Ok(DescribeAccountResponse { account: Some(shown(state, &snapshot, context, &place, &found)) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListAccountsRequest,
) -> Result<ListAccountsResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading(state, &snapshot, context, "ListAccounts")?;
    let accounts = all(&snapshot, context, &place).into_iter();
    let accounts = accounts.map(|one| (one.1.id.to_string(), shown(state, &snapshot, context, &place, &one)));
    let page = page::take(accounts, request.next_token.as_deref(), request.max_results)?;
    Ok(ListAccountsResponse { accounts: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccountsForParent.html>
pub(crate) fn list_for_parent(
    state: &State,
    context: &RequestContext,
    request: ListAccountsForParentRequest,
) -> Result<ListAccountsForParentResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading_of(state, &snapshot, context, "ListAccountsForParent", &request.parent_id)?;
    let parent = unit::parent(&snapshot, &place, &request.parent_id)?;
    let accounts = of_parent(&snapshot, context, &place, &parent).into_iter();
    let accounts = accounts.map(|one| (one.1.id.to_string(), shown(state, &snapshot, context, &place, &one)));
    let page = page::take(accounts, request.next_token.as_deref(), request.max_results)?;
    Ok(ListAccountsForParentResponse { accounts: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_MoveAccount.html>
pub(crate) fn move_account(
    state: &State,
    context: &RequestContext,
    request: MoveAccountRequest,
) -> Result<aws_api::Unit, ServiceError> {
    let no_parent = |code: &'static str| {
        move |_| ServiceError::new(code, "We can't find the root or organizational unit that you specified.")
    };
    state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        let (member, _) = named(transaction, context, &place, &request.account_id)?;
        let source = unit::parent(transaction, &place, &request.source_parent_id)
            .map_err(no_parent("SourceParentNotFoundException"))?;
        let destination = unit::parent(transaction, &place, &request.destination_parent_id)
            .map_err(no_parent("DestinationParentNotFoundException"))?;
        if member.parent == destination {
            return Err(ServiceError::new(
                "DuplicateAccountException",
                "The account is already in the destination.",
            ));
        }
        if member.parent != source {
            return Err(error::account_not_found());
        }
        let moved = Member { parent: destination, ..(*member).clone() };
        transaction.put(&place.scope, &member.account.to_string(), moved);
        put_partners_within(transaction, context.partition, member.account);
        Ok(aws_api::Unit)
    })
}

/// What an account must have before it stands alone, and what must not hold it.
fn check_may_leave(
    state: &State,
    context: &RequestContext,
    place: &Place,
    (member, account): &(Arc<Member>, Arc<Account>),
) -> Result<(), ServiceError> {
    if place.organization.management == account.id {
        return Err(error::management_cannot_leave());
    }
    if !account.is_active() {
        return Err(error::constraint(
            "ACCOUNT_CANNOT_LEAVE_ORGANIZATION",
            "A closed account can't leave its organization.",
        ));
    }
    if !member.delegated_services.is_empty() {
        return Err(error::constraint(
            "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
            "You can't remove an account that is a delegated administrator of a service. Deregister it first.",
        ));
    }
    // There are no bills, and so nothing to pay them with: of what AWS asks for, the contact is what there can be.
    if account.contact.is_none() {
        return Err(error::constraint(
            "ACCOUNT_CANNOT_LEAVE_WITHOUT_PHONE_VERIFICATION",
            "The member account is missing one or more of the prerequisites required to operate as a standalone \
             account: it has no contact information. Add it by PutContactInformation of the Account API.",
        ));
    }
    let is_made_here = member.method == JoinedMethod::Created && state.config.realistic_timing;
    if is_made_here && context.now < member.joined.plus_millis(STAYS_MILLIS) {
        return Err(error::constraint(
            "WAIT_PERIOD_ACTIVE",
            "An account that the organization made can leave it after seven days.",
        ));
    }
    Ok(())
}

fn take_out(
    state: &State,
    context: &RequestContext,
    transaction: &mut Transaction,
    place: &Place,
    found: &(Arc<Member>, Arc<Account>),
) -> Result<aws_api::Unit, ServiceError> {
    check_may_leave(state, context, place, found)?;
    leave(transaction, context.partition, &place.organization, found.1.id);
    handshake::cancel_approvals_of(transaction, context, place, found.1.id);
    Ok(aws_api::Unit)
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_RemoveAccountFromOrganization.html>
pub(crate) fn remove(
    state: &State,
    context: &RequestContext,
    request: RemoveAccountFromOrganizationRequest,
) -> Result<aws_api::Unit, ServiceError> {
    state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        let found = named(transaction, context, &place, &request.account_id)?;
        take_out(state, context, transaction, &place, &found)
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_LeaveOrganization.html>
pub(crate) fn leave_organization(
    state: &State,
    context: &RequestContext,
    _: aws_api::Unit,
) -> Result<aws_api::Unit, ServiceError> {
    state.store.transact(|transaction| {
        let place = caller::member(transaction, context)?;
        let found = shown_member(transaction, context, &place, context.account())
            .ok_or_else(error::account_not_found)?;
        take_out(state, context, transaction, &place, &found)
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CloseAccount.html>
pub(crate) fn close(
    state: &State,
    context: &RequestContext,
    request: CloseAccountRequest,
) -> Result<aws_api::Unit, ServiceError> {
    state.store.transact(|transaction| {
        sweep(context, transaction)?;
        let place = caller::management(transaction, context)?;
        let (_, account) = named(transaction, context, &place, &request.account_id)?;
        if place.organization.management == account.id {
            return Err(error::constraint(
                "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
                "You can't close the management account of an organization.",
            ));
        }
        match Status::of(&account, &state.config, context.now) {
            Status::Active => {}
            Status::PendingClosure => {
                return Err(ServiceError::new(
                    "ConflictException",
                    "The account is being closed by another request.",
                ));
            }
            Status::Closed => {
                return Err(ServiceError::new(
                    "AccountAlreadyClosedException",
                    "You attempted to close an account that is already closed.",
                ));
            }
        }
        count_closure(state, context, transaction, &place)?;
        match close_account(transaction, context.partition, account.id, context.now) {
            Ok(()) => Ok(aws_api::Unit),
            Err(
                StateError::Unknown | StateError::AlreadyClosed | StateError::NotClosed | StateError::Gone,
            ) => Err(error::account_not_found()),
        }
    })
}

/// Counts one closure more, if there can be one.
fn count_closure(
    state: &State,
    context: &RequestContext,
    transaction: &mut Transaction,
    place: &Place,
) -> Result<(), ServiceError> {
    let members = all(transaction, context, place);
    let statuses = || members.iter().map(|(_, account)| Status::of(account, &state.config, context.now));
    if statuses().filter(|status| *status == Status::PendingClosure).count() >= MOST_CLOSING {
        return Err(error::constraint(
            "CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED",
            format!("You can close {MOST_CLOSING} accounts at a time."),
        ));
    }
    let active = statuses().filter(|status| *status == Status::Active).count();
    let most = (active / 10).clamp(LEAST_CLOSURES, MOST_CLOSURES);
    let mut organization = (*place.organization).clone();
    organization.closures.retain(|closed| context.now < closed.plus_millis(CLOSURES_MILLIS));
    if organization.closures.len() >= most {
        return Err(error::constraint(
            "CLOSE_ACCOUNT_QUOTA_EXCEEDED",
            format!("You can close {most} accounts within 30 days."),
        ));
    }
    organization.closures.push(context.now);
    organization.put(transaction, context.partition);
    Ok(())
}
