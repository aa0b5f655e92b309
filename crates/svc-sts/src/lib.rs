//! AWS Security Token Service.
//!
//! Owns the operations of the `sts` model: who may have which session, for how long, and what it carries. The sessions are
//! sealed by `session-tokens` and kept nowhere. Refuses to know who the caller is, which the gateway found out; what has a say
//! in who may assume a role, which `authorization` knows; and where the keys of identity providers are from: those of SAML
//! providers are in their records, those of OpenID Connect issuers in records that an operator had written
//! ([`identities::ProviderKeys`]).
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html>

mod assume_role;
mod assume_root;
mod caller;
mod error;
mod federated;
mod federation_token;
mod json_web_token;
mod proved;
mod role;
mod saml;
mod service_role;
mod session;
mod session_tag;
mod session_token;
mod web_identity;

use std::sync::Arc;

use authorization::Authorization;
use aws_api::sts::operation;
use aws_model::Value;
use aws_types::Arn;
use service_api::{
    ConditionKeys, IdSource, NeededPermission, Operations, RequestContext, ResourceFacts, Service,
    ServiceError, Sharing, needed_by_table,
};
use session_tokens::Tokens;
use store::Store;

pub use json_web_token::{KeyError, ProviderKey};
pub use proved::{ProvedIdentities, ProvedIdentity};
pub use service_role::{ServiceSession, ServiceSessionError};

/// The service.
pub struct Sts {
    state: State,
    operations: Operations<State>,
}

/// What the operations work on.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) tokens: Tokens,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) authorization: Arc<Authorization>,
    pub(crate) proved: Arc<ProvedIdentities>,
}

impl Sts {
    /// A service on this store, whose sessions are sealed by `tokens`. Who may assume a role is asked of `authorization`.
    pub fn new(
        store: Store,
        tokens: Tokens,
        ids: Arc<dyn IdSource>,
        authorization: Arc<Authorization>,
    ) -> Self {
        let state = State { store, tokens, ids, authorization, proved: Arc::default() };
        let operations = Operations::new()
            .with::<operation::AssumeRole>(assume_role::assume_role)
            .with::<operation::AssumeRoleWithSAML>(saml::assume_role_with_saml)
            .with::<operation::AssumeRoleWithWebIdentity>(web_identity::assume_role_with_web_identity)
            .with::<operation::AssumeRoot>(assume_root::assume_root)
            .with::<operation::DecodeAuthorizationMessage>(caller::decode_authorization_message)
            .with::<operation::GetAccessKeyInfo>(caller::get_access_key_info)
            .with::<operation::GetCallerIdentity>(caller::get_caller_identity)
            .with::<operation::GetFederationToken>(federation_token::get_federation_token)
            .with::<operation::GetSessionToken>(session_token::get_session_token);
        Self { state, operations }
    }

    /// The same, which notes there who is behind requests that nobody signed.
    #[must_use]
    pub fn with_proved_identities(mut self, proved: Arc<ProvedIdentities>) -> Self {
        self.state.proved = proved;
        self
    }

    /// The names of the operations that are built.
    pub fn operations(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.operations.names()
    }
}

impl Service for Sts {
    fn model(&self) -> &'static str {
        "sts"
    }

    fn implements(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    /// Who may assume a role the operation asks itself, together with what the session is to carry.
    fn needed_permissions(
        &self,
        context: &RequestContext,
        operation: &str,
        input: &Value,
    ) -> Option<Vec<NeededPermission>> {
        if operation.starts_with("AssumeRole") {
            return Some(Vec::new());
        }
        let mut needed = needed_by_table(self, context, operation, input)?;
        // A session's tags are a permission of their own, as they are with roles.
        let tags = match input {
            Value::Structure(input) => input.get("Tags"),
            _ => None,
        };
        if operation == "GetFederationToken"
            && matches!(tags, Some(Value::List(tags)) if !tags.is_empty())
            && let Some(mut tagging) = needed.first().cloned()
        {
            tagging.action = "sts:TagSession".into();
            needed.push(tagging);
        }
        Some(needed)
    }

    fn resource(&self, context: &RequestContext, resource_type: &str, id: &str) -> Option<ResourceFacts> {
        if resource_type != "root-user" {
            return None;
        }
        let account = assume_root::target(context.partition, id)?;
        let arn = Arn::global(context.partition, "iam", account, "root").to_string();
        // Whether the account is a member of the caller's organization the operation looks at.
        let sharing = Sharing::ByService;
        Some(ResourceFacts { arn: Some(arn), owner: Some(account), sharing, ..ResourceFacts::default() })
    }

    fn said_of(
        &self,
        _: &RequestContext,
        operation: &str,
        resource_type: &str,
        _: bool,
        input: &Value,
    ) -> ConditionKeys {
        if operation != "AssumeRoot" || resource_type != "root-user" {
            return Vec::new();
        }
        let of = |value: &Value, member: &str| match value {
            Value::Structure(fields) => fields.get(member).cloned(),
            _ => None,
        };
        match of(input, "TaskPolicyArn").and_then(|policy| of(&policy, "arn")) {
            Some(Value::String(arn)) => vec![("sts:TaskPolicyArn".to_owned(), vec![arn])],
            _ => Vec::new(),
        }
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        self.operations.call(&self.state, context, operation, input)
    }
}
