//! Which account a request is about: the caller's own, or a member that the caller administers.

use std::sync::Arc;

use aws_types::AccountId;
use identities::Account;
use organization::{FeatureSet, is_administrator_of, organization_of};
use service_api::{RequestContext, ServiceError};
use store::{Read, Scope, Transaction};

use crate::error;

/// What the organization trusts, and whom it delegates.
const SERVICE: &str = "account.amazonaws.com";

/// The account that a request names, or the caller's own.
///
/// # Errors
/// `AccessDeniedException` where the caller does not administer it, `ValidationException`.
///
/// <https://docs.aws.amazon.com/accounts/latest/reference/using-orgs.html>
pub(crate) fn account(
    reader: &impl Read,
    context: &RequestContext,
    named: Option<&str>,
) -> Result<Arc<Account>, ServiceError> {
    let id = match named {
        None => context.account(),
        Some(number) => member(reader, context, number)?,
    };
    let found = identities::account(reader, context.partition, id);
    found.ok_or_else(|| error::access_denied(format!("There is no account {id}.")))
}

/// A member of the organization, other than the management account, that the caller administers.
///
/// # Errors
/// `AccessDeniedException`, `ValidationException`.
pub(crate) fn member(
    reader: &impl Read,
    context: &RequestContext,
    number: &str,
) -> Result<AccountId, ServiceError> {
    let id: AccountId = number.parse().map_err(|_| {
        error::invalid("fieldValidationFailed", "The account id is not a number of twelve digits.")
    })?;
    let denied = |message: &str| Err(error::access_denied(message));
    let own = context.account();
    let Some(organization) = organization_of(reader, context.partition, own) else {
        return denied(
            "You can name an account only in an organization; without a name, the account is your own.",
        );
    };
    if id == organization.management {
        return denied(
            "The management account can be changed only by itself, without the parameter AccountId.",
        );
    }
    if !is_administrator_of(reader, context.partition, own, SERVICE) {
        return denied(
            "You are neither the management account nor a delegated administrator of your organization.",
        );
    }
    let is_trusted =
        organization.feature_set == FeatureSet::All && organization.trusted_services.contains_key(SERVICE);
    if !is_trusted {
        return denied(
            "The organization does not have all features, or does not trust account.amazonaws.com.",
        );
    }
    let of = organization_of(reader, context.partition, id);
    if of.is_none_or(|one| one.id != organization.id) {
        return denied("The account is not in your organization.");
    }
    Ok(id)
}

/// Where an account is kept.
pub(crate) fn scope(context: &RequestContext, account: &Account) -> Scope {
    Scope::global(context.partition, account.id)
}

/// Writes an account.
pub(crate) fn put(transaction: &mut Transaction, context: &RequestContext, account: Account) {
    transaction.put(&scope(context, &account), &account.id.to_string(), account);
}
