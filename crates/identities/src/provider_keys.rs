//! The public keys of OpenID Connect issuers, as an operator gave them.

use aws_types::Timestamp;
use serde::{Deserialize, Serialize};
use store::Record;

/// The keys that an issuer publishes. They are the issuer's, whichever accounts have a provider for it: kept under
/// [`crate::cloud_scope`], by the issuer's URL without the scheme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderKeys {
    /// The set of keys, as the issuer publishes it in JSON.
    pub key_set: String,
    /// How many of its keys are of use.
    pub usable: usize,
    /// When it was given.
    pub given: Timestamp,
}

impl Record for ProviderKeys {
    const KIND: &'static str = "iam.provider-keys";
}
