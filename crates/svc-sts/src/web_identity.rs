//! AssumeRoleWithWebIdentity: a role for who has a token of an OpenID Connect provider. Nobody signs the request.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use aws_api::sts::{AssumeRoleWithWebIdentityRequest, AssumeRoleWithWebIdentityResponse};
use aws_types::{AccountId, Tag, Timestamp};
use iam_policy::{Caller, Context};
use identities::OpenIdConnectProvider;
use service_api::{RequestContext, ServiceError, Session};
use store::{Read as _, Scope};

use crate::State;
use crate::assume_role::{Asking, Assumed, SET_SOURCE_IDENTITY, TAG_SESSION};
use crate::error::{access_denied, not_supported, validation};
use crate::json_web_token::{Claims, Token};
use crate::role::{RoleName, duration_secs};
use crate::session::{SessionPolicies, credentials, lasting, packed_policy_size, seal};
use crate::session_tag::SessionTags;

const ACTION: &str = "sts:AssumeRoleWithWebIdentity";
/// How long a subject is that a role can be assumed for.
const SUBJECT_CHARS: std::ops::RangeInclusive<usize> = 6..=255;

pub(crate) fn assume_role_with_web_identity(
    state: &State,
    context: &RequestContext,
    request: AssumeRoleWithWebIdentityRequest,
) -> Result<AssumeRoleWithWebIdentityResponse, ServiceError> {
    if request.minimum_session_token_size.is_some_and(|bytes| bytes > 0) {
        return Err(not_supported("MinimumSessionTokenSize"));
    }
    if request.provider_id.is_some() {
        // It is for OAuth 2.0 access tokens of two providers, which only they can verify.
        return Err(not_supported("ProviderId"));
    }
    let denied = |action: &str| access_denied(format!("Not authorized to perform {action}"));
    let named = RoleName::parse(&request.role_arn).ok_or_else(|| validation("Request ARN is invalid"))?;
    let proved = Proved::of_token(state, context, named.account, &request.web_identity_token)?;
    let Proved { provider, claims, audience } = &proved;
    let tags = claimed_tags(claims)?;
    let source_identity = claims.source_identity.clone();

    let mut keys = Context::new();
    keys.set("sts:RoleSessionName", request.role_session_name.clone());
    keys.set("aws:FederatedProvider", provider.arn.to_string());
    keys.set(format!("{}:aud", provider.url), audience.clone());
    keys.set(format!("{}:sub", provider.url), claims.sub.clone());
    keys.set_many(format!("{}:amr", provider.url), claims.amr.iter().cloned());
    if let Some(party) = &claims.azp {
        keys.set(format!("{}:azp", provider.url), party.clone());
    }
    if let Some(source) = &source_identity {
        keys.set("sts:SourceIdentity", source.clone());
    }
    tags.keys(&mut keys);
    let role = named.find(&state.store.snapshot(), context.partition).ok_or_else(|| denied(ACTION))?;
    let caller = Caller::WebIdentity { provider: provider.arn.to_string() };
    let actions =
        [(ACTION, true), (TAG_SESSION, tags.is_tagged), (SET_SOURCE_IDENTITY, source_identity.is_some())];
    let asking = Asking { caller: &caller, role: &role, account: named.account, keys: &mut keys };
    if let Some(action) = asking.first_denied(state, context, &actions) {
        return Err(denied(action));
    }

    let SessionPolicies { policies, policy_arns } =
        SessionPolicies::of_request(state, context, named.account, request.policy, request.policy_arns)?;
    let secs = duration_secs(&role, request.duration_seconds)?;
    let session = Session {
        tags: tags.tags,
        transitive_tag_keys: tags.transitive,
        source_identity: source_identity.clone(),
        policies,
        policy_arns,
        federated_provider: Some(provider.arn.to_string()),
        ..Session::default()
    };
    let assumed = Assumed::of_role(context, &role, named.account, &request.role_session_name);
    let user = assumed.user();
    let made = seal(state, assumed.with(lasting(context.now, secs, session)))?;
    Ok(AssumeRoleWithWebIdentityResponse {
        credentials: Some(credentials(&made)),
        subject_from_web_identity_token: Some(claims.sub.clone()),
        assumed_role_user: Some(user),
        packed_policy_size: packed_policy_size(&made),
        provider: Some(provider.arn.to_string()),
        audience: Some(audience.clone()),
        source_identity,
        ..AssumeRoleWithWebIdentityResponse::default()
    })
}

/// What a token has proved.
struct Proved {
    provider: OpenIdConnectProvider,
    claims: Claims,
    /// Whom the token is for, of those for whom the provider's may be.
    audience: String,
}

impl Proved {
    fn of_token(
        state: &State,
        context: &RequestContext,
        account: AccountId,
        text: &str,
    ) -> Result<Self, ServiceError> {
        let token = Token::parse(text).ok_or_else(|| {
            invalid(
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
            )
        })?;
        let claimed = token.unverified();
        let url = claimed.iss.strip_prefix("https://").unwrap_or(&claimed.iss);
        let scope = Scope::global(context.partition, account);
        let provider = state.store.snapshot().get::<OpenIdConnectProvider>(&scope, url).ok_or_else(|| {
            invalid(format!("No OpenIDConnect provider found in your account for {}", claimed.iss))
        })?;
        let keys = state.keys.keys(url).map_err(|_| {
            invalid(
                "Couldn't retrieve verification key from your identity provider, please reference \
                 AssumeRoleWithWebIdentity documentation for requirements",
            )
        })?;
        let claims = token.verified(&keys).ok_or_else(|| invalid("Token signature invalid"))?;
        check_time(claims, context.now)?;
        let audience = claims.aud.iter().find(|audience| provider.client_ids.iter().any(|id| id == audience));
        let audience = audience.ok_or_else(|| invalid("Incorrect token audience"))?.to_owned();
        if !SUBJECT_CHARS.contains(&claims.sub.chars().count()) {
            return Err(invalid("The subject of the token is not of 6 to 255 characters"));
        }
        Ok(Self { provider: (*provider).clone(), claims: claims.clone(), audience })
    }
}

fn check_time(claims: &Claims, now: Timestamp) -> Result<(), ServiceError> {
    #[expect(clippy::cast_precision_loss, reason = "seconds of our time are far below 2^52")]
    let now_secs = now.unix_secs() as f64;
    if claims.exp <= now_secs {
        let message = format!(
            "Token expired: current date/time {} must be before the expiration date/time {}",
            now.unix_secs(),
            claims.exp
        );
        return Err(ServiceError::new("ExpiredTokenException", message));
    }
    if claims.nbf.is_some_and(|from| from > now_secs) {
        return Err(invalid("The token does not hold yet"));
    }
    Ok(())
}

fn claimed_tags(claims: &Claims) -> Result<SessionTags, ServiceError> {
    let claimed = claims.tags.clone().unwrap_or_default();
    let mut tags = Vec::new();
    for (key, values) in claimed.principal_tags {
        let [value] = &values[..] else {
            return Err(invalid(format!("The session tag {key} of the token does not have one value")));
        };
        tags.push(Tag { key, value: value.clone() });
    }
    SessionTags::of_request(tags, claimed.transitive_tag_keys, None)
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidIdentityToken", message)
}
