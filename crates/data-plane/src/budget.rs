//! How much of the slow path one interface may take.
//!
//! Owns a token bucket for each port, and how generous it is. Refuses to know what a frame is about: who floods loses frames
//! whatever they are, before anything is decided about them. What the flow cache carries never comes here, so connections
//! that are established keep their pace; and without a cache there is no budget, since then every frame comes here.

use rustc_hash::FxHashMap;
use vpc_engine::Millis;
use vpc_model::Port;

/// Frames that an interface may have decided in a second, for as long as it likes. Of a new connection one or two frames are
/// decided; AWS's instances open some thousands a second.
pub const FRAMES_PER_SEC: u32 = 20_000;
/// Frames that it may have decided at once: as many as it may have connections, because after a change of its rules each of
/// them comes by once.
pub const BURST_FRAMES: u32 = vpc_engine::flows::TRACKED_CONNECTIONS_PER_INTERFACE;

/// The budget of every interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowPathBudget {
    /// Frames in a second.
    pub frames_per_sec: u32,
    /// Frames at once.
    pub burst_frames: u32,
}

impl Default for SlowPathBudget {
    fn default() -> Self {
        Self { frames_per_sec: FRAMES_PER_SEC, burst_frames: BURST_FRAMES }
    }
}

/// What is left of it, by port.
#[derive(Default)]
pub(crate) struct Budgets {
    budget: SlowPathBudget,
    buckets: FxHashMap<Port, Bucket>,
}

struct Bucket {
    /// In thousandths of a frame, so that a millisecond's worth is a whole number.
    left: u64,
    at: Millis,
}

impl Budgets {
    /// Takes a frame from a port's budget. Answers whether there was one left.
    pub(crate) fn take(&mut self, port: Port, now: Millis) -> bool {
        let full = u64::from(self.budget.burst_frames) * 1000;
        let bucket = self.buckets.entry(port).or_insert(Bucket { left: full, at: now });
        let elapsed_ms = now.0.saturating_sub(bucket.at.0);
        bucket.left = (bucket.left + elapsed_ms * u64::from(self.budget.frames_per_sec)).min(full);
        bucket.at = now;
        let has_one = bucket.left >= 1000;
        bucket.left -= if has_one { 1000 } else { 0 };
        has_one
    }

    /// Forgets a port, which may become another interface's.
    pub(crate) fn forget_port(&mut self, port: Port) {
        self.buckets.remove(&port);
    }

    /// Gives every port another budget, full.
    pub(crate) fn set(&mut self, budget: SlowPathBudget) {
        *self = Self { budget, buckets: FxHashMap::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_burst_and_a_rate_for_each_port() {
        let mut budgets = Budgets::default();
        budgets.set(SlowPathBudget { frames_per_sec: 500, burst_frames: 10 });
        let [one, two] = [1, 2].map(|number| Port::new(number).unwrap());
        let taken =
            |budgets: &mut Budgets, port, ms| (0..100).filter(|_| budgets.take(port, Millis(ms))).count();
        assert_eq!(taken(&mut budgets, one, 1000), 10);
        assert_eq!(taken(&mut budgets, two, 1000), 10, "each port has its own");
        assert_eq!(taken(&mut budgets, one, 1001), 0, "half a frame");
        assert_eq!(taken(&mut budgets, one, 1002), 1);
        assert_eq!(taken(&mut budgets, one, 60_000), 10);
        assert_eq!(taken(&mut budgets, one, 59_000), 0, "a clock that goes back gives nothing");
        budgets.forget_port(one);
        assert_eq!(taken(&mut budgets, one, 60_000), 10);
    }
}
