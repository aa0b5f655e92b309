//! The echo service (RFC 862): what comes goes back. Refuses to know from whom.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::server::PAUSE_AFTER_ERROR;

/// The port of the service.
pub(crate) const PORT: u16 = 7;
/// How long a connection may be silent: longer than any idle timeout of the network's that somebody may want to see.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// How long the peer may take to make room for what goes back.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// What is read of a connection at once.
const BUFFER_BYTES: usize = 16 * 1024;
/// The largest UDP packet.
const MAX_PACKET_BYTES: usize = 65_535;

/// Sends back what a connection brings, until its other side ends it.
pub(crate) async fn converse(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = tokio::time::timeout(IDLE_TIMEOUT, stream.read(&mut buffer)).await??;
        if length == 0 {
            return Ok(());
        }
        tokio::time::timeout(WRITE_TIMEOUT, stream.write_all(&buffer[..length])).await??;
    }
}

/// Sends back packets for ever.
pub(crate) async fn serve(socket: UdpSocket) -> Infallible {
    let mut packet = vec![0; MAX_PACKET_BYTES];
    loop {
        match socket.recv_from(&mut packet).await {
            Ok((length, from)) => reply(&socket, &packet[..length], from),
            Err(error) => {
                tracing::debug!(%error, "an echo socket could not receive");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

fn reply(socket: &UdpSocket, packet: &[u8], from: SocketAddr) {
    // Two echo services that are made to talk to each other would never end.
    if from.port() == PORT {
        return;
    }
    // A full send buffer loses the packet, as a network would.
    if let Err(error) = socket.try_send_to(packet, from) {
        tracing::debug!(%error, %from, "an echo was not sent");
    }
}
