//! Time as the engine is told it. Refuses to know any clock.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds of a clock that never goes back. Records of flows carry such times, so a daemon that restores them
/// must keep the same clock over a restart (the kernel's `CLOCK_BOOTTIME` does).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Millis(pub u64);

impl Millis {
    /// That many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1000)
    }

    /// This time and that many seconds more.
    #[must_use]
    pub const fn plus_secs(self, secs: u32) -> Self {
        Self(self.0.saturating_add(secs as u64 * 1000))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
