//! What the recorder learns: every request that is authenticated and routed, once.

use aws_model::Value;
use gateway::{Call as Recorded, Outcome};

use crate::client::Call;
use crate::cloud::{Cloud, KEY, NOT_ADMITTED, PANICS};

fn only(cloud: &Cloud) -> Recorded {
    let mut calls = cloud.calls.take();
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls.remove(0)
}

fn failed(call: &Recorded) -> (&str, &str, bool) {
    match &call.outcome {
        Outcome::Failed { code, message, is_fault } => (code, message, *is_fault),
        Outcome::Done(output) => panic!("{output:?}"),
    }
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Structure(fields) => fields.get(name),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_outcome_is_recorded_once() {
    let cloud = Cloud::start();
    let mut call = Call::ec2("DescribeVpcs");
    call.region = "eu-west-1";
    call.body.extend_from_slice(b"&VpcId.1=vpc-1");
    call.headers.push(("user-agent", "tester/1".to_owned()));
    let answer = call.signed().send(&cloud);
    let told = only(&cloud);
    assert_eq!(Some(told.context.request_id.as_str()), answer.header("x-amzn-requestid"));
    assert_eq!((told.model.metadata.name, told.operation.name), ("ec2", "DescribeVpcs"));
    assert_eq!(told.context.principal.access_key_id, KEY);
    assert_eq!((told.context.region.as_str(), told.context.user_agent.as_str()), ("eu-west-1", "tester/1"));
    assert_eq!((told.host.as_deref(), told.tls), (Some("localhost"), None));
    let ids = Value::List(vec![Value::String("vpc-1".to_owned())]);
    assert_eq!(member(told.input.as_ref().unwrap(), "VpcIds"), Some(&ids));
    let Outcome::Done(output) = &told.outcome else { panic!("{told:?}") };
    assert!(member(output, "Vpcs").is_some(), "{output:?}");

    // A service's error, one that is not built, and a panic, whose text is nobody's business.
    Call::ec2("DescribeSubnets").signed().send(&cloud).expect(400, &[]);
    let told = only(&cloud);
    assert_eq!(failed(&told), ("InvalidSubnetID.NotFound", "The subnet ID 'subnet-1' does not exist", false));
    assert!(told.input.is_some());
    Call::ec2("DescribeImages").signed().send(&cloud).expect(400, &[]);
    let told = only(&cloud);
    assert_eq!((told.operation.name, failed(&told).0), ("DescribeImages", "InvalidAction"));
    Call::ec2("DescribeRegions").signed().send(&cloud).expect(500, &[]);
    assert_eq!(failed(&only(&cloud)), ("InternalError", "An internal error has occurred", true));

    // What the authorizer does in the place of an answer, and what is admitted nowhere.
    let get = |name: &str| Call::ssm("GetParameter", &format!(r#"{{"Name":"{name}"}}"#)).signed();
    get(PANICS).send(&cloud).expect(500, &[]);
    let told = only(&cloud);
    assert_eq!(
        (failed(&told), told.operation.name),
        (("InternalError", "An internal error has occurred", true), "GetParameter")
    );
    get(NOT_ADMITTED).send(&cloud).expect(400, &["not this name"]);
    let told = only(&cloud);
    assert_eq!((failed(&told).0, told.input.is_some()), ("ThrottlingException", true));

    // Input that is not valid, and input that is none. Of neither anything is kept.
    Call::ssm("GetParameter", "{}").signed().send(&cloud).expect(400, &[]);
    let told = only(&cloud);
    assert_eq!((failed(&told).0, told.input.is_none()), ("ValidationException", true));
    Call::ssm("GetParameter", "{").signed().send(&cloud).expect(400, &[]);
    let told = only(&cloud);
    assert_eq!((failed(&told).0, told.input.is_none()), ("SerializationException", true));
}

#[test]
fn who_is_not_authenticated_is_not_recorded() {
    let cloud = Cloud::start();
    Call::ec2("DescribeVpcs").send(&cloud).expect(401, &[]);
    let mut wrong = Call::ec2("DescribeVpcs");
    wrong.secret = "another";
    wrong.signed().send(&cloud).expect(401, &[]);
    // Nor what is no operation at all.
    Call::ec2("DescribeEverything").signed().send(&cloud).expect(400, &[]);
    assert!(cloud.calls.take().is_empty());
}

/// Nobody fills the history without a signature.
#[test]
fn of_what_nobody_signed_only_the_name_is_recorded_unless_it_was_done() {
    let cloud = Cloud::start();
    let ask = |role: &str, more: &str| {
        let form = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=me";
        Call::query("sts", &format!("{form}&RoleArn={role}&WebIdentityToken=aaaa{more}")).send(&cloud)
    };
    let told = |is_done: bool| {
        let told = only(&cloud);
        assert!(told.context.principal.is_anonymous());
        assert_eq!(matches!(told.outcome, Outcome::Done(_)), is_done, "{told:?}");
        told.input.is_some()
    };
    let role = "arn:aws:iam::123456789012:role/app";
    ask(role, "").expect(200, &[]);
    assert!(told(true));
    ask(&format!("{role}/not-trusted"), "").expect(403, &[]);
    assert!(!told(false));
    // Longer than a policy can be.
    ask(role, &format!("&Policy={}", "a".repeat(100_000))).expect(400, &[]);
    assert!(!told(false));
}
