//! Whatever is asked, in whatever order, the records stay consistent with each other.

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;
use store::{Read, Store};
use svc_ec2::Config;
use svc_ec2::record::{
    AssociationTarget, Destination, ElasticIp, Instance, NetworkAcl, NetworkAclAssociation, NetworkInterface,
    Peer, PrefixList, PublicIpv4Pool, RouteTable, SecurityGroup, Subnet, Volume, Vpc, VpnConnection,
};
use vpc_model::subnet::is_reserved;

use crate::cloud::{Cloud, api, input, op};

/// Chooses what there is not.
const NOTHING: u8 = 11;

/// One request; the numbers choose among what there is, and the highest chooses what there is not.
#[derive(Clone, Debug)]
enum Request {
    CreateVpc(u8),
    DeleteVpc(u8),
    AddBlock(u8, u8),
    CreateSubnet(u8, u8),
    DeleteSubnet(u8),
    CreateTable(u8),
    Associate(u8, u8),
    ReplaceMain(u8, u8),
    DeleteTable(u8),
    CreateList,
    DeleteList(u8),
    Route(u8, u8),
    RouteToList(u8, u8),
    Unroute(u8, u8),
    CreateGroup(u8, u8),
    Reference(u8, u8),
    DeleteGroup(u8),
    CreateAcl(u8),
    MoveAcl(u8, u8),
    DeleteAcl(u8),
    CreateInterface(u8, u8),
    DeleteInterface(u8),
    SetGroups(u8, u8),
    Run(u8, u8),
    Started(u8),
    Stop(u8),
    Stopped(u8),
    Start(u8),
    Terminate(u8),
    Terminated(u8),
    Failed(u8),
    Attach(u8, u8),
    Detach(u8),
    Allocate,
    Map(u8, u8),
    Unmap(u8),
    Release(u8),
    AllocateOwn,
    Offer(u8),
    Accept(u8),
    AllocateElsewhere,
    ReleaseElsewhere(u8),
    AddAddress(u8),
    TakeAddress(u8, u8),
    RemoveAddress(u8),
    Wait,
}

fn request() -> impl Strategy<Value = Request> {
    let n = || 0..=NOTHING;
    prop_oneof![
        n().prop_map(Request::CreateVpc),
        n().prop_map(Request::DeleteVpc),
        (n(), n()).prop_map(|(a, b)| Request::AddBlock(a, b)),
        (n(), n()).prop_map(|(a, b)| Request::CreateSubnet(a, b)),
        (n(), n()).prop_map(|(a, b)| Request::CreateSubnet(a, b)),
        n().prop_map(Request::DeleteSubnet),
        n().prop_map(Request::CreateTable),
        (n(), n()).prop_map(|(a, b)| Request::Associate(a, b)),
        (n(), n()).prop_map(|(a, b)| Request::ReplaceMain(a, b)),
        n().prop_map(Request::DeleteTable),
        Just(Request::CreateList),
        n().prop_map(Request::DeleteList),
        (n(), n()).prop_map(|(a, b)| Request::Route(a, b)),
        (n(), n()).prop_map(|(a, b)| Request::RouteToList(a, b)),
        (n(), n()).prop_map(|(a, b)| Request::RouteToList(a, b)),
        (n(), n()).prop_map(|(a, b)| Request::Unroute(a, b)),
        (n(), n()).prop_map(|(a, b)| Request::CreateGroup(a, b)),
        (n(), n()).prop_map(|(a, b)| Request::Reference(a, b)),
        n().prop_map(Request::DeleteGroup),
        n().prop_map(Request::CreateAcl),
        (n(), n()).prop_map(|(a, b)| Request::MoveAcl(a, b)),
        n().prop_map(Request::DeleteAcl),
        (n(), n()).prop_map(|(a, b)| Request::CreateInterface(a, b)),
        n().prop_map(Request::DeleteInterface),
        (n(), n()).prop_map(|(a, b)| Request::SetGroups(a, b)),
        (n(), n()).prop_map(|(a, b)| Request::Run(a, b)),
        (n(), n()).prop_map(|(a, b)| Request::Run(a, b)),
        n().prop_map(Request::Started),
        n().prop_map(Request::Stop),
        n().prop_map(Request::Stopped),
        n().prop_map(Request::Start),
        n().prop_map(Request::Terminate),
        n().prop_map(Request::Terminated),
        n().prop_map(Request::Failed),
        (n(), n()).prop_map(|(a, b)| Request::Attach(a, b)),
        n().prop_map(Request::Detach),
        Just(Request::Allocate),
        (n(), n()).prop_map(|(a, b)| Request::Map(a, b)),
        n().prop_map(Request::Unmap),
        n().prop_map(Request::Release),
        Just(Request::AllocateOwn),
        n().prop_map(Request::Offer),
        n().prop_map(Request::Accept),
        Just(Request::AllocateElsewhere),
        n().prop_map(Request::ReleaseElsewhere),
        n().prop_map(Request::AddAddress),
        (n(), n()).prop_map(|(a, b)| Request::TakeAddress(a, b)),
        n().prop_map(Request::RemoveAddress),
        Just(Request::Wait),
    ]
}

const OTHER: &str = "210987654321";

/// The account that addresses are offered to.
fn other(cloud: &Cloud) -> Cloud {
    cloud.seen_by(OTHER, "us-east-1")
}

/// The id of one of a kind of record.
macro_rules! pick {
    ($cloud:expr, $kind:ty, $number:expr, $unknown:literal) => {{
        let snapshot = $cloud.store.snapshot();
        let ids: Vec<String> = snapshot.scan::<$kind>(&$cloud.scope()).map(|(id, _)| id.to_owned()).collect();
        let known = Some(&ids).filter(|ids| $number != NOTHING && !ids.is_empty());
        known.map_or_else(|| $unknown.to_owned(), |ids| ids[usize::from($number) % ids.len()].clone())
    }};
}

fn ask(cloud: &Cloud, request: &Request) -> Result<(), service_api::ServiceError> {
    use Request as R;
    let vpc = |n: u8| pick!(cloud, Vpc, n, "vpc-0123456789abcdef0");
    let subnet = |n: u8| pick!(cloud, Subnet, n, "subnet-0123456789abcdef0");
    let table = |n: u8| pick!(cloud, RouteTable, n, "rtb-0123456789abcdef0");
    let list = |n: u8| pick!(cloud, PrefixList, n, "pl-0123456789abcdef0");
    let group = |n: u8| pick!(cloud, SecurityGroup, n, "sg-0123456789abcdef0");
    let acl = |n: u8| pick!(cloud, NetworkAcl, n, "acl-0123456789abcdef0");
    let interface = |n: u8| pick!(cloud, NetworkInterface, n, "eni-0123456789abcdef0");
    let instance = |n: u8| pick!(cloud, Instance, n, "i-0123456789abcdef0");
    let elastic_ip = |n: u8| pick!(cloud, ElasticIp, n, "eipalloc-0123456789abcdef0");
    // The last address of an interface, which is the primary one where there is no other.
    let last_address = |n: u8| {
        let held = cloud.store.snapshot().get::<NetworkInterface>(&cloud.scope(), &interface(n));
        held.map_or_else(|| "10.0.0.9".to_owned(), |held| held.private_addresses.last().unwrap().to_string())
    };
    let id = |n: u8| instance(n).parse().unwrap();
    let (scope, now) = (cloud.scope(), cloud.now());
    match *request {
        R::CreateVpc(n) => cloud
            .call::<op::CreateVpc>(input!(CreateVpcRequest { cidr_block: format!("10.{n}.0.0/24") }))
            .map(drop),
        R::DeleteVpc(n) => cloud.call::<op::DeleteVpc>(input!(DeleteVpcRequest { vpc_id: vpc(n) })).map(drop),
        R::AddBlock(n, block) => cloud
            .call::<op::AssociateVpcCidrBlock>(input!(AssociateVpcCidrBlockRequest {
                vpc_id: vpc(n),
                cidr_block: format!("10.9.{block}.0/24")
            }))
            .map(drop),
        R::CreateSubnet(n, part) => {
            let id = vpc(n);
            let block = cloud.store.snapshot().get::<Vpc>(&scope, &id).map_or_else(
                || "10.0.0.0/28".to_owned(),
                |vpc| {
                    format!(
                        "{}/28",
                        std::net::Ipv4Addr::from(
                            u32::from(vpc.primary_block().network()) + 16 * u32::from(part)
                        )
                    )
                },
            );
            cloud
                .call::<op::CreateSubnet>(input!(CreateSubnetRequest { vpc_id: id, cidr_block: block }))
                .map(drop)
        }
        R::DeleteSubnet(n) => {
            cloud.call::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: subnet(n) })).map(drop)
        }
        R::CreateTable(n) => {
            cloud.call::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: vpc(n) })).map(drop)
        }
        R::Associate(n, m) => cloud
            .call::<op::AssociateRouteTable>(input!(AssociateRouteTableRequest {
                route_table_id: table(n),
                subnet_id: subnet(m)
            }))
            .map(drop),
        R::ReplaceMain(n, m) => {
            let held = cloud.store.snapshot().get::<RouteTable>(&scope, &table(n));
            let association = held.and_then(|held| held.associations.first().map(|held| held.id.to_string()));
            cloud
                .call::<op::ReplaceRouteTableAssociation>(input!(ReplaceRouteTableAssociationRequest {
                    association_id: association.unwrap_or_else(|| "rtbassoc-0123456789abcdef0".to_owned()),
                    route_table_id: table(m),
                }))
                .map(drop)
        }
        R::DeleteTable(n) => cloud
            .call::<op::DeleteRouteTable>(input!(DeleteRouteTableRequest { route_table_id: table(n) }))
            .map(drop),
        R::CreateList => cloud
            .call::<op::CreateManagedPrefixList>(input!(CreateManagedPrefixListRequest {
                prefix_list_name: "l",
                address_family: "IPv4",
                max_entries: 5
            }))
            .map(drop),
        R::DeleteList(n) => {
            // A list that is new cannot be deleted.
            cloud.wait(1000);
            let input = input!(DeleteManagedPrefixListRequest { prefix_list_id: list(n) });
            cloud.call::<op::DeleteManagedPrefixList>(input).map(drop)
        }
        R::Route(n, m) => cloud
            .call::<op::CreateRoute>(input!(CreateRouteRequest {
                route_table_id: table(n),
                destination_cidr_block: format!("192.0.2.{m}/32"),
                network_interface_id: interface(m)
            }))
            .map(drop),
        R::RouteToList(n, m) => cloud
            .call::<op::CreateRoute>(input!(CreateRouteRequest {
                route_table_id: table(n),
                destination_prefix_list_id: list(m),
                network_interface_id: interface(n)
            }))
            .map(drop),
        R::Unroute(n, m) => cloud
            .call::<op::DeleteRoute>(input!(DeleteRouteRequest {
                route_table_id: table(n),
                destination_prefix_list_id: list(m)
            }))
            .map(drop),
        R::CreateGroup(n, name) => cloud
            .call::<op::CreateSecurityGroup>(input!(CreateSecurityGroupRequest {
                vpc_id: vpc(n),
                group_name: format!("g{name}"),
                description: "d"
            }))
            .map(drop),
        R::Reference(n, m) => {
            let pair = api::UserIdGroupPair { group_id: Some(group(m)), ..Default::default() };
            let permission = api::IpPermission {
                ip_protocol: Some("-1".to_owned()),
                user_id_group_pairs: Some(vec![pair]),
                ..Default::default()
            };
            let input = input!(AuthorizeSecurityGroupIngressRequest {
                group_id: group(n),
                ip_permissions: vec![permission]
            });
            cloud.call::<op::AuthorizeSecurityGroupIngress>(input).map(drop)
        }
        R::DeleteGroup(n) => cloud
            .call::<op::DeleteSecurityGroup>(input!(DeleteSecurityGroupRequest { group_id: group(n) }))
            .map(drop),
        R::CreateAcl(n) => {
            cloud.call::<op::CreateNetworkAcl>(input!(CreateNetworkAclRequest { vpc_id: vpc(n) })).map(drop)
        }
        R::MoveAcl(n, m) => {
            let snapshot = cloud.store.snapshot();
            let association = snapshot
                .scan::<NetworkAclAssociation>(&scope)
                .find(|(_, held)| held.acl.to_string() == acl(n))
                .map(|(_, held)| held.id.to_string());
            cloud
                .call::<op::ReplaceNetworkAclAssociation>(input!(ReplaceNetworkAclAssociationRequest {
                    association_id: association.unwrap_or_else(|| "aclassoc-0123456789abcdef0".to_owned()),
                    network_acl_id: acl(m),
                }))
                .map(drop)
        }
        R::DeleteAcl(n) => cloud
            .call::<op::DeleteNetworkAcl>(input!(DeleteNetworkAclRequest { network_acl_id: acl(n) }))
            .map(drop),
        R::CreateInterface(n, m) => cloud
            .call::<op::CreateNetworkInterface>(input!(CreateNetworkInterfaceRequest {
                subnet_id: subnet(n),
                groups: [group(m)]
            }))
            .map(drop),
        R::DeleteInterface(n) => cloud
            .call::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
                network_interface_id: interface(n)
            }))
            .map(drop),
        R::SetGroups(n, m) => cloud
            .call::<op::ModifyNetworkInterfaceAttribute>(input!(ModifyNetworkInterfaceAttributeRequest {
                network_interface_id: interface(n),
                groups: [group(m)],
            }))
            .map(drop),
        R::Run(n, count) => cloud
            .call::<op::RunInstances>(api::RunInstancesRequest {
                subnet_id: Some(subnet(n)),
                max_count: i32::from(count) + 1,
                ..cloud.launch()
            })
            .map(drop),
        R::Started(n) => cloud.ec2.instance_started(&scope, id(n), now).map(drop),
        R::Stop(n) => cloud
            .call::<op::StopInstances>(input!(StopInstancesRequest { instance_ids: [instance(n)] }))
            .map(drop),
        R::Stopped(n) => cloud.ec2.instance_shut_down(&scope, id(n), now).map(drop),
        R::Start(n) => cloud
            .call::<op::StartInstances>(input!(StartInstancesRequest { instance_ids: [instance(n)] }))
            .map(drop),
        R::Terminate(n) => cloud
            .call::<op::TerminateInstances>(input!(TerminateInstancesRequest { instance_ids: [instance(n)] }))
            .map(drop),
        R::Terminated(n) => cloud.ec2.instance_terminated(&scope, id(n), now).map(drop),
        R::Failed(n) => {
            let reason = svc_ec2::record::StateReason::internal_error("a test");
            cloud.ec2.instance_failed(&scope, id(n), now, reason).map(drop)
        }
        R::Attach(n, m) => cloud
            .call::<op::AttachNetworkInterface>(input!(AttachNetworkInterfaceRequest {
                network_interface_id: interface(n),
                instance_id: instance(m),
                device_index: 1,
            }))
            .map(drop),
        R::Detach(n) => {
            let held = cloud.store.snapshot().get::<NetworkInterface>(&scope, &interface(n));
            let attachment = held.and_then(|held| held.attachment.as_ref().map(|held| held.id.to_string()));
            let attachment = attachment.unwrap_or_else(|| "eni-attach-0123456789abcdef0".to_owned());
            cloud
                .call::<op::DetachNetworkInterface>(input!(DetachNetworkInterfaceRequest {
                    attachment_id: attachment
                }))
                .map(drop)
        }
        R::Allocate => cloud.call::<op::AllocateAddress>(input!(AllocateAddressRequest {})).map(drop),
        R::Map(n, m) => cloud
            .call::<op::AssociateAddress>(input!(AssociateAddressRequest {
                allocation_id: elastic_ip(n),
                network_interface_id: interface(m),
                private_ip_address: last_address(m),
                allow_reassociation: n % 2 == 0,
            }))
            .map(drop),
        R::Unmap(n) => {
            let held = cloud.store.snapshot().get::<ElasticIp>(&scope, &elastic_ip(n));
            let held = held.and_then(|held| held.association.as_ref().map(|held| held.id.to_string()));
            cloud
                .call::<op::DisassociateAddress>(input!(DisassociateAddressRequest {
                    association_id: held.unwrap_or_else(|| "eipassoc-0123456789abcdef0".to_owned()),
                }))
                .map(drop)
        }
        R::Release(n) => cloud
            .call::<op::ReleaseAddress>(input!(ReleaseAddressRequest { allocation_id: elastic_ip(n) }))
            .map(drop),
        R::AllocateOwn => {
            let snapshot = cloud.store.snapshot();
            let (pool, _) = snapshot.scan::<PublicIpv4Pool>(&scope).next().unwrap();
            cloud
                .call::<op::AllocateAddress>(input!(AllocateAddressRequest { public_ipv4_pool: pool }))
                .map(drop)
        }
        R::Offer(n) => cloud
            .call::<op::EnableAddressTransfer>(input!(EnableAddressTransferRequest {
                allocation_id: elastic_ip(n),
                transfer_account_id: OTHER
            }))
            .map(drop),
        R::Accept(n) => {
            let held = cloud.store.snapshot().get::<ElasticIp>(&scope, &elastic_ip(n));
            let address = held.map_or_else(|| "198.18.0.99".to_owned(), |held| held.address.to_string());
            other(cloud)
                .call::<op::AcceptAddressTransfer>(input!(AcceptAddressTransferRequest { address: address }))
                .map(drop)
        }
        R::AllocateElsewhere => {
            other(cloud).call::<op::AllocateAddress>(input!(AllocateAddressRequest {})).map(drop)
        }
        R::ReleaseElsewhere(n) => {
            let other = other(cloud);
            let id = pick!(other, ElasticIp, n, "eipalloc-0123456789abcdef0");
            other.call::<op::ReleaseAddress>(input!(ReleaseAddressRequest { allocation_id: id })).map(drop)
        }
        R::AddAddress(n) => cloud
            .call::<op::AssignPrivateIpAddresses>(input!(AssignPrivateIpAddressesRequest {
                network_interface_id: interface(n),
                secondary_private_ip_address_count: 1,
            }))
            .map(drop),
        R::TakeAddress(n, m) => cloud
            .call::<op::AssignPrivateIpAddresses>(input!(AssignPrivateIpAddressesRequest {
                network_interface_id: interface(n),
                private_ip_addresses: [last_address(m)],
                allow_reassignment: true,
            }))
            .map(drop),
        R::RemoveAddress(n) => cloud
            .call::<op::UnassignPrivateIpAddresses>(input!(UnassignPrivateIpAddressesRequest {
                network_interface_id: interface(n),
                private_ip_addresses: [last_address(n)],
            }))
            .map(drop),
        R::Wait => {
            cloud.wait(20 * 60 * 1000);
            Ok(())
        }
    }
}

fn check_vpcs(cloud: &Cloud) {
    let (snapshot, scope) = (cloud.store.snapshot(), cloud.scope());
    let subnets: Vec<_> = snapshot.scan::<Subnet>(&scope).map(|(_, subnet)| subnet).collect();
    let tables: Vec<_> = snapshot.scan::<RouteTable>(&scope).map(|(_, table)| table).collect();
    let acls: Vec<_> = snapshot.scan::<NetworkAcl>(&scope).map(|(_, acl)| acl).collect();
    let groups: Vec<_> = snapshot.scan::<SecurityGroup>(&scope).map(|(_, group)| group).collect();
    for (_, vpc) in snapshot.scan::<Vpc>(&scope) {
        assert_eq!(tables.iter().filter(|table| table.vpc == vpc.id && table.is_main()).count(), 1);
        assert_eq!(acls.iter().filter(|acl| acl.vpc == vpc.id && acl.is_default).count(), 1);
        assert_eq!(groups.iter().filter(|group| group.vpc == vpc.id && group.is_default()).count(), 1);
    }
    let has_vpc = |id: aws_types::VpcId| snapshot.contains::<Vpc>(&scope, &id.to_string());
    for subnet in &subnets {
        assert!(has_vpc(subnet.vpc));
        let association = snapshot.get::<NetworkAclAssociation>(&scope, &subnet.id.to_string()).unwrap();
        assert_eq!(association.subnet, subnet.id);
        assert!(acls.iter().any(|acl| acl.id == association.acl && acl.vpc == subnet.vpc));
        assert!(tables.iter().filter(|table| table.has_subnet(subnet.id)).count() <= 1);
        let overlapping =
            subnets.iter().filter(|other| other.vpc == subnet.vpc && other.cidr.contains(&subnet.cidr));
        assert_eq!(overlapping.count(), 1);
    }
    let known: BTreeSet<_> = subnets.iter().map(|subnet| subnet.id).collect();
    for table in &tables {
        assert!(has_vpc(table.vpc));
        for association in &table.associations {
            if let AssociationTarget::Subnet(subnet) = association.target {
                assert!(known.contains(&subnet));
            }
        }
        for (place, route) in table.routes.iter().enumerate() {
            assert!(table.routes[..place].iter().all(|other| other.destination != route.destination));
            if let Destination::PrefixList(list) = route.destination {
                let list = snapshot.get::<PrefixList>(&scope, &list.to_string()).unwrap();
                assert!(!list.is_deleted());
            }
        }
    }
    assert!(acls.iter().all(|acl| has_vpc(acl.vpc)));
    assert_eq!(snapshot.scan::<NetworkAclAssociation>(&scope).count(), subnets.len());
    for group in &groups {
        assert!(has_vpc(group.vpc));
        for rule in &group.rules {
            if let Peer::Group(peer) = rule.peer {
                assert!(groups.iter().any(|other| other.id == peer && other.vpc == group.vpc));
            }
        }
    }
}

fn check_interfaces(cloud: &Cloud) {
    let (snapshot, scope) = (cloud.store.snapshot(), cloud.scope());
    let (mut ports, mut addresses) = (HashSet::new(), HashSet::new());
    for (_, interface) in snapshot.scan::<NetworkInterface>(&scope) {
        assert!(ports.insert(interface.port) && interface.port != 0);
        let subnet = snapshot.get::<Subnet>(&scope, &interface.subnet.to_string()).unwrap();
        for address in &interface.private_addresses {
            assert!(subnet.cidr.contains(address) && !is_reserved(subnet.cidr, *address));
            assert!(addresses.insert((interface.subnet, *address)));
        }
        for prefix in &interface.ipv4_prefixes {
            assert!(prefix.prefix_len() == 28 && subnet.cidr.contains(prefix));
            let (first, last) = (u32::from(prefix.network()), u32::from(prefix.broadcast()));
            for address in (first..=last).map(std::net::Ipv4Addr::from) {
                assert!(!is_reserved(subnet.cidr, address));
                assert!(addresses.insert((interface.subnet, address)));
            }
        }
        assert!(!interface.groups.is_empty());
        for group in &interface.groups {
            let group = snapshot.get::<SecurityGroup>(&scope, &group.to_string()).unwrap();
            assert_eq!(group.vpc, interface.vpc);
        }
        if let Some(attachment) = &interface.attachment {
            let instance = snapshot.get::<Instance>(&scope, &attachment.instance.to_string()).unwrap();
            assert!(instance.interfaces.contains(&interface.id));
        }
    }
    for (_, instance) in snapshot.scan::<Instance>(&scope) {
        let is_terminated = instance.state == svc_ec2::record::InstanceState::Terminated;
        assert_eq!(instance.interfaces.is_empty(), is_terminated);
        for id in &instance.interfaces {
            let interface = snapshot.get::<NetworkInterface>(&scope, &id.to_string()).unwrap();
            assert_eq!(interface.attachment.as_ref().unwrap().instance, instance.id);
        }
        assert_eq!(instance.volumes.is_empty(), is_terminated);
    }
    for (_, volume) in snapshot.scan::<Volume>(&scope) {
        let held = volume.attachment.as_ref().unwrap();
        let instance = snapshot.get::<Instance>(&scope, &held.instance.to_string()).unwrap();
        assert!(instance.volumes.contains(&volume.id));
    }
}

fn check_elastic_ips(cloud: &Cloud) {
    let (snapshot, scope) = (cloud.store.snapshot(), cloud.scope());
    let (mut addresses, mut mapped) = (HashSet::new(), HashSet::new());
    for (_, elastic_ip) in snapshot.scan::<ElasticIp>(&scope) {
        assert!(addresses.insert(elastic_ip.address));
        if let Some(held) = &elastic_ip.association {
            let interface = snapshot.get::<NetworkInterface>(&scope, &held.interface.to_string()).unwrap();
            assert_eq!(interface.vpc, held.vpc);
            assert!(interface.private_addresses.contains(&held.private_address));
            assert!(mapped.insert((held.interface, held.private_address)));
        }
    }
    for (_, interface) in snapshot.scan::<NetworkInterface>(&scope) {
        let Some(address) = interface.assigned_address.held() else { continue };
        assert!(addresses.insert(address));
        assert!(mapped.insert((interface.id, interface.primary_address())));
        let attachment = interface.attachment.as_ref().unwrap();
        assert_eq!(attachment.device_index, 0);
        let instance = snapshot.get::<Instance>(&scope, &attachment.instance.to_string()).unwrap();
        assert_ne!(instance.state, svc_ec2::record::InstanceState::Stopped);
    }
}

/// Checks that nobody in the cloud has a public address that another has too.
pub(crate) fn check_public_addresses(store: &Store) {
    let snapshot = store.snapshot();
    let elastic_ips = snapshot.scan_all::<ElasticIp>().map(|(_, _, held)| held.address);
    let interfaces = snapshot.scan_all::<NetworkInterface>();
    let assigned = interfaces.filter_map(|(_, _, held)| held.assigned_address.held());
    let connections = snapshot.scan_all::<VpnConnection>().map(|(_, _, held)| held);
    let connections = connections.filter(|held| !held.progress.is_ended());
    let tunnels = connections.flat_map(|held| held.tunnels.clone()).map(|tunnel| tunnel.outside);
    let mut addresses = HashSet::new();
    for address in elastic_ips.chain(assigned).chain(tunnels) {
        assert!(addresses.insert(address), "{address} is there twice");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn records_stay_consistent(requests in proptest::collection::vec(request(), 1..80)) {
        let cloud = Cloud::with(Config { enforce_quotas: false, hot_plug: true, ..Config::default() });
        cloud.ec2.ensure_region(&cloud.scope(), cloud.now()).unwrap();
        // The default VPC has more subnets than the numbers reach.
        for subnet in cloud.ok::<op::DescribeSubnets>(input!(DescribeSubnetsRequest {})).subnets.unwrap() {
            cloud.ok::<op::DeleteSubnet>(input!(DeleteSubnetRequest { subnet_id: subnet.subnet_id.unwrap() }));
        }
        for vpc in ["10.100.0.0/24", "10.101.0.0/24"].map(|block| cloud.vpc(block)) {
            let base = cloud.ok::<op::DescribeVpcs>(input!(DescribeVpcsRequest { vpc_ids: [&vpc] })).vpcs.unwrap().remove(0);
            cloud.subnet(&vpc, &base.cidr_block.unwrap().replace("/24", "/28"));
        }
        // An internet gateway is on the default VPC alone.
        let public = cloud.subnet(&cloud.default_vpc(), "172.31.0.16/28");
        cloud.ok::<op::ModifySubnetAttribute>(input!(ModifySubnetAttributeRequest {
            subnet_id: &public,
            map_public_ip_on_launch: api::AttributeBooleanValue { value: Some(true) },
        }));
        crate::byoip::pool(&cloud, "203.0.113.0/24");
        other(&cloud).ok::<op::DescribeVpcs>(input!(DescribeVpcsRequest {}));
        for _ in 0..2 {
            cloud.interface(&public);
            cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {}));
        }
        for request in &requests {
            let before = cloud.store.snapshot().revision();
            if let Err(error) = ask(&cloud, request) {
                prop_assert!(!error.is_fault, "{request:?}: {error}");
                prop_assert_eq!(cloud.store.snapshot().revision(), before, "{:?} changed something", request);
            }
            check_vpcs(&cloud);
            check_interfaces(&cloud);
            check_elastic_ips(&cloud);
            check_public_addresses(&cloud.store);
        }
    }
}
