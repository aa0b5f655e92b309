//! Routes that lead to NAT gateways.

use super::{HOUR_MILLIS, network, some};
use crate::cloud::{api, filters, input, op};

#[test]
fn routes_lead_to_gateways() {
    let network = network();
    let cloud = &network.cloud;
    let id = network.made(network.private());
    let table = input!(CreateRouteTableRequest { vpc_id: &network.vpc });
    let table = cloud.ok::<op::CreateRouteTable>(table).route_table.unwrap().route_table_id.unwrap();
    let route = |destination: &str, gateway: &str| {
        input!(CreateRouteRequest {
            route_table_id: &table,
            destination_cidr_block: destination,
            nat_gateway_id: gateway
        })
    };
    let route_v6 = |destination: &str| api::CreateRouteRequest {
        destination_cidr_block: None,
        destination_ipv6_cidr_block: some(destination),
        ..route("", &id)
    };
    cloud.ok::<op::CreateRoute>(route("0.0.0.0/0", &id));
    cloud.ok::<op::CreateRoute>(route_v6("64:ff9b::/96"));
    cloud.ok::<op::CreateRoute>(route("10.0.1.0/24", &id));
    let state = || {
        let filters = filters(&[("route.nat-gateway-id", &[&id])]);
        let found = cloud.ok::<op::DescribeRouteTables>(input!(DescribeRouteTablesRequest { filters }));
        let routes = found.route_tables.unwrap().remove(0).routes.unwrap();
        let is_it = |route: &api::Route| route.destination_cidr_block.as_deref() == Some("0.0.0.0/0");
        let route = routes.into_iter().find(is_it).unwrap();
        assert_eq!(route.nat_gateway_id.as_ref(), Some(&id));
        route.state.unwrap()
    };
    assert_eq!(state(), "active");
    let check = |input: api::CreateRouteRequest, code: &str, message: &str| {
        cloud.refuses::<op::CreateRoute>(input, code, message);
    };
    check(route_v6("::/0"), "InvalidParameterValue", "The destination CIDR block ::/0 cannot be routed …");
    check(route("1.0.0.0/8", "nat-x"), "NatGatewayMalformed", "…");
    // The table of an internet gateway leads to no NAT gateway.
    let edge = input!(CreateRouteTableRequest { vpc_id: &network.vpc });
    let edge = cloud.ok::<op::CreateRouteTable>(edge).route_table.unwrap().route_table_id.unwrap();
    let inside = || api::CreateRouteRequest { route_table_id: edge.clone(), ..route("10.0.1.0/24", &id) };
    let associate = || {
        input!(AssociateRouteTableRequest { route_table_id: &edge, gateway_id: &network.internet_gateway })
    };
    cloud.ok::<op::CreateRoute>(inside());
    let message = format!("Route table {edge} is to be associated with a gateway, …");
    cloud.refuses::<op::AssociateRouteTable>(associate(), "InvalidParameterValue", &message);
    cloud.ok::<op::DeleteRoute>(input!(DeleteRouteRequest {
        route_table_id: &edge,
        destination_cidr_block: "10.0.1.0/24"
    }));
    cloud.ok::<op::AssociateRouteTable>(associate());
    check(inside(), "InvalidParameterValue", "…");
    let subnet = cloud.subnet(&cloud.vpc("10.1.0.0/16"), "10.1.0.0/24");
    let foreign = network.made(api::CreateNatGatewayRequest { subnet_id: Some(subnet), ..network.private() });
    let message = format!("route table {table} and NAT gateway {foreign} belong to different networks");
    check(route("1.0.0.0/8", &foreign), "InvalidParameterValue", &message);

    network.delete(&id);
    assert_eq!(state(), "active");
    let message = format!("The natGateway ID '{id}' does not exist");
    check(route("1.0.0.0/8", &id), "InvalidNatGatewayID.NotFound", &message);
    cloud.wait(200);
    assert_eq!(state(), "blackhole");
    cloud.wait(HOUR_MILLIS);
    assert_eq!(state(), "blackhole");
    check(route("1.0.0.0/8", &id), "InvalidNatGatewayID.NotFound", &message);
}
