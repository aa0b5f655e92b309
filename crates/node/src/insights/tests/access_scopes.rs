//! What network access scopes find.

use aws_api::ec2::{self as api, operation as op};

use super::world::*;
use crate::insights::carry_out;
use crate::projection::tests::cloud::input;

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
    assert!(!found.is_empty());
    assert!(found.iter().all(|(way, _)| *way == ["eni", "sg", "acl", "rtb", "igw"]), "{found:?}");
}
