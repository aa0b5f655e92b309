//! What an instance's type limits, at every door through which an instance comes to have more.

use store::{Read, StoreError, Transaction};
use svc_ec2::record::Instance;

use crate::cloud::{Cloud, api, input, op};

const ATTACHMENTS: &str = "AttachmentLimitExceeded";
const ADDRESSES: &str = "PrivateIpAddressLimitExceeded";
const ADDRESSES_V6: &str = "Ipv6AddressLimitExceeded";

/// A subnet with an IPv6 block.
fn dual_subnet(cloud: &Cloud) -> String {
    let vpc = cloud.ok::<op::CreateVpc>(input!(CreateVpcRequest {
        cidr_block: "10.0.0.0/16",
        amazon_provided_ipv6_cidr_block: true
    }));
    let vpc = vpc.vpc.unwrap();
    let block = vpc.ipv6_cidr_block_association_set.unwrap().remove(0).ipv6_cidr_block.unwrap();
    let subnet = cloud.ok::<op::CreateSubnet>(input!(CreateSubnetRequest {
        vpc_id: vpc.vpc_id.unwrap(),
        cidr_block: "10.0.0.0/24",
        ipv6_cidr_block: block.replace("/56", "/64"),
    }));
    subnet.subnet.unwrap().subnet_id.unwrap()
}

fn interface(cloud: &Cloud, input: api::CreateNetworkInterfaceRequest) -> String {
    cloud.ok::<op::CreateNetworkInterface>(input).network_interface.unwrap().network_interface_id.unwrap()
}

fn stopped(cloud: &Cloud, subnet: &str, instance_type: &str) -> api::Instance {
    let launch = api::RunInstancesRequest {
        instance_type: Some(instance_type.to_owned()),
        subnet_id: Some(subnet.to_owned()),
        ..cloud.launch()
    };
    let id = cloud.run(launch).remove(0).instance_id.unwrap();
    assert!(cloud.ec2.instance_started(&cloud.scope(), id.parse().unwrap(), cloud.now()).unwrap());
    cloud.stop(&id);
    cloud.instance(&id)
}

fn attach(interface: &str, instance: &str, index: i32) -> api::AttachNetworkInterfaceRequest {
    input!(AttachNetworkInterfaceRequest {
        network_interface_id: interface,
        instance_id: instance,
        device_index: index
    })
}

fn change_type(instance: &str, to: &str) -> api::ModifyInstanceAttributeRequest {
    let to = api::AttributeValue { value: Some(to.to_owned()) };
    input!(ModifyInstanceAttributeRequest { instance_id: instance, instance_type: to })
}

#[test]
fn an_interface_that_is_there_has_to_fit_too() {
    let cloud = Cloud::new();
    let subnet = dual_subnet(&cloud);
    let request = input!(CreateNetworkInterfaceRequest { subnet_id: &subnet });
    let many =
        api::CreateNetworkInterfaceRequest { secondary_private_ip_address_count: Some(2), ..request.clone() };
    let many_v6 = api::CreateNetworkInterfaceRequest { ipv6_address_count: Some(3), ..request.clone() };
    let prefixes = api::CreateNetworkInterfaceRequest { ipv4_prefix_count: Some(2), ..request.clone() };
    let stopped = stopped(&cloud, &subnet, "t3.micro").instance_id.unwrap();
    for (input, code) in [(many, ADDRESSES), (many_v6, ADDRESSES_V6), (prefixes, ADDRESSES)] {
        let id = interface(&cloud, input);
        let launch = api::RunInstancesRequest {
            network_interfaces: Some(vec![api::InstanceNetworkInterfaceSpecification {
                device_index: Some(0),
                network_interface_id: Some(id.clone()),
                ..Default::default()
            }]),
            ..cloud.launch()
        };
        cloud.refuses::<op::RunInstances>(launch.clone(), code, "Number of …");
        cloud.refuses::<op::AttachNetworkInterface>(attach(&id, &stopped, 1), code, "Number of …");
        cloud.run(api::RunInstancesRequest { instance_type: Some("t3.small".to_owned()), ..launch });
    }
    // Types that are not built on the Nitro System have no prefixes.
    let id = interface(&cloud, api::CreateNetworkInterfaceRequest { ipv4_prefix_count: Some(1), ..request });
    let launch = api::RunInstancesRequest {
        instance_type: Some("t2.small".to_owned()),
        network_interfaces: Some(vec![api::InstanceNetworkInterfaceSpecification {
            device_index: Some(0),
            network_interface_id: Some(id),
            ..Default::default()
        }]),
        ..cloud.launch()
    };
    cloud.refuses::<op::RunInstances>(launch, "UnsupportedOperation", "…");
    // An address that the subnet adds counts like one that is asked for.
    let by_default = input!(ModifySubnetAttributeRequest {
        subnet_id: &subnet,
        assign_ipv6_address_on_creation: api::AttributeBooleanValue { value: Some(true) },
    });
    cloud.ok::<op::ModifySubnetAttribute>(by_default);
    let launch = api::RunInstancesRequest {
        instance_type: Some("m1.small".to_owned()),
        subnet_id: Some(subnet),
        ..cloud.launch()
    };
    cloud.refuses::<op::RunInstances>(launch, ADDRESSES_V6, "…");
}

#[test]
fn addresses_are_counted_as_they_are_assigned() {
    let cloud = Cloud::new();
    let subnet = dual_subnet(&cloud);
    let instance = stopped(&cloud, &subnet, "t3.micro");
    let id = instance.network_interfaces.unwrap().remove(0).network_interface_id.unwrap();
    let assign = |count: i32, prefixes: i32| {
        input!(AssignPrivateIpAddressesRequest {
            network_interface_id: &id,
            secondary_private_ip_address_count: count,
            ipv4_prefix_count: prefixes
        })
    };
    cloud.refuses::<op::AssignPrivateIpAddresses>(assign(2, 0), ADDRESSES, "…");
    cloud.refuses::<op::AssignPrivateIpAddresses>(assign(0, 2), ADDRESSES, "…");
    cloud.ok::<op::AssignPrivateIpAddresses>(assign(0, 1));
    cloud.refuses::<op::AssignPrivateIpAddresses>(assign(1, 0), ADDRESSES, "…");
    let assign_v6 = |count: i32, prefixes: i32| {
        input!(AssignIpv6AddressesRequest {
            network_interface_id: &id,
            ipv6_address_count: count,
            ipv6_prefix_count: prefixes
        })
    };
    cloud.refuses::<op::AssignIpv6Addresses>(assign_v6(3, 0), ADDRESSES_V6, "…");
    cloud.refuses::<op::AssignIpv6Addresses>(assign_v6(0, 3), ADDRESSES_V6, "…");
    cloud.ok::<op::AssignIpv6Addresses>(assign_v6(1, 0));
    cloud.ok::<op::AssignIpv6Addresses>(assign_v6(0, 1));
    cloud.refuses::<op::AssignIpv6Addresses>(assign_v6(1, 0), ADDRESSES_V6, "…");
}

#[test]
fn another_type_has_to_fit_what_the_instance_has() {
    let cloud = Cloud::new();
    let subnet = dual_subnet(&cloud);
    let id = stopped(&cloud, &subnet, "m5.large").instance_id.unwrap();
    for index in 1..3 {
        let other = interface(&cloud, input!(CreateNetworkInterfaceRequest { subnet_id: &subnet }));
        cloud.ok::<op::AttachNetworkInterface>(attach(&other, &id, index));
    }
    let message = "Interface count 3 exceeds the limit for t3.micro";
    cloud.refuses::<op::ModifyInstanceAttribute>(change_type(&id, "t3.micro"), ATTACHMENTS, message);
    let last = cloud.instance(&id).network_interfaces.unwrap().remove(2).network_interface_id.unwrap();
    cloud.ok::<op::AssignPrivateIpAddresses>(input!(AssignPrivateIpAddressesRequest {
        network_interface_id: &last,
        secondary_private_ip_address_count: 4
    }));
    cloud.refuses::<op::ModifyInstanceAttribute>(change_type(&id, "t3.small"), ADDRESSES, "…");
    cloud.ok::<op::ModifyInstanceAttribute>(change_type(&id, "t3.medium"));

    let group = input!(CreatePlacementGroupRequest { group_name: "near", strategy: "cluster" });
    cloud.ok::<op::CreatePlacementGroup>(group);
    let place = input!(ModifyInstancePlacementRequest { instance_id: &id, group_name: "near" });
    let message = "Placement groups may not be used with instances of type 't3.medium'.";
    let code = "InvalidParameterCombination";
    cloud.refuses::<op::ModifyInstancePlacement>(place.clone(), code, message);
    cloud.ok::<op::ModifyInstanceAttribute>(change_type(&id, "m5.large"));
    cloud.ok::<op::ModifyInstancePlacement>(place);
    cloud.refuses::<op::ModifyInstanceAttribute>(change_type(&id, "t3.medium"), code, message);
    let message = "Placement groups may not be used with instances of type 'm7i-flex.large'.";
    cloud.refuses::<op::ModifyInstanceAttribute>(change_type(&id, "m7i-flex.large"), code, message);
}

#[test]
fn volumes_and_interfaces_share_a_limit_or_do_not() {
    let cloud = Cloud::without_quotas();
    let subnet = dual_subnet(&cloud);
    let shared = stopped(&cloud, &subnet, "m5.large").instance_id.unwrap();
    let dedicated = stopped(&cloud, &subnet, "m7i.large").instance_id.unwrap();
    let volume = || {
        let request = input!(CreateVolumeRequest { availability_zone: "us-east-1a", size: 1 });
        let id = cloud.ok::<op::CreateVolume>(request).volume_id.unwrap();
        cloud.wait(100);
        id
    };
    let attach_volume = |volume: &str, instance: &str, number: u8| {
        let device = format!("/dev/xvdb{}", char::from(b'a' + number % 26));
        let device = if number < 26 { device } else { device.replace("xvdb", "xvdc") };
        input!(AttachVolumeRequest { volume_id: volume, instance_id: instance, device: device })
    };
    // With the root volume and the primary interface it has two attachments.
    for number in 0..25 {
        cloud.ok::<op::AttachVolume>(attach_volume(&volume(), &shared, number));
    }
    let other = interface(&cloud, input!(CreateNetworkInterfaceRequest { subnet_id: &subnet }));
    cloud.ok::<op::AttachNetworkInterface>(attach(&other, &shared, 1));
    let third = interface(&cloud, input!(CreateNetworkInterfaceRequest { subnet_id: &subnet }));
    let message =
        "The instance type m5.large supports at most 28 attachments of volumes and network interfaces.";
    cloud.refuses::<op::AttachNetworkInterface>(attach(&third, &shared, 2), ATTACHMENTS, message);
    let last = volume();
    cloud.refuses::<op::AttachVolume>(attach_volume(&last, &shared, 30), ATTACHMENTS, message);
    // A dedicated limit is larger, and interfaces do not count.
    cloud.ok::<op::AttachNetworkInterface>(attach(&third, &dedicated, 1));
    for number in 0..31 {
        cloud.ok::<op::AttachVolume>(attach_volume(&volume(), &dedicated, number));
    }
    let message = "The instance type m7i.large supports at most 32 attachments of volumes.";
    cloud.refuses::<op::AttachVolume>(attach_volume(&last, &dedicated, 31), ATTACHMENTS, message);
    let message = "The instance type m6i.large supports at most 28 …";
    cloud.refuses::<op::ModifyInstanceAttribute>(change_type(&dedicated, "m6i.large"), ATTACHMENTS, message);
}

/// Gives an instance more than its type can have, as states of builds have it that did not check.
fn changed(cloud: &Cloud, id: &str, change: impl FnOnce(&mut Instance)) {
    let stored = cloud.store.snapshot().get::<Instance>(&cloud.scope(), id).unwrap();
    let mut instance = Instance::clone(&stored);
    change(&mut instance);
    let put = |transaction: &mut Transaction| {
        transaction.put(&cloud.scope(), id, instance);
        Ok::<_, StoreError>(())
    };
    cloud.store.transact(put).unwrap();
}

#[test]
fn only_what_a_request_gives_has_to_fit() {
    let cloud = Cloud::new();
    let subnet = dual_subnet(&cloud);
    let instance = stopped(&cloud, &subnet, "m5.large");
    let own = instance.network_interfaces.unwrap().remove(0).network_interface_id.unwrap();
    let id = instance.instance_id.unwrap();
    let group = input!(CreatePlacementGroupRequest { group_name: "near", strategy: "cluster" });
    cloud.ok::<op::CreatePlacementGroup>(group);
    let place = input!(ModifyInstancePlacementRequest { instance_id: &id, group_name: "near" });
    cloud.ok::<op::ModifyInstancePlacement>(place.clone());
    let prefixes = |count: i32| {
        input!(AssignPrivateIpAddressesRequest { network_interface_id: &own, ipv4_prefix_count: count })
    };
    cloud.ok::<op::AssignPrivateIpAddresses>(prefixes(1));
    let v6 = |count: i32| {
        input!(AssignIpv6AddressesRequest { network_interface_id: &own, ipv6_address_count: count })
    };
    cloud.ok::<op::AssignIpv6Addresses>(v6(1));
    // An m1.small has no IPv6 addresses and no prefixes, and is in no cluster group.
    changed(&cloud, &id, |instance| instance.instance_type = "m1.small".to_owned());

    let volume = input!(CreateVolumeRequest { availability_zone: "us-east-1a", size: 1 });
    let volume = cloud.ok::<op::CreateVolume>(volume).volume_id.unwrap();
    cloud.wait(100);
    let device = "/dev/sdf";
    cloud.ok::<op::AttachVolume>(input!(AttachVolumeRequest { volume_id: volume, instance_id: &id, device }));
    let other = interface(&cloud, input!(CreateNetworkInterfaceRequest { subnet_id: &subnet }));
    cloud.ok::<op::AttachNetworkInterface>(attach(&other, &id, 1));
    let more = input!(AssignPrivateIpAddressesRequest {
        network_interface_id: &other,
        secondary_private_ip_address_count: 1
    });
    cloud.ok::<op::AssignPrivateIpAddresses>(more);
    cloud.ok::<op::ModifyInstancePlacement>(place.clone());
    cloud.ok::<op::ModifyInstanceAttribute>(change_type(&id, "m1.small"));

    // More of what it cannot have, another such group and another such type are refused as ever.
    cloud.refuses::<op::AssignIpv6Addresses>(v6(1), ADDRESSES_V6, "…");
    cloud.refuses::<op::AssignPrivateIpAddresses>(prefixes(1), "UnsupportedOperation", "…");
    let third = interface(&cloud, input!(CreateNetworkInterfaceRequest { subnet_id: &subnet }));
    cloud.refuses::<op::AttachNetworkInterface>(attach(&third, &id, 2), ATTACHMENTS, "…");
    let group = input!(CreatePlacementGroupRequest { group_name: "nearer", strategy: "cluster" });
    cloud.ok::<op::CreatePlacementGroup>(group);
    let place = api::ModifyInstancePlacementRequest { group_name: Some("nearer".to_owned()), ..place };
    cloud.refuses::<op::ModifyInstancePlacement>(place, "InvalidParameterCombination", "…");
    cloud.refuses::<op::ModifyInstanceAttribute>(change_type(&id, "m1.medium"), "UnsupportedOperation", "…");
}
