//! `ListCommands` and `ListCommandInvocations`, newest first.

use aws_api::ssm::{
    Command as Shown, CommandFilter, CommandInvocation, CommandPlugin, ListCommandInvocationsRequest,
    ListCommandInvocationsResult, ListCommandsRequest, ListCommandsResult, Target,
};
use aws_types::{InstanceId, Timestamp};
use service_api::{RequestContext, ServiceError};
use store::{Read, Scope};

use super::get::{NO_EXIT_CODE, no_logs};
use super::record::{Command, Invocation, invocations};
use super::{CommandId, InvocationStatus, document};
use crate::State;
use crate::error::{invalid_filter_key, invalid_filter_value, invalid_instance_id};
use crate::page;

/// How many are answered by default, and at most.
const PAGE: usize = 50;
/// How many characters of output a listing shows.
const MAX_LISTED_OUTPUT_CHARS: usize = 2500;
/// What stands between standard output and standard error in a listing.
const ERROR_MARK: &str = "\n----------ERROR-------\n";

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListCommands.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListCommandsRequest,
) -> Result<ListCommandsResult, ServiceError> {
    let filters = Filters::read(request.filters.as_deref().unwrap_or_default())?;
    let id = command_id(request.command_id.as_deref())?;
    let instance = instance_id(request.instance_id.as_deref())?;
    let snapshot = state.store.snapshot();
    let scope = context.scope();
    let mut items: Vec<(String, Shown)> = snapshot
        .scan::<Command>(&scope)
        .map(|(_, command)| command)
        .filter(|command| id.as_ref().is_none_or(|id| *id == command.id))
        .filter(|command| {
            instance.is_none_or(|instance| {
                snapshot.contains::<Invocation>(&scope, &Invocation::id(&command.id, instance))
            })
        })
        .filter_map(|command| {
            let shown = show(&snapshot, &scope, &command);
            let statuses = [shown.status.as_deref(), shown.status_details.as_deref()];
            filters
                .matches(command.requested_at, &statuses)
                .then(|| (newest_first(command.requested_at, command.id.as_str()), shown))
        })
        .collect();
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    let page = page::take(items, request.next_token.as_deref(), page::size(request.max_results, PAGE))?;
    Ok(ListCommandsResult { commands: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListCommandInvocations.html>
pub(crate) fn list_invocations(
    state: &State,
    context: &RequestContext,
    request: ListCommandInvocationsRequest,
) -> Result<ListCommandInvocationsResult, ServiceError> {
    let filters = Filters::read(request.filters.as_deref().unwrap_or_default())?;
    let id = command_id(request.command_id.as_deref())?;
    let instance = instance_id(request.instance_id.as_deref())?;
    let snapshot = state.store.snapshot();
    let scope = context.scope();
    let all: Vec<_> = match &id {
        Some(id) => invocations(&snapshot, &scope, id).collect(),
        None => snapshot.scan::<Invocation>(&scope).map(|(_, invocation)| invocation).collect(),
    };
    let mut items: Vec<(String, CommandInvocation)> = all
        .into_iter()
        .filter(|invocation| instance.is_none_or(|instance| instance == invocation.instance_id))
        .filter(|invocation| {
            let statuses = [Some(invocation.status.coarse()), Some(invocation.status.details())];
            filters.matches(invocation.requested_at, &statuses)
        })
        .filter_map(|invocation| {
            let command = snapshot.get::<Command>(&scope, invocation.command_id.as_str())?;
            let id = Invocation::id(&invocation.command_id, invocation.instance_id);
            let shown = show_invocation(&command, &invocation, request.details == Some(true));
            Some((newest_first(invocation.requested_at, &id), shown))
        })
        .collect();
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    let page = page::take(items, request.next_token.as_deref(), page::size(request.max_results, PAGE))?;
    Ok(ListCommandInvocationsResult { command_invocations: Some(page.items), next_token: page.next_token })
}

/// A key whose ascending order has the newest first, and within a millisecond is that of the ids.
fn newest_first(requested_at: Timestamp, id: &str) -> String {
    format!("{:019}/{id}", i64::MAX - requested_at.unix_millis().max(0))
}

pub(super) fn command_id(text: Option<&str>) -> Result<Option<CommandId>, ServiceError> {
    let parse = |text: &str| {
        text.parse().map_err(|_| {
            ServiceError::new("InvalidCommandId", format!("The command ID {text} is not valid."))
        })
    };
    text.map(parse).transpose()
}

fn instance_id(text: Option<&str>) -> Result<Option<InstanceId>, ServiceError> {
    let parse = |text: &str| {
        text.parse().map_err(|_| invalid_instance_id(format!("The instance ID {text} is not valid.")))
    };
    text.map(parse).transpose()
}

/// The filters of both listings.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CommandFilter.html>
#[derive(Default)]
struct Filters {
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    status: Option<String>,
    /// Whether a filter names what nothing here has: another document, or a stage of an automation.
    is_nothing: bool,
}

impl Filters {
    fn read(filters: &[CommandFilter]) -> Result<Self, ServiceError> {
        let mut read = Self::default();
        for filter in filters {
            match filter.key.as_str() {
                "InvokedAfter" => read.after = Some(time(&filter.value)?),
                "InvokedBefore" => read.before = Some(time(&filter.value)?),
                "Status" => read.status = Some(filter.value.clone()),
                "DocumentName" => read.is_nothing |= filter.value != document::NAME,
                "ExecutionStage" => match filter.value.as_str() {
                    "Executing" => read.status = Some("InProgress".to_owned()),
                    "Complete" => read.status = Some("Complete".to_owned()),
                    other => {
                        return Err(invalid_filter_value(format!(
                            "The execution stage {other} is not valid."
                        )));
                    }
                },
                other => return Err(invalid_filter_key(format!("The filter key {other} is not valid."))),
            }
        }
        Ok(read)
    }

    fn matches(&self, requested_at: Timestamp, statuses: &[Option<&str>]) -> bool {
        let is_open = statuses
            .iter()
            .flatten()
            .any(|status| matches!(*status, "Pending" | "InProgress" | "Cancelling"));
        let has_status = match self.status.as_deref() {
            None => true,
            Some("Complete") => !is_open,
            Some(status) => statuses.contains(&Some(status)),
        };
        !self.is_nothing
            && has_status
            && self.after.is_none_or(|after| requested_at > after)
            && self.before.is_none_or(|before| requested_at < before)
    }
}

/// A time such as `2021-07-07T00:00:00Z`.
fn time(text: &str) -> Result<Timestamp, ServiceError> {
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(|time| Timestamp::from_unix_millis(time.as_millisecond())).map_err(|_| {
        invalid_filter_value(format!("The time {text} is not of the form 2021-07-07T00:00:00Z."))
    })
}

/// A command as the API shows it, with what has become of its invocations.
pub(super) fn show<S: Read>(state: &S, scope: &Scope, command: &Command) -> Shown {
    let statuses: Vec<InvocationStatus> =
        invocations(state, scope, &command.id).map(|invocation| invocation.status).collect();
    let count = |test: fn(&InvocationStatus) -> bool| {
        i32::try_from(statuses.iter().copied().filter(test).count()).ok()
    };
    let (status, details) = summary(command, &statuses);
    Shown {
        command_id: Some(command.id.to_string()),
        document_name: Some(document::NAME.to_owned()),
        document_version: Some(command.document_version.clone()),
        comment: Some(command.comment.clone()),
        expires_after: Some(
            command.delivery_deadline().plus_millis(i64::from(command.script.execution_timeout_secs) * 1000),
        ),
        parameters: Some(command.parameters.clone()),
        instance_ids: Some(command.instance_ids.iter().map(ToString::to_string).collect()),
        targets: Some(command.targets.iter().map(show_target).collect()),
        requested_date_time: Some(command.requested_at),
        status: Some(status.to_owned()),
        status_details: Some(details.to_owned()),
        output_s3_bucket_name: Some(String::new()),
        output_s3_key_prefix: Some(String::new()),
        max_concurrency: Some(command.max_concurrency.clone()),
        max_errors: Some(command.max_errors.clone()),
        target_count: i32::try_from(command.target_count).ok(),
        completed_count: count(|status| status.is_final()),
        error_count: count(|status| status.is_error()),
        delivery_timed_out_count: count(|status| *status == InvocationStatus::DeliveryTimedOut),
        service_role: Some(String::new()),
        cloud_watch_output_config: Some(no_logs()),
        timeout_seconds: i32::try_from(command.timeout_secs).ok(),
        ..Shown::default()
    }
}

fn show_target((key, values): &(String, Vec<String>)) -> Target {
    Target { key: Some(key.clone()), values: Some(values.clone()) }
}

/// `Status` and `StatusDetails` of a command, from the states of its invocations.
fn summary(command: &Command, statuses: &[InvocationStatus]) -> (&'static str, &'static str) {
    use InvocationStatus as S;
    let any = |wanted: S| statuses.contains(&wanted);
    let is_open = statuses.iter().any(|status| !status.is_final());
    if statuses.is_empty() {
        return ("Success", "NoInstancesInTag");
    }
    if is_open && command.is_cancelled {
        return ("Cancelling", "Cancelling");
    }
    if is_open {
        let is_untouched = statuses.iter().all(|status| *status == S::Pending);
        return if is_untouched { ("Pending", "Pending") } else { ("InProgress", "InProgress") };
    }
    if any(S::Terminated) {
        return ("Failed", "RateExceeded");
    }
    if command.is_cancelled && any(S::Cancelled) {
        return ("Cancelled", "Cancelled");
    }
    // The worst of what is left.
    for status in [S::Failed, S::ExecutionTimedOut, S::DeliveryTimedOut, S::Undeliverable, S::Cancelled] {
        if any(status) {
            return (status.coarse(), status.details());
        }
    }
    ("Success", "Success")
}

fn show_invocation(command: &Command, invocation: &Invocation, with_details: bool) -> CommandInvocation {
    let status = Some(invocation.status.coarse().to_owned());
    let status_details = Some(invocation.status.details().to_owned());
    let plugin = || CommandPlugin {
        name: Some(document::PLUGIN.to_owned()),
        status: status.clone(),
        status_details: status_details.clone(),
        response_code: Some(invocation.outcome.as_ref().map_or(NO_EXIT_CODE, |outcome| outcome.exit_code)),
        response_start_date_time: invocation.started_at,
        response_finish_date_time: invocation.ended_at.filter(|_| invocation.started_at.is_some()),
        output: Some(listed_output(invocation)),
        standard_output_url: Some(String::new()),
        standard_error_url: Some(String::new()),
        output_s3_bucket_name: Some(String::new()),
        output_s3_key_prefix: Some(String::new()),
        ..CommandPlugin::default()
    };
    CommandInvocation {
        command_id: Some(invocation.command_id.to_string()),
        instance_id: Some(invocation.instance_id.to_string()),
        instance_name: Some(invocation.computer_name.clone()),
        comment: Some(command.comment.clone()),
        document_name: Some(document::NAME.to_owned()),
        document_version: Some(command.document_version.clone()),
        requested_date_time: Some(invocation.requested_at),
        status: status.clone(),
        status_details: status_details.clone(),
        trace_output: None,
        standard_output_url: Some(String::new()),
        standard_error_url: Some(String::new()),
        command_plugins: Some(if with_details { vec![plugin()] } else { Vec::new() }),
        service_role: Some(String::new()),
        notification_config: None,
        cloud_watch_output_config: Some(no_logs()),
    }
}

fn listed_output(invocation: &Invocation) -> String {
    let Some(outcome) = &invocation.outcome else { return String::new() };
    let mut text = outcome.stdout.clone();
    if !outcome.stderr.is_empty() {
        text.push_str(ERROR_MARK);
        text.push_str(&outcome.stderr);
    }
    text.chars().take(MAX_LISTED_OUTPUT_CHARS).collect()
}
