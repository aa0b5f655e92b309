//! Public names: those of declared hosts, and those that EC2 makes of public addresses, in both directions.
//!
//! Pure lookups. Refuses to know private names of VPCs, and who asks.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::Ipv4Net;
use parking_lot::RwLock;
use vpc_services::{DnsAnswer, DnsDirectory, DnsNetwork, DnsQuestion};

use crate::host::Host;

/// How long a name may be cached: a host can be removed at any time.
const TTL_SECS: u32 = 60;
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

    /// The answer to a question for a name, or for the name of an address.
    pub fn answer(&self, name: &str) -> DnsAnswer {
        if let Some(address) = reverse(name) {
            return match self.name(address) {
                Some(name) => DnsAnswer::Pointer { name, ttl_secs: TTL_SECS },
                None => DnsAnswer::NoSuchName,
            };
        }
        match self.addresses(name) {
            Some(addresses) => DnsAnswer::Host { addresses, ttl_secs: TTL_SECS },
            None => DnsAnswer::NoSuchName,
        }
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

/// The address that a lower-case name of `in-addr.arpa` or `ip6.arpa` is about.
fn reverse(name: &str) -> Option<IpAddr> {
    if let Some(octets) = name.strip_suffix(".in-addr.arpa") {
        return address_of(octets.split('.').rev()).map(IpAddr::V4);
    }
    let nibbles = name.strip_suffix(".ip6.arpa")?;
    let mut bits = 0_u128;
    let mut count = 0;
    for nibble in nibbles.split('.').rev() {
        let is_one = nibble.len() == 1 && count < 32;
        bits = bits << 4 | u128::from(u8::from_str_radix(nibble, 16).ok().filter(|_| is_one)?);
        count += 1;
    }
    (count == 32).then(|| Ipv6Addr::from_bits(bits).into())
}

/// Public names as a DNS server asks for them that is on the internet, and so in no VPC.
pub struct InternetDirectory(pub Arc<PublicNames>);

impl DnsDirectory for InternetDirectory {
    fn network(&self, _: IpAddr) -> Option<DnsNetwork> {
        Some(DnsNetwork { is_supported: true, private_domain: NO_PRIVATE_DOMAIN.into() })
    }

    fn has_private_address(&self, _: IpAddr, _: Ipv4Addr) -> bool {
        false
    }

    fn other(&self, _: IpAddr, question: &DnsQuestion) -> DnsAnswer {
        self.0.answer(&question.name)
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
            assert_eq!(names.answer(nobody), DnsAnswer::NoSuchName, "{nobody}");
        }
        let check = |name: &str, expected: Option<&str>| {
            let expected = expected.map_or(DnsAnswer::NoSuchName, |name| DnsAnswer::Pointer {
                name: name.to_owned(),
                ttl_secs: TTL_SECS,
            });
            assert_eq!(names.answer(name), expected, "{name}");
        };
        check("7.100.51.198.in-addr.arpa", Some("example.org"));
        let v6 = "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        check(v6, Some("example.org"));
        check("1.8.18.198.in-addr.arpa", Some("ec2-198-18-8-1.eu-west-1.compute.amazonaws.com"));
        check("1.100.51.198.in-addr.arpa", None);
        check("100.51.198.in-addr.arpa", None);
        check(&v6[2..], None);
        check(&format!("0.{v6}"), None);

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
        fn any_name_is_looked_up(name in ".{0,80}|([0-9a-f]\\.){30,34}ip6\\.arpa|ec2-[0-9-]{1,20}\\.compute-1\\.amazonaws\\.com") {
            names().answer(&name);
        }
    }
}
