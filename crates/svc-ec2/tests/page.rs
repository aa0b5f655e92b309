//! Pages of describe operations, and what their tokens are good for.

use std::collections::BTreeSet;

use crate::cloud::{Cloud, api, filters, input, op};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

fn group_ids(answer: &api::DescribeSecurityGroupsResult) -> Vec<String> {
    answer.security_groups.iter().flatten().map(|group| group.group_id.clone().unwrap()).collect()
}

/// A cloud with some groups in a VPC, a request for pages of five of them, and the first page.
fn first_page() -> (Cloud, String, api::DescribeSecurityGroupsRequest, api::DescribeSecurityGroupsResult) {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    for number in 0..11 {
        cloud.group(&vpc, &format!("group {number}"));
    }
    let request =
        input!(DescribeSecurityGroupsRequest { filters: filters(&[("vpc-id", &[&vpc])]), max_results: 5 });
    let page = cloud.ok::<op::DescribeSecurityGroups>(request.clone());
    (cloud, vpc, request, page)
}

fn after(
    request: &api::DescribeSecurityGroupsRequest,
    page: &api::DescribeSecurityGroupsResult,
) -> api::DescribeSecurityGroupsRequest {
    api::DescribeSecurityGroupsRequest { next_token: page.next_token.clone(), ..request.clone() }
}

#[track_caller]
fn refused(cloud: &Cloud, request: api::DescribeSecurityGroupsRequest) {
    cloud.refuses::<op::DescribeSecurityGroups>(
        request,
        "InvalidNextToken",
        "The specified NextToken is not valid.",
    );
}

#[test]
fn pages_join_to_the_whole_whatever_comes_and_goes_between_them() {
    let (cloud, vpc, request, first) = first_page();
    let whole: BTreeSet<_> = {
        let all = api::DescribeSecurityGroupsRequest { max_results: None, ..request.clone() };
        group_ids(&cloud.ok::<op::DescribeSecurityGroups>(all)).into_iter().collect()
    };
    let (mut seen, mut page) = (group_ids(&first), first);
    assert_eq!((seen.len(), whole.len()), (5, 12));
    while page.next_token.is_some() {
        // One that was seen goes, also the one that the token names, and others come.
        let gone = seen.last().unwrap().clone();
        if !cloud.default_group(&vpc).eq(&gone) {
            cloud.ok::<op::DeleteSecurityGroup>(input!(DeleteSecurityGroupRequest { group_id: gone }));
        }
        cloud.group(&vpc, &format!("another {}", seen.len()));
        page = cloud.ok::<op::DescribeSecurityGroups>(after(&request, &page));
        seen.extend(group_ids(&page));
    }
    let set: BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!(set.len(), seen.len(), "none is seen twice: {seen:?}");
    assert!(set.is_superset(&whole), "none of the first is missed: {seen:?}");
}

#[test]
fn a_token_is_of_use_for_a_day() {
    let (cloud, _, request, first) = first_page();
    cloud.wait(DAY_MILLIS - 1);
    let second = cloud.ok::<op::DescribeSecurityGroups>(after(&request, &first));
    cloud.wait(1);
    refused(&cloud, after(&request, &first));
    // The second page's token is younger.
    assert_eq!(group_ids(&cloud.ok::<op::DescribeSecurityGroups>(after(&request, &second))).len(), 2);
}

#[test]
fn a_token_belongs_to_its_request() {
    let (cloud, vpc, request, first) = first_page();
    let next = after(&request, &first);
    // The size of the page may change, and nothing else.
    let wider = api::DescribeSecurityGroupsRequest { max_results: Some(1000), ..next.clone() };
    assert_eq!(group_ids(&cloud.ok::<op::DescribeSecurityGroups>(wider)).len(), 7);
    for changed in [
        None,
        Some(filters(&[("vpc-id", &[&vpc, "vpc-1"])])),
        Some(filters(&[("vpc-id", &[&vpc]), ("group-name", &["*"])])),
    ] {
        refused(&cloud, api::DescribeSecurityGroupsRequest { filters: changed, ..next.clone() });
    }
    let token = first.next_token.unwrap();
    let other = input!(DescribeVpcsRequest { next_token: token, max_results: 5 });
    cloud.refuses::<op::DescribeVpcs>(other, "InvalidNextToken", "…");
    // Nor does another account or region have any use for it.
    for (account, region) in [("210987654321", "us-east-1"), ("123456789012", "us-west-2")] {
        refused(&cloud.seen_by(account, region), next.clone());
    }
}

#[test]
fn an_altered_token_is_refused() {
    let (cloud, _, request, first) = first_page();
    let token = first.next_token.unwrap();
    let last = group_ids(&cloud.ok::<op::DescribeSecurityGroups>(request.clone())).pop().unwrap();
    let mut altered = vec![token[1..].to_owned(), format!("{token}A"), last.clone(), format!("after:{last}")];
    altered.extend(["x", "refused", "after:", "é", " ", "====", "\0"].map(str::to_owned));
    for place in 0..token.len() {
        let other = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
        altered.push(format!("{}{other}{}", &token[..place], &token[place + 1..]));
    }
    for token in altered {
        refused(&cloud, api::DescribeSecurityGroupsRequest { next_token: Some(token), ..request.clone() });
    }
}

#[test]
fn sizes_are_those_of_the_operation() {
    let cloud = Cloud::new();
    macro_rules! sizes {
        ($($operation:ident, $request:ident: $good:expr, $bad:expr;)*) => {$(
            for size in $good {
                cloud.ok::<op::$operation>(input!($request { max_results: size }));
            }
            for size in $bad {
                cloud.refuses::<op::$operation>(input!($request { max_results: size }), "InvalidParameterValue", "…");
            }
        )*};
    }
    sizes! {
        DescribeFlowLogs, DescribeFlowLogsRequest: [5, 1001], [4];
        DescribeNetworkInsightsAccessScopeAnalyses, DescribeNetworkInsightsAccessScopeAnalysesRequest: [1, 100], [0, 101];
        DescribeNetworkInsightsAccessScopes, DescribeNetworkInsightsAccessScopesRequest: [1, 100], [0, 101];
        DescribeNetworkInsightsAnalyses, DescribeNetworkInsightsAnalysesRequest: [1, 100], [0, 101];
        DescribeNetworkInsightsPaths, DescribeNetworkInsightsPathsRequest: [1, 100], [0, 101];
        DescribePrefixLists, DescribePrefixListsRequest: [1, 1001], [0];
        DescribeSnapshots, DescribeSnapshotsRequest: [5, 1001], [4];
        DescribeVolumeStatus, DescribeVolumeStatusRequest: [5, 1001], [4];
        DescribeVolumes, DescribeVolumesRequest: [5, 501], [4];
        DescribeVolumesModifications, DescribeVolumesModificationsRequest: [1, 501], [0];
        DescribeVpcEndpointAssociations, DescribeVpcEndpointAssociationsRequest: [1, 100], [0, 101];
        DescribeVpcEndpointConnectionNotifications, DescribeVpcEndpointConnectionNotificationsRequest: [1, 1001], [0];
        DescribeVpcEndpointConnections, DescribeVpcEndpointConnectionsRequest: [5, 5000], [4];
        DescribeVpcEndpointServiceConfigurations, DescribeVpcEndpointServiceConfigurationsRequest: [5, 5000], [4];
        DescribeVpcEndpointServices, DescribeVpcEndpointServicesRequest: [1, 5000], [0, -1];
        DescribeVpcEndpoints, DescribeVpcEndpointsRequest: [1, 5000], [0, -1];
        DescribeVpcs, DescribeVpcsRequest: [5, 1000], [4, 1001];
    }
    let services = input!(DescribeVpcEndpointServicesRequest { max_results: 1 });
    let page = cloud.ok::<op::DescribeVpcEndpointServices>(services);
    assert_eq!((page.service_details.unwrap().len(), page.next_token.is_some()), (1, true));
}

#[test]
fn an_id_that_does_not_exist_is_told_before_a_bad_token() {
    let cloud = Cloud::new();
    let request = input!(DescribeVpcsRequest { vpc_ids: ["vpc-0123456789abcdef0"], next_token: "x" });
    cloud.refuses::<op::DescribeVpcs>(request, "InvalidVpcID.NotFound", "…");
}
