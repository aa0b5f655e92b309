//! What comes in from the internet, and where workloads send beyond their VPC. Refuses to know changes.

use std::net::IpAddr;

use aws_types::MacAddress;
use vpc_model::{Interface, InterfaceRole, InternetPlace, Port};

use super::{Scenario, Step, protocol_of};
use crate::packet::{Packet, Transport};
use crate::services::{INTERNET_MAC, LINK_ROUTER_MAC, SERVICES_MAC, WORKSTATION_MAC};
use crate::testing::topology::own_addresses;

/// The Ethernet source of what comes by a port that no interface has.
pub(super) fn mac_of(port: Port) -> MacAddress {
    match port {
        Port::INTERNET => INTERNET_MAC,
        Port::WORKSTATION => WORKSTATION_MAC,
        _ => SERVICES_MAC,
    }
}

impl Scenario {
    /// A workload's destination in a full network.
    pub(super) fn destination_anywhere(&mut self, sender: &Interface) -> IpAddr {
        let (topology, random) = (&self.topology, &mut self.random);
        let private = |is_own: bool| -> Vec<IpAddr> {
            let chosen = topology.interfaces.iter().filter(|other| (other.vpc == sender.vpc) == is_own);
            // What AWS manages is asked by itself now and then.
            let of_workloads = chosen.filter(|other| other.role != InterfaceRole::TransitGateway);
            of_workloads.flat_map(own_addresses).collect()
        };
        let mut addresses = match random.below(100) {
            0..=29 => private(true),
            30..=48 => private(false),
            49..=59 => topology.public_addresses(),
            60..=82 => topology.hosts.iter().map(|host| host.id).collect(),
            83..=91 => topology.service_addresses(),
            _ => ["198.18.9.9", "203.0.113.77", "2001:db8::77", "172.16.3.3", "100.64.9.9", "3fff::1"]
                .iter()
                .map(|text| text.parse().expect("an address"))
                .collect(),
        };
        // Mostly what the sender can ask for.
        let is_own = |address: &IpAddr| own_addresses(sender).any(|own| own == *address);
        if random.percent(90) {
            addresses.retain(|address| !is_own(address) && (address.is_ipv4() || !sender.ipv6.is_empty()));
        }
        if addresses.is_empty() { IpAddr::V4(sender.ipv4) } else { random.pick(&addresses) }
    }

    /// A packet of a host of the internet, of somebody unknown, or of somebody who cannot be there.
    pub(super) fn packet_from_internet(&mut self) -> Step {
        let is_workstation = self.random.percent(35);
        let (from, place) = if is_workstation {
            (Port::WORKSTATION, InternetPlace::Workstation)
        } else {
            (Port::INTERNET, InternetPlace::Declared)
        };
        let destination = self.destination_inside();
        let mut sources: Vec<IpAddr> =
            self.topology.hosts.iter().filter(|host| host.place == place).map(|host| host.id).collect();
        if self.random.percent(20) {
            let others = ["10.0.0.5", "192.168.1.1", "100.64.0.9", "203.0.113.200", "2001:db8::200"];
            sources = others.iter().map(|text| text.parse().expect("an address")).collect();
        }
        sources.retain(|source| source.is_ipv4() == destination.is_ipv4());
        if sources.is_empty() {
            return self.new_packet();
        }
        let source = self.random.pick(&sources);
        let mut transport = self.transport(destination);
        // Somebody else knows a port that a gateway has translated to.
        let translated = self.arrived.iter().filter(|seen| seen.at == Port::INTERNET);
        let translated: Vec<Packet> =
            translated.map(|seen| seen.packet).filter(|packet| packet.source == destination).collect();
        if !translated.is_empty() && self.random.percent(60) {
            let known = self.random.pick(&translated);
            if let (
                Transport::Tcp { source: port, .. } | Transport::Udp { source: port, .. },
                Transport::Tcp { destination, .. } | Transport::Udp { destination, .. },
            ) = (known.transport, &mut transport)
            {
                *destination = port;
            }
        }
        Step::Packet(
            from,
            Packet {
                source_mac: mac_of(from),
                destination_mac: LINK_ROUTER_MAC,
                source,
                destination,
                protocol: protocol_of(transport, destination),
                transport,
                fragment: None,
                ttl: 64,
                length_bytes: 60,
                segment_bytes: 60,
                may_be_fragmented: destination.is_ipv4(),
            },
        )
    }

    /// Where somebody on the internet sends to.
    fn destination_inside(&mut self) -> IpAddr {
        let (topology, random) = (&self.topology, &mut self.random);
        let mut addresses = topology.public_addresses();
        if addresses.is_empty() || random.percent(30) {
            let own = topology.interfaces.iter().flat_map(own_addresses);
            addresses.extend(own.filter(IpAddr::is_ipv6));
        }
        if addresses.is_empty() || random.percent(6) {
            let odd = ["198.18.9.9", "2600:1f00::99", "10.0.0.5"];
            addresses.extend(odd.iter().map(|text| text.parse::<IpAddr>().expect("an address")));
        }
        random.pick(&addresses)
    }

    /// Whether an address is a managed service's.
    pub(super) fn is_of_service(&self, address: IpAddr) -> bool {
        self.topology.services.iter().any(|block| block.id.contains(&address))
    }
}
