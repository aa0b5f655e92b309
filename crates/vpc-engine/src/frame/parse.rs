//! Bytes to headers.
//!
//! Owns the layout of Ethernet, IPv4, IPv6, TCP, UDP and ICMP as far as a verdict depends on it. Refuses to verify
//! transport checksums, which may be partial, and to judge what the headers mean.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_types::MacAddress;
use vpc_model::Protocol;

use crate::packet::{Fragment, Inner, InnerTransport, Packet, TcpFlags, Transport};
use crate::reason::DropReason;

/// The length of an Ethernet header, without VLAN tags: a VPC has none.
pub const ETHERNET_BYTES: usize = 14;
pub(crate) const IPV4_BYTES: usize = 20;
pub(crate) const IPV6_BYTES: usize = 40;
pub(crate) const ETHER_TYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHER_TYPE_ARP: u16 = 0x0806;
pub(crate) const ETHER_TYPE_IPV6: u16 = 0x86dd;

/// The bit "don't fragment" of IPv4.
const DONT_FRAGMENT: u16 = 0x4000;

/// How many IPv6 extension headers a packet may have before it is not worth a look.
const EXTENSION_HEADERS_MAX: usize = 8;

/// Where the headers of a frame are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) is_ipv6: bool,
    pub(crate) protocol: Protocol,
    /// Where the transport header begins, or the payload of a later fragment.
    pub(crate) transport: usize,
    pub(crate) fragment: Option<Fragment>,
    /// Where the IP packet ends; the frame may be padded.
    pub(crate) end: usize,
}

impl Layout {
    /// Whether a transport header is there.
    pub(crate) fn has_transport_header(&self) -> bool {
        self.fragment.is_none_or(|fragment| fragment.offset_bytes == 0)
    }
}

/// Some bytes at a place.
pub(crate) fn bytes<const N: usize>(frame: &[u8], at: usize) -> Result<[u8; N], DropReason> {
    let slice = frame.get(at..).and_then(|rest| rest.first_chunk());
    slice.copied().ok_or(DropReason::Malformed)
}

pub(crate) fn u16_at(frame: &[u8], at: usize) -> Result<u16, DropReason> {
    bytes(frame, at).map(u16::from_be_bytes)
}

pub(crate) fn ipv4_at(frame: &[u8], at: usize) -> Result<Ipv4Addr, DropReason> {
    bytes::<4>(frame, at).map(Ipv4Addr::from)
}

pub(crate) fn ipv6_at(frame: &[u8], at: usize) -> Result<Ipv6Addr, DropReason> {
    bytes::<16>(frame, at).map(Ipv6Addr::from)
}

pub(crate) fn destination_mac(frame: &[u8]) -> Result<MacAddress, DropReason> {
    bytes(frame, 0).map(MacAddress)
}

pub(crate) fn source_mac(frame: &[u8]) -> Result<MacAddress, DropReason> {
    bytes(frame, 6).map(MacAddress)
}

/// Reads the headers of an IP packet in an Ethernet frame.
///
/// Transport checksums are not verified: they may be partial, and the receiver does it. The frame may be one that is
/// still to be segmented, up to 64 KiB, and may be padded at its end.
///
/// # Errors
/// [`DropReason::Malformed`] when the frame ends inside a header or contradicts itself, and
/// [`DropReason::UnsupportedEtherType`] when it is not IP.
pub fn parse(frame: &[u8]) -> Result<Packet, DropReason> {
    let layout = layout(frame)?;
    let (source, destination, ttl) = if layout.is_ipv6 {
        let at = ETHERNET_BYTES;
        (IpAddr::V6(ipv6_at(frame, at + 8)?), IpAddr::V6(ipv6_at(frame, at + 24)?), frame[at + 7])
    } else {
        let at = ETHERNET_BYTES;
        (IpAddr::V4(ipv4_at(frame, at + 12)?), IpAddr::V4(ipv4_at(frame, at + 16)?), frame[at + 8])
    };
    Ok(Packet {
        source_mac: source_mac(frame)?,
        destination_mac: destination_mac(frame)?,
        source,
        destination,
        protocol: layout.protocol,
        transport: transport(&frame[..layout.end], &layout)?,
        fragment: layout.fragment,
        ttl,
        length_bytes: (layout.end - ETHERNET_BYTES) as u32,
        segment_bytes: (layout.end - ETHERNET_BYTES) as u32,
        may_be_fragmented: !layout.is_ipv6 && u16_at(frame, ETHERNET_BYTES + 6)? & DONT_FRAGMENT == 0,
    })
}

/// The bytes of all headers of a frame, up to and with that of TCP or UDP.
///
/// # Errors
/// As [`parse`].
pub(crate) fn headers_bytes(frame: &[u8]) -> Result<usize, DropReason> {
    let layout = layout(frame)?;
    Ok(layout.transport
        + match layout.protocol {
            Protocol::TCP => usize::from(bytes::<1>(frame, layout.transport + 12)?[0] >> 4) * 4,
            Protocol::UDP => 8,
            _ => 0,
        })
}

/// Finds the headers of a frame.
pub(crate) fn layout(frame: &[u8]) -> Result<Layout, DropReason> {
    match u16_at(frame, 12)? {
        ETHER_TYPE_IPV4 => ipv4_layout(frame),
        ETHER_TYPE_IPV6 => ipv6_layout(frame),
        ether_type => Err(DropReason::UnsupportedEtherType { ether_type }),
    }
}

/// Where an IP packet of a length ends. Devices that segment may leave the length of IPv4 0.
fn end(frame: &[u8], header: usize, length: usize) -> Result<usize, DropReason> {
    if length == 0 {
        return Ok(frame.len());
    }
    let end = ETHERNET_BYTES + length;
    if length < header || end > frame.len() { Err(DropReason::Malformed) } else { Ok(end) }
}

fn ipv4_layout(frame: &[u8]) -> Result<Layout, DropReason> {
    let at = ETHERNET_BYTES;
    let header: [u8; IPV4_BYTES] = bytes(frame, at)?;
    let header_bytes = usize::from(header[0] & 0xf) * 4;
    if header[0] >> 4 != 4 || header_bytes < IPV4_BYTES {
        return Err(DropReason::Malformed);
    }
    let end = end(frame, header_bytes, usize::from(u16_at(frame, at + 2)?))?;
    let flags = u16_at(frame, at + 6)?;
    let offset_bytes = u32::from(flags & 0x1fff) * 8;
    let more = flags & 0x2000 != 0;
    let fragment = (more || offset_bytes != 0).then_some(Fragment {
        id: u32::from(u16_at(frame, at + 4)?),
        offset_bytes,
        more,
    });
    let transport = at + header_bytes;
    if transport > end {
        return Err(DropReason::Malformed);
    }
    Ok(Layout { is_ipv6: false, protocol: Protocol(header[9]), transport, fragment, end })
}

fn ipv6_layout(frame: &[u8]) -> Result<Layout, DropReason> {
    let header: [u8; IPV6_BYTES] = bytes(frame, ETHERNET_BYTES)?;
    if header[0] >> 4 != 6 {
        return Err(DropReason::Malformed);
    }
    let payload = usize::from(u16_at(frame, ETHERNET_BYTES + 4)?);
    let end = end(frame, IPV6_BYTES, IPV6_BYTES + payload)?;
    let mut transport = ETHERNET_BYTES + IPV6_BYTES;
    let mut next = header[6];
    let mut fragment = None;
    for _ in 0..EXTENSION_HEADERS_MAX {
        match next {
            // Hop-by-hop options, routing, destination options.
            0 | 43 | 60 => {
                let [following, words] = bytes(&frame[..end], transport)?;
                next = following;
                transport += (usize::from(words) + 1) * 8;
            }
            44 => {
                let extension: [u8; 8] = bytes(&frame[..end], transport)?;
                let offset = u16::from_be_bytes([extension[2], extension[3]]);
                let offset_bytes = u32::from(offset & 0xfff8);
                let id = u32::from_be_bytes([extension[4], extension[5], extension[6], extension[7]]);
                next = extension[0];
                transport += 8;
                // An atomic fragment (RFC 6946) is a whole packet.
                if offset & 0xfff9 != 0 {
                    fragment = Some(Fragment { id, offset_bytes, more: offset & 1 != 0 });
                }
                if offset_bytes != 0 {
                    break;
                }
            }
            _ => {
                if transport > end {
                    return Err(DropReason::Malformed);
                }
                return Ok(Layout { is_ipv6: true, protocol: Protocol(next), transport, fragment, end });
            }
        }
    }
    if fragment.is_none_or(|fragment| fragment.offset_bytes == 0) || transport > end {
        return Err(DropReason::Malformed);
    }
    Ok(Layout { is_ipv6: true, protocol: Protocol(next), transport, fragment, end })
}

/// Reads the transport header. A first fragment must have all of it, and no later one may reach back into a TCP header
/// (RFC 3128), or a rule could be told other ports than the receiver will see.
fn transport(packet: &[u8], layout: &Layout) -> Result<Transport, DropReason> {
    let at = layout.transport;
    if !layout.has_transport_header() {
        let reaches_back = layout.fragment.is_some_and(|fragment| fragment.offset_bytes < 20);
        if reaches_back && layout.protocol == Protocol::TCP {
            return Err(DropReason::Malformed);
        }
        return Ok(Transport::Continuation);
    }
    Ok(match layout.protocol {
        Protocol::TCP => {
            let header: [u8; 20] = bytes(packet, at)?;
            let [a, b, c, d, ..] = header;
            Transport::Tcp {
                source: u16::from_be_bytes([a, b]),
                destination: u16::from_be_bytes([c, d]),
                flags: TcpFlags(header[13]),
            }
        }
        Protocol::UDP => {
            let [a, b, c, d, ..]: [u8; 8] = bytes(packet, at)?;
            Transport::Udp { source: u16::from_be_bytes([a, b]), destination: u16::from_be_bytes([c, d]) }
        }
        Protocol::ICMP | Protocol::ICMPV6 => {
            let [kind, code, _, _, a, b, ..]: [u8; 8] = bytes(packet, at)?;
            let is_error = match layout.protocol {
                // Destination unreachable, source quench, time exceeded, parameter problem. Redirects are errors too,
                // but nothing in a VPC sends them.
                Protocol::ICMP => matches!(kind, 3 | 4 | 11 | 12),
                _ => matches!(kind, 1..=4),
            };
            let is_query = crate::flows::icmp_query(layout.protocol, kind).is_some();
            let id = if is_query { u16::from_be_bytes([a, b]) } else { 0 };
            let about = if is_error { inner(&packet[at + 8..], layout.is_ipv6).ok() } else { None };
            Transport::Icmp { kind, code, id, about }
        }
        _ => Transport::Other,
    })
}

/// Reads the packet that an ICMP error quotes, which may be cut anywhere behind its addresses.
fn inner(quote: &[u8], is_ipv6: bool) -> Result<Inner, DropReason> {
    let (source, destination, protocol, transport, is_first) = if is_ipv6 {
        let header: [u8; IPV6_BYTES] = bytes(quote, 0)?;
        let (source, destination) = (ipv6_at(quote, 8)?, ipv6_at(quote, 24)?);
        (IpAddr::V6(source), IpAddr::V6(destination), Protocol(header[6]), IPV6_BYTES, true)
    } else {
        let header: [u8; IPV4_BYTES] = bytes(quote, 0)?;
        let is_first = u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0;
        let transport = usize::from(header[0] & 0xf) * 4;
        let (source, destination) = (ipv4_at(quote, 12)?, ipv4_at(quote, 16)?);
        (IpAddr::V4(source), IpAddr::V4(destination), Protocol(header[9]), transport, is_first)
    };
    let quoted = match protocol {
        _ if !is_first => None,
        Protocol::TCP | Protocol::UDP => {
            bytes(quote, transport).ok().map(|[a, b, c, d]| InnerTransport::Ports {
                source: u16::from_be_bytes([a, b]),
                destination: u16::from_be_bytes([c, d]),
            })
        }
        Protocol::ICMP | Protocol::ICMPV6 => bytes(quote, transport).ok().map(|[kind, code, _, _, a, b]| {
            InnerTransport::Icmp { kind, code, id: u16::from_be_bytes([a, b]) }
        }),
        _ => None,
    };
    Ok(Inner { source, destination, protocol, transport: quoted.unwrap_or(InnerTransport::Other) })
}
