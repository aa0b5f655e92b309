//! What was dropped, by port and reason.

use rustc_hash::FxHashMap;
use vpc_engine::DropReason;
use vpc_model::Port;

use crate::clock;

/// How often a port's frames were dropped for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropCount {
    /// The port that the frames came in by.
    pub port: Port,
    /// The reason of the last of them; the count is of all with its code.
    pub last: DropReason,
    /// How many frames.
    pub count: u64,
    /// When the first of them was dropped, in milliseconds since 1970.
    pub first_unix_ms: i64,
    /// When the last of them was.
    pub last_unix_ms: i64,
}

/// The counters. Bounded: a reason is counted by its code, however many addresses it has been about.
#[derive(Default)]
pub(crate) struct Drops(FxHashMap<(Port, u16), DropCount>);

impl Drops {
    pub(crate) fn count(&mut self, port: Port, reason: DropReason) {
        self.count_all(port, reason, 1);
    }

    /// The same of so many frames at once.
    pub(crate) fn count_all(&mut self, port: Port, reason: DropReason, count: u64) {
        let now_unix_ms = clock::unix_ms();
        let entry = self.0.entry((port, reason.code())).or_insert(DropCount {
            port,
            last: reason,
            count: 0,
            first_unix_ms: now_unix_ms,
            last_unix_ms: now_unix_ms,
        });
        entry.last = reason;
        entry.last_unix_ms = now_unix_ms;
        entry.count += count;
    }

    /// Forgets a port, which may become another interface's.
    pub(crate) fn forget_port(&mut self, port: Port) {
        self.0.retain(|(counted, _), _| *counted != port);
    }

    /// Every counter, by port and code.
    pub(crate) fn all(&self) -> Vec<DropCount> {
        let mut all: Vec<DropCount> = self.0.values().copied().collect();
        all.sort_unstable_by_key(|drop| (drop.port, drop.last.code()));
        all
    }
}
