//! Who the caller is, whose an access key is, and why a request was denied.

use aws_api::sts::{
    DecodeAuthorizationMessageRequest, DecodeAuthorizationMessageResponse, GetAccessKeyInfoRequest,
    GetAccessKeyInfoResponse, GetCallerIdentityRequest, GetCallerIdentityResponse,
};
use identities::{AccessKey, cloud_scope};
use service_api::{RequestContext, ServiceError};
use session_tokens::account_of;
use store::Read as _;

use crate::State;
use crate::error::validation;

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
pub(crate) fn get_caller_identity(
    _: &State,
    context: &RequestContext,
    _request: GetCallerIdentityRequest,
) -> Result<GetCallerIdentityResponse, ServiceError> {
    let principal = &context.principal;
    Ok(GetCallerIdentityResponse {
        user_id: Some(principal.user_id.clone()),
        account: Some(principal.account.to_string()),
        arn: Some(principal.arn.to_string()),
    })
}

/// Also of keys that do not work any more: it says nothing of that.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html>
pub(crate) fn get_access_key_info(
    state: &State,
    context: &RequestContext,
    request: GetAccessKeyInfoRequest,
) -> Result<GetAccessKeyInfoResponse, ServiceError> {
    let id = &request.access_key_id;
    let lasting = || state.store.snapshot().get::<AccessKey>(&cloud_scope(context.partition), id);
    let account = account_of(id).or_else(|| Some(lasting()?.account));
    let account = account.ok_or_else(|| validation(format!("The access key ID {id} is not valid.")))?;
    Ok(GetAccessKeyInfoResponse { account: Some(account.to_string()) })
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html>
pub(crate) fn decode_authorization_message(
    state: &State,
    context: &RequestContext,
    request: DecodeAuthorizationMessageRequest,
) -> Result<DecodeAuthorizationMessageResponse, ServiceError> {
    let opened = state.tokens.open_message(context.account(), &request.encoded_message);
    let message = opened.map_err(|_| {
        ServiceError::new("InvalidAuthorizationMessageException", "The encoded message is not valid.")
    })?;
    Ok(DecodeAuthorizationMessageResponse { decoded_message: Some(message) })
}
