//! A network with one of every gateway, for tests that read like facts.
//!
//! ```text
//! VPC v 10.0.0.0/16, 2600:1f00::/56, igw, eigw        A  10.0.0.0/24 zone a   a 10.0.0.10 = 198.18.0.10, n (NAT) 10.0.0.200 = 198.18.0.200
//!                                                      B  10.0.1.0/24 zone a   b 10.0.1.20 (no public address)
//!                                                      T  10.0.2.0/24 zone a   attachment of transit gateway t
//! VPC x 10.1.0.0/16 (peering p with v)                 X  10.1.0.0/24 zone a   x 10.1.0.10, its own attachment
//! VPC y 10.2.0.0/16                                    Y  10.2.0.0/24 zone b   y 10.2.0.10
//!                                                      TY 10.2.1.0/24 zone b   attachment of transit gateway t
//! internet: host 203.0.113.9 and 2001:db8::9, workstation 192.0.2.1, S3 at 198.19.64.0/24
//! ```

use aws_types::{
    EgressOnlyInternetGatewayId, InternetGatewayId, NatGatewayId, TransitGatewayAttachmentId,
    TransitGatewayId, TransitGatewayRouteTableId, VpcEndpointId, VpcPeeringConnectionId,
};
use vpc_model::{
    AttachedNetwork, AttachedSubnet, AttachedVpc, EgressOnlyInternetGateway, InternetGateway, InternetHost,
    InternetPlace, ManagedService, NatGateway, Object, PublicAddresses, PublicIpv4, ServiceAddresses,
    TransitGateway, TransitGatewayAttachment, TransitGatewayRoute, TransitGatewayRouteTable, VpcEndpoint,
    VpcEndpointKind, VpcPeeringConnection,
};

#[allow(clippy::wildcard_imports, reason = "the same network")]
use super::*;

pub fn igw() -> InternetGateway {
    InternetGateway { id: InternetGatewayId::from_bits(1), vpc: vpc("v"), route_table: None }
}

pub fn nat() -> NatGateway {
    NatGateway {
        id: NatGatewayId::from_bits(1),
        vpc: vpc("v"),
        subnet: subnet("A"),
        interface: eni("n"),
        addresses: vec!["10.0.0.200".parse().unwrap()],
    }
}

pub fn peering() -> VpcPeeringConnection {
    VpcPeeringConnection {
        id: VpcPeeringConnectionId::from_bits(1),
        requester: vpc("v"),
        accepter: vpc("x"),
        is_inter_region: false,
    }
}

pub fn endpoint() -> VpcEndpoint {
    VpcEndpoint {
        id: VpcEndpointId::from_bits(1),
        vpc: vpc("v"),
        kind: VpcEndpointKind::Gateway(ManagedService::S3),
    }
}

pub fn transit_table(routes: &[(&str, Option<&str>)], propagations: &[&str]) -> TransitGatewayRouteTable {
    TransitGatewayRouteTable {
        id: TransitGatewayRouteTableId::from_bits(1),
        gateway: TransitGatewayId::from_bits(1),
        routes: routes
            .iter()
            .map(|(destination, target)| TransitGatewayRoute {
                destination: destination.parse().unwrap(),
                target: target.map(attachment_id),
                is_of_prefix_list: false,
            })
            .collect(),
        propagations: propagations.iter().map(|name| attachment_id(name)).collect(),
    }
}

pub fn attachment_id(name: &str) -> TransitGatewayAttachmentId {
    TransitGatewayAttachmentId::from_bits(number(name))
}

pub fn attachment(name: &str, interfaces: &[(&str, &str)]) -> TransitGatewayAttachment {
    TransitGatewayAttachment {
        id: attachment_id(name),
        gateway: TransitGatewayId::from_bits(1),
        target: AttachedNetwork::Vpc(AttachedVpc {
            vpc: vpc(name),
            subnets: interfaces
                .iter()
                .map(|(in_subnet, interface)| AttachedSubnet {
                    subnet: subnet(in_subnet),
                    interface: eni(interface),
                })
                .collect(),
            ipv6: true,
            appliance_mode: false,
            security_group_referencing: true,
        }),
        association: Some(TransitGatewayRouteTableId::from_bits(1)),
    }
}

pub fn vpc(name: &str) -> VpcId {
    VpcId::from_bits(number(name))
}

/// What a route leads to, by a word.
pub fn target(word: &str) -> RouteTarget {
    match word {
        "local" => RouteTarget::Local,
        "blackhole" => RouteTarget::Blackhole,
        "igw" => RouteTarget::InternetGateway(InternetGatewayId::from_bits(1)),
        "eigw" => RouteTarget::EgressOnlyInternetGateway(EgressOnlyInternetGatewayId::from_bits(1)),
        "nat" => RouteTarget::NatGateway(NatGatewayId::from_bits(1)),
        "peering" => RouteTarget::VpcPeeringConnection(VpcPeeringConnectionId::from_bits(1)),
        "transit" => RouteTarget::TransitGateway(TransitGatewayId::from_bits(1)),
        "endpoint" => RouteTarget::VpcEndpoint(VpcEndpointId::from_bits(1)),
        "vgw" => RouteTarget::VpnGateway("vgw-00000000000000001".parse().unwrap()),
        word => RouteTarget::Interface(eni(word.strip_prefix('@').expect("a target"))),
    }
}

impl World {
    /// Sets the routes of a subnet, each a destination and the word of a target.
    pub fn route(&mut self, in_vpc: &str, subnet: &str, routes: &[(&str, &str)]) {
        let routes =
            routes.iter().map(|(to, word)| Route::fixed(to.parse().unwrap(), target(word))).collect();
        let id = RouteTableId::from_bits(number(subnet));
        self.apply(&[RouteTable { id, vpc: vpc(in_vpc), routes }.into()]);
    }

    fn add_subnet(&mut self, in_vpc: &str, name: &str, cidr: &str, zone: &str) {
        self.route(in_vpc, name, &[]);
        self.acl(name, &["in 100 allow all 0.0.0.0/0", "out 100 allow all 0.0.0.0/0"]);
        self.apply(&[Subnet {
            id: subnet(name),
            vpc: vpc(in_vpc),
            cidr: cidr.parse().unwrap(),
            ipv6_cidr: None,
            zone: zone.parse().unwrap(),
            route_table: RouteTableId::from_bits(number(name)),
            network_acl: NetworkAclId::from_bits(number(name)),
            internet_block: InternetBlock::Off,
        }
        .into()]);
    }

    pub fn place(&mut self, in_vpc: &str, in_subnet: &str, name: &str, address: &str, role: InterfaceRole) {
        self.interface(name, &[address], &["open"]);
        self.modify(name, |interface| {
            (interface.vpc, interface.subnet, interface.role) = (vpc(in_vpc), subnet(in_subnet), role);
            if role != InterfaceRole::Workload {
                interface.security_groups.clear();
            }
        });
    }

    pub fn set_public(&mut self, name: &str, public: &str) {
        self.modify(name, |interface| {
            interface.public_ipv4 =
                vec![PublicIpv4 { public: public.parse().unwrap(), private: interface.ipv4 }];
        });
    }

    pub fn put(&mut self, object: impl Into<Object>) {
        self.apply(&[Delta::Put(object.into())]);
    }

    /// A packet from the internet, out of the blue.
    pub fn packet_from_internet(&self, from: &str, to: &str, spec: &str) -> Packet {
        let (protocol, transport) = transport(spec);
        Packet {
            source_mac: crate::services::INTERNET_MAC,
            destination_mac: crate::services::LINK_ROUTER_MAC,
            source: from.parse().unwrap(),
            destination: to.parse().unwrap(),
            protocol,
            transport,
            fragment: None,
            ttl: 64,
            length_bytes: 100,
            segment_bytes: 100,
            may_be_fragmented: true,
        }
    }
}

/// A packet as it looks where it was delivered.
pub fn arrived(packet: &Packet, delivery: &Delivery) -> Packet {
    let mut arrived = *packet;
    let rewrite = &delivery.rewrite;
    (arrived.source_mac, arrived.destination_mac) = (rewrite.source_mac, rewrite.destination_mac);
    if let Some(new) = rewrite.source {
        arrived.source = new.address;
        match &mut arrived.transport {
            Transport::Tcp { source, .. } | Transport::Udp { source, .. } => *source = new.port,
            Transport::Icmp { id, .. } => *id = new.port,
            Transport::Other | Transport::Continuation => {}
        }
    }
    if let Some(new) = rewrite.destination {
        arrived.destination = new.address;
        match &mut arrived.transport {
            Transport::Tcp { destination, .. } | Transport::Udp { destination, .. } => {
                *destination = new.port;
            }
            Transport::Icmp { id, .. } => *id = new.port,
            Transport::Other | Transport::Continuation => {}
        }
    }
    if let (Some(quoted), Transport::Icmp { about: Some(about), .. }) =
        (rewrite.quoted, &mut arrived.transport)
    {
        (about.source, about.destination) = (quoted.source.address, quoted.destination.address);
        if let InnerTransport::Ports { source, destination } = &mut about.transport {
            (*source, *destination) = (quoted.source.port, quoted.destination.port);
        }
    }
    arrived
}

/// What its receiver answers, to whoever the frame came from.
pub fn reply(arrived: &Packet) -> Packet {
    let transport = match arrived.transport {
        Transport::Tcp { source, destination, .. } => Transport::Tcp {
            source: destination,
            destination: source,
            flags: TcpFlags::SYN.with(TcpFlags::ACK),
        },
        Transport::Udp { source, destination } => Transport::Udp { source: destination, destination: source },
        Transport::Icmp { kind: 8, code, id, about } => Transport::Icmp { kind: 0, code, id, about },
        Transport::Icmp { kind: 128, code, id, about } => Transport::Icmp { kind: 129, code, id, about },
        other => other,
    };
    Packet {
        source_mac: arrived.destination_mac,
        destination_mac: arrived.source_mac,
        source: arrived.destination,
        destination: arrived.source,
        transport,
        ..*arrived
    }
}

/// The network drawn above. Everything is allowed, and routes lead everywhere.
pub fn everything() -> World {
    let mut world = World::new();
    world.group("open", &super::steps::EVERYTHING);
    // `w` has no IPv6 here: no two VPCs have the same addresses of the internet.
    for (name, block) in [("w", "10.0.0.0/16"), ("x", "10.1.0.0/16"), ("y", "10.2.0.0/16")] {
        let vpc = Vpc {
            id: vpc(name),
            ipv4_cidrs: vec![block.parse().unwrap()],
            ipv6_cidrs: Vec::new(),
            dns_support: true,
            dhcp_options: None,
        };
        world.put(vpc);
    }
    world.add_subnet("v", "T", "10.0.2.0/24", "us-east-1a");
    world.add_subnet("x", "X", "10.1.0.0/24", "us-east-1a");
    world.add_subnet("y", "Y", "10.2.0.0/24", "us-east-1b");
    world.add_subnet("y", "TY", "10.2.1.0/24", "us-east-1b");
    world.interface("a", &["10.0.0.10", "2600:1f00::10"], &["open"]);
    world.interface("b", &["10.0.1.20", "2600:1f00:0:1::20"], &["open"]);
    world.interface("m", &["10.0.0.50"], &["open"]);
    world.place("x", "X", "x", "10.1.0.10", InterfaceRole::Workload);
    world.place("y", "Y", "y", "10.2.0.10", InterfaceRole::Workload);
    world.place("v", "A", "n", "10.0.0.200", InterfaceRole::NatGateway);
    world.place("v", "T", "tv", "10.0.2.5", InterfaceRole::TransitGateway);
    world.place("x", "X", "tx", "10.1.0.5", InterfaceRole::TransitGateway);
    world.place("y", "TY", "ty", "10.2.1.5", InterfaceRole::TransitGateway);
    world.set_public("a", "198.18.0.10");
    world.set_public("n", "198.18.0.200");
    world.put(igw());
    world.put(EgressOnlyInternetGateway { id: EgressOnlyInternetGatewayId::from_bits(1), vpc: vpc("v") });
    world.put(nat());
    world.put(peering());
    world.put(TransitGateway { id: TransitGatewayId::from_bits(1), security_group_referencing: true });
    world.put(attachment("v", &[("T", "tv")]));
    world.put(attachment("x", &[("X", "tx")]));
    world.put(attachment("y", &[("TY", "ty")]));
    world.put(transit_table(&[("0.0.0.0/0", Some("v"))], &["v", "x", "y"]));
    world.put(endpoint());
    world.put(ServiceAddresses { id: "198.19.64.0/24".parse().unwrap(), service: ManagedService::S3 });
    world.put(PublicAddresses { id: "198.18.0.0/15".parse().unwrap() });
    let host = |id: &str, place| InternetHost { id: id.parse().unwrap(), place };
    world.put(host("203.0.113.9", InternetPlace::Declared));
    world.put(host("2001:db8::9", InternetPlace::Declared));
    world.put(host("192.0.2.1", InternetPlace::Workstation));
    let transit = ("10.2.0.0/16", "transit");
    world.route("v", "A", &[("0.0.0.0/0", "igw"), ("::/0", "igw"), ("10.1.0.0/16", "peering"), transit]);
    world.route(
        "v",
        "B",
        &[
            ("0.0.0.0/0", "nat"),
            ("::/0", "eigw"),
            ("10.1.0.0/16", "peering"),
            ("198.19.64.0/24", "endpoint"),
            transit,
        ],
    );
    world.route("v", "T", &[("0.0.0.0/0", "nat")]);
    world.route("x", "X", &[("10.0.0.0/16", "peering"), ("0.0.0.0/0", "transit")]);
    world.route("y", "Y", &[("0.0.0.0/0", "transit")]);
    world
}
