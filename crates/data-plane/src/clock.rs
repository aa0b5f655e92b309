//! The two clocks: the engine's, which goes on through suspend and restart, and the one that the flow cache can read.

#![allow(unsafe_code)]

use vpc_engine::Millis;

fn nanos(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one timespec, which is there to be written to.
    let result = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(result, 0, "every kernel since 2.6.39 has both clocks");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Milliseconds since boot, as the engine counts time.
pub(crate) fn now() -> Millis {
    Millis(nanos(libc::CLOCK_BOOTTIME) / 1_000_000)
}

/// How far the time since 1970 is ahead of the engine's, in milliseconds.
pub(crate) fn unix_ahead_ms() -> i64 {
    unix_ms() - now().0.cast_signed()
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> i64 {
    (nanos(libc::CLOCK_REALTIME) / 1_000_000).cast_signed()
}

/// Turns the flow cache's times into the engine's. Made anew for each use, as the clocks part while the machine sleeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheTime {
    asleep_ns: u64,
    monotonic_ns: u64,
}

impl CacheTime {
    pub(crate) fn now() -> Self {
        let monotonic_ns = nanos(libc::CLOCK_MONOTONIC);
        let asleep_ns = nanos(libc::CLOCK_BOOTTIME).saturating_sub(monotonic_ns);
        Self { asleep_ns, monotonic_ns }
    }

    /// The engine's time for a time of the cache.
    pub(crate) fn engine_time(self, cache_ns: u64) -> Millis {
        Millis((cache_ns + self.asleep_ns) / 1_000_000)
    }

    /// How long ago a time of the cache is, in whole seconds.
    pub(crate) fn secs_since(self, cache_ns: u64) -> u64 {
        self.monotonic_ns.saturating_sub(cache_ns) / 1_000_000_000
    }

    /// The cache's present time.
    pub(crate) fn cache_now_ns(self) -> u64 {
        self.monotonic_ns
    }
}
