//! Bounds on open connections, for both servers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// How many connections one server holds open.
const MAX_CONNECTIONS: usize = 1024;
/// How many of them one interface may have.
const MAX_CONNECTIONS_PER_PEER: usize = 64;

/// The open connections of a server.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_peer: HashMap<IpAddr, usize>,
}

/// One open connection; dropping it gives its place back.
#[derive(Debug)]
pub(crate) struct Admission {
    connections: Arc<Connections>,
    peer: IpAddr,
}

impl Connections {
    /// A place for a connection of this peer, when there is one.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Admission> {
        let mut open = self.0.lock();
        if open.total >= MAX_CONNECTIONS {
            return None;
        }
        let of_peer = open.by_peer.entry(peer).or_default();
        if *of_peer >= MAX_CONNECTIONS_PER_PEER {
            return None;
        }
        *of_peer += 1;
        open.total += 1;
        Some(Admission { connections: Arc::clone(self), peer })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut open = self.connections.0.lock();
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
        assert_eq!(connections.0.lock().total, 0);
        assert!(connections.0.lock().by_peer.is_empty());
    }
}
