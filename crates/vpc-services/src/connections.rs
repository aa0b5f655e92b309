//! Accepting connections, within bounds, for all servers. Refuses to know what is said on them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How many connections one server holds open.
const MAX_CONNECTIONS: usize = 1024;
/// How many of them one interface may have.
const MAX_CONNECTIONS_PER_PEER: usize = 64;
/// A pause after a failed receive or accept, so that a lasting failure does not spin.
pub(crate) const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// The open connections of a server, within limits.
#[derive(Debug)]
pub struct Connections {
    open: Mutex<Open>,
    max: usize,
    max_per_peer: usize,
}

impl Default for Connections {
    fn default() -> Self {
        Self::with_limits(MAX_CONNECTIONS, MAX_CONNECTIONS_PER_PEER)
    }
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// One open connection; dropping it gives its place back.
#[derive(Debug)]
struct Admission {
    connections: Arc<Connections>,
    peer: IpAddr,
}

impl Connections {
    /// None yet, and never more than `max`, nor than `max_per_peer` of one address.
    pub fn with_limits(max: usize, max_per_peer: usize) -> Self {
        Self { open: Mutex::default(), max, max_per_peer }
    }

    /// Accepts on this listener for ever, and has each connection that has a place conversed with in a task of its own.
    /// Dropping the future ends them all.
    pub async fn serve<C, F>(self: Arc<Self>, listener: TcpListener, converse: C) -> Infallible
    where
        C: Fn(TcpStream, SocketAddr) -> F,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => {
                        let Some(admission) = self.admit(from.ip().to_canonical()) else { continue };
                        let conversation = converse(stream, from);
                        open.spawn(async move {
                            if let Err(error) = conversation.await {
                                tracing::trace!(%error, %from, "a connection ended");
                            }
                            drop(admission);
                        });
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a listener could not accept");
                        tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                    }
                },
                Some(_) = open.join_next() => {}
            }
        }
    }

    /// A place for a connection of this peer, when there is one.
    fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Admission> {
        let mut open = self.open.lock();
        if open.total >= self.max {
            return None;
        }
        let of_peer = open.by_peer.entry(peer).or_default();
        if *of_peer >= self.max_per_peer {
            return None;
        }
        *of_peer += 1;
        open.total += 1;
        Some(Admission { connections: Arc::clone(self), peer })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock();
        open.total -= 1;
        if let Some(of_peer) = open.by_peer.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                open.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_per_peer_and_in_all_and_given_back() {
        let connections = Arc::new(Connections::default());
        let peer = |number: u16| IpAddr::from([100, 64, (number >> 8) as u8, number as u8]);
        let mut held: Vec<_> = (0..100).filter_map(|_| connections.admit(peer(0))).collect();
        assert_eq!(held.len(), MAX_CONNECTIONS_PER_PEER);
        held.extend((1..2000).filter_map(|number| connections.admit(peer(number))));
        assert_eq!(held.len(), MAX_CONNECTIONS);
        held.pop();
        assert!(connections.admit(peer(5000)).is_some());
        held.clear();
        assert_eq!(connections.open.lock().total, 0);
        assert!(connections.open.lock().by_peer.is_empty());
    }
}
