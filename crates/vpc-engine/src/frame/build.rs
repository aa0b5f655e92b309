//! Frames that the fabric itself sends.
//!
//! Owns Ethernet, IP, UDP and ICMPv6 headers with their checksums. Refuses to know what is in them.

use std::net::{Ipv4Addr, Ipv6Addr};

use aws_types::MacAddress;
use vpc_model::Protocol;

use super::parse::{ETHER_TYPE_IPV4, ETHER_TYPE_IPV6, IPV4_BYTES, IPV6_BYTES};

/// The hop limit that neighbour discovery must have (RFC 4861), and DHCP may.
const HOP_LIMIT: u8 = 255;
const UDP_BYTES: usize = 8;

/// From whom to whom a frame goes.
pub(crate) struct Link {
    pub(crate) source: MacAddress,
    pub(crate) destination: MacAddress,
}

impl Link {
    /// An Ethernet header.
    pub(crate) fn header(&self, ether_type: u16) -> Vec<u8> {
        let mut frame = Vec::with_capacity(400);
        frame.extend(self.destination.0);
        frame.extend(self.source.0);
        frame.extend(ether_type.to_be_bytes());
        frame
    }
}

/// The ones' complement sum of bytes, folded.
fn sum(start: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<2>();
    let sum = words.iter().fold(start, |sum, &word| sum + u32::from(u16::from_be_bytes(word)));
    let mut sum = sum + rest.first().map_or(0, |&byte| u32::from(byte) << 8);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

fn checksum(sum: u32) -> [u8; 2] {
    (!(sum as u16)).to_be_bytes()
}

/// An IPv4 packet with that payload behind its header.
pub(crate) fn ipv4(
    link: &Link,
    protocol: Protocol,
    (source, destination): (Ipv4Addr, Ipv4Addr),
    payload: &[u8],
) -> Vec<u8> {
    let mut frame = link.header(ETHER_TYPE_IPV4);
    let mut header = [0; IPV4_BYTES];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&((IPV4_BYTES + payload.len()) as u16).to_be_bytes());
    header[8] = HOP_LIMIT;
    header[9] = protocol.0;
    header[12..16].copy_from_slice(&source.octets());
    header[16..20].copy_from_slice(&destination.octets());
    let header_checksum = checksum(sum(0, &header));
    header[10..12].copy_from_slice(&header_checksum);
    frame.extend(header);
    frame.extend(payload);
    frame
}

/// An ICMP message over IPv4; its checksum field is filled in.
pub(crate) fn icmp4(link: &Link, ends: (Ipv4Addr, Ipv4Addr), mut message: Vec<u8>) -> Vec<u8> {
    message[2..4].fill(0);
    let value = checksum(sum(0, &message));
    message[2..4].copy_from_slice(&value);
    ipv4(link, Protocol::ICMP, ends, &message)
}

/// A TCP segment over IPv4; its checksum field is filled in.
pub(crate) fn tcp4(link: &Link, ends: (Ipv4Addr, Ipv4Addr), mut segment: Vec<u8>) -> Vec<u8> {
    segment[16..18].fill(0);
    let pseudo = [ends.0.octets(), ends.1.octets()].concat();
    let pseudo = sum(u32::from(Protocol::TCP.0) + segment.len() as u32, &pseudo);
    let value = checksum(sum(pseudo, &segment));
    segment[16..18].copy_from_slice(&value);
    ipv4(link, Protocol::TCP, ends, &segment)
}

/// The checksum of bytes that have 0 where it stands.
pub(crate) fn checksum_of(bytes: &[u8]) -> [u8; 2] {
    checksum(sum(0, bytes))
}

/// The checksum of an ICMPv6 message that has 0 where it stands, between these two addresses.
pub(crate) fn icmp6_checksum(addresses: &[u8], message: &[u8]) -> [u8; 2] {
    let pseudo = sum(u32::from(Protocol::ICMPV6.0) + message.len() as u32, addresses);
    checksum(sum(pseudo, message))
}

/// A UDP datagram over IPv4.
pub(crate) fn udp4(
    link: &Link,
    (source, source_port): (Ipv4Addr, u16),
    (destination, destination_port): (Ipv4Addr, u16),
    payload: &[u8],
) -> Vec<u8> {
    let udp_bytes = (UDP_BYTES + payload.len()) as u32;
    let addresses = [source.octets(), destination.octets()].concat();
    let pseudo = sum(u32::from(Protocol::UDP.0) + udp_bytes, &addresses);
    let datagram = udp(pseudo, source_port, destination_port, payload);
    ipv4(link, Protocol::UDP, (source, destination), &datagram)
}

/// A UDP datagram over IPv6.
pub(crate) fn udp6(
    link: &Link,
    (source, source_port): (Ipv6Addr, u16),
    (destination, destination_port): (Ipv6Addr, u16),
    payload: &[u8],
) -> Vec<u8> {
    let udp_bytes = UDP_BYTES + payload.len();
    let (mut frame, pseudo) = ipv6(link, Protocol::UDP, source, destination, udp_bytes);
    frame.extend(udp(pseudo, source_port, destination_port, payload));
    frame
}

fn udp(pseudo: u32, source_port: u16, destination_port: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(UDP_BYTES + payload.len());
    datagram.extend(source_port.to_be_bytes());
    datagram.extend(destination_port.to_be_bytes());
    datagram.extend(((UDP_BYTES + payload.len()) as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    let value = match checksum(sum(pseudo, &datagram)) {
        [0, 0] => [0xff, 0xff],
        value => value,
    };
    datagram[6..8].copy_from_slice(&value);
    datagram
}

/// An ICMPv6 message; its checksum field is filled in.
pub(crate) fn icmp6(link: &Link, source: Ipv6Addr, destination: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let (mut frame, pseudo) = ipv6(link, Protocol::ICMPV6, source, destination, message.len());
    message[2..4].fill(0);
    let value = checksum(sum(pseudo, &message));
    message[2..4].copy_from_slice(&value);
    frame.extend(message);
    frame
}

/// The headers of an IPv6 packet, and the sum of its pseudo header.
fn ipv6(
    link: &Link,
    protocol: Protocol,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    payload_bytes: usize,
) -> (Vec<u8>, u32) {
    let mut frame = link.header(ETHER_TYPE_IPV6);
    let mut header = [0; IPV6_BYTES];
    header[0] = 0x60;
    header[4..6].copy_from_slice(&(payload_bytes as u16).to_be_bytes());
    header[6] = protocol.0;
    header[7] = HOP_LIMIT;
    header[8..24].copy_from_slice(&source.octets());
    header[24..40].copy_from_slice(&destination.octets());
    frame.extend(header);
    (frame, sum(u32::from(protocol.0) + payload_bytes as u32, &header[8..40]))
}
