//! That nobody waits for an answer any more.
//!
//! Owns one flag. Refuses to know who asked, and why they do not wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether work that takes long is to end early.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends the work, soon.
    pub(crate) fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// When the work is to end.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.0.load(Ordering::Relaxed) {
            return Err("nobody waits for the answer any more".to_owned());
        }
        Ok(())
    }
}
