//! The thread that takes frames off the packet sockets, has them decided, and sends what came of it.
//!
//! One thread decides everything: connection state has one writer, and with the cache in place only a flow's first packet
//! comes here. Knows sockets and time; refuses to know verdicts.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use host_net::{EtherType, FrameBatch, NetworkNamespace, PacketSocket, Transmission, VirtioNetHeader};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use parking_lot::Mutex;

use crate::DataPlaneError;
use crate::decide::{Body, Decider, Outbox};

/// Frames taken at once from one socket.
const BATCH_FRAMES: usize = 32;
/// Bytes that may wait on a socket; the kernel drops what comes on top.
const QUEUE_BYTES: usize = 16 << 20;
/// Between ticks while there are connections.
const TICK: Duration = Duration::from_millis(100);
/// Between ticks while there are none.
const IDLE_TICK: Duration = Duration::from_secs(2);

/// The running thread.
pub(crate) struct PacketLoop {
    wake: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<std::sync::atomic::AtomicBool>,
}

struct Sockets {
    receivers: [PacketSocket; 3],
    sender: PacketSocket,
}

impl PacketLoop {
    /// Opens the sockets in the fabric and starts the thread.
    pub(crate) fn start(
        fabric: &NetworkNamespace,
        decider: Arc<Mutex<Decider>>,
    ) -> Result<Self, DataPlaneError> {
        let receiver = |protocol| PacketSocket::receiver(fabric, protocol, QUEUE_BYTES);
        let receivers = [receiver(EtherType::Ipv4)?, receiver(EtherType::Ipv6)?, receiver(EtherType::Arp)?];
        let sockets = Sockets { receivers, sender: PacketSocket::sender(fabric, QUEUE_BYTES)? };
        let wake = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|errno| DataPlaneError::Thread(errno.into()))?;
        let wake = Arc::new(wake);
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (woken, stopped) = (Arc::clone(&wake), Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .name("brume-packets".to_owned())
            .spawn(move || {
                let is_stopped = || stopped.load(std::sync::atomic::Ordering::Acquire);
                run(&sockets, &decider, &woken, is_stopped);
            })
            .map_err(DataPlaneError::Thread)?;
        Ok(Self { wake, thread: Some(thread), stop })
    }

    /// Has the thread look at its state again.
    pub(crate) fn wake(&self) {
        // A full counter is a wake-up that is already on its way.
        let _ = self.wake.write(1);
    }
}

impl Drop for PacketLoop {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the packet thread panicked");
        }
    }
}

fn run(sockets: &Sockets, decider: &Mutex<Decider>, wake: &EventFd, is_stopped: impl Fn() -> bool) {
    let mut batch = FrameBatch::new(BATCH_FRAMES);
    let mut outbox = Outbox::default();
    let mut next_tick = Instant::now();
    while !is_stopped() {
        let (is_started, is_busy) = {
            let mut decider = decider.lock();
            if decider.is_started && Instant::now() >= next_tick {
                decider.tick();
                next_tick = Instant::now() + if decider.is_busy() { TICK } else { IDLE_TICK };
            }
            (decider.is_started, decider.is_busy())
        };
        if is_busy {
            next_tick = next_tick.min(Instant::now() + TICK);
        }
        let ready = match wait(sockets, wake, is_started, next_tick) {
            Ok(ready) => ready,
            Err(error) => {
                tracing::error!(%error, "the packet thread cannot wait for frames");
                return;
            }
        };
        for (socket, _) in sockets.receivers.iter().zip(ready).filter(|(_, ready)| *ready) {
            if let Err(error) = serve(socket, &sockets.sender, decider, &mut batch, &mut outbox) {
                tracing::warn!(%error, "a packet socket fails");
            }
        }
    }
}

/// Waits for frames, a wake-up or the next tick. Before the start frames stay where they are.
fn wait(sockets: &Sockets, wake: &EventFd, is_started: bool, until: Instant) -> io::Result<[bool; 3]> {
    let pollable = |descriptor| PollFd::new(descriptor, PollFlags::POLLIN);
    let [ipv4, ipv6, arp] = &sockets.receivers;
    let mut descriptors =
        [pollable(wake.as_fd()), pollable(ipv4.as_fd()), pollable(ipv6.as_fd()), pollable(arp.as_fd())];
    let watched = if is_started { &mut descriptors[..] } else { &mut descriptors[..1] };
    let timeout = match is_started {
        // Rounded up: a tick that is due in half a millisecond is not waited for by spinning.
        true => {
            let left = until.saturating_duration_since(Instant::now()).as_millis() as u16;
            PollTimeout::from(left.saturating_add(1))
        }
        false => PollTimeout::NONE,
    };
    match poll(watched, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let is_ready =
        |index: usize| is_started && descriptors[index].revents().is_some_and(|events| !events.is_empty());
    let ready = [is_ready(1), is_ready(2), is_ready(3)];
    if descriptors[0].any() == Some(true) {
        let _ = wake.read();
    }
    Ok(ready)
}

/// Takes one batch from a socket through.
fn serve(
    socket: &PacketSocket,
    sender: &PacketSocket,
    decider: &Mutex<Decider>,
    batch: &mut FrameBatch,
    outbox: &mut Outbox,
) -> io::Result<()> {
    let count = socket.receive(batch)?;
    if count == 0 {
        return Ok(());
    }
    outbox.frames.clear();
    // Held until the frames are sent: when a change of intent gets the lock, nothing that was decided before is on its
    // way any more.
    let mut decider = decider.lock();
    decider.decide(batch, count, outbox);
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
    let sent = sender.send(&transmissions);
    drop(decider);
    sent.map(|_| ())
}
