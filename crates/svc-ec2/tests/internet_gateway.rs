use crate::cloud::{Cloud, filters, input, op};

#[test]
fn the_default_vpc_has_one() {
    let cloud = Cloud::new();
    let vpc = cloud.default_vpc();
    let input =
        input!(DescribeInternetGatewaysRequest { filters: filters(&[("attachment.vpc-id", &[&vpc])]) });
    let gateways = cloud.ok::<op::DescribeInternetGateways>(input).internet_gateways.unwrap();
    assert_eq!(gateways.len(), 1);
    let attachment = &gateways[0].attachments.as_ref().unwrap()[0];
    assert_eq!((attachment.state.as_deref(), attachment.vpc_id.as_ref()), (Some("available"), Some(&vpc)));
    // It keeps the VPC from being deleted.
    let message = format!("The vpc '{vpc}' has dependencies and cannot be deleted.");
    cloud.refuses::<op::DeleteVpc>(
        input!(DeleteVpcRequest { vpc_id: &vpc }),
        "DependencyViolation",
        &message,
    );
    let unknown = input!(DescribeInternetGatewaysRequest { internet_gateway_ids: ["igw-0123456789abcdef0"] });
    let message = "The internetGateway ID 'igw-0123456789abcdef0' does not exist";
    cloud.refuses::<op::DescribeInternetGateways>(unknown, "InvalidInternetGatewayID.NotFound", message);
}
