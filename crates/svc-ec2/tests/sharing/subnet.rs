//! Subnets that are another account's, and what participants have in them.

use super::{NOT_AUTHORIZED, OTHER, OWNER, accounts};
use crate::cloud::{Cloud, api, filters, input, op, tags};

struct Network {
    vpc: String,
    subnet: String,
    unshared: String,
}

/// A VPC of which one of two subnets is shared.
fn network(owner: &Cloud, other: &Cloud) -> Network {
    let vpc = owner.vpc("10.0.0.0/16");
    let subnet = owner.subnet(&vpc, "10.0.1.0/24");
    let unshared = owner.subnet(&vpc, "10.0.2.0/24");
    owner.share(other, &[&format!("subnet/{subnet}")]);
    Network { vpc, subnet, unshared }
}

/// The message for changing what is not the caller's.
fn message(operation: &str) -> String {
    format!(
        "You are not authorized to perform {operation} operation. A subnet in this vpc is shared but the provided object \
         is not owned by you"
    )
}

fn subnet(cloud: &Cloud, id: &str) -> api::Subnet {
    let request = input!(DescribeSubnetsRequest { subnet_ids: [id] });
    cloud.ok::<op::DescribeSubnets>(request).subnets.unwrap().remove(0)
}

fn tables(cloud: &Cloud, vpc: &str) -> Vec<api::RouteTable> {
    let request = input!(DescribeRouteTablesRequest { filters: filters(&[("vpc-id", &[vpc])]) });
    cloud.ok::<op::DescribeRouteTables>(request).route_tables.unwrap()
}

fn acls(cloud: &Cloud, vpc: &str) -> Vec<api::NetworkAcl> {
    let request = input!(DescribeNetworkAclsRequest { filters: filters(&[("vpc-id", &[vpc])]) });
    cloud.ok::<op::DescribeNetworkAcls>(request).network_acls.unwrap()
}

fn interface_in(subnet: &str, group: &str) -> api::CreateNetworkInterfaceRequest {
    input!(CreateNetworkInterfaceRequest { subnet_id: subnet, groups: [group] })
}

fn interface(cloud: &Cloud, subnet: &str, group: &str) -> api::NetworkInterface {
    let made = cloud.ok::<op::CreateNetworkInterface>(interface_in(subnet, group));
    made.network_interface.unwrap()
}

#[test]
fn participants_see_a_shared_subnet_and_what_it_needs() {
    let (owner, other) = accounts();
    let net = network(&owner, &other);
    let tag =
        input!(CreateTagsRequest { resources: [&net.subnet, &net.vpc], tags: tags(&[("Name", "net")]) });
    owner.ok::<op::CreateTags>(tag);
    let shown = subnet(&other, &net.subnet);
    assert_eq!(shown.owner_id.as_deref(), Some(OWNER));
    assert_eq!(shown.subnet_arn, Some(format!("arn:aws:ec2:us-east-1:{OWNER}:subnet/{}", net.subnet)));
    assert_eq!((shown.vpc_id.as_ref(), &shown.tags), (Some(&net.vpc), &None));
    let of_owner = input!(DescribeSubnetsRequest { filters: filters(&[("owner-id", &[OWNER])]) });
    assert_eq!(other.ok::<op::DescribeSubnets>(of_owner).subnets.unwrap(), [shown]);
    let all = other.ok::<op::DescribeSubnets>(input!(DescribeSubnetsRequest {})).subnets.unwrap();
    assert!(all.len() > 1 && all.is_sorted_by_key(|subnet| subnet.subnet_id.clone()));
    let unknown = input!(DescribeSubnetsRequest { subnet_ids: [&net.unshared] });
    other.refuses::<op::DescribeSubnets>(unknown, "InvalidSubnetID.NotFound", "…");

    let vpcs = input!(DescribeVpcsRequest { vpc_ids: [&net.vpc] });
    let shown = other.ok::<op::DescribeVpcs>(vpcs.clone()).vpcs.unwrap().remove(0);
    assert_eq!((shown.owner_id.as_deref(), shown.tags), (Some(OWNER), None));
    let attribute = input!(DescribeVpcAttributeRequest { vpc_id: &net.vpc, attribute: "enableDnsSupport" });
    let value = other.ok::<op::DescribeVpcAttribute>(attribute).enable_dns_support.unwrap();
    assert_eq!(value.value, Some(true));

    // The main table, until the subnet has its own.
    let main = tables(&other, &net.vpc);
    assert_eq!((main.len(), main[0].owner_id.as_deref()), (1, Some(OWNER)));
    let made = owner.ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: &net.vpc }));
    let own = made.route_table.unwrap().route_table_id.unwrap();
    assert_eq!(tables(&other, &net.vpc), main);
    let associate = input!(AssociateRouteTableRequest { route_table_id: &own, subnet_id: &net.subnet });
    owner.ok::<op::AssociateRouteTable>(associate);
    let shown = tables(&other, &net.vpc);
    assert_eq!((shown.len(), shown[0].route_table_id.as_ref()), (1, Some(&own)));

    let default = acls(&other, &net.vpc);
    assert_eq!((default.len(), default[0].owner_id.as_deref()), (1, Some(OWNER)));
    let made = owner.ok::<op::CreateNetworkAcl>(input!(CreateNetworkAclRequest { vpc_id: &net.vpc }));
    let acl = made.network_acl.unwrap().network_acl_id.unwrap();
    assert_eq!(acls(&other, &net.vpc), default);
    let association = default[0].associations.as_ref().unwrap().iter();
    let mut association = association.filter(|held| held.subnet_id.as_ref() == Some(&net.subnet));
    let replace = input!(ReplaceNetworkAclAssociationRequest {
        network_acl_id: &acl,
        association_id: association.next().unwrap().network_acl_association_id.clone().unwrap()
    });
    owner.ok::<op::ReplaceNetworkAclAssociation>(replace);
    let shown = acls(&other, &net.vpc);
    assert_eq!((shown.len(), shown[0].network_acl_id.as_ref()), (1, Some(&acl)));

    let option = api::NewDhcpConfiguration {
        key: Some("domain-name".to_owned()),
        values: Some(vec!["example.com".to_owned()]),
    };
    let made = owner
        .ok::<op::CreateDhcpOptions>(input!(CreateDhcpOptionsRequest { dhcp_configurations: vec![option] }));
    let set = made.dhcp_options.unwrap().dhcp_options_id.unwrap();
    let sets = || input!(DescribeDhcpOptionsRequest { dhcp_options_ids: [&set] });
    other.refuses::<op::DescribeDhcpOptions>(sets(), "InvalidDhcpOptionID.NotFound", "…");
    owner.ok::<op::AssociateDhcpOptions>(input!(AssociateDhcpOptionsRequest {
        dhcp_options_id: &set,
        vpc_id: &net.vpc
    }));
    let shown = other.ok::<op::DescribeDhcpOptions>(sets()).dhcp_options.unwrap();
    assert_eq!(shown[0].owner_id.as_deref(), Some(OWNER));

    let third = owner.seen_by("111122223333", "us-east-1");
    third.refuses::<op::DescribeVpcs>(vpcs, "InvalidVpcID.NotFound", "…");
    assert!(tables(&third, &net.vpc).is_empty() && acls(&third, &net.vpc).is_empty());
}

#[test]
fn participants_have_groups_interfaces_and_instances_in_a_shared_subnet() {
    let (owner, other) = accounts();
    let net = network(&owner, &other);
    let third = owner.seen_by("111122223333", "us-east-1");
    let group = other.group(&net.vpc, "web");
    let made = interface(&other, &net.subnet, &group);
    assert_eq!(made.owner_id.as_deref(), Some(OTHER));
    assert_eq!((&made.vpc_id, &made.subnet_id), (&Some(net.vpc.clone()), &Some(net.subnet.clone())));
    let id = made.network_interface_id.clone().unwrap();
    let address = made.private_ip_address.unwrap();
    let usable = input!(GetSecurityGroupsForVpcRequest { vpc_id: &net.vpc });
    let usable = other.ok::<op::GetSecurityGroupsForVpc>(usable).security_group_for_vpcs.unwrap();
    assert_eq!(
        (usable.len(), usable[0].group_id.as_ref()),
        (1, Some(&group)),
        "its own, and no default group"
    );

    // The subnet's addresses are one set, whoever takes them.
    let of_owner = owner.interface(&net.subnet);
    let taken = owner.describe_interface(&of_owner).private_ip_address.unwrap();
    assert_ne!(taken, address);
    let same = api::CreateNetworkInterfaceRequest {
        private_ip_address: Some(taken),
        ..interface_in(&net.subnet, &group)
    };
    other.refuses::<op::CreateNetworkInterface>(same, "InvalidIPAddress.InUse", "…");
    let same = input!(CreateNetworkInterfaceRequest { subnet_id: &net.subnet, private_ip_address: &address });
    owner.refuses::<op::CreateNetworkInterface>(same, "InvalidIPAddress.InUse", "…");
    for cloud in [&owner, &other] {
        assert_eq!(subnet(cloud, &net.subnet).available_ip_address_count, Some(249));
    }
    let more = input!(AssignPrivateIpAddressesRequest {
        network_interface_id: &id,
        secondary_private_ip_address_count: 1
    });
    other.ok::<op::AssignPrivateIpAddresses>(more);
    for cloud in [&owner, &other] {
        assert_eq!(subnet(cloud, &net.subnet).available_ip_address_count, Some(248));
    }

    let launch = api::RunInstancesRequest {
        subnet_id: Some(net.subnet.clone()),
        security_group_ids: Some(vec![group.clone()]),
        ..other.launch()
    };
    let instance = other.run(launch).remove(0);
    assert_eq!((&instance.vpc_id, &instance.subnet_id), (&Some(net.vpc.clone()), &Some(net.subnet.clone())));
    let shown = other.instance(&instance.instance_id.clone().unwrap()).network_interfaces.unwrap().remove(0);
    assert_eq!(shown.owner_id.as_deref(), Some(OTHER));
    let instances = input!(DescribeInstancesRequest { instance_ids: [&instance.instance_id.unwrap()] });
    owner.refuses::<op::DescribeInstances>(instances, "InvalidInstanceID.NotFound", "…");

    // The owner of the VPC sees the interfaces and groups in it, with nobody else's tags; others see their own.
    let tag = input!(CreateTagsRequest { resources: [&id, &group], tags: tags(&[("Name", "web")]) });
    other.ok::<op::CreateTags>(tag);
    let shown = owner.describe_interface(&id);
    assert_eq!((shown.owner_id.as_deref(), shown.tag_set), (Some(OTHER), Some(Vec::new())));
    assert_eq!(shown.groups.unwrap()[0].group_name.as_deref(), Some("web"));
    let groups = || input!(DescribeSecurityGroupsRequest { group_ids: [&group] });
    let shown = owner.ok::<op::DescribeSecurityGroups>(groups()).security_groups.unwrap().remove(0);
    assert_eq!((shown.owner_id.as_deref(), shown.tags), (Some(OTHER), None));
    let found = |cloud: &Cloud| {
        let request =
            input!(DescribeNetworkInterfacesRequest { filters: filters(&[("vpc-id", &[&net.vpc])]) });
        cloud.ok::<op::DescribeNetworkInterfaces>(request).network_interfaces.unwrap().len()
    };
    assert_eq!((found(&owner), found(&other), found(&third)), (3, 2, 0));
    let interfaces = |id: &str| input!(DescribeNetworkInterfacesRequest { network_interface_ids: [id] });
    let unknown = "InvalidNetworkInterfaceID.NotFound";
    other.refuses::<op::DescribeNetworkInterfaces>(interfaces(&of_owner), unknown, "…");
    third.refuses::<op::DescribeNetworkInterfaces>(interfaces(&id), unknown, "…");
    third.refuses::<op::DescribeSecurityGroups>(groups(), "InvalidGroup.NotFound", "…");
    let delete = input!(DeleteNetworkInterfaceRequest { network_interface_id: &id });
    owner.refuses::<op::DeleteNetworkInterface>(
        delete.clone(),
        NOT_AUTHORIZED,
        &message("DeleteNetworkInterface"),
    );
    let unknown = input!(DeleteSecurityGroupRequest { group_id: &group });
    owner.refuses::<op::DeleteSecurityGroup>(unknown, NOT_AUTHORIZED, &message("DeleteSecurityGroup"));
    other.ok::<op::DeleteNetworkInterface>(delete);
}

#[test]
fn rules_name_groups_of_all_accounts_in_a_shared_vpc() {
    let (owner, other) = accounts();
    let net = network(&owner, &other);
    let (web, db) = (other.group(&net.vpc, "web"), owner.group(&net.vpc, "db"));
    let pair = |user: &str, group: &str| input!(UserIdGroupPair { user_id: user, group_id: group });
    let ingress = |to: &str, pair: api::UserIdGroupPair| {
        let permission = input!(IpPermission { ip_protocol: "-1", user_id_group_pairs: vec![pair] });
        input!(AuthorizeSecurityGroupIngressRequest { group_id: to, ip_permissions: vec![permission] })
    };
    other.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&web, pair(OWNER, &db)));
    owner.ok::<op::AuthorizeSecurityGroupIngress>(ingress(&db, pair(OTHER, &web)));
    let shown =
        other.ok::<op::DescribeSecurityGroups>(input!(DescribeSecurityGroupsRequest { group_ids: [&web] }));
    let shown = shown.security_groups.unwrap().remove(0).ip_permissions.unwrap().remove(0);
    assert_eq!(shown.user_id_group_pairs, Some(vec![pair(OWNER, &db)]));
    // The owner of the VPC sees the rules of the participant's group, but for their tags, and the participant its own alone.
    let rules = |cloud: &Cloud| {
        let wanted = filters(&[("group-id", &[&web, &db])]);
        let found = cloud.ok::<op::DescribeSecurityGroupRules>(input!(DescribeSecurityGroupRulesRequest {
            filters: wanted
        }));
        let inward =
            found.security_group_rules.unwrap().into_iter().filter(|rule| rule.is_egress == Some(false));
        inward.collect::<Vec<_>>()
    };
    let own = rules(&other).remove(0);
    let id = own.security_group_rule_id.clone().unwrap();
    let tag = input!(CreateTagsRequest { resources: [&id], tags: tags(&[("Name", "from db")]) });
    other.ok::<op::CreateTags>(tag.clone());
    owner.refuses::<op::CreateTags>(tag, NOT_AUTHORIZED, "…");
    let shown = rules(&other);
    assert_eq!((shown.len(), &shown[0].tags), (1, &Some(tags(&[("Name", "from db")]))));
    let named = shown[0].referenced_group_info.as_ref().unwrap();
    assert_eq!((named.group_id.as_ref(), named.user_id.as_deref()), (Some(&db), Some(OWNER)));
    let shown = rules(&owner);
    assert_eq!(
        (shown.len(), shown.iter().find(|rule| rule.group_id.as_ref() == Some(&web))),
        (2, Some(&own))
    );
    assert_eq!(own.group_owner_id.as_deref(), Some(OTHER));
    assert!(own.security_group_rule_arn.as_ref().unwrap().contains(OTHER));
    let named = input!(DescribeSecurityGroupRulesRequest { security_group_rule_ids: [&id] });
    owner.ok::<op::DescribeSecurityGroupRules>(named.clone());
    let third = owner.seen_by("111122223333", "us-east-1");
    let unknown = "InvalidSecurityGroupRuleId.NotFound";
    third.refuses::<op::DescribeSecurityGroupRules>(named, unknown, "…");
    let of_db = rules(&owner).into_iter().find(|rule| rule.group_id.as_ref() == Some(&db)).unwrap();
    let of_owner = input!(DescribeSecurityGroupRulesRequest {
        security_group_rule_ids: [&of_db.security_group_rule_id.unwrap()]
    });
    other.refuses::<op::DescribeSecurityGroupRules>(of_owner, unknown, "…");
    let unknown = "InvalidGroup.NotFound";
    other.refuses::<op::AuthorizeSecurityGroupIngress>(
        ingress(&web, pair("111122223333", &db)),
        unknown,
        "…",
    );
    let elsewhere = owner.group(&owner.default_vpc(), "elsewhere");
    other.refuses::<op::AuthorizeSecurityGroupIngress>(ingress(&web, pair(OWNER, &elsewhere)), unknown, "…");
    let delete = |group: &str| input!(DeleteSecurityGroupRequest { group_id: group });
    owner.refuses::<op::DeleteSecurityGroup>(delete(&db), "DependencyViolation", "…");
    let permission = input!(IpPermission { ip_protocol: "-1", user_id_group_pairs: vec![pair(OWNER, &db)] });
    let revoke =
        input!(RevokeSecurityGroupIngressRequest { group_id: &web, ip_permissions: vec![permission] });
    other.ok::<op::RevokeSecurityGroupIngress>(revoke);
    owner.ok::<op::DeleteSecurityGroup>(delete(&db));
}

#[test]
fn participants_change_nothing_that_is_the_owners() {
    let (owner, other) = accounts();
    let net = network(&owner, &other);
    let table = tables(&other, &net.vpc).remove(0).route_table_id.unwrap();
    let acl = acls(&other, &net.vpc).remove(0).network_acl_id.unwrap();
    macro_rules! refuses {
        ($($operation:ident($request:expr);)*) => {
            $(other.refuses::<op::$operation>($request, NOT_AUTHORIZED, &message(stringify!($operation)));)*
        };
    }
    let deletion = input!(DeleteSubnetRequest { subnet_id: &net.subnet });
    assert_eq!(other.call::<op::DeleteSubnet>(deletion).unwrap_err().status, Some(403));
    refuses! {
        DeleteSubnet(input!(DeleteSubnetRequest { subnet_id: &net.subnet }));
        ModifySubnetAttribute(input!(ModifySubnetAttributeRequest {
            subnet_id: &net.subnet,
            map_public_ip_on_launch: api::AttributeBooleanValue { value: Some(true) }
        }));
        CreateSubnet(input!(CreateSubnetRequest { vpc_id: &net.vpc, cidr_block: "10.0.3.0/24" }));
        DeleteVpc(input!(DeleteVpcRequest { vpc_id: &net.vpc }));
        ModifyVpcAttribute(input!(ModifyVpcAttributeRequest {
            vpc_id: &net.vpc,
            enable_dns_support: api::AttributeBooleanValue { value: Some(false) }
        }));
        CreateRouteTable(input!(CreateRouteTableRequest { vpc_id: &net.vpc }));
        DeleteRouteTable(input!(DeleteRouteTableRequest { route_table_id: &table }));
        CreateRoute(input!(CreateRouteRequest {
            route_table_id: &table,
            destination_cidr_block: "10.9.0.0/16",
            gateway_id: "igw-0123456789abcdef0"
        }));
        DeleteNetworkAcl(input!(DeleteNetworkAclRequest { network_acl_id: &acl }));
        DeleteNetworkAclEntry(input!(DeleteNetworkAclEntryRequest {
            network_acl_id: &acl,
            rule_number: 100,
            egress: false
        }));
        CreateNetworkAcl(input!(CreateNetworkAclRequest { vpc_id: &net.vpc }));
        CreateTags(input!(CreateTagsRequest { resources: [&net.subnet], tags: tags(&[("a", "b")]) }));
    }
    // The default group is the owner's.
    let launch = api::RunInstancesRequest { subnet_id: Some(net.subnet.clone()), ..other.launch() };
    other.refuses::<op::RunInstances>(launch, NOT_AUTHORIZED, &message("RunInstances"));
    let bare = input!(CreateNetworkInterfaceRequest { subnet_id: &net.subnet });
    other.refuses::<op::CreateNetworkInterface>(bare, NOT_AUTHORIZED, &message("CreateNetworkInterface"));
    let group = owner.group(&net.vpc, "db");
    let foreign = interface_in(&net.subnet, &group);
    other.refuses::<op::CreateNetworkInterface>(foreign, "InvalidGroup.NotFound", "…");
    let group = other.group(&net.vpc, "web");
    let foreign = interface_in(&net.subnet, &group);
    owner.refuses::<op::CreateNetworkInterface>(foreign, NOT_AUTHORIZED, &message("CreateNetworkInterface"));
    let unshared = interface_in(&net.unshared, &group);
    other.refuses::<op::CreateNetworkInterface>(unshared, "InvalidSubnetID.NotFound", "…");
}

#[test]
fn what_participants_have_stays_when_a_subnet_is_shared_no_more() {
    let (owner, other) = accounts();
    let net = network(&owner, &other);
    let group = other.group(&net.vpc, "web");
    let launch = api::RunInstancesRequest {
        subnet_id: Some(net.subnet.clone()),
        security_group_ids: Some(vec![group.clone()]),
        ..other.launch()
    };
    let instance = other.run(launch).remove(0).instance_id.unwrap();
    assert!(other.ec2.instance_started(&other.scope(), instance.parse().unwrap(), other.now()).unwrap());
    let id = interface(&other, &net.subnet, &group).network_interface_id.unwrap();
    let delete_subnet = || input!(DeleteSubnetRequest { subnet_id: &net.subnet });
    owner.refuses::<op::DeleteSubnet>(delete_subnet(), "DependencyViolation", "…");
    owner.share(&other, &[]);
    owner.refuses::<op::DeleteSubnet>(delete_subnet(), "DependencyViolation", "…");
    let unknown = "InvalidSubnetID.NotFound";
    let subnets = input!(DescribeSubnetsRequest { subnet_ids: [&net.subnet] });
    other.refuses::<op::DescribeSubnets>(subnets, unknown, "…");
    other.refuses::<op::CreateNetworkInterface>(interface_in(&net.subnet, &group), unknown, "…");
    other.refuses::<op::DeleteSubnet>(delete_subnet(), unknown, "…");
    let vpc =
        input!(CreateSecurityGroupRequest { vpc_id: &net.vpc, group_name: "x", description: "a group" });
    other.refuses::<op::CreateSecurityGroup>(vpc, "InvalidVpcID.NotFound", "…");

    // All of it is still described, changed and deleted.
    assert_eq!(other.instance(&instance).subnet_id.as_ref(), Some(&net.subnet));
    assert_eq!(other.describe_interface(&id).status.as_deref(), Some("available"));
    let more = input!(AssignPrivateIpAddressesRequest {
        network_interface_id: &id,
        secondary_private_ip_address_count: 1
    });
    other.ok::<op::AssignPrivateIpAddresses>(more);
    other.terminate(&instance);
    other.ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
        network_interface_id: &id
    }));
    owner.ok::<op::DeleteSubnet>(delete_subnet());
    owner.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: &net.unshared }));
    let delete_vpc = || input!(DeleteVpcRequest { vpc_id: &net.vpc });
    owner.refuses::<op::DeleteVpc>(delete_vpc(), "DependencyViolation", "…");
    other.ok::<op::DeleteSecurityGroup>(input!(DeleteSecurityGroupRequest { group_id: &group }));
    owner.ok::<op::DeleteVpc>(delete_vpc());
}

#[test]
fn public_addresses_of_participants_use_the_owners_gateway() {
    let (owner, other) = accounts();
    let net = network(&owner, &other);
    let group = other.group(&net.vpc, "web");
    let id = interface(&other, &net.subnet, &group).network_interface_id.unwrap();
    let address = other.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {})).allocation_id.unwrap();
    let associate = || input!(AssociateAddressRequest { allocation_id: &address, network_interface_id: &id });
    other.refuses::<op::AssociateAddress>(associate(), "Gateway.NotAttached", "…");
    let made = owner.ok::<op::CreateInternetGateway>(input!(CreateInternetGatewayRequest {}));
    let gateway = made.internet_gateway.unwrap().internet_gateway_id.unwrap();
    owner.ok::<op::AttachInternetGateway>(input!(AttachInternetGatewayRequest {
        internet_gateway_id: &gateway,
        vpc_id: &net.vpc
    }));
    other.ok::<op::AssociateAddress>(associate());
    let detach = input!(DetachInternetGatewayRequest { internet_gateway_id: &gateway, vpc_id: &net.vpc });
    owner.refuses::<op::DetachInternetGateway>(detach, "DependencyViolation", "…");
}

#[test]
fn participants_of_one_subnet_have_nothing_but_its_addresses_in_common() {
    let (owner, other) = accounts();
    let net = network(&owner, &other);
    let third = owner.seen_by("111122223333", "us-east-1");
    owner.share(&third, &[&format!("subnet/{}", net.subnet)]);
    let (web, db) = (other.group(&net.vpc, "web"), third.group(&net.vpc, "db"));
    let first = interface(&other, &net.subnet, &web);
    let address = first.private_ip_address.unwrap();
    let same = api::CreateNetworkInterfaceRequest {
        private_ip_address: Some(address.clone()),
        ..interface_in(&net.subnet, &db)
    };
    third.refuses::<op::CreateNetworkInterface>(same, "InvalidIPAddress.InUse", "…");
    let second = interface(&third, &net.subnet, &db);
    assert_ne!(second.private_ip_address, Some(address));
    for cloud in [&owner, &other, &third] {
        assert_eq!(subnet(cloud, &net.subnet).available_ip_address_count, Some(249));
    }

    let (first, second) = (first.network_interface_id.unwrap(), second.network_interface_id.unwrap());
    for (cloud, theirs, group) in [(&other, &second, &db), (&third, &first, &web)] {
        let interfaces = input!(DescribeNetworkInterfacesRequest { network_interface_ids: [theirs] });
        let unknown = "InvalidNetworkInterfaceID.NotFound";
        cloud.refuses::<op::DescribeNetworkInterfaces>(interfaces, unknown, "…");
        let delete = input!(DeleteNetworkInterfaceRequest { network_interface_id: theirs });
        cloud.refuses::<op::DeleteNetworkInterface>(delete, unknown, "…");
        let groups = input!(DescribeSecurityGroupsRequest { filters: filters(&[("vpc-id", &[&net.vpc])]) });
        assert_eq!(cloud.ok::<op::DescribeSecurityGroups>(groups).security_groups.unwrap().len(), 1);
        let delete = input!(DeleteSecurityGroupRequest { group_id: group });
        cloud.refuses::<op::DeleteSecurityGroup>(delete, "InvalidGroup.NotFound", "…");
        let tag = input!(CreateTagsRequest { resources: [theirs], tags: tags(&[("a", "b")]) });
        cloud.refuses::<op::CreateTags>(tag, unknown, "…");
    }

    // Their groups name each other's, and then stay for as long.
    let pair = input!(UserIdGroupPair { user_id: "111122223333", group_id: &db });
    let permission = input!(IpPermission { ip_protocol: "-1", user_id_group_pairs: vec![pair] });
    other.ok::<op::AuthorizeSecurityGroupIngress>(input!(AuthorizeSecurityGroupIngressRequest {
        group_id: &web,
        ip_permissions: vec![permission.clone()]
    }));
    third.ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
        network_interface_id: &second
    }));
    let delete = || input!(DeleteSecurityGroupRequest { group_id: &db });
    third.refuses::<op::DeleteSecurityGroup>(delete(), "DependencyViolation", "…");
    owner.share(&third, &[]);
    other.ok::<op::RevokeSecurityGroupIngress>(input!(RevokeSecurityGroupIngressRequest {
        group_id: &web,
        ip_permissions: vec![permission]
    }));
    third.ok::<op::DeleteSecurityGroup>(delete());
}

#[test]
fn pages_hold_own_and_shared_subnets_in_one_order() {
    let (owner, other) = accounts();
    let net = network(&owner, &other);
    let describe = |size: Option<i32>, token: Option<String>| {
        let request =
            api::DescribeSubnetsRequest { max_results: size, next_token: token, ..Default::default() };
        other.ok::<op::DescribeSubnets>(request)
    };
    let all = describe(None, None).subnets.unwrap();
    assert!(all.iter().any(|one| one.subnet_id.as_ref() == Some(&net.subnet)));
    let (mut joined, mut token) = (Vec::new(), None);
    loop {
        let page = describe(Some(5), token);
        joined.extend(page.subnets.unwrap());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(joined, all);
}
