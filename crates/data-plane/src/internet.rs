//! The namespace of the simulated internet's hosts: its port, its routes and its addresses. The kernel in it answers
//! pings.
//!
//! Refuses to know what the hosts serve, and which addresses they may have.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use host_net::Netlink;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use vpc_engine::services::INTERNET_MAC;
use vpc_model::Port;

use crate::DataPlaneError;
use crate::fabric::{Fabric, LOOPBACK, PortSpec, route_to_fabric};
use crate::layout::{INTERNET_DEVICE, INTERNET_MTU_BYTES};

impl Fabric {
    /// Makes or adopts the internet's port. From its hosts everything that is not theirs leads to the fabric.
    pub(crate) fn open_internet(&self) -> Result<(), DataPlaneError> {
        let internet = Netlink::open(&self.internet)?;
        self.plug(&PortSpec {
            port: Port::INTERNET,
            mac: INTERNET_MAC,
            mtu_bytes: INTERNET_MTU_BYTES,
            namespace: &self.internet,
            guest_name: INTERNET_DEVICE.to_owned(),
        })?;
        let Some(device) = internet.link_named(INTERNET_DEVICE)? else { return Ok(()) };
        internet.set_up(LOOPBACK, true)?;
        internet.set_up(device.index, true)?;
        let everything = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);
        route_to_fabric(&internet, device.index, IpNet::V4(everything))?;
        let everything = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0);
        if let Err(error) = route_to_fabric(&internet, device.index, IpNet::V6(everything)) {
            tracing::warn!(%error, "hosts of the internet have no IPv6");
        }
        Ok(())
    }

    /// Gives the hosts these addresses and takes all others away, as far as possible.
    pub(crate) fn set_internet_addresses(&self, wanted: &[IpAddr]) -> Result<(), DataPlaneError> {
        let internet = Netlink::open(&self.internet)?;
        let Some(device) = internet.link_named(INTERNET_DEVICE)? else { return Ok(()) };
        set_addresses(&internet, device.index, wanted)
    }
}

/// Gives a device these addresses, each alone, and takes all others away. Goes on after the first that fails.
pub(crate) fn set_addresses(netlink: &Netlink, device: u32, wanted: &[IpAddr]) -> Result<(), DataPlaneError> {
    let there: BTreeSet<(IpAddr, u8)> = netlink.addresses(device)?.into_iter().collect();
    let wanted: BTreeSet<(IpAddr, u8)> =
        wanted.iter().map(|address| (*address, full_length(*address))).collect();
    let mut first_failed = Ok(());
    for (address, length) in there.difference(&wanted) {
        first_failed = first_failed.and(netlink.remove_address(device, *address, *length));
    }
    for (address, length) in wanted.difference(&there) {
        first_failed = first_failed.and(netlink.add_address(device, *address, *length));
    }
    Ok(first_failed?)
}

/// The length of a prefix that is one address.
pub(crate) const fn full_length(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}
