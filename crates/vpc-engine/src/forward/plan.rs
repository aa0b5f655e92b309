//! What a cache may remember of a decision.
//!
//! Owns the exact-match entries of both directions, and for which other connections they would be the same. Refuses to
//! know how a cache stores them. An entry is only given when the engine would decide every packet that it matches in the
//! same way, as long as neither port is stale.

use std::net::IpAddr;

use vpc_model::PortRange;

use super::crossing::{Crossing, Hop, reply_kind};
use super::source;
use super::tracking::{Gate, Gates, flags};
use crate::flows::{Tuple, TupleKind};
use crate::packet::Packet;
use crate::snapshot::CompiledSubnet;
use crate::verdict::{CacheEntry, CacheKey, CachePlan, Rewrite};

/// The key of a packet with that tuple; none for ICMP messages, which are looked at one by one.
pub(crate) fn key(source: IpAddr, destination: IpAddr, tuple: &Tuple) -> Option<CacheKey> {
    let (source_port, destination_port) = match tuple.kind {
        TupleKind::Ports { source, destination } => (source, destination),
        TupleKind::Query { id, kind, is_reply } => {
            (id, u16::from_be_bytes([if is_reply { reply_kind(kind) } else { kind }, 0]))
        }
        TupleKind::Message { .. } => return None,
    };
    Some(CacheKey { source, destination, protocol: tuple.protocol, source_port, destination_port })
}

/// The entries for a packet that was delivered past these gates, of a connection that lasts.
pub(crate) fn plan(
    crossing: &Crossing<'_>,
    gates: Gates,
    hop: &Hop<'_>,
    receiver_subnet: &CompiledSubnet,
    packet: &Packet,
    rewrite: Rewrite,
) -> Option<CachePlan> {
    let forward = CacheEntry {
        from: crossing.sender.port,
        key: key(packet.source, packet.destination, &crossing.tuple)?,
        source_mac: packet.source_mac,
        destination_mac: packet.destination_mac,
        to: hop.receiver.port,
        rewrite,
    };
    let back = reverse(crossing, hop, receiver_subnet);
    // What passed as a known connection's says nothing of what the rules would.
    let asked_rules = [gates.sent, gates.received].iter().all(|gate| matches!(gate, Gate::Passed { .. }));
    let opens = packet.fragment.is_none() && flags(packet).opens();
    let source_ports = back.filter(|_| opens && asked_rules).map(|(_, source_ports)| source_ports);
    Some(CachePlan { forward, reverse: back.map(|(reverse, _)| reverse), source_ports })
}

/// The entry for replies, if they would pass every gate and come back to the sender. The rules need not be asked: each
/// end lets replies pass because it tracks the connection, or leaves it untracked because its rules do (fact 23).
///
/// With it come the source ports around the packet's own that make no difference to it. Only ACLs look at the port that
/// a reply goes to, and nothing looks at the port that a request comes from, so for these ports the whole decision is the
/// same but for what is tracked.
fn reverse(
    crossing: &Crossing<'_>,
    hop: &Hop<'_>,
    receiver_subnet: &CompiledSubnet,
) -> Option<(CacheEntry, PortRange)> {
    let back = Crossing {
        network: crossing.network,
        sender: hop.receiver,
        subnet: receiver_subnet,
        source: crossing.destination,
        destination: crossing.source,
        tuple: crossing.tuple.reversed(),
        likely: Some(crossing.sender),
    };
    let sender = crossing.sender;
    source::check_source(back.network, back.sender, back.source).ok()?;
    let return_hop = back.route().ok()?;
    if return_hop.receiver.port != sender.port {
        return None;
    }
    back.egress_acl(Some(&return_hop)).ok()?;
    let sender_subnet = back.ingress_acl(&return_hop).ok()?;
    back.destination_check(&return_hop).ok()?;
    let stays = sender.subnet == hop.receiver.subnet;
    let source_ports = match crossing.tuple.kind {
        TupleKind::Ports { source, .. } => back.acl_ports_around(&return_hop, sender_subnet, source),
        TupleKind::Query { .. } | TupleKind::Message { .. } => PortRange::ALL,
    };
    let entry = CacheEntry {
        from: hop.receiver.port,
        key: key(back.source, back.destination, &back.tuple)?,
        source_mac: hop.receiver.mac,
        destination_mac: if stays { sender.mac } else { receiver_subnet.router_mac },
        to: sender.port,
        rewrite: Rewrite {
            source_mac: if stays { hop.receiver.mac } else { sender_subnet.router_mac },
            destination_mac: sender.mac,
            source: None,
            destination: None,
        },
    };
    Some((entry, source_ports))
}
