//! What cannot be deleted while what exists.
//!
//! Owns one table for each resource that others depend on. Refuses to delete.

use aws_types::{
    CustomerGatewayId, DhcpOptionsId, InternetGatewayId, Ipv6PoolId, NetworkAclId, NetworkInterfaceId,
    PlacementGroupId, PrefixListId, PublicIpv4PoolId, RouteTableId, SecurityGroupId, SubnetId, VolumeId,
    VpcId, VpnGatewayId,
};
use service_api::ServiceError;

use crate::instance::placement;
use crate::record::{
    EgressOnlyInternetGateway, ElasticIp, InternetGateway, NetworkAcl, NetworkInterface, Peer,
    PlacementGroup, RouteTable, SecurityGroup, Subnet, TargetGateway, TransitGatewayAttachment,
    TransitGatewayRouteTable, Volume, Vpc, VpnConnection, VpnGateway,
};
use crate::state::{Edit, Resource, State};
use crate::{error, network_acl, sharing, vpc_endpoint, vpc_peering_connection};

/// Each row: what stands in the way, and whether it is there.
type Rows<I> = &'static [(&'static str, fn(&Edit<'_>, I) -> bool)];

const VPC: Rows<VpcId> = &[
    ("subnets", |edit, vpc| edit.parts::<Subnet, _>(vpc).next().is_some()),
    ("network interfaces", |edit, vpc| {
        everyones::<NetworkInterface>(edit).any(|interface| interface.vpc == vpc)
    }),
    ("route tables beside the main one", |edit, vpc| {
        edit.all::<RouteTable>().any(|table| table.vpc == vpc && !table.is_main())
    }),
    ("security groups beside the default one", |edit, vpc| {
        everyones::<SecurityGroup>(edit).any(|group| group.vpc == vpc && !group.is_default())
    }),
    ("network ACLs beside the default one", |edit, vpc| {
        edit.parts::<NetworkAcl, _>(vpc).any(|acl| !acl.is_default)
    }),
    ("an attached internet gateway", |edit, vpc| {
        edit.all::<InternetGateway>().any(|gateway| gateway.attachment == Some(vpc))
    }),
    ("egress-only internet gateways", |edit, vpc| {
        edit.all::<EgressOnlyInternetGateway>().any(|gateway| gateway.vpc == vpc)
    }),
    ("attachments to transit gateways", |edit, vpc| {
        everyones::<TransitGatewayAttachment>(edit)
            .any(|attachment| attachment.vpc() == Some(vpc) && !attachment.progress.is_ended())
    }),
    ("an open peering request of another account", vpc_peering_connection::has_foreign_request),
    ("an attached virtual private gateway", |edit, vpc| {
        edit.all::<VpnGateway>().any(|gateway| gateway.vpc(edit.now()) == Some(vpc))
    }),
    ("VPC endpoints", |edit, vpc| vpc_endpoint::current(edit).any(|endpoint| endpoint.vpc == vpc)),
];

const INTERNET_GATEWAY: Rows<InternetGatewayId> = &[("an attachment", |edit, gateway| {
    edit.find::<InternetGateway>(gateway).is_some_and(|gateway| gateway.attachment.is_some())
})];

const SUBNET: Rows<SubnetId> = &[("network interfaces", |edit, subnet| {
    let scopes = sharing::scopes_with::<NetworkInterface>(edit);
    sharing::parts_of::<NetworkInterface, _>(edit, &scopes, subnet).next().is_some()
})];

const ROUTE_TABLE: Rows<RouteTableId> = &[
    ("associations", |edit, table| {
        edit.find::<RouteTable>(table).is_some_and(|table| !table.associations.is_empty())
    }),
    ("gateway endpoints", |edit, table| {
        vpc_endpoint::current(edit).any(|endpoint| endpoint.route_tables.contains(&table))
    }),
];

const NETWORK_ACL: Rows<NetworkAclId> =
    &[("associations", |edit, acl| network_acl::association::is_any(edit, acl))];

const DHCP_OPTIONS: Rows<DhcpOptionsId> =
    &[("VPCs", |edit, set| edit.all::<Vpc>().any(|vpc| vpc.dhcp_options == Some(set)))];

const SECURITY_GROUP: Rows<SecurityGroupId> = &[
    ("interface endpoints", |edit, group| {
        vpc_endpoint::current(edit).any(|endpoint| endpoint.groups.contains(&group))
    }),
    ("network interfaces", |edit, group| {
        everyones::<NetworkInterface>(edit).any(|interface| interface.groups.contains(&group))
    }),
    ("rules of other groups", |edit, group| {
        everyones::<SecurityGroup>(edit)
            .any(|other| other.id != group && referenced(&other).any(|peer| peer == group))
    }),
];

const PREFIX_LIST: Rows<PrefixListId> = &[
    ("rules of security groups", |edit, list| {
        everyones::<SecurityGroup>(edit).any(|group| group.has_prefix_list(list))
    }),
    ("references from route tables of transit gateways", |edit, list| {
        everyones::<TransitGatewayRouteTable>(edit).any(|table| table.has_prefix_list(list))
    }),
    ("routes", |edit, list| everyones::<RouteTable>(edit).any(|table| table.has_prefix_list(list))),
];

const IPV6_POOL: Rows<Ipv6PoolId> = &[("blocks of VPCs", |edit, pool| {
    edit.all::<Vpc>().any(|vpc| {
        let mut blocks = vpc.ipv6_associations.iter().filter(|held| held.is_current());
        blocks.any(|held| held.source.is_some_and(|source| source.pool == pool))
    })
})];

const PUBLIC_IPV4_POOL: Rows<PublicIpv4PoolId> = &[("Elastic IP addresses", |edit, pool| {
    edit.all::<ElasticIp>().any(|elastic_ip| elastic_ip.pool == Some(pool))
})];

const PLACEMENT_GROUP: Rows<PlacementGroupId> =
    &[("instances", |edit, group| placement::members(edit, group).next().is_some())];

const VOLUME: Rows<VolumeId> = &[("an attachment", |edit, volume| {
    edit.find::<Volume>(volume).is_some_and(|volume| volume.attached(edit.now()).is_some())
})];

const CUSTOMER_GATEWAY: Rows<CustomerGatewayId> = &[("VPN connections", |edit, gateway| {
    connections(edit).any(|connection| connection.customer_gateway == gateway)
})];

const VPN_GATEWAY: Rows<VpnGatewayId> = &[
    ("an attachment to a VPC", |edit, gateway| {
        edit.find::<VpnGateway>(gateway).is_some_and(|gateway| gateway.vpc(edit.now()).is_some())
    }),
    ("VPN connections", |edit, gateway| {
        connections(edit).any(|connection| connection.gateway == TargetGateway::VpnGateway(gateway))
    }),
];

/// What keeps an internet gateway on a VPC.
const ATTACHED_GATEWAY: Rows<VpcId> = &[
    ("mapped Elastic IP addresses", |edit, vpc| {
        everyones::<ElasticIp>(edit)
            .any(|elastic_ip| elastic_ip.association.as_ref().is_some_and(|held| held.vpc == vpc))
    }),
    ("public addresses of Amazon's pool", |edit, vpc| {
        everyones::<NetworkInterface>(edit)
            .any(|interface| interface.vpc == vpc && interface.assigned_address.held().is_some())
    }),
];

fn referenced(group: &SecurityGroup) -> impl Iterator<Item = SecurityGroupId> + '_ {
    group.rules.iter().filter_map(|rule| match rule.peer {
        Peer::Group(group) => Some(group),
        // What a peered VPC refers to becomes stale.
        Peer::PeeredGroup(_) | Peer::Ipv4(_) | Peer::Ipv6(_) | Peer::PrefixList(_) => None,
    })
}

/// The VPN connections that are not gone.
fn connections<'a>(edit: &'a Edit<'_>) -> impl Iterator<Item = std::sync::Arc<VpnConnection>> + 'a {
    edit.all::<VpnConnection>().filter(|connection| !connection.is_deleted(edit.now()))
}

/// All resources of a kind in the region: in a shared VPC other accounts than its owner have theirs.
fn everyones<'a, R: Resource>(edit: &'a Edit<'_>) -> impl Iterator<Item = std::sync::Arc<R>> + 'a {
    sharing::of_all::<R>(edit).map(|(_, resource)| resource)
}

fn blocked<I: Copy>(rows: Rows<I>, edit: &Edit<'_>, id: I) -> bool {
    rows.iter().any(|(_, is_there)| is_there(edit, id))
}

fn check<I: Copy + std::fmt::Display>(
    rows: Rows<I>,
    noun: &str,
    edit: &Edit<'_>,
    id: I,
) -> Result<(), ServiceError> {
    if blocked(rows, edit, id) { Err(error::dependency(noun, id)) } else { Ok(()) }
}

/// # Errors
/// `DependencyViolation`.
pub(crate) fn check_vpc(edit: &Edit<'_>, id: VpcId) -> Result<(), ServiceError> {
    check(VPC, "vpc", edit, id)
}

/// # Errors
/// `DependencyViolation`.
pub(crate) fn check_internet_gateway(edit: &Edit<'_>, id: InternetGatewayId) -> Result<(), ServiceError> {
    check(INTERNET_GATEWAY, "internetGateway", edit, id)
}

/// # Errors
/// `DependencyViolation`.
pub(crate) fn check_subnet(edit: &Edit<'_>, id: SubnetId) -> Result<(), ServiceError> {
    check(SUBNET, "subnet", edit, id)
}

/// # Errors
/// `DependencyViolation`.
pub(crate) fn check_route_table(edit: &Edit<'_>, id: RouteTableId) -> Result<(), ServiceError> {
    check(ROUTE_TABLE, "routeTable", edit, id)
}

/// # Errors
/// `DependencyViolation`.
pub(crate) fn check_network_acl(edit: &Edit<'_>, id: NetworkAclId) -> Result<(), ServiceError> {
    check(NETWORK_ACL, "networkAcl", edit, id)
}

/// # Errors
/// `DependencyViolation`.
pub(crate) fn check_dhcp_options(edit: &Edit<'_>, id: DhcpOptionsId) -> Result<(), ServiceError> {
    check(DHCP_OPTIONS, "dhcpOptions", edit, id)
}

/// # Errors
/// `DependencyViolation`.
pub(crate) fn check_prefix_list(edit: &Edit<'_>, id: PrefixListId) -> Result<(), ServiceError> {
    check(PREFIX_LIST, "prefix list", edit, id)
}

/// Whether something has addresses of a pool. That is no error: its range then ends as `failed-deprovision`.
pub(crate) fn holds_ipv6_pool(edit: &Edit<'_>, id: Ipv6PoolId) -> bool {
    blocked(IPV6_POOL, edit, id)
}

/// The same for a pool of IPv4 addresses.
pub(crate) fn holds_public_ipv4_pool(edit: &Edit<'_>, id: PublicIpv4PoolId) -> bool {
    blocked(PUBLIC_IPV4_POOL, edit, id)
}

/// # Errors
/// `DependencyViolation`, in words of its own.
pub(crate) fn check_security_group(edit: &Edit<'_>, id: SecurityGroupId) -> Result<(), ServiceError> {
    if blocked(SECURITY_GROUP, edit, id) {
        return Err(ServiceError::new(
            "DependencyViolation",
            format!("resource {id} has a dependent object"),
        ));
    }
    Ok(())
}

/// # Errors
/// `InvalidParameterValue` for an interface that is attached.
pub(crate) fn check_network_interface(edit: &Edit<'_>, id: NetworkInterfaceId) -> Result<(), ServiceError> {
    if edit.find::<NetworkInterface>(id).is_some_and(|interface| interface.attachment.is_some()) {
        return Err(error::invalid_value(format!("Network interface '{id}' is currently in use.")));
    }
    Ok(())
}

/// # Errors
/// `InvalidPlacementGroup.InUse`.
pub(crate) fn check_placement_group(edit: &Edit<'_>, group: &PlacementGroup) -> Result<(), ServiceError> {
    if blocked(PLACEMENT_GROUP, edit, group.id) {
        let message = format!("The placement group '{}' is in use and may not be deleted.", group.name);
        return Err(ServiceError::new("InvalidPlacementGroup.InUse", message));
    }
    Ok(())
}

/// # Errors
/// `VolumeInUse`, which names the instance.
pub(crate) fn check_volume(edit: &Edit<'_>, volume: &Volume) -> Result<(), ServiceError> {
    if blocked(VOLUME, edit, volume.id) {
        let held = volume.attached(edit.now()).map(|held| held.instance.to_string());
        let instance = held.unwrap_or_else(|| "an instance".to_owned());
        let message = format!("Volume {} is currently attached to {instance}", volume.id);
        return Err(ServiceError::new("VolumeInUse", message));
    }
    Ok(())
}

/// # Errors
/// `IncorrectState`.
pub(crate) fn check_customer_gateway(edit: &Edit<'_>, id: CustomerGatewayId) -> Result<(), ServiceError> {
    if blocked(CUSTOMER_GATEWAY, edit, id) {
        return Err(ServiceError::new("IncorrectState", "The customer gateway is in use."));
    }
    Ok(())
}

/// # Errors
/// `IncorrectState`.
pub(crate) fn check_vpn_gateway(edit: &Edit<'_>, id: VpnGatewayId) -> Result<(), ServiceError> {
    if blocked(VPN_GATEWAY, edit, id) {
        return Err(ServiceError::new("IncorrectState", "The VPN gateway is in use."));
    }
    Ok(())
}

/// Whether the internet gateway of a VPC can be detached.
///
/// # Errors
/// `DependencyViolation`, in words of its own.
pub(crate) fn check_detach(edit: &Edit<'_>, vpc: VpcId) -> Result<(), ServiceError> {
    if blocked(ATTACHED_GATEWAY, edit, vpc) {
        return Err(ServiceError::new(
            "DependencyViolation",
            format!(
                "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before \
                 detaching the gateway."
            ),
        ));
    }
    Ok(())
}
