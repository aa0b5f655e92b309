use crate::cloud::{Cloud, filters, input, op};

#[test]
fn every_region_has_a_default_vpc_made_once() {
    let cloud = Cloud::new();
    for (region, zones) in [("us-east-1", 6), ("eu-central-1", 3)] {
        let cloud = Cloud::new().in_region(region);
        assert_eq!(cloud.store.snapshot().revision().0, 0, "nothing is made before it is asked for");
        let vpcs = cloud.ok::<op::DescribeVpcs>(input!(DescribeVpcsRequest {})).vpcs.unwrap();
        assert_eq!(vpcs.len(), 1);
        assert_eq!((vpcs[0].is_default, vpcs[0].cidr_block.as_deref()), (Some(true), Some("172.31.0.0/16")));
        let revision = cloud.store.snapshot().revision();
        let subnets = cloud.ok::<op::DescribeSubnets>(input!(DescribeSubnetsRequest {})).subnets.unwrap();
        assert_eq!(subnets.len(), zones);
        for subnet in &subnets {
            assert_eq!((subnet.default_for_az, subnet.map_public_ip_on_launch), (Some(true), Some(true)));
            assert_eq!(subnet.available_ip_address_count, Some(4091));
        }
        let tables =
            cloud.ok::<op::DescribeRouteTables>(input!(DescribeRouteTablesRequest {})).route_tables.unwrap();
        let routes = tables[0].routes.clone().unwrap();
        let targets: Vec<_> =
            routes.iter().map(|route| route.destination_cidr_block.as_deref().unwrap()).collect();
        assert_eq!((tables.len(), targets), (1, vec!["172.31.0.0/16", "0.0.0.0/0"]));
        assert!(routes[1].gateway_id.as_ref().unwrap().starts_with("igw-"));
        assert_eq!(cloud.store.snapshot().revision(), revision, "it is made once");
    }
    assert_eq!(cloud.store.snapshot().revision().0, 0);
}

#[test]
fn a_second_one_is_refused() {
    let cloud = Cloud::new();
    let message = "A Default VPC already exists for this account in this region.";
    cloud.refuses::<op::CreateDefaultVpc>(
        input!(CreateDefaultVpcRequest {}),
        "DefaultVpcAlreadyExists",
        message,
    );
}

#[test]
fn a_default_subnet_comes_back() {
    let cloud = Cloud::new();
    let by_zone =
        || input!(DescribeSubnetsRequest { filters: filters(&[("availability-zone", &["us-east-1b"])]) });
    let old = cloud.ok::<op::DescribeSubnets>(by_zone()).subnets.unwrap().remove(0);
    let create = || input!(CreateDefaultSubnetRequest { availability_zone: "us-east-1b" });
    let id = old.subnet_id.unwrap();
    let message = format!("'{id}' is already the default subnet in us-east-1b.");
    cloud.refuses::<op::CreateDefaultSubnet>(
        create(),
        "DefaultSubnetAlreadyExistsInAvailabilityZone",
        &message,
    );
    cloud.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: id }));
    let new = cloud.ok::<op::CreateDefaultSubnet>(create()).subnet.unwrap();
    assert_eq!((new.cidr_block, new.default_for_az), (old.cidr_block, Some(true)));
}

#[test]
fn a_region_that_does_not_exist() {
    let cloud = Cloud::new().in_region("mars-1");
    let error = cloud.call::<op::DescribeVpcs>(input!(DescribeVpcsRequest {})).unwrap_err();
    assert_eq!(error.code, "InvalidRegion");
}
