//! What a DHCP client's thread needs besides a protocol: sleeping until it is told to stop, and transaction numbers.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// Tells a thread to stop.
#[derive(Debug, Default)]
pub(super) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(super) fn stop(&self) {
        if let Ok(mut stopped) = self.stopped.lock() {
            *stopped = true;
        }
        self.changed.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.lock().map_or(true, |stopped| *stopped)
    }

    /// Sleeps. `true`: it is time to stop.
    pub(super) fn sleep(&self, wait: Duration) -> bool {
        let Ok(stopped) = self.stopped.lock() else { return true };
        let waited = self.changed.wait_timeout_while(stopped, wait, |stopped| !*stopped);
        waited.map_or(true, |(stopped, _)| *stopped)
    }
}

/// A number that another client will hardly have chosen.
pub(super) fn random_u32() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    // Seeded by the system for each process, and different for each call.
    RandomState::new().hash_one(Instant::now()) as u32
}
