//! What a rule is about: a protocol with ports or ICMP types. Refuses to know who the peer is and what the rule decides.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which way a rule looks, seen from the interface (security group) or the subnet (network ACL).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Direction {
    /// Towards the interface or into the subnet.
    Ingress,
    /// From the interface or out of the subnet.
    Egress,
}

impl Direction {
    /// The other way.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Ingress => Self::Egress,
            Self::Egress => Self::Ingress,
        }
    }
}

/// An IP protocol number.
/// <https://www.iana.org/assignments/protocol-numbers/protocol-numbers.xhtml>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP for IPv4.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self(58);
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ICMP => f.write_str("icmp"),
            Self::TCP => f.write_str("tcp"),
            Self::UDP => f.write_str("udp"),
            Self::ICMPV6 => f.write_str("icmpv6"),
            Self(number) => number.fmt(f),
        }
    }
}

/// An inclusive range of TCP or UDP ports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "(u16, u16)", into = "(u16, u16)")]
pub struct PortRange {
    from: u16,
    to: u16,
}

/// The range ends before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the port range {from}-{to} ends before it begins")]
pub struct PortRangeError {
    /// The first port asked for.
    pub from: u16,
    /// The last port asked for.
    pub to: u16,
}

impl PortRange {
    /// Every port, 0 to 65535.
    pub const ALL: Self = Self { from: 0, to: u16::MAX };

    /// The range from one port to another, both included.
    ///
    /// # Errors
    /// When `to` is below `from`.
    pub const fn new(from: u16, to: u16) -> Result<Self, PortRangeError> {
        if from > to { Err(PortRangeError { from, to }) } else { Ok(Self { from, to }) }
    }

    /// The range of one port.
    pub const fn one(port: u16) -> Self {
        Self { from: port, to: port }
    }

    /// The first port.
    pub const fn from(self) -> u16 {
        self.from
    }

    /// The last port.
    pub const fn to(self) -> u16 {
        self.to
    }

    /// Whether the port is in the range.
    pub const fn contains(self, port: u16) -> bool {
        self.from <= port && port <= self.to
    }

    /// The ports that are in both ranges; none where they have no port in common.
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.from.max(other.from), self.to.min(other.to)).ok()
    }
}

impl TryFrom<(u16, u16)> for PortRange {
    type Error = PortRangeError;

    fn try_from((from, to): (u16, u16)) -> Result<Self, Self::Error> {
        Self::new(from, to)
    }
}

impl From<PortRange> for (u16, u16) {
    fn from(range: PortRange) -> Self {
        (range.from, range.to)
    }
}

impl fmt::Debug for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}

/// Which ICMP messages a rule is about. AWS writes -1 for "any"; a code cannot be given without a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum IcmpMatch {
    /// Every type and code.
    Any,
    /// Every code of a type.
    Type(u8),
    /// One code of a type.
    TypeAndCode(u8, u8),
}

impl IcmpMatch {
    /// Whether a message of that type and code is meant.
    pub const fn contains(self, kind: u8, code: u8) -> bool {
        match self {
            Self::Any => true,
            Self::Type(wanted) => wanted == kind,
            Self::TypeAndCode(wanted, wanted_code) => wanted == kind && wanted_code == code,
        }
    }
}

/// The traffic that a rule of a security group or network ACL is about.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Traffic {
    /// All protocols, which AWS writes as protocol -1.
    All,
    /// TCP to these destination ports.
    Tcp(PortRange),
    /// UDP to these destination ports.
    Udp(PortRange),
    /// ICMP for IPv4.
    Icmp(IcmpMatch),
    /// ICMP for IPv6.
    Icmpv6(IcmpMatch),
    /// Everything of another protocol: AWS ignores ports for these. A rule that names TCP, UDP or ICMP this way means
    /// all of it.
    Protocol(Protocol),
}
