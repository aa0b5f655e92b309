//! Server certificates: what load balancers and distributions show their clients.

use aws_types::{Arn, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::Record;

/// A server certificate. Kept under its account's global scope, by [`crate::name_key`] of its name.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ServerCertificate.html>
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerCertificate {
    /// `ASCA…`
    pub id: String,
    /// The name.
    pub name: String,
    /// The path, `/` at least.
    pub path: String,
    /// The ARN.
    pub arn: Arn,
    /// The certificate, in PEM.
    pub body: String,
    /// Those that vouch for it, in PEM, the nearest first.
    pub chain: Option<String>,
    /// Its private key, in PEM.
    pub private_key: String,
    /// When it came.
    pub uploaded: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The tags.
    pub tags: Tags,
}

/// Never prints the key.
impl std::fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCertificate").field("arn", &self.arn).finish_non_exhaustive()
    }
}

impl Record for ServerCertificate {
    const KIND: &'static str = "iam.server-certificate";
}
