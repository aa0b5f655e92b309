//! What a random network has beside VPCs with workloads: gateways, peerings, transit gateways, endpoints, the internet.
//!
//! Each is there or not by chance, so that small networks stay common. Refuses to know routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_types::{
    EgressOnlyInternetGatewayId, InternetGatewayId, MacAddress, NatGatewayId, NetworkInterfaceId, ResourceId,
    RouteTableId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId,
    VpcEndpointId, VpcId, VpcPeeringConnectionId, VpnGatewayId,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use vpc_model::{
    AttachedNetwork, AttachedSubnet, AttachedVpc, EgressOnlyInternetGateway, IdleTimeouts, Interface,
    InterfaceRole, InternetBlock, InternetGateway, InternetHost, InternetPlace, ManagedService, NatGateway,
    PeeringSide, Port, PublicAddresses, PublicIpv4, RouteTable, ServiceAddresses, Subnet, TransitGateway,
    TransitGatewayAttachment, TransitGatewayPeering, TransitGatewayRouteTable, VpcEndpoint, VpcEndpointKind,
    VpcPeeringConnection, VpnGateway,
};

use super::Topology;
use crate::testing::random::Random;

/// The ports from here on are of interfaces that AWS manages.
pub(super) const FIRST_MANAGED: usize = 20;

impl Topology {
    /// Everything that a full network has and a plain one has not, but for routes.
    pub(super) fn add_surroundings(&mut self, random: &mut Random) {
        self.add_internet(random);
        for index in 0..self.vpcs.len() {
            self.add_gateways(index, random);
        }
        for one in 0..self.vpcs.len() {
            for other in one + 1..self.vpcs.len() {
                // Fact 53.
                if random.percent(40) && !self.overlap(one, other) {
                    self.peerings.push(VpcPeeringConnection {
                        id: VpcPeeringConnectionId::from_bits((one * 16 + other) as u128),
                        requester: self.vpcs[one].id,
                        accepter: self.vpcs[other].id,
                        is_inter_region: random.percent(25),
                    });
                }
            }
        }
        self.add_transit_gateways(random);
    }

    /// Different blocks, zones and limits.
    pub(super) fn spread(&mut self, random: &mut Random) {
        for index in 1..self.vpcs.len() {
            if random.percent(30) {
                continue;
            }
            let id = self.vpcs[index].id;
            let moved = |cidr: Ipv4Net| {
                let address = cidr.network().to_bits() | (index as u32) << 16;
                Ipv4Net::new(Ipv4Addr::from_bits(address), cidr.prefix_len()).expect("a prefix")
            };
            self.vpcs[index].ipv4_cidrs[0] = moved(self.vpcs[index].ipv4_cidrs[0]);
            for subnet in self.subnets.iter_mut().filter(|subnet| subnet.vpc == id) {
                subnet.cidr = moved(subnet.cidr);
            }
        }
        for index in 0..self.vpcs.len() {
            if random.percent(25) {
                let block = Ipv4Net::new(Ipv4Addr::new(10, 100 + index as u8, 0, 0), 20).expect("a prefix");
                self.vpcs[index].ipv4_cidrs.push(block);
                let id = self.vpcs[index].id;
                let last = self.subnets.iter_mut().rfind(|subnet| subnet.vpc == id);
                if let Some(last) = last.filter(|_| random.percent(60)) {
                    last.cidr = Ipv4Net::new(block.network(), 24).expect("a prefix");
                }
            }
        }
        for subnet in &mut self.subnets {
            if random.percent(40) {
                subnet.zone = "us-east-1b".parse().expect("a zone");
            }
            if random.percent(10) {
                subnet.internet_block = random.pick(&[InternetBlock::Ingress, InternetBlock::Bidirectional]);
            }
        }
    }

    /// Gives the interface of that index public addresses, or none.
    pub(crate) fn add_public_addresses(&mut self, index: usize, random: &mut Random) {
        let interface = &mut self.interfaces[index];
        let number = interface.port.number() as u8;
        let private = std::iter::once(interface.ipv4).chain(interface.secondary_ipv4.iter().copied());
        interface.public_ipv4 = private
            .enumerate()
            .filter(|_| random.percent(60))
            .map(|(place, private)| PublicIpv4 { public: public(number, place as u8), private })
            .collect();
    }

    fn add_internet(&mut self, random: &mut Random) {
        let host = |text: &str, place| InternetHost { id: text.parse().expect("an address"), place };
        self.hosts.push(host("203.0.113.10", InternetPlace::Declared));
        self.hosts.push(host("2001:db8::10", InternetPlace::Declared));
        self.hosts.push(host("192.0.2.50", InternetPlace::Workstation));
        if random.percent(40) {
            self.hosts.push(host("203.0.113.11", InternetPlace::Declared));
            self.hosts.push(host("2001:db8:1::50", InternetPlace::Workstation));
        }
        let block = |text: &str| text.parse::<IpNet>().expect("a block");
        self.public.extend(["198.18.0.0/15", "3fff::/20"].map(|text| PublicAddresses { id: block(text) }));
        if random.percent(70) {
            let service = ManagedService::S3;
            self.services.push(ServiceAddresses { id: block("52.216.0.0/24"), service });
            self.services.push(ServiceAddresses { id: block("2600:1fa0::/64"), service });
        }
        if random.percent(40) {
            self.services
                .push(ServiceAddresses { id: block("52.94.0.0/24"), service: ManagedService::DynamoDb });
        }
        for index in 0..self.interfaces.len() {
            self.add_public_addresses(index, random);
        }
    }

    fn add_gateways(&mut self, index: usize, random: &mut Random) {
        let vpc = self.vpcs[index].id;
        let number = |place: usize| (index * 16 + place + 1) as u128;
        if random.percent(75) {
            // Ingress routing: a table of its own, which no subnet uses.
            let route_table = random.percent(30).then(|| RouteTableId::from_bits(number(9)));
            if let Some(id) = route_table {
                self.gateway_tables.push(id);
                self.route_tables.push(RouteTable { id, vpc, routes: Vec::new() });
            }
            let id = InternetGatewayId::from_bits(number(0));
            self.internet_gateways.push(InternetGateway { id, vpc, route_table });
        }
        if random.percent(40) {
            let id = EgressOnlyInternetGatewayId::from_bits(number(0));
            self.egress_only_gateways.push(EgressOnlyInternetGateway { id, vpc });
        }
        if random.percent(15) {
            self.vpn_gateways.push(VpnGateway { id: VpnGatewayId::from_bits(number(0)), vpc });
        }
        for place in 0..random.pick(&[0, 1, 1, 1, 2]) {
            self.add_nat_gateway(NatGatewayId::from_bits(number(place)), vpc, random);
            // Its subnet has a table of its own, so that others can lead to it.
            if random.percent(85) {
                let id = RouteTableId::from_bits(number(10 + place));
                self.route_tables.push(RouteTable { id, vpc, routes: Vec::new() });
                let subnet = self.nat_gateways.last().map(|gateway| gateway.subnet);
                let subnet = self.subnets.iter_mut().find(|listed| Some(listed.id) == subnet);
                subnet.expect("it is listed").route_table = id;
            }
        }
        for (place, service) in ManagedService::ALL.into_iter().enumerate() {
            if random.percent(25) {
                let id = VpcEndpointId::from_bits(number(place));
                self.endpoints.push(VpcEndpoint { id, vpc, kind: VpcEndpointKind::Gateway(service) });
            }
        }
        if random.percent(12) {
            let (id, kind) = (VpcEndpointId::from_bits(number(5)), VpcEndpointKind::GatewayLoadBalancer);
            self.endpoints.push(VpcEndpoint { id, vpc, kind });
            let subnet = self.subnet_of(vpc, random);
            self.add_managed_interface(subnet, InterfaceRole::GatewayLoadBalancerEndpoint);
        }
    }

    fn add_nat_gateway(&mut self, id: NatGatewayId, vpc: VpcId, random: &mut Random) {
        let subnet = self.subnet_of(vpc, random);
        let is_public = random.percent(65);
        let interface = self.add_managed_interface(subnet, InterfaceRole::NatGateway);
        let index = self.interfaces.len() - 1;
        let (number, primary) = (self.interfaces[index].port.number(), self.interfaces[index].ipv4);
        let others = random.pick(&[0, 0, 1, 2]);
        let addresses: Vec<Ipv4Addr> =
            (0..=others).map(|place| Ipv4Addr::from_bits(primary.to_bits() + place * 30)).collect();
        self.interfaces[index].secondary_ipv4 = addresses[1..].to_vec();
        if is_public {
            self.interfaces[index].public_ipv4 = addresses
                .iter()
                .zip(0..)
                .map(|(&private, place)| PublicIpv4 { public: public(number as u8, place), private })
                .collect();
        }
        self.nat_gateways.push(NatGateway { id, vpc, subnet, interface, addresses });
    }

    /// An interface that AWS manages, with neither groups nor a source/destination check.
    fn add_managed_interface(&mut self, subnet: SubnetId, role: InterfaceRole) -> NetworkInterfaceId {
        let of_workloads = self.interfaces.iter().filter(|one| one.role == InterfaceRole::Workload).count();
        let number = FIRST_MANAGED + self.interfaces.len() - of_workloads;
        let subnet = self.subnets.iter().find(|listed| listed.id == subnet).expect("it is listed");
        let id = NetworkInterfaceId::from_bits(number as u128);
        let ipv6 = subnet.ipv6_cidr.map(|net| net.network().to_bits() + number as u128);
        self.interfaces.push(Interface {
            id,
            port: Port::new(number as u32).expect("a small number"),
            vpc: subnet.vpc,
            subnet: subnet.id,
            mac: MacAddress::local(0x1000 + number as u64),
            ipv4: Ipv4Addr::from_bits(subnet.cidr.network().to_bits() + 4 + number as u32),
            secondary_ipv4: Vec::new(),
            ipv6: ipv6
                .filter(|_| role == InterfaceRole::TransitGateway)
                .map(Ipv6Addr::from_bits)
                .into_iter()
                .collect(),
            ipv4_prefixes: Vec::new(),
            ipv6_prefixes: Vec::new(),
            public_ipv4: Vec::new(),
            role,
            security_groups: Vec::new(),
            source_dest_check: false,
            idle_timeouts: IdleTimeouts::DEFAULT,
            tracking_limit: None,
            hostname: None,
        });
        id
    }

    fn subnet_of(&self, vpc: VpcId, random: &mut Random) -> SubnetId {
        let own: Vec<SubnetId> =
            self.subnets.iter().filter(|subnet| subnet.vpc == vpc).map(|subnet| subnet.id).collect();
        random.pick(&own)
    }

    fn overlap(&self, one: usize, other: usize) -> bool {
        let others = &self.vpcs[other].ipv4_cidrs;
        let mut blocks = self.vpcs[one].ipv4_cidrs.iter();
        blocks.any(|block| others.iter().any(|other| vpc_model::vpc::overlap(*block, *other)))
    }

    fn add_transit_gateways(&mut self, random: &mut Random) {
        let count = random.pick(&[0, 0, 1, 1, 1, 2]);
        for number in 0..count {
            let id = TransitGatewayId::from_bits(number + 1);
            self.transit_gateways.push(TransitGateway { id, security_group_referencing: random.percent(65) });
            for table in 0..random.between(1, 2) as u128 {
                self.transit_tables.push(TransitGatewayRouteTable {
                    id: TransitGatewayRouteTableId::from_bits(number * 16 + table + 1),
                    gateway: id,
                    routes: Vec::new(),
                    propagations: Vec::new(),
                });
            }
            for index in 0..self.vpcs.len() {
                if random.percent(80) {
                    self.attach(id, number, index, random);
                }
            }
            if random.percent(12) {
                let target = random.pick(&[0, 1]);
                self.attachments.push(TransitGatewayAttachment {
                    id: TransitGatewayAttachmentId::from_bits(number * 16 + 14),
                    gateway: id,
                    target: if target == 0 { AttachedNetwork::Vpn } else { AttachedNetwork::Connect },
                    association: self.transit_table(id, random),
                });
            }
        }
        if count == 2 && random.percent(75) {
            let sides = [0, 1].map(|side: usize| {
                let gateway = self.transit_gateways[side].id;
                PeeringSide { gateway, association: self.transit_table(gateway, random) }
            });
            let id = TransitGatewayAttachmentId::from_bits(0x99);
            self.transit_peerings.push(TransitGatewayPeering { id, sides });
        }
        for index in 0..self.transit_tables.len() {
            self.fill_transit_table(index, random);
        }
    }

    /// A table of a gateway, or none.
    pub(crate) fn transit_table(
        &self,
        gateway: TransitGatewayId,
        random: &mut Random,
    ) -> Option<TransitGatewayRouteTableId> {
        let own: Vec<_> = self
            .transit_tables
            .iter()
            .filter(|table| table.gateway == gateway)
            .map(|table| table.id)
            .collect();
        random.percent(92).then(|| random.pick(&own))
    }

    fn attach(&mut self, gateway: TransitGatewayId, number: u128, index: usize, random: &mut Random) {
        let vpc = self.vpcs[index].id;
        let own: Vec<Subnet> = self.subnets.iter().filter(|subnet| subnet.vpc == vpc).cloned().collect();
        let mut chosen: Vec<Subnet> = Vec::new();
        for subnet in own {
            // One in each zone; not every zone.
            if !chosen.iter().any(|one| one.zone == subnet.zone) && (chosen.is_empty() || random.percent(80))
            {
                chosen.push(subnet);
            }
        }
        let subnets = chosen
            .iter()
            .map(|subnet| AttachedSubnet {
                subnet: subnet.id,
                interface: self.add_managed_interface(subnet.id, InterfaceRole::TransitGateway),
            })
            .collect();
        let attached = AttachedVpc {
            vpc,
            subnets,
            ipv6: random.percent(65),
            appliance_mode: random.percent(20),
            security_group_referencing: random.percent(75),
        };
        self.attachments.push(TransitGatewayAttachment {
            id: TransitGatewayAttachmentId::from_bits(number * 16 + index as u128 + 1),
            gateway,
            target: AttachedNetwork::Vpc(attached),
            association: self.transit_table(gateway, random),
        });
    }
}

/// The public address of that number at a port.
fn public(port: u8, place: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 18, place, port)
}

/// The addresses that packets are sent to and from beyond VPCs.
impl Topology {
    /// Every public address.
    pub(crate) fn public_addresses(&self) -> Vec<IpAddr> {
        let pairs = self.interfaces.iter().flat_map(|interface| &interface.public_ipv4);
        pairs.map(|pair| IpAddr::V4(pair.public)).collect()
    }

    /// One address of each block of a service.
    pub(crate) fn service_addresses(&self) -> Vec<IpAddr> {
        self.services
            .iter()
            .map(|block| match block.id {
                IpNet::V4(net) => IpAddr::V4(host_of(net)),
                IpNet::V6(net) => IpAddr::V6(host_of_ipv6(net)),
            })
            .collect()
    }
}

fn host_of(net: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from_bits(net.network().to_bits() + 7)
}

fn host_of_ipv6(net: Ipv6Net) -> Ipv6Addr {
    Ipv6Addr::from_bits(net.network().to_bits() + 7)
}
