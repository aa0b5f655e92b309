//! A random run through a network: packets, replies, changes, pauses.
//!
//! Owns what is sent and changed next. Refuses to judge: it is told what arrived, so that it can answer it.

mod changes;
mod internet;

use std::net::{IpAddr, Ipv4Addr};

use aws_types::MacAddress;
use vpc_model::{Delta, Interface, InterfaceRole, ObjectId, Port, Protocol};

use super::random::Random;
use super::reference::Arrival;
use super::topology::{PORTS, Topology, own_addresses};
use crate::packet::{Fragment, Inner, InnerTransport, Packet, TcpFlags, Transport};
use crate::services::LINK_ROUTER_MAC;
use internet::mac_of;

/// What happens next.
#[derive(Clone, Debug)]
pub enum Step {
    /// A packet comes in by a port.
    Packet(Port, Packet),
    /// The intent changes.
    Change(Vec<Delta>),
    /// So many seconds pass.
    Wait(u64),
}

/// A run. The same seed gives the same run, as long as the same packets arrive.
#[derive(Clone, Debug)]
pub struct Scenario {
    random: Random,
    topology: Topology,
    arrived: Vec<Seen>,
    /// The last packet, and where it came in.
    sent: Option<(Port, Packet)>,
}

/// A packet that has arrived.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Where.
    at: Port,
    /// As it looks there.
    packet: Packet,
    /// As it was sent and from where, if that is known.
    sent: Option<(Port, Packet)>,
}

impl Scenario {
    /// The run of a seed, through the plain topology of that seed: VPCs and workloads alone.
    pub fn new(seed: u64) -> Self {
        Self::through(seed, Topology::plain)
    }

    /// The run of a seed, through the full topology of that seed.
    pub fn full(seed: u64) -> Self {
        Self::through(seed, Topology::random)
    }

    fn through(seed: u64, topology: fn(&mut Random) -> Topology) -> Self {
        let mut random = Random::new(seed);
        let topology = topology(&mut random);
        Self { random, topology, arrived: Vec::new(), sent: None }
    }

    /// The network as it is now.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// What happens next, changes and pauses included.
    pub fn step(&mut self) -> Step {
        match self.random.below(100) {
            0..=11 => self.change(),
            12..=19 => self.wait(),
            _ => self.packet(),
        }
    }

    fn wait(&mut self) -> Step {
        // How long a managed service may take is not for tests to find out.
        let arrived = std::mem::take(&mut self.arrived);
        let asks = |seen: &Seen| seen.sent.is_some_and(|(_, sent)| self.is_of_service(sent.destination));
        self.arrived = arrived.into_iter().filter(|seen| seen.at != Port::SERVICES || !asks(seen)).collect();
        if self.topology.is_full() {
            // Connections through gateways live for 350 s, so time passes more slowly.
            return Step::Wait(self.random.pick(&[1, 1, 4, 6, 29, 31, 60, 100, 181, 349, 351, 600]));
        }
        Step::Wait(self.random.pick(&[1, 5, 29, 31, 60, 100, 179, 181, 600, 432_000]))
    }

    /// The next packet: a new one, or one that answers or continues what has arrived.
    pub fn packet(&mut self) -> Step {
        let step = self.next_packet();
        if let Step::Packet(from, packet) = &step {
            self.sent = Some((*from, *packet));
        }
        step
    }

    fn next_packet(&mut self) -> Step {
        if self.arrived.is_empty() || self.random.percent(45) {
            let is_from_internet = self.topology.is_full() && self.random.percent(22);
            return if is_from_internet { self.packet_from_internet() } else { self.new_packet() };
        }
        let seen = self.arrived[self.random.below(self.arrived.len())];
        match self.random.below(20) {
            0..=9 => self.reply(seen.at, &seen.packet),
            10 | 11 => self.error(seen.at, &seen.packet),
            _ => self.again(&seen),
        }
    }

    /// Tells that a packet has arrived.
    pub fn arrived(&mut self, packet: &Packet, arrival: &Arrival) {
        let sent = self.sent.filter(|(_, sent)| sent == packet);
        let mut packet = *packet;
        packet.source_mac = arrival.source_mac;
        packet.destination_mac = arrival.destination_mac;
        packet.source = arrival.source.0;
        packet.destination = arrival.destination.0;
        match &mut packet.transport {
            Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
                *source = arrival.source.1;
                *destination = arrival.destination.1;
            }
            // A number other than the identifier is a new one.
            Transport::Icmp { id, about: None, .. } => {
                let told = [arrival.source.1, arrival.destination.1].into_iter();
                *id = told.filter(|number| *number != 0).find(|number| number != id).unwrap_or(*id);
            }
            _ => {}
        }
        // What is answered is recent.
        if self.arrived.len() == 12 {
            self.arrived.remove(0);
        }
        self.arrived.push(Seen { at: arrival.to, packet, sent });
    }

    fn change(&mut self) -> Step {
        if self.topology.is_full() {
            return Step::Change(self.change_anything());
        }
        let (topology, random) = (&mut self.topology, &mut self.random);
        let delta = match random.below(8) {
            0..=2 => {
                let index = random.below(topology.security_groups.len());
                topology.security_groups[index].rules = topology.random_rules(random, index);
                topology.security_groups[index].clone().into()
            }
            3 | 4 => {
                let index = random.below(topology.network_acls.len());
                topology.network_acls[index].entries = topology.random_entries(random);
                topology.network_acls[index].clone().into()
            }
            5 => {
                let index = random.below(topology.route_tables.len());
                topology.route_tables[index].routes = topology.random_routes(random);
                topology.route_tables[index].clone().into()
            }
            6 => {
                // The interface at a port becomes another one, or comes back.
                let index = random.below(topology.interfaces.len());
                let number = topology.interfaces[index].port.number() as usize;
                topology.interfaces[index] = topology.random_interface(number, random);
                topology.interfaces[index].clone().into()
            }
            _ => {
                let index = random.below(topology.interfaces.len());
                Delta::Remove(ObjectId::Interface(topology.interfaces[index].id))
            }
        };
        Step::Change(vec![delta])
    }

    fn new_packet(&mut self) -> Step {
        let workloads: Vec<usize> = (0..self.topology.interfaces.len())
            .filter(|index| self.topology.interfaces[*index].role == InterfaceRole::Workload)
            .collect();
        let sender = self.topology.interfaces[self.random.pick(&workloads)].clone();
        let is_far = self.topology.is_full() && self.random.percent(82);
        let destination = if is_far { self.destination_anywhere(&sender) } else { self.destination(&sender) };
        let source = self.source(&sender, destination);
        let transport = self.transport(destination);
        let protocol = protocol_of(transport, destination);
        let mut packet = Packet {
            source_mac: if self.random.percent(97) { sender.mac } else { MacAddress::local(9) },
            destination_mac: self.destination_mac(&sender, destination),
            source,
            destination,
            protocol,
            transport,
            fragment: None,
            ttl: 64,
            length_bytes: 60,
            segment_bytes: 60,
            may_be_fragmented: source.is_ipv4(),
        };
        if self.random.percent(6) {
            let id = self.random.below(2) as u32;
            let is_first = self.random.percent(60);
            packet.fragment =
                Some(Fragment { id, offset_bytes: if is_first { 0 } else { 1480 }, more: is_first });
            if !is_first {
                packet.transport = Transport::Continuation;
            }
        }
        Step::Packet(sender.port, packet)
    }

    fn destination(&mut self, sender: &Interface) -> IpAddr {
        let random = &mut self.random;
        if random.percent(72) {
            let neighbours: Vec<&Interface> =
                self.topology.interfaces.iter().filter(|other| other.vpc == sender.vpc).collect();
            let addresses: Vec<IpAddr> = neighbours.iter().flat_map(|other| own_addresses(other)).collect();
            return random.pick(&addresses);
        }
        let others = [
            "10.0.0.1",
            "10.0.0.2",
            "10.0.1.1",
            "10.0.0.2",
            "10.0.0.255",
            "10.0.2.77",
            "10.0.200.9",
            "192.0.2.1",
            "169.254.169.254",
            "169.254.169.253",
            "169.254.169.123",
            "169.254.169.1",
            "169.254.1.1",
            "255.255.255.255",
            "224.0.0.251",
            "127.0.0.1",
            "0.0.0.0",
            "fd00:ec2::254",
            "fd00:ec2::253",
            "fd00:ec2::1",
            "ff02::1",
            "fe80::1",
            "::1",
            "2600:1f00::99",
            "2001:db8::1",
            "::ffff:10.0.0.5",
        ];
        random.pick(&others).parse().expect("an address")
    }

    fn source(&mut self, sender: &Interface, destination: IpAddr) -> IpAddr {
        let everybody = self.topology.interfaces.iter().flat_map(own_addresses);
        let of_family = |address: &IpAddr| address.is_ipv4() == destination.is_ipv4();
        let own: Vec<IpAddr> = own_addresses(sender).filter(of_family).collect();
        if !own.is_empty() && self.random.percent(88) {
            return self.random.pick(&own);
        }
        let mut foreign: Vec<IpAddr> = everybody.filter(of_family).collect();
        let odd = ["192.0.2.9", "127.0.0.1", "224.0.0.1", "0.0.0.0", "169.254.3.3", "2001:db8::9", "fe80::9"];
        foreign.extend(odd.iter().map(|text| text.parse::<IpAddr>().expect("an address")).filter(of_family));
        self.random.pick(&foreign)
    }

    fn destination_mac(&mut self, sender: &Interface, destination: IpAddr) -> MacAddress {
        let interfaces = &self.topology.interfaces;
        let neighbour = interfaces.iter().find(|other| {
            other.subnet == sender.subnet && own_addresses(other).any(|own| own == destination)
        });
        match self.random.below(100) {
            0..=5 => self.random.pick(&[
                MacAddress::BROADCAST,
                MacAddress([0x01, 0, 0x5e, 0, 0, 1]),
                MacAddress::local(7),
            ]),
            6..=13 => interfaces[self.random.below(interfaces.len())].mac,
            14..=20 => crate::router_mac(sender.subnet),
            _ => neighbour.map_or(crate::router_mac(sender.subnet), |neighbour| neighbour.mac),
        }
    }

    fn transport(&mut self, destination: IpAddr) -> Transport {
        let is_full = self.topology.is_full();
        let random = &mut self.random;
        let (source, port) = (random.pick(&PORTS), random.pick(&PORTS));
        let is_ipv4 = destination.is_ipv4();
        match random.below(20) {
            0..=8 => {
                let flags = random.pick(&[
                    TcpFlags::SYN,
                    TcpFlags::SYN,
                    TcpFlags::ACK,
                    TcpFlags::SYN.with(TcpFlags::ACK),
                    TcpFlags::RST,
                    TcpFlags::FIN.with(TcpFlags::ACK),
                ]);
                Transport::Tcp { source, destination: port, flags }
            }
            9..=14 => Transport::Udp { source, destination: port },
            15..=17 => {
                // Beyond a VPC echo alone, whose identifiers are gateways' to replace.
                let queries = if is_full { [8, 8, 8, 0] } else { [8, 8, 0, 13] };
                let kind = if is_ipv4 { random.pick(&queries) } else { random.pick(&[128, 128, 129]) };
                Transport::Icmp { kind, code: 0, id: random.below(3) as u16, about: None }
            }
            18 => {
                let kind = if is_ipv4 { random.pick(&[3, 11, 9]) } else { random.pick(&[1, 2, 100]) };
                Transport::Icmp { kind, code: random.pick(&[0, 4]), id: 0, about: None }
            }
            _ => Transport::Other,
        }
    }

    /// From where a packet has arrived, back to where it came from.
    fn reply(&mut self, at: Port, seen: &Packet) -> Step {
        let random = &mut self.random;
        let transport = match seen.transport {
            Transport::Tcp { source, destination, flags } => {
                let usual = if flags.opens() { TcpFlags::SYN.with(TcpFlags::ACK) } else { TcpFlags::ACK };
                let flags = match random.below(10) {
                    0 => TcpFlags::RST,
                    1 | 2 => TcpFlags::FIN.with(TcpFlags::ACK),
                    3 => TcpFlags::SYN,
                    _ => usual,
                };
                Transport::Tcp { source: destination, destination: source, flags }
            }
            Transport::Udp { source, destination } => {
                Transport::Udp { source: destination, destination: source }
            }
            Transport::Icmp { kind, code, id, about } => {
                let kind = match kind {
                    8 => 0,
                    13 | 128 => kind + 1,
                    other => other,
                };
                Transport::Icmp { kind, code, id, about }
            }
            other => other,
        };
        let fragment = None;
        let back =
            Packet { source: seen.destination, destination: seen.source, transport, fragment, ..*seen };
        if matches!(back.transport, Transport::Continuation) {
            return self.new_packet();
        }
        self.send(at, back, seen.source_mac)
    }

    /// Like a packet that has arrived, once more from where it came.
    fn again(&mut self, seen: &Seen) -> Step {
        let (at, seen, sent) = (seen.at, &seen.packet, seen.sent);
        let mut packet = sent.map_or(*seen, |(_, packet)| packet);
        packet.fragment = None;
        if let Transport::Tcp { flags, .. } = &mut packet.transport {
            *flags = match self.random.below(8) {
                0 => TcpFlags::SYN,
                1 | 2 => TcpFlags::FIN.with(TcpFlags::ACK),
                _ => TcpFlags::ACK,
            };
        }
        if let Some((from, _)) = sent.filter(|_| self.topology.is_full()) {
            let is_whole = !matches!(packet.transport, Transport::Continuation);
            return if is_whole { Step::Packet(from, packet) } else { self.new_packet() };
        }
        let mut interfaces = self.topology.interfaces.iter();
        let sender = interfaces.find(|interface| own_addresses(interface).any(|own| own == seen.source));
        let port = match sender {
            _ if matches!(packet.transport, Transport::Continuation) => return self.new_packet(),
            Some(sender) if at != Port::SERVICES => sender.port,
            _ => return self.new_packet(),
        };
        let sender = sender.expect("found above").clone();
        let destination_mac = self.destination_mac(&sender, packet.destination);
        self.send(port, packet, destination_mac)
    }

    /// An ICMP error about a packet that has arrived, to its sender.
    fn error(&mut self, at: Port, seen: &Packet) -> Step {
        let transport = match seen.transport {
            Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination } => {
                InnerTransport::Ports { source, destination }
            }
            Transport::Icmp { kind, code, id, .. } => InnerTransport::Icmp { kind, code, id },
            Transport::Other => InnerTransport::Other,
            Transport::Continuation => return self.new_packet(),
        };
        let about = Some(Inner {
            source: seen.source,
            destination: seen.destination,
            protocol: seen.protocol,
            transport,
        });
        let is_ipv4 = seen.source.is_ipv4();
        let (protocol, kind) = if is_ipv4 { (Protocol::ICMP, 3) } else { (Protocol::ICMPV6, 1) };
        let interface = self.topology.interfaces.iter().find(|interface| interface.port == at);
        // A middlebox sends errors from its own address.
        let source = match interface {
            Some(interface) if is_ipv4 && self.random.percent(30) => IpAddr::V4(interface.ipv4),
            // And so does a router on the internet.
            None if is_ipv4 && at != Port::SERVICES && self.random.percent(30) => {
                IpAddr::V4(Ipv4Addr::new(203, 0, 113, 99))
            }
            _ => seen.destination,
        };
        let packet = Packet {
            source,
            destination: seen.source,
            protocol,
            transport: Transport::Icmp { kind, code: self.random.pick(&[1, 4]), id: 0, about },
            fragment: None,
            ..*seen
        };
        self.send(at, packet, seen.source_mac)
    }

    /// Sends a packet from a port, with the MAC address of who is there.
    fn send(&mut self, from: Port, packet: Packet, destination_mac: MacAddress) -> Step {
        let interface = self.topology.interfaces.iter().find(|interface| interface.port == from);
        let (source_mac, destination_mac) = match interface {
            Some(interface) => (interface.mac, destination_mac),
            None => (mac_of(from), LINK_ROUTER_MAC),
        };
        let is_bare = packet.source == IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        debug_assert!(!is_bare, "nothing arrives from nowhere");
        Step::Packet(from, Packet { source_mac, destination_mac, ..packet })
    }
}

/// The protocol of a transport header.
fn protocol_of(transport: Transport, destination: IpAddr) -> Protocol {
    match transport {
        Transport::Tcp { .. } => Protocol::TCP,
        Transport::Udp { .. } => Protocol::UDP,
        Transport::Icmp { .. } if destination.is_ipv4() => Protocol::ICMP,
        Transport::Icmp { .. } => Protocol::ICMPV6,
        Transport::Other | Transport::Continuation => Protocol(47),
    }
}
