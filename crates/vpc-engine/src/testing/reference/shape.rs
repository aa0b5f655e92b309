//! What the reference reads off a packet, an interface and a subnet.

use std::net::IpAddr;

use vpc_model::{IcmpMatch, Interface, Protocol, Subnet, Traffic};

use crate::packet::{Packet, TcpFlags, Transport};

/// What a rule looks at: the protocol and its destination port or message.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) protocol: Protocol,
    pub(super) ports: (u16, u16),
    pub(super) message: (u8, u8),
}

impl Shape {
    pub(super) fn of(packet: &Packet) -> Self {
        let message = match packet.transport {
            Transport::Icmp { kind, code, .. } => (kind, code),
            _ => (0, 0),
        };
        Self { protocol: packet.protocol, ports: ports(packet), message }
    }

    pub(super) fn of_reply(self) -> Self {
        Self { ports: (self.ports.1, self.ports.0), ..self }
    }

    pub(super) fn is_covered_by(self, traffic: Traffic) -> bool {
        let (kind, code) = self.message;
        let is_message = |wanted: IcmpMatch| match wanted {
            IcmpMatch::Any => true,
            IcmpMatch::Type(wanted) => wanted == kind,
            IcmpMatch::TypeAndCode(wanted, wanted_code) => wanted == kind && wanted_code == code,
        };
        let port = self.ports.1;
        match traffic {
            Traffic::All => true,
            Traffic::Protocol(protocol) => protocol == self.protocol,
            Traffic::Tcp(range) => {
                self.protocol == Protocol::TCP && range.from() <= port && port <= range.to()
            }
            Traffic::Udp(range) => {
                self.protocol == Protocol::UDP && range.from() <= port && port <= range.to()
            }
            Traffic::Icmp(wanted) => self.protocol == Protocol::ICMP && is_message(wanted),
            Traffic::Icmpv6(wanted) => self.protocol == Protocol::ICMPV6 && is_message(wanted),
        }
    }
}

pub(super) fn ports(packet: &Packet) -> (u16, u16) {
    match packet.transport {
        Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
            (source, destination)
        }
        _ => (0, 0),
    }
}

/// Source and destination with what tells connections apart: ports, or the identifier of an ICMP query.
pub(super) fn ends(packet: &Packet) -> ((IpAddr, u16), (IpAddr, u16)) {
    let (source, destination) = match packet.transport {
        Transport::Icmp { id, .. } => (id, id),
        _ => ports(packet),
    };
    ((packet.source, source), (packet.destination, destination))
}

pub(super) fn flags(packet: &Packet) -> TcpFlags {
    match packet.transport {
        Transport::Tcp { flags, .. } => flags,
        _ => TcpFlags::default(),
    }
}

pub(super) fn is_opening_syn(packet: &Packet) -> bool {
    let is = |flag| flags(packet).contains(flag);
    is(TcpFlags::SYN) && !is(TcpFlags::ACK) && !is(TcpFlags::RST) && !is(TcpFlags::FIN)
}

pub(super) fn query_of(protocol: Protocol, kind: u8) -> Option<(u8, bool)> {
    match (protocol.0, kind) {
        (1, 8) | (58, 128) => Some((kind, false)),
        (1, 0) => Some((8, true)),
        (58, 129) => Some((128, true)),
        (1, 13 | 15 | 17) => Some((kind, false)),
        (1, 14 | 16 | 18) => Some((kind - 1, true)),
        _ => None,
    }
}

/// Replies to queries, errors and resets begin nothing.
pub(super) fn begins_connection(packet: &Packet) -> bool {
    match packet.transport {
        Transport::Icmp { kind, .. } => {
            query_of(packet.protocol, kind).is_some_and(|(_, is_reply)| !is_reply)
        }
        _ => packet.protocol != Protocol::TCP || is_opening_syn(packet),
    }
}

pub(super) fn has(interface: &Interface, address: IpAddr) -> bool {
    let is_in_prefix = match address {
        IpAddr::V4(address) => interface.ipv4_prefixes.iter().any(|prefix| prefix.contains(&address)),
        IpAddr::V6(address) => interface.ipv6_prefixes.iter().any(|prefix| prefix.contains(&address)),
    };
    is_in_prefix || interface.addresses().any(|own| own == address)
}

pub(super) fn in_subnet(subnet: &Subnet, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => subnet.cidr.contains(&address),
        IpAddr::V6(address) => subnet.ipv6_cidr.is_some_and(|cidr| cidr.contains(&address)),
    }
}
