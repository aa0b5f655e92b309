use crate::cloud::{Cloud, api, filters, input, op};

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

fn found(cloud: &Cloud, name: &str, value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = None;
    loop {
        let request = api::DescribeInstanceTypesRequest {
            filters: Some(filters(&[(name, &[value])])),
            next_token: next,
            ..Default::default()
        };
        let page = cloud.ok::<op::DescribeInstanceTypes>(request);
        found.extend(page.instance_types.unwrap().into_iter().map(|kind| kind.instance_type.unwrap()));
        next = page.next_token;
        if next.is_none() {
            return found;
        }
    }
}

/// Tools read all of these, and some take them for granted.
#[test]
fn a_type_says_what_it_can_do() {
    let cloud = Cloud::new();
    let named = |name: &str| {
        let request = input!(DescribeInstanceTypesRequest { instance_types: [name] });
        cloud.ok::<op::DescribeInstanceTypes>(request).instance_types.unwrap().remove(0)
    };
    let kind = named("t3.micro");
    let ebs = kind.ebs_info.unwrap();
    assert_eq!(ebs.ebs_optimized_support.as_deref(), Some("default"));
    assert_eq!((ebs.nvme_support.as_deref(), ebs.maximum_ebs_attachments), (Some("required"), Some(28)));
    assert_eq!(ebs.attachment_limit_type.as_deref(), Some("shared"));
    assert_eq!(ebs.encryption_support.as_deref(), Some("supported"));
    let expected = api::EbsOptimizedInfo {
        baseline_bandwidth_in_mbps: Some(87),
        baseline_iops: Some(500),
        baseline_throughput_in_m_bps: Some(10.875),
        maximum_bandwidth_in_mbps: Some(2085),
        maximum_iops: Some(11800),
        maximum_throughput_in_m_bps: Some(260.625),
    };
    assert_eq!(ebs.ebs_optimized_info, Some(expected));
    let list = |list: Option<Vec<String>>| list.unwrap().join(" ");
    let group = |kind: api::InstanceTypeInfo| list(kind.placement_group_info.unwrap().supported_strategies);
    assert_eq!(list(kind.supported_boot_modes), "legacy-bios uefi");
    assert_eq!((kind.instance_storage_supported, kind.dedicated_hosts_supported), (Some(false), Some(false)));
    assert_eq!(kind.network_info.unwrap().network_performance.as_deref(), Some("Up to 5 Gigabit"));
    let processor = kind.processor_info.unwrap();
    assert_eq!(processor.sustained_clock_speed_in_ghz, Some(2.5));
    assert_eq!(processor.manufacturer.as_deref(), Some("Intel"));
    let vcpus = kind.v_cpu_info.unwrap();
    assert_eq!((vcpus.valid_cores, vcpus.valid_threads_per_core), (Some(vec![1]), Some(vec![2])));
    assert_eq!(group(named("t3.micro")), "partition spread");
    assert_eq!(group(named("m5.large")), "cluster partition spread");
    let old = named("t2.micro");
    assert_eq!(list(old.supported_boot_modes), "legacy-bios");
    let ebs = old.ebs_info.unwrap();
    assert_eq!((ebs.ebs_optimized_support.as_deref(), ebs.ebs_optimized_info), (Some("unsupported"), None));
    assert_eq!(ebs.nvme_support.as_deref(), Some("unsupported"));
    let support = |name: &str| named(name).ebs_info.unwrap().ebs_optimized_support.unwrap();
    assert_eq!(support("m3.xlarge"), "supported");
}

#[test]
fn types_are_found_by_what_they_can_do() {
    let cloud = Cloud::new();
    for (name, value, one) in [
        ("ebs-info.attachment-limit-type", "dedicated", "m7i.large"),
        ("ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps", "87", "t3.micro"),
        ("ebs-info.ebs-optimized-info.baseline-iops", "500", "t3.micro"),
        ("ebs-info.ebs-optimized-info.baseline-throughput-in-mbps", "10.875", "t3.micro"),
        ("ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps", "2780", "t3.large"),
        ("ebs-info.ebs-optimized-info.maximum-iops", "15700", "t3.large"),
        ("ebs-info.ebs-optimized-info.maximum-throughput-in-mbps", "347.5", "t3.large"),
        ("ebs-info.ebs-optimized-support", "supported", "m3.xlarge"),
        ("ebs-info.encryption-support", "unsupported", "m1.small"),
        ("ebs-info.maximum-ebs-attachments", "128", "m7i.48xlarge"),
        ("ebs-info.nvme-support", "required", "t3.micro"),
        ("network-info.network-performance", "Up to 5 Gigabit", "t3.micro"),
        ("processor-info.sustained-clock-speed-in-ghz", "2.2", "t3a.micro"),
        ("supported-boot-mode", "uefi", "t3.micro"),
        ("vcpu-info.valid-cores", "96", "m7i.48xlarge"),
        ("vcpu-info.valid-threads-per-core", "1", "t2.micro"),
    ] {
        let found = found(&cloud, name, value);
        assert!(found.iter().any(|kind| kind == one), "{name}: {found:?}");
        assert!(found.len() < aws_catalog::instance_types().count(), "{name}");
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_type_of_another_architecture_starts_no_image() {
    let cloud = Cloud::new();
    let launch =
        |kind: &str| api::RunInstancesRequest { instance_type: Some(kind.to_owned()), ..cloud.launch() };
    let message = "The architecture 'arm64' of the specified instance type does not match the architecture \
                   'x86_64' of the specified AMI. Specify an instance type and an AMI that have matching …";
    cloud.refuses::<op::RunInstances>(launch("t4g.micro"), "InvalidParameterValue", message);
    let message = "Invalid value 't4g.huge' for InstanceType.";
    cloud.refuses::<op::RunInstances>(launch("t4g.huge"), "InvalidParameterValue", message);
    let unknown = input!(DescribeInstanceTypesRequest { instance_types: ["t4g.micro"] });
    cloud.refuses::<op::DescribeInstanceTypes>(unknown, "InvalidInstanceType", "…");
}
