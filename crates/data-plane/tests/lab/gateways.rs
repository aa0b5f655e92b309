//! A network with one of every gateway, guests in it, and what is outside of it.
//!
//! ```text
//! VPC 1 10.0.0.0/16, igw, eigw, S3 endpoint     1 10.0.1.0/24 zone a   a 10.0.1.10 = 198.18.0.10, n (NAT) 10.0.1.200 = 198.18.0.200
//!                                               2 10.0.2.0/24 zone a   b 10.0.2.20, c 10.0.2.21 (no public address)
//!                                               3 10.0.3.0/24 zone a   attachment of the transit gateway
//!                                               4 10.0.4.0/24 zone a   m 10.0.4.10, without source and destination check
//! VPC 2 10.1.0.0/16, peered with VPC 1          5 10.1.0.0/24 zone a   x 10.1.0.10
//! VPC 3 10.2.0.0/16                             6 10.2.0.0/24 zone b   y 10.2.0.10
//!                                               7 10.2.1.0/24 zone b   attachment of the transit gateway
//! internet: host 203.0.113.9 and 2001:db8::9, workstation 192.0.2.1, S3 at 198.19.64.0/24
//! ```

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use aws_types::{
    EgressOnlyInternetGatewayId, InternetGatewayId, NatGatewayId, NetworkAclId, ResourceId, RouteTableId,
    TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId, VpcEndpointId,
    VpcPeeringConnectionId,
};
use data_plane::Mode;
use host_net::{Netlink, NetworkNamespace};
use vpc_engine::services::{INTERNET_MAC, WORKSTATION_MAC};
use vpc_model::{
    AttachedNetwork, AttachedSubnet, AttachedVpc, Delta, EgressOnlyInternetGateway, Interface, InterfaceRole,
    InternetBlock, InternetGateway, InternetHost, InternetPlace, ManagedService, NatGateway, NetworkAcl,
    NetworkAclEntry, PublicIpv4, Route, RouteTable, RouteTarget, ServiceAddresses, Subnet, TransitGateway,
    TransitGatewayAttachment, TransitGatewayRoute, TransitGatewayRouteTable, VpcEndpoint, VpcEndpointKind,
    VpcPeeringConnection,
};

use super::{
    Guest, Lab, PATIENCE, accept, anything, group, interface, open_acl, passes, subnet_id, vpc, vpc_id,
    wait_until,
};

pub const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
pub const HOST_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9));
pub const WORKSTATION: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Of `a`.
pub const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 10));
/// Of the NAT gateway.
pub const NAT_PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 0, 200));
pub const S3: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 19, 64, 5));

pub fn igw() -> InternetGateway {
    InternetGateway { id: InternetGatewayId::from_bits(1), vpc: vpc_id(1), route_table: None }
}

pub fn peering() -> VpcPeeringConnection {
    VpcPeeringConnection {
        id: VpcPeeringConnectionId::from_bits(1),
        requester: vpc_id(1),
        accepter: vpc_id(2),
        is_inter_region: false,
    }
}

pub fn endpoint() -> VpcEndpoint {
    VpcEndpoint {
        id: VpcEndpointId::from_bits(1),
        vpc: vpc_id(1),
        kind: VpcEndpointKind::Gateway(ManagedService::S3),
    }
}

pub fn transit_table(routes: &[TransitGatewayRoute]) -> TransitGatewayRouteTable {
    TransitGatewayRouteTable {
        id: TransitGatewayRouteTableId::from_bits(1),
        gateway: TransitGatewayId::from_bits(1),
        routes: routes.to_vec(),
        propagations: [1, 3].map(TransitGatewayAttachmentId::from_bits).to_vec(),
    }
}

fn attachment(number: u128, subnet: u128, interface: &Interface) -> TransitGatewayAttachment {
    TransitGatewayAttachment {
        id: TransitGatewayAttachmentId::from_bits(number),
        gateway: TransitGatewayId::from_bits(1),
        target: AttachedNetwork::Vpc(AttachedVpc {
            vpc: vpc_id(number),
            subnets: vec![AttachedSubnet { subnet: subnet_id(subnet), interface: interface.id }],
            ipv6: true,
            appliance_mode: false,
            security_group_referencing: true,
        }),
        association: Some(TransitGatewayRouteTableId::from_bits(1)),
    }
}

/// What a route leads to, by a word.
fn target(word: &str) -> RouteTarget {
    match word {
        "igw" => RouteTarget::InternetGateway(igw().id),
        "eigw" => RouteTarget::EgressOnlyInternetGateway(EgressOnlyInternetGatewayId::from_bits(1)),
        "nat" => RouteTarget::NatGateway(NatGatewayId::from_bits(1)),
        "peering" => RouteTarget::VpcPeeringConnection(peering().id),
        "transit" => RouteTarget::TransitGateway(TransitGatewayId::from_bits(1)),
        "endpoint" => RouteTarget::VpcEndpoint(endpoint().id),
        "m" => RouteTarget::Interface(aws_types::NetworkInterfaceId::from_bits(4)),
        word => panic!("{word}"),
    }
}

/// The route table of that number in a VPC; that of a subnet has the subnet's number.
pub fn routes(number: u128, of_vpc: u128, routes: &[(&str, &str)]) -> Delta {
    let routes = routes.iter().map(|(to, word)| Route::fixed(to.parse().unwrap(), target(word))).collect();
    RouteTable { id: table_id(number), vpc: vpc_id(of_vpc), routes }.into()
}

pub fn table_id(number: u128) -> RouteTableId {
    RouteTableId::from_bits(100 + number)
}

/// The ACL of a subnet, with these entries before what allows everything.
pub fn acl(subnet: u128, of_vpc: u128, entries: Vec<NetworkAclEntry>) -> Delta {
    NetworkAcl { id: NetworkAclId::from_bits(100 + subnet), ..open_acl(of_vpc, entries) }.into()
}

fn subnet(number: u128, of_vpc: u128, cidr: &str, zone: &str) -> Delta {
    let Delta::Put(vpc_model::Object::Subnet(subnet)) = super::subnet(number, of_vpc, cidr) else {
        panic!("a subnet")
    };
    Subnet {
        zone: zone.parse().unwrap(),
        route_table: table_id(number),
        network_acl: NetworkAclId::from_bits(100 + number),
        internet_block: InternetBlock::Off,
        ..subnet
    }
    .into()
}

/// The network drawn above, in force.
pub struct Network {
    pub deltas: Vec<Delta>,
    interfaces: HashMap<&'static str, Interface>,
}

impl Network {
    /// Puts it in force. Everything is allowed, and routes lead everywhere.
    pub fn apply(lab: &Lab) -> Self {
        let network = Self::new();
        network.put_in_force(lab);
        network
    }

    /// The same after a start.
    pub fn put_in_force(&self, lab: &Lab) {
        lab.plane().apply(&self.deltas);
        lab.plane().set_internet_hosts(&[HOST, HOST_IPV6]).unwrap();
    }

    fn new() -> Self {
        let interfaces = interfaces();
        let mut deltas: Vec<Delta> = Vec::new();
        for (number, cidr) in [(1, "10.0.0.0/16"), (2, "10.1.0.0/16"), (3, "10.2.0.0/16")] {
            deltas.extend(vpc(number, cidr));
            deltas.push(group(number, number, &anything()));
        }
        let (zone_a, zone_b) = ("us-east-1a", "us-east-1b");
        for (number, of_vpc, cidr, zone) in [
            (1, 1, "10.0.1.0/24", zone_a),
            (2, 1, "10.0.2.0/24", zone_a),
            (3, 1, "10.0.3.0/24", zone_a),
            (4, 1, "10.0.4.0/24", zone_a),
            (5, 2, "10.1.0.0/24", zone_a),
            (6, 3, "10.2.0.0/24", zone_b),
            (7, 3, "10.2.1.0/24", zone_b),
        ] {
            deltas.extend([subnet(number, of_vpc, cidr, zone), acl(number, of_vpc, Vec::new())]);
        }
        deltas.extend([
            routes(1, 1, &[("0.0.0.0/0", "igw"), ("::/0", "igw"), ("10.2.0.0/16", "transit")]),
            routes(2, 1, &PRIVATE_ROUTES),
            routes(3, 1, &[("0.0.0.0/0", "nat")]),
            routes(4, 1, &[("0.0.0.0/0", "igw")]),
            routes(5, 2, &[("10.0.0.0/16", "peering")]),
            routes(6, 3, &[("0.0.0.0/0", "transit")]),
            routes(7, 3, &[]),
        ]);
        deltas.extend(interfaces.values().cloned().map(Delta::from));
        deltas.extend([
            igw().into(),
            EgressOnlyInternetGateway { id: EgressOnlyInternetGatewayId::from_bits(1), vpc: vpc_id(1) }
                .into(),
            peering().into(),
            TransitGateway { id: TransitGatewayId::from_bits(1), security_group_referencing: true }.into(),
            attachment(1, 3, &interfaces["tv"]).into(),
            attachment(3, 7, &interfaces["ty"]).into(),
            transit_table(&[TransitGatewayRoute {
                destination: "0.0.0.0/0".parse().unwrap(),
                target: Some(TransitGatewayAttachmentId::from_bits(1)),
                is_of_prefix_list: false,
            }])
            .into(),
            endpoint().into(),
            ServiceAddresses { id: "198.19.64.0/24".parse().unwrap(), service: ManagedService::S3 }.into(),
            InternetHost { id: HOST, place: InternetPlace::Declared }.into(),
            InternetHost { id: HOST_IPV6, place: InternetPlace::Declared }.into(),
            InternetHost { id: WORKSTATION, place: InternetPlace::Workstation }.into(),
        ]);
        let network = Self { deltas, interfaces };
        let nat = network.nat().into();
        Self { deltas: [network.deltas, vec![nat]].concat(), ..network }
    }

    pub fn nat(&self) -> NatGateway {
        let interface = &self.interfaces["n"];
        NatGateway {
            id: NatGatewayId::from_bits(1),
            vpc: vpc_id(1),
            subnet: subnet_id(1),
            interface: interface.id,
            addresses: vec![interface.ipv4],
        }
    }

    pub fn interface(&self, name: &str) -> &Interface {
        &self.interfaces[name]
    }

    pub fn guest(&self, lab: &Lab, name: &str) -> Guest {
        lab.guest(&self.interfaces[name], 24)
    }
}

/// Those of subnet 2.
pub const PRIVATE_ROUTES: [(&str, &str); 5] = [
    ("0.0.0.0/0", "nat"),
    ("::/0", "eigw"),
    ("10.1.0.0/16", "peering"),
    ("10.2.0.0/16", "transit"),
    ("198.19.64.0/24", "endpoint"),
];

fn interfaces() -> HashMap<&'static str, Interface> {
    let places = [
        ("a", 1, 1, 1, "10.0.1.10"),
        ("b", 2, 1, 2, "10.0.2.20"),
        ("c", 3, 1, 2, "10.0.2.21"),
        ("m", 4, 1, 4, "10.0.4.10"),
        ("x", 5, 2, 5, "10.1.0.10"),
        ("y", 6, 3, 6, "10.2.0.10"),
        ("n", 10, 1, 1, "10.0.1.200"),
        ("tv", 11, 1, 3, "10.0.3.5"),
        ("ty", 13, 3, 7, "10.2.1.5"),
    ];
    let public_of = |name: &str| match name {
        "a" => Some(PUBLIC),
        "n" => Some(NAT_PUBLIC),
        _ => None,
    };
    let made = places.map(|(name, number, of_vpc, subnet, address)| {
        let mut interface = interface(number, of_vpc, subnet, address, &[of_vpc]);
        interface.role = match name {
            "n" => InterfaceRole::NatGateway,
            "tv" | "ty" => InterfaceRole::TransitGateway,
            _ => InterfaceRole::Workload,
        };
        if interface.role != InterfaceRole::Workload {
            interface.security_groups.clear();
        }
        if !matches!(name, "a" | "b") {
            interface.ipv6.clear();
        }
        interface.source_dest_check = name != "m";
        if let Some(IpAddr::V4(public)) = public_of(name) {
            interface.public_ipv4 = vec![PublicIpv4 { public, private: interface.ipv4 }];
        }
        (name, interface)
    });
    made.into_iter().collect()
}

/// The host on the internet.
pub fn host(lab: &Lab) -> Guest {
    let namespace = NetworkNamespace::open(&lab.dir.path().join("netns/internet")).unwrap();
    let host = Guest { namespace, mac: INTERNET_MAC, address: HOST };
    let IpAddr::V6(ipv6) = HOST_IPV6 else { panic!("IPv6") };
    wait_until("the host takes packets to its IPv6 address", || host.takes_packets_to(ipv6));
    wait_until("the host's device is up", || {
        Netlink::open(&host.namespace).unwrap().link_named("eth0").unwrap().unwrap().is_running
    });
    host
}

/// The workstation.
pub fn workstation(lab: &Lab) -> Guest {
    let namespace = lab.workstation.as_ref().expect("a workstation");
    let path = format!("/proc/{}/fd/{}", std::process::id(), namespace.as_fd().as_raw_fd());
    let namespace = NetworkNamespace::open(path.as_ref()).unwrap();
    Guest { namespace, mac: WORKSTATION_MAC, address: WORKSTATION }
}

/// A TCP connection and both its ends.
pub struct Connection {
    pub near: TcpStream,
    pub far: TcpStream,
    /// Who the far end sees.
    pub peer: SocketAddr,
}

impl Connection {
    /// From a guest to an address, behind which is the listener.
    pub fn open(from: &Guest, to: (IpAddr, u16), listener: &TcpListener) -> Self {
        let near = from.connect(to, PATIENCE).unwrap_or_else(|| panic!("{} to {to:?}", from.address));
        let (far, peer) = accept(listener);
        Self { near, far, peer }
    }

    /// Whether words get through both ways within the time for each.
    pub fn passes(&mut self, within: Duration) -> bool {
        passes(&mut self.near, &mut self.far, within) && passes(&mut self.far, &mut self.near, within)
    }

    /// Passes words to and fro, and sees whether they went past the slow path wherever there is another.
    pub fn must_be_carried(&mut self, lab: &Lab) {
        const ROUNDS: u64 = 50;
        for _ in 0..3 {
            assert!(self.passes(PATIENCE), "{}", self.peer);
        }
        let before = lab.plane().counters().frames_decided;
        for _ in 0..ROUNDS {
            assert!(self.passes(PATIENCE), "{}", self.peer);
        }
        let decided = lab.plane().counters().frames_decided - before;
        match lab.plane().mode() {
            // Neighbours ask for each other now and then.
            Mode::FlowCache => assert!(decided < 20, "{decided} frames came up: {}", self.peer),
            Mode::SlowOnly(_) => assert!(decided >= 2 * ROUNDS, "{decided} frames for {ROUNDS} rounds"),
        }
    }
}
