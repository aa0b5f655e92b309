//! What flow logs leave out (fact 65).
//!
//! Owns the addresses and ports of it. Refuses to know who asked for a log: no log has these.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-limitations.html>

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpc_model::{Direction, Protocol};

use crate::flow::Flow;
use crate::record::InterfaceFacts;

const DNS_PORT: u16 = 53;
const DHCP_PORTS: [u16; 2] = [67, 68];
const DHCPV6_PORTS: [u16; 2] = [546, 547];

const RESOLVER: [IpAddr; 2] = [link(253), link_v6(0x253)];
const METADATA: [IpAddr; 2] = [link(254), link_v6(0x254)];
const TIME: [IpAddr; 2] = [link(123), link_v6(0x123)];
/// Where Windows asks for its licence.
const WINDOWS_ACTIVATION: [IpAddr; 4] = [link(250), link(251), link_v6(0x250), link_v6(0x251)];

const fn link(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, last))
}

const fn link_v6(last: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, last))
}

/// Whether no log has a flow of an interface: names asked of the VPC's own resolver, DHCP, instance metadata, the time,
/// Windows activation, and what is for or from the router itself. ARP is no flow.
pub fn is_unlogged(flow: &Flow, facts: &InterfaceFacts) -> bool {
    let (peer, peer_port) = match flow.direction {
        Direction::Egress => (flow.destination, flow.destination_port),
        Direction::Ingress => (flow.source, flow.source_port),
    };
    let is_one_of = |ports: [u16; 2]| {
        flow.protocol == Protocol::UDP
            && ports.contains(&flow.source_port)
            && ports.contains(&flow.destination_port)
    };
    let has_ports = matches!(flow.protocol, Protocol::TCP | Protocol::UDP);
    let is_resolver = RESOLVER.contains(&peer) || facts.resolver.map(IpAddr::V4) == Some(peer);
    (has_ports && peer_port == DNS_PORT && is_resolver)
        || is_one_of(DHCP_PORTS)
        || is_one_of(DHCPV6_PORTS)
        || METADATA.contains(&peer)
        || TIME.contains(&peer)
        || WINDOWS_ACTIVATION.contains(&peer)
        || peer == IpAddr::V4(facts.router)
}
