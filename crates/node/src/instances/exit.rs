//! Waiting for the end of a sandbox without a thread for each.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// Waits until a descriptor becomes readable, as a pidfd does when its process has ended.
///
/// # Errors
/// When the runtime cannot watch it.
#[allow(unsafe_code)]
pub(super) async fn readable(descriptor: OwnedFd) -> io::Result<()> {
    // SAFETY: the `AsyncFd` owns the descriptor, so it is open, and the same file, for as long as it is registered.
    let watched = unsafe { AsyncFd::register(descriptor) }.map_err(io::Error::from)?;
    watched.readable().await.map(drop)
}
