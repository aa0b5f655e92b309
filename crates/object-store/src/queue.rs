//! What the removing thread has to look at.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::Address;
use crate::index::Revision;

/// How many addresses may wait to be removed. What is beyond it stays until the next sweep.
pub const REMOVAL_QUEUE: usize = 65_536;

#[derive(Debug, Default)]
pub(crate) struct RemovalQueue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Candidate>,
    /// Whether the thread has one in its hands.
    is_working: bool,
    is_closed: bool,
}

/// An address whose bytes may go when every snapshot is at least of a revision, if nothing refers to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) revision: Revision,
    pub(crate) address: Address,
}

impl RemovalQueue {
    pub(crate) fn push(&self, revision: Revision, addresses: impl IntoIterator<Item = Address>) {
        let mut state = self.state.lock();
        let mut left_out = 0_u64;
        for address in addresses {
            if state.is_closed || state.entries.len() >= REMOVAL_QUEUE {
                left_out += 1;
            } else {
                state.entries.push_back(Candidate { revision, address });
            }
        }
        if left_out > 0 && !state.is_closed {
            tracing::warn!(left_out, "too much waits to be removed; the next sweep removes the rest");
        }
        self.changed.notify_all();
    }

    /// Waits for the next; `None` once closed and empty.
    pub(crate) fn next(&self) -> Option<Candidate> {
        let mut state = self.state.lock();
        loop {
            if let Some(next) = state.entries.pop_front() {
                state.is_working = true;
                return Some(next);
            }
            if state.is_closed {
                return None;
            }
            self.changed.wait(&mut state);
        }
    }

    /// The one that was given out last is done.
    pub(crate) fn done(&self) {
        self.state.lock().is_working = false;
        self.changed.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Waits until nothing waits. Says whether that came to be in time.
    pub(crate) fn wait_until_empty(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.state.lock();
        while !state.entries.is_empty() || state.is_working {
            if self.changed.wait_until(&mut state, deadline).timed_out() {
                return state.entries.is_empty() && !state.is_working;
            }
        }
        true
    }
}
