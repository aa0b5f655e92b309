//! `brume events`: who called what, and what came of it.
//!
//! Owns the table. Refuses to know where events are kept: the daemon tells.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use node::{EventsRequest, EventsTold};
use serde_json::Value;

use crate::account::running;
use crate::args::EventsOptions;
use crate::net::{Style, printable};

/// How often it is asked what came.
const ASKING: Duration = Duration::from_millis(500);

/// How much of a message a table has; `--json` has all of it.
const MESSAGE_CHARS_MAX: usize = 300;

/// Shows events, and goes on with those that come if that is asked for.
pub(crate) fn run(options: &EventsOptions) -> anyhow::Result<ExitCode> {
    let run_dir = running("`brume events`", &options.data_dir)?;
    let mut request = EventsRequest {
        after: None,
        account: options.account,
        service: options.service.clone(),
        errors_only: options.errors,
        limit: options.last.min(node::EVENTS_TOLD_MAX),
    };
    let mut text = if options.json { String::new() } else { Style::of_output().heading(&heading()) };
    loop {
        let told = EventsTold::ask(&run_dir, request.clone()).context("the daemon does not tell")?;
        for line in &told.events {
            if options.json {
                text.push_str(line);
                text.push('\n');
            } else {
                text.push_str(&row(line)?);
            }
        }
        if !text.is_empty() {
            match write!(io::stdout(), "{text}").and_then(|()| io::stdout().flush()) {
                // Whoever read it has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
                other => other?,
            }
            text.clear();
        }
        if !options.follow {
            if told.events.is_empty() && !options.json && io::stdout().is_terminal() {
                println!("No such calls.");
            }
            return Ok(ExitCode::SUCCESS);
        }
        request = EventsRequest {
            // A daemon that was started anew counts anew.
            after: Some(told.last),
            limit: node::EVENTS_TOLD_MAX,
            ..request
        };
        if !told.has_more {
            std::thread::sleep(ASKING);
        }
    }
}

fn heading() -> String {
    format!(
        "{:<20} {:<12} {:<28} {:<44} {:<14} {:<15} ERROR",
        "TIME", "ACCOUNT", "WHO", "CALL", "REGION", "FROM"
    )
}

/// An event in a line.
fn row(line: &str) -> anyhow::Result<String> {
    let event: Value = serde_json::from_str(line).context("the daemon tells no event")?;
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let source = text(&event["eventSource"]);
    let service = source.split('.').next().unwrap_or(&source);
    let call = format!("{service}:{}", text(&event["eventName"]));
    let error = event["errorCode"].as_str().unwrap_or("");
    let message = event["errorMessage"].as_str().map(shown).unwrap_or_default();
    let row = format!(
        "{:<20} {:<12} {:<28} {call:<44} {:<14} {:<15} {error}{message}",
        text(&event["eventTime"]),
        text(&event["recipientAccountId"]),
        who(&event["userIdentity"]),
        text(&event["awsRegion"]),
        text(&event["sourceIPAddress"]),
    );
    Ok(printable(&row).trim_end().to_owned() + "\n")
}

/// A message as a table has it: without what only DecodeAuthorizationMessage reads, and not longer than a few lines.
fn shown(message: &str) -> String {
    let told = message.split(" Encoded authorization failure message:").next().unwrap_or(message);
    let cut: String = told.chars().take(MESSAGE_CHARS_MAX).collect();
    let more = if cut.len() < told.len() { "…" } else { "" };
    format!(": {cut}{more}")
}

/// Somebody in a word or two.
fn who(identity: &Value) -> String {
    let text = |name: &str| identity[name].as_str().unwrap_or("-");
    match text("type") {
        "Root" => "root".to_owned(),
        "IAMUser" => format!("user/{}", text("userName")),
        "AWSService" => text("invokedBy").to_owned(),
        "AWSAccount" => format!("account {}", text("accountId")),
        // arn:aws:sts::123456789012:assumed-role/ROLE/SESSION
        _ => match text("arn").splitn(6, ':').nth(5) {
            Some(resource) => resource.strip_prefix("assumed-").unwrap_or(resource).to_owned(),
            None => text("principalId").to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_a_line_each() {
        let mut event = json!({
            "eventTime": "2026-11-22T14:28:00Z",
            "recipientAccountId": "123456789012",
            "userIdentity": { "type": "IAMUser", "userName": "alice" },
            "eventSource": "ec2.amazonaws.com",
            "eventName": "CreateVpc",
            "awsRegion": "us-east-1",
            "sourceIPAddress": "127.0.0.1",
        });
        let words = |event: &Value| {
            let line = row(&event.to_string()).unwrap();
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let expect =
            ["2026-11-22T14:28:00Z", "123456789012", "user/alice", "ec2:CreateVpc", "us-east-1", "127.0.0.1"];
        assert_eq!(words(&event), expect);
        event["errorCode"] = "Client.VpcLimitExceeded".into();
        event["errorMessage"] = "too\nmany\u{1b}[31m".into();
        assert_eq!(words(&event)[6..], ["Client.VpcLimitExceeded:", "too", "many", "[31m"]);
        event["errorMessage"] =
            format!("not allowed. Encoded authorization failure message: {}", "x".repeat(2000)).into();
        assert_eq!(words(&event)[6..], ["Client.VpcLimitExceeded:", "not", "allowed."]);
        event["errorMessage"] = "y".repeat(2000).into();
        let line = row(&event.to_string()).unwrap();
        assert!(line.chars().count() < 500 && line.ends_with("y…\n"), "{line}");
    }

    #[test]
    fn who_it_was_is_a_word() {
        for (identity, expect) in [
            (json!({ "type": "Root", "arn": "arn:aws:iam::1:root" }), "root"),
            (
                json!({ "type": "AssumedRole", "arn": "arn:aws:sts::123456789012:assumed-role/Admin/me" }),
                "role/Admin/me",
            ),
            (
                json!({ "type": "FederatedUser", "arn": "arn:aws:sts::123456789012:federated-user/Bob" }),
                "federated-user/Bob",
            ),
            (json!({ "type": "AWSService", "invokedBy": "ec2.amazonaws.com" }), "ec2.amazonaws.com"),
            (json!({ "type": "AWSAccount", "accountId": "123456789012" }), "account 123456789012"),
        ] {
            assert_eq!(who(&identity), expect);
        }
    }
}
