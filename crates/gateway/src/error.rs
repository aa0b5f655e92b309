//! Why a gateway does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        cause: io::Error,
    },
    /// A file of the certificate authority cannot be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// The certificate authority cannot be used.
    #[error("the certificate authority in {} cannot be used: {cause}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: AuthorityError,
    },
    /// Two services have the same model.
    #[error("two services implement {0}")]
    DuplicateService(&'static str),
    /// A service has a model that is not built in.
    #[error("there is no model of {0}")]
    UnknownModel(&'static str),
}

/// Why a certificate authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Its key cannot be read or made, or does not sign.
    #[error(transparent)]
    Key(#[from] rcgen::Error),
    /// Its certificate cannot be read.
    #[error(transparent)]
    Certificate(#[from] rustls_pki_types::pem::Error),
}
