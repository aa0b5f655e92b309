//! An account's name and age.

use aws_api::Unit;
use aws_api::account::{GetAccountInformationRequest, GetAccountInformationResponse, PutAccountNameRequest};
use identities::{Account, AccountState};
use service_api::{RequestContext, ServiceError};

use crate::{State, target};

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_GetAccountInformation.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetAccountInformationRequest,
) -> Result<GetAccountInformationResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let account = target::account(&snapshot, context, request.account_id.as_deref())?;
    let account_state = match account.state {
        AccountState::Active => "ACTIVE",
        AccountState::Suspended { .. } | AccountState::Gone { .. } => "CLOSED",
    };
    Ok(GetAccountInformationResponse {
        account_id: Some(account.id.to_string()),
        account_name: account.name.clone(),
        account_created_date: Some(account.created),
        account_state: Some(account_state.to_owned()),
    })
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_PutAccountName.html>
pub(crate) fn put_name(
    state: &State,
    context: &RequestContext,
    request: PutAccountNameRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let account = target::account(transaction, context, request.account_id.as_deref())?;
        let named = Account { name: Some(request.account_name.clone()), ..(*account).clone() };
        target::put(transaction, context, named);
        Ok(Unit)
    })
}
