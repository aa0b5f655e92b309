//! The machine that the cloud runs on as a host of the simulated internet: a device in the namespace that the daemon was
//! started in, with addresses of its own and routes to the cloud's public addresses and the internet's hosts.
//!
//! That namespace is somebody else's. Owns one device there and what leads to it; changes no other route, and never makes a
//! default one. Where the device cannot be made, the rest of the network works without it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use host_net::{InstalledRoute, Netlink, NetlinkError, NetworkNamespace};
use ipnet::IpNet;
use vpc_engine::services::WORKSTATION_MAC;
use vpc_model::Port;

use crate::DataPlaneError;
use crate::fabric::{Fabric, PortSpec, route_to_fabric};
use crate::internet::set_addresses;
use crate::layout::INTERNET_MTU_BYTES;

/// What the workstation gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workstation {
    /// The name of the device, which no other cloud's has.
    pub device: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The cloud's public addresses, which its routes lead to beside the internet's hosts.
    pub public: Vec<IpNet>,
}

/// How the workstation is linked to the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkstationLink {
    /// By a device.
    Linked {
        /// The device's name.
        device: String,
        /// What it has no route to, because there is another one or the kernel refused.
        left_out: Vec<LeftOutRoute>,
    },
    /// Not at all, for this reason.
    Absent(String),
}

/// Addresses that the workstation does not reach by the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOutRoute {
    /// The addresses.
    pub destination: IpNet,
    /// Why not.
    pub reason: String,
}

/// The workstation's side of the link, as far as it is there.
pub(crate) struct Linked {
    side: Option<Side>,
    pub(crate) state: WorkstationLink,
}

struct Side {
    netlink: Netlink,
    index: u32,
    config: Workstation,
}

impl Fabric {
    /// Makes or adopts the link to the namespace of the calling process. What another start made elsewhere, or is no longer
    /// asked for, goes.
    pub(crate) fn open_workstation(&self, config: Option<&Workstation>) -> Linked {
        let absent = |reason: String| {
            if let Err(error) = self.unplug(Port::WORKSTATION) {
                tracing::warn!(%error, "the workstation's device of an earlier start stays");
            }
            Linked { side: None, state: WorkstationLink::Absent(reason) }
        };
        let Some(config) = config else { return absent("not asked for".to_owned()) };
        match self.link_workstation(config) {
            Ok(side) => {
                let state = WorkstationLink::Linked { device: config.device.clone(), left_out: Vec::new() };
                let mut linked = Linked { side: Some(side), state };
                // Those to hosts follow when the hosts are known; until then those of an earlier start stay.
                linked.add_public_routes();
                linked
            }
            Err(error) => {
                tracing::warn!(%error, "the workstation is not linked to the network");
                absent(error.to_string())
            }
        }
    }

    fn link_workstation(&self, config: &Workstation) -> Result<Side, DataPlaneError> {
        let namespace = NetworkNamespace::current()?;
        self.plug(&PortSpec {
            port: Port::WORKSTATION,
            mac: WORKSTATION_MAC,
            mtu_bytes: INTERNET_MTU_BYTES,
            namespace: &namespace,
            guest_name: config.device.clone(),
        })?;
        let netlink = Netlink::open(&namespace)?;
        let link = netlink.link_named(&config.device)?;
        let index = link.ok_or_else(|| DataPlaneError::DeviceGone(config.device.clone()))?.index;
        // Without IPv6 in this namespace, IPv4 works all the same.
        if let Err(error) = netlink.disable_ipv6_autoconf(index) {
            tracing::debug!(%error, "left a parameter as it is");
        }
        let accept = format!("ipv6/conf/{}/accept_ra", config.device);
        if let Err(error) = namespace.set_parameter(&accept, "0") {
            tracing::debug!(%error, "left a parameter as it is");
        }
        netlink.set_up(index, true)?;
        if let Err(error) = set_addresses(&netlink, index, &config.addresses) {
            if netlink.addresses(index)?.is_empty() {
                return Err(error);
            }
            tracing::warn!(%error, "the workstation lacks an address");
        }
        Ok(Side { netlink, index, config: config.clone() })
    }
}

impl Linked {
    /// The cloud's public addresses are these.
    pub(crate) fn set_public(&mut self, public: Vec<IpNet>) {
        if let Some(side) = &mut self.side {
            side.config.public = public;
        }
    }

    /// Has the routes lead to the cloud's public addresses and these hosts, and to nothing else.
    pub(crate) fn lead_to(&mut self, hosts: &[IpAddr]) {
        self.set_routes(hosts, true);
    }

    fn add_public_routes(&mut self) {
        self.set_routes(&[], false);
    }

    fn set_routes(&mut self, hosts: &[IpAddr], has_all: bool) {
        let Some(side) = &self.side else { return };
        let left_out = match side.set_routes(hosts, has_all) {
            Ok(left_out) => left_out,
            Err(error) => side.all_left_out(hosts, &error),
        };
        for LeftOutRoute { destination, reason } in &left_out {
            tracing::warn!(%destination, reason, "the workstation does not reach these addresses of the cloud");
        }
        self.state = WorkstationLink::Linked { device: side.config.device.clone(), left_out };
    }
}

impl Side {
    fn wanted(&self, hosts: &[IpAddr]) -> BTreeSet<IpNet> {
        let own = &self.config.addresses;
        let hosts = hosts.iter().filter(|host| !own.contains(host)).copied().map(IpNet::from);
        self.config.public.iter().map(IpNet::trunc).chain(hosts).collect()
    }

    fn all_left_out(&self, hosts: &[IpAddr], error: &NetlinkError) -> Vec<LeftOutRoute> {
        let left_out = |destination| LeftOutRoute { destination, reason: error.to_string() };
        self.wanted(hosts).into_iter().map(left_out).collect()
    }

    /// Makes what is missing and, where these are all, takes away what is too much. Answers what could not be made.
    fn set_routes(&self, hosts: &[IpAddr], has_all: bool) -> Result<Vec<LeftOutRoute>, NetlinkError> {
        let wanted = self.wanted(hosts);
        let (own, others): (Vec<InstalledRoute>, Vec<InstalledRoute>) =
            self.netlink.routes()?.into_iter().partition(|route| route.device == Some(self.index));
        let own: BTreeSet<IpNet> =
            own.into_iter().filter(|route| !route.is_the_kernels).map(|route| route.destination).collect();
        if has_all {
            for destination in own.difference(&wanted) {
                if let Err(error) = self.netlink.remove_route(*destination, self.index) {
                    tracing::warn!(%error, "a route of the workstation's stays");
                }
            }
        }
        let mut left_out = Vec::new();
        let taken = if wanted.is_subset(&own) { Vec::new() } else { self.taken(&others)? };
        for destination in wanted.difference(&own).copied() {
            let made = match others.iter().find(|other| are_about_the_same(other.destination, destination)) {
                Some(other) => Err(self.there_is(other)),
                None => match taken.iter().find(|(address, _)| destination.contains(address)) {
                    Some((address, by)) => Err(format!("{address} is {by}, which would be cut off")),
                    None => route_to_fabric(&self.netlink, self.index, destination)
                        .map_err(|error| error.to_string()),
                },
            };
            left_out.extend(made.err().map(|reason| LeftOutRoute { destination, reason }));
        }
        Ok(left_out)
    }

    /// The addresses that the machine itself has by other devices, and those of its gateways, with what they are.
    fn taken(&self, others: &[InstalledRoute]) -> Result<Vec<(IpAddr, String)>, NetlinkError> {
        let gateways = others.iter().filter_map(|route| {
            Some((route.gateway?, format!("the gateway of the route to {}", route.destination)))
        });
        let mut taken: Vec<(IpAddr, String)> = gateways.collect();
        for link in self.netlink.links()?.into_iter().filter(|link| link.index != self.index) {
            let addresses = self.netlink.addresses(link.index)?.into_iter();
            taken.extend(addresses.map(|(address, _)| (address, format!("an address of {}", link.name))));
        }
        Ok(taken)
    }

    fn there_is(&self, other: &InstalledRoute) -> String {
        let device = other.device.and_then(|index| self.netlink.link(index).ok().flatten());
        let by = device.map_or_else(String::new, |device| format!(" by {}", device.name));
        format!("there is a route to {}{by} already, which stays", other.destination)
    }
}

/// Whether two routes have addresses in common and neither is the default route.
fn are_about_the_same(one: IpNet, other: IpNet) -> bool {
    let has_length = one.prefix_len() > 0 && other.prefix_len() > 0;
    has_length && (one.contains(&other) || other.contains(&one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_that_share_addresses_are_about_the_same() {
        let check = |one: &str, other: &str, expected: bool| {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(are_about_the_same(one, other), expected, "{one} {other}");
            assert_eq!(are_about_the_same(other, one), expected, "{other} {one}");
        };
        check("198.18.0.0/15", "198.18.0.0/15", true);
        check("198.18.0.0/15", "198.18.3.0/24", true);
        check("198.18.0.0/15", "0.0.0.0/0", false);
        check("198.18.0.0/15", "198.20.0.0/15", false);
        check("3fff::/20", "::/0", false);
        check("3fff::/20", "3fff:1::/32", true);
        check("3fff::/20", "198.18.0.0/15", false);
    }
}
