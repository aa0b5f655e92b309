//! Bytes of a packet, as a sender would make them.
//!
//! Owns a builder that shares nothing with the engine's own reading and rewriting.

use std::net::IpAddr;

use vpc_model::Protocol;

use crate::packet::{Inner, InnerTransport, Packet, Transport};

/// The frame of a packet, with `payload` behind its transport header and correct checksums. Fragments carry the payload
/// alone after the first. The packet's own length does not count.
pub fn frame(packet: &Packet, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend(packet.destination_mac.0);
    frame.extend(packet.source_mac.0);
    let body = body(packet, payload);
    match (packet.source, packet.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            frame.extend([0x08, 0x00, 0x45, 0]);
            frame.extend(((20 + body.len()) as u16).to_be_bytes());
            let dont_fragment = if packet.may_be_fragmented { 0 } else { 0x4000 };
            let (id, flags) = packet.fragment.map_or((0, dont_fragment), |fragment| {
                let place = (fragment.offset_bytes / 8) as u16 | u16::from(fragment.more) << 13;
                (fragment.id as u16, place | dont_fragment)
            });
            frame.extend(id.to_be_bytes());
            frame.extend(flags.to_be_bytes());
            frame.extend([packet.ttl, packet.protocol.0, 0, 0]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let extension = packet.fragment.map(|fragment| {
                let mut extension = vec![packet.protocol.0, 0];
                extension.extend((fragment.offset_bytes as u16 | u16::from(fragment.more)).to_be_bytes());
                extension.extend(fragment.id.to_be_bytes());
                extension
            });
            let next = if extension.is_some() { 44 } else { packet.protocol.0 };
            let extension = extension.unwrap_or_default();
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(((extension.len() + body.len()) as u16).to_be_bytes());
            frame.extend([next, packet.ttl]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
            frame.extend(extension);
        }
        _ => panic!("source and destination are of one family"),
    }
    frame.extend(body);
    with_checksums(frame)
}

fn body(packet: &Packet, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    match packet.transport {
        Transport::Tcp { source, destination, flags } => {
            body.extend(source.to_be_bytes());
            body.extend(destination.to_be_bytes());
            body.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags.0, 0x20, 0, 0, 0, 0, 0]);
        }
        Transport::Udp { source, destination } => {
            body.extend(source.to_be_bytes());
            body.extend(destination.to_be_bytes());
            body.extend(((8 + payload.len()) as u16).to_be_bytes());
            body.extend([0, 0]);
        }
        Transport::Icmp { kind, code, id, about } => {
            body.extend([kind, code, 0, 0]);
            body.extend(id.to_be_bytes());
            body.extend([0, 1]);
            body.extend(about.iter().flat_map(quote));
        }
        Transport::Other | Transport::Continuation => {}
    }
    body.extend(payload);
    body
}

/// The packet that an ICMP error is about: its IP header and the first 8 bytes behind it.
fn quote(inner: &Inner) -> Vec<u8> {
    let mut quote = Vec::new();
    match (inner.source, inner.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            quote.extend([0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, inner.protocol.0, 0, 0]);
            quote.extend(source.octets());
            quote.extend(destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            quote.extend([0x60, 0, 0, 0, 0, 8, inner.protocol.0, 64]);
            quote.extend(source.octets());
            quote.extend(destination.octets());
        }
        _ => panic!("source and destination are of one family"),
    }
    match inner.transport {
        InnerTransport::Ports { source, destination } => {
            quote.extend(source.to_be_bytes());
            quote.extend(destination.to_be_bytes());
            quote.extend([0, 8, 0, 0]);
        }
        InnerTransport::Icmp { kind, code, id } => {
            quote.extend([kind, code, 0, 0]);
            quote.extend(id.to_be_bytes());
            quote.extend([0, 1]);
        }
        InnerTransport::Other => quote.extend([0; 8]),
    }
    quote
}

/// A frame with all its checksums computed from scratch. Fragments get none for their transport.
pub fn with_checksums(mut frame: Vec<u8>) -> Vec<u8> {
    let is_ipv6 = frame[12] == 0x86;
    let (transport, protocol, addresses, is_fragment) = if is_ipv6 {
        let is_fragment = frame[20] == 44;
        (if is_fragment { 62 } else { 54 }, frame[20], 22..54, is_fragment)
    } else {
        frame[24..26].fill(0);
        let header = ones_complement(&frame[14..34]);
        frame[24..26].copy_from_slice(&(!header).to_be_bytes());
        let is_fragment = u16::from_be_bytes([frame[20], frame[21]]) & 0x3fff != 0;
        (34, frame[23], 26..34, is_fragment)
    };
    let offset = match Protocol(protocol) {
        Protocol::TCP => 16,
        Protocol::UDP => 6,
        Protocol::ICMP | Protocol::ICMPV6 => 2,
        _ => return frame,
    };
    if is_fragment {
        return frame;
    }
    frame[transport + offset..][..2].fill(0);
    let mut summed = frame[transport..].to_vec();
    if summed.len() % 2 == 1 {
        summed.push(0);
    }
    if Protocol(protocol) != Protocol::ICMP {
        summed.extend(&frame[addresses]);
        summed.extend([0, protocol]);
        summed.extend(((frame.len() - transport) as u16).to_be_bytes());
    }
    let value = match !ones_complement(&summed) {
        0 if Protocol(protocol) == Protocol::UDP => 0xffff,
        value => value,
    };
    frame[transport + offset..][..2].copy_from_slice(&value.to_be_bytes());
    frame
}

fn ones_complement(bytes: &[u8]) -> u16 {
    bytes.chunks(2).fold(0_u16, |sum, pair| {
        let word = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    })
}
