use crate::cloud::{Cloud, input, op};

#[test]
fn five_vpcs_with_the_default_one() {
    let cloud = Cloud::new();
    (0..4).for_each(|_| drop(cloud.vpc("10.0.0.0/16")));
    let message = "The maximum number of VPCs has been reached.";
    cloud.refuses::<op::CreateVpc>(
        input!(CreateVpcRequest { cidr_block: "10.0.0.0/16" }),
        "VpcLimitExceeded",
        message,
    );
}

#[test]
fn two_hundred_subnets() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    (0..200).for_each(|number| drop(cloud.subnet(&vpc, &format!("10.0.{number}.0/24"))));
    let input = input!(CreateSubnetRequest { vpc_id: &vpc, cidr_block: "10.0.200.0/24" });
    cloud.refuses::<op::CreateSubnet>(
        input,
        "SubnetLimitExceeded",
        "The maximum number of subnets has been reached.",
    );
}

#[test]
fn quotas_can_be_off() {
    let cloud = Cloud::without_quotas();
    (0..8).for_each(|_| drop(cloud.vpc("10.0.0.0/16")));
}
