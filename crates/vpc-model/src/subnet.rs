//! A subnet and the rules for its addresses. Refuses to know which addresses are taken.

use std::net::Ipv4Addr;

use aws_types::{AvailabilityZone, NetworkAclId, RouteTableId, SubnetId, VpcId};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// A subnet: a part of a VPC's addresses in one zone, with a route table and a network ACL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// The VPC it is part of.
    pub vpc: VpcId,
    /// Its IPv4 block.
    pub cidr: Ipv4Net,
    /// Its IPv6 block, when it has one.
    pub ipv6_cidr: Option<Ipv6Net>,
    /// Its availability zone.
    pub zone: AvailabilityZone,
    /// The route table in force: the associated one, or the VPC's main table.
    pub route_table: RouteTableId,
    /// The network ACL in force.
    pub network_acl: NetworkAclId,
}

/// How many IPv4 addresses of a subnet AWS keeps: the first four and the last.
pub const RESERVED_ADDRESSES: usize = 5;

/// The addresses of a block that no interface can have: network, router, DNS, future use, broadcast.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>
pub fn reserved_addresses(cidr: Ipv4Net) -> [Ipv4Addr; RESERVED_ADDRESSES] {
    let base = cidr.network().to_bits();
    [
        cidr.network(),
        Ipv4Addr::from_bits(base.wrapping_add(1)),
        Ipv4Addr::from_bits(base.wrapping_add(2)),
        Ipv4Addr::from_bits(base.wrapping_add(3)),
        cidr.broadcast(),
    ]
}

/// The address of the subnet's router.
pub fn router(cidr: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from_bits(cidr.network().to_bits().wrapping_add(1))
}
