//! A small network with names, for tests that read like facts.
//!
//! VPC `v` is 10.0.0.0/16 and 2600:1f00::/56 with the subnets `A` (10.0.0.0/24) and `B` (10.0.1.0/24), each with its own
//! route table and an ACL that allows everything. VPC `w` has the same blocks and one subnet, `W`.
#![allow(missing_docs, reason = "a row says what it needs")]
#![allow(clippy::unwrap_used, reason = "a test that is written wrongly may panic")]

pub mod gateways;
pub mod steps;

use std::collections::BTreeMap;
use std::net::IpAddr;

use aws_types::{
    DhcpOptionsId, MacAddress, NetworkAclId, NetworkInterfaceId, ResourceId, RouteTableId, SecurityGroupId,
    SecurityGroupRuleId, SubnetId, VpcId,
};
use ipnet::IpNet;

use super::{frame, wires};
use crate::{
    Applied, Delivery, DropReason, FlowOptions, Flows, FrameAction, Inner, InnerTransport, Millis, Packet,
    Snapshot, TcpFlags, Transport, Verdict, forward, handle_frame, router_mac,
};
use vpc_model::{
    AclAction, AclRuleNumber, Delta, DhcpOptions, Direction, IcmpMatch, IdleTimeouts, Interface,
    InterfaceRole, InternetBlock, NetworkAcl, NetworkAclEntry, ObjectId, Peer, Port, PortRange, Protocol,
    Resolver, Route, RouteOrigin, RouteTable, RouteTarget, SecurityGroup, SecurityGroupRule, Subnet, Traffic,
    Vpc,
};

/// The network, and the engine that runs it.
pub struct World {
    pub snapshot: Snapshot,
    pub flows: Flows,
    pub now: Millis,
    pub last: Option<Applied>,
    pub interfaces: BTreeMap<String, Interface>,
    groups: BTreeMap<String, SecurityGroup>,
    acls: BTreeMap<String, NetworkAcl>,
    tables: BTreeMap<String, RouteTable>,
    pub vpcs: BTreeMap<String, Vpc>,
}

/// What the engine of a world chooses by; wires have to have the same.
pub const SEED: u64 = 7;

/// The frame of a packet, as long as the packet says.
fn frame_of(packet: &Packet) -> Vec<u8> {
    const ETHERNET_BYTES: usize = 14;
    let headers = frame(packet, &[]).len() - ETHERNET_BYTES;
    frame(packet, &vec![0x5a; (packet.length_bytes as usize).saturating_sub(headers)])
}

/// A number for a name.
fn number(name: &str) -> u128 {
    name.bytes().fold(0, |number, byte| number * 256 + u128::from(byte))
}

pub fn eni(name: &str) -> NetworkInterfaceId {
    NetworkInterfaceId::from_bits(number(name))
}

pub fn group_id(name: &str) -> SecurityGroupId {
    SecurityGroupId::from_bits(number(name))
}

pub fn subnet(name: &str) -> SubnetId {
    SubnetId::from_bits(number(name))
}

fn traffic(words: &[&str]) -> Traffic {
    let ports = |word: &str| match word.split_once('-') {
        Some((from, to)) => PortRange::new(from.parse().unwrap(), to.parse().unwrap()).unwrap(),
        None if word == "*" => PortRange::ALL,
        None => PortRange::one(word.parse().unwrap()),
    };
    let icmp = |word: &str| match word.split_once('/') {
        Some((kind, code)) => IcmpMatch::TypeAndCode(kind.parse().unwrap(), code.parse().unwrap()),
        None if word == "*" => IcmpMatch::Any,
        None => IcmpMatch::Type(word.parse().unwrap()),
    };
    match words {
        ["all"] => Traffic::All,
        ["tcp", word] => Traffic::Tcp(ports(word)),
        ["udp", word] => Traffic::Udp(ports(word)),
        ["icmp", word] => Traffic::Icmp(icmp(word)),
        ["icmpv6", word] => Traffic::Icmpv6(icmp(word)),
        ["proto", word] => Traffic::Protocol(Protocol(word.parse().unwrap())),
        other => panic!("no traffic: {other:?}"),
    }
}

fn direction(word: &str) -> Direction {
    match word {
        "in" => Direction::Ingress,
        "out" => Direction::Egress,
        other => panic!("no direction: {other}"),
    }
}

impl World {
    #[allow(clippy::new_without_default, reason = "a world is made on wires")]
    pub fn new() -> Self {
        wires::begin();
        let mut world = Self {
            snapshot: Snapshot::new(),
            flows: Flows::new(FlowOptions { seed: SEED, record_events: true, ..FlowOptions::default() }),
            now: Millis::from_secs(1_000),
            last: None,
            interfaces: BTreeMap::new(),
            groups: BTreeMap::new(),
            acls: BTreeMap::new(),
            tables: BTreeMap::new(),
            vpcs: BTreeMap::new(),
        };
        let options = DhcpOptions {
            id: DhcpOptionsId::from_bits(1),
            domain_name: Some("ec2.internal".to_owned()),
            resolvers: vec![Resolver::AmazonProvided],
            ntp_servers: vec!["169.254.169.123".parse().unwrap()],
            netbios_name_servers: Vec::new(),
            netbios_node_type: None,
            mtu_bytes: DhcpOptions::VPC_MTU_BYTES,
            ipv6_preferred_lease_secs: DhcpOptions::IPV6_PREFERRED_LEASE_SECS,
        };
        world.apply(&[options.into()]);
        for (name, subnets) in [("v", &["A", "B"][..]), ("w", &["W"])] {
            let vpc = Vpc {
                id: VpcId::from_bits(number(name)),
                ipv4_cidrs: vec!["10.0.0.0/16".parse().unwrap()],
                ipv6_cidrs: vec!["2600:1f00::/56".parse().unwrap()],
                dns_support: true,
                dhcp_options: Some(DhcpOptionsId::from_bits(1)),
            };
            world.vpcs.insert(name.to_owned(), vpc.clone());
            world.apply(&[vpc.into()]);
            for (index, name_of_subnet) in subnets.iter().enumerate() {
                world.routes(name_of_subnet, &[]);
                world.acl(
                    name_of_subnet,
                    &[
                        "in 100 allow all 0.0.0.0/0",
                        "out 100 allow all 0.0.0.0/0",
                        "in 101 allow all ::/0",
                        "out 101 allow all ::/0",
                    ],
                );
                let subnet = Subnet {
                    id: subnet(name_of_subnet),
                    vpc: VpcId::from_bits(number(name)),
                    cidr: format!("10.0.{index}.0/24").parse().unwrap(),
                    ipv6_cidr: Some(format!("2600:1f00:0:{index}::/64").parse().unwrap()),
                    zone: "us-east-1a".parse().unwrap(),
                    route_table: RouteTableId::from_bits(number(name_of_subnet)),
                    network_acl: NetworkAclId::from_bits(number(name_of_subnet)),
                    internet_block: InternetBlock::Off,
                };
                world.apply(&[subnet.into()]);
            }
        }
        world
    }

    pub fn apply(&mut self, deltas: &[Delta]) {
        let applied = self.snapshot.apply(deltas);
        self.snapshot = applied.snapshot.clone();
        for &port in &applied.removed {
            self.flows.forget_port(port);
        }
        self.last = Some(applied);
        wires::with(|wires| wires.apply(deltas));
    }

    /// Lets time pass, for the engine alone.
    pub fn wait(&mut self, secs: u64) {
        self.now = Millis(self.now.0 + secs * 1000);
        wires::pause();
    }

    /// Rules such as `in tcp 22 0.0.0.0/0` or `out all @group`.
    pub fn group(&mut self, name: &str, rules: &[&str]) {
        let rules = rules.iter().enumerate().map(|(index, rule)| {
            let words: Vec<&str> = rule.split(' ').collect();
            let (peer, rest) = words.split_last().unwrap();
            SecurityGroupRule {
                id: SecurityGroupRuleId::from_bits(index as u128),
                direction: direction(rest[0]),
                traffic: traffic(&rest[1..]),
                peer: match peer.strip_prefix('@') {
                    Some(group) => Peer::Group(SecurityGroupId::from_bits(number(group))),
                    None => Peer::Cidr(peer.parse().unwrap()),
                },
            }
        });
        let group = SecurityGroup {
            id: SecurityGroupId::from_bits(number(name)),
            vpc: VpcId::from_bits(number("v")),
            rules: rules.collect(),
        };
        self.groups.insert(name.to_owned(), group.clone());
        self.apply(&[group.into()]);
    }

    /// Entries such as `in 100 deny tcp 22 10.0.0.0/8` of the ACL of a subnet.
    pub fn acl(&mut self, subnet: &str, entries: &[&str]) {
        let entries = entries.iter().map(|entry| {
            let words: Vec<&str> = entry.split(' ').collect();
            let (cidr, rest) = words.split_last().unwrap();
            NetworkAclEntry {
                number: AclRuleNumber::new(rest[1].parse().unwrap()).unwrap(),
                direction: direction(rest[0]),
                traffic: traffic(&rest[3..]),
                cidr: cidr.parse().unwrap(),
                action: if rest[2] == "allow" { AclAction::Allow } else { AclAction::Deny },
            }
        });
        let acl = NetworkAcl {
            id: NetworkAclId::from_bits(number(subnet)),
            vpc: VpcId::from_bits(number("v")),
            entries: entries.collect(),
        };
        self.acls.insert(subnet.to_owned(), acl.clone());
        self.apply(&[acl.into()]);
    }

    /// Routes such as `0.0.0.0/0 blackhole` or `10.9.0.0/16 @interface`, of the table of a subnet, with `listed` behind it for
    /// one of a prefix list or `propagated`.
    pub fn routes(&mut self, subnet: &str, routes: &[&str]) {
        let routes = routes.iter().map(|route| {
            let words: Vec<&str> = route.split(' ').collect();
            let target = match words[1].strip_prefix('@') {
                Some(name) => RouteTarget::Interface(eni(name)),
                None if words[1] == "local" => RouteTarget::Local,
                None => RouteTarget::Blackhole,
            };
            let origin = match words.get(2) {
                Some(&"propagated") => RouteOrigin::Propagated,
                Some(&"listed") => RouteOrigin::PrefixList,
                _ => RouteOrigin::Static,
            };
            Route { destination: words[0].parse::<IpNet>().unwrap(), target, origin }
        });
        let vpc = VpcId::from_bits(number(if subnet == "W" { "w" } else { "v" }));
        let table = RouteTable { id: RouteTableId::from_bits(number(subnet)), vpc, routes: routes.collect() };
        self.tables.insert(subnet.to_owned(), table.clone());
        self.apply(&[table.into()]);
    }

    /// An interface in the subnet of its first address, IPv4, in VPC `v` unless the name begins with `w`. The port
    /// counts up.
    pub fn interface(&mut self, name: &str, addresses: &[&str], groups: &[&str]) {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let IpAddr::V4(ipv4) = addresses[0] else { panic!("the first address is IPv4") };
        let in_w = name.starts_with('w');
        let port = Port::new(self.interfaces.len() as u32 + 1).unwrap();
        let name_of_subnet = match ipv4.octets()[2] {
            _ if in_w => "W",
            0 => "A",
            _ => "B",
        };
        let interface = Interface {
            id: eni(name),
            port,
            vpc: VpcId::from_bits(number(if in_w { "w" } else { "v" })),
            subnet: subnet(name_of_subnet),
            mac: MacAddress::local(u64::from(port.number()) + 0x100),
            ipv4,
            public_ipv4: Vec::new(),
            role: InterfaceRole::Workload,
            secondary_ipv4: addresses[1..]
                .iter()
                .filter_map(|address| match address {
                    IpAddr::V4(address) => Some(*address),
                    IpAddr::V6(_) => None,
                })
                .collect(),
            ipv6: addresses
                .iter()
                .filter_map(|address| match address {
                    IpAddr::V6(address) => Some(*address),
                    IpAddr::V4(_) => None,
                })
                .collect(),
            ipv4_prefixes: Vec::new(),
            ipv6_prefixes: Vec::new(),
            security_groups: groups.iter().map(|name| SecurityGroupId::from_bits(number(name))).collect(),
            source_dest_check: true,
            idle_timeouts: IdleTimeouts::DEFAULT,
            tracking_limit: None,
            hostname: None,
        };
        self.interfaces.insert(name.to_owned(), interface.clone());
        self.apply(&[interface.into()]);
    }

    /// Changes an interface.
    pub fn modify(&mut self, name: &str, change: impl FnOnce(&mut Interface)) {
        let interface = self.interfaces.get_mut(name).unwrap();
        change(interface);
        let interface = interface.clone();
        self.apply(&[interface.into()]);
    }

    pub fn remove(&mut self, name: &str) {
        self.apply(&[Delta::Remove(ObjectId::Interface(eni(name)))]);
    }

    pub fn port(&self, name: &str) -> Port {
        match name {
            "services" => Port::SERVICES,
            "internet" => Port::INTERNET,
            "workstation" => Port::WORKSTATION,
            name => self.interfaces[name].port,
        }
    }

    /// A packet as the interface's own network stack would address it: to the neighbour or to the router.
    pub fn packet(&self, from: &str, to: &str, spec: &str) -> Packet {
        let destination: IpAddr = to.parse().unwrap();
        let (source, source_mac, router) = if from == "services" {
            panic!("answers are made of what arrived")
        } else {
            let interface = &self.interfaces[from];
            let source = interface.addresses().find(|own| own.is_ipv4() == destination.is_ipv4());
            (source.expect("an address of the family"), interface.mac, router_mac(interface.subnet))
        };
        let neighbour = self.interfaces.values().find(|other| {
            other.subnet == self.interfaces[from].subnet && other.addresses().any(|own| own == destination)
        });
        let (protocol, transport) = transport(spec);
        Packet {
            source_mac,
            destination_mac: neighbour.map_or(router, |neighbour| neighbour.mac),
            source,
            destination,
            protocol,
            transport,
            fragment: None,
            ttl: 64,
            length_bytes: 100,
            segment_bytes: 100,
            may_be_fragmented: source.is_ipv4(),
        }
    }

    pub fn send(&mut self, from: &str, packet: &Packet) -> Verdict {
        let port = self.port(from);
        let Some(frame) = wires::with(|_| frame_of(packet)) else {
            return forward(&self.snapshot, &mut self.flows, port, packet, self.now);
        };
        let action = handle_frame(&self.snapshot, &mut self.flows, port, &frame, None, self.now);
        wires::with(|wires| wires.send(port, &frame, &action));
        match action {
            FrameAction::Forward(delivery) => Verdict::Deliver(delivery),
            FrameAction::Drop(reason) | FrameAction::Refuse(reason, _) => Verdict::Drop(reason),
            FrameAction::Reply(_) => panic!("the fabric answers {packet:?}"),
        }
    }

    /// Sends a packet; the name of the interface that gets it, or of the reason why none does.
    pub fn outcome(&mut self, from: &str, packet: &Packet) -> String {
        match self.send(from, packet) {
            Verdict::Deliver(Delivery { to, .. }) if to == Port::SERVICES => "services".to_owned(),
            Verdict::Deliver(Delivery { to, .. }) if to == Port::INTERNET => "internet".to_owned(),
            Verdict::Deliver(Delivery { to, .. }) if to == Port::WORKSTATION => "workstation".to_owned(),
            Verdict::Deliver(Delivery { to, .. }) => {
                let found = self.interfaces.iter().find(|(_, interface)| interface.port == to);
                found.expect("a port of the world").0.clone()
            }
            Verdict::Drop(reason) => reason.name().to_owned(),
        }
    }

    pub fn reason(&mut self, from: &str, packet: &Packet) -> DropReason {
        match self.send(from, packet) {
            Verdict::Drop(reason) => reason,
            Verdict::Deliver(delivery) => panic!("delivered: {delivery:?}"),
        }
    }

    pub fn delivery(&mut self, from: &str, packet: &Packet) -> Delivery {
        match self.send(from, packet) {
            Verdict::Deliver(delivery) => delivery,
            Verdict::Drop(reason) => panic!("dropped: {reason}"),
        }
    }
}

/// `tcp 40000 22 S`, `udp 40000 53`, `icmp 8 0 ID`, `icmpv6 128 0 ID`, `proto 47`; flags are letters of SAFR.
pub fn transport(spec: &str) -> (Protocol, Transport) {
    let words: Vec<&str> = spec.split(' ').collect();
    let word = |index: usize| words[index].parse::<u16>().unwrap();
    match words[0] {
        "tcp" => {
            let flags = words[3].chars().fold(TcpFlags::default(), |flags, letter| {
                flags.with(match letter {
                    'S' => TcpFlags::SYN,
                    'A' => TcpFlags::ACK,
                    'F' => TcpFlags::FIN,
                    'R' => TcpFlags::RST,
                    other => panic!("no flag: {other}"),
                })
            });
            (Protocol::TCP, Transport::Tcp { source: word(1), destination: word(2), flags })
        }
        "udp" => (Protocol::UDP, Transport::Udp { source: word(1), destination: word(2) }),
        "icmp" | "icmpv6" => {
            let protocol = if words[0] == "icmp" { Protocol::ICMP } else { Protocol::ICMPV6 };
            let (kind, code) = (word(1) as u8, word(2) as u8);
            (protocol, Transport::Icmp { kind, code, id: word(3), about: None })
        }
        "proto" => (Protocol(word(1) as u8), Transport::Other),
        other => panic!("no transport: {other}"),
    }
}

/// The ICMP error about a packet, from who got it to who sent it.
pub fn error_about(packet: &Packet, receiver: MacAddress, kind: u8, code: u8) -> Packet {
    let transport = match packet.transport {
        Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
            InnerTransport::Ports { source, destination }
        }
        _ => InnerTransport::Other,
    };
    let about = Inner {
        source: packet.source,
        destination: packet.destination,
        protocol: packet.protocol,
        transport,
    };
    Packet {
        source_mac: receiver,
        destination_mac: packet.source_mac,
        source: packet.destination,
        destination: packet.source,
        protocol: if packet.source.is_ipv4() { Protocol::ICMP } else { Protocol::ICMPV6 },
        transport: Transport::Icmp { kind, code, id: 0, about: Some(about) },
        ..*packet
    }
}
