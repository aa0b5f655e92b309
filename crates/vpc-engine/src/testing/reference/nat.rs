//! What NAT gateways have translated (facts 41 to 50). Refuses to know the ways that lead to them.

use std::net::{IpAddr, Ipv4Addr};

use aws_types::NatGatewayId;
use vpc_model::{Delta, NatGateway, Object, Protocol};

use super::shape::{ends, flags, is_opening_syn, query_of};
use super::walk::Trip;
use super::{Reason, Reference};
use crate::packet::{Inner, InnerTransport, Packet, TcpFlags, Transport};
use crate::time::Millis;

/// Fact 43, for every protocol.
const IDLE_SECS: u64 = 350;
/// Fact 42. What is below stands for a port that the engine has not told.
const FIRST_PORT: u16 = 1024;
/// How long a connection stays that both sides have closed.
const CLOSED_SECS: u64 = 5;

/// One translated connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Binding {
    pub(super) gateway: NatGatewayId,
    pub(super) protocol: Protocol,
    pub(super) client: (IpAddr, u16),
    /// Fact 50: the same on both sides. The port is 0 for ICMP.
    pub(super) server: (IpAddr, u16),
    pub(super) outside: (IpAddr, u16),
    pub(super) last_seen: Millis,
    pub(super) fin_by_client: bool,
    pub(super) fin_by_server: bool,
}

impl Binding {
    pub(super) fn is_gone(&self, now: Millis) -> bool {
        let secs = if self.fin_by_client && self.fin_by_server { CLOSED_SECS } else { IDLE_SECS };
        now.0 - self.last_seen.0 >= secs * 1000
    }

    fn is_of(&self, protocol: Protocol, server: (IpAddr, u16)) -> bool {
        self.protocol == protocol && self.server == server
    }
}

/// What a packet has done with a translated connection.
#[derive(Clone, Debug)]
pub(super) struct Translation {
    pub(super) binding: Binding,
    pub(super) is_new: bool,
    pub(super) is_reset: bool,
    /// Errors about a connection do not keep it.
    pub(super) refreshes: bool,
}

/// How a NAT gateway looks at a packet.
enum Kind {
    Flow,
    /// An ICMP error, with what it quotes.
    Error(Inner),
}

impl Reference {
    /// The connections that are left, after a gateway or an address of it is gone.
    pub(super) fn forget_bindings(&mut self) {
        let gateways = &self.network.nat_gateways;
        self.bindings.retain(|binding| {
            gateways.iter().any(|gateway| {
                gateway.id == binding.gateway
                    && gateway.addresses.iter().any(|address| IpAddr::V4(*address) == binding.outside.0)
            })
        });
    }

    /// Whether changes take an address from a gateway that may be that of a connection of which the engine has not told
    /// what it has chosen.
    pub(super) fn loses_untold_address(&self, deltas: &[Delta]) -> bool {
        deltas.iter().any(|delta| {
            let Delta::Put(Object::NatGateway(new)) = delta else { return false };
            let old = self.network.nat_gateways.iter().find(|old| old.id == new.id);
            let loses = old.is_some_and(|old| old.addresses.iter().any(|held| !new.addresses.contains(held)));
            loses
                && self
                    .bindings
                    .iter()
                    .any(|binding| binding.gateway == new.id && binding.outside.1 < FIRST_PORT)
        })
    }

    /// From a client of a gateway: the source becomes the gateway's.
    pub(super) fn translate_out(&self, trip: &mut Trip, gateway: &NatGateway) -> Result<(), Reason> {
        let packet = trip.packet;
        if packet.source.is_ipv6() {
            return Err("NatIpv6");
        }
        if ![Protocol::TCP, Protocol::UDP, Protocol::ICMP].contains(&packet.protocol) {
            return Err("NatProtocol");
        }
        if packet.fragment.is_some() && packet.protocol != Protocol::UDP {
            return Err("NatFragment");
        }
        match kind_of(&packet).ok_or("NatProtocol")? {
            Kind::Error(inner) => {
                let (server, client) = inner_ends(&inner);
                let binding = self.bindings.iter().find(|binding| {
                    binding.gateway == gateway.id
                        && binding.is_of(inner.protocol, without_identifier(inner.protocol, server))
                        && binding.client == client
                        && packet.destination == server.0
                        && !quotes_an_error(&inner)
                });
                let binding = binding.ok_or("NatIdle")?.clone();
                let mut about = inner;
                about.destination = binding.outside.0;
                set_inner_port(&mut about, false, binding.outside.1);
                trip.packet.source = binding.outside.0;
                set_about(&mut trip.packet, about);
                trip.translations.push(Translation {
                    binding,
                    is_new: false,
                    is_reset: false,
                    refreshes: false,
                });
                Ok(())
            }
            Kind::Flow => self.translate_flow_out(trip, gateway),
        }
    }

    fn translate_flow_out(&self, trip: &mut Trip, gateway: &NatGateway) -> Result<(), Reason> {
        let packet = trip.packet;
        let (client, server) = ends(&packet);
        let server = without_identifier(packet.protocol, server);
        let known = self.bindings.iter().find(|binding| {
            binding.gateway == gateway.id
                && binding.is_of(packet.protocol, server)
                && binding.client == client
        });
        let is_reply = matches!(packet.transport, Transport::Icmp { kind, .. }
            if query_of(packet.protocol, kind).is_some_and(|(_, is_reply)| is_reply));
        if is_reply {
            return Err("NatIdle");
        }
        let mut binding = match known {
            // The next connection between the same ends has the address and port of the last.
            Some(known) if is_opening_syn(&packet) => {
                Binding { fin_by_client: false, fin_by_server: false, ..known.clone() }
            }
            Some(known) => known.clone(),
            None if packet.protocol == Protocol::TCP && !is_opening_syn(&packet) => return Err("NatIdle"),
            None => Binding {
                gateway: gateway.id,
                protocol: packet.protocol,
                client,
                server,
                outside: self.choose(trip, gateway, &packet, server).ok_or("NatPortAllocation")?,
                last_seen: Millis(0),
                fin_by_client: false,
                fin_by_server: false,
            },
        };
        binding.fin_by_client |= flags(&packet).contains(TcpFlags::FIN);
        trip.packet.source = binding.outside.0;
        set_port(&mut trip.packet, true, binding.outside.1);
        trip.identifier_of.0 |= packet.protocol == Protocol::ICMP;
        let is_reset = flags(&packet).contains(TcpFlags::RST);
        trip.translations.push(Translation { binding, is_new: known.is_none(), is_reset, refreshes: true });
        Ok(())
    }

    /// The address and port that the engine has chosen, if it may choose them (facts 41, 42). Where it has not said, any.
    fn choose(
        &self,
        trip: &Trip,
        gateway: &NatGateway,
        packet: &Packet,
        server: (IpAddr, u16),
    ) -> Option<(IpAddr, u16)> {
        let fallback = *gateway.addresses.get(trip.candidate % gateway.addresses.len().max(1))?;
        let ((_, own), _) = ends(packet);
        // Below those that a gateway uses and not the client's own, so that it is nobody's.
        let unknown = (1..FIRST_PORT).filter(|port| *port != own).find(|port| {
            !self
                .bindings
                .iter()
                .any(|binding| binding.gateway == gateway.id && binding.outside == (fallback.into(), *port))
        })?;
        let Some((IpAddr::V4(seen), port)) = trip.hint else { return Some((fallback.into(), unknown)) };
        let interface = self.network.interface(gateway.interface)?;
        let stands_for = |address: Ipv4Addr| {
            address == seen
                || interface.public_ipv4.iter().any(|pair| pair.public == seen && pair.private == address)
        };
        let address = gateway.addresses.iter().copied().find(|address| stands_for(*address));
        let Some(address) = address else { return Some((fallback.into(), unknown)) };
        let is_taken = self.bindings.iter().any(|binding| {
            binding.is_of(packet.protocol, server)
                && binding.gateway == gateway.id
                && binding.outside == (address.into(), port)
                && !(binding.fin_by_client && binding.fin_by_server)
        });
        let may_be = packet.protocol == Protocol::ICMP || port >= FIRST_PORT;
        // A port that the engine may not choose is judged to be another, which shows.
        Some((address.into(), if is_taken || !may_be { 0 } else { port }))
    }

    /// To a gateway, of a connection that it knows: the destination becomes the client.
    pub(super) fn translate_in(&self, trip: &mut Trip, gateway: &NatGateway) -> Result<(), Reason> {
        let packet = trip.packet;
        if packet.fragment.is_some() && packet.protocol != Protocol::UDP {
            return Err("NatFragment");
        }
        match kind_of(&packet).ok_or("NatUnsolicited")? {
            Kind::Error(inner) => {
                let (outside, server) = inner_ends(&inner);
                let binding = self.bindings.iter().find(|binding| {
                    binding.gateway == gateway.id
                        && binding.is_of(inner.protocol, without_identifier(inner.protocol, server))
                        && binding.outside == outside
                        && packet.destination == outside.0
                        && !quotes_an_error(&inner)
                });
                let binding = binding.ok_or("NatUnsolicited")?.clone();
                let mut about = inner;
                about.source = binding.client.0;
                set_inner_port(&mut about, true, binding.client.1);
                trip.packet.destination = binding.client.0;
                set_about(&mut trip.packet, about);
                trip.translations.push(Translation {
                    binding,
                    is_new: false,
                    is_reset: false,
                    refreshes: false,
                });
            }
            Kind::Flow => {
                let (server, outside) = ends(&packet);
                let server = without_identifier(packet.protocol, server);
                let is_answer = match packet.transport {
                    Transport::Icmp { kind, .. } => {
                        query_of(packet.protocol, kind).is_some_and(|(_, is_reply)| is_reply)
                    }
                    _ => true,
                };
                let binding = self.bindings.iter().find(|binding| {
                    binding.gateway == gateway.id
                        && binding.is_of(packet.protocol, server)
                        && binding.outside == outside
                        && is_answer
                });
                let mut binding = binding.ok_or("NatUnsolicited")?.clone();
                binding.fin_by_server |= flags(&packet).contains(TcpFlags::FIN);
                trip.packet.destination = binding.client.0;
                set_port(&mut trip.packet, false, binding.client.1);
                trip.identifier_of.1 |= packet.protocol == Protocol::ICMP;
                let is_reset = flags(&packet).contains(TcpFlags::RST);
                trip.translations.push(Translation { binding, is_new: false, is_reset, refreshes: true });
            }
        }
        Ok(())
    }

    /// Remembers what a delivered packet has done with translated connections.
    pub(super) fn keep(&mut self, translations: &[Translation], now: Millis) {
        for translation in translations.iter().filter(|translation| translation.refreshes) {
            let new = &translation.binding;
            self.bindings.retain(|old| {
                (old.gateway, old.protocol, old.client, old.server)
                    != (new.gateway, new.protocol, new.client, new.server)
            });
            if !translation.is_reset {
                self.bindings.push(Binding { last_seen: now, ..new.clone() });
            }
        }
    }
}

fn kind_of(packet: &Packet) -> Option<Kind> {
    match packet.transport {
        Transport::Icmp { about: Some(inner), .. } => Some(Kind::Error(inner)),
        Transport::Icmp { kind, .. } => query_of(packet.protocol, kind).map(|_| Kind::Flow),
        Transport::Tcp { .. } | Transport::Udp { .. } => Some(Kind::Flow),
        Transport::Other | Transport::Continuation => None,
    }
}

/// An error has no identifier, and there are no errors about errors (RFC 1122, section 3.2.2).
fn quotes_an_error(inner: &Inner) -> bool {
    matches!(inner.transport, InnerTransport::Icmp { kind, .. } if query_of(inner.protocol, kind).is_none())
}

/// An ICMP identifier is the client's alone.
fn without_identifier(protocol: Protocol, server: (IpAddr, u16)) -> (IpAddr, u16) {
    if protocol == Protocol::ICMP { (server.0, 0) } else { server }
}

pub(super) fn inner_ends(inner: &Inner) -> ((IpAddr, u16), (IpAddr, u16)) {
    let (source, destination) = match inner.transport {
        InnerTransport::Ports { source, destination } => (source, destination),
        InnerTransport::Icmp { id, .. } => (id, id),
        InnerTransport::Other => (0, 0),
    };
    ((inner.source, source), (inner.destination, destination))
}

pub(super) fn set_about(packet: &mut Packet, new: Inner) {
    if let Transport::Icmp { about, .. } = &mut packet.transport {
        *about = Some(new);
    }
}

/// Sets the source or destination port, or the identifier of an ICMP query.
pub(super) fn set_port(packet: &mut Packet, is_source: bool, port: u16) {
    match &mut packet.transport {
        Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
            *(if is_source { source } else { destination }) = port;
        }
        Transport::Icmp { id, .. } => *id = port,
        Transport::Other | Transport::Continuation => {}
    }
}

fn set_inner_port(inner: &mut Inner, is_source: bool, port: u16) {
    match &mut inner.transport {
        InnerTransport::Ports { source, destination } => {
            *(if is_source { source } else { destination }) = port;
        }
        InnerTransport::Icmp { id, .. } => *id = port,
        InnerTransport::Other => {}
    }
}
