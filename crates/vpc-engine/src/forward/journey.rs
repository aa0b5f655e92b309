//! The way of a packet: from one router to the next, until it lands.
//!
//! Owns the route at each router, the ACLs on the way in the order in which they are met, and what each gateway does to the
//! packet. Only reads: what a NAT gateway is to remember is an outcome of the journey. Refuses to know the rules at both
//! ends and what is tracked there.
//!
//! ```text
//!   interface --> router of its subnet --> interface of the VPC                                         (lands)
//!                  ^      |
//!                  |      +--> NAT gateway ------> router of the gateway's subnet
//!                  |      +--> transit gateway --> router of the attachment's subnet in another VPC
//!                  |      +--> peering ----------> interface of the other VPC                           (lands)
//!                  |      +--> endpoint ---------> service                                              (lands)
//!                  |      +--> internet gateway -> internet --> a host, or a service of AWS             (lands)
//!                  |                                  ^  |
//!                  |       internet, workstation -----+  +----> internet gateway --> interface          (lands)
//!                  +------------ NAT gateway <--------------------------+
//! ```

use std::net::IpAddr;

use aws_types::MacAddress;
use ipnet::IpNet;
use vpc_model::{
    Direction, InterfaceRole, ManagedService, Port, PortRange, Protocol, RouteTarget, Vpc, VpcEndpoint,
    VpcEndpointKind,
};

use super::nat::Translation;
use super::witness::{Event, Nobody, Witness, beside_block};
use super::{gates, source};
use crate::compile::{Probe, Routes};
use crate::flows::{FlowKey, Flows, NAT_GATEWAYS_PASSED_MAX, Tuple};
use crate::packet::{Endpoint, Packet};
use crate::reach::{Field, Span, bits};
use crate::reason::DropReason;
use crate::snapshot::{CompiledSubnet, Domain, Network, PluggedInterface};
use crate::time::Millis;
use crate::verdict::{Domains, Legs, Rewrite};

/// Routers that a packet passes at most. No sound network needs as many.
const ROUTERS_MAX: usize = 16;
/// The largest packet inside a VPC and over a peering in one region, in bytes (fact 64).
pub(crate) const VPC_MTU_BYTES: u16 = 9001;

/// The interface that a packet goes to.
#[derive(Clone, Copy)]
pub(crate) struct Hop<'n> {
    pub(crate) receiver: &'n PluggedInterface,
    /// Whether the destination is the receiver's own address. Otherwise it is a middlebox.
    pub(crate) is_direct: bool,
}

/// Where a packet lands.
#[derive(Clone, Copy)]
pub(crate) enum Landing<'n> {
    /// At an interface of that subnet.
    Interface(Hop<'n>, &'n CompiledSubnet),
    /// At a host of the internet, by that port.
    Internet(Port),
    /// At a service of AWS, through an endpoint or over the internet.
    Service(ManagedService, Option<Entrance<'n>>),
}

/// Where a packet is under way.
#[derive(Clone, Copy)]
pub(super) enum Place<'n> {
    /// At the router of a subnet, which has that number.
    Router(&'n CompiledSubnet, u32),
    /// Outside of all VPCs.
    Internet,
    /// Before an interface of a VPC. It comes from the subnet with that number, or from outside.
    Interface(Hop<'n>, Option<u32>),
    /// At a host of the internet, by that port.
    Host(Port),
    /// At a gateway endpoint of the subnet's VPC, or at a service's public address.
    Service(ManagedService, Option<Entrance<'n>>),
}

/// How a packet comes to a service of AWS from inside a VPC.
#[derive(Clone, Copy)]
pub(crate) struct Entrance<'n> {
    pub(crate) endpoint: &'n VpcEndpoint,
    /// The interface of the endpoint's VPC that has sent it: a workload's or a NAT gateway's.
    pub(crate) sent_by: Port,
}

/// What comes of a journey.
pub(crate) struct Trip<'n> {
    /// Where the packet lands, or why it does not.
    pub(crate) landing: Result<Landing<'n>, DropReason>,
    /// The packet as it looks there.
    pub(crate) packet: Packet,
    /// The same.
    pub(crate) tuple: Tuple,
    /// What NAT gateways have done, in order.
    pub(crate) translations: [Option<Translation>; NAT_GATEWAYS_PASSED_MAX],
    /// The interface that a group in a rule of the sender may mean (fact 19).
    pub(crate) peer: Option<&'n PluggedInterface>,
    /// Whether groups of the sender may be meant by rules of the receiver.
    pub(crate) shows_groups: bool,
    /// Whether the connection is tracked whatever the rules say (fact 26).
    pub(crate) is_tracked: bool,
    /// Whether it left its VPC or passed a gateway.
    pub(crate) passed_gateway: bool,
    /// The largest packet that the way carries.
    pub(crate) mtu_bytes: u16,
    /// Whether it passes a transit gateway, which drops larger packets without a word and has connections announce no
    /// larger segments.
    /// <https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-quotas.html#mtu-quotas>
    pub(crate) passed_transit_gateway: bool,
    pub(crate) domain: Option<Domain>,
    /// Whether the decision depends on more domains than that one, which no cache can tell.
    pub(crate) spans_domains: bool,
    /// The ports of who opened the connection for which the way is the same, as far as it was asked for: on the way there
    /// for what gateways do by it, and on the way back for the ACLs too ([`Journey::of_answer`]). None where each port has
    /// a way of its own.
    pub(crate) opener_ports: Option<PortRange>,
    /// The paths with conditions that it took.
    pub(crate) legs: Legs,
}

impl Trip<'_> {
    /// What it depends on beside its ends.
    pub(crate) fn domains(&self) -> Domains {
        match self.domain {
            _ if self.spans_domains => Domains::Several,
            Some(domain) => Domains::One(domain),
            None => Domains::None,
        }
    }

    /// What it makes of a packet that came like that and goes on, between these link addresses, source first.
    pub(crate) fn rewrite(&self, came: &Packet, goes: &Packet, macs: (MacAddress, MacAddress)) -> Rewrite {
        let is_limited = self.passed_transit_gateway && self.tuple.protocol == Protocol::TCP;
        Rewrite {
            segment_payload_max: is_limited.then(|| self.segment_payload_max()),
            ..Rewrite::between(came, goes, macs.0, macs.1)
        }
    }

    /// The largest TCP payload of a packet that the way carries, with headers without options.
    fn segment_payload_max(&self) -> u16 {
        let headers = if self.packet.source.is_ipv4() { 20 + 20 } else { 40 + 20 };
        self.mtu_bytes - headers
    }

    /// The half that the far side sees of a connection that a NAT gateway opens for it: of the first, where there are more.
    pub(crate) fn opened_translation(&self) -> Option<FlowKey> {
        let first = self.translations.iter().flatten().find_map(Translation::opened);
        first.map(|far| FlowKey::from(*far))
    }

    /// The way is the same for these ports of the opener only.
    pub(super) fn narrow_opener_ports(&mut self, ports: PortRange) {
        self.opener_ports = self.opener_ports.and_then(|held| held.intersection(ports));
    }

    /// How many entries of the table its translations need.
    pub(crate) fn entries(&self) -> usize {
        self.translations.iter().flatten().map(Translation::entries).sum()
    }
}

/// A packet under way.
pub(crate) struct Journey<'n, 'f, W = Nobody> {
    pub(super) network: &'n Network,
    pub(super) flows: &'f Flows,
    pub(super) now: Millis,
    /// The interface that it has left last: a workload's or a NAT gateway's.
    pub(super) exit: Option<&'n PluggedInterface>,
    /// An interface that may well have the destination, which saves a lookup: for a reply, the one that asked.
    likely: Option<&'n PluggedInterface>,
    /// Whether it answers who opened a connection, and is to say for which ports of theirs ACLs decide alike.
    is_answer: bool,
    /// The subnet that it was in last; none before it has been in any.
    last: Option<&'n CompiledSubnet>,
    pub(super) trip: Trip<'n>,
    /// Who looks on.
    pub(super) witness: W,
}

impl<'n, 'f> Journey<'n, 'f> {
    pub(crate) fn new(
        network: &'n Network,
        flows: &'f Flows,
        packet: &Packet,
        tuple: Tuple,
        now: Millis,
    ) -> Self {
        let trip = Trip {
            landing: Err(DropReason::RoutingLoop { address: packet.destination }),
            packet: *packet,
            tuple,
            translations: [None; NAT_GATEWAYS_PASSED_MAX],
            peer: None,
            shows_groups: true,
            is_tracked: false,
            passed_gateway: false,
            mtu_bytes: VPC_MTU_BYTES,
            passed_transit_gateway: false,
            domain: None,
            spans_domains: false,
            opener_ports: Some(PortRange::ALL),
            legs: Legs::default(),
        };
        let witness = Nobody;
        Self { network, flows, now, exit: None, likely: None, is_answer: false, last: None, trip, witness }
    }

    /// The same packet, with somebody who looks on.
    pub(crate) fn told_to<W>(self, witness: W) -> Journey<'n, 'f, W> {
        let Self { network, flows, now, exit, likely, is_answer, last, trip, .. } = self;
        Journey { network, flows, now, exit, likely, is_answer, last, trip, witness }
    }
}

impl<'n, W: Witness<'n>> Journey<'n, '_, W> {
    /// Tells who looks on of something that decided.
    pub(super) fn note(&mut self, event: Event<'n>) {
        if W::LOOKS {
            self.witness.saw(event, &self.trip.packet);
        }
    }

    /// From here on the decision is for this destination, or source.
    pub(super) fn only(&mut self, field: Field) {
        if W::LOOKS {
            let value = match field {
                Field::Source => bits(self.trip.packet.source),
                Field::Destination => bits(self.trip.packet.destination),
                Field::SourcePort => self.trip.packet.source_port().into(),
                Field::DestinationPort => self.trip.packet.destination_port().into(),
            };
            self.witness.same_for(field, Span::one(value));
        }
    }

    /// From here on the decision is about who has this destination.
    pub(super) fn by_owner(&mut self) {
        if W::LOOKS {
            self.witness.by_owner(Field::Destination, bits(self.trip.packet.destination));
        }
    }

    /// From here on the decision is for the addresses on the source's, or destination's, side of these blocks.
    pub(super) fn beside(&mut self, field: Field, blocks: impl IntoIterator<Item = IpNet>) {
        if W::LOOKS {
            let address = match field {
                Field::Source => self.trip.packet.source,
                _ => self.trip.packet.destination,
            };
            blocks.into_iter().for_each(|block| self.witness.same_for(field, beside_block(address, block)));
        }
    }

    /// From here on it is for who has the destination in a VPC, or for all of those that are in none of its blocks.
    fn only_owner(&mut self, vpc: Option<&Vpc>) {
        if W::LOOKS {
            let address = self.trip.packet.destination;
            match vpc {
                Some(vpc) if !vpc.contains(address) => self.beside(Field::Destination, vpc.blocks()),
                _ => self.by_owner(),
            }
        }
    }

    /// The same packet, an answer to who opened the connection; the trip says for which ports of theirs it is the same.
    pub(crate) fn of_answer(self, is_answer: bool) -> Self {
        Self { is_answer, ..self }
    }

    /// The same packet, if it may well be for that interface.
    pub(crate) fn likely_to(self, likely: Option<&'n PluggedInterface>) -> Self {
        Self { likely, ..self }
    }

    /// Takes the packet on its way from an interface, to the neighbour with that MAC address or to the router.
    pub(crate) fn start_at_interface(
        mut self,
        sender: &'n PluggedInterface,
        subnet: &'n CompiledSubnet,
        next_hop: Option<MacAddress>,
    ) -> Trip<'n> {
        self.exit = Some(sender);
        self.last = Some(subnet);
        let neighbour = next_hop.and_then(|mac| self.neighbour(sender, subnet, mac));
        let place = match neighbour {
            Some(hop) => {
                self.note_peer(subnet, hop.as_ref().ok());
                let stays = self.stays(subnet, sender.subnet, hop.as_ref().ok());
                self.leave_subnet(subnet, stays)
                    .and(hop)
                    .map(|hop| Place::Interface(hop, Some(sender.subnet)))
            }
            None => self.route_from(subnet, sender.subnet),
        };
        self.travel(place)
    }

    /// Takes the packet, which comes from outside, to an interface that has its destination.
    pub(crate) fn start_before_interface(self, receiver: &'n PluggedInterface) -> Trip<'n> {
        self.travel(Ok(Place::Interface(Hop { receiver, is_direct: true }, None)))
    }

    /// The journey of a packet that goes nowhere.
    pub(crate) fn end(self, reason: DropReason) -> Trip<'n> {
        self.travel(Err(reason))
    }

    /// Takes the packet on its way from the internet.
    pub(crate) fn start_on_internet(mut self) -> Trip<'n> {
        if W::LOOKS && self.network.paths.iter().next().is_some() {
            self.only(Field::Source);
        }
        let leg = self.network.paths.of_host(self.trip.packet.source, true);
        leg.into_iter().for_each(|leg| self.trip.legs.add(leg));
        self.travel(Ok(Place::Internet))
    }

    fn travel(mut self, start: Result<Place<'n>, DropReason>) -> Trip<'n> {
        let mut place = start;
        for _ in 0..ROUTERS_MAX {
            let next = match place {
                Err(reason) => {
                    self.trip.landing = Err(reason);
                    return self.trip;
                }
                Ok(Place::Router(subnet, number)) => self.route_from(subnet, number),
                Ok(Place::Internet) => self.at_internet(),
                Ok(Place::Interface(hop, from)) => match self.arrive(hop, from) {
                    Ok(Arrival::Landed(landing)) => {
                        self.trip.landing = Ok(landing);
                        return self.trip;
                    }
                    Ok(Arrival::GoesOn(place)) => Ok(place),
                    Err(reason) => Err(reason),
                },
                Ok(Place::Host(port)) => {
                    let leg = self.network.paths.of_host(self.trip.packet.destination, false);
                    leg.into_iter().for_each(|leg| self.trip.legs.add(leg));
                    self.trip.landing = Ok(Landing::Internet(port));
                    return self.trip;
                }
                Ok(Place::Service(service, endpoint)) => {
                    self.trip.landing = Ok(Landing::Service(service, endpoint));
                    return self.trip;
                }
            };
            place = next;
        }
        self.trip.landing = Err(DropReason::RoutingLoop { address: self.trip.packet.destination });
        self.trip
    }

    /// The neighbour that a frame is addressed to; none stands for the router.
    ///
    /// An address of the subnet decides by itself, whatever the frame is addressed to: so a neighbour whose ARP entry
    /// is older than a moved or reused address is understood, where AWS would have announced the move. Beyond the
    /// subnet the neighbour that the frame is addressed to is the next hop (a middlebox, or a node that routes for
    /// containers); a MAC address that nobody has any more stands for the router.
    fn neighbour(
        &self,
        sender: &PluggedInterface,
        subnet: &CompiledSubnet,
        mac: MacAddress,
    ) -> Option<Result<Hop<'n>, DropReason>> {
        let destination = self.trip.packet.destination;
        if mac == subnet.router_mac || subnet.contains(destination) {
            return None;
        }
        let receiver = self.network.neighbour(sender.subnet, mac)?;
        let is_direct = source::owns(self.network, receiver, destination);
        Some(self.not_back(Hop { receiver, is_direct }))
    }

    /// The router of a subnet sends the packet on (facts 1, 6, 9, 10, 15). Why it cannot is said after its ACL was asked.
    fn route_from(&mut self, subnet: &'n CompiledSubnet, number: u32) -> Result<Place<'n>, DropReason> {
        let route = self.find_route(subnet);
        let stays = match &route {
            Ok(Step::Interface(hop)) => self.stays(subnet, number, Some(hop)),
            Ok(Step::Target(RouteTarget::NatGateway(id))) => {
                let nat = self.network.gateways.nat(*id).and_then(|nat| self.network.target(nat.interface));
                nat.is_some_and(|plugged| plugged.subnet == number)
            }
            Ok(Step::Target(_)) => false,
            Err(_) => self.stays(subnet, number, None),
        };
        if !self.trip.passed_gateway {
            match &route {
                Ok(Step::Interface(hop)) => self.note_peer(subnet, Some(hop)),
                Ok(Step::Target(RouteTarget::VpcPeeringConnection(id))) => {
                    self.trip.peer = self.peer_over(*id, subnet);
                }
                Ok(Step::Target(_)) => {}
                Err(_) => self.note_peer(subnet, None),
            }
        }
        self.leave_subnet(subnet, stays)?;
        match route? {
            Step::Interface(hop) => Ok(Place::Interface(hop, Some(number))),
            Step::Target(target) => {
                self.trip.passed_gateway = true;
                self.pass(target, subnet, number)
            }
        }
    }

    /// Whether the packet stays in a subnet, which has that number. Where nothing leads on, its destination says so.
    fn stays(&self, subnet: &CompiledSubnet, number: u32, hop: Option<&Hop<'n>>) -> bool {
        hop.map_or_else(|| subnet.contains(self.trip.packet.destination), |hop| hop.receiver.subnet == number)
    }

    /// Notes whose groups a rule of the sender may mean. Where nothing leads on it is the owner of the address, so that
    /// the reason is the route and not a rule that would allow it.
    fn note_peer(&mut self, subnet: &'n CompiledSubnet, hop: Option<&Hop<'n>>) {
        self.trip.peer = match hop {
            Some(hop) => hop.is_direct.then_some(hop.receiver),
            None => {
                self.only_owner(subnet.vpc.as_deref());
                let vpc = subnet.vpc_number;
                vpc.and_then(|vpc| self.network.owner(vpc, self.trip.packet.destination))
            }
        };
    }

    /// Asks the ACL of a subnet that the packet leaves (fact 16).
    fn leave_subnet(&mut self, subnet: &'n CompiledSubnet, stays: bool) -> Result<(), DropReason> {
        if stays {
            return Ok(());
        }
        self.ask_acl(subnet, Direction::Egress, self.trip.packet.destination)
    }

    /// Asks the ACL of a subnet that the packet comes into.
    pub(super) fn enter_subnet(&mut self, subnet: &'n CompiledSubnet) -> Result<(), DropReason> {
        self.ask_acl(subnet, Direction::Ingress, self.trip.packet.source)
    }

    fn ask_acl(
        &mut self,
        subnet: &'n CompiledSubnet,
        direction: Direction,
        peer: IpAddr,
    ) -> Result<(), DropReason> {
        if W::LOOKS
            && let Some(acl) = &subnet.acl
        {
            let (traffic, peers) = acl.around(direction, Probe::of(&self.trip.tuple), peer);
            let field = match direction {
                Direction::Ingress => Field::Source,
                Direction::Egress => Field::Destination,
            };
            self.witness.same_for(Field::DestinationPort, traffic);
            self.witness.same_for(field, peers);
        }
        match gates::acl(subnet, direction, &self.trip.tuple, peer) {
            Ok(rule) => self.note(Event::Acl { subnet, direction, rule }),
            Err(reason) => self.witness.refused(reason, &self.trip.packet)?,
        }
        if self.is_answer {
            self.trip.narrow_opener_ports(gates::acl_ports_around(subnet, direction, &self.trip.tuple));
        }
        Ok(())
    }

    fn find_route(&mut self, subnet: &'n CompiledSubnet) -> Result<Step<'n>, DropReason> {
        let address = self.trip.packet.destination;
        self.beside(Field::Destination, subnet.blocks());
        if subnet.contains(address) {
            if address == IpAddr::V4(subnet.router) {
                self.only(Field::Destination);
                return Err(DropReason::RouterAddress { address });
            }
            self.note(Event::OnLink { subnet });
            return self.local(subnet).map(Step::Interface);
        }
        let table = subnet.routes.as_deref();
        let table = table.ok_or(DropReason::Missing { object: subnet.subnet.route_table.into() })?;
        self.step_by(table, subnet)
    }

    /// What a route table says about the packet, in the VPC of a subnet.
    pub(super) fn step_by(
        &mut self,
        table: &'n Routes,
        subnet: &'n CompiledSubnet,
    ) -> Result<Step<'n>, DropReason> {
        let address = self.trip.packet.destination;
        if W::LOOKS {
            self.witness.same_for(Field::Destination, table.around(address));
        }
        let route = table.find(address).ok_or(DropReason::NoRoute { table: table.id, address })?;
        self.note(Event::Route { table: table.id, route: *route });
        let blackhole = DropReason::Blackhole { table: table.id, destination: route.destination };
        let (vpc, gateways) = (subnet.subnet.vpc, &self.network.gateways);
        let is_there = match route.target {
            RouteTarget::Local => return self.local(subnet).map(Step::Interface),
            RouteTarget::Interface(id) => {
                let receiver = self.network.target(id).filter(|target| Some(target.vpc) == subnet.vpc_number);
                let receiver = receiver.ok_or(blackhole)?;
                self.only(Field::Destination);
                let is_direct = source::owns(self.network, receiver, address);
                return self.not_back(Hop { receiver, is_direct }).map(Step::Interface);
            }
            RouteTarget::Blackhole => false,
            RouteTarget::InternetGateway(id) => gateways.internet(id).is_some_and(|held| held.vpc == vpc),
            RouteTarget::EgressOnlyInternetGateway(id) => {
                gateways.egress_only(id).is_some_and(|held| held.vpc == vpc)
            }
            RouteTarget::NatGateway(id) => gateways.nat(id).is_some_and(|held| held.vpc == vpc),
            RouteTarget::VpcPeeringConnection(id) => {
                gateways.peering(id).is_some_and(|held| held.peer_of(vpc).is_some())
            }
            RouteTarget::TransitGateway(id) => gateways.transit(id).is_some(),
            RouteTarget::VpcEndpoint(id) => gateways.endpoint(id).is_some_and(|held| held.vpc == vpc),
            RouteTarget::VpnGateway(id) => gateways.vpn(id).is_some_and(|held| held.vpc == vpc),
        };
        if is_there { Ok(Step::Target(route.target)) } else { Err(blackhole) }
    }

    /// The interface of the subnet's VPC that has the destination.
    fn local(&mut self, subnet: &CompiledSubnet) -> Result<Hop<'n>, DropReason> {
        let address = self.trip.packet.destination;
        self.by_owner();
        let missing = DropReason::NoSuchAddress { vpc: subnet.subnet.vpc, address };
        let vpc = subnet.vpc_number.ok_or(missing)?;
        let likely = self.likely.filter(|likely| likely.vpc == vpc && address == IpAddr::V4(likely.ipv4));
        let receiver = likely.or_else(|| self.network.owner(vpc, address)).ok_or(missing)?;
        self.not_back(Hop { receiver, is_direct: true })
    }

    fn not_back(&self, hop: Hop<'n>) -> Result<Hop<'n>, DropReason> {
        match self.exit {
            Some(exit) if exit.port == hop.receiver.port && exit.role == InterfaceRole::Workload => {
                Err(DropReason::Hairpin { interface: exit.interface.id })
            }
            _ => Ok(hop),
        }
    }

    /// What a target beyond the subnet does with the packet.
    fn pass(
        &mut self,
        target: RouteTarget,
        subnet: &'n CompiledSubnet,
        number: u32,
    ) -> Result<Place<'n>, DropReason> {
        let gateways = &self.network.gateways;
        if let Some(object) = target.object() {
            self.note(Event::Through { object });
        }
        // Each was found to be there when the route was.
        let blackhole = DropReason::RoutingLoop { address: self.trip.packet.destination };
        match target {
            RouteTarget::Local | RouteTarget::Interface(_) | RouteTarget::Blackhole => Err(blackhole),
            RouteTarget::InternetGateway(id) => {
                self.leave_by_internet_gateway(gateways.internet(id).ok_or(blackhole)?, subnet)
            }
            RouteTarget::EgressOnlyInternetGateway(id) => {
                self.leave_by_egress_only(gateways.egress_only(id).ok_or(blackhole)?, subnet)
            }
            RouteTarget::NatGateway(id) => self.enter_nat_gateway(gateways.nat(id).ok_or(blackhole)?, number),
            RouteTarget::VpcPeeringConnection(id) => {
                self.over_peering(gateways.peering(id).ok_or(blackhole)?, subnet)
            }
            RouteTarget::TransitGateway(id) => {
                self.enter_transit_gateway(gateways.transit(id).ok_or(blackhole)?, subnet)
            }
            RouteTarget::VpcEndpoint(id) => {
                let endpoint = gateways.endpoint(id).ok_or(blackhole)?;
                self.enters_domain(subnet);
                match endpoint.kind {
                    VpcEndpointKind::Gateway(service) => {
                        let address = self.trip.packet.destination;
                        if W::LOOKS {
                            self.witness.same_for(Field::Destination, gateways.service_around(address));
                        }
                        if gateways.service(address) != Some(service) {
                            return Err(DropReason::NoSuchService { address });
                        }
                        let exit = self.exit.ok_or(DropReason::EndpointOfOtherVpc { endpoint: id })?;
                        self.trip.is_tracked = true;
                        Ok(Place::Service(service, Some(Entrance { endpoint, sent_by: exit.port })))
                    }
                    VpcEndpointKind::GatewayLoadBalancer => Err(DropReason::NoAppliance { endpoint: id }),
                }
            }
            RouteTarget::VpnGateway(id) => Err(DropReason::TunnelDown { object: id.into() }),
        }
    }

    /// The packet has come into a subnet, from the one that it was in last or from outside.
    pub(super) fn come_into(&mut self, subnet: &'n CompiledSubnet) {
        let before = self.last.replace(subnet);
        let leg =
            before.and_then(|before| self.network.paths.between(&before.subnet.zone, &subnet.subnet.zone));
        leg.into_iter().for_each(|leg| self.trip.legs.add(leg));
    }

    /// From now on the decision depends on what joins the VPC of a subnet with others.
    pub(super) fn enters_domain(&mut self, subnet: &CompiledSubnet) {
        let domain = self.network.gateways.domain(subnet.subnet.vpc);
        self.trip.spans_domains |= self.trip.domain.is_some_and(|held| held != domain);
        self.trip.domain = Some(domain);
    }

    /// The packet comes before an interface, from a subnet or from outside.
    fn arrive(&mut self, hop: Hop<'n>, from: Option<u32>) -> Result<Arrival<'n>, DropReason> {
        let interface = &hop.receiver.interface;
        self.by_owner();
        gates::open_account(hop.receiver)?;
        let is_own = || interface.addresses().any(|address| address == self.trip.packet.destination);
        let is_taken = match hop.receiver.role {
            // The rules of an endpoint's groups are told of first.
            InterfaceRole::Workload | InterfaceRole::InterfaceEndpoint => true,
            InterfaceRole::NatGateway => is_own() && self.network.gateways.nat_of(interface.id).is_some(),
            InterfaceRole::TransitGateway
            | InterfaceRole::GatewayLoadBalancerEndpoint
            | InterfaceRole::ClosedAccount => false,
        };
        if !is_taken {
            return Err(DropReason::ManagedInterface { interface: interface.id });
        }
        let subnet = self.subnet_of(hop.receiver)?;
        if from != Some(hop.receiver.subnet) {
            self.enter_subnet(subnet)?;
        }
        self.come_into(subnet);
        self.note(Event::Before { plugged: hop.receiver });
        match hop.receiver.role {
            InterfaceRole::NatGateway => {
                self.back_through_nat_gateway(hop.receiver, subnet).map(Arrival::GoesOn)
            }
            _ => Ok(Arrival::Landed(Landing::Interface(hop, subnet))),
        }
    }

    /// The subnet of an interface.
    pub(super) fn subnet_of(&self, plugged: &PluggedInterface) -> Result<&'n CompiledSubnet, DropReason> {
        let subnet = self.network.subnet_of(plugged).filter(|subnet| subnet.vpc_number == Some(plugged.vpc));
        subnet.ok_or_else(|| DropReason::Missing { object: plugged.interface.subnet.into() })
    }

    /// Replaces the source.
    pub(super) fn set_source(&mut self, endpoint: Endpoint) {
        self.trip.packet.set_source(endpoint);
        self.trip.tuple = Tuple::of(&self.trip.packet);
    }

    /// Replaces the destination.
    pub(super) fn set_destination(&mut self, endpoint: Endpoint) {
        self.trip.packet.set_destination(endpoint);
        self.trip.tuple = Tuple::of(&self.trip.packet);
    }

    /// The way carries no larger packets than this.
    pub(super) fn limit_mtu(&mut self, mtu_bytes: u16) {
        self.trip.mtu_bytes = self.trip.mtu_bytes.min(mtu_bytes);
    }
}

/// What a router does next.
pub(super) enum Step<'n> {
    /// Hands the packet to an interface of its VPC.
    Interface(Hop<'n>),
    /// Hands it to a gateway of some kind.
    Target(RouteTarget),
}

/// What becomes of a packet before an interface.
enum Arrival<'n> {
    Landed(Landing<'n>),
    GoesOn(Place<'n>),
}
