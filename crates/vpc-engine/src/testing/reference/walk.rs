//! The way of a packet, leg by leg: routes, local delivery, peering connections, and the internet.
//!
//! Owns where a packet goes, what it looks like there and which network ACLs it passes. Refuses to ask them, and the
//! groups: what a walk finds is asked in the order of travel once the sender's groups have been.

use std::net::IpAddr;

use aws_types::{
    NatGatewayId, NetworkInterfaceId, RouteTableId, VpcEndpointId, VpcId, VpcPeeringConnectionId,
};
use ipnet::IpNet;
use vpc_model::{
    Direction, Interface, InterfaceRole, InternetBlock, InternetGateway, InternetPlace, Port, RouteTarget,
    Subnet, VpcEndpointKind,
};

use super::nat::{Translation, set_about};
use super::shape::in_subnet;
use super::{Reason, Reference};
use crate::packet::{Packet, Transport};

/// After so many route tables a packet goes round in circles.
const LEGS_MAX: usize = 16;

/// A packet on its way.
#[derive(Clone, Debug)]
pub(super) struct Trip {
    /// As it is now.
    pub(super) packet: Packet,
    /// The workload that has sent it.
    pub(super) sender: Option<Interface>,
    /// The network ACLs on its way, with the packet as they see it.
    pub(super) lists: Vec<(Subnet, Direction, Packet)>,
    pub(super) translations: Vec<Translation>,
    /// Whether it has come to a gateway.
    pub(super) has_left: bool,
    /// Fact 26.
    pub(super) always_tracked: bool,
    /// Facts 19, 20: whether rules that name groups see through the way.
    pub(super) shows_groups: bool,
    /// Whether it has passed a transit gateway, through which inbound rules alone can name groups.
    pub(super) passed_transit_gateway: bool,
    /// Whether the identifier of an ICMP query was replaced as the source's, or the destination's.
    pub(super) identifier_of: (bool, bool),
    pub(super) legs: usize,
    /// Which of several choices is tried that the engine has and has not told.
    pub(super) candidate: usize,
    /// The source that the engine's packet arrived with.
    pub(super) hint: Option<(IpAddr, u16)>,
}

/// Where a way ends.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
#[derive(Clone, Debug)]
pub(super) enum End {
    /// At a workload; `is_neighbour` when it and the sender are of one subnet and nothing is between.
    Interface { receiver: Interface, is_neighbour: bool },
    /// At a host of the internet.
    Host(InternetPlace),
    /// At a managed service.
    Service(Entry),
}

/// By where a managed service was asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Entry {
    Internet,
    Endpoint(VpcId),
}

/// Who sends a packet out of a subnet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Leaver {
    Workload(NetworkInterfaceId),
    NatGateway(NetworkInterfaceId),
    TransitGateway,
}

impl Trip {
    pub(super) fn new(packet: &Packet, sender: Option<&Interface>) -> Self {
        Self {
            packet: *packet,
            sender: sender.cloned(),
            lists: Vec::new(),
            translations: Vec::new(),
            has_left: false,
            always_tracked: false,
            shows_groups: true,
            passed_transit_gateway: false,
            identifier_of: (false, false),
            legs: 0,
            candidate: 0,
            hint: None,
        }
    }

    pub(super) fn pass(&mut self, subnet: &Subnet, direction: Direction) {
        self.lists.push((subnet.clone(), direction, self.packet));
    }
}

impl Reference {
    /// Out of a subnet, by its route table.
    pub(super) fn leave(&self, trip: &mut Trip, subnet: &Subnet, by: Leaver) -> Result<End, Reason> {
        trip.legs += 1;
        if trip.legs > LEGS_MAX {
            return Err("RoutingLoop");
        }
        let (network, destination) = (&self.network, trip.packet.destination);
        // Addresses of the subnet decide by themselves (fact 9); beyond it, a neighbour's MAC address makes it the next hop.
        if in_subnet(subnet, destination) {
            let is_router = matches!(destination, IpAddr::V4(address)
                if u32::from(address) == u32::from(subnet.cidr.network()) + 1);
            if is_router {
                return Err("RouterAddress");
            }
            let owner = network.owner(subnet.vpc, destination).ok_or("NoSuchAddress")?;
            return self.reach(trip, owner, Some(subnet), by);
        }
        let neighbour = network.interfaces.iter().find(|interface| {
            matches!(by, Leaver::Workload(_))
                && interface.subnet == subnet.id
                && interface.mac == trip.packet.destination_mac
        });
        if let Some(neighbour) = neighbour {
            if by == Leaver::Workload(neighbour.id) {
                trip.pass(subnet, Direction::Egress);
            }
            return self.reach(trip, neighbour, Some(subnet), by);
        }
        let target = network.route(subnet.route_table, destination);
        let not_back = |next: &&Interface| by != Leaver::Workload(next.id);
        let next_subnet = match target {
            Ok(RouteTarget::Local) => {
                network.owner(subnet.vpc, destination).filter(not_back).map(|owner| owner.subnet)
            }
            Ok(RouteTarget::Interface(id)) => {
                let next = network.interface(id).filter(|interface| interface.vpc == subnet.vpc);
                next.filter(not_back).map(|next| next.subnet)
            }
            Ok(RouteTarget::NatGateway(id)) => {
                let gateway = network.nat_gateways.iter().find(|gateway| gateway.id == id);
                gateway.filter(|gateway| gateway.vpc == subnet.vpc).map(|gateway| gateway.subnet)
            }
            _ => None,
        };
        if next_subnet != Some(subnet.id) {
            trip.pass(subnet, Direction::Egress);
        }
        match target? {
            RouteTarget::Local => {
                let owner = network.owner(subnet.vpc, destination).ok_or("NoSuchAddress")?;
                self.reach(trip, owner, Some(subnet), by)
            }
            RouteTarget::Interface(id) => {
                let next = network.interface(id).filter(|interface| interface.vpc == subnet.vpc);
                self.reach(trip, next.ok_or("Blackhole")?, Some(subnet), by)
            }
            RouteTarget::InternetGateway(id) => {
                let mut gateways = network.internet_gateways.iter();
                let gateway = gateways.find(|gateway| gateway.id == id && gateway.vpc == subnet.vpc);
                self.leave_by_internet_gateway(trip, gateway.ok_or("Blackhole")?, subnet, by)
            }
            RouteTarget::EgressOnlyInternetGateway(id) => {
                let mut gateways = network.egress_only_gateways.iter();
                gateways.find(|gateway| gateway.id == id && gateway.vpc == subnet.vpc).ok_or("Blackhole")?;
                self.leave_by_egress_only_gateway(trip, subnet)
            }
            RouteTarget::NatGateway(id) => self.leave_by_nat_gateway(trip, id, subnet),
            RouteTarget::VpcPeeringConnection(id) => self.leave_by_peering(trip, id, subnet, by),
            RouteTarget::TransitGateway(id) => {
                let gateway = network.transit_gateways.iter().find(|gateway| gateway.id == id);
                self.leave_by_transit_gateway(trip, gateway.ok_or("Blackhole")?, subnet)
            }
            RouteTarget::VpcEndpoint(id) => self.leave_by_endpoint(trip, id, subnet.vpc, by),
            RouteTarget::VpnGateway(id) => {
                let mut gateways = network.vpn_gateways.iter();
                gateways.find(|gateway| gateway.id == id && gateway.vpc == subnet.vpc).ok_or("Blackhole")?;
                trip.has_left = true;
                Err("TunnelDown")
            }
            RouteTarget::Blackhole => Err("Blackhole"),
        }
    }

    /// To an interface, out of a subnet of its VPC or from a gateway.
    pub(super) fn reach(
        &self,
        trip: &mut Trip,
        receiver: &Interface,
        from: Option<&Subnet>,
        by: Leaver,
    ) -> Result<End, Reason> {
        // One's own public address is reached by way of the internet gateway.
        if !trip.has_left && trip.sender.as_ref().is_some_and(|sender| sender.port == receiver.port) {
            return Err("Hairpin");
        }
        let is_same = from.is_some_and(|subnet| subnet.id == receiver.subnet);
        let own_address = receiver.addresses().any(|address| address == trip.packet.destination);
        match receiver.role {
            InterfaceRole::Workload | InterfaceRole::InterfaceEndpoint => {
                if !is_same {
                    let subnet = self.network.subnet_of(receiver).ok_or("Missing")?.clone();
                    trip.pass(&subnet, Direction::Ingress);
                }
                let is_neighbour = is_same && matches!(by, Leaver::Workload(_));
                Ok(End::Interface { receiver: receiver.clone(), is_neighbour })
            }
            InterfaceRole::NatGateway if own_address => {
                let mut gateways = self.network.nat_gateways.iter();
                let gateway = gateways.find(|gateway| gateway.interface == receiver.id);
                let gateway = gateway.ok_or("ManagedInterface")?.clone();
                let subnet = self.network.subnet(gateway.subnet).ok_or("Missing")?.clone();
                trip.has_left = true;
                trip.always_tracked = true;
                trip.shows_groups = false;
                if !is_same {
                    trip.pass(&subnet, Direction::Ingress);
                }
                self.translate_in(trip, &gateway)?;
                self.leave(trip, &subnet, Leaver::NatGateway(gateway.interface))
            }
            InterfaceRole::ClosedAccount => Err("AccountClosed"),
            InterfaceRole::NatGateway
            | InterfaceRole::TransitGateway
            | InterfaceRole::GatewayLoadBalancerEndpoint => Err("ManagedInterface"),
        }
    }

    fn leave_by_nat_gateway(&self, trip: &mut Trip, id: NatGatewayId, from: &Subnet) -> Result<End, Reason> {
        let mut gateways = self.network.nat_gateways.iter();
        let gateway = gateways.find(|gateway| gateway.id == id && gateway.vpc == from.vpc);
        let gateway = gateway.ok_or("Blackhole")?.clone();
        let subnet = self.network.subnet(gateway.subnet).ok_or("Missing")?.clone();
        trip.has_left = true;
        trip.always_tracked = true;
        trip.shows_groups = false;
        if subnet.id != from.id {
            trip.pass(&subnet, Direction::Ingress);
        }
        self.translate_out(trip, &gateway)?;
        self.leave(trip, &subnet, Leaver::NatGateway(gateway.interface))
    }

    /// Fact 51.
    fn leave_by_peering(
        &self,
        trip: &mut Trip,
        id: VpcPeeringConnectionId,
        from: &Subnet,
        by: Leaver,
    ) -> Result<End, Reason> {
        let network = &self.network;
        let peering = network.peerings.iter().find(|peering| peering.id == id).ok_or("Blackhole")?;
        let peer = peering.peer_of(from.vpc).ok_or("Blackhole")?;
        trip.has_left = true;
        trip.shows_groups &= !peering.is_inter_region;
        let (source, destination) = (trip.packet.source, trip.packet.destination);
        if !network.is_in_vpc(peer, destination) && !network.is_in_vpc(peer, source) {
            return Err("PeeringTransit");
        }
        let owner = network.owner(peer, destination).ok_or("NoSuchAddress")?;
        self.reach(trip, owner, None, by)
    }

    fn leave_by_endpoint(
        &self,
        trip: &mut Trip,
        id: VpcEndpointId,
        vpc: VpcId,
        by: Leaver,
    ) -> Result<End, Reason> {
        let mut endpoints = self.network.endpoints.iter();
        let endpoint =
            endpoints.find(|endpoint| endpoint.id == id && endpoint.vpc == vpc).ok_or("Blackhole")?;
        trip.has_left = true;
        trip.always_tracked = true;
        trip.shows_groups = false;
        let VpcEndpointKind::Gateway(service) = endpoint.kind else { return Err("NoAppliance") };
        let mut blocks = self.network.services.iter();
        if !blocks.any(|block| block.service == service && block.id.contains(&trip.packet.destination)) {
            return Err("NoSuchService");
        }
        // Fact 59. What another network sends is not of the endpoint's VPC.
        if by == Leaver::TransitGateway {
            return Err("EndpointOfOtherVpc");
        }
        if !self.is_for_service(&trip.packet) {
            return Err("EndpointProtocol");
        }
        Ok(End::Service(Entry::Endpoint(vpc)))
    }

    fn leave_by_egress_only_gateway(&self, trip: &mut Trip, from: &Subnet) -> Result<End, Reason> {
        trip.has_left = true;
        trip.always_tracked = true;
        trip.shows_groups = false;
        if trip.packet.source.is_ipv4() {
            return Err("Ipv4ThroughEgressOnly");
        }
        if from.internet_block == InternetBlock::Bidirectional {
            return Err("PublicAccessBlocked");
        }
        if !self.network.is_in_vpc(from.vpc, trip.packet.source) {
            return Err("NoPublicAddress");
        }
        self.cross_internet(trip)
    }

    fn leave_by_internet_gateway(
        &self,
        trip: &mut Trip,
        gateway: &InternetGateway,
        from: &Subnet,
        by: Leaver,
    ) -> Result<End, Reason> {
        trip.has_left = true;
        trip.shows_groups = false;
        if from.internet_block == InternetBlock::Bidirectional {
            return Err("PublicAccessBlocked");
        }
        let source = trip.packet.source;
        let public = match source {
            IpAddr::V4(_) => self.public_of(from.vpc, source).ok_or("NoPublicAddress")?,
            IpAddr::V6(_) if self.network.is_in_vpc(from.vpc, source) => source,
            IpAddr::V6(_) => return Err("NoPublicAddress"),
        };
        // Fact 12.
        if let Some(table) = gateway.route_table
            && let Ok(target) = self.network.route(table, source)
        {
            let is_bypassed = match target {
                RouteTarget::Interface(middlebox) => {
                    by != Leaver::Workload(middlebox) && by != Leaver::NatGateway(middlebox)
                }
                RouteTarget::VpcEndpoint(_) => true,
                _ => false,
            };
            if is_bypassed {
                return Err("MiddleboxBypassed");
            }
        }
        if is_private(trip.packet.destination) {
            return Err("PrivateDestination");
        }
        trip.packet.source = public;
        // An error quotes the packet as it was on the other side.
        if let Transport::Icmp { about: Some(mut about), .. } = trip.packet.transport
            && let Some(public) = self.public_of(from.vpc, about.destination)
        {
            about.destination = public;
            set_about(&mut trip.packet, about);
        }
        self.cross_internet(trip)
    }

    /// The public address that stands for a private one of a VPC.
    fn public_of(&self, vpc: VpcId, private: IpAddr) -> Option<IpAddr> {
        let interfaces = self.network.interfaces.iter().filter(|interface| interface.vpc == vpc);
        let mut pairs = interfaces.flat_map(|interface| &interface.public_ipv4);
        pairs.find(|pair| IpAddr::V4(pair.private) == private).map(|pair| pair.public.into())
    }

    /// Between gateways and the hosts of the internet.
    pub(super) fn cross_internet(&self, trip: &mut Trip) -> Result<End, Reason> {
        let (network, destination) = (&self.network, trip.packet.destination);
        let mut pairs = network.interfaces.iter().flat_map(|interface| &interface.public_ipv4);
        let is_public = pairs.any(|pair| IpAddr::V4(pair.public) == destination);
        let is_ipv6_of_cloud =
            destination.is_ipv6() && network.vpcs.iter().any(|vpc| network.is_in_vpc(vpc.id, destination));
        if is_public || is_ipv6_of_cloud {
            return self.enter_from_internet(trip);
        }
        if network.services.iter().any(|block| block.id.contains(&destination)) {
            return match self.is_for_service(&trip.packet) {
                true => Ok(End::Service(Entry::Internet)),
                false => Err("ServiceProtocol"),
            };
        }
        if let Some(host) = network.hosts.iter().find(|host| host.id == destination) {
            return Ok(End::Host(host.place));
        }
        let is_of_cloud = network.public.iter().any(|block| block.id.contains(&destination));
        Err(if is_of_cloud { "NoSuchPublicAddress" } else { "NoSuchHost" })
    }

    /// Into a VPC (facts 34, 40).
    pub(super) fn enter_from_internet(&self, trip: &mut Trip) -> Result<End, Reason> {
        trip.has_left = true;
        trip.shows_groups = false;
        let network = &self.network;
        if is_private(trip.packet.source) {
            return Err("PrivateSource");
        }
        let destination = trip.packet.destination;
        let (owner, private) = match destination {
            IpAddr::V4(_) => {
                let found = network.interfaces.iter().find_map(|interface| {
                    let mut pairs = interface.public_ipv4.iter();
                    let pair = pairs.find(|pair| IpAddr::V4(pair.public) == destination)?;
                    Some((interface, IpAddr::V4(pair.private)))
                });
                found.ok_or("NoSuchPublicAddress")?
            }
            IpAddr::V6(_) => {
                let vpc = network.vpcs.iter().find(|vpc| network.is_in_vpc(vpc.id, destination));
                let owner = vpc.and_then(|vpc| network.owner(vpc.id, destination));
                (owner.ok_or("NoSuchPublicAddress")?, destination)
            }
        };
        let subnet = network.subnet_of(owner).ok_or("Missing")?;
        let gateway = network.internet_gateways.iter().find(|gateway| gateway.vpc == owner.vpc);
        let by_egress_only = destination.is_ipv6() && self.goes_back_by_egress_only(trip, subnet);
        if by_egress_only && !self.is_known(owner, &trip.packet) {
            return Err("EgressOnly");
        }
        if gateway.is_none() && !by_egress_only {
            return Err("NoInternetGateway");
        }
        let is_blocked = match subnet.internet_block {
            InternetBlock::Off => false,
            InternetBlock::Ingress => !by_egress_only && owner.role != InterfaceRole::NatGateway,
            InternetBlock::Bidirectional => true,
        };
        if is_blocked {
            return Err("PublicAccessBlocked");
        }
        if let Transport::Icmp { about: Some(mut about), .. } = trip.packet.transport
            && about.source == destination
        {
            about.source = private;
            set_about(&mut trip.packet, about);
        }
        trip.packet.destination = private;
        trip.always_tracked |= by_egress_only;
        let table = gateway.filter(|_| !by_egress_only).and_then(|gateway| gateway.route_table);
        let next = match table {
            Some(table) => self.route_of_gateway(table, private, owner)?,
            None => owner,
        };
        self.reach(trip, next, None, Leaver::TransitGateway)
    }

    /// Where a gateway route table leads.
    fn route_of_gateway<'a>(
        &'a self,
        table: RouteTableId,
        private: IpAddr,
        owner: &'a Interface,
    ) -> Result<&'a Interface, Reason> {
        let network = &self.network;
        match network.route(table, private)? {
            RouteTarget::Local => Ok(owner),
            RouteTarget::Interface(id) => {
                let next = network.interface(id).filter(|interface| interface.vpc == owner.vpc);
                next.ok_or("Blackhole")
            }
            RouteTarget::VpcEndpoint(id) => {
                let mut endpoints = network.endpoints.iter();
                let endpoint = endpoints.find(|endpoint| endpoint.id == id && endpoint.vpc == owner.vpc);
                match endpoint.ok_or("Blackhole")?.kind {
                    VpcEndpointKind::GatewayLoadBalancer => Err("NoAppliance"),
                    VpcEndpointKind::Gateway(_) => Err("Blackhole"),
                }
            }
            _ => Err("Blackhole"),
        }
    }

    /// Whether what answers an IPv6 packet leaves by an egress-only gateway.
    fn goes_back_by_egress_only(&self, trip: &Trip, subnet: &Subnet) -> bool {
        match self.network.route(subnet.route_table, trip.packet.source) {
            Ok(RouteTarget::EgressOnlyInternetGateway(id)) => {
                let mut gateways = self.network.egress_only_gateways.iter();
                gateways.any(|gateway| gateway.id == id && gateway.vpc == subnet.vpc)
            }
            _ => false,
        }
    }

    fn is_known(&self, interface: &Interface, packet: &Packet) -> bool {
        self.find(interface.port, Direction::Ingress, packet).is_some()
            || self.is_error_about_known(interface.port, Direction::Ingress, packet)
    }
}

/// Facts 35, 36: addresses that nobody on the internet has.
pub(super) fn is_private(address: IpAddr) -> bool {
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]
        .iter()
        .any(|block| block.parse::<IpNet>().expect("a block").contains(&address))
}

/// The port where a host of the internet is.
pub(super) const fn port_of(place: InternetPlace) -> Port {
    match place {
        InternetPlace::Declared => Port::INTERNET,
        InternetPlace::Workstation => Port::WORKSTATION,
    }
}
