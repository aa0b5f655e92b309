//! Connecting, to one port or to each of many.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{Plan, is_timeout, plain, relay};

/// How long a UDP port has to refuse before it counts as open.
const UDP_SILENCE: Duration = Duration::from_secs(1);

/// Connects to each port; without `report_only`, talks over the first connection. Whether any could be made.
pub(super) fn connect(plan: &Plan, host: &str, ports: &[u16], report_only: bool) -> Result<bool, String> {
    let mut any = false;
    for port in ports {
        let Some(socket) = connect_one(plan, host, *port)? else { continue };
        if report_only {
            let open = !plan.udp || udp_is_silent(plan, &socket);
            if open && plan.verbose {
                tell_success(plan, host, *port, &socket);
            }
            any |= open;
            continue;
        }
        if plan.verbose {
            tell_success(plan, host, *port, &socket);
        }
        relay::relay(plan, socket).map_err(|error| plain(&error))?;
        return Ok(true);
    }
    Ok(any)
}

/// Tries every address of the host.
fn connect_one(plan: &Plan, host: &str, port: u16) -> Result<Option<Socket>, String> {
    for address in plan.resolve(host, port)? {
        match open(plan, address) {
            Ok(socket) => return Ok(Some(socket)),
            Err(error) if plan.verbose => {
                let how = if is_timeout(&error) { "timed out" } else { "failed" };
                // The words that connect(2) leaves behind when the caller gives up waiting for it.
                let why =
                    if is_timeout(&error) { "Operation now in progress".to_owned() } else { plain(&error) };
                eprintln!("nc: connect to {host} port {port} ({}) {how}: {why}", plan.protocol());
            }
            Err(_) => {}
        }
    }
    Ok(None)
}

fn open(plan: &Plan, address: SocketAddr) -> io::Result<Socket> {
    let (kind, protocol) =
        if plan.udp { (Type::DGRAM, Protocol::UDP) } else { (Type::STREAM, Protocol::TCP) };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if plan.source.is_some() || plan.source_port != 0 {
        socket.set_reuse_address(true)?;
        let any: IpAddr =
            if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let source = SocketAddr::new(plan.source.unwrap_or(any), plan.source_port);
        socket.bind(&SockAddr::from(source))?;
    }
    match plan.timeout {
        Some(timeout) => socket.connect_timeout(&address.into(), timeout)?,
        None => socket.connect(&address.into())?,
    }
    Ok(socket)
}

/// A closed UDP port answers by ICMP, which the next call on the socket tells.
fn udp_is_silent(plan: &Plan, socket: &Socket) -> bool {
    let deadline = Instant::now() + plan.timeout.unwrap_or(UDP_SILENCE).min(UDP_SILENCE);
    while Instant::now() < deadline {
        if socket.send(b"X").is_err() {
            return false;
        }
        std::thread::sleep(UDP_SILENCE / 10);
        if socket.take_error().ok().flatten().is_some() {
            return false;
        }
    }
    true
}

fn tell_success(plan: &Plan, host: &str, port: u16, socket: &Socket) {
    let peer = socket.peer_addr().ok().and_then(|address| address.as_socket());
    let address = match peer {
        Some(peer) if peer.ip().to_string() != host => format!(" ({})", peer.ip()),
        _ => String::new(),
    };
    let service = plan.service(port);
    eprintln!("Connection to {host}{address} {port} port [{}/{service}] succeeded!", plan.protocol());
}
