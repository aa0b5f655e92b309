//! New addresses into old frames, with checksums brought up to date incrementally (RFC 1624).
//!
//! Owns the arithmetic. Refuses to know why an address changes.
//!
//! A complete checksum is the complement of a sum, so a word that becomes another adds the difference to the complement.
//! A partial one is itself a sum, of the pseudo header alone: it takes the difference of the addresses as it is, and
//! nothing of the ports, which the device will sum up later.
//!
//! | field holds | after a change of addresses (A) and ports (P)   |
//! | ----------- | ----------------------------------------------- |
//! | complete    | !(!old + A + P)                                 |
//! | partial     | old + A                                         |

use std::net::IpAddr;

use vpc_model::Protocol;

use super::build;
use super::parse::{self, ETHERNET_BYTES, IPV6_BYTES};
use crate::packet::{Endpoint, Packet, TcpFlags, Transport};
use crate::reason::DropReason;
use crate::verdict::{Quoted, Rewrite};

/// The options of a TCP header that end them, and that fill them up.
const OPTION_END: u8 = 0;
const OPTION_NOTHING: u8 = 1;
/// The option that announces the largest segment, and its length (RFC 9293 section 3.7.1).
const OPTION_SEGMENT_SIZE: [u8; 2] = [2, 4];

/// What the checksum field of a frame's transport header holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportChecksum {
    /// The checksum.
    Complete,
    /// The sum of the pseudo header, to be completed by the device that sends the frame: what a virtio-net header
    /// with `VIRTIO_NET_HDR_F_NEEDS_CSUM` says, and what every frame that is to be segmented has.
    Partial,
}

/// A difference between words, as a ones' complement sum.
#[derive(Clone, Copy, Default)]
struct Difference(u64);

impl Difference {
    /// Counts that these bytes become those. Both have an even length.
    fn change(&mut self, old: &[u8], new: &[u8]) {
        for (old, new) in old.chunks_exact(2).zip(new.chunks_exact(2)) {
            let word = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
            self.0 += u64::from(!word(old)) + u64::from(word(new));
        }
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// The sum with this difference added.
    fn apply(self, sum: u16) -> u16 {
        let mut folded = self.0 + u64::from(sum);
        while folded > 0xffff {
            folded = (folded & 0xffff) + (folded >> 16);
        }
        folded as u16
    }

    /// The checksum with this difference added to what it complements.
    fn apply_to_checksum(self, checksum: u16) -> u16 {
        !self.apply(!checksum)
    }
}

/// Rewrites a frame in place: link addresses, IP addresses, ports, what an ICMP error quotes, and the checksums over them.
/// Everything else stays as it is, the TTL too (fact 61a). A later fragment has no ports and no transport checksum to
/// rewrite.
///
/// # Errors
/// [`DropReason::Malformed`] or [`DropReason::UnsupportedEtherType`] when the frame is not one that [`parse()`](super::parse())
/// reads, or a new address is of the other family. The frame is then unchanged.
pub fn apply_rewrite(
    frame: &mut [u8],
    rewrite: &Rewrite,
    checksum: TransportChecksum,
) -> Result<(), DropReason> {
    let layout = parse::layout(frame)?;
    let endpoints = [(rewrite.source, 0), (rewrite.destination, 1)];
    let is_foreign = |endpoint: Endpoint| endpoint.address.is_ipv6() != layout.is_ipv6;
    if endpoints.iter().any(|&(endpoint, _)| endpoint.is_some_and(is_foreign)) {
        return Err(DropReason::Malformed);
    }
    let has_ports = matches!(layout.protocol, Protocol::TCP | Protocol::UDP) && layout.has_transport_header();
    let is_icmp =
        matches!(layout.protocol, Protocol::ICMP | Protocol::ICMPV6) && layout.has_transport_header();
    // Reads the transport header, so that nothing below can be out of bounds.
    let packet = if has_ports || is_icmp { Some(parse::parse(frame)?) } else { None };
    frame[..6].copy_from_slice(&rewrite.destination_mac.0);
    frame[6..12].copy_from_slice(&rewrite.source_mac.0);

    let (mut addresses, mut ports) = (Difference::default(), Difference::default());
    for (endpoint, index) in endpoints {
        let Some(Endpoint { address, port }) = endpoint else { continue };
        match address {
            IpAddr::V4(address) => {
                replace(frame, ETHERNET_BYTES + 12 + 4 * index, &address.octets(), &mut addresses);
            }
            IpAddr::V6(address) => {
                replace(frame, ETHERNET_BYTES + 8 + 16 * index, &address.octets(), &mut addresses);
            }
        }
        if has_ports {
            replace(frame, layout.transport + 2 * index, &port.to_be_bytes(), &mut ports);
        }
    }
    // Of a query or its reply both ends have the identifier in the place of a port.
    let id = rewrite.source.or(rewrite.destination).filter(|_| packet.as_ref().is_some_and(is_query));
    if let Some(Endpoint { port, .. }) = id {
        replace(frame, layout.transport + 4, &port.to_be_bytes(), &mut ports);
    }
    let announces = |frame: &[u8]| {
        layout.protocol == Protocol::TCP
            && has_ports
            && frame.get(layout.transport + 13).is_some_and(|&flags| TcpFlags(flags).contains(TcpFlags::SYN))
    };
    if let Some(maximum) = rewrite.segment_payload_max.filter(|_| announces(frame)) {
        limit_segments(&mut frame[..layout.end], layout.transport, maximum, &mut ports);
    }
    if !layout.is_ipv6 {
        update(frame, ETHERNET_BYTES + 10, |old| addresses.apply_to_checksum(old));
    }
    if let Some(quoted) = rewrite.quoted.filter(|_| is_icmp) {
        requote(frame, &layout, &quoted);
        return Ok(());
    }
    if layout.has_transport_header() {
        update_transport(frame, &layout, addresses, ports, checksum);
    }
    Ok(())
}

fn update_transport(
    frame: &mut [u8],
    layout: &parse::Layout,
    addresses: Difference,
    ports: Difference,
    checksum: TransportChecksum,
) {
    let offset = match layout.protocol {
        Protocol::TCP => 16,
        Protocol::UDP => 6,
        Protocol::ICMPV6 => 2,
        // Without a pseudo header.
        Protocol::ICMP => 2,
        // Of other protocols nothing is known.
        _ => return,
    };
    let addresses = if layout.protocol == Protocol::ICMP { Difference::default() } else { addresses };
    let at = layout.transport + offset;
    if at + 2 > layout.end {
        return;
    }
    match checksum {
        TransportChecksum::Partial => update(frame, at, |old| addresses.apply(old)),
        TransportChecksum::Complete => update(frame, at, |old| {
            let is_udp = layout.protocol == Protocol::UDP;
            // UDP over IPv4 may go without a checksum, which is written as 0; a checksum of 0 is written as 0xffff.
            if is_udp && old == 0 {
                return 0;
            }
            match addresses.plus(ports).apply_to_checksum(old) {
                0 if is_udp => 0xffff,
                new => new,
            }
        }),
    }
}

/// Makes a partial transport checksum a complete one.
pub(crate) fn complete_checksum(frame: &mut [u8], layout: &parse::Layout) -> Result<(), DropReason> {
    let offset = match layout.protocol {
        Protocol::TCP => 16,
        Protocol::UDP => 6,
        _ => return Err(DropReason::Malformed),
    };
    let at = layout.transport + offset;
    if at + 2 > layout.end {
        return Err(DropReason::Malformed);
    }
    // The field holds the sum of the pseudo header, so the sum over all of it is that of the segment with it.
    let value = match build::checksum_of(&frame[layout.transport..layout.end]) {
        [0, 0] if layout.protocol == Protocol::UDP => [0xff, 0xff],
        value => value,
    };
    frame[at..at + 2].copy_from_slice(&value);
    Ok(())
}

/// Whether an ICMP packet is a query or a reply, which have an identifier.
fn is_query(packet: &Packet) -> bool {
    match packet.transport {
        Transport::Icmp { kind, .. } => crate::flows::icmp_query(packet.protocol, kind).is_some(),
        _ => false,
    }
}

/// Announces no larger segments than that, where more are announced (RFC 6691).
fn limit_segments(frame: &mut [u8], transport: usize, maximum: u16, difference: &mut Difference) {
    let end =
        frame.get(transport + 12).map_or(0, |word| transport + usize::from(word >> 4) * 4).min(frame.len());
    let mut at = transport + 20;
    while at + 1 < end {
        match [frame[at], frame[at + 1]] {
            [OPTION_END, _] => return,
            [OPTION_NOTHING, _] => at += 1,
            OPTION_SEGMENT_SIZE if at + 4 <= end => {
                let announced = u16::from_be_bytes([frame[at + 2], frame[at + 3]]);
                // The words of a checksum begin at even places of the segment.
                if announced > maximum && (at + 2 - transport).is_multiple_of(2) {
                    replace(frame, at + 2, &maximum.to_be_bytes(), difference);
                } else if announced > maximum {
                    let [high, low] = maximum.to_be_bytes();
                    let word = [frame[at + 1], high, low, frame[at + 4..end].first().copied().unwrap_or(0)];
                    replace(frame, at + 1, &word, difference);
                }
                return;
            }
            [_, length] if length >= 2 => at += usize::from(length),
            _ => return,
        }
    }
}

/// Writes new addresses and ports into the packet that an ICMP error quotes, with the checksum of its IPv4 header. That of
/// its transport header stays as it was: most errors do not quote all that it covers.
fn requote(frame: &mut [u8], layout: &parse::Layout, quoted: &Quoted) {
    let at = layout.transport + 8;
    let (ends, transport, protocol) = if layout.is_ipv6 {
        let protocol = frame.get(at + 6).copied().unwrap_or_default();
        ([at + 8, at + 24], at + IPV6_BYTES, protocol)
    } else {
        let header = frame.get(at).map_or(0, |byte| usize::from(byte & 0xf) * 4);
        let protocol = frame.get(at + 9).copied().unwrap_or_default();
        ([at + 12, at + 16], at + header, protocol)
    };
    let mut write = |at: usize, bytes: &[u8]| {
        if at + bytes.len() <= layout.end {
            frame[at..at + bytes.len()].copy_from_slice(bytes);
        }
    };
    for (endpoint, place) in [quoted.source, quoted.destination].into_iter().zip(ends) {
        match endpoint.address {
            IpAddr::V4(address) => write(place, &address.octets()),
            IpAddr::V6(address) => write(place, &address.octets()),
        }
    }
    match Protocol(protocol) {
        Protocol::TCP | Protocol::UDP => {
            write(transport, &quoted.source.port.to_be_bytes());
            write(transport + 2, &quoted.destination.port.to_be_bytes());
        }
        Protocol::ICMP | Protocol::ICMPV6 => write(transport + 4, &quoted.source.port.to_be_bytes()),
        _ => {}
    }
    if !layout.is_ipv6 && transport <= layout.end {
        frame[at + 10..at + 12].fill(0);
        let header = build::checksum_of(&frame[at..transport]);
        frame[at + 10..at + 12].copy_from_slice(&header);
    }
    let checksum_at = layout.transport + 2;
    frame[checksum_at..checksum_at + 2].fill(0);
    let message = &frame[layout.transport..layout.end];
    let value = match layout.is_ipv6 {
        false => build::checksum_of(message),
        true => build::icmp6_checksum(&frame[ETHERNET_BYTES + 8..ETHERNET_BYTES + 40], message),
    };
    frame[checksum_at..checksum_at + 2].copy_from_slice(&value);
}

fn replace(frame: &mut [u8], at: usize, new: &[u8], difference: &mut Difference) {
    let old = &mut frame[at..][..new.len()];
    difference.change(old, new);
    old.copy_from_slice(new);
}

fn update(frame: &mut [u8], at: usize, new: impl FnOnce(u16) -> u16) {
    let field = &mut frame[at..][..2];
    let value = new(u16::from_be_bytes([field[0], field[1]]));
    field.copy_from_slice(&value.to_be_bytes());
}
