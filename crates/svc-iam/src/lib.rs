//! AWS Identity and Access Management.
//!
//! Owns the operations of the `iam` model: one file for each resource. The records of users, groups, roles, policies and
//! keys are those of `identities`, because authentication and authorization read them too. Refuses to know what a policy
//! means (`iam-policy`) and who the caller may be (the gateway has asked before).
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/welcome.html>

use std::sync::Arc;

use aws_model::Value;
use service_api::{IdSource, Operations, RequestContext, Service, ServiceError};
use store::{RecordKind, Scope, Store};

/// The service.
pub struct Iam {
    state: State,
    operations: Operations<State>,
}

/// What the operations work on.
#[expect(dead_code, reason = "the operations come next")]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) ids: Arc<dyn IdSource>,
}

impl Iam {
    /// A service on this store.
    pub fn new(store: Store, ids: Arc<dyn IdSource>) -> Self {
        Self { state: State { store, ids }, operations: Operations::new() }
    }

    /// The kinds of records that it writes, beside those of `identities`.
    pub fn record_kinds() -> impl Iterator<Item = RecordKind> {
        std::iter::empty()
    }
}

impl Service for Iam {
    fn model(&self) -> &'static str {
        "iam"
    }

    fn implements(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        self.operations.call(&self.state, context, operation, input)
    }
}

/// Where an account's identities are kept: they are of no region.
#[expect(dead_code, reason = "the operations come next")]
pub(crate) fn scope(context: &RequestContext) -> Scope {
    Scope::global(context.partition, context.account())
}
