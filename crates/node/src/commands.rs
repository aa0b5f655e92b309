//! Makes Run Command happen: observes what is assigned, runs it in the sandbox, reports how it ended.
//!
//! Owns which scripts run now. May be stopped at any point: what a new daemon finds started by the last one is
//! reported as failed, because nobody has its output any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_types::InstanceId;
use parking_lot::Mutex;
use sandbox::{Canceller, CaptureLimits, Driver, Exec, ExecStatus, Running, Userland};
use store::{Scope, Store, TailError};
use svc_ssm::{Assignment, CommandId, Outcome, Report, Ssm};
use tokio::sync::Notify;

use crate::now;

/// How much output is kept in memory of each stream; Parameter limits cut it further.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html>
const OUTPUT_LIMIT_BYTES: usize = 128 * 1024;

/// How many scripts run at once in a cloud; more wait for their turn. Each has a thread that waits for it.
const SCRIPTS_PER_CLOUD: usize = 128;

/// How many of them on one instance, as the agent's default `CommandWorkersLimit`.
/// <https://github.com/aws/amazon-ssm-agent#configuration>
const SCRIPTS_PER_INSTANCE: usize = 5;

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_secs(1);

/// How often commands that are too old are removed.
const CLEAN_INTERVAL: Duration = Duration::from_secs(3600);

/// The exit code of a script whose end was not seen.
const UNSEEN_END: i32 = 1;

/// Runs the script $2 as the program that its first line names, from a file like the agent's; $1 is the command's id.
const RUN_BY_FIRST_LINE: &str = r#"
directory=/var/lib/amazon/ssm/document/orchestration/$1
script=$directory/awsrunShellScript/_script.sh
mkdir -p "${script%/*}" && (umask 077 && printf '%s\n' "$2" >"$script") && chmod 700 "$script" || exit
"$script"
code=$?
rm -rf "$directory"
exit $code
"#;

type Key = (InstanceId, CommandId);

/// What runs a script: the shell, unless its first line names another program.
fn command_line(id: &CommandId, commands: &[String]) -> Vec<String> {
    let script = commands.join("\n");
    let shell = ["/bin/sh", "-c"].map(str::to_owned).into_iter();
    if script.starts_with("#!") {
        shell.chain([RUN_BY_FIRST_LINE.to_owned(), "sh".to_owned(), id.to_string(), script]).collect()
    } else {
        shell.chain([script]).collect()
    }
}

/// A script under way.
#[derive(Clone, Default)]
struct Script {
    /// Stops it; none before it was started.
    canceller: Option<Canceller>,
    /// Whether it was told to stop.
    is_cancelled: bool,
}

/// The reconciler of Run Command.
pub(crate) struct Commands {
    store: Store,
    ssm: Arc<Ssm>,
    sandboxes: Arc<Userland>,
    running: Arc<Mutex<HashMap<Key, Script>>>,
    ended: Arc<Notify>,
}

impl Commands {
    /// Over these services and sandboxes.
    pub(crate) fn new(store: Store, ssm: Arc<Ssm>, sandboxes: Arc<Userland>) -> Self {
        Self { store, ssm, sandboxes, running: Arc::default(), ended: Arc::default() }
    }

    /// Reconciles until the store is closed.
    pub(crate) async fn follow(self) {
        let this = Arc::new(self);
        let mut tail = this.store.tail(this.store.snapshot().revision());
        let mut cleaned = None::<tokio::time::Instant>;
        loop {
            let pass = Arc::clone(&this);
            if cleaned.is_none_or(|cleaned| cleaned.elapsed() >= CLEAN_INTERVAL) {
                cleaned = Some(tokio::time::Instant::now());
                if let Err(error) = this.ssm.remove_expired_commands(now()) {
                    tracing::warn!(%error, "old commands could not be removed");
                }
            }
            if tokio::task::spawn_blocking(move || pass.reconcile()).await.is_err() {
                tracing::error!("a pass over the commands panicked");
            }
            let has_work = async {
                loop {
                    match tail.changed().await {
                        Ok(commit) if !commit.changes.iter().any(|change| change.is::<Assignment>()) => {}
                        other => return other.map(drop),
                    }
                }
            };
            tokio::select! {
                work = has_work => match work {
                    Ok(()) => {}
                    Err(TailError::Behind) => tail = this.store.tail(this.store.snapshot().revision()),
                    Err(TailError::Closed) => return,
                },
                () = this.ended.notified() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    fn reconcile(self: &Arc<Self>) {
        let mut assignments = self.ssm.assignments();
        assignments.retain(|(_, assignment)| !assignment.is_held);
        assignments.sort_by_key(|(_, assignment)| assignment.requested_at);
        for (scope, assignment) in assignments {
            let key = (assignment.instance_id, assignment.command_id.clone());
            let known = self.running.lock().get(&key).cloned();
            match known {
                Some(script) => {
                    if assignment.is_cancelled && !script.is_cancelled {
                        self.cancel(&key);
                    }
                }
                None if assignment.is_cancelled => {
                    let nothing = Report::Cancelled { stdout: String::new(), stderr: String::new() };
                    self.report(&scope, &assignment, nothing);
                }
                None if assignment.is_started => {
                    let stderr =
                        "The end of this script was not seen: Brume was restarted while it ran.".to_owned();
                    let outcome = Outcome { exit_code: UNSEEN_END, stdout: String::new(), stderr };
                    self.report(&scope, &assignment, Report::Finished(outcome));
                }
                None => self.deliver(scope, assignment),
            }
        }
    }

    /// Stops a script that was started. One that is only about to be is stopped at a later pass.
    fn cancel(&self, key: &Key) {
        let mut running = self.running.lock();
        let Some(script) = running.get_mut(key) else { return };
        let Some(canceller) = &script.canceller else { return };
        match canceller.cancel() {
            Ok(()) => script.is_cancelled = true,
            Err(error) => tracing::warn!(command = %key.1, %error, "a script could not be stopped"),
        }
    }

    /// Starts a script if its instance runs; gives up when its time is over.
    fn deliver(self: &Arc<Self>, scope: Scope, assignment: Assignment) {
        match self.sandboxes.adopt(assignment.instance_id) {
            Ok(Some(running)) => {
                let key = (assignment.instance_id, assignment.command_id.clone());
                {
                    let mut scripts = self.running.lock();
                    let here = scripts.keys().filter(|(instance, _)| *instance == key.0).count();
                    if here >= SCRIPTS_PER_INSTANCE || scripts.len() >= SCRIPTS_PER_CLOUD {
                        return;
                    }
                    scripts.insert(key.clone(), Script::default());
                }
                let key_of_failed = key.clone();
                let this = Arc::clone(self);
                // Scripts may take hours, so they do not wait on the pool that requests are answered by.
                let spawned = std::thread::Builder::new().name("script".to_owned()).spawn(move || {
                    if let Some(report) = this.run(&scope, &assignment, running) {
                        this.report(&scope, &assignment, report);
                    }
                    this.running.lock().remove(&key);
                    this.ended.notify_one();
                });
                if let Err(error) = spawned {
                    tracing::error!(%error, "no thread can be made for a script; it is tried again");
                    self.running.lock().remove(&key_of_failed);
                }
            }
            Ok(None) if now() >= assignment.delivery_deadline => {
                self.report(&scope, &assignment, Report::DeliveryTimedOut);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(instance = %assignment.instance_id, %error, "a sandbox cannot be looked up");
            }
        }
    }

    /// Runs a script to its end. `None`: it was cancelled before it began.
    fn run(&self, scope: &Scope, assignment: &Assignment, running: Running) -> Option<Report> {
        if !self.report(scope, assignment, Report::Started) {
            return None;
        }
        let script = &assignment.script;
        let mut exec = Exec::new(command_line(&assignment.command_id, &script.commands));
        exec.working_directory = script.working_directory.as_ref().map(Into::into);
        let limits = CaptureLimits {
            timeout: Some(Duration::from_secs(script.execution_timeout_secs.into())),
            stdout_bytes: OUTPUT_LIMIT_BYTES,
            stderr_bytes: OUTPUT_LIMIT_BYTES,
        };
        let captured = self.sandboxes.exec(&running, &exec).and_then(|child| {
            let key = (assignment.instance_id, assignment.command_id.clone());
            self.running.lock().entry(key).or_default().canceller = Some(child.canceller());
            child.capture(limits)
        });
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(match captured {
            Ok(captured) => {
                let (stdout, stderr) = (text(&captured.stdout), text(&captured.stderr));
                let key = (assignment.instance_id, assignment.command_id.clone());
                let was_cancelled = self.running.lock().get(&key).is_some_and(|script| script.is_cancelled);
                match captured.status {
                    _ if captured.timed_out => Report::ExecutionTimedOut { stdout, stderr },
                    _ if was_cancelled => Report::Cancelled { stdout, stderr },
                    ExecStatus::Exited(exit_code) => Report::Finished(Outcome { exit_code, stdout, stderr }),
                    ExecStatus::Killed => Report::Cancelled { stdout, stderr },
                }
            }
            Err(error) => {
                let stderr = format!("The script could not be run: {error}");
                Report::Finished(Outcome { exit_code: UNSEEN_END, stdout: String::new(), stderr })
            }
        })
    }

    /// Reports, and answers whether that changed anything.
    fn report(&self, scope: &Scope, assignment: &Assignment, report: Report) -> bool {
        let noted =
            self.ssm.report_invocation(scope, &assignment.command_id, assignment.instance_id, report, now());
        noted.unwrap_or_else(|error| {
            tracing::error!(command = %assignment.command_id, %error, "what became of a command could not be stored");
            false
        })
    }
}
