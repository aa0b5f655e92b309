//! One writer at a time in memory, group commit to the index, readers that never wait.
//!
//! ```text
//! transact --writer lock--> forming batch --> commit thread --Index::commit--> durable state --> removals
//!     ^                                           |
//!     +------ ticket: durable, or failed ---------+
//! ```
//!
//! A transaction runs on the durable state, the batch on its way to disk and the batch that forms. When a batch fails,
//! everything that was built on it fails with it: also the answer of a transaction that only read.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};

use crate::Address;
use crate::blob::Blobs;
use crate::error::{Cause, StoreError};
use crate::index::{Index, Revision, View};
use crate::medium::Medium;
use crate::overlay::Overlay;
use crate::snapshot::{Alarm, Opening, Readers, State};
use crate::transaction::Transaction;
use crate::writer::HEADROOM_BYTES;

/// How much may wait to be committed before transactions wait to begin.
pub const FORMING_BYTES: usize = 32 << 20;

/// How long after a failure the index is tried again when nobody asks for it.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

pub(crate) struct Shared {
    writer: Mutex<Writer>,
    /// A batch was taken, so that there is room.
    taken: Condvar,
    pub(crate) durable: ArcSwap<State>,
    pub(crate) readers: Arc<Readers>,
    pub(crate) alarm: Arc<Alarm>,
    pub(crate) blobs: Arc<Blobs>,
}

/// What the next transaction builds on, and what waits for the commit thread.
struct Writer {
    forming: Overlay,
    ticket: Arc<Ticket>,
    in_flight: Option<(Arc<Overlay>, Arc<Ticket>)>,
    is_closed: bool,
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

/// Whether this thread is inside a transaction's closure, and so has the lock that the commit thread needs.
pub(crate) fn is_in_transaction() -> bool {
    IN_TRANSACTION.get()
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

impl Shared {
    pub(crate) fn new(revision: Revision, view: View, blobs: Arc<Blobs>) -> Self {
        let (readers, alarm) = (Arc::<Readers>::default(), Arc::<Alarm>::default());
        let state =
            State::new(revision, Opening::Open(Arc::new(view)), Arc::clone(&readers), Arc::clone(&alarm));
        Self {
            writer: Mutex::new(Writer {
                forming: Overlay::default(),
                ticket: Arc::default(),
                in_flight: None,
                is_closed: false,
            }),
            taken: Condvar::new(),
            durable: ArcSwap::from_pointee(state),
            readers,
            alarm,
            blobs,
        }
    }

    /// As [`crate::ObjectStore::transact`].
    pub(crate) fn transact<T, E: From<StoreError>>(
        &self,
        run: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        // Who is inside does not wait for the index to be opened again, so this does.
        self.alarm.wait_until_taken();
        match self.durable.load().read(|_| Ok(())) {
            Ok(()) | Err(StoreError::Interrupted) => {}
            Err(error) => return Err(error.into()),
        }
        let (answer, ticket) = {
            let entered = InTransaction::enter();
            let mut writer = self.writer.lock();
            while writer.forming.weight_bytes > FORMING_BYTES && !writer.is_closed {
                self.taken.wait(&mut writer);
            }
            if writer.is_closed {
                return Err(StoreError::Closed.into());
            }
            let state = self.durable.load_full();
            let in_flight = writer.in_flight.as_ref().map(|(batch, _)| &**batch);
            let mut transaction = Transaction::new(&state, in_flight, &writer.forming);
            let answer = run(&mut transaction);
            let own = transaction.own;
            if answer.is_ok() && !own.is_empty() {
                self.look_for_space(&own)?;
                writer.forming.append(own);
                self.alarm.work.notify_one();
            }
            drop(entered);
            let built_on = if writer.forming.is_empty() {
                writer.in_flight.as_ref().map(|(_, ticket)| Arc::clone(ticket))
            } else {
                Some(Arc::clone(&writer.ticket))
            };
            (answer, built_on)
        };
        if let Some(ticket) = ticket {
            ticket.wait()?;
        }
        answer
    }

    /// What brings contents is refused before the disk is full, so that rows can still be removed then.
    fn look_for_space(&self, own: &Overlay) -> Result<(), StoreError> {
        if own.sources.is_empty() {
            return Ok(());
        }
        match self.blobs.bytes.free_bytes() {
            Ok(Some(free)) if free < HEADROOM_BYTES => Err(StoreError::Full),
            _ => Ok(()),
        }
    }

    /// No transaction begins after this. The commit thread ends when what waits is committed.
    pub(crate) fn close(&self) {
        self.writer.lock().is_closed = true;
        self.alarm.work.notify_all();
        self.taken.notify_all();
    }
}

/// The commit thread.
pub(crate) struct Committer<M: Medium> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) index: Index<M>,
    /// Whether the index failed and was not reopened since.
    pub(crate) is_damaged: bool,
}

/// What the commit thread is to do next.
enum Work {
    Commit(Arc<Overlay>, Arc<Ticket>),
    Reopen,
    End,
}

impl<M: Medium> Committer<M> {
    pub(crate) fn run(mut self) {
        self.index.keep_reserve();
        loop {
            match self.wait() {
                Work::Commit(batch, ticket) => self.take_on(batch, &ticket),
                Work::Reopen => {
                    self.try_reopen(None);
                }
                // What outlives the store cannot be read, and nobody opens it again.
                Work::End => return self.shared.durable.load().set(Opening::Failed),
            }
        }
    }

    fn wait(&self) -> Work {
        let mut writer = self.shared.writer.lock();
        loop {
            if !writer.forming.is_empty() {
                let batch = Arc::new(std::mem::take(&mut writer.forming));
                let ticket = std::mem::take(&mut writer.ticket);
                writer.in_flight = Some((Arc::clone(&batch), Arc::clone(&ticket)));
                self.shared.taken.notify_all();
                return Work::Commit(batch, ticket);
            }
            if writer.is_closed {
                return Work::End;
            }
            if self.shared.alarm.is_raised() {
                return Work::Reopen;
            }
            if self.is_damaged {
                let timed_out = self.shared.alarm.work.wait_for(&mut writer, TRY_AGAIN_AFTER).timed_out();
                if timed_out && writer.forming.is_empty() {
                    return Work::Reopen;
                }
            } else {
                self.shared.alarm.work.wait(&mut writer);
            }
        }
    }

    fn take_on(&mut self, batch: Arc<Overlay>, ticket: &Ticket) {
        let mut outcome = self.commit(&batch);
        // What brings nothing may use the space that is kept for removals.
        if let Err(StoreError::Full) = outcome
            && batch.sources.is_empty()
            && self.index.give_reserve()
        {
            outcome = self.commit(&batch);
        }
        match outcome {
            Ok((revision, unreferenced)) => {
                batch.set_committed();
                // Before the answer, so that who has it can wait for the removals. What was adopted is released here.
                self.shared.blobs.removals.push(revision, unreferenced);
                drop(batch);
                ticket.decide(Ok(()));
                self.index.keep_reserve();
            }
            Err(error) => {
                tracing::error!(%error, rows = batch.rows.len(), "a commit failed and was rolled back");
                self.roll_back(batch, &error, ticket);
            }
        }
    }

    fn commit(&mut self, batch: &Arc<Overlay>) -> Result<(Revision, Vec<Address>), StoreError> {
        let before = self.shared.durable.load().revision;
        // The batch was built on that one; on another one it would count references wrong.
        if (self.is_damaged || self.shared.alarm.is_raised()) && self.reopen(None)? != before {
            return Err(StoreError::Interrupted);
        }
        let revision = Revision(before.0 + 1);
        let mut unreferenced = Vec::new();
        match guarded(|| self.index.commit(revision, batch, &mut unreferenced)) {
            Ok(()) => {
                // It is durable. If it cannot be read, that is a failure after it.
                let view = guarded(|| self.index.view()).inspect_err(|error| {
                    tracing::error!(%error, "the index cannot be read after a commit");
                });
                self.is_damaged = view.is_err();
                let opening = view.map_or(Opening::Failed, |view| Opening::Open(Arc::new(view)));
                self.publish(revision, opening, true);
            }
            Err(error) => {
                // At once, so that a crash now does not bring back what was refused, and so that reads go on.
                if self.try_reopen(Some(revision)) != Some(revision) {
                    return Err(error);
                }
                tracing::warn!(%error, "a commit was durable before it failed");
            }
        }
        Ok((revision, unreferenced))
    }

    /// What readers and transactions see from now on.
    fn publish(&self, revision: Revision, opening: Opening, ends_batch: bool) {
        let shared = &self.shared;
        let (readers, alarm) = (Arc::clone(&shared.readers), Arc::clone(&shared.alarm));
        let state = Arc::new(State::new(revision, opening, readers, alarm));
        let mut writer = shared.writer.lock();
        let before = shared.durable.swap(state);
        if ends_batch {
            writer.in_flight = None;
        }
        drop(writer);
        before.supersede();
    }

    fn try_reopen(&mut self, batch: Option<Revision>) -> Option<Revision> {
        let reopened = self.reopen(batch);
        reopened.inspect_err(|error| tracing::error!(%error, "the index could not be reopened yet")).ok()
    }

    /// Opens the index again, and finds its newest commit: the newest that is known, or the one that failed last.
    fn reopen(&mut self, batch: Option<Revision>) -> Result<Revision, StoreError> {
        self.is_damaged = true;
        self.shared.alarm.take();
        let durable = self.shared.durable.load_full();
        durable.set(Opening::Reopening);
        let reopened = guarded(|| {
            let found = self.index.reopen()?;
            let is_known = found == durable.revision || found.0 == durable.revision.0 + 1;
            if !is_known {
                let cause = Cause::OtherRevision { found: found.0, expected: durable.revision.0 };
                return Err(StoreError::Read(cause));
            }
            Ok((found, self.index.view()?))
        });
        let (found, view) = reopened.inspect_err(|_| durable.set(Opening::Failed))?;
        let opening = Opening::Open(Arc::new(view));
        if found == durable.revision {
            durable.set(opening);
        } else {
            self.publish(found, opening, batch == Some(found));
        }
        self.is_damaged = false;
        // What was raised meanwhile was about the opening before.
        self.shared.alarm.take();
        Ok(found)
    }

    /// The batch failed, and with it what gathered meanwhile, which was built on it.
    fn roll_back(&self, batch: Arc<Overlay>, error: &StoreError, ticket: &Ticket) {
        let mut writer = self.shared.writer.lock();
        let gathered = std::mem::take(&mut writer.forming);
        let forming = std::mem::take(&mut writer.ticket);
        writer.in_flight = None;
        drop(writer);
        // Outside the lock, because this releases what was adopted.
        drop((batch, gathered));
        ticket.decide(Err(error.clone()));
        forming.decide(Err(error.clone()));
        self.shared.taken.notify_all();
    }
}

/// A panic must not leave everybody waiting: it counts as a failed write.
fn guarded<T>(run: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(StoreError::Write(Cause::Panicked(text)))
    })
}
