//! A VPC and the rules for its CIDR blocks. Refuses to know subnets, routes and what is stored about a block.

use aws_types::{DhcpOptionsId, VpcId};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

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
    /// The address of the resolver: the base of the primary block plus two.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html>
    pub fn resolver(&self) -> Option<Ipv4Addr> {
        self.ipv4_cidrs.first().map(|cidr| Ipv4Addr::from_bits(cidr.network().to_bits().wrapping_add(2)))
    }
}
