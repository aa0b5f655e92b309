//! Frames: reading, deciding and rewriting them.

use std::cell::RefCell;

use vpc_engine::frame::{TransportChecksum, apply_rewrite, fragments, parse};
use vpc_engine::testing::{Scenario, Step, frame as frame_of};
use vpc_engine::{FlowOptions, Flows, FrameAction, Millis, Snapshot, handle_frame};
use vpc_model::Port;

/// Random networks are small; a few of them have every case.
const NETWORKS: u8 = 16;

thread_local! {
    /// The networks that have been asked for, compiled.
    static COMPILED: RefCell<Vec<Option<Snapshot>>> = RefCell::new(vec![None; usize::from(NETWORKS)]);
}

/// Frames into a random network, which the first byte chooses. When its highest bit is set the frames are packets that
/// fit the network, with bytes changed; otherwise they are the bytes.
pub fn frame(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let (is_patched, network) = (first & 0x80 != 0, first & 0x7f);
    let seed = u64::from(network % NETWORKS);
    let snapshot = COMPILED.with_borrow_mut(|compiled| {
        let deltas = || Scenario::full(seed).topology().deltas();
        compiled[seed as usize].get_or_insert_with(|| Snapshot::new().apply(&deltas()).snapshot).clone()
    });
    let mut flows =
        Flows::new(FlowOptions { entries_max: 64, record_events: false, ..FlowOptions::default() });
    let mut scenario = is_patched.then(|| Scenario::full(seed));
    let mut rest = rest;
    let mut now = Millis(0);
    // A port, a length, and that many bytes: the frame, or pairs of what is changed where.
    while let [port, length, tail @ ..] = rest {
        let (part, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        now = Millis(now.0 + 1000);
        let mut bytes = part.to_vec();
        let mut from = Port::new(u32::from(port % 9)).expect("there are more ports than that");
        if let Some(Step::Packet(at, packet)) = scenario.as_mut().map(Scenario::packet) {
            bytes = frame_of(&packet, b"payload");
            from = at;
            for pair in part.chunks_exact(2) {
                let at = usize::from(pair[0]) % bytes.len();
                bytes[at] = pair[1];
            }
        }
        decide(&snapshot, &mut flows, from, &bytes, now);
    }
}

fn decide(snapshot: &Snapshot, flows: &mut Flows, from: Port, bytes: &[u8], now: Millis) {
    let _ = parse(bytes);
    match handle_frame(snapshot, flows, from, bytes, None, now) {
        FrameAction::Drop(_) => {}
        FrameAction::Reply(answer) | FrameAction::Refuse(_, answer) => {
            assert!(answer.len() >= 14, "an answer is a frame")
        }
        FrameAction::Forward(delivery) => {
            for checksum in [TransportChecksum::Complete, TransportChecksum::Partial] {
                let mut forwarded = bytes.to_vec();
                // What cannot be rewritten is dropped.
                let _ = apply_rewrite(&mut forwarded, &delivery.rewrite, checksum);
                assert_eq!(forwarded.len(), bytes.len());
                // Whatever is too large is cut; what cannot be is dropped.
                let _ = fragments(&mut forwarded, delivery.mtu_bytes, checksum);
            }
        }
    }
}
