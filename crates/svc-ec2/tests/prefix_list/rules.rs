use super::{SETTLED_MILLIS, create, describe, modification, of_aws, request};
use crate::cloud::{Cloud, api, filters, input, op};

fn from_list(list: &str) -> Vec<api::IpPermission> {
    let lists = vec![api::PrefixListId {
        prefix_list_id: Some(list.to_owned()),
        description: Some("by list".to_owned()),
    }];
    vec![api::IpPermission {
        ip_protocol: Some("tcp".to_owned()),
        from_port: Some(443),
        to_port: Some(443),
        prefix_list_ids: Some(lists),
        ..Default::default()
    }]
}

fn ingress(group: &str, list: &str) -> api::AuthorizeSecurityGroupIngressRequest {
    input!(AuthorizeSecurityGroupIngressRequest { group_id: group, ip_permissions: from_list(list) })
}

fn associations(cloud: &Cloud, list: &str) -> Vec<String> {
    let input = input!(GetManagedPrefixListAssociationsRequest { prefix_list_id: list });
    let found = cloud.ok::<op::GetManagedPrefixListAssociations>(input).prefix_list_associations.unwrap();
    assert!(found.iter().all(|held| held.resource_owner.as_deref() == Some("123456789012")));
    found.into_iter().map(|held| held.resource_id.unwrap()).collect()
}

#[test]
fn rules_name_lists() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (web, app) = (cloud.group(&vpc, "web"), cloud.group(&vpc, "app"));
    let list = create(&cloud, 5, &["10.0.0.0/8"]);
    let [dynamodb, s3] = of_aws(&cloud);
    let made =
        cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&web, &list)).security_group_rules.unwrap();
    assert_eq!(made[0].prefix_list_id.as_deref(), Some(list.as_str()));
    assert_eq!((&made[0].cidr_ipv4, &made[0].referenced_group_info), (&None, &None));
    let rule = made[0].security_group_rule_id.clone().unwrap();
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(
        ingress(&web, &list),
        "InvalidPermission.Duplicate",
        "…",
    );
    let egress =
        input!(AuthorizeSecurityGroupEgressRequest { group_id: &app, ip_permissions: from_list(&s3) });
    cloud.ok::<op::AuthorizeSecurityGroupEgress>(egress);
    assert_eq!(associations(&cloud, &list), [web.as_str()]);
    assert_eq!(associations(&cloud, &s3), [app.as_str()]);

    let by = |name: &str, list: &str| {
        let input = input!(DescribeSecurityGroupsRequest { filters: filters(&[(name, &[list])]) });
        let groups = cloud.ok::<op::DescribeSecurityGroups>(input).security_groups.unwrap();
        groups.into_iter().map(|group| group.group_id.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(by("ip-permission.prefix-list-id", &list), [web.as_str()]);
    assert_eq!(by("egress.ip-permission.prefix-list-id", &s3), [app.as_str()]);
    assert!(by("ip-permission.prefix-list-id", &s3).is_empty());
    let input = input!(DescribeSecurityGroupsRequest { group_ids: [&web] });
    let shown = cloud.ok::<op::DescribeSecurityGroups>(input).security_groups.unwrap().remove(0);
    let permission = &shown.ip_permissions.unwrap()[0];
    assert_eq!(permission.prefix_list_ids, from_list(&list)[0].prefix_list_ids);
    assert_eq!(permission.ip_ranges, Some(Vec::new()));
    let input = input!(DescribeSecurityGroupRulesRequest { security_group_rule_ids: [&rule] });
    let described = cloud.ok::<op::DescribeSecurityGroupRules>(input).security_group_rules.unwrap();
    assert_eq!(described, made);

    // What a rule names stays.
    let delete = || input!(DeleteManagedPrefixListRequest { prefix_list_id: &list });
    let message = format!("The prefix list '{list}' has dependencies and cannot be deleted.");
    cloud.refuses::<op::DeleteManagedPrefixList>(delete(), "DependencyViolation", &message);
    let modify = |peer: api::SecurityGroupRuleRequest| {
        let update = api::SecurityGroupRuleUpdate {
            security_group_rule_id: rule.clone(),
            security_group_rule: Some(api::SecurityGroupRuleRequest {
                ip_protocol: Some("-1".to_owned()),
                ..peer
            }),
        };
        input!(ModifySecurityGroupRulesRequest { group_id: &web, security_group_rules: vec![update] })
    };
    let by_cidr =
        api::SecurityGroupRuleRequest { cidr_ipv4: Some("10.0.0.0/8".to_owned()), ..Default::default() };
    cloud.refuses::<op::ModifySecurityGroupRules>(modify(by_cidr), "InvalidParameterValue", "…");
    let by_list = |list: &str| api::SecurityGroupRuleRequest {
        prefix_list_id: Some(list.to_owned()),
        ..Default::default()
    };
    let large = create(&cloud, 61, &[]);
    cloud.refuses::<op::ModifySecurityGroupRules>(
        modify(by_list(&large)),
        "RulesPerSecurityGroupLimitExceeded",
        "…",
    );
    cloud.ok::<op::ModifySecurityGroupRules>(modify(by_list(&dynamodb)));
    assert_eq!((associations(&cloud, &list).len(), associations(&cloud, &dynamodb)), (0, vec![web.clone()]));
    cloud.ok::<op::DeleteManagedPrefixList>(delete());
    let message = format!("The prefix list ID '{list}' does not exist");
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(
        ingress(&web, &list),
        "InvalidPrefixListID.NotFound",
        &message,
    );
    let revoke =
        input!(RevokeSecurityGroupIngressRequest { group_id: &web, security_group_rule_ids: [&rule] });
    let revoked = cloud.ok::<op::RevokeSecurityGroupIngress>(revoke).revoked_security_group_rules.unwrap();
    assert_eq!(revoked[0].prefix_list_id.as_deref(), Some(dynamodb.as_str()));
    let revoke = input!(RevokeSecurityGroupEgressRequest { group_id: &app, ip_permissions: from_list(&s3) });
    cloud.ok::<op::RevokeSecurityGroupEgress>(revoke);
    assert!(associations(&cloud, &s3).is_empty() && associations(&cloud, &dynamodb).is_empty());
}

#[test]
fn a_list_counts_as_many_rules_as_it_can_have_entries() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let group = cloud.group(&vpc, "web");
    let code = "RulesPerSecurityGroupLimitExceeded";
    let message = "The maximum number of rules per security group has been reached.";
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(
        ingress(&group, &create(&cloud, 61, &[])),
        code,
        message,
    );
    let list = create(&cloud, 58, &[]);
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, &list));
    // AWS's own count once, and the other family is counted apart.
    for of_aws in of_aws(&cloud) {
        cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, &of_aws));
    }
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(
        ingress(&group, &create(&cloud, 1, &[])),
        code,
        message,
    );
    let six =
        api::CreateManagedPrefixListRequest { address_family: "IPv6".to_owned(), ..request("six", 60, &[]) };
    let six = cloud.ok::<op::CreateManagedPrefixList>(six).prefix_list.unwrap().prefix_list_id.unwrap();
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, &six));

    // A list does not grow beyond what the groups that name it can have, and says so.
    let resize = |most: i32| {
        let input = api::ModifyManagedPrefixListRequest { max_entries: Some(most), ..modification(&list, 1) };
        cloud.ok::<op::ModifyManagedPrefixList>(input).prefix_list.unwrap()
    };
    let changed = resize(59);
    assert_eq!((changed.state.as_deref(), changed.state_message), (Some("modify-in-progress"), None));
    cloud.wait(SETTLED_MILLIS);
    let failed = describe(&cloud, &list);
    assert_eq!((failed.state.as_deref(), failed.max_entries), (Some("modify-failed"), Some(58)));
    assert!(failed.state_message.unwrap().ends_with(&group));
    resize(57);
    cloud.wait(SETTLED_MILLIS);
    let changed = describe(&cloud, &list);
    assert_eq!((changed.state.as_deref(), changed.max_entries), (Some("modify-complete"), Some(57)));
    assert_eq!(changed.state_message, None);
    cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, &create(&cloud, 1, &[])));
}
