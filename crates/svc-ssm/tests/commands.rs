//! Run Command and managed instances through the service's operations and the reports about them.

#![allow(clippy::unwrap_used)]

mod harness;

use std::collections::BTreeMap;

use aws_api::ssm::operation as op;
use aws_api::ssm::{
    CancelCommandRequest, Command, CommandFilter, DescribeInstanceInformationRequest,
    GetCommandInvocationRequest, GetCommandInvocationResult, InstanceInformationFilter,
    InstanceInformationStringFilter, ListCommandInvocationsRequest, ListCommandsRequest, SendCommandRequest,
    Target,
};
use aws_types::{InstanceId, Tag};
use harness::{ACCOUNT, Harness, NOW, texts};
use svc_ssm::{CommandId, Outcome, Report};

fn request(commands: &[&str]) -> SendCommandRequest {
    SendCommandRequest {
        document_name: "AWS-RunShellScript".to_owned(),
        parameters: Some(BTreeMap::from([("commands".to_owned(), texts(commands))])),
        ..SendCommandRequest::default()
    }
}

fn to(instances: &[InstanceId]) -> SendCommandRequest {
    let ids = instances.iter().map(ToString::to_string).collect();
    SendCommandRequest { instance_ids: Some(ids), ..request(&["echo hello"]) }
}

fn targets(key: &str, values: &[&str]) -> SendCommandRequest {
    let target = Target { key: Some(key.to_owned()), values: Some(texts(values)) };
    SendCommandRequest { targets: Some(vec![target]), ..request(&["echo hello"]) }
}

fn send(harness: &Harness, request: SendCommandRequest) -> (CommandId, Command) {
    let command = harness.call::<op::SendCommand>(request).unwrap().command.unwrap();
    (command.command_id.clone().unwrap().parse().unwrap(), command)
}

fn outcome(exit_code: i32, stdout: &str, stderr: &str) -> Outcome {
    Outcome { exit_code, stdout: stdout.to_owned(), stderr: stderr.to_owned() }
}

fn invocation(harness: &Harness, command: &CommandId, instance: InstanceId) -> GetCommandInvocationResult {
    let request = GetCommandInvocationRequest {
        command_id: command.to_string(),
        instance_id: instance.to_string(),
        plugin_name: None,
    };
    harness.call::<op::GetCommandInvocation>(request).unwrap()
}

/// `Status` and `StatusDetails` of a command.
fn status(harness: &Harness, command: &CommandId) -> (String, String) {
    let request =
        ListCommandsRequest { command_id: Some(command.to_string()), ..ListCommandsRequest::default() };
    let listed = harness.call::<op::ListCommands>(request).unwrap().commands.unwrap().remove(0);
    (listed.status.unwrap(), listed.status_details.unwrap())
}

fn pair(status: &str, details: &str) -> (String, String) {
    (status.to_owned(), details.to_owned())
}

#[test]
fn a_command_is_assigned_run_and_answered() {
    let harness = Harness::new();
    let instance = harness.instance(1, &[]);
    let mut request = to(&[instance]);
    request.parameters.as_mut().unwrap().insert("workingDirectory".to_owned(), texts(&["/tmp"]));
    request.parameters.as_mut().unwrap().insert("executionTimeout".to_owned(), texts(&["60"]));
    request.comment = Some("say it".to_owned());
    request.timeout_seconds = Some(30);
    let (command, shown) = send(&harness, request);
    assert_eq!(
        (shown.status.as_deref(), shown.status_details.as_deref()),
        (Some("Pending"), Some("Pending"))
    );
    assert_eq!((shown.target_count, shown.completed_count), (Some(1), Some(0)));
    assert_eq!(shown.expires_after, Some(NOW.plus_millis(90_000)));
    let assignments = harness.ssm.assignments();
    let [(scope, assignment)] = assignments.as_slice() else { panic!("{assignments:?}") };
    assert_eq!((scope, assignment.instance_id), (&harness.scope(), instance));
    assert_eq!(assignment.script.commands, ["echo hello"]);
    assert_eq!(assignment.script.working_directory.as_deref(), Some("/tmp"));
    assert_eq!(assignment.script.execution_timeout_secs, 60);
    assert_eq!(assignment.delivery_deadline, NOW.plus_millis(30_000));

    let pending = invocation(&harness, &command, instance);
    assert_eq!((pending.status.as_deref(), pending.response_code), (Some("Pending"), Some(-1)));
    assert_eq!(pending.execution_start_date_time.as_deref(), Some(""));

    assert!(harness.ssm.invocation_started(scope, &command, instance, NOW.plus_millis(100)).unwrap());
    assert!(!harness.ssm.invocation_started(scope, &command, instance, NOW.plus_millis(200)).unwrap());
    assert_eq!(status(&harness, &command), pair("InProgress", "InProgress"));
    assert!(harness.ssm.assignments()[0].1.is_started);

    let end = NOW.plus_millis(156);
    assert!(
        harness.ssm.invocation_finished(scope, &command, instance, outcome(0, "hello\n", ""), end).unwrap()
    );
    assert!(!harness.ssm.invocation_finished(scope, &command, instance, outcome(1, "", ""), end).unwrap());
    assert!(harness.ssm.assignments().is_empty());
    let done = invocation(&harness, &command, instance);
    let expected = GetCommandInvocationResult {
        command_id: Some(command.to_string()),
        instance_id: Some(instance.to_string()),
        comment: Some("say it".to_owned()),
        document_name: Some("AWS-RunShellScript".to_owned()),
        document_version: Some("$DEFAULT".to_owned()),
        plugin_name: Some("aws:runShellScript".to_owned()),
        response_code: Some(0),
        execution_start_date_time: Some("2027-01-15T08:00:00.100Z".to_owned()),
        execution_elapsed_time: Some("PT0.056S".to_owned()),
        execution_end_date_time: Some("2027-01-15T08:00:00.156Z".to_owned()),
        status: Some("Success".to_owned()),
        status_details: Some("Success".to_owned()),
        standard_output_content: Some("hello\n".to_owned()),
        ..done.clone()
    };
    assert_eq!(done, expected);
    assert_eq!(status(&harness, &command), pair("Success", "Success"));
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let harness = Harness::new();
    let instance = harness.instance(1, &[]);
    let stopped = harness.instance(2, &[]);
    assert!(harness.ssm.disconnect_instance(&harness.scope(), stopped, NOW).unwrap());
    let unknown: InstanceId = "i-0000000000000ffff".parse().unwrap();
    let check = |what: &str, request: SendCommandRequest, code: &str, message: &str| {
        let refused = harness.refused::<op::SendCommand>(request);
        assert_eq!(refused.0, code, "{what}");
        assert!(refused.1.contains(message), "{what}: {}", refused.1);
    };
    let not_valid = |id: InstanceId| format!("Instances [[{id}]] not in a valid state for account {ACCOUNT}");
    check("unknown", to(&[unknown]), "InvalidInstanceId", &not_valid(unknown));
    check("stopped", to(&[instance, stopped]), "InvalidInstanceId", &not_valid(stopped));
    check("twice", to(&[instance, instance]), "DuplicateInstanceId", "twice");
    check(
        "target",
        targets("InstanceIds", &[&unknown.to_string()]),
        "InvalidInstanceId",
        &not_valid(unknown),
    );
    check("nobody", request(&["x"]), "ValidationException", "InstanceIds or Targets");
    check(
        "both",
        SendCommandRequest { targets: targets("tag:a", &["b"]).targets, ..to(&[instance]) },
        "ValidationException",
        "together",
    );
    check("key", targets("Name", &["x"]), "InvalidTarget", "Name");
    check("no values", targets("tag:a", &[]), "InvalidTarget", "no values");
    check("group", targets("resource-groups:Name", &["x"]), "ValidationException", "not implemented");
    let document = SendCommandRequest { document_name: "AWS-RunPatchBaseline".into(), ..to(&[instance]) };
    check("document", document, "InvalidDocument", "AWS-RunPatchBaseline does not exist");
    let version = SendCommandRequest { document_version: Some("7".into()), ..to(&[instance]) };
    check("version", version, "InvalidDocumentVersion", "7");
    let parameters = |entries: &[(&str, &[&str])]| SendCommandRequest {
        parameters: Some(entries.iter().map(|(name, values)| ((*name).to_owned(), texts(values))).collect()),
        ..to(&[instance])
    };
    check("no commands", parameters(&[]), "InvalidParameters", "commands");
    check("stray", parameters(&[("commands", &["x"]), ("stray", &["x"])]), "InvalidParameters", "stray");
    for timeout in ["0", "172801", "abc", "", "-1", "010"] {
        check(
            timeout,
            parameters(&[("commands", &["x"]), ("executionTimeout", &[timeout])]),
            "InvalidParameters",
            "executionTimeout",
        );
    }
    check(
        "bucket",
        SendCommandRequest { output_s3_bucket_name: Some("bucket".into()), ..to(&[instance]) },
        "ValidationException",
        "not implemented",
    );
    check(
        "hash",
        SendCommandRequest { document_hash: Some("x".into()), ..to(&[instance]) },
        "ValidationException",
        "not implemented",
    );
    assert!(harness.ssm.assignments().is_empty());
    let listed = harness.call::<op::ListCommands>(ListCommandsRequest::default()).unwrap().commands.unwrap();
    assert!(listed.is_empty());
}

#[test]
fn an_invocation_that_is_not_there() {
    let harness = Harness::new();
    let instance = harness.instance(1, &[]);
    let (command, _) = send(&harness, to(&[instance]));
    let check = |command: &str, instance: &str, plugin: Option<&str>, code: &str| {
        let request = GetCommandInvocationRequest {
            command_id: command.to_owned(),
            instance_id: instance.to_owned(),
            plugin_name: plugin.map(Into::into),
        };
        assert_eq!(harness.refused::<op::GetCommandInvocation>(request).0, code, "{command} {instance}");
    };
    let (command, instance) = (command.to_string(), instance.to_string());
    check("00000000-0000-0000-0000-000000000000", &instance, None, "InvocationDoesNotExist");
    check("not a command id, but 36 characters.", &instance, None, "InvocationDoesNotExist");
    check(&command, "i-00000000000000002", None, "InvocationDoesNotExist");
    check(&command, "mi-00000000000000002", None, "InvocationDoesNotExist");
    check(&command, &instance, Some("aws:runPowerShellScript"), "InvalidPluginName");
}

#[test]
fn every_way_to_end() {
    let check = |report: Report, expected: (String, String), code: i32, stderr: &str| {
        let harness = Harness::new();
        let instance = harness.instance(1, &[]);
        let (command, _) = send(&harness, to(&[instance]));
        let scope = harness.scope();
        if !matches!(report, Report::DeliveryTimedOut) {
            harness.ssm.invocation_started(&scope, &command, instance, NOW).unwrap();
        }
        assert!(harness.ssm.report_invocation(&scope, &command, instance, report.clone(), NOW).unwrap());
        let found = invocation(&harness, &command, instance);
        assert_eq!((found.status.unwrap(), found.status_details.unwrap()), expected, "{report:?}");
        assert_eq!(
            (found.response_code, found.standard_error_content.as_deref()),
            (Some(code), Some(stderr))
        );
        assert_eq!(status(&harness, &command), expected, "{report:?}");
        assert!(harness.ssm.assignments().is_empty());
    };
    let (stdout, stderr) = (String::new(), "so far".to_owned());
    check(Report::Finished(outcome(0, "", "warning")), pair("Success", "Success"), 0, "warning");
    check(Report::Finished(outcome(3, "", "bad")), pair("Failed", "Failed"), 3, "bad");
    let timed_out = Report::ExecutionTimedOut { stdout: stdout.clone(), stderr: stderr.clone() };
    check(timed_out, pair("TimedOut", "ExecutionTimedOut"), 137, "so far");
    check(Report::Cancelled { stdout, stderr }, pair("Cancelled", "Cancelled"), 137, "so far");
    check(Report::DeliveryTimedOut, pair("TimedOut", "DeliveryTimedOut"), -1, "");
    check(Report::Undeliverable { reason: "gone".to_owned() }, pair("Failed", "Undeliverable"), 1, "gone");
}

#[test]
fn output_is_kept_up_to_its_limits() {
    let harness = Harness::new();
    let instance = harness.instance(1, &[]);
    let (command, _) = send(&harness, to(&[instance]));
    let scope = harness.scope();
    harness.ssm.invocation_started(&scope, &command, instance, NOW).unwrap();
    let long = outcome(0, &"o".repeat(100_000), &"e".repeat(100_000));
    harness.ssm.invocation_finished(&scope, &command, instance, long, NOW).unwrap();
    let found = invocation(&harness, &command, instance);
    assert_eq!(found.standard_output_content.unwrap().len(), 24_000);
    assert_eq!(found.standard_error_content.unwrap().len(), 8_000);
    let request =
        ListCommandInvocationsRequest { details: Some(true), ..ListCommandInvocationsRequest::default() };
    let listed = harness.call::<op::ListCommandInvocations>(request).unwrap().command_invocations.unwrap();
    let plugin = &listed[0].command_plugins.as_ref().unwrap()[0];
    assert_eq!(plugin.output.as_ref().unwrap().len(), 2_500);
}

#[test]
fn targets_by_tag() {
    let harness = Harness::new();
    let web = harness.instance(1, &[("role", "web"), ("env", "prod")]);
    let dev = harness.instance(2, &[("role", "web"), ("env", "dev")]);
    let other = harness.instance(3, &[("role", "db")]);
    let check = |request: SendCommandRequest, expected: &[InstanceId]| {
        let what = format!("{:?}", request.targets);
        let (command, shown) = send(&harness, request);
        assert_eq!(shown.target_count, i32::try_from(expected.len()).ok(), "{what}");
        let mut found: Vec<_> =
            harness.ssm.assignments().into_iter().map(|(_, assignment)| assignment).collect();
        found.retain(|assignment| assignment.command_id == command);
        assert_eq!(
            found.iter().map(|assignment| assignment.instance_id).collect::<Vec<_>>(),
            expected,
            "{what}"
        );
        command
    };
    check(targets("tag:role", &["web"]), &[web, dev]);
    check(targets("tag:role", &["web", "db"]), &[web, dev, other]);
    check(targets("tag-key", &["env"]), &[web, dev]);
    check(targets("InstanceIds", &[&other.to_string()]), &[other]);
    let mut both = targets("tag:role", &["web"]);
    both.targets.as_mut().unwrap().extend(targets("tag:env", &["dev"]).targets.unwrap());
    check(both, &[dev]);
    let none = check(targets("tag:role", &["none"]), &[]);
    assert_eq!(status(&harness, &none), pair("Success", "NoInstancesInTag"));
    let tags = [Tag { key: "role".to_owned(), value: "none".to_owned() }].into_iter().collect();
    assert!(harness.ssm.set_instance_tags(&harness.scope(), other, &tags).unwrap());
    // An instance that is not online waits for it.
    harness.ssm.disconnect_instance(&harness.scope(), other, NOW).unwrap();
    check(targets("tag:role", &["none"]), &[other]);
}

#[test]
fn concurrency_and_errors_are_bounded() {
    let harness = Harness::new();
    let all: Vec<InstanceId> = (1..=4).map(|number| harness.instance(number, &[])).collect();
    let limits = |concurrency: &str, errors: &str| SendCommandRequest {
        max_concurrency: Some(concurrency.to_owned()),
        max_errors: Some(errors.to_owned()),
        ..to(&all)
    };
    let working = || {
        harness
            .ssm
            .assignments()
            .into_iter()
            .map(|(_, assignment)| assignment.instance_id)
            .collect::<Vec<_>>()
    };
    let end = |command: &CommandId, instance: InstanceId, exit_code: i32| {
        let scope = harness.scope();
        harness.ssm.invocation_started(&scope, command, instance, NOW).unwrap();
        harness.ssm.invocation_finished(&scope, command, instance, outcome(exit_code, "", ""), NOW).unwrap();
    };
    // Half of four at a time, one error borne.
    let (command, _) = send(&harness, limits("50%", "1"));
    assert_eq!(working(), all[..2]);
    end(&command, all[0], 1);
    assert_eq!(working(), all[1..3]);
    end(&command, all[2], 0);
    assert_eq!(working(), [all[1], all[3]]);
    end(&command, all[1], 0);
    end(&command, all[3], 0);
    assert_eq!(status(&harness, &command), pair("Failed", "Failed"));
    // One at a time, no error borne: the rest never starts.
    let (command, _) = send(&harness, limits("1", "0"));
    end(&command, all[0], 1);
    assert_eq!(working(), []);
    assert_eq!(invocation(&harness, &command, all[3]).status_details.as_deref(), Some("Terminated"));
    assert_eq!(status(&harness, &command), pair("Failed", "RateExceeded"));
}

#[test]
fn cancelling() {
    let harness = Harness::new();
    let (runs, waits) = (harness.instance(1, &[]), harness.instance(2, &[]));
    let (command, _) = send(&harness, to(&[runs, waits]));
    let scope = harness.scope();
    harness.ssm.invocation_started(&scope, &command, runs, NOW).unwrap();
    let cancel = |instances: Option<&[&str]>| CancelCommandRequest {
        command_id: command.to_string(),
        instance_ids: instances.map(texts),
    };
    assert_eq!(
        harness.refused::<op::CancelCommand>(cancel(Some(&["i-00000000000000009"]))).0,
        "InvalidInstanceId"
    );
    let twice = [waits.to_string(), waits.to_string()];
    assert_eq!(
        harness.refused::<op::CancelCommand>(cancel(Some(&[&twice[0], &twice[1]]))).0,
        "DuplicateInstanceId"
    );
    let unknown = CancelCommandRequest { command_id: "0".repeat(36), instance_ids: None };
    assert_eq!(harness.refused::<op::CancelCommand>(unknown).0, "InvalidCommandId");
    harness.call::<op::CancelCommand>(cancel(None)).unwrap();
    assert_eq!(invocation(&harness, &command, waits).status.as_deref(), Some("Cancelled"));
    assert_eq!(invocation(&harness, &command, runs).status.as_deref(), Some("Cancelling"));
    assert_eq!(status(&harness, &command), pair("Cancelling", "Cancelling"));
    assert!(
        !harness.ssm.invocation_started(&scope, &command, waits, NOW).unwrap(),
        "it must not start any more"
    );
    let assignments = harness.ssm.assignments();
    assert_eq!(assignments.len(), 1);
    assert!(assignments[0].1.is_cancelled && assignments[0].1.instance_id == runs);
    let killed = Report::Cancelled { stdout: "half".to_owned(), stderr: String::new() };
    harness.ssm.report_invocation(&scope, &command, runs, killed, NOW).unwrap();
    assert_eq!(status(&harness, &command), pair("Cancelled", "Cancelled"));
    assert_eq!(invocation(&harness, &command, runs).standard_output_content.as_deref(), Some("half"));
    harness.call::<op::CancelCommand>(cancel(None)).unwrap();
    assert_eq!(status(&harness, &command), pair("Cancelled", "Cancelled"), "a second time changes nothing");
}

#[test]
fn listings() {
    let mut harness = Harness::new();
    let (one, two) = (harness.instance(1, &[]), harness.instance(2, &[]));
    let (first, _) = send(&harness, to(&[one]));
    harness.context.now = NOW.plus_millis(5_000);
    let (second, _) = send(&harness, to(&[one, two]));
    let scope = harness.scope();
    harness.ssm.invocation_started(&scope, &first, one, NOW).unwrap();
    harness.ssm.invocation_finished(&scope, &first, one, outcome(0, "out", "err"), NOW).unwrap();
    let commands = |request: ListCommandsRequest| -> Vec<String> {
        let listed = harness.call::<op::ListCommands>(request).unwrap().commands.unwrap();
        listed.into_iter().map(|command| command.command_id.unwrap()).collect()
    };
    let filter = |key: &str, value: &str| Some(vec![CommandFilter { key: key.into(), value: value.into() }]);
    let (first_id, second_id) = (first.to_string(), second.to_string());
    let all = ListCommandsRequest::default;
    assert_eq!(commands(all()), [second_id.as_str(), &first_id], "newest first");
    assert_eq!(
        commands(ListCommandsRequest { instance_id: Some(two.to_string()), ..all() }),
        [second_id.as_str()]
    );
    assert_eq!(
        commands(ListCommandsRequest { filters: filter("Status", "Success"), ..all() }),
        [first_id.as_str()]
    );
    assert_eq!(
        commands(ListCommandsRequest { filters: filter("ExecutionStage", "Complete"), ..all() }),
        [first_id.as_str()]
    );
    let after = filter("InvokedAfter", "2027-01-15T08:00:01Z");
    assert_eq!(commands(ListCommandsRequest { filters: after, ..all() }), [second_id.as_str()]);
    let before = filter("InvokedBefore", "2027-01-15T08:00:01Z");
    assert_eq!(commands(ListCommandsRequest { filters: before, ..all() }), [first_id.as_str()]);
    assert!(commands(ListCommandsRequest { filters: filter("DocumentName", "Other"), ..all() }).is_empty());
    let page =
        harness.call::<op::ListCommands>(ListCommandsRequest { max_results: Some(1), ..all() }).unwrap();
    assert_eq!(commands(ListCommandsRequest { next_token: page.next_token, ..all() }), [first_id.as_str()]);
    let bad = ListCommandsRequest { filters: filter("InvokedAfter", "yesterday"), ..all() };
    assert_eq!(harness.refused::<op::ListCommands>(bad).0, "InvalidFilterValue");

    let request = ListCommandInvocationsRequest {
        command_id: Some(first_id),
        details: Some(true),
        ..ListCommandInvocationsRequest::default()
    };
    let listed = harness.call::<op::ListCommandInvocations>(request).unwrap().command_invocations.unwrap();
    let [shown] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!(shown.instance_name.as_deref(), Some("ip-10-0-0-1.ec2.internal"));
    let plugin = &shown.command_plugins.as_ref().unwrap()[0];
    assert_eq!(plugin.output.as_deref(), Some("out\n----------ERROR-------\nerr"));
    let request = ListCommandInvocationsRequest { instance_id: Some(one.to_string()), ..Default::default() };
    let listed = harness.call::<op::ListCommandInvocations>(request).unwrap().command_invocations.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].command_id.as_deref(), Some(second_id.as_str()));
    assert_eq!(listed[0].command_plugins.as_deref(), Some(&[][..]));
}

#[test]
fn old_commands_are_forgotten_when_they_have_ended() {
    let harness = Harness::new();
    let instance = harness.instance(1, &[]);
    let (open, _) = send(&harness, to(&[instance]));
    let (ended, _) = send(&harness, to(&[instance]));
    let scope = harness.scope();
    harness.ssm.report_invocation(&scope, &ended, instance, Report::DeliveryTimedOut, NOW).unwrap();
    let days = |days: i64| NOW.plus_millis(days * 24 * 3600 * 1000);
    assert_eq!(harness.ssm.remove_expired_commands(days(29)).unwrap(), 0);
    assert_eq!(harness.ssm.remove_expired_commands(days(31)).unwrap(), 1);
    let listed =
        harness.call::<op::ListCommandInvocations>(Default::default()).unwrap().command_invocations.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].command_id.as_deref(), Some(open.as_str()));
}

#[test]
fn instances_come_and_go() {
    let mut harness = Harness::new();
    let (one, two) = (harness.instance(1, &[("env", "prod")]), harness.instance(2, &[]));
    let scope = harness.scope();
    let (command, _) = send(&harness, to(&[one, two]));
    harness.context.now = NOW.plus_millis(60_000);
    let all = DescribeInstanceInformationRequest::default;
    let listed =
        harness.call::<op::DescribeInstanceInformation>(all()).unwrap().instance_information_list.unwrap();
    assert_eq!(listed.len(), 2);
    let shown = &listed[0];
    assert_eq!(shown.instance_id, Some(one.to_string()));
    assert_eq!(
        (shown.ping_status.as_deref(), shown.last_ping_date_time),
        (Some("Online"), Some(harness.context.now))
    );
    assert_eq!(
        (shown.platform_type.as_deref(), shown.resource_type.as_deref()),
        (Some("Linux"), Some("EC2Instance"))
    );
    assert_eq!(shown.ip_address.as_deref(), Some("10.0.0.1"));

    assert!(harness.ssm.disconnect_instance(&scope, two, NOW.plus_millis(1_000)).unwrap());
    assert!(!harness.ssm.disconnect_instance(&scope, two, NOW.plus_millis(2_000)).unwrap());
    let found = |request: DescribeInstanceInformationRequest| -> Vec<String> {
        let listed = harness
            .call::<op::DescribeInstanceInformation>(request)
            .unwrap()
            .instance_information_list
            .unwrap();
        listed.into_iter().map(|instance| instance.instance_id.unwrap()).collect()
    };
    let old = |key: &str, values: &[&str]| DescribeInstanceInformationRequest {
        instance_information_filter_list: Some(vec![InstanceInformationFilter {
            key: key.into(),
            value_set: texts(values),
        }]),
        ..all()
    };
    let new = |key: &str, values: &[&str]| DescribeInstanceInformationRequest {
        filters: Some(vec![InstanceInformationStringFilter { key: key.into(), values: texts(values) }]),
        ..all()
    };
    let (one_id, two_id) = (one.to_string(), two.to_string());
    assert_eq!(found(old("PingStatus", &["ConnectionLost"])), [two_id.as_str()]);
    assert_eq!(found(new("PingStatus", &["Online"])), [one_id.as_str()]);
    assert_eq!(found(old("InstanceIds", &[&one_id])), [one_id.as_str()]);
    assert_eq!(found(new("ResourceType", &["EC2Instance"])).len(), 2);
    assert_eq!(found(new("ResourceType", &["ManagedInstance"])).len(), 0);
    assert_eq!(found(new("tag:env", &["prod"])), [one_id.as_str()]);
    assert_eq!(found(new("tag-key", &["env"])), [one_id.as_str()]);
    let refused = |request| harness.refused::<op::DescribeInstanceInformation>(request).0;
    assert_eq!(refused(new("Colour", &["red"])), "InvalidFilterKey");
    assert_eq!(refused(new("PingStatus", &["Sleepy"])), "InvalidInstanceInformationFilterValue");
    let both = DescribeInstanceInformationRequest {
        filters: new("PingStatus", &["Online"]).filters,
        ..old("InstanceIds", &["x"])
    };
    assert_eq!(refused(both), "InvalidFilterKey");

    // It comes back, and then is terminated with its command open.
    harness.instance(2, &[]);
    assert_eq!(found(new("PingStatus", &["Online"])).len(), 2);
    assert!(harness.ssm.deregister_instance(&scope, two, NOW).unwrap());
    assert!(!harness.ssm.deregister_instance(&scope, two, NOW).unwrap());
    assert_eq!(found(all()), [one_id.as_str()]);
    assert_eq!(invocation(&harness, &command, two).status_details.as_deref(), Some("Undeliverable"));
    assert_eq!(harness.ssm.assignments().len(), 1);
}
