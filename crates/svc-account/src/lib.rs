//! AWS Account Management: who an account is and how its owner is reached.
//!
//! Owns the operations of the `account` model, for the caller's own account and for those that it administers in an
//! organization. An account itself is a record of `identities`. Refuses to know how mail is delivered ([`Mail`]).
//!
//! <https://docs.aws.amazon.com/accounts/latest/reference/api-reference.html>

mod authorization;
mod contact;
mod email;
mod error;
mod information;
mod region;
mod target;

use std::sync::Arc;

use aws_api::account::operation as op;
use aws_model::Value;
use service_api::{
    ConditionKeys, IdSource, Operations, RequestContext, ResourceFacts, Service, ServiceError,
};
use store::{RecordKind, Store};

pub use contact::AlternateContact;
pub use email::EmailUpdate;

/// Whoever delivers what AWS would mail.
pub trait Mail: Send + Sync + 'static {
    /// Delivers a text to an address. It may hold a secret.
    fn send(&self, to: &str, subject: &str, text: &str);
}

/// The service.
pub struct AccountManagement {
    state: State,
    operations: Operations<State>,
}

/// What the operations work on.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) mail: Box<dyn Mail>,
}

impl AccountManagement {
    /// A service on this store.
    pub fn new(store: Store, ids: Arc<dyn IdSource>, mail: impl Mail) -> Self {
        let operations = Operations::new()
            .with::<op::GetAccountInformation>(information::get)
            .with::<op::PutAccountName>(information::put_name)
            .with::<op::GetContactInformation>(contact::get)
            .with::<op::PutContactInformation>(contact::put)
            .with::<op::GetAlternateContact>(contact::get_alternate)
            .with::<op::PutAlternateContact>(contact::put_alternate)
            .with::<op::DeleteAlternateContact>(contact::delete_alternate)
            .with::<op::GetPrimaryEmail>(email::get)
            .with::<op::StartPrimaryEmailUpdate>(email::start)
            .with::<op::AcceptPrimaryEmailUpdate>(email::accept)
            .with::<op::ListRegions>(region::list)
            .with::<op::GetRegionOptStatus>(region::get)
            .with::<op::EnableRegion>(region::enable)
            .with::<op::DisableRegion>(region::disable);
        Self { state: State { store, ids, mail: Box::new(mail) }, operations }
    }

    /// Every kind of record that the service writes, beside those of `identities`.
    pub fn record_kinds() -> impl Iterator<Item = RecordKind> {
        [RecordKind::of::<AlternateContact>(), RecordKind::of::<EmailUpdate>()].into_iter()
    }
}

impl Service for AccountManagement {
    fn model(&self) -> &'static str {
        "account"
    }

    fn implements(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    fn resource(&self, context: &RequestContext, _resource_type: &str, id: &str) -> Option<ResourceFacts> {
        authorization::facts(&self.state.store.snapshot(), context, id)
    }

    fn said_of(
        &self,
        _context: &RequestContext,
        _operation: &str,
        _resource_type: &str,
        _is_new: bool,
        input: &Value,
    ) -> ConditionKeys {
        authorization::said(input)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        self.operations.call(&self.state, context, operation, input)
    }
}
