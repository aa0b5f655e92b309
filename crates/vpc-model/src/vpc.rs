//! A VPC and the rules for its CIDR blocks. Refuses to know subnets, routes and what is stored about a block.

use aws_types::{DhcpOptionsId, VpcId};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

/// A virtual private cloud: one address space, in which an address belongs to at most one interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Vpc {
    /// Its id.
    pub id: VpcId,
    /// Its IPv4 blocks, the primary first.
    pub ipv4_cidrs: Vec<Ipv4Net>,
    /// Its IPv6 blocks.
    pub ipv6_cidrs: Vec<Ipv6Net>,
    /// The attribute `enableDnsSupport`: whether the resolver at base + 2 and 169.254.169.253 answers.
    pub dns_support: bool,
    /// The DHCP option set, or none where it was set to `default`: then a lease names no domain, resolver or clock.
    pub dhcp_options: Option<DhcpOptionsId>,
}

impl Vpc {
    /// Whether an address is in one of its blocks.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.ipv4_cidrs.iter().any(|cidr| cidr.contains(&address)),
            IpAddr::V6(address) => self.ipv6_cidrs.iter().any(|cidr| cidr.contains(&address)),
        }
    }

    /// All of its blocks.
    pub fn blocks(&self) -> impl Iterator<Item = IpNet> + '_ {
        let ipv4 = self.ipv4_cidrs.iter().map(|&cidr| IpNet::V4(cidr));
        ipv4.chain(self.ipv6_cidrs.iter().map(|&cidr| IpNet::V6(cidr)))
    }

    /// The address of the resolver: the base of the primary block plus two.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html>
    pub fn resolver(&self) -> Option<Ipv4Addr> {
        self.ipv4_cidrs.first().map(|cidr| Ipv4Addr::from_bits(cidr.network().to_bits().wrapping_add(2)))
    }
}

/// The shortest prefix of an IPv4 block of a VPC or subnet: /16.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html>
pub const PREFIX_MIN: u8 = 16;
/// The longest prefix of an IPv4 block of a VPC or subnet: /28.
pub const PREFIX_MAX: u8 = 28;
/// The prefix of an IPv6 block that Amazon provides for a VPC.
pub const IPV6_PREFIX: u8 = 56;

/// Why a block cannot be one of a VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VpcCidrError {
    /// Its prefix is not /16 to /28 (fact A1).
    #[error("the prefix of {0} is not /16 to /28")]
    Size(Ipv4Net),
    /// It overlaps a block that the VPC has.
    #[error("{0} overlaps {1}, which the VPC has")]
    Overlap(Ipv4Net, Ipv4Net),
    /// It is of a range that cannot be combined with the VPC's primary block (fact A5).
    #[error("{0} cannot be combined with the primary block {1}")]
    Restricted(Ipv4Net, Ipv4Net),
}

/// Checks the size of a block (fact A1).
///
/// # Errors
/// [`VpcCidrError::Size`].
pub fn check_cidr(cidr: Ipv4Net) -> Result<(), VpcCidrError> {
    if (PREFIX_MIN..=PREFIX_MAX).contains(&cidr.prefix_len()) {
        Ok(())
    } else {
        Err(VpcCidrError::Size(cidr))
    }
}

/// Checks a block that is to be added to a VPC that has some, the primary first (fact A5).
///
/// | primary block in          | cannot be joined by blocks in                                          |
/// | ------------------------- | ---------------------------------------------------------------------- |
/// | 10.0.0.0/8                | 172.16.0.0/12, 192.168.0.0/16, 198.19.0.0/16; 10.0.0.0/16 when any block is in 10.0.0.0/15 |
/// | 172.16.0.0/12             | 10.0.0.0/8, 192.168.0.0/16, 172.31.0.0/16, 198.19.0.0/16                |
/// | 192.168.0.0/16            | 10.0.0.0/8, 172.16.0.0/12, 198.19.0.0/16                                |
/// | 198.19.0.0/16             | 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16                               |
/// | elsewhere, 100.64.0.0/10 too | 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 198.19.0.0/16             |
///
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html#add-cidr-block-restrictions>
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check_additional_cidr(existing: &[Ipv4Net], cidr: Ipv4Net) -> Result<(), VpcCidrError> {
    check_cidr(cidr)?;
    if let Some(&other) = existing.iter().find(|other| overlap(**other, cidr)) {
        return Err(VpcCidrError::Overlap(cidr, other));
    }
    let Some(&primary) = existing.first() else { return Ok(()) };
    let mut restricted: Vec<Ipv4Net> = [TEN, ONE_SEVEN_TWO, ONE_NINE_TWO, BENCHMARK]
        .into_iter()
        .filter(|range| !range.contains(&primary))
        .collect();
    if TEN.contains(&primary) && existing.iter().any(|block| net(10, 0, 15).contains(block)) {
        restricted.push(net(10, 0, 16));
    }
    if ONE_SEVEN_TWO.contains(&primary) {
        restricted.push(net(172, 31, 16));
    }
    if restricted.iter().any(|range| overlap(*range, cidr)) {
        return Err(VpcCidrError::Restricted(cidr, primary));
    }
    Ok(())
}

/// Whether two blocks have an address in common: one contains the other.
pub fn overlap(one: impl Into<IpNet>, other: impl Into<IpNet>) -> bool {
    let (one, other) = (one.into(), other.into());
    one.contains(&other.network()) || other.contains(&one.network())
}

const fn net(a: u8, b: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, 0, 0), prefix)
}

const TEN: Ipv4Net = net(10, 0, 8);
const ONE_SEVEN_TWO: Ipv4Net = net(172, 16, 12);
const ONE_NINE_TWO: Ipv4Net = net(192, 168, 16);
/// AWS keeps this part of the benchmarking range (RFC 2544) for itself.
const BENCHMARK: Ipv4Net = net(198, 19, 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolver_is_two_above_the_base_of_the_primary_block() {
        let vpc = Vpc {
            id: "vpc-00000000000000001".parse().unwrap(),
            ipv4_cidrs: vec!["10.7.0.0/16".parse().unwrap(), "100.64.0.0/16".parse().unwrap()],
            ipv6_cidrs: Vec::new(),
            dns_support: true,
            dhcp_options: None,
        };
        assert_eq!(vpc.resolver(), Some("10.7.0.2".parse().unwrap()));
    }

    fn check(fact: &str, existing: &[&str], new: &str, fits: bool) {
        let existing: Vec<Ipv4Net> = existing.iter().map(|text| text.parse().unwrap()).collect();
        let result = check_additional_cidr(&existing, new.parse().unwrap());
        assert_eq!(result.is_ok(), fits, "{fact}: {existing:?} + {new}: {result:?}");
    }

    #[test]
    fn blocks_of_a_vpc() {
        check("A1", &[], "10.0.0.0/16", true);
        check("A1", &[], "10.0.0.0/28", true);
        check("A1", &[], "10.0.0.0/15", false);
        check("A1", &[], "10.0.0.0/29", false);
        check("A5", &["10.2.0.0/16"], "10.2.128.0/20", false);
        check("A5", &["10.2.0.0/16"], "10.3.0.0/16", true);
        check("A5", &["10.2.0.0/16"], "172.20.0.0/16", false);
        check("A5", &["10.2.0.0/16"], "100.64.0.0/16", true);
        check("A5", &["10.2.0.0/16"], "198.19.0.0/24", false);
        check("A5", &["10.1.0.0/16"], "10.0.0.0/20", false);
        check("A5", &["10.2.0.0/16"], "10.0.0.0/20", true);
        check("A5", &["172.20.0.0/16"], "172.31.0.0/20", false);
        check("A5", &["172.20.0.0/16"], "172.21.0.0/16", true);
        check("A5", &["192.168.0.0/20"], "192.168.16.0/20", true);
        check("A5", &["192.168.0.0/20"], "10.0.0.0/16", false);
        check("A5", &["198.19.0.0/24"], "198.19.1.0/24", true);
        check("A5", &["100.64.0.0/16"], "192.168.0.0/16", false);
        check("A5", &["100.64.0.0/16"], "203.0.113.0/24", true);
    }
}
