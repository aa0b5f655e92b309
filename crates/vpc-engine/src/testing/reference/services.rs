//! Requests to the services of the link and their answers, and what comes back from managed services.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpc_model::{Direction, Interface, InterfaceRole, Port, Protocol};

use super::connection::Connection;
use super::nat::{inner_ends, set_port};
use super::shape::{ends, flags, has, is_opening_syn};
use super::walk::{Entry, Leaver, Trip};
use super::{Arrival, Expectation, Reason, Reference};
use crate::packet::{Packet, TcpFlags, Transport};
use crate::time::Millis;

impl Reference {
    /// A request to a service of the link.
    pub(super) fn judge_request(
        &mut self,
        sender: &Interface,
        listener: IpAddr,
        packet: &Packet,
        now: Millis,
    ) -> Result<Arrival, Reason> {
        let (Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination }) =
            packet.transport
        else {
            return Err("ServiceProtocol");
        };
        if !has(sender, packet.source) {
            return Err("SourceCheck");
        }
        let listener = (listener, destination);
        let mut any_other_source_port = false;
        let mut seen_port = source;
        if let Some(index) = self.find(sender.port, Direction::Egress, packet) {
            seen_port = self.connections[index].service.expect("with a service").1;
            if self.connections[index].see(Direction::Egress, packet, now) {
                self.connections.remove(index);
            }
        } else {
            if let Some(old) = self.find_even_if_new(sender.port, Direction::Egress, packet) {
                self.connections.remove(old);
            }
            if flags(packet).contains(TcpFlags::RST) {
                return Err("UnknownServiceConnection");
            }
            any_other_source_port = self.connections.iter().any(|connection| {
                connection.port == sender.port
                    && connection.protocol == packet.protocol
                    && connection.service == Some((listener, source))
            });
            let mut connection = Connection::begin(sender, Direction::Egress, packet, now);
            connection.service = Some((listener, source));
            self.connections.push(connection);
        }
        let link: IpAddr = match packet.source {
            IpAddr::V4(_) => {
                Ipv4Addr::from(u32::from(Ipv4Addr::new(100, 64, 0, 0)) + sender.port.number()).into()
            }
            IpAddr::V6(_) => {
                let prefix = u128::from(Ipv6Addr::new(0xfd62, 0x7275, 0x6d65, 0, 0, 0, 0, 0));
                Ipv6Addr::from(prefix + u128::from(sender.port.number())).into()
            }
        };
        Ok(Arrival {
            to: Port::SERVICES,
            source_mac: crate::services::LINK_ROUTER_MAC,
            destination_mac: crate::services::SERVICES_MAC,
            source: (link, seen_port),
            destination: listener,
            any_other_source_port,
        })
    }

    /// Tells which source port the last request got, where [`Arrival::any_other_source_port`] asked for one.
    pub fn note_source_port(&mut self, port: u16) {
        if let Some((_, seen)) = self.connections.last_mut().and_then(|last| last.service.as_mut()) {
            *seen = port;
        }
    }

    /// What a service sends: an answer to who asked, from the address that was asked.
    pub(super) fn judge_answer(&mut self, packet: &Packet, now: Millis) -> Result<Arrival, Reason> {
        let (Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination }) =
            packet.transport
        else {
            return Err("ServiceProtocol");
        };
        let listener = (packet.source, source);
        let port = crate::services::port_of_link_address(packet.destination);
        let index = self.connections.iter().position(|connection| {
            Some(connection.port) == port
                && connection.protocol == packet.protocol
                && connection.service == Some((listener, destination))
                && (!is_opening_syn(packet) || connection.handshaking)
        });
        let index = index.ok_or("UnsolicitedByService")?;
        let connection = &mut self.connections[index];
        let receiver = self.network.interfaces.iter().find(|interface| interface.port == connection.port);
        let receiver = receiver.ok_or("UnknownPort")?;
        if receiver.role == InterfaceRole::ClosedAccount {
            return Err("AccountClosed");
        }
        if !self.network.subnets.iter().any(|subnet| subnet.id == receiver.subnet) {
            return Err("Missing");
        }
        if !has(receiver, connection.local.0) {
            return Err("NoSuchAddress");
        }
        let arrival = Arrival {
            to: receiver.port,
            source_mac: crate::router_mac(receiver.subnet),
            destination_mac: receiver.mac,
            source: connection.remote,
            destination: connection.local,
            any_other_source_port: false,
        };
        if connection.see(Direction::Ingress, packet, now) {
            self.connections.remove(index);
        }
        Ok(arrival)
    }

    /// What a managed service sends: an answer, which takes the way back from where it was asked.
    pub(super) fn judge_managed_answer(
        &mut self,
        index: usize,
        packet: &Packet,
        now: Millis,
    ) -> Result<Expectation, Reason> {
        let request = self.requests[index].clone();
        let mut answer = *packet;
        (answer.source, answer.destination) = (request.service.0, request.asker.0);
        set_port(&mut answer, true, request.service.1);
        set_port(&mut answer, false, request.asker.1);
        let mut trip = Trip::new(&answer, None);
        // Fact 26, for what comes through an endpoint.
        trip.always_tracked = matches!(request.entry, Entry::Endpoint(_));
        let end = match request.entry {
            Entry::Internet => self.cross_internet(&mut trip),
            Entry::Endpoint(vpc) => {
                trip.has_left = true;
                trip.shows_groups = false;
                match self.network.owner(vpc, request.asker.0).cloned() {
                    Some(owner) => self.reach(&mut trip, &owner, None, Leaver::TransitGateway),
                    None => Err("NoSuchAddress"),
                }
            }
        };
        let expectation = self.finish(trip, end, packet, now)?;
        if flags(packet).contains(TcpFlags::RST) {
            self.requests.remove(index);
        }
        Ok(expectation)
    }

    /// Whether a managed service takes a packet: TCP, ICMP echo, and errors about what it has sent.
    pub(super) fn is_for_service(&self, packet: &Packet) -> bool {
        match packet.transport {
            Transport::Icmp { about: Some(about), .. } => {
                let (service, asker) = inner_ends(&about);
                self.requests.iter().any(|request| {
                    let is_icmp = matches!(about.protocol, Protocol::ICMP | Protocol::ICMPV6);
                    let same_ports =
                        request.asker.1 == asker.1 && (is_icmp || request.service.1 == service.1);
                    request.protocol == about.protocol
                        && (request.asker.0, request.service.0) == (asker.0, service.0)
                        && same_ports
                })
            }
            Transport::Icmp { kind: 8, .. } => packet.protocol == Protocol::ICMP,
            Transport::Icmp { kind: 128, .. } => packet.protocol == Protocol::ICMPV6,
            _ => packet.protocol == Protocol::TCP,
        }
    }

    /// The request that a packet of a managed service answers.
    pub(super) fn request_of(&self, packet: &Packet) -> Option<usize> {
        let ((source, source_port), (destination, destination_port)) = ends(packet);
        self.requests.iter().rposition(|request| {
            let ports_fit = match packet.transport {
                Transport::Icmp { .. } => {
                    request.asker.1 == destination_port || request.seen.0.1 == destination_port
                }
                _ => (request.seen.0.1, request.seen.1.1) == (destination_port, source_port),
            };
            request.protocol == packet.protocol
                && (request.seen.0.0, request.seen.1.0) == (destination, source)
                && ports_fit
        })
    }
}

/// What a managed service was asked.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) protocol: Protocol,
    /// The source and destination that the service sees, which are the engine's own business.
    pub(super) seen: ((IpAddr, u16), (IpAddr, u16)),
    /// The source where it left the network: behind gateways, which translate.
    pub(super) asker: (IpAddr, u16),
    /// The address that was asked.
    pub(super) service: (IpAddr, u16),
    pub(super) entry: Entry,
}
