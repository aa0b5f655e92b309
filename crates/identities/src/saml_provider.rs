//! SAML providers: whose assertions AssumeRoleWithSAML takes.

use aws_types::{Arn, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::Record;

/// A SAML provider. Kept under its account's global scope, by [`crate::name_key`] of its name.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetSAMLProvider.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlProvider {
    /// Its UUID.
    pub id: String,
    /// The name.
    pub name: String,
    /// The ARN.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// The metadata document, as it was given.
    pub metadata: String,
    /// What the document says.
    pub description: SamlDescription,
    /// Whether assertions have to be encrypted; `None` where no key is given for it.
    pub encryption: Option<SamlEncryption>,
    /// The keys that assertions are decrypted with, at most two.
    pub private_keys: Vec<SamlPrivateKey>,
    /// The tags.
    pub tags: Tags,
}

/// What a metadata document says that assertions are held against.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlDescription {
    /// Who issues assertions.
    pub entity_id: String,
    /// Until when the document says that it holds.
    pub valid_until: Option<Timestamp>,
    /// The certificates that assertions are signed with, in DER.
    pub signing_certificates: Vec<Vec<u8>>,
}

/// Whether assertions have to be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SamlEncryption {
    /// Others are refused.
    Required,
    /// Both kinds are taken.
    Allowed,
}

/// A key that assertions are decrypted with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamlPrivateKey {
    /// Its id.
    pub id: String,
    /// When it came.
    pub added: Timestamp,
    /// The key, in PEM.
    pub pem: String,
}

/// Never prints the key.
impl std::fmt::Debug for SamlPrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SamlPrivateKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Record for SamlProvider {
    const KIND: &'static str = "iam.saml-provider";
}
