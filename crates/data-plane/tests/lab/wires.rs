//! Guests that are nothing but wires: frames go in and come out as they are.

use host_net::{
    EtherType, FrameBatch, Netlink, NetworkNamespace, PacketSocket, Transmission, VirtioNetHeader,
};
use vpc_model::Port;

use super::{Lab, WORKSTATION_DEVICE};

/// One of them.
pub struct Wire {
    pub port: Port,
    pub device: u32,
    sender: PacketSocket,
    receivers: [PacketSocket; 2],
}

impl Wire {
    pub fn new(port: Port, namespace: &NetworkNamespace, device: &str) -> Self {
        let netlink = Netlink::open(namespace).unwrap();
        let device = netlink.link_named(device).unwrap().unwrap().index;
        netlink.set_up(device, true).unwrap();
        Self {
            port,
            device,
            sender: PacketSocket::sender(namespace, 1 << 20).unwrap(),
            receivers: [EtherType::Ipv4, EtherType::Ipv6]
                .map(|protocol| PacketSocket::receiver(namespace, protocol, 1 << 20).unwrap()),
        }
    }

    /// The services, the internet and the workstation as wires: without addresses the stack in their namespaces answers
    /// nothing.
    pub fn of_reserved_ports(lab: &Lab) -> Vec<Self> {
        let plane = lab.plane();
        let places = [
            (Port::SERVICES, plane.services_namespace(), "eth0"),
            (Port::INTERNET, plane.internet_namespace(), "eth0"),
            (Port::WORKSTATION, lab.workstation.as_ref().unwrap(), WORKSTATION_DEVICE),
        ];
        let wires = places.into_iter().map(|(port, namespace, device)| {
            namespace.set_parameter("ipv6/conf/all/disable_ipv6", "1").unwrap();
            let wire = Self::new(port, namespace, device);
            let netlink = Netlink::open(namespace).unwrap();
            for (address, length) in netlink.addresses(wire.device).unwrap() {
                netlink.remove_address(wire.device, address, length).unwrap();
            }
            wire
        });
        wires.collect()
    }

    pub fn send(&self, frame: &[u8]) {
        let header = VirtioNetHeader::default();
        let refused = self.sender.send(&[Transmission { device: self.device, header, frame }]).unwrap();
        assert!(refused.is_empty());
    }

    /// What has come out since the last look.
    pub fn look(&self, batch: &mut FrameBatch) -> Vec<(Port, Vec<u8>)> {
        let mut seen = Vec::new();
        for receiver in &self.receivers {
            let count = receiver.receive(batch).unwrap();
            seen.extend((0..count).map(|index| (self.port, batch.frame(index).to_vec())));
        }
        seen
    }
}
