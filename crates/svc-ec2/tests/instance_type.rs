use crate::cloud::{Cloud, filters, input, op};

#[test]
fn types_are_described() {
    let cloud = Cloud::new();
    let one = cloud.ok::<op::DescribeInstanceTypes>(input!(DescribeInstanceTypesRequest {
        instance_types: ["t3.micro"]
    }));
    let kind = one.instance_types.unwrap().remove(0);
    assert_eq!(kind.memory_info.unwrap().size_in_mi_b, Some(1024));
    assert_eq!(kind.v_cpu_info.unwrap().default_v_cpus, Some(2));
    let unknown = input!(DescribeInstanceTypesRequest { instance_types: ["t3.micro", "t9.huge"] });
    let message = "The following supplied instance types do not exist: [t9.huge]";
    cloud.refuses::<op::DescribeInstanceTypes>(unknown, "InvalidInstanceType", message);
    let input = input!(DescribeInstanceTypesRequest {
        filters: filters(&[("burstable-performance-supported", &["true"])])
    });
    let burstable = cloud.ok::<op::DescribeInstanceTypes>(input).instance_types.unwrap();
    assert!(burstable.iter().all(|kind| kind.instance_type.as_ref().unwrap().starts_with('t')));
}

#[test]
fn types_are_offered_in_every_zone() {
    let cloud = Cloud::new();
    let input = input!(DescribeInstanceTypeOfferingsRequest {
        location_type: "availability-zone",
        filters: filters(&[("instance-type", &["t3.micro"])]),
    });
    let offerings = cloud.ok::<op::DescribeInstanceTypeOfferings>(input).instance_type_offerings.unwrap();
    assert_eq!(offerings.len(), 6);
}
