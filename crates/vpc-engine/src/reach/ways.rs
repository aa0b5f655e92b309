//! The ways between interfaces, whatever their rules say.
//!
//! Owns for which interfaces of two subnets a way is the same. Refuses to know what rules let pass: a way tells what they
//! would be asked.
//!
//! A packet is decided as any other, with somebody looking on who lets it pass all rules of interfaces. What is told of the
//! headers for which the rest is decided the same ([`super::HeaderBox`]) holds for every interface of the two subnets
//! whose address is among them: that an address belongs to some interface is no restriction here, as it is the interface
//! that is asked about.

use std::net::IpAddr;

use vpc_model::{Direction, Port};

use super::headers::{Field, HeaderBox, Span};
use super::trace::{NOW, Question, Region, Told, arrived, own_fields};
use crate::flows::{FlowOptions, Flows};
use crate::forward::{Event, Witness, decide};
use crate::packet::Packet;
use crate::reason::DropReason;
use crate::snapshot::Snapshot;

/// A way there and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Whether the rules of the sender may mean the groups of the receiver.
    pub(super) shows_receiver: bool,
    /// Who the rules of the receiver are asked about.
    pub(super) seen: Seen,
}

/// As whom a receiver sees who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// By its own address, and by its groups or not.
    Itself { shows_groups: bool },
    /// By this address, which many have.
    As(IpAddr),
}

/// What was found about a packet.
pub(super) struct Found {
    /// The way, if there is one and it leads to the interface that was asked about.
    pub(super) way: Option<Way>,
    /// For which headers that is so.
    pub(super) headers: HeaderBox,
    /// Whether a hash of the header decided, so that it is so for this one alone.
    pub(super) is_by_header: bool,
}

/// Finds ways on a network.
pub(super) struct Ways<'s> {
    snapshot: &'s Snapshot,
    flows: Flows,
}

impl<'s> Ways<'s> {
    pub(super) fn new(snapshot: &'s Snapshot) -> Self {
        let flows = Flows::new(FlowOptions { record_events: false, ..FlowOptions::default() });
        Self { snapshot, flows }
    }

    /// The way of a packet to the interface at a port and that of its reply.
    pub(super) fn find(&mut self, question: &Question, to: Port) -> Found {
        let mut region = Region::new(question.source.address.is_ipv6());
        let way = self.way(question, to, &mut region);
        self.flows.clear();
        Found { way, headers: region.headers, is_by_header: region.is_by_header }
    }

    fn way(&mut self, question: &Question, to: Port, region: &mut Region) -> Option<Way> {
        let packet = question.packet(self.snapshot)?;
        let network = self.snapshot.network();
        let fields = own_fields(question.protocol);
        let mut looker = Looker { told: Told::new(region, fields), shows_receiver: false, asked: None };
        let delivery = decide(network, &mut self.flows, question.from, &packet, NOW, &mut looker).ok()?;
        if delivery.to != to {
            return None;
        }
        let (source, shows_groups) = looker.asked?;
        let (shows_receiver, fields) = (looker.shows_receiver, looker.told.reversed());
        let arrived = arrived(&packet, &delivery);
        let reply = Packet {
            source_mac: arrived.destination_mac,
            destination_mac: arrived.source_mac,
            ..crate::forward::reply_to(&arrived)
        };
        let mut looker = Looker { told: Told::new(region, fields), shows_receiver: false, asked: None };
        let back = decide(network, &mut self.flows, to, &reply, NOW, &mut looker).ok()?;
        // As the reply to what was sent, or it is none.
        let returned = self::arrived(&reply, &back);
        let ends = |packet: &Packet| [packet.source, packet.destination];
        let ports = |packet: &Packet| [packet.source_port(), packet.destination_port()];
        let expected = crate::forward::reply_to(&packet);
        let is_reply = back.to == question.from
            && ends(&returned) == ends(&expected)
            && ports(&returned) == ports(&expected);
        let seen = match source == question.source.address {
            true => Seen::Itself { shows_groups },
            false => Seen::As(source),
        };
        is_reply.then_some(Way { shows_receiver, seen })
    }
}

/// Who looks on, and lets rules pass.
struct Looker<'r> {
    told: Told<'r>,
    shows_receiver: bool,
    /// What the rules of the receiver would be asked.
    asked: Option<(IpAddr, bool)>,
}

impl<'n> Witness<'n> for Looker<'_> {
    const LOOKS: bool = true;
    const WAY_ONLY: bool = true;

    fn saw(&mut self, _: Event<'n>, _: &Packet) {}

    fn refused(&mut self, reason: DropReason, _: &Packet) -> Result<(), DropReason> {
        Err(reason)
    }

    fn same_for(&mut self, field: Field, span: Span) {
        self.told.same_for(field, span);
    }

    fn same_as_sent(&mut self, field: Field, span: Span) {
        self.told.same_as_sent(field, span);
    }

    fn by_owner(&mut self, _: Field, _: u128) {}

    fn would_ask(&mut self, direction: Direction, peer: IpAddr, shows_groups: bool) {
        match direction {
            Direction::Egress => self.shows_receiver = shows_groups,
            Direction::Ingress => self.asked = Some((peer, shows_groups)),
        }
    }

    fn replaced(&mut self, field: Field) {
        self.told.replaced(field);
    }

    fn translated(&mut self, keeps_port: bool) {
        self.told.translated(keeps_port);
    }

    fn restored(&mut self) {
        self.told.restored();
    }

    fn chosen_by_header(&mut self) {
        self.told.chosen_by_header();
    }
}
