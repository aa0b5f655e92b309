//! IPv6 neighbour and router discovery (RFC 4861), answered by the fabric (fact A9).
//!
//! Owns solicitations, and the advertisements that answer them. Refuses to relay any: an interface's own advertisements
//! go nowhere, so it can take over no address and be no router.

use std::net::{IpAddr, Ipv6Addr};

use aws_types::MacAddress;
use vpc_model::{DhcpOptions, Port};

use super::build::{self, Link};
use super::parse::{self};
use super::{Asker, LINK_ROUTER_MAC};
use crate::packet::{Packet, Transport};
use crate::reason::DropReason;
use crate::services::{LINK_IPV6, LinkService};
use crate::snapshot::{Network, Snapshot};

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

const OPTION_SOURCE_LINK_ADDRESS: u8 = 1;
const OPTION_TARGET_LINK_ADDRESS: u8 = 2;
const OPTION_PREFIX: u8 = 3;
const OPTION_MTU: u8 = 5;

/// How long an interface may use the router after an advertisement. Whoever runs the fabric should send
/// [`router_advertisement`] to each interface with IPv6 at least three times in that time.
pub const ROUTER_LIFETIME_SECS: u16 = 9000;

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: MacAddress = MacAddress([0x33, 0x33, 0, 0, 0, 1]);

/// The link-local address of a MAC address (RFC 4291, appendix A).
pub(crate) fn link_local(mac: MacAddress) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    let host = [a ^ 2, b, c, 0xff, 0xfe, d, e, f];
    Ipv6Addr::from_bits(0xfe80_u128 << 112 | u128::from(u64::from_be_bytes(host)))
}

/// Answers an interface.
pub(crate) fn answer(
    snapshot: &Snapshot,
    asker: &Asker<'_>,
    packet: &Packet,
    frame: &[u8],
) -> Result<Vec<u8>, DropReason> {
    let interface = &asker.plugged.interface;
    let (Transport::Icmp { kind, code: 0, .. }, IpAddr::V6(source), 255) =
        (packet.transport, packet.source, packet.ttl)
    else {
        return Err(DropReason::Malformed);
    };
    let owns = |address: Ipv6Addr| {
        let owner = asker.network.owner(asker.plugged.vpc, IpAddr::V6(address));
        owner.is_some_and(|owner| owner.interface.port == interface.port)
    };
    // Link-local addresses reach nobody but the fabric, so whose they are does not matter.
    let is_honest = source.is_unspecified() || source.is_unicast_link_local() || owns(source);
    if interface.source_dest_check && !is_honest {
        return Err(DropReason::SpoofedAddress { interface: interface.id, address: source.into() });
    }
    match kind {
        ROUTER_SOLICITATION => router_advertisement_for(snapshot, asker).ok_or(DropReason::Unanswered),
        NEIGHBOUR_SOLICITATION => {
            let target = target(frame)?;
            let mac = if owns(target) { None } else { mac_of(asker, target) };
            let mac = mac.ok_or(DropReason::Unanswered)?;
            Ok(advertisement(packet, source, target, mac, mac == asker.subnet.router_mac))
        }
        // Advertisements and redirects.
        _ => Err(DropReason::Unanswered),
    }
}

/// The target of a solicitation.
fn target(frame: &[u8]) -> Result<Ipv6Addr, DropReason> {
    let layout = parse::layout(frame)?;
    parse::ipv6_at(&frame[..layout.end], layout.transport + 8)
}

/// The MAC address under which an interface reaches an address on its link.
fn mac_of(asker: &Asker<'_>, target: Ipv6Addr) -> Option<MacAddress> {
    let router_mac = asker.subnet.router_mac;
    let address = IpAddr::V6(target);
    if target == link_local(router_mac) || LinkService::at(address).is_some() {
        return Some(router_mac);
    }
    let neighbour = asker.network.owner(asker.plugged.vpc, address)?;
    (neighbour.subnet == asker.plugged.subnet).then_some(neighbour.interface.mac)
}

fn advertisement(
    packet: &Packet,
    source: Ipv6Addr,
    target: Ipv6Addr,
    mac: MacAddress,
    is_router: bool,
) -> Vec<u8> {
    // To somebody without an address yet, the answer goes to all (section 7.2.4) and is not "solicited".
    let (destination, link, solicited) = if source.is_unspecified() {
        (ALL_NODES, ALL_NODES_MAC, 0)
    } else {
        (source, packet.source_mac, 0x40)
    };
    let router = if is_router { 0x80 } else { 0 };
    let override_flag = 0x20;
    let mut message = vec![NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, router | solicited | override_flag, 0, 0, 0];
    message.extend(target.octets());
    message.extend([OPTION_TARGET_LINK_ADDRESS, 1]);
    message.extend(mac.0);
    build::icmp6(&Link { source: mac, destination: link }, target, destination, message)
}

/// The router advertisement for the interface at a port, which it needs now and then to keep its default route; none
/// when its subnet has no IPv6. Addresses come by DHCPv6: the prefix is on the link, and not for autoconfiguration.
pub fn router_advertisement(snapshot: &Snapshot, port: Port) -> Option<Vec<u8>> {
    let asker = super::asker(snapshot, port).ok()??;
    router_advertisement_for(snapshot, &asker)
}

fn router_advertisement_for(snapshot: &Snapshot, asker: &Asker<'_>) -> Option<Vec<u8>> {
    let prefix = asker.subnet.subnet.ipv6_cidr?;
    let router_mac = asker.subnet.router_mac;
    let mtu = super::options(snapshot, asker).map_or(DhcpOptions::VPC_MTU_BYTES, |options| options.mtu_bytes);
    // Hop limit 64; addresses and other configuration by DHCPv6.
    let mut message = vec![ROUTER_ADVERTISEMENT, 0, 0, 0, 64, 0x80 | 0x40];
    message.extend(ROUTER_LIFETIME_SECS.to_be_bytes());
    // Reachable time and retransmission timer: as the interface likes.
    message.extend([0; 8]);
    message.extend([OPTION_SOURCE_LINK_ADDRESS, 1]);
    message.extend(router_mac.0);
    message.extend([OPTION_MTU, 1, 0, 0]);
    message.extend(u32::from(mtu).to_be_bytes());
    // On the link, no autoconfiguration; valid and preferred for ever.
    message.extend([OPTION_PREFIX, 4, prefix.prefix_len(), 0x80]);
    message.extend([0xff; 8]);
    message.extend([0; 4]);
    message.extend(prefix.network().octets());
    let link = Link { source: router_mac, destination: asker.plugged.interface.mac };
    Some(build::icmp6(&link, link_local(router_mac), ALL_NODES, message))
}

/// Answers hosts of the internet and the workstation, which reach whatever is not one of them through the same next hop.
pub(crate) fn answer_internet(
    network: &Network,
    packet: &Packet,
    frame: &[u8],
) -> Result<Vec<u8>, DropReason> {
    let (Transport::Icmp { kind: NEIGHBOUR_SOLICITATION, .. }, IpAddr::V6(source)) =
        (packet.transport, packet.source)
    else {
        return Err(DropReason::Unanswered);
    };
    let target = target(frame)?;
    if source.is_unspecified() || network.gateways.host(IpAddr::V6(target)).is_some() {
        return Err(DropReason::Unanswered);
    }
    Ok(advertisement(packet, source, target, LINK_ROUTER_MAC, true))
}

/// Answers the services, which reach every interface through the same next hop.
pub(crate) fn answer_services(packet: &Packet, frame: &[u8]) -> Result<Vec<u8>, DropReason> {
    let (Transport::Icmp { kind: NEIGHBOUR_SOLICITATION, .. }, IpAddr::V6(source)) =
        (packet.transport, packet.source)
    else {
        return Err(DropReason::Unanswered);
    };
    let target = target(frame)?;
    if !LINK_IPV6.contains(&target) && target != link_local(LINK_ROUTER_MAC) {
        return Err(DropReason::Unanswered);
    }
    Ok(advertisement(packet, source, target, LINK_ROUTER_MAC, true))
}
