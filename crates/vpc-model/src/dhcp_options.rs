//! A DHCP option set. Refuses to know leases.

use std::net::{IpAddr, Ipv4Addr};

use aws_types::DhcpOptionsId;
use serde::{Deserialize, Serialize};

/// What a lease tells beside the address.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSetConcepts.html>
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DhcpOptions {
    /// Its id.
    pub id: DhcpOptionsId,
    /// The domain that unqualified names are looked up in: `ec2.internal` in us-east-1, otherwise
    /// `REGION.compute.internal`, unless set otherwise.
    pub domain_name: Option<String>,
    /// The resolvers, in order.
    pub resolvers: Vec<Resolver>,
    /// The time servers, in order.
    pub ntp_servers: Vec<IpAddr>,
    /// The NetBIOS name servers, in order.
    pub netbios_name_servers: Vec<Ipv4Addr>,
    /// The NetBIOS node type.
    pub netbios_node_type: Option<NetbiosNodeType>,
    /// The largest IP packet, in bytes.
    pub mtu_bytes: u16,
    /// How long IPv6 addresses are preferred; half of it is when DHCPv6 renews.
    #[serde(default = "DhcpOptions::ipv6_preferred_lease_secs")]
    pub ipv6_preferred_lease_secs: u32,
}

impl DhcpOptions {
    /// The MTU inside a VPC.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html>
    pub const VPC_MTU_BYTES: u16 = 9001;

    /// How long IPv6 addresses are preferred where no set says it.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSetConcepts.html>
    pub const IPV6_PREFERRED_LEASE_SECS: u32 = 140;

    fn ipv6_preferred_lease_secs() -> u32 {
        Self::IPV6_PREFERRED_LEASE_SECS
    }
}

/// One resolver of an option set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resolver {
    /// `AmazonProvidedDNS`: the resolver at the VPC's base + 2.
    AmazonProvided,
    /// A server of the user's own.
    Address(IpAddr),
}

/// How a NetBIOS client finds names (RFC 1001 section 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NetbiosNodeType {
    /// 1: by broadcast.
    Broadcast,
    /// 2: by asking a name server.
    PointToPoint,
    /// 4: by broadcast, then a name server.
    Mixed,
    /// 8: by a name server, then broadcast.
    Hybrid,
}
