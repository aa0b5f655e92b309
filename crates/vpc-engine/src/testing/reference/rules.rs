//! What rules, lists and checks say of one packet at one place. Refuses to know how it came there.

use std::net::{IpAddr, Ipv4Addr};

use aws_types::SecurityGroupId;
use ipnet::IpNet;
use vpc_model::{AclAction, Direction, Interface, Peer, PortRange, Protocol, Subnet, Traffic, Vpc};

use super::shape::Shape;
use super::{Reason, Reference};
use crate::packet::Packet;

impl Reference {
    /// Whether the rules of an interface's groups let a packet pass, and whether its connection is then tracked.
    pub(super) fn ask_groups(
        &self,
        interface: &Interface,
        direction: Direction,
        packet: &Packet,
        peer: IpAddr,
        peer_groups: &[SecurityGroupId],
    ) -> Option<bool> {
        let rules: Vec<_> = self
            .network
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

    /// What the network ACL of a subnet says of a packet (fact 17).
    pub(super) fn ask_acl(
        &self,
        subnet: &Subnet,
        direction: Direction,
        packet: &Packet,
        peer: IpAddr,
    ) -> Result<(), Reason> {
        let acl = self.network.acls.iter().find(|acl| acl.id == subnet.network_acl).ok_or("Missing")?;
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
}

/// What is wrong with a packet at the interface that sends it.
pub(super) fn sender_checks(sender: &Interface, packet: &Packet) -> Result<(), Reason> {
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
pub(super) fn asked_service(destination: IpAddr, vpc: Option<&Vpc>) -> Result<Option<IpAddr>, Reason> {
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
