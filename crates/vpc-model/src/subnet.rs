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
    /// What VPC Block Public Access keeps from it.
    pub internet_block: InternetBlock,
}

/// What VPC Block Public Access keeps from a subnet, exclusions considered (fact 39).
/// <https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa.html>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum InternetBlock {
    /// Nothing.
    #[default]
    Off,
    /// What comes in by an internet gateway, unless it is for a NAT gateway.
    Ingress,
    /// What passes an internet gateway or egress-only gateway, whichever way.
    Bidirectional,
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

/// Whether no interface can have an address of the block.
pub fn is_reserved(cidr: Ipv4Net, address: Ipv4Addr) -> bool {
    reserved_addresses(cidr).contains(&address)
}

/// The addresses of a block that interfaces can have, ascending.
pub fn assignable_addresses(cidr: Ipv4Net) -> impl DoubleEndedIterator<Item = Ipv4Addr> {
    let (first, last) = (cidr.network().to_bits(), cidr.broadcast().to_bits());
    // Saturating, so that a block without room gives none.
    (first.saturating_add(4)..last).map(Ipv4Addr::from_bits)
}

/// How many addresses of a block interfaces can have.
pub fn assignable_count(cidr: Ipv4Net) -> usize {
    (1_usize << (32 - cidr.prefix_len())).saturating_sub(RESERVED_ADDRESSES)
}

/// Why a block cannot be one of a subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubnetCidrError {
    /// Its prefix is not /16 to /28.
    #[error("the prefix of {0} is not /16 to /28")]
    Size(Ipv4Net),
    /// It is not inside a block of the VPC.
    #[error("{0} is in no block of the VPC")]
    Outside(Ipv4Net),
    /// It overlaps the block of another subnet.
    #[error("{0} overlaps {1} of another subnet")]
    Conflict(Ipv4Net, Ipv4Net),
    /// Its prefix is not /44 to /64 in steps of four.
    #[error("the prefix of {0} is not /44 to /64 in steps of 4")]
    Ipv6Size(Ipv6Net),
    /// It is not inside an IPv6 block of the VPC.
    #[error("{0} is in no IPv6 block of the VPC")]
    Ipv6Outside(Ipv6Net),
    /// It overlaps the IPv6 block of another subnet.
    #[error("{0} overlaps {1} of another subnet")]
    Ipv6Conflict(Ipv6Net, Ipv6Net),
}

/// Checks the block of a new subnet against the VPC's blocks and those of its other subnets (fact A2).
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check_cidr(cidr: Ipv4Net, vpc: &[Ipv4Net], siblings: &[Ipv4Net]) -> Result<(), SubnetCidrError> {
    if crate::vpc::check_cidr(cidr).is_err() {
        return Err(SubnetCidrError::Size(cidr));
    }
    if !vpc.iter().any(|block| block.contains(&cidr)) {
        return Err(SubnetCidrError::Outside(cidr));
    }
    let conflict = siblings.iter().find(|sibling| crate::vpc::overlap(**sibling, cidr));
    conflict.map_or(Ok(()), |&sibling| Err(SubnetCidrError::Conflict(cidr, sibling)))
}

/// Checks the IPv6 block of a subnet against the VPC's blocks and those of its other subnets (fact A4).
/// <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check_ipv6_cidr(cidr: Ipv6Net, vpc: &[Ipv6Net], siblings: &[Ipv6Net]) -> Result<(), SubnetCidrError> {
    if !(44..=64).contains(&cidr.prefix_len()) || !cidr.prefix_len().is_multiple_of(4) {
        return Err(SubnetCidrError::Ipv6Size(cidr));
    }
    if !vpc.iter().any(|block| block.contains(&cidr)) {
        return Err(SubnetCidrError::Ipv6Outside(cidr));
    }
    let overlaps = |other: &Ipv6Net| other.contains(&cidr.network()) || cidr.contains(&other.network());
    let conflict = siblings.iter().find(|sibling| overlaps(sibling));
    conflict.map_or(Ok(()), |&sibling| Err(SubnetCidrError::Ipv6Conflict(cidr, sibling)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn a3_the_first_four_and_the_last_address_are_reserved() {
        let reserved = reserved_addresses(net("10.0.1.0/24")).map(|address| address.to_string());
        assert_eq!(reserved, ["10.0.1.0", "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.255"]);
        assert_eq!(router(net("10.0.1.16/28")).to_string(), "10.0.1.17");
        assert_eq!(assignable_count(net("10.0.0.0/28")), 11);
    }

    proptest! {
        #[test]
        fn a3_every_address_is_either_reserved_or_assignable(bits in any::<u32>(), prefix in 16_u8..=28) {
            let cidr = Ipv4Net::new(Ipv4Addr::from_bits(bits), prefix).unwrap().trunc();
            let assignable: Vec<Ipv4Addr> = assignable_addresses(cidr).collect();
            prop_assert_eq!(assignable.len(), assignable_count(cidr));
            prop_assert!(assignable.iter().all(|&address| cidr.contains(&address) && !is_reserved(cidr, address)));
            prop_assert_eq!(assignable.len() + RESERVED_ADDRESSES, 1 << (32 - prefix));
        }

        #[test]
        fn blocks_overlap_when_they_share_an_address(
            (a, b) in (0_u32..64, 0_u32..64),
            (p, q) in (26_u8..=32, 26_u8..=32),
        ) {
            let one = Ipv4Net::new(Ipv4Addr::from_bits(a), p).unwrap().trunc();
            let other = Ipv4Net::new(Ipv4Addr::from_bits(b), q).unwrap().trunc();
            let shared = (0..64).map(Ipv4Addr::from_bits).any(|at| one.contains(&at) && other.contains(&at));
            prop_assert_eq!(crate::vpc::overlap(one, other), shared);
        }
    }

    fn check(fact: &str, cidr: &str, siblings: &[&str], fits: bool) {
        let siblings: Vec<Ipv4Net> = siblings.iter().map(|text| net(text)).collect();
        let result = check_cidr(net(cidr), &[net("10.0.0.0/16"), net("100.64.0.0/20")], &siblings);
        assert_eq!(result.is_ok(), fits, "{fact}: {cidr} beside {siblings:?}: {result:?}");
    }

    #[test]
    fn blocks_of_a_subnet() {
        check("A2", "10.0.0.0/16", &[], true);
        check("A2", "100.64.15.240/28", &["10.0.0.0/16"], true);
        check("A2", "10.1.0.0/24", &[], false);
        check("A2", "100.64.0.0/16", &[], false);
        check("A2", "10.0.0.0/29", &[], false);
        check("A2", "10.0.1.0/24", &["10.0.0.0/24", "10.0.2.0/24"], true);
        check("A2", "10.0.0.0/23", &["10.0.1.0/24"], false);
        check("A2", "10.0.1.128/25", &["10.0.1.0/24"], false);
    }

    #[test]
    fn a4_ipv6_blocks_of_a_subnet() {
        let vpc: Vec<Ipv6Net> = vec!["2600:1f00::/56".parse().unwrap()];
        let check = |cidr: &str| {
            check_ipv6_cidr(cidr.parse().unwrap(), &vpc, &["2600:1f00:0:1::/64".parse().unwrap()])
        };
        assert_eq!(check("2600:1f00::/64"), Ok(()));
        assert_eq!(check("2600:1f00:0:10::/60"), Ok(()));
        assert!(matches!(check("2600:1f00::/62"), Err(SubnetCidrError::Ipv6Size(_))));
        assert!(matches!(check("2600:1f00:0:100::/64"), Err(SubnetCidrError::Ipv6Outside(_))));
        assert!(matches!(check("2600:1f00::/60"), Err(SubnetCidrError::Ipv6Conflict(..))));
    }
}
