//! `CancelCommand`.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CancelCommand.html>

use std::collections::BTreeSet;

use aws_api::ssm::{CancelCommandRequest, CancelCommandResult};
use service_api::{RequestContext, ServiceError};
use store::Read as _;

use super::InvocationStatus;
use super::list;
use super::record::{Assignment, Command, Invocation, change_assignment, dispatch, invocations};
use crate::State;
use crate::error::invalid_instance_id;

/// What has not started is cancelled at once; what runs is marked, for whoever runs it to stop.
pub(crate) fn cancel(
    state: &State,
    context: &RequestContext,
    request: CancelCommandRequest,
) -> Result<CancelCommandResult, ServiceError> {
    let unknown = || {
        ServiceError::new("InvalidCommandId", format!("The command ID {} is not valid.", request.command_id))
    };
    let id = list::command_id(Some(&request.command_id))?.ok_or_else(unknown)?;
    let wanted = request.instance_ids.as_deref().unwrap_or_default();
    let distinct: BTreeSet<&String> = wanted.iter().collect();
    if distinct.len() != wanted.len() {
        return Err(ServiceError::new("DuplicateInstanceId", "An instance ID is given twice."));
    }
    let scope = context.scope();
    state.store.transact(|transaction| {
        let command = transaction.get::<Command>(&scope, id.as_str()).ok_or_else(unknown)?;
        let all: Vec<_> = invocations(transaction, &scope, &id).collect();
        let ids: BTreeSet<String> = all.iter().map(|invocation| invocation.instance_id.to_string()).collect();
        if let Some(stranger) = wanted.iter().find(|wanted| !ids.contains(*wanted)) {
            return Err(invalid_instance_id(format!("The command was not sent to {stranger}.")));
        }
        for invocation in all {
            let instance = invocation.instance_id;
            if !wanted.is_empty() && !distinct.contains(&instance.to_string()) {
                continue;
            }
            let mut invocation = Invocation::clone(&invocation);
            if let Some(status) = invocation.status.transition(InvocationStatus::Cancelling) {
                invocation.status = status;
                change_assignment(transaction, &scope, &invocation, |assignment| {
                    assignment.is_cancelled = true;
                });
            } else if invocation.status == InvocationStatus::Pending {
                invocation.status = InvocationStatus::Cancelled;
                invocation.ended_at = Some(context.now);
                transaction.delete::<Assignment>(&scope, &Assignment::id(instance, &id));
            } else {
                continue;
            }
            transaction.put(&scope, &Invocation::id(&id, instance), invocation);
        }
        if wanted.is_empty() {
            transaction.put(&scope, id.as_str(), Command { is_cancelled: true, ..Command::clone(&command) });
        } else {
            dispatch(transaction, &scope, &command);
        }
        Ok(CancelCommandResult {})
    })
}
