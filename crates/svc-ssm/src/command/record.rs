//! What is stored of a command.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use aws_types::{InstanceId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Read, Record, Scope, Transaction};

use super::{CommandId, InvocationStatus};

/// What an `AWS-RunShellScript` command does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// The lines of the script.
    pub commands: Vec<String>,
    /// Where it runs; the agent's own directory when `None`.
    pub working_directory: Option<String>,
    /// How long it may run, 1 to 172,800.
    pub execution_timeout_secs: u32,
}

/// A command. Its id is the command's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// The document's version as it was asked for.
    pub document_version: String,
    /// What the sender says about it.
    pub comment: String,
    /// The parameters as they were given.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// What it does.
    pub script: Script,
    /// The instances that were named.
    pub instance_ids: Vec<InstanceId>,
    /// The targets that were named: keys and values.
    pub targets: Vec<(String, Vec<String>)>,
    /// When it was sent.
    pub requested_at: Timestamp,
    /// How long it may take to be delivered.
    pub timeout_secs: u32,
    /// How many instances may run it at a time, as it was given.
    pub max_concurrency: String,
    /// How many errors it bears, as it was given.
    pub max_errors: String,
    /// How many instances it is for.
    pub target_count: usize,
    /// Whether it was cancelled.
    pub is_cancelled: bool,
}

impl Record for Command {
    const KIND: &'static str = "ssm.command";
}

impl Command {
    /// When it is no longer delivered.
    pub fn delivery_deadline(&self) -> Timestamp {
        self.requested_at.plus_millis(i64::from(self.timeout_secs) * 1000)
    }

    /// How many instances may run it at a time.
    pub(super) fn concurrency(&self) -> usize {
        share(&self.max_concurrency, self.target_count).max(1)
    }

    /// How many errors it bears before no further instance gets it.
    pub(super) fn tolerated_errors(&self) -> usize {
        share(&self.max_errors, self.target_count)
    }
}

/// A number, or a percentage of the targets, rounded down.
fn share(text: &str, of: usize) -> usize {
    match text.strip_suffix('%') {
        Some(percent) => percent.parse::<usize>().unwrap_or(100) * of / 100,
        None => text.parse().unwrap_or(usize::MAX),
    }
}

/// How a script ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Its exit code.
    pub exit_code: i32,
    /// What it wrote to standard output, as far as it is kept.
    pub stdout: String,
    /// What it wrote to standard error, as far as it is kept.
    pub stderr: String,
}

/// A command on one instance. Its id is the command's, a slash, and the instance's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// The command.
    pub command_id: CommandId,
    /// The instance.
    pub instance_id: InstanceId,
    /// The instance's host name when the command was sent.
    pub computer_name: String,
    /// When the command was sent.
    pub requested_at: Timestamp,
    /// Its state.
    pub status: InvocationStatus,
    /// When the script was started.
    pub started_at: Option<Timestamp>,
    /// When it ended, or was given up.
    pub ended_at: Option<Timestamp>,
    /// How the script ended.
    pub outcome: Option<Outcome>,
}

impl Record for Invocation {
    const KIND: &'static str = "ssm.invocation";
}

impl Invocation {
    pub(super) fn id(command: &CommandId, instance: InstanceId) -> String {
        format!("{command}/{instance}")
    }
}

/// Work for whoever runs the instance: an invocation that is to be delivered, or stopped. It is there until a final report.
/// Its id is the instance's, a slash, and the command's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The command.
    pub command_id: CommandId,
    /// The instance to run it on.
    pub instance_id: InstanceId,
    /// What to run.
    pub script: Script,
    /// When the command was sent. An instance starts its commands in this order.
    pub requested_at: Timestamp,
    /// When to give up delivering it.
    pub delivery_deadline: Timestamp,
    /// Whether it has to wait until the command has ended on other instances: it is to be left alone until then.
    pub is_held: bool,
    /// Whether it was started.
    pub is_started: bool,
    /// Whether it is to be stopped.
    pub is_cancelled: bool,
}

impl Record for Assignment {
    const KIND: &'static str = "ssm.assignment";
}

impl Assignment {
    pub(super) fn id(instance: InstanceId, command: &CommandId) -> String {
        format!("{instance}/{command}")
    }
}

/// All invocations of a command, in order of their instances' ids.
pub(super) fn invocations<'a, S: Read>(
    state: &'a S,
    scope: &Scope,
    command: &CommandId,
) -> impl Iterator<Item = Arc<Invocation>> + use<'a, S> {
    let prefix = format!("{command}/");
    let from = state.scan_from::<Invocation>(scope, Bound::Included(&prefix));
    from.take_while(move |(id, _)| id.starts_with(&prefix)).map(|(_, invocation)| invocation)
}

/// All assignments of an instance.
pub(super) fn assignments_of<'a, S: Read>(
    state: &'a S,
    scope: &Scope,
    instance: InstanceId,
) -> impl Iterator<Item = Arc<Assignment>> + use<'a, S> {
    let prefix = format!("{instance}/");
    let from = state.scan_from::<Assignment>(scope, Bound::Included(&prefix));
    from.take_while(move |(id, _)| id.starts_with(&prefix)).map(|(_, assignment)| assignment)
}

/// Lets as many held assignments go as the command's concurrency allows.
pub(super) fn dispatch(transaction: &mut Transaction, scope: &Scope, command: &Command) {
    let open: Vec<_> = invocations(transaction, scope, &command.id)
        .filter(|invocation| !invocation.status.is_final())
        .collect();
    for invocation in open.iter().take(command.concurrency()) {
        change_assignment(transaction, scope, invocation, |assignment| assignment.is_held = false);
    }
}

/// Changes the assignment of an invocation that has not ended.
pub(super) fn change_assignment(
    transaction: &mut Transaction,
    scope: &Scope,
    invocation: &Invocation,
    change: impl FnOnce(&mut Assignment),
) {
    let id = Assignment::id(invocation.instance_id, &invocation.command_id);
    if let Some(known) = transaction.get::<Assignment>(scope, &id) {
        let mut assignment = Assignment::clone(&known);
        change(&mut assignment);
        transaction.put(scope, &id, assignment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        let check =
            |text: &str, of: usize, expected: usize| assert_eq!(share(text, of), expected, "{text} of {of}");
        check("50", 10, 50);
        check("0", 10, 0);
        check("10%", 50, 5);
        check("10%", 5, 0);
        check("100%", 7, 7);
    }
}
