//! What becomes of a packet and of its reply, step by step.
//!
//! Owns the record of a decision while it is made, and the headers for which it is the same. Refuses to decide:
//! [`crate::forward`] does, and this looks on. A refusal is noted and the way goes on where there is one, so that everything
//! that refuses a packet is found at once.

use std::net::IpAddr;

use aws_types::{
    NetworkAclId, NetworkInterfaceId, RouteTableId, SecurityGroupRuleId, SubnetId,
    TransitGatewayAttachmentId, TransitGatewayRouteTableId,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use vpc_model::{AclRuleNumber, Direction, ObjectId, Port, Protocol, RouteOrigin, RouteTarget};

use super::headers::{Field, HeaderBox, Span, bits};
use crate::flows::{FlowOptions, Flows};
use crate::forward::{Event, Witness, decide};
use crate::packet::{Endpoint, Packet, TcpFlags, Transport};
use crate::reason::DropReason;
use crate::services::{INTERNET_MAC, LINK_ROUTER_MAC, WORKSTATION_MAC};
use crate::snapshot::Snapshot;
use crate::time::Millis;
use crate::verdict::Delivery;

/// When all of it happens: nothing is older, and nothing becomes idle.
pub(super) const NOW: Millis = Millis(1000);
/// The length of a packet that is asked about, in bytes: no path is too small for it.
const LENGTH_BYTES: u32 = 60;

/// A packet that opens a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Question {
    /// The port that it comes in by: an interface's, or that of the internet or the workstation.
    pub from: Port,
    /// Its source.
    pub source: Endpoint,
    /// Its destination, of the same family. The ports are those of TCP and UDP. Of ICMP it is an echo request.
    pub destination: Endpoint,
    /// Its protocol.
    pub protocol: Protocol,
}

/// The addresses and ports of a packet somewhere on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Ends {
    /// The source.
    pub source: IpAddr,
    /// The source port; of ICMP the identifier.
    pub source_port: u16,
    /// The destination.
    pub destination: IpAddr,
    /// The destination port; 0 where the protocol has none.
    pub destination_port: u16,
}

impl Ends {
    /// Those of a packet.
    pub fn of(packet: &Packet) -> Self {
        let (source_port, destination_port) = (packet.source_port(), packet.destination_port());
        Self { source: packet.source, source_port, destination: packet.destination, destination_port }
    }

    /// Those of a packet where it is delivered.
    pub fn delivered(packet: &Packet, delivery: &Delivery) -> Self {
        Self::of(&arrived(packet, delivery))
    }

    /// Those of the reply.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            source: self.destination,
            source_port: self.destination_port,
            destination: self.source,
            destination_port: self.source_port,
        }
    }
}

/// Something on a packet's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// An interface: where it begins, a middlebox's, or where it lands.
    Interface(NetworkInterfaceId),
    /// The rules of an interface's groups let it pass.
    Rules {
        /// The interface.
        interface: NetworkInterfaceId,
        /// Whether they are those of what it sends or of what it receives.
        direction: Direction,
        /// The rule, or none for a reply on a connection that is tracked.
        rule: Option<SecurityGroupRuleId>,
    },
    /// A network ACL lets it pass.
    NetworkAcl {
        /// The ACL.
        acl: NetworkAclId,
        /// The subnet whose it is.
        subnet: SubnetId,
        /// Whether the packet leaves the subnet or comes into it.
        direction: Direction,
        /// The entry.
        rule: Option<AclRuleNumber>,
    },
    /// The destination is in the subnet that the packet is in.
    OnLink {
        /// The subnet.
        subnet: SubnetId,
    },
    /// A route of a VPC's table leads on.
    Route {
        /// The table.
        table: RouteTableId,
        /// The destination of the route.
        destination: IpNet,
        /// Its target.
        target: RouteTarget,
        /// How the route came about.
        origin: RouteOrigin,
    },
    /// A route of a transit gateway's table leads on.
    TransitRoute {
        /// The table.
        table: TransitGatewayRouteTableId,
        /// The destination of the route.
        destination: IpNet,
        /// The attachment that it leads to; none drops.
        target: Option<TransitGatewayAttachmentId>,
    },
    /// It passes a gateway, an attachment, a peering connection or an endpoint.
    Through(ObjectId),
    /// It is on the internet.
    Internet,
    /// Something refuses it.
    Refused(DropReason),
}

/// Something on a packet's way, and the packet as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub met: Met,
    /// The packet.
    pub ends: Ends,
}

/// The way of a packet in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// What it meets, in order, refusals included. After a refusal comes what it would meet if that were not.
    pub steps: Vec<Step>,
    /// The port that it would leave by, and the packet as it is there, if there is a way at all.
    pub landed: Option<(Port, Ends)>,
}

impl Way {
    /// Everything that refuses the packet, in the order of its way.
    pub fn refusals(&self) -> impl Iterator<Item = &DropReason> {
        self.refused().map(|(reason, _)| reason)
    }

    /// The same, with the packet as it is there.
    pub(super) fn refused(&self) -> impl Iterator<Item = (&DropReason, &Ends)> {
        self.steps.iter().filter_map(|step| match &step.met {
            Met::Refused(reason) => Some((reason, &step.ends)),
            _ => None,
        })
    }

    /// Whether a packet really goes there.
    pub fn is_open(&self) -> bool {
        self.landed.is_some() && self.refusals().next().is_none()
    }
}

/// What becomes of a packet and of its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The packet.
    pub question: Question,
    /// Its way.
    pub there: Way,
    /// The way of the reply; none where the packet does not land.
    pub back: Option<Way>,
    /// The headers for which all of this is the same, but for [`Self::is_by_header`].
    pub headers: HeaderBox,
    /// Whether a zone or an address on the way is chosen by a hash of the header, so that other headers of the same range may
    /// take another of several ways.
    pub is_by_header: bool,
}

impl Trace {
    /// Whether the reply comes back to who sent the packet, as a reply to it.
    fn returns(&self) -> bool {
        let Some(back) = &self.back else { return false };
        let own = Ends::of(&self.question.packet_at(INTERNET_MAC, LINK_ROUTER_MAC));
        back.landed == Some((self.question.from, own.reversed()))
    }

    /// The way there and, if there is one, the way back.
    pub fn ways(&self) -> impl Iterator<Item = &Way> {
        std::iter::once(&self.there).chain(&self.back)
    }

    /// Everything that refuses the packet or its reply, with the packet as it is there.
    pub fn refusals(&self) -> impl Iterator<Item = (&DropReason, &Ends)> {
        self.ways().flat_map(Way::refused)
    }

    /// Whether a packet gets there and its reply comes back.
    pub fn reaches(&self) -> bool {
        self.there.is_open() && self.back.as_ref().is_some_and(Way::is_open) && self.returns()
    }
}

impl Question {
    /// The header, as a set has it.
    pub fn header(&self) -> super::Header {
        let (source_port, destination_port) = match self.protocol {
            Protocol::TCP | Protocol::UDP => (self.source.port, self.destination.port),
            Protocol::ICMP => (0, u16::from_be_bytes([8, 0])),
            Protocol::ICMPV6 => (0, u16::from_be_bytes([128, 0])),
            _ => (0, 0),
        };
        [
            bits(self.source.address),
            bits(self.destination.address),
            source_port.into(),
            destination_port.into(),
        ]
    }

    fn packet_at(&self, source_mac: aws_types::MacAddress, destination_mac: aws_types::MacAddress) -> Packet {
        let (source, destination) = (self.source.port, self.destination.port);
        let transport = match self.protocol {
            Protocol::TCP => Transport::Tcp { source, destination, flags: TcpFlags::SYN },
            Protocol::UDP => Transport::Udp { source, destination },
            Protocol::ICMP => Transport::Icmp { kind: 8, code: 0, id: source, about: None },
            Protocol::ICMPV6 => Transport::Icmp { kind: 128, code: 0, id: source, about: None },
            _ => Transport::Other,
        };
        Packet {
            source_mac,
            destination_mac,
            source: self.source.address,
            destination: self.destination.address,
            protocol: self.protocol,
            transport,
            fragment: None,
            ttl: 64,
            length_bytes: LENGTH_BYTES,
            segment_bytes: LENGTH_BYTES,
            may_be_fragmented: true,
        }
    }

    /// The packet as it comes in by its port, addressed to the router there; none where nothing is at the port.
    pub fn packet(&self, snapshot: &Snapshot) -> Option<Packet> {
        let network = snapshot.network();
        let (source_mac, destination_mac) = match self.from {
            Port::INTERNET => (INTERNET_MAC, LINK_ROUTER_MAC),
            Port::WORKSTATION => (WORKSTATION_MAC, LINK_ROUTER_MAC),
            port => {
                let sender = network.at(port)?;
                (sender.mac, network.subnet_of(sender)?.router_mac)
            }
        };
        Some(self.packet_at(source_mac, destination_mac))
    }
}

/// Traces one packet after the other on a network.
pub struct Tracer<'s> {
    snapshot: &'s Snapshot,
    /// Empty between two traces.
    flows: Flows,
}

impl<'s> Tracer<'s> {
    /// For a network as it is.
    pub fn new(snapshot: &'s Snapshot) -> Self {
        Self::seeded(snapshot, FlowOptions::default().seed)
    }

    /// The same for a network whose connections are in a table of that seed ([`FlowOptions::seed`]): which of its addresses a
    /// NAT gateway takes, and which port if not the client's own, comes of it.
    pub fn seeded(snapshot: &'s Snapshot, seed: u64) -> Self {
        let options = FlowOptions { seed, record_events: false, ..FlowOptions::default() };
        Self { snapshot, flows: Flows::new(options) }
    }

    /// What becomes of a packet that opens a connection, where no other connection is known; none where nothing is at its
    /// port.
    pub fn trace(&mut self, question: Question) -> Option<Trace> {
        let packet = question.packet(self.snapshot)?;
        let mut region = Region::new(question.source.address.is_ipv6());
        let mut looker = Looker::new(&mut region, own_fields(question.protocol));
        looker.begin(self.snapshot, question.from, &packet);
        let decided = self.decide(question.from, &packet, &mut looker);
        let (mut there, fields) = looker.end(decided.as_ref().err(), &packet);
        let mut back = None;
        if let Ok(delivery) = decided {
            let arrived = arrived(&packet, &delivery);
            there.landed = Some((delivery.to, Ends::of(&arrived)));
            let reply = crate::forward::reply_to(&arrived);
            let reply =
                Packet { source_mac: arrived.destination_mac, destination_mac: arrived.source_mac, ..reply };
            let mut looker = Looker::new(&mut region, fields);
            looker.begin(self.snapshot, delivery.to, &reply);
            let decided = self.decide(delivery.to, &reply, &mut looker);
            let (mut way, _) = looker.end(decided.as_ref().err(), &reply);
            if let Ok(delivery) = decided {
                way.landed = Some((delivery.to, Ends::of(&self::arrived(&reply, &delivery))));
            }
            back = Some(way);
        }
        self.flows.clear();
        // The values that are not asked about have but one.
        let header = question.header();
        for field in [Field::SourcePort, Field::DestinationPort] {
            if !matches!(question.protocol, Protocol::TCP | Protocol::UDP) {
                region.headers.spans[field as usize] = Span::one(header[field as usize]);
            }
        }
        let Region { headers, is_by_header, .. } = region;
        Some(Trace { question, there, back, headers, is_by_header })
    }

    fn decide<'n>(
        &mut self,
        from: Port,
        packet: &Packet,
        looker: &mut Looker<'_, 'n>,
    ) -> Result<Delivery, DropReason>
    where
        's: 'n,
    {
        decide(self.snapshot.network(), &mut self.flows, from, packet, NOW, looker)
    }
}

/// The greatest ranges.
fn bounds(is_ipv6: bool) -> [Span; super::FIELDS] {
    let addresses = Span { first: 0, last: if is_ipv6 { u128::MAX } else { u32::MAX.into() } };
    let ports = Span { first: 0, last: u16::MAX.into() };
    [addresses, addresses, ports, ports]
}

/// The fields of a header that decide, where a packet is as it was sent.
pub(super) fn own_fields(protocol: Protocol) -> Fields {
    let has_ports = matches!(protocol, Protocol::TCP | Protocol::UDP);
    [
        Some(Field::Source),
        Some(Field::Destination),
        has_ports.then_some(Field::SourcePort),
        has_ports.then_some(Field::DestinationPort),
    ]
}

/// A packet as it is where it was delivered.
pub(super) fn arrived(packet: &Packet, delivery: &Delivery) -> Packet {
    let rewrite = &delivery.rewrite;
    let mut arrived =
        Packet { source_mac: rewrite.source_mac, destination_mac: rewrite.destination_mac, ..*packet };
    if let Some(source) = rewrite.source {
        arrived.set_source(source);
    }
    if let Some(destination) = rewrite.destination {
        arrived.set_destination(destination);
    }
    arrived
}

/// The field of the packet that was asked about which each field of a packet under way is; none where it is another's.
pub(super) type Fields = [Option<Field>; super::FIELDS];

/// The headers for which all decisions so far are the same.
pub(super) struct Region {
    pub(super) headers: HeaderBox,
    pub(super) is_by_header: bool,
    /// What NAT gateways have replaced, in order: which fields the source and its port were.
    translated: Vec<[Option<Field>; 2]>,
}

impl Region {
    pub(super) fn new(is_ipv6: bool) -> Self {
        Self { headers: HeaderBox { spans: bounds(is_ipv6) }, is_by_header: false, translated: Vec::new() }
    }

    fn narrow(&mut self, field: Option<Field>, span: Span) {
        let Some(field) = field else { return };
        let held = &mut self.headers.spans[field as usize];
        // Each range has the header itself in it.
        *held = held.intersection(&span).unwrap_or(*held);
    }
}

/// What is told of the headers of one direction.
pub(super) struct Told<'r> {
    region: &'r mut Region,
    /// Of the packet as it was sent, and as it is now.
    sent: Fields,
    fields: Fields,
}

impl<'r> Told<'r> {
    /// Of a packet whose fields are these.
    pub(super) fn new(region: &'r mut Region, fields: Fields) -> Self {
        Self { region, sent: fields, fields }
    }

    /// Which fields the reply's are.
    pub(super) fn reversed(&self) -> Fields {
        let [source, destination, source_port, destination_port] = self.fields;
        [destination, source, destination_port, source_port]
    }

    pub(super) fn same_for(&mut self, field: Field, span: Span) {
        self.region.narrow(self.fields[field as usize], span);
    }

    pub(super) fn same_as_sent(&mut self, field: Field, span: Span) {
        self.region.narrow(self.sent[field as usize], span);
    }

    pub(super) fn replaced(&mut self, field: Field) {
        self.fields[field as usize] = None;
    }

    pub(super) fn translated(&mut self, keeps_port: bool) {
        let [source, port] = [Field::Source, Field::SourcePort].map(|field| field as usize);
        self.region.translated.push([self.fields[source], self.fields[port]]);
        self.fields[source] = None;
        if !keeps_port {
            self.fields[port] = None;
        }
    }

    pub(super) fn restored(&mut self) {
        let [destination, port] = self.region.translated.pop().unwrap_or_default();
        self.fields[Field::Destination as usize] = destination;
        self.fields[Field::DestinationPort as usize] = port;
    }

    pub(super) fn chosen_by_header(&mut self) {
        self.region.is_by_header = true;
    }
}

/// Who looks on.
struct Looker<'r, 'n> {
    told: Told<'r>,
    steps: Vec<Step>,
    /// How many of the steps are of the sender itself: its rules come after them, and are asked last.
    own_steps: usize,
    network: std::marker::PhantomData<&'n ()>,
}

impl<'r> Looker<'r, '_> {
    fn new(region: &'r mut Region, fields: Fields) -> Self {
        let told = Told::new(region, fields);
        Self { told, steps: Vec::new(), own_steps: 0, network: std::marker::PhantomData }
    }

    fn begin(&mut self, snapshot: &Snapshot, from: Port, packet: &Packet) {
        if let Some(interface) = snapshot.interface(from) {
            self.meet(Met::Interface(interface.id), packet);
            self.own_steps = self.steps.len();
        }
    }

    fn meet(&mut self, met: Met, packet: &Packet) {
        self.steps.push(Step { met, ends: Ends::of(packet) });
    }

    /// What the sender's rules say, at its place.
    fn meet_first(&mut self, met: Met, packet: &Packet) {
        self.steps.insert(self.own_steps, Step { met, ends: Ends::of(packet) });
    }

    /// The way, with what ended it if something did, and which fields the reply's are.
    fn end(mut self, error: Option<&DropReason>, packet: &Packet) -> (Way, Fields) {
        if let Some(reason) = error {
            let ends = self.steps.last().map_or(Ends::of(packet), |step| step.ends);
            self.steps.push(Step { met: Met::Refused(*reason), ends });
        }
        (Way { steps: self.steps, landed: None }, self.told.reversed())
    }
}

impl<'n> Witness<'n> for Looker<'_, 'n> {
    const LOOKS: bool = true;

    fn saw(&mut self, event: Event<'n>, packet: &Packet) {
        let met = match event {
            Event::Rules { plugged, direction, rule } => {
                let rules = Met::Rules { interface: plugged.interface.id, direction, rule };
                if direction == Direction::Egress {
                    return self.meet_first(rules, packet);
                }
                rules
            }
            Event::Acl { subnet, direction, rule } => {
                let acl = subnet.subnet.network_acl;
                Met::NetworkAcl { acl, subnet: subnet.subnet.id, direction, rule }
            }
            Event::OnLink { subnet } => Met::OnLink { subnet: subnet.subnet.id },
            Event::Route { table, route } => {
                let (destination, target, origin) = (route.destination, route.target, route.origin);
                Met::Route { table, destination, target, origin }
            }
            Event::TransitRoute { table, route } => {
                Met::TransitRoute { table, destination: route.destination, target: route.target }
            }
            Event::Through { object } => Met::Through(object),
            Event::Before { plugged } => Met::Interface(plugged.interface.id),
            Event::OnInternet => Met::Internet,
        };
        self.meet(met, packet);
    }

    fn refused(&mut self, reason: DropReason, packet: &Packet) -> Result<(), DropReason> {
        match reason {
            DropReason::SourceCheck { .. } => {
                self.meet(Met::Refused(reason), packet);
                self.own_steps = self.steps.len();
            }
            DropReason::NoEgressRule { .. } => self.meet_first(Met::Refused(reason), packet),
            _ => self.meet(Met::Refused(reason), packet),
        }
        Ok(())
    }

    fn same_for(&mut self, field: Field, span: Span) {
        self.told.same_for(field, span);
    }

    fn same_as_sent(&mut self, field: Field, span: Span) {
        self.told.same_as_sent(field, span);
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
