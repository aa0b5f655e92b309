use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

const DRY_RUN: &str = "Request would have succeeded, but DryRun flag is set.";

fn request(subnet: &str, cidr: &str, kind: &str) -> api::CreateSubnetCidrReservationRequest {
    input!(CreateSubnetCidrReservationRequest { subnet_id: subnet, cidr: cidr, reservation_type: kind })
}

fn create(cloud: &Cloud, input: api::CreateSubnetCidrReservationRequest) -> api::SubnetCidrReservation {
    cloud.ok::<op::CreateSubnetCidrReservation>(input).subnet_cidr_reservation.unwrap()
}

fn delete(id: &str) -> api::DeleteSubnetCidrReservationRequest {
    input!(DeleteSubnetCidrReservationRequest { subnet_cidr_reservation_id: id })
}

/// The blocks of a subnet's reservations, of both families.
fn blocks(cloud: &Cloud, subnet: &str, all: &[(&str, &[&str])]) -> (Vec<String>, Vec<String>) {
    let input = input!(GetSubnetCidrReservationsRequest { subnet_id: subnet, filters: filters(all) });
    let found = cloud.ok::<op::GetSubnetCidrReservations>(input);
    let blocks = |list: Option<Vec<api::SubnetCidrReservation>>| {
        let mut blocks: Vec<_> = list.unwrap().into_iter().map(|held| held.cidr.unwrap()).collect();
        blocks.sort();
        blocks
    };
    (blocks(found.subnet_ipv4_cidr_reservations), blocks(found.subnet_ipv6_cidr_reservations))
}

fn address(cloud: &Cloud, subnet: &str) -> String {
    cloud.describe_interface(&cloud.interface(subnet)).private_ip_address.unwrap()
}

#[test]
fn a_reservation_lives_and_keeps_its_block_free() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let reservation = create(
        &cloud,
        api::CreateSubnetCidrReservationRequest {
            description: Some("for prefixes".to_owned()),
            tag_specifications: Some(tagged("subnet-cidr-reservation", &[("Name", "one")])),
            ..request(&subnet, "10.0.0.0/28", "prefix")
        },
    );
    assert_eq!(reservation.cidr.as_deref(), Some("10.0.0.0/28"));
    assert_eq!(reservation.reservation_type.as_deref(), Some("prefix"));
    assert_eq!(reservation.description.as_deref(), Some("for prefixes"));
    assert_eq!(reservation.subnet_id.as_ref(), Some(&subnet));
    assert_eq!(reservation.owner_id.as_deref(), Some("123456789012"));
    assert_eq!(reservation.tags, Some(tags(&[("Name", "one")])));
    let id = reservation.subnet_cidr_reservation_id.clone().unwrap();
    assert!(id.starts_with("scr-"));
    // Host bits are cleared.
    create(&cloud, request(&subnet, "10.0.0.33/27", "explicit"));

    let all = ["10.0.0.0/28".to_owned(), "10.0.0.32/27".to_owned()];
    assert_eq!(blocks(&cloud, &subnet, &[]).0, all);
    for (name, value, place) in [
        ("reservationType", "prefix", 0),
        ("reservationType", "explicit", 1),
        ("tag:Name", "one", 0),
        ("tag-key", "Name", 0),
    ] {
        assert_eq!(blocks(&cloud, &subnet, &[(name, &[value])]).0, all[place..=place], "{name}={value}");
    }
    assert_eq!(blocks(&cloud, &subnet, &[("subnet-id", &[&subnet])]).0.len(), 2);
    let other = cloud.subnet(&vpc, "10.0.1.0/24");
    assert_eq!(blocks(&cloud, &other, &[]).0.len(), 0);

    // Addresses that nobody names are outside, and named ones inside.
    assert_eq!(address(&cloud, &subnet), "10.0.0.16");
    let named = input!(CreateNetworkInterfaceRequest { subnet_id: &subnet, private_ip_address: "10.0.0.31" });
    cloud.ok::<op::CreateNetworkInterface>(named);
    let named = input!(CreateNetworkInterfaceRequest { subnet_id: &subnet, private_ip_address: "10.0.0.40" });
    cloud.ok::<op::CreateNetworkInterface>(named);
    for _ in 0..14 {
        cloud.interface(&subnet);
    }
    assert_eq!(address(&cloud, &subnet), "10.0.0.64");

    let deleted = cloud.ok::<op::DeleteSubnetCidrReservation>(delete(&id)).deleted_subnet_cidr_reservation;
    assert_eq!(deleted, Some(reservation));
    assert_eq!(blocks(&cloud, &subnet, &[]).0, all[1..]);
    let message = format!("The subnet CIDR reservation ID '{id}' does not exist");
    let code = "InvalidSubnetCidrReservationID.NotFound";
    cloud.refuses::<op::DeleteSubnetCidrReservation>(delete(&id), code, &message);
}

#[test]
fn a_subnet_that_is_all_reserved_gives_named_addresses_only() {
    let cloud = Cloud::new();
    let input = input!(CreateVpcRequest { cidr_block: "10.0.0.0/16", amazon_provided_ipv6_cidr_block: true });
    let vpc = cloud.ok::<op::CreateVpc>(input).vpc.unwrap();
    let block = vpc.ipv6_cidr_block_association_set.unwrap()[0].ipv6_cidr_block.clone().unwrap();
    let block = block.replace("/56", "/64");
    let input = input!(CreateSubnetRequest {
        vpc_id: vpc.vpc_id.unwrap(),
        cidr_block: "10.0.0.0/28",
        ipv6_cidr_block: &block,
    });
    let made = cloud.ok::<op::CreateSubnet>(input).subnet.unwrap();
    let subnet = made.subnet_id.unwrap();
    let association = made.ipv6_cidr_block_association_set.unwrap()[0].association_id.clone().unwrap();
    let half = block.replace("::/64", "::/65");
    let network: std::net::Ipv6Addr = block.strip_suffix("/64").unwrap().parse().unwrap();
    let other_half = format!("{}/65", std::net::Ipv6Addr::from(u128::from(network) | 1 << 63));
    create(&cloud, request(&subnet, &half, "prefix"));
    assert_eq!(blocks(&cloud, &subnet, &[]).1, [half.as_str()]);

    let id = cloud.interface(&subnet);
    let assign = || input!(AssignIpv6AddressesRequest { network_interface_id: &id, ipv6_address_count: 1 });
    for _ in 0..4 {
        let address =
            cloud.ok::<op::AssignIpv6Addresses>(assign()).assigned_ipv6_addresses.unwrap().remove(0);
        let address: std::net::Ipv6Addr = address.parse().unwrap();
        assert!(address.segments()[4] >= 0x8000, "{address} is reserved");
    }
    create(&cloud, request(&subnet, &other_half, "explicit"));
    let message = "The specified subnet does not have enough free addresses to satisfy the request.";
    cloud.refuses::<op::AssignIpv6Addresses>(assign(), "InsufficientFreeAddressesInSubnet", message);
    create(&cloud, request(&subnet, "10.0.0.0/28", "explicit"));
    let any = input!(CreateNetworkInterfaceRequest { subnet_id: &subnet });
    cloud.refuses::<op::CreateNetworkInterface>(any, "InsufficientFreeAddressesInSubnet", message);
    let named = input!(CreateNetworkInterfaceRequest { subnet_id: &subnet, private_ip_address: "10.0.0.9" });
    cloud.ok::<op::CreateNetworkInterface>(named);

    let message = format!("The CIDR block {block} has subnet CIDR reservations");
    let input = input!(DisassociateSubnetCidrBlockRequest { association_id: &association });
    cloud.refuses::<op::DisassociateSubnetCidrBlock>(input, "InvalidCidr.InUse", &message);
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let held = create(&cloud, request(&subnet, "10.0.0.64/26", "explicit"));
    let held = held.subnet_cidr_reservation_id.unwrap();
    let refused = |cidr: &str, kind: &str, code: &str, message: &str| {
        cloud.refuses::<op::CreateSubnetCidrReservation>(request(&subnet, cidr, kind), code, message);
    };
    let value = "InvalidParameterValue";
    refused("10.0.0.0", "explicit", value, "Value (10.0.0.0) for parameter cidr is invalid. This is not…");
    refused("10.0.0.0/28", "any", value, "Value (any) for parameter reservationType is invalid. It must…");
    for outside in ["10.0.1.0/28", "10.0.0.0/23", "2001:db8::/80"] {
        let message = format!("The CIDR '{outside}' does not fall within the CIDR blocks of the subnet…");
        refused(outside, "explicit", value, &message);
    }
    for overlapping in ["10.0.0.64/28", "10.0.0.0/25", "10.0.0.64/26"] {
        let message =
            format!("The CIDR '{overlapping}' conflicts with the subnet CIDR reservation '{held}'.");
        refused(overlapping, "prefix", "InvalidCidr.Conflict", &message);
    }
    let dry = api::CreateSubnetCidrReservationRequest {
        dry_run: Some(true),
        ..request(&subnet, "10.0.0.0/28", "prefix")
    };
    cloud.refuses::<op::CreateSubnetCidrReservation>(dry, "DryRunOperation", DRY_RUN);
    let dry = api::DeleteSubnetCidrReservationRequest { dry_run: Some(true), ..delete(&held) };
    cloud.refuses::<op::DeleteSubnetCidrReservation>(dry, "DryRunOperation", DRY_RUN);
    let message = "Invalid id: \"scr\" (expecting \"scr-...\")";
    let code = "InvalidSubnetCidrReservationID.Malformed";
    cloud.refuses::<op::DeleteSubnetCidrReservation>(delete("scr"), code, message);
    let message = "The subnet ID 'subnet-0123456789abcdef0' does not exist";
    let unknown = request("subnet-0123456789abcdef0", "10.0.0.0/28", "prefix");
    cloud.refuses::<op::CreateSubnetCidrReservation>(unknown, "InvalidSubnetID.NotFound", message);

    // A deleted subnet takes its reservations with it.
    cloud.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: &subnet }));
    let message = format!("The subnet CIDR reservation ID '{held}' does not exist");
    let code = "InvalidSubnetCidrReservationID.NotFound";
    cloud.refuses::<op::DeleteSubnetCidrReservation>(delete(&held), code, &message);
}
