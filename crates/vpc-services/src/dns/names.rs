//! The names that the resolver makes up of addresses and ids.

use std::net::Ipv4Addr;

use aws_types::InstanceId;

/// What a name in the private domain is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrivateName {
    /// The domain itself.
    Domain,
    /// `ip-A-B-C-D`.
    Address(Ipv4Addr),
    /// `i-0123456789abcdef0`.
    Instance(InstanceId),
    /// Anything else in the domain.
    Other,
}

/// Reads a lower-case name. `None` when it is outside the domain.
pub(super) fn in_domain(name: &str, domain: &str) -> Option<PrivateName> {
    if name == domain {
        return Some(PrivateName::Domain);
    }
    let label = name.strip_suffix(domain)?.strip_suffix('.')?;
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

/// The address that a lower-case `D.C.B.A.in-addr.arpa` is about.
pub(super) fn reverse(name: &str) -> Option<Ipv4Addr> {
    octets(name.strip_suffix(".in-addr.arpa")?.split('.').rev())
}

/// The zone of the private address space that a name belongs to, for the start of authority of negative answers. The
/// resolver answers for these itself and never passes them on (RFC 6303, section 4).
pub(super) fn reverse_zone(name: &str) -> Option<String> {
    let labels: Vec<&str> = name.strip_suffix(".in-addr.arpa")?.rsplit('.').collect();
    match *labels.as_slice() {
        ["10", ..] => Some("10.in-addr.arpa".to_owned()),
        ["192", "168", ..] => Some("168.192.in-addr.arpa".to_owned()),
        ["172", second, ..] => {
            let is_private = second.parse().is_ok_and(|second: u8| (16..32).contains(&second));
            is_private.then(|| format!("{second}.172.in-addr.arpa"))
        }
        _ => None,
    }
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
    fn reverse_names() {
        assert_eq!(reverse("5.0.0.10.in-addr.arpa"), Some([10, 0, 0, 5].into()));
        for bad in [
            "0.0.10.in-addr.arpa",
            "05.0.0.10.in-addr.arpa",
            "1.5.0.0.10.in-addr.arpa",
            "in-addr.arpa",
            "5.0.0.10",
        ] {
            assert_eq!(reverse(bad), None, "{bad}");
        }
        let check =
            |name: &str, zone: Option<&str>| assert_eq!(reverse_zone(name).as_deref(), zone, "{name}");
        check("5.0.0.10.in-addr.arpa", Some("10.in-addr.arpa"));
        check("10.in-addr.arpa", Some("10.in-addr.arpa"));
        check("1.2.31.172.in-addr.arpa", Some("31.172.in-addr.arpa"));
        check("1.2.32.172.in-addr.arpa", None);
        check("1.2.168.192.in-addr.arpa", Some("168.192.in-addr.arpa"));
        check("1.2.3.8.in-addr.arpa", None);
    }
}
