//! Peering connections, transit gateways, and routes that were not used.

use aws_api::ec2::{self as api, operation as op};

use super::world::*;
use crate::projection::tests::cloud::input;

#[test]
fn routes_that_were_not_used() {
    let mut world = World::new();
    let gateway = world.internet();
    world.publish(0);
    let vpn = world.cloud.ok::<op::CreateVpnGateway>(input!(CreateVpnGatewayRequest { r#type: "ipsec.1" }));
    let vpn = vpn.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    let request =
        input!(AttachVpnGatewayRequest { vpn_gateway_id: vpn.as_str(), vpc_id: world.vpc.as_str() });
    world.cloud.ok::<op::AttachVpnGateway>(request);
    world.cloud.settle();
    world.route("198.51.100.0/24", |route| route.gateway_id = Some(vpn.clone()));
    let to = |world: &mut World, destination: &str, address: &str| {
        let mut request = World::request(&world.interfaces[0].clone(), destination);
        request.destination_ip = Some(address.to_owned());
        world.analyze(request)
    };
    let said = to(&mut world, &gateway, "198.51.100.7");
    assert_eq!(said.codes(), ["BAD_STATE_VPN", "MORE_SPECIFIC_ROUTE"]);
    let told = said.explanation("MORE_SPECIFIC_ROUTE").route_table_route.as_ref().unwrap();
    assert_eq!(told.destination_cidr.as_deref(), Some("0.0.0.0/0"));
    let said = to(&mut world, &vpn, "203.0.113.7");
    assert_eq!(said.codes(), ["UNKNOWN_DESTINATION", "CANNOT_ROUTE"]);
    let said = to(&mut world, &vpn, "198.51.100.7");
    assert_eq!(said.codes(), ["BAD_STATE_VPN"]);
}

#[test]
fn peering() {
    let (mut world, other) = two_vpcs();
    let table = open_other(&mut world, &other);
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["NO_ROUTE_TO_DESTINATION", "DISCONNECTED_VPCS"]);
    let request = input!(CreateVpcPeeringConnectionRequest {
        vpc_id: world.vpc.as_str(),
        peer_vpc_id: other.vpc.as_str()
    });
    let peering = world.cloud.ok::<op::CreateVpcPeeringConnection>(request).vpc_peering_connection.unwrap();
    let peering = peering.vpc_peering_connection_id.unwrap();
    world.cloud.settle();
    let request = input!(AcceptVpcPeeringConnectionRequest { vpc_peering_connection_id: peering.as_str() });
    world.cloud.ok::<op::AcceptVpcPeeringConnection>(request);
    world.cloud.settle();
    assert_eq!(world.to(&other.interface).codes(), ["NO_ROUTE_TO_DESTINATION"]);
    world.route("10.1.0.0/16", |route| route.vpc_peering_connection_id = Some(peering.clone()));
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["NO_ROUTE_TO_DESTINATION"], "of the reply");
    assert_eq!(
        said.explanation("NO_ROUTE_TO_DESTINATION").route_table.as_ref().unwrap().id.as_ref(),
        Some(&table)
    );
    // The connection itself can be come to all the same.
    let said = world.to(&peering);
    assert!(said.found, "{:?}", said.codes());
    assert_eq!(kinds(&said.way()), ["eni", "sg", "acl", "rtb", "pcx"]);
    world.route_in(&table, "10.0.0.0/16", |route| route.vpc_peering_connection_id = Some(peering.clone()));
    let said = world.to(&other.interface);
    assert!(said.found, "{:?}", said.codes());
    assert_eq!(kinds(&said.way()), ["eni", "sg", "acl", "rtb", "pcx", "acl", "sg", "eni"]);
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    let passed = &way[4];
    assert_eq!(passed.source_vpc.as_ref().unwrap().id.as_ref(), Some(&world.vpc));
    assert_eq!(passed.destination_vpc.as_ref().unwrap().id.as_ref(), Some(&other.vpc));
    // From whatever comes by it.
    let said = world.analyze(World::request(&peering, &other.interface));
    assert!(said.found, "{:?}", said.codes());
    assert_eq!(kinds(&said.way()), ["pcx", "acl", "sg", "eni"]);
    assert_eq!(kinds(&said.way_back()), ["eni", "sg", "acl", "rtb", "pcx"]);
    // No transit.
    world.route("172.16.0.0/16", |route| route.vpc_peering_connection_id = Some(peering.clone()));
    let mut request = World::request(&world.interfaces[0], "");
    request.destination_ip = Some("172.16.0.1".to_owned());
    assert_eq!(world.analyze(request).codes(), ["PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"]);
    let request = input!(DeleteVpcPeeringConnectionRequest { vpc_peering_connection_id: peering.as_str() });
    world.cloud.ok::<op::DeleteVpcPeeringConnection>(request);
    world.cloud.settle();
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["BAD_STATE_ROUTE", "DISCONNECTED_VPCS"]);
}

#[test]
fn transit_gateways() {
    let (mut world, other) = two_vpcs();
    let table = open_other(&mut world, &other);
    let (gateway, transit_table) = transit_gateway(&mut world);
    let (vpc, subnet) = (world.vpc.clone(), world.subnets[0].clone());
    let own = attach(&mut world, &gateway, &vpc, &subnet);
    world.route("10.1.0.0/16", |route| route.transit_gateway_id = Some(gateway.clone()));
    assert_eq!(
        world.to(&other.interface).codes(),
        ["TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT", "DISCONNECTED_VPCS"]
    );
    let its = attach(&mut world, &gateway, &other.vpc, &other.subnet);
    world.route_in(&table, "10.0.0.0/16", |route| route.transit_gateway_id = Some(gateway.clone()));
    let said = world.to(&other.interface);
    assert!(said.found, "{:?}", said.codes());
    let way = said.way();
    let passed: Vec<&String> = way.iter().filter(|id| id.starts_with("tgw-")).collect();
    assert_eq!(passed, [&gateway, &own, &transit_table, &its]);
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    let route = way.iter().find_map(|told| told.transit_gateway_route_table_route.as_ref()).unwrap();
    assert_eq!(
        (route.destination_cidr.as_deref(), route.route_origin.as_deref(), route.resource_id.as_ref()),
        (Some("10.1.0.0/16"), Some("propagated"), Some(&other.vpc))
    );
    assert!(world.to(&gateway).found);
    // A zone that the attachment is not in.
    let mut request = World::request(&world.interfaces[1], &other.interface);
    request.destination_port = Some(22);
    let said = world.analyze(request);
    assert_eq!(said.codes(), ["TGW_ROUTE_AZ_RESTRICTION"]);
    let told = said.explanation("TGW_ROUTE_AZ_RESTRICTION");
    assert_eq!(told.availability_zones.as_ref().unwrap(), &["us-east-1b"]);
    // A blackhole of its own, more specific than what leads there.
    let mut request = input!(CreateTransitGatewayRouteRequest {
        destination_cidr_block: "10.1.0.0/24",
        transit_gateway_route_table_id: transit_table.as_str(),
    });
    request.blackhole = Some(true);
    world.cloud.ok::<op::CreateTransitGatewayRoute>(request);
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["TGW_RTB_BAD_STATE_ROUTE", "TGW_RTB_MORE_SPECIFIC_ROUTE"]);
    let request = input!(DeleteTransitGatewayRouteRequest {
        destination_cidr_block: "10.1.0.0/24",
        transit_gateway_route_table_id: transit_table.as_str(),
    });
    world.cloud.ok::<op::DeleteTransitGatewayRoute>(request);
    let request = input!(DisassociateTransitGatewayRouteTableRequest {
        transit_gateway_route_table_id: transit_table.as_str(),
        transit_gateway_attachment_id: own.as_str(),
    });
    world.cloud.ok::<op::DisassociateTransitGatewayRouteTable>(request);
    world.cloud.settle();
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION"]);
}

#[test]
fn routes_of_transit_gateways_that_were_not_used() {
    let (mut world, other) = two_vpcs();
    open_other(&mut world, &other);
    let (gateway, table) = transit_gateway(&mut world);
    let (vpc, subnet) = (world.vpc.clone(), world.subnets[0].clone());
    attach(&mut world, &gateway, &vpc, &subnet);
    let its = attach(&mut world, &gateway, &other.vpc, &other.subnet);
    world.route("10.1.0.0/16", |route| route.transit_gateway_id = Some(gateway.clone()));
    // A static blackhole goes before what the attachment makes known of itself.
    let mut request = input!(CreateTransitGatewayRouteRequest {
        destination_cidr_block: "10.1.0.0/16",
        transit_gateway_route_table_id: table.as_str(),
    });
    request.blackhole = Some(true);
    world.cloud.ok::<op::CreateTransitGatewayRoute>(request);
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["TGW_RTB_BAD_STATE_ROUTE", "TGW_RTB_HIGHER_PRIORITY_ROUTE"]);
    // A route to the attachment that is for other addresses.
    let request = input!(DeleteTransitGatewayRouteRequest {
        destination_cidr_block: "10.1.0.0/16",
        transit_gateway_route_table_id: table.as_str(),
    });
    world.cloud.ok::<op::DeleteTransitGatewayRoute>(request);
    let request = input!(DisableTransitGatewayRouteTablePropagationRequest {
        transit_gateway_route_table_id: table.as_str(),
        transit_gateway_attachment_id: its.as_str(),
    });
    world.cloud.ok::<op::DisableTransitGatewayRouteTablePropagation>(request);
    let request = input!(CreateTransitGatewayRouteRequest {
        destination_cidr_block: "10.2.0.0/16",
        transit_gateway_route_table_id: table.as_str(),
        transit_gateway_attachment_id: its.as_str(),
    });
    world.cloud.ok::<op::CreateTransitGatewayRoute>(request);
    world.cloud.settle();
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT", "TGW_RTB_CANNOT_ROUTE"]);
}

#[test]
fn a_transit_gateway_with_a_vpn_connection() {
    let mut world = World::new();
    let (gateway, table) = transit_gateway(&mut world);
    let (vpc, subnet) = (world.vpc.clone(), world.subnets[0].clone());
    let own = attach(&mut world, &gateway, &vpc, &subnet);
    let customer = input!(CreateCustomerGatewayRequest { r#type: "ipsec.1", ip_address: "203.0.113.1" });
    let customer = world.cloud.ok::<op::CreateCustomerGateway>(customer).customer_gateway.unwrap();
    let request = input!(CreateVpnConnectionRequest {
        r#type: "ipsec.1",
        customer_gateway_id: customer.customer_gateway_id.unwrap().as_str(),
        transit_gateway_id: gateway.as_str(),
    });
    world.cloud.ok::<op::CreateVpnConnection>(request);
    world.cloud.settle();
    let asked = input!(DescribeTransitGatewayAttachmentsRequest {});
    let all =
        world.cloud.ok::<op::DescribeTransitGatewayAttachments>(asked).transit_gateway_attachments.unwrap();
    let vpn = all.into_iter().find(|held| held.resource_type.as_deref() == Some("vpn")).unwrap();
    let vpn = vpn.transit_gateway_attachment_id.unwrap();
    let request = input!(CreateTransitGatewayRouteRequest {
        destination_cidr_block: "192.168.0.0/16",
        transit_gateway_route_table_id: table.as_str(),
        transit_gateway_attachment_id: vpn.as_str(),
    });
    world.cloud.ok::<op::CreateTransitGatewayRoute>(request);
    world.route("192.168.0.0/16", |route| route.transit_gateway_id = Some(gateway.clone()));
    let mut request = World::request(&world.interfaces[0], "");
    request.destination_ip = Some("192.168.7.7".to_owned());
    assert_eq!(world.analyze(request.clone()).codes(), ["TGW_BAD_STATE_VPN"]);
    // The gateway's own interface takes nothing.
    let asked = input!(DescribeNetworkInterfacesRequest {});
    let all = world.cloud.ok::<op::DescribeNetworkInterfaces>(asked).network_interfaces.unwrap();
    let managed =
        all.into_iter().find(|held| held.interface_type.as_deref() == Some("transit_gateway")).unwrap();
    request.destination_ip = managed.private_ip_address;
    assert_eq!(world.analyze(request.clone()).codes(), ["ENI_ADDRESS_RESTRICTION"]);
    // Without its attachment.
    let request_of =
        input!(DeleteTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: own.as_str() });
    world.cloud.ok::<op::DeleteTransitGatewayVpcAttachment>(request_of);
    request.destination_ip = Some("192.168.7.7".to_owned());
    assert_eq!(world.analyze(request).codes(), ["BAD_STATE_ATTACHMENT"]);
}

#[test]
fn middleboxes_prefix_lists_and_endpoints_of_services() {
    let mut world = World::new();
    let gateway = world.internet();
    world.publish(0);
    // What comes in for the subnet goes to the other interface first.
    let table = world.cloud.table(&world.vpc.clone());
    let request =
        input!(AssociateRouteTableRequest { route_table_id: table.as_str(), gateway_id: gateway.as_str() });
    world.cloud.ok::<op::AssociateRouteTable>(request);
    let middlebox = world.interfaces[1].clone();
    world.route_in(&table, "10.0.0.0/24", |route| route.network_interface_id = Some(middlebox));
    let said = world.to(&gateway);
    assert_eq!(said.codes(), ["INGRESS_RTB_TRAFFIC_REDIRECTION"]);
    let told = said.explanation("INGRESS_RTB_TRAFFIC_REDIRECTION");
    assert_eq!(told.ingress_route_table.as_ref().unwrap().id.as_ref(), Some(&table));

    // Of a route and one of a prefix list with the same block the first goes before.
    let mut world = World::new();
    let gateway = world.internet();
    world.publish(0);
    let vpn = world.cloud.ok::<op::CreateVpnGateway>(input!(CreateVpnGatewayRequest { r#type: "ipsec.1" }));
    let vpn = vpn.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    let request =
        input!(AttachVpnGatewayRequest { vpn_gateway_id: vpn.as_str(), vpc_id: world.vpc.as_str() });
    world.cloud.ok::<op::AttachVpnGateway>(request);
    let mut request = input!(CreateManagedPrefixListRequest {
        prefix_list_name: "list",
        max_entries: 5,
        address_family: "IPv4",
    });
    request.entries =
        Some(vec![api::AddPrefixListEntry { cidr: "198.51.100.0/24".to_owned(), description: None }]);
    let list = world.cloud.ok::<op::CreateManagedPrefixList>(request).prefix_list.unwrap();
    let list = list.prefix_list_id.unwrap();
    world.cloud.settle();
    let mut request = input!(CreateRouteRequest { route_table_id: world.table.as_str() });
    request.destination_prefix_list_id = Some(list.clone());
    request.gateway_id = Some(vpn.clone());
    world.cloud.ok::<op::CreateRoute>(request);
    world.route("198.51.100.0/24", |route| route.gateway_id = Some(gateway.clone()));
    let mut request = World::request(&world.interfaces[0], &vpn);
    request.destination_ip = Some("198.51.100.7".to_owned());
    let said = world.analyze(request);
    assert!(said.codes().contains(&"HIGHER_PRIORITY_ROUTE"), "{:?}", said.codes());
    let told = said.explanation("HIGHER_PRIORITY_ROUTE").route_table_route.as_ref().unwrap();
    assert_eq!(told.destination_prefix_list_id.as_ref(), Some(&list));

    // An interface endpoint has an interface, and its service is not there.
    let mut request = input!(CreateVpcEndpointRequest {
        vpc_id: world.vpc.as_str(),
        service_name: "com.amazonaws.us-east-1.ssm",
        vpc_endpoint_type: "Interface",
    });
    request.subnet_ids = Some(vec![world.subnets[1].clone()]);
    request.private_dns_enabled = Some(false);
    let endpoint = world.cloud.ok::<op::CreateVpcEndpoint>(request).vpc_endpoint.unwrap();
    world.cloud.settle();
    let said = world.to(&endpoint.vpc_endpoint_id.unwrap());
    assert_eq!(said.codes(), ["BAD_STATE"]);
    let balancer =
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/nlb/0123456789abcdef";
    let request =
        input!(CreateVpcEndpointServiceConfigurationRequest { network_load_balancer_arns: [balancer] });
    let service = world.cloud.ok::<op::CreateVpcEndpointServiceConfiguration>(request);
    let service = service.service_configuration.unwrap().service_id.unwrap();
    world.cloud.settle();
    assert_eq!(world.to(&service).codes(), ["UNSUPPORTED_COMPONENT"]);
}
