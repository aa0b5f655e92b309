//! A declared host: its name, its addresses and what it serves. Refuses to know whether another host has them already.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// How many hosts an internet has.
pub const MAX_HOSTS: usize = 256;
/// How many addresses a host has.
pub const MAX_ADDRESSES: usize = 8;
/// The longest text that a host answers.
pub const MAX_TEXT_BYTES: usize = 32 * 1024;

/// How far away a host can be, in milliseconds.
pub const MAX_LATENCY_MS: u32 = 10_000;

/// The public IPv4 addresses of the cloud, which are reserved for benchmarks (RFC 2544).
pub const PUBLIC_IPV4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 15);
/// The IPv6 addresses of the cloud, which are reserved for documentation (RFC 9637).
pub const PUBLIC_IPV6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20);
/// The IPv4 address of the machine that the cloud runs on, unless another is asked for (TEST-NET-1, RFC 5737).
pub const WORKSTATION_IPV4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The IPv6 address of the machine that the cloud runs on, unless another is asked for (RFC 3849).
pub const WORKSTATION_IPV6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
/// Where the internet's DNS server is.
pub const DNS_ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0x53)),
];

/// Domains that belong to somebody: the cloud, its VPCs, or nobody by agreement (RFC 6761).
const RESERVED_DOMAINS: [&str; 9] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "aws",
    "arpa",
    "internal",
    "invalid",
    "local",
    "localhost",
    "onion",
];

/// What a network that no host may be in is for.
const RESERVED: &[(&str, &str)] = &[
    ("0.0.0.0/8", "reserved for a host that has no address yet"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "reserved for the cloud's own links"),
    ("127.0.0.0/8", "a loopback address"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "one of the cloud's public addresses"),
    ("224.0.0.0/4", "a multicast address"),
    ("240.0.0.0/4", "reserved"),
    ("::/96", "reserved"),
    ("::ffff:0:0/96", "an IPv4 address in disguise"),
    ("64:ff9b::/96", "reserved for NAT64"),
    ("3fff::/20", "one of the cloud's IPv6 addresses"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "a multicast address"),
];

/// A host of the internet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its name, under which the public DNS has it.
    pub name: HostName,
    /// Its addresses, at least one and at most [`MAX_ADDRESSES`].
    pub addresses: Vec<IpAddr>,
    /// What its web server answers.
    #[serde(default)]
    pub content: Content,
    /// How long packets to it and from it take one way, in milliseconds, [`MAX_LATENCY_MS`] at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u32>,
}

/// What a host's web server answers to everything but `/whoami`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// The host's own name.
    #[default]
    Name,
    /// This text.
    Text(String),
    /// The files of this directory of the machine that the cloud runs on.
    Directory(PathBuf),
}

/// What makes a declaration of a host wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The name is none.
    #[error("{0:?} is no host name: labels of letters, digits and hyphens with dots between them")]
    Name(String),
    /// The name is in a domain that is somebody's.
    #[error("{name} is in the domain {domain}, which no declared host can have")]
    ReservedName {
        /// The name.
        name: String,
        /// The domain.
        domain: &'static str,
    },
    /// No host can have the address.
    #[error(
        "{address} is {what}, which no declared host can have; take one of 192.0.2.0/24, 198.51.100.0/24, \
         203.0.113.0/24 or 2001:db8::/32, or any public one"
    )]
    Address {
        /// The address.
        address: IpAddr,
        /// Why not.
        what: &'static str,
    },
    /// The address is there twice.
    #[error("{0} is there twice")]
    AddressTwice(IpAddr),
    /// Too few or too many.
    #[error("{name} has {count} addresses; a host has 1 to {MAX_ADDRESSES}")]
    AddressCount {
        /// The host.
        name: HostName,
        /// How many.
        count: usize,
    },
    /// The text is too long.
    #[error("the text of {name} has {bytes} bytes; {MAX_TEXT_BYTES} are allowed, and --http-dir takes any")]
    TextTooLong {
        /// The host.
        name: HostName,
        /// How many.
        bytes: usize,
    },
    /// The host is too far away.
    #[error("{latency_ms} ms are more than {MAX_LATENCY_MS}, which {name} can be away at most")]
    TooFar {
        /// The host.
        name: HostName,
        /// How far.
        latency_ms: u32,
    },
    /// The directory cannot be found from elsewhere.
    #[error("{0} is not an absolute path")]
    RelativeDirectory(String),
}

impl Host {
    /// Whether it can be a host. That nobody else has its name and addresses is for whoever knows the others.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), HostError> {
        if !(1..=MAX_ADDRESSES).contains(&self.addresses.len()) {
            let count = self.addresses.len();
            return Err(HostError::AddressCount { name: self.name.clone(), count });
        }
        for (index, address) in self.addresses.iter().enumerate() {
            check_address(*address)?;
            if self.addresses[..index].contains(address) {
                return Err(HostError::AddressTwice(*address));
            }
        }
        if let Some(latency_ms) = self.latency_ms.filter(|&latency_ms| latency_ms > MAX_LATENCY_MS) {
            return Err(HostError::TooFar { name: self.name.clone(), latency_ms });
        }
        match &self.content {
            Content::Text(text) if text.len() > MAX_TEXT_BYTES => {
                Err(HostError::TextTooLong { name: self.name.clone(), bytes: text.len() })
            }
            Content::Directory(path) if !path.is_absolute() => {
                Err(HostError::RelativeDirectory(path.display().to_string()))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a host of the internet, or the workstation, may have an address.
///
/// # Errors
/// [`HostError::Address`].
pub fn check_address(address: IpAddr) -> Result<(), HostError> {
    let is_in = |network: &str| network.parse::<IpNet>().is_ok_and(|network| network.contains(&address));
    match RESERVED.iter().find(|(network, _)| is_in(network)) {
        Some((_, what)) => Err(HostError::Address { address, what }),
        None => Ok(()),
    }
}

/// The name of a host, in lower case and without a dot at its end.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

impl HostName {
    /// The longest name, in characters (RFC 1035, section 2.3.4, without length bytes).
    const MAX_CHARS: usize = 253;
    /// The longest label.
    const MAX_LABEL_CHARS: usize = 63;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=HostName::MAX_LABEL_CHARS).contains(&label.len())
        && label.bytes().all(is_inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl FromStr for HostName {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let mut labels = name.split('.');
        // A name whose last label is a number is taken for an address.
        let is_address =
            name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        if name.len() > Self::MAX_CHARS || is_address || !labels.all(is_label) {
            return Err(HostError::Name(text.to_owned()));
        }
        let is_in = |domain: &str| {
            name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        match RESERVED_DOMAINS.into_iter().find(|domain| is_in(domain)) {
            Some(domain) => Err(HostError::ReservedName { name, domain }),
            None => Ok(Self(name)),
        }
    }
}

impl TryFrom<String> for HostName {
    type Error = HostError;

    fn try_from(text: String) -> Result<Self, HostError> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_cloud_and_those_that_lead_nowhere_are_refused() {
        let check = |address: &str, expected: Option<&str>| {
            let told = check_address(address.parse().unwrap()).err().map(|error| error.to_string());
            let matches = match (&told, expected) {
                (None, None) => true,
                (Some(told), Some(expected)) => told.starts_with(&format!("{address} is {expected}, ")),
                _ => false,
            };
            assert!(matches, "{address}: {told:?}");
        };
        for fine in
            ["192.0.2.7", "198.51.100.7", "203.0.113.7", "2001:db8::7", "93.184.216.34", "2606:4700::1"]
        {
            check(fine, None);
        }
        // The ends of ranges beside which others may be had.
        for fine in
            ["198.17.255.255", "198.20.0.0", "172.15.255.255", "172.32.0.0", "223.255.255.255", "4000::"]
        {
            check(fine, None);
        }
        for private in ["10.1.2.3", "172.31.255.255", "192.168.0.1", "fd00:ec2::253", "fec0::1"] {
            check(private, Some("private"));
        }
        for public in ["198.18.0.0", "198.19.255.255"] {
            check(public, Some("one of the cloud's public addresses"));
        }
        check("3fff:fff:ffff::1", Some("one of the cloud's IPv6 addresses"));
        check("100.64.0.1", Some("reserved for the cloud's own links"));
        check("127.0.0.1", Some("a loopback address"));
        check("169.254.169.254", Some("link-local"));
        check("fe80::1", Some("link-local"));
        check("224.0.0.1", Some("a multicast address"));
        check("ff02::1", Some("a multicast address"));
        for reserved in ["255.255.255.255", "::", "::1"] {
            check(reserved, Some("reserved"));
        }
        check("::ffff:10.0.0.1", Some("an IPv4 address in disguise"));
        for network in RESERVED {
            assert!(network.0.parse::<IpNet>().is_ok(), "{network:?}");
        }
        for own in DNS_ADDRESSES.into_iter().chain([WORKSTATION_IPV4.into(), WORKSTATION_IPV6.into()]) {
            assert_eq!(check_address(own), Ok(()));
        }
    }

    #[test]
    fn names() {
        for (text, name) in [
            ("example.org", "example.org"),
            ("WWW.Example.ORG.", "www.example.org"),
            ("a", "a"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("notamazonaws.com", "notamazonaws.com"),
            ("1.2.3.4.example", "1.2.3.4.example"),
        ] {
            assert_eq!(text.parse::<HostName>().map(|name| name.to_string()), Ok(name.to_owned()));
        }
        let long = format!("{}.example", "a".repeat(64));
        let whole = ["a".repeat(63).as_str(); 4].join(".");
        for bad in [
            "",
            ".",
            "a..b",
            "-a.example",
            "a-.example",
            "a_b.example",
            "198.51.100.7",
            "bücher.example",
            &long,
            &whole,
        ] {
            assert_eq!(bad.parse::<HostName>(), Err(HostError::Name(bad.to_owned())));
        }
        for (reserved, domain) in [
            ("ec2.us-east-1.amazonaws.com", "amazonaws.com"),
            ("localhost", "localhost"),
            ("ip-10-0-0-1.EC2.internal", "internal"),
        ] {
            let error = reserved.parse::<HostName>().unwrap_err();
            assert_eq!(error, HostError::ReservedName { name: reserved.to_ascii_lowercase(), domain });
        }
    }

    #[test]
    fn a_host_has_addresses_and_content_within_bounds() {
        let host = |addresses: &[&str], content: Content| Host {
            name: "example.org".parse().unwrap(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            content,
            latency_ms: None,
        };
        assert_eq!(host(&["198.51.100.7", "2001:db8::7"], Content::Name).check(), Ok(()));
        let twice = host(&["198.51.100.7", "198.51.100.7"], Content::Name).check().unwrap_err();
        assert_eq!(twice.to_string(), "198.51.100.7 is there twice");
        assert!(host(&[], Content::Name).check().is_err());
        assert!(host(&["198.51.100.7"; 9], Content::Name).check().is_err());
        let text = |bytes| host(&["198.51.100.7"], Content::Text("x".repeat(bytes))).check();
        assert!(text(MAX_TEXT_BYTES).is_ok() && text(MAX_TEXT_BYTES + 1).is_err());
        assert!(host(&["198.51.100.7"], Content::Directory("site".into())).check().is_err());
        let far = |latency_ms| {
            let host = host(&["198.51.100.7"], Content::Name);
            Host { latency_ms: Some(latency_ms), ..host }.check()
        };
        assert!(far(MAX_LATENCY_MS).is_ok() && far(MAX_LATENCY_MS + 1).is_err());
    }
}
