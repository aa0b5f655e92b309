//! AWS Signature Version 4: sign and verify, pure.
//!
//! Owns the canonical request, the string to sign, the derived key, and reading and checking what a request presents.
//! Refuses to know HTTP libraries, clocks (the time comes in), and whose keys are whose.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

mod canonical;
mod chunk;
mod encode;
mod error;
mod form;
mod presented;
mod sign;
mod time;
mod verify;

pub use canonical::{Payload, Request, UriRules, sha256_hex};
pub use chunk::{ChunkSignatures, is_signature};
pub use error::{AwsError, Flavour, SignatureError};
pub use form::{FormFields, verify_policy};
pub use presented::{CredentialScope, Place, Presented};
pub use sign::{Signer, derive_key};
pub use time::SigningTime;
pub use verify::{CLOCK_SKEW_SECS, MAX_PRESIGNED_SECS, verify};

/// The name of the algorithm in headers, queries and strings to sign.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
