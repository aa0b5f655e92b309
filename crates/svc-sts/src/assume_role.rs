//! AssumeRole.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use authorization::{RoleAsked, caller_of};
use std::sync::Arc;

use aws_api::sts::{AssumeRoleRequest, AssumeRoleResponse, AssumedRoleUser};
use aws_types::{AccountId, Tag};
use iam_policy::{Caller, Context};
use identities::Role;
use service_api::{PrincipalKind, RequestContext, ServiceError, Session};
use session_tokens::NewSession;

use crate::State;
use crate::error::{access_denied, not_authorized, not_supported, validation};
use crate::role::{HOUR_SECS, RoleName, duration_secs, resource_tags, session_names};
use crate::session::{SessionPolicies, check_device, credentials, lasting, packed_policy_size, seal};
use crate::session_tag::SessionTags;

const ACTION: &str = "sts:AssumeRole";
/// What it takes to give a session tags.
pub(crate) const TAG_SESSION: &str = "sts:TagSession";
/// What it takes to say who is behind a session.
pub(crate) const SET_SOURCE_IDENTITY: &str = "sts:SetSourceIdentity";

pub(crate) fn assume_role(
    state: &State,
    context: &RequestContext,
    request: AssumeRoleRequest,
) -> Result<AssumeRoleResponse, ServiceError> {
    let principal = &context.principal;
    if principal.kind == PrincipalKind::Root {
        return Err(access_denied("Roles may not be assumed by root accounts."));
    }
    if request.provided_contexts.as_ref().is_some_and(|contexts| !contexts.is_empty()) {
        return Err(not_supported("ProvidedContexts"));
    }
    if request.minimum_session_token_size.is_some_and(|bytes| bytes > 0) {
        return Err(not_supported("MinimumSessionTokenSize"));
    }
    let denied = |action: &str| not_authorized(principal.arn.as_str(), action, &request.role_arn);
    if matches!(principal.kind, PrincipalKind::FederatedUser { .. }) {
        return Err(denied(ACTION));
    }
    let named = RoleName::parse(&request.role_arn)
        .ok_or_else(|| validation(format!("{} is invalid", request.role_arn)))?;
    let is_chained = matches!(principal.kind, PrincipalKind::AssumedRole { .. });
    if is_chained && request.duration_seconds.is_some_and(|secs| i64::from(secs) > i64::from(HOUR_SECS)) {
        return Err(validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    let caller_session = principal.session.as_deref();
    let asked_tags = request.tags.into_iter().flatten().map(|tag| Tag { key: tag.key, value: tag.value });
    let transitive = request.transitive_tag_keys.unwrap_or_default();
    let tags = SessionTags::of_request(asked_tags.collect(), transitive, caller_session)?;
    let source_identity = source_identity(request.source_identity.as_deref(), caller_session)
        .ok_or_else(|| denied(SET_SOURCE_IDENTITY))?;
    let device =
        check_device(state, context, request.serial_number.as_deref(), request.token_code.as_deref())?;

    let mut keys = Context::new();
    keys.set("sts:RoleSessionName", request.role_session_name.clone());
    if let Some(external_id) = &request.external_id {
        keys.set("sts:ExternalId", external_id.clone());
    }
    if let Some(source) = &source_identity {
        keys.set("sts:SourceIdentity", source.clone());
    }
    if device == Some(true) {
        keys.set("aws:MultiFactorAuthPresent", "true");
        keys.set("aws:MultiFactorAuthAge", "0");
    }
    tags.keys(&mut keys);
    let role = named.find(&state.store.snapshot(), context.partition).ok_or_else(|| denied(ACTION))?;
    let actions =
        [(ACTION, true), (TAG_SESSION, tags.is_tagged), (SET_SOURCE_IDENTITY, source_identity.is_some())];
    let caller = caller_of(principal);
    let asking = Asking { caller: &caller, role: &role, account: named.account, keys: &mut keys };
    if let Some(action) = asking.first_denied(state, context, &actions) {
        return Err(denied(action));
    }

    let SessionPolicies { policies, policy_arns } =
        SessionPolicies::of_request(state, context, named.account, request.policy, request.policy_arns)?;
    let secs = duration_secs(&role, request.duration_seconds)?;
    // What a device proved for the caller's session holds for that one alone.
    let mfa_authenticated = Some(device == Some(true));
    let session = Session {
        mfa_authenticated,
        tags: tags.tags,
        transitive_tag_keys: tags.transitive,
        source_identity: source_identity.clone(),
        policies,
        policy_arns,
        is_chained,
        ..Session::default()
    };
    let session = lasting(context.now, secs, session);
    let made = Assumed::of_role(context, &role, named.account, &request.role_session_name);
    let user = made.user();
    let sealed = seal(state, made.with(session))?;
    Ok(AssumeRoleResponse {
        credentials: Some(credentials(&sealed)),
        assumed_role_user: Some(user),
        packed_policy_size: packed_policy_size(&sealed),
        source_identity,
        ..AssumeRoleResponse::default()
    })
}

/// Who is behind the session: what the request says or what the caller's session has, which no request changes. `None` when it
/// tries to.
#[expect(clippy::option_option, reason = "the outer one is whether the request may say so")]
fn source_identity(asked: Option<&str>, caller: Option<&Session>) -> Option<Option<String>> {
    let had = caller.and_then(|session| session.source_identity.as_deref());
    match (asked, had) {
        (Some(asked), Some(had)) if asked != had => None,
        (asked, had) => Some(had.or(asked).map(str::to_owned)),
    }
}

/// A request to assume a role, as policies see it.
pub(crate) struct Asking<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) role: &'a Role,
    pub(crate) account: AccountId,
    pub(crate) keys: &'a mut Context,
}

impl Asking<'_> {
    /// The first of the actions that take place and are denied. Service-linked roles are assumed by nobody but their service.
    pub(crate) fn first_denied<'b>(
        self,
        state: &State,
        context: &RequestContext,
        actions: &[(&'b str, bool)],
    ) -> Option<&'b str> {
        resource_tags(self.keys, self.role);
        let is_allowed = |action: &str| {
            let asked = RoleAsked {
                caller: self.caller,
                action,
                arn: self.role.arn.as_str(),
                account: self.account,
                trust: &self.role.trust_policy,
                keys: self.keys,
            };
            self.role.linked_service.is_none()
                && state.authorization.decide_on_role(context, &asked).is_allowed()
        };
        let mut taking_place = actions.iter().filter(|(_, takes_place)| *takes_place);
        taking_place.find(|(action, _)| !is_allowed(action)).map(|(action, _)| *action)
    }
}

/// A session of a role, without what it carries.
pub(crate) struct Assumed(NewSession);

impl Assumed {
    pub(crate) fn of_role(
        context: &RequestContext,
        role: &Arc<Role>,
        account: AccountId,
        session: &str,
    ) -> Self {
        let (arn, user_id) = session_names(context, role, account, session);
        let kind = PrincipalKind::AssumedRole {
            role: role.name.clone(),
            role_id: role.id.clone(),
            role_arn: role.arn.clone(),
            session_name: session.to_owned(),
        };
        Self(NewSession { account, kind, arn, user_id, session: Session::default() })
    }

    pub(crate) fn user(&self) -> AssumedRoleUser {
        AssumedRoleUser { assumed_role_id: self.0.user_id.clone(), arn: self.0.arn.to_string() }
    }

    pub(crate) fn with(self, session: Session) -> NewSession {
        NewSession { session, ..self.0 }
    }
}
