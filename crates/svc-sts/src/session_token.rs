//! GetSessionToken.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>

use aws_api::sts::{GetSessionTokenRequest, GetSessionTokenResponse};
use service_api::{PrincipalKind, RequestContext, ServiceError, Session};
use session_tokens::NewSession;

use crate::State;
use crate::error::{access_denied, not_supported};
use crate::role::HOUR_SECS;
use crate::session::{check_device, credentials, lasting, seal};

/// How long sessions of users are whose request does not say.
pub(crate) const USER_DEFAULT_SECS: u32 = 43_200;

pub(crate) fn get_session_token(
    state: &State,
    context: &RequestContext,
    request: GetSessionTokenRequest,
) -> Result<GetSessionTokenResponse, ServiceError> {
    refuse_sessions(context, "GetSessionToken")?;
    if request.minimum_session_token_size.is_some_and(|bytes| bytes > 0) {
        return Err(not_supported("MinimumSessionTokenSize"));
    }
    let device =
        check_device(state, context, request.serial_number.as_deref(), request.token_code.as_deref())?;
    let secs = user_secs(context, request.duration_seconds);
    let principal = &context.principal;
    let session = Session { mfa_authenticated: Some(device == Some(true)), ..Session::default() };
    let new = NewSession {
        account: principal.account,
        kind: principal.kind.clone(),
        arn: principal.arn.clone(),
        user_id: principal.user_id.clone(),
        session: lasting(context.now, secs, session),
    };
    let made = seal(state, new)?;
    Ok(GetSessionTokenResponse {
        credentials: Some(credentials(&made)),
        ..GetSessionTokenResponse::default()
    })
}

/// Sessions of users and federated users begin with an access key that lasts.
pub(crate) fn refuse_sessions(context: &RequestContext, operation: &str) -> Result<(), ServiceError> {
    match (&context.principal.kind, &context.principal.session) {
        (PrincipalKind::Root | PrincipalKind::User { .. }, None) => Ok(()),
        _ => Err(access_denied(format!("Cannot call {operation} with session credentials"))),
    }
}

/// How long a session of a user is to be; that of a root user is an hour at most.
pub(crate) fn user_secs(context: &RequestContext, asked: Option<i32>) -> u32 {
    let asked = asked.and_then(|secs| u32::try_from(secs).ok()).unwrap_or(USER_DEFAULT_SECS);
    if context.principal.kind == PrincipalKind::Root { asked.min(HOUR_SECS) } else { asked }
}
