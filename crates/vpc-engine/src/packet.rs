//! The headers of one packet, as far as a verdict depends on them.
//!
//! Owns the shape of what the engine looks at. Refuses to know bytes: [`crate::frame`] reads them.

use std::net::IpAddr;

use aws_types::MacAddress;
use serde::{Deserialize, Serialize};
use vpc_model::Protocol;

/// The parsed headers of one IP packet in an Ethernet frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Packet {
    /// The Ethernet source.
    pub source_mac: MacAddress,
    /// The Ethernet destination.
    pub destination_mac: MacAddress,
    /// The IP source; of the same family as the destination.
    pub source: IpAddr,
    /// The IP destination.
    pub destination: IpAddr,
    /// The transport protocol, behind IPv6 extension headers.
    pub protocol: Protocol,
    /// What its header says.
    pub transport: Transport,
    /// Set when the packet is a fragment.
    pub fragment: Option<Fragment>,
    /// Time to live or hop limit. Routing inside a VPC leaves it as it is (fact 61a).
    pub ttl: u8,
    /// The length of the IP packet in bytes, headers included. With segmentation offload up to 64 KiB.
    pub length_bytes: u32,
    /// The length of the largest IP packet that it becomes on a wire, in bytes: as long as itself without segmentation
    /// offload.
    pub segment_bytes: u32,
    /// Whether a router may cut it into fragments: IPv4 without the bit "don't fragment".
    pub may_be_fragmented: bool,
}

/// The transport header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A TCP segment.
    Tcp {
        /// The source port.
        source: u16,
        /// The destination port.
        destination: u16,
        /// Its flags.
        flags: TcpFlags,
    },
    /// A UDP datagram.
    Udp {
        /// The source port.
        source: u16,
        /// The destination port.
        destination: u16,
    },
    /// An ICMP or ICMPv6 message.
    Icmp {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// The identifier of a query or its reply, otherwise 0.
        id: u16,
        /// For an error: the packet that it is about.
        about: Option<Inner>,
    },
    /// A protocol of which the engine knows no header.
    Other,
    /// A fragment that is not the first: its transport header is elsewhere.
    Continuation,
}

/// The packet that an ICMP error quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Inner {
    /// Its IP source: usually the one that the error is sent to.
    pub source: IpAddr,
    /// Its IP destination.
    pub destination: IpAddr,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its transport header, as far as quoted. Never an ICMP error; `Other` when the quote is too short.
    pub transport: InnerTransport,
}

/// The quoted transport header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InnerTransport {
    /// TCP or UDP.
    Ports {
        /// The source port.
        source: u16,
        /// The destination port.
        destination: u16,
    },
    /// An ICMP query or reply.
    Icmp {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// The identifier.
        id: u16,
    },
    /// Another protocol.
    Other,
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fragment {
    /// The identification that all fragments of a packet share.
    pub id: u32,
    /// The offset in bytes; 0 is the first, which has the transport header.
    pub offset_bytes: u32,
    /// Whether others follow.
    pub more: bool,
}

/// The flags of a TCP segment, as in the 14th byte of its header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TcpFlags(pub u8);

impl Packet {
    /// What stands for its source port: of an ICMP query or its reply the identifier, otherwise 0 where it has none.
    pub(crate) fn source_port(&self) -> u16 {
        match self.transport {
            Transport::Tcp { source, .. } | Transport::Udp { source, .. } => source,
            Transport::Icmp { id, .. } => id,
            Transport::Other | Transport::Continuation => 0,
        }
    }

    /// The same for its destination port.
    pub(crate) fn destination_port(&self) -> u16 {
        match self.transport {
            Transport::Tcp { destination, .. } | Transport::Udp { destination, .. } => destination,
            Transport::Icmp { id, .. } => id,
            Transport::Other | Transport::Continuation => 0,
        }
    }

    /// Replaces the source; of an ICMP query the port is its identifier.
    pub(crate) fn set_source(&mut self, endpoint: Endpoint) {
        self.source = endpoint.address;
        match &mut self.transport {
            Transport::Tcp { source, .. } | Transport::Udp { source, .. } => *source = endpoint.port,
            Transport::Icmp { id, .. } => *id = endpoint.port,
            Transport::Other | Transport::Continuation => {}
        }
    }

    /// Replaces the destination; of an ICMP reply the port is its identifier.
    pub(crate) fn set_destination(&mut self, endpoint: Endpoint) {
        self.destination = endpoint.address;
        match &mut self.transport {
            Transport::Tcp { destination, .. } | Transport::Udp { destination, .. } => {
                *destination = endpoint.port;
            }
            Transport::Icmp { id, .. } => *id = endpoint.port,
            Transport::Other | Transport::Continuation => {}
        }
    }

    /// The packet that it is about, of an ICMP error.
    pub(crate) fn about(&self) -> Option<&Inner> {
        match &self.transport {
            Transport::Icmp { about, .. } => about.as_ref(),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn about_mut(&mut self) -> Option<&mut Inner> {
        match &mut self.transport {
            Transport::Icmp { about, .. } => about.as_mut(),
            _ => None,
        }
    }
}

impl Inner {
    /// The source port, or the identifier of an ICMP query.
    pub(crate) fn source_port(&self) -> u16 {
        match self.transport {
            InnerTransport::Ports { source, .. } => source,
            InnerTransport::Icmp { id, .. } => id,
            InnerTransport::Other => 0,
        }
    }

    /// The destination port, or the identifier of an ICMP query.
    pub(crate) fn destination_port(&self) -> u16 {
        match self.transport {
            InnerTransport::Ports { destination, .. } => destination,
            InnerTransport::Icmp { id, .. } => id,
            InnerTransport::Other => 0,
        }
    }

    /// Replaces the source.
    pub(crate) fn set_source(&mut self, endpoint: Endpoint) {
        self.source = endpoint.address;
        match &mut self.transport {
            InnerTransport::Ports { source, .. } => *source = endpoint.port,
            InnerTransport::Icmp { id, .. } => *id = endpoint.port,
            InnerTransport::Other => {}
        }
    }

    /// Replaces the destination.
    pub(crate) fn set_destination(&mut self, endpoint: Endpoint) {
        self.destination = endpoint.address;
        match &mut self.transport {
            InnerTransport::Ports { destination, .. } => *destination = endpoint.port,
            InnerTransport::Icmp { id, .. } => *id = endpoint.port,
            InnerTransport::Other => {}
        }
    }
}

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers: the first segment of each direction.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement field counts.
    pub const ACK: Self = Self(0x10);

    /// Whether all of these flags are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These flags and those.
    pub const fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }

    /// Whether it asks for a new connection: SYN without ACK, RST or FIN.
    pub const fn opens(self) -> bool {
        self.0 & (Self::SYN.0 | Self::ACK.0 | Self::RST.0 | Self::FIN.0) == Self::SYN.0
    }
}

/// An address and a port of it; the port is 0 where the protocol has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
}
