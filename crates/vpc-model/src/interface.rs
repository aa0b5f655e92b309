//! A network interface. Refuses to know the workload behind it and the device that carries it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_types::{MacAddress, NetworkInterfaceId, SecurityGroupId, SubnetId, VpcId};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::Port;

/// An elastic network interface that is plugged into the fabric.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interface {
    /// Its id.
    pub id: NetworkInterfaceId,
    /// Its place on the fabric; no other interface has the same.
    pub port: Port,
    /// The VPC of its subnet.
    pub vpc: VpcId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// Its MAC address.
    pub mac: MacAddress,
    /// Its primary private IPv4 address, which DHCP leases.
    pub ipv4: Ipv4Addr,
    /// Its secondary private IPv4 addresses.
    pub secondary_ipv4: Vec<Ipv4Addr>,
    /// Its IPv6 addresses; the first is the one that DHCPv6 leases.
    pub ipv6: Vec<Ipv6Addr>,
    /// Blocks of 16 addresses that are all its own, each of the length [`Self::IPV4_PREFIX_LENGTH`].
    pub ipv4_prefixes: Vec<Ipv4Net>,
    /// Blocks of IPv6 addresses that are all its own, each of the length [`Self::IPV6_PREFIX_LENGTH`].
    pub ipv6_prefixes: Vec<Ipv6Net>,
    /// The public addresses that stand for private ones of it at an internet gateway.
    pub public_ipv4: Vec<PublicIpv4>,
    /// Who is behind it.
    pub role: InterfaceRole,
    /// The security groups it carries.
    pub security_groups: Vec<SecurityGroupId>,
    /// Whether packets from a foreign source, or to a foreign destination, are dropped.
    pub source_dest_check: bool,
    /// How long an idle connection stays tracked.
    pub idle_timeouts: IdleTimeouts,
    /// The most connections tracked at once, or none for the engine's default.
    pub tracking_limit: Option<u32>,
    /// The host name that a lease carries, or none for `ip-` and the primary address with hyphens.
    pub hostname: Option<String>,
}

impl Interface {
    /// The length of every prefix that an interface has.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-prefix-eni.html>
    pub const IPV4_PREFIX_LENGTH: u8 = 28;
    /// The length of every IPv6 prefix that an interface has.
    pub const IPV6_PREFIX_LENGTH: u8 = 80;

    /// Its addresses one by one, the primary IPv4 address first; those of its prefixes are not among them.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        std::iter::once(IpAddr::V4(self.ipv4))
            .chain(self.secondary_ipv4.iter().copied().map(IpAddr::V4))
            .chain(self.ipv6.iter().copied().map(IpAddr::V6))
    }
}

/// A public address and the private one that it stands for. No other interface of the cloud has the public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PublicIpv4 {
    /// The public address.
    pub public: Ipv4Addr,
    /// The private address.
    pub private: Ipv4Addr,
}

/// Who is behind an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum InterfaceRole {
    /// A workload: an instance, or a service that runs in a namespace of its own.
    #[default]
    Workload,
    /// A NAT gateway. Nothing is plugged in there; the engine does what it does.
    NatGateway,
    /// A transit gateway's attachment, likewise.
    TransitGateway,
    /// A Gateway Load Balancer endpoint, likewise.
    GatewayLoadBalancerEndpoint,
    /// An interface endpoint, likewise: none of their services is there yet.
    InterfaceEndpoint,
    /// Nobody for now: its account is closed, or that of its VPC's owner. Nothing passes it.
    ClosedAccount,
}

impl InterfaceRole {
    /// Whether what comes to it may go on elsewhere, so that ways of others depend on it.
    pub const fn passes_on(self) -> bool {
        match self {
            Self::NatGateway | Self::TransitGateway | Self::GatewayLoadBalancerEndpoint => true,
            Self::Workload | Self::InterfaceEndpoint | Self::ClosedAccount => false,
        }
    }
}

/// Idle timeouts of connection tracking, in seconds.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html#connection-tracking-timeouts>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "IdleTimeoutsRecord", into = "IdleTimeoutsRecord")]
pub struct IdleTimeouts {
    tcp_established_secs: u32,
    udp_stream_secs: u32,
    udp_secs: u32,
}

/// A timeout is outside of what AWS allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {min} to {max} seconds, not {secs}")]
pub struct IdleTimeoutsError {
    /// Which timeout, as the API calls it.
    pub name: &'static str,
    /// What was asked for.
    pub secs: u32,
    /// The least allowed.
    pub min: u32,
    /// The most allowed.
    pub max: u32,
}

impl IdleTimeouts {
    /// What an interface has unless it is told otherwise: 432,000 s, 180 s and 30 s.
    pub const DEFAULT: Self = Self { tcp_established_secs: 432_000, udp_stream_secs: 180, udp_secs: 30 };

    /// Checked timeouts.
    ///
    /// # Errors
    /// When one is outside AWS's range: TCP established 60 to 432,000, UDP stream 60 to 180, other UDP 30 to 60.
    pub fn new(
        tcp_established_secs: u32,
        udp_stream_secs: u32,
        udp_secs: u32,
    ) -> Result<Self, IdleTimeoutsError> {
        let check = |name, secs, min, max| {
            if (min..=max).contains(&secs) {
                Ok(secs)
            } else {
                Err(IdleTimeoutsError { name, secs, min, max })
            }
        };
        Ok(Self {
            tcp_established_secs: check("TcpEstablishedTimeout", tcp_established_secs, 60, 432_000)?,
            udp_stream_secs: check("UdpStreamTimeout", udp_stream_secs, 60, 180)?,
            udp_secs: check("UdpTimeout", udp_secs, 30, 60)?,
        })
    }

    /// For TCP connections that are established.
    pub const fn tcp_established_secs(self) -> u32 {
        self.tcp_established_secs
    }

    /// For UDP flows with more than one exchange of request and response.
    pub const fn udp_stream_secs(self) -> u32 {
        self.udp_stream_secs
    }

    /// For UDP flows in one direction, or with a single exchange.
    pub const fn udp_secs(self) -> u32 {
        self.udp_secs
    }
}

impl Default for IdleTimeouts {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[derive(Serialize, Deserialize)]
struct IdleTimeoutsRecord {
    tcp_established_secs: u32,
    udp_stream_secs: u32,
    udp_secs: u32,
}

impl TryFrom<IdleTimeoutsRecord> for IdleTimeouts {
    type Error = IdleTimeoutsError;

    fn try_from(record: IdleTimeoutsRecord) -> Result<Self, Self::Error> {
        Self::new(record.tcp_established_secs, record.udp_stream_secs, record.udp_secs)
    }
}

impl From<IdleTimeouts> for IdleTimeoutsRecord {
    fn from(timeouts: IdleTimeouts) -> Self {
        Self {
            tcp_established_secs: timeouts.tcp_established_secs,
            udp_stream_secs: timeouts.udp_stream_secs,
            udp_secs: timeouts.udp_secs,
        }
    }
}
