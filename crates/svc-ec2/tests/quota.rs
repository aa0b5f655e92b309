use crate::cloud::{Cloud, api, input, op};

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

const VCPUS_EXCEEDED: &str =
    "You have requested more vCPU capacity than your current vCPU limit of 1152 allows for the …";

#[test]
fn instances_run_while_there_are_vcpus() {
    let cloud = Cloud::new();
    let launch = |kind: &str, count: i32| api::RunInstancesRequest {
        instance_type: Some(kind.to_owned()),
        min_count: count,
        max_count: count,
        ..cloud.launch()
    };
    assert_eq!(cloud.run(launch("t3.nano", 100)).len(), 100);
    let code = "VcpuLimitExceeded";
    cloud.refuses::<op::RunInstances>(launch("t3.nano", 477), code, VCPUS_EXCEEDED);
    let rehearsal = api::RunInstancesRequest { dry_run: Some(true), ..launch("t3.nano", 477) };
    cloud.refuses::<op::RunInstances>(rehearsal, code, VCPUS_EXCEEDED);
    assert_eq!(cloud.run(launch("t3.nano", 475)).len(), 475);
    let last = cloud.run(launch("t3.nano", 1)).remove(0).instance_id.unwrap();
    cloud.refuses::<op::RunInstances>(launch("t3.nano", 1), code, VCPUS_EXCEEDED);
    // One that is stopped makes room, and needs it again to start.
    cloud.ec2.instance_started(&cloud.scope(), last.parse().unwrap(), cloud.now()).unwrap();
    cloud.stop(&last);
    cloud.run(launch("t3.nano", 1));
    let start = || input!(StartInstancesRequest { instance_ids: [&last] });
    cloud.refuses::<op::StartInstances>(start(), code, VCPUS_EXCEEDED);
}

#[test]
fn as_many_run_as_there_are_vcpus_between_least_and_most() {
    let cloud = Cloud::new();
    let launch = |min_count: i32, max_count: i32| api::RunInstancesRequest {
        instance_type: Some("t3.nano".to_owned()),
        min_count,
        max_count,
        ..cloud.launch()
    };
    let refused = |launch| cloud.refuses::<op::RunInstances>(launch, "VcpuLimitExceeded", VCPUS_EXCEEDED);
    refused(launch(577, 600));
    assert_eq!(cloud.run(launch(1, 600)).len(), 576);
    refused(launch(1, 600));
    assert_eq!(Cloud::without_quotas().run(launch(1, 600)).len(), 600);
}

#[test]
fn one_launch_makes_so_many_instances_at_most() {
    let cloud = Cloud::without_quotas();
    let launch = |count: i32| api::RunInstancesRequest { max_count: count, ..cloud.launch() };
    for count in [1001, i32::MAX] {
        let message =
            format!("You have requested more instances ({count}) than your current instance limit of 1000 …");
        cloud.refuses::<op::RunInstances>(launch(count), "InstanceLimitExceeded", &message);
    }
    assert_eq!(cloud.run(launch(1000)).len(), 1000);
    assert_eq!(cloud.run(launch(200)).len(), 200);
}

fn raise(cloud: &Cloud, quota: &applied_quotas::Quota, value: u64) {
    let raised = cloud.store.transact(|transaction| {
        quota.apply(transaction, &cloud.scope(), value);
        Ok::<_, store::StoreError>(())
    });
    raised.unwrap();
}

#[test]
fn a_raised_quota_holds_where_it_was_raised() {
    let cloud = Cloud::new();
    raise(&cloud, &applied_quotas::VPCS_PER_REGION, 7);
    let create = || input!(CreateVpcRequest { cidr_block: "10.0.0.0/16" });
    let refused = |cloud: &Cloud| {
        let message = "The maximum number of VPCs has been reached.";
        cloud.refuses::<op::CreateVpc>(create(), "VpcLimitExceeded", message);
    };
    (0..6).for_each(|_| drop(cloud.vpc("10.0.0.0/16")));
    refused(&cloud);
    for (account, region) in [("123456789012", "us-west-2"), ("210987654321", "us-east-1")] {
        let elsewhere = cloud.seen_by(account, region);
        (0..4).for_each(|_| drop(elsewhere.vpc("10.0.0.0/16")));
        refused(&elsewhere);
    }
}

#[test]
fn raised_quotas_show_in_errors_and_attributes() {
    let cloud = Cloud::new();
    raise(&cloud, &applied_quotas::STANDARD_VCPUS, 1154);
    let launch = |count: i32| api::RunInstancesRequest {
        instance_type: Some("t3.nano".to_owned()),
        min_count: count,
        max_count: count,
        ..cloud.launch()
    };
    let message =
        "You have requested more vCPU capacity than your current vCPU limit of 1154 allows for the …";
    cloud.refuses::<op::RunInstances>(launch(578), "VcpuLimitExceeded", message);
    assert_eq!(cloud.run(launch(577)).len(), 577);

    raise(&cloud, &applied_quotas::ELASTIC_IPS_PER_REGION, 9);
    raise(&cloud, &applied_quotas::SECURITY_GROUPS_PER_INTERFACE, 16);
    let all = cloud.ok::<op::DescribeAccountAttributes>(input!(DescribeAccountAttributesRequest {}));
    let value = |name: &str| {
        let named = |one: &&api::AccountAttribute| one.attribute_name.as_deref() == Some(name);
        let attribute = all.account_attributes.iter().flatten().find(named).unwrap();
        attribute.attribute_values.as_ref().unwrap()[0].attribute_value.clone().unwrap()
    };
    assert_eq!(value("max-elastic-ips"), "9");
    assert_eq!(value("vpc-max-elastic-ips"), "9");
    assert_eq!(value("vpc-max-security-groups-per-interface"), "16");
}
