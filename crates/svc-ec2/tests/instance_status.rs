use svc_ec2::Config;

use crate::cloud::{Cloud, api, input, op};

#[test]
fn status_checks() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.10.0.0/16"), "10.10.0.0/24");
    let running = cloud.started(&subnet);
    let pending = cloud.run(api::RunInstancesRequest { subnet_id: Some(subnet), ..cloud.launch() }).remove(0);
    let describe = |all: bool| {
        let input = input!(DescribeInstanceStatusRequest { include_all_instances: all });
        cloud.ok::<op::DescribeInstanceStatus>(input).instance_statuses.unwrap()
    };
    let statuses = describe(false);
    assert_eq!(statuses.len(), 1);
    assert_eq!(statuses[0].instance_id.as_ref(), Some(&running));
    assert_eq!(statuses[0].system_status.as_ref().unwrap().status.as_deref(), Some("initializing"));
    cloud.wait(100);
    let statuses = describe(false);
    assert_eq!(statuses[0].system_status.as_ref().unwrap().status.as_deref(), Some("ok"));
    let statuses = describe(true);
    let initializing = statuses.iter().find(|status| status.instance_id == pending.instance_id).unwrap();
    assert_eq!(initializing.instance_status.as_ref().unwrap().status.as_deref(), Some("initializing"));
}

/// AWS looks at an instance for some minutes before it calls it sound, after each start.
#[test]
fn status_checks_take_their_time() {
    let cloud = Cloud::with(Config { realistic_timing: true, ..Config::default() });
    let subnet = cloud.subnet(&cloud.vpc("10.10.0.0/16"), "10.10.0.0/24");
    let id = cloud.started(&subnet);
    let status = || {
        let input = input!(DescribeInstanceStatusRequest { instance_ids: [&id] });
        let statuses = cloud.ok::<op::DescribeInstanceStatus>(input).instance_statuses.unwrap();
        let status = statuses[0].instance_status.clone().unwrap();
        (status.status.unwrap(), status.details.unwrap().remove(0).status.unwrap())
    };
    let check = |status: (String, String), expected: (&str, &str)| {
        assert_eq!((&*status.0, &*status.1), expected);
    };
    for _ in 0..2 {
        check(status(), ("initializing", "initializing"));
        cloud.wait(119_999);
        check(status(), ("initializing", "initializing"));
        cloud.wait(1);
        check(status(), ("ok", "passed"));
        cloud.stop(&id);
        cloud.ok::<op::StartInstances>(input!(StartInstancesRequest { instance_ids: [&id] }));
        assert!(cloud.ec2.instance_started(&cloud.scope(), id.parse().unwrap(), cloud.now()).unwrap());
    }
}
