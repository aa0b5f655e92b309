//! What holds for every operation: ids, `DryRun`, and the table of operations.

use crate::cloud::{Cloud, Operation, api, input, op};
use service_api::Service;
use svc_ec2::Ec2;

#[test]
fn every_operation_with_a_typed_view_is_built() {
    let cloud = Cloud::new();
    let listed = include_str!("../../../models/implemented.toml");
    let listed = listed.split("[ec2]").nth(1).unwrap().split(']').next().unwrap();
    let listed: Vec<&str> = listed.split('"').skip(1).step_by(2).collect();
    assert!(listed.len() > 70);
    for operation in &listed {
        assert!(cloud.ec2.implements(operation), "{operation}");
    }
    let built: Vec<&str> = Ec2::operation_names().collect();
    assert_eq!(built, listed);
    assert!(!cloud.ec2.implements("CreateFleet"));
    assert_eq!(cloud.ec2.model(), <op::CreateVpc as Operation>::SERVICE);
}

#[test]
fn ids_that_name_nothing() {
    let cloud = Cloud::new();
    macro_rules! check {
        ($operation:ident, $request:ident, $member:ident, $prefix:literal, $not_found:literal, $malformed:literal, $noun:literal) => {{
            let unknown = concat!($prefix, "-0123456789abcdef0");
            let message = format!($noun, unknown);
            cloud.refuses::<op::$operation>(input!($request { $member: [unknown] }), $not_found, &message);
            for malformed in [
                "",
                "nonsense",
                concat!($prefix, "-"),
                concat!($prefix, "-0123456789ABCDEF0"),
                concat!("x", $prefix, "-0123456789abcdef0"),
            ] {
                let message = format!("Invalid id: \"{malformed}\" (expecting \"{}-...\")", $prefix);
                cloud.refuses::<op::$operation>(
                    input!($request { $member: [malformed] }),
                    $malformed,
                    &message,
                );
            }
        }};
    }
    check!(
        DescribeVpcs,
        DescribeVpcsRequest,
        vpc_ids,
        "vpc",
        "InvalidVpcID.NotFound",
        "InvalidVpcID.Malformed",
        "The vpc ID '{}' does not exist"
    );
    check!(
        DescribeSubnets,
        DescribeSubnetsRequest,
        subnet_ids,
        "subnet",
        "InvalidSubnetID.NotFound",
        "InvalidSubnetID.Malformed",
        "The subnet ID '{}' does not exist"
    );
    check!(
        DescribeRouteTables,
        DescribeRouteTablesRequest,
        route_table_ids,
        "rtb",
        "InvalidRouteTableID.NotFound",
        "InvalidRouteTableId.Malformed",
        "The routeTable ID '{}' does not exist"
    );
    check!(
        DescribeSecurityGroups,
        DescribeSecurityGroupsRequest,
        group_ids,
        "sg",
        "InvalidGroup.NotFound",
        "InvalidGroupId.Malformed",
        "The security group '{}' does not exist"
    );
    check!(
        DescribeNetworkAcls,
        DescribeNetworkAclsRequest,
        network_acl_ids,
        "acl",
        "InvalidNetworkAclID.NotFound",
        "InvalidNetworkAclId.Malformed",
        "The networkAcl ID '{}' does not exist"
    );
    check!(
        DescribeNetworkInterfaces,
        DescribeNetworkInterfacesRequest,
        network_interface_ids,
        "eni",
        "InvalidNetworkInterfaceID.NotFound",
        "InvalidNetworkInterfaceId.Malformed",
        "The networkInterface ID '{}' does not exist"
    );
    check!(
        DescribeInstances,
        DescribeInstancesRequest,
        instance_ids,
        "i",
        "InvalidInstanceID.NotFound",
        "InvalidInstanceID.Malformed",
        "The instance ID '{}' does not exist"
    );
    check!(
        DescribeImages,
        DescribeImagesRequest,
        image_ids,
        "ami",
        "InvalidAMIID.NotFound",
        "InvalidAMIID.Malformed",
        "The image id '[{}]' does not exist"
    );
    check!(
        DescribeInternetGateways,
        DescribeInternetGatewaysRequest,
        internet_gateway_ids,
        "igw",
        "InvalidInternetGatewayID.NotFound",
        "InvalidInternetGatewayId.Malformed",
        "The internetGateway ID '{}' does not exist"
    );
    check!(
        DescribeVpcPeeringConnections,
        DescribeVpcPeeringConnectionsRequest,
        vpc_peering_connection_ids,
        "pcx",
        "InvalidVpcPeeringConnectionID.NotFound",
        "InvalidVpcPeeringConnectionId.Malformed",
        "The vpcPeeringConnection ID '{}' does not exist"
    );
    check!(
        DescribeAddresses,
        DescribeAddressesRequest,
        allocation_ids,
        "eipalloc",
        "InvalidAllocationID.NotFound",
        "InvalidAllocationID.Malformed",
        "The allocation ID '{}' does not exist"
    );
    check!(
        DescribeCustomerGateways,
        DescribeCustomerGatewaysRequest,
        customer_gateway_ids,
        "cgw",
        "InvalidCustomerGatewayID.NotFound",
        "InvalidCustomerGatewayId.Malformed",
        "The customerGateway ID '{}' does not exist"
    );
    check!(
        DescribeVpnGateways,
        DescribeVpnGatewaysRequest,
        vpn_gateway_ids,
        "vgw",
        "InvalidVpnGatewayID.NotFound",
        "InvalidVpnGatewayId.Malformed",
        "The vpnGateway ID '{}' does not exist"
    );
    check!(
        DescribeVpnConnections,
        DescribeVpnConnectionsRequest,
        vpn_connection_ids,
        "vpn",
        "InvalidVpnConnectionID.NotFound",
        "InvalidVpnConnectionId.Malformed",
        "The vpnConnection ID '{}' does not exist"
    );
    check!(
        DescribeFlowLogs,
        DescribeFlowLogsRequest,
        flow_log_ids,
        "fl",
        "InvalidFlowLogId.NotFound",
        "InvalidFlowLogId.Malformed",
        "These flow log ids in the input list are not found: [TotalCount: 1] {}"
    );
    check!(
        DescribeVpcEndpoints,
        DescribeVpcEndpointsRequest,
        vpc_endpoint_ids,
        "vpce",
        "InvalidVpcEndpointId.NotFound",
        "InvalidVpcEndpointId.Malformed",
        "The Vpc Endpoint Id '{}' does not exist"
    );
    check!(
        DescribeVpcEndpointServiceConfigurations,
        DescribeVpcEndpointServiceConfigurationsRequest,
        service_ids,
        "vpce-svc",
        "InvalidVpcEndpointServiceId.NotFound",
        "InvalidVpcEndpointServiceId.Malformed",
        "The VpcEndpointService Id '{}' does not exist"
    );
}

#[test]
fn a_dry_run_changes_nothing_and_finds_errors() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    const CODE: &str = "DryRunOperation";
    const MESSAGE: &str = "Request would have succeeded, but DryRun flag is set.";
    cloud.refuses::<op::CreateVpc>(
        input!(CreateVpcRequest { cidr_block: "10.1.0.0/16", dry_run: true }),
        CODE,
        MESSAGE,
    );
    cloud.refuses::<op::DeleteSubnet>(
        input!(DeleteSubnetRequest { subnet_id: &subnet, dry_run: true }),
        CODE,
        MESSAGE,
    );
    cloud.refuses::<op::DescribeVpcs>(input!(DescribeVpcsRequest { dry_run: true }), CODE, MESSAGE);
    let launch = || api::RunInstancesRequest {
        dry_run: Some(true),
        subnet_id: Some(subnet.clone()),
        ..cloud.launch()
    };
    cloud.refuses::<op::RunInstances>(launch(), CODE, MESSAGE);
    let error = cloud.call::<op::RunInstances>(launch()).unwrap_err();
    assert_eq!(error.status, Some(412));
    let bad = input!(CreateVpcRequest { cidr_block: "10.1.0.0/8", dry_run: true });
    cloud.refuses::<op::CreateVpc>(bad, "InvalidVpc.Range", "The CIDR '10.0.0.0/8' is invalid.");
}

#[test]
fn regions_and_accounts_do_not_see_each_other() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let cloud = cloud.in_region("eu-west-1");
    let message = format!("The vpc ID '{vpc}' does not exist");
    cloud.refuses::<op::DeleteVpc>(
        input!(DeleteVpcRequest { vpc_id: &vpc }),
        "InvalidVpcID.NotFound",
        &message,
    );
}

#[test]
fn a_restart_finds_everything() {
    let backend = store::MemoryBackend::new();
    let cloud = Cloud::on(store::Store::open(backend.clone()).unwrap(), svc_ec2::Config::default());
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    cloud.run(api::RunInstancesRequest {
        subnet_id: Some(subnet),
        user_data: Some("aGVsbG8=".to_owned()),
        client_token: Some("t".to_owned()),
        ..cloud.launch()
    });
    cloud.ok::<op::CreateKeyPair>(input!(CreateKeyPairRequest { key_name: "k", key_type: "ed25519" }));
    let all = |cloud: &Cloud| {
        (
            cloud.ok::<op::DescribeInstances>(input!(DescribeInstancesRequest {})),
            cloud.ok::<op::DescribeNetworkInterfaces>(input!(DescribeNetworkInterfacesRequest {})),
            cloud.ok::<op::DescribeSecurityGroups>(input!(DescribeSecurityGroupsRequest {})),
            cloud.ok::<op::DescribeNetworkAcls>(input!(DescribeNetworkAclsRequest {})),
            cloud.ok::<op::DescribeRouteTables>(input!(DescribeRouteTablesRequest {})),
            cloud.ok::<op::DescribeKeyPairs>(input!(DescribeKeyPairsRequest {})),
        )
    };
    let before = all(&cloud);
    drop(cloud);
    let store = store::Store::open(backend).unwrap();
    Ec2::check_records(&store).unwrap();
    assert_eq!(all(&Cloud::on(store, svc_ec2::Config::default())), before);
}
