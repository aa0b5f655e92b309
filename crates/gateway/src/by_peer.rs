//! What peers have of their own: shares, each of which lives as long as somebody holds it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Something of each peer.
#[derive(Debug)]
pub(crate) struct ByPeer<T>(Mutex<HashMap<IpAddr, Weak<T>>>);

impl<T> Default for ByPeer<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> ByPeer<T> {
    /// What a peer has, made if nobody holds it.
    pub(crate) fn get(&self, peer: IpAddr, make: impl FnOnce() -> T) -> Arc<T> {
        let mut by_peer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = by_peer.get(&peer).and_then(Weak::upgrade) {
            return found;
        }
        by_peer.retain(|_, held| held.strong_count() > 0);
        let made = Arc::new(make());
        by_peer.insert(peer, Arc::downgrade(&made));
        made
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
