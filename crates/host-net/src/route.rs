//! Routes and addresses that a namespace has, for a caller that changes only what is its own. Refuses to know which those
//! are.

use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::{Netlink, NetlinkError};

/// A route of the main table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledRoute {
    /// What it is for.
    pub destination: IpNet,
    /// The device that it leads to, where it leads to one.
    pub device: Option<u32>,
    /// Who takes the packets on from there, where it is not their receiver.
    pub gateway: Option<IpAddr>,
    /// Whether the kernel made it by itself, for an address of a device.
    pub is_the_kernels: bool,
}

impl Netlink {
    /// Every route of the main table, of both families. A kernel without IPv6 has none of those.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn routes(&self) -> Result<Vec<InstalledRoute>, NetlinkError> {
        let mut routes = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut message = RouteMessage::default();
            message.header.address_family = family;
            let message = RouteNetlinkMessage::GetRoute(message);
            match self.request(|| format!("list {family:?} routes"), message, NLM_F_DUMP) {
                Ok(answers) => {
                    routes.extend(answers.into_iter().filter_map(|answer| route_of(answer, family)));
                }
                Err(error) if family == AddressFamily::Inet6 && is_unsupported(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(routes)
    }

    /// Takes the main table's route for a destination by a device away. Its absence is no error.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove_route(&self, destination: IpNet, index: u32) -> Result<(), NetlinkError> {
        let mut message = RouteMessage::default();
        message.header.address_family = family_of(destination);
        message.header.destination_prefix_length = destination.prefix_len();
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        // Of any scope.
        message.header.scope = RouteScope::NoWhere;
        if destination.prefix_len() > 0 {
            message.attributes.push(RouteAttribute::Destination(match destination.addr() {
                IpAddr::V4(address) => RouteAddress::Inet(address),
                IpAddr::V6(address) => RouteAddress::Inet6(address),
            }));
        }
        message.attributes.push(RouteAttribute::Oif(index));
        let action = || format!("remove the route to {destination} by device {index}");
        match self.request(action, RouteNetlinkMessage::DelRoute(message), 0) {
            Err(error) if error.errno() == Some(libc::ESRCH) => Ok(()),
            result => result.map(|_| ()),
        }
    }

    /// The addresses of a device with the lengths of their prefixes, without those that the kernel gave it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn addresses(&self, index: u32) -> Result<Vec<(IpAddr, u8)>, NetlinkError> {
        let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        let answers = self.request(|| format!("list addresses of device {index}"), message, NLM_F_DUMP)?;
        Ok(answers.into_iter().filter_map(|answer| address_of(answer, index)).collect())
    }
}

fn is_unsupported(error: &NetlinkError) -> bool {
    matches!(error.errno(), Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT))
}

fn family_of(network: IpNet) -> AddressFamily {
    match network {
        IpNet::V4(_) => AddressFamily::Inet,
        IpNet::V6(_) => AddressFamily::Inet6,
    }
}

fn route_of(answer: RouteNetlinkMessage, asked: AddressFamily) -> Option<InstalledRoute> {
    let RouteNetlinkMessage::NewRoute(message) = answer else { return None };
    let header = &message.header;
    // A kernel without the family answers with those of all others.
    if header.address_family != asked {
        return None;
    }
    let mut table = u32::from(header.table);
    let (mut device, mut gateway) = (None, None);
    let mut destination = match asked {
        AddressFamily::Inet => IpAddr::from([0; 4]),
        _ => IpAddr::from([0_u16; 8]),
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => destination = (*address).into(),
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => destination = (*address).into(),
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => gateway = Some((*address).into()),
            RouteAttribute::Gateway(RouteAddress::Inet6(address)) => gateway = Some((*address).into()),
            RouteAttribute::Oif(index) => device = Some(*index),
            RouteAttribute::Table(number) => table = *number,
            _ => {}
        }
    }
    if table != u32::from(RouteHeader::RT_TABLE_MAIN) {
        return None;
    }
    Some(InstalledRoute {
        destination: IpNet::new(destination, header.destination_prefix_length).ok()?,
        device,
        gateway,
        is_the_kernels: header.protocol == RouteProtocol::Kernel,
    })
}

fn address_of(answer: RouteNetlinkMessage, index: u32) -> Option<(IpAddr, u8)> {
    let RouteNetlinkMessage::NewAddress(message) = answer else { return None };
    if message.header.index != index {
        return None;
    }
    // The local address where there are two, of a link between two points.
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let plain = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Address(address) => Some(*address),
        _ => None,
    });
    let address = local.or(plain)?;
    let is_link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    (!is_link_local).then_some((address, message.header.prefix_len))
}
