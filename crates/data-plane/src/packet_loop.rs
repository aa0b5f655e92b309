//! The threads that take frames off the packet sockets, have them decided, and send what came of it.
//!
//! One thread per processor, kept on it: a guest that sends a first packet usually waits for the answer, so the thread
//! runs next where the packet is, and no other processor has to be woken. Deciding is under one lock, as connection state has
//! one writer; with the cache in place only a flow's first packet comes here. Knows sockets; refuses to know verdicts, and
//! what is due from time to time: that is [`crate::upkeep`]'s.
#![allow(unsafe_code)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use host_net::{EtherType, FrameBatch, NetworkNamespace, PacketSocket, Transmission, VirtioNetHeader};
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::Pid;
use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard};

use crate::DataPlaneError;
use crate::decide::{Body, Decider, Outbox};
use crate::path_loop::PathLoop;
use crate::upkeep::Upkeep;

/// Threads at most; with more processors than that, each serves several.
const WORKERS_MAX: usize = 8;
/// Frames taken at once from one socket.
const BATCH_FRAMES: usize = 32;
/// Bytes that may wait on a socket; the kernel drops what comes on top.
const QUEUE_BYTES: usize = 8 << 20;
/// What is received, each by a group of sockets that is numbered by its place here.
const PROTOCOLS: [EtherType; 3] = [EtherType::Ipv4, EtherType::Ipv6, EtherType::Arp];
/// What tells the wake-up from the sockets, which have their numbers.
const WAKE: u64 = PROTOCOLS.len() as u64;
/// Priority of the threads.
const NICE: libc::c_int = -11;

/// What the threads share with whoever changes intent.
pub(crate) struct Shared {
    pub(crate) decider: Mutex<Decider>,
    /// Held for reading from before a decision until its frames are sent.
    in_flight: RwLock<()>,
    /// Told, beside the decider's lock, when a frame is due on a path earlier than any was, or all is to stop.
    pub(crate) late: Condvar,
}

impl Shared {
    pub(crate) fn new(decider: Decider) -> Self {
        Self { decider: Mutex::new(decider), in_flight: RwLock::new(()), late: Condvar::new() }
    }

    /// Holds up changes of intent until what was taken to be sent is sent.
    pub(crate) fn hold_in_flight(&self) -> RwLockReadGuard<'_, ()> {
        self.in_flight.read()
    }

    /// Waits until every frame that was decided before has been sent.
    pub(crate) fn wait_for_frames_in_flight(&self) {
        drop(self.in_flight.write());
    }
}

/// The running threads.
pub(crate) struct PacketLoop {
    threads: Vec<(Arc<EventFd>, JoinHandle<()>)>,
    /// Sends what comes late.
    late: Option<JoinHandle<()>>,
    late_sender: Option<Arc<PacketSocket>>,
    shared: Arc<Shared>,
    sockets: Vec<Arc<Sockets>>,
    /// Frames that the kernel has told are lost, which it does once.
    lost: AtomicU64,
    stop: Arc<AtomicBool>,
}

/// What a thread receives and sends by.
struct Sockets {
    receivers: [PacketSocket; PROTOCOLS.len()],
    sender: PacketSocket,
}

/// One thread's part.
struct Worker {
    sockets: Arc<Sockets>,
    shared: Arc<Shared>,
    wake: Arc<EventFd>,
    /// Wakes the upkeep.
    upkeep: Arc<EventFd>,
    stop: Arc<AtomicBool>,
    epoll: Epoll,
    /// Whether sockets are waited for: before the start frames stay where they are.
    is_watching: bool,
    batch: FrameBatch,
    outbox: Outbox,
}

impl PacketLoop {
    /// Opens the sockets in the fabric and starts the threads. Router advertisements are sent at that interval.
    pub(crate) fn start(
        fabric: &NetworkNamespace,
        shared: &Arc<Shared>,
        advertising: Duration,
    ) -> Result<Self, DataPlaneError> {
        let count = std::thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX);
        let mut packet_loop = Self {
            threads: Vec::new(),
            late: None,
            late_sender: None,
            shared: Arc::clone(shared),
            sockets: Vec::new(),
            lost: AtomicU64::new(0),
            stop: Arc::new(AtomicBool::new(false)),
        };
        let upkeep_wake = Arc::new(wake_up()?);
        let mut workers = Vec::new();
        for _ in 0..count {
            let (shared, upkeep) = (Arc::clone(shared), Arc::clone(&upkeep_wake));
            let worker = Worker::open(fabric, shared, upkeep, Arc::clone(&packet_loop.stop))?;
            for (receiver, group) in worker.sockets.receivers.iter().zip(1..) {
                receiver.share_by_processor(group).map_err(DataPlaneError::Thread)?;
            }
            packet_loop.sockets.push(Arc::clone(&worker.sockets));
            workers.push(worker);
        }
        for (number, worker) in workers.into_iter().enumerate() {
            let wake = Arc::clone(&worker.wake);
            let thread = std::thread::Builder::new()
                .name(format!("brume-packets-{number}"))
                .spawn(move || {
                    hurry();
                    stay(number, count);
                    worker.run();
                })
                .map_err(DataPlaneError::Thread)?;
            packet_loop.threads.push((wake, thread));
        }
        let sender = PacketSocket::sender(fabric, QUEUE_BYTES)?;
        let upkeep = Upkeep::new(shared, &packet_loop.stop, &upkeep_wake, sender, advertising);
        let upkeep = upkeep.map_err(DataPlaneError::Thread)?;
        let thread = std::thread::Builder::new().name("brume-upkeep".to_owned()).spawn(move || upkeep.run());
        packet_loop.threads.push((upkeep_wake, thread.map_err(DataPlaneError::Thread)?));
        let sender = Arc::new(PacketSocket::sender(fabric, QUEUE_BYTES)?);
        packet_loop.late_sender = Some(Arc::clone(&sender));
        let late = PathLoop { shared: Arc::clone(shared), stop: Arc::clone(&packet_loop.stop), sender };
        let thread = std::thread::Builder::new().name("brume-paths".to_owned()).spawn(move || {
            hurry();
            late.run();
        });
        packet_loop.late = Some(thread.map_err(DataPlaneError::Thread)?);
        Ok(packet_loop)
    }

    /// Whether every thread works. One that does not has panicked or lost its sockets, and its processor's frames with it.
    pub(crate) fn is_working(&self) -> bool {
        let mut threads = self.threads.iter().map(|(_, thread)| thread).chain(&self.late);
        threads.all(|thread| !thread.is_finished())
    }

    /// Whether frames that the threads send are seen by who captures at the device.
    pub(crate) fn set_visible(&self, is_visible: bool) -> Result<(), DataPlaneError> {
        let senders = self.sockets.iter().map(|sockets| &sockets.sender).chain(self.late_sender.as_deref());
        senders
            .map(|sender| sender.set_visible(is_visible))
            .fold(Ok(()), io::Result::and)
            .map_err(DataPlaneError::Thread)
    }

    /// Bytes of memory that frames take which no thread has come to yet.
    pub(crate) fn queued_bytes(&self) -> u64 {
        let receivers = self.sockets.iter().flat_map(|sockets| &sockets.receivers);
        receivers.map(|receiver| u64::from(receiver.queued_bytes().unwrap_or_default())).sum()
    }

    /// Frames that were lost since the start because too many waited.
    pub(crate) fn lost_frames(&self) -> u64 {
        let receivers = self.sockets.iter().flat_map(|sockets| &sockets.receivers);
        let news: u64 = receivers.map(|receiver| u64::from(receiver.lost().unwrap_or_default())).sum();
        self.lost.fetch_add(news, Ordering::Relaxed) + news
    }

    /// Has the threads look at their state again.
    pub(crate) fn wake(&self) {
        for (wake, _) in &self.threads {
            // A full counter is a wake-up that is already on its way.
            let _ = wake.write(1);
        }
    }
}

impl Drop for PacketLoop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
        // Whoever holds the lock has not looked whether to stop, or waits.
        drop(self.shared.decider.lock());
        self.shared.late.notify_all();
        for thread in self.threads.drain(..).map(|(_, thread)| thread).chain(self.late.take()) {
            if thread.join().is_err() {
                tracing::error!("a packet thread panicked");
            }
        }
    }
}

/// Asks to be scheduled before ordinary processes: what waits here is other processes' packets. Short of a real-time
/// class, so that a guest that floods cannot keep the host from working.
fn hurry() {
    // SAFETY: no pointers; 0 is the calling thread.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
    if result < 0 {
        tracing::debug!(error = %io::Error::last_os_error(), "a packet thread runs at ordinary priority");
    }
}

/// Stays on the processors whose frames member `number` of `count` gets. Where the process may not use any of them, the
/// thread goes where the scheduler likes.
fn stay(number: usize, count: usize) {
    let this_thread = Pid::from_raw(0);
    let Ok(allowed) = sched_getaffinity(this_thread) else { return };
    let mut mine = CpuSet::new();
    let mut has_any = false;
    for processor in (number..CpuSet::count()).step_by(count) {
        if allowed.is_set(processor).unwrap_or(false) {
            has_any |= mine.set(processor).is_ok();
        }
    }
    if has_any && let Err(error) = sched_setaffinity(this_thread, &mine) {
        tracing::debug!(%error, "a packet thread does not stay on its processor");
    }
}

/// By which a thread is told to look at its state again.
fn wake_up() -> Result<EventFd, DataPlaneError> {
    EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
        .map_err(|errno| DataPlaneError::Thread(errno.into()))
}

impl Worker {
    fn open(
        fabric: &NetworkNamespace,
        shared: Arc<Shared>,
        upkeep: Arc<EventFd>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, DataPlaneError> {
        let receiver = |protocol| PacketSocket::receiver(fabric, protocol, QUEUE_BYTES);
        let [first, second, third] = PROTOCOLS;
        let thread = |errno: Errno| DataPlaneError::Thread(errno.into());
        let wake = wake_up()?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(thread)?;
        epoll.add(&wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE)).map_err(thread)?;
        Ok(Self {
            sockets: Arc::new(Sockets {
                receivers: [receiver(first)?, receiver(second)?, receiver(third)?],
                sender: PacketSocket::sender(fabric, QUEUE_BYTES)?,
            }),
            shared,
            wake: Arc::new(wake),
            upkeep,
            stop,
            epoll,
            is_watching: false,
            batch: FrameBatch::new(BATCH_FRAMES),
            outbox: Outbox::default(),
        })
    }

    fn run(mut self) {
        while !self.stop.load(Ordering::Acquire) {
            let ready = match self.wait() {
                Ok(ready) => ready,
                Err(error) => {
                    tracing::error!(%error, "a packet thread cannot wait for frames");
                    return;
                }
            };
            for (number, _) in ready.into_iter().enumerate().filter(|(_, ready)| *ready) {
                if let Err(error) = self.serve(number) {
                    tracing::warn!(%error, protocol = ?PROTOCOLS[number], "a packet socket fails");
                }
            }
        }
    }

    /// Waits for frames or a wake-up, and answers which sockets have frames.
    fn wait(&mut self) -> io::Result<[bool; PROTOCOLS.len()]> {
        if !self.is_watching && self.shared.decider.lock().is_started {
            self.is_watching = true;
            for (receiver, number) in self.sockets.receivers.iter().zip(0..) {
                self.epoll.add(receiver, EpollEvent::new(EpollFlags::EPOLLIN, number))?;
            }
        }
        let mut events = [EpollEvent::empty(); PROTOCOLS.len() + 1];
        let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
            Err(Errno::EINTR) => 0,
            result => result?,
        };
        let mut ready = [false; PROTOCOLS.len()];
        for event in &events[..count] {
            match ready.get_mut(event.data() as usize) {
                Some(ready) => *ready = true,
                None => drop(self.wake.read()),
            }
        }
        Ok(ready)
    }

    /// Takes one batch from a socket through.
    fn serve(&mut self, number: usize) -> io::Result<()> {
        let count = self.sockets.receivers[number].receive(&mut self.batch)?;
        if count == 0 {
            return Ok(());
        }
        let Self { batch, outbox, sockets, shared, upkeep, .. } = self;
        outbox.frames.clear();
        let in_flight = shared.in_flight.read();
        let (begins, has_late) = {
            let mut decider = shared.decider.lock();
            let was_busy = decider.is_busy();
            decider.decide(batch, count, outbox);
            (!was_busy && decider.is_busy(), decider.paths.take_news())
        };
        if has_late {
            shared.late.notify_one();
        }
        if begins {
            // It sleeps for longer while there are no connections.
            let _ = upkeep.write(1);
        }
        let transmissions: Vec<Transmission<'_>> = outbox
            .frames
            .iter()
            .map(|outgoing| match &outgoing.body {
                Body::Received(index) => Transmission {
                    device: outgoing.device,
                    header: batch.header(*index),
                    frame: batch.frame(*index),
                },
                Body::Answer(frame) => {
                    Transmission { device: outgoing.device, header: VirtioNetHeader::default(), frame }
                }
            })
            .collect();
        let refused = sockets.sender.send(&transmissions);
        drop(in_flight);
        let refused = refused?;
        if !refused.is_empty() {
            let frames = refused.iter().map(|&number| &outbox.frames[number]);
            shared.decider.lock().not_taken(frames.map(|frame| (frame.from, frame.device)));
        }
        Ok(())
    }
}
