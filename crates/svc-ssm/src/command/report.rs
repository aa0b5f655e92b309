//! What whoever runs the instances reports about commands.

use aws_types::{InstanceId, Timestamp};
use store::{Read as _, Scope, StoreError, Transaction};

use super::record::{
    Assignment, Command, Invocation, Outcome, assignments_of, change_assignment, dispatch, invocations,
};
use super::{CommandId, InvocationStatus};
use crate::Ssm;

/// How much of standard output is kept, in characters.
const MAX_STDOUT_CHARS: usize = 24_000;
/// How much of standard error is kept, in characters.
const MAX_STDERR_CHARS: usize = 8_000;
/// What output ends with that was longer.
const TRUNCATED: &str = "---Output truncated---";
/// How long commands are kept after they were sent.
const RETENTION_MILLIS: i64 = 30 * 24 * 3600 * 1000;
/// The exit code of what was not allowed to end by itself.
const KILLED: i32 = 137;

/// Something that happened to an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The script was started.
    Started,
    /// The script ended by itself.
    Finished(Outcome),
    /// The script was stopped because its execution timeout was over; what it had written by then.
    ExecutionTimedOut {
        /// Standard output.
        stdout: String,
        /// Standard error.
        stderr: String,
    },
    /// The script was stopped because the command was cancelled; what it had written by then.
    Cancelled {
        /// Standard output.
        stdout: String,
        /// Standard error.
        stderr: String,
    },
    /// The delivery deadline passed before the script could be started.
    DeliveryTimedOut,
    /// The script cannot be started at all; why, for `StandardErrorContent`.
    Undeliverable {
        /// The reason.
        reason: String,
    },
}

impl Report {
    fn status(&self) -> InvocationStatus {
        match self {
            Self::Started => InvocationStatus::InProgress,
            Self::Finished(Outcome { exit_code: 0, .. }) => InvocationStatus::Success,
            Self::Finished(_) => InvocationStatus::Failed,
            Self::ExecutionTimedOut { .. } => InvocationStatus::ExecutionTimedOut,
            Self::Cancelled { .. } => InvocationStatus::Cancelled,
            Self::DeliveryTimedOut => InvocationStatus::DeliveryTimedOut,
            Self::Undeliverable { .. } => InvocationStatus::Undeliverable,
        }
    }

    fn outcome(self) -> Option<Outcome> {
        let outcome = match self {
            Self::Started | Self::DeliveryTimedOut => return None,
            Self::Finished(outcome) => outcome,
            Self::ExecutionTimedOut { stdout, stderr } | Self::Cancelled { stdout, stderr } => {
                Outcome { exit_code: KILLED, stdout, stderr }
            }
            Self::Undeliverable { reason } => Outcome { exit_code: 1, stdout: String::new(), stderr: reason },
        };
        Some(Outcome {
            exit_code: outcome.exit_code,
            stdout: truncated(outcome.stdout, MAX_STDOUT_CHARS),
            stderr: truncated(outcome.stderr, MAX_STDERR_CHARS),
        })
    }
}

fn truncated(text: String, max_chars: usize) -> String {
    if text.chars().nth(max_chars).is_none() {
        return text;
    }
    let mut kept: String = text.chars().take(max_chars - TRUNCATED.len()).collect();
    kept.push_str(TRUNCATED);
    kept
}

impl Ssm {
    /// All work that is to be done or is being done, in all accounts and regions.
    pub fn assignments(&self) -> Vec<(Scope, Assignment)> {
        let snapshot = self.state.store.snapshot();
        let own = |(scope, _, assignment): (&Scope, &str, std::sync::Arc<Assignment>)| {
            (scope.clone(), Assignment::clone(&assignment))
        };
        snapshot.scan_all::<Assignment>().filter(|(_, _, assignment)| !assignment.is_held).map(own).collect()
    }

    /// Notes what happened to an invocation. Answers whether that changed anything: a report that comes late, twice, or
    /// about what is not known does not. A script whose start changed nothing was cancelled meanwhile and must not run.
    ///
    /// # Errors
    /// The store could not write it; the report has to be made again.
    pub fn report_invocation(
        &self,
        scope: &Scope,
        command: &CommandId,
        instance: InstanceId,
        report: Report,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.state.store.transact(|transaction| Ok(note(transaction, scope, command, instance, report, at)))
    }

    /// Notes that a script was started.
    ///
    /// # Errors
    /// As [`Ssm::report_invocation`].
    pub fn invocation_started(
        &self,
        scope: &Scope,
        command: &CommandId,
        instance: InstanceId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.report_invocation(scope, command, instance, Report::Started, at)
    }

    /// Notes that a script ended.
    ///
    /// # Errors
    /// As [`Ssm::report_invocation`].
    pub fn invocation_finished(
        &self,
        scope: &Scope,
        command: &CommandId,
        instance: InstanceId,
        outcome: Outcome,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.report_invocation(scope, command, instance, Report::Finished(outcome), at)
    }

    /// Removes commands that were sent more than 30 days ago and have ended, with their invocations. Answers how many.
    ///
    /// # Errors
    /// The store could not write it.
    pub fn remove_expired_commands(&self, at: Timestamp) -> Result<usize, StoreError> {
        let oldest = at.plus_millis(-RETENTION_MILLIS);
        self.state.store.transact(|transaction| {
            let expired: Vec<(Scope, CommandId)> = transaction
                .scan_all::<Command>()
                .filter(|(_, _, command)| command.requested_at < oldest)
                .map(|(scope, _, command)| (scope.clone(), command.id.clone()))
                .collect();
            let mut removed = 0;
            for (scope, id) in expired {
                let all: Vec<_> = invocations(transaction, &scope, &id).collect();
                if all.iter().any(|invocation| !invocation.status.is_final()) {
                    continue;
                }
                for invocation in all {
                    transaction.delete::<Invocation>(&scope, &Invocation::id(&id, invocation.instance_id));
                }
                removed += usize::from(transaction.delete::<Command>(&scope, id.as_str()));
            }
            Ok(removed)
        })
    }
}

/// Fails what a terminated instance had not finished.
pub(crate) fn abandon_instance(
    transaction: &mut Transaction,
    scope: &Scope,
    instance: InstanceId,
    at: Timestamp,
) {
    let open: Vec<CommandId> = assignments_of(transaction, scope, instance)
        .map(|assignment| assignment.command_id.clone())
        .collect();
    for command in open {
        let reason = format!("The instance {instance} was terminated.");
        note(transaction, scope, &command, instance, Report::Undeliverable { reason }, at);
    }
}

fn note(
    transaction: &mut Transaction,
    scope: &Scope,
    command_id: &CommandId,
    instance: InstanceId,
    report: Report,
    at: Timestamp,
) -> bool {
    let id = Invocation::id(command_id, instance);
    let Some(known) = transaction.get::<Invocation>(scope, &id) else { return false };
    let Some(status) = known.status.transition(report.status()) else { return false };
    let mut invocation = Invocation { status, ..Invocation::clone(&known) };
    if status.is_final() {
        invocation.ended_at = Some(at);
        invocation.outcome = report.outcome();
        transaction.delete::<Assignment>(scope, &Assignment::id(instance, command_id));
    } else {
        invocation.started_at = Some(at);
        change_assignment(transaction, scope, &invocation, |assignment| assignment.is_started = true);
    }
    transaction.put(scope, &id, invocation);
    if status.is_final()
        && let Some(command) = transaction.get::<Command>(scope, command_id.as_str())
    {
        go_on(transaction, scope, &command, at);
    }
    true
}

/// After an invocation ended: the next ones may run, unless too many have failed; then those that did not start never
/// will.
fn go_on(transaction: &mut Transaction, scope: &Scope, command: &Command, at: Timestamp) {
    let all: Vec<_> = invocations(transaction, scope, &command.id).collect();
    let errors = all.iter().filter(|invocation| invocation.status.is_error()).count();
    if errors <= command.tolerated_errors() {
        dispatch(transaction, scope, command);
        return;
    }
    for invocation in all.iter().filter(|invocation| invocation.status == InvocationStatus::Pending) {
        let assignment_id = Assignment::id(invocation.instance_id, &command.id);
        if transaction.get::<Assignment>(scope, &assignment_id).is_some_and(|assignment| !assignment.is_held)
        {
            continue;
        }
        transaction.delete::<Assignment>(scope, &assignment_id);
        let terminated = Invocation {
            status: InvocationStatus::Terminated,
            ended_at: Some(at),
            ..Invocation::clone(invocation)
        };
        transaction.put(scope, &Invocation::id(&command.id, invocation.instance_id), terminated);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_cut_at_its_limit() {
        let check = |length: usize, expected: usize, is_cut: bool| {
            let kept = truncated("ä".repeat(length), 100);
            assert_eq!((kept.chars().count(), kept.ends_with(TRUNCATED)), (expected, is_cut), "{length}");
        };
        check(0, 0, false);
        check(100, 100, false);
        check(101, 100, true);
        check(5000, 100, true);
    }
}
