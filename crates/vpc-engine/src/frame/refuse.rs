//! What the fabric tells the sender of a packet that it drops: that it is too large, or that its connection is unknown.
//!
//! Owns these answers. Refuses to know why a packet is dropped.

use std::net::IpAddr;

use super::build::{self, Link};
use super::neighbour::link_local;
use super::{Asker, parse};
use crate::packet::{Packet, TcpFlags, Transport};
use crate::reason::DropReason;
use crate::services::LINK_ROUTER_MAC;

/// Destination unreachable: fragmentation needed (RFC 1191).
const UNREACHABLE: u8 = 3;
const FRAGMENTATION_NEEDED: u8 = 4;
/// Packet too big (RFC 4443 section 3.2).
const PACKET_TOO_BIG: u8 = 2;
/// An ICMP error quotes the IP header and this much behind it (RFC 792).
const QUOTED_BYTES: usize = 8;
/// An ICMPv6 error is no larger than every link can carry (RFC 4443 section 2.4).
const ICMPV6_ERROR_BYTES_MAX: usize = 1280;

/// What to send back for a dropped packet; none for most.
pub(crate) fn answer(
    asker: &Asker<'_>,
    reason: DropReason,
    packet: &Packet,
    frame: &[u8],
) -> Option<Vec<u8>> {
    match reason {
        DropReason::PacketTooBig { mtu_bytes } => {
            let router = match packet.source {
                IpAddr::V4(_) => IpAddr::V4(asker.subnet.router),
                IpAddr::V6(_) => IpAddr::V6(link_local(asker.subnet.router_mac)),
            };
            too_big(&link(asker), router, mtu_bytes, packet, frame)
        }
        DropReason::NatIdle { .. } => reset(asker, packet, frame),
        _ => None,
    }
}

/// The same for the services and the internet, whose router has no address of its own: the one that was asked for stands
/// in for it.
pub(crate) fn answer_outside(reason: DropReason, packet: &Packet, frame: &[u8]) -> Option<Vec<u8>> {
    let DropReason::PacketTooBig { mtu_bytes } = reason else { return None };
    let link = Link { source: LINK_ROUTER_MAC, destination: packet.source_mac };
    too_big(&link, packet.destination, mtu_bytes, packet, frame)
}

fn link(asker: &Asker<'_>) -> Link {
    Link { source: asker.subnet.router_mac, destination: asker.plugged.mac }
}

/// Fact 64.
fn too_big(link: &Link, router: IpAddr, mtu_bytes: u16, packet: &Packet, frame: &[u8]) -> Option<Vec<u8>> {
    // Nothing is said about errors (RFC 1122 section 3.2.2).
    if packet.about().is_some() {
        return None;
    }
    let whole = frame.get(parse::ETHERNET_BYTES..)?;
    let [high, low] = mtu_bytes.to_be_bytes();
    Some(match (packet.source, router) {
        (IpAddr::V4(source), IpAddr::V4(router)) => {
            let header_bytes = usize::from(whole.first()? & 0xf) * 4;
            let mut message = vec![UNREACHABLE, FRAGMENTATION_NEEDED, 0, 0, 0, 0, high, low];
            message.extend(whole.get(..whole.len().min(header_bytes + QUOTED_BYTES))?);
            build::icmp4(link, (router, source), message)
        }
        (IpAddr::V6(source), IpAddr::V6(router)) => {
            let mut message = vec![PACKET_TOO_BIG, 0, 0, 0, 0, 0, high, low];
            let room = ICMPV6_ERROR_BYTES_MAX - parse::IPV6_BYTES - message.len();
            message.extend(whole.get(..whole.len().min(room))?);
            build::icmp6(link, router, source, message)
        }
        _ => return None,
    })
}

/// Fact 43, as the other end would (RFC 9293 section 3.5.2).
fn reset(asker: &Asker<'_>, packet: &Packet, frame: &[u8]) -> Option<Vec<u8>> {
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (packet.source, packet.destination) else {
        return None;
    };
    let Transport::Tcp { source: source_port, destination: destination_port, flags } = packet.transport
    else {
        return None;
    };
    if flags.contains(TcpFlags::RST) {
        return None;
    }
    let transport = parse::layout(frame).ok()?.transport;
    let [sequence, acknowledgement] =
        [4, 8].map(|at| parse::bytes::<4>(frame, transport + at).map(u32::from_be_bytes));
    let (sequence, acknowledgement) = (sequence.ok()?, acknowledgement.ok()?);
    let payload = frame.len().checked_sub(parse::headers_bytes(frame).ok()?)? as u32;
    let length =
        payload + u32::from(flags.contains(TcpFlags::SYN)) + u32::from(flags.contains(TcpFlags::FIN));
    let (answer_sequence, answer_acknowledgement, answer_flags) = match flags.contains(TcpFlags::ACK) {
        true => (acknowledgement, 0, TcpFlags::RST),
        false => (0, sequence.wrapping_add(length), TcpFlags::RST.with(TcpFlags::ACK)),
    };
    let mut segment = Vec::with_capacity(20);
    segment.extend(destination_port.to_be_bytes());
    segment.extend(source_port.to_be_bytes());
    segment.extend(answer_sequence.to_be_bytes());
    segment.extend(answer_acknowledgement.to_be_bytes());
    // Five words of header, no window, no urgent data.
    segment.extend([5 << 4, answer_flags.0, 0, 0, 0, 0, 0, 0]);
    Some(build::tcp4(&link(asker), (destination, source), segment))
}
