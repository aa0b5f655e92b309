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

use super::parse::{self, ETHERNET_BYTES};
use crate::packet::Endpoint;
use crate::reason::DropReason;
use crate::verdict::Rewrite;

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

/// Rewrites a frame in place: link addresses, IP addresses, ports, and the checksums over them. Everything else stays as
/// it is, the TTL too (fact 61a). A later fragment has no ports and no transport checksum to rewrite.
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
    if has_ports {
        // Reads the transport header, so that nothing below can be out of bounds.
        parse::parse(frame)?;
    }
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
    if !layout.is_ipv6 {
        update(frame, ETHERNET_BYTES + 10, |old| addresses.apply_to_checksum(old));
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
        // ICMP has no pseudo header; of other protocols nothing is known.
        _ => return,
    };
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
