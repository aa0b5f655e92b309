//! The sockets of the resolver.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::directory::{DnsDirectory, NoPublicNames, PublicNames};
use super::look_up::Asker;
use super::wire::{self, Transport};
use crate::budget::LinkLocalBudget;
use crate::connections::{Connections, PAUSE_AFTER_ERROR};

/// How long a connection may be silent (RFC 7766, section 6.2.3, leaves it to the server).
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest UDP packet.
const MAX_PACKET: usize = 65_535;

/// The resolver of all VPCs.
pub struct DnsServer {
    directory: Arc<dyn DnsDirectory>,
    public: Arc<dyn PublicNames>,
    budget: Arc<LinkLocalBudget>,
    connections: Arc<Connections>,
}

impl DnsServer {
    /// A resolver that asks this directory, and knows no names of the internet.
    pub fn new(directory: Arc<dyn DnsDirectory>, budget: Arc<LinkLocalBudget>) -> Self {
        Self { directory, public: Arc::new(NoPublicNames), budget, connections: Arc::default() }
    }

    /// The same resolver with an internet that has these names.
    #[must_use]
    pub fn with_public_names(mut self, public: Arc<dyn PublicNames>) -> Self {
        self.public = public;
        self
    }

    /// Answers on these sockets, for ever. An answer leaves from the address that its query was sent to, so sockets are
    /// best bound to one address each.
    ///
    /// # Errors
    /// The sockets cannot be driven by this runtime, or one of the tasks failed.
    pub async fn serve(
        self,
        udp: Vec<std::net::UdpSocket>,
        tcp: Vec<std::net::TcpListener>,
    ) -> io::Result<std::convert::Infallible> {
        let server = Arc::new(self);
        let mut tasks = JoinSet::new();
        for socket in udp {
            socket.set_nonblocking(true)?;
            tasks.spawn(Arc::clone(&server).serve_udp(UdpSocket::from_std(socket)?));
        }
        for listener in tcp {
            listener.set_nonblocking(true)?;
            tasks.spawn(Arc::clone(&server).serve_tcp(TcpListener::from_std(listener)?));
        }
        match tasks.join_next().await {
            Some(Err(failed)) => Err(io::Error::other(failed)),
            Some(Ok(never)) => match never {},
            None => std::future::pending().await,
        }
    }

    /// The answer to a query over UDP, if it gets one. What [`Self::serve`] sends, but for the budget.
    pub fn answer_udp(&self, peer: IpAddr, query: &[u8]) -> Option<Vec<u8>> {
        self.respond_unlimited(peer, query, Transport::Udp)
    }

    fn respond_unlimited(&self, peer: IpAddr, packet: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let asker = Asker { directory: &*self.directory, public: &*self.public, peer };
        wire::respond(&asker, packet, transport)
    }

    /// The answer to a query, if it gets one.
    fn respond(&self, peer: IpAddr, packet: &[u8], transport: Transport) -> Option<Vec<u8>> {
        if !self.budget.take(peer) {
            return None;
        }
        self.respond_unlimited(peer, packet, transport)
    }

    async fn serve_udp(self: Arc<Self>, socket: UdpSocket) -> std::convert::Infallible {
        let mut packet = vec![0; MAX_PACKET];
        loop {
            let (length, from) = match socket.recv_from(&mut packet).await {
                Ok(received) => received,
                Err(error) => {
                    tracing::debug!(%error, "a DNS socket could not receive");
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                    continue;
                }
            };
            if let Some(answer) = self.respond(from.ip().to_canonical(), &packet[..length], Transport::Udp) {
                // A full send buffer loses the answer as a network would; the asker asks again.
                if let Err(error) = socket.try_send_to(&answer, from) {
                    tracing::debug!(%error, %from, "a DNS answer was not sent");
                }
            }
        }
    }

    async fn serve_tcp(self: Arc<Self>, listener: TcpListener) -> std::convert::Infallible {
        let connections = Arc::clone(&self.connections);
        let converse = move |stream, from| Arc::clone(&self).converse(stream, from);
        connections.serve(listener, converse).await
    }

    /// Query after query, each with its length before it (RFC 1035, section 4.2.2), until one gets no answer.
    async fn converse(self: Arc<Self>, mut stream: TcpStream, from: SocketAddr) -> io::Result<()> {
        loop {
            let query = tokio::time::timeout(IDLE_TIMEOUT, read_message(&mut stream)).await??;
            let Some(answer) = self.respond(from.ip().to_canonical(), &query, Transport::Tcp) else {
                return Ok(());
            };
            let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
            let mut framed = Vec::with_capacity(answer.len() + 2);
            framed.extend_from_slice(&length.to_be_bytes());
            framed.extend_from_slice(&answer);
            tokio::time::timeout(IDLE_TIMEOUT, stream.write_all(&framed)).await??;
        }
    }
}

async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}
