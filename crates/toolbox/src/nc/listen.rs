//! Waiting for others to connect.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{Family, Plan, relay};

/// Connections that wait while one is being served.
const BACKLOG: i32 = 16;

/// Serves one connection after the other, or only one. Always ends well, unless the system does not let it listen.
pub(super) fn listen(plan: &Plan, source: Option<IpAddr>, port: u16) -> io::Result<bool> {
    let listener = bind(plan, source, port)?;
    if plan.verbose {
        let bound = listener.local_addr()?.as_socket();
        let bound = bound.unwrap_or(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port));
        eprintln!("Listening on {} {}", bound.ip(), bound.port());
    }
    if plan.udp {
        return listen_udp(plan, listener);
    }
    loop {
        let (connection, peer) = listener.accept()?;
        if let Some(peer) = peer.as_socket() {
            tell_peer(plan, peer);
        }
        // What goes wrong with one connection does not end the listener.
        let ended = relay::relay(plan, connection);
        if !plan.keep_listening {
            return ended.map(|()| true);
        }
    }
}

/// Without an address or a family it listens on IPv6 and IPv4 at once, where there is IPv6.
fn bind(plan: &Plan, source: Option<IpAddr>, port: u16) -> io::Result<Socket> {
    let addresses: Vec<IpAddr> = match (source, plan.family) {
        (Some(source), _) => vec![source],
        (None, Family::V4) => vec![Ipv4Addr::UNSPECIFIED.into()],
        (None, Family::V6) => vec![Ipv6Addr::UNSPECIFIED.into()],
        (None, Family::Any) => vec![Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()],
    };
    let mut problem = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match bind_to(plan, SocketAddr::new(address, port)) {
            Ok(socket) => return Ok(socket),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

fn bind_to(plan: &Plan, address: SocketAddr) -> io::Result<Socket> {
    let (kind, protocol) =
        if plan.udp { (Type::DGRAM, Protocol::UDP) } else { (Type::STREAM, Protocol::TCP) };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(plan.family == Family::V6)?;
    }
    socket.bind(&SockAddr::from(address))?;
    if !plan.udp {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

/// Without -k the first sender becomes the only peer; with -k everybody's datagrams are shown and none is answered.
fn listen_udp(plan: &Plan, socket: Socket) -> io::Result<bool> {
    let socket = UdpSocket::from(socket);
    let mut buffer = vec![0; relay::DATAGRAM_BYTES];
    loop {
        if !plan.keep_listening {
            // Left in the queue, so that it is shown like all that follow.
            let (_, peer) = socket.peek_from(&mut buffer)?;
            tell_peer(plan, peer);
            socket.connect(peer)?;
            return relay::relay(plan, socket.into()).map(|()| true);
        }
        let (count, peer) = socket.recv_from(&mut buffer)?;
        tell_peer(plan, peer);
        relay::show(&buffer[..count])?;
    }
}

fn tell_peer(plan: &Plan, peer: SocketAddr) {
    if plan.verbose {
        // An IPv4 peer of a socket that takes both is shown as what it is.
        eprintln!("Connection received on {} {}", peer.ip().to_canonical(), peer.port());
    }
}
