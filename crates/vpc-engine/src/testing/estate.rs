//! A large network as companies have them on AWS, of any size.
//!
//! Owns its shape: VPCs with web, application and database tiers in three zones; meshes of peering between four VPCs each;
//! hubs of 64 VPCs each, which are transit gateways that are peered with each other and that share one VPC of services;
//! internet and NAT gateways; network ACLs; and security groups of 50 rules each, which name each other and the blocks of
//! prefix lists. Refuses to be a test of every fact, as [`Topology::random`](super::Topology::random) is.

use std::net::Ipv4Addr;

use aws_types::{
    InternetGatewayId, MacAddress, NatGatewayId, NetworkAclId, NetworkInterfaceId, ResourceId, RouteTableId,
    SecurityGroupId, SecurityGroupRuleId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId,
    TransitGatewayRouteTableId, VpcId, VpcPeeringConnectionId,
};
use ipnet::{IpNet, Ipv4Net};
use vpc_model::{
    AclAction, AclRuleNumber, AttachedNetwork, AttachedSubnet, AttachedVpc, Direction, IdleTimeouts,
    Interface, InterfaceRole, InternetBlock, InternetGateway, NatGateway, NetworkAcl, NetworkAclEntry, Peer,
    PeeringSide, Port, PortRange, PublicAddresses, PublicIpv4, Route, RouteTable, RouteTarget, SecurityGroup,
    SecurityGroupRule, Subnet, Traffic, TransitGateway, TransitGatewayAttachment, TransitGatewayPeering,
    TransitGatewayRoute, TransitGatewayRouteTable, Vpc, VpcPeeringConnection,
};

use super::random::Random;
use super::topology::Topology;

/// The port that web tiers are asked at, and some that applications of other VPCs ask.
pub const WEB_PORT: u16 = 443;
/// The port that databases are asked at.
pub const DB_PORT: u16 = 5432;
const APP_PORT: u16 = 8080;
/// Of a security group, both directions.
const RULES_OF_A_GROUP: usize = 50;
const ZONES: usize = 3;
const TIERS: usize = 3;
/// Workloads of a VPC, as long as there are few enough VPCs for a block of each.
const OF_A_VPC: usize = 500;
/// VPCs, of which the first is shared: one /16 of 10.0.0.0/8 each.
const VPCS_MAX: usize = 250;
/// Workloads of one application, over its three tiers.
const OF_AN_APPLICATION: usize = 24;
const OF_A_MESH: usize = 4;
const OF_A_HUB: usize = 64;
/// The number of the shared VPC.
const SHARED: usize = 0;

/// The network of a seed with so many workloads, of which each has one interface.
pub fn estate(seed: u64, workloads: usize) -> Topology {
    let vpcs = (workloads.div_ceil(OF_A_VPC) + 1).clamp(5, VPCS_MAX);
    let mut estate = Estate {
        random: Random::new(seed),
        topology: Topology::default(),
        vpcs,
        rules: 0,
        ports: workloads as u32,
    };
    for vpc in 0..vpcs {
        estate.add_vpc(vpc);
    }
    estate.add_meshes();
    estate.add_hubs();
    for vpc in 0..vpcs {
        estate.add_routes(vpc);
        let (first, last) = (workloads * vpc / vpcs, workloads * (vpc + 1) / vpcs);
        estate.add_workloads(vpc, first..last);
    }
    estate.topology
}

struct Estate {
    random: Random,
    topology: Topology,
    vpcs: usize,
    rules: u128,
    /// The ports that are taken: workloads first.
    ports: u32,
}

fn net(address: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new(address.into(), length).expect("a prefix")
}

fn everywhere() -> IpNet {
    IpNet::V4(Ipv4Net::default())
}

/// All of the company's addresses.
fn inside() -> IpNet {
    net([10, 0, 0, 0], 8).into()
}

fn block(vpc: usize) -> IpNet {
    net([10, vpc as u8, 0, 0], 16).into()
}

/// The block of a tier's subnet in a zone.
fn tier_block(vpc: usize, tier: usize, zone: usize) -> Ipv4Net {
    net([10, vpc as u8, ((tier * ZONES + zone) * 16) as u8, 0], 20)
}

/// The block of the transit gateway's subnet in a zone.
fn hub_block(vpc: usize, zone: usize) -> Ipv4Net {
    net([10, vpc as u8, 240 + zone as u8, 0], 28)
}

/// An object of a VPC: one of 64 of its kind.
fn of_vpc(vpc: usize, index: usize) -> u128 {
    (vpc * 64 + index + 1) as u128
}

fn hub_of(vpc: usize) -> usize {
    vpc / OF_A_HUB
}

/// The attachment of a VPC to a hub.
fn attachment(hub: usize, vpc: usize) -> TransitGatewayAttachmentId {
    TransitGatewayAttachmentId::from_bits((hub * 4096 + vpc + 1) as u128)
}

fn hub_peering(one: usize, other: usize) -> TransitGatewayAttachmentId {
    TransitGatewayAttachmentId::from_bits((1 << 32 | one << 8 | other) as u128)
}

/// The tables of a hub: of VPCs that see each other, of those that see what is shared alone, and of what is shared.
fn hub_table(hub: usize, index: usize) -> TransitGatewayRouteTableId {
    TransitGatewayRouteTableId::from_bits((hub * 4 + index + 1) as u128)
}

/// Whether a VPC sees those of others.
fn is_open(vpc: usize) -> bool {
    vpc % 2 == 1
}

fn ports(from: u16, to: u16) -> Traffic {
    Traffic::Tcp(PortRange::new(from, to).expect("ordered"))
}

fn port(port: u16) -> Traffic {
    Traffic::Tcp(PortRange::one(port))
}

/// The blocks of a prefix list: offices, partners and so on.
fn prefix_list(number: usize) -> impl Iterator<Item = IpNet> {
    (0..12_u8).map(move |index| net([172, 16 + number as u8, index * 16, 0], 22).into())
}

impl Estate {
    fn add_vpc(&mut self, vpc: usize) {
        let id = VpcId::from_bits(of_vpc(vpc, 0));
        let IpNet::V4(cidr) = block(vpc) else { return };
        self.topology.vpcs.push(Vpc {
            id,
            ipv4_cidrs: vec![cidr],
            ipv6_cidrs: Vec::new(),
            dns_support: true,
            dhcp_options: None,
        });
        for tier in 0..=TIERS {
            self.add_acl(vpc, tier);
            for zone in 0..ZONES {
                let cidr = if tier == TIERS { hub_block(vpc, zone) } else { tier_block(vpc, tier, zone) };
                self.topology.subnets.push(Subnet {
                    id: SubnetId::from_bits(of_vpc(vpc, tier * ZONES + zone)),
                    vpc: id,
                    cidr,
                    ipv6_cidr: None,
                    zone: ["us-east-1a", "us-east-1b", "us-east-1c"][zone].parse().expect("a zone"),
                    route_table: RouteTableId::from_bits(of_vpc(vpc, tier * ZONES + zone)),
                    network_acl: NetworkAclId::from_bits(of_vpc(vpc, tier)),
                    internet_block: InternetBlock::Off,
                });
            }
        }
        self.topology.internet_gateways.push(InternetGateway {
            id: InternetGatewayId::from_bits(of_vpc(vpc, 0)),
            vpc: id,
            route_table: None,
        });
        for zone in 0..ZONES {
            self.add_nat_gateway(vpc, zone);
            self.add_managed(vpc, zone, InterfaceRole::TransitGateway);
        }
        if vpc == SHARED {
            let public = PublicAddresses { id: net([198, 18, 0, 0], 15).into() };
            self.topology.public.push(public);
        }
    }

    fn add_acl(&mut self, vpc: usize, tier: usize) {
        let (ingress, egress) = (Direction::Ingress, Direction::Egress);
        let (allow, deny) = (AclAction::Allow, AclAction::Deny);
        let clients = ports(1024, u16::MAX);
        let odd = net([10, self.random.below(self.vpcs) as u8, 128, 0], 20).into();
        let mut entries = match tier {
            0 => vec![
                (ingress, deny, Traffic::All, net([203, 0, 113, 0], 24).into()),
                (ingress, allow, port(80), everywhere()),
                (ingress, allow, port(WEB_PORT), everywhere()),
                (ingress, allow, clients, everywhere()),
                (ingress, allow, Traffic::All, inside()),
                (egress, allow, Traffic::All, everywhere()),
            ],
            1 => vec![
                (ingress, deny, port(22), odd),
                (ingress, allow, Traffic::All, inside()),
                (ingress, allow, clients, everywhere()),
                (egress, allow, Traffic::All, everywhere()),
            ],
            2 => vec![
                (ingress, allow, port(DB_PORT), block(vpc)),
                (ingress, deny, port(DB_PORT), odd),
                (ingress, allow, port(DB_PORT), inside()),
                (ingress, allow, Traffic::All, block(SHARED)),
                (ingress, allow, clients, inside()),
                (egress, allow, Traffic::All, inside()),
            ],
            _ => vec![
                (ingress, allow, Traffic::All, everywhere()),
                (egress, allow, Traffic::All, everywhere()),
            ],
        };
        // Some of a subnet's addresses are told apart from the rest.
        if tier == 2 && vpc % 3 == 1 {
            let first = tier_block(vpc, 1, 0).network();
            let some = Ipv4Net::new_assert(first, 28);
            entries.insert(0, (ingress, deny, port(DB_PORT), some.into()));
        }
        if vpc == SHARED {
            entries.retain(|(_, action, ..)| *action == allow);
            entries.push((ingress, allow, Traffic::All, inside()));
        }
        let entries = (1_u16..).zip(entries).map(|(number, (direction, action, traffic, cidr))| {
            let number = AclRuleNumber::new(number * 100).expect("a number of a rule");
            NetworkAclEntry { number, direction, traffic, cidr, action }
        });
        self.topology.network_acls.push(NetworkAcl {
            id: NetworkAclId::from_bits(of_vpc(vpc, tier)),
            vpc: VpcId::from_bits(of_vpc(vpc, 0)),
            entries: entries.collect(),
        });
    }

    fn add_nat_gateway(&mut self, vpc: usize, zone: usize) {
        let interface = self.add_managed(vpc, zone, InterfaceRole::NatGateway);
        self.topology.nat_gateways.push(NatGateway {
            id: NatGatewayId::from_bits(of_vpc(vpc, zone)),
            vpc: interface.vpc,
            subnet: interface.subnet,
            interface: interface.id,
            addresses: vec![interface.ipv4],
        });
    }

    /// An interface that AWS manages: of a NAT gateway in the web tier, of the transit gateway in its own subnet.
    fn add_managed(&mut self, vpc: usize, zone: usize, role: InterfaceRole) -> Interface {
        let is_nat = role == InterfaceRole::NatGateway;
        let (tier, cidr) = if is_nat { (0, tier_block(vpc, 0, zone)) } else { (TIERS, hub_block(vpc, zone)) };
        let ipv4 = Ipv4Addr::from_bits(cidr.addr().to_bits() + 4);
        self.ports += 1;
        let public = Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + of_vpc(vpc, zone) as u32);
        let interface = Interface {
            id: NetworkInterfaceId::from_bits((1 << 40) + u128::from(self.ports)),
            role,
            security_groups: Vec::new(),
            source_dest_check: false,
            public_ipv4: if is_nat { vec![PublicIpv4 { public, private: ipv4 }] } else { Vec::new() },
            ..workload(vpc, tier * ZONES + zone, ipv4, self.ports)
        };
        self.topology.interfaces.push(interface.clone());
        interface
    }

    /// Every four VPCs are peered with each other.
    fn add_meshes(&mut self) {
        for one in 1..self.vpcs {
            for other in mesh(one, self.vpcs).filter(|&other| other > one) {
                self.topology.peerings.push(VpcPeeringConnection {
                    id: peering(one, other),
                    requester: VpcId::from_bits(of_vpc(one, 0)),
                    accepter: VpcId::from_bits(of_vpc(other, 0)),
                    is_inter_region: false,
                });
            }
        }
    }

    fn add_hubs(&mut self) {
        let hubs = hub_of(self.vpcs - 1) + 1;
        for hub in 0..hubs {
            let gateway = TransitGatewayId::from_bits(hub as u128 + 1);
            let security_group_referencing = true;
            self.topology.transit_gateways.push(TransitGateway { id: gateway, security_group_referencing });
            let own: Vec<usize> = (0..self.vpcs).filter(|&vpc| vpc == SHARED || hub_of(vpc) == hub).collect();
            for &vpc in &own {
                let table = if vpc == SHARED { 2 } else { usize::from(!is_open(vpc)) };
                self.attach(gateway, vpc, attachment(hub, vpc), hub_table(hub, table));
            }
            let attachments = |is_there: fn(usize) -> bool| -> Vec<TransitGatewayAttachmentId> {
                own.iter().filter(|&&vpc| is_there(vpc)).map(|&vpc| attachment(hub, vpc)).collect()
            };
            let known = [
                attachments(|vpc| vpc == SHARED || is_open(vpc)),
                attachments(|vpc| vpc == SHARED),
                attachments(|_| true),
            ];
            for (index, propagations) in known.into_iter().enumerate() {
                // The open VPCs of other hubs are reached through those.
                let others = (0..self.vpcs).filter(|&vpc| index == 0 && hub_of(vpc) != hub && is_open(vpc));
                let routes = others.map(|vpc| TransitGatewayRoute {
                    destination: block(vpc),
                    target: Some(hub_peering(hub.min(hub_of(vpc)), hub.max(hub_of(vpc)))),
                    is_of_prefix_list: false,
                });
                self.topology.transit_tables.push(TransitGatewayRouteTable {
                    id: hub_table(hub, index),
                    gateway,
                    routes: routes.collect(),
                    propagations,
                });
            }
            for other in hub + 1..hubs {
                let side = |hub: usize| PeeringSide {
                    gateway: TransitGatewayId::from_bits(hub as u128 + 1),
                    association: Some(hub_table(hub, 0)),
                };
                let sides = [side(hub), side(other)];
                self.topology
                    .transit_peerings
                    .push(TransitGatewayPeering { id: hub_peering(hub, other), sides });
            }
        }
    }

    fn attach(
        &mut self,
        gateway: TransitGatewayId,
        vpc: usize,
        id: TransitGatewayAttachmentId,
        table: TransitGatewayRouteTableId,
    ) {
        let own = VpcId::from_bits(of_vpc(vpc, 0));
        let interfaces = self.topology.interfaces.iter();
        let interfaces =
            interfaces.filter(|held| held.vpc == own && held.role == InterfaceRole::TransitGateway);
        let subnets = interfaces.map(|held| AttachedSubnet { subnet: held.subnet, interface: held.id });
        self.topology.attachments.push(TransitGatewayAttachment {
            id,
            gateway,
            target: AttachedNetwork::Vpc(AttachedVpc {
                vpc: own,
                subnets: subnets.collect(),
                ipv6: false,
                appliance_mode: false,
                security_group_referencing: true,
            }),
            association: Some(table),
        });
    }

    fn add_routes(&mut self, vpc: usize) {
        let hub = RouteTarget::TransitGateway(TransitGatewayId::from_bits(hub_of(vpc) as u128 + 1));
        for tier in 0..=TIERS {
            for zone in 0..ZONES {
                let mut routes = Vec::new();
                if tier == 0 {
                    let gateway = InternetGatewayId::from_bits(of_vpc(vpc, 0));
                    routes.push(Route::fixed(everywhere(), RouteTarget::InternetGateway(gateway)));
                }
                if tier == 1 {
                    let nat = NatGatewayId::from_bits(of_vpc(vpc, zone));
                    routes.push(Route::fixed(everywhere(), RouteTarget::NatGateway(nat)));
                }
                if tier < TIERS {
                    // The shared VPC is attached to every hub, and answers by the right one.
                    let hubs = (0..self.vpcs).filter(|_| vpc == SHARED).map(|other| {
                        let gateway = TransitGatewayId::from_bits(hub_of(other) as u128 + 1);
                        Route::fixed(block(other), RouteTarget::TransitGateway(gateway))
                    });
                    routes.extend(hubs.skip(1));
                    routes.push(Route::fixed(inside(), hub));
                    routes.extend(mesh(vpc, self.vpcs).map(|other| {
                        let id = peering(vpc.min(other), vpc.max(other));
                        Route::fixed(block(other), RouteTarget::VpcPeeringConnection(id))
                    }));
                }
                self.topology.route_tables.push(RouteTable {
                    id: RouteTableId::from_bits(of_vpc(vpc, tier * ZONES + zone)),
                    vpc: VpcId::from_bits(of_vpc(vpc, 0)),
                    routes,
                });
            }
        }
    }

    /// The applications of a VPC, with the groups of their tiers, and a group of the VPC's own that all carry.
    fn add_workloads(&mut self, vpc: usize, numbers: std::ops::Range<usize>) {
        let base = group(vpc, 0);
        self.add_group(vpc, base, &base_rules(vpc));
        for application in 0..numbers.len().div_ceil(OF_AN_APPLICATION) {
            let tiers = [0, 1, 2].map(|tier| group(vpc, 1 + application * TIERS + tier));
            // Some ask an application of another VPC.
            let other = self.random.below(self.vpcs);
            let friend = group(other, 1 + self.random.below(application + 1) * TIERS);
            for (tier, &id) in tiers.iter().enumerate() {
                self.add_group(vpc, id, &tier_rules(vpc, tier, &tiers, (other, friend)));
            }
        }
        let first = numbers.start;
        for number in numbers {
            let index = number - first;
            let (application, of_it) = (index / OF_AN_APPLICATION, index % OF_AN_APPLICATION);
            let (tier, zone) = (of_it % TIERS, of_it / TIERS % ZONES);
            let cidr = tier_block(vpc, tier, zone);
            let ipv4 = Ipv4Addr::from_bits(cidr.addr().to_bits() + 10 + index as u32);
            let mut security_groups = vec![base, group(vpc, 1 + application * TIERS + tier)];
            // A few carry a group of another application too.
            if self.random.percent(3) && application > 0 {
                let neighbour = self.random.below(application);
                security_groups.push(group(vpc, 1 + neighbour * TIERS + tier));
            }
            let public = Ipv4Addr::from_bits(Ipv4Addr::new(198, 19, 0, 0).to_bits() + number as u32);
            let is_public = tier == 0 && self.random.percent(10) && number < 1 << 16;
            let public_ipv4 = if is_public { vec![PublicIpv4 { public, private: ipv4 }] } else { Vec::new() };
            self.topology.interfaces.push(Interface {
                security_groups,
                public_ipv4,
                ..workload(vpc, tier * ZONES + zone, ipv4, number as u32 + 1)
            });
        }
    }

    /// A group with these rules, and so many of prefix lists that it has 50.
    fn add_group(&mut self, vpc: usize, id: SecurityGroupId, own: &[(Direction, Traffic, Peer)]) {
        let mut rules: Vec<(Direction, Traffic, Peer)> = own.to_vec();
        let services = [22, WEB_PORT, 9100, 8443, 3389];
        let lists = (0..)
            .flat_map(|number: usize| prefix_list(number % 12).map(move |block| (number, Peer::Cidr(block))));
        let skipped = self.random.below(8) * 12;
        for (number, peer) in lists.skip(skipped).take(RULES_OF_A_GROUP - own.len()) {
            let direction = if number % 3 == 2 { Direction::Egress } else { Direction::Ingress };
            rules.push((direction, port(services[number % services.len()]), peer));
        }
        let rules = rules.into_iter().map(|(direction, traffic, peer)| {
            self.rules += 1;
            SecurityGroupRule { id: SecurityGroupRuleId::from_bits(self.rules), direction, traffic, peer }
        });
        let rules = rules.collect();
        let vpc = VpcId::from_bits(of_vpc(vpc, 0));
        self.topology.security_groups.push(SecurityGroup { id, vpc, rules });
    }
}

/// The VPCs that one is peered with.
fn mesh(vpc: usize, vpcs: usize) -> impl Iterator<Item = usize> {
    let first = vpc.saturating_sub(1) / OF_A_MESH * OF_A_MESH + 1;
    (first..(first + OF_A_MESH).min(vpcs)).filter(move |&other| vpc != SHARED && other != vpc)
}

fn peering(one: usize, other: usize) -> VpcPeeringConnectionId {
    VpcPeeringConnectionId::from_bits((one * 4096 + other) as u128)
}

/// A group of a VPC: its own is 0.
fn group(vpc: usize, index: usize) -> SecurityGroupId {
    SecurityGroupId::from_bits((vpc << 20 | index) as u128)
}

fn workload(vpc: usize, subnet: usize, ipv4: Ipv4Addr, number: u32) -> Interface {
    Interface {
        id: NetworkInterfaceId::from_bits(u128::from(number)),
        port: Port::new(number).expect("few enough"),
        vpc: VpcId::from_bits(of_vpc(vpc, 0)),
        subnet: SubnetId::from_bits(of_vpc(vpc, subnet)),
        mac: MacAddress::local(number.into()),
        ipv4,
        secondary_ipv4: Vec::new(),
        public_ipv4: Vec::new(),
        role: InterfaceRole::Workload,
        ipv6: Vec::new(),
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        security_groups: Vec::new(),
        source_dest_check: true,
        idle_timeouts: IdleTimeouts::DEFAULT,
        tracking_limit: None,
        hostname: None,
    }
}

/// What every workload of a VPC lets pass.
fn base_rules(vpc: usize) -> Vec<(Direction, Traffic, Peer)> {
    let (ingress, egress) = (Direction::Ingress, Direction::Egress);
    let mut rules = vec![
        (ingress, port(22), Peer::Cidr(tier_block(SHARED, 1, 0).into())),
        (ingress, ports(9100, 9110), Peer::Cidr(block(SHARED))),
        (ingress, Traffic::Icmp(vpc_model::IcmpMatch::Any), Peer::Cidr(inside())),
        (egress, Traffic::Udp(PortRange::one(53)), Peer::Cidr(block(SHARED))),
        (egress, port(WEB_PORT), Peer::Cidr(everywhere())),
        (egress, ports(9100, 9110), Peer::Cidr(block(vpc))),
    ];
    if vpc == SHARED {
        rules.push((ingress, port(WEB_PORT), Peer::Cidr(inside())));
        rules.push((egress, Traffic::All, Peer::Cidr(everywhere())));
    }
    rules
}

/// What a tier of an application lets pass, whose groups these are; its friend is a web tier, in a VPC.
fn tier_rules(
    vpc: usize,
    tier: usize,
    tiers: &[SecurityGroupId; TIERS],
    (other, friend): (usize, SecurityGroupId),
) -> Vec<(Direction, Traffic, Peer)> {
    let (ingress, egress) = (Direction::Ingress, Direction::Egress);
    match tier {
        0 => vec![
            (
                ingress,
                port(WEB_PORT),
                Peer::Cidr(if vpc.is_multiple_of(3) { inside() } else { everywhere() }),
            ),
            (ingress, port(WEB_PORT), Peer::Group(friend)),
            (egress, port(APP_PORT), Peer::Group(tiers[1])),
            (egress, port(WEB_PORT), Peer::Cidr(block(other))),
        ],
        1 => vec![
            (ingress, port(APP_PORT), Peer::Group(tiers[0])),
            (ingress, port(APP_PORT), Peer::Group(friend)),
            (ingress, port(WEB_PORT), Peer::Cidr(block(vpc))),
            (egress, port(DB_PORT), Peer::Group(tiers[2])),
            (egress, port(DB_PORT), Peer::Cidr(tier_block(other, 2, 0).into())),
            (egress, port(WEB_PORT), Peer::Group(friend)),
        ],
        _ => vec![
            (ingress, port(DB_PORT), Peer::Group(tiers[1])),
            (ingress, port(DB_PORT), Peer::Group(tiers[2])),
            (ingress, port(DB_PORT), Peer::Cidr(tier_block(other, 1, 1).into())),
            (ingress, port(DB_PORT), Peer::Cidr(net([10, other as u8, 0, 20], 30).into())),
            (egress, port(DB_PORT), Peer::Group(tiers[2])),
        ],
    }
}
