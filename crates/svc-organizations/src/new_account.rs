//! Accounts that an organization makes.
//!
//! Owns the requests and what came of them. AWS takes some time; here the account is there at once, and the request is shown
//! as in progress for as long as it would take.

use aws_api::organizations::{
    CreateAccountRequest, CreateAccountResponse, CreateAccountStatus, DescribeCreateAccountStatusRequest,
    DescribeCreateAccountStatusResponse, ListCreateAccountStatusRequest, ListCreateAccountStatusResponse,
};
use aws_types::Timestamp;
use identities::new_account;
use organization::{
    ACCOUNT_REQUEST_SHOWN_MILLIS, AccountOutcome, AccountRequest, AccountRequestId, JoinedMethod, Member,
    join,
};
use resource_shares::put_partners_within;
use service_api::{RequestContext, ServiceError};
use store::{Read as _, Transaction};

use crate::caller::{self, Place};
use crate::{State, account, error, handshake, organization as own, page, service_role, tag};

/// How long a new account takes, at AWS's pace and at ours.
const CREATION_MILLIS: i64 = 30_000;
const QUICK_CREATION_MILLIS: i64 = 100;
/// The role of a new account where the request names none.
const ACCESS_ROLE: &str = "OrganizationAccountAccessRole";

fn shown(request: &AccountRequest, now: Timestamp) -> CreateAccountStatus {
    let is_done = request.completes <= now;
    let (state, account, reason) = match &request.outcome {
        _ if !is_done => ("IN_PROGRESS", None, None),
        AccountOutcome::Succeeded { account } => ("SUCCEEDED", Some(account.to_string()), None),
        AccountOutcome::Failed { reason } => ("FAILED", None, Some(reason.clone())),
    };
    CreateAccountStatus {
        id: Some(request.id.to_string()),
        account_name: Some(request.account_name.clone()),
        state: Some(state.to_owned()),
        requested_timestamp: Some(request.requested),
        completed_timestamp: is_done.then_some(request.completes),
        account_id: account,
        gov_cloud_account_id: None,
        failure_reason: reason,
    }
}

/// The quota of accounts, with those that are invited.
///
/// # Errors
/// `ConstraintViolationException`.
pub(crate) fn check_count(
    state: &State,
    context: &RequestContext,
    transaction: &Transaction,
    place: &Place,
) -> Result<(), ServiceError> {
    let invited = handshake::open_invitations(transaction, context, &place.organization.id);
    if transaction.count::<Member>(&place.scope) + invited < state.config.max_accounts {
        return Ok(());
    }
    Err(error::constraint(
        "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
        format!(
            "You have reached the number of accounts of your organization: {}.",
            state.config.max_accounts
        ),
    ))
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html>
pub(crate) fn create(
    state: &State,
    context: &RequestContext,
    request: CreateAccountRequest,
) -> Result<CreateAccountResponse, ServiceError> {
    let role = request.role_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(ACCESS_ROLE);
    if role.starts_with("AWSServiceRole") {
        return Err(error::invalid_input("INVALID_ROLE_NAME", "You can't use the prefix AWSServiceRole."));
    }
    let tags = tag::new(request.tags.clone())?;
    let takes = if state.config.realistic_timing { CREATION_MILLIS } else { QUICK_CREATION_MILLIS };
    let completes = context.now.plus_millis(takes);
    let made = state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        account::sweep(context, transaction)?;
        check_count(state, context, transaction, &place)?;
        let bits = &mut || state.ids.bits();
        let account = new_account(
            transaction,
            context.partition,
            bits,
            context.now,
            Some(request.account_name.clone()),
            Some(request.email.clone()),
        );
        let outcome = match account {
            Some(account) => {
                let created = JoinedMethod::Created;
                let member = own::new_member(context, &place.organization, account.id, created, tags.clone());
                let member = Member { joined: completes, ..member };
                join(transaction, context.partition, &place.organization, member);
                put_partners_within(transaction, context.partition, account.id);
                service_role::put(state, context, transaction, account.id);
                service_role::put_access(state, context, transaction, account.id, role)?;
                AccountOutcome::Succeeded { account: account.id }
            }
            None => AccountOutcome::Failed { reason: "EMAIL_ALREADY_EXISTS".to_owned() },
        };
        let made = AccountRequest {
            id: AccountRequestId::random(bits),
            account_name: request.account_name.clone(),
            requested: context.now,
            completes,
            outcome,
        };
        forget_old(context, transaction, &place);
        transaction.put(&place.scope, made.id.as_str(), made.clone());
        Ok::<_, ServiceError>(made)
    })?;
    Ok(CreateAccountResponse { create_account_status: Some(shown(&made, context.now)) })
}

fn is_shown(request: &AccountRequest, now: Timestamp) -> bool {
    now <= request.requested.plus_millis(ACCOUNT_REQUEST_SHOWN_MILLIS)
}

fn forget_old(context: &RequestContext, transaction: &mut Transaction, place: &Place) {
    let old = transaction.scan::<AccountRequest>(&place.scope);
    let old = old.filter(|(_, request)| !is_shown(request, context.now)).map(|(id, _)| id.to_owned());
    let old: Vec<String> = old.collect();
    for id in old {
        transaction.delete::<AccountRequest>(&place.scope, &id);
    }
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeCreateAccountStatus.html>
pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    request: DescribeCreateAccountStatusRequest,
) -> Result<DescribeCreateAccountStatusResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading(state, &snapshot, context, "DescribeCreateAccountStatus")?;
    let found = snapshot
        .get::<AccountRequest>(&place.scope, &request.create_account_request_id)
        .filter(|found| is_shown(found, context.now));
    let found = found.ok_or_else(|| {
        ServiceError::new(
            "CreateAccountStatusNotFoundException",
            "You specified a create account request that doesn't exist.",
        )
    })?;
    Ok(DescribeCreateAccountStatusResponse { create_account_status: Some(shown(&found, context.now)) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListCreateAccountStatus.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListCreateAccountStatusRequest,
) -> Result<ListCreateAccountStatusResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading(state, &snapshot, context, "ListCreateAccountStatus")?;
    let states = request.states.filter(|states| !states.is_empty());
    let found = snapshot
        .scan::<AccountRequest>(&place.scope)
        .filter(|(_, one)| is_shown(one, context.now))
        .map(|(id, one)| (id.to_owned(), shown(&one, context.now)))
        .filter(|(_, one)| {
            states.as_ref().is_none_or(|states| one.state.as_ref().is_some_and(|one| states.contains(one)))
        });
    let page = page::take(found, request.next_token.as_deref(), request.max_results)?;
    Ok(ListCreateAccountStatusResponse {
        create_account_statuses: Some(page.items),
        next_token: page.next_token,
    })
}
