//! Sessions of roles for whom an identity provider vouches. Nobody signs these requests.
//!
//! Owns what they have in common once the proof is read: the trust policy's say, and what the session carries. Refuses to know
//! how anything was proved.

use std::collections::BTreeMap;

use aws_api::sts::{AssumedRoleUser, PolicyDescriptorType};
use aws_types::{Arn, Timestamp};
use iam_policy::{Caller, Context};
use service_api::{RequestContext, ServiceError, Session};
use session_tokens::Temporary;

use crate::State;
use crate::assume_role::{Asking, Assumed, SET_SOURCE_IDENTITY, TAG_SESSION};
use crate::error::access_denied;
use crate::role::{RoleName, duration_secs};
use crate::session::{SessionPolicies, lasting, seal};
use crate::session_tag::SessionTags;

/// Whom a provider vouches for, and what it says of them.
pub(crate) struct Vouched {
    pub(crate) caller: Caller,
    pub(crate) provider: Arn,
    pub(crate) tags: SessionTags,
    pub(crate) source_identity: Option<String>,
    /// Condition keys of the request.
    pub(crate) keys: Context,
    /// Those of the session's own requests.
    pub(crate) session_keys: BTreeMap<String, String>,
    /// When the provider wants the session to end.
    pub(crate) ends: Option<Timestamp>,
}

/// The session that is asked for.
pub(crate) struct Asked<'a> {
    pub(crate) action: &'a str,
    pub(crate) role: &'a RoleName,
    pub(crate) session_name: &'a str,
    pub(crate) duration_seconds: Option<i32>,
    pub(crate) policy: Option<String>,
    pub(crate) policy_arns: Option<Vec<PolicyDescriptorType>>,
}

impl Asked<'_> {
    /// The answer to everybody who may not do it, also where the role is not there.
    pub(crate) fn denied(action: &str) -> ServiceError {
        access_denied(format!("Not authorized to perform {action}"))
    }

    /// Makes the session, if the role's trust policy lets it be.
    pub(crate) fn session(
        self,
        state: &State,
        context: &RequestContext,
        vouched: Vouched,
    ) -> Result<(Temporary, AssumedRoleUser), ServiceError> {
        let Vouched { caller, provider, tags, source_identity, mut keys, session_keys, ends } = vouched;
        keys.set("sts:RoleSessionName", self.session_name.to_owned());
        keys.set("aws:FederatedProvider", provider.to_string());
        if let Some(source) = &source_identity {
            keys.set("sts:SourceIdentity", source.clone());
        }
        tags.keys(&mut keys);
        let snapshot = state.store.snapshot();
        let role = self.role.find(&snapshot, context.partition).ok_or_else(|| Self::denied(self.action))?;
        let actions = [
            (self.action, true),
            (TAG_SESSION, tags.is_tagged),
            (SET_SOURCE_IDENTITY, source_identity.is_some()),
        ];
        let account = self.role.account;
        let asking = Asking { caller: &caller, role: &role, account, keys: &mut keys };
        if let Some(action) = asking.first_denied(state, context, &actions) {
            return Err(Self::denied(action));
        }
        let SessionPolicies { policies, policy_arns } =
            SessionPolicies::of_request(state, context, account, self.policy, self.policy_arns)?;
        let secs = duration_secs(&role, self.duration_seconds)?;
        let session = Session {
            tags: tags.tags,
            transitive_tag_keys: tags.transitive,
            source_identity,
            policies,
            policy_arns,
            federated_provider: Some(provider.to_string()),
            federated_keys: session_keys,
            ..Session::default()
        };
        let mut session = lasting(context.now, secs, session);
        session.expires = ends.map_or(session.expires, |ends| ends.min(session.expires));
        let assumed = Assumed::of_role(context, &role, account, self.session_name);
        let user = assumed.user();
        Ok((seal(state, assumed.with(session))?, user))
    }
}
