//! What identifies a tracked connection: an interface and what it sees of the connection.
//!
//! Owns the key, its packed form and its hash. Refuses to know states and times.

use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use vpc_model::{Port, Protocol};

use crate::packet::{Endpoint, Inner, InnerTransport, Packet, Transport};
use crate::verdict::CacheKey;

/// A connection as one interface sees it, whoever began it: the packets that the interface sends go from `local` to
/// `remote`, those it receives from `remote` to `local`.
///
/// TCP and UDP use the ports as they are. An ICMP query and its replies have the identifier as local port, and as remote
/// port the query's type × 256 plus 1 when the local side asked, so that a query of the other side with the same
/// identifier is another connection. Other protocols have port 0 (fact 25: address and protocol).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlowKey {
    /// The interface.
    pub port: Port,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The near end.
    pub local: Endpoint,
    /// The far end.
    pub remote: Endpoint,
}

impl FlowKey {
    /// The cache key of what the interface sends on this connection; none for ICMP, whose types differ by direction.
    pub fn sent(&self) -> Option<CacheKey> {
        (self.protocol != Protocol::ICMP && self.protocol != Protocol::ICMPV6).then_some(CacheKey {
            source: self.local.address,
            destination: self.remote.address,
            protocol: self.protocol,
            source_port: self.local.port,
            destination_port: self.remote.port,
        })
    }
}

/// Whether a packet leaves the interface or comes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Out,
    In,
}

/// The connection part of a packet: addresses and ports as written in it, ICMP normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tuple {
    pub(crate) source: u128,
    pub(crate) destination: u128,
    pub(crate) protocol: Protocol,
    pub(crate) kind: TupleKind,
}

/// What stands in for ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TupleKind {
    /// TCP and UDP; 0 and 0 for protocols without ports.
    Ports { source: u16, destination: u16 },
    /// An ICMP query, or a reply to one.
    Query { id: u16, kind: u8, is_reply: bool },
    /// Any other ICMP message: one that nothing answers.
    Message { kind: u8, code: u8 },
}

/// The query type that an ICMP type belongs to and whether it is the reply: echo, timestamp, information, mask.
pub(crate) fn icmp_query(protocol: Protocol, kind: u8) -> Option<(u8, bool)> {
    match (protocol, kind) {
        (Protocol::ICMP, 8 | 13 | 15 | 17) => Some((kind, false)),
        (Protocol::ICMP, 0) => Some((8, true)),
        (Protocol::ICMP, 14 | 16 | 18) => Some((kind - 1, true)),
        (Protocol::ICMPV6, 128) => Some((128, false)),
        (Protocol::ICMPV6, 129) => Some((128, true)),
        _ => None,
    }
}

/// An address as 128 bits, IPv4 as an IPv4-mapped one. The engine drops packets with real IPv4-mapped addresses, so
/// nothing else has these bits.
pub(crate) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => 0xffff_0000_0000 | u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address of such bits.
pub(crate) fn address(bits: u128) -> IpAddr {
    let address = Ipv6Addr::from_bits(bits);
    address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4)
}

impl Tuple {
    pub(crate) fn of(packet: &Packet) -> Self {
        let kind = match packet.transport {
            Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
                TupleKind::Ports { source, destination }
            }
            Transport::Icmp { kind, code, id, .. } => Self::icmp(packet.protocol, kind, code, id),
            Transport::Other | Transport::Continuation => TupleKind::Ports { source: 0, destination: 0 },
        };
        Self {
            source: bits(packet.source),
            destination: bits(packet.destination),
            protocol: packet.protocol,
            kind,
        }
    }

    /// The tuple of a quoted packet, as its sender sent it.
    pub(crate) fn of_inner(inner: &Inner) -> Self {
        let kind = match inner.transport {
            InnerTransport::Ports { source, destination } => TupleKind::Ports { source, destination },
            InnerTransport::Icmp { kind, code, id } => Self::icmp(inner.protocol, kind, code, id),
            InnerTransport::Other => TupleKind::Ports { source: 0, destination: 0 },
        };
        Self {
            source: bits(inner.source),
            destination: bits(inner.destination),
            protocol: inner.protocol,
            kind,
        }
    }

    fn icmp(protocol: Protocol, kind: u8, code: u8, id: u16) -> TupleKind {
        match icmp_query(protocol, kind) {
            Some((kind, is_reply)) => TupleKind::Query { id, kind, is_reply },
            None => TupleKind::Message { kind, code },
        }
    }

    /// The tuple of the packets that a cached decision is for.
    pub(crate) fn of_cached(key: &CacheKey) -> Self {
        let kind = if matches!(key.protocol, Protocol::ICMP | Protocol::ICMPV6) {
            let [kind, code] = key.destination_port.to_be_bytes();
            Self::icmp(key.protocol, kind, code, key.source_port)
        } else {
            TupleKind::Ports { source: key.source_port, destination: key.destination_port }
        };
        Self { source: bits(key.source), destination: bits(key.destination), protocol: key.protocol, kind }
    }

    /// Replaces source address and port.
    pub(crate) fn set_source(&mut self, endpoint: Endpoint) {
        self.source = bits(endpoint.address);
        match &mut self.kind {
            TupleKind::Ports { source: port, .. } | TupleKind::Query { id: port, .. } => {
                *port = endpoint.port;
            }
            TupleKind::Message { .. } => {}
        }
    }

    /// Replaces destination address and port.
    pub(crate) fn set_destination(&mut self, endpoint: Endpoint) {
        self.destination = bits(endpoint.address);
        match &mut self.kind {
            TupleKind::Ports { destination: port, .. } | TupleKind::Query { id: port, .. } => {
                *port = endpoint.port;
            }
            TupleKind::Message { .. } => {}
        }
    }

    /// The same connection's tuple in the other direction.
    pub(crate) fn reversed(&self) -> Self {
        let kind = match self.kind {
            TupleKind::Ports { source, destination } => {
                TupleKind::Ports { source: destination, destination: source }
            }
            TupleKind::Query { id, kind, is_reply } => TupleKind::Query { id, kind, is_reply: !is_reply },
            message @ TupleKind::Message { .. } => message,
        };
        Self { source: self.destination, destination: self.source, kind, ..*self }
    }
}

/// A [`FlowKey`] as the table compares it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PackedKey {
    pub(crate) local: u128,
    pub(crate) remote: u128,
    pub(crate) port: u32,
    pub(crate) local_port: u16,
    pub(crate) remote_port: u16,
    pub(crate) protocol: u8,
}

impl PackedKey {
    /// The key under which an interface tracks a packet with that tuple.
    pub(crate) fn new(port: Port, way: Way, tuple: &Tuple) -> Self {
        let (local, remote) = match way {
            Way::Out => (tuple.source, tuple.destination),
            Way::In => (tuple.destination, tuple.source),
        };
        let (local_port, remote_port) = match (tuple.kind, way) {
            (TupleKind::Ports { source, destination }, Way::Out) => (source, destination),
            (TupleKind::Ports { source, destination }, Way::In) => (destination, source),
            (TupleKind::Query { id, kind, is_reply }, way) => {
                let local_asked = (way == Way::Out) != is_reply;
                (id, u16::from(kind) << 8 | u16::from(local_asked))
            }
            (TupleKind::Message { kind, code }, _) => (0, u16::from(kind) << 8 | u16::from(code)),
        };
        Self { local, remote, port: port.number(), local_port, remote_port, protocol: tuple.protocol.0 }
    }

    /// The near end, as the packets of the connection have it: an ICMP query's port is its identifier.
    pub(crate) fn local_endpoint(&self) -> Endpoint {
        Endpoint { address: address(self.local), port: self.local_port }
    }

    /// The far end, as the packets of the connection have it: an ICMP query has the same identifier there.
    pub(crate) fn remote_endpoint(&self) -> Endpoint {
        let is_icmp = matches!(Protocol(self.protocol), Protocol::ICMP | Protocol::ICMPV6);
        let port = if is_icmp { self.local_port } else { self.remote_port };
        Endpoint { address: address(self.remote), port }
    }

    /// A seeded hash. Packets choose most of the key, so the seed must not be guessable.
    pub(crate) fn hash(&self, seed: u64) -> u32 {
        const fn fold(a: u64, b: u64) -> u64 {
            let product = a as u128 * b as u128;
            product as u64 ^ (product >> 64) as u64
        }
        // Odd constants from the digits of pi, so that a zero half still mixes.
        let low = fold(self.local as u64 ^ seed, (self.local >> 64) as u64 ^ 0x243f_6a88_85a3_08d3);
        let high = fold(self.remote as u64 ^ low, (self.remote >> 64) as u64 ^ 0x1319_8a2e_0370_7345);
        let ports =
            u64::from(self.port) << 32 | u64::from(self.local_port) << 16 | u64::from(self.remote_port);
        let all =
            fold(ports ^ high, (seed ^ 0xa409_3822_299f_31d1).rotate_left(17) ^ u64::from(self.protocol));
        (all >> 32) as u32
    }
}

impl From<PackedKey> for FlowKey {
    fn from(key: PackedKey) -> Self {
        Self {
            port: Port::new(key.port).expect("packed from a port"),
            protocol: Protocol(key.protocol),
            local: Endpoint { address: address(key.local), port: key.local_port },
            remote: Endpoint { address: address(key.remote), port: key.remote_port },
        }
    }
}

impl From<FlowKey> for PackedKey {
    fn from(key: FlowKey) -> Self {
        Self {
            local: bits(key.local.address),
            remote: bits(key.remote.address),
            port: key.port.number(),
            local_port: key.local.port,
            remote_port: key.remote.port,
            protocol: key.protocol.0,
        }
    }
}
