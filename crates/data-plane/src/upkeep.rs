//! The thread that does what no frame waits for: it hears which connections the cache has let in or let end, sweeps the cache,
//! forgets what is idle, and announces routers.
//!
//! At ordinary priority and on whatever processor is free: beside [`crate::packet_loop`]'s threads, which stay where the frames
//! are and go before others, it would only take time from the guests. Should it come late, deciding a frame does its hearing
//! for it.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use host_net::PacketSocket;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;

use crate::advertise::advertise;
use crate::clock::CacheTime;
use crate::packet_loop::Shared;

/// Events taken from the cache before frames and changes of intent get their turn.
const EVENTS_AT_ONCE: usize = 64;
/// Between ticks while there are connections.
const TICK: Duration = Duration::from_millis(100);
/// Between ticks while there are none.
const IDLE_TICK: Duration = Duration::from_secs(2);
/// What epoll says of a wake-up.
const WAKE: u64 = 0;
/// What it says of the cache's events.
const EVENTS: u64 = 1;

/// What the thread works with.
pub(crate) struct Upkeep {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    wake: Arc<EventFd>,
    epoll: Epoll,
    sender: PacketSocket,
    /// Whether the cache's events are waited for: before the start they stay where they are.
    is_watching: bool,
    tick: Instant,
    advertisement: Instant,
    advertising: Duration,
}

impl Upkeep {
    /// Sends router advertisements by `sender`, at intervals of `advertising`.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        stop: &Arc<AtomicBool>,
        wake: &Arc<EventFd>,
        sender: PacketSocket,
        advertising: Duration,
    ) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(wake.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        let now = Instant::now();
        Ok(Self {
            shared: Arc::clone(shared),
            stop: Arc::clone(stop),
            wake: Arc::clone(wake),
            epoll,
            sender,
            is_watching: false,
            tick: now,
            advertisement: now + advertising,
            advertising,
        })
    }

    /// Works until it is told to stop.
    pub(crate) fn run(mut self) {
        while !self.stop.load(Ordering::Acquire) {
            let until = self.do_what_is_due();
            match self.wait(until) {
                // What is left when something else is due, the tick hears.
                Ok(true) => while self.may_go_on(until) && self.hear_some() {},
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(%error, "the upkeep of the data plane cannot wait");
                    return;
                }
            }
        }
    }

    fn may_go_on(&self, until: Instant) -> bool {
        !self.stop.load(Ordering::Acquire) && Instant::now() < until
    }

    fn hear_some(&self) -> bool {
        self.shared.decider.lock().hear_some(EVENTS_AT_ONCE, CacheTime::now())
    }

    /// Answers when something is due next.
    fn do_what_is_due(&mut self) -> Instant {
        let now = Instant::now();
        let mut decider = self.shared.decider.lock();
        if decider.is_started && now >= self.tick {
            decider.tick();
            self.tick = now + IDLE_TICK;
        }
        if decider.is_busy() {
            self.tick = self.tick.min(now + TICK);
        }
        if now >= self.advertisement {
            self.advertisement = now + self.advertising;
            let snapshot = decider.snapshot.clone();
            drop(decider);
            advertise(&self.sender, &snapshot, snapshot.interfaces().map(|interface| interface.port));
        }
        self.tick.min(self.advertisement)
    }

    /// Waits for events, a wake-up or the time. Answers whether there are events.
    fn wait(&mut self, until: Instant) -> io::Result<bool> {
        if !self.is_watching && self.shared.decider.lock().is_started {
            self.is_watching = true;
            self.watch_events()?;
        }
        let timeout = if self.is_watching {
            // Rounded up: a tick that is due in half a millisecond is not waited for by spinning.
            let left = until.saturating_duration_since(Instant::now()).as_millis();
            EpollTimeout::from(u16::try_from(left).unwrap_or(u16::MAX).saturating_add(1))
        } else {
            EpollTimeout::NONE
        };
        let mut events = [EpollEvent::empty(); 2];
        let count = match self.epoll.wait(&mut events, timeout) {
            Err(Errno::EINTR) => 0,
            result => result?,
        };
        let has = |what| events[..count].iter().any(|event| event.data() == what);
        if has(WAKE) {
            // The number says nothing, and that there is none would say no more.
            let _ = self.wake.read();
        }
        Ok(has(EVENTS))
    }

    /// Has the cache's ring wake this thread. By edges: the program wakes it once for a batch, while the ring is readable
    /// from the first event on.
    fn watch_events(&self) -> io::Result<()> {
        let decider = self.shared.decider.lock();
        let Some(cache) = &decider.cache else { return Ok(()) };
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, EVENTS);
        Ok(self.epoll.add(cache.events(), event)?)
    }
}
