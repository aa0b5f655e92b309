//! A second opinion: what the facts say about one packet, by lists and loops.
//!
//! Owns a deliberately simple evaluator, written from the facts and the documented order of the gates. It shares the
//! vocabulary of the engine's interface and none of its code: no compiled rules, no hash tables, no packed keys.

mod connection;
mod shape;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_types::{MacAddress, SecurityGroupId};
use ipnet::IpNet;
use vpc_model::{
    AclAction, Delta, Direction, Interface, NetworkAcl, Object, ObjectId, Peer, Port, PortRange, Protocol,
    RouteTable, RouteTarget, SecurityGroup, Subnet, Traffic, Vpc,
};

use crate::packet::{InnerTransport, Packet, TcpFlags, Transport};
use crate::time::Millis;
use connection::Connection;
use shape::{Shape, begins_connection, ends, flags, has, in_subnet, is_opening_syn, ports, query_of};

/// How a packet looks where it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The port it arrives at.
    pub to: Port,
    /// Its Ethernet source there.
    pub source_mac: MacAddress,
    /// Its Ethernet destination there.
    pub destination_mac: MacAddress,
    /// Its source there.
    pub source: (IpAddr, u16),
    /// Its destination there.
    pub destination: (IpAddr, u16),
    /// Set when the source port had to be replaced: `source` then has the old one, which another connection uses, and
    /// the new one is for the engine to choose and for [`Reference::note_source_port`] to tell.
    pub any_other_source_port: bool,
}

/// A fragmented packet whose first fragment has passed.
struct FirstFragment {
    from: Port,
    packet: Packet,
    seen: Millis,
}

/// The evaluator.
#[derive(Default)]
pub struct Reference {
    vpcs: Vec<Vpc>,
    subnets: Vec<Subnet>,
    tables: Vec<RouteTable>,
    acls: Vec<NetworkAcl>,
    groups: Vec<SecurityGroup>,
    interfaces: Vec<Interface>,
    connections: Vec<Connection>,
    fragments: Vec<FirstFragment>,
}

/// The name of a drop reason.
type Reason = &'static str;

fn set<T: Clone, K: PartialEq>(list: &mut Vec<T>, key: impl Fn(&T) -> K, new: &T) {
    list.retain(|old| key(old) != key(new));
    list.push(new.clone());
}

impl Reference {
    /// Takes changes over.
    pub fn apply(&mut self, deltas: &[Delta]) {
        let before: Vec<_> = self.interfaces.iter().map(|interface| (interface.id, interface.port)).collect();
        for delta in deltas {
            match delta {
                Delta::Put(Object::Vpc(new)) => set(&mut self.vpcs, |old| old.id, new),
                Delta::Put(Object::Subnet(new)) => set(&mut self.subnets, |old| old.id, new),
                Delta::Put(Object::RouteTable(new)) => set(&mut self.tables, |old| old.id, new),
                Delta::Put(Object::NetworkAcl(new)) => set(&mut self.acls, |old| old.id, new),
                Delta::Put(Object::SecurityGroup(new)) => set(&mut self.groups, |old| old.id, new),
                Delta::Put(Object::Interface(new)) => set(&mut self.interfaces, |old| old.id, new),
                Delta::Put(Object::DhcpOptions(_)) | Delta::Remove(ObjectId::DhcpOptions(_)) => {}
                Delta::Remove(ObjectId::Vpc(id)) => self.vpcs.retain(|old| old.id != *id),
                Delta::Remove(ObjectId::Subnet(id)) => self.subnets.retain(|old| old.id != *id),
                Delta::Remove(ObjectId::RouteTable(id)) => self.tables.retain(|old| old.id != *id),
                Delta::Remove(ObjectId::NetworkAcl(id)) => self.acls.retain(|old| old.id != *id),
                Delta::Remove(ObjectId::SecurityGroup(id)) => self.groups.retain(|old| old.id != *id),
                Delta::Remove(ObjectId::Interface(id)) => self.interfaces.retain(|old| old.id != *id),
                // Gateways are not judged yet.
                Delta::Put(_) | Delta::Remove(_) => {}
            }
        }
        for (id, port) in before {
            if !self.interfaces.iter().any(|interface| interface.id == id && interface.port == port) {
                self.connections.retain(|connection| connection.port != port);
                self.fragments.retain(|fragment| fragment.from != port);
            }
        }
    }

    /// The interface at a port.
    pub fn interface(&self, port: Port) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.port == port)
    }

    /// Judges a packet and remembers its connection: where and how it arrives, or the name of the reason why not.
    ///
    /// # Errors
    /// The name of the reason ([`crate::DropReason::name`]).
    pub fn judge(&mut self, from: Port, packet: &Packet, now: Millis) -> Result<Arrival, &'static str> {
        self.connections.retain(|connection| !connection.is_idle(now));
        let Some(fragment) = packet.fragment else { return self.judge_whole(from, packet, now) };
        if packet.transport != Transport::Continuation {
            let arrival = self.judge_whole(from, packet, now)?;
            self.fragments.push(FirstFragment { from, packet: *packet, seen: now });
            return Ok(arrival);
        }
        let first = self.fragments.iter().rev().find(|first| {
            let same = first.packet.fragment.is_some_and(|of_first| of_first.id == fragment.id);
            let (one, other) = (&first.packet, packet);
            let is_recent = now.0 - first.seen.0 < 30_000;
            let alike = one.source == other.source && one.destination == other.destination;
            same && alike && one.protocol == other.protocol && first.from == from && is_recent
        });
        let transport = match first.ok_or("FragmentWithoutFirst")?.packet.transport {
            Transport::Tcp { source, destination, .. } => {
                Transport::Tcp { source, destination, flags: TcpFlags::ACK }
            }
            other => other,
        };
        self.judge_whole(from, &Packet { transport, ..*packet }, now)
    }

    fn judge_whole(&mut self, from: Port, packet: &Packet, now: Millis) -> Result<Arrival, Reason> {
        if from == Port::SERVICES {
            return self.judge_answer(packet, now);
        }
        let sender = self.interface(from).ok_or("UnknownPort")?.clone();
        sender_checks(&sender, packet)?;
        let subnet = self.subnets.iter().find(|subnet| subnet.id == sender.subnet);
        let subnet = subnet.filter(|subnet| subnet.vpc == sender.vpc).ok_or("Missing")?.clone();
        if packet.destination == IpAddr::V4(subnet.cidr.broadcast()) {
            return Err("Broadcast");
        }
        let vpc = self.vpcs.iter().find(|vpc| vpc.id == subnet.vpc);
        if let Some(listener) = asked_service(packet.destination, vpc)? {
            return self.judge_request(&sender, listener, packet, now);
        }
        if sender.source_dest_check && !has(&sender, packet.source) {
            return Err("SourceCheck");
        }

        let next_hop = self.next_hop(&sender, &subnet, packet);
        let sent = self.find(from, Direction::Egress, packet);
        let track_sent = match (sent.is_some(), self.is_error_about_known(from, Direction::Egress, packet)) {
            (true, _) | (_, true) => None,
            (false, false) => {
                let peer = match &next_hop {
                    Ok(receiver) => has(receiver, packet.destination).then_some(receiver),
                    Err(_) => self.owner(&sender, packet.destination),
                };
                let peer_groups = peer.map_or(&[][..], |peer| &peer.security_groups);
                let tracked =
                    self.ask_groups(&sender, Direction::Egress, packet, packet.destination, peer_groups);
                Some(tracked.ok_or("NoEgressRule")?)
            }
        };
        let stays = match &next_hop {
            Ok(receiver) => receiver.subnet == sender.subnet,
            Err(_) => in_subnet(&subnet, packet.destination),
        };
        if !stays {
            self.ask_acl(&subnet, Direction::Egress, packet, packet.destination)?;
        }
        let receiver = next_hop?;
        let receiver_subnet = self.subnets.iter().find(|subnet| subnet.id == receiver.subnet);
        let receiver_subnet = receiver_subnet.filter(|subnet| subnet.vpc == receiver.vpc);
        if !stays {
            self.ask_acl(receiver_subnet.ok_or("Missing")?, Direction::Ingress, packet, packet.source)?;
        }
        if receiver.source_dest_check && !has(&receiver, packet.destination) {
            return Err("DestinationCheck");
        }
        let received = self.find(receiver.port, Direction::Ingress, packet);
        let is_related = self.is_error_about_known(receiver.port, Direction::Ingress, packet);
        let track_received = if received.is_some() || is_related {
            None
        } else {
            let groups: &[SecurityGroupId] =
                if has(&sender, packet.source) { &sender.security_groups } else { &[] };
            let tracked = self.ask_groups(&receiver, Direction::Ingress, packet, packet.source, groups);
            Some(tracked.ok_or("NoIngressRule")?)
        };

        // Everything has let it pass: now it is remembered, unless there is no room.
        let begins = begins_connection(packet);
        let to_track = [
            (&sender, Direction::Egress, sent, begins && track_sent == Some(true)),
            (&receiver, Direction::Ingress, received, begins && track_received == Some(true)),
        ];
        for (interface, _, _, is_new) in &to_track {
            let limit = interface.tracking_limit.unwrap_or(u32::MAX) as usize;
            let used = self.connections.iter().filter(|connection| {
                connection.port == interface.port && connection.service.is_none() && !connection.is_closing()
            });
            if *is_new && used.count() >= limit {
                return Err("TrackingTableFull");
            }
        }
        let mut ended = Vec::new();
        for (interface, direction, known, is_new) in to_track {
            if let Some(index) = known {
                let connection = &mut self.connections[index];
                connection.timeouts = interface.idle_timeouts;
                if connection.see(direction, packet, now) {
                    ended.push(index);
                }
            } else if is_new {
                self.remember(interface, direction, packet, now);
            }
        }
        ended.sort_unstable();
        for index in ended.into_iter().rev() {
            self.connections.remove(index);
        }
        Ok(Arrival {
            to: receiver.port,
            source_mac: if stays { packet.source_mac } else { crate::router_mac(receiver.subnet) },
            destination_mac: receiver.mac,
            source: (packet.source, ports(packet).0),
            destination: (packet.destination, ports(packet).1),
            any_other_source_port: false,
        })
    }

    /// Addresses of the subnet decide by themselves; beyond it, a neighbour's MAC address makes it the next hop.
    fn next_hop(&self, sender: &Interface, subnet: &Subnet, packet: &Packet) -> Result<Interface, Reason> {
        let addressed = self.interfaces.iter().find(|interface| {
            interface.subnet == subnet.id
                && interface.mac == packet.destination_mac
                && !in_subnet(subnet, packet.destination)
        });
        let receiver = match addressed {
            Some(neighbour) => neighbour,
            None => self.route(sender, subnet, packet.destination)?,
        };
        if receiver.port == sender.port { Err("Hairpin") } else { Ok(receiver.clone()) }
    }

    fn route(&self, sender: &Interface, subnet: &Subnet, destination: IpAddr) -> Result<&Interface, Reason> {
        let local = || self.owner(sender, destination).ok_or("NoSuchAddress");
        if in_subnet(subnet, destination) {
            if let (IpAddr::V4(address), true) = (destination, destination.is_ipv4())
                && u32::from(address) == u32::from(subnet.cidr.network()) + 1
            {
                return Err("RouterAddress");
            }
            return local();
        }
        let table = self.tables.iter().find(|table| table.id == subnet.route_table).ok_or("Missing")?;
        let vpc = self.vpcs.iter().find(|vpc| vpc.id == table.vpc).ok_or("Missing")?;
        let mut candidates: Vec<(IpNet, RouteTarget)> = Vec::new();
        for block in &vpc.ipv4_cidrs {
            candidates.push((IpNet::V4(*block), RouteTarget::Local));
        }
        for block in &vpc.ipv6_cidrs {
            candidates.push((IpNet::V6(*block), RouteTarget::Local));
        }
        for route in &table.routes {
            candidates.retain(|(listed, _)| *listed != route.destination);
            candidates.push((route.destination, route.target));
        }
        candidates.retain(|(net, _)| net.contains(&destination));
        candidates.sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
        match candidates.first().ok_or("NoRoute")?.1 {
            RouteTarget::Local => local(),
            RouteTarget::Blackhole => Err("Blackhole"),
            RouteTarget::Interface(id) => self
                .interfaces
                .iter()
                .find(|interface| interface.id == id && interface.vpc == sender.vpc)
                .ok_or("Blackhole"),
            _ => Err("Blackhole"),
        }
    }

    fn owner(&self, like: &Interface, address: IpAddr) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.vpc == like.vpc && has(interface, address))
    }

    /// Whether the rules of an interface's groups let a packet pass, and whether its connection is then tracked.
    fn ask_groups(
        &self,
        interface: &Interface,
        direction: Direction,
        packet: &Packet,
        peer: IpAddr,
        peer_groups: &[SecurityGroupId],
    ) -> Option<bool> {
        let rules: Vec<_> = self
            .groups
            .iter()
            .filter(|group| interface.security_groups.contains(&group.id))
            .flat_map(|group| &group.rules)
            .collect();
        let shape = Shape::of(packet);
        let mut matching = rules.iter().filter(|rule| {
            rule.direction == direction
                && shape.is_covered_by(rule.traffic)
                && match rule.peer {
                    Peer::Cidr(net) => net.contains(&peer),
                    Peer::Group(group) => peer_groups.contains(&group),
                }
        });
        matching.next()?;
        // Fact 23. A rule is open when it is for every address of the family.
        let open = |direction: Direction, shape: Shape| {
            rules.iter().any(|rule| {
                let every = match rule.peer {
                    Peer::Cidr(net) => net.prefix_len() == 0 && net.contains(&peer),
                    Peer::Group(_) => false,
                };
                rule.direction == direction && every && shape.is_covered_by(rule.traffic)
            })
        };
        let open_to_all = |direction: Direction| {
            rules.iter().any(|rule| {
                let every = match rule.peer {
                    Peer::Cidr(net) => net.prefix_len() == 0 && net.contains(&peer),
                    Peer::Group(_) => false,
                };
                let all_ports = match rule.traffic {
                    Traffic::All => true,
                    Traffic::Tcp(range) => packet.protocol == Protocol::TCP && range == PortRange::ALL,
                    Traffic::Udp(range) => packet.protocol == Protocol::UDP && range == PortRange::ALL,
                    Traffic::Protocol(protocol) => protocol == packet.protocol,
                    _ => false,
                };
                rule.direction == direction && every && all_ports
            })
        };
        let other = direction.opposite();
        let has_ports = packet.protocol == Protocol::TCP || packet.protocol == Protocol::UDP;
        let untracked = has_ports
            && ((open(direction, shape) && open_to_all(other))
                || (open_to_all(direction) && open(other, shape.of_reply())));
        Some(!untracked)
    }

    fn ask_acl(
        &self,
        subnet: &Subnet,
        direction: Direction,
        packet: &Packet,
        peer: IpAddr,
    ) -> Result<(), Reason> {
        let acl = self.acls.iter().find(|acl| acl.id == subnet.network_acl).ok_or("Missing")?;
        let mut entries: Vec<_> = acl.entries.iter().filter(|entry| entry.direction == direction).collect();
        entries.sort_by_key(|entry| entry.number);
        let first = entries
            .into_iter()
            .find(|entry| entry.cidr.contains(&peer) && Shape::of(packet).is_covered_by(entry.traffic));
        match first.map(|entry| entry.action) {
            Some(AclAction::Allow) => Ok(()),
            Some(AclAction::Deny) | None => Err("NetworkAclDenied"),
        }
    }

    /// The connection that a packet belongs to at an interface. A SYN belongs to none but one that is being set up.
    fn find(&self, port: Port, direction: Direction, packet: &Packet) -> Option<usize> {
        let index = self.find_even_if_new(port, direction, packet)?;
        let is_syn = is_opening_syn(packet);
        (!is_syn || self.connections[index].handshaking).then_some(index)
    }

    fn find_even_if_new(&self, port: Port, direction: Direction, packet: &Packet) -> Option<usize> {
        let (source, destination) = ends(packet);
        let (local, remote) = match direction {
            Direction::Egress => (source, destination),
            Direction::Ingress => (destination, source),
        };
        let query = match packet.transport {
            Transport::Icmp { kind, .. } => {
                let (kind, is_reply) = query_of(packet.protocol, kind)?;
                Some((kind, (direction == Direction::Egress) != is_reply))
            }
            _ => None,
        };
        self.connections.iter().position(|connection| {
            connection.port == port
                && connection.protocol == packet.protocol
                && connection.local == local
                && connection.remote == remote
                && connection.query == query
        })
    }

    /// Whether a packet is an ICMP error, to the sender of a packet of a connection that the interface remembers.
    fn is_error_about_known(&self, port: Port, direction: Direction, packet: &Packet) -> bool {
        let Transport::Icmp { about: Some(inner), .. } = packet.transport else { return false };
        if inner.source != packet.destination {
            return false;
        }
        let (source_port, destination_port, query) = match inner.transport {
            InnerTransport::Ports { source, destination } => (source, destination, None),
            InnerTransport::Icmp { kind, id, .. } => match query_of(inner.protocol, kind) {
                Some(query) => (id, id, Some(query)),
                None => return false,
            },
            InnerTransport::Other => (0, 0, None),
        };
        // The quoted packet went the other way: who sends the error had received it.
        let (from, to) = ((inner.source, source_port), (inner.destination, destination_port));
        let was_sent_by_local = direction == Direction::Ingress;
        let (local, remote) = if was_sent_by_local { (from, to) } else { (to, from) };
        let query = query.map(|(kind, is_reply)| (kind, was_sent_by_local != is_reply));
        self.connections.iter().any(|connection| {
            connection.port == port
                && connection.protocol == inner.protocol
                && connection.local == local
                && connection.remote == remote
                && connection.query == query
        })
    }

    fn remember(&mut self, interface: &Interface, direction: Direction, packet: &Packet, now: Millis) {
        if let Some(old) = self.find_even_if_new(interface.port, direction, packet) {
            self.connections.remove(old);
        }
        self.connections.push(Connection::begin(interface, direction, packet, now));
    }

    /// A request to a service of the link.
    fn judge_request(
        &mut self,
        sender: &Interface,
        listener: IpAddr,
        packet: &Packet,
        now: Millis,
    ) -> Result<Arrival, Reason> {
        let (Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination }) =
            packet.transport
        else {
            return Err("ServiceProtocol");
        };
        if !has(sender, packet.source) {
            return Err("SourceCheck");
        }
        let listener = (listener, destination);
        let mut any_other_source_port = false;
        let mut seen_port = source;
        if let Some(index) = self.find(sender.port, Direction::Egress, packet) {
            seen_port = self.connections[index].service.expect("with a service").1;
            if self.connections[index].see(Direction::Egress, packet, now) {
                self.connections.remove(index);
            }
        } else {
            if let Some(old) = self.find_even_if_new(sender.port, Direction::Egress, packet) {
                self.connections.remove(old);
            }
            if flags(packet).contains(TcpFlags::RST) {
                return Err("UnknownServiceConnection");
            }
            any_other_source_port = self.connections.iter().any(|connection| {
                connection.port == sender.port
                    && connection.protocol == packet.protocol
                    && connection.service == Some((listener, source))
            });
            let mut connection = Connection::begin(sender, Direction::Egress, packet, now);
            connection.service = Some((listener, source));
            self.connections.push(connection);
        }
        let link: IpAddr = match packet.source {
            IpAddr::V4(_) => {
                Ipv4Addr::from(u32::from(Ipv4Addr::new(100, 64, 0, 0)) + sender.port.number()).into()
            }
            IpAddr::V6(_) => {
                let prefix = u128::from(Ipv6Addr::new(0xfd62, 0x7275, 0x6d65, 0, 0, 0, 0, 0));
                Ipv6Addr::from(prefix + u128::from(sender.port.number())).into()
            }
        };
        Ok(Arrival {
            to: Port::SERVICES,
            source_mac: crate::services::LINK_ROUTER_MAC,
            destination_mac: crate::services::SERVICES_MAC,
            source: (link, seen_port),
            destination: listener,
            any_other_source_port,
        })
    }

    /// Tells which source port the last request got, where [`Arrival::any_other_source_port`] asked for one.
    pub fn note_source_port(&mut self, port: u16) {
        if let Some((_, seen)) = self.connections.last_mut().and_then(|last| last.service.as_mut()) {
            *seen = port;
        }
    }

    /// What a service sends: an answer to who asked, from the address that was asked.
    fn judge_answer(&mut self, packet: &Packet, now: Millis) -> Result<Arrival, Reason> {
        let (Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination }) =
            packet.transport
        else {
            return Err("ServiceProtocol");
        };
        let listener = (packet.source, source);
        let port = crate::services::port_of_link_address(packet.destination);
        let index = self.connections.iter().position(|connection| {
            Some(connection.port) == port
                && connection.protocol == packet.protocol
                && connection.service == Some((listener, destination))
                && (!is_opening_syn(packet) || connection.handshaking)
        });
        let index = index.ok_or("UnsolicitedByService")?;
        let connection = &mut self.connections[index];
        let receiver = self.interfaces.iter().find(|interface| interface.port == connection.port);
        let receiver = receiver.ok_or("UnknownPort")?;
        if !self.subnets.iter().any(|subnet| subnet.id == receiver.subnet) {
            return Err("Missing");
        }
        if !has(receiver, connection.local.0) {
            return Err("NoSuchAddress");
        }
        let arrival = Arrival {
            to: receiver.port,
            source_mac: crate::router_mac(receiver.subnet),
            destination_mac: receiver.mac,
            source: connection.remote,
            destination: connection.local,
            any_other_source_port: false,
        };
        if connection.see(Direction::Ingress, packet, now) {
            self.connections.remove(index);
        }
        Ok(arrival)
    }
}

fn sender_checks(sender: &Interface, packet: &Packet) -> Result<(), Reason> {
    if packet.source_mac != sender.mac {
        return Err("SpoofedMac");
    }
    if packet.destination_mac.0 == [0xff; 6] || packet.destination == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err("Broadcast");
    }
    if packet.destination_mac.0[0] % 2 == 1 || packet.destination.is_multicast() {
        return Err("Multicast");
    }
    let net = |text: &str| text.parse::<IpNet>().expect("a block");
    let within = |address: IpAddr, nets: &[&str]| nets.iter().any(|text| net(text).contains(&address));
    let never = ["0.0.0.0/32", "127.0.0.0/8", "255.255.255.255/32", "::/128", "::1/128", "::ffff:0:0/96"];
    let link_local = ["169.254.0.0/16", "fe80::/10"];
    let multicast = ["224.0.0.0/4", "ff00::/8"];
    if within(packet.source, &never)
        || within(packet.source, &link_local)
        || within(packet.source, &multicast)
    {
        return Err("InvalidSource");
    }
    let is_service = within(packet.destination, &["169.254.168.0/22", "fd00:ec2::/32"]);
    if within(packet.destination, &never) || (within(packet.destination, &link_local) && !is_service) {
        return Err("InvalidDestination");
    }
    Ok(())
}

/// The address at which the service that a packet is for listens (facts 8, 62).
fn asked_service(destination: IpAddr, vpc: Option<&Vpc>) -> Result<Option<IpAddr>, Reason> {
    let is = |text: &str| destination == text.parse::<IpAddr>().expect("an address");
    let reserved = ["169.254.168.0/22", "fd00:ec2::/32"];
    let is_reserved =
        reserved.iter().any(|net| net.parse::<IpNet>().expect("a block").contains(&destination));
    let is_resolver = vpc.is_some_and(|vpc| {
        let base = u32::from(vpc.ipv4_cidrs[0].network());
        destination == IpAddr::V4(Ipv4Addr::from(base + 2))
    });
    let is_dns = is("169.254.169.253") || is("fd00:ec2::253") || is_resolver;
    if is_dns {
        if !vpc.ok_or("Missing")?.dns_support {
            return Err("DnsSupportDisabled");
        }
        let listener = if is_resolver { "169.254.169.253".parse().expect("an address") } else { destination };
        return Ok(Some(listener));
    }
    let others = ["169.254.169.254", "169.254.169.123", "fd00:ec2::254", "fd00:ec2::123"];
    if others.iter().any(|text| is(text)) {
        return Ok(Some(destination));
    }
    if is_reserved { Err("NoSuchService") } else { Ok(None) }
}
