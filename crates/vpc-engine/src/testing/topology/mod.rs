//! A random network: small, and full of the cases that facts are about.
//!
//! [`Topology::plain`] has VPCs and workloads alone, [`Topology::random`] everything that the engine is told about.

mod gateways;
mod routes;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_types::{
    DhcpOptionsId, MacAddress, NetworkAclId, NetworkInterfaceId, ResourceId, RouteTableId, SecurityGroupId,
    SecurityGroupRuleId, SubnetId, VpcId,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use vpc_model::{
    AclAction, AclRuleNumber, Delta, Direction, EgressOnlyInternetGateway, IcmpMatch, IdleTimeouts,
    Interface, InterfaceRole, InternetBlock, InternetGateway, InternetHost, NatGateway, NetworkAcl,
    NetworkAclEntry, Peer, Port, PortRange, Protocol, PublicAddresses, Route, RouteTable, RouteTarget,
    SecurityGroup, SecurityGroupRule, ServiceAddresses, Subnet, Traffic, TransitGateway,
    TransitGatewayAttachment, TransitGatewayPeering, TransitGatewayRouteTable, Vpc, VpcEndpoint,
    VpcPeeringConnection, VpnGateway,
};

use super::random::Random;

/// Objects that refer to one another. The VPCs of a plain network all have the same IPv4 block.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// One or two VPCs in a plain network, two to four in a full one.
    pub vpcs: Vec<Vpc>,
    /// One to three in each.
    pub subnets: Vec<Subnet>,
    /// One or two in each VPC, and those of internet gateways.
    pub route_tables: Vec<RouteTable>,
    /// One or two in each VPC.
    pub network_acls: Vec<NetworkAcl>,
    /// Two or three in each VPC.
    pub security_groups: Vec<SecurityGroup>,
    /// Two to eight workloads at ports from 1 on, and what AWS manages.
    pub interfaces: Vec<Interface>,
    /// At most one in each VPC.
    pub internet_gateways: Vec<InternetGateway>,
    /// The tables of internet gateways.
    pub gateway_tables: Vec<RouteTableId>,
    /// At most one in each VPC.
    pub egress_only_gateways: Vec<EgressOnlyInternetGateway>,
    /// Up to two in each VPC.
    pub nat_gateways: Vec<NatGateway>,
    /// At most one in each VPC.
    pub vpn_gateways: Vec<VpnGateway>,
    /// Between VPCs whose blocks do not overlap.
    pub peerings: Vec<VpcPeeringConnection>,
    /// Up to two.
    pub transit_gateways: Vec<TransitGateway>,
    /// At most one of each VPC at each gateway.
    pub attachments: Vec<TransitGatewayAttachment>,
    /// One, where there are two gateways.
    pub transit_peerings: Vec<TransitGatewayPeering>,
    /// One or two of each gateway.
    pub transit_tables: Vec<TransitGatewayRouteTable>,
    /// Of managed services and of Gateway Load Balancers.
    pub endpoints: Vec<VpcEndpoint>,
    /// The blocks of managed services.
    pub services: Vec<ServiceAddresses>,
    /// The hosts of the internet; a plain network has none.
    pub hosts: Vec<InternetHost>,
    /// The public addresses of the cloud, where there is an internet.
    pub public: Vec<PublicAddresses>,
}

/// TCP and UDP ports that rules and packets are made of.
pub(crate) const PORTS: [u16; 6] = [22, 53, 80, 1024, 40_000, 65_535];

impl Topology {
    /// A network with everything.
    pub fn random(random: &mut Random) -> Self {
        let workloads = 3..=9;
        Self::crowded(workloads, random)
    }

    /// A network with everything, and some number of these of workloads.
    pub fn crowded(workloads: std::ops::RangeInclusive<usize>, random: &mut Random) -> Self {
        let mut topology = Self::default();
        for number in 0..random.pick(&[2, 2, 2, 3, 3, 4]) {
            topology.add_vpc(number, random);
        }
        // Blocks move before interfaces take addresses of them.
        topology.spread(random);
        topology.add_interfaces(random.between(*workloads.start(), *workloads.end()), random);
        topology.add_surroundings(random);
        topology.fill(random);
        topology
    }

    /// A network of VPCs and workloads alone.
    pub fn plain(random: &mut Random) -> Self {
        let mut topology = Self::default();
        for number in 0..random.between(1, 2) {
            topology.add_vpc(number, random);
        }
        topology.add_interfaces(random.between(2, 8), random);
        topology.fill(random);
        topology
    }

    fn add_interfaces(&mut self, count: usize, random: &mut Random) {
        for number in 1..=count {
            let interface = self.random_interface(number, random);
            self.interfaces.push(interface);
        }
    }

    /// Rules, entries and routes, which speak of everything else.
    fn fill(&mut self, random: &mut Random) {
        for index in 0..self.security_groups.len() {
            self.security_groups[index].rules = self.random_rules(random, index);
        }
        for index in 0..self.network_acls.len() {
            self.network_acls[index].entries = self.random_entries(random);
        }
        for index in 0..self.route_tables.len() {
            self.route_tables[index].routes = self.routes_of(index, random);
        }
    }

    /// Whether it has more than VPCs and workloads.
    pub(crate) fn is_full(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// New routes for the table of that index.
    pub(crate) fn routes_of(&self, index: usize, random: &mut Random) -> Vec<Route> {
        if self.is_full() { self.random_routes_of(index, random) } else { self.random_routes(random) }
    }

    /// Everything, as deltas.
    pub fn deltas(&self) -> Vec<Delta> {
        let mut deltas: Vec<Delta> = Vec::new();
        deltas.extend(self.vpcs.iter().cloned().map(Delta::from));
        deltas.extend(self.subnets.iter().cloned().map(Delta::from));
        deltas.extend(self.route_tables.iter().cloned().map(Delta::from));
        deltas.extend(self.network_acls.iter().cloned().map(Delta::from));
        deltas.extend(self.security_groups.iter().cloned().map(Delta::from));
        deltas.extend(self.interfaces.iter().cloned().map(Delta::from));
        deltas.extend(self.internet_gateways.iter().cloned().map(Delta::from));
        deltas.extend(self.egress_only_gateways.iter().cloned().map(Delta::from));
        deltas.extend(self.nat_gateways.iter().cloned().map(Delta::from));
        deltas.extend(self.vpn_gateways.iter().cloned().map(Delta::from));
        deltas.extend(self.peerings.iter().cloned().map(Delta::from));
        deltas.extend(self.transit_gateways.iter().cloned().map(Delta::from));
        deltas.extend(self.attachments.iter().cloned().map(Delta::from));
        deltas.extend(self.transit_peerings.iter().cloned().map(Delta::from));
        deltas.extend(self.transit_tables.iter().cloned().map(Delta::from));
        deltas.extend(self.endpoints.iter().cloned().map(Delta::from));
        deltas.extend(self.services.iter().cloned().map(Delta::from));
        deltas.extend(self.hosts.iter().copied().map(Delta::from));
        deltas.extend(self.public.iter().copied().map(Delta::from));
        deltas
    }

    fn add_vpc(&mut self, number: usize, random: &mut Random) {
        let id = |index: usize| (number * 16 + index + 1) as u128;
        let vpc = VpcId::from_bits(id(0));
        self.vpcs.push(Vpc {
            id: vpc,
            ipv4_cidrs: vec![Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), 16).expect("a prefix")],
            ipv6_cidrs: vec![Ipv6Net::new(ipv6(number, 0, 0), 56).expect("a prefix")],
            dns_support: random.percent(85),
            dhcp_options: Some(DhcpOptionsId::from_bits(1)),
        });
        let (tables, acls) = (random.between(1, 2), random.between(1, 2));
        for index in 0..random.between(1, 3) {
            self.subnets.push(Subnet {
                id: SubnetId::from_bits(id(index)),
                vpc,
                cidr: Ipv4Net::new(Ipv4Addr::new(10, 0, index as u8, 0), 24).expect("a prefix"),
                ipv6_cidr: random
                    .percent(60)
                    .then(|| Ipv6Net::new(ipv6(number, index, 0), 64).expect("a prefix")),
                zone: "us-east-1a".parse().expect("a zone"),
                route_table: RouteTableId::from_bits(id(random.below(tables))),
                network_acl: NetworkAclId::from_bits(id(random.below(acls))),
                internet_block: InternetBlock::Off,
            });
        }
        for index in 0..tables {
            self.route_tables.push(RouteTable {
                id: RouteTableId::from_bits(id(index)),
                vpc,
                routes: Vec::new(),
            });
        }
        for index in 0..acls {
            self.network_acls.push(NetworkAcl {
                id: NetworkAclId::from_bits(id(index)),
                vpc,
                entries: Vec::new(),
            });
        }
        for index in 0..random.between(2, 3) {
            self.security_groups.push(SecurityGroup {
                id: SecurityGroupId::from_bits(id(index)),
                vpc,
                rules: Vec::new(),
            });
        }
    }

    /// An interface at the port of that number, in a random subnet.
    pub(crate) fn random_interface(&self, number: usize, random: &mut Random) -> Interface {
        let subnet = &self.subnets[random.below(self.subnets.len())];
        let host = |offset: u32| Ipv4Addr::from_bits(subnet.cidr.network().to_bits() + offset);
        let offset = 4 + number as u32;
        let groups: Vec<SecurityGroupId> = self
            .security_groups
            .iter()
            .filter(|group| group.vpc == subnet.vpc && random.percent(65))
            .map(|group| group.id)
            .collect();
        let ipv6 = subnet.ipv6_cidr.filter(|_| random.percent(80));
        // The first interfaces alone, so that the prefixes of a subnet do not overlap.
        let has_prefixes = number < 7 && random.percent(30);
        let ipv4_prefix = Ipv4Net::new(host(128 + 16 * number as u32), Interface::IPV4_PREFIX_LENGTH);
        let ipv6_prefix = ipv6.and_then(|net| {
            let first = net.network().to_bits() + ((1 + number as u128) << 48);
            Ipv6Net::new(Ipv6Addr::from_bits(first), Interface::IPV6_PREFIX_LENGTH).ok()
        });
        Interface {
            id: NetworkInterfaceId::from_bits(number as u128),
            port: Port::new(number as u32).expect("a small number"),
            vpc: subnet.vpc,
            subnet: subnet.id,
            mac: MacAddress::local(0x1000 + number as u64),
            ipv4: host(offset),
            secondary_ipv4: if random.percent(20) { vec![host(offset + 100)] } else { Vec::new() },
            public_ipv4: Vec::new(),
            role: InterfaceRole::Workload,
            ipv6: ipv6
                .map(|net| Ipv6Addr::from_bits(net.network().to_bits() + u128::from(offset)))
                .into_iter()
                .collect(),
            ipv4_prefixes: ipv4_prefix.into_iter().filter(|_| has_prefixes).collect(),
            ipv6_prefixes: ipv6_prefix.into_iter().filter(|_| has_prefixes).collect(),
            security_groups: groups,
            source_dest_check: random.percent(75),
            idle_timeouts: if random.percent(20) {
                IdleTimeouts::new(60, 60, 30).expect("within AWS's range")
            } else {
                IdleTimeouts::DEFAULT
            },
            tracking_limit: if random.percent(10) { Some(random.between(0, 3) as u32) } else { None },
            hostname: None,
        }
    }

    /// A block that means something here.
    fn random_net(&self, random: &mut Random) -> IpNet {
        if self.is_full() && random.percent(15) {
            let mut addresses = self.public_addresses();
            addresses.extend(self.hosts.iter().map(|host| host.id));
            addresses.extend(self.service_addresses());
            return IpNet::from(random.pick(&addresses));
        }
        let interface = &self.interfaces[random.below(self.interfaces.len())];
        let subnet = &self.subnets[random.below(self.subnets.len())];
        let vpc = &self.vpcs[random.below(self.vpcs.len())];
        match random.below(10) {
            0..=2 => IpNet::V4(Ipv4Net::default()),
            3 => IpNet::V6(Ipv6Net::default()),
            4 => IpNet::V4(vpc.ipv4_cidrs[0]),
            5 => IpNet::V6(vpc.ipv6_cidrs[0]),
            6 | 7 => IpNet::V4(subnet.cidr),
            8 => subnet.ipv6_cidr.map_or(IpNet::V4(subnet.cidr), IpNet::V6),
            _ => {
                let addresses: Vec<IpAddr> = own_addresses(interface).collect();
                IpNet::from(random.pick(&addresses))
            }
        }
    }

    fn random_traffic(random: &mut Random) -> Traffic {
        let port = random.pick(&PORTS);
        let ports = match random.below(5) {
            0 | 1 => PortRange::ALL,
            2 => PortRange::new(port.min(1024), port.max(1024)).expect("ordered"),
            _ => PortRange::one(port),
        };
        let icmp = random.pick(&[
            IcmpMatch::Any,
            IcmpMatch::Type(8),
            IcmpMatch::Type(128),
            IcmpMatch::TypeAndCode(3, 4),
            IcmpMatch::Type(0),
        ]);
        match random.below(10) {
            0..=2 => Traffic::All,
            3..=5 => Traffic::Tcp(ports),
            6 | 7 => Traffic::Udp(ports),
            8 => random.pick(&[Traffic::Icmp(icmp), Traffic::Icmpv6(icmp)]),
            _ => Traffic::Protocol(random.pick(&[Protocol(47), Protocol::TCP, Protocol::ICMPV6])),
        }
    }

    /// Rules for the group of that index.
    pub(crate) fn random_rules(&self, random: &mut Random, index: usize) -> Vec<SecurityGroupRule> {
        let mut rules: Vec<SecurityGroupRule> = (0..random.between(1, 6))
            .map(|rule| SecurityGroupRule {
                id: SecurityGroupRuleId::from_bits((index * 16 + rule) as u128),
                direction: random.pick(&[Direction::Ingress, Direction::Ingress, Direction::Egress]),
                traffic: Self::random_traffic(random),
                peer: if random.percent(30) {
                    Peer::Group(self.security_groups[random.below(self.security_groups.len())].id)
                } else {
                    Peer::Cidr(self.random_net(random))
                },
            })
            .collect();
        // As in a group that AWS has just made, unless somebody has tightened it.
        for (rule, cidr) in [(8, IpNet::V4(Ipv4Net::default())), (9, IpNet::V6(Ipv6Net::default()))] {
            if random.percent(if self.is_full() { 88 } else { 65 }) {
                let id = SecurityGroupRuleId::from_bits((index * 16 + rule) as u128);
                let (direction, traffic) = (Direction::Egress, Traffic::All);
                rules.push(SecurityGroupRule { id, direction, traffic, peer: Peer::Cidr(cidr) });
            }
            // Ways through gateways are long: what is to be seen there must pass the filters first.
            if self.is_full() && random.percent(35) {
                let id = SecurityGroupRuleId::from_bits((index * 16 + rule + 4) as u128);
                let (direction, traffic) = (Direction::Ingress, Traffic::All);
                rules.push(SecurityGroupRule { id, direction, traffic, peer: Peer::Cidr(cidr) });
            }
        }
        rules
    }

    /// Entries of an ACL: a few of its own, over one that mostly lets everything pass.
    pub(crate) fn random_entries(&self, random: &mut Random) -> Vec<NetworkAclEntry> {
        let mut entries = Vec::new();
        for direction in [Direction::Ingress, Direction::Egress] {
            let count = if self.is_full() { random.pick(&[0, 0, 0, 1, 2]) } else { random.below(4) };
            for number in 1..=count as u16 {
                entries.push(NetworkAclEntry {
                    number: AclRuleNumber::new(number * 10).expect("a rule number"),
                    direction,
                    traffic: Self::random_traffic(random),
                    cidr: self.random_net(random),
                    action: random.pick(&[AclAction::Allow, AclAction::Deny]),
                });
            }
            for (number, cidr) in [(100, IpNet::V4(Ipv4Net::default())), (101, IpNet::V6(Ipv6Net::default()))]
            {
                if random.percent(if self.is_full() { 94 } else { 85 }) {
                    let number = AclRuleNumber::new(number).expect("a rule number");
                    let (traffic, action) = (Traffic::All, AclAction::Allow);
                    entries.push(NetworkAclEntry { number, direction, traffic, cidr, action });
                }
            }
        }
        // The order of the list does not matter.
        if random.percent(50) {
            entries.reverse();
        }
        entries
    }

    /// Routes beside the local ones.
    pub(crate) fn random_routes(&self, random: &mut Random) -> Vec<Route> {
        let mut routes: Vec<Route> = Vec::new();
        for _ in 0..random.below(6) {
            let interface = &self.interfaces[random.below(self.interfaces.len())];
            let destination = self.random_net(random);
            // Most of the time the VPC's own blocks stay local.
            let is_block = self.vpcs.iter().any(|vpc| destination == IpNet::V4(vpc.ipv4_cidrs[0]));
            let is_listed = routes.iter().any(|route| route.destination == destination);
            if is_listed || (is_block && random.percent(80)) {
                continue;
            }
            let target = match random.below(4) {
                0 => RouteTarget::Blackhole,
                1 => RouteTarget::Local,
                2 => RouteTarget::Interface(interface.id),
                _ => RouteTarget::Interface(NetworkInterfaceId::from_bits(random.between(1, 9) as u128)),
            };
            routes.push(Route::fixed(destination, target));
        }
        routes
    }
}

/// An address in a subnet of a VPC.
fn ipv6(vpc: usize, subnet: usize, host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2600, 0x1f00, 0, (vpc as u16) << 8 | subnet as u16, 0, 0, 0, host)
}

/// The addresses of an interface, with one of each prefix.
pub(crate) fn own_addresses(interface: &Interface) -> impl Iterator<Item = IpAddr> + '_ {
    let v4 = interface.ipv4_prefixes.iter().map(|prefix| Ipv4Addr::from_bits(prefix.network().to_bits() + 9));
    let v6 = interface.ipv6_prefixes.iter().map(|prefix| Ipv6Addr::from_bits(prefix.network().to_bits() + 9));
    interface.addresses().chain(v4.map(IpAddr::V4)).chain(v6.map(IpAddr::V6))
}
