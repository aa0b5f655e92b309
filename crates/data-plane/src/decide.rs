//! One lock's worth of state: the snapshot, the connections, the cache, the journal and the counters, and what happens to
//! each of them when a frame is decided, intent changes or time passes.
//!
//! Whoever holds the lock sees all of them agree: a frame is decided, its entries installed and its connection journalled
//! before anybody else can change the snapshot. Knows no socket and no device but by number.

use host_ebpf::FlowCacheError;
use host_net::{FrameBatch, VirtioNetHeader};
use vpc_engine::flows::FlowState;
use vpc_engine::frame::{TransportChecksum, apply_rewrite, parse};
use vpc_engine::{Applied, Delivery, DropReason, FlowEvent, Flows, FrameAction, Snapshot, handle_frame};
use vpc_model::Port;

use crate::cache::Cache;
use crate::clock::{self, CacheTime};
use crate::drops::Drops;
use crate::entry::key_sent;
use crate::journal::Journal;
use crate::layout::{device_of, port_of};

/// FINs and RSTs taken from the ring at a time.
const CLOSINGS_AT_ONCE: usize = 4096;
/// Parts of the cache swept in one tick at most; a part is about a thousand entries.
const SWEEPS_PER_TICK: usize = 8;
/// Ticks in which the whole cache is swept, at least.
pub(crate) const TICKS_PER_SWEEP: usize = 16;

/// The state behind the lock.
pub(crate) struct Decider {
    pub(crate) snapshot: Snapshot,
    pub(crate) flows: Flows,
    pub(crate) cache: Option<Cache>,
    pub(crate) journal: Journal,
    pub(crate) drops: Drops,
    /// Whether intent has been given; before that, frames wait.
    pub(crate) is_started: bool,
    /// Frames decided here rather than by the cache.
    pub(crate) frames_decided: u64,
    sweep_pause: usize,
    had_cache_error: bool,
}

/// What is to be sent for a batch, in order.
#[derive(Default)]
pub(crate) struct Outbox {
    pub(crate) frames: Vec<Outgoing>,
}

/// One frame to be sent.
pub(crate) struct Outgoing {
    pub(crate) device: u32,
    pub(crate) body: Body,
}

/// Where a frame's bytes are.
pub(crate) enum Body {
    /// The received frame of that number, rewritten in place.
    Received(usize),
    /// One that the fabric itself answers with.
    Answer(Vec<u8>),
}

impl Decider {
    pub(crate) fn new(flows: Flows, cache: Option<Cache>, journal: Journal) -> Self {
        Self {
            snapshot: Snapshot::new(),
            flows,
            cache,
            journal,
            drops: Drops::default(),
            is_started: false,
            frames_decided: 0,
            sweep_pause: 0,
            had_cache_error: false,
        }
    }

    /// Decides a batch of frames: rewrites them in place and says what is to be sent.
    pub(crate) fn decide(&mut self, batch: &mut FrameBatch, count: usize, outbox: &mut Outbox) {
        let time = CacheTime::now();
        self.frames_decided += count as u64;
        for index in 0..count {
            let Some(from) = port_of(batch.device(index)) else { continue };
            self.decide_one(from, batch, index, time, outbox);
        }
        self.settle();
    }

    fn decide_one(
        &mut self,
        from: Port,
        batch: &mut FrameBatch,
        index: usize,
        time: CacheTime,
        outbox: &mut Outbox,
    ) {
        let header = batch.header(index);
        let frame = batch.frame_mut(index);
        if let Some(cache) = self.cache.as_mut().filter(|cache| cache.len() > 0)
            && let Ok(packet) = parse(frame)
        {
            let reported = cache.report_reopened(from, &packet, &mut self.flows, time);
            self.check(reported);
        }
        let now = clock::now();
        match handle_frame(&self.snapshot, &mut self.flows, from, frame, now) {
            FrameAction::Drop(reason) => self.drops.count(from, reason),
            FrameAction::Reply(answer) => {
                outbox.frames.push(Outgoing { device: device_of(from), body: Body::Answer(answer) });
            }
            FrameAction::Forward(delivery) => match self.deliver(&delivery, frame, header, time) {
                Ok(()) => outbox
                    .frames
                    .push(Outgoing { device: device_of(delivery.to), body: Body::Received(index) }),
                Err(reason) => self.drops.count(from, reason),
            },
        }
    }

    fn deliver(
        &mut self,
        delivery: &Delivery,
        frame: &mut [u8],
        header: VirtioNetHeader,
        time: CacheTime,
    ) -> Result<(), DropReason> {
        let checksum = match header.needs_checksum() {
            true => TransportChecksum::Partial,
            false => TransportChecksum::Complete,
        };
        apply_rewrite(frame, &delivery.rewrite, checksum)?;
        // Before the cache can let a packet of it pass, so that a successor knows every connection of the cache.
        self.settle();
        if let (Some(cache), Some(plan)) = (&mut self.cache, &delivery.cache) {
            let installed = cache.install(plan, delivery.flow, &mut self.flows, time);
            self.check(installed);
        }
        Ok(())
    }

    /// Carries out what the engine says has happened to connections: in the journal, and for those gone in the cache.
    fn settle(&mut self) {
        let mut result = Ok(());
        for event in self.flows.drain_events() {
            let (FlowEvent::Opened(record) | FlowEvent::Changed(record) | FlowEvent::Closed(record, _)) =
                &event;
            let key = key_sent(&record.key);
            self.journal.note(&event, &key);
            let Some(cache) = &mut self.cache else { continue };
            match &event {
                FlowEvent::Closed(..) => result = result.and(cache.forget(&key)),
                FlowEvent::Changed(record) if record.state() == FlowState::Closing => {
                    cache.retire(key, CacheTime::now());
                }
                FlowEvent::Changed(_) | FlowEvent::Opened(_) => {}
            }
        }
        self.check(result);
    }

    /// Puts a new snapshot in force. When this returns, nothing is decided or cached by the old one.
    pub(crate) fn put_in_force(&mut self, applied: &Applied) {
        self.snapshot = applied.snapshot.clone();
        for &port in &applied.removed {
            self.flows.forget_port(port);
            self.drops.forget_port(port);
        }
        if let Some(cache) = &mut self.cache {
            let bumped = applied.stale.iter().chain(applied.removed.iter().copied());
            let bumped = bumped.map(|port| cache.bump(port)).fold(Ok(()), Result::and);
            self.check(bumped);
        }
        self.settle();
        self.is_started = true;
    }

    /// What is done from time to time: report endings, sweep the cache, forget what is idle.
    pub(crate) fn tick(&mut self) {
        let time = CacheTime::now();
        self.report_closings(time);
        if let Some(cache) = &mut self.cache {
            let removed = cache.remove_retired(&mut self.flows, time);
            self.check(removed);
        }
        self.sweep(time);
        let now = clock::now();
        self.flows.expire(now);
        self.settle();
        self.journal.beat(now);
    }

    /// Reports everything that the cache has let pass up to now.
    pub(crate) fn catch_up(&mut self) {
        let time = CacheTime::now();
        self.report_closings(time);
        if let Some(cache) = &mut self.cache {
            let swept = cache.sweep_all(&mut self.flows, time);
            self.check(swept);
        }
        self.settle();
    }

    /// Whether ticks have work to do soon.
    pub(crate) fn is_busy(&self) -> bool {
        !self.flows.is_empty() || self.cache.as_ref().is_some_and(|cache| cache.len() > 0)
    }

    /// Hears of connections that end. Not part of deciding: no frame waits for it.
    pub(crate) fn hear_closings(&mut self) {
        if self.cache.is_some() {
            self.report_closings(CacheTime::now());
        }
    }

    fn report_closings(&mut self, time: CacheTime) {
        if let Some(cache) = &mut self.cache {
            let reported = cache.report_closings(CLOSINGS_AT_ONCE, &mut self.flows, time);
            self.check(reported);
            self.settle();
        }
    }

    fn sweep(&mut self, time: CacheTime) {
        let Some(cache) = &mut self.cache else { return };
        if self.sweep_pause > 0 {
            self.sweep_pause -= 1;
            return;
        }
        for _ in 0..SWEEPS_PER_TICK {
            match cache.sweep(&mut self.flows, time) {
                Ok(false) => {}
                Ok(true) => {
                    self.sweep_pause = TICKS_PER_SWEEP;
                    break;
                }
                Err(error) => {
                    self.check(Err(error));
                    break;
                }
            }
        }
        self.settle();
    }

    /// The cache failing is never a packet's fault: it goes the slow way. One line says so.
    fn check(&mut self, result: Result<(), FlowCacheError>) {
        if let Err(error) = result
            && !std::mem::replace(&mut self.had_cache_error, true)
        {
            tracing::warn!(%error, "the flow cache fails; the slow path carries what it does not");
        }
    }
}
