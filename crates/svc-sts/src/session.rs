//! What operations that give credentials have in common: the policies of the session, the device, and the answer.

use aws_api::sts::{Credentials, PolicyDescriptorType};
use aws_types::{AccountId, Timestamp};
use iam_policy::limits::SESSION_CHARS_MAX;
use iam_policy::{Policy, PolicyKind};
use identities::{FoundPolicy, mfa_device};
use service_api::{PrincipalKind, RequestContext, ServiceError, Session};
use session_tokens::{NewSession, Temporary};
use store::{Scope, StoreError};

use crate::State;
use crate::error::{access_denied, malformed_policy, too_large, validation};

/// How many managed policies a session can have.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const POLICY_ARNS_MAX: usize = 10;

/// The policies that a request gives its session.
#[derive(Default)]
pub(crate) struct SessionPolicies {
    pub(crate) policies: Vec<String>,
    pub(crate) policy_arns: Vec<String>,
}

impl SessionPolicies {
    /// Checks what a request says. Managed policies are of the account that the session is in, or AWS's.
    pub(crate) fn of_request(
        state: &State,
        context: &RequestContext,
        account: AccountId,
        policy: Option<String>,
        arns: Option<Vec<PolicyDescriptorType>>,
    ) -> Result<Self, ServiceError> {
        let snapshot = state.store.snapshot();
        let scope = Scope::global(context.partition, account);
        let asked: Vec<Option<String>> = arns.into_iter().flatten().map(|held| held.arn).collect();
        if let Some(place) = asked.iter().position(Option::is_none) {
            return Err(validation(format!(
                "1 validation error detected: Value null at 'policyArns.{}.member.arn' failed to satisfy constraint: Member \
                 must not be null",
                place + 1
            )));
        }
        let policy_arns: Vec<String> = asked.into_iter().flatten().collect();
        if policy_arns.len() > POLICY_ARNS_MAX {
            return Err(validation(format!(
                "A session can have at most {POLICY_ARNS_MAX} managed policies; the request has {}.",
                policy_arns.len()
            )));
        }
        let inline_chars = policy.as_ref().map_or(0, |text| text.chars().count());
        let chars = policy_arns.iter().map(|arn| arn.chars().count()).sum::<usize>() + inline_chars;
        if chars > SESSION_CHARS_MAX {
            return Err(validation(format!(
                "1 validation error detected: the policies of the session failed to satisfy constraint: Member must have \
                 length less than or equal to {SESSION_CHARS_MAX}"
            )));
        }
        for arn in &policy_arns {
            if FoundPolicy::find(&snapshot, &scope, arn).is_none() {
                return Err(validation(format!(
                    "The policy {arn} does not exist or is not of this account."
                )));
            }
        }
        if let Some(text) = &policy {
            Policy::parse(text, PolicyKind::Session).map_err(|error| malformed_policy(&error))?;
        }
        Ok(Self { policies: policy.into_iter().collect(), policy_arns })
    }
}

/// Takes the code of a device. `Some(true)` when it was right; `None` when the request names no device.
pub(crate) fn check_device(
    state: &State,
    context: &RequestContext,
    serial_number: Option<&str>,
    code: Option<&str>,
) -> Result<Option<bool>, ServiceError> {
    let (serial_number, code) = match (serial_number, code) {
        (None, None) => return Ok(None),
        (Some(serial_number), Some(code)) => (serial_number, code),
        (Some(_), None) | (None, Some(_)) => {
            return Err(access_denied(
                "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
            ));
        }
    };
    let principal = &context.principal;
    let scope = Scope::global(context.partition, principal.account);
    let mut taken = Err(mfa_device::MfaError::NoDevice);
    if matches!(principal.kind, PrincipalKind::User { .. }) {
        state.store.transact(|transaction| {
            let (user, now) = (&principal.user_id, context.now);
            taken = mfa_device::verify(transaction, &scope, user, serial_number, code, now);
            Ok::<_, StoreError>(())
        })?;
    }
    taken.map(|()| Some(true)).map_err(|error| access_denied(error.to_string()))
}

/// A session from now on.
pub(crate) fn lasting(now: Timestamp, secs: u32, session: Session) -> Session {
    // Clients have whole seconds.
    let issued = Timestamp::from_unix_secs(now.unix_secs());
    Session { issued, expires: issued.plus_millis(i64::from(secs) * 1000), ..session }
}

pub(crate) fn seal(state: &State, new: NewSession) -> Result<Temporary, ServiceError> {
    state.tokens.seal(new, &mut || state.ids.bits()).map_err(too_large)
}

/// The credentials as they are answered.
pub(crate) fn credentials(made: &Temporary) -> Credentials {
    Credentials {
        access_key_id: made.access_key_id.clone(),
        secret_access_key: made.secret.clone(),
        session_token: made.token.clone(),
        expiration: made.expires,
    }
}

pub(crate) fn packed_policy_size(made: &Temporary) -> Option<i32> {
    made.packed_percent.and_then(|percent| i32::try_from(percent).ok())
}
