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

#[test]
fn names_are_changed() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.10.0.0/16"), "10.10.0.0/24");
    let id = cloud.started(&subnet);
    let by_id = || {
        input!(ModifyPrivateDnsNameOptionsRequest {
            instance_id: &id,
            private_dns_hostname_type: "resource-name"
        })
    };
    let check = |input, code: &str, message: &str| {
        cloud.refuses::<op::ModifyPrivateDnsNameOptions>(input, code, message);
    };
    let message = format!("The instance '{id}' is not in the 'stopped' state.");
    check(by_id(), "IncorrectInstanceState", &message);
    let records = input!(ModifyPrivateDnsNameOptionsRequest {
        instance_id: &id,
        private_dns_hostname_type: "ip-name",
        enable_resource_name_dns_a_record: true
    });
    let dry_run = api::ModifyPrivateDnsNameOptionsRequest { dry_run: Some(true), ..records.clone() };
    check(dry_run, "DryRunOperation", "…");
    assert_eq!(cloud.ok::<op::ModifyPrivateDnsNameOptions>(records).r#return, Some(true));
    let options = || cloud.instance(&id).private_dns_name_options.unwrap();
    assert_eq!(options().enable_resource_name_dns_a_record, Some(true));
    assert_eq!(options().enable_resource_name_dns_aaaa_record, Some(false));
    cloud.stop(&id);
    cloud.ok::<op::ModifyPrivateDnsNameOptions>(by_id());
    assert_eq!(options().hostname_type.as_deref(), Some("resource-name"));
    assert_eq!(options().enable_resource_name_dns_a_record, Some(true), "it stays");
    assert_eq!(cloud.instance(&id).private_dns_name, Some(format!("{id}.ec2.internal")));
    let bad = api::ModifyPrivateDnsNameOptionsRequest {
        private_dns_hostname_type: Some("mine".to_owned()),
        ..by_id()
    };
    check(bad, "InvalidParameterValue", "…");
    let unknown = input!(ModifyPrivateDnsNameOptionsRequest { instance_id: "i-0123456789abcdef0" });
    check(unknown, "InvalidInstanceID.NotFound", "…");
}

#[test]
fn the_check_is_turned_on_again() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.10.0.0/16"), "10.10.0.0/24");
    let id = cloud.started(&subnet);
    let interface = cloud.instance(&id).network_interfaces.unwrap()[0].network_interface_id.clone().unwrap();
    let is_on = || cloud.instance(&id).source_dest_check.unwrap();
    let turn_off = || {
        let off = api::AttributeBooleanValue { value: Some(false) };
        let input = input!(ModifyInstanceAttributeRequest { instance_id: &id, source_dest_check: off });
        cloud.ok::<op::ModifyInstanceAttribute>(input);
        assert!(!is_on());
    };
    turn_off();
    let of_instance = |attribute: &str| input!(ResetInstanceAttributeRequest { instance_id: &id, attribute });
    let dry_run =
        api::ResetInstanceAttributeRequest { dry_run: Some(true), ..of_instance("sourceDestCheck") };
    cloud.refuses::<op::ResetInstanceAttribute>(dry_run, "DryRunOperation", "…");
    cloud.refuses::<op::ResetInstanceAttribute>(of_instance("kernel"), "UnsupportedOperation", "…");
    cloud.refuses::<op::ResetInstanceAttribute>(of_instance("userData"), "InvalidParameterValue", "…");
    cloud.ok::<op::ResetInstanceAttribute>(of_instance("sourceDestCheck"));
    assert!(is_on());
    turn_off();
    let reset = |id: &str| {
        input!(ResetNetworkInterfaceAttributeRequest { network_interface_id: id, source_dest_check: "" })
    };
    let dry_run = api::ResetNetworkInterfaceAttributeRequest { dry_run: Some(true), ..reset(&interface) };
    cloud.refuses::<op::ResetNetworkInterfaceAttribute>(dry_run, "DryRunOperation", "…");
    let nothing = input!(ResetNetworkInterfaceAttributeRequest { network_interface_id: &interface });
    cloud.refuses::<op::ResetNetworkInterfaceAttribute>(nothing, "MissingParameter", "…");
    let unknown = reset("eni-0123456789abcdef0");
    let code = "InvalidNetworkInterfaceID.NotFound";
    cloud.refuses::<op::ResetNetworkInterfaceAttribute>(unknown, code, "…");
    assert!(!is_on());
    cloud.ok::<op::ResetNetworkInterfaceAttribute>(reset(&interface));
    assert!(is_on());
}

#[test]
fn recovery_is_turned_off_and_on() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.10.0.0/16"), "10.10.0.0/24");
    let id = cloud.started(&subnet);
    let held = || cloud.instance(&id).maintenance_options.unwrap().auto_recovery.unwrap();
    let recovery = |wanted: &str| {
        input!(ModifyInstanceMaintenanceOptionsRequest { instance_id: &id, auto_recovery: wanted })
    };
    let check = |input, code: &str| cloud.refuses::<op::ModifyInstanceMaintenanceOptions>(input, code, "…");
    let dry_run =
        api::ModifyInstanceMaintenanceOptionsRequest { dry_run: Some(true), ..recovery("disabled") };
    check(dry_run, "DryRunOperation");
    check(recovery("never"), "InvalidParameterValue");
    check(input!(ModifyInstanceMaintenanceOptionsRequest { instance_id: &id }), "MissingParameter");
    let in_place =
        input!(ModifyInstanceMaintenanceOptionsRequest { instance_id: &id, reboot_migration: "disabled" });
    check(in_place, "UnsupportedOperation");
    let unknown = api::ModifyInstanceMaintenanceOptionsRequest {
        instance_id: "i-0123456789abcdef0".to_owned(),
        ..recovery("disabled")
    };
    check(unknown, "InvalidInstanceID.NotFound");
    assert_eq!(held(), "default");
    for wanted in ["disabled", "default"] {
        let answer = cloud.ok::<op::ModifyInstanceMaintenanceOptions>(recovery(wanted));
        assert_eq!((answer.auto_recovery.as_deref(), held().as_str()), (Some(wanted), wanted));
    }
}
