//! AWS Systems Manager: Parameter Store, Run Command, managed instances.
//!
//! Owns the operations of the `ssm` model and the records behind them. Writes intent only: a command becomes an
//! [`Assignment`] in the store, whoever runs instances carries it out and reports through the methods of [`Ssm`].
//! Refuses to know instances (they are registered by whoever runs them, with a copy of their tags), and how a script
//! reaches one.

mod authorization;
mod command;
mod error;
mod instance;
mod page;
mod parameter;

use std::sync::Arc;

use aws_api::ssm::operation as op;
use aws_model::Value;
use service_api::{
    ConditionKeys, IdSource, NeededPermission, Operations, RequestContext, ResourceFacts, Service,
    ServiceError,
};
use store::{RecordKind, Store};

pub use command::{
    Assignment, Command, CommandId, Invocation, InvocationStatus, Outcome, ParseCommandIdError, Report,
    Script,
};
pub use instance::ManagedInstance;
pub use parameter::{Parameter, ParameterKind, ParameterTier, ParameterVersion, parameter_arn};

/// The service.
pub struct Ssm {
    state: State,
    operations: Operations<State>,
}

/// What the operations work on.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) ids: Arc<dyn IdSource>,
}

impl Ssm {
    /// A service on this store.
    pub fn new(store: Store, ids: Arc<dyn IdSource>) -> Self {
        let operations = Operations::new()
            .with::<op::PutParameter>(parameter::put)
            .with::<op::GetParameter>(parameter::get)
            .with::<op::GetParameters>(parameter::get_many)
            .with::<op::GetParametersByPath>(parameter::get_by_path)
            .with::<op::GetParameterHistory>(parameter::get_history)
            .with::<op::DescribeParameters>(parameter::describe)
            .with::<op::DeleteParameter>(parameter::delete)
            .with::<op::DeleteParameters>(parameter::delete_many)
            .with::<op::LabelParameterVersion>(parameter::label)
            .with::<op::UnlabelParameterVersion>(parameter::unlabel)
            .with::<op::AddTagsToResource>(parameter::add_tags)
            .with::<op::RemoveTagsFromResource>(parameter::remove_tags)
            .with::<op::ListTagsForResource>(parameter::list_tags)
            .with::<op::DescribeInstanceInformation>(instance::describe)
            .with::<op::SendCommand>(command::send)
            .with::<op::CancelCommand>(command::cancel)
            .with::<op::GetCommandInvocation>(command::get_invocation)
            .with::<op::ListCommandInvocations>(command::list_invocations)
            .with::<op::ListCommands>(command::list);
        Self { state: State { store, ids }, operations }
    }

    /// Every kind of record that the service writes.
    pub fn record_kinds() -> impl Iterator<Item = RecordKind> {
        [
            RecordKind::of::<Assignment>(),
            RecordKind::of::<Command>(),
            RecordKind::of::<Invocation>(),
            RecordKind::of::<ManagedInstance>(),
            RecordKind::of::<Parameter>(),
            RecordKind::of::<ParameterVersion>(),
        ]
        .into_iter()
    }
}

impl Service for Ssm {
    fn model(&self) -> &'static str {
        "ssm"
    }

    fn implements(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        self.operations.call(&self.state, context, operation, input)
    }

    fn needed_permissions(
        &self,
        context: &RequestContext,
        operation: &str,
        input: &Value,
    ) -> Option<Vec<NeededPermission>> {
        authorization::needed(self, context, operation, input)
    }

    fn resource(&self, context: &RequestContext, resource_type: &str, id: &str) -> Option<ResourceFacts> {
        authorization::facts(&self.state, context, resource_type, id)
    }

    fn implied(
        &self,
        context: &RequestContext,
        operation: &str,
        resource_type: &str,
        input: &Value,
    ) -> Option<Vec<String>> {
        authorization::implied(&self.state, context, operation, resource_type, input)
    }

    fn said_of(
        &self,
        _context: &RequestContext,
        operation: &str,
        _resource_type: &str,
        _is_new: bool,
        input: &Value,
    ) -> ConditionKeys {
        authorization::said_of(operation, input)
    }
}
