//! The engine's cache plans in the layout of the flow cache, and back. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_types::MacAddress;
use vpc_abi as abi;
use vpc_engine::{CacheEntry, CacheKey, Domain, Endpoint, FlowKey, Packet, Rewrite, TcpFlags, Transport};
use vpc_model::{Port, Protocol};

use crate::installed::Epochs;

const ICMP_ECHO: u16 = 8 << 8;
const ICMP_ECHO_REPLY: u16 = 0;
const ICMPV6_ECHO: u16 = 128 << 8;
const ICMPV6_ECHO_REPLY: u16 = 129 << 8;

/// The link addresses of a frame as they stand in it: destination, then source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Macs(pub(crate) [u8; 12]);

impl Macs {
    pub(crate) fn new(destination: MacAddress, source: MacAddress) -> Self {
        let mut macs = [0; 12];
        macs[..6].copy_from_slice(&destination.0);
        macs[6..].copy_from_slice(&source.0);
        Self(macs)
    }

    fn pair(self) -> (MacAddress, MacAddress) {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = self.0;
        (MacAddress([a, b, c, d, e, f]), MacAddress([g, h, i, j, k, l]))
    }
}

/// Whether the flow cache's program looks such packets up at all.
pub(crate) fn is_cacheable(key: &CacheKey) -> bool {
    match key.protocol {
        Protocol::TCP | Protocol::UDP => true,
        Protocol::ICMP => key.source.is_ipv4() && matches!(key.destination_port, ICMP_ECHO | ICMP_ECHO_REPLY),
        Protocol::ICMPV6 => {
            key.source.is_ipv6() && matches!(key.destination_port, ICMPV6_ECHO | ICMPV6_ECHO_REPLY)
        }
        _ => false,
    }
}

/// Whether an entry would do the same to packets with other ports: one that writes a port writes its own connection's.
pub(crate) fn keeps_ports(entry: &CacheEntry) -> bool {
    let CacheEntry { key, rewrite, .. } = entry;
    rewrite.source.is_none_or(|new| new.port == key.source_port)
        && rewrite.destination.is_none_or(|new| new.port == key.destination_port)
}

/// The key of an entry.
pub(crate) fn key_of(entry: &CacheEntry) -> abi::FlowKey {
    key(entry.from, &entry.key)
}

/// The key that a packet from a port is looked up by.
pub(crate) fn key_of_packet(from: Port, packet: &Packet) -> abi::FlowKey {
    let (source_port, destination_port) = match packet.transport {
        Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
            (source, destination)
        }
        Transport::Icmp { kind, code, id, .. } => (id, u16::from_be_bytes([kind, code])),
        Transport::Other | Transport::Continuation => (0, 0),
    };
    let Packet { source, destination, protocol, .. } = *packet;
    key(from, &CacheKey { source, destination, protocol, source_port, destination_port })
}

/// The packet that an event of the program tells of, and the port that sent it; none when it is not of this program's
/// making.
pub(crate) fn packet_of(event: &abi::TcpEvent) -> Option<(Port, Packet)> {
    let key = &event.key;
    let (destination_mac, source_mac) = Macs(event.macs).pair();
    let packet = Packet {
        source_mac,
        destination_mac,
        source: address(key.family, key.source)?,
        destination: address(key.family, key.destination)?,
        protocol: Protocol::TCP,
        transport: Transport::Tcp {
            source: u16::from_be_bytes(key.source_port),
            destination: u16::from_be_bytes(key.destination_port),
            flags: TcpFlags(event.tcp_flags as u8),
        },
        fragment: None,
        // No verdict depends on it.
        ttl: u8::MAX,
        length_bytes: event.length_bytes,
        // Only what fitted was let in.
        segment_bytes: 0,
        may_be_fragmented: true,
    };
    Some((Port::new(key.port).ok()?, packet))
}

/// The key of what an interface sends on a connection.
pub(crate) fn key_sent(flow: &FlowKey) -> abi::FlowKey {
    let sent = flow.sent().unwrap_or_else(|| {
        // ICMP: the far port is the query's type, and 1 when the near side asked; or a message's type and code.
        let [query, asked] = flow.remote.port.to_be_bytes();
        let reply = match (flow.protocol, query) {
            (Protocol::ICMP, 8) => Some(0),
            (Protocol::ICMP, 13 | 15 | 17) | (Protocol::ICMPV6, 128) => Some(query + 1),
            _ => None,
        };
        let destination_port = match reply {
            Some(reply) => u16::from(if asked == 1 { query } else { reply }) << 8,
            None => flow.remote.port,
        };
        CacheKey {
            source: flow.local.address,
            destination: flow.remote.address,
            protocol: flow.protocol,
            source_port: flow.local.port,
            destination_port,
        }
    });
    key(flow.port, &sent)
}

/// The TCP connection of which an interface sends what has that key; none when it is not of this program's making.
pub(crate) fn flow_sending(key: &abi::FlowKey) -> Option<FlowKey> {
    let end = |octets, port| {
        Some(Endpoint { address: address(key.family, octets)?, port: u16::from_be_bytes(port) })
    };
    Some(FlowKey {
        port: Port::new(key.port).ok()?,
        protocol: Protocol::TCP,
        local: end(key.source, key.source_port)?,
        remote: end(key.destination, key.destination_port)?,
    })
}

fn key(from: Port, key: &CacheKey) -> abi::FlowKey {
    abi::FlowKey {
        port: from.number(),
        source: octets(key.source),
        destination: octets(key.destination),
        source_port: key.source_port.to_be_bytes(),
        destination_port: key.destination_port.to_be_bytes(),
        protocol: key.protocol.0,
        family: if key.source.is_ipv4() { abi::FAMILY_IPV4 } else { abi::FAMILY_IPV6 },
        padding: [0; 2],
    }
}

const _: () = assert!(abi::DOMAIN_LIMIT == Domain::LIMIT);

/// The epoch slot of a domain.
pub(crate) fn slot_of_domain(domain: Domain) -> u32 {
    abi::PORT_LIMIT + domain.number()
}

/// The entry for a plan, at these epochs.
pub(crate) fn entry_of(plan: &CacheEntry, epochs: Epochs) -> abi::FlowEntry {
    let macs = Macs::new(plan.destination_mac, plan.source_mac);
    let CacheEntry { key, to, rewrite, .. } = plan;
    let kept = |address, port| Endpoint { address, port };
    let source = rewrite.source.unwrap_or(kept(key.source, key.source_port));
    let destination = rewrite.destination.unwrap_or(kept(key.destination, key.destination_port));
    let new_macs = Macs::new(rewrite.destination_mac, rewrite.source_mac);
    let has_ports = matches!(key.protocol, Protocol::TCP | Protocol::UDP);
    let mut actions = abi::ACTION_PEER;
    let (mut address_difference, mut port_difference) = (0, 0);
    if new_macs != macs {
        actions |= abi::ACTION_MACS;
    }
    if (source.address, destination.address) != (key.source, key.destination) {
        actions |= abi::ACTION_ADDRESSES;
        let old = [octets(key.source), octets(key.destination)].concat();
        let new = [octets(source.address), octets(destination.address)].concat();
        address_difference = difference(&old, &new);
    }
    if has_ports && (source.port, destination.port) != (key.source_port, key.destination_port) {
        actions |= abi::ACTION_PORTS;
        let old = [key.source_port.to_be_bytes(), key.destination_port.to_be_bytes()].concat();
        let new = [source.port.to_be_bytes(), destination.port.to_be_bytes()].concat();
        port_difference = difference(&old, &new);
    }
    // Of ICMP echo there is one identifier, which both ends have in the place of a port.
    let (mut source_port, destination_port) = (source.port, destination.port);
    if !has_ports {
        source_port = rewrite.source.or(rewrite.destination).map_or(key.source_port, |new| new.port);
        if source_port != key.source_port {
            actions |= abi::ACTION_PORTS;
            port_difference = difference(&key.source_port.to_be_bytes(), &source_port.to_be_bytes());
        }
    }
    abi::FlowEntry {
        packets: 0,
        bytes: 0,
        last_seen_ns: 0,
        actions,
        tcp_flags: 0,
        ingress_epoch: epochs.ingress,
        egress_epoch: epochs.egress,
        egress_port: to.number(),
        mtu_bytes: plan.mtu_bytes.into(),
        source: octets(source.address),
        destination: octets(destination.address),
        source_port: source_port.to_be_bytes(),
        destination_port: destination_port.to_be_bytes(),
        address_difference,
        port_difference,
        match_macs: macs.0,
        macs: new_macs.0,
        domain_slot: plan.domain.map_or(0, slot_of_domain),
        domain_epoch: epochs.domain,
        segment_payload_max: rewrite.segment_payload_max.unwrap_or(0),
        padding: [0; 2],
    }
}

/// The plan that an entry was made from, without its domain; none when it is not of this program's making.
pub(crate) fn cache_entry_of(key: &abi::FlowKey, entry: &abi::FlowEntry) -> Option<CacheEntry> {
    let address = |octets| address(key.family, octets);
    let port = u16::from_be_bytes;
    let old = CacheKey {
        source: address(key.source)?,
        destination: address(key.destination)?,
        protocol: Protocol(key.protocol),
        source_port: port(key.source_port),
        destination_port: port(key.destination_port),
    };
    let is_rewritten = entry.actions & (abi::ACTION_ADDRESSES | abi::ACTION_PORTS) != 0;
    // An entry that the program has made writes no port, and has that of another connection.
    let has_new_ports = entry.actions & abi::ACTION_PORTS != 0;
    // Of ICMP echo both ends have the identifier.
    let is_icmp = matches!(old.protocol, Protocol::ICMP | Protocol::ICMPV6);
    let (old_destination_port, new_destination_port) = match is_icmp {
        true => (old.source_port, entry.source_port),
        false => (old.destination_port, entry.destination_port),
    };
    let endpoint = |octets, bytes, old: (IpAddr, u16)| -> Option<Option<Endpoint>> {
        let new = (address(octets)?, if has_new_ports { port(bytes) } else { old.1 });
        Some((is_rewritten && new != old).then_some(Endpoint { address: new.0, port: new.1 }))
    };
    let (match_destination, match_source) = Macs(entry.match_macs).pair();
    let (new_destination, new_source) = Macs(entry.macs).pair();
    Some(CacheEntry {
        from: Port::new(key.port).ok()?,
        key: old,
        source_mac: match_source,
        destination_mac: match_destination,
        to: Port::new(entry.egress_port).ok()?,
        rewrite: Rewrite {
            source_mac: new_source,
            destination_mac: new_destination,
            source: endpoint(entry.source, entry.source_port, (old.source, old.source_port))?,
            destination: endpoint(
                entry.destination,
                new_destination_port,
                (old.destination, old_destination_port),
            )?,
            quoted: None,
            segment_payload_max: Some(entry.segment_payload_max).filter(|&maximum| maximum > 0),
        },
        mtu_bytes: entry.mtu_bytes.try_into().ok()?,
        domain: None,
    })
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(address) => address.octets(),
    }
}

fn address(family: u8, octets: [u8; 16]) -> Option<IpAddr> {
    match family {
        abi::FAMILY_IPV4 => {
            let [a, b, c, d, ..] = octets;
            Some(Ipv4Addr::new(a, b, c, d).into())
        }
        abi::FAMILY_IPV6 => Some(Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

/// What replacing `old` by `new` adds to an Internet checksum: the ones' complement sum of the new words and of the old
/// ones' complements, words as the machine reads them (RFC 1624; the kernel's `csum_diff`).
fn difference(old: &[u8], new: &[u8]) -> u32 {
    let words = |bytes: &[u8]| -> Vec<u32> {
        bytes.chunks_exact(2).map(|pair| u32::from(u16::from_ne_bytes([pair[0], pair[1]]))).collect()
    };
    let sum: u32 = words(new).iter().sum::<u32>() + words(old).iter().map(|word| !word & 0xffff).sum::<u32>();
    (sum & 0xffff) + (sum >> 16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checksum(bytes: &[u8]) -> u16 {
        let mut sum: u32 =
            bytes.chunks_exact(2).map(|pair| u32::from(u16::from_ne_bytes([pair[0], pair[1]]))).sum();
        while sum >> 16 != 0 {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    /// What the kernel does with a difference: `csum_replace_by_diff`.
    fn replace(checksum: u16, difference: u32) -> u16 {
        let mut sum = u64::from(difference) + u64::from(!u32::from(checksum));
        while sum >> 16 != 0 {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    proptest! {
        #[test]
        fn a_difference_turns_the_old_checksum_into_the_new(old: [u8; 32], new: [u8; 32], rest: [u8; 20]) {
            let before = checksum(&[&old[..], &rest[..]].concat());
            let after = checksum(&[&new[..], &rest[..]].concat());
            // Zero has two forms in ones' complement.
            let replaced = replace(before, difference(&old, &new));
            prop_assert!(replaced == after || (replaced ^ after) == 0xffff && (after == 0 || replaced == 0));
        }

        #[test]
        fn an_entry_is_read_back_as_its_plan(
            from in 0_u32..1 << 17, to in 0_u32..1 << 17, old: ([u8; 4], [u8; 4], u16, u16),
            source: Option<([u8; 4], u16)>, destination: Option<([u8; 4], u16)>, segments: Option<u16>, source_mac: [u8; 6], destination_mac: [u8; 6],
        ) {
            let endpoint = |(address, port): ([u8; 4], u16)| Endpoint { address: address.into(), port };
            let key = CacheKey {
                source: old.0.into(),
                destination: old.1.into(),
                protocol: Protocol::TCP,
                source_port: old.2,
                destination_port: old.3,
            };
            // A rewrite to what was there is none.
            let kept_source = Endpoint { address: key.source, port: key.source_port };
            let kept_destination = Endpoint { address: key.destination, port: key.destination_port };
            let rewrite = Rewrite {
                source_mac: MacAddress([2; 6]),
                destination_mac: MacAddress([4; 6]),
                source: source.map(endpoint).filter(|new| *new != kept_source),
                destination: destination.map(endpoint).filter(|new| *new != kept_destination),
                quoted: None,
                segment_payload_max: segments.filter(|&maximum| maximum > 0),
            };
            let plan = CacheEntry {
                from: Port::new(from).unwrap(),
                key,
                source_mac: MacAddress(source_mac),
                destination_mac: MacAddress(destination_mac),
                to: Port::new(to).unwrap(),
                rewrite,
                mtu_bytes: 1500,
                domain: None,
            };
            let entry = entry_of(&plan, Epochs { ingress: 1, egress: 2, domain: 0 });
            prop_assert_eq!(cache_entry_of(&key_of(&plan), &entry), Some(plan));
        }
    }
}
