use std::collections::HashSet;

use crate::cloud::{Cloud, api, filters, input, op, tagged};
use store::Read;
use svc_ec2::Config;
use svc_ec2::record::{Attachment, ManagedKind, NetworkInterface};

fn address(address: &str, primary: bool) -> api::PrivateIpAddressSpecification {
    api::PrivateIpAddressSpecification {
        primary: Some(primary),
        private_ip_address: Some(address.to_owned()),
    }
}

fn addresses(interface: &api::NetworkInterface) -> Vec<String> {
    let addresses = interface.private_ip_addresses.as_ref().unwrap();
    addresses.iter().map(|address| address.private_ip_address.clone().unwrap()).collect()
}

#[test]
fn an_interface_has_an_address_a_mac_and_the_default_group() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let interface = cloud.describe_interface(&cloud.interface(&subnet));
    assert_eq!(interface.private_ip_address.as_deref(), Some("10.0.0.4"));
    assert_eq!(interface.status.as_deref(), Some("available"));
    assert_eq!(interface.source_dest_check, Some(true));
    assert_eq!(interface.groups.unwrap()[0].group_id, Some(cloud.default_group(&vpc)));
    assert!(interface.mac_address.unwrap().starts_with("02:"));
}

#[test]
fn ports_and_macs_are_unique_over_regions() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    (0..5).for_each(|_| drop(cloud.interface(&subnet)));
    let cloud = cloud.in_region("eu-west-1");
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    (0..5).for_each(|_| drop(cloud.interface(&subnet)));
    let snapshot = cloud.store.snapshot();
    let all: Vec<_> = snapshot.scan_all::<NetworkInterface>().map(|(_, _, interface)| interface).collect();
    assert_eq!(all.len(), 10);
    assert_eq!(all.iter().map(|interface| interface.port).collect::<HashSet<_>>().len(), 10);
    assert_eq!(all.iter().map(|interface| interface.mac).collect::<HashSet<_>>().len(), 10);
    assert!(all.iter().all(|interface| interface.port != 0));
}

#[test]
fn addresses_are_taken_as_asked() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/28");
    let create = |input: api::CreateNetworkInterfaceRequest| {
        let input = api::CreateNetworkInterfaceRequest { subnet_id: subnet.clone(), ..input };
        cloud.ok::<op::CreateNetworkInterface>(input).network_interface.unwrap()
    };
    let one = create(input!(CreateNetworkInterfaceRequest { private_ip_address: "10.0.0.14" }));
    assert_eq!(addresses(&one), ["10.0.0.14"]);
    let other = create(input!(CreateNetworkInterfaceRequest {
        private_ip_addresses: vec![address("10.0.0.4", false), address("10.0.0.9", true)],
    }));
    assert_eq!(addresses(&other), ["10.0.0.9", "10.0.0.4"]);
    let third = create(input!(CreateNetworkInterfaceRequest { secondary_private_ip_address_count: 2 }));
    assert_eq!(addresses(&third), ["10.0.0.5", "10.0.0.6", "10.0.0.7"]);

    let check = |wanted: &str, code: &str, message: &str| {
        let input = input!(CreateNetworkInterfaceRequest { subnet_id: &subnet, private_ip_address: wanted });
        cloud.refuses::<op::CreateNetworkInterface>(input, code, message);
    };
    check("10.0.0.9", "InvalidIPAddress.InUse", "Address 10.0.0.9 is in use.");
    let outside = "Address 10.0.1.4 does not fall within the subnet's address range";
    check("10.0.1.4", "InvalidParameterValue", outside);
    for reserved in ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.15"] {
        let message = format!("Address {reserved} is in subnet's reserved address range");
        check(reserved, "InvalidParameterValue", &message);
    }
    check(
        "10.0.0",
        "InvalidParameterValue",
        "Value (10.0.0) for parameter address is invalid. Invalid IPv4 address.",
    );
    let many =
        input!(CreateNetworkInterfaceRequest { subnet_id: &subnet, secondary_private_ip_address_count: 5 });
    let message = "The specified subnet does not have enough free addresses to satisfy the request.";
    cloud.refuses::<op::CreateNetworkInterface>(many, "InsufficientFreeAddressesInSubnet", message);
}

#[test]
fn nobody_gets_a_million_addresses() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/16");
    let code = "PrivateIpAddressLimitExceeded";
    let input = input!(CreateNetworkInterfaceRequest {
        subnet_id: &subnet,
        secondary_private_ip_address_count: i32::MAX
    });
    cloud.refuses::<op::CreateNetworkInterface>(input, code, "…");
    let input = input!(CreateNetworkInterfaceRequest { subnet_id: &subnet, ipv6_address_count: i32::MAX });
    cloud.refuses::<op::CreateNetworkInterface>(input, code, "…");
    let id = cloud.interface(&subnet);
    let input =
        input!(AssignIpv6AddressesRequest { network_interface_id: &id, ipv6_address_count: i32::MAX });
    cloud.refuses::<op::AssignIpv6Addresses>(input, code, "…");
}

#[test]
fn ipv6_addresses_are_given_back() {
    let cloud = Cloud::new();
    let input = input!(CreateVpcRequest { cidr_block: "10.0.0.0/16", amazon_provided_ipv6_cidr_block: true });
    let vpc = cloud.ok::<op::CreateVpc>(input).vpc.unwrap();
    let block = vpc.ipv6_cidr_block_association_set.unwrap()[0].ipv6_cidr_block.clone().unwrap();
    let input = input!(CreateSubnetRequest {
        vpc_id: vpc.vpc_id.unwrap(),
        cidr_block: "10.0.0.0/24",
        ipv6_cidr_block: block.replace("/56", "/64"),
    });
    let subnet = cloud.ok::<op::CreateSubnet>(input).subnet.unwrap().subnet_id.unwrap();
    let id = cloud.interface(&subnet);
    let input = input!(AssignIpv6AddressesRequest { network_interface_id: &id, ipv6_address_count: 2 });
    let assigned = cloud.ok::<op::AssignIpv6Addresses>(input).assigned_ipv6_addresses.unwrap();
    let held = || -> Vec<String> {
        let addresses = cloud.describe_interface(&id).ipv6_addresses.unwrap_or_default();
        addresses.into_iter().map(|held| held.ipv6_address.unwrap()).collect()
    };
    assert_eq!(held(), assigned);
    let unassign = |addresses: &[String]| api::UnassignIpv6AddressesRequest {
        network_interface_id: id.clone(),
        ipv6_addresses: Some(addresses.to_vec()),
        ..Default::default()
    };
    let answer = cloud.ok::<op::UnassignIpv6Addresses>(unassign(&assigned[..1]));
    assert_eq!(answer.unassigned_ipv6_addresses.as_deref(), Some(&assigned[..1]));
    assert_eq!(held(), assigned[1..]);

    // All or none.
    let message = format!("Some of [{}] are not assigned to interface {id}", assigned.join(", "));
    cloud.refuses::<op::UnassignIpv6Addresses>(unassign(&assigned), "InvalidParameterValue", &message);
    let message = "The request must contain the parameter ipv6Addresses";
    cloud.refuses::<op::UnassignIpv6Addresses>(unassign(&[]), "MissingParameter", message);
    let unknown = api::UnassignIpv6AddressesRequest {
        network_interface_id: "eni-0123456789abcdef0".to_owned(),
        ..unassign(&assigned)
    };
    let code = "InvalidNetworkInterfaceID.NotFound";
    cloud.refuses::<op::UnassignIpv6Addresses>(unknown, code, "…");
}

#[test]
fn attributes() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let group = cloud.group(&vpc, "web");
    let id = cloud.interface(&subnet);
    let modify = |input: api::ModifyNetworkInterfaceAttributeRequest| {
        api::ModifyNetworkInterfaceAttributeRequest { network_interface_id: id.clone(), ..input }
    };
    let off = api::AttributeBooleanValue { value: Some(false) };
    cloud.ok::<op::ModifyNetworkInterfaceAttribute>(modify(input!(ModifyNetworkInterfaceAttributeRequest {
        source_dest_check: off
    })));
    cloud.ok::<op::ModifyNetworkInterfaceAttribute>(modify(input!(ModifyNetworkInterfaceAttributeRequest {
        groups: [&group]
    })));
    let interface = cloud.describe_interface(&id);
    assert_eq!(interface.source_dest_check, Some(false));
    let reset = input!(ResetNetworkInterfaceAttributeRequest { network_interface_id: &id });
    let message = "The request must contain the parameter sourceDestCheck";
    cloud.refuses::<op::ResetNetworkInterfaceAttribute>(reset.clone(), "MissingParameter", message);
    let check = Some("source_dest_check".to_owned());
    let reset = api::ResetNetworkInterfaceAttributeRequest { source_dest_check: check, ..reset };
    let dry = api::ResetNetworkInterfaceAttributeRequest { dry_run: Some(true), ..reset.clone() };
    cloud.refuses::<op::ResetNetworkInterfaceAttribute>(dry, "DryRunOperation", "…");
    cloud.ok::<op::ResetNetworkInterfaceAttribute>(reset.clone());
    assert_eq!(cloud.describe_interface(&id).source_dest_check, Some(true));
    let unknown = api::ResetNetworkInterfaceAttributeRequest {
        network_interface_id: "eni-0123456789abcdef0".to_owned(),
        ..reset
    };
    let code = "InvalidNetworkInterfaceID.NotFound";
    cloud.refuses::<op::ResetNetworkInterfaceAttribute>(unknown, code, "…");
    assert_eq!(interface.groups.unwrap()[0].group_id.as_ref(), Some(&group));
    let input =
        input!(DescribeNetworkInterfaceAttributeRequest { network_interface_id: &id, attribute: "groupSet" });
    let answer = cloud.ok::<op::DescribeNetworkInterfaceAttribute>(input);
    assert_eq!(answer.groups.unwrap()[0].group_name.as_deref(), Some("web"));

    let foreign = cloud.group(&cloud.vpc("10.1.0.0/16"), "web");
    let message = "You have specified two resources that belong to different networks.";
    let input = modify(input!(ModifyNetworkInterfaceAttributeRequest { groups: [&foreign] }));
    cloud.refuses::<op::ModifyNetworkInterfaceAttribute>(input, "InvalidGroup.NotFound", message);
    let groups: Vec<String> = (0..6).map(|number| cloud.group(&vpc, &format!("g{number}"))).collect();
    let input =
        modify(api::ModifyNetworkInterfaceAttributeRequest { groups: Some(groups), ..Default::default() });
    cloud.refuses::<op::ModifyNetworkInterfaceAttribute>(
        input,
        "SecurityGroupsPerInterfaceLimitExceeded",
        "…",
    );
    let tracking =
        api::ConnectionTrackingSpecificationRequest { udp_timeout: Some(29), ..Default::default() };
    let input = modify(input!(ModifyNetworkInterfaceAttributeRequest {
        connection_tracking_specification: tracking
    }));
    cloud.refuses::<op::ModifyNetworkInterfaceAttribute>(
        input,
        "InvalidParameterValue",
        "Value (29) for parameter UdpTimeout…",
    );
}

#[test]
fn secondary_addresses_come_and_go() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let (one, other) = (cloud.interface(&subnet), cloud.interface(&subnet));
    let assign = |id: &str, wanted: &str, reassign: bool| {
        input!(AssignPrivateIpAddressesRequest {
            network_interface_id: id,
            private_ip_addresses: [wanted],
            allow_reassignment: reassign,
        })
    };
    cloud.ok::<op::AssignPrivateIpAddresses>(assign(&one, "10.0.0.50", false));
    let message = format!("The private IP address 10.0.0.50 is already assigned to {one}.");
    cloud.refuses::<op::AssignPrivateIpAddresses>(
        assign(&other, "10.0.0.50", false),
        "Resource.AlreadyAssigned",
        &message,
    );
    cloud.ok::<op::AssignPrivateIpAddresses>(assign(&other, "10.0.0.50", true));
    assert_eq!(addresses(&cloud.describe_interface(&one)), ["10.0.0.4"]);
    assert_eq!(addresses(&cloud.describe_interface(&other)), ["10.0.0.5", "10.0.0.50"]);

    let unassign = |wanted: &str| {
        input!(UnassignPrivateIpAddressesRequest {
            network_interface_id: &other,
            private_ip_addresses: [wanted]
        })
    };
    let message = format!("Some of [10.0.0.51] are not assigned to interface {other}");
    cloud.refuses::<op::UnassignPrivateIpAddresses>(unassign("10.0.0.51"), "InvalidParameterValue", &message);
    cloud.refuses::<op::UnassignPrivateIpAddresses>(
        unassign("10.0.0.5"),
        "InvalidParameterValue",
        "The primary …",
    );
    cloud.ok::<op::UnassignPrivateIpAddresses>(unassign("10.0.0.50"));
    assert_eq!(addresses(&cloud.describe_interface(&other)), ["10.0.0.5"]);
    let count = input!(AssignPrivateIpAddressesRequest {
        network_interface_id: &other,
        secondary_private_ip_address_count: 2
    });
    assert_eq!(
        cloud.ok::<op::AssignPrivateIpAddresses>(count).assigned_private_ip_addresses.unwrap().len(),
        2
    );
}

#[test]
fn interfaces_hang_on_stopped_instances() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let instance = cloud.started(&subnet);
    let (one, other) = (cloud.interface(&subnet), cloud.interface(&subnet));
    let attach = |id: &str, index: i32| {
        input!(AttachNetworkInterfaceRequest {
            network_interface_id: id,
            instance_id: &instance,
            device_index: index
        })
    };
    cloud.refuses::<op::AttachNetworkInterface>(attach(&one, 1), "UnsupportedOperation", "…");
    cloud.stop(&instance);
    let message = format!("Instance '{instance}' already has an interface attached at device index '0'.");
    cloud.refuses::<op::AttachNetworkInterface>(attach(&one, 0), "InvalidParameterValue", &message);
    let attachment = cloud.ok::<op::AttachNetworkInterface>(attach(&one, 1)).attachment_id.unwrap();
    assert!(attachment.starts_with("eni-attach-"));
    let described = cloud.instance(&instance).network_interfaces.unwrap();
    let indexes: Vec<_> =
        described.iter().map(|held| held.attachment.as_ref().unwrap().device_index.unwrap()).collect();
    assert_eq!(indexes, [0, 1]);
    let message = format!("Interface: [{one}] in use.");
    cloud.refuses::<op::AttachNetworkInterface>(attach(&one, 2), "InvalidNetworkInterface.InUse", &message);
    // A t3.micro has two interfaces.
    let message = "Interface count 3 exceeds the limit for t3.micro";
    cloud.refuses::<op::AttachNetworkInterface>(attach(&other, 2), "AttachmentLimitExceeded", message);

    let delete = input!(DeleteNetworkInterfaceRequest { network_interface_id: &one });
    let message = format!("Network interface '{one}' is currently in use.");
    cloud.refuses::<op::DeleteNetworkInterface>(delete, "InvalidParameterValue", &message);
    let detach = |attachment: &str| input!(DetachNetworkInterfaceRequest { attachment_id: attachment });
    let primary = described[0].attachment.as_ref().unwrap().attachment_id.clone().unwrap();
    let message = "The network interface at device index 0 cannot be detached.";
    cloud.refuses::<op::DetachNetworkInterface>(detach(&primary), "OperationNotPermitted", message);
    // It is shown for a moment yet, and takes its place.
    cloud.ok::<op::DetachNetworkInterface>(detach(&attachment));
    let status = || {
        let shown = cloud.describe_interface(&one);
        (shown.status.unwrap(), shown.attachment.map(|held| held.status.unwrap()))
    };
    assert_eq!(status(), ("in-use".to_owned(), Some("detaching".to_owned())));
    let found = input!(DescribeInstancesRequest {
        filters: filters(&[("network-interface.attachment.status", &["detaching"])])
    });
    assert_eq!(cloud.ok::<op::DescribeInstances>(found).reservations.unwrap().len(), 1);
    let message = format!("The attachment '{attachment}' is in the 'detaching' state.");
    cloud.refuses::<op::DetachNetworkInterface>(detach(&attachment), "IncorrectState", &message);
    cloud.refuses::<op::AttachNetworkInterface>(attach(&one, 1), "InvalidNetworkInterface.InUse", "…");
    cloud.refuses::<op::AttachNetworkInterface>(attach(&other, 1), "AttachmentLimitExceeded", "…");
    cloud.wait(100);
    assert_eq!(status(), ("available".to_owned(), None));
    assert_eq!(cloud.instance(&instance).network_interfaces.unwrap().len(), 1);
    cloud.refuses::<op::DetachNetworkInterface>(detach(&attachment), "InvalidAttachmentID.NotFound", "…");

    // By force it is gone at once, also while it is detaching.
    for is_detaching in [false, true] {
        let attachment = cloud.ok::<op::AttachNetworkInterface>(attach(&one, 1)).attachment_id.unwrap();
        if is_detaching {
            cloud.ok::<op::DetachNetworkInterface>(detach(&attachment));
        }
        let force = api::DetachNetworkInterfaceRequest { force: Some(true), ..detach(&attachment) };
        cloud.ok::<op::DetachNetworkInterface>(force);
        assert_eq!(status(), ("available".to_owned(), None));
        cloud.wait(100);
    }
    // One that is detaching does not go with the instance.
    let attachment = cloud.ok::<op::AttachNetworkInterface>(attach(&one, 1)).attachment_id.unwrap();
    let goes = api::NetworkInterfaceAttachmentChanges {
        attachment_id: Some(attachment.clone()),
        delete_on_termination: Some(true),
        ..Default::default()
    };
    let goes =
        input!(ModifyNetworkInterfaceAttributeRequest { network_interface_id: &one, attachment: goes });
    cloud.ok::<op::ModifyNetworkInterfaceAttribute>(goes);
    cloud.ok::<op::DetachNetworkInterface>(detach(&attachment));
    cloud.terminate(&instance);
    assert_eq!(status(), ("available".to_owned(), None));
}

/// The data plane learns of it at once, and AWS takes some seconds.
#[test]
fn a_detachment_takes_its_time() {
    let cloud = Cloud::with(Config { realistic_timing: true, ..Config::default() });
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let instance = cloud.started(&subnet);
    cloud.stop(&instance);
    let id = cloud.interface(&subnet);
    let attach = input!(AttachNetworkInterfaceRequest {
        network_interface_id: &id,
        instance_id: &instance,
        device_index: 1
    });
    let attachment = cloud.ok::<op::AttachNetworkInterface>(attach).attachment_id.unwrap();
    cloud.ok::<op::DetachNetworkInterface>(input!(DetachNetworkInterfaceRequest {
        attachment_id: &attachment
    }));
    let record = cloud.store.snapshot().get::<NetworkInterface>(&cloud.scope(), &id).unwrap();
    let held = record.attachment.as_ref().unwrap();
    assert!(held.is_detaching());
    // Attachments of older builds are not detaching.
    let mut old = serde_json::to_value(held).unwrap();
    assert!(old.as_object_mut().unwrap().remove("detached_at").is_some());
    assert!(!serde_json::from_value::<Attachment>(old).unwrap().is_detaching());
    cloud.wait(4_999);
    assert_eq!(cloud.describe_interface(&id).status.as_deref(), Some("in-use"));
    cloud.wait(1);
    assert_eq!(cloud.describe_interface(&id).status.as_deref(), Some("available"));
}

#[test]
fn found_by_filters() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let input = input!(CreateNetworkInterfaceRequest {
        subnet_id: &subnet,
        description: "a database",
        tag_specifications: tagged("network-interface", &[("tier", "data")]),
    });
    let id = cloud
        .ok::<op::CreateNetworkInterface>(input)
        .network_interface
        .unwrap()
        .network_interface_id
        .unwrap();
    cloud.interface(&subnet);
    for (name, value) in [
        ("description", "*data*"),
        ("tag:tier", "data"),
        ("private-ip-address", "10.0.0.4"),
        ("addresses.private-ip-address", "10.0.0.4"),
    ] {
        let input = input!(DescribeNetworkInterfacesRequest {
            filters: filters(&[("subnet-id", &[&subnet]), (name, &[value])])
        });
        let found = cloud.ok::<op::DescribeNetworkInterfaces>(input).network_interfaces.unwrap();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].network_interface_id.as_ref(), Some(&id), "{name}");
    }
}

/// Whoever loses its interfaces, by deletion, by termination, or by a launch that got fewer instances than it could
/// have had, gives their ports back.
#[test]
fn ports_are_used_again_after_a_while() {
    let cloud = Cloud::without_quotas();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/28");
    let ports = || -> Vec<u32> {
        let snapshot = cloud.store.snapshot();
        let mut ports: Vec<u32> =
            snapshot.scan::<NetworkInterface>(&cloud.scope()).map(|(_, interface)| interface.port).collect();
        ports.sort_unstable();
        ports
    };
    let deleted = cloud.interface(&subnet);
    let terminated = cloud.started(&subnet);
    assert_eq!(ports(), [1, 2]);
    let input = input!(DeleteNetworkInterfaceRequest { network_interface_id: &deleted });
    cloud.ok::<op::DeleteNetworkInterface>(input);
    cloud.terminate(&terminated);
    cloud.interface(&subnet);
    assert_eq!(ports(), [3], "the others have not rested");

    // 10 of 11 addresses are free, so of these instances with two interfaces and three addresses there are three: the
    // fourth gets its first interface and not its second.
    let network = |device_index: i32, secondaries: i32| api::InstanceNetworkInterfaceSpecification {
        subnet_id: Some(subnet.clone()),
        device_index: Some(device_index),
        secondary_private_ip_address_count: Some(secondaries),
        ..Default::default()
    };
    let made = cloud.run(api::RunInstancesRequest {
        max_count: 4,
        network_interfaces: Some(vec![network(0, 0), network(1, 1)]),
        ..cloud.launch()
    });
    assert_eq!(made.len(), 3);
    assert_eq!(ports(), [3, 4, 5, 6, 7, 8, 9]);

    cloud.wait(60_000);
    let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
    (0..4).for_each(|_| drop(cloud.interface(&subnet)));
    assert_eq!(ports(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
}

#[test]
fn an_address_that_was_given_back_comes_last() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/28");
    let available = || {
        let input = input!(DescribeSubnetsRequest { subnet_ids: [&subnet] });
        cloud.ok::<op::DescribeSubnets>(input).subnets.unwrap()[0].available_ip_address_count
    };
    let create = |expected: &str| {
        let id = cloud.interface(&subnet);
        assert_eq!(addresses(&cloud.describe_interface(&id)), [expected]);
        id
    };
    let delete = |id: &str| {
        cloud.ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
            network_interface_id: id
        }));
    };
    delete(&create("10.0.0.4"));
    let fifth = create("10.0.0.5");
    delete(&create("10.0.0.6"));
    assert_eq!(available(), Some(10));
    (7..=14).for_each(|last| drop(create(&format!("10.0.0.{last}"))));
    // Behind the end it begins again, and passes over what is taken.
    create("10.0.0.4");
    let sixth = create("10.0.0.6");
    assert_eq!(available(), Some(0));
    cloud.refuses::<op::CreateNetworkInterface>(
        input!(CreateNetworkInterfaceRequest { subnet_id: &subnet }),
        "InsufficientFreeAddressesInSubnet",
        "…",
    );
    delete(&sixth);
    delete(&fifth);
    assert_eq!(available(), Some(2));
    // The last free ones are found wherever the search begins; secondary addresses go the same way.
    let interface = cloud.interface(&subnet);
    assert_eq!(addresses(&cloud.describe_interface(&interface)), ["10.0.0.5"]);
    cloud.ok::<op::AssignPrivateIpAddresses>(input!(AssignPrivateIpAddressesRequest {
        network_interface_id: &interface,
        secondary_private_ip_address_count: 1
    }));
    assert_eq!(addresses(&cloud.describe_interface(&interface)), ["10.0.0.5", "10.0.0.6"]);
    assert_eq!(available(), Some(0));
}

#[test]
fn what_only_aws_has_is_refused() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let operator = api::OperatorRequest { principal: Some("ecs.amazonaws.com".to_owned()) };
    let managed = input!(CreateNetworkInterfaceRequest { subnet_id: &subnet, operator: operator });
    cloud.refuses::<op::CreateNetworkInterface>(managed, "UnsupportedOperation", "…");
    let instance = cloud.started(&subnet);
    cloud.stop(&instance);
    let attach = |queues: Option<i32>| api::AttachNetworkInterfaceRequest {
        network_interface_id: cloud.interface(&subnet),
        instance_id: instance.clone(),
        device_index: 1,
        ena_queue_count: queues,
        ..Default::default()
    };
    cloud.refuses::<op::AttachNetworkInterface>(attach(Some(4)), "UnsupportedOperation", "…");
    cloud.ok::<op::AttachNetworkInterface>(attach(None));
}

/// Interfaces of older builds say beside their kind which account made them, and nothing of prefixes.
#[test]
fn an_interface_of_an_older_build_is_read() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let id = cloud.interface(&subnet);
    let held = cloud.store.snapshot().get::<NetworkInterface>(&cloud.scope(), &id).unwrap();
    let mut old = serde_json::to_value(&*held).unwrap();
    let members = old.as_object_mut().unwrap();
    assert!(members.remove("ipv4_prefixes").is_some() && members.remove("ipv6_prefixes").is_some());
    members.insert("requester".to_owned(), "amazon-aws".into());
    members.insert("kind".to_owned(), "NatGateway".into());
    let read: NetworkInterface = serde_json::from_value(old).unwrap();
    let expected = NetworkInterface { kind: Some(ManagedKind::NatGateway), ..NetworkInterface::clone(&held) };
    assert_eq!(read, expected);
}
