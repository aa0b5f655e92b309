//! Between VPCs and the internet: internet gateways, egress-only gateways, and what is outside.
//!
//! Owns one-to-one translation (facts 33 to 38), gateway route tables (facts 11 to 13) and Block Public Access (fact 39).
//! Refuses to know what hosts of the internet answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use vpc_model::{
    EgressOnlyInternetGateway, InterfaceRole, InternetBlock, InternetGateway, InternetPlace, Port,
    RouteTarget, VpcEndpointKind,
};

use super::journey::{Hop, Journey, Place, Step};
use super::witness::{Event, Witness};
use super::{source, tracking};
use crate::flows::Way;
use crate::packet::Endpoint;
use crate::reach::Field;
use crate::reason::DropReason;
use crate::snapshot::{CompiledSubnet, PluggedInterface};

/// The largest packet on the internet, in bytes (fact 64).
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html>
const INTERNET_MTU_BYTES: u16 = 1500;

/// What nobody on the internet has (RFC 1918, RFC 6598).
const PRIVATE_IPV4: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
];
/// The same for IPv6 (RFC 4193).
const PRIVATE_IPV6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7);

/// The same, of both families.
pub(super) fn private_blocks() -> impl Iterator<Item = IpNet> {
    PRIVATE_IPV4.into_iter().map(IpNet::V4).chain([IpNet::V6(PRIVATE_IPV6)])
}

/// Whether nobody on the internet can have an address.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => PRIVATE_IPV4.iter().any(|block| block.contains(&address)),
        IpAddr::V6(address) => PRIVATE_IPV6.contains(&address),
    }
}

impl<'n, W: Witness<'n>> Journey<'n, '_, W> {
    /// Out through an internet gateway (facts 12, 33, 35, 39, 40).
    pub(super) fn leave_by_internet_gateway(
        &mut self,
        gateway: &'n InternetGateway,
        subnet: &'n CompiledSubnet,
    ) -> Result<Place<'n>, DropReason> {
        if subnet.subnet.internet_block == InternetBlock::Bidirectional {
            return Err(DropReason::PublicAccessBlocked { subnet: subnet.subnet.id });
        }
        let private = self.trip.packet.source;
        if W::WAY_ONLY && is_private(self.trip.packet.destination) {
            // Whoever sends it.
            self.leave_to_internet()?;
        }
        self.only(Field::Source);
        let public = self.public_source(subnet)?;
        // What a middlebox sends on has the public address of another interface, which is at neither end of the way.
        if self.exit.is_none_or(|exit| !source::owns(self.network, exit, private)) {
            self.enters_domain(subnet);
        }
        self.check_middlebox(gateway)?;
        self.leave_to_internet()?;
        if public != private {
            let port = self.trip.packet.source_port();
            self.set_source(Endpoint { address: public, port });
            self.witness.replaced(Field::Source);
        }
        // An error that quotes a packet to a private address quotes one to the public address outside.
        if let Some(public) =
            self.trip.packet.about().and_then(|about| self.public_of(subnet, about.destination))
            && let Some(about) = self.trip.packet.about_mut()
        {
            let port = about.destination_port();
            about.set_destination(Endpoint { address: public, port });
        }
        Ok(Place::Internet)
    }

    /// The public address of the packet's source.
    fn public_source(&self, subnet: &CompiledSubnet) -> Result<IpAddr, DropReason> {
        let address = self.trip.packet.source;
        self.public_of(subnet, address).ok_or(DropReason::NoPublicAddress { address })
    }

    /// The public address of an address in the VPC of a subnet.
    fn public_of(&self, subnet: &CompiledSubnet, address: IpAddr) -> Option<IpAddr> {
        match address {
            IpAddr::V4(private) => {
                let vpc = subnet.vpc_number;
                vpc.and_then(|vpc| self.network.public_of_private(vpc, private)).map(IpAddr::V4)
            }
            IpAddr::V6(_) => subnet.vpc.as_ref().filter(|vpc| vpc.contains(address)).map(|_| address),
        }
    }

    /// Fact 12: what comes in for the source goes to a middlebox, so it must be that which sends this.
    fn check_middlebox(&self, gateway: &InternetGateway) -> Result<(), DropReason> {
        let address = self.trip.packet.source;
        let table = gateway.route_table.and_then(|id| self.network.routes(id));
        let is_bypassed = match table.and_then(|table| table.find(address)).map(|route| route.target) {
            Some(RouteTarget::Interface(id)) => self.exit.is_none_or(|exit| exit.interface.id != id),
            Some(RouteTarget::VpcEndpoint(_)) => true,
            _ => false,
        };
        if is_bypassed { Err(DropReason::MiddleboxBypassed { gateway: gateway.id, address }) } else { Ok(()) }
    }

    fn leave_to_internet(&mut self) -> Result<(), DropReason> {
        let address = self.trip.packet.destination;
        self.beside(Field::Destination, private_blocks());
        if is_private(address) {
            return Err(DropReason::PrivateDestination { address });
        }
        self.limit_mtu(INTERNET_MTU_BYTES);
        self.trip.shows_groups = false;
        self.exit = None;
        Ok(())
    }

    /// Out through an egress-only gateway (fact 40).
    pub(super) fn leave_by_egress_only(
        &mut self,
        gateway: &'n EgressOnlyInternetGateway,
        subnet: &'n CompiledSubnet,
    ) -> Result<Place<'n>, DropReason> {
        if self.trip.packet.source.is_ipv4() {
            return Err(DropReason::Ipv4ThroughEgressOnly { gateway: gateway.id });
        }
        if subnet.subnet.internet_block == InternetBlock::Bidirectional {
            return Err(DropReason::PublicAccessBlocked { subnet: subnet.subnet.id });
        }
        self.only(Field::Source);
        self.public_source(subnet)?;
        self.leave_to_internet()?;
        self.trip.is_tracked = true;
        self.enters_domain(subnet);
        Ok(Place::Internet)
    }

    /// Who has the destination.
    pub(super) fn at_internet(&mut self) -> Result<Place<'n>, DropReason> {
        let address = self.trip.packet.source;
        self.beside(Field::Source, private_blocks());
        if is_private(address) {
            return Err(DropReason::PrivateSource { address });
        }
        self.note(Event::OnInternet);
        self.trip.passed_gateway = true;
        self.trip.shows_groups = false;
        self.limit_mtu(INTERNET_MTU_BYTES);
        let address = self.trip.packet.destination;
        let unknown = DropReason::NoSuchPublicAddress { address };
        self.only_public_owner(address);
        match address {
            IpAddr::V4(public) => {
                if let Some((plugged, private)) = self.network.public_ipv4(public) {
                    return self.enter_by_internet_gateway(plugged, private);
                }
            }
            IpAddr::V6(own) => {
                if let Some(vpc) = self.network.vpc_of_ipv6(own) {
                    let number = self.network.number_of_vpc(vpc);
                    let owner = number.and_then(|number| self.network.owner(number, address));
                    return self.enter_by_ipv6(owner.ok_or(unknown)?);
                }
            }
        }
        if let Some(service) = self.network.gateways.service(address) {
            return Ok(Place::Service(service, None));
        }
        if let Some(place) = self.network.gateways.host(address) {
            return Ok(Place::Host(match place {
                InternetPlace::Declared => Port::INTERNET,
                InternetPlace::Workstation => Port::WORKSTATION,
            }));
        }
        let is_ours = self.network.gateways.is_public(address);
        if !is_ours && self.network.gateways.supposes_hosts() {
            return Ok(Place::Host(Port::INTERNET));
        }
        Err(if is_ours { unknown } else { DropReason::NoSuchHost { address } })
    }

    /// From here on it is for who has that public address, or for all addresses around it that nobody has. Looks at all that
    /// somebody has, so it is for those who look on alone.
    fn only_public_owner(&mut self, address: IpAddr) {
        if !W::LOOKS {
            return;
        }
        let (network, gateways) = (self.network, &self.network.gateways);
        let is_owned = match address {
            IpAddr::V4(public) => network.public_ipv4(public).is_some(),
            IpAddr::V6(own) => network.vpc_of_ipv6(own).is_some(),
        };
        if is_owned || gateways.service(address).is_some() || gateways.host(address).is_some() {
            return self.only(Field::Destination);
        }
        for span in [gateways.service_around(address), gateways.public_around(address)] {
            self.witness.same_for(Field::Destination, span);
        }
        self.beside(Field::Destination, network.public_owned());
        self.beside(Field::Destination, gateways.host_addresses().map(IpNet::from));
    }

    /// In through the internet gateway of an interface's VPC (facts 11, 34, 39).
    fn enter_by_internet_gateway(
        &mut self,
        plugged: &'n PluggedInterface,
        private: Ipv4Addr,
    ) -> Result<Place<'n>, DropReason> {
        let vpc = plugged.interface.vpc;
        let gateway = self.network.gateways.internet_of(vpc).ok_or(DropReason::NoInternetGateway { vpc })?;
        self.note(Event::Through { object: gateway.id.into() });
        let subnet = self.subnet_of(plugged)?;
        let is_blocked = match subnet.subnet.internet_block {
            InternetBlock::Off => false,
            // What is for a NAT gateway was asked for from inside, or it goes no further.
            InternetBlock::Ingress => plugged.role != InterfaceRole::NatGateway,
            InternetBlock::Bidirectional => true,
        };
        if is_blocked {
            return Err(DropReason::PublicAccessBlocked { subnet: subnet.subnet.id });
        }
        let public = self.trip.packet.destination;
        let port = self.trip.packet.destination_port();
        self.set_destination(Endpoint { address: IpAddr::V4(private), port });
        self.witness.replaced(Field::Destination);
        if let Some(about) = self.trip.packet.about_mut().filter(|about| about.source == public) {
            let port = about.source_port();
            about.set_source(Endpoint { address: IpAddr::V4(private), port });
        }
        self.route_in(gateway, plugged, subnet)
    }

    /// In for an IPv6 address, which is not translated (fact 40).
    fn enter_by_ipv6(&mut self, plugged: &'n PluggedInterface) -> Result<Place<'n>, DropReason> {
        let vpc = plugged.interface.vpc;
        let subnet = self.subnet_of(plugged)?;
        let gateways = &self.network.gateways;
        // What leaves by an egress-only gateway comes back by it.
        let source = self.trip.packet.source;
        if W::LOOKS
            && let Some(table) = &subnet.routes
        {
            self.witness.same_for(Field::Source, table.around(source));
        }
        let back = subnet.routes.as_deref().and_then(|table| table.find(source));
        let egress_only = match back.map(|route| route.target) {
            Some(RouteTarget::EgressOnlyInternetGateway(id)) => gateways.egress_only(id),
            _ => None,
        };
        if let Some(gateway) = egress_only.filter(|gateway| gateway.vpc == vpc) {
            self.note(Event::Through { object: gateway.id.into() });
            let (packet, tuple) = (&self.trip.packet, &self.trip.tuple);
            tracking::known(self.flows, plugged.port, Way::In, packet, tuple, self.now)
                .ok_or(DropReason::EgressOnly { gateway: gateway.id })?;
            if subnet.subnet.internet_block == InternetBlock::Bidirectional {
                return Err(DropReason::PublicAccessBlocked { subnet: subnet.subnet.id });
            }
            self.enters_domain(subnet);
            return Ok(Place::Interface(Hop { receiver: plugged, is_direct: true }, None));
        }
        let gateway = gateways.internet_of(vpc).ok_or(DropReason::NoInternetGateway { vpc })?;
        self.note(Event::Through { object: gateway.id.into() });
        if subnet.subnet.internet_block != InternetBlock::Off {
            return Err(DropReason::PublicAccessBlocked { subnet: subnet.subnet.id });
        }
        self.route_in(gateway, plugged, subnet)
    }

    /// Where the gateway route table sends what has come in for an interface.
    fn route_in(
        &mut self,
        gateway: &InternetGateway,
        plugged: &'n PluggedInterface,
        subnet: &'n CompiledSubnet,
    ) -> Result<Place<'n>, DropReason> {
        let Some(id) = gateway.route_table else {
            return Ok(Place::Interface(Hop { receiver: plugged, is_direct: true }, None));
        };
        let table = self.network.routes(id).ok_or(DropReason::Missing { object: id.into() })?;
        match self.step_by(table, subnet)? {
            Step::Interface(hop) => {
                if !hop.is_direct {
                    self.enters_domain(subnet);
                }
                Ok(Place::Interface(hop, None))
            }
            Step::Target(RouteTarget::VpcEndpoint(endpoint))
                if self
                    .network
                    .gateways
                    .endpoint(endpoint)
                    .is_some_and(|held| held.kind == VpcEndpointKind::GatewayLoadBalancer) =>
            {
                Err(DropReason::NoAppliance { endpoint })
            }
            // Fact 13: a gateway route table has no other targets.
            Step::Target(_) => {
                let address = self.trip.packet.destination;
                Err(DropReason::NoRoute { table: id, address })
            }
        }
    }
}
