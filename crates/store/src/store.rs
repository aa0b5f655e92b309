//! The store: one writer at a time in memory, group commit to the backend, readers that never wait.
//!
//! ```text
//! transact --writer lock--> pending state --queue--> commit thread --backend.commit--> durable state, feed
//!     ^                                                                  |
//!     +------------------------- ticket: durable, or failed -------------+
//! ```
//!
//! A transaction runs on the newest pending state, which may hold commits that are on their way to disk. When such a
//! commit fails, everything that was built on it fails with it: also the answer of a transaction that only read.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};

use crate::backend::Backend;
use crate::change::{Change, Commit};
use crate::record::{Record, Stored};
use crate::tables;
use crate::tail::{Feed, Tail};
use crate::transaction::Transaction;
use crate::{OpenError, Revision, Snapshot, StoreError, WriteError};

/// A durable set of records. Clones are the same store; the last one dropped closes it.
#[derive(Clone)]
pub struct Store(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    committer: Option<JoinHandle<()>>,
}

struct Shared {
    writer: Mutex<Writer>,
    work: Condvar,
    durable: ArcSwap<Snapshot>,
    feed: Arc<Feed>,
}

/// What the next transaction builds on, and what waits for the commit thread.
struct Writer {
    newest: Snapshot,
    queue: Vec<Commit>,
    /// Of the transactions in the queue.
    forming: Arc<Ticket>,
    /// Of the batch that the commit thread has taken.
    in_flight: Option<Arc<Ticket>>,
    closed: bool,
}

/// The outcome of one batch.
#[derive(Default)]
struct Ticket {
    outcome: Mutex<Option<Result<(), StoreError>>>,
    decided: Condvar,
}

impl Ticket {
    fn decide(&self, outcome: Result<(), StoreError>) {
        *self.outcome.lock() = Some(outcome);
        self.decided.notify_all();
    }

    fn wait(&self) -> Result<(), StoreError> {
        let mut outcome = self.outcome.lock();
        loop {
            if let Some(outcome) = &*outcome {
                return outcome.clone();
            }
            self.decided.wait(&mut outcome);
        }
    }
}

thread_local! {
    /// Whether this thread is inside a transaction's closure.
    static IN_TRANSACTION: Cell<bool> = const { Cell::new(false) };
}

struct InTransaction;

impl InTransaction {
    fn enter() -> Self {
        assert!(
            !IN_TRANSACTION.replace(true),
            "transact was called inside a transaction, which would wait for itself"
        );
        Self
    }
}

impl Drop for InTransaction {
    fn drop(&mut self) {
        IN_TRANSACTION.set(false);
    }
}

impl Store {
    /// Opens what the backend holds and starts the commit thread.
    ///
    /// # Errors
    /// The state is in use, unreadable, or of a newer format.
    pub fn open(mut backend: impl Backend) -> Result<Self, StoreError> {
        let contents = backend.load()?;
        let newest = Snapshot::of_records(contents.revision, contents.records);
        let shared = Arc::new(Shared {
            durable: ArcSwap::from_pointee(newest.clone()),
            feed: Arc::new(Feed::new(newest.revision)),
            work: Condvar::new(),
            writer: Mutex::new(Writer {
                newest,
                queue: Vec::new(),
                forming: Arc::default(),
                in_flight: None,
                closed: false,
            }),
        });
        let committer = std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || Committer { shared, backend: Box::new(backend), is_damaged: false }.run()
            })
            .map_err(|error| OpenError::Thread(Arc::new(error)))?;
        Ok(Self(Arc::new(Handle { shared, committer: Some(committer) })))
    }

    /// The durable state as of now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::clone(&self.0.shared.durable.load())
    }

    /// Runs a transaction: alone, on the newest state. What it wrote is durable before this returns `Ok`, and is
    /// discarded when the closure answers an error. A transaction that changes nothing commits nothing.
    ///
    /// The closure runs under the writer lock: it must not block, nor call `transact` again (that panics). This
    /// function blocks for the disk; call it from a thread that may.
    ///
    /// # Errors
    /// The closure's error, or [`StoreError`] when the change could not be made durable; nothing was changed then.
    pub fn transact<T, E: From<StoreError>>(
        &self,
        run: impl FnOnce(&mut Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let shared = &self.0.shared;
        let (answer, ticket) = {
            let entered = InTransaction::enter();
            let mut writer = shared.writer.lock();
            if writer.closed {
                return Err(StoreError::Closed.into());
            }
            let mut transaction = Transaction::new(writer.newest.clone());
            let answer = run(&mut transaction);
            if answer.is_ok() {
                let (state, changes) = transaction.finish();
                if !changes.is_empty() {
                    writer.queue.push(Commit { revision: state.revision, changes: changes.into() });
                    writer.newest = state;
                    shared.work.notify_one();
                }
            }
            drop(entered);
            let built_on = if writer.queue.is_empty() {
                writer.in_flight.clone()
            } else {
                Some(Arc::clone(&writer.forming))
            };
            (answer, built_on)
        };
        if let Some(ticket) = ticket {
            ticket.wait()?;
        }
        answer
    }

    /// Follows the changes after a revision, usually a snapshot's.
    pub fn tail(&self, after: Revision) -> Tail {
        Tail::new(Arc::clone(&self.0.shared.feed), after)
    }

    /// Decodes every record of a kind, so that one that this build cannot read is found when the store is opened; and
    /// finds out what they are part of, for [`crate::Read::parts`].
    ///
    /// # Errors
    /// The first record that does not decode.
    pub fn check<R: Record>(&self) -> Result<(), StoreError> {
        tables::check::<R>(&self.snapshot().tables)?;
        if R::HAS_WHOLE {
            let mut writer = self.0.shared.writer.lock();
            writer.newest.tables.index::<R>();
            self.0.shared.durable.rcu(|durable| {
                let mut durable = Snapshot::clone(durable);
                durable.tables.index::<R>();
                durable
            });
        }
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.writer.lock().closed = true;
        self.shared.work.notify_one();
        if let Some(committer) = self.committer.take()
            && committer.join().is_err()
        {
            tracing::error!("the commit thread panicked");
        }
    }
}

/// The commit thread.
struct Committer {
    shared: Arc<Shared>,
    backend: Box<dyn Backend>,
    /// Whether a commit failed and the backend has not been restored since.
    is_damaged: bool,
}

impl Committer {
    fn run(mut self) {
        while let Some((commits, state, ticket)) = self.take_batch() {
            match self.commit(&commits) {
                Ok(()) => {
                    self.shared.durable.store(Arc::new(state));
                    let changes: Vec<_> = commits.iter().map(|commit| Arc::clone(&commit.changes)).collect();
                    self.shared.feed.push(commits);
                    let written = changes.iter().flat_map(|changes| changes.iter());
                    written.filter_map(Change::stored).for_each(Stored::forget_bytes);
                    self.shared.writer.lock().in_flight = None;
                    ticket.decide(Ok(()));
                }
                Err(error) => {
                    tracing::error!(%error, commits = commits.len(), "a commit failed and was rolled back");
                    self.roll_back(&error, &ticket);
                    self.is_damaged = true;
                    // Without waiting for the next commit, so that a crash now does not bring back what was refused.
                    if let Err(error) = self.restore() {
                        tracing::error!(%error, "the state on disk could not be restored yet");
                    }
                }
            }
        }
        self.shared.feed.close();
    }

    /// Waits for transactions and takes all that wait; `None` when the store is closed.
    fn take_batch(&self) -> Option<(Vec<Commit>, Snapshot, Arc<Ticket>)> {
        let mut writer = self.shared.writer.lock();
        while writer.queue.is_empty() {
            if writer.closed {
                return None;
            }
            self.shared.work.wait(&mut writer);
        }
        let ticket = std::mem::take(&mut writer.forming);
        writer.in_flight = Some(Arc::clone(&ticket));
        Some((std::mem::take(&mut writer.queue), writer.newest.clone(), ticket))
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<(), StoreError> {
        self.restore()?;
        guarded(|| self.backend.commit(commits))
    }

    fn restore(&mut self) -> Result<(), StoreError> {
        if self.is_damaged {
            let durable = self.shared.durable.load_full();
            guarded(|| self.backend.restore(&durable))?;
            self.is_damaged = false;
        }
        Ok(())
    }

    /// The batch failed, and with it what was queued meanwhile, which was built on it.
    fn roll_back(&self, error: &StoreError, ticket: &Ticket) {
        let mut writer = self.shared.writer.lock();
        writer.newest = Snapshot::clone(&self.shared.durable.load());
        writer.queue.clear();
        writer.in_flight = None;
        let forming = std::mem::take(&mut writer.forming);
        drop(writer);
        ticket.decide(Err(error.clone()));
        forming.decide(Err(error.clone()));
    }
}

/// A panic in a backend must not leave everybody waiting: it counts as a failed write.
fn guarded(run: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(WriteError::Panicked(text).into())
    })
}
