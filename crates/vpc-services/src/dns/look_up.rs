//! What a question is answered with.
//!
//! Owns the order in which a name is looked for: what stands for the asker itself, private names, names of addresses,
//! AWS's other names, and last the internet's. Refuses to know packets.
//!
//! | Name | Who answers |
//! | ---- | ----------- |
//! | `localhost`, `127.in-addr.arpa` | the resolver (RFC 6761, RFC 6303) |
//! | `ip-A-B-C-D`, `i-ID` and `instance-data` in the private domain | the VPC, where it has private names |
//! | pointers of the VPC's addresses | the VPC, where it has private names |
//! | public instance names, endpoints, services of AWS | [`DnsDirectory::other`] |
//! | pointers of private addresses, of the VPC's blocks | nobody: there is no such name |
//! | everything else | [`PublicNames`] |
//!
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-forward-vpc-to-network-autodefined-rules.html>

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::op::{Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, PTR, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::directory::{DnsAnswer, DnsDirectory, DnsNetwork, DnsQuestion, PublicNames};
use super::names::{self, PrivateName};

/// How long private names may be cached, and how long the absence of a name of AWS's (RFC 2308).
const PRIVATE_TTL_SECS: u32 = 60;
/// How long names of the internet may be cached.
const PUBLIC_TTL_SECS: u32 = 60;

/// Who asks, and who knows the answers.
pub(super) struct Asker<'a> {
    pub(super) directory: &'a dyn DnsDirectory,
    pub(super) public: &'a dyn PublicNames,
    pub(super) peer: IpAddr,
}

/// The sections of an answer.
pub(super) struct Found {
    pub(super) code: ResponseCode,
    pub(super) answers: Vec<Record>,
    pub(super) authority: Option<Record>,
}

impl Found {
    fn refused() -> Self {
        Self { code: ResponseCode::Refused, answers: Vec::new(), authority: None }
    }

    /// The records; or none of the kind asked for, under the authority of a zone.
    fn records(answers: Vec<Record>, zone: Option<&str>) -> Self {
        let authority = if answers.is_empty() { zone.and_then(start_of_authority) } else { None };
        Self { code: ResponseCode::NoError, answers, authority }
    }

    fn no_such_name(zone: Option<&str>) -> Self {
        Self {
            code: ResponseCode::NXDomain,
            answers: Vec::new(),
            authority: zone.and_then(start_of_authority),
        }
    }
}

/// Answers a question.
pub(super) fn look_up(asker: &Asker<'_>, network: &DnsNetwork, query: &Query) -> Found {
    let kind = query.query_type();
    let is_transfer = matches!(kind, RecordType::AXFR | RecordType::IXFR);
    if query.query_class() != DNSClass::IN || is_transfer {
        return Found::refused();
    }
    // Labels with bytes outside ASCII come out escaped and match nothing.
    let name = query.name().to_ascii().to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let domain = &*network.private_domain;
    if let Some(zone) = names::local_zone(name) {
        return local(query, name, zone);
    }
    if let Some(private) = names::in_domain(name, domain) {
        return if network.has_private_names {
            in_private_domain(asker, network, query, private)
        } else {
            Found::no_such_name(Some(domain))
        };
    }
    let address = names::reverse(name);
    let target = address.and_then(|address| name_of(asker, network, address));
    if let Some(target) = target {
        let zone = names::reverse_zone(name, &network.blocks);
        return Found::records(pointer(query, &target, PRIVATE_TTL_SECS), zone.as_deref());
    }
    let question = DnsQuestion { name: name.to_owned(), address, kind };
    match asker.directory.other(asker.peer, &question) {
        DnsAnswer::Host { addresses, ttl_secs, zone } => {
            Found::records(hosts(network, query, &addresses, ttl_secs), Some(&zone))
        }
        DnsAnswer::Pointer { name: target, ttl_secs } => {
            let zone = names::reverse_zone(name, &network.blocks);
            Found::records(pointer(query, &target, ttl_secs), zone.as_deref())
        }
        DnsAnswer::NoSuchName { zone } => Found::no_such_name(Some(&zone)),
        DnsAnswer::Elsewhere => elsewhere(asker, network, query, &question),
        DnsAnswer::Refused => Found::refused(),
    }
}

/// A name that stands for the asker itself.
fn local(query: &Query, name: &str, zone: &str) -> Found {
    if names::is_own(name) {
        let own = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        return Found::records(addresses_of(query, &own, PRIVATE_TTL_SECS), Some(zone));
    }
    if name == zone { at_apex(query, zone) } else { Found::no_such_name(Some(zone)) }
}

/// A zone's own name, which has no addresses.
fn at_apex(query: &Query, zone: &str) -> Found {
    let is_asked = matches!(query.query_type(), RecordType::SOA | RecordType::ANY);
    let own = start_of_authority(zone).filter(|_| is_asked);
    Found::records(own.into_iter().collect(), Some(zone))
}

fn in_private_domain(asker: &Asker<'_>, network: &DnsNetwork, query: &Query, private: PrivateName) -> Found {
    let domain = &*network.private_domain;
    let host = |addresses: &[IpAddr]| {
        Found::records(hosts(network, query, addresses, PRIVATE_TTL_SECS), Some(domain))
    };
    match private {
        PrivateName::Domain => at_apex(query, domain),
        PrivateName::InstanceData => host(&[names::INSTANCE_DATA.into()]),
        PrivateName::Address(address) if asker.directory.has_private_address(asker.peer, address) => {
            host(&[address.into()])
        }
        PrivateName::Instance(instance) => match asker.directory.resource_name(asker.peer, instance) {
            addresses if addresses.is_empty() => Found::no_such_name(Some(domain)),
            addresses => host(&addresses),
        },
        PrivateName::Address(_) | PrivateName::Other => Found::no_such_name(Some(domain)),
    }
}

/// The name that an address has for the asker by itself.
fn name_of(asker: &Asker<'_>, network: &DnsNetwork, address: IpAddr) -> Option<String> {
    if address.is_loopback()
        && [Ipv4Addr::LOCALHOST.into(), IpAddr::V6(Ipv6Addr::LOCALHOST)].contains(&address)
    {
        return Some(names::LOCALHOST.to_owned());
    }
    if !network.has_private_names {
        return None;
    }
    let domain = &*network.private_domain;
    match address {
        IpAddr::V4(names::INSTANCE_DATA) => Some(names::of_instance_data(domain)),
        IpAddr::V4(address) => asker
            .directory
            .has_private_address(asker.peer, address)
            .then(|| names::of_address(address, domain)),
        IpAddr::V6(address) => {
            let instance = asker.directory.instance_with(asker.peer, address)?;
            Some(format!("{instance}.{domain}"))
        }
    }
}

/// A name that is none of AWS's. Those of private addresses are never passed on (RFC 6303).
fn elsewhere(asker: &Asker<'_>, network: &DnsNetwork, query: &Query, question: &DnsQuestion) -> Found {
    if let Some(zone) = names::reverse_zone(&question.name, &network.blocks) {
        return if question.name == zone { at_apex(query, &zone) } else { Found::no_such_name(Some(&zone)) };
    }
    if let Some(address) = question.address {
        return match asker.public.name(address) {
            Some(target) => Found::records(pointer(query, &target, PUBLIC_TTL_SECS), None),
            None => Found::no_such_name(None),
        };
    }
    match asker.public.addresses(&question.name) {
        Some(addresses) => Found::records(hosts(network, query, &addresses, PUBLIC_TTL_SECS), None),
        None => Found::no_such_name(None),
    }
}

/// The addresses of another host; with DNS64 (RFC 6147) those of IPv4 stand in for IPv6 ones that it has none of.
fn hosts(network: &DnsNetwork, query: &Query, addresses: &[IpAddr], ttl_secs: u32) -> Vec<Record> {
    let found = addresses_of(query, addresses, ttl_secs);
    if !network.has_dns64 || query.query_type() != RecordType::AAAA || !found.is_empty() {
        return found;
    }
    let translated = addresses.iter().filter_map(|address| match address {
        IpAddr::V4(address) => Some(IpAddr::V6(names::translated(*address))),
        IpAddr::V6(_) => None,
    });
    addresses_of(query, &translated.collect::<Vec<_>>(), ttl_secs)
}

fn addresses_of(query: &Query, addresses: &[IpAddr], ttl_secs: u32) -> Vec<Record> {
    let (v4, v6) = match query.query_type() {
        RecordType::A => (true, false),
        RecordType::AAAA => (false, true),
        RecordType::ANY => (true, true),
        _ => (false, false),
    };
    let data = |address: &IpAddr| match address {
        IpAddr::V4(address) => v4.then_some(RData::A(A(*address))),
        IpAddr::V6(address) => v6.then_some(RData::AAAA(AAAA(*address))),
    };
    let record = |data| Record::from_rdata(query.name().clone(), ttl_secs, data);
    addresses.iter().filter_map(data).map(record).collect()
}

fn pointer(query: &Query, target: &str, ttl_secs: u32) -> Vec<Record> {
    let is_asked = matches!(query.query_type(), RecordType::PTR | RecordType::ANY);
    let target = absolute(target).filter(|_| is_asked);
    let record = |target| Record::from_rdata(query.name().clone(), ttl_secs, RData::PTR(PTR(target)));
    target.map(record).into_iter().collect()
}

/// The start of authority that negative answers carry (RFC 2308), with the figures that AWS's private zones have.
fn start_of_authority(zone: &str) -> Option<Record> {
    let server = absolute(&format!("ns0.{zone}"))?;
    let soa = SOA::new(
        server,
        absolute("hostmaster.amazon.com")?,
        2_012_103_100,
        3600,
        3600,
        3600,
        PRIVATE_TTL_SECS,
    );
    Some(Record::from_rdata(absolute(zone)?, PRIVATE_TTL_SECS, RData::SOA(soa)))
}

fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}
