//! AWS Identity and Access Management.
//!
//! Owns the operations of the `iam` model: one file for each resource, each with its table (`operations`). The records of
//! users, groups, roles, policies and keys are those of `identities`, because authentication and authorization read them
//! too. Refuses to know what a policy means (`iam-policy`) and who the caller may be (the gateway has asked before).
//!
//! The gateway checks names, paths, lengths and ranges against the model before a request comes here.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/welcome.html>

mod access_key;
mod account_alias;
mod account_details;
mod account_summary;
mod attachment;
mod authorization;
mod boundary;
mod caller;
mod certificate;
mod context_key;
mod credential_report;
mod document;
mod entity;
mod error;
mod granted_service;
mod group;
mod holder;
mod inline_policy;
mod instance_profile;
mod login_profile;
mod managed_policy;
mod mfa_device;
mod needed;
mod open_id_connect_provider;
mod organization;
mod page;
mod password;
mod password_policy;
mod policy_version;
mod qr_code;
mod quota;
mod retention;
mod role;
mod root_access;
mod saml_metadata;
mod saml_provider;
mod server_certificate;
mod service_last_accessed;
mod service_linked_role;
mod service_principal;
mod service_specific_credential;
mod signing_certificate;
mod simulate;
mod simulation;
mod ssh_key;
mod ssh_public_key;
mod statement_position;
mod tag;
mod token_preference;
mod trust_policy;
mod user;
mod uses;

use std::sync::Arc;

use aws_model::Value;
use aws_types::Arn;
use identities::{IdKind, unique_id};
use service_api::{
    ConditionKeys, IdSource, NeededPermission, Operations, RequestContext, ResourceFacts, Service,
    ServiceError,
};
use store::{RecordKind, Scope, Store};

use service_linked_role::DeletionTask;

pub use granted_service::namespace;
pub use organization::{Alone, Membership, Organization, OrganizationPolicy};
pub use service_last_accessed::{NothingUsed, ServiceAccess, ServiceUse};
pub use uses::{KeyUse, Unseen, Uses};

/// The service.
pub struct Iam {
    state: State,
    operations: Operations<State>,
}

/// What the operations work on.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) uses: Arc<dyn Uses>,
    pub(crate) organization: Arc<dyn Organization>,
    pub(crate) service_use: Arc<dyn ServiceUse>,
}

impl State {
    /// An id that nothing else has.
    pub(crate) fn unique_id(&self, kind: IdKind) -> String {
        unique_id(kind, &mut || self.ids.bits())
    }
}

/// What adds the operations of a file to the table.
type AddOperations = fn(Operations<State>) -> Operations<State>;

/// Of the files.
const TABLES: &[AddOperations] = &[
    access_key::operations,
    account_alias::operations,
    account_details::operations,
    account_summary::operations,
    attachment::operations,
    boundary::operations,
    context_key::operations,
    credential_report::operations,
    granted_service::operations,
    group::operations,
    inline_policy::operations,
    instance_profile::operations,
    login_profile::operations,
    managed_policy::operations,
    mfa_device::operations,
    open_id_connect_provider::operations,
    password_policy::operations,
    policy_version::operations,
    role::operations,
    root_access::operations,
    saml_provider::operations,
    server_certificate::operations,
    service_last_accessed::operations,
    service_linked_role::operations,
    service_specific_credential::operations,
    signing_certificate::operations,
    simulate::operations,
    ssh_public_key::operations,
    token_preference::operations,
    user::operations,
];

impl Iam {
    /// A service on this store.
    pub fn new(store: Store, ids: Arc<dyn IdSource>, uses: Arc<dyn Uses>) -> Self {
        let operations = TABLES.iter().fold(Operations::new(), |table, add| add(table));
        Self {
            state: State {
                store,
                ids,
                uses,
                organization: Arc::new(Alone),
                service_use: Arc::new(NothingUsed),
            },
            operations,
        }
    }

    /// The same service, where accounts are in organizations.
    #[must_use]
    pub fn with_organization(mut self, organization: Arc<dyn Organization>) -> Self {
        self.state.organization = organization;
        self
    }

    /// The same service, where somebody sees which services are used.
    #[must_use]
    pub fn with_service_use(mut self, service_use: Arc<dyn ServiceUse>) -> Self {
        self.state.service_use = service_use;
        self
    }

    /// The kinds of records that it writes, beside those of `identities`.
    pub fn record_kinds() -> impl Iterator<Item = RecordKind> {
        [
            RecordKind::of::<DeletionTask>(),
            RecordKind::of::<credential_report::CredentialReport>(),
            RecordKind::of::<service_last_accessed::LastAccessedReport>(),
            RecordKind::of::<login_profile::LoginProfile>(),
            RecordKind::of::<service_specific_credential::ServiceSpecificCredential>(),
            RecordKind::of::<signing_certificate::SigningCertificate>(),
            RecordKind::of::<ssh_public_key::SshPublicKey>(),
        ]
        .into_iter()
    }
}

impl Service for Iam {
    fn model(&self) -> &'static str {
        "iam"
    }

    fn implements(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    fn needed_permissions(
        &self,
        context: &RequestContext,
        operation: &str,
        input: &Value,
    ) -> Option<Vec<NeededPermission>> {
        needed::needed(self, context, operation, input)
    }

    fn resource(&self, context: &RequestContext, resource_type: &str, id: &str) -> Option<ResourceFacts> {
        authorization::facts(&self.state, context, resource_type, id)
    }

    fn said_of(
        &self,
        context: &RequestContext,
        _operation: &str,
        _resource_type: &str,
        _is_new: bool,
        input: &Value,
    ) -> ConditionKeys {
        authorization::said(&self.state, context, input)
    }

    fn implied(
        &self,
        context: &RequestContext,
        operation: &str,
        resource_type: &str,
        _input: &Value,
    ) -> Option<Vec<String>> {
        authorization::implied(context, operation, resource_type)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        let answer = self.operations.call(&self.state, context, operation, input)?;
        Ok(if operation == "GetUser" { user::without_name_of_root(answer) } else { answer })
    }
}

/// Where an account's identities are kept: they are of no region.
pub(crate) fn scope(context: &RequestContext) -> Scope {
    Scope::global(context.partition, context.account())
}

/// The ARN of something of the caller's account: `user/division/name`, say.
pub(crate) fn arn(context: &RequestContext, kind: &str, path: &str, name: &str) -> Arn {
    Arn::global(context.partition, "iam", context.account(), &format!("{kind}{path}{name}"))
}

/// The path that a request names, or the one that everything has without.
pub(crate) fn path(wanted: Option<String>) -> String {
    wanted.unwrap_or_else(|| "/".to_owned())
}
