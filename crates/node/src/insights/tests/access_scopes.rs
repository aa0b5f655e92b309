//! What network access scopes find.

use aws_api::ec2::{self as api, operation as op};

use super::world::*;
use crate::insights::carry_out;
use crate::projection::tests::cloud::{Cloud, OTHER, OWNER, input};

/// The findings of a scope, each as the ids without what is after their prefix, with the destination ports of its first header.
fn findings(
    world: &mut World,
    request: api::CreateNetworkInsightsAccessScopeRequest,
) -> Vec<(Vec<String>, (i32, i32))> {
    let made = world.cloud.ok::<op::CreateNetworkInsightsAccessScope>(request).network_insights_access_scope;
    let scope = made.unwrap().network_insights_access_scope_id.unwrap();
    let request = input!(StartNetworkInsightsAccessScopeAnalysisRequest {
        network_insights_access_scope_id: scope.as_str()
    });
    let started = world.cloud.ok::<op::StartNetworkInsightsAccessScopeAnalysis>(request);
    let id = started.network_insights_access_scope_analysis.unwrap();
    let id = id.network_insights_access_scope_analysis_id.unwrap();
    carry_out(&world.cloud.store, &world.cloud.ec2, (&[], 0), world.cloud.now);
    let asked = input!(DescribeNetworkInsightsAccessScopeAnalysesRequest {
        network_insights_access_scope_analysis_ids: [id.as_str()],
    });
    let described = world.cloud.ok::<op::DescribeNetworkInsightsAccessScopeAnalyses>(asked);
    let described = described.network_insights_access_scope_analyses.unwrap().remove(0);
    assert_eq!(described.status.as_deref(), Some("succeeded"), "{:?}", described.status_message);
    let asked = input!(GetNetworkInsightsAccessScopeAnalysisFindingsRequest {
        network_insights_access_scope_analysis_id: id.as_str(),
    });
    let found = world.cloud.ok::<op::GetNetworkInsightsAccessScopeAnalysisFindings>(asked);
    let found = found.analysis_findings.unwrap_or_default();
    assert_eq!(described.findings_found.as_deref(), Some(if found.is_empty() { "false" } else { "true" }));
    let told = found.into_iter().map(|finding| {
        let components = finding.finding_components.unwrap();
        let header =
            components.iter().find_map(|told| told.outbound_header.as_ref().or(told.inbound_header.as_ref()));
        let ports = header.unwrap().destination_port_ranges.as_ref().unwrap()[0].clone();
        let ids = ids(Some(&components));
        (kinds(&ids).into_iter().map(str::to_owned).collect(), (ports.from.unwrap(), ports.to.unwrap()))
    });
    told.collect()
}

fn statement(types: &[&str], resources: &[&str]) -> api::PathStatementRequest {
    let all =
        |texts: &[&str]| (!texts.is_empty()).then(|| texts.iter().map(|text| (*text).to_owned()).collect());
    let resource_statement =
        Some(api::ResourceStatementRequest { resource_types: all(types), resources: all(resources) });
    api::PathStatementRequest { resource_statement, packet_header_statement: None }
}

fn condition(
    source: api::PathStatementRequest,
    destination: api::PathStatementRequest,
) -> api::AccessScopePathRequest {
    api::AccessScopePathRequest {
        source: Some(source),
        destination: Some(destination),
        through_resources: None,
    }
}

#[test]
fn who_comes_in_from_the_internet() {
    let mut world = World::new();
    world.internet();
    world.publish(0);
    let from_internet = || {
        let mut request = input!(CreateNetworkInsightsAccessScopeRequest {});
        let gateways = statement(&["AWS::EC2::InternetGateway"], &[]);
        request.match_paths =
            Some(vec![condition(gateways, statement(&["AWS::EC2::NetworkInterface"], &[]))]);
        request
    };
    assert_eq!(findings(&mut world, from_internet()), []);
    world.open(from_block(permission("tcp", Some(443)), "198.51.100.0/24"));
    world.open(from_block(permission("tcp", Some(22)), "203.0.113.0/24"));
    let way = || ["igw", "acl", "sg", "eni"].map(str::to_owned).to_vec();
    let mut found = findings(&mut world, from_internet());
    found.sort();
    assert_eq!(found, [(way(), (22, 22)), (way(), (443, 443))]);
    // An exception for the one.
    let mut request = from_internet();
    let mut allowed = statement(&["AWS::EC2::InternetGateway"], &[]);
    allowed.packet_header_statement = Some(api::PacketHeaderStatementRequest {
        source_addresses: Some(vec!["198.51.100.0/24".to_owned()]),
        ..api::PacketHeaderStatementRequest::default()
    });
    request.exclude_paths = Some(vec![api::AccessScopePathRequest {
        source: Some(allowed),
        ..api::AccessScopePathRequest::default()
    }]);
    assert_eq!(findings(&mut world, request), [(way(), (22, 22))]);
    // Of the second interface there is nothing: it has no public address.
    let mut request = input!(CreateNetworkInsightsAccessScopeRequest {});
    let gateways = statement(&["AWS::EC2::InternetGateway"], &[]);
    let second = world.interfaces[1].clone();
    request.match_paths = Some(vec![condition(gateways, statement(&[], &[&second]))]);
    assert_eq!(findings(&mut world, request), []);
}

#[test]
fn who_reaches_whom_within() {
    let mut world = World::new();
    world.close();
    let group = world.group.clone();
    world.open(from_group(permission("tcp", Some(5432)), &group));
    let [first, second] = world.interfaces.clone();
    let between = |source: &str, destination: &str| {
        let mut request = input!(CreateNetworkInsightsAccessScopeRequest {});
        request.match_paths =
            Some(vec![condition(statement(&[], &[source]), statement(&[], &[destination]))]);
        request
    };
    let way = ["eni", "sg", "acl", "rtb", "acl", "sg", "eni"].map(str::to_owned).to_vec();
    let found = findings(&mut world, between(&first, &second));
    assert_eq!(found, [(way.clone(), (5432, 5432))]);
    // Both ways, by their VPC.
    let vpc = world.vpc.clone();
    let found = findings(&mut world, between(&vpc, &vpc));
    assert_eq!(found, [(way.clone(), (5432, 5432)), (way, (5432, 5432))]);
    // But for one port that is closed.
    let mut request = between(&first, &second);
    let mut only = statement(&[], &[&first]);
    only.packet_header_statement = Some(api::PacketHeaderStatementRequest {
        destination_ports: Some(vec!["80-90".to_owned()]),
        ..api::PacketHeaderStatementRequest::default()
    });
    request.match_paths.as_mut().unwrap()[0].source = Some(only);
    assert_eq!(findings(&mut world, request), []);
    // Out by a gateway: to all that a default route leads to.
    world.internet();
    world.publish(0);
    let mut request = input!(CreateNetworkInsightsAccessScopeRequest {});
    let gateways = statement(&["AWS::EC2::InternetGateway"], &[]);
    request.match_paths = Some(vec![condition(statement(&[], &[&first]), gateways)]);
    let found = findings(&mut world, request);
    assert_eq!(found.len(), 2, "over TCP and UDP: {found:?}");
    assert!(found.iter().all(|(way, _)| *way == ["eni", "sg", "acl", "rtb", "igw"]), "{found:?}");
}

/// A scope for what comes in from the internet to interfaces.
fn from_internet() -> api::CreateNetworkInsightsAccessScopeRequest {
    let mut request = input!(CreateNetworkInsightsAccessScopeRequest {});
    let gateways = statement(&["AWS::EC2::InternetGateway"], &[]);
    request.match_paths = Some(vec![condition(gateways, statement(&["AWS::EC2::NetworkInterface"], &[]))]);
    request
}

#[test]
fn a_way_is_one_finding_whatever_cuts_its_headers_and_strangers_have_no_part_in_it() {
    let mut world = World::new();
    world.internet();
    world.publish(0);
    world.open(from_block(permission("tcp", Some(443)), "0.0.0.0/0"));
    let way = || ["igw", "acl", "sg", "eni"].map(str::to_owned).to_vec();
    assert_eq!(findings(&mut world, from_internet()), [(way(), (443, 443))]);
    // Another account is open as well, and has rules for parts of the internet.
    let cloud = std::mem::replace(&mut world.cloud, Cloud::new());
    let mut cloud = cloud;
    cloud.account = OTHER;
    let mut other = World::in_block(cloud, "10.0");
    other.internet();
    other.publish(0);
    for block in ["198.51.100.0/24", "203.0.113.0/25", "8.8.8.0/24"] {
        other.open(from_block(permission("tcp", Some(22)), block));
    }
    other.open(from_block(permission("tcp", Some(443)), "0.0.0.0/0"));
    assert_eq!(findings(&mut other, from_internet()).len(), 4);
    other.cloud.account = OWNER;
    assert_eq!(findings(&mut other, from_internet()), [(way(), (443, 443))]);
}

#[test]
fn what_group_rules_alone_let_out_and_what_lands_in_a_prefix_is_found() {
    let (mut world, other) = two_vpcs();
    let table = open_other(&mut world, &other);
    let (vpc, peer) = (world.vpc.clone(), other.vpc.clone());
    let request =
        input!(CreateVpcPeeringConnectionRequest { vpc_id: vpc.as_str(), peer_vpc_id: peer.as_str() });
    let peering = world.cloud.ok::<op::CreateVpcPeeringConnection>(request).vpc_peering_connection.unwrap();
    let peering = peering.vpc_peering_connection_id.unwrap();
    world.cloud.settle();
    let request = input!(AcceptVpcPeeringConnectionRequest { vpc_peering_connection_id: peering.as_str() });
    world.cloud.ok::<op::AcceptVpcPeeringConnection>(request);
    world.cloud.settle();
    world.route("10.1.0.0/16", |route| route.vpc_peering_connection_id = Some(peering.clone()));
    world.route_in(&table, "10.0.0.0/16", |route| route.vpc_peering_connection_id = Some(peering.clone()));
    // The sender may send to a group of the other VPC, and to nobody else.
    let asked =
        input!(DescribeNetworkInterfacesRequest { network_interface_ids: [other.interface.as_str()] });
    let found = world.cloud.ok::<op::DescribeNetworkInterfaces>(asked).network_interfaces.unwrap().remove(0);
    let group = found.groups.unwrap().remove(0).group_id.unwrap();
    let mut request = input!(AuthorizeSecurityGroupEgressRequest { group_id: world.group.as_str() });
    request.ip_permissions = Some(vec![from_group(permission("tcp", Some(5432)), &group)]);
    world.cloud.ok::<op::AuthorizeSecurityGroupEgress>(request);
    let mut request = input!(RevokeSecurityGroupEgressRequest { group_id: world.group.as_str() });
    request.ip_permissions = Some(vec![from_block(permission("-1", None), "0.0.0.0/0")]);
    world.cloud.ok::<op::RevokeSecurityGroupEgress>(request);
    let said = world.to(&peering);
    assert!(said.found, "{:?}", said.codes());
    let first = world.interfaces[0].clone();
    let between = |source: &str, destination: &str| {
        let mut request = input!(CreateNetworkInsightsAccessScopeRequest {});
        request.match_paths =
            Some(vec![condition(statement(&[], &[source]), statement(&[], &[destination]))]);
        request
    };
    let way = ["eni", "sg", "acl", "rtb", "pcx"].map(str::to_owned).to_vec();
    assert_eq!(findings(&mut world, between(&first, &peering)), [(way, (5432, 5432))]);

    let mut world = World::new();
    let mut request =
        input!(AssignPrivateIpAddressesRequest { network_interface_id: world.interfaces[1].as_str() });
    request.ipv4_prefix_count = Some(1);
    world.cloud.ok::<op::AssignPrivateIpAddresses>(request);
    let [first, second] = world.interfaces.clone();
    let asked = input!(DescribeNetworkInterfacesRequest { network_interface_ids: [second.as_str()] });
    let found = world.cloud.ok::<op::DescribeNetworkInterfaces>(asked).network_interfaces.unwrap().remove(0);
    let prefix = found.ipv4_prefixes.unwrap().remove(0).ipv4_prefix.unwrap();
    let mut request = between(&first, &second);
    let mut only = statement(&[], &[&second]);
    only.packet_header_statement = Some(api::PacketHeaderStatementRequest {
        destination_addresses: Some(vec![prefix]),
        protocols: Some(vec!["tcp".to_owned()]),
        ..api::PacketHeaderStatementRequest::default()
    });
    request.match_paths.as_mut().unwrap()[0].destination = Some(only);
    let way = ["eni", "sg", "acl", "rtb", "acl", "sg", "eni"].map(str::to_owned).to_vec();
    assert_eq!(findings(&mut world, request), [(way, (0, 65_535))]);
}
