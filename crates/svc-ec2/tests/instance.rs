use aws_types::InstanceId;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use svc_ec2::record::StateReason;

use crate::cloud::{Cloud, api, filters, input, op, tagged};

fn state(cloud: &Cloud, id: &str) -> String {
    cloud.instance(id).state.unwrap().name.unwrap()
}

fn id_of(id: &str) -> InstanceId {
    id.parse().unwrap()
}

fn subnet_of(cloud: &Cloud) -> (String, String) {
    let vpc = cloud.vpc("10.10.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.10.0.0/24");
    (vpc, subnet)
}

#[test]
fn a_launch_says_all_there_is_to_say() {
    let cloud = Cloud::new();
    let (vpc, subnet) = subnet_of(&cloud);
    let group = cloud.group(&vpc, "web");
    cloud.ok::<op::CreateKeyPair>(input!(CreateKeyPairRequest { key_name: "mine", key_type: "ed25519" }));
    let instances = cloud.run(api::RunInstancesRequest {
        max_count: 2,
        subnet_id: Some(subnet.clone()),
        security_group_ids: Some(vec![group.clone()]),
        key_name: Some("mine".to_owned()),
        user_data: Some(STANDARD.encode("#!/bin/sh\necho hi\n")),
        tag_specifications: Some(tagged("instance", &[("Name", "web")])),
        ..cloud.launch()
    });
    assert_eq!(instances.len(), 2);
    let id = instances[0].instance_id.clone().unwrap();
    assert_eq!(id.len(), "i-".len() + 17);
    assert_eq!(instances[0].state_reason.as_ref().unwrap().code.as_deref(), Some("pending"));

    let instance = cloud.instance(&id);
    assert_eq!(state(&cloud, &id), "pending");
    assert_eq!(instance.private_ip_address.as_deref(), Some("10.10.0.4"));
    assert_eq!(instance.private_dns_name.as_deref(), Some("ip-10-10-0-4.ec2.internal"));
    assert_eq!((instance.vpc_id, instance.subnet_id), (Some(vpc), Some(subnet)));
    assert_eq!(instance.key_name.as_deref(), Some("mine"));
    assert_eq!(instance.placement.unwrap().availability_zone.as_deref(), Some("us-east-1a"));
    assert_eq!(instance.security_groups.unwrap()[0].group_id.as_ref(), Some(&group));
    assert_eq!((instance.public_ip_address, instance.block_device_mappings.unwrap().len()), (None, 1));
    let attachment = instance.network_interfaces.unwrap().remove(0).attachment.unwrap();
    assert_eq!(
        (attachment.delete_on_termination, attachment.status.as_deref()),
        (Some(true), Some("attaching"))
    );

    assert!(cloud.ec2.instance_started(&cloud.scope(), id_of(&id), cloud.now()).unwrap());
    let instance = cloud.instance(&id);
    assert_eq!((state(&cloud, &id).as_str(), instance.state_reason), ("running", None));
    let attribute = input!(DescribeInstanceAttributeRequest { instance_id: &id, attribute: "userData" });
    let user_data = cloud.ok::<op::DescribeInstanceAttribute>(attribute).user_data.unwrap().value.unwrap();
    assert_eq!(STANDARD.decode(user_data).unwrap(), b"#!/bin/sh\necho hi\n");
    // One reservation, in order of launch.
    let described = cloud.ok::<op::DescribeInstances>(input!(DescribeInstancesRequest {}));
    let reservations = described.reservations.unwrap();
    assert_eq!(reservations.len(), 1);
    let indexes: Vec<_> =
        reservations[0].instances.iter().flatten().map(|held| held.ami_launch_index.unwrap()).collect();
    assert_eq!(indexes, [0, 1]);
}

#[test]
fn without_a_subnet_it_is_the_default_one() {
    let cloud = Cloud::new();
    let instance = cloud.run(cloud.launch()).remove(0);
    assert_eq!(instance.vpc_id, Some(cloud.default_vpc()));
    assert_eq!(instance.private_ip_address.as_deref(), Some("172.31.0.4"));
    let placement = api::Placement { availability_zone: Some("us-east-1c".to_owned()), ..Default::default() };
    let instance =
        cloud.run(api::RunInstancesRequest { placement: Some(placement), ..cloud.launch() }).remove(0);
    assert_eq!(instance.private_ip_address.as_deref(), Some("172.31.32.4"));
    let named =
        api::RunInstancesRequest { security_groups: Some(vec!["default".to_owned()]), ..cloud.launch() };
    let instance = cloud.run(named).remove(0);
    assert_eq!(instance.security_groups.unwrap()[0].group_name.as_deref(), Some("default"));
}

#[test]
fn launches_that_are_refused() {
    let cloud = Cloud::new();
    let (vpc, subnet) = subnet_of(&cloud);
    let foreign = cloud.group(&cloud.vpc("10.1.0.0/16"), "web");
    let check = |input: api::RunInstancesRequest, code: &str, message: &str| {
        cloud.refuses::<op::RunInstances>(input, code, message);
    };
    let good = || api::RunInstancesRequest { subnet_id: Some(subnet.clone()), ..cloud.launch() };
    let text = |text: &str| Some(text.to_owned());
    const VALUE: &str = "InvalidParameterValue";
    const COMBINATION: &str = "InvalidParameterCombination";

    check(
        api::RunInstancesRequest { image_id: None, ..good() },
        "MissingParameter",
        "The request must contain the parameter ImageId",
    );
    let image = |id: &str| api::RunInstancesRequest { image_id: text(id), ..good() };
    check(
        image("ami-0123456789abcdef0"),
        "InvalidAMIID.NotFound",
        "The image id '[ami-0123456789abcdef0]' does not exist",
    );
    check(image("ami-12345678"), "InvalidAMIID.NotFound", "The image id '[ami-12345678]' does not exist");
    check(image("image"), "InvalidAMIID.Malformed", "Invalid id: \"image\" (expecting \"ami-...\")");
    let kind = api::RunInstancesRequest { instance_type: text("t9.huge"), ..good() };
    check(kind, VALUE, "Invalid value 't9.huge' for InstanceType.");
    let key = api::RunInstancesRequest { key_name: text("nope"), ..good() };
    check(key, "InvalidKeyPair.NotFound", "The key pair 'nope' does not exist");
    let in_subnet = api::RunInstancesRequest { subnet_id: text("subnet-0123456789abcdef0"), ..good() };
    check(in_subnet, "InvalidSubnetID.NotFound", "The subnet ID 'subnet-0123456789abcdef0' does not exist");
    let group = api::RunInstancesRequest { security_group_ids: Some(vec![foreign.clone()]), ..good() };
    let message = format!("Security group {foreign} and subnet {subnet} belong to different networks.");
    check(group, "InvalidParameter", &message);
    let placement = api::Placement { availability_zone: text("eu-west-1a"), ..Default::default() };
    let zone = api::RunInstancesRequest { placement: Some(placement), ..cloud.launch() };
    check(zone, VALUE, "Invalid availability zone: [eu-west-1a]");
    let data = |data: &str| api::RunInstancesRequest { user_data: text(data), ..good() };
    check(data("%%%"), VALUE, "Invalid BASE64 encoding of user data.");
    check(data(&STANDARD.encode(vec![b'x'; 16_385])), VALUE, "User data is limited to 16384 bytes");
    check(
        api::RunInstancesRequest { min_count: 0, ..good() },
        VALUE,
        "Value (0) for parameter minCount is invalid. …",
    );
    check(
        api::RunInstancesRequest { min_count: 3, ..good() },
        VALUE,
        "Value (3) for parameter minCount is invalid. …",
    );
    let reserved = api::RunInstancesRequest { private_ip_address: text("10.10.0.3"), ..good() };
    check(reserved, VALUE, "Address 10.10.0.3 is in subnet's reserved address range");
    let two = api::RunInstancesRequest { private_ip_address: text("10.10.0.9"), max_count: 2, ..good() };
    check(two, COMBINATION, "…");
    let names = api::RunInstancesRequest { security_groups: Some(vec!["default".to_owned()]), ..good() };
    check(names, COMBINATION, "The parameter groupName cannot be used with the parameter subnet");
    let options =
        api::InstanceMetadataOptionsRequest { http_put_response_hop_limit: Some(65), ..Default::default() };
    let hops = api::RunInstancesRequest { metadata_options: Some(options), ..good() };
    check(
        hops,
        VALUE,
        "Value (65) for parameter HttpPutResponseHopLimit is invalid. It must be between 1 and 64.",
    );
    let many = api::RunInstancesRequest { min_count: 252, max_count: 252, ..good() };
    let message = "The specified subnet does not have enough free addresses to satisfy the request.";
    check(many, "InsufficientFreeAddressesInSubnet", message);

    let profile = api::IamInstanceProfileSpecification { name: text("a/b"), arn: None };
    let profile = api::RunInstancesRequest { iam_instance_profile: Some(profile), ..good() };
    check(
        profile,
        VALUE,
        "Value (a/b) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
    );
    let template = api::RunInstancesRequest {
        launch_template: Some(api::LaunchTemplateSpecification::default()),
        ..good()
    };
    let message = "Either 'LaunchTemplateId' or 'LaunchTemplateName' should be provided.";
    check(template, "MissingParameter", message);

    let watched = api::RunInstancesMonitoringEnabled {
        metric_category_ids: Some(vec!["one".to_owned()]),
        enabled: true,
    };
    let watched = api::RunInstancesRequest { monitoring: Some(watched), ..good() };
    check(watched, "UnsupportedOperation", "Categories of metrics are not supported.");

    // Without a default VPC there is nowhere to go.
    let others: Vec<String> = cloud
        .ok::<op::DescribeSubnets>(input!(DescribeSubnetsRequest {
            filters: filters(&[("default-for-az", &["true"])]),
        }))
        .subnets
        .unwrap()
        .into_iter()
        .map(|subnet| subnet.subnet_id.unwrap())
        .collect();
    for subnet in others {
        cloud.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: subnet }));
    }
    let message =
        format!("No subnets found for the default VPC '{}'. Please specify a subnet.", cloud.default_vpc());
    check(cloud.launch(), "MissingInput", &message);
    assert!(!vpc.is_empty());
}

#[test]
fn as_many_as_fit_between_least_and_most() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/28");
    let launch = |min_count, max_count| api::RunInstancesRequest {
        min_count,
        max_count,
        subnet_id: Some(subnet.clone()),
        ..cloud.launch()
    };
    assert_eq!(cloud.run(launch(1, 20)).len(), 11);
    let message = "The specified subnet does not have enough free addresses to satisfy the request.";
    cloud.refuses::<op::RunInstances>(launch(1, 1), "InsufficientFreeAddressesInSubnet", message);
}

#[test]
fn a_hundred_at_once_have_distinct_addresses() {
    let cloud = Cloud::new();
    let (_, subnet) = subnet_of(&cloud);
    let instances = cloud.run(api::RunInstancesRequest {
        min_count: 100,
        max_count: 100,
        subnet_id: Some(subnet),
        ..cloud.launch()
    });
    let addresses: std::collections::HashSet<_> =
        instances.iter().map(|held| held.private_ip_address.clone()).collect();
    assert_eq!(addresses.len(), 100);
}

#[test]
fn interfaces_by_specification() {
    let cloud = Cloud::new();
    let (vpc, subnet) = subnet_of(&cloud);
    let group = cloud.group(&vpc, "web");
    let existing = cloud.interface(&subnet);
    let wanted = |index: i32, input: api::InstanceNetworkInterfaceSpecification| {
        api::InstanceNetworkInterfaceSpecification { device_index: Some(index), ..input }
    };
    let launch = |list: Vec<api::InstanceNetworkInterfaceSpecification>| api::RunInstancesRequest {
        network_interfaces: Some(list),
        ..cloud.launch()
    };
    let first = || {
        wanted(
            0,
            input!(InstanceNetworkInterfaceSpecification {
                subnet_id: &subnet,
                groups: [&group],
                private_ip_address: "10.10.0.77",
                secondary_private_ip_address_count: 1,
                delete_on_termination: false,
            }),
        )
    };
    let second =
        || wanted(1, input!(InstanceNetworkInterfaceSpecification { network_interface_id: &existing }));
    let instance = cloud.run(launch(vec![second(), first()])).remove(0);
    let interfaces = instance.network_interfaces.unwrap();
    assert_eq!(instance.private_ip_address.as_deref(), Some("10.10.0.77"));
    assert_eq!(interfaces[0].private_ip_addresses.as_ref().unwrap().len(), 2);
    assert_eq!(interfaces[1].network_interface_id.as_ref(), Some(&existing));

    let check =
        |list, code: &str, message: &str| cloud.refuses::<op::RunInstances>(launch(list), code, message);
    let message = format!("Interface: [{existing}] in use.");
    check(vec![wanted(0, second())], "InvalidNetworkInterface.InUse", &message);
    check(vec![first()], "InvalidIPAddress.InUse", "Address 10.10.0.77 is in use.");
    let plain = |index| wanted(index, input!(InstanceNetworkInterfaceSpecification { subnet_id: &subnet }));
    check(vec![plain(1)], "InvalidParameterValue", "A network interface with device index 0 is required.");
    check(vec![plain(0), plain(0)], "InvalidParameterValue", "The device index '0' is used more than once.");
    let message = "Interface count 3 exceeds the limit for t3.micro";
    check(vec![plain(0), plain(1), plain(2)], "AttachmentLimitExceeded", message);
    let both = api::RunInstancesRequest { subnet_id: Some(subnet.clone()), ..launch(vec![plain(0)]) };
    let message =
        "Network interfaces and an instance-level subnet ID may not be specified on the same request";
    cloud.refuses::<op::RunInstances>(both, "InvalidParameterCombination", message);

    let both = api::RunInstancesRequest { enable_primary_ipv6: Some(true), ..launch(vec![plain(0)]) };
    let message = "Network interfaces and an instance-level primary IPv6 address may not be specified on the same request";
    cloud.refuses::<op::RunInstances>(both, "InvalidParameterCombination", message);
    let free = cloud.interface(&subnet);
    let own = wanted(0, input!(InstanceNetworkInterfaceSpecification { network_interface_id: &free }));
    let message = format!("The network interface '{free}' is named more than once.");
    check(vec![own.clone(), wanted(1, own.clone())], "InvalidParameterValue", &message);
    let counted = api::InstanceNetworkInterfaceSpecification {
        secondary_private_ip_address_count: Some(1),
        ..own.clone()
    };
    let message =
        "A network interface ID and a secondary private IP address count may not be specified together.";
    check(vec![counted], "InvalidParameterCombination", message);
    let described =
        api::InstanceNetworkInterfaceSpecification { description: Some("one".to_owned()), ..own.clone() };
    check(vec![described], "InvalidParameterCombination", "…");
    // A zone that the interface is not in.
    let away = api::RunInstancesRequest {
        placement: Some(input!(Placement { availability_zone: "us-east-1b" })),
        ..launch(vec![own])
    };
    cloud.refuses::<op::RunInstances>(away, "InvalidParameterCombination", "…");

    // The one that goes with the instance goes, the others stay.
    let id = instance.instance_id.unwrap();
    cloud.ec2.instance_started(&cloud.scope(), id_of(&id), cloud.now()).unwrap();
    cloud.terminate(&id);
    for interface in [&existing, interfaces[0].network_interface_id.as_ref().unwrap()] {
        assert_eq!(cloud.describe_interface(interface).status.as_deref(), Some("available"));
    }
}

#[test]
fn a_life() {
    let cloud = Cloud::new();
    let (_, subnet) = subnet_of(&cloud);
    let id = cloud.started(&subnet);
    let address = cloud.instance(&id).private_ip_address;
    let stop = || input!(StopInstancesRequest { instance_ids: [&id] });
    let start = || input!(StartInstancesRequest { instance_ids: [&id] });
    let scope = cloud.scope();

    let change = cloud.ok::<op::StopInstances>(stop()).stopping_instances.unwrap().remove(0);
    let names = (change.previous_state.unwrap().name.unwrap(), change.current_state.unwrap().name.unwrap());
    assert_eq!(names, ("running".to_owned(), "stopping".to_owned()));
    let message = format!("The instance '{id}' is not in a state from which it can be started.");
    cloud.refuses::<op::StartInstances>(start(), "IncorrectInstanceState", &message);
    assert!(cloud.ec2.instance_stopped(&scope, id_of(&id), cloud.now()).unwrap());
    let instance = cloud.instance(&id);
    assert_eq!(instance.state_reason.unwrap().code.as_deref(), Some("Client.UserInitiatedShutdown"));
    assert_eq!(instance.state_transition_reason.as_deref(), Some("User initiated (2026-11-22 14:28:00 GMT)"));

    cloud.wait(60_000);
    cloud.ok::<op::StartInstances>(start());
    assert!(cloud.ec2.instance_started(&scope, id_of(&id), cloud.now()).unwrap());
    let instance = cloud.instance(&id);
    assert_eq!((instance.private_ip_address, instance.launch_time), (address, Some(cloud.now())));
    assert_eq!(instance.state_reason, None);

    let interface = instance.network_interfaces.unwrap()[0].network_interface_id.clone().unwrap();
    cloud.ok::<op::TerminateInstances>(input!(TerminateInstancesRequest { instance_ids: [&id] }));
    assert_eq!(state(&cloud, &id), "shutting-down");
    // What was seen before the request means nothing now.
    assert!(!cloud.ec2.instance_stopped(&scope, id_of(&id), cloud.now()).unwrap());
    assert!(!cloud.ec2.instance_started(&scope, id_of(&id), cloud.now()).unwrap());
    assert!(cloud.ec2.instance_terminated(&scope, id_of(&id), cloud.now()).unwrap());
    let instance = cloud.instance(&id);
    assert_eq!(instance.state.unwrap().name.as_deref(), Some("terminated"));
    assert_eq!((instance.private_ip_address, instance.vpc_id), (None, None));
    let gone = input!(DescribeNetworkInterfacesRequest { network_interface_ids: [&interface] });
    let message = format!("The networkInterface ID '{interface}' does not exist");
    cloud.refuses::<op::DescribeNetworkInterfaces>(gone, "InvalidNetworkInterfaceID.NotFound", &message);
    // Terminated instances are shown for an hour.
    cloud.ok::<op::TerminateInstances>(input!(TerminateInstancesRequest { instance_ids: [&id] }));
    cloud.wait(60 * 60 * 1000);
    let message = format!("The instance ID '{id}' does not exist");
    let input = input!(DescribeInstancesRequest { instance_ids: [&id] });
    cloud.refuses::<op::DescribeInstances>(input, "InvalidInstanceID.NotFound", &message);
    // And the next launch sweeps them up.
    cloud.run(api::RunInstancesRequest { subnet_id: Some(subnet), ..cloud.launch() });
    assert_eq!(store::Read::count::<svc_ec2::record::Instance>(&cloud.store.snapshot(), &scope), 1);
}

#[test]
fn states_that_refuse() {
    let cloud = Cloud::new();
    let (_, subnet) = subnet_of(&cloud);
    let pending =
        cloud.run(api::RunInstancesRequest { subnet_id: Some(subnet.clone()), ..cloud.launch() }).remove(0);
    let pending = pending.instance_id.unwrap();
    let running = cloud.started(&subnet);
    let message = format!("This instance '{pending}' is not in a state from which it can be stopped.");
    // One that cannot keeps the others from it.
    let both = input!(StopInstancesRequest { instance_ids: [&running, &pending] });
    cloud.refuses::<op::StopInstances>(both, "IncorrectInstanceState", &message);
    let message = format!("Cannot reboot instance {pending} that is currently in pending state.");
    let reboot = input!(RebootInstancesRequest { instance_ids: [&pending] });
    cloud.refuses::<op::RebootInstances>(reboot, "IncorrectState", &message);
    let hibernate = input!(StopInstancesRequest { instance_ids: [&running], hibernate: true });
    cloud.refuses::<op::StopInstances>(hibernate, "UnsupportedHibernationConfiguration", "…");
    for (ids, code, message) in [
        (
            vec!["i-0123456789abcdef0"],
            "InvalidInstanceID.NotFound",
            "The instance ID 'i-0123456789abcdef0' does not exist",
        ),
        (
            vec!["i-00000000000000001", "i-00000000000000002"],
            "InvalidInstanceID.NotFound",
            "The instance IDs 'i-00000000000000001, i-00000000000000002' do not exist",
        ),
        (vec!["i-1a2b3c4d"], "InvalidInstanceID.NotFound", "The instance ID 'i-1a2b3c4d' does not exist"),
        (vec!["i-xyz"], "InvalidInstanceID.Malformed", "Invalid id: \"i-xyz\" (expecting \"i-...\")"),
        (vec![subnet.as_str()], "InvalidInstanceID.Malformed", "…"),
    ] {
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        let input = api::StopInstancesRequest { instance_ids: ids, ..Default::default() };
        cloud.refuses::<op::StopInstances>(input, code, message);
    }
}

#[test]
fn protection() {
    let cloud = Cloud::new();
    let (_, subnet) = subnet_of(&cloud);
    let id = cloud.started(&subnet);
    let on = || api::AttributeBooleanValue { value: Some(true) };
    cloud.ok::<op::ModifyInstanceAttribute>(input!(ModifyInstanceAttributeRequest {
        instance_id: &id,
        disable_api_termination: on()
    }));
    cloud.ok::<op::ModifyInstanceAttribute>(input!(ModifyInstanceAttributeRequest {
        instance_id: &id,
        disable_api_stop: on()
    }));
    let message = format!(
        "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
    );
    let terminate = || input!(TerminateInstancesRequest { instance_ids: [&id] });
    cloud.refuses::<op::TerminateInstances>(terminate(), "OperationNotPermitted", &message);
    let stop = input!(StopInstancesRequest { instance_ids: [&id] });
    cloud.refuses::<op::StopInstances>(stop, "OperationNotPermitted", "…");
    cloud.ok::<op::ModifyInstanceAttribute>(input!(ModifyInstanceAttributeRequest {
        instance_id: &id,
        attribute: "disableApiTermination",
        value: "false",
    }));
    cloud.ok::<op::TerminateInstances>(terminate());
}

#[test]
fn a_launch_that_fails_leaves_a_reason_and_no_interface() {
    let cloud = Cloud::new();
    let (_, subnet) = subnet_of(&cloud);
    let instance =
        cloud.run(api::RunInstancesRequest { subnet_id: Some(subnet.clone()), ..cloud.launch() }).remove(0);
    let id = instance.instance_id.unwrap();
    let reason = || StateReason::internal_error("no room for a network namespace");
    assert!(cloud.ec2.instance_failed(&cloud.scope(), id_of(&id), cloud.now(), reason()).unwrap());
    let instance = cloud.instance(&id);
    assert_eq!(instance.state.unwrap().name.as_deref(), Some("terminated"));
    let shown = instance.state_reason.unwrap();
    assert_eq!(shown.code.as_deref(), Some("Server.InternalError"));
    assert_eq!(
        shown.message.as_deref(),
        Some("Server.InternalError: Internal error on launch: no room for a network namespace")
    );
    let all = cloud.ok::<op::DescribeNetworkInterfaces>(input!(DescribeNetworkInterfacesRequest {}));
    assert_eq!(all.network_interfaces, Some(Vec::new()));

    // One that has run before is stopped and can be tried again.
    let id = cloud.started(&subnet);
    cloud.stop(&id);
    cloud.ok::<op::StartInstances>(input!(StartInstancesRequest { instance_ids: [&id] }));
    assert!(cloud.ec2.instance_failed(&cloud.scope(), id_of(&id), cloud.now(), reason()).unwrap());
    assert_eq!(state(&cloud, &id), "stopped");
    cloud.ok::<op::StartInstances>(input!(StartInstancesRequest { instance_ids: [&id] }));
}

#[test]
fn shutting_itself_down_stops_or_terminates() {
    let cloud = Cloud::new();
    let (_, subnet) = subnet_of(&cloud);
    let id = cloud.started(&subnet);
    assert!(cloud.ec2.instance_shut_down(&cloud.scope(), id_of(&id), cloud.now()).unwrap());
    let instance = cloud.instance(&id);
    assert_eq!(instance.state.unwrap().name.as_deref(), Some("stopped"));
    assert_eq!(instance.state_reason.unwrap().code.as_deref(), Some("Client.InstanceInitiatedShutdown"));

    let id = cloud.started(&subnet);
    let behavior = api::AttributeValue { value: Some("terminate".to_owned()) };
    cloud.ok::<op::ModifyInstanceAttribute>(input!(ModifyInstanceAttributeRequest {
        instance_id: &id,
        instance_initiated_shutdown_behavior: behavior,
    }));
    assert!(cloud.ec2.instance_shut_down(&cloud.scope(), id_of(&id), cloud.now()).unwrap());
    assert_eq!(state(&cloud, &id), "shutting-down");
}

#[test]
fn reboots_are_counted() {
    let cloud = Cloud::new();
    let (_, subnet) = subnet_of(&cloud);
    let id = cloud.started(&subnet);
    let record = || {
        store::Read::get::<svc_ec2::record::Instance>(&cloud.store.snapshot(), &cloud.scope(), &id).unwrap()
    };
    assert!(!record().wants_reboot());
    for _ in 0..2 {
        cloud.ok::<op::RebootInstances>(input!(RebootInstancesRequest { instance_ids: [&id] }));
    }
    assert!(record().wants_reboot());
    // Only the first was seen when the host rebooted it.
    assert!(cloud.ec2.instance_rebooted(&cloud.scope(), id_of(&id), cloud.now(), 1).unwrap());
    assert!(record().wants_reboot());
    assert!(cloud.ec2.instance_rebooted(&cloud.scope(), id_of(&id), cloud.now(), 2).unwrap());
    assert!(!record().wants_reboot());
    assert!(!cloud.ec2.instance_rebooted(&cloud.scope(), id_of(&id), cloud.now(), 2).unwrap());
}

#[test]
fn attributes() {
    let cloud = Cloud::new();
    let (vpc, subnet) = subnet_of(&cloud);
    let id = cloud.started(&subnet);
    let group = cloud.group(&vpc, "web");
    cloud.ok::<op::ModifyInstanceAttribute>(input!(ModifyInstanceAttributeRequest {
        instance_id: &id,
        groups: [&group]
    }));
    let off = api::AttributeBooleanValue { value: Some(false) };
    cloud.ok::<op::ModifyInstanceAttribute>(input!(ModifyInstanceAttributeRequest {
        instance_id: &id,
        source_dest_check: off
    }));
    let instance = cloud.instance(&id);
    assert_eq!(instance.security_groups.unwrap()[0].group_id.as_ref(), Some(&group));
    assert_eq!(instance.source_dest_check, Some(false));

    let kind = |name: &str| {
        input!(ModifyInstanceAttributeRequest {
            instance_id: &id,
            instance_type: api::AttributeValue { value: Some(name.to_owned()) },
        })
    };
    let message = format!("The instance '{id}' is not in the 'stopped' state.");
    cloud.refuses::<op::ModifyInstanceAttribute>(kind("t3.small"), "IncorrectInstanceState", &message);
    let empty = input!(ModifyInstanceAttributeRequest { instance_id: &id });
    cloud.refuses::<op::ModifyInstanceAttribute>(
        empty,
        "InvalidParameterCombination",
        "No attributes specified.",
    );
    cloud.stop(&id);
    cloud.ok::<op::ModifyInstanceAttribute>(kind("t3.small"));
    assert_eq!(cloud.instance(&id).instance_type.as_deref(), Some("t3.small"));

    // With several interfaces it must be said which.
    let interface = cloud.interface(&subnet);
    cloud.ok::<op::AttachNetworkInterface>(input!(AttachNetworkInterfaceRequest {
        network_interface_id: &interface,
        instance_id: &id,
        device_index: 1,
    }));
    let message = format!(
        "There are multiple interfaces attached to instance '{id}'. Please specify an interface ID for the operation instead."
    );
    let input = input!(ModifyInstanceAttributeRequest { instance_id: &id, groups: [&group] });
    cloud.refuses::<op::ModifyInstanceAttribute>(input, "InvalidInstanceID", &message);
}

#[test]
fn metadata_options() {
    let cloud = Cloud::new();
    let (_, subnet) = subnet_of(&cloud);
    let id = cloud.started(&subnet);
    cloud.ok::<op::ModifyInstanceMetadataOptions>(input!(ModifyInstanceMetadataOptionsRequest {
        instance_id: &id,
        http_tokens: "optional",
        http_put_response_hop_limit: 3,
        instance_metadata_tags: "enabled",
    }));
    let options = cloud.instance(&id).metadata_options.unwrap();
    assert_eq!(options.http_tokens.as_deref(), Some("optional"));
    assert_eq!(options.http_put_response_hop_limit, Some(3));
    assert_eq!(options.instance_metadata_tags.as_deref(), Some("enabled"));
    let bad = input!(ModifyInstanceMetadataOptionsRequest { instance_id: &id, http_tokens: "maybe" });
    cloud.refuses::<op::ModifyInstanceMetadataOptions>(bad, "InvalidParameterValue", "…");
}

#[test]
fn console_output_is_what_the_host_has() {
    let cloud = Cloud::new();
    let (_, subnet) = subnet_of(&cloud);
    let id = cloud.started(&subnet);
    let get =
        || cloud.ok::<op::GetConsoleOutput>(input!(GetConsoleOutputRequest { instance_id: &id })).output;
    assert_eq!(get(), None);
    cloud.host.writes(id_of(&id), &[vec![b'o'; 10], vec![b'n'; 64 * 1024]].concat());
    assert_eq!(STANDARD.decode(get().unwrap()).unwrap(), vec![b'n'; 64 * 1024]);
}

#[test]
fn found_by_filters() {
    let cloud = Cloud::new();
    let (vpc, subnet) = subnet_of(&cloud);
    let id = cloud.started(&subnet);
    cloud.run(cloud.launch());
    cloud.ok::<op::CreateTags>(input!(CreateTagsRequest {
        resources: [&id],
        tags: crate::cloud::tags(&[("Name", "a-b")])
    }));
    #[rustfmt::skip]
    let table: &[(&str, &[&str])] = &[
        ("vpc-id", &[&vpc]), ("instance-state-name", &["running", "stopped"]), ("instance-state-code", &["16"]),
        ("tag:Name", &["a-?"]), ("tag-key", &["Na*"]), ("private-ip-address", &["10.10.0.*"]),
        ("network-interface.subnet-id", &[&subnet]), ("private-dns-name", &["ip-10-10-*"]),
    ];
    for (name, values) in table {
        let input = input!(DescribeInstancesRequest { filters: filters(&[(name, values)]) });
        let found = cloud.ok::<op::DescribeInstances>(input).reservations.unwrap();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].instances.as_ref().unwrap()[0].instance_id.as_ref(), Some(&id), "{name}");
    }
    let input = input!(DescribeInstancesRequest { filters: filters(&[("colour", &["red"])]) });
    cloud.refuses::<op::DescribeInstances>(input, "InvalidParameterValue", "The filter 'colour' is invalid");
}

#[test]
fn pages() {
    let cloud = Cloud::new();
    let (_, subnet) = subnet_of(&cloud);
    let launched = cloud.run(api::RunInstancesRequest {
        min_count: 12,
        max_count: 12,
        subnet_id: Some(subnet),
        ..cloud.launch()
    });
    let mut found = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let input =
            api::DescribeInstancesRequest { max_results: Some(5), next_token: next, ..Default::default() };
        let page = cloud.ok::<op::DescribeInstances>(input);
        let instances = page.reservations.unwrap().into_iter().flat_map(|held| held.instances.unwrap());
        found.extend(instances.map(|held| held.instance_id));
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(found, launched.iter().map(|held| held.instance_id.clone()).collect::<Vec<_>>());
    let refused =
        |input, code: &str, message: &str| cloud.refuses::<op::DescribeInstances>(input, code, message);
    refused(
        input!(DescribeInstancesRequest { max_results: 4 }),
        "InvalidParameterValue",
        "Value (4) for parameter maxResults is invalid. …",
    );
    refused(input!(DescribeInstancesRequest { max_results: 1001 }), "InvalidParameterValue", "…");
    refused(input!(DescribeInstancesRequest { next_token: "x" }), "InvalidNextToken", "…");
    let both =
        input!(DescribeInstancesRequest { max_results: 5, instance_ids: [found[0].as_ref().unwrap()] });
    let message = "The parameter instancesSet cannot be used with the parameter maxResults";
    refused(both, "InvalidParameterCombination", message);
}

/// The record, from which the guest gets its name, and the answers agree on it.
#[test]
fn an_instance_is_named_by_its_address_or_by_its_id() {
    use store::Read;
    use svc_ec2::record::{Instance, NetworkInterface};

    let check = |region: &'static str, kind: Option<&str>, expected: &dyn Fn(&str) -> String| {
        let cloud = Cloud::new().in_region(region);
        let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
        let options = kind.map(|kind| api::PrivateDnsNameOptionsRequest {
            hostname_type: Some(kind.to_owned()),
            ..Default::default()
        });
        let made = cloud.run(api::RunInstancesRequest {
            subnet_id: Some(subnet),
            private_dns_name_options: options,
            ..cloud.launch()
        });
        let id = made[0].instance_id.clone().unwrap();
        let expected = expected(&id);
        assert_eq!(cloud.instance(&id).private_dns_name, Some(expected.clone()));
        let (snapshot, scope) = (cloud.store.snapshot(), cloud.scope());
        let record = snapshot.get::<Instance>(&scope, &id).unwrap();
        let primary = snapshot.get::<NetworkInterface>(&scope, &record.interfaces[0].to_string()).unwrap();
        assert_eq!(record.private_dns_name(&primary, &scope), expected);
    };
    check("us-east-1", None, &|_| "ip-10-0-0-4.ec2.internal".to_owned());
    check("us-east-1", Some("ip-name"), &|_| "ip-10-0-0-4.ec2.internal".to_owned());
    check("us-east-1", Some("resource-name"), &|id| format!("{id}.ec2.internal"));
    check("eu-west-1", Some("resource-name"), &|id| format!("{id}.eu-west-1.compute.internal"));
}
