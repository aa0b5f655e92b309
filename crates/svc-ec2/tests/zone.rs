use crate::cloud::{Cloud, filters, input, op};

#[test]
fn zones_have_names_and_ids() {
    let cloud = Cloud::new().in_region("eu-central-1");
    let zones = cloud
        .ok::<op::DescribeAvailabilityZones>(input!(DescribeAvailabilityZonesRequest {}))
        .availability_zones
        .unwrap();
    let names: Vec<_> = zones.iter().map(|zone| zone.zone_name.as_deref().unwrap()).collect();
    assert_eq!(names, ["eu-central-1a", "eu-central-1b", "eu-central-1c"]);
    assert!(zones.iter().all(|zone| zone.zone_id.as_ref().unwrap().starts_with("euc1-az")));
    let by_id = input!(DescribeAvailabilityZonesRequest { zone_ids: [zones[1].zone_id.as_ref().unwrap()] });
    let found = cloud.ok::<op::DescribeAvailabilityZones>(by_id).availability_zones.unwrap();
    assert_eq!(found, [zones[1].clone()]);
    let unknown = input!(DescribeAvailabilityZonesRequest { zone_names: ["us-east-1a"] });
    cloud.refuses::<op::DescribeAvailabilityZones>(
        unknown,
        "InvalidParameterValue",
        "Invalid availability zone: [us-east-1a]",
    );
}

#[test]
fn all_public_regions() {
    let cloud = Cloud::new();
    let describe = |input| cloud.ok::<op::DescribeRegions>(input).regions.unwrap();
    let all = describe(input!(DescribeRegionsRequest {}));
    assert!(all.len() >= 30, "{}", all.len());
    let one =
        describe(input!(DescribeRegionsRequest { filters: filters(&[("region-name", &["eu-west-1"])]) }));
    assert_eq!(one[0].endpoint.as_deref(), Some("ec2.eu-west-1.amazonaws.com"));
    let unknown = input!(DescribeRegionsRequest { region_names: ["mars-1"] });
    cloud.refuses::<op::DescribeRegions>(unknown, "InvalidParameterValue", "Invalid region: [mars-1]");
}
