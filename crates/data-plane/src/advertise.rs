//! The router advertisements that nobody has asked for: a guest keeps its IPv6 default route only for as long as the last one
//! said, and learns from one that its subnet has IPv6 now.
//!
//! Knows when and to whom; refuses to know what is in one, which is the engine's.

use host_net::{PacketSocket, Transmission, VirtioNetHeader};
use vpc_engine::Snapshot;
use vpc_engine::frame::router_advertisement;
use vpc_model::{Delta, Object, Port};

use crate::layout::device_of;

/// Frames sent at once.
const BATCH_FRAMES: usize = 64;

/// Sends an advertisement to each port that has IPv6. One that cannot be sent is made up for by the next.
pub(crate) fn advertise(sender: &PacketSocket, snapshot: &Snapshot, ports: impl Iterator<Item = Port>) {
    let mut frames: Vec<(u32, Vec<u8>)> = Vec::with_capacity(BATCH_FRAMES);
    let send = |frames: &mut Vec<(u32, Vec<u8>)>| {
        let batch: Vec<Transmission<'_>> = frames
            .iter()
            .map(|(device, frame)| Transmission {
                device: *device,
                header: VirtioNetHeader::default(),
                frame,
            })
            .collect();
        if let Err(error) = sender.send(&batch) {
            tracing::warn!(%error, "cannot send router advertisements");
        }
        frames.clear();
    };
    for port in ports {
        frames.extend(router_advertisement(snapshot, port).map(|frame| (device_of(port), frame)));
        if frames.len() == BATCH_FRAMES {
            send(&mut frames);
        }
    }
    if !frames.is_empty() {
        send(&mut frames);
    }
}

/// The ports whose subnets have another IPv6 block after `deltas` than before.
pub(crate) fn ports_to_tell(before: &Snapshot, after: &Snapshot, deltas: &[Delta]) -> Vec<Port> {
    let changed: Vec<_> = deltas
        .iter()
        .filter_map(|delta| match delta {
            Delta::Put(Object::Subnet(subnet)) => Some(subnet.id),
            Delta::Put(_) | Delta::Remove(_) => None,
        })
        .filter(|&id| {
            let cidr = |snapshot: &Snapshot| snapshot.subnet(id).and_then(|subnet| subnet.ipv6_cidr);
            before.subnet(id).is_some() && cidr(before) != cidr(after)
        })
        .collect();
    if changed.is_empty() {
        return Vec::new();
    }
    let interfaces = after.interfaces().filter(|interface| changed.contains(&interface.subnet));
    interfaces.map(|interface| interface.port).collect()
}
