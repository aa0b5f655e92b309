use crate::cloud::{Cloud, api, filters, input, op, tagged};

fn cidr(cidr: &str) -> Option<Vec<api::IpRange>> {
    Some(vec![api::IpRange { cidr_ip: Some(cidr.to_owned()), description: None }])
}

fn permission(protocol: &str, ports: Option<(i32, i32)>) -> api::IpPermission {
    api::IpPermission {
        ip_protocol: Some(protocol.to_owned()),
        from_port: ports.map(|(from, _)| from),
        to_port: ports.map(|(_, to)| to),
        ..Default::default()
    }
}

fn from_cidr(protocol: &str, ports: Option<(i32, i32)>, block: &str) -> api::IpPermission {
    api::IpPermission { ip_ranges: cidr(block), ..permission(protocol, ports) }
}

fn from_group(protocol: &str, ports: Option<(i32, i32)>, group: &str) -> api::IpPermission {
    let pair = api::UserIdGroupPair { group_id: Some(group.to_owned()), ..Default::default() };
    api::IpPermission { user_id_group_pairs: Some(vec![pair]), ..permission(protocol, ports) }
}

fn ingress(group: &str, permissions: Vec<api::IpPermission>) -> api::AuthorizeSecurityGroupIngressRequest {
    input!(AuthorizeSecurityGroupIngressRequest { group_id: group, ip_permissions: permissions })
}

fn revocation(group: &str, permissions: Vec<api::IpPermission>) -> api::RevokeSecurityGroupIngressRequest {
    input!(RevokeSecurityGroupIngressRequest { group_id: group, ip_permissions: permissions })
}

fn describe(cloud: &Cloud, group: &str) -> api::SecurityGroup {
    let input = input!(DescribeSecurityGroupsRequest { group_ids: [group] });
    cloud.ok::<op::DescribeSecurityGroups>(input).security_groups.unwrap().remove(0)
}

fn rules(cloud: &Cloud, group: &str) -> Vec<api::SecurityGroupRule> {
    let input = input!(DescribeSecurityGroupRulesRequest { filters: filters(&[("group-id", &[group])]) });
    cloud.ok::<op::DescribeSecurityGroupRules>(input).security_group_rules.unwrap()
}

#[test]
fn a_new_group_lets_everything_out_and_nothing_in() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let group = describe(&cloud, &cloud.group(&vpc, "web"));
    assert_eq!(group.ip_permissions, Some(Vec::new()));
    let egress = group.ip_permissions_egress.unwrap();
    assert_eq!(egress.len(), 1);
    assert_eq!((egress[0].ip_protocol.as_deref(), egress[0].from_port), (Some("-1"), None));
    assert_eq!(egress[0].ip_ranges, cidr("0.0.0.0/0"));
}

#[test]
fn names() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    cloud.group(&vpc, "web");
    let check = |name: &str, description: &str, code: &str, message: &str| {
        let input =
            input!(CreateSecurityGroupRequest { vpc_id: &vpc, group_name: name, description: description });
        cloud.refuses::<op::CreateSecurityGroup>(input, code, message);
    };
    let message = format!("The security group 'web' already exists for VPC '{vpc}'");
    check("web", "x", "InvalidGroup.Duplicate", &message);
    check("web  ", "x", "InvalidGroup.Duplicate", &message);
    let message = format!("The security group 'WEB' already exists for VPC '{vpc}'");
    check("WEB", "x", "InvalidGroup.Duplicate", &message);
    for name in ["default", "Default", "default "] {
        let message = format!("Cannot use reserved security group name: {}", name.trim());
        check(name, "x", "InvalidParameterValue", &message);
    }
    let spaced = describe(&cloud, &cloud.group(&vpc, "My Group "));
    assert_eq!(spaced.group_name.as_deref(), Some("My Group"));
    let message =
        "Value (sg-mine) for parameter GroupName is invalid. Group names may not be in the format sg-*.";
    check("sg-mine", "x", "InvalidParameterValue", message);
    let message = "Value (größe) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.";
    check("ok", "größe", "InvalidParameterValue", message);
    check("ok", "a\tb", "InvalidParameterValue", "Invalid security group description. …");
    check(&"x".repeat(256), "x", "InvalidParameterValue", "Invalid security group name. …");
    // Another VPC may have the name.
    cloud.group(&cloud.vpc("10.1.0.0/16"), "web");
}

#[test]
fn a_group_refers_to_itself() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let group = cloud.group(&vpc, "ssh");
    let added = cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(
        &group,
        vec![from_group("tcp", Some((22, 22)), &group)],
    ));
    let rule = added.security_group_rules.unwrap().remove(0);
    assert!(rule.security_group_rule_id.as_ref().unwrap().starts_with("sgr-"));
    assert_eq!(rule.referenced_group_info.unwrap().group_id.as_ref(), Some(&group));
    let permission = describe(&cloud, &group).ip_permissions.unwrap().remove(0);
    assert_eq!((permission.from_port, permission.to_port), (Some(22), Some(22)));
    // A reference to itself does not keep it.
    cloud.ok::<op::DeleteSecurityGroup>(input!(DeleteSecurityGroupRequest { group_id: &group }));
}

#[test]
fn duplicates() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let group = cloud.group(&vpc, "web");
    #[rustfmt::skip]
    let table = [
        (from_cidr("tcp", Some((22, 22)), "0.0.0.0/0"), "peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW".to_owned()),
        (from_cidr("6", Some((80, 81)), "10.0.0.7/8"), "peer: 10.0.0.0/8, TCP, from port: 80, to port: 81, ALLOW".to_owned()),
        (from_cidr("icmp", Some((-1, -1)), "0.0.0.0/0"), "peer: 0.0.0.0/0, ICMP, type: ALL, code: ALL, ALLOW".to_owned()),
        (from_cidr("-1", Some((1, 2)), "0.0.0.0/0"), "peer: 0.0.0.0/0, ALL, ALLOW".to_owned()),
        (from_group("udp", Some((0, 65_535)), &group), format!("peer: {group}, UDP, from port: 0, to port: 65535, ALLOW")),
    ];
    for (permission, text) in table {
        cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, vec![permission.clone()]));
        let message = format!("the specified rule \"{text}\" already exists");
        let input = ingress(&group, vec![from_cidr("tcp", Some((1, 1)), "1.0.0.0/8"), permission]);
        cloud.refuses::<op::AuthorizeSecurityGroupIngress>(input, "InvalidPermission.Duplicate", &message);
    }
    let twice =
        vec![from_cidr("tcp", Some((7, 7)), "0.0.0.0/0"), from_cidr("tcp", Some((7, 7)), "0.0.0.0/0")];
    let message = "The same permission must not appear multiple times";
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(
        ingress(&group, twice),
        "InvalidParameterValue",
        message,
    );
    // What goes out is another matter.
    cloud.ok::<op::AuthorizeSecurityGroupEgress>(input!(AuthorizeSecurityGroupEgressRequest {
        group_id: &group,
        ip_permissions: vec![from_cidr("tcp", Some((22, 22)), "0.0.0.0/0")],
    }));
}

#[test]
fn rules_that_cannot_be() {
    let cloud = Cloud::new();
    let (vpc, other) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let group = cloud.group(&vpc, "web");
    let foreign = cloud.group(&other, "web");
    let check = |permission: api::IpPermission, code: &str, message: &str| {
        cloud.refuses::<op::AuthorizeSecurityGroupIngress>(ingress(&group, vec![permission]), code, message);
    };
    const VALUE: &str = "InvalidParameterValue";
    let any = "0.0.0.0/0";
    check(from_cidr("tcp", Some((22, 22)), "10.0.0.0/33"), VALUE, "CIDR block 10.0.0.0/33 is malformed");
    check(from_cidr("tcp", Some((22, 22)), "10.0.0.1"), VALUE, "CIDR block 10.0.0.1 is malformed");
    check(from_cidr("tcp", Some((22, 22)), "::/0"), VALUE, "CIDR block ::/0 is malformed");
    check(
        from_cidr("tcp", None, any),
        VALUE,
        "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
    );
    check(from_cidr("udp", Some((22, 65_536)), any), VALUE, "TCP/UDP port (65536) out of range");
    check(from_cidr("tcp", Some((-1, -1)), any), VALUE, "TCP/UDP port (-1) out of range");
    check(from_cidr("tcp", Some((80, 79)), any), VALUE, "Invalid TCP/UDP port range (80:79)");
    check(from_cidr("icmp", Some((256, -1)), any), VALUE, "ICMP type (256) out of range");
    check(from_cidr("sctpx", None, any), VALUE, "Invalid value 'sctpx' for IP protocol. Unknown protocol.");
    check(from_cidr("256", None, any), VALUE, "Invalid value '256' for IP protocol. Unknown protocol.");
    check(permission("tcp", Some((1, 1))), "MissingParameter", "…");
    let unknown = "sg-0123456789abcdef0";
    check(
        from_group("-1", None, unknown),
        "InvalidGroup.NotFound",
        "The security group 'sg-0123456789abcdef0' does not exist",
    );
    check(
        from_group("-1", None, "web"),
        "InvalidGroupId.Malformed",
        "Invalid id: \"web\" (expecting \"sg-...\")",
    );
    let message = "You have specified two resources that belong to different networks.";
    check(from_group("-1", None, &foreign), "InvalidGroup.NotFound", message);
    let by_list = |list: &str| {
        let lists = vec![api::PrefixListId { prefix_list_id: Some(list.to_owned()), description: None }];
        api::IpPermission { prefix_list_ids: Some(lists), ..permission("-1", None) }
    };
    check(by_list("pl-1"), "InvalidPrefixListId.Malformed", "…");
    let message = "The prefix list ID 'pl-0123456789abcdef0' does not exist";
    check(by_list("pl-0123456789abcdef0"), "InvalidPrefixListID.NotFound", message);
    let described = api::IpRange { cidr_ip: Some(any.to_owned()), description: Some("a|b".to_owned()) };
    let described = api::IpPermission { ip_ranges: Some(vec![described]), ..permission("-1", None) };
    check(described, VALUE, "Invalid rule description. …");
    let input =
        input!(AuthorizeSecurityGroupIngressRequest { group_id: unknown, ip_protocol: "-1", cidr_ip: any });
    let message = "The security group 'sg-0123456789abcdef0' does not exist";
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(input, "InvalidGroup.NotFound", message);
}

#[test]
fn a_single_rule_by_parameters() {
    let cloud = Cloud::new();
    let vpc = cloud.default_vpc();
    let group = cloud.group(&vpc, "web");
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(input!(AuthorizeSecurityGroupIngressRequest {
        group_name: "web",
        ip_protocol: "tcp",
        from_port: 443,
        to_port: 443,
        cidr_ip: "192.0.2.0/24",
    }));
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(input!(AuthorizeSecurityGroupIngressRequest {
        group_name: "web",
        source_security_group_name: "default",
    }));
    let permissions = describe(&cloud, &group).ip_permissions.unwrap();
    let protocols: Vec<_> = permissions.iter().map(|held| held.ip_protocol.as_deref().unwrap()).collect();
    assert_eq!(protocols, ["tcp", "tcp", "udp", "icmp"]);
    assert_eq!(permissions[0].ip_ranges, cidr("192.0.2.0/24"));
    let unknown = input!(AuthorizeSecurityGroupIngressRequest {
        group_name: "nope",
        ip_protocol: "-1",
        cidr_ip: "0.0.0.0/0"
    });
    let message = format!("The security group 'nope' does not exist in default VPC '{vpc}'");
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(unknown, "InvalidGroup.NotFound", &message);
}

#[test]
fn rules_are_revoked_by_what_they_say_or_by_id() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let group = cloud.group(&vpc, "web");
    let (one, other) =
        (from_cidr("tcp", Some((22, 22)), "0.0.0.0/0"), from_cidr("tcp", Some((80, 80)), "0.0.0.0/0"));
    let added =
        cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, vec![one.clone(), other.clone()]));
    let ids: Vec<_> = added
        .security_group_rules
        .unwrap()
        .into_iter()
        .map(|rule| rule.security_group_rule_id.unwrap())
        .collect();

    let revoked = cloud.ok::<op::RevokeSecurityGroupIngress>(revocation(&group, vec![one.clone()]));
    assert_eq!(
        revoked.revoked_security_group_rules.unwrap()[0].security_group_rule_id.as_ref(),
        Some(&ids[0])
    );
    // All or nothing.
    let message = "The specified rule does not exist in this security group.";
    let both = revocation(&group, vec![other, one]);
    cloud.refuses::<op::RevokeSecurityGroupIngress>(both, "InvalidPermission.NotFound", message);

    let by_id = |id: &str| {
        input!(RevokeSecurityGroupIngressRequest { group_id: &group, security_group_rule_ids: [id] })
    };
    cloud.ok::<op::RevokeSecurityGroupIngress>(by_id(&ids[1]));
    let message = format!("The security group rule ID '{}' does not exist", ids[1]);
    cloud.refuses::<op::RevokeSecurityGroupIngress>(
        by_id(&ids[1]),
        "InvalidSecurityGroupRuleId.NotFound",
        &message,
    );
    let message = "Invalid id: \"sgr-1\" (expecting \"sgr-...\")";
    cloud.refuses::<op::RevokeSecurityGroupIngress>(
        by_id("sgr-1"),
        "InvalidSecurityGroupRuleId.Malformed",
        message,
    );
    // A rule for the other direction is not one.
    let egress = rules(&cloud, &group).remove(0).security_group_rule_id.unwrap();
    cloud.refuses::<op::RevokeSecurityGroupIngress>(
        by_id(&egress),
        "InvalidSecurityGroupRuleId.NotFound",
        "…",
    );
    cloud.ok::<op::RevokeSecurityGroupEgress>(input!(RevokeSecurityGroupEgressRequest {
        group_id: &group,
        security_group_rule_ids: [&egress],
    }));
    assert_eq!(rules(&cloud, &group), []);
    let input = input!(RevokeSecurityGroupIngressRequest { group_id: &group });
    let message = "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.";
    cloud.refuses::<op::RevokeSecurityGroupIngress>(input, "MissingParameter", message);
}

#[test]
fn in_the_default_vpc_an_unknown_rule_is_reported_and_no_error() {
    let cloud = Cloud::new();
    let group = cloud.group(&cloud.default_vpc(), "web");
    let unknown = from_cidr("tcp", Some((22, 22)), "0.0.0.0/0");
    let revoked = cloud.ok::<op::RevokeSecurityGroupIngress>(revocation(&group, vec![unknown.clone()]));
    assert_eq!(revoked.unknown_ip_permissions, Some(vec![unknown]));
    assert_eq!(revoked.revoked_security_group_rules, Some(Vec::new()));
}

#[test]
fn a_group_in_use_stays() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let (group, other) = (cloud.group(&vpc, "web"), cloud.group(&vpc, "other"));
    let delete = |group: &str| input!(DeleteSecurityGroupRequest { group_id: group });
    let message = format!("resource {group} has a dependent object");
    let refused =
        || cloud.refuses::<op::DeleteSecurityGroup>(delete(&group), "DependencyViolation", &message);

    let input = input!(CreateNetworkInterfaceRequest { subnet_id: &subnet, groups: [&group] });
    let interface = cloud.ok::<op::CreateNetworkInterface>(input).network_interface.unwrap();
    refused();
    let id = interface.network_interface_id.unwrap();
    cloud
        .ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest { network_interface_id: id }));
    let reference = from_group("-1", None, &group);
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&other, vec![reference.clone()]));
    refused();
    cloud.ok::<op::RevokeSecurityGroupIngress>(revocation(&other, vec![reference]));
    cloud.ok::<op::DeleteSecurityGroup>(delete(&group));

    let default = cloud.default_group(&vpc);
    let message = format!("the specified group: \"{default}\" name: \"default\" cannot be deleted by a user");
    cloud.refuses::<op::DeleteSecurityGroup>(delete(&default), "CannotDelete", &message);
}

#[test]
fn rules_change_in_place() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let group = cloud.group(&vpc, "web");
    let permissions =
        vec![from_cidr("tcp", Some((22, 22)), "0.0.0.0/0"), from_cidr("tcp", Some((23, 23)), "0.0.0.0/0")];
    let added = cloud
        .ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, permissions))
        .security_group_rules
        .unwrap();
    let id = added[0].security_group_rule_id.clone().unwrap();
    let to = |rule: api::SecurityGroupRuleRequest| {
        input!(ModifySecurityGroupRulesRequest {
            group_id: &group,
            security_group_rules: vec![api::SecurityGroupRuleUpdate {
                security_group_rule_id: id.clone(),
                security_group_rule: Some(rule),
            }],
        })
    };
    let wanted = |port: i32| {
        input!(SecurityGroupRuleRequest {
            ip_protocol: "tcp",
            from_port: port,
            to_port: port,
            cidr_ipv4: "0.0.0.0/0",
            description: "a port",
        })
    };
    cloud.ok::<op::ModifySecurityGroupRules>(to(wanted(2222)));
    let changed = rules(&cloud, &group)
        .into_iter()
        .find(|rule| rule.security_group_rule_id.as_ref() == Some(&id))
        .unwrap();
    assert_eq!((changed.from_port, changed.description.as_deref()), (Some(2222), Some("a port")));
    cloud.refuses::<op::ModifySecurityGroupRules>(to(wanted(23)), "InvalidPermission.Duplicate", "…");
    let other_kind = input!(SecurityGroupRuleRequest { ip_protocol: "-1", cidr_ipv6: "::/0" });
    cloud.refuses::<op::ModifySecurityGroupRules>(
        to(other_kind),
        "InvalidParameterValue",
        "Invalid rule type…",
    );

    let range =
        api::IpRange { cidr_ip: Some("0.0.0.0/0".to_owned()), description: Some("new words".to_owned()) };
    let described = api::IpPermission { ip_ranges: Some(vec![range]), ..permission("tcp", Some((23, 23))) };
    let update = |permission| {
        input!(UpdateSecurityGroupRuleDescriptionsIngressRequest {
            group_id: &group,
            ip_permissions: vec![permission],
        })
    };
    cloud.ok::<op::UpdateSecurityGroupRuleDescriptionsIngress>(update(described));
    assert!(rules(&cloud, &group).iter().any(|rule| rule.description.as_deref() == Some("new words")));
    let unknown = from_cidr("tcp", Some((24, 24)), "0.0.0.0/0");
    cloud.refuses::<op::UpdateSecurityGroupRuleDescriptionsIngress>(
        update(unknown),
        "InvalidPermission.NotFound",
        "…",
    );
}

#[test]
fn rules_that_let_out_are_described_too() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let group = cloud.group(&vpc, "web");
    let update = |permission: Option<api::IpPermission>, by_id: Option<&str>| {
        let by_id = by_id.map(|id| api::SecurityGroupRuleDescription {
            security_group_rule_id: Some(id.to_owned()),
            description: Some("by id".to_owned()),
        });
        api::UpdateSecurityGroupRuleDescriptionsEgressRequest {
            group_id: Some(group.clone()),
            ip_permissions: permission.map(|permission| vec![permission]),
            security_group_rule_descriptions: by_id.map(|update| vec![update]),
            ..Default::default()
        }
    };
    let described = |words: &str| {
        let range =
            api::IpRange { cidr_ip: Some("0.0.0.0/0".to_owned()), description: Some(words.to_owned()) };
        api::IpPermission { ip_ranges: Some(vec![range]), ..permission("-1", None) }
    };
    let only = || rules(&cloud, &group).remove(0);
    let answer =
        cloud.ok::<op::UpdateSecurityGroupRuleDescriptionsEgress>(update(Some(described("out")), None));
    assert_eq!((answer.r#return, only().description.as_deref()), (Some(true), Some("out")));
    let id = only().security_group_rule_id.unwrap();
    let rehearsal = api::UpdateSecurityGroupRuleDescriptionsEgressRequest {
        dry_run: Some(true),
        ..update(None, Some(&id))
    };
    cloud.refuses::<op::UpdateSecurityGroupRuleDescriptionsEgress>(rehearsal, "DryRunOperation", "…");
    cloud.ok::<op::UpdateSecurityGroupRuleDescriptionsEgress>(update(None, Some(&id)));
    assert_eq!(only().description.as_deref(), Some("by id"));
    let unknown = api::IpPermission { ip_protocol: Some("tcp".to_owned()), ..described("none") };
    let unknown = api::IpPermission { from_port: Some(1), to_port: Some(1), ..unknown };
    cloud.refuses::<op::UpdateSecurityGroupRuleDescriptionsEgress>(
        update(Some(unknown), None),
        "InvalidPermission.NotFound",
        "…",
    );
    let message = "Either 'ipPermissions' or 'securityGroupRuleDescriptions' should be provided.";
    cloud.refuses::<op::UpdateSecurityGroupRuleDescriptionsEgress>(
        update(None, None),
        "MissingParameter",
        message,
    );
}

#[test]
fn references_from_the_own_vpc_are_not_listed() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (group, other) = (cloud.group(&vpc, "web"), cloud.group(&vpc, "database"));
    let rule = vec![from_group("tcp", Some((1, 1)), &group)];
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&other, rule));
    let input = |id: &str| input!(DescribeSecurityGroupReferencesRequest { group_id: [id] });
    let answer = cloud.ok::<op::DescribeSecurityGroupReferences>(input(&group));
    assert_eq!(answer.security_group_reference_set, Some(Vec::new()));
    let unknown = input("sg-0123456789abcdef0");
    cloud.refuses::<op::DescribeSecurityGroupReferences>(unknown, "InvalidGroup.NotFound", "…");
    let rehearsal = api::DescribeSecurityGroupReferencesRequest { dry_run: Some(true), ..input(&group) };
    cloud.refuses::<op::DescribeSecurityGroupReferences>(rehearsal, "DryRunOperation", "…");
}

#[test]
fn rules_have_tags() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let group = cloud.group(&vpc, "web");
    let input = api::AuthorizeSecurityGroupIngressRequest {
        tag_specifications: Some(tagged("security-group-rule", &[("use", "ssh")])),
        ..ingress(&group, vec![from_cidr("tcp", Some((22, 22)), "0.0.0.0/0")])
    };
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(input);
    let by_tag = input!(DescribeSecurityGroupRulesRequest { filters: filters(&[("tag:use", &["ss?"])]) });
    assert_eq!(cloud.ok::<op::DescribeSecurityGroupRules>(by_tag).security_group_rules.unwrap().len(), 1);
}

/// Fact: 60 rules in and 60 out, IPv4 and IPv6 counted apart, a group for both.
#[test]
fn sixty_rules_each_way() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let group = cloud.group(&vpc, "web");
    let sixty = (1..=60).map(|port| from_cidr("tcp", Some((port, port)), "0.0.0.0/0")).collect();
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, sixty));
    let message = "The maximum number of rules per security group has been reached.";
    for one in [from_cidr("tcp", Some((61, 61)), "0.0.0.0/0"), from_group("-1", None, &group)] {
        let input = ingress(&group, vec![one]);
        cloud.refuses::<op::AuthorizeSecurityGroupIngress>(
            input,
            "RulesPerSecurityGroupLimitExceeded",
            message,
        );
    }
    let v6 = vec![api::Ipv6Range { cidr_ipv6: Some("::/0".to_owned()), description: None }];
    let v6 = api::IpPermission { ipv6_ranges: Some(v6), ..permission("tcp", Some((1, 1))) };
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, vec![v6]));
}

#[test]
fn a_thousand_rules_each_way_without_quotas() {
    let cloud = Cloud::without_quotas();
    let group = cloud.group(&cloud.vpc("10.0.0.0/16"), "web");
    let rules = |ports: std::ops::RangeInclusive<i32>| {
        ports.map(|port| from_cidr("tcp", Some((port, port)), "0.0.0.0/0"))
    };
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, rules(1..=1000).collect()));
    // One that is there already is told as such, and not as one too many.
    let code = "InvalidPermission.Duplicate";
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(ingress(&group, rules(1..=1).collect()), code, "…");
    let code = "RulesPerSecurityGroupLimitExceeded";
    for more in [1001..=1001, 2000..=4000] {
        let input = ingress(&group, rules(more).collect());
        cloud.refuses::<op::AuthorizeSecurityGroupIngress>(input, code, "…");
    }
    // Each is found and goes.
    let all = input!(RevokeSecurityGroupIngressRequest {
        group_id: &group,
        ip_permissions: rules(1..=1000).rev().collect::<Vec<_>>()
    });
    let gone = cloud.ok::<op::RevokeSecurityGroupIngress>(all).revoked_security_group_rules.unwrap();
    assert_eq!(gone.len(), 1000);
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, rules(2000..=2999).collect()));
}

#[test]
fn several_unknown_groups_are_named_together() {
    let cloud = Cloud::new();
    let input =
        input!(DescribeSecurityGroupsRequest { group_ids: ["sg-00000000000000001", "sg-00000000000000002"] });
    let message = "The security groups 'sg-00000000000000001, sg-00000000000000002' do not exist";
    cloud.refuses::<op::DescribeSecurityGroups>(input, "InvalidGroup.NotFound", message);
}

#[test]
fn groups_are_found_by_the_names_in_their_rules() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (web, app) = (cloud.group(&vpc, "web"), cloud.group(&vpc, "app"));
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&app, vec![from_group("-1", None, &web)]));
    let found = |name: &str| {
        let input = input!(DescribeSecurityGroupsRequest { filters: filters(&[(name, &["w?b"])]) });
        let groups = cloud.ok::<op::DescribeSecurityGroups>(input).security_groups.unwrap();
        groups.into_iter().map(|group| group.group_id.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(found("ip-permission.group-name"), [app]);
    assert_eq!(found("egress.ip-permission.group-name"), [""; 0]);
}
