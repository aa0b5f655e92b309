//! One query in, at most one answer out: RFC 1035, with the truncation of RFC 2181 and EDNS of RFC 6891.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, PTR, SOA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::directory::{DnsAnswer, DnsDirectory, DnsNetwork, DnsQuestion};
use super::names::{self, PrivateName};

/// How long private names may be cached, and how long their absence.
const PRIVATE_TTL_SECS: u32 = 60;
/// The largest answer over UDP without EDNS (RFC 1035, section 4.2.1).
const PLAIN_UDP_PAYLOAD: u16 = 512;
/// The largest answer over UDP that is ever sent, and what we say that we take.
const MAX_UDP_PAYLOAD: u16 = 4096;
/// A DNS header is this long.
const HEADER_LEN: usize = 12;

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// The answer to one packet. `None` when there must not be one: no interface is behind the address, DNS support is off,
/// or the packet is not a query at all.
pub(super) fn respond(
    directory: &dyn DnsDirectory,
    peer: IpAddr,
    packet: &[u8],
    transport: Transport,
) -> Option<Vec<u8>> {
    let network = directory.network(peer).filter(|network| network.is_supported)?;
    if packet.len() < HEADER_LEN || packet[2] & 0x80 != 0 {
        return None;
    }
    let Ok(request) = Message::from_vec(packet) else {
        return encode(&unreadable(packet), transport, PLAIN_UDP_PAYLOAD);
    };
    let payload = request.edns.as_ref().map_or(PLAIN_UDP_PAYLOAD, Edns::max_payload);
    encode(&answer(directory, peer, &network, &request), transport, payload)
}

/// A format error for a packet of which only the header can be trusted.
fn unreadable(packet: &[u8]) -> Message {
    let id = u16::from_be_bytes([packet[0], packet[1]]);
    let op_code = OpCode::from_u8((packet[2] >> 3) & 0xf);
    let mut response = Message::error_msg(id, op_code, ResponseCode::FormErr);
    response.metadata.recursion_desired = packet[2] & 1 != 0;
    response.metadata.recursion_available = true;
    response
}

fn encode(response: &Message, transport: Transport, requested: u16) -> Option<Vec<u8>> {
    let limit = match transport {
        Transport::Udp => usize::from(requested.clamp(PLAIN_UDP_PAYLOAD, MAX_UDP_PAYLOAD)),
        Transport::Tcp => usize::from(u16::MAX),
    };
    let bytes = response.to_vec().ok()?;
    if bytes.len() <= limit { Some(bytes) } else { response.truncate().to_vec().ok() }
}

fn answer(directory: &dyn DnsDirectory, peer: IpAddr, network: &DnsNetwork, request: &Message) -> Message {
    let mut response = Message::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
    response.metadata.recursion_desired = request.metadata.recursion_desired;
    response.metadata.recursion_available = true;
    response.metadata.checking_disabled = request.metadata.checking_disabled;
    if let Some(asked) = &request.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(MAX_UDP_PAYLOAD).set_version(0).set_dnssec_ok(asked.flags().dnssec_ok);
        response.set_edns(edns);
        if asked.version() != 0 {
            response.metadata.response_code = ResponseCode::BADVERS;
            return response;
        }
    }
    if request.metadata.op_code != OpCode::Query {
        response.metadata.response_code = ResponseCode::NotImp;
        return response;
    }
    let [query] = request.queries.as_slice() else {
        response.metadata.response_code = ResponseCode::FormErr;
        return response;
    };
    response.add_query(query.clone());
    let found = look_up(directory, peer, network, query);
    response.metadata.response_code = found.code;
    response.add_answers(found.answers);
    response.add_authorities(found.authority);
    response
}

/// The sections of an answer.
struct Found {
    code: ResponseCode,
    answers: Vec<Record>,
    authority: Option<Record>,
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

fn look_up(directory: &dyn DnsDirectory, peer: IpAddr, network: &DnsNetwork, query: &Query) -> Found {
    let kind = query.query_type();
    let is_transfer = matches!(kind, RecordType::AXFR | RecordType::IXFR);
    if query.query_class() != DNSClass::IN || is_transfer {
        return Found::refused();
    }
    // Labels with bytes outside ASCII come out escaped and match nothing.
    let name = query.name().to_ascii().to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let domain = &*network.private_domain;
    match names::in_domain(name, domain) {
        Some(private) => in_private_domain(directory, peer, domain, query, private),
        None => match names::reverse(name).filter(|address| directory.has_private_address(peer, *address)) {
            Some(address) => {
                let target = names::of_address(address, domain);
                let zone = names::reverse_zone(name);
                Found::records(pointer(query, &target, PRIVATE_TTL_SECS), zone.as_deref())
            }
            None => elsewhere(directory, peer, query, name),
        },
    }
}

fn in_private_domain(
    directory: &dyn DnsDirectory,
    peer: IpAddr,
    domain: &str,
    query: &Query,
    private: PrivateName,
) -> Found {
    let host =
        |addresses: &[IpAddr]| Found::records(addresses_of(query, addresses, PRIVATE_TTL_SECS), Some(domain));
    match private {
        PrivateName::Domain if query.query_type() == RecordType::SOA => {
            Found::records(start_of_authority(domain).into_iter().collect(), None)
        }
        PrivateName::Domain => Found::records(Vec::new(), Some(domain)),
        PrivateName::Address(address) if directory.has_private_address(peer, address) => {
            host(&[address.into()])
        }
        PrivateName::Instance(instance) => match directory.resource_name(peer, instance) {
            addresses if addresses.is_empty() => Found::no_such_name(Some(domain)),
            addresses => host(&addresses),
        },
        PrivateName::Address(_) | PrivateName::Other => Found::no_such_name(Some(domain)),
    }
}

fn elsewhere(directory: &dyn DnsDirectory, peer: IpAddr, query: &Query, name: &str) -> Found {
    let question = DnsQuestion { name: name.to_owned(), kind: query.query_type() };
    match directory.other(peer, &question) {
        DnsAnswer::Host { addresses, ttl_secs } => {
            Found::records(addresses_of(query, &addresses, ttl_secs), None)
        }
        DnsAnswer::Pointer { name, ttl_secs } => Found::records(pointer(query, &name, ttl_secs), None),
        DnsAnswer::NoSuchName => Found::no_such_name(names::reverse_zone(name).as_deref()),
        DnsAnswer::Refused => Found::refused(),
    }
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    struct Everything;

    impl DnsDirectory for Everything {
        fn network(&self, _peer: IpAddr) -> Option<DnsNetwork> {
            Some(DnsNetwork { is_supported: true, private_domain: "ec2.internal".into() })
        }

        fn has_private_address(&self, _peer: IpAddr, _address: Ipv4Addr) -> bool {
            true
        }
    }

    /// A query for a name that is likely to be looked at closely, then damaged.
    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        let label = prop_oneof![
            Just("ip-10-0-0-5".to_owned()),
            Just("ec2".to_owned()),
            Just("internal".to_owned()),
            Just("in-addr".to_owned()),
            Just("arpa".to_owned()),
            "[a-z0-9-]{1,63}",
        ];
        let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
        (prop::collection::vec(label, 0..5), any::<u16>(), changes).prop_map(|(labels, kind, changes)| {
            let mut packet = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            for label in labels {
                packet.push(label.len() as u8);
                packet.extend_from_slice(label.as_bytes());
            }
            packet.extend([0, (kind >> 8) as u8, kind as u8, 0, 1]);
            for (index, byte) in changes {
                let index = index.index(packet.len());
                packet[index] = byte;
            }
            packet
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_packet_gets_a_readable_answer_with_its_id_or_none(
            packet in prop_oneof![damaged(), prop::collection::vec(any::<u8>(), 0..120)],
            over_udp: bool,
        ) {
            let transport = if over_udp { Transport::Udp } else { Transport::Tcp };
            let answer = respond(&Everything, [100, 64, 0, 1].into(), &packet, transport);
            let is_query = packet.len() >= HEADER_LEN && packet[2] & 0x80 == 0;
            prop_assert_eq!(answer.is_some(), is_query);
            if let Some(answer) = answer {
                prop_assert_eq!(&answer[..2], &packet[..2]);
                let answer = Message::from_vec(&answer).map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(answer.metadata.message_type, MessageType::Response);
            }
        }
    }
}
