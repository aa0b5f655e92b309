//! The sockets of the time service.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::packet::answer;
use crate::budget::LinkLocalBudget;
use crate::connections::PAUSE_AFTER_ERROR;

/// Longer than any query; what is cut off would not be looked at.
const MAX_PACKET: usize = 1024;

/// The time service of all VPCs. It is the same for everybody, so there is nobody whom it asks.
#[derive(Debug)]
pub struct NtpServer {
    budget: Arc<LinkLocalBudget>,
}

impl NtpServer {
    /// A service that gives the host's time.
    pub fn new(budget: Arc<LinkLocalBudget>) -> Self {
        Self { budget }
    }

    /// Answers on these sockets, for ever. An answer leaves from the address that its query was sent to, so sockets are
    /// best bound to one address each.
    ///
    /// # Errors
    /// The sockets cannot be driven by this runtime, or one of the tasks failed.
    pub async fn serve(self, sockets: Vec<std::net::UdpSocket>) -> io::Result<std::convert::Infallible> {
        let server = Arc::new(self);
        let mut tasks = JoinSet::new();
        for socket in sockets {
            socket.set_nonblocking(true)?;
            tasks.spawn(Arc::clone(&server).serve_socket(UdpSocket::from_std(socket)?));
        }
        match tasks.join_next().await {
            Some(Err(failed)) => Err(io::Error::other(failed)),
            Some(Ok(never)) => match never {},
            None => std::future::pending().await,
        }
    }

    async fn serve_socket(self: Arc<Self>, socket: UdpSocket) -> std::convert::Infallible {
        let mut packet = [0; MAX_PACKET];
        loop {
            let (length, from) = match socket.recv_from(&mut packet).await {
                Ok(received) => received,
                Err(error) => {
                    tracing::debug!(%error, "a time socket could not receive");
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                    continue;
                }
            };
            if !self.budget.take(from.ip().to_canonical()) {
                continue;
            }
            if let Some(reply) = answer(&packet[..length], SystemTime::now()) {
                // A full send buffer loses the answer as a network would; the asker asks again.
                if let Err(error) = socket.try_send_to(&reply, from) {
                    tracing::debug!(%error, %from, "the time was not sent");
                }
            }
        }
    }
}
