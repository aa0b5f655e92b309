//! One checksum.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smallvec::SmallVec;

use crate::ChecksumAlgorithm;

/// A checksum, with what it was computed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    bytes: SmallVec<[u8; 32]>,
}

/// A text that is no checksum of an algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadChecksum(pub ChecksumAlgorithm);

impl fmt::Display for BadChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value for {} header is invalid.", self.0.header())
    }
}

impl std::error::Error for BadChecksum {}

impl Checksum {
    /// A checksum of these bytes, which are as many as the algorithm gives.
    pub(crate) fn new(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Self {
        debug_assert_eq!(bytes.len(), algorithm.length());
        Self { algorithm, bytes: SmallVec::from_slice(bytes) }
    }

    /// Reads base64, as headers have it.
    ///
    /// # Errors
    /// It is not, or of another length.
    pub fn of_base64(algorithm: ChecksumAlgorithm, text: &str) -> Result<Self, BadChecksum> {
        let bytes = STANDARD.decode(text).map_err(|_| BadChecksum(algorithm))?;
        Self::of_bytes(algorithm, &bytes)
    }

    /// Takes the bytes of a checksum.
    ///
    /// # Errors
    /// They are too few or too many.
    pub fn of_bytes(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Result<Self, BadChecksum> {
        if bytes.len() == algorithm.length() {
            Ok(Self::new(algorithm, bytes))
        } else {
            Err(BadChecksum(algorithm))
        }
    }

    /// What it was computed by.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// Its bytes, the most significant first.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As headers have it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.bytes)
    }
}
