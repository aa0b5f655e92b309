//! Addresses of the services of the link, and of interfaces as the services see them.
//!
//! Owns which addresses are services, and the numbering between the fabric and the service namespace. Refuses to know
//! what a service answers.
//!
//! A service cannot know an interface by its private address, which interfaces of other VPCs may have too. So it sees
//! each under a link address made of its port: `100.64.0.0/10` + port, or `fd62:7275:6d65::/96` + port, and listens at
//! one address per service, whichever of the service's addresses was asked. Source ports stay the same, unless two
//! requests of an interface would become one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_types::MacAddress;
use ipnet::{Ipv4Net, Ipv6Net};
use vpc_model::{ManagedService, Port};

/// The MAC address of the service namespace's device. Frames for the services are addressed to it.
pub const SERVICES_MAC: MacAddress = MacAddress([0x0e, 0, 0, 0, 0, 0x01]);
/// The MAC address of the device that the declared hosts of the internet are at.
pub const INTERNET_MAC: MacAddress = MacAddress([0x0e, 0, 0, 0, 0, 0x03]);
/// The MAC address of the workstation's device.
pub const WORKSTATION_MAC: MacAddress = MacAddress([0x0e, 0, 0, 0, 0, 0x04]);
/// The MAC address under which the services, the hosts of the internet and the workstation reach the fabric: the next hop for [`LINK_IPV4`] and [`LINK_IPV6`].
pub const LINK_ROUTER_MAC: MacAddress = MacAddress([0x0e, 0, 0, 0, 0, 0x02]);
/// The IPv4 range in which the services see the interfaces.
pub const LINK_IPV4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10);
/// The IPv6 range in which the services see the interfaces.
pub const LINK_IPV6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfd62, 0x7275, 0x6d65, 0, 0, 0, 0, 0), 96);

/// The IPv4 range that routes cannot capture (fact 8).
/// <https://docs.aws.amazon.com/vpc/latest/userguide/route-table-options.html>
pub const RESERVED_IPV4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 168, 0), 22);
/// The IPv6 range that routes cannot capture (fact 8).
pub const RESERVED_IPV6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32);

/// A service of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkService {
    /// Instance metadata.
    Metadata,
    /// The resolver.
    Dns,
    /// Time.
    Ntp,
}

impl LinkService {
    /// Every service.
    pub const ALL: [Self; 3] = [Self::Metadata, Self::Dns, Self::Ntp];

    /// The last group of its addresses.
    const fn group(self) -> u8 {
        match self {
            Self::Metadata => 254,
            Self::Dns => 253,
            Self::Ntp => 123,
        }
    }

    /// Where it listens for IPv4.
    pub const fn ipv4(self) -> Ipv4Addr {
        Ipv4Addr::new(169, 254, 169, self.group())
    }

    /// Where it listens for IPv6.
    pub const fn ipv6(self) -> Ipv6Addr {
        let group = match self {
            Self::Metadata => 0x254,
            Self::Dns => 0x253,
            Self::Ntp => 0x123,
        };
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, group)
    }

    /// Where it listens for the family of an address.
    pub const fn listener(self, like: IpAddr) -> IpAddr {
        match like {
            IpAddr::V4(_) => IpAddr::V4(self.ipv4()),
            IpAddr::V6(_) => IpAddr::V6(self.ipv6()),
        }
    }

    /// The service with that link-local or unique-local address. The resolver's address in a VPC is not among them.
    pub fn at(address: IpAddr) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.listener(address) == address)
    }
}

/// Where a service of AWS with public addresses listens, for the family of an address. Nobody can ask for these
/// addresses; who asks for a public one of the service is led here.
pub fn managed_listener(service: ManagedService, like: IpAddr) -> IpAddr {
    let number = match service {
        ManagedService::S3 => 1,
        ManagedService::DynamoDb => 2,
    };
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(169, 254, 171, number)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 1, number.into())),
    }
}

/// The service of AWS that listens at an address of [`managed_listener`].
pub fn managed_service_at(address: IpAddr) -> Option<ManagedService> {
    ManagedService::ALL.into_iter().find(|&service| managed_listener(service, address) == address)
}

/// Whether an address is reserved for services of the link.
pub fn is_reserved(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => RESERVED_IPV4.contains(&address),
        IpAddr::V6(address) => RESERVED_IPV6.contains(&address),
    }
}

/// The IPv4 address under which the services see an interface.
pub fn link_ipv4(port: Port) -> Ipv4Addr {
    Ipv4Addr::from_bits(LINK_IPV4.addr().to_bits() | port.number())
}

/// The IPv6 address under which the services see an interface.
pub fn link_ipv6(port: Port) -> Ipv6Addr {
    Ipv6Addr::from_bits(LINK_IPV6.addr().to_bits() | u128::from(port.number()))
}

/// The address under which the services see an interface, in the family of another address.
pub fn link_address(port: Port, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(link_ipv4(port)),
        IpAddr::V6(_) => IpAddr::V6(link_ipv6(port)),
    }
}

/// The port of the interface that the services see under an address.
pub fn port_of_link_address(address: IpAddr) -> Option<Port> {
    let number = match address {
        IpAddr::V4(address) if LINK_IPV4.contains(&address) => address.to_bits() & Port::MAX.number(),
        IpAddr::V6(address) if LINK_IPV6.contains(&address) => address.to_bits() as u32,
        _ => return None,
    };
    Port::new(number).ok().filter(|&port| port != Port::SERVICES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_address_names_its_port() {
        for number in [1, 255, 256, 70_000, Port::MAX.number()] {
            let port = Port::new(number).unwrap();
            assert_eq!(port_of_link_address(link_ipv4(port).into()), Some(port));
            assert_eq!(port_of_link_address(link_ipv6(port).into()), Some(port));
        }
        assert_eq!(link_ipv4(Port::MAX), Ipv4Addr::new(100, 127, 255, 255));
        assert_eq!(port_of_link_address(Ipv4Addr::new(10, 0, 0, 1).into()), None);
        assert_eq!(port_of_link_address(Ipv4Addr::new(100, 64, 0, 0).into()), None);
    }

    #[test]
    fn services_are_where_aws_has_them() {
        assert_eq!(LinkService::at("169.254.169.254".parse().unwrap()), Some(LinkService::Metadata));
        assert_eq!(LinkService::at("fd00:ec2::253".parse().unwrap()), Some(LinkService::Dns));
        assert_eq!(LinkService::at("fd00:ec2::123".parse().unwrap()), Some(LinkService::Ntp));
        assert_eq!(LinkService::at("169.254.169.252".parse().unwrap()), None);
        assert!(
            is_reserved("169.254.171.255".parse().unwrap()) && !is_reserved("169.254.172.0".parse().unwrap())
        );
    }
}
