//! `GetCommandInvocation`.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html>

use aws_api::ssm::{CloudWatchOutputConfig, GetCommandInvocationRequest, GetCommandInvocationResult};
use aws_types::InstanceId;
use service_api::{RequestContext, ServiceError};
use store::Read as _;

use super::record::{Command, Invocation};
use super::{CommandId, document};
use crate::State;

/// The exit code of what has not ended.
pub(super) const NO_EXIT_CODE: i32 = -1;

pub(crate) fn get_invocation(
    state: &State,
    context: &RequestContext,
    request: GetCommandInvocationRequest,
) -> Result<GetCommandInvocationResult, ServiceError> {
    let missing = || {
        let message = format!("The command {} was not sent to {}.", request.command_id, request.instance_id);
        ServiceError::new("InvocationDoesNotExist", message)
    };
    let id: CommandId = request.command_id.parse().map_err(|_| missing())?;
    let instance: InstanceId = request.instance_id.parse().map_err(|_| missing())?;
    let snapshot = state.store.snapshot();
    let scope = context.scope();
    let command = snapshot.get::<Command>(&scope, id.as_str()).ok_or_else(missing)?;
    let invocation =
        snapshot.get::<Invocation>(&scope, &Invocation::id(&id, instance)).ok_or_else(missing)?;
    if request.plugin_name.as_deref().is_some_and(|plugin| plugin != document::PLUGIN) {
        let message = format!("The document {} has no plugin of that name.", document::NAME);
        return Err(ServiceError::new("InvalidPluginName", message));
    }
    let outcome = invocation.outcome.clone();
    let time =
        |time: Option<aws_types::Timestamp>| Some(time.map_or_else(String::new, |time| time.to_string()));
    Ok(GetCommandInvocationResult {
        command_id: Some(id.to_string()),
        instance_id: Some(instance.to_string()),
        comment: Some(command.comment.clone()),
        document_name: Some(document::NAME.to_owned()),
        document_version: Some(command.document_version.clone()),
        plugin_name: Some(document::PLUGIN.to_owned()),
        response_code: Some(outcome.as_ref().map_or(NO_EXIT_CODE, |outcome| outcome.exit_code)),
        execution_start_date_time: time(invocation.started_at),
        execution_elapsed_time: Some(elapsed(&invocation)),
        execution_end_date_time: time(invocation.ended_at.filter(|_| invocation.started_at.is_some())),
        status: Some(invocation.status.coarse().to_owned()),
        status_details: Some(invocation.status.details().to_owned()),
        standard_output_content: Some(
            outcome.as_ref().map_or_else(String::new, |outcome| outcome.stdout.clone()),
        ),
        standard_output_url: Some(String::new()),
        standard_error_content: Some(outcome.map_or_else(String::new, |outcome| outcome.stderr)),
        standard_error_url: Some(String::new()),
        cloud_watch_output_config: Some(no_logs()),
    })
}

/// What is answered for commands that write to no log group, which are all.
pub(super) fn no_logs() -> CloudWatchOutputConfig {
    CloudWatchOutputConfig {
        cloud_watch_log_group_name: Some(String::new()),
        cloud_watch_output_enabled: Some(false),
    }
}

/// ISO 8601 in seconds, such as `PT0.056S`; nothing before the end.
fn elapsed(invocation: &Invocation) -> String {
    let (Some(from), Some(to)) = (invocation.started_at, invocation.ended_at) else { return String::new() };
    let millis = to.unix_millis().saturating_sub(from.unix_millis()).max(0);
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    format!("PT{}S", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use aws_types::Timestamp;

    use super::*;

    #[test]
    fn elapsed_times() {
        let check = |millis: Option<i64>, expected: &str| {
            let from = Timestamp::from_unix_secs(1_700_000_000);
            let invocation = Invocation {
                command_id: CommandId::from_bits(0),
                instance_id: "i-00000000000000001".parse().unwrap(),
                computer_name: String::new(),
                requested_at: from,
                status: super::super::InvocationStatus::Success,
                started_at: Some(from),
                ended_at: millis.map(|millis| from.plus_millis(millis)),
                outcome: None,
            };
            assert_eq!(elapsed(&invocation), expected);
        };
        check(Some(56), "PT0.056S");
        check(Some(2440), "PT2.44S");
        check(Some(10_000), "PT10S");
        check(Some(0), "PT0S");
        check(Some(-5), "PT0S");
        check(None, "");
    }
}
