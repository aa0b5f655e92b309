//! Packet sockets: whole frames in and out of every device of a namespace, in batches, with what the network stack left
//! undone on them (checksums to fill in, segments to cut) told in a header instead of being done.
//!
//! A receiving socket is bound to one EtherType, not to all. The kernel gives frames to such a socket after the device's
//! ingress programs have run (`__netif_receive_skb_core`, net/core/dev.c), so that a frame that a program redirected is
//! never seen here, and none that the namespace itself sends.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::{NamespaceError, NetworkNamespace};

/// Bytes kept for a frame: the largest segmented frame of the stack (64 KiB of IP) and its Ethernet header.
pub const FRAME_SLOT_BYTES: usize = 66 * 1024;

/// `setsockopt` names of linux/if_packet.h that libc does not have everywhere.
const PACKET_VNET_HDR: libc::c_int = 15;
const PACKET_FANOUT: libc::c_int = 18;
const PACKET_FANOUT_CPU: libc::c_int = 2;
const PACKET_QDISC_BYPASS: libc::c_int = 20;
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
/// The `type` field of an EtherType-bound socket, in the order of the bytes on the wire.
const NO_PROTOCOL: u16 = 0;
const NAME_BYTES: libc::socklen_t = size_of::<libc::sockaddr_ll>() as libc::socklen_t;

/// The protocols that the virtual network carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum EtherType {
    /// IPv4.
    Ipv4 = 0x0800,
    /// ARP.
    Arp = 0x0806,
    /// IPv6.
    Ipv6 = 0x86dd,
}

/// What the stack left to be done on a frame (`struct virtio_net_hdr`, linux/virtio_net.h), in host byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct VirtioNetHeader {
    /// [`Self::NEEDS_CHECKSUM`] and [`Self::DATA_VALID`].
    pub flags: u8,
    /// Kind of segmentation; 0 for none.
    pub gso_type: u8,
    /// Bytes of all headers of a frame to be segmented.
    pub header_len: u16,
    /// Payload bytes of each segment.
    pub gso_size: u16,
    /// Where the checksum starts, from the start of the frame.
    pub checksum_start: u16,
    /// Where it goes, from [`Self::checksum_start`].
    pub checksum_offset: u16,
}

impl VirtioNetHeader {
    /// The transport checksum holds only the pseudo-header's sum; the rest is to be added.
    pub const NEEDS_CHECKSUM: u8 = 1;
    /// The checksum has been verified.
    pub const DATA_VALID: u8 = 2;

    /// By how many bytes of payload the frame is still to be segmented; none for one that is not.
    pub fn segment_payload_bytes(&self) -> Option<u16> {
        Some(self.gso_size).filter(|&size| self.gso_type != 0 && size != 0)
    }

    /// Whether the transport checksum is still to be completed.
    pub fn needs_checksum(&self) -> bool {
        self.flags & Self::NEEDS_CHECKSUM != 0
    }
}

/// A packet socket in one namespace.
pub struct PacketSocket {
    descriptor: OwnedFd,
}

/// One frame to be sent: what is left to do on it, its bytes and the device it leaves by.
#[derive(Clone, Copy)]
pub struct Transmission<'a> {
    /// Index of the device.
    pub device: u32,
    /// What the receiver's stack has to do.
    pub header: VirtioNetHeader,
    /// The frame from its Ethernet header on.
    pub frame: &'a [u8],
}

/// Room for a batch of received frames, with the tables by which the kernel fills it.
pub struct FrameBatch {
    slots: Box<[u8]>,
    headers: Box<[VirtioNetHeader]>,
    names: Box<[libc::sockaddr_ll]>,
    lengths: Box<[usize]>,
    // Point into the boxes above, which never move or change size.
    messages: Box<[libc::mmsghdr]>,
    _vectors: Box<[[libc::iovec; 2]]>,
}

// SAFETY: the pointers in the tables lead only to memory that the batch itself owns.
unsafe impl Send for FrameBatch {}

impl PacketSocket {
    /// A non-blocking socket that receives this protocol's frames from all devices of `namespace`, with a queue of
    /// `queue_bytes`.
    ///
    /// # Errors
    /// When the namespace cannot be entered or the socket not be made.
    pub fn receiver(
        namespace: &NetworkNamespace,
        protocol: EtherType,
        queue_bytes: usize,
    ) -> Result<Self, NamespaceError> {
        Self::open(namespace, protocol as u16, queue_bytes)
    }

    /// Shares this protocol's frames with the other sockets of `group` in the namespace: a frame that processor `p` takes in
    /// goes to the member numbered `p` modulo their count, in the order of joining. So a frame can be dealt with where it is,
    /// without waking another processor.
    ///
    /// # Errors
    /// When the kernel refuses, for example because a member receives another protocol.
    pub fn share_by_processor(&self, group: u16) -> io::Result<()> {
        set_option(
            &self.descriptor,
            libc::SOL_PACKET,
            PACKET_FANOUT,
            libc::c_int::from(group) | PACKET_FANOUT_CPU << 16,
        )
    }

    /// Whether what is sent passes the device's queueing discipline and with it everybody who captures at the device, or
    /// goes past them, as it does at first.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_visible(&self, is_visible: bool) -> io::Result<()> {
        set_option(&self.descriptor, libc::SOL_PACKET, PACKET_QDISC_BYPASS, libc::c_int::from(!is_visible))
    }

    /// Bytes of memory that waiting frames take.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn queued_bytes(&self) -> io::Result<u32> {
        /// `SK_MEMINFO_VARS` of linux/sock_diag.h; the first is `SK_MEMINFO_RMEM_ALLOC`.
        const VARIABLES: usize = 9;
        let mut memory = [0_u32; VARIABLES];
        let mut length = size_of_val(&memory) as libc::socklen_t;
        // SAFETY: the array has the size given and outlives the call.
        let result = unsafe {
            libc::getsockopt(
                self.descriptor.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                memory.as_mut_ptr().cast(),
                &mut length,
            )
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(memory[0]) }
    }

    /// How many frames were lost since the last call, because too many waited.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn lost(&self) -> io::Result<u32> {
        lost(&self.descriptor)
    }

    /// A non-blocking socket that only sends.
    ///
    /// # Errors
    /// When the namespace cannot be entered or the socket not be made.
    pub fn sender(namespace: &NetworkNamespace, queue_bytes: usize) -> Result<Self, NamespaceError> {
        Self::open(namespace, NO_PROTOCOL, queue_bytes)
    }

    fn open(namespace: &NetworkNamespace, protocol: u16, queue_bytes: usize) -> Result<Self, NamespaceError> {
        namespace.run(|| open_here(protocol, queue_bytes))?.map_err(|source| NamespaceError::System {
            action: "open a packet socket in",
            name: namespace.name().to_owned(),
            source,
        })
    }

    /// Takes up to a batch of waiting frames; none waiting is an empty batch. Frames longer than a slot are left out.
    ///
    /// # Errors
    /// When the kernel refuses, other than because of a single frame.
    pub fn receive(&self, batch: &mut FrameBatch) -> io::Result<usize> {
        // SAFETY: every message points to its own header, slot and name, all of which outlive the call.
        let received = unsafe {
            libc::recvmmsg(
                self.descriptor.as_raw_fd(),
                batch.messages.as_mut_ptr(),
                batch.messages.len() as _,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        if received < 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                // ENETDOWN is what a device that went away leaves on the socket; EINVAL a frame whose
                // segmentation has no virtio name. Neither says anything about the frames behind it.
                Some(libc::EAGAIN | libc::EINTR | libc::ENETDOWN | libc::EINVAL) => Ok(0),
                _ => Err(error),
            };
        }
        let received = received as usize;
        for (message, length) in batch.messages.iter_mut().zip(&mut batch.lengths).take(received) {
            let bytes = (message.msg_len as usize).saturating_sub(size_of::<VirtioNetHeader>());
            let is_cut = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            *length = if is_cut { 0 } else { bytes.min(FRAME_SLOT_BYTES) };
            // The kernel has written the length of the name there.
            message.msg_hdr.msg_namelen = NAME_BYTES;
        }
        Ok(received)
    }

    /// Sends frames in order and answers the numbers of those that the kernel refused, because their device is gone, say.
    ///
    /// # Errors
    /// When the socket itself fails.
    pub fn send(&self, frames: &[Transmission<'_>]) -> io::Result<Vec<usize>> {
        let mut headers: Vec<VirtioNetHeader> = frames.iter().map(|frame| frame.header).collect();
        let mut names: Vec<libc::sockaddr_ll> = frames
            .iter()
            .map(|frame| {
                let mut name = no_name();
                name.sll_ifindex = frame.device as i32;
                // The protocol is what the stack calls the frame by; segmentation and checksums depend on it.
                name.sll_protocol = match frame.frame {
                    [_, _, _, _, _, _, _, _, _, _, _, _, high, low, ..] => u16::from_ne_bytes([*high, *low]),
                    _ => 0,
                };
                name
            })
            .collect();
        let mut vectors: Vec<[libc::iovec; 2]> = headers
            .iter_mut()
            .zip(frames)
            .map(|(header, frame)| {
                [
                    libc::iovec {
                        iov_base: std::ptr::from_mut(header).cast(),
                        iov_len: size_of::<VirtioNetHeader>(),
                    },
                    libc::iovec {
                        iov_base: frame.frame.as_ptr().cast_mut().cast(),
                        iov_len: frame.frame.len(),
                    },
                ]
            })
            .collect();
        let mut messages: Vec<libc::mmsghdr> =
            vectors.iter_mut().zip(&mut names).map(|(vector, name)| message(vector, name)).collect();
        let (mut next, mut refused) = (0, Vec::new());
        while next < messages.len() {
            // SAFETY: the messages point to headers, names and frames that outlive the call, which only reads them.
            let taken = unsafe {
                libc::sendmmsg(
                    self.descriptor.as_raw_fd(),
                    messages[next..].as_mut_ptr(),
                    (messages.len() - next) as _,
                    libc::MSG_DONTWAIT as _,
                )
            };
            if taken > 0 {
                next += taken as usize;
                continue;
            }
            match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::EBADF) => return Err(error),
                // The first frame of the rest is the one refused.
                _ => {
                    refused.push(next);
                    next += 1;
                }
            }
        }
        Ok(refused)
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl FrameBatch {
    /// Room for `capacity` frames. Memory is only used where frames have been written.
    pub fn new(capacity: usize) -> Self {
        let mut slots = vec![0; capacity * FRAME_SLOT_BYTES].into_boxed_slice();
        let mut headers = vec![VirtioNetHeader::default(); capacity].into_boxed_slice();
        let mut names = vec![no_name(); capacity].into_boxed_slice();
        let mut vectors: Box<[[libc::iovec; 2]]> = slots
            .chunks_exact_mut(FRAME_SLOT_BYTES)
            .zip(&mut headers)
            .map(|(slot, header)| {
                let header_bytes = size_of::<VirtioNetHeader>();
                [
                    libc::iovec { iov_base: std::ptr::from_mut(header).cast(), iov_len: header_bytes },
                    libc::iovec { iov_base: slot.as_mut_ptr().cast(), iov_len: slot.len() },
                ]
            })
            .collect();
        let messages =
            vectors.iter_mut().zip(&mut names).map(|(vector, name)| message(vector, name)).collect();
        let lengths = vec![0; capacity].into_boxed_slice();
        Self { slots, headers, names, lengths, messages, _vectors: vectors }
    }

    /// The device that frame `index` of the last receive came in by.
    pub fn device(&self, index: usize) -> u32 {
        self.names[index].sll_ifindex as u32
    }

    /// What is left to do on frame `index`.
    pub fn header(&self, index: usize) -> VirtioNetHeader {
        self.headers[index]
    }

    /// The bytes of frame `index`; empty when it did not fit.
    pub fn frame(&self, index: usize) -> &[u8] {
        &self.slots[index * FRAME_SLOT_BYTES..][..self.lengths[index]]
    }

    /// The bytes of frame `index`, to be rewritten in place.
    pub fn frame_mut(&mut self, index: usize) -> &mut [u8] {
        &mut self.slots[index * FRAME_SLOT_BYTES..][..self.lengths[index]]
    }
}

/// The name of a packet socket's other side, still to be filled in.
fn no_name() -> libc::sockaddr_ll {
    // SAFETY: sockaddr_ll is a plain C structure for which all zero bytes are a value.
    let mut name: libc::sockaddr_ll = unsafe { zeroed() };
    name.sll_family = libc::AF_PACKET as u16;
    name
}

/// A message of a header and a frame. Whoever hands it to the kernel sees to it that both it and the name still exist.
fn message(vector: &mut [libc::iovec; 2], name: &mut libc::sockaddr_ll) -> libc::mmsghdr {
    // SAFETY: mmsghdr is a plain C structure for which all zero bytes are a value.
    let mut message: libc::mmsghdr = unsafe { zeroed() };
    message.msg_hdr.msg_name = std::ptr::from_mut(name).cast();
    message.msg_hdr.msg_namelen = NAME_BYTES;
    message.msg_hdr.msg_iov = vector.as_mut_ptr();
    message.msg_hdr.msg_iovlen = vector.len() as _;
    message
}

fn open_here(protocol: u16, queue_bytes: usize) -> io::Result<PacketSocket> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers; the protocol is set by bind below, once the options are in place.
    let descriptor = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nobody else has it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let queue = i32::try_from(queue_bytes).unwrap_or(i32::MAX);
    set_option(&descriptor, libc::SOL_PACKET, PACKET_VNET_HDR, 1)?;
    // Straight to the driver. Besides being shorter, this works from the moment that a veth's other end comes up: until a
    // worker of the kernel has noticed (net/core/link_watch.c), its queueing discipline drops everything.
    set_option(&descriptor, libc::SOL_PACKET, PACKET_QDISC_BYPASS, 1)?;
    // Since 4.20, and only an optimisation: an EtherType-bound socket does not see what is sent.
    let _ = set_option(&descriptor, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    for (forced, plain) in [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)]
    {
        if set_option(&descriptor, libc::SOL_SOCKET, forced, queue).is_err() {
            set_option(&descriptor, libc::SOL_SOCKET, plain, queue)?;
        }
    }
    if protocol != NO_PROTOCOL {
        let mut name = no_name();
        name.sll_protocol = protocol.to_be();
        // SAFETY: the address is a sockaddr_ll of that size and outlives the call.
        let result =
            unsafe { libc::bind(descriptor.as_raw_fd(), std::ptr::from_ref(&name).cast(), NAME_BYTES) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(PacketSocket { descriptor })
}

/// How many frames a packet socket has lost since the last call: the kernel counts from 0 again when it is asked.
pub(crate) fn lost(socket: &OwnedFd) -> io::Result<u32> {
    // SAFETY: the structure consists of integers, for which zero is a value.
    let mut counts: libc::tpacket_stats = unsafe { zeroed() };
    let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: the structure has the size given and outlives the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            std::ptr::from_mut(&mut counts).cast(),
            &mut length,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(counts.tp_drops) }
}

fn set_option(
    descriptor: &OwnedFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the option's value is one int, whose address and size are given and which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            descriptor.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
