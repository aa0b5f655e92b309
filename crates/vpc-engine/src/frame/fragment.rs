//! An IPv4 packet cut into fragments, for a way that carries smaller ones only (RFC 791 section 3.2).
//!
//! Owns the cutting. Refuses to know which packets are too large.

use super::parse::{self, ETHERNET_BYTES, IPV4_BYTES};
use super::rewrite::TransportChecksum;
use super::{build, rewrite};
use crate::reason::DropReason;

const MORE_FRAGMENTS: u16 = 0x2000;

/// Cuts the IPv4 packet of a frame so that no fragment is larger than `mtu_bytes`. A partial transport checksum is completed
/// first, for no device can do it later.
///
/// # Errors
/// [`DropReason::Malformed`] when the frame is no IPv4 packet with a payload, or `mtu_bytes` has no room for any.
pub fn fragments(
    frame: &mut [u8],
    mtu_bytes: u16,
    checksum: TransportChecksum,
) -> Result<Vec<Vec<u8>>, DropReason> {
    let layout = parse::layout(frame)?;
    if layout.is_ipv6 {
        return Err(DropReason::Malformed);
    }
    if checksum == TransportChecksum::Partial {
        rewrite::complete_checksum(frame, &layout)?;
    }
    let header_bytes = layout.transport - ETHERNET_BYTES;
    let room = usize::from(mtu_bytes).saturating_sub(header_bytes) / 8 * 8;
    let payload = &frame[layout.transport..layout.end];
    if room == 0 || payload.is_empty() || header_bytes < IPV4_BYTES {
        return Err(DropReason::Malformed);
    }
    let before = parse::u16_at(frame, ETHERNET_BYTES + 6)?;
    let pieces = payload.chunks(room);
    let last = pieces.len() - 1;
    let cut = pieces.enumerate().map(|(number, piece)| {
        let mut fragment = frame[..layout.transport].to_vec();
        let header = &mut fragment[ETHERNET_BYTES..];
        header[2..4].copy_from_slice(&((header_bytes + piece.len()) as u16).to_be_bytes());
        let more = if number < last { MORE_FRAGMENTS } else { before & MORE_FRAGMENTS };
        let offset = (before & 0x1fff) + (number * room / 8) as u16;
        header[6..8].copy_from_slice(&(more | offset).to_be_bytes());
        header[10..12].fill(0);
        let value = build::checksum_of(header);
        header[10..12].copy_from_slice(&value);
        fragment.extend(piece);
        fragment
    });
    Ok(cut.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_the_sum_of_its_fragments() {
        let payload: Vec<u8> = (0..3000_u32).map(|number| number as u8).collect();
        let link = build::Link {
            source: aws_types::MacAddress::local(1),
            destination: aws_types::MacAddress::local(2),
        };
        let ends = (std::net::Ipv4Addr::new(10, 0, 0, 1), std::net::Ipv4Addr::new(10, 0, 0, 2));
        let mut frame = build::udp4(&link, (ends.0, 1), (ends.1, 2), &payload);
        let datagram = frame[34..].to_vec();
        let cut = fragments(&mut frame, 1500, TransportChecksum::Complete).unwrap();
        assert_eq!(cut.len(), 3);
        let mut whole: Vec<u8> = Vec::new();
        for (number, fragment) in cut.iter().enumerate() {
            let layout = parse::layout(fragment).unwrap();
            let found = layout.fragment.unwrap();
            assert_eq!((found.offset_bytes as usize, found.more), (whole.len(), number < 2));
            assert!(fragment.len() - ETHERNET_BYTES <= 1500);
            assert_eq!(build::checksum_of(&fragment[14..34]), [0, 0], "the header's checksum is right");
            whole.extend(&fragment[layout.transport..layout.end]);
        }
        assert_eq!(whole, datagram);
    }

    #[test]
    fn a_partial_checksum_is_completed() {
        let link = build::Link {
            source: aws_types::MacAddress::local(1),
            destination: aws_types::MacAddress::local(2),
        };
        let ends = (std::net::Ipv4Addr::new(10, 0, 0, 1), std::net::Ipv4Addr::new(10, 0, 0, 2));
        let complete = build::udp4(&link, (ends.0, 1), (ends.1, 2), &[7; 100]);
        let mut partial = complete.clone();
        // What the kernel leaves: the sum of the pseudo header alone.
        let mut pseudo = [ends.0.octets(), ends.1.octets()].concat();
        pseudo.extend([0, 17, 0, 108]);
        let [high, low] = build::checksum_of(&pseudo);
        partial[40..42].copy_from_slice(&[!high, !low]);
        let layout = parse::layout(&partial).unwrap();
        rewrite::complete_checksum(&mut partial, &layout).unwrap();
        assert_eq!(partial, complete);
    }
}
