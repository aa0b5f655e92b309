//! The decision about one packet.
//!
//! Owns the order of the gates (fact 15) and what is tracked when a packet has passed them all. Refuses to know bytes,
//! caches and devices.
//!
//! ```text
//!   from --> checks of the sender --> [services of the link] --> egress rules --> the journey: ACLs, routes, gateways
//!   to   <------------------------------- ingress rules <-- destination check <--------------+
//! ```
//! A rule is only asked when the interface does not track the packet's connection. ACLs and routes are asked for every
//! packet that comes here (facts 17, 28). The rules of the sender come first whatever the journey finds, and those of the
//! receiver last; a packet from the internet has no sender's rules.

mod endpoint;
mod gates;
mod internet;
mod journey;
mod nat;
mod plan;
mod ports;
mod service;
mod source;
mod tracking;
mod transit;
mod witness;

use std::net::IpAddr;

use aws_types::{SecurityGroupId, SecurityGroupRuleId};
use ipnet::IpNet;
use vpc_model::{Direction, InterfaceRole, Port};

use crate::flows::{FlowId, Flows, Tuple, Way};
use crate::packet::{Fragment, Packet, TcpFlags, Transport};
use crate::reach::{Field, Span, bits};
use crate::reason::DropReason;
use crate::snapshot::{Network, PluggedInterface, Snapshot};
use crate::time::Millis;
use crate::verdict::{Delivery, Verdict};
use journey::{Journey, Landing, Trip};
use plan::{Delivered, Origin};
use tracking::{End, Gate};
use witness::{Nobody, beside_block};

pub(crate) use internet::is_private;
pub(crate) use plan::reply_to;
pub(crate) use witness::{Event, Witness};

pub use endpoint::ServicePeer;

/// Decides one packet that came in by a port, and tracks its connection.
///
/// What is dropped changes nothing. What is delivered and belongs to a known connection keeps it alive, so a packet that
/// a cache has let pass must not be given here too.
pub fn forward(snapshot: &Snapshot, flows: &mut Flows, from: Port, packet: &Packet, now: Millis) -> Verdict {
    let network = snapshot.network();
    let Some(fragment) = packet.fragment else {
        return decide(network, flows, from, packet, now, &mut Nobody)
            .map_or_else(Verdict::Drop, Verdict::Deliver);
    };
    match forward_fragment(network, flows, from, packet, fragment, now) {
        // Later fragments have no ports that a cache could look at.
        Ok(delivery) => Verdict::Deliver(Delivery { cache: None, ..delivery }),
        Err(reason) => Verdict::Drop(reason),
    }
}

/// Decides a fragment: the first by its own headers, a later one by those of the first.
fn forward_fragment(
    network: &Network,
    flows: &mut Flows,
    from: Port,
    packet: &Packet,
    fragment: Fragment,
    now: Millis,
) -> Result<Delivery, DropReason> {
    if !matches!(packet.transport, Transport::Continuation) {
        let delivery = decide(network, flows, from, packet, now, &mut Nobody)?;
        flows.fragments.remember(from, packet, fragment.id, now);
        return Ok(delivery);
    }
    let transport = flows.fragments.transport(from, packet, fragment.id, now);
    let transport = match transport.ok_or(DropReason::FragmentWithoutFirst)? {
        // The flags were taken into account with the first fragment.
        Transport::Tcp { source, destination, .. } => {
            Transport::Tcp { source, destination, flags: TcpFlags::ACK }
        }
        other => other,
    };
    decide(network, flows, from, &Packet { transport, ..*packet }, now, &mut Nobody)
}

/// The blocks whose addresses nobody on the internet has.
pub(crate) fn never_public() -> impl Iterator<Item = IpNet> {
    internet::private_blocks().chain(source::ranges())
}

/// Decides a packet that is whole, or whose headers are known, while somebody may look on.
pub(crate) fn decide<'n, W: Witness<'n>>(
    network: &'n Network,
    flows: &mut Flows,
    from: Port,
    packet: &Packet,
    now: Millis,
    witness: &mut W,
) -> Result<Delivery, DropReason> {
    let tuple = Tuple::of(packet);
    if from == Port::SERVICES {
        return service::answer(network, flows, packet, &tuple, now, witness);
    }
    if W::LOOKS {
        source::ranges().for_each(|block| {
            witness.same_for(Field::Source, beside_block(packet.source, block));
            witness.same_for(Field::Destination, beside_block(packet.destination, block));
        });
    }
    if matches!(from, Port::INTERNET | Port::WORKSTATION) {
        source::check_internet(packet)?;
        let trip =
            Journey::new(network, flows, packet, tuple, now).told_to(&mut *witness).start_on_internet();
        return deliver(network, flows, Origin::Internet(from), packet, &tuple, trip, now, witness);
    }
    let sender = network.at(from).ok_or(DropReason::UnknownPort { port: from })?;
    source::check(sender, packet)?;
    gates::open_account(sender)?;
    let subnet = network
        .subnet_of(sender)
        .filter(|subnet| subnet.vpc_number == Some(sender.vpc))
        .ok_or_else(|| DropReason::Missing { object: sender.interface.subnet.into() })?;
    if W::LOOKS {
        let broadcast = IpNet::from(IpAddr::V4(subnet.subnet.cidr.broadcast()));
        let resolver = subnet.resolver.map(|address| IpNet::from(IpAddr::V4(address)));
        for address in [broadcast].into_iter().chain(resolver) {
            witness.same_for(Field::Destination, beside_block(packet.destination, address));
        }
    }
    source::check_destination(subnet, packet)?;
    let service = service::asked(subnet, packet.destination);
    if W::LOOKS && !matches!(service, Ok(None)) {
        witness.same_for(Field::Source, Span::one(bits(packet.source)));
        witness.same_for(Field::Destination, Span::one(bits(packet.destination)));
    }
    if let Some(service) = service? {
        return service::ask(network, flows, (sender, subnet), service, packet, &tuple, now);
    }
    if W::LOOKS {
        witness.by_owner(Field::Source, bits(packet.source));
    }
    if let Err(reason) = source::check_source(network, sender, packet.source) {
        witness.refused(reason, packet)?;
    }
    let journey = Journey::new(network, flows, packet, tuple, now).told_to(&mut *witness);
    let trip = journey.start_at_interface(sender, subnet, Some(packet.destination_mac));
    deliver(network, flows, Origin::Interface(sender), packet, &tuple, trip, now, witness)
}

/// Asks the rules at both ends of a journey, and delivers the packet where it has landed. `came` is the packet as it came.
#[expect(clippy::too_many_arguments, reason = "each is a thing of its own")]
fn deliver<'n, W: Witness<'n>>(
    network: &'n Network,
    flows: &mut Flows,
    origin: Origin<'n>,
    came: &Packet,
    tuple: &Tuple,
    trip: Trip<'n>,
    now: Millis,
    witness: &mut W,
) -> Result<Delivery, DropReason> {
    let sent = match origin {
        Origin::Internet(_) => None,
        Origin::Interface(plugged) => {
            let gate = match tracking::known(flows, plugged.port, Way::Out, came, tuple, now) {
                Some(gate) => {
                    witness.saw(Event::Rules { plugged, direction: Direction::Egress, rule: None }, came);
                    gate
                }
                None if W::WAY_ONLY => {
                    let shows = trip.shows_groups && trip.peer.is_some();
                    witness.would_ask(Direction::Egress, came.destination, shows);
                    Gate::Passed { track: true }
                }
                None => {
                    let peer = trip.peer.filter(|_| trip.shows_groups || trip.landing.is_err());
                    let groups: &[SecurityGroupId] = peer.map_or(&[], |peer| network.groups_of(peer));
                    let (direction, destination) = (Direction::Egress, came.destination);
                    if W::LOOKS {
                        let around =
                            gates::rules_around(network, plugged, direction, tuple, destination, groups);
                        let [ports, source_ports, peers] = around;
                        witness.same_as_sent(Field::DestinationPort, ports);
                        witness.same_as_sent(Field::SourcePort, source_ports);
                        witness.same_as_sent(Field::Destination, peers);
                    }
                    let asked = gates::rules(network, plugged, direction, tuple, destination, groups);
                    passed(witness, plugged, direction, came, asked, trip.is_tracked)?
                }
            };
            Some(End { plugged, way: Way::Out, gate, packet: came, tuple })
        }
    };
    let landing = trip.landing?;
    if let Landing::Service(service, entrance) = landing {
        let asked = endpoint::Asked { service, entrance, origin, sent, came, tuple, trip: &trip };
        return endpoint::deliver(network, flows, &asked, now);
    }
    let received = match landing {
        Landing::Internet(_) | Landing::Service(..) => None,
        Landing::Interface(hop, _) => {
            let plugged = hop.receiver;
            let (packet, tuple) = (&trip.packet, &trip.tuple);
            if let Err(reason) = gates::destination_check(&hop, trip.packet.destination) {
                witness.refused(reason, packet)?;
            }
            let gate = match tracking::known(flows, plugged.port, Way::In, packet, tuple, now) {
                Some(gate) => {
                    witness.saw(Event::Rules { plugged, direction: Direction::Ingress, rule: None }, packet);
                    gate
                }
                None if W::WAY_ONLY => {
                    let shows = sender_groups(network, origin, &trip).is_some();
                    witness.would_ask(Direction::Ingress, packet.source, shows);
                    Gate::Passed { track: true }
                }
                None => {
                    let (direction, source) = (Direction::Ingress, packet.source);
                    let groups = sender_groups(network, origin, &trip).unwrap_or_default();
                    if W::LOOKS {
                        let around = gates::rules_around(network, plugged, direction, tuple, source, groups);
                        let [ports, source_ports, peers] = around;
                        witness.same_for(Field::DestinationPort, ports);
                        witness.same_for(Field::SourcePort, source_ports);
                        witness.same_for(Field::Source, peers);
                    }
                    let asked = gates::rules(network, plugged, direction, tuple, source, groups);
                    passed(witness, plugged, direction, packet, asked, trip.is_tracked)?
                }
            };
            if plugged.role == InterfaceRole::InterfaceEndpoint {
                return Err(DropReason::NoEndpointService { interface: plugged.interface.id });
            }
            Some(End { plugged, way: Way::In, gate, packet, tuple })
        }
    };
    let ends = [sent, received];
    check_size(came, &trip)?;
    if trip.legs.has_more() {
        return Err(DropReason::TooManyPaths { address: came.destination });
    }
    let [sender, receiver] = tracking::track(flows, ends, trip.entries(), now)?;
    let nat = trip.translations.map(|held| held.and_then(|held| held.commit(flows, came, now)));
    let flow = FlowId { sender, receiver, nat };
    let flow = (flow != FlowId::default()).then_some(flow);
    let from = match origin {
        Origin::Interface(plugged) => Some(plugged.subnet),
        Origin::Internet(_) => None,
    };
    let (macs, to) = plan::landing_macs(&trip, landing, came, from)
        .ok_or(DropReason::RoutingLoop { address: came.destination })?;
    let rewrite = trip.rewrite(came, &trip.packet, macs);
    let is_decided_alone = trip.spans_domains || !trip.legs.is_empty();
    // Who looks on carries no packets.
    let cache = (!W::LOOKS && !is_decided_alone && tracking::lasts(ends, came, tuple)).then(|| {
        let delivered = Delivered { origin, came, tuple, trip: &trip, landing, to, rewrite, ends };
        plan::plan(network, flows, &delivered, now)
    });
    let (legs, domains) = (trip.legs, trip.domains());
    Ok(Delivery { to, rewrite, flow, mtu_bytes: trip.mtu_bytes, legs, domains, cache: cache.flatten() })
}

/// What the rules of an interface have answered, as its gate.
fn passed<'n>(
    witness: &mut impl Witness<'n>,
    plugged: &'n PluggedInterface,
    direction: Direction,
    packet: &Packet,
    asked: Result<(SecurityGroupRuleId, bool), DropReason>,
    is_tracked: bool,
) -> Result<Gate, DropReason> {
    match asked {
        Ok((rule, track)) => {
            witness.saw(Event::Rules { plugged, direction, rule: Some(rule) }, packet);
            Ok(Gate::Passed { track: track || is_tracked })
        }
        Err(reason) => witness.refused(reason, packet).map(|()| Gate::Passed { track: true }),
    }
}

/// Fact 64.
fn check_size(came: &Packet, trip: &Trip<'_>) -> Result<(), DropReason> {
    let mtu_bytes = transit::TRANSIT_MTU_BYTES;
    if trip.passed_transit_gateway && came.segment_bytes > u32::from(mtu_bytes) {
        return Err(DropReason::TransitPacketTooBig { mtu_bytes });
    }
    // What is still to be segmented is not fragmented as well: its sender makes smaller segments once it is told.
    let may_be_fragmented = came.may_be_fragmented && came.segment_bytes == came.length_bytes;
    if u32::from(trip.mtu_bytes) < came.segment_bytes && !may_be_fragmented {
        return Err(DropReason::PacketTooBig { mtu_bytes: trip.mtu_bytes });
    }
    Ok(())
}

/// The groups of the sender that rules of the receiver may mean: those of the interface whose own address the source is,
/// as long as nothing on the way hides it (fact 19).
fn sender_groups<'n>(
    network: &'n Network,
    origin: Origin<'n>,
    trip: &Trip<'_>,
) -> Option<&'n [SecurityGroupId]> {
    match origin {
        Origin::Interface(plugged)
            if trip.shows_groups && source::owns(network, plugged, trip.packet.source) =>
        {
            Some(network.groups_of(plugged))
        }
        Origin::Interface(_) | Origin::Internet(_) => None,
    }
}
