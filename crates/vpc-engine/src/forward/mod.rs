//! The decision about one packet.
use vpc_model::Port;

use crate::{DropReason, Flows, Millis, Packet, Snapshot, Verdict};

/// Decides one packet.
pub fn forward(
    _snapshot: &Snapshot,
    _flows: &mut Flows,
    from: Port,
    _packet: &Packet,
    _now: Millis,
) -> Verdict {
    Verdict::Drop(DropReason::UnknownPort { port: from })
}
