use crate::cloud::{Cloud, api, filters, input, op};

fn create(cloud: &Cloud, vpc: &str) -> String {
    let acl = cloud
        .ok::<op::CreateNetworkAcl>(input!(CreateNetworkAclRequest { vpc_id: vpc }))
        .network_acl
        .unwrap();
    acl.network_acl_id.unwrap()
}

fn entry(acl: &str, number: i32) -> api::CreateNetworkAclEntryRequest {
    input!(CreateNetworkAclEntryRequest {
        network_acl_id: acl,
        rule_number: number,
        protocol: "6",
        rule_action: "deny",
        egress: false,
        cidr_block: "192.0.2.0/24",
        port_range: api::PortRange { from: Some(22), to: Some(22) },
    })
}

fn describe(cloud: &Cloud, acl: &str) -> api::NetworkAcl {
    let input = input!(DescribeNetworkAclsRequest { network_acl_ids: [acl] });
    cloud.ok::<op::DescribeNetworkAcls>(input).network_acls.unwrap().remove(0)
}

fn numbers(cloud: &Cloud, acl: &str, egress: bool) -> Vec<i32> {
    let entries = describe(cloud, acl).entries.unwrap();
    entries
        .iter()
        .filter(|entry| entry.egress == Some(egress))
        .map(|entry| entry.rule_number.unwrap())
        .collect()
}

#[test]
fn a_new_acl_denies_everything() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let acl = create(&cloud, &vpc);
    assert_eq!((numbers(&cloud, &acl, true), numbers(&cloud, &acl, false)), (vec![32_767], vec![32_767]));
}

#[test]
fn entries_are_in_order_of_their_numbers() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let acl = create(&cloud, &vpc);
    for number in [200, 100, 150] {
        cloud.ok::<op::CreateNetworkAclEntry>(entry(&acl, number));
    }
    assert_eq!(numbers(&cloud, &acl, false), [100, 150, 200, 32_767]);
    let message = "The network acl entry identified by 150 already exists.";
    cloud.refuses::<op::CreateNetworkAclEntry>(entry(&acl, 150), "NetworkAclEntryAlreadyExists", message);
    // The other direction has numbers of its own.
    cloud.ok::<op::CreateNetworkAclEntry>(api::CreateNetworkAclEntryRequest {
        egress: true,
        ..entry(&acl, 150)
    });

    cloud.ok::<op::ReplaceNetworkAclEntry>(input!(ReplaceNetworkAclEntryRequest {
        network_acl_id: &acl,
        rule_number: 150,
        protocol: "icmp",
        rule_action: "allow",
        egress: false,
        cidr_block: "0.0.0.0/0",
        icmp_type_code: api::IcmpTypeCode { code: Some(-1), r#type: Some(8) },
    }));
    let entries = describe(&cloud, &acl).entries.unwrap();
    let replaced =
        entries.iter().find(|entry| entry.rule_number == Some(150) && entry.egress == Some(false)).unwrap();
    assert_eq!((replaced.protocol.as_deref(), replaced.rule_action.as_deref()), (Some("1"), Some("allow")));
    assert_eq!((&replaced.port_range, replaced.icmp_type_code.as_ref().unwrap().r#type), (&None, Some(8)));

    let delete =
        || input!(DeleteNetworkAclEntryRequest { network_acl_id: &acl, rule_number: 100, egress: false });
    cloud.ok::<op::DeleteNetworkAclEntry>(delete());
    assert_eq!(numbers(&cloud, &acl, false), [150, 200, 32_767]);
    cloud.refuses::<op::DeleteNetworkAclEntry>(delete(), "InvalidNetworkAclEntry.NotFound", "…");
}

#[test]
fn entries_that_cannot_be() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let acl = create(&cloud, &vpc);
    let check = |input: api::CreateNetworkAclEntryRequest, code: &str, message: &str| {
        cloud.refuses::<op::CreateNetworkAclEntry>(input, code, message);
    };
    let good = || entry(&acl, 100);
    for number in [0, 32_767, -1, 70_000] {
        let message =
            format!("Value ({number}) for parameter ruleNumber is invalid. Must be between 1 and 32766.");
        check(entry(&acl, number), "InvalidParameterValue", &message);
    }
    check(api::CreateNetworkAclEntryRequest { cidr_block: None, ..good() }, "MissingParameter", "…");
    check(api::CreateNetworkAclEntryRequest { port_range: None, ..good() }, "MissingParameter", "…");
    let protocol =
        |protocol: &str| api::CreateNetworkAclEntryRequest { protocol: protocol.to_owned(), ..good() };
    check(protocol("icmp"), "MissingParameter", "…");
    check(protocol("x"), "InvalidParameterValue", "Invalid value 'x' for IP protocol. Unknown protocol.");
    let block = api::CreateNetworkAclEntryRequest { cidr_block: Some("1.2.3.4".to_owned()), ..good() };
    check(block, "InvalidParameterValue", "Value (1.2.3.4) for parameter cidrBlock is invalid. …");
    let message = "The networkAcl ID 'acl-0123456789abcdef0' does not exist";
    check(entry("acl-0123456789abcdef0", 1), "InvalidNetworkAclID.NotFound", message);
}

#[test]
fn every_subnet_has_one_acl() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let acl = create(&cloud, &vpc);
    let of_subnet = || {
        let input =
            input!(DescribeNetworkAclsRequest { filters: filters(&[("association.subnet-id", &[&subnet])]) });
        let mut acls = cloud.ok::<op::DescribeNetworkAcls>(input).network_acls.unwrap();
        assert_eq!(acls.len(), 1);
        let acl = acls.remove(0);
        (acl.network_acl_id.unwrap(), acl.associations.unwrap().remove(0).network_acl_association_id.unwrap())
    };
    let (default, association) = of_subnet();
    let message = format!("cannot delete default network ACL {default}");
    let delete = |acl: &str| input!(DeleteNetworkAclRequest { network_acl_id: acl });
    cloud.refuses::<op::DeleteNetworkAcl>(delete(&default), "InvalidParameterValue", &message);
    let replace = |acl: &str| {
        input!(ReplaceNetworkAclAssociationRequest { association_id: &association, network_acl_id: acl })
    };
    let new = cloud.ok::<op::ReplaceNetworkAclAssociation>(replace(&acl)).new_association_id.unwrap();
    assert_eq!(of_subnet(), (acl.clone(), new));
    let message = format!("The association ID '{association}' does not exist");
    cloud.refuses::<op::ReplaceNetworkAclAssociation>(
        replace(&default),
        "InvalidAssociationID.NotFound",
        &message,
    );
    let message = format!("The networkAcl '{acl}' has dependencies and cannot be deleted.");
    cloud.refuses::<op::DeleteNetworkAcl>(delete(&acl), "DependencyViolation", &message);
}

#[test]
fn twenty_rules_each_way_with_the_deny_at_the_end() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let acl = create(&cloud, &vpc);
    for number in 1..=19 {
        cloud.ok::<op::CreateNetworkAclEntry>(entry(&acl, number));
    }
    let message = "The maximum number of network acl entries has been reached.";
    cloud.refuses::<op::CreateNetworkAclEntry>(entry(&acl, 20), "NetworkAclEntryLimitExceeded", message);
    let v6 = api::CreateNetworkAclEntryRequest {
        cidr_block: None,
        ipv6_cidr_block: Some("::/0".to_owned()),
        ..entry(&acl, 20)
    };
    cloud.ok::<op::CreateNetworkAclEntry>(v6);
}
