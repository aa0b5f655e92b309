//! The thread that makes events of calls and writes them.
//!
//! Owns the queue between those who answer calls and the thread, and when the disk is waited for. Refuses to know what a call
//! is: whoever starts it says how one becomes events.
//!
//! A call costs who answers it a place in the queue. When that is full, by the number of calls or by what they take in memory,
//! calls that change something wait for a place, and the others are left out and counted: the log says how many. What is in the
//! queue is lost when the process is killed, which is what came in its last milliseconds; what was written is not. The disk
//! is waited for once a [`SYNC_PERIOD`] and at the end.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use aws_types::Timestamp;
use cloudtrail_events::{Category, Event};
use parking_lot::Mutex;

use crate::EventHistory;
use crate::room::{Room, Share};

/// How many calls wait to be written.
pub const QUEUE_CALLS: usize = 4096;
/// How long what was written may be unknown to the disk.
pub const SYNC_PERIOD: Duration = Duration::from_secs(1);
/// How long calls are gathered before they are written: who comes meanwhile need not wake the thread.
const GATHERING: Duration = Duration::from_millis(2);
/// How many calls are written at one time.
const BATCH_CALLS: usize = 512;
/// How long somebody waits for what was recorded before to be found.
const SETTLING_MAX: Duration = Duration::from_secs(5);

/// Whether the event of a call may be left out when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// The call changes something: who answers it waits.
    Kept,
    /// The call only reads: it is counted.
    MayBeDropped,
}

enum Message<C> {
    Call(C, Share),
    Settle(SyncSender<()>),
    End,
}

/// What becomes of calls.
pub struct Writer<C> {
    queue: SyncSender<Message<C>>,
    room: Arc<Room>,
    dropped: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread works with.
struct Work<C, M, T> {
    history: Arc<EventHistory>,
    calls: Receiver<Message<C>>,
    room: Arc<Room>,
    dropped: Arc<AtomicU64>,
    events_of: M,
    tell: T,
    now: fn() -> Timestamp,
    has_failed: bool,
}

impl<C: Send + 'static> Writer<C> {
    /// Starts the thread, which reads what is in the history first. `events_of` makes events of a call, and `tell` learns of
    /// them once they were written, of those that could not be, and of data events, which are in no history: whoever keeps
    /// events elsewhere is to have them all.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(
        history: Arc<EventHistory>,
        now: fn() -> Timestamp,
        events_of: impl FnMut(C) -> Vec<Event> + Send + 'static,
        tell: impl FnMut(&[Event]) + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, calls) = sync_channel(QUEUE_CALLS);
        let room = Arc::new(Room::default());
        let dropped = Arc::new(AtomicU64::new(0));
        let mut work = Work {
            history,
            calls,
            room: Arc::clone(&room),
            dropped: Arc::clone(&dropped),
            events_of,
            tell,
            now,
            has_failed: false,
        };
        let thread = std::thread::Builder::new().name("events".to_owned()).spawn(move || work.run())?;
        Ok(Self { queue, room, dropped, thread: Mutex::new(Some(thread)) })
    }

    /// Takes a call, which takes about so many bytes in memory.
    pub fn push(&self, call: C, bytes: usize, importance: Importance) {
        let share = match importance {
            Importance::Kept => self.room.take(bytes),
            Importance::MayBeDropped => match self.room.try_take(bytes) {
                Some(share) => share,
                None => return self.drop_one(),
            },
        };
        let lost = match self.queue.try_send(Message::Call(call, share)) {
            Ok(()) => false,
            Err(TrySendError::Full(message)) if importance == Importance::Kept => {
                self.queue.send(message).is_err()
            }
            Err(TrySendError::Full(message)) => {
                if let Message::Call(_, share) = message {
                    self.room.give_back(share);
                }
                self.drop_one();
                false
            }
            Err(TrySendError::Disconnected(_)) => true,
        };
        if lost {
            tracing::error!("the event of a call is lost: the thread that writes events has ended");
        }
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until all that was taken before can be found.
    pub fn settle(&self) {
        let (done, is_done) = sync_channel(1);
        if self.queue.send(Message::Settle(done)).is_ok() {
            let _ = is_done.recv_timeout(SETTLING_MAX);
        }
    }

    /// Whether the thread is there.
    pub fn is_working(&self) -> bool {
        self.thread.lock().as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Writes what was taken, waits for the disk, and ends the thread.
    pub fn finish(&self) {
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            let _ = self.queue.send(Message::End);
            if thread.join().is_err() {
                tracing::error!("the thread that writes events panicked");
            }
        }
    }
}

impl<C> Drop for Writer<C> {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.lock().take() {
            let _ = self.queue.send(Message::End);
            let _ = thread.join();
        }
    }
}

/// Nobody waits for room that nobody gives back.
impl<C, M, T> Drop for Work<C, M, T> {
    fn drop(&mut self) {
        self.room.open();
    }
}

impl<C, M: FnMut(C) -> Vec<Event>, T: FnMut(&[Event])> Work<C, M, T> {
    fn run(&mut self) {
        if let Err(error) = self.history.load() {
            tracing::error!(%error, "earlier events cannot be read");
        }
        let mut synced = Instant::now();
        let mut is_dirty = false;
        let mut goes_on = true;
        while goes_on {
            let wait = if is_dirty { SYNC_PERIOD.saturating_sub(synced.elapsed()) } else { Duration::MAX };
            let first = match self.calls.recv_timeout(wait) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Message::End),
            };
            if let Some(first) = first {
                goes_on = self.gather(first);
                is_dirty = true;
            }
            self.tell_dropped();
            if !goes_on || (is_dirty && synced.elapsed() >= SYNC_PERIOD) {
                if let Err(error) = self.history.sync() {
                    tracing::error!(%error, "the disk does not take events");
                }
                synced = Instant::now();
                is_dirty = false;
            }
        }
    }

    /// Takes what is there, and writes it. Answers whether there is more to come.
    fn gather(&mut self, first: Message<C>) -> bool {
        if matches!(first, Message::Call(..)) {
            std::thread::sleep(GATHERING);
        }
        let (mut events, mut held) = (Vec::new(), Share::none());
        let (mut waiting, mut goes_on) = (Vec::new(), true);
        let rest = std::iter::from_fn(|| self.calls.try_recv().ok());
        for message in std::iter::once(first).chain(rest).take(BATCH_CALLS) {
            match message {
                // One that cannot be told is no reason for the others not to be.
                Message::Call(call, share) => {
                    held.add(share);
                    match catch_unwind(AssertUnwindSafe(|| (self.events_of)(call))) {
                        Ok(of_call) => events.extend(of_call),
                        Err(_) => tracing::error!("an event could not be made of a call"),
                    }
                }
                Message::Settle(done) => waiting.push(done),
                Message::End => {
                    goes_on = false;
                }
            }
            if !goes_on {
                break;
            }
        }
        self.write(events);
        self.room.give_back(held);
        for done in waiting {
            let _ = done.send(());
        }
        goes_on
    }

    /// What is about the content of resources is in no history: it is told, and that is all.
    fn write(&mut self, events: Vec<Event>) {
        let is_kept = |event: &Event| event.event_category == Category::Management;
        let (events, data): (Vec<Event>, Vec<Event>) = events.into_iter().partition(is_kept);
        match self.history.append(&events, (self.now)()) {
            Ok(()) => self.has_failed = false,
            Err(error) => {
                // Each of them is named, so that no change is lost without a word.
                let names: Vec<&str> = events.iter().map(|event| event.event_name.as_str()).collect();
                if self.has_failed {
                    tracing::warn!(events = events.len(), ?names, "events could not be written");
                } else {
                    tracing::error!(%error, events = events.len(), ?names, "events cannot be written; these are lost");
                }
                self.has_failed = true;
            }
        }
        for told in [events, data].iter().filter(|told| !told.is_empty()) {
            (self.tell)(told);
        }
    }

    fn tell_dropped(&self) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "events of calls that only read were left out: too many came at once");
        }
    }
}
