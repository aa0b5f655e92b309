//! What the engine answers: deliver with these rewrites, or drop for this reason.
//!
//! Owns the answers and the plan for caching them. Refuses to know how a cache lays them out.

use std::net::IpAddr;

use aws_types::MacAddress;
use serde::{Deserialize, Serialize};
use vpc_model::{PathId, Port, PortRange, Protocol};

use crate::flows::{FlowId, FlowKey};
use crate::packet::{Endpoint, Packet};
use crate::reason::DropReason;
use crate::snapshot::Domain;

/// The engine's answer for one packet.
#[expect(clippy::large_enum_variant, reason = "a box would cost an allocation per packet")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Deliver it.
    Deliver(Delivery),
    /// Drop it.
    Drop(DropReason),
}

impl Verdict {
    /// The delivery, if it is one.
    pub const fn delivery(&self) -> Option<&Delivery> {
        match self {
            Self::Deliver(delivery) => Some(delivery),
            Self::Drop(_) => None,
        }
    }
}

/// Where a packet goes and how it looks there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The port it leaves by.
    pub to: Port,
    /// What changes in its headers.
    pub rewrite: Rewrite,
    /// The tracked connection it belongs to, at either end; none where both ends let it pass untracked.
    pub flow: Option<FlowId>,
    /// The largest packet that the path carries, in bytes. A larger one is to be fragmented; one that must not be does not
    /// get here.
    pub mtu_bytes: u16,
    /// The paths on the way that have conditions. Whoever delivers the packet carries the conditions out.
    pub legs: Legs,
    /// What the decision depends on beside its two ports.
    pub domains: Domains,
    /// What may be remembered of this decision. None for packets that must be looked at one by one: fragments, ICMP
    /// other than queries and their replies, the segment that closes a TCP connection, and all whose way has a path with a
    /// condition. Where only the way of the replies has one, this direction is remembered and theirs is not.
    pub cache: Option<CachePlan>,
}

/// What a decision depends on beside its two ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Domains {
    /// Nothing.
    #[default]
    None,
    /// It is right as long as this is not reported stale.
    One(Domain),
    /// On several; it may be wrong as soon as any is reported stale.
    Several,
}

impl Domains {
    /// Whether the decision may be wrong when these, ascending, are stale.
    pub fn are_among(self, stale: &[Domain]) -> bool {
        match self {
            Self::None => false,
            Self::One(domain) => stale.binary_search(&domain).is_ok(),
            Self::Several => !stale.is_empty(),
        }
    }
}

/// A path on a packet's way, in one of its two directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leg {
    /// The path.
    pub path: PathId,
    /// Whether the packet goes from its second end to the first, or comes from the internet's host.
    pub is_back: bool,
}

/// The paths with conditions on a packet's way, in order. Each is there once in each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Legs {
    held: [Option<Leg>; Legs::MAX],
    has_more: bool,
}

impl Legs {
    /// How many there are at most: more than any way has that makes sense. A packet with more is dropped
    /// ([`DropReason::TooManyPaths`]).
    pub const MAX: usize = 8;

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.held[0].is_none()
    }

    /// Whether there would be more than [`Self::MAX`].
    pub const fn has_more(&self) -> bool {
        self.has_more
    }

    /// The paths.
    pub fn iter(&self) -> impl Iterator<Item = Leg> + '_ {
        self.held.iter().map_while(|leg| *leg)
    }

    /// Adds one at the end.
    pub fn add(&mut self, leg: Leg) {
        if self.iter().any(|held| held == leg) {
            return;
        }
        match self.held.iter_mut().find(|held| held.is_none()) {
            Some(free) => *free = Some(leg),
            None => self.has_more = true,
        }
    }
}

impl FromIterator<Leg> for Legs {
    fn from_iter<T: IntoIterator<Item = Leg>>(legs: T) -> Self {
        let mut all = Self::default();
        legs.into_iter().for_each(|leg| all.add(leg));
        all
    }
}

/// What changes in a packet's headers. An ICMP query or reply has its identifier in the place of a port; where it becomes
/// another, both ends have it. Neither the TTL nor the DSCP field does (fact 61a).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rewrite {
    /// The Ethernet source that the receiver sees: the sender's within a subnet, otherwise its router's.
    pub source_mac: MacAddress,
    /// The receiver's MAC address.
    pub destination_mac: MacAddress,
    /// A new IP source address and port.
    pub source: Option<Endpoint>,
    /// A new IP destination address and port.
    pub destination: Option<Endpoint>,
    /// Of an ICMP error: new addresses and ports of the packet that it quotes.
    pub quoted: Option<Quoted>,
    /// The largest segment that a TCP segment with SYN may announce, in bytes of payload.
    pub segment_payload_max: Option<u16>,
}

/// The packet that an ICMP error quotes, as its receiver knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quoted {
    /// Its source; of an ICMP query the port is the identifier.
    pub source: Endpoint,
    /// Its destination, likewise.
    pub destination: Endpoint,
}

impl Rewrite {
    /// New link addresses, and whatever else is different between a packet as it came and as it goes on.
    pub(crate) fn between(
        came: &Packet,
        goes: &Packet,
        source_mac: MacAddress,
        destination_mac: MacAddress,
    ) -> Self {
        let source = Endpoint { address: goes.source, port: goes.source_port() };
        let destination = Endpoint { address: goes.destination, port: goes.destination_port() };
        let has_other_source = (came.source, came.source_port()) != (goes.source, source.port);
        let has_other_destination =
            (came.destination, came.destination_port()) != (goes.destination, destination.port);
        let quoted = goes.about().filter(|about| came.about() != Some(about)).map(|about| Quoted {
            source: Endpoint { address: about.source, port: about.source_port() },
            destination: Endpoint { address: about.destination, port: about.destination_port() },
        });
        Self {
            source_mac,
            destination_mac,
            source: has_other_source.then_some(source),
            destination: has_other_destination.then_some(destination),
            quoted,
            segment_payload_max: None,
        }
    }
}

/// Exact-match entries that decide the rest of a flow as the engine would.
///
/// An entry stays right as long as neither its ingress port nor its egress port nor its domain is reported stale by
/// [`crate::Snapshot::apply`], and its flow is not reported closed. TCP segments with SYN and without ACK, fragments and
/// ICMP other than queries must always come to the engine. Packets that entries let pass are to be reported with
/// [`crate::Flows::touch`], at latest before the shortest idle timeout has passed; when it answers that the flow is
/// gone, the entry must go too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePlan {
    /// For packets like this one.
    pub forward: CacheEntry,
    /// For the replies; none when replies do not come back the same way (routes differ, or a rule or network ACL does
    /// not let them pass now).
    pub reverse: Option<CacheEntry>,
    /// Set when the packet opens a TCP connection whose replies come back: the source ports, its own among them, for which a
    /// packet like it would be delivered the same way, with entries that differ from these in that port alone, provided that
    /// its 5-tuple is not in use, and neither is [`Self::translation`] with that local port. Of a packet whose port becomes
    /// another on the way, only its own.
    ///
    /// Whoever lets such a connection in by that must have [`crate::forward`] decide its first packet afterwards, before
    /// [`crate::Snapshot::apply`] is acted upon, so that it is tracked; and must leave room for it in the tables.
    pub source_ports: Option<PortRange>,
    /// Of a packet that opens a connection through a NAT gateway: what the gateway tracks of its far side
    /// ([`crate::flows::FlowRecord::is_translation`]).
    pub translation: Option<FlowKey>,
}

/// One exact-match entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheEntry {
    /// The port that the packet comes in by.
    pub from: Port,
    /// The packet as seen there, before any rewrite.
    pub key: CacheKey,
    /// The Ethernet source that the decision was made for.
    pub source_mac: MacAddress,
    /// The Ethernet destination that the decision was made for: a packet like it to another next hop may go elsewhere.
    pub destination_mac: MacAddress,
    /// The port that it goes out by.
    pub to: Port,
    /// What changes on the way.
    pub rewrite: Rewrite,
    /// The largest packet that the path carries, in bytes; a larger one must come to the engine.
    pub mtu_bytes: u16,
    /// What the decision depends on beside its two ports: it is right as long as this is not reported stale either.
    pub domain: Option<Domain>,
}

/// The part of a packet that an exact-match entry compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CacheKey {
    /// The IP source.
    pub source: IpAddr,
    /// The IP destination.
    pub destination: IpAddr,
    /// The transport protocol.
    pub protocol: Protocol,
    /// TCP and UDP: the source port. ICMP queries and their replies: the identifier. Otherwise 0.
    pub source_port: u16,
    /// TCP and UDP: the destination port. ICMP queries and their replies: type × 256 + code. Otherwise 0.
    pub destination_port: u16,
}

/// What to do with a frame that came in by a port.
#[expect(clippy::large_enum_variant, reason = "a box would cost an allocation per packet")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameAction {
    /// Send this frame back to the port it came from: the fabric answers ARP, neighbour discovery and DHCP itself.
    Reply(Vec<u8>),
    /// Drop it, and tell its sender by sending this frame back to the port it came from.
    Refuse(DropReason, Vec<u8>),
    /// Apply the rewrite ([`crate::frame::apply_rewrite`]) and send the frame out by the port that it names.
    Forward(Delivery),
    /// Drop it.
    Drop(DropReason),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_with_too_many_paths_is_known() {
        let leg = |number: usize| Leg { path: PathId::of_name(&number.to_string()), is_back: false };
        let full: Legs = (0..Legs::MAX).chain(0..Legs::MAX).map(leg).collect();
        assert_eq!((full.iter().count(), full.has_more()), (Legs::MAX, false));
        let over: Legs = (0..=Legs::MAX).map(leg).collect();
        assert!(over.has_more());
    }
}
