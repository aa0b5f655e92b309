use crate::cloud::{Cloud, api, filters, input, op};

/// A subnet with an IPv6 block, and the four groups that its IPv6 addresses begin with.
fn dual_subnet(cloud: &Cloud, cidr: &str) -> (String, String) {
    let vpc = cloud
        .ok::<op::CreateVpc>(input!(CreateVpcRequest {
            cidr_block: "10.0.0.0/16",
            amazon_provided_ipv6_cidr_block: true
        }))
        .vpc
        .unwrap();
    let vpc_id = vpc.vpc_id.unwrap();
    let block = vpc.ipv6_cidr_block_association_set.unwrap().remove(0).ipv6_cidr_block.unwrap();
    assert_eq!(block, "3fff::/56");
    let block = "3fff:0:0:1".to_owned();
    let of_subnet = format!("{block}::/64");
    let input =
        input!(CreateSubnetRequest { vpc_id: &vpc_id, cidr_block: cidr, ipv6_cidr_block: &of_subnet });
    let subnet = cloud.ok::<op::CreateSubnet>(input).subnet.unwrap();
    (subnet.subnet_id.unwrap(), block)
}

fn v4(prefix: &str) -> api::Ipv4PrefixSpecificationRequest {
    api::Ipv4PrefixSpecificationRequest { ipv4_prefix: Some(prefix.to_owned()) }
}

fn v6(prefix: &str) -> api::Ipv6PrefixSpecificationRequest {
    api::Ipv6PrefixSpecificationRequest { ipv6_prefix: Some(prefix.to_owned()) }
}

/// The prefixes that an interface shows, of both families.
fn prefixes(cloud: &Cloud, interface: &str) -> (Vec<String>, Vec<String>) {
    let shown = cloud.describe_interface(interface);
    let v4 = shown.ipv4_prefixes.into_iter().flatten().map(|held| held.ipv4_prefix.unwrap());
    let v6 = shown.ipv6_prefixes.into_iter().flatten().map(|held| held.ipv6_prefix.unwrap());
    (v4.collect(), v6.collect())
}

fn v4_prefixes(cloud: &Cloud, interface: &str) -> Vec<String> {
    prefixes(cloud, interface).0
}

fn create(cloud: &Cloud, input: api::CreateNetworkInterfaceRequest) -> String {
    cloud.ok::<op::CreateNetworkInterface>(input).network_interface.unwrap().network_interface_id.unwrap()
}

fn available(cloud: &Cloud, subnet: &str) -> i32 {
    let input = input!(DescribeSubnetsRequest { subnet_ids: [subnet] });
    cloud.ok::<op::DescribeSubnets>(input).subnets.unwrap()[0].available_ip_address_count.unwrap()
}

fn reserve(cloud: &Cloud, subnet: &str, cidr: &str, kind: &str) {
    cloud.ok::<op::CreateSubnetCidrReservation>(input!(CreateSubnetCidrReservationRequest {
        subnet_id: subnet,
        cidr: cidr,
        reservation_type: kind
    }));
}

fn assign(interface: &str, count: i32) -> api::AssignPrivateIpAddressesRequest {
    input!(AssignPrivateIpAddressesRequest { network_interface_id: interface, ipv4_prefix_count: count })
}

fn assign_named(interface: &str, prefix: &str) -> api::AssignPrivateIpAddressesRequest {
    input!(AssignPrivateIpAddressesRequest {
        network_interface_id: interface,
        ipv4_prefixes: vec![prefix.to_owned()]
    })
}

#[test]
fn an_interface_is_made_with_prefixes() {
    let cloud = Cloud::new();
    let (subnet, block) = dual_subnet(&cloud, "10.0.0.0/24");
    assert_eq!(available(&cloud, &subnet), 251);
    let named_v6 = format!("{block}:7::/80");
    let named = create(
        &cloud,
        input!(CreateNetworkInterfaceRequest {
            subnet_id: &subnet,
            ipv4_prefixes: vec![v4("10.0.0.16/28")],
            ipv6_prefixes: vec![v6(&named_v6)],
        }),
    );
    assert_eq!(prefixes(&cloud, &named), (vec!["10.0.0.16/28".to_owned()], vec![named_v6]));
    assert_eq!(available(&cloud, &subnet), 251 - 17);
    let counted = create(
        &cloud,
        input!(CreateNetworkInterfaceRequest {
            subnet_id: &subnet,
            ipv4_prefix_count: 2,
            ipv6_prefix_count: 2,
        }),
    );
    let (held, held_v6) = prefixes(&cloud, &counted);
    // The block of the last address, which is no interface's, is no prefix.
    assert_eq!(held, ["10.0.0.224/28", "10.0.0.208/28"]);
    assert_eq!(held_v6.len(), 2);
    assert!(
        held_v6.iter().all(|prefix| prefix.starts_with(&block) && prefix.ends_with("/80")),
        "{held_v6:?}"
    );
    assert_eq!(available(&cloud, &subnet), 251 - 17 - 33);
    // An interface without prefixes shows no list of them.
    let plain = cloud.describe_interface(&cloud.interface(&subnet));
    assert_eq!((plain.ipv4_prefixes, plain.ipv6_prefixes), (None, None));
    cloud.ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
        network_interface_id: &counted
    }));
    assert_eq!(available(&cloud, &subnet), 251 - 17 - 1);
}

#[test]
fn addresses_and_prefixes_keep_out_of_each_other() {
    let cloud = Cloud::new();
    let (subnet, block) = dual_subnet(&cloud, "10.0.0.0/26");
    let one = cloud.interface(&subnet);
    cloud.ok::<op::AssignPrivateIpAddresses>(assign_named(&one, "10.0.0.16/28"));
    // Nobody gets an address of the prefix, neither by name nor by number.
    let named = input!(AssignPrivateIpAddressesRequest {
        network_interface_id: &one,
        private_ip_addresses: ["10.0.0.20"]
    });
    cloud.refuses::<op::AssignPrivateIpAddresses>(
        named,
        "InvalidIPAddress.InUse",
        "Address 10.0.0.20 is in use.",
    );
    let counted = input!(AssignPrivateIpAddressesRequest {
        network_interface_id: &one,
        secondary_private_ip_address_count: 12
    });
    cloud.ok::<op::AssignPrivateIpAddresses>(counted);
    let held = cloud.describe_interface(&one).private_ip_addresses.unwrap();
    let last = held.last().unwrap().private_ip_address.as_deref();
    assert_eq!(last, Some("10.0.0.32"), "10.0.0.4 to .15, and then .32");
    // A block of which an address is taken is no prefix, and a prefix is one interface's.
    let other = cloud.interface(&subnet);
    for taken in ["10.0.0.32/28", "10.0.0.16/28"] {
        let message = format!("Address {taken} is in use.");
        cloud.refuses::<op::AssignPrivateIpAddresses>(
            assign_named(&other, taken),
            "InvalidIPAddress.InUse",
            &message,
        );
    }
    cloud.refuses::<op::AssignPrivateIpAddresses>(
        assign(&other, 1),
        "InsufficientCidrBlocks",
        "The specified subnet does not have enough free cidr blocks to satisfy the request.",
    );
    // The same again is no change.
    let again = cloud.ok::<op::AssignPrivateIpAddresses>(assign_named(&one, "10.0.0.16/28"));
    assert_eq!(again.assigned_ipv4_prefixes, None);
    assert_eq!(v4_prefixes(&cloud, &one), ["10.0.0.16/28"]);

    let prefix = format!("{block}:5::/80");
    let named_v6 = |id: &str, prefix: &str| {
        input!(AssignIpv6AddressesRequest {
            network_interface_id: id,
            ipv6_prefixes: vec![prefix.to_owned()]
        })
    };
    let done = cloud.ok::<op::AssignIpv6Addresses>(named_v6(&one, &prefix));
    assert_eq!(done.assigned_ipv6_prefixes, Some(vec![prefix.clone()]));
    let address: std::net::Ipv6Addr = format!("{block}:5::1").parse().unwrap();
    let single = input!(AssignIpv6AddressesRequest {
        network_interface_id: &other,
        ipv6_addresses: vec![address.to_string()]
    });
    cloud.refuses::<op::AssignIpv6Addresses>(
        single,
        "InvalidIPAddress.InUse",
        &format!("Address {address} is in use."),
    );
    let single = input!(AssignIpv6AddressesRequest {
        network_interface_id: &other,
        ipv6_addresses: vec![format!("{block}:6::1")]
    });
    cloud.ok::<op::AssignIpv6Addresses>(single);
    for taken in [prefix, format!("{block}:6::/80")] {
        let message = format!("Address {taken} is in use.");
        cloud.refuses::<op::AssignIpv6Addresses>(
            named_v6(&other, &taken),
            "InvalidIPAddress.InUse",
            &message,
        );
    }
}

#[test]
fn prefixes_are_given_back() {
    let cloud = Cloud::new();
    let (subnet, _) = dual_subnet(&cloud, "10.0.0.0/24");
    let one = cloud.interface(&subnet);
    let done = cloud.ok::<op::AssignPrivateIpAddresses>(assign(&one, 2));
    assert_eq!(done.assigned_ipv4_prefixes.unwrap().len(), 2);
    let counted = input!(AssignIpv6AddressesRequest { network_interface_id: &one, ipv6_prefix_count: 2 });
    let held_v6 = cloud.ok::<op::AssignIpv6Addresses>(counted).assigned_ipv6_prefixes.unwrap();
    assert_eq!(prefixes(&cloud, &one).1, held_v6);

    let unassign = |prefix: &str| {
        input!(UnassignPrivateIpAddressesRequest {
            network_interface_id: &one,
            ipv4_prefixes: vec![prefix.to_owned()]
        })
    };
    cloud.ok::<op::UnassignPrivateIpAddresses>(unassign("10.0.0.224/28"));
    assert_eq!(v4_prefixes(&cloud, &one), ["10.0.0.208/28"]);
    let message = format!("Some of [10.0.0.224/28] are not assigned to interface {one}");
    cloud.refuses::<op::UnassignPrivateIpAddresses>(
        unassign("10.0.0.224/28"),
        "InvalidParameterValue",
        &message,
    );
    let unassign_v6 = |prefix: &str| {
        input!(UnassignIpv6AddressesRequest {
            network_interface_id: &one,
            ipv6_prefixes: vec![prefix.to_owned()]
        })
    };
    let done = cloud.ok::<op::UnassignIpv6Addresses>(unassign_v6(&held_v6[0]));
    assert_eq!(done.unassigned_ipv6_prefixes, Some(vec![held_v6[0].clone()]));
    assert_eq!(prefixes(&cloud, &one).1, held_v6[1..]);
    let message = format!("Some of [{}] are not assigned to interface {one}", held_v6[0]);
    cloud.refuses::<op::UnassignIpv6Addresses>(unassign_v6(&held_v6[0]), "InvalidParameterValue", &message);
    // The block of a subnet whose prefixes are used cannot go.
    let input = input!(DescribeSubnetsRequest { subnet_ids: [&subnet] });
    let held = cloud.ok::<op::DescribeSubnets>(input).subnets.unwrap().remove(0);
    let association = held.ipv6_cidr_block_association_set.unwrap().remove(0).association_id.unwrap();
    let disassociate = input!(DisassociateSubnetCidrBlockRequest { association_id: association });
    cloud.refuses::<op::DisassociateSubnetCidrBlock>(disassociate.clone(), "InvalidCidr.InUse", "Network …");
    cloud.ok::<op::UnassignIpv6Addresses>(unassign_v6(&held_v6[1]));
    cloud.ok::<op::DisassociateSubnetCidrBlock>(disassociate);
}

#[test]
fn prefixes_come_from_the_blocks_reserved_for_them() {
    let cloud = Cloud::new();
    let (subnet, block) = dual_subnet(&cloud, "10.0.0.0/24");
    let one = cloud.interface(&subnet);
    // What is reserved for addresses is left out.
    reserve(&cloud, &subnet, "10.0.0.192/26", "explicit");
    cloud.ok::<op::AssignPrivateIpAddresses>(assign(&one, 1));
    assert_eq!(v4_prefixes(&cloud, &one), ["10.0.0.176/28"]);
    // What is reserved for prefixes is all that they come from unasked.
    reserve(&cloud, &subnet, "10.0.0.64/27", "prefix");
    cloud.ok::<op::AssignPrivateIpAddresses>(assign(&one, 2));
    assert_eq!(v4_prefixes(&cloud, &one), ["10.0.0.176/28", "10.0.0.80/28", "10.0.0.64/28"]);
    cloud.refuses::<op::AssignPrivateIpAddresses>(assign(&one, 1), "InsufficientCidrBlocks", "The …");
    // By name they can be any.
    cloud.ok::<op::AssignPrivateIpAddresses>(assign_named(&one, "10.0.0.192/28"));

    reserve(&cloud, &subnet, &format!("{block}:8::/79"), "prefix");
    let counted = |count: i32| {
        input!(AssignIpv6AddressesRequest { network_interface_id: &one, ipv6_prefix_count: count })
    };
    cloud.ok::<op::AssignIpv6Addresses>(counted(2));
    let mut held = prefixes(&cloud, &one).1;
    held.sort();
    assert_eq!(held, [format!("{block}:8::/80"), format!("{block}:9::/80")]);
    cloud.refuses::<op::AssignIpv6Addresses>(counted(1), "InsufficientCidrBlocks", "The …");
}

#[test]
fn ipv6_prefixes_keep_out_of_what_is_reserved_for_addresses() {
    let cloud = Cloud::new();
    let (subnet, block) = dual_subnet(&cloud, "10.0.0.0/24");
    // All but one block of 2 prefixes is reserved, of which the first is the subnet's own.
    let mut last = String::new();
    for bit in 1..16_u32 {
        last = format!("{block}:{:x}::/{}", 1_u32 << bit, 80 - bit);
        reserve(&cloud, &subnet, &last, "explicit");
    }
    assert!(last.ends_with("/65"));
    let one = cloud.interface(&subnet);
    let counted = input!(AssignIpv6AddressesRequest { network_interface_id: &one, ipv6_prefix_count: 1 });
    cloud.ok::<op::AssignIpv6Addresses>(counted.clone());
    assert_eq!(prefixes(&cloud, &one).1, [format!("{block}:1::/80")]);
    cloud.refuses::<op::AssignIpv6Addresses>(counted, "InsufficientCidrBlocks", "The …");
}

#[test]
fn prefixes_that_cannot_be() {
    let cloud = Cloud::new();
    let (subnet, block) = dual_subnet(&cloud, "10.0.0.0/24");
    let one = cloud.interface(&subnet);
    let plain = cloud.subnet(&cloud.vpc("10.1.0.0/16"), "10.1.0.0/24");
    let invalid = "InvalidParameterValue";
    for (prefix, message) in [
        ("10.0.0.16/27", "Value (10.0.0.16/27) for parameter ipv4Prefix is invalid. …"),
        ("10.0.0.17/28", "Value (10.0.0.17/28) for parameter ipv4Prefix is invalid. …"),
        ("10.0.0.16", "Value (10.0.0.16) for parameter ipv4Prefix is invalid. …"),
        ("10.0.1.16/28", "Prefix 10.0.1.16/28 does not fall within the subnet's address range"),
        ("10.0.0.0/28", "Prefix 10.0.0.0/28 overlaps the subnet's reserved address range"),
        ("10.0.0.240/28", "Prefix 10.0.0.240/28 overlaps the subnet's reserved address range"),
    ] {
        cloud.refuses::<op::AssignPrivateIpAddresses>(assign_named(&one, prefix), invalid, message);
    }
    let twice = input!(AssignPrivateIpAddressesRequest {
        network_interface_id: &one,
        ipv4_prefixes: vec!["10.0.0.16/28".to_owned(), "10.0.0.16/28".to_owned()]
    });
    cloud.refuses::<op::AssignPrivateIpAddresses>(twice, invalid, "…");
    cloud.refuses::<op::AssignPrivateIpAddresses>(assign(&one, -1), invalid, "…");
    cloud.refuses::<op::AssignPrivateIpAddresses>(
        assign(&one, 0),
        "MissingParameter",
        "Either 'privateIpAddresses' or 'secondaryPrivateIpAddressCount' should be provided.",
    );
    let both = api::AssignPrivateIpAddressesRequest {
        ipv4_prefixes: Some(vec!["10.0.0.16/28".to_owned()]),
        ..assign(&one, 1)
    };
    cloud.refuses::<op::AssignPrivateIpAddresses>(
        both,
        "InvalidParameterCombination",
        "The parameter ipv4Prefixes cannot be used with the parameter ipv4PrefixCount",
    );
    for (prefix, message) in [
        (format!("{block}:1::/96"), "Value …"),
        (
            "2001:db8:0:0:1::/80".to_owned(),
            "Prefix 2001:db8:0:0:1::/80 does not fall within the subnet's address range",
        ),
        (format!("{block}::/80"), "Prefix 3fff:0:0:1::/80 overlaps the subnet's reserved address range"),
        (
            format!("{block}:ffff::/80"),
            "Prefix 3fff:0:0:1:ffff::/80 overlaps the subnet's reserved address range",
        ),
    ] {
        let input =
            input!(AssignIpv6AddressesRequest { network_interface_id: &one, ipv6_prefixes: vec![prefix] });
        cloud.refuses::<op::AssignIpv6Addresses>(input, invalid, message);
    }
    let without_block = input!(CreateNetworkInterfaceRequest { subnet_id: &plain, ipv6_prefix_count: 1 });
    cloud.refuses::<op::CreateNetworkInterface>(without_block, invalid, "The subnet …");
    // A /28 subnet has no prefix: its first and last addresses are no interface's.
    let small = cloud.subnet(&cloud.vpc("10.2.0.0/16"), "10.2.0.0/28");
    let in_small = input!(CreateNetworkInterfaceRequest { subnet_id: &small, ipv4_prefix_count: 1 });
    cloud.refuses::<op::CreateNetworkInterface>(in_small, "InsufficientCidrBlocks", "The …");
    assert_eq!(available(&cloud, &small), 11);
    let many = input!(CreateNetworkInterfaceRequest { subnet_id: &subnet, ipv4_prefix_count: 64 });
    cloud.refuses::<op::CreateNetworkInterface>(many, "PrivateIpAddressLimitExceeded", "…");
    assert_eq!(prefixes(&cloud, &one), (Vec::new(), Vec::new()));
    // No public address stands for one of a prefix.
    cloud.ok::<op::AssignPrivateIpAddresses>(assign_named(&one, "10.0.0.16/28"));
    let allocation =
        cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {})).allocation_id.unwrap();
    let associate = input!(AssociateAddressRequest {
        allocation_id: allocation,
        network_interface_id: &one,
        private_ip_address: "10.0.0.17"
    });
    cloud.refuses::<op::AssociateAddress>(associate, invalid, "Value (10.0.0.17) for …");
}

fn launch_with(
    cloud: &Cloud,
    interface: api::InstanceNetworkInterfaceSpecification,
) -> api::RunInstancesRequest {
    let interface = api::InstanceNetworkInterfaceSpecification { device_index: Some(0), ..interface };
    api::RunInstancesRequest { network_interfaces: Some(vec![interface]), ..cloud.launch() }
}

#[test]
fn instances_are_launched_with_prefixes_and_found_by_them() {
    let cloud = Cloud::new();
    let (subnet, block) = dual_subnet(&cloud, "10.0.0.0/24");
    let named_v6 = format!("{block}:7::/80");
    let wanted = api::InstanceNetworkInterfaceSpecification {
        subnet_id: Some(subnet.clone()),
        ipv4_prefixes: Some(vec![v4("10.0.0.16/28")]),
        ipv6_prefixes: Some(vec![v6(&named_v6)]),
        ..Default::default()
    };
    let id = cloud.run(launch_with(&cloud, wanted.clone())).remove(0).instance_id.unwrap();
    let shown = cloud.instance(&id).network_interfaces.unwrap().remove(0);
    let held = |prefix: &str| Some(vec![api::InstanceIpv4Prefix { ipv4_prefix: Some(prefix.to_owned()) }]);
    assert_eq!(shown.ipv4_prefixes, held("10.0.0.16/28"));
    let held_v6 = vec![api::InstanceIpv6Prefix { ipv6_prefix: Some(named_v6.clone()) }];
    assert_eq!(shown.ipv6_prefixes, Some(held_v6));
    cloud.run(api::RunInstancesRequest { subnet_id: Some(subnet.clone()), ..cloud.launch() });
    for (name, value) in [
        ("network-interface.ipv4-prefixes.ipv4-prefix", "10.0.0.16/28"),
        ("network-interface.ipv6-prefixes.ipv6-prefix", named_v6.as_str()),
    ] {
        let input = input!(DescribeInstancesRequest { filters: filters(&[(name, &[value])]) });
        let found = cloud.ok::<op::DescribeInstances>(input).reservations.unwrap();
        let found: Vec<_> = found.iter().flat_map(|held| held.instances.iter().flatten()).collect();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].instance_id.as_ref(), Some(&id), "{name}");
    }
    // A template says the same for whole numbers of instances, each of which gets its own.
    let template = api::LaunchTemplateInstanceNetworkInterfaceSpecificationRequest {
        device_index: Some(0),
        subnet_id: Some(subnet),
        ipv4_prefix_count: Some(1),
        ..Default::default()
    };
    let data = api::RequestLaunchTemplateData {
        image_id: Some(cloud.image()),
        instance_type: Some("t3.micro".to_owned()),
        network_interfaces: Some(vec![template]),
        ..Default::default()
    };
    cloud.ok::<op::CreateLaunchTemplate>(input!(CreateLaunchTemplateRequest {
        launch_template_name: "prefixes",
        launch_template_data: data
    }));
    let from_template = api::LaunchTemplateSpecification {
        launch_template_name: Some("prefixes".to_owned()),
        ..Default::default()
    };
    let input = input!(RunInstancesRequest { min_count: 2, max_count: 2, launch_template: from_template });
    let mut made: Vec<_> = cloud
        .run(input)
        .into_iter()
        .map(|instance| {
            let shown = instance.network_interfaces.unwrap().remove(0).ipv4_prefixes.unwrap();
            shown[0].ipv4_prefix.clone().unwrap()
        })
        .collect();
    made.sort();
    assert_eq!(made, ["10.0.0.208/28", "10.0.0.224/28"]);
    let input = input!(GetLaunchTemplateDataRequest { instance_id: &id });
    let data = cloud.ok::<op::GetLaunchTemplateData>(input).launch_template_data.unwrap();
    let shown = data.network_interfaces.unwrap().remove(0);
    assert_eq!(shown.ipv4_prefixes.unwrap()[0].ipv4_prefix.as_deref(), Some("10.0.0.16/28"));
    assert_eq!(shown.ipv6_prefixes.unwrap()[0].ipv6_prefix, Some(named_v6));
    // What is named is one instance's.
    let input = api::RunInstancesRequest { max_count: 2, ..launch_with(&cloud, wanted) };
    cloud.refuses::<op::RunInstances>(input, "InvalidParameterCombination", "…");
}

#[test]
fn an_instance_type_limits_prefixes_as_addresses() {
    let cloud = Cloud::new();
    let (subnet, _) = dual_subnet(&cloud, "10.0.0.0/24");
    let wanted = |count: i32| api::InstanceNetworkInterfaceSpecification {
        subnet_id: Some(subnet.clone()),
        ipv4_prefix_count: Some(count),
        ..Default::default()
    };
    // A t3.micro has 2 addresses for an interface: the primary one, and one address or prefix.
    let exceeded = "PrivateIpAddressLimitExceeded";
    cloud.refuses::<op::RunInstances>(launch_with(&cloud, wanted(2)), exceeded, "…");
    let instance = cloud.run(launch_with(&cloud, wanted(1))).remove(0);
    let interface = instance.network_interfaces.unwrap().remove(0).network_interface_id.unwrap();
    cloud.refuses::<op::AssignPrivateIpAddresses>(assign(&interface, 1), exceeded, "…");
    let single = input!(AssignPrivateIpAddressesRequest {
        network_interface_id: &interface,
        secondary_private_ip_address_count: 1
    });
    cloud.refuses::<op::AssignPrivateIpAddresses>(single, exceeded, "…");
    // Instances that are not of the Nitro System have no prefixes, however they would come to them.
    let xen = |input| api::RunInstancesRequest { instance_type: Some("t2.small".to_owned()), ..input };
    let message = "Instances of the type t2.small cannot have prefixes: …";
    cloud.refuses::<op::RunInstances>(xen(launch_with(&cloud, wanted(1))), "UnsupportedOperation", message);
    let plain =
        cloud.run(xen(api::RunInstancesRequest { subnet_id: Some(subnet.clone()), ..cloud.launch() }));
    let interface = plain[0].network_interfaces.as_ref().unwrap()[0].network_interface_id.clone().unwrap();
    cloud.refuses::<op::AssignPrivateIpAddresses>(assign(&interface, 1), "UnsupportedOperation", message);
    let free =
        create(&cloud, input!(CreateNetworkInterfaceRequest { subnet_id: &subnet, ipv4_prefix_count: 1 }));
    let with_existing = api::InstanceNetworkInterfaceSpecification {
        network_interface_id: Some(free),
        ipv4_prefix_count: Some(1),
        ..Default::default()
    };
    cloud.refuses::<op::RunInstances>(
        launch_with(&cloud, with_existing),
        "InvalidParameterCombination",
        "A network interface ID and a prefix may not be specified together.",
    );
}

/// AWS gives an interface that is made either further addresses of a family or prefixes.
#[test]
fn prefixes_and_further_addresses_are_not_asked_for_together() {
    let cloud = Cloud::new();
    let (subnet, block) = dual_subnet(&cloud, "10.0.0.0/24");
    let request = || input!(CreateNetworkInterfaceRequest { subnet_id: &subnet });
    let secondary = |primary: bool| api::PrivateIpAddressSpecification {
        primary: Some(primary),
        private_ip_address: Some("10.0.0.5".to_owned()),
    };
    let address =
        api::InstanceIpv6Address { ipv6_address: Some(format!("{block}::5")), is_primary_ipv6: None };
    let named = vec![v4("10.0.0.16/28")];
    let named_v6 = vec![v6(&format!("{block}:7::/80"))];
    let cases = [
        (
            api::CreateNetworkInterfaceRequest {
                ipv4_prefix_count: Some(1),
                secondary_private_ip_address_count: Some(1),
                ..request()
            },
            ["ipv4PrefixCount", "secondaryPrivateIpAddressCount"],
        ),
        (
            api::CreateNetworkInterfaceRequest {
                ipv4_prefixes: Some(named),
                private_ip_addresses: Some(vec![secondary(false)]),
                ..request()
            },
            ["ipv4Prefixes", "privateIpAddresses"],
        ),
        (
            api::CreateNetworkInterfaceRequest {
                ipv6_prefix_count: Some(1),
                ipv6_addresses: Some(vec![address]),
                ..request()
            },
            ["ipv6PrefixCount", "ipv6Addresses"],
        ),
        (
            api::CreateNetworkInterfaceRequest {
                ipv6_prefixes: Some(named_v6),
                ipv6_address_count: Some(1),
                ..request()
            },
            ["ipv6Prefixes", "ipv6AddressCount"],
        ),
    ];
    for (case, [prefixes, addresses]) in cases {
        let message = format!("The parameter {prefixes} cannot be used with the parameter {addresses}");
        let launch = api::RunInstancesRequest {
            instance_type: Some("m5.large".to_owned()),
            network_interfaces: Some(vec![api::InstanceNetworkInterfaceSpecification {
                device_index: Some(0),
                subnet_id: Some(subnet.clone()),
                ipv4_prefix_count: case.ipv4_prefix_count,
                ipv4_prefixes: case.ipv4_prefixes.clone(),
                ipv6_prefix_count: case.ipv6_prefix_count,
                ipv6_prefixes: case.ipv6_prefixes.clone(),
                private_ip_addresses: case.private_ip_addresses.clone(),
                secondary_private_ip_address_count: case.secondary_private_ip_address_count,
                ipv6_addresses: case.ipv6_addresses.clone(),
                ipv6_address_count: case.ipv6_address_count,
                ..Default::default()
            }]),
            ..cloud.launch()
        };
        cloud.refuses::<op::CreateNetworkInterface>(case, "InvalidParameterCombination", &message);
        cloud.refuses::<op::RunInstances>(launch, "InvalidParameterCombination", &message);
    }
    // The primary address is no further one, and the families do not mind each other.
    create(
        &cloud,
        api::CreateNetworkInterfaceRequest {
            ipv4_prefix_count: Some(1),
            private_ip_addresses: Some(vec![secondary(true)]),
            ipv6_address_count: Some(1),
            ..request()
        },
    );
}
