//! What a cache may remember of a decision.
//!
//! Owns the exact-match entries of both directions. Refuses to know how a cache stores them. An entry is only given
//! when the engine would decide every packet that it matches in the same way, as long as neither port is stale.

use std::net::IpAddr;

use super::crossing::{Crossing, Hop, reply_kind};
use super::source;
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

/// The entries for a packet that was delivered, of a connection that lasts.
pub(crate) fn plan(
    crossing: &Crossing<'_>,
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
    Some(CachePlan { forward, reverse: reverse(crossing, hop, receiver_subnet) })
}

/// The entry for replies, if they would pass every gate and come back to the sender. The rules need not be asked: each
/// end lets replies pass because it tracks the connection, or leaves it untracked because its rules do (fact 23).
fn reverse(crossing: &Crossing<'_>, hop: &Hop<'_>, receiver_subnet: &CompiledSubnet) -> Option<CacheEntry> {
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
    Some(CacheEntry {
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
    })
}
