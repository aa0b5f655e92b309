//! The socket that echo requests go out of: a raw one, which also hears errors, or where that is not allowed the
//! kernel's ping socket.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signalfd::SignalFd;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{Plan, icmp, unspecified};

/// An ICMP message and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) from: IpAddr,
    pub(super) ttl: Option<u8>,
    /// From the ICMP header on.
    pub(super) message: Vec<u8>,
}

/// Why waiting has ended.
pub(super) enum Wakeup {
    Heard(Packet),
    Time,
    Signal,
}

pub(super) struct EchoSocket {
    socket: Socket,
    target: IpAddr,
    identifier: u16,
    is_raw: bool,
}

impl EchoSocket {
    pub(super) fn open(plan: &Plan) -> io::Result<Self> {
        let is_v4 = plan.target.is_ipv4();
        let (domain, protocol) =
            if is_v4 { (Domain::IPV4, Protocol::ICMPV4) } else { (Domain::IPV6, Protocol::ICMPV6) };
        let raw = Socket::new(domain, Type::RAW, Some(protocol));
        let is_raw = raw.is_ok();
        let socket = raw.or_else(|_| Socket::new(domain, Type::DGRAM, Some(protocol)))?;
        if let Some(source) = &plan.source {
            match source.parse::<IpAddr>() {
                Ok(address) => socket.bind(&SockAddr::from(SocketAddr::new(address, 0)))?,
                Err(_) => socket.bind_device(Some(source.as_bytes()))?,
            }
        } else if !is_raw {
            socket.bind(&SockAddr::from(SocketAddr::new(unspecified(plan.target), 0)))?;
        }
        if is_v4 {
            setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?;
            if let Some(ttl) = plan.ttl {
                socket.set_ttl_v4(ttl)?;
            }
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvHopLimit, &true)?;
            if let Some(ttl) = plan.ttl {
                socket.set_unicast_hops_v6(ttl)?;
            }
        }
        set_fragmentation(&socket, is_v4, plan.forbid_fragments)?;
        // Not connected, so that errors of routers on the way are heard; but a route must be there.
        probe_route(&socket, plan.target)?;
        // A ping socket's identifier is its port.
        let identifier = if is_raw {
            std::process::id() as u16
        } else {
            socket.local_addr()?.as_socket().map_or(0, |address| address.port())
        };
        Ok(Self { socket, target: plan.target, identifier, is_raw })
    }

    pub(super) fn identifier(&self) -> u16 {
        self.identifier
    }

    pub(super) fn send(&self, sequence: u16, data_bytes: usize) -> io::Result<()> {
        let message = icmp::request(self.target, self.identifier, sequence, data_bytes);
        let to = SockAddr::from(SocketAddr::new(self.target, 0));
        self.socket.send_to(&message, &to).map(drop)
    }

    /// What the kernel knows of the largest packet on the way.
    pub(super) fn path_mtu_bytes(&self) -> Option<u32> {
        path_mtu(self.target)
    }

    /// Waits for a packet, a signal, or a time.
    pub(super) fn wait(&self, signals: &SignalFd, until: Option<Instant>) -> io::Result<Wakeup> {
        let wait = match until {
            None => PollTimeout::NONE,
            Some(until) => {
                let millis = until.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
                PollTimeout::try_from(millis.min(i32::MAX as u128) as i32).unwrap_or(PollTimeout::MAX)
            }
        };
        let mut polled = [
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut polled, wait) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => return Ok(Wakeup::Time),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let ready = |index: usize| polled[index].revents().is_some_and(|events| !events.is_empty());
        if ready(0) {
            return Ok(Wakeup::Signal);
        }
        match self.receive() {
            Ok(Some(packet)) => Ok(Wakeup::Heard(packet)),
            Ok(None) => Ok(Wakeup::Time),
            // An error that the kernel has noted for the socket is told by the packet that brought it, if at all.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Wakeup::Time),
            Err(error) if error.kind() == io::ErrorKind::HostUnreachable => Ok(Wakeup::Time),
            Err(error) => Err(error),
        }
    }

    fn receive(&self) -> io::Result<Option<Packet>> {
        let mut buffer = vec![0; 65_536];
        let mut control = nix::cmsg_space!(i32);
        let (count, ttl, from) = {
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let flags = MsgFlags::MSG_DONTWAIT;
            let message =
                recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut slices, Some(&mut control), flags)?;
            let ttl = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                    u8::try_from(ttl).ok()
                }
                _ => None,
            });
            let from = message.address.and_then(|address| {
                let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
                v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
            });
            (message.bytes, ttl, from)
        };
        let Some(from) = from else { return Ok(None) };
        // A raw IPv4 socket gives the IP header too.
        let header_bytes = match buffer.first() {
            Some(first) if self.is_raw && self.target.is_ipv4() => usize::from(first & 0x0f) * 4,
            _ => 0,
        };
        let message = buffer.get(header_bytes..count).map(<[u8]>::to_vec).unwrap_or_default();
        Ok(Some(Packet { from, ttl, message }))
    }
}

/// Fails as sending would, but with the kernel's word for a missing route before anything is announced.
fn probe_route(socket: &Socket, target: IpAddr) -> io::Result<()> {
    let domain = if target.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let probe = Socket::new(domain, Type::DGRAM, None)?;
    if let Ok(Some(device)) = socket.device() {
        probe.bind_device(Some(&device))?;
    }
    probe.connect(&SockAddr::from(SocketAddr::new(target, 1025)))
}

#[allow(unsafe_code)]
fn set_fragmentation(socket: &Socket, is_v4: bool, forbid: bool) -> io::Result<()> {
    let (level, name, value) = match (is_v4, forbid) {
        (true, true) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO),
        (true, false) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT),
        (false, true) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO),
        (false, false) => return Ok(()),
    };
    // SAFETY: the option takes an integer, which lives for the duration of the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Asks by a connected socket, the only kind that the kernel answers for.
#[allow(unsafe_code)]
fn path_mtu(target: IpAddr) -> Option<u32> {
    let (domain, level, name) = match target {
        IpAddr::V4(_) => (Domain::IPV4, libc::IPPROTO_IP, libc::IP_MTU),
        IpAddr::V6(_) => (Domain::IPV6, libc::IPPROTO_IPV6, libc::IPV6_MTU),
    };
    let socket = Socket::new(domain, Type::DGRAM, None).ok()?;
    socket.connect(&SockAddr::from(SocketAddr::new(target, 1025))).ok()?;
    let mut value: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to an integer of that size.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut length)
    };
    if result == -1 { None } else { u32::try_from(value).ok() }
}
