//! What the reference remembers of a connection at one interface, and for how long.

use std::net::IpAddr;

use vpc_model::{Direction, IdleTimeouts, Interface, Port, Protocol};

use super::shape::{ends, flags, is_opening_syn, query_of};
use crate::packet::{Packet, TcpFlags, Transport};
use crate::time::Millis;

/// What an interface remembers of a connection.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) port: Port,
    pub(super) protocol: Protocol,
    pub(super) local: (IpAddr, u16),
    pub(super) remote: (IpAddr, u16),
    /// Of an ICMP query: its type, and whether the local side asked.
    pub(super) query: Option<(u8, bool)>,
    pub(super) opened_by_local: bool,
    pub(super) last_seen: Millis,
    pub(super) timeouts: IdleTimeouts,
    pub(super) handshaking: bool,
    pub(super) answered: bool,
    pub(super) asked_again: bool,
    pub(super) is_stream: bool,
    pub(super) fin_by_opener: bool,
    pub(super) fin_by_other: bool,
    /// Of a connection with a service: the service's address and port, and the source port that it sees.
    pub(super) service: Option<((IpAddr, u16), u16)>,
}

impl Connection {
    pub(super) fn begin(interface: &Interface, direction: Direction, packet: &Packet, now: Millis) -> Self {
        let (source, destination) = ends(packet);
        let is_out = direction == Direction::Egress;
        let (local, remote) = if is_out { (source, destination) } else { (destination, source) };
        let query = match packet.transport {
            Transport::Icmp { kind, .. } => query_of(packet.protocol, kind).map(|(kind, _)| (kind, is_out)),
            _ => None,
        };
        Self {
            port: interface.port,
            protocol: packet.protocol,
            local,
            remote,
            query,
            opened_by_local: is_out,
            last_seen: now,
            timeouts: interface.idle_timeouts,
            handshaking: is_opening_syn(packet),
            answered: false,
            asked_again: false,
            is_stream: false,
            fin_by_opener: flags(packet).contains(TcpFlags::FIN),
            fin_by_other: false,
            service: None,
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.fin_by_opener && self.fin_by_other
    }

    /// Fact 30, and the engine's documented numbers where AWS has none.
    pub(super) fn is_idle(&self, now: Millis) -> bool {
        let secs = match self.protocol {
            Protocol::TCP if self.is_closing() => 5,
            Protocol::TCP if self.fin_by_opener || self.fin_by_other => {
                self.timeouts.tcp_established_secs().min(600)
            }
            Protocol::TCP if self.handshaking => 60,
            Protocol::TCP => self.timeouts.tcp_established_secs(),
            Protocol::UDP if self.is_stream => self.timeouts.udp_stream_secs(),
            Protocol::UDP => self.timeouts.udp_secs(),
            Protocol::ICMP | Protocol::ICMPV6 => 30,
            _ => 600,
        };
        now.0 - self.last_seen.0 >= u64::from(secs) * 1000
    }

    /// Takes a packet into account; true when it ends the connection.
    pub(super) fn see(&mut self, direction: Direction, packet: &Packet, now: Millis) -> bool {
        let by_opener = self.opened_by_local == (direction == Direction::Egress);
        let flags = flags(packet);
        self.last_seen = now;
        if flags.contains(TcpFlags::RST) {
            return true;
        }
        if by_opener {
            if self.answered && flags.contains(TcpFlags::ACK) {
                self.handshaking = false;
            }
            self.asked_again |= self.answered;
            self.fin_by_opener |= flags.contains(TcpFlags::FIN);
        } else {
            self.is_stream |= self.asked_again;
            self.answered = true;
            self.fin_by_other |= flags.contains(TcpFlags::FIN);
        }
        if self.fin_by_opener || self.fin_by_other {
            self.handshaking = false;
        }
        false
    }
}
