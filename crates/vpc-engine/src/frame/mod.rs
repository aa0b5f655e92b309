//! Raw Ethernet frames: what the fabric answers itself, and what it hands to the decision.
//!
//! Owns reading, rewriting and building frames, and the protocols that end at the fabric: ARP, neighbour discovery,
//! router advertisements, DHCP and DHCPv6 (fact A9). Refuses to know devices and offload headers: whoever reads a frame
//! from a device says whether its checksum is partial.

mod arp;
mod build;
mod dhcp;
mod dhcp6;
mod fragment;
mod neighbour;
mod parse;
mod refuse;
mod rewrite;

use vpc_model::{Port, Protocol};

use crate::flows::Flows;
use crate::packet::{Packet, Transport};
use crate::reason::DropReason;
use crate::services::LINK_ROUTER_MAC;
use crate::snapshot::{CompiledSubnet, Network, PluggedInterface, Snapshot};
use crate::time::Millis;
use crate::verdict::{FrameAction, Verdict};

pub use dhcp::LEASE_SECS;
pub use fragment::fragments;
pub use neighbour::{ROUTER_LIFETIME_SECS, router_advertisement};
pub use parse::{ETHERNET_BYTES, parse};
pub use rewrite::{TransportChecksum, apply_rewrite};

/// Who asks the fabric something.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) network: &'a Network,
    pub(crate) plugged: &'a PluggedInterface,
    pub(crate) subnet: &'a CompiledSubnet,
}

/// Decides one frame that came in by a port.
///
/// Nothing is copied: a frame that goes on is to be changed by [`apply_rewrite`] and sent out by the port named. A frame
/// that is still to be segmented says by how many bytes of payload, otherwise `segment_payload_bytes` is none.
pub fn handle_frame(
    snapshot: &Snapshot,
    flows: &mut Flows,
    from: Port,
    frame: &[u8],
    segment_payload_bytes: Option<u16>,
    now: Millis,
) -> FrameAction {
    match try_handle(snapshot, flows, from, frame, segment_payload_bytes, now) {
        Ok(action) => action,
        Err(reason) => FrameAction::Drop(reason),
    }
}

fn try_handle(
    snapshot: &Snapshot,
    flows: &mut Flows,
    from: Port,
    frame: &[u8],
    segment_payload_bytes: Option<u16>,
    now: Millis,
) -> Result<FrameAction, DropReason> {
    if parse::u16_at(frame, 12)? == parse::ETHER_TYPE_ARP {
        let reply = match asker(snapshot, from)? {
            Some(asker) => arp::answer(&asker, frame)?,
            None if from == Port::SERVICES => arp::answer_services(frame)?,
            None => arp::answer_internet(snapshot.network(), frame)?,
        };
        return Ok(FrameAction::Reply(reply));
    }
    let mut packet = parse(frame)?;
    if let Some(payload) = segment_payload_bytes {
        let headers = parse::headers_bytes(frame)? - parse::ETHERNET_BYTES;
        packet.segment_bytes = packet.length_bytes.min(headers as u32 + u32::from(payload));
    }
    if is_for_fabric(&packet) {
        let reply = match asker(snapshot, from)? {
            Some(asker) => answer(snapshot, &asker, &packet, frame)?,
            None if from == Port::SERVICES => neighbour::answer_services(&packet, frame)?,
            None => neighbour::answer_internet(snapshot.network(), &packet, frame)?,
        };
        return Ok(FrameAction::Reply(reply));
    }
    Ok(match crate::forward(snapshot, flows, from, &packet, now) {
        Verdict::Deliver(delivery) => FrameAction::Forward(delivery),
        Verdict::Drop(reason) => {
            let answer = match asker(snapshot, from).ok().flatten() {
                Some(asker) => refuse::answer(&asker, reason, &packet, frame),
                None if from.is_reserved() => refuse::answer_outside(reason, &packet, frame),
                None => None,
            };
            match answer {
                Some(answer) => FrameAction::Refuse(reason, answer),
                None => FrameAction::Drop(reason),
            }
        }
    })
}

/// The interface at a port with its subnet; none for the services and the internet.
fn asker(snapshot: &Snapshot, from: Port) -> Result<Option<Asker<'_>>, DropReason> {
    if from.is_reserved() {
        return Ok(None);
    }
    let network = snapshot.network();
    let plugged = network.at(from).ok_or(DropReason::UnknownPort { port: from })?;
    let missing = DropReason::Missing { object: plugged.interface.subnet.into() };
    let subnet = network.subnet_of(plugged).ok_or(missing)?;
    Ok(Some(Asker { network, plugged, subnet }))
}

/// Whether a packet is of a protocol that ends at the fabric, wherever it is addressed to: neighbour discovery, router
/// discovery, DHCP requests.
fn is_for_fabric(packet: &Packet) -> bool {
    match packet.transport {
        Transport::Icmp { kind, .. } => packet.protocol == Protocol::ICMPV6 && (133..=137).contains(&kind),
        Transport::Udp { source: dhcp::CLIENT_PORT, destination: dhcp::SERVER_PORT } => {
            packet.source.is_ipv4()
        }
        Transport::Udp { source: dhcp6::CLIENT_PORT, destination: dhcp6::SERVER_PORT } => {
            packet.source.is_ipv6()
        }
        _ => false,
    }
}

fn answer(
    snapshot: &Snapshot,
    asker: &Asker<'_>,
    packet: &Packet,
    frame: &[u8],
) -> Result<Vec<u8>, DropReason> {
    let interface = &asker.plugged.interface;
    if packet.source_mac != interface.mac {
        return Err(DropReason::SpoofedMac { interface: interface.id, mac: packet.source_mac });
    }
    match packet.transport {
        Transport::Udp { destination: dhcp::SERVER_PORT, .. } => dhcp::answer(snapshot, asker, packet, frame),
        Transport::Udp { .. } => dhcp6::answer(snapshot, asker, packet, frame),
        _ => neighbour::answer(snapshot, asker, packet, frame),
    }
}

/// The DHCP option set of a subnet's VPC.
fn options<'a>(snapshot: &'a Snapshot, asker: &Asker<'a>) -> Option<&'a vpc_model::DhcpOptions> {
    snapshot.dhcp_options(asker.subnet.vpc.as_ref()?.dhcp_options?)
}
