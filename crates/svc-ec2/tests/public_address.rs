use svc_ec2::Config;

use crate::cloud::{Cloud, api, filters, input, op};

/// A subnet of the default VPC that gives instances public addresses, and one that does not.
fn subnets(cloud: &Cloud) -> (String, String) {
    let input = input!(DescribeSubnetsRequest { filters: filters(&[("default-for-az", &["true"])]) });
    let public = cloud.ok::<op::DescribeSubnets>(input).subnets.unwrap().remove(0).subnet_id.unwrap();
    (public, cloud.subnet(&cloud.default_vpc(), "172.31.240.0/24"))
}

/// A launch whose one interface says whether it gets a public address.
fn asking(cloud: &Cloud, subnet: &str, public: bool) -> api::RunInstancesRequest {
    let interface = input!(InstanceNetworkInterfaceSpecification {
        device_index: 0,
        subnet_id: subnet,
        associate_public_ip_address: public,
    });
    api::RunInstancesRequest { network_interfaces: Some(vec![interface]), ..cloud.launch() }
}

fn public_ip(cloud: &Cloud, instance: &str) -> Option<String> {
    cloud.instance(instance).public_ip_address
}

fn interface_of(cloud: &Cloud, instance: &str) -> String {
    cloud.instance(instance).network_interfaces.unwrap().remove(0).network_interface_id.unwrap()
}

fn started(cloud: &Cloud, launch: api::RunInstancesRequest) -> String {
    let id = cloud.run(launch).remove(0).instance_id.unwrap();
    assert!(cloud.ec2.instance_started(&cloud.scope(), id.parse().unwrap(), cloud.now()).unwrap());
    id
}

fn start(cloud: &Cloud, instance: &str) {
    cloud.ok::<op::StartInstances>(input!(StartInstancesRequest { instance_ids: [instance] }));
    assert!(cloud.ec2.instance_started(&cloud.scope(), instance.parse().unwrap(), cloud.now()).unwrap());
}

fn allocate(cloud: &Cloud) -> (String, String) {
    let answer = cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {}));
    (answer.allocation_id.unwrap(), answer.public_ip.unwrap())
}

fn associate(cloud: &Cloud, input: api::AssociateAddressRequest) -> String {
    cloud.ok::<op::AssociateAddress>(input).association_id.unwrap()
}

fn disassociate(cloud: &Cloud, association: &str) {
    cloud.ok::<op::DisassociateAddress>(input!(DisassociateAddressRequest { association_id: association }));
}

fn set_public(cloud: &Cloud, interface: &str, is_public: bool) {
    cloud.ok::<op::ModifyNetworkInterfaceAttribute>(input!(ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: interface,
        associate_public_ip_address: is_public,
    }));
}

fn is_public(cloud: &Cloud, interface: &str) -> bool {
    let input = input!(DescribeNetworkInterfaceAttributeRequest {
        network_interface_id: interface,
        attribute: "associatePublicIpAddress",
    });
    cloud.ok::<op::DescribeNetworkInterfaceAttribute>(input).associate_public_ip_address.unwrap()
}

/// Uses up the addresses of the region, and returns the allocations.
fn exhaust(cloud: &Cloud) -> Vec<String> {
    let one = || cloud.call::<op::AllocateAddress>(input!(AllocateAddressRequest {}));
    std::iter::from_fn(|| one().ok()?.allocation_id).collect()
}

fn release(cloud: &Cloud, allocation: &str) {
    cloud.ok::<op::ReleaseAddress>(input!(ReleaseAddressRequest { allocation_id: allocation }));
}

#[test]
fn the_subnet_or_the_launch_gives_an_instance_an_address() {
    let cloud = Cloud::new();
    let (public, private) = subnets(&cloud);
    let of_subnet =
        |subnet: &str| api::RunInstancesRequest { subnet_id: Some(subnet.to_owned()), ..cloud.launch() };
    let silent = |subnet: &str| {
        let mut launch = asking(&cloud, subnet, true);
        launch.network_interfaces.as_mut().unwrap()[0].associate_public_ip_address = None;
        launch
    };
    for (launch, expected) in [
        (cloud.launch(), true),
        (of_subnet(&public), true),
        (silent(&public), true),
        (asking(&cloud, &public, false), false),
        (of_subnet(&private), false),
        (silent(&private), false),
        (asking(&cloud, &private, true), true),
    ] {
        let answer = cloud.run(launch).remove(0);
        assert_eq!(answer.public_ip_address.is_some(), expected);
        let id = answer.instance_id.unwrap();
        assert_eq!(public_ip(&cloud, &id), answer.public_ip_address);
        assert_eq!(is_public(&cloud, &interface_of(&cloud, &id)), expected);
    }
    let turn_on = input!(ModifySubnetAttributeRequest {
        subnet_id: &private,
        map_public_ip_on_launch: api::AttributeBooleanValue { value: Some(true) },
    });
    cloud.ok::<op::ModifySubnetAttribute>(turn_on);
    let instances = cloud.run(api::RunInstancesRequest { max_count: 2, ..of_subnet(&private) });
    assert_ne!(instances[0].public_ip_address, instances[1].public_ip_address);
    assert!(instances.iter().all(|instance| instance.public_ip_address.is_some()));
}

#[test]
fn an_address_is_shown_with_what_it_stands_for_and_is_found() {
    let cloud = Cloud::new();
    let (public, private) = subnets(&cloud);
    let (instance, plain) = (cloud.started(&public), cloud.started(&private));
    let address = public_ip(&cloud, &instance).unwrap();
    let name = format!("ec2-{}.compute-1.amazonaws.com", address.replace('.', "-"));
    let shown = cloud.instance(&instance);
    assert_eq!(shown.public_dns_name.as_ref(), Some(&name));
    let interface = shown.network_interfaces.unwrap().remove(0);
    let expected = api::InstanceNetworkInterfaceAssociation {
        ip_owner_id: Some("amazon".to_owned()),
        public_dns_name: Some(name.clone()),
        public_ip: Some(address.clone()),
        ..Default::default()
    };
    assert_eq!(interface.association.as_ref(), Some(&expected));
    assert_eq!(interface.private_ip_addresses.unwrap()[0].association.as_ref(), Some(&expected));
    let described = cloud.describe_interface(&interface_of(&cloud, &instance));
    let expected = api::NetworkInterfaceAssociation {
        ip_owner_id: Some("amazon".to_owned()),
        public_dns_name: Some(name.clone()),
        public_ip: Some(address.clone()),
        ..Default::default()
    };
    assert_eq!(described.association.as_ref(), Some(&expected));
    assert_eq!(described.private_ip_addresses.unwrap()[0].association.as_ref(), Some(&expected));
    assert_eq!(cloud.instance(&plain).public_dns_name.as_deref(), Some(""));
    // It is nobody's allocation.
    let all = cloud.ok::<op::DescribeAddresses>(input!(DescribeAddressesRequest {})).addresses.unwrap();
    assert_eq!(all, []);

    let instances = |filter: &str, value: &str| -> Vec<String> {
        let input = input!(DescribeInstancesRequest { filters: filters(&[(filter, &[value])]) });
        let found = cloud.ok::<op::DescribeInstances>(input).reservations.unwrap();
        found.into_iter().flat_map(|held| held.instances.unwrap()).filter_map(|it| it.instance_id).collect()
    };
    let interfaces = |filter: &str, value: &str| -> Vec<String> {
        let input = input!(DescribeNetworkInterfacesRequest { filters: filters(&[(filter, &[value])]) });
        let found = cloud.ok::<op::DescribeNetworkInterfaces>(input).network_interfaces.unwrap();
        found.into_iter().filter_map(|held| held.attachment?.instance_id).collect()
    };
    for (filter, value) in [
        ("ip-address", &*address),
        ("dns-name", &name),
        ("network-interface.association.public-ip", &address),
        ("network-interface.association.public-dns-name", &name),
        ("network-interface.association.ip-owner-id", "amazon"),
        ("network-interface.addresses.association.public-ip", &address),
        ("network-interface.addresses.association.public-dns-name", &name),
        ("network-interface.addresses.association.ip-owner-id", "amazon"),
    ] {
        assert_eq!(instances(filter, value), [instance.as_str()], "{filter}");
        assert_eq!(instances(filter, "x"), [""; 0], "{filter}");
    }
    for (filter, value) in [
        ("association.public-ip", &*address),
        ("association.public-dns-name", &name),
        ("association.ip-owner-id", "amazon"),
        ("addresses.association.public-ip", &address),
        ("addresses.association.owner-id", "amazon"),
    ] {
        assert_eq!(interfaces(filter, value), [instance.as_str()], "{filter}");
        assert_eq!(interfaces(filter, "x"), [""; 0], "{filter}");
    }
    for of_allocations in ["association.allocation-id", "association.association-id"] {
        assert_eq!(interfaces(of_allocations, "*"), [""; 0]);
        assert_eq!(instances(&format!("network-interface.{of_allocations}"), "*"), [""; 0]);
    }
}

#[test]
fn a_stop_gives_it_back_and_a_start_gives_another() {
    let cloud = Cloud::new();
    let (public, _) = subnets(&cloud);
    let instance = cloud.started(&public);
    let address = public_ip(&cloud, &instance);
    assert!(address.is_some());
    cloud.ok::<op::RebootInstances>(input!(RebootInstancesRequest { instance_ids: [&instance] }));
    assert_eq!(public_ip(&cloud, &instance), address);
    // The guest has it until it has shut down.
    cloud.ok::<op::StopInstances>(input!(StopInstancesRequest { instance_ids: [&instance] }));
    assert_eq!(public_ip(&cloud, &instance), address);
    let id = instance.parse().unwrap();
    assert!(cloud.ec2.instance_stopped(&cloud.scope(), id, cloud.now()).unwrap());
    let stopped = cloud.instance(&instance);
    assert_eq!((stopped.public_ip_address, stopped.public_dns_name.as_deref()), (None, Some("")));
    assert_eq!(cloud.describe_interface(&interface_of(&cloud, &instance)).association, None);
    assert!(is_public(&cloud, &interface_of(&cloud, &instance)), "it gets one again");
    // It was never the account's, and cannot be recovered.
    let recover = input!(AllocateAddressRequest { address: address.clone().unwrap() });
    cloud.refuses::<op::AllocateAddress>(recover, "InvalidAddress.NotFound", "…");
    start(&cloud, &instance);
    let second = public_ip(&cloud, &instance);
    assert!(second.is_some() && second != address);
    // A guest that shuts down by itself gives it back too, and one that does not start.
    assert!(cloud.ec2.instance_shut_down(&cloud.scope(), id, cloud.now()).unwrap());
    assert_eq!(public_ip(&cloud, &instance), None);
    cloud.ok::<op::StartInstances>(input!(StartInstancesRequest { instance_ids: [&instance] }));
    assert!(public_ip(&cloud, &instance).is_some());
    let reason = svc_ec2::record::StateReason::internal_error("a test");
    assert!(cloud.ec2.instance_failed(&cloud.scope(), id, cloud.now(), reason).unwrap());
    assert_eq!(public_ip(&cloud, &instance), None);
    // Those that have rested are given again.
    cloud.wait(10 * 60 * 1000);
    start(&cloud, &instance);
    assert_eq!(public_ip(&cloud, &instance), address);
}

#[test]
fn a_termination_gives_it_back() {
    let cloud = Cloud::new();
    let (public, _) = subnets(&cloud);
    let mut launch = asking(&cloud, &public, true);
    launch.network_interfaces.as_mut().unwrap()[0].delete_on_termination = Some(false);
    let (goes, stays) = (cloud.started(&public), started(&cloud, launch.clone()));
    let (first, kept) = (public_ip(&cloud, &goes), interface_of(&cloud, &stays));
    cloud.terminate(&goes);
    cloud.terminate(&stays);
    assert_eq!(public_ip(&cloud, &goes), None);
    assert_eq!(cloud.describe_interface(&kept).association, None);
    cloud.wait(10 * 60 * 1000);
    assert_eq!(public_ip(&cloud, &cloud.started(&public)), first);
    // The interface that stayed gets one again where it is the primary one.
    launch.network_interfaces = Some(vec![input!(InstanceNetworkInterfaceSpecification {
        device_index: 0,
        network_interface_id: &kept,
    })]);
    let again = cloud.run(launch).remove(0);
    assert!(again.public_ip_address.is_some() && again.public_ip_address != first);
}

#[test]
fn an_elastic_ip_address_takes_its_place_for_a_while() {
    let cloud = Cloud::new();
    let (public, _) = subnets(&cloud);
    let (one, other) = (cloud.started(&public), cloud.started(&public));
    let first = public_ip(&cloud, &one);
    let (allocation, elastic) = allocate(&cloud);
    let of = |instance: &str| {
        input!(AssociateAddressRequest {
            allocation_id: &allocation,
            instance_id: instance,
            allow_reassociation: true,
        })
    };
    associate(&cloud, of(&one));
    assert_eq!(public_ip(&cloud, &one).as_ref(), Some(&elastic));
    let interface = cloud.describe_interface(&interface_of(&cloud, &one));
    assert_eq!(interface.association.unwrap().ip_owner_id.as_deref(), Some("123456789012"));
    // A start changes nothing about that.
    cloud.stop(&one);
    start(&cloud, &one);
    assert_eq!(public_ip(&cloud, &one).as_ref(), Some(&elastic));
    // Where it has gone, another comes.
    let association = associate(&cloud, of(&other));
    assert_eq!(public_ip(&cloud, &other).as_ref(), Some(&elastic));
    let second = public_ip(&cloud, &one);
    assert!(second.is_some() && second != first && second.as_ref() != Some(&elastic));
    disassociate(&cloud, &association);
    let third = public_ip(&cloud, &other);
    assert!(third.is_some() && third != second && third.as_ref() != Some(&elastic));
    // In the default VPC a release ends the association.
    associate(&cloud, of(&other));
    release(&cloud, &allocation);
    assert!(public_ip(&cloud, &other).is_some_and(|address| address != elastic));
    // While the instance is stopped, none comes.
    let (allocation, _) = allocate(&cloud);
    let input = input!(AssociateAddressRequest { allocation_id: &allocation, instance_id: &one });
    let association = associate(&cloud, input);
    cloud.stop(&one);
    disassociate(&cloud, &association);
    assert_eq!(public_ip(&cloud, &one), None);
    start(&cloud, &one);
    assert!(public_ip(&cloud, &one).is_some());
}

#[test]
fn with_further_interfaces_or_elastic_ip_addresses_it_does_not_come_again() {
    let cloud = Cloud::with(Config { hot_plug: true, ..Config::default() });
    let (public, _) = subnets(&cloud);
    let two = |index: i32| {
        input!(InstanceNetworkInterfaceSpecification { device_index: index, subnet_id: &public })
    };
    let launch =
        api::RunInstancesRequest { network_interfaces: Some(vec![two(0), two(1)]), ..cloud.launch() };
    assert_eq!(cloud.run(launch).remove(0).public_ip_address, None);

    let instance = cloud.started(&public);
    let address = public_ip(&cloud, &instance);
    let further = cloud.interface(&public);
    cloud.ok::<op::AttachNetworkInterface>(input!(AttachNetworkInterfaceRequest {
        network_interface_id: &further,
        instance_id: &instance,
        device_index: 1,
    }));
    assert_eq!(public_ip(&cloud, &instance), address, "what it has stays");
    cloud.stop(&instance);
    start(&cloud, &instance);
    assert_eq!(public_ip(&cloud, &instance), None);

    let instance = cloud.started(&public);
    let interface = interface_of(&cloud, &instance);
    cloud.ok::<op::AssignPrivateIpAddresses>(input!(AssignPrivateIpAddressesRequest {
        network_interface_id: &interface,
        secondary_private_ip_address_count: 1,
    }));
    let (allocation, _) = allocate(&cloud);
    let second = cloud.describe_interface(&interface).private_ip_addresses.unwrap().remove(1);
    let association = associate(
        &cloud,
        input!(AssociateAddressRequest {
            allocation_id: &allocation,
            network_interface_id: &interface,
            private_ip_address: second.private_ip_address.unwrap(),
        }),
    );
    assert!(public_ip(&cloud, &instance).is_some(), "it stands for the other private address");
    cloud.stop(&instance);
    start(&cloud, &instance);
    assert_eq!(public_ip(&cloud, &instance), None);
    disassociate(&cloud, &association);
    assert_eq!(public_ip(&cloud, &instance), None, "until the next start");
    cloud.stop(&instance);
    start(&cloud, &instance);
    assert!(public_ip(&cloud, &instance).is_some());
}

#[test]
fn launches_that_cannot_have_one() {
    let cloud = Cloud::new();
    let (public, _) = subnets(&cloud);
    let existing = cloud.interface(&public);
    let wanted = |index: i32| {
        input!(InstanceNetworkInterfaceSpecification {
            device_index: index,
            subnet_id: &public,
            associate_public_ip_address: true,
        })
    };
    let plain = |index: i32| api::InstanceNetworkInterfaceSpecification {
        associate_public_ip_address: Some(false),
        ..wanted(index)
    };
    let launch = |list| api::RunInstancesRequest { network_interfaces: Some(list), ..cloud.launch() };
    let check = |list, message: &str| {
        cloud.refuses::<op::RunInstances>(launch(list), "InvalidParameterCombination", message);
    };
    let several = "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces";
    check(vec![wanted(0), plain(1)], several);
    check(vec![plain(0), wanted(1)], several);
    check(
        vec![wanted(1)],
        "The associatePublicIPAddress parameter can only be specified for the network interface with DeviceIndex 0.",
    );
    let there_is = api::InstanceNetworkInterfaceSpecification {
        subnet_id: None,
        network_interface_id: Some(existing.clone()),
        ..wanted(0)
    };
    check(vec![there_is], "A network interface ID and a public IP address may not be specified together.");
    let rehearsal = api::RunInstancesRequest { dry_run: Some(true), ..launch(vec![wanted(0)]) };
    cloud.refuses::<op::RunInstances>(rehearsal, "DryRunOperation", "…");
    // To ask for none is no such wish, and an interface that there is gets none by its subnet.
    assert_eq!(cloud.run(launch(vec![plain(0), plain(1)])).remove(0).public_ip_address, None);
    let with_it =
        input!(InstanceNetworkInterfaceSpecification { device_index: 0, network_interface_id: &existing });
    assert_eq!(cloud.run(launch(vec![with_it])).remove(0).public_ip_address, None);
}

#[test]
fn an_interface_is_told_to_have_one_or_none() {
    let cloud = Cloud::with(Config { hot_plug: true, ..Config::default() });
    let (_, private) = subnets(&cloud);
    let instance = cloud.started(&private);
    let interface = interface_of(&cloud, &instance);
    assert!(!is_public(&cloud, &interface));
    set_public(&cloud, &interface, true);
    let address = public_ip(&cloud, &instance);
    assert!(address.is_some() && is_public(&cloud, &interface));
    set_public(&cloud, &interface, true);
    assert_eq!(public_ip(&cloud, &instance), address);
    set_public(&cloud, &interface, false);
    assert_eq!((public_ip(&cloud, &instance), is_public(&cloud, &interface)), (None, false));
    // It stays off over a stop, and on.
    cloud.stop(&instance);
    start(&cloud, &instance);
    assert_eq!(public_ip(&cloud, &instance), None);
    cloud.stop(&instance);
    set_public(&cloud, &interface, true);
    assert_eq!(public_ip(&cloud, &instance), None);
    start(&cloud, &instance);
    assert!(public_ip(&cloud, &instance).is_some());
    // One that is not primary keeps the wish and gets none.
    let further = cloud.interface(&private);
    set_public(&cloud, &further, true);
    cloud.ok::<op::AttachNetworkInterface>(input!(AttachNetworkInterfaceRequest {
        network_interface_id: &further,
        instance_id: &instance,
        device_index: 1,
    }));
    assert!(is_public(&cloud, &further));
    assert_eq!(cloud.describe_interface(&further).association, None);
    let with_it = input!(ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: &further,
        associate_public_ip_address: true,
        enable_primary_ipv6: true,
    });
    cloud.refuses::<op::ModifyNetworkInterfaceAttribute>(with_it, "InvalidParameterCombination", "…");
}

#[test]
fn a_launch_template_asks_for_one() {
    let cloud = Cloud::new();
    let (public, private) = subnets(&cloud);
    for (name, subnet, wanted) in [("public", &private, true), ("private", &public, false)] {
        let interface = input!(LaunchTemplateInstanceNetworkInterfaceSpecificationRequest {
            device_index: 0,
            subnet_id: subnet,
            associate_public_ip_address: wanted,
        });
        let data = input!(RequestLaunchTemplateData { network_interfaces: vec![interface] });
        cloud.ok::<op::CreateLaunchTemplate>(input!(CreateLaunchTemplateRequest {
            launch_template_name: name,
            launch_template_data: data,
        }));
        let template = input!(LaunchTemplateSpecification { launch_template_name: name });
        let launch = api::RunInstancesRequest { launch_template: Some(template), ..cloud.launch() };
        assert_eq!(cloud.run(launch).remove(0).public_ip_address.is_some(), wanted);
    }
}

#[test]
fn an_address_keeps_the_gateway_and_is_one_interfaces_over_all_accounts() {
    let cloud = Cloud::new();
    let (public, _) = subnets(&cloud);
    let (other, other_elastic) =
        (cloud.seen_by("210987654321", "us-east-1"), allocate(&cloud.seen_by("210987654321", "us-east-1")).1);
    let instance = cloud.started(&public);
    let theirs = other.started(&subnets(&other).0);
    let mine = public_ip(&cloud, &instance).unwrap();
    let mut all = vec![mine, public_ip(&other, &theirs).unwrap(), other_elastic, allocate(&cloud).1];
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4);

    let vpc = cloud.default_vpc();
    let gateways =
        input!(DescribeInternetGatewaysRequest { filters: filters(&[("attachment.vpc-id", &[&vpc])]) });
    let gateway = cloud.ok::<op::DescribeInternetGateways>(gateways).internet_gateways.unwrap().remove(0);
    let detach = input!(DetachInternetGatewayRequest {
        internet_gateway_id: gateway.internet_gateway_id.unwrap(),
        vpc_id: &vpc
    });
    let message = format!(
        "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the \
         gateway."
    );
    cloud.refuses::<op::DetachInternetGateway>(detach.clone(), "DependencyViolation", &message);
    cloud.stop(&instance);
    cloud.ok::<op::DetachInternetGateway>(detach);
    // Without a gateway it has an address all the same.
    start(&cloud, &instance);
    assert!(public_ip(&cloud, &instance).is_some());
}

#[test]
fn when_no_address_is_left() {
    let cloud = Cloud::without_quotas();
    let (public, private) = subnets(&cloud);
    let (instance, plain) = (cloud.started(&public), cloud.started(&private));
    let interface = interface_of(&cloud, &plain);
    let mut allocations = exhaust(&cloud);
    let message = "There are not enough free addresses to satisfy your request.";
    let launch = |least: i32| api::RunInstancesRequest {
        min_count: least,
        max_count: 3,
        subnet_id: Some(public.clone()),
        ..cloud.launch()
    };
    cloud.refuses::<op::RunInstances>(launch(1), "InsufficientAddressCapacity", message);
    let told = input!(ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: &interface,
        associate_public_ip_address: true,
    });
    cloud.refuses::<op::ModifyNetworkInterfaceAttribute>(told, "InsufficientAddressCapacity", message);
    // A launch makes as many instances as there are addresses for.
    release(&cloud, &allocations.pop().unwrap());
    cloud.refuses::<op::RunInstances>(launch(2), "InsufficientAddressCapacity", message);
    let before = cloud.ok::<op::DescribeNetworkInterfaces>(input!(DescribeNetworkInterfacesRequest {}));
    assert_eq!(cloud.run(launch(1)).len(), 1);
    let after = cloud.ok::<op::DescribeNetworkInterfaces>(input!(DescribeNetworkInterfacesRequest {}));
    let count = |held: api::DescribeNetworkInterfacesResult| held.network_interfaces.unwrap().len();
    assert_eq!(count(after), count(before) + 1);
    // What ends leaves the instance without one.
    let allocation = allocations.pop().unwrap();
    let association = associate(
        &cloud,
        input!(AssociateAddressRequest { allocation_id: &allocation, instance_id: &instance }),
    );
    allocate(&cloud);
    disassociate(&cloud, &association);
    assert_eq!(public_ip(&cloud, &instance), None);
    cloud.stop(&instance);
    let again = input!(StartInstancesRequest { instance_ids: [&instance] });
    cloud.refuses::<op::StartInstances>(again, "InsufficientAddressCapacity", message);
    release(&cloud, &allocation);
    start(&cloud, &instance);
    assert!(public_ip(&cloud, &instance).is_some());
}
