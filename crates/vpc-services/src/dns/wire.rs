//! One query in, at most one answer out: RFC 1035, with the truncation of RFC 2181 and EDNS of RFC 6891. Refuses to know
//! names.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};

use super::directory::DnsNetwork;
use super::look_up::{Asker, look_up};

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
pub(super) fn respond(asker: &Asker<'_>, packet: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let network = asker.directory.network(asker.peer).filter(|network| network.is_supported)?;
    if packet.len() < HEADER_LEN || packet[2] & 0x80 != 0 {
        return None;
    }
    let Ok(request) = Message::from_vec(packet) else {
        return encode(&unreadable(packet), transport, PLAIN_UDP_PAYLOAD);
    };
    let payload = request.edns.as_ref().map_or(PLAIN_UDP_PAYLOAD, Edns::max_payload);
    encode(&answer(asker, &network, &request), transport, payload)
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

fn answer(asker: &Asker<'_>, network: &DnsNetwork, request: &Message) -> Message {
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
    let found = look_up(asker, network, query);
    response.metadata.response_code = found.code;
    response.add_answers(found.answers);
    response.add_authorities(found.authority);
    response
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;
    use crate::dns::{DnsDirectory, NoPublicNames};

    struct Everything;

    impl DnsDirectory for Everything {
        fn network(&self, _peer: IpAddr) -> Option<DnsNetwork> {
            Some(DnsNetwork {
                is_supported: true,
                has_private_names: true,
                has_dns64: true,
                private_domain: "ec2.internal".into(),
                blocks: vec!["3fff::/56".parse().unwrap()],
            })
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
            Just("ip6".to_owned()),
            Just("localhost".to_owned()),
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
            let peer = [100, 64, 0, 1].into();
            let asker = Asker { directory: &Everything, public: &NoPublicNames, peer };
            let answer = respond(&asker, &packet, transport);
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
