use svc_ec2::record::Instance;

use crate::cloud::{Cloud, api, input, op};

fn skips_os_shutdown(cloud: &Cloud, id: &str) -> bool {
    store::Read::get::<Instance>(&cloud.store.snapshot(), &cloud.scope(), id).unwrap().skip_os_shutdown
}

#[test]
fn a_guest_gets_time_to_shut_down_unless_asked_otherwise() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.10.0.0/16"), "10.10.0.0/24");
    let id = cloud.started(&subnet);
    let stop = |force: bool, skip: bool| {
        let input =
            input!(StopInstancesRequest { instance_ids: [&id], force: force, skip_os_shutdown: skip });
        cloud.ok::<op::StopInstances>(input);
        skips_os_shutdown(&cloud, &id)
    };
    // A forced stop begins with a graceful shutdown; forcing one that is under way ends that.
    assert!(!stop(false, false));
    assert!(!stop(false, false));
    assert!(stop(true, false));
    assert!(stop(false, false), "a later request does not take it back");
    cloud.ec2.instance_stopped(&cloud.scope(), id.parse().unwrap(), cloud.now()).unwrap();

    cloud.ok::<op::StartInstances>(input!(StartInstancesRequest { instance_ids: [&id] }));
    assert!(!skips_os_shutdown(&cloud, &id));
    cloud.ec2.instance_started(&cloud.scope(), id.parse().unwrap(), cloud.now()).unwrap();
    assert!(stop(false, true));

    let id = cloud.started(&subnet);
    let terminate = |force: bool, skip: bool| {
        let input =
            input!(TerminateInstancesRequest { instance_ids: [&id], force: force, skip_os_shutdown: skip });
        cloud.ok::<op::TerminateInstances>(input);
        skips_os_shutdown(&cloud, &id)
    };
    assert!(!terminate(true, false));
    assert!(terminate(true, false));
    let id = cloud.started(&subnet);
    let input = input!(TerminateInstancesRequest { instance_ids: [&id], skip_os_shutdown: true });
    cloud.ok::<op::TerminateInstances>(input);
    assert!(skips_os_shutdown(&cloud, &id));
}

#[test]
fn recovery_and_tenancy_are_shown_as_asked() {
    let cloud = Cloud::new();
    let vpc = input!(CreateVpcRequest { cidr_block: "10.0.0.0/16", instance_tenancy: "dedicated" });
    let vpc = cloud.ok::<op::CreateVpc>(vpc).vpc.unwrap().vpc_id.unwrap();
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let launch = |recovery: &str| api::RunInstancesRequest {
        subnet_id: Some(subnet.clone()),
        maintenance_options: Some(api::InstanceMaintenanceOptionsRequest {
            auto_recovery: Some(recovery.to_owned()),
        }),
        ..cloud.launch()
    };
    let instance = cloud.run(launch("disabled")).remove(0);
    assert_eq!(instance.maintenance_options.unwrap().auto_recovery.as_deref(), Some("disabled"));
    assert_eq!(instance.placement.unwrap().tenancy.as_deref(), Some("dedicated"));
    cloud.refuses::<op::RunInstances>(launch("sometimes"), "InvalidParameterValue", "Value (sometimes) for…");
    let instance = cloud.run(cloud.launch()).remove(0);
    assert_eq!(instance.maintenance_options.unwrap().auto_recovery.as_deref(), Some("default"));
    assert_eq!(instance.placement.unwrap().tenancy.as_deref(), Some("default"));
}

#[test]
fn the_latest_console_output_is_for_nitro_types() {
    let cloud = Cloud::new();
    let run = |kind: &str| {
        let launch = api::RunInstancesRequest { instance_type: Some(kind.to_owned()), ..cloud.launch() };
        cloud.run(launch).remove(0).instance_id.unwrap()
    };
    // The types of other architectures than x86-64 are all on Nitro.
    let kinds = aws_catalog::instance_types();
    for kind in kinds.filter(|kind| ["t2.micro", "t3.micro", "t4g.micro"].contains(&kind.name.as_str())) {
        let id = run(&kind.name);
        let latest = input!(GetConsoleOutputRequest { instance_id: &id, latest: true });
        if kind.hypervisor == aws_catalog::Hypervisor::Xen {
            let message = "This instance type does not support retrieving the latest console logs";
            cloud.refuses::<op::GetConsoleOutput>(latest, "UnsupportedOperation", message);
        } else {
            cloud.ok::<op::GetConsoleOutput>(latest);
        }
        cloud.ok::<op::GetConsoleOutput>(input!(GetConsoleOutputRequest { instance_id: &id }));
    }
}
