//! A second opinion: what the facts say about one packet, by lists and loops.
//!
//! Owns a deliberately simple evaluator, written from the facts and the documented order of the gates. It shares the
//! vocabulary of the engine's interface and none of its code: no compiled rules, no hash tables, no packed keys.
//!
//! Some choices are the engine's alone: the address and port that a NAT gateway translates to, the zone in which
//! appliance mode keeps a connection, and how a managed service sees who asks. The evaluator is told what the engine
//! has answered, takes such a choice over if it is allowed, and remembers it.

mod connection;
mod nat;
mod network;
mod rules;
mod services;
mod shape;
#[cfg(test)]
mod tests;
mod tracking;
mod transit;
mod walk;

use std::net::IpAddr;

use aws_types::{MacAddress, SecurityGroupId};
use vpc_model::{Delta, Direction, Interface, InterfaceRole, InternetPlace, Port, Protocol};

use crate::packet::{Fragment, Inner, Packet, TcpFlags, Transport};
use crate::services::{INTERNET_MAC, LINK_ROUTER_MAC, SERVICES_MAC, WORKSTATION_MAC};
use crate::time::Millis;
use connection::Connection;
use nat::Binding;
use network::Network;
use rules::{asked_service, sender_checks};
use services::Request;
use shape::{begins_connection, ends, has, ports};
use walk::{End, Leaver, Trip, is_private, port_of};

/// How many of the choices that the engine has not told are tried.
const CANDIDATES: usize = 6;

/// How a packet looks where it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The port it arrives at.
    pub to: Port,
    /// Its Ethernet source there.
    pub source_mac: MacAddress,
    /// Its Ethernet destination there.
    pub destination_mac: MacAddress,
    /// Its source there. Of an ICMP query the number is its identifier where that was replaced, otherwise 0.
    pub source: (IpAddr, u16),
    /// Its destination there.
    pub destination: (IpAddr, u16),
    /// Set when the source port had to be replaced: `source` then has the old one, which another connection uses, and
    /// the new one is for the engine to choose and for [`Reference::note_source_port`] to tell.
    pub any_other_source_port: bool,
}

/// What the reference expects of a packet that arrives.
#[derive(Clone, Copy, Debug)]
pub struct Expectation {
    /// How it looks there.
    pub arrival: Arrival,
    /// For an ICMP error: the packet that it quotes, as the receiver knows it.
    pub about: Option<Inner>,
    /// Whether it comes to a managed service, which sees addresses that are the engine's own business.
    pub is_managed: bool,
    /// Whether the ports are to be compared: later fragments have none.
    has_ports: bool,
    /// Of an ICMP query: whether its identifier was replaced as the source's, or as the destination's.
    identifier_of: Option<(bool, bool)>,
}

impl Expectation {
    fn plain(arrival: Arrival) -> Self {
        Self { arrival, about: None, is_managed: false, has_ports: true, identifier_of: None }
    }

    /// Whether a packet that arrives so is as expected.
    pub fn agrees(&self, actual: &Arrival, about: Option<Inner>) -> bool {
        let expected = &self.arrival;
        if self.is_managed {
            return expected.to == actual.to;
        }
        let addresses_agree = (expected.source.0, expected.destination.0)
            == (actual.source.0, actual.destination.0)
            && (expected.source_mac, expected.destination_mac, expected.to)
                == (actual.source_mac, actual.destination_mac, actual.to);
        let ports_agree = match self.identifier_of {
            // An identifier that nobody has replaced may be told or not.
            Some((of_source, of_destination)) => {
                (!of_source || expected.source.1 == actual.source.1)
                    && (!of_destination || expected.destination.1 == actual.destination.1)
            }
            None if self.has_ports => {
                (expected.source.1, expected.destination.1) == (actual.source.1, actual.destination.1)
            }
            None => true,
        };
        addresses_agree && ports_agree && self.about == about
    }
}

/// A fragmented packet whose first fragment has passed.
#[derive(Clone)]
struct FirstFragment {
    from: Port,
    packet: Packet,
    seen: Millis,
}

/// The evaluator.
#[derive(Default)]
pub struct Reference {
    network: Network,
    connections: Vec<Connection>,
    fragments: Vec<FirstFragment>,
    /// Of NAT gateways.
    bindings: Vec<Binding>,
    /// Of managed services.
    requests: Vec<Request>,
    /// What the engine has said about the packet that is judged.
    engine: Option<Arrival>,
    candidate: usize,
    /// Whether connections are gone of which nobody has told.
    is_lost: bool,
}

/// The name of a drop reason.
type Reason = &'static str;

impl Reference {
    /// What is answered where several translations follow one another, of which the engine tells the last alone; and once
    /// a NAT gateway has lost an address that one of those may have, which the engine has not told.
    pub const UNKNOWABLE: &'static str = "Unknowable";

    /// Takes changes over.
    pub fn apply(&mut self, deltas: &[Delta]) {
        // AWS moves no interface to another subnet: what is there is another one.
        let place = |interface: &Interface| (interface.id, interface.port, interface.subnet);
        let places = |network: &Network| -> Vec<_> { network.interfaces.iter().map(place).collect() };
        self.is_lost |= self.loses_untold_address(deltas);
        let before = places(&self.network);
        for delta in deltas {
            self.network.apply(delta);
        }
        let after = places(&self.network);
        for (id, port, subnet) in before {
            if !after.contains(&(id, port, subnet)) {
                self.connections.retain(|connection| connection.port != port);
                self.fragments.retain(|fragment| fragment.from != port);
            }
        }
        self.forget_bindings();
    }

    /// The interface at a port.
    pub fn interface(&self, port: Port) -> Option<&Interface> {
        self.network.interfaces.iter().find(|interface| interface.port == port)
    }

    /// Judges a packet and remembers its connection: where and how it arrives, or the name of the reason why not. It is
    /// told what the engine says, for the choices that are the engine's.
    ///
    /// # Errors
    /// The name of the reason ([`crate::DropReason::name`]), or [`Self::UNKNOWABLE`].
    pub fn judge(
        &mut self,
        from: Port,
        packet: &Packet,
        now: Millis,
        engine: &Result<Arrival, &'static str>,
    ) -> Result<Expectation, &'static str> {
        if self.is_lost {
            return Err(Self::UNKNOWABLE);
        }
        self.connections.retain(|connection| !connection.is_idle(now));
        self.bindings.retain(|binding| !binding.is_gone(now));
        self.engine = engine.as_ref().ok().copied();
        let mut first = None;
        for candidate in 0..CANDIDATES {
            self.candidate = candidate;
            let before = (
                self.connections.clone(),
                self.fragments.clone(),
                self.bindings.clone(),
                self.requests.clone(),
            );
            let judgement = self.judge_candidate(from, packet, now);
            let is_settled = match (&judgement, engine) {
                (Err(expected), Err(actual)) => expected == actual,
                (Err(expected), Ok(_)) => *expected == Self::UNKNOWABLE,
                (Ok(expected), Ok(actual)) => {
                    expected.arrival.any_other_source_port || expected.agrees(actual, expected.about)
                }
                (Ok(_), Err(_)) => false,
            };
            if is_settled {
                return judgement;
            }
            (self.connections, self.fragments, self.bindings, self.requests) = before;
            first.get_or_insert(judgement);
        }
        first.expect("at least one candidate")
    }

    /// Judges a packet where no engine has a say, so that choices are made up.
    #[cfg(test)]
    fn judge_alone(&mut self, from: Port, packet: &Packet, now: Millis) -> Result<Expectation, Reason> {
        self.connections.retain(|connection| !connection.is_idle(now));
        self.bindings.retain(|binding| !binding.is_gone(now));
        (self.engine, self.candidate) = (None, 0);
        self.judge_candidate(from, packet, now)
    }

    fn judge_candidate(&mut self, from: Port, packet: &Packet, now: Millis) -> Result<Expectation, Reason> {
        let Some(fragment) = packet.fragment else { return self.judge_whole(from, packet, now) };
        if packet.transport != Transport::Continuation {
            let expectation = self.judge_whole(from, packet, now)?;
            self.fragments.push(FirstFragment { from, packet: *packet, seen: now });
            return Ok(expectation);
        }
        let transport = self.transport_of(from, packet, fragment, now).ok_or("FragmentWithoutFirst")?;
        let expectation = self.judge_whole(from, &Packet { transport, ..*packet }, now)?;
        Ok(Expectation { has_ports: false, identifier_of: None, ..expectation })
    }

    /// The transport header of the packet that a later fragment is of.
    fn transport_of(
        &self,
        from: Port,
        packet: &Packet,
        fragment: Fragment,
        now: Millis,
    ) -> Option<Transport> {
        let first = self.fragments.iter().rev().find(|first| {
            let same = first.packet.fragment.is_some_and(|of_first| of_first.id == fragment.id);
            let (one, other) = (&first.packet, packet);
            let is_recent = now.0 - first.seen.0 < 30_000;
            let alike = one.source == other.source && one.destination == other.destination;
            same && alike && one.protocol == other.protocol && first.from == from && is_recent
        });
        Some(match first?.packet.transport {
            Transport::Tcp { source, destination, .. } => {
                Transport::Tcp { source, destination, flags: TcpFlags::ACK }
            }
            other => other,
        })
    }

    fn judge_whole(&mut self, from: Port, packet: &Packet, now: Millis) -> Result<Expectation, Reason> {
        match from {
            Port::SERVICES => match self.request_of(packet) {
                Some(request) => self.judge_managed_answer(request, packet, now),
                None => self.judge_answer(packet, now).map(Expectation::plain),
            },
            Port::INTERNET | Port::WORKSTATION => {
                let mut trip = self.trip(packet, None);
                let end = if is_private(packet.source) {
                    Err("PrivateSource")
                } else {
                    self.cross_internet(&mut trip)
                };
                self.finish(trip, end, packet, now)
            }
            _ => self.judge_sent(from, packet, now),
        }
    }

    fn trip(&self, packet: &Packet, sender: Option<&Interface>) -> Trip {
        let mut trip = Trip::new(packet, sender);
        trip.candidate = self.candidate;
        trip.hint = self.engine.filter(|arrival| arrival.to != Port::SERVICES).map(|arrival| arrival.source);
        trip
    }

    /// What a workload sends.
    fn judge_sent(&mut self, from: Port, packet: &Packet, now: Millis) -> Result<Expectation, Reason> {
        let sender = self.interface(from).ok_or("UnknownPort")?.clone();
        sender_checks(&sender, packet)?;
        if sender.role == InterfaceRole::ClosedAccount {
            return Err("AccountClosed");
        }
        let subnet = self.network.subnet_of(&sender).ok_or("Missing")?.clone();
        if packet.destination == IpAddr::V4(subnet.cidr.broadcast()) {
            return Err("Broadcast");
        }
        if let Some(listener) = asked_service(packet.destination, self.network.vpc(subnet.vpc))? {
            return self.judge_request(&sender, listener, packet, now).map(Expectation::plain);
        }
        if sender.source_dest_check && !has(&sender, packet.source) {
            return Err("SourceCheck");
        }
        let mut trip = self.trip(packet, Some(&sender));
        let end = self.leave(&mut trip, &subnet, Leaver::Workload(sender.id));
        self.finish(trip, end, packet, now)
    }

    /// Asks, in this order, the groups of the sender, the network ACLs on the way, what the way has led to, and the groups
    /// of the receiver; then remembers.
    fn finish(
        &mut self,
        trip: Trip,
        end: Result<End, Reason>,
        packet: &Packet,
        now: Millis,
    ) -> Result<Expectation, Reason> {
        let sent = match &trip.sender {
            Some(sender) => Some(self.ask_sender(sender, &trip, &end, packet)?),
            None => None,
        };
        for (subnet, direction, seen) in &trip.lists {
            let peer = if *direction == Direction::Egress { seen.destination } else { seen.source };
            self.ask_acl(subnet, *direction, seen, peer)?;
        }
        let end = end?;
        let mut to_track = Vec::new();
        if let (Some(sender), Some((known, is_tracked))) = (&trip.sender, sent) {
            to_track.push((sender.clone(), Direction::Egress, *packet, known, is_tracked));
        }
        if let End::Interface { receiver, .. } = &end {
            let (known, is_tracked) = self.ask_receiver(receiver, &trip)?;
            if receiver.role == InterfaceRole::InterfaceEndpoint {
                return Err("NoEndpointService");
            }
            to_track.push((receiver.clone(), Direction::Ingress, trip.packet, known, is_tracked));
        }
        if trip.translations.iter().filter(|translation| translation.is_new).count() > 1 {
            return Err(Self::UNKNOWABLE);
        }
        self.track(to_track, now)?;
        self.keep(&trip.translations, now);
        Ok(self.arrive(&trip, &end, packet))
    }

    /// The connection of a packet at its sender; otherwise whether it is to be tracked there.
    fn ask_sender(
        &self,
        sender: &Interface,
        trip: &Trip,
        end: &Result<End, Reason>,
        packet: &Packet,
    ) -> Result<(Option<usize>, bool), Reason> {
        let known = self.find(sender.port, Direction::Egress, packet);
        if known.is_some() || self.is_error_about_known(sender.port, Direction::Egress, packet) {
            return Ok((known, false));
        }
        let peer = match end {
            Ok(End::Interface { receiver, .. }) => {
                Some(receiver).filter(|peer| has(peer, packet.destination))
            }
            Err(_) if !trip.has_left => self.network.owner(sender.vpc, packet.destination),
            _ => None,
        };
        let is_named = trip.shows_groups && !trip.passed_transit_gateway;
        let peer_groups = peer.filter(|_| is_named).map_or(&[][..], |peer| &peer.security_groups);
        let tracked = self.ask_groups(sender, Direction::Egress, packet, packet.destination, peer_groups);
        Ok((None, tracked.ok_or("NoEgressRule")? || trip.always_tracked))
    }

    /// The same at its receiver.
    fn ask_receiver(&self, receiver: &Interface, trip: &Trip) -> Result<(Option<usize>, bool), Reason> {
        let packet = &trip.packet;
        if receiver.source_dest_check && !has(receiver, packet.destination) {
            return Err("DestinationCheck");
        }
        let known = self.find(receiver.port, Direction::Ingress, packet);
        if known.is_some() || self.is_error_about_known(receiver.port, Direction::Ingress, packet) {
            return Ok((known, false));
        }
        let sender = trip.sender.as_ref().filter(|sender| trip.shows_groups && has(sender, packet.source));
        let groups: &[SecurityGroupId] = sender.map_or(&[], |sender| &sender.security_groups);
        let tracked = self.ask_groups(receiver, Direction::Ingress, packet, packet.source, groups);
        Ok((None, tracked.ok_or("NoIngressRule")? || trip.always_tracked))
    }

    /// Everything has let it pass: now it is remembered, unless there is no room.
    fn track(
        &mut self,
        to_track: Vec<(Interface, Direction, Packet, Option<usize>, bool)>,
        now: Millis,
    ) -> Result<(), Reason> {
        for (interface, _, packet, _, is_tracked) in &to_track {
            let limit = interface.tracking_limit.unwrap_or(u32::MAX) as usize;
            let used = self.connections.iter().filter(|connection| {
                connection.port == interface.port && connection.service.is_none() && !connection.is_closing()
            });
            if *is_tracked && begins_connection(packet) && used.count() >= limit {
                return Err("TrackingTableFull");
            }
        }
        let mut ended = Vec::new();
        for (interface, direction, packet, known, _) in &to_track {
            if let Some(index) = *known {
                let connection = &mut self.connections[index];
                connection.timeouts = interface.idle_timeouts;
                if connection.see(*direction, packet, now) {
                    ended.push(index);
                }
            }
        }
        ended.sort_unstable();
        for index in ended.into_iter().rev() {
            self.connections.remove(index);
        }
        for (interface, direction, packet, known, is_tracked) in &to_track {
            if known.is_none() && *is_tracked && begins_connection(packet) {
                self.remember(interface, *direction, packet, now);
            }
        }
        Ok(())
    }

    /// How a packet looks at the end of its way.
    fn arrive(&mut self, trip: &Trip, end: &End, sent: &Packet) -> Expectation {
        let packet = &trip.packet;
        let (to, source_mac, destination_mac) = match end {
            End::Interface { receiver, is_neighbour: true } => (receiver.port, sent.source_mac, receiver.mac),
            End::Interface { receiver, is_neighbour: false } => {
                (receiver.port, crate::router_mac(receiver.subnet), receiver.mac)
            }
            End::Host(InternetPlace::Declared) => {
                (port_of(InternetPlace::Declared), LINK_ROUTER_MAC, INTERNET_MAC)
            }
            End::Host(InternetPlace::Workstation) => {
                (port_of(InternetPlace::Workstation), LINK_ROUTER_MAC, WORKSTATION_MAC)
            }
            End::Service(_) => (Port::SERVICES, LINK_ROUTER_MAC, SERVICES_MAC),
        };
        let (source, destination) = match packet.transport {
            Transport::Icmp { .. } => {
                let (source, destination) = ends(packet);
                let (of_source, of_destination) = trip.identifier_of;
                (if of_source { source.1 } else { 0 }, if of_destination { destination.1 } else { 0 })
            }
            _ => ports(packet),
        };
        let about = match packet.transport {
            Transport::Icmp { about, .. } => about,
            _ => None,
        };
        let is_icmp = matches!(packet.protocol, Protocol::ICMP | Protocol::ICMPV6);
        if let (End::Service(entry), None) = (end, about) {
            let (asker, service) = ends(packet);
            let seen = self.engine.map_or((asker, service), |seen| (seen.source, seen.destination));
            let (protocol, entry) = (packet.protocol, *entry);
            // What is asked through an endpoint is another connection than what is asked over the internet, and what a
            // middlebox asks than what the owner of the address does.
            let is_its = |request: &Request| {
                (request.protocol, request.asker, request.service, request.entry, request.seen.0.0)
                    == (protocol, asker, service, entry, seen.0.0)
            };
            if begins_connection(packet) || self.requests.iter().any(is_its) {
                self.requests.retain(|request| !is_its(request));
                self.requests.push(Request { protocol, seen, asker, service, entry });
            }
        }
        Expectation {
            arrival: Arrival {
                to,
                source_mac,
                destination_mac,
                source: (packet.source, source),
                destination: (packet.destination, destination),
                any_other_source_port: false,
            },
            about,
            is_managed: matches!(end, End::Service(_)),
            has_ports: true,
            identifier_of: is_icmp.then_some(trip.identifier_of),
        }
    }
}
