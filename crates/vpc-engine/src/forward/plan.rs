//! What a cache may remember of a decision.
//!
//! Owns the exact-match entries of both directions, and for which other connections they would be the same. Refuses to
//! know how a cache stores them. An entry is only given when the engine would decide every packet that it matches in the
//! same way, as long as neither its ports nor its domain are stale.

use std::net::IpAddr;

use aws_types::MacAddress;
use vpc_model::{Port, PortRange};

use super::gates::{self, reply_kind};
use super::journey::{Journey, Landing, Trip};
use super::source;
use super::tracking::{End, Gate, flags};
use crate::flows::{Flows, Tuple, TupleKind};
use crate::packet::{Packet, TcpFlags, Transport};
use crate::services::{INTERNET_MAC, LINK_ROUTER_MAC, WORKSTATION_MAC};
use crate::snapshot::{Network, PluggedInterface};
use crate::time::Millis;
use crate::verdict::{CacheEntry, CacheKey, CachePlan, Rewrite};

/// Where a packet begins its way.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'n> {
    /// At an interface.
    Interface(&'n PluggedInterface),
    /// On the internet, or at the services, at that port.
    Internet(Port),
}

impl Origin<'_> {
    pub(crate) fn port(&self) -> Port {
        match self {
            Self::Interface(plugged) => plugged.port,
            Self::Internet(port) => *port,
        }
    }
}

/// The MAC address of the device at a port of the internet.
pub(crate) fn internet_mac(port: Port) -> MacAddress {
    if port == Port::WORKSTATION { WORKSTATION_MAC } else { INTERNET_MAC }
}

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

/// A packet that was delivered past these gates, of a connection that lasts.
pub(crate) struct Delivered<'a, 'n> {
    pub(crate) origin: Origin<'n>,
    /// As it came.
    pub(crate) came: &'a Packet,
    pub(crate) tuple: &'a Tuple,
    pub(crate) trip: &'a Trip<'n>,
    pub(crate) landing: Landing<'n>,
    pub(crate) to: Port,
    pub(crate) rewrite: Rewrite,
    pub(crate) ends: [Option<End<'a>>; 2],
}

/// The entries for a delivered packet and its replies.
pub(crate) fn plan(
    network: &Network,
    flows: &Flows,
    delivered: &Delivered<'_, '_>,
    now: Millis,
) -> Option<CachePlan> {
    let Delivered { origin, came, tuple, trip, to, rewrite, .. } = *delivered;
    let forward = entry((origin.port(), to), came, tuple, rewrite, trip)?;
    // What passed as a known connection's says nothing of what the rules would.
    let asked_rules = delivered.ends.iter().flatten().all(|end| matches!(end.gate, Gate::Passed { .. }));
    let opens = came.fragment.is_none() && flags(came).opens() && asked_rules;
    let back = reverse(network, flows, delivered, opens, now);
    let source_ports = back.filter(|_| opens).map(|(_, back)| {
        let alike = trip.opener_ports.zip(back).and_then(|(there, back)| there.intersection(back));
        alike.unwrap_or(PortRange::one(came.source_port()))
    });
    Some(CachePlan {
        forward,
        reverse: back.map(|(reverse, _)| reverse),
        source_ports,
        translation: trip.opened_translation(),
    })
}

/// The entry for packets like one that has made that trip from one port to another.
pub(super) fn entry(
    (from, to): (Port, Port),
    came: &Packet,
    tuple: &Tuple,
    rewrite: Rewrite,
    trip: &Trip<'_>,
) -> Option<CacheEntry> {
    Some(CacheEntry {
        from,
        key: key(came.source, came.destination, tuple)?,
        source_mac: came.source_mac,
        destination_mac: came.destination_mac,
        to,
        rewrite,
        mtu_bytes: trip.mtu_bytes,
        domain: trip.domain,
    })
}

/// A reply that has made its trip.
pub(super) struct Reply<'a, 'n> {
    /// As it was sent.
    pub(super) packet: &'a Packet,
    pub(super) tuple: &'a Tuple,
    /// By which port.
    pub(super) from: Port,
    /// In which subnet, if by an interface.
    pub(super) subnet: Option<u32>,
    pub(super) trip: &'a Trip<'n>,
}

impl Reply<'_, '_> {
    /// The entry for such replies, if they come back to where the packet came from, as replies to it.
    pub(super) fn entry(&self, origin: Origin<'_>, came: &Packet, tuple: &Tuple) -> Option<CacheEntry> {
        let Self { packet, from, trip, .. } = *self;
        let expected = reply_to(came);
        let is_as_expected = trip.packet.source == expected.source
            && trip.packet.destination == expected.destination
            && trip.tuple == tuple.reversed();
        if !is_as_expected || trip.spans_domains {
            return None;
        }
        let landing = trip.landing.ok()?;
        if let Landing::Interface(hop, _) = &landing {
            gates::destination_check(hop, trip.packet.destination).ok()?;
        }
        let (macs, to) = landing_macs(trip, landing, packet, self.subnet)?;
        let rewrite = trip.rewrite(packet, &trip.packet, macs);
        entry((from, to), packet, self.tuple, rewrite, trip).filter(|_| to == origin.port())
    }
}

/// The reply to a packet, as its receiver sends it.
pub(crate) fn reply_to(packet: &Packet) -> Packet {
    let transport = match packet.transport {
        Transport::Tcp { source, destination, .. } => {
            Transport::Tcp { source: destination, destination: source, flags: TcpFlags::ACK }
        }
        Transport::Udp { source, destination } => Transport::Udp { source: destination, destination: source },
        Transport::Icmp { kind, code, id, about } => {
            let kind = match crate::flows::icmp_query(packet.protocol, kind) {
                Some((query, false)) => reply_kind(query),
                Some((query, true)) => query,
                None => kind,
            };
            Transport::Icmp { kind, code, id, about }
        }
        other @ (Transport::Other | Transport::Continuation) => other,
    };
    Packet { source: packet.destination, destination: packet.source, transport, ..*packet }
}

/// The entry for replies, if they would pass every gate and come back to where the packet came from. The rules need not be
/// asked: each end lets replies pass because it tracks the connection, or leaves it untracked because its rules do
/// (fact 23).
///
/// With it come, of a packet that `opens` a connection, the source ports around its own that make no difference to it: only
/// ACLs look at the port that a reply goes to, and only some gateways at the port that a request comes from, so for these
/// ports the whole decision is the same but for what is tracked.
fn reverse(
    network: &Network,
    flows: &Flows,
    delivered: &Delivered<'_, '_>,
    opens: bool,
    now: Millis,
) -> Option<(CacheEntry, Option<PortRange>)> {
    let Delivered { origin, came, trip, .. } = delivered;
    let mut reply = reply_to(&trip.packet);
    let likely = match origin {
        Origin::Interface(sender) => Some(*sender),
        Origin::Internet(_) => None,
    };
    let tuple = trip.tuple.reversed();
    let journey = Journey::new(network, flows, &reply, tuple, now).likely_to(likely).of_answer(opens);
    let back = match delivered.landing {
        Landing::Interface(hop, subnet) => {
            source::check_source(network, hop.receiver, reply.source).ok()?;
            let back = journey.start_at_interface(hop.receiver, subnet, None);
            let stays = matches!(back.landing, Ok(Landing::Interface(to, _)) if to.receiver.subnet == hop.receiver.subnet)
                && !back.passed_gateway;
            reply.source_mac = hop.receiver.mac;
            reply.destination_mac = match back.landing {
                Ok(Landing::Interface(to, _)) if stays => to.receiver.mac,
                _ => subnet.router_mac,
            };
            back
        }
        Landing::Internet(port) => {
            (reply.source_mac, reply.destination_mac) = (internet_mac(port), LINK_ROUTER_MAC);
            journey.start_on_internet()
        }
        // The two halves of such a connection say what its replies are.
        Landing::Service(..) => return None,
    };
    // What is tracked on its way back alone is not known at its ends yet.
    let is_untracked = |end: &End<'_>| matches!(end.gate, Gate::Passed { track: false });
    if !back.legs.is_empty() || (back.is_tracked && delivered.ends.iter().flatten().any(is_untracked)) {
        return None;
    }
    let subnet = match delivered.landing {
        Landing::Interface(hop, _) => Some(hop.receiver.subnet),
        Landing::Internet(_) | Landing::Service(..) => None,
    };
    let reply = Reply { packet: &reply, tuple: &tuple, from: delivered.to, subnet, trip: &back };
    let entry = reply.entry(*origin, came, delivered.tuple)?;
    Some((entry, back.opener_ports))
}

/// The link addresses of a packet where it lands, source first, and the port; none where that is no port. `came` is as it was
/// sent, by an interface of the subnet `from` or from elsewhere.
pub(crate) fn landing_macs(
    trip: &Trip<'_>,
    landing: Landing<'_>,
    came: &Packet,
    from: Option<u32>,
) -> Option<((MacAddress, MacAddress), Port)> {
    match landing {
        Landing::Interface(hop, subnet) => {
            // Within a subnet neighbours see each other.
            let is_neighbours = !trip.passed_gateway && from == Some(hop.receiver.subnet);
            let source = if is_neighbours { came.source_mac } else { subnet.router_mac };
            Some(((source, hop.receiver.mac), hop.receiver.port))
        }
        Landing::Internet(port) => Some(((LINK_ROUTER_MAC, internet_mac(port)), port)),
        Landing::Service(..) => None,
    }
}
