//! A socket that sees what passes one device, in both directions, as it passes.
//!
//! Refuses to know what is looked for and where it is written.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use crate::{NamespaceError, NetworkNamespace};

/// Bytes that may wait to be read; the kernel counts what comes on top.
const QUEUE_BYTES: libc::c_int = 64 << 20;

/// The socket.
pub struct CaptureSocket {
    descriptor: OwnedFd,
}

/// One frame that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// How many of its bytes there are.
    pub length: usize,
    /// How many bytes it had.
    pub original_length: usize,
    /// When it passed, since 1970.
    pub at: Duration,
    /// Whether the namespace has sent it by the device, rather than received it.
    pub is_outgoing: bool,
}

impl CaptureSocket {
    /// Sees every frame of the device with that index from now on, whatever programs do with it afterwards. Frames that a
    /// program hands to the device's peer without sending them by the device, and those that another socket sends past its
    /// queueing discipline, are not among them.
    ///
    /// # Errors
    /// When the namespace cannot be entered or the device is not there.
    pub fn open(namespace: &NetworkNamespace, device: u32) -> Result<Self, NamespaceError> {
        namespace.run(|| open_here(device))?.map_err(|source| NamespaceError::System {
            action: "open a capturing socket in",
            name: namespace.name().to_owned(),
            source,
        })
    }

    /// Takes the next frame; none if there is none within a time.
    ///
    /// # Errors
    /// When the kernel refuses; [`io::ErrorKind::NetworkDown`] when the device is gone.
    pub fn next(&self, frame: &mut [u8], within: Duration) -> io::Result<Option<Passed>> {
        let timeout = libc::c_int::try_from(within.as_millis()).unwrap_or(libc::c_int::MAX);
        let mut waiting = libc::pollfd { fd: self.descriptor.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, which outlives the call.
        let ready = unsafe { libc::poll(&mut waiting, 1, timeout) };
        if ready <= 0 {
            return match io::Error::last_os_error() {
                _ if ready == 0 => Ok(None),
                error if error.kind() == io::ErrorKind::Interrupted => Ok(None),
                error => Err(error),
            };
        }
        self.receive(frame)
    }

    fn receive(&self, frame: &mut [u8]) -> io::Result<Option<Passed>> {
        // SAFETY: both are plain C structures for which all zero bytes are a value.
        let (mut name, mut message): (libc::sockaddr_ll, libc::msghdr) = unsafe { (zeroed(), zeroed()) };
        let mut control = [0_u64; 16];
        let mut vector = libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() };
        message.msg_name = std::ptr::from_mut(&mut name).cast();
        message.msg_namelen = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        message.msg_iov = &mut vector;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        // SAFETY: the message points to memory above of the sizes given, which outlives the call.
        let received = unsafe { libc::recvmsg(self.descriptor.as_raw_fd(), &mut message, flags) };
        if received < 0 {
            let error = io::Error::last_os_error();
            let is_nothing = matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR));
            return if is_nothing { Ok(None) } else { Err(error) };
        }
        let original_length = received as usize;
        Ok(Some(Passed {
            length: original_length.min(frame.len()),
            original_length,
            at: time_of(&message).unwrap_or_default(),
            is_outgoing: name.sll_pkttype == libc::PACKET_OUTGOING,
        }))
    }

    /// How many frames were lost since the last call, because too many waited.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn lost(&self) -> io::Result<u32> {
        crate::packet::lost(&self.descriptor)
    }
}

impl AsFd for CaptureSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// The time that the kernel gives with a frame.
fn time_of(message: &libc::msghdr) -> Option<Duration> {
    // SAFETY: the kernel has filled the control buffer that the message points to, and its length in.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: not null, so it is a header within the buffer.
        let (level, kind) = unsafe { ((*header).cmsg_level, (*header).cmsg_type) };
        if (level, kind) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
            // SAFETY: this kind of control message carries one timespec, perhaps unaligned.
            let time = unsafe { std::ptr::read_unaligned(libc::CMSG_DATA(header).cast::<libc::timespec>()) };
            return Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?));
        }
        // SAFETY: a header of this message's buffer.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    None
}

fn open_here(device: u32) -> io::Result<CaptureSocket> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers; nothing is received before the device is chosen below.
    let descriptor = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nobody else has it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    for (option, value) in [(libc::SO_TIMESTAMPNS, 1), (libc::SO_RCVBUFFORCE, QUEUE_BYTES)] {
        // SAFETY: the value is one int, whose address and size are given and which outlives the call.
        let result = unsafe {
            libc::setsockopt(
                descriptor.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                std::ptr::from_ref(&value).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // SAFETY: a plain C structure for which all zero bytes are a value.
    let mut name: libc::sockaddr_ll = unsafe { zeroed() };
    name.sll_family = libc::AF_PACKET as u16;
    name.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    name.sll_ifindex = device.cast_signed();
    // SAFETY: the address is a sockaddr_ll of that size and outlives the call.
    let result = unsafe {
        libc::bind(
            descriptor.as_raw_fd(),
            std::ptr::from_ref(&name).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(CaptureSocket { descriptor }) }
}
