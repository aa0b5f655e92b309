//! Which resources requests name.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use authorization_table::{named, of_operation, targets};
use aws_model::{Fields, Value};

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn list<const N: usize>(items: [Value; N]) -> Value {
    Value::List(items.into())
}

fn structure<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::Structure(members.into_iter().collect::<Fields>())
}

/// Each as `type id`; an id of `*` is a resource that the request does not name.
fn check<const N: usize>(model: &str, operation: &str, input: Value, expected: [&str; N]) {
    let entry = of_operation(model, operation).unwrap();
    let mut found = Vec::new();
    for need in &entry.needs {
        for target in targets(model, need, &input) {
            let parents: String =
                target.parents.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            found.push(format!("{} {}{parents}", target.resource_type, target.id.unwrap_or("*")));
        }
    }
    found.sort();
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(found, expected, "{operation}");
}

#[test]
fn members_that_hold_ids_name_resources() {
    check("ec2", "DescribeVpcs", structure([("VpcIds", list([text("vpc-1")]))]), []);
    let attach = structure([("InternetGatewayId", text("igw-1")), ("VpcId", text("vpc-1"))]);
    check("ec2", "AttachInternetGateway", attach, ["internet-gateway igw-1", "vpc vpc-1"]);
    let stop = structure([("InstanceIds", list([text("i-1"), text("i-2"), text("i-1")]))]);
    check("ec2", "StopInstances", stop, ["instance i-1", "instance i-2"]);
    check("ec2", "CreateVpc", structure([("CidrBlock", text("10.0.0.0/16"))]), ["vpc *"]);
    check("ec2", "CreateSubnet", structure([("VpcId", text("vpc-1"))]), ["subnet *", "vpc vpc-1"]);
}

#[test]
fn run_instances_names_all_that_it_touches() {
    let input = structure([
        ("ImageId", text("ami-1")),
        ("KeyName", text("k")),
        ("SubnetId", text("subnet-1")),
        ("SecurityGroupIds", list([text("sg-1"), text("sg-2")])),
        ("Placement", structure([("GroupName", text("near"))])),
        ("LaunchTemplate", structure([("LaunchTemplateId", text("lt-1"))])),
        ("BlockDeviceMappings", list([structure([("Ebs", structure([("SnapshotId", text("snap-1"))]))])])),
    ]);
    let expected = [
        "image ami-1",
        "instance *",
        "key-pair k",
        "launch-template lt-1",
        "network-interface *",
        "placement-group near",
        "security-group sg-1",
        "security-group sg-2",
        "snapshot snap-1",
        "subnet subnet-1",
        "volume *",
    ];
    check("ec2", "RunInstances", input, expected);
    let default = structure([("ImageId", text("ami-1"))]);
    let expected =
        ["image ami-1", "instance *", "network-interface *", "security-group *", "subnet *", "volume *"];
    check("ec2", "RunInstances", default, expected);
    let own_interface = structure([
        ("ImageId", text("ami-1")),
        ("NetworkInterfaces", list([structure([("NetworkInterfaceId", text("eni-1"))])])),
        ("SubnetId", text("subnet-1")),
        ("SecurityGroups", list([text("web")])),
    ]);
    let expected = [
        "image ami-1",
        "instance *",
        "network-interface eni-1",
        "security-group web",
        "subnet subnet-1",
        "volume *",
    ];
    check("ec2", "RunInstances", own_interface, expected);
}

#[test]
fn ids_tell_the_types_of_tagged_resources() {
    let tag = structure([("Resources", list([text("vpc-1"), text("i-1"), text("odd")]))]);
    check("ec2", "CreateTags", tag, ["vpc vpc-1", "instance i-1", " odd"]);
}

#[test]
fn arns_get_all_their_variables() {
    let quota = structure([("ServiceCode", text("vpc")), ("QuotaCode", text("L-1"))]);
    check("service-quotas", "GetServiceQuota", quota, ["quota L-1 ServiceCode=vpc"]);
    let user = structure([("UserName", text("Ann")), ("Path", text("/staff/"))]);
    check("iam", "CreateUser", user, ["user Ann Path=/staff/"]);
    let object = structure([("Bucket", text("b")), ("Key", text("k"))]);
    check("s3", "HeadObject", object, ["object k BucketName=b"]);
}

#[test]
fn what_needs_no_permission_has_no_needs() {
    for operation in ["GetCallerIdentity", "GetSessionToken"] {
        assert!(of_operation("sts", operation).unwrap().needs.is_empty(), "{operation}");
    }
    assert!(of_operation("ec2", "NoSuchOperation").is_none());
    assert!(of_operation("no-such-model", "CreateVpc").is_none());
}

#[test]
fn names_are_counted_and_many_take_a_time_that_grows_with_their_number() {
    let input = |count: usize| {
        let ids = (0..count).map(|number| text(&format!("i-{number}"))).chain([text("i-0")]);
        structure([("Resources", Value::List(ids.collect()))])
    };
    let entry = of_operation("ec2", "CreateTags").unwrap();
    assert_eq!((named(entry, &input(3)), named(entry, &structure([]))), (4, 0));
    let taken = |count: usize| {
        let input = input(count);
        let begun = std::time::Instant::now();
        assert_eq!(targets("ec2", &entry.needs[0], &input).len(), count);
        begun.elapsed()
    };
    // A hundred times as many would take ten thousand times as long if each were compared with all.
    let (few, many) = (taken(1_000), taken(100_000));
    assert!(many < few * 1_500, "{few:?} {many:?}");
}
