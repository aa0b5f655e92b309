//! The thread that sends what paths with conditions make late, when it is due.
//!
//! One thread, so that frames stay in the order in which they arrive. Frames are counted and logged as arrived when they come
//! off the paths, under the decider's lock, and sent afterwards without it; what the kernel then refuses, because a device is
//! gone, say, is counted as a drop, but logs do not take it back. While no path has a condition it sleeps. Knows the time
//! and a socket; refuses to know why a frame is late: that is [`crate::path_queue`]'s.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use host_net::{PacketSocket, Transmission};

use crate::layout::device_of;
use crate::packet_loop::Shared;

/// Frames that are looked at when they come off paths, before others get the lock.
const BATCH_FRAMES: usize = 64;

/// What the thread works with.
pub(crate) struct PathLoop {
    pub(crate) shared: Arc<Shared>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) sender: Arc<PacketSocket>,
}

impl PathLoop {
    /// Works until it is told to stop. What is under way then is lost.
    pub(crate) fn run(self) {
        let mut frames = Vec::new();
        while !self.stop.load(Ordering::Acquire) {
            frames.clear();
            let in_flight = self.shared.hold_in_flight();
            self.shared.decider.lock().take_late(BATCH_FRAMES, &mut frames);
            if frames.is_empty() {
                drop(in_flight);
                self.wait();
                continue;
            }
            let transmissions: Vec<Transmission<'_>> = frames
                .iter()
                .map(|frame| Transmission {
                    device: device_of(frame.to),
                    header: frame.header,
                    frame: &frame.bytes,
                })
                .collect();
            let refused = self.sender.send(&transmissions).unwrap_or_else(|error| {
                tracing::debug!(%error, "late frames are lost");
                (0..transmissions.len()).collect()
            });
            if !refused.is_empty() {
                let frames = refused.iter().map(|&number| &frames[number]);
                let refused = frames.map(|frame| (frame.from, device_of(frame.to)));
                self.shared.decider.lock().not_taken(refused);
            }
        }
    }

    /// Waits until a frame is due, or one is due earlier than that.
    fn wait(&self) {
        let mut decider = self.shared.decider.lock();
        if self.stop.load(Ordering::Acquire) {
            return;
        }
        match decider.paths.next_at() {
            Some(at) => _ = self.shared.late.wait_until(&mut decider, at),
            None => self.shared.late.wait(&mut decider),
        }
    }
}
