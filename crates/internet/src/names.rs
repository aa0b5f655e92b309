//! Public names: those of declared hosts, and those that EC2 makes of public addresses, in both directions.
//!
//! Pure lookups. Refuses to know private names of VPCs, and who asks.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use parking_lot::RwLock;
use vpc_services::{DnsDirectory, DnsNetwork};

use crate::host::Host;

/// The one domain in which there is nothing by agreement (RFC 6761, section 6.4), for a server that is in no VPC.
const NO_PRIVATE_DOMAIN: &str = "invalid";

/// The public addresses of a region and the domain of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionNames {
    /// The region's addresses.
    pub block: Ipv4Net,
    /// `compute-1.amazonaws.com` in us-east-1, else `REGION.compute.amazonaws.com`.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html>
    pub domain: String,
}

/// Public names and their addresses. One is shared by everything that answers for them.
#[derive(Debug, Default)]
pub struct PublicNames {
    regions: Vec<RegionNames>,
    hosts: RwLock<Hosts>,
}

#[derive(Debug, Default)]
struct Hosts {
    by_name: BTreeMap<String, Vec<IpAddr>>,
    by_address: BTreeMap<IpAddr, String>,
}

impl PublicNames {
    /// The names of these regions, and no hosts yet.
    pub fn new(regions: Vec<RegionNames>) -> Self {
        Self { regions, hosts: RwLock::default() }
    }

    /// From now on there are these hosts and no others.
    pub fn set_hosts<'a>(&self, hosts: impl IntoIterator<Item = &'a Host>) {
        let mut known = Hosts::default();
        for host in hosts {
            let name = host.name.as_str();
            known.by_name.insert(name.to_owned(), host.addresses.clone());
            known.by_address.extend(host.addresses.iter().map(|address| (*address, name.to_owned())));
        }
        *self.hosts.write() = known;
    }

    /// The addresses of a name in lower case without a dot at its end; `None` when there is no such name.
    pub fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        match self.hosts.read().by_name.get(name) {
            Some(addresses) => Some(addresses.clone()),
            None => self.ec2_address(name).map(|address| vec![address.into()]),
        }
    }

    /// The name of an address.
    pub fn name(&self, address: IpAddr) -> Option<String> {
        if let Some(name) = self.hosts.read().by_address.get(&address) {
            return Some(name.clone());
        }
        let IpAddr::V4(address) = address else { return None };
        let region = self.regions.iter().find(|region| region.block.contains(&address))?;
        let [a, b, c, d] = address.octets();
        Some(format!("ec2-{a}-{b}-{c}-{d}.{}", region.domain))
    }

    /// The address in a name that EC2 makes, where that is one of the region's.
    fn ec2_address(&self, name: &str) -> Option<Ipv4Addr> {
        let (label, domain) = name.split_once('.')?;
        let region = self.regions.iter().find(|region| region.domain == domain)?;
        let octets = label.strip_prefix("ec2-")?.split('-');
        address_of(octets).filter(|address| region.block.contains(address))
    }
}

/// Four decimal numbers without leading zeros, so that every address has one name.
fn address_of<'a>(octets: impl Iterator<Item = &'a str>) -> Option<Ipv4Addr> {
    let octet = |text: &str| -> Option<u8> {
        let is_plain =
            text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        text.parse().ok().filter(|_| is_plain)
    };
    let octets: Vec<u8> = octets.take(5).map(octet).collect::<Option<_>>()?;
    <[u8; 4]>::try_from(octets).ok().map(Ipv4Addr::from)
}

impl vpc_services::PublicNames for PublicNames {
    fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        self.addresses(name)
    }

    fn name(&self, address: IpAddr) -> Option<String> {
        self.name(address)
    }
}

/// What a DNS server that is on the internet, and so in no VPC, knows by itself: nothing. It has its names from
/// [`PublicNames`].
#[derive(Clone, Copy, Debug, Default)]
pub struct InternetDirectory;

impl DnsDirectory for InternetDirectory {
    fn network(&self, _: IpAddr) -> Option<DnsNetwork> {
        Some(DnsNetwork {
            is_supported: true,
            has_private_names: false,
            private_domain: NO_PRIVATE_DOMAIN.into(),
            has_dns64: false,
            blocks: Vec::new(),
        })
    }

    fn has_private_address(&self, _: IpAddr, _: Ipv4Addr) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::host::Content;

    fn names() -> PublicNames {
        let region = |block: &str, domain: &str| RegionNames {
            block: block.parse().unwrap(),
            domain: domain.to_owned(),
        };
        let names = PublicNames::new(vec![
            region("198.18.0.0/21", "compute-1.amazonaws.com"),
            region("198.18.8.0/21", "eu-west-1.compute.amazonaws.com"),
        ]);
        names.set_hosts([&Host {
            name: "example.org".parse().unwrap(),
            addresses: vec!["198.51.100.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
            content: Content::Name,
            latency_ms: None,
        }]);
        names
    }

    #[test]
    fn hosts_and_ec2_names_have_addresses_and_those_have_names() {
        let names = names();
        let check = |name: &str, expected: &[&str]| {
            let addresses = names.addresses(name).unwrap_or_default();
            assert_eq!(addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{name}");
        };
        check("example.org", &["198.51.100.7", "2001:db8::7"]);
        check("ec2-198-18-0-1.compute-1.amazonaws.com", &["198.18.0.1"]);
        check("ec2-198-18-15-255.eu-west-1.compute.amazonaws.com", &["198.18.15.255"]);
        for nobody in [
            "www.example.org",
            "org",
            "",
            "ec2-198-18-8-1.compute-1.amazonaws.com",
            "ec2-198-51-100-7.compute-1.amazonaws.com",
            "ec2-198-18-0-01.compute-1.amazonaws.com",
            "ec2-198-18-0-1-2.compute-1.amazonaws.com",
            "ec2-198-18-0.compute-1.amazonaws.com",
            "ec2-198-18-0-1.nowhere-1.compute.amazonaws.com",
            "a.ec2-198-18-0-1.compute-1.amazonaws.com",
        ] {
            check(nobody, &[]);
        }
        let check = |address: &str, expected: Option<&str>| {
            assert_eq!(names.name(address.parse().unwrap()).as_deref(), expected, "{address}");
        };
        check("198.51.100.7", Some("example.org"));
        check("2001:db8::7", Some("example.org"));
        check("198.18.8.1", Some("ec2-198-18-8-1.eu-west-1.compute.amazonaws.com"));
        check("198.51.100.1", None);

        names.set_hosts([]);
        assert_eq!(names.addresses("example.org"), None);
        assert_eq!(names.name("198.51.100.7".parse().unwrap()), None);
    }

    proptest! {
        #[test]
        fn the_name_of_an_address_has_that_address(bits in 0xc612_0000_u32..0xc612_1000) {
            let names = names();
            let address = IpAddr::V4(Ipv4Addr::from_bits(bits));
            let name = names.name(address).expect("it is in a region");
            prop_assert_eq!(names.addresses(&name), Some(vec![address]));
        }

        #[test]
        fn any_name_is_looked_up(name in ".{0,80}|ec2-[0-9-]{1,20}\\.compute-1\\.amazonaws\\.com") {
            names().addresses(&name);
        }
    }
}
