//! The account's alias, which no other account of the cloud has.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/console_account-alias.html>

use aws_api::Unit;
use aws_api::iam::{
    CreateAccountAliasRequest, DeleteAccountAliasRequest, ListAccountAliasesRequest,
    ListAccountAliasesResponse, operation as op,
};
use aws_types::AccountId;
use identities::{AccountAlias, alias_of, cloud_scope};
use service_api::{Operations, RequestContext, ServiceError};
use store::Read as _;

use crate::{State, error, page};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreateAccountAlias>(create)
        .with::<op::DeleteAccountAlias>(delete)
        .with::<op::ListAccountAliases>(list)
}

/// An account has one alias: a new one takes the place of the one before.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccountAlias.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreateAccountAliasRequest,
) -> Result<Unit, ServiceError> {
    let alias = request.account_alias;
    if alias.parse::<AccountId>().is_ok() {
        return Err(error::validation("An account alias cannot be a 12 digit number."));
    }
    let cloud = cloud_scope(context.partition);
    state.store.transact(|transaction| {
        if let Some(held) = transaction.get::<AccountAlias>(&cloud, &alias) {
            if held.account == context.account() {
                return Ok(Unit);
            }
            return Err(error::already_exists(format!("The account alias {alias} already exists.")));
        }
        if let Some(before) = alias_of(transaction, context.partition, context.account()) {
            transaction.delete::<AccountAlias>(&cloud, &before);
        }
        transaction.put(&cloud, &alias, AccountAlias { account: context.account() });
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccountAlias.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteAccountAliasRequest,
) -> Result<Unit, ServiceError> {
    let alias = request.account_alias;
    let cloud = cloud_scope(context.partition);
    state.store.transact(|transaction| {
        let held = transaction.get::<AccountAlias>(&cloud, &alias);
        if held.is_none_or(|held| held.account != context.account()) {
            return Err(error::no_such_entity(format!("The account alias {alias} cannot be found.")));
        }
        transaction.delete::<AccountAlias>(&cloud, &alias);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccountAliases.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListAccountAliasesRequest,
) -> Result<ListAccountAliasesResponse, ServiceError> {
    let alias = alias_of(&state.store.snapshot(), context.partition, context.account());
    let found = alias.into_iter().map(|alias| (alias.clone(), alias));
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    Ok(ListAccountAliasesResponse {
        is_truncated: page.is_truncated(),
        account_aliases: page.items,
        marker: page.marker,
    })
}
