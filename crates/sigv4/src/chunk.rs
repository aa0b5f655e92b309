//! Signatures of the chunks of a body that is signed as it is sent.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::sign::{derive_key, hmac};
use crate::{CredentialScope, Presented, SigningTime, sha256_hex};

/// The algorithms in the strings to sign of chunks, and of the trailer behind them.
const CHUNK: &str = "AWS4-HMAC-SHA256-PAYLOAD";
const TRAILER: &str = "AWS4-HMAC-SHA256-TRAILER";

/// The signatures of chunks in their order. Each covers the one before, the first that of the request's head.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>
#[derive(Clone)]
pub struct ChunkSignatures {
    key: [u8; 32],
    time: SigningTime,
    scope: CredentialScope,
    previous: String,
}

impl ChunkSignatures {
    /// Those that follow a request's own, which has been verified with this secret.
    pub fn after(presented: &Presented, secret: &str) -> Self {
        Self {
            key: derive_key(secret, &presented.scope),
            time: presented.time,
            scope: presented.scope.clone(),
            previous: presented.signature.clone(),
        }
    }

    /// The signature of the next chunk, of which this is the hash.
    pub fn of_chunk(&mut self, sha256: Sha256) -> String {
        let covered = format!("{}\n{}", sha256_hex(b""), hex::encode(sha256.finalize()));
        self.next(CHUNK, &covered)
    }

    /// The signature of the trailer: `name:value` and a line feed for each of its fields.
    pub fn of_trailer(&mut self, fields: &str) -> String {
        self.next(TRAILER, &sha256_hex(fields.as_bytes()))
    }

    fn next(&mut self, algorithm: &str, covered: &str) -> String {
        let (time, scope, previous) = (self.time, &self.scope, &self.previous);
        let string_to_sign = format!("{algorithm}\n{time}\n{scope}\n{previous}\n{covered}");
        let signature = hex::encode(hmac(&self.key, &string_to_sign));
        self.previous.clone_from(&signature);
        signature
    }
}

/// Whether a signature is the expected one, in a time that does not depend on where they differ.
pub fn is_signature(expected: &str, presented: &[u8]) -> bool {
    expected.as_bytes().ct_eq(presented).into()
}
