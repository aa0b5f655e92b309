//! What is asked of paths beside their ends.

use aws_api::ec2::{self as api, operation as op};

use super::world::*;
use crate::projection::tests::cloud::input;

#[test]
fn other_ways_than_the_wanted_one() {
    let mut world = World::new();
    let gateway = world.internet();
    world.publish(0);
    // What a NAT gateway carries does not go out by the internet gateway from here.
    let (allocation, _) = world.cloud.elastic_ip();
    let request = input!(CreateNatGatewayRequest {
        subnet_id: world.subnets[1].as_str(),
        allocation_id: allocation.as_str(),
    });
    let nat = world.cloud.ok::<op::CreateNatGateway>(request).nat_gateway.unwrap().nat_gateway_id.unwrap();
    world.cloud.settle();
    world.route("198.51.100.0/24", |route| route.nat_gateway_id = Some(nat.clone()));
    let of_nat = world.cloud.table(&world.vpc.clone());
    let request = input!(AssociateRouteTableRequest {
        route_table_id: of_nat.as_str(),
        subnet_id: world.subnets[1].as_str()
    });
    world.cloud.ok::<op::AssociateRouteTable>(request);
    world.route_in(&of_nat, "0.0.0.0/0", |route| route.gateway_id = Some(gateway.clone()));
    let arn = |id: &str, kind: &str| format!("arn:aws:ec2:us-east-1:123456789012:{kind}/{id}");
    let request = World::request(&world.interfaces[0], &gateway);
    // Some way does not pass it: the shortest.
    let said = world.analyze(request.clone());
    assert!(said.found && !said.way().contains(&nat), "{:?}", said.way());
    let through = arn(&nat, "natgateway");
    let said = world.analyze_with(
        request.clone(),
        input!(StartNetworkInsightsAnalysisRequest { filter_in_arns: [through.as_str()] }),
    );
    assert!(said.found && said.way().contains(&nat), "{:?} {:?}", said.codes(), said.way());
    let mut to_one = request.clone();
    to_one.destination_ip = Some("198.51.100.7".to_owned());
    let said = world.analyze_with(
        to_one,
        input!(StartNetworkInsightsAnalysisRequest { filter_out_arns: [through.as_str()] }),
    );
    assert_eq!(said.codes(), ["COMPONENT_FILTER_RESTRICTION_REMOVED_COMPONENT"]);
    assert_eq!(
        said.explanation("COMPONENT_FILTER_RESTRICTION_REMOVED_COMPONENT")
            .component
            .as_ref()
            .unwrap()
            .id
            .as_ref(),
        Some(&nat)
    );
    let mut beside = request;
    beside.destination_ip = Some("203.0.113.7".to_owned());
    let said = world.analyze_with(
        beside,
        input!(StartNetworkInsightsAnalysisRequest { filter_in_arns: [through.as_str()] }),
    );
    assert_eq!(said.codes(), ["COMPONENT_FILTER_RESTRICTION"]);
    let hinted = said.analysis.alternate_path_hints.as_ref().unwrap();
    assert_eq!(hinted[0].component_id.as_ref(), Some(&gateway));
}

#[test]
fn filters_at_the_ends() {
    let mut world = World::new();
    world.close();
    world.open(from_group(permission("tcp", Some(22)), &world.group.clone()));
    let range = |from, to| Some(api::RequestFilterPortRange { from_port: Some(from), to_port: Some(to) });
    let check = |world: &mut World, at_source, at_destination, expected: &[&str]| {
        let mut request = World::request(&world.interfaces[0].clone(), &world.interfaces[1].clone());
        request.filter_at_source = at_source;
        request.filter_at_destination = at_destination;
        let said = world.analyze(request);
        assert_eq!(said.codes(), expected);
        assert_eq!(said.found, expected.is_empty());
    };
    let filter = api::PathRequestFilter::default;
    // Of all ports, the one that is open.
    check(&mut world, None, None, &[]);
    let ports = || api::PathRequestFilter { destination_port_range: range(80, 90), ..filter() };
    check(
        &mut world,
        Some(ports()),
        None,
        &["ENI_SG_RULES_MISMATCH", "FILTER_AT_SOURCE_DESTINATION_PORT_RANGE"],
    );
    check(
        &mut world,
        None,
        Some(ports()),
        &["ENI_SG_RULES_MISMATCH", "FILTER_AT_DESTINATION_DESTINATION_PORT_RANGE"],
    );
    let address = |address: &str| Some(address.to_owned());
    let from = |source: &str| api::PathRequestFilter { source_address: address(source), ..filter() };
    check(
        &mut world,
        Some(from("10.0.0.77")),
        None,
        &[
            "ENI_SOURCE_DEST_CHECK_RESTRICTION",
            "ENI_SG_RULES_MISMATCH",
            "NO_POSSIBLE_DESTINATION",
            "FILTER_AT_SOURCE_SOURCE_ADDRESS",
        ],
    );
    let to =
        |destination: &str| api::PathRequestFilter { destination_address: address(destination), ..filter() };
    check(
        &mut world,
        Some(to("10.0.1.77")),
        None,
        &["NO_POSSIBLE_DESTINATION", "FILTER_AT_SOURCE_DESTINATION_ADDRESS"],
    );
    check(&mut world, None, Some(from("10.0.0.77")), &["FILTER_AT_DESTINATION_SOURCE_ADDRESS"]);
    check(&mut world, None, Some(to("10.0.1.77")), &["FILTER_AT_DESTINATION_DESTINATION_ADDRESS"]);
}

#[test]
fn filters_that_leave_nothing() {
    let mut world = World::new();
    let range = |from, to| Some(api::RequestFilterPortRange { from_port: Some(from), to_port: Some(to) });
    let mut request = World::request(&world.interfaces[0], &world.interfaces[1]);
    request.destination_port = Some(22);
    request.filter_at_destination = Some(api::PathRequestFilter {
        destination_port_range: range(80, 90),
        ..api::PathRequestFilter::default()
    });
    let said = world.analyze(request);
    assert_eq!(said.codes(), ["NO_PATH", "FILTER_AT_DESTINATION_DESTINATION_PORT_RANGE"]);
    let mut request = World::request(&world.interfaces[0], &world.interfaces[1]);
    let from = |ports| {
        Some(api::PathRequestFilter { source_port_range: ports, ..api::PathRequestFilter::default() })
    };
    request.filter_at_source = from(range(1000, 2000));
    request.filter_at_destination = from(range(3000, 4000));
    let said = world.analyze(request.clone());
    let codes = said.codes();
    assert!(codes.contains(&"FILTER_AT_DESTINATION_SOURCE_PORT_RANGE"), "{codes:?}");
    request.filter_at_destination = from(range(1500, 4000));
    let said = world.analyze(request);
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    let ports = &way[0].outbound_header.as_ref().unwrap().source_port_ranges.as_ref().unwrap()[0];
    assert_eq!((ports.from, ports.to), (Some(1500), Some(2000)));
}
