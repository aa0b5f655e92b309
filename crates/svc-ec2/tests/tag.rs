use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

fn described(cloud: &Cloud, all: &[(&str, &[&str])]) -> Vec<(String, String)> {
    let found =
        cloud.ok::<op::DescribeTags>(input!(DescribeTagsRequest { filters: filters(all) })).tags.unwrap();
    found.into_iter().map(|tag| (tag.key.unwrap(), tag.value.unwrap())).collect()
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn tags_are_set_overwritten_and_removed() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let create =
        |all: &[(&str, &str)]| input!(CreateTagsRequest { resources: [&vpc, &subnet], tags: tags(all) });
    cloud.ok::<op::CreateTags>(create(&[("Name", "one"), ("env", "test")]));
    cloud.ok::<op::CreateTags>(create(&[("Name", "two")]));
    assert_eq!(described(&cloud, &[("resource-id", &[&vpc])]), [pair("Name", "two"), pair("env", "test")]);
    assert_eq!(described(&cloud, &[("resource-type", &["subnet"])]).len(), 2);
    assert_eq!(described(&cloud, &[("tag:Name", &["t*"])]).len(), 2);

    let delete = |tag: api::Tag| input!(DeleteTagsRequest { resources: [&vpc], tags: vec![tag] });
    // A value that does not match removes nothing.
    cloud.ok::<op::DeleteTags>(delete(api::Tag {
        key: Some("Name".to_owned()),
        value: Some("one".to_owned()),
    }));
    assert_eq!(described(&cloud, &[("resource-id", &[&vpc])]).len(), 2);
    cloud.ok::<op::DeleteTags>(delete(api::Tag { key: Some("Name".to_owned()), value: None }));
    assert_eq!(described(&cloud, &[("resource-id", &[&vpc])]), [pair("env", "test")]);
    cloud.ok::<op::DeleteTags>(input!(DeleteTagsRequest { resources: [&vpc, &subnet] }));
    assert_eq!(described(&cloud, &[]), []);
}

#[test]
fn every_kind_of_resource_carries_tags() {
    let cloud = Cloud::new();
    let vpc = cloud.default_vpc();
    let subnet = cloud.ok::<op::DescribeSubnets>(input!(DescribeSubnetsRequest {})).subnets.unwrap()[0]
        .subnet_id
        .clone()
        .unwrap();
    let first = |filters| {
        cloud
            .ok::<op::DescribeRouteTables>(input!(DescribeRouteTablesRequest { filters: filters }))
            .route_tables
            .unwrap()
    };
    let group = cloud.default_group(&vpc);
    let rules = cloud.ok::<op::DescribeSecurityGroupRules>(input!(DescribeSecurityGroupRulesRequest {}));
    let gateways = cloud.ok::<op::DescribeInternetGateways>(input!(DescribeInternetGatewaysRequest {}));
    let options = cloud.ok::<op::DescribeDhcpOptions>(input!(DescribeDhcpOptionsRequest {}));
    let acls = cloud.ok::<op::DescribeNetworkAcls>(input!(DescribeNetworkAclsRequest {}));
    let key =
        cloud.ok::<op::CreateKeyPair>(input!(CreateKeyPairRequest { key_name: "k", key_type: "ed25519" }));
    let address = cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {}));
    let peering =
        input!(CreateVpcPeeringConnectionRequest { vpc_id: &vpc, peer_vpc_id: cloud.vpc("10.9.0.0/16") });
    let peering = cloud.ok::<op::CreateVpcPeeringConnection>(peering).vpc_peering_connection.unwrap();
    let vpn_gateway = cloud.ok::<op::CreateVpnGateway>(input!(CreateVpnGatewayRequest { r#type: "ipsec.1" }));
    let vpn_gateway = vpn_gateway.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    let customer_gateway = cloud.ok::<op::CreateCustomerGateway>(input!(CreateCustomerGatewayRequest {
        r#type: "ipsec.1",
        ip_address: "203.0.113.1"
    }));
    let customer_gateway = customer_gateway.customer_gateway.unwrap().customer_gateway_id.unwrap();
    let vpn_connection = cloud.ok::<op::CreateVpnConnection>(input!(CreateVpnConnectionRequest {
        r#type: "ipsec.1",
        customer_gateway_id: &customer_gateway,
        vpn_gateway_id: &vpn_gateway
    }));
    let flow_log = cloud.ok::<op::CreateFlowLogs>(input!(CreateFlowLogsRequest {
        resource_type: "VPC",
        resource_ids: [&vpc],
        traffic_type: "ALL",
        log_destination_type: "s3",
        log_destination: "arn:aws:s3:::bucket"
    }));
    let endpoint =
        input!(CreateVpcEndpointRequest { vpc_id: &vpc, service_name: "com.amazonaws.us-east-1.s3" });
    let endpoint = cloud.ok::<op::CreateVpcEndpoint>(endpoint).vpc_endpoint.unwrap();
    let balancer = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/n/0123456789abcdef";
    let service =
        input!(CreateVpcEndpointServiceConfigurationRequest { network_load_balancer_arns: [balancer] });
    let service =
        cloud.ok::<op::CreateVpcEndpointServiceConfiguration>(service).service_configuration.unwrap();
    let nat = input!(CreateNatGatewayRequest { subnet_id: &subnet, connectivity_type: "private" });
    let nat = cloud.ok::<op::CreateNatGateway>(nat).nat_gateway.unwrap();
    crate::byoip::provision(&cloud, "203.0.113.0/24");
    crate::byoip::provision(&cloud, "2001:db8::/48");
    cloud.wait(200);
    let ipv4_pools = cloud.ok::<op::DescribePublicIpv4Pools>(input!(DescribePublicIpv4PoolsRequest {}));
    let ipv6_pools = cloud.ok::<op::DescribeIpv6Pools>(input!(DescribeIpv6PoolsRequest {}));
    let volume = input!(CreateVolumeRequest { availability_zone: "us-east-1a", size: 1 });
    let volume = cloud.ok::<op::CreateVolume>(volume).volume_id.unwrap();
    cloud.wait(100);
    let snapshot = cloud.ok::<op::CreateSnapshot>(input!(CreateSnapshotRequest { volume_id: &volume }));
    let group_of_places = input!(CreatePlacementGroupRequest { group_name: "g", strategy: "spread" });
    let group_of_places =
        cloud.ok::<op::CreatePlacementGroup>(group_of_places).placement_group.unwrap().group_id.unwrap();
    let path = cloud.ok::<op::CreateNetworkInsightsPath>(input!(CreateNetworkInsightsPathRequest {
        source: &vpn_gateway,
        destination_ip: "192.0.2.1",
        protocol: "tcp"
    }));
    let path = path.network_insights_path.unwrap().network_insights_path_id.unwrap();
    let path_analysis =
        cloud.ok::<op::StartNetworkInsightsAnalysis>(input!(StartNetworkInsightsAnalysisRequest {
            network_insights_path_id: &path
        }));
    let path_analysis = path_analysis.network_insights_analysis.unwrap();
    let scope = crate::network_insights_access_scope::scope(&cloud);
    let scope_analysis = crate::network_insights_access_scope::start(&cloud, &scope);
    let resources = vec![
        ("network-insights-path", path),
        ("network-insights-analysis", path_analysis.network_insights_analysis_id.unwrap()),
        ("network-insights-access-scope", scope),
        ("network-insights-access-scope-analysis", scope_analysis),
        ("ipv4pool-ec2", ipv4_pools.public_ipv4_pools.unwrap()[0].pool_id.clone().unwrap()),
        ("ipv6pool-ec2", ipv6_pools.ipv6_pools.unwrap()[0].pool_id.clone().unwrap()),
        ("volume", volume),
        ("snapshot", snapshot.snapshot_id.unwrap()),
        ("placement-group", group_of_places),
        ("vpc-peering-connection", peering.vpc_peering_connection_id.unwrap()),
        ("vpn-connection", vpn_connection.vpn_connection.unwrap().vpn_connection_id.unwrap()),
        ("vpn-gateway", vpn_gateway),
        ("customer-gateway", customer_gateway),
        ("vpc-flow-log", flow_log.flow_log_ids.unwrap().remove(0)),
        ("vpc-endpoint", endpoint.vpc_endpoint_id.unwrap()),
        ("vpc-endpoint-service", service.service_id.unwrap()),
        ("natgateway", nat.nat_gateway_id.unwrap()),
        ("instance", cloud.started(&subnet)),
        ("network-interface", cloud.interface(&subnet)),
        ("subnet", subnet),
        ("route-table", first(Vec::new())[0].route_table_id.clone().unwrap()),
        ("security-group", group),
        (
            "security-group-rule",
            rules.security_group_rules.unwrap()[0].security_group_rule_id.clone().unwrap(),
        ),
        ("internet-gateway", gateways.internet_gateways.unwrap()[0].internet_gateway_id.clone().unwrap()),
        ("dhcp-options", options.dhcp_options.unwrap()[0].dhcp_options_id.clone().unwrap()),
        ("network-acl", acls.network_acls.unwrap()[0].network_acl_id.clone().unwrap()),
        ("key-pair", key.key_pair_id.unwrap()),
        ("elastic-ip", address.allocation_id.unwrap()),
        ("vpc", vpc),
    ];
    let ids: Vec<String> = resources.iter().map(|(_, id)| id.clone()).collect();
    cloud.ok::<op::CreateTags>(api::CreateTagsRequest {
        resources: ids,
        tags: tags(&[("a", "b")]),
        dry_run: None,
    });
    for (kind, id) in resources {
        let found = cloud.ok::<op::DescribeTags>(input!(DescribeTagsRequest {
            filters: filters(&[("resource-id", &[&id])])
        }));
        let found = found.tags.unwrap();
        assert_eq!(found.len(), 1, "{kind}");
        assert_eq!(found[0].resource_type.as_deref(), Some(kind));
    }
}

#[test]
fn tags_that_cannot_be() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let check = |id: &str, all: &[(&str, &str)], code: &str, message: &str| {
        let input = input!(CreateTagsRequest { resources: [&vpc, id], tags: tags(all) });
        cloud.refuses::<op::CreateTags>(input, code, message);
    };
    const VALUE: &str = "InvalidParameterValue";
    let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
    check(&vpc, &[("aws:x", "y")], VALUE, "Tag keys starting with 'aws:' are reserved for internal use");
    check(&vpc, &[(&long_key, "y")], VALUE, "Tag key exceeds the maximum length of 128 characters");
    check(&vpc, &[("a\u{1}", "y")], VALUE, "Tag keys and values cannot contain the character U+0001");
    check(&vpc, &[("x", "a\u{fffe}")], VALUE, "Tag keys and values cannot contain the character U+FFFE");
    check(&vpc, &[("x", &long_value)], VALUE, "Tag value exceeds the maximum length of 256 characters");
    check(&vpc, &[("", "y")], VALUE, "…");
    check(&vpc, &[("x", "y"), ("x", "z")], VALUE, "Duplicate tag key 'x' specified.");
    check("nonsense", &[("x", "y")], "InvalidID", "The ID 'nonsense' is not valid");
    check(
        "vpc-0123456789abcdef0",
        &[("x", "y")],
        "InvalidVpcID.NotFound",
        "The vpc ID 'vpc-0123456789abcdef0' does not exist",
    );
    check("sgr-0123456789abcdef0", &[("x", "y")], "InvalidSecurityGroupRuleId.NotFound", "…");
    let keys: Vec<String> = (0..51).map(|number| format!("k{number}")).collect();
    let many: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "")).collect();
    check(&vpc, &many, "TagLimitExceeded", "The maximum number of Tags for a resource has been reached.");
    let other = input!(CreateVpcRequest {
        cidr_block: "10.1.0.0/16",
        tag_specifications: tagged("subnet", &[("a", "b")])
    });
    let message = "'subnet' is not a valid taggable resource type for this operation.";
    cloud.refuses::<op::CreateVpc>(other, VALUE, message);
}
