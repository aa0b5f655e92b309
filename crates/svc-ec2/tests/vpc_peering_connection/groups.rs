//! Rules that name groups of peered VPCs.

use super::{HOUR, OTHER, accept, active, create, delete, request_to};
use crate::cloud::{Cloud, api, filters, input, op};

fn pair(account: Option<&str>, group: &str) -> api::UserIdGroupPair {
    api::UserIdGroupPair {
        group_id: Some(group.to_owned()),
        user_id: account.map(str::to_owned),
        ..Default::default()
    }
}

fn from(pair: api::UserIdGroupPair) -> Vec<api::IpPermission> {
    vec![api::IpPermission {
        ip_protocol: Some("tcp".to_owned()),
        from_port: Some(80),
        to_port: Some(80),
        user_id_group_pairs: Some(vec![pair]),
        ..Default::default()
    }]
}

fn ingress(group: &str, pair: api::UserIdGroupPair) -> api::AuthorizeSecurityGroupIngressRequest {
    input!(AuthorizeSecurityGroupIngressRequest { group_id: group, ip_permissions: from(pair) })
}

fn revocation(group: &str, pair: api::UserIdGroupPair) -> api::RevokeSecurityGroupIngressRequest {
    input!(RevokeSecurityGroupIngressRequest { group_id: group, ip_permissions: from(pair) })
}

fn stale(cloud: &Cloud, vpc: &str) -> Vec<api::StaleSecurityGroup> {
    let input = input!(DescribeStaleSecurityGroupsRequest { vpc_id: vpc });
    cloud.ok::<op::DescribeStaleSecurityGroups>(input).stale_security_group_set.unwrap()
}

fn references(cloud: &Cloud, group: &str) -> Vec<api::SecurityGroupReference> {
    let input = input!(DescribeSecurityGroupReferencesRequest { group_id: [group] });
    cloud.ok::<op::DescribeSecurityGroupReferences>(input).security_group_reference_set.unwrap()
}

fn held_pair(cloud: &Cloud, group: &str) -> api::UserIdGroupPair {
    let input = input!(DescribeSecurityGroupsRequest { group_ids: [group] });
    let mut groups = cloud.ok::<op::DescribeSecurityGroups>(input).security_groups.unwrap();
    groups.remove(0).ip_permissions.unwrap().remove(0).user_id_group_pairs.unwrap().remove(0)
}

#[test]
fn a_rule_names_a_group_of_another_account() {
    let cloud = Cloud::new();
    let other = cloud.seen_by(OTHER, "us-east-1");
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), other.vpc("10.1.0.0/16"));
    let (group, theirs) = (cloud.group(&vpc, "web"), other.group(&peer, "client"));
    let rule = || ingress(&group, pair(Some(OTHER), &theirs));
    let code = "InvalidGroup.NotFound";
    let message = format!("The security group '{theirs}' does not exist");
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(rule(), code, &message);
    let id = create(&cloud, request_to(&vpc, &other, &peer));
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(rule(), code, &message);
    other.ok::<op::AcceptVpcPeeringConnection>(accept(&id));
    cloud.wait(3000);
    let of_nobody = ingress(&group, pair(Some("111111111111"), &theirs));
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(of_nobody, code, &message);
    let over = api::UserIdGroupPair {
        vpc_peering_connection_id: Some("pcx-0123456789abcdef0".to_owned()),
        ..pair(Some(OTHER), &theirs)
    };
    let unknown = "InvalidVpcPeeringConnectionID.NotFound";
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(ingress(&group, over), unknown, "…");

    let added = cloud.ok::<op::AuthorizeSecurityGroupIngress>(rule()).security_group_rules.unwrap().remove(0);
    let info = added.referenced_group_info.unwrap();
    assert_eq!((info.group_id.as_ref(), info.user_id.as_deref()), (Some(&theirs), Some(OTHER)));
    assert_eq!((info.vpc_id.as_ref(), info.vpc_peering_connection_id.as_ref()), (Some(&peer), Some(&id)));
    assert_eq!(info.peering_status.as_deref(), Some("active"));
    let expected = api::UserIdGroupPair {
        vpc_id: Some(peer),
        vpc_peering_connection_id: Some(id.clone()),
        peering_status: Some("active".to_owned()),
        ..pair(Some(OTHER), &theirs)
    };
    assert_eq!(held_pair(&cloud, &group), expected);
    let by_user = filters(&[("ip-permission.user-id", &[OTHER])]);
    let found =
        cloud.ok::<op::DescribeSecurityGroups>(input!(DescribeSecurityGroupsRequest { filters: by_user }));
    assert_eq!(found.security_groups.unwrap().len(), 1);
    let message = format!(
        "the specified rule \"peer: {OTHER}/{theirs}, TCP, from port: 80, to port: 80, ALLOW\" already exists"
    );
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(rule(), "InvalidPermission.Duplicate", &message);

    let reference = api::SecurityGroupReference {
        group_id: Some(theirs.clone()),
        referencing_vpc_id: Some(vpc.clone()),
        vpc_peering_connection_id: Some(id),
        ..Default::default()
    };
    assert_eq!(references(&other, &theirs), [reference]);
    assert_eq!(references(&cloud, &group), []);
    assert_eq!(stale(&cloud, &vpc), []);

    // What is named can be deleted, and leaves a stale rule.
    other.ok::<op::DeleteSecurityGroup>(input!(DeleteSecurityGroupRequest { group_id: &theirs }));
    let found = stale(&cloud, &vpc);
    assert_eq!((found.len(), found[0].group_id.as_ref()), (1, Some(&group)));
    let permission = &found[0].stale_ip_permissions.as_ref().unwrap()[0];
    assert_eq!((permission.from_port, permission.ip_protocol.as_deref()), (Some(80), Some("tcp")));
    assert_eq!(permission.user_id_group_pairs.as_deref(), Some(&[expected][..]));
    assert_eq!(found[0].stale_ip_permissions_egress, Some(Vec::new()));
    cloud.ok::<op::RevokeSecurityGroupIngress>(revocation(&group, pair(Some(OTHER), &theirs)));
    assert_eq!(stale(&cloud, &vpc), []);
    let message = format!("The security group '{theirs}' does not exist");
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(rule(), code, &message);
}

#[test]
fn a_rule_is_stale_when_the_connection_ends() {
    let cloud = Cloud::new();
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let (group, theirs) = (cloud.group(&vpc, "web"), cloud.group(&peer, "client"));
    let message = "You have specified two resources that belong to different networks.";
    let rule = || ingress(&group, pair(None, &theirs));
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(rule(), "InvalidGroup.NotFound", message);
    let id = active(&cloud, &vpc, &cloud, &peer);
    let added = cloud.ok::<op::AuthorizeSecurityGroupIngress>(rule()).security_group_rules.unwrap().remove(0);
    assert_eq!(references(&cloud, &theirs).len(), 1);
    // The rule can change to a group of its own VPC and back.
    let change = |target: &str| {
        let rule = api::SecurityGroupRuleRequest {
            ip_protocol: Some("tcp".to_owned()),
            from_port: Some(80),
            to_port: Some(80),
            referenced_group_id: Some(target.to_owned()),
            ..Default::default()
        };
        let update = api::SecurityGroupRuleUpdate {
            security_group_rule_id: added.security_group_rule_id.clone().unwrap(),
            security_group_rule: Some(rule),
        };
        input!(ModifySecurityGroupRulesRequest { group_id: &group, security_group_rules: vec![update] })
    };
    cloud.ok::<op::ModifySecurityGroupRules>(change(&group));
    assert_eq!(references(&cloud, &theirs), []);
    cloud.ok::<op::ModifySecurityGroupRules>(change(&theirs));
    assert_eq!(held_pair(&cloud, &group).vpc_peering_connection_id.as_ref(), Some(&id));

    cloud.ok::<op::DeleteVpcPeeringConnection>(delete(&id));
    cloud.wait(3000);
    assert_eq!(references(&cloud, &theirs), []);
    assert_eq!(held_pair(&cloud, &group).peering_status.as_deref(), Some("deleted"));
    assert_eq!(stale(&cloud, &vpc).len(), 1);
    assert_eq!(stale(&cloud, &peer), []);
    cloud.refuses::<op::ModifySecurityGroupRules>(change(&theirs), "InvalidGroup.NotFound", "…");
    cloud.wait(48 * HOUR);
    assert_eq!(held_pair(&cloud, &group).peering_status.as_deref(), Some("deleted"));
    // Groups of another VPC keep no VPC, nor its groups, from being deleted.
    cloud.ok::<op::DeleteSecurityGroup>(input!(DeleteSecurityGroupRequest { group_id: &theirs }));
    cloud.ok::<op::DeleteVpc>(input!(DeleteVpcRequest { vpc_id: &peer }));
    cloud.ok::<op::RevokeSecurityGroupIngress>(revocation(&group, pair(None, &theirs)));
    assert_eq!(stale(&cloud, &vpc), []);
}

#[test]
fn groups_in_another_region_cannot_be_named() {
    let cloud = Cloud::new();
    let west = cloud.seen_by("123456789012", "us-west-2");
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), west.vpc("10.1.0.0/16"));
    let (group, theirs) = (cloud.group(&vpc, "web"), west.group(&peer, "client"));
    active(&cloud, &vpc, &west, &peer);
    let message = format!("The security group '{theirs}' does not exist");
    let rule = ingress(&group, pair(None, &theirs));
    cloud.refuses::<op::AuthorizeSecurityGroupIngress>(rule, "InvalidGroup.NotFound", &message);
}

#[test]
fn stale_groups_come_in_pages() {
    let cloud = Cloud::new();
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let theirs = cloud.group(&peer, "client");
    let id = active(&cloud, &vpc, &cloud, &peer);
    for number in 0..7 {
        let group = cloud.group(&vpc, &format!("g{number}"));
        cloud.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, pair(None, &theirs)));
    }
    cloud.ok::<op::DeleteVpcPeeringConnection>(delete(&id));
    let page = |token: Option<String>| {
        let input = api::DescribeStaleSecurityGroupsRequest {
            next_token: token,
            ..input!(DescribeStaleSecurityGroupsRequest { vpc_id: &vpc, max_results: 5 })
        };
        cloud.ok::<op::DescribeStaleSecurityGroups>(input)
    };
    let first = page(None);
    assert_eq!(first.stale_security_group_set.unwrap().len(), 5);
    let second = page(first.next_token);
    assert_eq!((second.stale_security_group_set.unwrap().len(), second.next_token), (2, None));
    let refuses = |input, code: &str, message: &str| {
        cloud.refuses::<op::DescribeStaleSecurityGroups>(input, code, message);
    };
    let unknown = input!(DescribeStaleSecurityGroupsRequest { vpc_id: "vpc-0123456789abcdef0" });
    refuses(unknown, "InvalidVpcID.NotFound", "The vpc ID 'vpc-0123456789abcdef0' does not exist");
    let large = input!(DescribeStaleSecurityGroupsRequest { vpc_id: &vpc, max_results: 256 });
    refuses(large, "InvalidParameterValue", "…");
    let dry = input!(DescribeStaleSecurityGroupsRequest { vpc_id: &vpc, dry_run: true });
    refuses(dry, "DryRunOperation", "…");
}
