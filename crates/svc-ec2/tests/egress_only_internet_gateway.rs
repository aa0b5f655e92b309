use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

fn request(vpc: &str) -> api::CreateEgressOnlyInternetGatewayRequest {
    input!(CreateEgressOnlyInternetGatewayRequest { vpc_id: vpc })
}

fn create(cloud: &Cloud, input: api::CreateEgressOnlyInternetGatewayRequest) -> String {
    let made = cloud.ok::<op::CreateEgressOnlyInternetGateway>(input).egress_only_internet_gateway.unwrap();
    made.egress_only_internet_gateway_id.unwrap()
}

fn delete(gateway: &str) -> api::DeleteEgressOnlyInternetGatewayRequest {
    input!(DeleteEgressOnlyInternetGatewayRequest { egress_only_internet_gateway_id: gateway })
}

fn described(
    cloud: &Cloud,
    input: api::DescribeEgressOnlyInternetGatewaysRequest,
) -> Vec<api::EgressOnlyInternetGateway> {
    cloud.ok::<op::DescribeEgressOnlyInternetGateways>(input).egress_only_internet_gateways.unwrap()
}

#[test]
fn a_gateway_lives() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let specified = tagged("egress-only-internet-gateway", &[("Name", "out")]);
    let gateway = api::CreateEgressOnlyInternetGatewayRequest {
        tag_specifications: Some(specified),
        client_token: Some("one".to_owned()),
        ..request(&vpc)
    };
    let id = create(&cloud, gateway.clone());
    assert_eq!(create(&cloud, gateway), id, "the same token makes it once");
    let other_vpc = cloud.vpc("10.1.0.0/16");
    let other = create(&cloud, request(&other_vpc));

    let by_id = input!(DescribeEgressOnlyInternetGatewaysRequest { egress_only_internet_gateway_ids: [&id] });
    let found = described(&cloud, by_id.clone());
    let attachment = &found[0].attachments.as_ref().unwrap()[0];
    assert_eq!((attachment.state.as_deref(), attachment.vpc_id.as_ref()), (Some("attached"), Some(&vpc)));
    assert_eq!(found[0].tags, Some(tags(&[("Name", "out")])));
    for (name, value) in [("tag:Name", "out"), ("tag-key", "Name")] {
        let filters = filters(&[(name, &[value])]);
        let found = described(&cloud, input!(DescribeEgressOnlyInternetGatewaysRequest { filters }));
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].egress_only_internet_gateway_id.as_ref(), Some(&id));
    }

    let message = format!("The vpc '{vpc}' has dependencies and cannot be deleted.");
    let delete_vpc = input!(DeleteVpcRequest { vpc_id: &vpc });
    cloud.refuses::<op::DeleteVpc>(delete_vpc.clone(), "DependencyViolation", &message);
    for gateway in [&id, &other] {
        let answer = cloud.ok::<op::DeleteEgressOnlyInternetGateway>(delete(gateway));
        assert_eq!(answer.return_code, Some(true));
    }
    let message = format!("The egressOnlyInternetGateway ID '{id}' does not exist");
    cloud.refuses::<op::DeleteEgressOnlyInternetGateway>(delete(&id), "InvalidGatewayID.NotFound", &message);
    cloud.refuses::<op::DescribeEgressOnlyInternetGateways>(by_id, "InvalidGatewayID.NotFound", &message);
    cloud.ok::<op::DeleteVpc>(delete_vpc);
}

#[test]
fn it_is_a_target_for_ipv6_and_leaves_a_blackhole() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let gateway = create(&cloud, request(&vpc));
    let table = cloud.ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: &vpc }));
    let table = table.route_table.unwrap().route_table_id.unwrap();
    let route = input!(CreateRouteRequest {
        route_table_id: &table,
        destination_ipv6_cidr_block: "::/0",
        egress_only_internet_gateway_id: &gateway
    });
    cloud.ok::<op::CreateRoute>(route.clone());
    let four = api::CreateRouteRequest {
        destination_ipv6_cidr_block: None,
        destination_cidr_block: Some("0.0.0.0/0".to_owned()),
        ..route.clone()
    };
    let message = "The destination CIDR block 0.0.0.0/0 cannot be routed to an egress-only internet gateway…";
    cloud.refuses::<op::CreateRoute>(four, "InvalidParameterValue", message);
    let other = cloud.vpc("10.1.0.0/16");
    let elsewhere = create(&cloud, request(&other));
    let message = format!("route table {table} and network gateway {elsewhere} belong to different networks");
    let foreign = api::CreateRouteRequest { egress_only_internet_gateway_id: Some(elsewhere), ..route };
    cloud.refuses::<op::CreateRoute>(foreign, "InvalidParameterValue", &message);

    let state = |state: &str| {
        let filters =
            filters(&[("route.egress-only-internet-gateway-id", &[&gateway]), ("route.state", &[state])]);
        let input = input!(DescribeRouteTablesRequest { filters });
        cloud.ok::<op::DescribeRouteTables>(input).route_tables.unwrap().len()
    };
    assert_eq!((state("active"), state("blackhole")), (1, 0));
    cloud.ok::<op::DeleteEgressOnlyInternetGateway>(delete(&gateway));
    assert_eq!(state("blackhole"), 1);
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let dry = api::CreateEgressOnlyInternetGatewayRequest { dry_run: Some(true), ..request(&vpc) };
    let message = "Request would have succeeded, but DryRun flag is set.";
    cloud.refuses::<op::CreateEgressOnlyInternetGateway>(dry, "DryRunOperation", message);
    let message = "The vpc ID 'vpc-0123456789abcdef0' does not exist";
    let unknown = request("vpc-0123456789abcdef0");
    cloud.refuses::<op::CreateEgressOnlyInternetGateway>(unknown, "InvalidVpcID.NotFound", message);
    let message = "Invalid id: \"igw-1\" (expecting \"eigw-...\")";
    cloud.refuses::<op::DeleteEgressOnlyInternetGateway>(
        delete("igw-1"),
        "InvalidEgressOnlyInternetGatewayId.Malformed",
        message,
    );
    let gateway = create(&cloud, request(&vpc));
    // A VPC has one, and a region five: as many as it has VPCs.
    let message = "The maximum number of egress-only internet gateways has been reached.";
    cloud.refuses::<op::CreateEgressOnlyInternetGateway>(
        request(&vpc),
        "EgressOnlyInternetGatewayLimitExceeded",
        message,
    );
    let dry = api::DeleteEgressOnlyInternetGatewayRequest { dry_run: Some(true), ..delete(&gateway) };
    let message = "Request would have succeeded, but DryRun flag is set.";
    cloud.refuses::<op::DeleteEgressOnlyInternetGateway>(dry, "DryRunOperation", message);
}
