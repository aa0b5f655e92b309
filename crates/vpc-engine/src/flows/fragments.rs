//! The transport headers of fragmented packets, so that later fragments are judged like the first.
//!
//! Owns a small, bounded memory per port. Refuses to know verdicts: it is told only of first fragments that passed.

use std::collections::VecDeque;
use std::net::IpAddr;

use rustc_hash::FxHashMap;
use vpc_model::{Port, Protocol};

use crate::packet::{Packet, Transport};
use crate::time::Millis;

/// How long the first fragment of a packet is remembered: Linux's reassembly timeout.
pub const FRAGMENTS_SECS: u32 = 30;
/// How many fragmented packets of one interface are remembered at once; a new one displaces the oldest.
pub const FRAGMENTED_PACKETS_PER_INTERFACE: usize = 64;

/// One packet of which the first fragment has passed.
struct Head {
    source: IpAddr,
    destination: IpAddr,
    protocol: Protocol,
    id: u32,
    transport: Transport,
    forgotten: Millis,
}

impl Head {
    fn is_of(&self, packet: &Packet, id: u32) -> bool {
        self.id == id
            && self.source == packet.source
            && self.destination == packet.destination
            && self.protocol == packet.protocol
    }
}

/// First fragments by the port they came in by, oldest first.
#[derive(Default)]
pub(crate) struct Fragments {
    ports: FxHashMap<Port, VecDeque<Head>>,
}

impl Fragments {
    /// Remembers a first fragment.
    pub(crate) fn remember(&mut self, from: Port, packet: &Packet, id: u32, now: Millis) {
        let heads = self.ports.entry(from).or_default();
        heads.retain(|head| head.forgotten > now && !head.is_of(packet, id));
        if heads.len() == FRAGMENTED_PACKETS_PER_INTERFACE {
            heads.pop_front();
        }
        heads.push_back(Head {
            source: packet.source,
            destination: packet.destination,
            protocol: packet.protocol,
            id,
            transport: packet.transport,
            forgotten: now.plus_secs(FRAGMENTS_SECS),
        });
    }

    /// The transport header of the packet that a later fragment is of.
    pub(crate) fn transport(&self, from: Port, packet: &Packet, id: u32, now: Millis) -> Option<Transport> {
        let heads = self.ports.get(&from)?;
        heads.iter().find(|head| head.forgotten > now && head.is_of(packet, id)).map(|head| head.transport)
    }

    /// Forgets what is old.
    pub(crate) fn expire(&mut self, now: Millis) {
        self.ports.retain(|_, heads| {
            heads.retain(|head| head.forgotten > now);
            !heads.is_empty()
        });
    }

    /// Forgets what a port sent.
    pub(crate) fn forget_port(&mut self, port: Port) {
        self.ports.remove(&port);
    }
}
