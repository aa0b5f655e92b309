use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use store::{Read as _, Record, StoreError};
use svc_ec2::record;

use crate::cloud::{Cloud, api, filters, input, op};

fn describe(cloud: &Cloud, id: &str) -> api::Subnet {
    cloud
        .ok::<op::DescribeSubnets>(input!(DescribeSubnetsRequest { subnet_ids: [id] }))
        .subnets
        .unwrap()
        .remove(0)
}

#[test]
fn two_subnets_in_two_zones() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.10.0.0/23");
    let create = |cidr: &str, zone: &str| {
        let input = input!(CreateSubnetRequest { vpc_id: &vpc, cidr_block: cidr, availability_zone: zone });
        cloud.ok::<op::CreateSubnet>(input).subnet.unwrap()
    };
    let one = create("10.10.0.0/24", "us-east-1a");
    assert_eq!(one.available_ip_address_count, Some(251));
    assert_eq!(one.state.as_deref(), Some("available"));
    assert_eq!(one.map_public_ip_on_launch, Some(false));
    let other = create("10.10.1.0/24", "us-east-1b");
    assert_ne!(one.availability_zone_id, other.availability_zone_id);
    let arn = format!("arn:aws:ec2:us-east-1:123456789012:subnet/{}", other.subnet_id.unwrap());
    assert_eq!(other.subnet_arn, Some(arn));
}

#[test]
fn ipv6_only_subnets_are_refused() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.10.0.0/23");
    let alone = input!(CreateSubnetRequest { vpc_id: &vpc, ipv6_native: true });
    let message = "IPv6-only subnets are not supported.";
    cloud.refuses::<op::CreateSubnet>(alone, "UnsupportedOperation", message);
    let default = input!(CreateDefaultSubnetRequest { availability_zone: "us-east-1a", ipv6_native: true });
    cloud.refuses::<op::CreateDefaultSubnet>(default, "UnsupportedOperation", message);
}

#[test]
fn a_zone_is_named_by_its_id_too() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let zones = cloud.ok::<op::DescribeAvailabilityZones>(input!(DescribeAvailabilityZonesRequest {}));
    let zone = zones.availability_zones.unwrap().remove(2);
    let input = input!(CreateSubnetRequest {
        vpc_id: &vpc,
        cidr_block: "10.0.0.0/24",
        availability_zone_id: zone.zone_id.clone(),
    });
    let subnet = cloud.ok::<op::CreateSubnet>(input).subnet.unwrap();
    assert_eq!((subnet.availability_zone, subnet.availability_zone_id), (zone.zone_name, zone.zone_id));
}

#[test]
fn blocks_that_a_subnet_cannot_have() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    cloud.subnet(&vpc, "10.0.1.0/24");
    let check = |block: &str, code: &str, message: &str| {
        let input = input!(CreateSubnetRequest { vpc_id: &vpc, cidr_block: block });
        cloud.refuses::<op::CreateSubnet>(input, code, message);
    };
    check("10.1.0.0/24", "InvalidSubnet.Range", "The CIDR '10.1.0.0/24' is invalid.");
    check("10.0.0.0/15", "InvalidSubnet.Range", "The CIDR '10.0.0.0/15' is invalid.");
    check("10.0.0.0/29", "InvalidSubnet.Range", "The CIDR '10.0.0.0/29' is invalid.");
    check(
        "10.0.1.128/25",
        "InvalidSubnet.Conflict",
        "The CIDR '10.0.1.128/25' conflicts with another subnet",
    );
    check("10.0.0.0/20", "InvalidSubnet.Conflict", "The CIDR '10.0.0.0/20' conflicts with another subnet");
    let message = "Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR block.";
    check("10.0.0.0", "InvalidParameterValue", message);

    let zone = |zone: &str| {
        input!(CreateSubnetRequest { vpc_id: &vpc, cidr_block: "10.0.9.0/24", availability_zone: zone })
    };
    cloud.refuses::<op::CreateSubnet>(
        zone("eu-west-1a"),
        "InvalidParameterValue",
        "Value (eu-west-1a) for parameter availabilityZone is invalid. Subnets can currently only be created in the \
         following availability zones: us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1e, us-east-1f.",
    );
    let unknown = input!(CreateSubnetRequest { vpc_id: "vpc-0123456789abcdef0", cidr_block: "10.0.9.0/24" });
    let message = "The vpc ID 'vpc-0123456789abcdef0' does not exist";
    cloud.refuses::<op::CreateSubnet>(unknown, "InvalidVpcID.NotFound", message);
}

#[test]
fn addresses_are_counted() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/28");
    assert_eq!(describe(&cloud, &subnet).available_ip_address_count, Some(11));
    let input =
        input!(CreateNetworkInterfaceRequest { subnet_id: &subnet, secondary_private_ip_address_count: 2 });
    let interface = cloud.ok::<op::CreateNetworkInterface>(input).network_interface.unwrap();
    assert_eq!(describe(&cloud, &subnet).available_ip_address_count, Some(8));

    let id = interface.network_interface_id.unwrap();
    let message = format!("The subnet '{subnet}' has dependencies and cannot be deleted.");
    let delete = || input!(DeleteSubnetRequest { subnet_id: &subnet });
    cloud.refuses::<op::DeleteSubnet>(delete(), "DependencyViolation", &message);
    cloud.ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
        network_interface_id: &id
    }));
    cloud.ok::<op::DeleteSubnet>(delete());
}

#[test]
fn a_deleted_subnet_leaves_no_association() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let table = cloud
        .ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: &vpc }))
        .route_table
        .unwrap();
    let table = table.route_table_id.unwrap();
    cloud.ok::<op::AssociateRouteTable>(input!(AssociateRouteTableRequest {
        route_table_id: &table,
        subnet_id: &subnet
    }));
    cloud.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: &subnet }));
    cloud.ok::<op::DeleteRouteTable>(input!(DeleteRouteTableRequest { route_table_id: &table }));
    let input = input!(DescribeNetworkAclsRequest { filters: filters(&[("vpc-id", &[&vpc])]) });
    let acl = cloud.ok::<op::DescribeNetworkAcls>(input).network_acls.unwrap().remove(0);
    assert_eq!(acl.associations, Some(Vec::new()));
}

#[test]
fn attributes() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let on = || api::AttributeBooleanValue { value: Some(true) };
    cloud.ok::<op::ModifySubnetAttribute>(input!(ModifySubnetAttributeRequest {
        subnet_id: &subnet,
        map_public_ip_on_launch: on(),
    }));
    assert_eq!(describe(&cloud, &subnet).map_public_ip_on_launch, Some(true));
    cloud.ok::<op::ModifySubnetAttribute>(input!(ModifySubnetAttributeRequest {
        subnet_id: &subnet,
        private_dns_hostname_type_on_launch: "resource-name",
    }));
    let options = describe(&cloud, &subnet).private_dns_name_options_on_launch.unwrap();
    assert_eq!(options.hostname_type.as_deref(), Some("resource-name"));
    cloud.refuses::<op::ModifySubnetAttribute>(
        input!(ModifySubnetAttributeRequest { subnet_id: &subnet, assign_ipv6_address_on_creation: on() }),
        "InvalidParameterValue",
        "Invalid value 'true' for assignIpv6AddressOnCreation. Subnet must have associated IPv6 CIDR.",
    );
    let two = input!(ModifySubnetAttributeRequest {
        subnet_id: &subnet,
        map_public_ip_on_launch: on(),
        enable_dns64: on()
    });
    let message = "Fields for multiple attribute types specified";
    cloud.refuses::<op::ModifySubnetAttribute>(two, "InvalidParameterCombination", message);
}

#[test]
fn ipv6_blocks() {
    let cloud = Cloud::new();
    let input = input!(CreateVpcRequest { cidr_block: "10.0.0.0/16", amazon_provided_ipv6_cidr_block: true });
    let vpc = cloud.ok::<op::CreateVpc>(input).vpc.unwrap();
    let block = vpc.ipv6_cidr_block_association_set.unwrap()[0].ipv6_cidr_block.clone().unwrap();
    let vpc = vpc.vpc_id.unwrap();
    let part = |length: u8| block.replace("/56", &format!("/{length}"));
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let associate =
        |block: &str| input!(AssociateSubnetCidrBlockRequest { subnet_id: &subnet, ipv6_cidr_block: block });
    let invalid = |block: &str| format!("The CIDR '{block}' is invalid.");
    for block in [part(62), part(48), "2001:db8::/64".to_owned()] {
        cloud.refuses::<op::AssociateSubnetCidrBlock>(
            associate(&block),
            "InvalidSubnet.Range",
            &invalid(&block),
        );
    }
    let done = cloud.ok::<op::AssociateSubnetCidrBlock>(associate(&part(64)));
    let association = done.ipv6_cidr_block_association.unwrap().association_id.unwrap();
    assert!(association.starts_with("subnet-cidr-assoc-"), "{association}");
    let sibling =
        input!(CreateSubnetRequest { vpc_id: &vpc, cidr_block: "10.0.1.0/24", ipv6_cidr_block: part(64) });
    let message = format!("The CIDR '{}' conflicts with another subnet", part(64));
    cloud.refuses::<op::CreateSubnet>(sibling, "InvalidSubnet.Conflict", &message);

    let on = api::AttributeBooleanValue { value: Some(true) };
    cloud.ok::<op::ModifySubnetAttribute>(input!(ModifySubnetAttributeRequest {
        subnet_id: &subnet,
        assign_ipv6_address_on_creation: on,
    }));
    let interface = cloud.interface(&subnet);
    assert_eq!(cloud.describe_interface(&interface).ipv6_addresses.unwrap().len(), 1);
    let disassociate = || input!(DisassociateSubnetCidrBlockRequest { association_id: &association });
    cloud.refuses::<op::DisassociateSubnetCidrBlock>(disassociate(), "InvalidCidr.InUse", "…");
    cloud.ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
        network_interface_id: &interface
    }));
    cloud.ok::<op::DisassociateSubnetCidrBlock>(disassociate());
}

/// A record of a kind that nobody can read: who looks at it panics.
macro_rules! unreadable {
    ($name:ident, $kind:literal) => {
        #[derive(Serialize, Deserialize)]
        struct $name {}

        impl Record for $name {
            const KIND: &'static str = $kind;
            const HAS_WHOLE: bool = true;

            fn whole(&self) -> Option<String> {
                Some("another".to_owned())
            }
        }
    };
}
unreadable!(OthersSubnet, "ec2.subnet");
unreadable!(OthersInterface, "ec2.network-interface");
unreadable!(OthersReservation, "ec2.subnet-cidr-reservation");

/// What is in other VPCs and subnets does not count: nobody reads it.
#[test]
fn requests_about_one_subnet_do_not_look_at_others() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let reserve = |cidr: &str| {
        let request = input!(CreateSubnetCidrReservationRequest {
            subnet_id: &subnet,
            cidr: cidr,
            reservation_type: "prefix"
        });
        cloud.ok::<op::CreateSubnetCidrReservation>(request);
    };
    cloud.interface(&subnet);
    reserve("10.0.0.64/28");
    let others = cloud.store.transact(|transaction| {
        let scope = cloud.scope();
        transaction.put(&scope, "subnet-0", OthersSubnet {});
        transaction.put(&scope, "eni-0", OthersInterface {});
        transaction.put(&scope, "scr-0", OthersReservation {});
        Ok::<_, StoreError>(())
    });
    others.unwrap();
    let looks = || cloud.store.snapshot().scan::<record::Subnet>(&cloud.scope()).count();
    assert!(catch_unwind(AssertUnwindSafe(looks)).is_err(), "a scan would be seen");

    assert_eq!(describe(&cloud, &subnet).available_ip_address_count, Some(250));
    cloud.subnet(&vpc, "10.0.1.0/24");
    let interface = cloud.interface(&subnet);
    assert_eq!(describe(&cloud, &subnet).available_ip_address_count, Some(249));
    cloud.ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
        network_interface_id: &interface
    }));
    reserve("10.0.0.80/28");
    let held = input!(GetSubnetCidrReservationsRequest { subnet_id: &subnet });
    let held = cloud.ok::<op::GetSubnetCidrReservations>(held).subnet_ipv4_cidr_reservations;
    assert_eq!(held.unwrap().len(), 2);
}
