//! The account's password policy.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html>

use aws_api::Unit;
use aws_api::iam::{
    self as api, GetAccountPasswordPolicyResponse, UpdateAccountPasswordPolicyRequest, operation as op,
};
use identities::PasswordPolicy;
use service_api::{Operations, RequestContext, ServiceError};
use store::Read as _;

use crate::{State, error, scope};

/// What a policy says that does not say how long a password is.
const DEFAULT_MINIMUM_LENGTH: u32 = 6;

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::GetAccountPasswordPolicy>(get)
        .with::<op::UpdateAccountPasswordPolicy>(update)
        .with::<op::DeleteAccountPasswordPolicy>(delete)
}

fn shown(policy: &PasswordPolicy) -> api::PasswordPolicy {
    let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    api::PasswordPolicy {
        minimum_password_length: Some(number(policy.minimum_length)),
        require_symbols: Some(policy.require_symbols),
        require_numbers: Some(policy.require_numbers),
        require_uppercase_characters: Some(policy.require_uppercase),
        require_lowercase_characters: Some(policy.require_lowercase),
        allow_users_to_change_password: Some(policy.allow_users_to_change),
        expire_passwords: Some(policy.max_age_days.is_some()),
        max_password_age: policy.max_age_days.map(number),
        password_reuse_prevention: policy.reuse_prevention.map(number),
        hard_expiry: Some(policy.hard_expiry),
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountPasswordPolicy.html>
fn get(
    state: &State,
    context: &RequestContext,
    _: Unit,
) -> Result<GetAccountPasswordPolicyResponse, ServiceError> {
    let found = state.store.snapshot().get::<PasswordPolicy>(&scope(context), PasswordPolicy::KEY);
    let found = found.ok_or_else(|| {
        let account = context.account();
        error::no_such_entity(format!("The Password Policy with domain name {account} cannot be found."))
    })?;
    Ok(GetAccountPasswordPolicyResponse { password_policy: shown(&found) })
}

/// What the request does not say goes back to the default, whatever the policy said before.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html>
fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateAccountPasswordPolicyRequest,
) -> Result<Unit, ServiceError> {
    // The model has checked the ranges.
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
    let policy = PasswordPolicy {
        minimum_length: number(request.minimum_password_length).unwrap_or(DEFAULT_MINIMUM_LENGTH),
        require_symbols: request.require_symbols.unwrap_or_default(),
        require_numbers: request.require_numbers.unwrap_or_default(),
        require_uppercase: request.require_uppercase_characters.unwrap_or_default(),
        require_lowercase: request.require_lowercase_characters.unwrap_or_default(),
        allow_users_to_change: request.allow_users_to_change_password.unwrap_or_default(),
        max_age_days: number(request.max_password_age),
        reuse_prevention: number(request.password_reuse_prevention),
        hard_expiry: request.hard_expiry.unwrap_or_default(),
    };
    state.store.transact(|transaction| {
        transaction.put(&scope(context), PasswordPolicy::KEY, policy);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccountPasswordPolicy.html>
fn delete(state: &State, context: &RequestContext, _: Unit) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        if !transaction.delete::<PasswordPolicy>(&scope(context), PasswordPolicy::KEY) {
            return Err(error::no_such_entity(
                "The account policy with name PasswordPolicy cannot be found.",
            ));
        }
        Ok(Unit)
    })
}
