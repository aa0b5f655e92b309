//! Prefix lists that are another account's.

use super::{NOT_AUTHORIZED, OTHER, OWNER, accounts};
use crate::cloud::{Cloud, api, filters, input, op, tagged};

/// Longer than a list is in progress.
const SETTLED_MILLIS: i64 = 1000;

fn list(cloud: &Cloud, most: i32) -> String {
    let entry = api::AddPrefixListEntry { cidr: "10.1.0.0/16".to_owned(), description: None };
    let request = input!(CreateManagedPrefixListRequest {
        prefix_list_name: "offices",
        address_family: "IPv4",
        max_entries: most,
        entries: vec![entry],
        tag_specifications: tagged("prefix-list", &[("Name", "offices")])
    });
    let made = cloud.ok::<op::CreateManagedPrefixList>(request).prefix_list.unwrap();
    cloud.wait(SETTLED_MILLIS);
    made.prefix_list_id.unwrap()
}

fn named(id: &str) -> api::DescribeManagedPrefixListsRequest {
    input!(DescribeManagedPrefixListsRequest { prefix_list_ids: [id] })
}

fn entries(id: &str) -> api::GetManagedPrefixListEntriesRequest {
    input!(GetManagedPrefixListEntriesRequest { prefix_list_id: id })
}

fn ingress(group: &str, list: &str) -> api::AuthorizeSecurityGroupIngressRequest {
    let lists = vec![api::PrefixListId { description: None, prefix_list_id: Some(list.to_owned()) }];
    let permission =
        input!(IpPermission { ip_protocol: "tcp", from_port: 443, to_port: 443, prefix_list_ids: lists });
    input!(AuthorizeSecurityGroupIngressRequest { group_id: group, ip_permissions: vec![permission] })
}

fn users(cloud: &Cloud, id: &str) -> Vec<(String, String)> {
    let request = input!(GetManagedPrefixListAssociationsRequest { prefix_list_id: id });
    let found = cloud.ok::<op::GetManagedPrefixListAssociations>(request).prefix_list_associations.unwrap();
    found.into_iter().map(|one| (one.resource_id.unwrap(), one.resource_owner.unwrap())).collect()
}

#[test]
fn a_shared_list_is_seen_and_used_and_not_changed() {
    let (owner, other) = accounts();
    let id = list(&owner, 5);
    let unknown = "InvalidPrefixListID.NotFound";
    other.refuses::<op::DescribeManagedPrefixLists>(named(&id), unknown, "…");
    other.refuses::<op::GetManagedPrefixListEntries>(entries(&id), unknown, "…");
    owner.share(&other, &[&format!("prefix-list/{id}")]);
    let shown = other.ok::<op::DescribeManagedPrefixLists>(named(&id)).prefix_lists.unwrap().remove(0);
    assert_eq!(shown.owner_id.as_deref(), Some(OWNER));
    assert_eq!(shown.prefix_list_arn, Some(format!("arn:aws:ec2:us-east-1:{OWNER}:prefix-list/{id}")));
    assert_eq!(shown.tags, Some(Vec::new()));
    let of_owner = input!(DescribeManagedPrefixListsRequest { filters: filters(&[("owner-id", &[OWNER])]) });
    assert_eq!(other.ok::<op::DescribeManagedPrefixLists>(of_owner).prefix_lists.unwrap(), [shown]);
    let held = other.ok::<op::GetManagedPrefixListEntries>(entries(&id)).entries.unwrap();
    assert_eq!(held[0].cidr.as_deref(), Some("10.1.0.0/16"));
    // In another region nothing is shared.
    let elsewhere = owner.seen_by(OTHER, "us-west-2");
    elsewhere.refuses::<op::DescribeManagedPrefixLists>(named(&id), unknown, "…");

    let group = other.group(&other.default_vpc(), "web");
    other.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, &id));
    let own = owner.group(&owner.default_vpc(), "web");
    owner.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&own, &id));
    let mut all = vec![(group.clone(), OTHER.to_owned()), (own.clone(), OWNER.to_owned())];
    all.sort();
    assert_eq!(users(&owner, &id), all);
    assert_eq!(users(&other, &id), [(group.clone(), OTHER.to_owned())]);

    let modify = input!(ModifyManagedPrefixListRequest { prefix_list_id: &id, prefix_list_name: "mine" });
    let message = "You are not authorized to perform ModifyManagedPrefixList operation.";
    other.refuses::<op::ModifyManagedPrefixList>(modify, NOT_AUTHORIZED, message);
    let delete = || input!(DeleteManagedPrefixListRequest { prefix_list_id: &id });
    let message = "You are not authorized to perform DeleteManagedPrefixList operation.";
    other.refuses::<op::DeleteManagedPrefixList>(delete(), NOT_AUTHORIZED, message);
    let restore = input!(RestoreManagedPrefixListVersionRequest {
        prefix_list_id: &id,
        previous_version: 1,
        current_version: 1
    });
    other.refuses::<op::RestoreManagedPrefixListVersion>(restore, NOT_AUTHORIZED, "…");
    let tag = input!(CreateTagsRequest { resources: [&id], tags: crate::cloud::tags(&[("a", "b")]) });
    other.refuses::<op::CreateTags>(tag, NOT_AUTHORIZED, "…");

    // What uses a list keeps it, whosever it is, and when it is shared no more.
    owner.ok::<op::DeleteSecurityGroup>(input!(DeleteSecurityGroupRequest { group_id: &own }));
    owner.refuses::<op::DeleteManagedPrefixList>(delete(), "DependencyViolation", "…");
    owner.share(&other, &[]);
    other.refuses::<op::DescribeManagedPrefixLists>(named(&id), unknown, "…");
    let second = other.group(&other.default_vpc(), "db");
    other.refuses::<op::AuthorizeSecurityGroupIngress>(ingress(&second, &id), unknown, "…");
    owner.refuses::<op::DeleteManagedPrefixList>(delete(), "DependencyViolation", "…");
    other.ok::<op::DeleteSecurityGroup>(input!(DeleteSecurityGroupRequest { group_id: &group }));
    owner.ok::<op::DeleteManagedPrefixList>(delete());
}

#[test]
fn a_list_counts_as_its_entries_in_groups_of_others() {
    let (owner, other) = accounts();
    let id = list(&owner, 60);
    owner.share(&other, &[&format!("prefix-list/{id}")]);
    let group = other.group(&other.default_vpc(), "web");
    other.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, &id));
    let block = api::IpRange { cidr_ip: Some("10.0.0.0/8".to_owned()), description: None };
    let permission = input!(IpPermission { ip_protocol: "-1", ip_ranges: vec![block] });
    let more =
        input!(AuthorizeSecurityGroupIngressRequest { group_id: &group, ip_permissions: vec![permission] });
    let full = "RulesPerSecurityGroupLimitExceeded";
    other.refuses::<op::AuthorizeSecurityGroupIngress>(more, full, "…");
    // The owner cannot make it larger than the groups of others can bear.
    let resize = input!(ModifyManagedPrefixListRequest { prefix_list_id: &id, max_entries: 61 });
    owner.ok::<op::ModifyManagedPrefixList>(resize);
    owner.wait(SETTLED_MILLIS);
    let shown = owner.ok::<op::DescribeManagedPrefixLists>(named(&id)).prefix_lists.unwrap().remove(0);
    assert_eq!((shown.state.as_deref(), shown.max_entries), (Some("modify-failed"), Some(60)));
    assert!(shown.state_message.unwrap().contains(&group));
    // Others do not learn what stood against it.
    let shown = other.ok::<op::DescribeManagedPrefixLists>(named(&id)).prefix_lists.unwrap().remove(0);
    assert_eq!(shown.state.as_deref(), Some("modify-failed"));
    let message = shown.state_message.unwrap();
    assert!(message.starts_with("The following resources") && !message.contains(&group), "{message}");
}

#[test]
fn a_table_of_a_transit_gateway_refers_to_a_shared_list() {
    let (owner, other) = accounts();
    let id = list(&owner, 5);
    owner.share(&other, &[&format!("prefix-list/{id}")]);
    let gateway = other.ok::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest {}));
    other.wait(SETTLED_MILLIS);
    let options = gateway.transit_gateway.unwrap().options.unwrap();
    let table = options.association_default_route_table_id.unwrap();
    let request = input!(CreateTransitGatewayPrefixListReferenceRequest {
        transit_gateway_route_table_id: &table,
        prefix_list_id: &id,
        blackhole: true
    });
    let made = other.ok::<op::CreateTransitGatewayPrefixListReference>(request);
    let made = made.transit_gateway_prefix_list_reference.unwrap();
    assert_eq!(made.prefix_list_owner_id.as_deref(), Some(OWNER));
    let search = input!(SearchTransitGatewayRoutesRequest {
        transit_gateway_route_table_id: &table,
        filters: filters(&[("state", &["blackhole"])])
    });
    let found = other.ok::<op::SearchTransitGatewayRoutes>(search).routes.unwrap();
    assert_eq!(found[0].destination_cidr_block.as_deref(), Some("10.1.0.0/16"));
    let delete = || input!(DeleteManagedPrefixListRequest { prefix_list_id: &id });
    owner.refuses::<op::DeleteManagedPrefixList>(delete(), "DependencyViolation", "…");

    // When it is shared no more, the reference stays until it is deleted.
    owner.share(&other, &[]);
    let remove = || {
        input!(DeleteTransitGatewayPrefixListReferenceRequest {
            transit_gateway_route_table_id: &table,
            prefix_list_id: &id
        })
    };
    other.wait(SETTLED_MILLIS);
    other.ok::<op::DeleteTransitGatewayPrefixListReference>(remove());
    other.wait(SETTLED_MILLIS);
    let unknown = "InvalidPrefixListID.NotFound";
    other.refuses::<op::DeleteTransitGatewayPrefixListReference>(remove(), unknown, "…");
    owner.ok::<op::DeleteManagedPrefixList>(delete());
}

#[test]
fn what_names_a_list_is_taken_back_after_it_is_shared_no_more() {
    let (owner, other) = accounts();
    let id = list(&owner, 5);
    owner.share(&other, &[&format!("prefix-list/{id}")]);
    let vpc = other.vpc("10.5.0.0/16");
    let subnet = other.subnet(&vpc, "10.5.1.0/24");
    let (first, second) = (other.interface(&subnet), other.interface(&subnet));
    let table = other.ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: &vpc }));
    let table = table.route_table.unwrap().route_table_id.unwrap();
    let route = input!(CreateRouteRequest {
        route_table_id: &table,
        destination_prefix_list_id: &id,
        network_interface_id: &first
    });
    other.ok::<op::CreateRoute>(route.clone());
    let group = other.group(&vpc, "web");
    other.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&group, &id));
    assert_eq!(users(&owner, &id).len(), 2);
    owner.share(&other, &[]);

    let delete = || input!(DeleteManagedPrefixListRequest { prefix_list_id: &id });
    owner.refuses::<op::DeleteManagedPrefixList>(delete(), "DependencyViolation", "…");
    other.ok::<op::ReplaceRoute>(input!(ReplaceRouteRequest {
        route_table_id: &table,
        destination_prefix_list_id: &id,
        network_interface_id: &second
    }));
    // The owner cannot make it larger than the tables of others can bear.
    let resize = input!(ModifyManagedPrefixListRequest { prefix_list_id: &id, max_entries: 1000 });
    owner.ok::<op::ModifyManagedPrefixList>(resize);
    owner.wait(SETTLED_MILLIS);
    let shown = owner.ok::<op::DescribeManagedPrefixLists>(named(&id)).prefix_lists.unwrap().remove(0);
    assert!(shown.state_message.unwrap().contains(&table));
    let gone = input!(DeleteRouteRequest { route_table_id: &table, destination_prefix_list_id: &id });
    other.ok::<op::DeleteRoute>(gone.clone());
    let unknown = "InvalidPrefixListID.NotFound";
    other.refuses::<op::DeleteRoute>(gone, unknown, "…");
    other.refuses::<op::CreateRoute>(route, unknown, "…");

    owner.refuses::<op::DeleteManagedPrefixList>(delete(), "DependencyViolation", "…");
    let more = {
        let mut more = ingress(&group, &id);
        more.ip_permissions.as_mut().unwrap()[0].to_port = Some(444);
        more
    };
    other.refuses::<op::AuthorizeSecurityGroupIngress>(more, unknown, "…");
    let revoke = input!(RevokeSecurityGroupIngressRequest {
        group_id: &group,
        ip_permissions: ingress(&group, &id).ip_permissions.unwrap()
    });
    other.ok::<op::RevokeSecurityGroupIngress>(revoke);
    owner.ok::<op::DeleteManagedPrefixList>(delete());
}
