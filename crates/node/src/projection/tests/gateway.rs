//! Internet, egress-only, NAT and virtual private gateways, and the addresses and routes that come with them.

use aws_types::{
    EgressOnlyInternetGatewayId, InternetGatewayId, NatGatewayId, NetworkInterfaceId, SubnetId, VpnGatewayId,
};
use vpc_model::{Delta, InterfaceRole, Object, ObjectId, PublicIpv4};

use super::cloud::{Cloud, input, op, parsed};

#[test]
fn a_new_vpc_is_about_nothing_but_itself() {
    let mut cloud = Cloud::new();
    for number in 0..3 {
        let vpc = cloud.vpc(&format!("10.{number}.0.0/16"));
        cloud.subnet(&vpc, &format!("10.{number}.0.0/24"));
    }
    cloud.vpc("10.9.0.0/16");
    let mut kinds: Vec<_> = cloud
        .last_ids()
        .iter()
        .map(|id| match id {
            ObjectId::Vpc(_) => "VPC",
            ObjectId::RouteTable(_) => "table",
            ObjectId::NetworkAcl(_) => "ACL",
            ObjectId::SecurityGroup(_) => "group",
            other => panic!("{other}"),
        })
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["ACL", "VPC", "group", "table"]);
    cloud.check();
}

#[test]
fn an_internet_gateway_is_there_while_it_is_attached() {
    let mut cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let gateway = cloud.internet_gateway(&vpc);
    let table = |cloud: &Cloud| match cloud.told::<InternetGatewayId>(&gateway) {
        Some(Object::InternetGateway(told)) => {
            assert_eq!(told.vpc.to_string(), vpc);
            Some(told.route_table.map(|table| table.to_string()))
        }
        None => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(table(&cloud), Some(None));
    let own = cloud.table(&vpc);
    let input =
        input!(AssociateRouteTableRequest { route_table_id: own.as_str(), gateway_id: gateway.as_str() });
    let association = cloud.ok::<op::AssociateRouteTable>(input).association_id.unwrap();
    assert_eq!(table(&cloud), Some(Some(own.clone())));
    let input = input!(DisassociateRouteTableRequest { association_id: association.as_str() });
    cloud.ok::<op::DisassociateRouteTable>(input);
    assert_eq!(table(&cloud), Some(None));

    let everything = "0.0.0.0/0";
    let input = input!(CreateRouteRequest {
        route_table_id: own.as_str(),
        destination_cidr_block: everything,
        gateway_id: gateway.as_str(),
    });
    cloud.ok::<op::CreateRoute>(input);
    assert_eq!(cloud.routes(&own), [format!("0.0.0.0/0 Static InternetGateway({gateway})")]);
    let input =
        input!(DetachInternetGatewayRequest { internet_gateway_id: gateway.as_str(), vpc_id: vpc.as_str() });
    cloud.ok::<op::DetachInternetGateway>(input);
    assert_eq!(table(&cloud), None);
    assert_eq!(cloud.last, [Delta::Remove(parsed::<InternetGatewayId>(&gateway).into())]);
    // The route leads to what is not there.
    assert_eq!(cloud.routes(&own), [format!("0.0.0.0/0 Static InternetGateway({gateway})")]);
    cloud.check();
}

#[test]
fn an_egress_only_internet_gateway_is_its_vpcs() {
    let mut cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let made =
        cloud.ok::<op::CreateEgressOnlyInternetGateway>(input!(CreateEgressOnlyInternetGatewayRequest {
            vpc_id: vpc.as_str()
        }));
    let id = made.egress_only_internet_gateway.unwrap().egress_only_internet_gateway_id.unwrap();
    let told = cloud.told::<EgressOnlyInternetGatewayId>(&id);
    assert!(
        matches!(told, Some(Object::EgressOnlyInternetGateway(told)) if told.vpc.to_string() == vpc),
        "{told:?}"
    );
    cloud.ok::<op::DeleteEgressOnlyInternetGateway>(input!(DeleteEgressOnlyInternetGatewayRequest {
        egress_only_internet_gateway_id: id.as_str()
    }));
    assert_eq!(cloud.told::<EgressOnlyInternetGatewayId>(&id), None);
    cloud.check();
}

fn public_addresses(cloud: &Cloud, interface: &str) -> Vec<(String, String)> {
    match cloud.told::<NetworkInterfaceId>(interface) {
        Some(Object::Interface(told)) => told
            .public_ipv4
            .iter()
            .map(|PublicIpv4 { public, private }| (public.to_string(), private.to_string()))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_elastic_ip_address_is_its_interfaces() {
    let mut cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
    cloud.internet_gateway(&vpc);
    let (one, other) = (cloud.interface(&subnet), cloud.interface(&subnet));
    let (allocation, address) = cloud.elastic_ip();
    assert!(cloud.last.is_empty(), "{:?}", cloud.last);
    let associate = |interface: &str, private: Option<&str>| {
        let mut input = input!(AssociateAddressRequest {
            allocation_id: allocation.as_str(),
            network_interface_id: interface,
            allow_reassociation: true,
        });
        input.private_ip_address = private.map(str::to_owned);
        input
    };
    let ids = |interfaces: &[&str]| -> Vec<ObjectId> {
        let mut ids: Vec<ObjectId> =
            interfaces.iter().map(|id| parsed::<NetworkInterfaceId>(id).into()).collect();
        ids.sort_unstable();
        ids
    };
    cloud.ok::<op::AssociateAddress>(associate(&one, None));
    assert_eq!(public_addresses(&cloud, &one), [(address.clone(), "10.0.1.4".to_owned())]);
    assert_eq!(cloud.last_ids(), ids(&[&one]));

    cloud.ok::<op::AssociateAddress>(associate(&other, Some("10.0.1.5")));
    assert_eq!(public_addresses(&cloud, &one), []);
    assert_eq!(public_addresses(&cloud, &other), [(address.clone(), "10.0.1.5".to_owned())]);
    assert_eq!(cloud.last_ids(), ids(&[&one, &other]));

    cloud.ok::<op::DisassociateAddress>(input!(DisassociateAddressRequest { public_ip: address.as_str() }));
    assert_eq!(public_addresses(&cloud, &other), []);
    assert_eq!(cloud.last_ids(), ids(&[&other]));
    cloud.check();
}

#[test]
fn an_address_of_amazons_pool_stands_for_the_primary_one() {
    let mut cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
    cloud.internet_gateway(&vpc);
    let images = cloud.ok::<op::DescribeImages>(input!(DescribeImagesRequest {}));
    let image = images.images.unwrap()[0].image_id.clone().unwrap();
    let specification = aws_api::ec2::InstanceNetworkInterfaceSpecification {
        associate_public_ip_address: Some(true),
        device_index: Some(0),
        subnet_id: Some(subnet),
        ..Default::default()
    };
    let mut input = input!(RunInstancesRequest { image_id: image.as_str(), instance_type: "t3.micro" });
    (input.min_count, input.max_count) = (1, 1);
    input.network_interfaces = Some(vec![specification]);
    let instance = cloud.ok::<op::RunInstances>(input).instances.unwrap().remove(0);
    let interface =
        instance.network_interfaces.unwrap().remove(0).network_interface_id.expect("an interface");
    let addresses = public_addresses(&cloud, &interface);
    let [(public, private)] = &addresses[..] else { panic!("{addresses:?}") };
    assert!(public.starts_with("198.18.") || public.starts_with("198.19."), "{public}");
    assert_eq!(private, "10.0.1.4");
    cloud.check();
}

fn nat(cloud: &Cloud, id: &str) -> Option<Vec<String>> {
    match cloud.told::<NatGatewayId>(id) {
        Some(Object::NatGateway(told)) => Some(told.addresses.iter().map(ToString::to_string).collect()),
        None => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_nat_gateway_is_there_from_when_it_is_available() {
    let mut cloud = Cloud::with_realistic_timing();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.1.0/24");
    cloud.internet_gateway(&vpc);
    let (allocation, address) = cloud.elastic_ip();
    let input = input!(CreateNatGatewayRequest {
        subnet_id: subnet.as_str(),
        allocation_id: allocation.as_str(),
        private_ip_address: "10.0.1.9",
    });
    let made = cloud.ok::<op::CreateNatGateway>(input).nat_gateway.unwrap();
    let id = made.nat_gateway_id.unwrap();
    // Its interface has its address already.
    let [Object::Interface(interface)] =
        &cloud.objects().filter(|object| matches!(object, Object::Interface(_))).collect::<Vec<_>>()[..]
    else {
        panic!("one interface")
    };
    assert_eq!(interface.role, InterfaceRole::NatGateway);
    let interface = interface.id.to_string();
    assert_eq!(public_addresses(&cloud, &interface), [(address, "10.0.1.9".to_owned())]);
    assert!(!cloud.last.iter().any(|delta| matches!(delta, Delta::Remove(_))), "{:?}", cloud.last);
    cloud.wait(89_999);
    assert_eq!(nat(&cloud, &id), None);
    cloud.wait(1);
    assert_eq!(nat(&cloud, &id), Some(vec!["10.0.1.9".to_owned()]));
    let Some(Object::NatGateway(told)) = cloud.told::<NatGatewayId>(&id) else { panic!() };
    assert_eq!(
        (told.subnet, told.interface.to_string(), told.vpc.to_string()),
        (parsed::<SubnetId>(&subnet), interface.clone(), vpc.clone())
    );
    cloud.check();

    // A second address, from and until its time.
    let (second, _) = cloud.elastic_ip();
    let input = input!(AssociateNatGatewayAddressRequest {
        nat_gateway_id: id.as_str(),
        allocation_ids: [second.as_str()],
        private_ip_addresses: ["10.0.1.10"],
    });
    let made = cloud.ok::<op::AssociateNatGatewayAddress>(input).nat_gateway_addresses.unwrap();
    assert_eq!(nat(&cloud, &id).unwrap().len(), 1);
    cloud.wait(30_000);
    assert_eq!(nat(&cloud, &id).unwrap(), ["10.0.1.9", "10.0.1.10"]);
    let association = made[0].association_id.clone().unwrap();
    cloud.ok::<op::DisassociateNatGatewayAddress>(input!(DisassociateNatGatewayAddressRequest {
        nat_gateway_id: id.as_str(),
        association_ids: [association.as_str()],
    }));
    assert_eq!(nat(&cloud, &id).unwrap().len(), 2);
    cloud.wait(30_000);
    assert_eq!(nat(&cloud, &id).unwrap(), ["10.0.1.9"]);
    cloud.check();

    // What has come due of other records is written with the next request.
    cloud.ok::<op::DescribeNatGateways>(input!(DescribeNatGatewaysRequest {}));
    assert_eq!(public_addresses(&cloud, &interface).len(), 1);
    // It ends at once, and its interface when that goes.
    cloud.ok::<op::DeleteNatGateway>(input!(DeleteNatGatewayRequest { nat_gateway_id: id.as_str() }));
    assert_eq!(cloud.last_ids(), [parsed::<NatGatewayId>(&id).into()]);
    assert_eq!(nat(&cloud, &id), None);
    cloud.wait(45_000);
    cloud.ok::<op::DescribeNatGateways>(input!(DescribeNatGatewaysRequest {}));
    assert_eq!(cloud.told::<NetworkInterfaceId>(&interface), None);
    cloud.check();
}

#[test]
fn a_vpn_gateway_and_the_routes_that_it_makes_known() {
    let mut cloud = Cloud::with_realistic_timing();
    let vpc = cloud.vpc("10.0.0.0/16");
    let table = cloud.table(&vpc);
    let made = cloud.ok::<op::CreateVpnGateway>(input!(CreateVpnGatewayRequest { r#type: "ipsec.1" }));
    let gateway = made.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    let attach = input!(AttachVpnGatewayRequest { vpn_gateway_id: gateway.as_str(), vpc_id: vpc.as_str() });
    cloud.ok::<op::AttachVpnGateway>(attach);
    assert_eq!(cloud.told::<VpnGatewayId>(&gateway), None);
    cloud.wait(30_000);
    let told = cloud.told::<VpnGatewayId>(&gateway);
    assert!(matches!(told, Some(Object::VpnGateway(told)) if told.vpc.to_string() == vpc), "{told:?}");

    let customer = input!(CreateCustomerGatewayRequest { r#type: "ipsec.1", ip_address: "203.0.113.1" });
    let made = cloud.ok::<op::CreateCustomerGateway>(customer).customer_gateway.unwrap();
    let customer = made.customer_gateway_id.unwrap();
    let mut input = input!(CreateVpnConnectionRequest {
        customer_gateway_id: customer.as_str(),
        vpn_gateway_id: gateway.as_str(),
        r#type: "ipsec.1",
    });
    input.options = Some(aws_api::ec2::VpnConnectionOptionsSpecification {
        static_routes_only: Some(true),
        ..Default::default()
    });
    let made = cloud.ok::<op::CreateVpnConnection>(input).vpn_connection.unwrap();
    let connection = made.vpn_connection_id.unwrap();
    cloud.wait(240_000);
    // What is inside the VPC stays local.
    for block in ["172.16.0.0/16", "10.0.5.0/24", "192.168.0.0/16"] {
        cloud.ok::<op::CreateVpnConnectionRoute>(input!(CreateVpnConnectionRouteRequest {
            vpn_connection_id: connection.as_str(),
            destination_cidr_block: block,
        }));
    }
    let propagation = input!(EnableVgwRoutePropagationRequest {
        gateway_id: gateway.as_str(),
        route_table_id: table.as_str()
    });
    cloud.ok::<op::EnableVgwRoutePropagation>(propagation);
    assert!(cloud.routes(&table).is_empty());
    cloud.wait(15_000);
    let route = |block: &str| format!("{block} Propagated VpnGateway({gateway})");
    assert_eq!(cloud.routes(&table), [route("172.16.0.0/16"), route("192.168.0.0/16")]);
    cloud.check();

    // A route of the table's own comes before.
    cloud.ok::<op::CreateRoute>(input!(CreateRouteRequest {
        route_table_id: table.as_str(),
        destination_cidr_block: "172.16.0.0/16",
        gateway_id: gateway.as_str(),
    }));
    let own = format!("172.16.0.0/16 Static VpnGateway({gateway})");
    assert_eq!(cloud.routes(&table), [own.clone(), route("192.168.0.0/16")]);
    cloud.ok::<op::DeleteVpnConnectionRoute>(input!(DeleteVpnConnectionRouteRequest {
        vpn_connection_id: connection.as_str(),
        destination_cidr_block: "192.168.0.0/16",
    }));
    assert_eq!(cloud.routes(&table), [own]);
    cloud.check();

    let detach = input!(DetachVpnGatewayRequest { vpn_gateway_id: gateway.as_str(), vpc_id: vpc.as_str() });
    cloud.ok::<op::DetachVpnGateway>(detach);
    assert_eq!(cloud.told::<VpnGatewayId>(&gateway), None);
    cloud.check();
}
