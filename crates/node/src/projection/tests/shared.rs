//! What accounts have in each other's networks, as the engine is told.

use super::*;

/// Shares all of these resources with another account, or no more.
pub(crate) fn share(store: &Store, resources: &[String]) {
    let now = context().now;
    let principal = resource_shares::SharePrincipal {
        acceptance: resource_shares::Acceptance::Accepted,
        created: now,
        updated: now,
        external: true,
    };
    let share = resource_shares::ResourceShare {
        id: "share".to_owned(),
        arn: "arn:aws:ram:us-east-1:123456789012:resource-share/share".to_owned(),
        name: "net".to_owned(),
        owner: context().account(),
        allow_external_principals: true,
        resources: resources
            .iter()
            .map(|one| {
                let arn = format!("arn:aws:ec2:us-east-1:123456789012:{one}");
                (arn, resource_shares::SharedResource { created: now })
            })
            .collect(),
        principals: [("210987654321".to_owned(), principal)].into(),
        permissions: Vec::new(),
        tags: aws_types::Tags::default(),
        client_token: None,
        asked: None,
        created: now,
        updated: now,
        deleted: None,
    };
    store
        .transact(|transaction| {
            resource_shares::put_partners(transaction, &context().scope(), "210987654321".parse().unwrap());
            transaction.put(&context().scope(), "share", share);
            Ok::<_, store::StoreError>(())
        })
        .unwrap();
}

#[test]
fn what_another_account_has_in_a_shared_subnet_is_in_its_vpc() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let ec2 = Ec2::new(store.clone(), Ids::default(), NoHost, Config::default());
    let mut other = context();
    other.principal.account = "210987654321".parse().unwrap();
    let text = |text: &str| Some(text.to_owned());
    let input = api::CreateVpcRequest { cidr_block: text("10.0.0.0/16"), ..Default::default() };
    let vpc = told::<op::CreateVpc>(&store, &ec2, input).0.vpc.unwrap().vpc_id.unwrap();
    let input = api::CreateSubnetRequest {
        vpc_id: vpc.clone(),
        cidr_block: text("10.0.1.0/24"),
        ..Default::default()
    };
    let subnet = told::<op::CreateSubnet>(&store, &ec2, input).0.subnet.unwrap().subnet_id.unwrap();
    let input = api::CreateManagedPrefixListRequest {
        prefix_list_name: "l".to_owned(),
        address_family: "IPv4".to_owned(),
        max_entries: 2,
        entries: Some(vec![api::AddPrefixListEntry { cidr: "10.9.0.0/16".to_owned(), description: None }]),
        ..Default::default()
    };
    let made = told::<op::CreateManagedPrefixList>(&store, &ec2, input).0.prefix_list.unwrap();
    let list = made.prefix_list_id.unwrap();
    share(&store, &[format!("subnet/{subnet}"), format!("prefix-list/{list}")]);

    let input = api::CreateSecurityGroupRequest {
        vpc_id: Some(vpc.clone()),
        group_name: "web".to_owned(),
        description: "a group".to_owned(),
        ..Default::default()
    };
    let (made, deltas) = told_by::<op::CreateSecurityGroup>(&other, &store, &ec2, input);
    let group = made.group_id.unwrap();
    let [Delta::Put(Object::SecurityGroup(put))] = &deltas[..] else { panic!("{deltas:?}") };
    assert_eq!((put.id.to_string(), put.vpc.to_string()), (group.clone(), vpc.clone()));
    let input = api::AuthorizeSecurityGroupIngressRequest {
        group_id: Some(group.clone()),
        ip_permissions: Some(vec![api::IpPermission {
            ip_protocol: text("-1"),
            prefix_list_ids: Some(vec![api::PrefixListId {
                description: None,
                prefix_list_id: Some(list.clone()),
            }]),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let blocks = |deltas: &[Delta]| {
        let [Delta::Put(Object::SecurityGroup(put))] = deltas else { panic!("{deltas:?}") };
        let inbound = put.rules.iter().filter(|rule| rule.direction == Direction::Ingress);
        let blocks = inbound.map(|rule| match rule.peer {
            Peer::Cidr(block) => block.to_string(),
            other => panic!("{other:?}"),
        });
        blocks.collect::<Vec<_>>()
    };
    let (_, deltas) = told_by::<op::AuthorizeSecurityGroupIngress>(&other, &store, &ec2, input);
    assert_eq!(blocks(&deltas), ["10.9.0.0/16"]);

    let input = api::CreateNetworkInterfaceRequest {
        subnet_id: subnet.clone(),
        groups: Some(vec![group.clone()]),
        ..Default::default()
    };
    let (made, deltas) = told_by::<op::CreateNetworkInterface>(&other, &store, &ec2, input);
    let id = made.network_interface.unwrap().network_interface_id.unwrap();
    let [Delta::Put(Object::Interface(put))] = &deltas[..] else { panic!("{deltas:?}") };
    assert_eq!((put.id.to_string(), put.vpc.to_string(), put.subnet.to_string()), (id, vpc, subnet));
    assert_eq!(put.security_groups.iter().map(ToString::to_string).collect::<Vec<_>>(), [group]);
    // All that an interface names is there, and it is its owner's.
    let all = everything(&store.snapshot());
    assert!(all.scopes.contains(&(put.id, other.scope())));
    for id in [ObjectId::Vpc(put.vpc), ObjectId::Subnet(put.subnet), ObjectId::Interface(put.id)]
        .into_iter()
        .chain(put.security_groups.iter().map(|id| ObjectId::SecurityGroup(*id)))
    {
        let is_it = |delta: &&Delta| matches!(delta, Delta::Put(object) if object.id() == id);
        assert_eq!(all.deltas.iter().filter(is_it).count(), 1, "{id:?}");
    }

    // A list that is shared no more is used by those who used it.
    share(&store, &[]);
    let mut later = context();
    later.now = later.now.plus_millis(1000);
    let input = api::ModifyManagedPrefixListRequest {
        prefix_list_id: list,
        add_entries: Some(vec![api::AddPrefixListEntry {
            cidr: "10.8.0.0/16".to_owned(),
            description: None,
        }]),
        ..Default::default()
    };
    let (_, deltas) = told_by::<op::ModifyManagedPrefixList>(&later, &store, &ec2, input);
    assert_eq!(blocks(&deltas), ["10.8.0.0/16", "10.9.0.0/16"]);
    assert_eq!(everything(&store.snapshot()).deltas.len(), all.deltas.len());
}
