//! TCP and UDP sockets in a namespace that the caller is not in: what a service listens on.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{NamespaceError, NetworkNamespace};

/// Connections that may wait for an accept.
const BACKLOG: i32 = 1024;

/// A non-blocking TCP listener at `address` in `namespace`.
///
/// # Errors
/// When the namespace cannot be entered or the address not be bound.
pub fn tcp_listener(
    namespace: &NetworkNamespace,
    address: SocketAddr,
) -> Result<TcpListener, NamespaceError> {
    let socket = bound(namespace, address, Type::STREAM, Protocol::TCP)?;
    socket.listen(BACKLOG).map_err(|source| refused(namespace, source))?;
    Ok(socket.into())
}

/// A non-blocking UDP socket at `address` in `namespace`.
///
/// # Errors
/// When the namespace cannot be entered or the address not be bound.
pub fn udp_socket(namespace: &NetworkNamespace, address: SocketAddr) -> Result<UdpSocket, NamespaceError> {
    Ok(bound(namespace, address, Type::DGRAM, Protocol::UDP)?.into())
}

fn bound(
    namespace: &NetworkNamespace,
    address: SocketAddr,
    kind: Type,
    protocol: Protocol,
) -> Result<Socket, NamespaceError> {
    namespace
        .run(|| -> io::Result<Socket> {
            let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
            if kind == Type::STREAM {
                // A restart finds connections of its predecessor in TIME-WAIT.
                socket.set_reuse_address(true)?;
            }
            if address.is_ipv6() {
                socket.set_only_v6(true)?;
            }
            socket.set_nonblocking(true)?;
            socket.bind(&address.into())?;
            Ok(socket)
        })?
        .map_err(|source| {
            let source = io::Error::new(source.kind(), format!("{address}: {source}"));
            refused(namespace, source)
        })
}

fn refused(namespace: &NetworkNamespace, source: io::Error) -> NamespaceError {
    NamespaceError::System { action: "listen in", name: namespace.name().to_owned(), source }
}
