//! One lock's worth of state: the snapshot, the connections, the cache, the journal and the counters, and what happens to
//! each of them when a frame is decided, intent changes or time passes.
//!
//! Whoever holds the lock sees all of them agree: a frame is decided, its entries installed and its connection journalled
//! before anybody else can change the snapshot. Knows no socket and no device but by number.

use std::time::Instant;

use flow_logs::Collector;
use host_ebpf::FlowCacheError;
use host_net::{FrameBatch, VirtioNetHeader};
use smallvec::SmallVec;
use vpc_abi as abi;
use vpc_engine::flows::{FlowRecord, FlowState};
use vpc_engine::frame::{ETHERNET_BYTES, TransportChecksum, apply_rewrite, fragments, parse};
use vpc_engine::{
    Applied, CachePlan, Delivery, DropReason, FlowEvent, Flows, FrameAction, Millis, Packet, Rewrite,
    Snapshot, Verdict, forward, handle_frame,
};
use vpc_model::Port;

use crate::budget::Budgets;
use crate::cache::Cache;
use crate::clock::{self, CacheTime};
use crate::drops::Drops;
use crate::entry::{keeps_ports, key_sent, packet_of};
use crate::follow::Follows;
use crate::journal::Journal;
use crate::layout::{device_of, port_of};
use crate::logged;
use crate::path_queue::{Departure, Due, LateFrame, PathQueue};

/// Connections that an interface must have room for before the cache may let any in by itself: as many as it can have
/// let in unheard.
const ADMISSION_ROOM: u32 = abi::UNHEARD_ADMISSIONS_MAX;
/// Events met at once from which on the cache lets in nobody by itself whom they are about: whoever opens connections faster
/// than they are heard of takes the time of all others, and on the slow path only its own.
const BACKLOG: usize = abi::UNHEARD_ADMISSIONS_MAX as usize / 4;
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
    pub(crate) follows: Follows,
    pub(crate) budgets: Budgets,
    /// What is under way on paths with conditions.
    pub(crate) paths: PathQueue,
    /// What is decided here about ports with a flow log; the cache has its own.
    pub(crate) logged: Collector,
    /// Whether intent has been given; before that, frames wait.
    pub(crate) is_started: bool,
    /// Frames decided here rather than by the cache.
    pub(crate) frames_decided: u64,
    /// Connections that the cache has let in by itself.
    pub(crate) connections_admitted: u64,
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
    /// Whose frame it is, or was the cause of.
    pub(crate) from: Port,
    pub(crate) device: u32,
    pub(crate) body: Body,
}

/// Where a frame's bytes are.
pub(crate) enum Body {
    /// The received frame of that number, rewritten in place.
    Received(usize),
    /// One that the fabric itself answers with, or a fragment.
    Answer(Vec<u8>),
}

impl Decider {
    pub(crate) fn new(flows: Flows, cache: Option<Cache>, journal: Journal, seed: u64) -> Self {
        Self {
            snapshot: Snapshot::new(),
            flows,
            cache,
            journal,
            drops: Drops::default(),
            follows: Follows::default(),
            budgets: Budgets::default(),
            paths: PathQueue::new(seed),
            logged: Collector::default(),
            is_started: false,
            frames_decided: 0,
            connections_admitted: 0,
            sweep_pause: 0,
            had_cache_error: false,
        }
    }

    /// Decides a batch of frames: rewrites them in place and says what is to be sent.
    pub(crate) fn decide(&mut self, batch: &mut FrameBatch, count: usize, outbox: &mut Outbox) {
        let time = CacheTime::now();
        self.frames_decided += count as u64;
        // A frame may be about a connection that the cache has let in.
        self.hear(time);
        for index in 0..count {
            let Some(from) = port_of(batch.device(index)) else { continue };
            if !self.may_be_decided(from, time) {
                let followed = self.follows.look(from, batch.frame(index));
                self.follows.note(from, followed.as_ref(), Err(DropReason::SlowPathBudget { port: from }));
                continue;
            }
            self.decide_one(from, batch, index, time, outbox);
        }
        self.settle(time);
    }

    /// Whether an interface has not used up its budget. Services answer everybody, and the cloud's own ports are nobody's.
    fn may_be_decided(&mut self, from: Port, time: CacheTime) -> bool {
        let now = time.engine_time(time.cache_now_ns());
        let may = self.cache.is_none() || from.is_reserved() || self.budgets.take(from, now);
        if !may {
            self.drops.count(from, DropReason::SlowPathBudget { port: from });
        }
        may
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
        // Before it is rewritten. A frame that is no packet is in no log.
        let packet = if self.logged.is_empty() { None } else { parse(frame).ok() };
        let followed = self.follows.look(from, frame);
        let segment = header.segment_payload_bytes();
        match handle_frame(&self.snapshot, &mut self.flows, from, frame, segment, now) {
            FrameAction::Drop(reason) => {
                self.follows.note(from, followed.as_ref(), Err(reason));
                self.refuse(from, packet.as_ref(), reason, now);
            }
            FrameAction::Refuse(reason, answer) => {
                self.follows.note(from, followed.as_ref(), Err(reason));
                self.refuse(from, packet.as_ref(), reason, now);
                outbox.frames.push(Outgoing { from, device: device_of(from), body: Body::Answer(answer) });
            }
            FrameAction::Reply(answer) => {
                outbox.frames.push(Outgoing { from, device: device_of(from), body: Body::Answer(answer) });
            }
            FrameAction::Forward(delivery) => {
                let device = device_of(delivery.to);
                let delivered = self.deliver(&delivery, frame, header, time);
                let decided = delivered.as_ref().map(|_| &delivery).map_err(|reason| *reason);
                self.follows.note(from, followed.as_ref(), decided);
                match delivered {
                    Ok(fragments) if !delivery.legs.is_empty() => {
                        let packet = packet.map(|packet| (packet, delivery.rewrite));
                        let bodies: Vec<(VirtioNetHeader, Body)> = match fragments {
                            None => vec![(header, Body::Received(index))],
                            Some(fragments) => {
                                let whole = |fragment| (VirtioNetHeader::default(), Body::Answer(fragment));
                                fragments.into_iter().map(whole).collect()
                            }
                        };
                        self.send_by_paths(from, &delivery, (frame, bodies), packet, outbox);
                    }
                    Ok(fragments) => {
                        if let Some(packet) = &packet {
                            let to = (delivery.to, &delivery.rewrite);
                            logged::passed(&mut self.logged, from, packet, to, now);
                        }
                        match fragments {
                            None => {
                                outbox.frames.push(Outgoing { from, device, body: Body::Received(index) });
                            }
                            Some(fragments) => {
                                let bodies = fragments.into_iter().map(Body::Answer);
                                outbox.frames.extend(bodies.map(|body| Outgoing { from, device, body }));
                            }
                        }
                    }
                    Err(reason) => self.drops.count(from, reason),
                }
            }
        }
    }

    /// Sends a frame, or its fragments, by paths that have conditions. It has left its sender, whatever they do to it.
    fn send_by_paths(
        &mut self,
        from: Port,
        delivery: &Delivery,
        (received, bodies): (&[u8], Vec<(VirtioNetHeader, Body)>),
        mut packet: Option<(Packet, Rewrite)>,
        outbox: &mut Outbox,
    ) {
        let Delivery { to, legs, domains, .. } = *delivery;
        if let Some((packet, _)) = &packet {
            logged::left(&mut self.logged, from, packet, clock::now());
        }
        let now = Instant::now();
        for (header, body) in bodies {
            let bytes = match &body {
                Body::Received(_) => received,
                Body::Answer(frame) => frame,
            };
            match self.paths.depart((from, bytes.len()), &legs, now) {
                Err(reason) => self.drops.count(from, reason),
                Ok(Departure::AtOnce) => {
                    if let Some((packet, rewrite)) = packet.take() {
                        logged::arrived(&mut self.logged, &packet, (to, &rewrite), clock::now());
                    }
                    outbox.frames.push(Outgoing { from, device: device_of(to), body });
                }
                Ok(Departure::Later(at, taken)) => {
                    let bytes = match body {
                        Body::Received(_) => received.to_vec(),
                        Body::Answer(frame) => frame,
                    };
                    let logged = packet.take().map(Box::new);
                    let frame = LateFrame { from, to, domains, header, bytes, logged };
                    self.paths.hold(frame, legs, (at, taken));
                }
            }
        }
    }

    /// Counts frames that the kernel did not take, by who sent them and the device that they were to go to.
    pub(crate) fn not_taken(&mut self, frames: impl Iterator<Item = (Port, u32)>) {
        for (from, device) in frames {
            if let Some(port) = port_of(device) {
                self.drops.count(from, DropReason::NotTaken { port });
            }
        }
    }

    /// Takes frames off the paths that have arrived by now. Looks at so many at most, with those that go on to another path,
    /// and those that went missing, which are counted.
    pub(crate) fn take_late(&mut self, frames_max: usize, frames: &mut Vec<LateFrame>) {
        let now = Instant::now();
        for _ in 0..frames_max {
            match self.paths.take_due(now) {
                None => break,
                Some(Due::GoesOn) => {}
                Some(Due::Arrived(mut frame)) => {
                    if let Some((packet, rewrite)) = frame.logged.take().as_deref() {
                        logged::arrived(&mut self.logged, packet, (frame.to, rewrite), clock::now());
                    }
                    frames.push(frame);
                }
                Some(Due::Lost(frame, reason)) => self.drops.count(frame.from, reason),
            }
        }
    }

    /// Loses what is under way by rules that are no longer in force, as the cache does what it knows by them: who sends it
    /// again has it looked at again.
    fn lose_late(&mut self, applied: &Applied) {
        if !applied.has_new_rules {
            return;
        }
        let is_other = |port| applied.stale.contains(port) || applied.removed.binary_search(&port).is_ok();
        let lost = self.paths.lose(|frame| {
            is_other(frame.from) || is_other(frame.to) || frame.domains.are_among(&applied.stale_domains)
        });
        for (from, count) in lost {
            self.drops.count_all(from, DropReason::RulesChanged, count);
        }
    }

    /// Counts a frame that is dropped, and has logs know of it.
    fn refuse(&mut self, from: Port, packet: Option<&Packet>, reason: DropReason, now: Millis) {
        self.drops.count(from, reason);
        if let Some(packet) = packet {
            logged::refused(&mut self.logged, &self.snapshot, from, packet, &reason, now);
        }
    }

    /// Rewrites a frame that goes on, and has the cache carry what follows. Answers its fragments where it is larger than
    /// the way carries.
    fn deliver(
        &mut self,
        delivery: &Delivery,
        frame: &mut [u8],
        header: VirtioNetHeader,
        time: CacheTime,
    ) -> Result<Option<Vec<Vec<u8>>>, DropReason> {
        let checksum = match header.needs_checksum() {
            true => TransportChecksum::Partial,
            false => TransportChecksum::Complete,
        };
        apply_rewrite(frame, &delivery.rewrite, checksum)?;
        // Before the cache can let a packet of it pass, so that a successor knows every connection of the cache.
        self.settle(time);
        if let (Some(cache), Some(plan)) = (&mut self.cache, &delivery.cache) {
            let may_admit = plan.source_ports.is_some()
                && keeps_ports(&plan.forward)
                && has_room(&self.snapshot, &self.flows, plan);
            let installed = cache.install(plan, delivery.flow, may_admit, &mut self.flows, time);
            self.check(installed);
        }
        let is_whole = header.segment_payload_bytes().is_none();
        if is_whole && frame.len() > usize::from(delivery.mtu_bytes) + ETHERNET_BYTES {
            return fragments(frame, delivery.mtu_bytes, checksum).map(Some);
        }
        Ok(None)
    }

    /// Carries out what the engine says has happened to connections: in the journal, and for those gone in the cache.
    fn settle(&mut self, time: CacheTime) {
        let mut result = Ok(());
        let mut opened: SmallVec<[FlowRecord; 4]> = SmallVec::new();
        for event in self.flows.drain_events() {
            let (FlowEvent::Opened(record) | FlowEvent::Changed(record) | FlowEvent::Closed(record, _)) =
                &event;
            let key = key_sent(&record.key);
            self.journal.note(&event, &key);
            let Some(cache) = &mut self.cache else { continue };
            if !matches!(event, FlowEvent::Changed(_)) {
                let is_open = matches!(event, FlowEvent::Opened(_));
                result = result.and(cache.note_translation(record, is_open));
            }
            match &event {
                FlowEvent::Closed(..) => result = result.and(cache.forget(&key)),
                FlowEvent::Changed(record) if record.state() == FlowState::Closing => {
                    cache.retire(&key, time);
                }
                FlowEvent::Opened(record) if cache.has_admissions() => opened.push(*record),
                FlowEvent::Changed(_) | FlowEvent::Opened(_) => {}
            }
        }
        let kept = opened.iter().map(|record| self.keep_room(record)).fold(Ok(()), Result::and);
        self.check(result.and(kept));
    }

    /// Lets the cache admit no more connections of a port than there is room for, now that there is one more.
    fn keep_room(&mut self, record: &FlowRecord) -> Result<(), FlowCacheError> {
        let Some(cache) = &mut self.cache else { return Ok(()) };
        let port = record.key.port;
        if self.flows.has_room(&self.snapshot, port, ADMISSION_ROOM)
            && self.flows.has_room_at_gateway(&record.key, ADMISSION_ROOM)
        {
            Ok(())
        } else if self.flows.has_room_for(ADMISSION_ROOM) {
            cache.withdraw_admissions_of(port)
        } else {
            cache.withdraw_admissions()
        }
    }

    /// Puts a new snapshot in force. When this returns, nothing is decided by the old one, and nothing that is cached by
    /// it is used.
    ///
    /// # Errors
    /// When the cache does not let go of what it has: it must be taken off the ports then.
    pub(crate) fn put_in_force(&mut self, applied: &Applied) -> Result<(), FlowCacheError> {
        let is_first = !std::mem::replace(&mut self.is_started, true);
        // Intent that nobody has given yet says nothing about what a predecessor's cache has let in.
        if is_first {
            self.snapshot = applied.snapshot.clone();
        }
        let bumped = self.cache.as_mut().map_or(Ok(()), |cache| {
            let ports = applied.stale.iter().chain(applied.removed.iter().copied());
            let ports = ports.map(|port| cache.bump(port)).fold(Ok(()), Result::and);
            let domains = applied.stale_domains.iter().map(|&domain| cache.bump_domain(domain));
            domains.fold(ports, Result::and)
        });
        // What was let in up to now was let in by the old rules, so they say what becomes of it.
        let time = CacheTime::now();
        self.hear(time);
        self.snapshot = applied.snapshot.clone();
        self.paths.set_paths(self.snapshot.paths(), &applied.changed_paths, Instant::now());
        self.lose_late(applied);
        for &port in &applied.removed {
            self.flows.forget_port(port);
            self.drops.forget_port(port);
            self.budgets.forget_port(port);
            self.logged.forget_port(port);
            if let Some(cache) = &mut self.cache {
                cache.logged.forget_port(port);
            }
        }
        if let Some(cache) = self.cache.as_mut().filter(|_| is_first) {
            let removed = cache.remove_strangers();
            self.check(removed);
        }
        self.settle(time);
        bumped
    }

    /// What is done from time to time: hear what the cache has to report, sweep it, forget what is idle.
    pub(crate) fn tick(&mut self) {
        let time = CacheTime::now();
        self.hear(time);
        if let Some(cache) = &mut self.cache {
            let removed = cache.remove_retired(&mut self.flows, time);
            let withdrawn = cache.withdraw_idle_admissions(time);
            self.check(removed.and(withdrawn));
        }
        self.sweep(time);
        let now = clock::now();
        self.flows.expire(now);
        self.settle(time);
        self.journal.beat(now);
    }

    /// Reports everything that the cache has let pass up to now.
    pub(crate) fn catch_up(&mut self) {
        // Until intent is known, whose entries those in the cache are is not either.
        if !self.is_started {
            return;
        }
        let time = CacheTime::now();
        self.hear(time);
        if let Some(cache) = &mut self.cache {
            let swept = cache.sweep_all(&mut self.flows, time);
            self.check(swept);
        }
        self.settle(time);
    }

    /// Whether ticks have work to do soon.
    pub(crate) fn is_busy(&self) -> bool {
        let is_cache_busy = |cache: &Cache| cache.len() > 0 || cache.has_admissions();
        !self.flows.is_empty() || self.cache.as_ref().is_some_and(is_cache_busy)
    }

    /// Hears of every connection that the cache has let in, or let end, by now. What comes meanwhile may have to wait: it is
    /// never more than fits into the ring that is heard, so nobody can keep this from ending.
    pub(crate) fn hear(&mut self, time: CacheTime) {
        self.hear_some(abi::UNHEARD_ADMISSIONS_MAX as usize, time);
    }

    /// The same for so many events at most. Answers whether there may be more.
    pub(crate) fn hear_some(&mut self, limit: usize, time: CacheTime) -> bool {
        // Before the first intent there is nothing to decide by; the events stay where they are.
        if !self.is_started {
            return false;
        }
        for number in 0..limit {
            let Some(event) = self.cache.as_mut().and_then(Cache::next_event) else { return false };
            if event.tcp_flags & abi::TCP_SYN != 0 {
                self.hear_opening(&event, number < BACKLOG, time);
            } else if let Some(cache) = &mut self.cache {
                let reported = cache.report_closing(&event, &mut self.flows, time);
                self.check(reported);
            }
            self.settle(time);
            // Only now: what is on the ring when this process is killed, a successor hears.
            if let Some(cache) = &mut self.cache {
                cache.take_event();
            }
        }
        true
    }

    /// Decides about a connection that the cache has let in, which is what it did for the connection's like: so that the
    /// connection is tracked, and, should the answer have changed meanwhile, does not go on. `may_admit` says whether the
    /// next one like it may be let in.
    fn hear_opening(&mut self, event: &abi::TcpEvent, may_admit: bool, time: CacheTime) {
        let Some((from, packet)) = packet_of(event) else { return };
        let now = clock::now();
        let verdict = forward(&self.snapshot, &mut self.flows, from, &packet, now);
        let decided = match &verdict {
            Verdict::Deliver(delivery) => Ok(delivery),
            Verdict::Drop(reason) => Err(*reason),
        };
        self.follows.note(from, Some(&packet), decided);
        self.settle(time);
        let Some(cache) = &mut self.cache else { return };
        match &verdict {
            Verdict::Drop(reason) => {
                self.drops.count(from, *reason);
                logged::refused(&mut self.logged, &self.snapshot, from, &packet, reason, now);
            }
            Verdict::Deliver(Delivery { to, rewrite, .. }) => {
                logged::passed(&mut self.logged, from, &packet, (*to, rewrite), now);
            }
        }
        let plan = verdict.delivery().and_then(|delivery| Some((delivery.flow, delivery.cache?)));
        // One that would have another port on the way now is not what the cache has let in.
        let heard = match plan.filter(|(_, plan)| keeps_ports(&plan.forward)) {
            Some((flow, plan)) => {
                self.connections_admitted += 1;
                let may_admit = may_admit && has_room(&self.snapshot, &self.flows, &plan);
                cache.note_admitted(&plan, flow, may_admit, time)
            }
            None => cache.refuse_admitted(&event.key),
        };
        self.check(heard);
    }

    fn sweep(&mut self, time: CacheTime) {
        let Some(cache) = &mut self.cache else { return };
        if self.sweep_pause > 0 {
            self.sweep_pause -= 1;
            return;
        }
        for _ in 0..SWEEPS_PER_TICK {
            let swept = cache.sweep_translations(&self.flows, time);
            match swept.and_then(|()| cache.sweep(&mut self.flows, time)) {
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
        self.settle(time);
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

/// Whether both ends of a connection have room for all that the cache could let in before that is heard of.
fn has_room(snapshot: &Snapshot, flows: &Flows, plan: &CachePlan) -> bool {
    [plan.forward.from, plan.forward.to].iter().all(|&port| flows.has_room(snapshot, port, ADMISSION_ROOM))
        && plan.translation.is_none_or(|far| flows.has_room_at_gateway(&far, ADMISSION_ROOM))
}
