//! The e-mail address of an account's root user, which its administrator changes.
//!
//! Owns the one-time password that proves that the new address is the owner's. Whoever runs the cloud delivers it
//! ([`crate::Mail`]): there is no mail.

use aws_api::account::{
    AcceptPrimaryEmailUpdateRequest, AcceptPrimaryEmailUpdateResponse, GetPrimaryEmailRequest,
    GetPrimaryEmailResponse, StartPrimaryEmailUpdateRequest, StartPrimaryEmailUpdateResponse,
};
use aws_types::Timestamp;
use identities::change_email;
use serde::{Deserialize, Serialize};
use service_api::{RequestContext, ServiceError};
use store::{Read as _, Record};

use crate::{State, error, target};

/// The id of the one change that an account can have under way.
const UPDATE: &str = "update";
/// How long the password can be used.
const VALID_MILLIS: i64 = 60 * 60 * 1000;
/// How many wrong ones are taken.
const MAX_TRIES: u32 = 5;
const PASSWORD_CHARS: usize = 6;
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A new address that is not proved yet. Kept under the account's global scope.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailUpdate {
    /// The address.
    pub email: String,
    /// What was sent there.
    pub password: String,
    /// Until when it can be used.
    pub expires: Timestamp,
    /// How many wrong ones were given.
    pub tries: u32,
}

/// Never prints the password.
impl std::fmt::Debug for EmailUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmailUpdate").field("email", &self.email).finish_non_exhaustive()
    }
}

impl Record for EmailUpdate {
    const KIND: &'static str = "account.email-update";
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_GetPrimaryEmail.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetPrimaryEmailRequest,
) -> Result<GetPrimaryEmailResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let account = target::account(&snapshot, context, Some(&request.account_id))?;
    let email = account.email.clone();
    let email = email.ok_or_else(|| error::not_found("The account has no e-mail address."))?;
    Ok(GetPrimaryEmailResponse { primary_email: Some(email) })
}

fn check_address(email: &str) -> Result<(), ServiceError> {
    let parts = email.split_once('@');
    let is_one = parts.is_some_and(|(name, domain)| {
        !name.is_empty() && domain.contains('.') && !email.contains(char::is_whitespace)
    });
    if is_one {
        Ok(())
    } else {
        Err(error::invalid("fieldValidationFailed", "The e-mail address is not valid."))
    }
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_StartPrimaryEmailUpdate.html>
pub(crate) fn start(
    state: &State,
    context: &RequestContext,
    request: StartPrimaryEmailUpdateRequest,
) -> Result<StartPrimaryEmailUpdateResponse, ServiceError> {
    check_address(&request.primary_email)?;
    let bits = state.ids.bits().to_be_bytes();
    let characters = bits.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    let update = EmailUpdate {
        email: request.primary_email,
        password: characters.take(PASSWORD_CHARS).collect(),
        expires: context.now.plus_millis(VALID_MILLIS),
        tries: 0,
    };
    state.store.transact(|transaction| {
        let account = target::account(transaction, context, Some(&request.account_id))?;
        if identities::account_of_email(transaction, context.partition, &update.email).is_some() {
            return Err(error::conflict("The e-mail address is that of an account already."));
        }
        transaction.put(&target::scope(context, &account), UPDATE, update.clone());
        Ok::<_, ServiceError>(())
    })?;
    let text = format!("The one-time password for account {} is {}.", request.account_id, update.password);
    state.mail.send(&update.email, "Verify the e-mail address of your account", &text);
    Ok(StartPrimaryEmailUpdateResponse { status: Some("PENDING".to_owned()) })
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_AcceptPrimaryEmailUpdate.html>
pub(crate) fn accept(
    state: &State,
    context: &RequestContext,
    request: AcceptPrimaryEmailUpdateRequest,
) -> Result<AcceptPrimaryEmailUpdateResponse, ServiceError> {
    let not_found = || error::not_found("The account's e-mail address is not being changed to this one.");
    let is_right = state.store.transact(|transaction| {
        let account = target::account(transaction, context, Some(&request.account_id))?;
        let scope = target::scope(context, &account);
        let update = transaction.get::<EmailUpdate>(&scope, UPDATE).ok_or_else(not_found)?;
        if update.email != request.primary_email || context.now > update.expires {
            return Err(not_found());
        }
        if update.password != request.otp {
            // A wrong one is counted, which has to be kept though the request fails.
            let tries = update.tries + 1;
            if tries < MAX_TRIES {
                transaction.put(&scope, UPDATE, EmailUpdate { tries, ..(*update).clone() });
            } else {
                transaction.delete::<EmailUpdate>(&scope, UPDATE);
            }
            return Ok(false);
        }
        transaction.delete::<EmailUpdate>(&scope, UPDATE);
        change_email(transaction, context.partition, account.id, &update.email)
            .then_some(true)
            .ok_or_else(|| error::conflict("The e-mail address is that of an account already."))
    })?;
    if is_right {
        Ok(AcceptPrimaryEmailUpdateResponse { status: Some("ACCEPTED".to_owned()) })
    } else {
        Err(error::invalid("fieldValidationFailed", "The one-time password is wrong."))
    }
}
