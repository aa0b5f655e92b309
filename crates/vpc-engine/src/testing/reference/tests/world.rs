//! A small network with everything, and the rows that are played through it.
//!
//! VPC `v` (10.0.0.0/16, 2600:1f00::/56) has the subnets `p` (10.0.0.0/24, to the internet gateway), `q` (10.0.1.0/24, to the
//! NAT gateway, which is in `p`, the egress-only gateway, the endpoint of S3, and the others) and `t` (10.0.2.0/24), all in
//! zone a. VPC `w` (10.1.0.0/16) is its peer, VPC `u` (10.2.0.0/16) is attached to the same transit gateway in zone b. Each
//! of these has one subnet.

use std::net::IpAddr;

use aws_types::{
    DhcpOptionsId, EgressOnlyInternetGatewayId, InternetGatewayId, MacAddress, NatGatewayId, NetworkAclId,
    NetworkInterfaceId, ResourceId, RouteTableId, SecurityGroupId, SecurityGroupRuleId, SubnetId,
    TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId, VpcEndpointId, VpcId,
    VpcPeeringConnectionId, VpnGatewayId,
};
use ipnet::IpNet;
use vpc_model::{
    AclAction, AclRuleNumber, AttachedNetwork, AttachedSubnet, AttachedVpc, Delta, Direction,
    EgressOnlyInternetGateway, IdleTimeouts, Interface, InterfaceRole, InternetBlock, InternetGateway,
    InternetHost, InternetPlace, ManagedService, NatGateway, NetworkAcl, NetworkAclEntry, Peer, Port,
    Protocol, PublicAddresses, PublicIpv4, Route, RouteOrigin, RouteTable, RouteTarget, SecurityGroup,
    SecurityGroupRule, ServiceAddresses, Subnet, Traffic, TransitGateway, TransitGatewayAttachment,
    TransitGatewayRouteTable, Vpc, VpcEndpoint, VpcEndpointKind, VpcPeeringConnection, VpnGateway,
};

use crate::packet::{Inner, InnerTransport, Packet, TcpFlags, Transport};
use crate::services::{INTERNET_MAC, LINK_ROUTER_MAC};
use crate::testing::reference::{Arrival, Expectation, Reference};
use crate::time::Millis;

/// One thing that happens in a row.
pub(super) enum Step {
    /// From an interface by name, or `internet ADDRESS` or `workstation ADDRESS`; to an address; what; and how the outcome
    /// begins: the place and the addresses seen there, or the reason.
    Send(&'static str, &'static str, &'static str, &'static str),
    /// What has arrived last is answered: with these TCP flags, where it is TCP.
    Reply(&'static str, &'static str),
    /// Who got the last packet sends an ICMP error about it.
    Fails(&'static str),
    /// The last packet of an interface again, with these TCP flags.
    Again(&'static str, &'static str),
    Change(fn(&mut World)),
    Wait(u64),
}

pub(super) use Step::{Again, Change, Fails, Reply, Send, Wait};

/// Plays rows through a new network.
pub(super) fn check(fact: &str, steps: &[Step]) {
    let mut world = World::usual();
    for (index, step) in steps.iter().enumerate() {
        let (from, packet, expected) = match step {
            Change(change) => {
                change(&mut world);
                continue;
            }
            Wait(secs) => {
                world.now = Millis(world.now.0 + secs * 1000);
                continue;
            }
            Send(from, to, what, expected) => {
                let (from, packet) = world.packet(from, to, what);
                (from, packet, expected)
            }
            Again(what, expected) => {
                let (from, packet) = world.sent.expect("something was sent");
                (from, Packet { transport: with_flags(packet.transport, what), ..packet }, expected)
            }
            Reply(what, expected) => {
                let (from, packet) = world.answer(what);
                (from, packet, expected)
            }
            Fails(expected) => {
                let (from, packet) = world.error();
                (from, packet, expected)
            }
        };
        let outcome = world.play(from, packet);
        assert!(outcome.starts_with(*expected), "fact {fact}, step {index}: {outcome}, not {expected}");
    }
}

pub(super) struct World {
    reference: Reference,
    now: Millis,
    interfaces: Vec<(&'static str, Interface)>,
    subnets: Vec<(&'static str, Subnet)>,
    pub(super) nat: NatGateway,
    pub(super) internet: InternetGateway,
    pub(super) attachments: Vec<TransitGatewayAttachment>,
    /// What was sent last, and how it arrived.
    sent: Option<(Port, Packet)>,
    seen: Option<(Port, Packet)>,
}

fn parse<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("a row is well formed")
}

/// The number of a name of one letter or more.
fn number(name: &str) -> u128 {
    name.bytes().fold(0, |number, byte| number * 256 + u128::from(byte))
}

fn table_of(name: &str) -> RouteTableId {
    RouteTableId::from_bits(number(name))
}

pub(super) fn transit_table() -> TransitGatewayRouteTableId {
    TransitGatewayRouteTableId::from_bits(1)
}

pub(super) fn attachment(vpc: &str) -> TransitGatewayAttachmentId {
    TransitGatewayAttachmentId::from_bits(number(vpc))
}

fn target(word: &str) -> RouteTarget {
    match word {
        "local" => RouteTarget::Local,
        "blackhole" => RouteTarget::Blackhole,
        "igw" => RouteTarget::InternetGateway(InternetGatewayId::from_bits(1)),
        "eigw" => RouteTarget::EgressOnlyInternetGateway(EgressOnlyInternetGatewayId::from_bits(1)),
        "nat" => RouteTarget::NatGateway(NatGatewayId::from_bits(1)),
        "pcx" => RouteTarget::VpcPeeringConnection(VpcPeeringConnectionId::from_bits(1)),
        "tgw" => RouteTarget::TransitGateway(TransitGatewayId::from_bits(1)),
        "s3" => RouteTarget::VpcEndpoint(VpcEndpointId::from_bits(1)),
        "gwlbe" => RouteTarget::VpcEndpoint(VpcEndpointId::from_bits(2)),
        "vgw" => RouteTarget::VpnGateway(VpnGatewayId::from_bits(1)),
        name => RouteTarget::Interface(NetworkInterfaceId::from_bits(number(name.trim_start_matches('@')))),
    }
}

impl World {
    pub(super) fn usual() -> Self {
        let vpc = VpcId::from_bits(number("v"));
        let mut world = Self {
            reference: Reference::default(),
            now: Millis::from_secs(1_000),
            interfaces: Vec::new(),
            subnets: Vec::new(),
            nat: NatGateway {
                id: NatGatewayId::from_bits(1),
                vpc,
                subnet: SubnetId::from_bits(number("p")),
                interface: NetworkInterfaceId::from_bits(number("n")),
                addresses: vec![parse("10.0.0.100")],
            },
            internet: InternetGateway { id: InternetGatewayId::from_bits(1), vpc, route_table: None },
            attachments: Vec::new(),
            sent: None,
            seen: None,
        };
        for (name, block, ipv6) in [
            ("v", "10.0.0.0/16", "2600:1f00::/56"),
            ("w", "10.1.0.0/16", "2600:1f00:0:100::/56"),
            ("u", "10.2.0.0/16", "2600:1f00:0:200::/56"),
        ] {
            world.put(Vpc {
                id: VpcId::from_bits(number(name)),
                ipv4_cidrs: vec![parse(block)],
                ipv6_cidrs: vec![parse(ipv6)],
                dns_support: true,
                dhcp_options: Some(DhcpOptionsId::from_bits(1)),
            });
        }
        world.subnet("p", "v", "10.0.0.0/24", "2600:1f00::/64", "us-east-1a");
        world.subnet("q", "v", "10.0.1.0/24", "2600:1f00:0:1::/64", "us-east-1a");
        world.subnet("t", "v", "10.0.2.0/24", "2600:1f00:0:2::/64", "us-east-1a");
        world.subnet("w", "w", "10.1.0.0/24", "2600:1f00:0:100::/64", "us-east-1a");
        world.subnet("u", "u", "10.2.0.0/24", "2600:1f00:0:200::/64", "us-east-1b");
        world.group("v", &[]);
        world.group("w", &[]);
        world.group("u", &[]);
        world.interface("p", "p", "10.0.0.10", Some("198.18.0.10"));
        world.interface("x", "p", "10.0.0.11", None);
        world.interface("m", "p", "10.0.0.50", Some("198.18.0.50"));
        world.interface("q", "q", "10.0.1.20", None);
        world.interface("w", "w", "10.1.0.30", None);
        world.interface("u", "u", "10.2.0.40", None);
        world.interface("n", "p", "10.0.0.100", Some("198.18.0.100"));
        world.interface("T", "t", "10.0.2.200", None);
        world.interface("U", "u", "10.2.0.200", None);
        world.gateways(vpc);
        world.usual_routes();
        world
    }

    fn gateways(&mut self, vpc: VpcId) {
        self.change_interface("m", |interface| interface.source_dest_check = false);
        self.change_interface("n", |interface| interface.role = InterfaceRole::NatGateway);
        for name in ["T", "U"] {
            self.change_interface(name, |interface| interface.role = InterfaceRole::TransitGateway);
        }
        self.put(self.nat.clone());
        self.put(self.internet.clone());
        self.put(EgressOnlyInternetGateway { id: EgressOnlyInternetGatewayId::from_bits(1), vpc });
        self.put(VpnGateway { id: VpnGatewayId::from_bits(1), vpc });
        let kind = VpcEndpointKind::Gateway(ManagedService::S3);
        self.put(VpcEndpoint { id: VpcEndpointId::from_bits(1), vpc, kind });
        let kind = VpcEndpointKind::GatewayLoadBalancer;
        self.put(VpcEndpoint { id: VpcEndpointId::from_bits(2), vpc, kind });
        self.put(ServiceAddresses { id: parse("52.216.0.0/24"), service: ManagedService::S3 });
        self.put(PublicAddresses { id: parse("198.18.0.0/15") });
        self.put(InternetHost { id: parse("203.0.113.10"), place: InternetPlace::Declared });
        self.put(InternetHost { id: parse("2001:db8::10"), place: InternetPlace::Declared });
        self.put(InternetHost { id: parse("192.0.2.50"), place: InternetPlace::Workstation });
        self.peering(false);
        self.put(TransitGateway { id: TransitGatewayId::from_bits(1), security_group_referencing: true });
        for (name, subnet, interface) in [("v", "t", "T"), ("u", "u", "U")] {
            let attached = AttachedVpc {
                vpc: VpcId::from_bits(number(name)),
                subnets: vec![AttachedSubnet {
                    subnet: SubnetId::from_bits(number(subnet)),
                    interface: NetworkInterfaceId::from_bits(number(interface)),
                }],
                ipv6: false,
                appliance_mode: false,
                security_group_referencing: true,
            };
            self.attachments.push(TransitGatewayAttachment {
                id: attachment(name),
                gateway: TransitGatewayId::from_bits(1),
                target: AttachedNetwork::Vpc(attached),
                association: Some(transit_table()),
            });
        }
        for attachment in self.attachments.clone() {
            self.put(attachment);
        }
        self.transit_routes(&[]);
    }

    fn usual_routes(&mut self) {
        self.routes("p", "v", &["0.0.0.0/0 igw", "::/0 igw"]);
        let to_all = [
            "0.0.0.0/0 nat",
            "::/0 eigw",
            "52.216.0.0/24 s3 list",
            "10.1.0.0/16 pcx",
            "10.2.0.0/16 tgw",
            "172.16.0.0/12 vgw learnt",
        ];
        self.routes("q", "v", &to_all);
        self.routes("t", "v", &[]);
        self.routes("w", "w", &["10.0.0.0/16 pcx", "10.2.0.0/16 pcx", "203.0.113.0/24 pcx"]);
        self.routes("u", "u", &["10.0.0.0/16 tgw", "203.0.113.0/24 tgw"]);
    }

    pub(super) fn put(&mut self, object: impl Into<Delta>) {
        self.reference.apply(&[object.into()]);
    }

    pub(super) fn remove(&mut self, id: impl Into<vpc_model::ObjectId>) {
        self.reference.apply(&[Delta::Remove(id.into())]);
    }

    pub(super) fn peering(&mut self, is_inter_region: bool) {
        let (requester, accepter) = (VpcId::from_bits(number("v")), VpcId::from_bits(number("w")));
        let id = VpcPeeringConnectionId::from_bits(1);
        self.put(VpcPeeringConnection { id, requester, accepter, is_inter_region });
    }

    /// Static routes of the transit gateway, with all VPCs propagated: `destination attachment` or `destination -`.
    pub(super) fn transit_routes(&mut self, rows: &[&str]) {
        let routes = rows.iter().map(|row| {
            let words: Vec<&str> = row.split(' ').collect();
            vpc_model::TransitGatewayRoute {
                destination: parse(words[0]),
                target: (words[1] != "-").then(|| attachment(words[1])),
                is_of_prefix_list: words.len() > 2,
            }
        });
        self.put(TransitGatewayRouteTable {
            id: transit_table(),
            gateway: TransitGatewayId::from_bits(1),
            routes: routes.collect(),
            propagations: vec![attachment("v"), attachment("u")],
        });
    }

    /// Routes as `destination target`, with `list` or `learnt` for their origin.
    pub(super) fn routes(&mut self, table: &str, vpc: &str, rows: &[&str]) {
        let routes = rows.iter().map(|row| {
            let words: Vec<&str> = row.split(' ').collect();
            let origin = match words.get(2) {
                Some(&"list") => RouteOrigin::PrefixList,
                Some(&"learnt") => RouteOrigin::Propagated,
                _ => RouteOrigin::Static,
            };
            Route { destination: parse(words[0]), target: target(words[1]), origin }
        });
        let (id, vpc) = (table_of(table), VpcId::from_bits(number(vpc)));
        self.put(RouteTable { id, vpc, routes: routes.collect() });
    }

    /// A gateway route table for the internet gateway.
    pub(super) fn ingress_routes(&mut self, rows: &[&str]) {
        self.routes("i", "v", rows);
        self.internet.route_table = Some(table_of("i"));
        self.put(self.internet.clone());
    }

    fn subnet(&mut self, name: &'static str, vpc: &str, cidr: &str, ipv6: &str, zone: &str) {
        let vpc = VpcId::from_bits(number(vpc));
        let subnet = Subnet {
            id: SubnetId::from_bits(number(name)),
            vpc,
            cidr: parse(cidr),
            ipv6_cidr: Some(parse(ipv6)),
            zone: parse(zone),
            route_table: table_of(name),
            network_acl: NetworkAclId::from_bits(number(name)),
            internet_block: InternetBlock::Off,
        };
        self.put(subnet.clone());
        self.subnets.push((name, subnet));
        self.deny(name, &[]);
    }

    pub(super) fn block(&mut self, name: &str, block: InternetBlock) {
        let listed = self.subnets.iter_mut().find(|(listed, _)| *listed == name).expect("it is listed");
        listed.1.internet_block = block;
        let subnet = listed.1.clone();
        self.put(subnet);
    }

    pub(super) fn zone(&mut self, name: &str, zone: &str) {
        let listed = self.subnets.iter_mut().find(|(listed, _)| *listed == name).expect("it is listed");
        listed.1.zone = parse(zone);
        let subnet = listed.1.clone();
        self.put(subnet);
    }

    pub(super) fn change_attachment(
        &mut self,
        index: usize,
        change: impl FnOnce(&mut TransitGatewayAttachment),
    ) {
        change(&mut self.attachments[index]);
        self.put(self.attachments[index].clone());
    }

    /// Whether the transit gateway lets groups be named.
    pub(super) fn refer(&mut self, security_group_referencing: bool) {
        self.put(TransitGateway { id: TransitGatewayId::from_bits(1), security_group_referencing });
    }

    /// The ACL of a subnet lets everything pass but these directions and blocks.
    pub(super) fn deny(&mut self, name: &str, denied: &[(Direction, &str)]) {
        let vpc = self.subnets.iter().find(|(listed, _)| *listed == name).expect("it is listed").1.vpc;
        let entry = |place: usize, direction, cidr: &str, action| NetworkAclEntry {
            number: AclRuleNumber::new(place as u16 + 1).expect("a number"),
            direction,
            traffic: Traffic::All,
            cidr: parse(cidr),
            action,
        };
        let mut entries: Vec<NetworkAclEntry> = (denied.iter().enumerate())
            .map(|(place, (direction, cidr))| entry(place, *direction, cidr, AclAction::Deny))
            .collect();
        for (place, cidr) in ["0.0.0.0/0", "::/0"].into_iter().enumerate() {
            entries.push(entry(100 + place, Direction::Ingress, cidr, AclAction::Allow));
            entries.push(entry(100 + place, Direction::Egress, cidr, AclAction::Allow));
        }
        self.put(NetworkAcl { id: NetworkAclId::from_bits(number(name)), vpc, entries });
    }

    /// The group that the interfaces of a VPC carry: open, unless rules say who may send (`in`) and be sent to (`out`), by
    /// a block or the name of a group.
    pub(super) fn group(&mut self, name: &str, rules: &[&str]) {
        let open = ["in 0.0.0.0/0", "out 0.0.0.0/0", "in ::/0", "out ::/0"];
        let rules = if rules.is_empty() { &open } else { rules };
        let rules = rules.iter().enumerate().map(|(place, row)| {
            let (direction, peer) = row.split_once(' ').expect("two words");
            SecurityGroupRule {
                id: SecurityGroupRuleId::from_bits(place as u128),
                direction: if direction == "in" { Direction::Ingress } else { Direction::Egress },
                traffic: Traffic::All,
                peer: match peer.parse::<IpNet>() {
                    Ok(net) => Peer::Cidr(net),
                    Err(_) => Peer::Group(SecurityGroupId::from_bits(number(peer))),
                },
            }
        });
        let (id, vpc) = (SecurityGroupId::from_bits(number(name)), VpcId::from_bits(number(name)));
        self.put(SecurityGroup { id, vpc, rules: rules.collect() });
    }

    fn interface(&mut self, name: &'static str, subnet: &str, address: &str, public: Option<&str>) {
        let subnet =
            self.subnets.iter().find(|(listed, _)| *listed == subnet).expect("it is listed").1.clone();
        let number = number(name);
        let ipv6 = subnet.ipv6_cidr.expect("one").network().to_bits() + number;
        let interface = Interface {
            id: NetworkInterfaceId::from_bits(number),
            port: Port::new(number as u32).expect("a small number"),
            vpc: subnet.vpc,
            subnet: subnet.id,
            mac: MacAddress::local(number as u64),
            ipv4: parse(address),
            secondary_ipv4: Vec::new(),
            ipv6: vec![ipv6.into()],
            ipv4_prefixes: Vec::new(),
            ipv6_prefixes: Vec::new(),
            public_ipv4: public
                .map(|public| PublicIpv4 { public: parse(public), private: parse(address) })
                .into_iter()
                .collect(),
            role: InterfaceRole::Workload,
            security_groups: [("v", "10.0."), ("w", "10.1."), ("u", "10.2.")]
                .iter()
                .filter(|(_, start)| address.starts_with(start))
                .map(|(vpc, _)| SecurityGroupId::from_bits(self::number(vpc)))
                .collect(),
            source_dest_check: true,
            idle_timeouts: IdleTimeouts::DEFAULT,
            tracking_limit: None,
            hostname: None,
        };
        self.put(interface.clone());
        self.interfaces.push((name, interface));
    }

    pub(super) fn change_interface(&mut self, name: &str, change: impl FnOnce(&mut Interface)) {
        let listed = self.interfaces.iter_mut().find(|(listed, _)| *listed == name).expect("it is listed");
        change(&mut listed.1);
        let interface = listed.1.clone();
        self.put(interface);
    }

    fn named(&self, name: &str) -> &Interface {
        &self.interfaces.iter().find(|(listed, _)| *listed == name).expect("it is listed").1
    }

    /// A packet of somebody, such as `tcp 1000 80 S`, `udp 1 2`, `icmp 8 7` or `gre`.
    pub(super) fn packet(&self, from: &str, to: &str, what: &str) -> (Port, Packet) {
        let destination: IpAddr = parse(to);
        let (from, source, source_mac, destination_mac) = match from.split_once(' ') {
            Some((place, address)) => {
                let port = if place == "internet" { Port::INTERNET } else { Port::WORKSTATION };
                (port, parse(address), MacAddress::local(1), LINK_ROUTER_MAC)
            }
            None => {
                let sender = self.named(from);
                let source = if destination.is_ipv4() { sender.ipv4.into() } else { sender.ipv6[0].into() };
                (sender.port, source, sender.mac, crate::router_mac(sender.subnet))
            }
        };
        let words: Vec<&str> = what.split(' ').collect();
        let (protocol, transport) = match words[0] {
            "tcp" => {
                let (source, destination) = (parse(words[1]), parse(words[2]));
                let transport = Transport::Tcp { source, destination, flags: TcpFlags::default() };
                (Protocol::TCP, with_flags(transport, words[3]))
            }
            "udp" => {
                let (source, destination) = (parse(words[1]), parse(words[2]));
                (Protocol::UDP, Transport::Udp { source, destination })
            }
            "icmp" => {
                let protocol = if destination.is_ipv4() { Protocol::ICMP } else { Protocol::ICMPV6 };
                let (kind, id) = (parse(words[1]), parse(words[2]));
                (protocol, Transport::Icmp { kind, code: 0, id, about: None })
            }
            _ => (Protocol(47), Transport::Other),
        };
        let fragment = what.ends_with("fragment").then_some(crate::packet::Fragment {
            id: 1,
            offset_bytes: 0,
            more: true,
        });
        let (ttl, length_bytes) = (64, 60);
        let packet = Packet {
            source_mac,
            destination_mac,
            source,
            destination,
            protocol,
            transport,
            fragment,
            ttl,
            length_bytes,
            segment_bytes: length_bytes,
            may_be_fragmented: source.is_ipv4(),
        };
        (from, packet)
    }

    /// From where the last packet arrived, a packet back.
    fn back(&self) -> (Port, Packet) {
        let (at, seen) = self.seen.expect("something has arrived");
        let source_mac = self.reference.interface(at).map_or(MacAddress::local(1), |interface| interface.mac);
        let (source, destination, destination_mac) = (seen.destination, seen.source, seen.source_mac);
        (at, Packet { source_mac, destination_mac, source, destination, fragment: None, ..seen })
    }

    fn answer(&self, what: &str) -> (Port, Packet) {
        let (at, mut packet) = self.back();
        packet.transport = match packet.transport {
            Transport::Tcp { source, destination, flags } => {
                with_flags(Transport::Tcp { source: destination, destination: source, flags }, what)
            }
            Transport::Udp { source, destination } => {
                Transport::Udp { source: destination, destination: source }
            }
            Transport::Icmp { kind: 8, id, .. } => Transport::Icmp { kind: 0, code: 0, id, about: None },
            other => other,
        };
        (at, packet)
    }

    fn error(&self) -> (Port, Packet) {
        let (at, seen) = self.seen.expect("something has arrived");
        let (_, packet) = self.back();
        let transport = match seen.transport {
            Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
                InnerTransport::Ports { source, destination }
            }
            Transport::Icmp { kind, code, id, .. } => InnerTransport::Icmp { kind, code, id },
            Transport::Other | Transport::Continuation => InnerTransport::Other,
        };
        let (source, destination, protocol) = (seen.source, seen.destination, seen.protocol);
        let about = Some(Inner { source, destination, protocol, transport });
        let (protocol, kind) = if source.is_ipv4() { (Protocol::ICMP, 3) } else { (Protocol::ICMPV6, 1) };
        (at, Packet { protocol, transport: Transport::Icmp { kind, code: 1, id: 0, about }, ..packet })
    }

    /// What the reference says beside an engine that says so.
    pub(super) fn judge(
        &mut self,
        from: Port,
        packet: &Packet,
        engine: &Result<Arrival, &'static str>,
    ) -> Result<Expectation, &'static str> {
        self.reference.judge(from, packet, self.now, engine)
    }

    /// Judges a packet and says what has become of it.
    fn play(&mut self, from: Port, packet: Packet) -> String {
        let expected = match self.reference.judge_alone(from, &packet, self.now) {
            Ok(expected) => expected,
            Err(reason) => return reason.to_owned(),
        };
        let Arrival { to, source, destination, source_mac, .. } = expected.arrival;
        self.sent = Some((from, packet));
        let mut seen = Packet { source: source.0, destination: destination.0, source_mac, ..packet };
        match &mut seen.transport {
            Transport::Tcp { source: one, destination: other, .. }
            | Transport::Udp { source: one, destination: other } => {
                (*one, *other) = (source.1, destination.1);
            }
            Transport::Icmp { id, .. } => {
                let told = [source.1, destination.1].into_iter().find(|number| *number != 0);
                *id = told.unwrap_or(*id);
            }
            Transport::Other | Transport::Continuation => {}
        }
        self.seen = Some((to, seen));
        let place = match to {
            Port::SERVICES => "services",
            Port::INTERNET => "internet",
            Port::WORKSTATION => "workstation",
            port => self.interfaces.iter().find(|(_, one)| one.port == port).expect("it is listed").0,
        };
        let about = expected.about.map_or(String::new(), |inner| {
            let ports = match inner.transport {
                InnerTransport::Ports { source, destination } => (source, destination),
                InnerTransport::Icmp { id, .. } => (id, id),
                InnerTransport::Other => (0, 0),
            };
            format!(" about {}:{} to {}:{}", inner.source, ports.0, inner.destination, ports.1)
        });
        format!("{place} {} {}{about}", source.0, destination.0)
    }
}

/// How a packet to the declared hosts arrives with another source.
pub(super) fn arrival_of(packet: &Packet, source: (IpAddr, u16)) -> Arrival {
    let destination = match packet.transport {
        Transport::Tcp { destination, .. } | Transport::Udp { destination, .. } => destination,
        _ => 0,
    };
    Arrival {
        to: Port::INTERNET,
        source_mac: LINK_ROUTER_MAC,
        destination_mac: INTERNET_MAC,
        source,
        destination: (packet.destination, destination),
        any_other_source_port: false,
    }
}

fn with_flags(transport: Transport, letters: &str) -> Transport {
    let Transport::Tcp { source, destination, .. } = transport else { return transport };
    let mut flags = TcpFlags::default();
    for letter in letters.chars() {
        flags = flags.with(match letter {
            'S' => TcpFlags::SYN,
            'F' => TcpFlags::FIN,
            'R' => TcpFlags::RST,
            _ => TcpFlags::ACK,
        });
    }
    Transport::Tcp { source, destination, flags }
}
