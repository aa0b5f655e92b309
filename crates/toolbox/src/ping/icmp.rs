//! Echo messages and the errors that come instead of an answer (RFC 792, RFC 4443). Pure.

use std::net::IpAddr;

use super::socket::Packet;

const V4_ECHO: u8 = 8;
const V4_REPLY: u8 = 0;
const V6_ECHO: u8 = 128;
const V6_REPLY: u8 = 129;
pub(super) const HEADER_BYTES: usize = 8;
const V6_HEADER_BYTES: usize = 40;

/// What a packet says about one of our requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Reply { sequence: u16, bytes: usize },
    Error { sequence: u16, what: String },
}

/// An echo request. The kernel fills the checksum in for IPv6.
pub(super) fn request(target: IpAddr, identifier: u16, sequence: u16, data_bytes: usize) -> Vec<u8> {
    let kind = if target.is_ipv4() { V4_ECHO } else { V6_ECHO };
    let mut message = vec![kind, 0, 0, 0];
    message.extend(identifier.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend((0..data_bytes).map(|index| index as u8));
    if target.is_ipv4() {
        let checksum = checksum(&message);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
    message
}

/// What a message means for the requests with this identifier to this target, if anything.
pub(super) fn read(target: IpAddr, identifier: u16, packet: &Packet) -> Option<Heard> {
    let message = &packet.message[..];
    let (kind, code) = (*message.first()?, *message.get(1)?);
    let reply = if target.is_ipv4() { V4_REPLY } else { V6_REPLY };
    if kind == reply {
        let ours = u16_at(message, 4)? == identifier;
        return ours.then_some(Heard::Reply { sequence: u16_at(message, 6)?, bytes: message.len() });
    }
    let what = if target.is_ipv4() { v4_error(kind, code, message)? } else { v6_error(kind, code, message)? };
    // An error quotes what it is about: the IP header, and at least eight bytes after it.
    let quoted = message.get(HEADER_BYTES..)?;
    let (quoted_target, echo) = if target.is_ipv4() {
        let header_bytes = usize::from(quoted.first()? & 0x0f) * 4;
        let address: [u8; 4] = quoted.get(16..20)?.try_into().ok()?;
        (IpAddr::from(address), quoted.get(header_bytes..)?)
    } else {
        let address: [u8; 16] = quoted.get(24..40)?.try_into().ok()?;
        (IpAddr::from(address), quoted.get(V6_HEADER_BYTES..)?)
    };
    let request = if target.is_ipv4() { V4_ECHO } else { V6_ECHO };
    let ours = quoted_target == target && *echo.first()? == request && u16_at(echo, 4)? == identifier;
    ours.then_some(Heard::Error { sequence: u16_at(echo, 6)?, what })
}

fn v4_error(kind: u8, code: u8, message: &[u8]) -> Option<String> {
    let text = match (kind, code) {
        (3, 0) => "Destination Net Unreachable",
        (3, 1) => "Destination Host Unreachable",
        (3, 2) => "Destination Protocol Unreachable",
        (3, 3) => "Destination Port Unreachable",
        (3, 4) => return Some(format!("Frag needed and DF set (mtu = {})", u16_at(message, 6)?)),
        (3, 9) => "Destination Net Prohibited",
        (3, 10) => "Destination Host Prohibited",
        (3, 13) => "Packet filtered",
        (3, _) => return Some(format!("Dest Unreachable, Bad Code: {code}")),
        (11, 0) => "Time to live exceeded",
        (11, 1) => "Frag reassembly time exceeded",
        (12, _) => "Parameter problem",
        _ => return None,
    };
    Some(text.to_owned())
}

fn v6_error(kind: u8, code: u8, message: &[u8]) -> Option<String> {
    let text = match (kind, code) {
        (1, 0) => "Destination unreachable: No route",
        (1, 1) => "Destination unreachable: Administratively prohibited",
        (1, 2) => "Destination unreachable: Beyond scope of source address",
        (1, 3) => "Destination unreachable: Address unreachable",
        (1, 4) => "Destination unreachable: Port unreachable",
        (1, _) => return Some(format!("Destination unreachable: Unknown code {code}")),
        (2, _) => {
            let mtu_bytes = u32::from(u16_at(message, 4)?) << 16 | u32::from(u16_at(message, 6)?);
            return Some(format!("Packet too big: mtu={mtu_bytes}"));
        }
        (3, 0) => "Time exceeded: Hop limit",
        (3, _) => "Time exceeded: Defragmentation failure",
        (4, _) => "Parameter problem",
        _ => return None,
    };
    Some(text.to_owned())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(target: &str, message: Vec<u8>) -> Option<Heard> {
        let target = target.parse().unwrap();
        read(target, 0x1234, &Packet { from: target, ttl: Some(64), message })
    }

    #[test]
    fn replies_are_recognised_by_identifier() {
        let mut message = request("10.0.0.5".parse().unwrap(), 0x1234, 7, 56);
        assert_eq!(checksum(&message), 0);
        message[0] = V4_REPLY;
        assert_eq!(heard("10.0.0.5", message.clone()), Some(Heard::Reply { sequence: 7, bytes: 64 }));
        message[5] = 0;
        assert_eq!(heard("10.0.0.5", message), None);
    }

    #[test]
    fn errors_are_ours_when_they_quote_our_request() {
        let echo = request("10.0.0.5".parse().unwrap(), 0x1234, 7, 0);
        let mut message = vec![3, 1, 0, 0, 0, 0, 0, 0];
        let mut header = vec![0u8; 20];
        header[0] = 0x45;
        header[16..20].copy_from_slice(&[10, 0, 0, 5]);
        message.extend(&header);
        message.extend(&echo);
        let expected = Heard::Error { sequence: 7, what: "Destination Host Unreachable".to_owned() };
        assert_eq!(heard("10.0.0.5", message.clone()), Some(expected));
        assert_eq!(heard("10.0.0.6", message.clone()), None);
        for length in 0..message.len() {
            assert_eq!(heard("10.0.0.5", message[..length].to_vec()), None, "cut to {length}");
        }
    }
}
