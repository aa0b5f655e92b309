//! Whose turn it is to work: few steps at a time use the host's processors, and many may wait for guests.
//!
//! Owns both bounds. Refuses to know what the steps do.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many instances are worked on at once; more would only wait for the host's processors.
const WORKERS: usize = 8;

/// How many guests boot at once: so few that none is late because of the others.
const BOOTS: usize = 32;

/// How many other steps are under way at once, most of which wait for guests to end. Each has a thread of the pool that
/// requests are answered by, which has 512 (`tokio::runtime::Builder::max_blocking_threads`).
const OTHER_STEPS: usize = 192;

/// Lets steps begin, and work.
#[derive(Debug)]
pub(super) struct Turns {
    boots: Arc<Semaphore>,
    others: Arc<Semaphore>,
    workers: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let bound = |permits| Arc::new(Semaphore::new(permits));
        Self { boots: bound(BOOTS), others: bound(OTHER_STEPS), workers: bound(WORKERS) }
    }
}

impl Turns {
    /// Waits until a step may begin to work; `boots` says whether it boots a guest.
    pub(super) async fn take(&self, boots: bool) -> Turn {
        let step = acquire(if boots { &self.boots } else { &self.others }).await;
        let working = Some(acquire(&self.workers).await);
        Turn { workers: Arc::clone(&self.workers), working, _step: step }
    }
}

/// The right of one step to work, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    workers: Arc<Semaphore>,
    working: Option<OwnedSemaphorePermit>,
    _step: OwnedSemaphorePermit,
}

impl Turn {
    /// Lets others work: what follows is waiting, or next to nothing.
    pub(super) fn pause(&mut self) {
        self.working = None;
    }

    /// Waits until there is work for this step again. Blocks: for threads that may.
    pub(super) fn resume(&mut self) {
        if self.working.is_none() {
            self.working = Some(tokio::runtime::Handle::current().block_on(acquire(&self.workers)));
        }
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_owned().await.expect("nobody closes it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_lets_others_work() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let turns = Turns::default();
        let mut waiting: Vec<Turn> = (0..BOOTS)
            .map(|_| {
                let mut turn = runtime.block_on(turns.take(true));
                turn.pause();
                turn
            })
            .collect();
        assert_eq!(turns.boots.available_permits(), 0, "no more than so many boot");
        let others: Vec<Turn> = (0..WORKERS).map(|_| runtime.block_on(turns.take(false))).collect();
        assert_eq!(turns.workers.available_permits(), 0, "no more than so many work");
        drop(others);
        let _entered = runtime.enter();
        waiting[0].resume();
        assert_eq!(turns.workers.available_permits(), WORKERS - 1);
        drop(waiting);
        assert_eq!(turns.workers.available_permits(), WORKERS);
        assert_eq!(turns.boots.available_permits(), BOOTS);
    }
}
