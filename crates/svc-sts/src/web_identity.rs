//! AssumeRoleWithWebIdentity: a role for who has a token of an OpenID Connect provider. Nobody signs the request.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use std::collections::BTreeMap;

use aws_api::sts::{AssumeRoleWithWebIdentityRequest, AssumeRoleWithWebIdentityResponse};
use aws_types::{AccountId, Tag, Timestamp};
use iam_policy::{Caller, Context};
use identities::{OpenIdConnectProvider, ProviderKeys, cloud_scope};
use service_api::{RequestContext, ServiceError};
use store::{Read as _, Scope};

use crate::State;
use crate::error::{not_supported, validation};
use crate::federated::{Asked, Vouched};
use crate::json_web_token::{Claims, ProviderKey, Token};
use crate::proved::ProvedIdentity;
use crate::role::RoleName;
use crate::session::{credentials, packed_policy_size};
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
    let named = RoleName::parse(&request.role_arn).ok_or_else(|| validation("Request ARN is invalid"))?;
    let proved = Proved::of_token(state, context, named.account, &request.web_identity_token)?;
    let Proved { provider, claims, audience } = &proved;
    let identity = ProvedIdentity::WebIdentity {
        provider: provider.arn.to_string(),
        audience: audience.clone(),
        subject: claims.sub.clone(),
    };
    state.proved.note(&context.request_id, identity);
    let vouched = proved.vouched()?;
    let source_identity = vouched.source_identity.clone();
    let asked = Asked {
        action: ACTION,
        role: &named,
        session_name: &request.role_session_name,
        duration_seconds: request.duration_seconds,
        policy: request.policy,
        policy_arns: request.policy_arns,
    };
    let (made, user) = asked.session(state, context, vouched)?;
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
        let snapshot = state.store.snapshot();
        let provider = snapshot.get::<OpenIdConnectProvider>(&scope, url).ok_or_else(|| {
            invalid(format!("No OpenIDConnect provider found in your account for {}", claimed.iss))
        })?;
        let keys = snapshot.get::<ProviderKeys>(&cloud_scope(context.partition), url);
        let keys = keys.and_then(|keys| ProviderKey::parse_set(&keys.key_set).ok()).ok_or_else(|| {
            // AWS fetches them. Nothing is fetched here, and who reads this can help.
            invalid(format!(
                "Couldn't retrieve verification key from your identity provider, please reference \
                 AssumeRoleWithWebIdentity documentation for requirements. No keys of {url} are known to this cloud: give \
                 them with `brume identity-provider keys https://{url} --file jwks.json`"
            ))
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

    fn vouched(&self) -> Result<Vouched, ServiceError> {
        let Self { provider, claims, audience } = self;
        let session_keys: BTreeMap<String, String> = [("aud", audience), ("sub", &claims.sub)]
            .into_iter()
            .map(|(claim, value)| (format!("{}:{claim}", provider.url), value.clone()))
            .collect();
        let mut keys = Context::new();
        for (key, value) in &session_keys {
            keys.set(key.clone(), value.clone());
        }
        keys.set_many(format!("{}:amr", provider.url), claims.amr.iter().cloned());
        if let Some(party) = &claims.azp {
            keys.set(format!("{}:azp", provider.url), party.clone());
        }
        Ok(Vouched {
            caller: Caller::WebIdentity { provider: provider.arn.to_string() },
            provider: provider.arn.clone(),
            tags: claimed_tags(claims)?,
            source_identity: claims.source_identity.clone(),
            keys,
            session_keys,
            ends: None,
        })
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
