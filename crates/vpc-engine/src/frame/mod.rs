//! Raw Ethernet frames.
use vpc_model::Port;

use crate::{DropReason, Flows, FrameAction, Millis, Packet, Rewrite, Snapshot};

/// Reads the headers of an IP packet in an Ethernet frame.
///
/// # Errors
/// [`DropReason::Malformed`] or [`DropReason::UnsupportedEtherType`].
pub fn parse(_frame: &[u8]) -> Result<Packet, DropReason> {
    Err(DropReason::Malformed)
}

/// Decides one frame.
pub fn handle_frame(
    _snapshot: &Snapshot,
    _flows: &mut Flows,
    from: Port,
    _frame: &[u8],
    _now: Millis,
) -> FrameAction {
    FrameAction::Drop(DropReason::UnknownPort { port: from })
}

/// What the checksum field of a frame's transport header holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportChecksum {
    /// The checksum.
    Complete,
    /// The sum of the pseudo header, to be completed by the device that sends the frame: what a virtio-net header
    /// with `VIRTIO_NET_HDR_F_NEEDS_CSUM` says, and what every frame that is to be segmented has.
    Partial,
}

/// Rewrites a frame in place, with incremental checksums.
///
/// # Errors
/// [`DropReason::Malformed`] when the frame is not one that [`parse`] reads.
pub fn apply_rewrite(
    _frame: &mut [u8],
    _rewrite: &Rewrite,
    _checksum: TransportChecksum,
) -> Result<(), DropReason> {
    Err(DropReason::Malformed)
}
