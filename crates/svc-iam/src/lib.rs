//! AWS Identity and Access Management.
//!
//! Owns the operations of the `iam` model: one file for each resource, each with its table (`operations`). The records of
//! users, groups, roles, policies and keys are those of `identities`, because authentication and authorization read them
//! too. Refuses to know what a policy means (`iam-policy`) and who the caller may be (the gateway has asked before).
//!
//! The gateway checks names, paths, lengths and ranges against the model before a request comes here.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/welcome.html>

mod boundary;
mod caller;
mod document;
mod error;
mod page;
mod quota;
mod tag;
mod user;

use std::sync::Arc;

use aws_model::Value;
use aws_types::Arn;
use identities::{IdKind, unique_id};
use service_api::{IdSource, Operations, RequestContext, Service, ServiceError};
use store::{RecordKind, Scope, Store};

/// The service.
pub struct Iam {
    state: State,
    operations: Operations<State>,
}

/// What the operations work on.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) ids: Arc<dyn IdSource>,
}

impl State {
    /// An id that nothing else has.
    pub(crate) fn unique_id(&self, kind: IdKind) -> String {
        unique_id(kind, &mut || self.ids.bits())
    }
}

/// The tables of the files.
const TABLES: &[fn(Operations<State>) -> Operations<State>] = &[user::operations];

impl Iam {
    /// A service on this store.
    pub fn new(store: Store, ids: Arc<dyn IdSource>) -> Self {
        let operations = TABLES.iter().fold(Operations::new(), |table, add| add(table));
        Self { state: State { store, ids }, operations }
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
