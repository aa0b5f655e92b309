use crate::cloud::{Cloud, api, filters, input, op, tagged};

/// Which of two instances, `0` and `1`, a filter finds.
#[track_caller]
fn check(cloud: &Cloud, ids: &[String], name: &str, value: &str, expected: &[usize]) {
    let input = input!(DescribeInstancesRequest { filters: filters(&[(name, &[value])]) });
    let reservations = cloud.ok::<op::DescribeInstances>(input).reservations.unwrap();
    let mut found: Vec<usize> = reservations
        .into_iter()
        .flat_map(|reservation| reservation.instances.unwrap())
        .map(|instance| ids.iter().position(|id| instance.instance_id.as_ref() == Some(id)).unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected, "{name}={value}");
}

#[test]
fn what_instances_and_their_interfaces_have() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.10.0.0/16"), "10.10.0.0/24");
    let plain = api::RunInstancesRequest { subnet_id: Some(subnet), ..cloud.launch() };
    let special = api::RunInstancesRequest {
        maintenance_options: Some(api::InstanceMaintenanceOptionsRequest {
            auto_recovery: Some("disabled".to_owned()),
        }),
        private_dns_name_options: Some(api::PrivateDnsNameOptionsRequest {
            hostname_type: Some("resource-name".to_owned()),
            enable_resource_name_dns_a_record: Some(true),
            ..Default::default()
        }),
        tag_specifications: Some(tagged("network-interface", &[("tier", "data")])),
        ..plain.clone()
    };
    let ids: Vec<String> =
        [plain, special].map(|launch| cloud.run(launch).remove(0).instance_id.unwrap()).into();
    let check = |name: &str, value: &str, expected: &[usize]| check(&cloud, &ids, name, value, expected);
    check("maintenance-options.auto-recovery", "disabled", &[1]);
    check("private-dns-name-options.hostname-type", "resource-name", &[1]);
    check("private-dns-name-options.enable-resource-name-dns-a-record", "false", &[0]);
    // The tags of a launch's interfaces are theirs alone.
    check("network-interface.tag-key", "tier", &[1]);
    check("network-interface.tag-value", "d*", &[1]);
    check("tag-key", "tier", &[]);
    check("network-interface.attachment.instance-id", &ids[1], &[1]);
    check("network-interface.attachment.instance-owner-id", "123456789012", &[0, 1]);
    check("network-interface.attachment.attach-time", "2026-11-22T*", &[0, 1]);
    check("network-interface.addresses.private-dns-name", "ip-10-10-0-4.ec2.internal", &[0]);
    check("metadata-options.state", "applied", &[0, 1]);
    check("current-instance-boot-mode", "legacy-bios", &[0, 1]);
    check("current-instance-boot-mode", "uefi", &[]);
    check("operator.managed", "false", &[0, 1]);
    for id in &ids {
        let shown = cloud.instance(id);
        assert_eq!(shown.operator.unwrap().managed, Some(false));
        assert_eq!(shown.network_interfaces.unwrap()[0].operator.as_ref().unwrap().managed, Some(false));
    }
    for never in
        ["enclave-options.enabled", "hibernation-options.configured", "network-interface.requester-managed"]
    {
        check(never, "true", &[]);
        check(never, "false", &[0, 1]);
    }
    let nothing =
        ["host-id", "boot-mode", "outpost-arn", "product-code", "network-interface.association.public-ip"];
    for name in nothing {
        check(name, "*", &[]);
    }
    let unknown = input!(DescribeInstancesRequest { filters: filters(&[("hosts", &["*"])]) });
    cloud.refuses::<op::DescribeInstances>(unknown, "InvalidParameterValue", "The filter 'hosts' is invalid");
}
