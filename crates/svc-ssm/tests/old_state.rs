//! The state of older builds opens, and means what it meant. `tests/states` holds their files.

#![allow(clippy::unwrap_used)]

mod harness;
#[path = "../../store/tests/state_file/mod.rs"]
mod state_file;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aws_api::ssm::operation as op;
use aws_api::ssm::{
    CommandInvocation, DescribeInstanceInformationRequest, GetParameterHistoryRequest, GetParameterRequest,
    ListCommandInvocationsRequest, PutParameterRequest, SendCommandRequest,
};
use harness::{Harness, NOW, texts};
use svc_ssm::{CommandId, Outcome, Ssm};

/// No release, but the last build before 0.2, until that release writes its own file in the place of this one.
const NEWEST: &str = "before-0.2";
/// The builds whose state is kept.
const BUILDS: [&str; 1] = [NEWEST];

/// The kinds of records in it.
const KINDS: [&str; 6] = [
    "ssm.assignment",
    "ssm.command",
    "ssm.invocation",
    "ssm.managed-instance",
    "ssm.parameter",
    "ssm.parameter-version",
];

fn file(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states").join(format!("{release}.redb.gz"))
}

fn make_everything(harness: &Harness) {
    for (value, overwrite) in [("one", None), ("two", Some(true))] {
        let parameter = PutParameterRequest {
            name: "/app/db".to_owned(),
            value: value.to_owned(),
            r#type: Some("String".to_owned()),
            overwrite,
            ..Default::default()
        };
        harness.call::<op::PutParameter>(parameter).unwrap();
    }
    let instance = harness.instance(1, &[("Name", "web")]);
    let send = |script: &str| {
        let request = SendCommandRequest {
            document_name: "AWS-RunShellScript".to_owned(),
            instance_ids: Some(vec![instance.to_string()]),
            parameters: Some(BTreeMap::from([("commands".to_owned(), texts(&[script]))])),
            ..Default::default()
        };
        let sent = harness.call::<op::SendCommand>(request).unwrap().command.unwrap();
        sent.command_id.unwrap().parse::<CommandId>().unwrap()
    };
    let (done, scope) = (send("echo hello"), harness.scope());
    harness.ssm.invocation_started(&scope, &done, instance, NOW).unwrap();
    let outcome = Outcome { exit_code: 0, stdout: "hello\n".to_owned(), stderr: String::new() };
    harness.ssm.invocation_finished(&scope, &done, instance, outcome, NOW).unwrap();
    send("echo later");
}

/// How the newest build's file is made, with its code: `cargo nextest run -p svc-ssm --run-ignored only write_state`.
#[test]
#[ignore = "writes the state file of a release"]
fn write_state() {
    let made = state_file::write(&file(NEWEST), |store| make_everything(&Harness::on(store)));
    assert_eq!(made, BTreeSet::from(KINDS));
}

#[test]
fn every_kind_of_record_is_in_the_state_of_a_release() {
    assert_eq!(state_file::names(Ssm::record_kinds()), BTreeSet::from(KINDS));
}

#[test]
fn the_state_of_every_release_opens() {
    for release in BUILDS {
        let directory = state_file::directory(&file(release));
        assert_eq!(state_file::kinds(&state_file::contents(&directory)), BTreeSet::from(KINDS), "{release}");
        let store = state_file::open(&directory);
        Ssm::record_kinds().try_for_each(|kind| kind.check(&store)).unwrap();
        let harness = Harness::on(store);
        let get = GetParameterRequest { name: "/app/db".to_owned(), with_decryption: None };
        let parameter = harness.call::<op::GetParameter>(get).unwrap().parameter.unwrap();
        assert_eq!((parameter.value.as_deref(), parameter.version), (Some("two"), Some(2)), "{release}");
        let history = GetParameterHistoryRequest { name: "/app/db".to_owned(), ..Default::default() };
        let history = harness.call::<op::GetParameterHistory>(history).unwrap().parameters.unwrap();
        assert_eq!(history[0].value.as_deref(), Some("one"), "{release}");
        let instances = DescribeInstanceInformationRequest::default();
        let instances = harness.call::<op::DescribeInstanceInformation>(instances).unwrap();
        assert_eq!(instances.instance_information_list.unwrap().len(), 1, "{release}");
        let all = ListCommandInvocationsRequest { details: Some(true), ..Default::default() };
        let all = harness.call::<op::ListCommandInvocations>(all).unwrap().command_invocations.unwrap();
        let status = |held: &CommandInvocation| held.status.clone().unwrap();
        let states: BTreeSet<String> = all.iter().map(status).collect();
        assert_eq!(states, BTreeSet::from(["Pending".to_owned(), "Success".to_owned()]), "{release}");
        let assigned = harness.ssm.assignments();
        assert_eq!(assigned.len(), 1, "{release}");
        assert_eq!(assigned[0].1.script.commands, ["echo later"], "{release}");
    }
}
