//! Captures: which interfaces somebody looks at, packet by packet.
//!
//! Owns for how long each is looked at: whoever does says so again and again, and whoever has gone is forgotten. Refuses to
//! know what is captured: that is done by who asks, at the interface's host end.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_plane::DataPlane;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use vpc_model::Port;

use crate::control::{self, Question};
use crate::paths::RunDir;

/// How long an interface stays observed after it was last asked for.
const LEASE: Duration = Duration::from_secs(6);
/// Interfaces that are observed at one time, at most.
const CAPTURES_MAX: usize = 16;
/// How often those that are no longer asked for are looked for.
const TICK: Duration = Duration::from_secs(1);

/// Where an interface's packets can be seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CapturePoint {
    /// The network interface id.
    pub interface: String,
    /// The file of the network namespace.
    pub namespace: PathBuf,
    /// The index of the device in it.
    pub device: u32,
}

impl CapturePoint {
    /// How often it is to be asked for, so that all packets stay visible.
    pub const RENEWAL: Duration = Duration::from_secs(2);

    /// Asks the daemon of a run directory to have all packets of an interface, or of an instance's primary one, come by a
    /// place where they can be seen.
    ///
    /// # Errors
    /// When it does not answer in time, knows no such interface, or has too many to look after.
    pub fn ask(run_dir: &RunDir, of: &str) -> io::Result<Self> {
        control::ask(run_dir, &Question::Capture { of: of.to_owned() })
    }
}

/// Who is observed, and until when.
pub(crate) struct Captures {
    plane: Arc<DataPlane>,
    until: Mutex<BTreeMap<Port, Instant>>,
}

impl Captures {
    pub(crate) fn new(plane: Arc<DataPlane>) -> Self {
        Self { plane, until: Mutex::default() }
    }

    /// Observes a port for some seconds from now on.
    pub(crate) fn renew(&self, port: Port) -> Result<(), String> {
        let mut until = self.until.lock();
        if until.insert(port, Instant::now() + LEASE).is_some() {
            return Ok(());
        }
        if until.len() > CAPTURES_MAX {
            until.remove(&port);
            return Err(format!("{CAPTURES_MAX} interfaces are captured already"));
        }
        self.plane.set_observed(until.keys().copied().collect()).map_err(|error| error.to_string())
    }

    /// Forgets those that nobody asks for any more, until it is told to end.
    pub(crate) async fn expire(self: Arc<Self>) {
        loop {
            tokio::time::sleep(TICK).await;
            let this = Arc::clone(&self);
            let _ = tokio::task::spawn_blocking(move || this.forget_expired()).await;
        }
    }

    fn forget_expired(&self) {
        let mut until = self.until.lock();
        let (before, now) = (until.len(), Instant::now());
        until.retain(|_, until| *until > now);
        if until.len() < before
            && let Err(error) = self.plane.set_observed(until.keys().copied().collect())
        {
            tracing::warn!(%error, "captured interfaces are slower than they need be");
        }
    }
}
