//! Connection tracking at interfaces: which connection a packet belongs to there. Refuses to know the rules.

use vpc_model::{Direction, Interface, Port};

use super::Reference;
use super::connection::Connection;
use super::shape::{ends, is_opening_syn, query_of};
use crate::packet::{InnerTransport, Packet, Transport};
use crate::time::Millis;

impl Reference {
    /// The connection that a packet belongs to at an interface. A SYN belongs to none but one that is being set up.
    pub(super) fn find(&self, port: Port, direction: Direction, packet: &Packet) -> Option<usize> {
        let index = self.find_even_if_new(port, direction, packet)?;
        let is_syn = is_opening_syn(packet);
        (!is_syn || self.connections[index].handshaking).then_some(index)
    }

    pub(super) fn find_even_if_new(
        &self,
        port: Port,
        direction: Direction,
        packet: &Packet,
    ) -> Option<usize> {
        let (source, destination) = ends(packet);
        let (local, remote) = match direction {
            Direction::Egress => (source, destination),
            Direction::Ingress => (destination, source),
        };
        let query = match packet.transport {
            Transport::Icmp { kind, .. } => {
                let (kind, is_reply) = query_of(packet.protocol, kind)?;
                Some((kind, (direction == Direction::Egress) != is_reply))
            }
            _ => None,
        };
        self.connections.iter().position(|connection| {
            connection.port == port
                && connection.protocol == packet.protocol
                && connection.local == local
                && connection.remote == remote
                && connection.query == query
        })
    }

    /// Whether a packet is an ICMP error, to the sender of a packet of a connection that the interface remembers.
    pub(super) fn is_error_about_known(&self, port: Port, direction: Direction, packet: &Packet) -> bool {
        let Transport::Icmp { about: Some(inner), .. } = packet.transport else { return false };
        if inner.source != packet.destination {
            return false;
        }
        let (source_port, destination_port, query) = match inner.transport {
            InnerTransport::Ports { source, destination } => (source, destination, None),
            InnerTransport::Icmp { kind, id, .. } => match query_of(inner.protocol, kind) {
                Some(query) => (id, id, Some(query)),
                None => return false,
            },
            InnerTransport::Other => (0, 0, None),
        };
        // The quoted packet went the other way: who sends the error had received it.
        let (from, to) = ((inner.source, source_port), (inner.destination, destination_port));
        let was_sent_by_local = direction == Direction::Ingress;
        let (local, remote) = if was_sent_by_local { (from, to) } else { (to, from) };
        let query = query.map(|(kind, is_reply)| (kind, was_sent_by_local != is_reply));
        self.connections.iter().any(|connection| {
            connection.port == port
                && connection.protocol == inner.protocol
                && connection.local == local
                && connection.remote == remote
                && connection.query == query
        })
    }

    pub(super) fn remember(
        &mut self,
        interface: &Interface,
        direction: Direction,
        packet: &Packet,
        now: Millis,
    ) {
        if let Some(old) = self.find_even_if_new(interface.port, direction, packet) {
            self.connections.remove(old);
        }
        self.connections.push(Connection::begin(interface, direction, packet, now));
    }
}
