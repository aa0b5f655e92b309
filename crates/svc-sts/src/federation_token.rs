//! GetFederationToken.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html>

use aws_api::sts::{FederatedUser, GetFederationTokenRequest, GetFederationTokenResponse};
use aws_types::{Arn, Tag};
use service_api::{PrincipalKind, RequestContext, ServiceError, Session};
use session_tokens::NewSession;

use crate::State;
use crate::error::not_supported;
use crate::session::{SessionPolicies, credentials, lasting, packed_policy_size, seal};
use crate::session_tag::SessionTags;
use crate::session_token::{refuse_sessions, user_secs};

pub(crate) fn get_federation_token(
    state: &State,
    context: &RequestContext,
    request: GetFederationTokenRequest,
) -> Result<GetFederationTokenResponse, ServiceError> {
    refuse_sessions(context, "GetFederationToken")?;
    if request.minimum_session_token_size.is_some_and(|bytes| bytes > 0) {
        return Err(not_supported("MinimumSessionTokenSize"));
    }
    let account = context.account();
    let SessionPolicies { policies, policy_arns } =
        SessionPolicies::of_request(state, context, account, request.policy, request.policy_arns)?;
    let asked = request.tags.into_iter().flatten().map(|tag| Tag { key: tag.key, value: tag.value });
    let tags = SessionTags::of_request(asked.collect(), Vec::new(), None)?.tags;
    let secs = user_secs(context, request.duration_seconds);
    let name = request.name;
    let arn = Arn::global(context.partition, "sts", account, &format!("federated-user/{name}"));
    let user_id = format!("{account}:{name}");
    let session = Session { tags, policies, policy_arns, ..Session::default() };
    let new = NewSession {
        account,
        kind: PrincipalKind::FederatedUser {
            name,
            by: context.principal.arn.clone(),
            by_id: context.principal.user_id.clone(),
        },
        arn: arn.clone(),
        user_id: user_id.clone(),
        session: lasting(context.now, secs, session),
    };
    let made = seal(state, new)?;
    Ok(GetFederationTokenResponse {
        credentials: Some(credentials(&made)),
        federated_user: Some(FederatedUser { federated_user_id: user_id, arn: arn.to_string() }),
        packed_policy_size: packed_policy_size(&made),
        ..GetFederationTokenResponse::default()
    })
}
