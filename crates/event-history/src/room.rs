//! The room that calls take in memory while they wait to be written.
//!
//! Owns how much there is, and who waits for it. Refuses to know how much a call takes: whoever brings it says so.

use parking_lot::{Condvar, Mutex};

/// How many bytes of calls wait to be written, about. One that is larger takes all the room.
pub const QUEUE_BYTES: usize = 64 << 20;

/// What is free of it.
pub(crate) struct Room {
    free: Mutex<usize>,
    changed: Condvar,
}

impl Default for Room {
    fn default() -> Self {
        Self { free: Mutex::new(QUEUE_BYTES), changed: Condvar::new() }
    }
}

impl Room {
    /// Takes room, if there is some now.
    pub(crate) fn try_take(&self, bytes: usize) -> Option<Share> {
        let mut free = self.free.lock();
        let share = Share(bytes.min(QUEUE_BYTES));
        *free = free.checked_sub(share.0)?;
        Some(share)
    }

    /// Waits for room. There is always some once nobody gives any back any more.
    pub(crate) fn take(&self, bytes: usize) -> Share {
        let share = Share(bytes.min(QUEUE_BYTES));
        let mut free = self.free.lock();
        while *free < share.0 {
            self.changed.wait(&mut free);
        }
        *free -= share.0;
        share
    }

    /// Gives room back.
    pub(crate) fn give_back(&self, share: Share) {
        let mut free = self.free.lock();
        *free = free.saturating_add(share.0);
        self.changed.notify_all();
    }

    /// Lets everybody in: who would give room back is gone.
    pub(crate) fn open(&self) {
        *self.free.lock() = usize::MAX;
        self.changed.notify_all();
    }
}

/// A part of the room.
#[must_use]
pub(crate) struct Share(usize);

impl Share {
    /// No room.
    pub(crate) fn none() -> Self {
        Self(0)
    }

    /// Both together.
    pub(crate) fn add(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}
