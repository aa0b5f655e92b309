//! Random routes of VPCs, of internet gateways and of transit gateways. Refuses to know packets.

use aws_types::{
    EgressOnlyInternetGatewayId, InternetGatewayId, NatGatewayId, NetworkInterfaceId, ResourceId,
    TransitGatewayAttachmentId, TransitGatewayId, VpcEndpointId, VpcId, VpcPeeringConnectionId,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use vpc_model::{InterfaceRole, Route, RouteOrigin, RouteTarget, TransitGatewayRoute, VpcEndpointKind};

use super::Topology;
use crate::testing::random::Random;

impl Topology {
    /// Routes for the table of that index in a network that has gateways.
    pub(crate) fn random_routes_of(&self, index: usize, random: &mut Random) -> Vec<Route> {
        let table = &self.route_tables[index];
        if self.gateway_tables.contains(&table.id) {
            return self.gateway_routes(table.vpc, random);
        }
        let vpc = table.vpc;
        let mut routes: Vec<Route> = Vec::new();
        let mut add = |destination: IpNet, target: RouteTarget, origin: RouteOrigin| {
            if !routes.iter().any(|one| (one.destination, one.origin) == (destination, origin)) {
                routes.push(Route { destination, target, origin });
            }
        };
        if random.percent(85) {
            let is_of_gateway = self.subnets.iter().any(|subnet| {
                subnet.route_table == table.id
                    && self.nat_gateways.iter().any(|gateway| gateway.subnet == subnet.id)
            });
            let internet = self.internet_gateways.iter().find(|gateway| gateway.vpc == vpc);
            let target = match internet {
                Some(internet) if is_of_gateway && random.percent(85) => {
                    RouteTarget::InternetGateway(internet.id)
                }
                _ => self.way_out(vpc, false, random),
            };
            add(IpNet::V4(Ipv4Net::default()), target, RouteOrigin::Static);
        }
        if random.percent(75) {
            let target = self.way_out(vpc, true, random);
            add(IpNet::V6(Ipv6Net::default()), target, RouteOrigin::Static);
        }
        for endpoint in self.endpoints.iter().filter(|endpoint| endpoint.vpc == vpc) {
            let VpcEndpointKind::Gateway(service) = endpoint.kind else { continue };
            for block in self.services.iter().filter(|block| block.service == service) {
                if random.percent(65) {
                    add(block.id, RouteTarget::VpcEndpoint(endpoint.id), RouteOrigin::PrefixList);
                }
            }
        }
        for other in self.vpcs.iter().filter(|other| other.id != vpc) {
            let blocks = other.ipv4_cidrs.iter().copied().map(IpNet::V4);
            for block in blocks.chain(other.ipv6_cidrs.iter().copied().map(IpNet::V6)) {
                if random.percent(70) && !self.is_block_of(vpc, block) {
                    let origin =
                        random.pick(&[RouteOrigin::Static, RouteOrigin::Static, RouteOrigin::PrefixList]);
                    add(block, self.way_across(vpc, other.id, random), origin);
                }
            }
        }
        for _ in 0..random.below(4) {
            let destination = self.random_net(random);
            let is_own = self.is_block_of(vpc, destination);
            if !is_own || random.percent(20) {
                // A route inside a local one, or a tie.
                let target = self.odd_target(vpc, random);
                let origins = [RouteOrigin::Static, RouteOrigin::PrefixList, RouteOrigin::Propagated];
                let origin = if is_own { RouteOrigin::Static } else { random.pick(&origins) };
                add(destination, target, origin);
            }
        }
        if let Some(gateway) = self.vpn_gateways.iter().find(|gateway| gateway.vpc == vpc) {
            for block in ["172.16.0.0/12", "203.0.113.0/24", "0.0.0.0/0"] {
                if random.percent(40) {
                    let block = block.parse().expect("a block");
                    add(block, RouteTarget::VpnGateway(gateway.id), RouteOrigin::Propagated);
                }
            }
        }
        // Of several routes for one destination the origin decides and not the place.
        if random.percent(50) {
            routes.reverse();
        }
        routes
    }

    /// Fact 13: local ones and middleboxes.
    fn gateway_routes(&self, vpc: VpcId, random: &mut Random) -> Vec<Route> {
        let mut routes = Vec::new();
        for subnet in self.subnets.iter().filter(|subnet| subnet.vpc == vpc) {
            if random.percent(50) {
                let target = self.middlebox(vpc, random);
                routes.push(Route::fixed(IpNet::V4(subnet.cidr), target));
                if let Some(net) = subnet.ipv6_cidr {
                    routes.push(Route::fixed(IpNet::V6(net), target));
                }
            }
        }
        let blocks = self.vpcs.iter().filter(|one| one.id == vpc).flat_map(|one| &one.ipv4_cidrs);
        for block in blocks {
            if random.percent(20) {
                routes.push(Route::fixed(IpNet::V4(*block), self.middlebox(vpc, random)));
            }
        }
        routes
    }

    fn middlebox(&self, vpc: VpcId, random: &mut Random) -> RouteTarget {
        let own: Vec<NetworkInterfaceId> = self
            .interfaces
            .iter()
            .filter(|interface| interface.vpc == vpc && interface.role == InterfaceRole::Workload)
            .map(|interface| interface.id)
            .collect();
        let load_balancer = self
            .endpoints
            .iter()
            .find(|endpoint| endpoint.vpc == vpc && endpoint.kind == VpcEndpointKind::GatewayLoadBalancer);
        match load_balancer {
            _ if random.percent(15) => RouteTarget::Local,
            Some(endpoint) if random.percent(50) => RouteTarget::VpcEndpoint(endpoint.id),
            _ if own.is_empty() => RouteTarget::Local,
            _ => RouteTarget::Interface(random.pick(&own)),
        }
    }

    fn is_block_of(&self, vpc: VpcId, net: IpNet) -> bool {
        self.vpcs.iter().filter(|one| one.id == vpc).any(|one| {
            one.ipv4_cidrs.iter().any(|block| IpNet::V4(*block) == net)
                || one.ipv6_cidrs.iter().any(|block| IpNet::V6(*block) == net)
        })
    }

    /// A target of a default route.
    fn way_out(&self, vpc: VpcId, is_ipv6: bool, random: &mut Random) -> RouteTarget {
        let mut ways: Vec<RouteTarget> = Vec::new();
        for gateway in self.internet_gateways.iter().filter(|gateway| gateway.vpc == vpc) {
            ways.extend([RouteTarget::InternetGateway(gateway.id); 3]);
        }
        for gateway in self.egress_only_gateways.iter().filter(|gateway| gateway.vpc == vpc) {
            let target = RouteTarget::EgressOnlyInternetGateway(gateway.id);
            ways.extend(vec![target; if is_ipv6 { 4 } else { usize::from(random.percent(20)) }]);
        }
        for gateway in self.nat_gateways.iter().filter(|gateway| gateway.vpc == vpc) {
            let target = RouteTarget::NatGateway(gateway.id);
            ways.extend(vec![target; if is_ipv6 { usize::from(random.percent(20)) } else { 4 }]);
        }
        ways.extend(self.transit_gateways.iter().map(|gateway| RouteTarget::TransitGateway(gateway.id)));
        let peerings = self.peerings.iter().filter(|peering| peering.peer_of(vpc).is_some());
        ways.extend(peerings.take(1).map(|peering| RouteTarget::VpcPeeringConnection(peering.id)));
        if ways.is_empty() || random.percent(8) { self.odd_target(vpc, random) } else { random.pick(&ways) }
    }

    /// A target of a route to another VPC.
    fn way_across(&self, vpc: VpcId, other: VpcId, random: &mut Random) -> RouteTarget {
        let mut ways: Vec<RouteTarget> = Vec::new();
        for peering in self.peerings.iter().filter(|peering| peering.peer_of(vpc) == Some(other)) {
            ways.extend([RouteTarget::VpcPeeringConnection(peering.id); 3]);
        }
        for gateway in &self.transit_gateways {
            ways.extend([RouteTarget::TransitGateway(gateway.id); 2]);
        }
        if ways.is_empty() || random.percent(8) { self.odd_target(vpc, random) } else { random.pick(&ways) }
    }

    /// Any target, of this VPC or another, there or gone.
    fn odd_target(&self, vpc: VpcId, random: &mut Random) -> RouteTarget {
        let number = random.pick(&[1, 17, 33, 0x77]);
        match random.below(13) {
            0 => RouteTarget::Blackhole,
            1 => RouteTarget::Local,
            2 | 3 => self.middlebox(vpc, random),
            4 => RouteTarget::Interface(NetworkInterfaceId::from_bits(random.between(1, 24) as u128)),
            5 => RouteTarget::InternetGateway(InternetGatewayId::from_bits(number)),
            6 => RouteTarget::EgressOnlyInternetGateway(EgressOnlyInternetGatewayId::from_bits(number)),
            7 => RouteTarget::NatGateway(NatGatewayId::from_bits(number)),
            8 => RouteTarget::TransitGateway(TransitGatewayId::from_bits(random.pick(&[1, 2, 9]))),
            9 => {
                let number = random.pick(&[1, 2, 18, 0x77]);
                RouteTarget::VpcPeeringConnection(VpcPeeringConnectionId::from_bits(number))
            }
            10 => {
                // A gateway endpoint is only in routes of its prefix list.
                let load_balancers = self.endpoints.iter().filter(|endpoint| {
                    endpoint.kind == VpcEndpointKind::GatewayLoadBalancer && endpoint.vpc == vpc
                });
                let ids: Vec<VpcEndpointId> = load_balancers.map(|endpoint| endpoint.id).collect();
                let gone = VpcEndpointId::from_bits(0x77);
                RouteTarget::VpcEndpoint(ids.first().copied().unwrap_or(gone))
            }
            _ => self.nearby(vpc),
        }
    }

    /// A NAT gateway of the VPC, which routes inside a local route may have (fact 7).
    fn nearby(&self, vpc: VpcId) -> RouteTarget {
        let gateway = self.nat_gateways.iter().find(|gateway| gateway.vpc == vpc);
        gateway.map_or(RouteTarget::Local, |gateway| RouteTarget::NatGateway(gateway.id))
    }

    /// Routes and propagations of the transit gateway's table of that index.
    pub(crate) fn fill_transit_table(&mut self, index: usize, random: &mut Random) {
        let gateway = self.transit_tables[index].gateway;
        let own: Vec<TransitGatewayAttachmentId> = self
            .attachments
            .iter()
            .filter(|attachment| attachment.gateway == gateway)
            .map(|attachment| attachment.id)
            .collect();
        let mut targets: Vec<Option<TransitGatewayAttachmentId>> =
            own.iter().copied().flat_map(|id| [Some(id); 3]).collect();
        targets.extend(self.transit_peerings.iter().flat_map(|peering| [Some(peering.id); 4]));
        targets.push(None);
        targets.push(Some(TransitGatewayAttachmentId::from_bits(0x77)));
        let mut routes: Vec<TransitGatewayRoute> = Vec::new();
        for _ in 0..random.below(6) {
            let destination = match random.below(4) {
                0 => IpNet::V4(Ipv4Net::default()),
                1 => {
                    let blocks: Vec<Ipv4Net> =
                        self.vpcs.iter().flat_map(|vpc| vpc.ipv4_cidrs.iter().copied()).collect();
                    IpNet::V4(random.pick(&blocks))
                }
                2 => IpNet::V6(self.vpcs[random.below(self.vpcs.len())].ipv6_cidrs[0]),
                _ => self.random_net(random),
            };
            let is_of_prefix_list = random.percent(30);
            let is_listed = routes
                .iter()
                .any(|one| (one.destination, one.is_of_prefix_list) == (destination, is_of_prefix_list));
            if !is_listed {
                routes.push(TransitGatewayRoute {
                    destination,
                    target: random.pick(&targets),
                    is_of_prefix_list,
                });
            }
        }
        let mut propagations: Vec<_> = own.into_iter().filter(|_| random.percent(70)).collect();
        // The age of attachments decides and not their ids.
        if !routes.len().is_multiple_of(2) {
            propagations.reverse();
        }
        self.transit_tables[index].routes = routes;
        self.transit_tables[index].propagations = propagations;
    }
}
