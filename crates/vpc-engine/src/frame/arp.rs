//! ARP (RFC 826), answered by the fabric (fact A9).
//!
//! Owns who is told which MAC address. Refuses to remember anything: an interface cannot teach the fabric an address.

use std::net::{IpAddr, Ipv4Addr};

use aws_types::MacAddress;

use super::build::Link;
use super::parse::{self, ETHER_TYPE_ARP, ETHERNET_BYTES};
use super::{Asker, LINK_ROUTER_MAC};
use crate::reason::DropReason;
use crate::services::{LINK_IPV4, LinkService};
use crate::snapshot::Network;

const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// An ARP packet for IPv4 over Ethernet.
struct Arp {
    operation: u16,
    sender_mac: MacAddress,
    sender: Ipv4Addr,
    target: Ipv4Addr,
}

fn read(frame: &[u8]) -> Result<Arp, DropReason> {
    let at = ETHERNET_BYTES;
    // Hardware type Ethernet, protocol type IPv4, their address lengths.
    if parse::bytes::<6>(frame, at)? != [0, 1, 8, 0, 6, 4] {
        return Err(DropReason::Malformed);
    }
    Ok(Arp {
        operation: parse::u16_at(frame, at + 6)?,
        sender_mac: parse::bytes(frame, at + 8).map(MacAddress)?,
        sender: parse::ipv4_at(frame, at + 14)?,
        target: parse::ipv4_at(frame, at + 24)?,
    })
}

fn reply(request: &Arp, mac: MacAddress) -> Vec<u8> {
    let mut frame = Link { source: mac, destination: request.sender_mac }.header(ETHER_TYPE_ARP);
    frame.extend([0, 1, 8, 0, 6, 4]);
    frame.extend(REPLY.to_be_bytes());
    frame.extend(mac.0);
    frame.extend(request.target.octets());
    frame.extend(request.sender_mac.0);
    frame.extend(request.sender.octets());
    frame
}

/// Answers an interface: the router's MAC address for the router and the services, a neighbour's own for a neighbour.
/// A question about the asker's own address is a probe for a duplicate or an announcement, and stays unanswered.
pub(crate) fn answer(asker: &Asker<'_>, frame: &[u8]) -> Result<Vec<u8>, DropReason> {
    let interface = &asker.plugged.interface;
    let request = read(frame)?;
    for mac in [parse::source_mac(frame)?, request.sender_mac] {
        if mac != interface.mac {
            return Err(DropReason::SpoofedMac { interface: interface.id, mac });
        }
    }
    let owns = |address| {
        let owner = asker.network.owner(asker.plugged.vpc, IpAddr::V4(address));
        owner.is_some_and(|owner| owner.interface.port == interface.port)
    };
    let claims = !request.sender.is_unspecified() && interface.source_dest_check;
    if claims && !owns(request.sender) {
        return Err(DropReason::SpoofedAddress { interface: interface.id, address: request.sender.into() });
    }
    if request.operation != REQUEST || owns(request.target) {
        return Err(DropReason::Unanswered);
    }
    mac_of(asker, request.target).map(|mac| reply(&request, mac)).ok_or(DropReason::Unanswered)
}

/// The MAC address under which an interface reaches an address on its link.
fn mac_of(asker: &Asker<'_>, target: Ipv4Addr) -> Option<MacAddress> {
    let subnet = asker.subnet;
    let address = IpAddr::V4(target);
    if target == subnet.router || subnet.resolver == Some(target) || LinkService::at(address).is_some() {
        return Some(subnet.router_mac);
    }
    let neighbour = asker.network.owner(asker.plugged.vpc, address)?;
    (neighbour.subnet == asker.plugged.subnet).then_some(neighbour.interface.mac)
}

/// Answers hosts of the internet and the workstation, which reach whatever is not one of them through the same next hop.
pub(crate) fn answer_internet(network: &Network, frame: &[u8]) -> Result<Vec<u8>, DropReason> {
    let request = read(frame)?;
    if request.operation != REQUEST || network.gateways.host(IpAddr::V4(request.target)).is_some() {
        return Err(DropReason::Unanswered);
    }
    Ok(reply(&request, LINK_ROUTER_MAC))
}

/// Answers the services, which reach every interface through the same next hop.
pub(crate) fn answer_services(frame: &[u8]) -> Result<Vec<u8>, DropReason> {
    let request = read(frame)?;
    if request.operation != REQUEST || !LINK_IPV4.contains(&request.target) {
        return Err(DropReason::Unanswered);
    }
    Ok(reply(&request, LINK_ROUTER_MAC))
}
