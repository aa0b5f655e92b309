//! The checks of the sender: what no rule can allow.
//!
//! Owns spoofing checks and addresses that cannot be on a wire. Refuses to know rules and routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_types::MacAddress;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::packet::Packet;
use crate::reason::DropReason;
use crate::services;
use crate::snapshot::{CompiledSubnet, Network, PluggedInterface};

/// Refuses frames of a foreign MAC address, broadcasts and multicasts, and addresses that cannot be.
pub(crate) fn check(sender: &PluggedInterface, packet: &Packet) -> Result<(), DropReason> {
    if packet.source.is_ipv4() != packet.destination.is_ipv4() {
        return Err(DropReason::Malformed);
    }
    if packet.source_mac != sender.mac {
        return Err(DropReason::SpoofedMac { interface: sender.interface.id, mac: packet.source_mac });
    }
    check_group(packet.destination_mac, packet.destination)?;
    if is_impossible(packet.source) || packet.source.is_multicast() || is_link_local(packet.source) {
        return Err(DropReason::InvalidSource { address: packet.source });
    }
    let destination = packet.destination;
    let is_service = services::is_reserved(destination);
    if is_impossible(destination) || (is_link_local(destination) && !is_service) {
        return Err(DropReason::InvalidDestination { address: destination });
    }
    Ok(())
}

/// The same for what comes from the internet, which has no MAC address of its own to be held to.
pub(crate) fn check_internet(packet: &Packet) -> Result<(), DropReason> {
    let (source, destination) = (packet.source, packet.destination);
    if source.is_ipv4() != destination.is_ipv4() {
        return Err(DropReason::Malformed);
    }
    check_group(packet.destination_mac, destination)?;
    if is_impossible(source) || source.is_multicast() || is_link_local(source) {
        return Err(DropReason::InvalidSource { address: source });
    }
    if is_impossible(destination) || is_link_local(destination) || services::is_reserved(destination) {
        return Err(DropReason::InvalidDestination { address: destination });
    }
    Ok(())
}

/// Fact A8.
fn check_group(mac: MacAddress, address: IpAddr) -> Result<(), DropReason> {
    let is_broadcast = match address {
        IpAddr::V4(address) => address.is_broadcast(),
        IpAddr::V6(_) => false,
    };
    if mac == MacAddress::BROADCAST || is_broadcast {
        return Err(DropReason::Broadcast);
    }
    if mac.0[0] & 1 != 0 || address.is_multicast() {
        return Err(DropReason::Multicast);
    }
    Ok(())
}

/// Addresses that are never on a wire. IPv4-mapped addresses are among them, so that connection tracking can hold
/// both families in one form.
fn is_impossible(address: IpAddr) -> bool {
    address.is_unspecified()
        || address.is_loopback()
        || match address {
            IpAddr::V4(address) => address.is_broadcast(),
            IpAddr::V6(address) => address.to_ipv4_mapped().is_some(),
        }
}

/// The blocks whose addresses these checks treat in ways of their own.
pub(crate) fn ranges() -> impl Iterator<Item = IpNet> {
    const IPV4: [(Ipv4Addr, u8); 6] = [
        (Ipv4Addr::UNSPECIFIED, 32),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(224, 0, 0, 0), 4),
        (Ipv4Addr::BROADCAST, 32),
        (services::RESERVED_IPV4.addr(), services::RESERVED_IPV4.prefix_len()),
    ];
    const IPV6: [(Ipv6Addr, u8); 6] = [
        (Ipv6Addr::UNSPECIFIED, 128),
        (Ipv6Addr::LOCALHOST, 128),
        (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
        (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
        (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
        (services::RESERVED_IPV6.addr(), services::RESERVED_IPV6.prefix_len()),
    ];
    let ipv4 = IPV4.into_iter().map(|(address, length)| IpNet::V4(Ipv4Net::new_assert(address, length)));
    ipv4.chain(IPV6.into_iter().map(|(address, length)| IpNet::V6(Ipv6Net::new_assert(address, length))))
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// Refuses the subnet's broadcast address (facts A3, A8).
pub(crate) fn check_destination(subnet: &CompiledSubnet, packet: &Packet) -> Result<(), DropReason> {
    match packet.destination {
        IpAddr::V4(address) if address == subnet.subnet.cidr.broadcast() => Err(DropReason::Broadcast),
        _ => Ok(()),
    }
}

/// Whether an address is the interface's own.
pub(crate) fn owns(network: &Network, plugged: &PluggedInterface, address: IpAddr) -> bool {
    address == IpAddr::V4(plugged.ipv4) || network.port_of(plugged.vpc, address) == Some(plugged.port)
}

/// The source check (fact 31).
pub(crate) fn check_source(
    network: &Network,
    sender: &PluggedInterface,
    address: IpAddr,
) -> Result<(), DropReason> {
    if sender.source_dest_check && !owns(network, sender, address) {
        return Err(DropReason::SourceCheck { interface: sender.interface.id, address });
    }
    Ok(())
}
