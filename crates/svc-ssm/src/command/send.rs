//! `SendCommand`.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html>

use aws_api::ssm::{SendCommandRequest, SendCommandResult};
use aws_types::InstanceId;
use service_api::{RequestContext, ServiceError};

use super::record::{Assignment, Command, Invocation, dispatch};
use super::{CommandId, InvocationStatus, document, list, target};
use crate::State;
use crate::error::not_implemented;

/// How long a command may take to be delivered by default.
const DEFAULT_TIMEOUT_SECS: i32 = 3600;
const DEFAULT_MAX_CONCURRENCY: &str = "50";
const DEFAULT_MAX_ERRORS: &str = "0";

pub(crate) fn send(
    state: &State,
    context: &RequestContext,
    request: SendCommandRequest,
) -> Result<SendCommandResult, ServiceError> {
    refuse_what_is_not_built(&request)?;
    document::check(&context.region, &request.document_name, request.document_version.as_deref())?;
    let parameters = request.parameters.clone().unwrap_or_default();
    let script = document::script(&parameters)?;
    let id = CommandId::from_bits(state.ids.bits());
    state.store.transact(|transaction| {
        let instances = target::select(transaction, context, &request)?;
        let named = request.instance_ids.as_ref().is_some_and(|ids| !ids.is_empty());
        let instance_ids: Vec<InstanceId> = instances.iter().map(|instance| instance.instance_id).collect();
        let command = Command {
            id: id.clone(),
            document_version: request.document_version.clone().unwrap_or_else(|| "$DEFAULT".to_owned()),
            comment: request.comment.clone().unwrap_or_default(),
            parameters: parameters.clone(),
            script: script.clone(),
            instance_ids: if named { instance_ids } else { Vec::new() },
            targets: request
                .targets
                .iter()
                .flatten()
                .map(|target| {
                    (target.key.clone().unwrap_or_default(), target.values.clone().unwrap_or_default())
                })
                .collect(),
            requested_at: context.now,
            timeout_secs: u32::try_from(request.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT_SECS)).unwrap_or(0),
            max_concurrency: request
                .max_concurrency
                .clone()
                .unwrap_or_else(|| DEFAULT_MAX_CONCURRENCY.to_owned()),
            max_errors: request.max_errors.clone().unwrap_or_else(|| DEFAULT_MAX_ERRORS.to_owned()),
            target_count: instances.len(),
            is_cancelled: false,
        };
        let scope = context.scope();
        for instance in &instances {
            let invocation = Invocation {
                command_id: id.clone(),
                instance_id: instance.instance_id,
                computer_name: instance.computer_name.clone(),
                requested_at: context.now,
                status: InvocationStatus::Pending,
                started_at: None,
                ended_at: None,
                outcome: None,
            };
            let assignment = Assignment {
                command_id: id.clone(),
                instance_id: instance.instance_id,
                script: script.clone(),
                requested_at: context.now,
                delivery_deadline: command.delivery_deadline(),
                is_held: true,
                is_started: false,
                is_cancelled: false,
            };
            transaction.put(&scope, &Invocation::id(&id, instance.instance_id), invocation);
            transaction.put(&scope, &Assignment::id(instance.instance_id, &id), assignment);
        }
        dispatch(transaction, &scope, &command);
        let shown = list::show(transaction, &scope, &command);
        transaction.put(&scope, id.as_str(), command);
        Ok(SendCommandResult { command: Some(shown) })
    })
}

fn refuse_what_is_not_built(request: &SendCommandRequest) -> Result<(), ServiceError> {
    let writes_logs = request.cloud_watch_output_config.as_ref().is_some_and(|config| {
        config.cloud_watch_output_enabled == Some(true) || config.cloud_watch_log_group_name.is_some()
    });
    let asked = [
        (request.document_hash.is_some(), "DocumentHash"),
        (request.output_s3_bucket_name.is_some(), "Output to an S3 bucket"),
        (
            request.service_role_arn.is_some() || request.notification_config.is_some(),
            "A notification about a command",
        ),
        (writes_logs, "Output to CloudWatch Logs"),
        (request.alarm_configuration.is_some(), "An alarm that stops a command"),
    ];
    match asked.into_iter().find(|(is_asked, _)| *is_asked) {
        Some((_, what)) => Err(not_implemented(what)),
        None => Ok(()),
    }
}
