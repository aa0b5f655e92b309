//! What stops packets at their ends and at gateways.

use aws_api::ec2::{self as api, operation as op};

use super::world::*;
use crate::projection::tests::cloud::{OTHER, OWNER, input};

#[test]
fn a_path_that_packets_take() {
    let mut world = World::new();
    let said = world.between();
    assert!(said.found, "{:?}", said.codes());
    assert!(said.codes().is_empty());
    let [source, destination] = &world.interfaces;
    let (acl, table, group) = (&world.acl, &world.table, &world.group);
    assert_eq!(said.way(), [source, group, acl, table, acl, group, destination].map(String::as_str));
    assert_eq!(said.way_back(), [destination, group, acl, table, acl, group, source].map(String::as_str));
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    let numbers: Vec<_> = way.iter().map(|told| told.sequence_number.unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
    let header = way[0].outbound_header.as_ref().unwrap();
    assert_eq!(header.protocol.as_deref(), Some("6"));
    let ports = &header.destination_port_ranges.as_ref().unwrap()[0];
    assert_eq!((ports.from, ports.to), (Some(22), Some(22)));
    assert!(header.source_addresses.as_ref().unwrap()[0].starts_with("10.0.0."));
    assert!(header.destination_addresses.as_ref().unwrap()[0].starts_with("10.0.1."));
    let rule = way[5].security_group_rule.as_ref().unwrap();
    assert_eq!(
        (rule.direction.as_deref(), rule.security_group_id.as_ref(), rule.protocol.as_deref()),
        (Some("ingress"), Some(group), Some("all"))
    );
    let entry = way[2].acl_rule.as_ref().unwrap();
    assert_eq!(
        (entry.egress, entry.rule_number, entry.rule_action.as_deref()),
        (Some(true), Some(100), Some("allow"))
    );
    let route = way[3].route_table_route.as_ref().unwrap();
    assert_eq!(
        (route.destination_cidr.as_deref(), route.gateway_id.as_deref(), route.origin.as_deref()),
        (Some("10.0.0.0/16"), Some("local"), Some("createroutetable"))
    );
    let details = way[6].additional_details.as_ref().unwrap();
    assert_eq!(details[0].additional_detail_type.as_deref(), Some("AVAILABILITY_ZONE_CROSSED"));
    assert_eq!(way[6].subnet.as_ref().unwrap().id.as_ref(), Some(&world.subnets[1]));
}

#[test]
fn security_groups() {
    let mut world = World::new();
    world.close();
    let said = world.between();
    assert!(!said.found);
    assert_eq!(said.codes(), ["ENI_SG_RULES_MISMATCH"]);
    let told = said.explanation("ENI_SG_RULES_MISMATCH");
    assert_eq!(told.direction.as_deref(), Some("ingress"));
    let id = |component: &Option<api::AnalysisComponent>| component.as_ref().unwrap().id.clone().unwrap();
    assert_eq!(id(&told.network_interface), world.interfaces[1]);
    assert_eq!(told.security_groups.as_ref().unwrap()[0].id.as_ref(), Some(&world.group));
    assert_eq!(id(&told.vpc), world.vpc);
    // Without any rule, both ends refuse it, and the group is said to be empty.
    let mut request = input!(RevokeSecurityGroupEgressRequest { group_id: world.group.as_str() });
    request.ip_permissions = Some(vec![from_block(permission("-1", None), "0.0.0.0/0")]);
    world.cloud.ok::<op::RevokeSecurityGroupEgress>(request);
    let mut request = input!(RevokeSecurityGroupEgressRequest { group_id: world.group.as_str() });
    let range = api::Ipv6Range { cidr_ipv6: Some("::/0".to_owned()), description: None };
    request.ip_permissions =
        Some(vec![api::IpPermission { ipv6_ranges: Some(vec![range]), ..permission("-1", None) }]);
    // A VPC whose IPv6 block came with it has this rule too.
    let _ = world.cloud.call::<op::RevokeSecurityGroupEgress>(request);
    let said = world.between();
    let directions: Vec<_> =
        said.analysis.explanations.iter().flatten().filter_map(|told| told.direction.as_deref()).collect();
    assert_eq!(directions, ["egress", "ingress"]);
    assert_eq!(
        said.codes(),
        ["ENI_SG_RULES_MISMATCH", "SG_HAS_NO_RULES", "ENI_SG_RULES_MISMATCH", "SG_HAS_NO_RULES"]
    );
}

#[test]
fn network_acls_there_and_back() {
    let mut world = World::new();
    world.deny(false, 22, 22);
    let said = world.between();
    assert_eq!(said.codes(), ["SUBNET_ACL_RESTRICTION"]);
    let told = said.explanation("SUBNET_ACL_RESTRICTION");
    assert_eq!(told.acl.as_ref().unwrap().id.as_ref(), Some(&world.acl));
    let rule = told.acl_rule.as_ref().unwrap();
    assert_eq!(
        (rule.rule_number, rule.rule_action.as_deref(), rule.egress, rule.protocol.as_deref()),
        (Some(50), Some("deny"), Some(false), Some("tcp"))
    );
    // The reply goes to ports above 1023: of those below, some way is open.
    let mut world = World::new();
    world.deny(true, 1024, 65_535);
    let said = world.between();
    assert!(said.found);
    let back = said.analysis.return_path_components.as_ref().unwrap();
    let ports = &back[0].outbound_header.as_ref().unwrap().destination_port_ranges.as_ref().unwrap()[0];
    assert_eq!((ports.from, ports.to), (Some(0), Some(1023)));
    let mut request = World::request(&world.interfaces[0], &world.interfaces[1]);
    request.filter_at_source = Some(api::PathRequestFilter {
        source_port_range: Some(api::RequestFilterPortRange { from_port: Some(1024), to_port: Some(65_535) }),
        destination_port_range: Some(api::RequestFilterPortRange { from_port: Some(22), to_port: Some(22) }),
        ..api::PathRequestFilter::default()
    });
    let said = world.analyze(request);
    assert_eq!(said.codes(), ["SUBNET_ACL_RESTRICTION", "FILTER_AT_SOURCE_SOURCE_PORT_RANGE"]);
    assert_eq!(said.explanation("SUBNET_ACL_RESTRICTION").direction.as_deref(), Some("egress"));
}

#[test]
fn the_internet() {
    let mut world = World::new();
    let gateway = world.cloud.ok::<op::CreateInternetGateway>(input!(CreateInternetGatewayRequest {}));
    let gateway = gateway.internet_gateway.unwrap().internet_gateway_id.unwrap();
    assert_eq!(world.to(&gateway).codes(), ["UNASSOCIATED_COMPONENT"]);
    let request = input!(AttachInternetGatewayRequest {
        internet_gateway_id: gateway.as_str(),
        vpc_id: world.vpc.as_str()
    });
    world.cloud.ok::<op::AttachInternetGateway>(request);
    assert_eq!(world.to(&gateway).codes()[0], "NO_ROUTE_TO_DESTINATION");
    world.route("0.0.0.0/0", |route| route.gateway_id = Some(gateway.clone()));
    let said = world.to(&gateway);
    assert_eq!(said.codes(), ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"]);
    let told = said.explanation("IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS");
    assert_eq!(told.internet_gateway.as_ref().unwrap().id.as_ref(), Some(&gateway));
    let public = world.publish(0);
    let said = world.to(&gateway);
    assert!(said.found, "{:?}", said.codes());
    assert_eq!(kinds(&said.way()), ["eni", "sg", "acl", "rtb", "igw"]);
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    let header = way[4].outbound_header.as_ref().unwrap();
    assert_eq!(header.source_addresses.as_ref().unwrap(), &[format!("{public}/32")]);

    let to_address = |world: &mut World, address: &str| {
        let mut request = World::request(&world.interfaces[0].clone(), &gateway);
        request.destination_ip = Some(address.to_owned());
        world.analyze(request)
    };
    let codes = to_address(&mut world, "192.168.1.1");
    assert_eq!(codes.codes()[0], "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS");
    let codes = to_address(&mut world, "100.64.1.1");
    assert_eq!(codes.codes()[0], "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS");
    assert!(to_address(&mut world, "198.51.100.77").found);

    // From the internet.
    let inwards = |world: &mut World, number: usize, source: Option<&str>| {
        let mut request = World::request(&gateway, &world.interfaces[number].clone());
        request.destination_port = Some(443);
        request.source_ip = source.map(str::to_owned);
        world.analyze(request)
    };
    assert_eq!(inwards(&mut world, 0, None).codes(), ["ENI_SG_RULES_MISMATCH"]);
    world.open(from_block(permission("tcp", Some(443)), "198.51.100.0/24"));
    let said = inwards(&mut world, 0, None);
    assert!(said.found, "{:?}", said.codes());
    assert_eq!(kinds(&said.way()), ["igw", "acl", "sg", "eni"]);
    assert_eq!(kinds(&said.way_back()), ["eni", "sg", "acl", "rtb", "igw"]);
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    let header = way[0].inbound_header.as_ref().unwrap();
    assert_eq!(header.source_addresses.as_ref().unwrap(), &["198.51.100.0/24"]);
    assert_eq!(header.destination_addresses.as_ref().unwrap(), &[format!("{public}/32")]);
    assert_eq!(inwards(&mut world, 0, Some("203.0.113.9")).codes(), ["ENI_SG_RULES_MISMATCH"]);
    assert_eq!(
        inwards(&mut world, 0, Some("10.9.9.9")).codes()[0],
        "IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS"
    );
    assert_eq!(
        inwards(&mut world, 0, Some("100.64.9.9")).codes()[0],
        "IGW_SOURCE_ADDRESS_NOT_IN_RFC6598_INGRESS"
    );
    assert_eq!(inwards(&mut world, 1, None).codes()[0], "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS");

    let mut request = input!(ModifyVpcBlockPublicAccessOptionsRequest {});
    request.internet_gateway_block_mode = "block-bidirectional".to_owned();
    world.cloud.ok::<op::ModifyVpcBlockPublicAccessOptions>(request);
    world.cloud.settle();
    assert_eq!(world.to(&gateway).codes(), ["VPC_BLOCK_PUBLIC_ACCESS_ENABLED"]);
}

#[test]
fn ends_that_are_not_there() {
    let mut world = World::new();
    let path = world
        .cloud
        .ok::<op::CreateNetworkInsightsPath>(World::request(&world.interfaces[0], &world.interfaces[1]));
    let path = path.network_insights_path.unwrap().network_insights_path_id.unwrap();
    let request =
        input!(DeleteNetworkInterfaceRequest { network_interface_id: world.interfaces[1].as_str() });
    world.cloud.ok::<op::DeleteNetworkInterface>(request);
    let said = world.analyze_path(input!(StartNetworkInsightsAnalysisRequest {
        network_insights_path_id: path.as_str()
    }));
    assert_eq!(said.codes(), ["NO_SOURCE_OR_DESTINATION"]);
    // A source that is not its own address.
    let mut world = World::new();
    let mut request = World::request(&world.interfaces[0], &world.interfaces[1]);
    request.source_ip = Some("10.0.0.200".to_owned());
    let said = world.analyze(request);
    assert_eq!(
        said.codes(),
        ["ENI_SOURCE_DEST_CHECK_RESTRICTION", "ENI_SG_RULES_MISMATCH", "NO_POSSIBLE_DESTINATION"],
        "nor has the group's rule anything to do with it, nor would the reply find anybody"
    );
    // An address that nobody has.
    let mut request = World::request(&world.interfaces[0], "");
    request.destination_ip = Some("10.0.1.200".to_owned());
    let said = world.analyze(request);
    assert_eq!(said.codes(), ["NO_POSSIBLE_DESTINATION"]);
    assert_eq!(said.explanation("NO_POSSIBLE_DESTINATION").address.as_deref(), Some("10.0.1.200"));
}

#[test]
fn gateway_endpoints() {
    let mut world = World::new();
    let mut request = input!(CreateVpcEndpointRequest {
        vpc_id: world.vpc.as_str(),
        service_name: "com.amazonaws.us-east-1.s3",
    });
    request.route_table_ids = Some(vec![world.table.clone()]);
    let endpoint = world.cloud.ok::<op::CreateVpcEndpoint>(request).vpc_endpoint.unwrap();
    let endpoint = endpoint.vpc_endpoint_id.unwrap();
    world.cloud.settle();
    let said = world.to(&endpoint);
    assert!(said.found, "{:?}", said.codes());
    assert_eq!(kinds(&said.way()), ["eni", "sg", "acl", "rtb", "vpce"]);
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    assert_eq!(way[4].service_name.as_deref(), Some("com.amazonaws.us-east-1.s3"));
    assert!(way[3].route_table_route.as_ref().unwrap().gateway_id.as_ref() == Some(&endpoint));
    let mut request = World::request(&world.interfaces[0], &endpoint);
    request.protocol = "udp".to_owned();
    assert_eq!(world.analyze(request).codes(), ["VPCE_GATEWAY_PROTOCOL_RESTRICTION"]);
    let said = world.analyze(World::request(&endpoint, &world.interfaces[0].clone()));
    assert_eq!(said.codes(), ["VPCE_INTRA_VPC_TRAFFIC"]);
}

#[test]
fn what_another_account_has_is_not_told() {
    let mut world = World::new();
    world.cloud.account = OTHER;
    let vpc = world.cloud.vpc("10.1.0.0/16");
    let subnet = world.cloud.subnet_in(&vpc, "10.1.0.0/24", "a");
    let interface = world.cloud.interface(&subnet);
    let asked = input!(DescribeNetworkInterfacesRequest { network_interface_ids: [interface.as_str()] });
    let found = world.cloud.ok::<op::DescribeNetworkInterfaces>(asked).network_interfaces.unwrap().remove(0);
    let address = found.private_ip_address.unwrap();
    world.cloud.account = OWNER;
    let mut request =
        input!(CreateVpcPeeringConnectionRequest { vpc_id: world.vpc.as_str(), peer_vpc_id: vpc.as_str() });
    request.peer_owner_id = Some(OTHER.to_owned());
    let peering = world.cloud.ok::<op::CreateVpcPeeringConnection>(request).vpc_peering_connection.unwrap();
    let peering = peering.vpc_peering_connection_id.unwrap();
    world.cloud.settle();
    world.cloud.account = OTHER;
    let request = input!(AcceptVpcPeeringConnectionRequest { vpc_peering_connection_id: peering.as_str() });
    world.cloud.ok::<op::AcceptVpcPeeringConnection>(request);
    world.cloud.settle();
    world.cloud.account = OWNER;
    world.route("10.1.0.0/16", |route| route.vpc_peering_connection_id = Some(peering.clone()));
    let mut request = World::request(&world.interfaces[0], "");
    request.destination_ip = Some(address);
    let said = world.analyze(request.clone());
    let told = said.explanation("NO_POSSIBLE_DESTINATION");
    assert_eq!(told.component_account.as_deref(), Some(OTHER));
    assert!(told.security_groups.is_none() && told.route_table.is_none());
    assert!(!said.codes().contains(&"ENI_SG_RULES_MISMATCH"));
    assert_eq!(said.analysis.suggested_accounts.as_ref().unwrap(), &[OTHER]);
    let said = world
        .analyze_with(request, input!(StartNetworkInsightsAnalysisRequest { additional_accounts: [OTHER] }));
    assert_eq!(said.analysis.suggested_accounts, None);
}

#[test]
fn groups_that_gateways_hide() {
    // By its public address, an interface is come to from the internet.
    let mut world = World::new();
    world.internet();
    world.publish(0);
    let public = world.publish(1);
    let mut request = World::request(&world.interfaces[0], "");
    request.destination_ip = Some(public);
    let said = world.analyze(request);
    assert_eq!(said.codes(), ["ENI_SG_RULES_MISMATCH", "SG_REFERENCES_NOT_PRESERVED"]);
    let told = said.explanation("SG_REFERENCES_NOT_PRESERVED");
    assert_eq!(told.security_group_rule.as_ref().unwrap().security_group_id.as_ref(), Some(&world.group));
}

#[test]
fn nat_gateways_and_hosts_that_nobody_is() {
    let mut world = World::new();
    world.internet();
    world.publish(0);
    let mut request = World::request(&world.interfaces[0], "");
    request.destination_ip = Some("198.51.100.77".to_owned());
    assert_eq!(world.analyze(request.clone()).codes(), ["UNKNOWN_DESTINATION"]);
    let (allocation, _) = world.cloud.elastic_ip();
    let made = input!(CreateNatGatewayRequest {
        subnet_id: world.subnets[1].as_str(),
        allocation_id: allocation.as_str(),
    });
    let nat = world.cloud.ok::<op::CreateNatGateway>(made).nat_gateway.unwrap();
    world.cloud.settle();
    let asked = input!(DescribeNatGatewaysRequest {});
    let found = world.cloud.ok::<op::DescribeNatGateways>(asked).nat_gateways.unwrap().remove(0);
    request.destination_ip = found.nat_gateway_addresses.unwrap().remove(0).private_ip;
    assert_eq!(world.analyze(request).codes(), ["NGW_DEST_ADDRESS_PRESERVATION"]);
    let mut route = input!(CreateRouteRequest {
        route_table_id: world.table.as_str(),
        destination_ipv6_cidr_block: "64:ff9b::/96",
    });
    route.nat_gateway_id = nat.nat_gateway_id;
    world.cloud.ok::<op::CreateRoute>(route);
    let mut request = World::request(&world.interfaces[0], "");
    request.source_ip = Some("2001:db8::7".to_owned());
    request.destination_ip = Some("64:ff9b::c633:6401".to_owned());
    let said = world.analyze(request);
    assert!(said.codes().contains(&"PROTOCOL_RESTRICTION"), "{:?}", said.codes());
}
