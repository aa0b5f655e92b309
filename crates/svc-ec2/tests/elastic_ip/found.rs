use super::{allocate, assign, associate, describe, public_subnet, with_interface};
use crate::cloud::{Cloud, Member, api, filters, input, op, tags};

#[test]
fn found_by_filters() {
    let cloud = Cloud::new();
    let subnet = public_subnet(&cloud);
    let (instance, plain) = (cloud.started(&subnet), cloud.started(&subnet));
    let interface_of = |instance: &str| {
        let interfaces = cloud.instance(instance).network_interfaces.unwrap();
        interfaces[0].network_interface_id.clone().unwrap()
    };
    let interface = interface_of(&instance);
    let private = assign(&cloud, &interface, 1);
    let (id, address) = allocate(&cloud);
    let (second, second_address) = allocate(&cloud);
    cloud
        .ok::<op::CreateTags>(input!(CreateTagsRequest { resources: [&id], tags: tags(&[("tier", "web")]) }));
    let association = associate(&cloud, with_interface(&id, &interface));
    let of_second = api::AssociateAddressRequest {
        private_ip_address: private[1].as_str().member(),
        ..with_interface(&second, &interface)
    };
    let second_association = associate(&cloud, of_second);
    allocate(&cloud);

    let addresses = |name: &str, value: &str| {
        let input = input!(DescribeAddressesRequest { filters: filters(&[(name, &[value])]) });
        cloud.ok::<op::DescribeAddresses>(input).addresses.unwrap().len()
    };
    for (name, value, expected) in [
        ("allocation-id", &*id, 1),
        ("association-id", &association, 1),
        ("association-id", "*", 2),
        ("domain", "vpc", 3),
        ("domain", "standard", 0),
        ("instance-id", &instance, 2),
        ("network-border-group", "us-east-1", 3),
        ("network-interface-id", &interface, 2),
        ("network-interface-owner-id", "123456789012", 2),
        ("private-ip-address", &private[1], 1),
        ("public-ip", &address, 1),
        ("public-ip", "198.*", 3),
        ("tag:tier", "web", 1),
        ("tag-key", "tier", 1),
    ] {
        assert_eq!(addresses(name, value), expected, "{name}={value}");
    }
    let input = input!(DescribeAddressesRequest { filters: filters(&[("colour", &["red"])]) });
    cloud.refuses::<op::DescribeAddresses>(input, "InvalidParameterValue", "The filter 'colour' is invalid");

    // Each filter finds this interface and its instance, and not the others.
    let interfaces = |name: &str, value: &str| {
        let input = input!(DescribeNetworkInterfacesRequest { filters: filters(&[(name, &[value])]) });
        let found = cloud.ok::<op::DescribeNetworkInterfaces>(input).network_interfaces.unwrap();
        found.into_iter().map(|found| found.network_interface_id.unwrap()).collect::<Vec<_>>()
    };
    let name = |address: &str| format!("ec2-{}.*", address.replace('.', "-"));
    let [first_name, second_name] = [&address, &second_address].map(|address| name(address));
    for (name, value) in [
        ("addresses.association.owner-id", "123456789012"),
        ("addresses.association.public-ip", &second_address),
        ("association.allocation-id", &id),
        ("association.association-id", &association),
        ("association.ip-owner-id", "123456789012"),
        ("association.public-dns-name", &first_name),
        ("association.public-ip", &address),
    ] {
        assert_eq!(interfaces(name, value), [&*interface], "{name}");
    }
    assert_eq!(interfaces("association.public-ip", &second_address), [""; 0]);
    let instances = |name: &str, value: &str| {
        let input = input!(DescribeInstancesRequest { filters: filters(&[(name, &[value])]) });
        let found = cloud.ok::<op::DescribeInstances>(input).reservations.unwrap();
        let found = found.into_iter().flat_map(|reservation| reservation.instances.unwrap());
        found.map(|found| found.instance_id.unwrap()).collect::<Vec<_>>()
    };
    for (name, value) in [
        ("dns-name", &*first_name),
        ("ip-address", &address),
        ("network-interface.addresses.association.allocation-id", &second),
        ("network-interface.addresses.association.association-id", &second_association),
        ("network-interface.addresses.association.ip-owner-id", "123456789012"),
        ("network-interface.addresses.association.public-dns-name", &second_name),
        ("network-interface.addresses.association.public-ip", &second_address),
        ("network-interface.association.allocation-id", &id),
        ("network-interface.association.association-id", &association),
        ("network-interface.association.ip-owner-id", "123456789012"),
        ("network-interface.association.public-dns-name", &first_name),
        ("network-interface.association.public-ip", &address),
    ] {
        assert_eq!(instances(name, value), [&*instance], "{name}");
    }
    for name in ["allocation-id", "association-id", "public-ip"] {
        let value = [&second, &second_association, &second_address];
        for value in value {
            let name = format!("network-interface.association.{name}");
            assert_eq!(instances(&name, value), [""; 0], "{name}: it is not the primary address's");
        }
    }
    assert_ne!(interface_of(&plain), interface);
}

#[test]
fn described_by_allocation_or_address() {
    let cloud = Cloud::new();
    let (one, two) = (allocate(&cloud), allocate(&cloud));
    let by_address = |address: &[&str]| api::DescribeAddressesRequest {
        public_ips: Some(address.iter().map(|address| (*address).to_owned()).collect()),
        ..Default::default()
    };
    let found = cloud.ok::<op::DescribeAddresses>(by_address(&[&two.1])).addresses.unwrap();
    assert_eq!(found, [describe(&cloud, &two.0)]);
    assert_eq!(cloud.ok::<op::DescribeAddresses>(by_address(&[&two.1, &one.1])).addresses.unwrap().len(), 2);
    let check = |input: api::DescribeAddressesRequest, code: &str, message: &str| {
        cloud.refuses::<op::DescribeAddresses>(input, code, message);
    };
    let unknown = by_address(&[&one.1, "192.0.2.1"]);
    check(unknown, "InvalidAddress.NotFound", "Address '192.0.2.1' not found.");
    check(by_address(&["x"]), "InvalidAddress.Malformed", "Address 'x' is not valid.");
    let both =
        api::DescribeAddressesRequest { allocation_ids: Some(vec![one.0.clone()]), ..by_address(&[&one.1]) };
    check(both, "InvalidParameterCombination", "…");
    check(input!(DescribeAddressesRequest { dry_run: true }), "DryRunOperation", "…");
}

#[test]
fn no_address_has_a_reverse_name() {
    let cloud = Cloud::new();
    let (one, two) = (allocate(&cloud), allocate(&cloud));
    let describe = || input!(DescribeAddressesAttributeRequest { attribute: "domain-name", max_results: 1 });
    let first = cloud.ok::<op::DescribeAddressesAttribute>(describe());
    let second = cloud.ok::<op::DescribeAddressesAttribute>(api::DescribeAddressesAttributeRequest {
        next_token: first.next_token,
        ..describe()
    });
    assert_eq!(second.next_token, None);
    let mut found = [first.addresses.unwrap(), second.addresses.unwrap()].concat();
    found.sort_by(|a, b| a.public_ip.cmp(&b.public_ip));
    let shown = |(id, address): &(String, String)| api::AddressAttribute {
        allocation_id: Some(id.clone()),
        public_ip: Some(address.clone()),
        ..Default::default()
    };
    assert_eq!(found, [shown(&one), shown(&two)]);
    let unknown = "eipalloc-0123456789abcdef0";
    let check = |input: api::DescribeAddressesAttributeRequest, code: &str, message: &str| {
        cloud.refuses::<op::DescribeAddressesAttribute>(input, code, message);
    };
    let input = input!(DescribeAddressesAttributeRequest { allocation_ids: [unknown] });
    check(input, "InvalidAllocationID.NotFound", "…");
    let input = input!(DescribeAddressesAttributeRequest { attribute: "colour" });
    check(input, "InvalidParameterValue", "Value (colour) for parameter attribute is invalid. …");
    check(input!(DescribeAddressesAttributeRequest { max_results: 0 }), "InvalidParameterValue", "…");
    check(input!(DescribeAddressesAttributeRequest { dry_run: true }), "DryRunOperation", "…");

    let unsupported = "Reverse DNS names of Elastic IP addresses are not supported.";
    let modify =
        |id: &str| input!(ModifyAddressAttributeRequest { allocation_id: id, domain_name: "a.example" });
    cloud.refuses::<op::ModifyAddressAttribute>(modify(&one.0), "UnsupportedOperation", unsupported);
    cloud.refuses::<op::ModifyAddressAttribute>(modify(unknown), "InvalidAllocationID.NotFound", "…");
    let nothing = input!(ModifyAddressAttributeRequest { allocation_id: &one.0 });
    cloud.refuses::<op::ModifyAddressAttribute>(nothing, "MissingParameter", "…");
    let reset = |id: &str, attribute: &str| {
        input!(ResetAddressAttributeRequest { allocation_id: id, attribute: attribute })
    };
    let check = |input: api::ResetAddressAttributeRequest, code: &str, message: &str| {
        cloud.refuses::<op::ResetAddressAttribute>(input, code, message);
    };
    check(reset(&one.0, "domain-name"), "UnsupportedOperation", unsupported);
    check(reset(unknown, "domain-name"), "InvalidAllocationID.NotFound", "…");
    check(reset(&one.0, "colour"), "InvalidParameterValue", "…");
}
