//! Single packets that a namespace's own kernel sends, as it would send those of a program there: it looks for the route, and
//! asks for the neighbour's address.
//!
//! Refuses to know what is sent and why.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use socket2::{Domain, Protocol, Socket, Type};

use crate::{NamespaceError, NetworkNamespace};

/// One packet without its IP header.
#[derive(Clone, Copy, Debug)]
pub struct RawPacket<'a> {
    /// An address of the namespace.
    pub source: IpAddr,
    /// Of the same family.
    pub destination: IpAddr,
    /// The protocol's number.
    pub protocol: u8,
    /// What comes after the IP header. The kernel fills in the checksum of ICMPv6, and none else.
    pub body: &'a [u8],
}

/// Has a namespace's kernel send a packet: by that device, or by the one that its routes lead to.
///
/// # Errors
/// When the namespace cannot be entered, the source is no address of it, or it has no route to the destination. That nobody
/// answers for the next hop is no error: the kernel asks after this has returned.
pub fn send_raw(
    namespace: &NetworkNamespace,
    packet: &RawPacket<'_>,
    device: Option<&str>,
) -> Result<(), NamespaceError> {
    let send = || -> io::Result<()> {
        let (source, destination) =
            (SocketAddr::new(packet.source, 0), SocketAddr::new(packet.destination, 0));
        let protocol = Protocol::from(i32::from(packet.protocol));
        let socket = Socket::new(Domain::for_address(source), Type::RAW, Some(protocol))?;
        socket.bind_device(device.map(str::as_bytes))?;
        socket.bind(&source.into())?;
        socket.send_to(packet.body, &destination.into())?;
        Ok(())
    };
    namespace.run(send)?.map_err(|source| failed("send a packet in", namespace, source))
}

/// Takes a TCP or UDP port of a namespace, so that nobody else there has it for as long as the descriptor is open: that one,
/// or where it is 0 any that is free. Nobody can connect to it.
///
/// # Errors
/// When the namespace cannot be entered, the address is not its own, or the port is taken.
pub fn reserve_port(
    namespace: &NetworkNamespace,
    address: SocketAddr,
    is_tcp: bool,
) -> Result<(OwnedFd, u16), NamespaceError> {
    let reserve = || -> io::Result<(OwnedFd, u16)> {
        let (kind, protocol) =
            if is_tcp { (Type::STREAM, Protocol::TCP) } else { (Type::DGRAM, Protocol::UDP) };
        let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
        socket.bind(&address.into())?;
        let port = socket.local_addr()?.as_socket().map_or(0, |bound| bound.port());
        Ok((socket.into(), port))
    };
    namespace.run(reserve)?.map_err(|source| failed("take a port in", namespace, source))
}

fn failed(action: &'static str, namespace: &NetworkNamespace, source: io::Error) -> NamespaceError {
    NamespaceError::System { action, name: namespace.name().to_owned(), source }
}
