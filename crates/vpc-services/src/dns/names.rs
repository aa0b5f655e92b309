//! The names that the resolver makes up of addresses and ids, and the zones that it answers for by itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_types::InstanceId;
use ipnet::IpNet;

/// The name of a host for itself (RFC 6761, section 6.3).
pub(super) const LOCALHOST: &str = "localhost";

/// What a name in the private domain is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrivateName {
    /// The domain itself.
    Domain,
    /// `ip-A-B-C-D`.
    Address(Ipv4Addr),
    /// `i-0123456789abcdef0`.
    Instance(InstanceId),
    /// `instance-data`: the metadata service.
    InstanceData,
    /// Anything else in the domain.
    Other,
}

/// Where the metadata service is, which every private domain has a name for.
pub(super) const INSTANCE_DATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Reads a lower-case name. `None` when it is outside the domain.
pub(super) fn in_domain(name: &str, domain: &str) -> Option<PrivateName> {
    if name == domain {
        return Some(PrivateName::Domain);
    }
    let label = name.strip_suffix(domain)?.strip_suffix('.')?;
    if label == "instance-data" {
        return Some(PrivateName::InstanceData);
    }
    let address = label.strip_prefix("ip-").and_then(|rest| octets(rest.split('-')));
    Some(match (address, label.parse()) {
        (Some(address), _) => PrivateName::Address(address),
        (None, Ok(instance)) => PrivateName::Instance(instance),
        (None, Err(_)) => PrivateName::Other,
    })
}

/// The private name of an address.
pub(super) fn of_address(address: Ipv4Addr, domain: &str) -> String {
    let [a, b, c, d] = address.octets();
    format!("ip-{a}-{b}-{c}-{d}.{domain}")
}

/// The private name of the metadata service.
pub(super) fn of_instance_data(domain: &str) -> String {
    format!("instance-data.{domain}")
}

/// The zone of a name that stands for the asker itself.
pub(super) fn local_zone(name: &str) -> Option<&'static str> {
    let is_in =
        |zone: &str| name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    [LOCALHOST, "localdomain"].into_iter().find(|zone| is_in(zone))
}

/// Whether a name in a local zone is the asker's own.
pub(super) fn is_own(name: &str) -> bool {
    name == LOCALHOST || name == "localhost.localdomain" || name.ends_with(".localhost")
}

/// The address that a lower-case name in `in-addr.arpa` or `ip6.arpa` is about.
pub(super) fn reverse(name: &str) -> Option<IpAddr> {
    if let Some(labels) = name.strip_suffix(".in-addr.arpa") {
        return octets(labels.split('.').rev()).map(IpAddr::V4);
    }
    let mut bits: u128 = 0;
    let mut count = 0;
    for label in name.strip_suffix(".ip6.arpa")?.rsplit('.') {
        let &[digit] = label.as_bytes() else { return None };
        bits = bits << 4 | u128::from(char::from(digit).to_digit(16)?);
        count += 1;
        if count > 32 {
            return None;
        }
    }
    (count == 32).then(|| Ipv6Addr::from_bits(bits).into())
}

/// The zone of addresses that a name belongs to and that the resolver answers for by itself and never passes on, for the
/// start of authority of negative answers: those of the VPC's own blocks, and those of RFC 6303, section 4, that
/// documentation has no use for.
pub(super) fn reverse_zone(name: &str, blocks: &[IpNet]) -> Option<String> {
    let is_in = |zone: &String| {
        name == zone || name.strip_suffix(zone.as_str()).is_some_and(|rest| rest.ends_with('.'))
    };
    if let Some(zone) = served_locally(name) {
        return Some(zone);
    }
    blocks.iter().map(zone_of_block).find(is_in)
}

fn served_locally(name: &str) -> Option<String> {
    let Some(labels) = name.strip_suffix(".in-addr.arpa") else {
        let labels: Vec<&str> = name.strip_suffix(".ip6.arpa")?.rsplit('.').collect();
        return match *labels.as_slice() {
            ["f", "d", ..] => Some("d.f.ip6.arpa".to_owned()),
            ["f", "e", third @ ("8" | "9" | "a" | "b"), ..] => Some(format!("{third}.e.f.ip6.arpa")),
            ref labels if labels.len() == 32 && labels[..31].iter().all(|label| *label == "0") => {
                matches!(labels[31], "0" | "1").then(|| name.to_owned())
            }
            _ => None,
        };
    };
    let labels: Vec<&str> = labels.rsplit('.').collect();
    match *labels.as_slice() {
        [first @ ("0" | "10" | "127"), ..] => Some(format!("{first}.in-addr.arpa")),
        ["169", "254", ..] => Some("254.169.in-addr.arpa".to_owned()),
        ["192", "168", ..] => Some("168.192.in-addr.arpa".to_owned()),
        ["172", second, ..] => {
            let is_private = second.parse().is_ok_and(|second: u8| (16..32).contains(&second));
            is_private.then(|| format!("{second}.172.in-addr.arpa"))
        }
        _ => None,
    }
}

/// The smallest zone that has the names of all addresses of a block.
fn zone_of_block(block: &IpNet) -> String {
    match block {
        IpNet::V4(block) => {
            let octets = block.addr().octets();
            let labels =
                octets[..usize::from(block.prefix_len() / 8)].iter().rev().map(|octet| format!("{octet}."));
            labels.collect::<String>() + "in-addr.arpa"
        }
        IpNet::V6(block) => {
            let bits = block.addr().to_bits();
            let count = u32::from(block.prefix_len() / 4);
            let labels = (0..count).rev().map(|at| format!("{:x}.", bits >> (124 - 4 * at) & 0xf));
            labels.collect::<String>() + "ip6.arpa"
        }
    }
}

/// The IPv6 address that stands for an IPv4 address (RFC 6052, section 2.1).
pub(super) fn translated(address: Ipv4Addr) -> Ipv6Addr {
    const WELL_KNOWN_PREFIX: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
    Ipv6Addr::from_bits(WELL_KNOWN_PREFIX.to_bits() | u128::from(address.to_bits()))
}

/// Four decimal numbers without leading zeros, so that every address has one name.
fn octets<'a>(parts: impl Iterator<Item = &'a str>) -> Option<Ipv4Addr> {
    let mut octets = Vec::with_capacity(4);
    for part in parts {
        let is_plain =
            part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
        octets.push(part.parse::<u8>().ok().filter(|_| is_plain && octets.len() < 4)?);
    }
    <[u8; 4]>::try_from(octets).ok().map(Ipv4Addr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_names() {
        let check = |name: &str, expected: Option<PrivateName>| {
            assert_eq!(in_domain(name, "ec2.internal"), expected, "{name}");
        };
        check("ec2.internal", Some(PrivateName::Domain));
        check("ip-10-0-0-5.ec2.internal", Some(PrivateName::Address([10, 0, 0, 5].into())));
        check(
            "i-00000000000000abc.ec2.internal",
            Some(PrivateName::Instance("i-00000000000000abc".parse().unwrap())),
        );
        check("instance-data.ec2.internal", Some(PrivateName::InstanceData));
        for other in [
            "ip-10-0-0.ec2.internal",
            "ip-10-0-0-05.ec2.internal",
            "ip-10-0-0-256.ec2.internal",
            "ip-10-0-0-5-6.ec2.internal",
            "ip-.ec2.internal",
            "www.ip-10-0-0-5.ec2.internal",
            "ip-+1-0-0-5.ec2.internal",
        ] {
            check(other, Some(PrivateName::Other));
        }
        for outside in ["internal", "xec2.internal", "ip-10-0-0-5.eu-west-1.compute.internal", ""] {
            check(outside, None);
        }
        assert_eq!(of_address([10, 0, 0, 5].into(), "ec2.internal"), "ip-10-0-0-5.ec2.internal");
    }

    #[test]
    fn local_names() {
        for (name, zone, own) in [
            ("localhost", Some("localhost"), true),
            ("www.localhost", Some("localhost"), true),
            ("localhost.localdomain", Some("localdomain"), true),
            ("x.localdomain", Some("localdomain"), false),
            ("mylocalhost", None, false),
            ("localhost.example.org", None, false),
        ] {
            assert_eq!((local_zone(name), is_own(name)), (zone, own), "{name}");
        }
    }

    #[test]
    fn reverse_names() {
        assert_eq!(reverse("5.0.0.10.in-addr.arpa"), Some([10, 0, 0, 5].into()));
        let six = "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(reverse(six), Some("2001:db8:1::5".parse().unwrap()));
        for bad in [
            "0.0.10.in-addr.arpa",
            "05.0.0.10.in-addr.arpa",
            "1.5.0.0.10.in-addr.arpa",
            "in-addr.arpa",
            "5.0.0.10",
            &six[2..],
            &format!("0.{six}"),
            &six.replace('b', "g"),
            &six.replace("8.b", "8b"),
        ] {
            assert_eq!(reverse(bad), None, "{bad}");
        }
    }

    #[test]
    fn zones_of_addresses() {
        let blocks =
            ["100.70.16.0/20", "198.18.7.0/24", "3fff:0:12::/56"].map(|block| block.parse().unwrap());
        let check = |name: &str, zone: Option<&str>| {
            assert_eq!(reverse_zone(name, &blocks).as_deref(), zone, "{name}");
        };
        check("5.0.0.10.in-addr.arpa", Some("10.in-addr.arpa"));
        check("10.in-addr.arpa", Some("10.in-addr.arpa"));
        check("1.2.31.172.in-addr.arpa", Some("31.172.in-addr.arpa"));
        check("1.2.32.172.in-addr.arpa", None);
        check("1.2.168.192.in-addr.arpa", Some("168.192.in-addr.arpa"));
        check("1.0.0.127.in-addr.arpa", Some("127.in-addr.arpa"));
        check("254.169.254.169.in-addr.arpa", Some("254.169.in-addr.arpa"));
        check("1.2.3.8.in-addr.arpa", None);
        check("1.2.70.100.in-addr.arpa", Some("70.100.in-addr.arpa"));
        check("1.2.170.100.in-addr.arpa", None);
        check("9.7.18.198.in-addr.arpa", Some("7.18.198.in-addr.arpa"));
        check("9.17.18.198.in-addr.arpa", None);
        let of_block = "0.0.2.1.0.0.0.0.0.0.f.f.f.3.ip6.arpa";
        check(&format!("5.{of_block}"), Some(of_block));
        check(of_block, Some(of_block));
        check(&of_block[2..], None);
        check("1.0.d.f.ip6.arpa", Some("d.f.ip6.arpa"));
        check("1.0.8.e.f.ip6.arpa", Some("8.e.f.ip6.arpa"));
        check("1.0.c.e.f.ip6.arpa", None);
    }
}
