//! What can go wrong with the host, named by the step that failed.

use std::io;
use std::path::PathBuf;

use host_ebpf::FlowCacheError;
use host_net::{NamespaceError, NetlinkError};
use vpc_model::Port;

/// The data plane could not do something to the host.
#[derive(Debug, thiserror::Error)]
pub enum DataPlaneError {
    /// A namespace could not be made, entered or removed.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// A device could not be made, seen, changed or removed.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The flow cache could not be read or written.
    #[error(transparent)]
    FlowCache(#[from] FlowCacheError),
    /// A file of the run directory could not be made, read or removed.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another daemon has this run directory.
    #[error("another daemon works in {}", .0.display())]
    InUse(PathBuf),
    /// The thread that decides frames could not be made.
    #[error("cannot start the packet thread: {0}")]
    Thread(io::Error),
    /// The flow cache's program could not be kept at hand.
    #[error("cannot duplicate the flow cache's program: {0}")]
    Program(io::Error),
    /// A port of the cloud's own is not for interfaces.
    #[error("{0:?} is the cloud's own and takes no interface")]
    Reserved(Port),
    /// A device that was just made is not there.
    #[error("device {0} is gone again")]
    DeviceGone(String),
    /// Several steps of a teardown failed; what could be removed is gone.
    #[error("teardown left something behind: {}", join(.0))]
    Teardown(Vec<DataPlaneError>),
}

fn join(errors: &[DataPlaneError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl DataPlaneError {
    /// A mapper for failures of file operations.
    pub(crate) fn file<'a>(
        action: &'static str,
        path: &'a std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::File { action, path: path.to_owned(), source }
    }
}
