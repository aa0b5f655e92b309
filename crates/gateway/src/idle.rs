//! Which connections nothing is asked on.
//!
//! Owns the count of a connection's requests that are being answered, and the time since there was one. Refuses to know
//! what is done about it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// The requests on one connection, from the end of a head until its answer is made.
pub(crate) struct Requests(Arc<watch::Sender<usize>>);

impl Requests {
    /// Of a connection that has had none, and what tells how long that lasts.
    pub(crate) fn none_yet() -> (Self, Idleness) {
        let (sender, receiver) = watch::channel(0);
        (Self(Arc::new(sender)), Idleness(receiver))
    }

    /// One more, until what is returned is dropped.
    pub(crate) fn begin(&self) -> Running {
        self.0.send_modify(|running| *running += 1);
        Running(Arc::clone(&self.0))
    }
}

/// A request that is being answered.
pub(crate) struct Running(Arc<watch::Sender<usize>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

/// Tells how long there have been no requests on a connection.
pub(crate) struct Idleness(watch::Receiver<usize>);

impl Idleness {
    /// Ready when no request has been running for that time: since `from`, or since the last one that came later. Pends
    /// for ever once the connection is gone.
    pub(crate) async fn lasts(&mut self, from: Instant, time: Duration) {
        let mut deadline = from + time;
        while let Ok(changed) = timeout_at(deadline, self.0.changed()).await {
            if changed.is_err() || self.0.wait_for(|running| *running == 0).await.is_err() {
                return std::future::pending().await;
            }
            deadline = Instant::now() + time;
        }
    }
}
