//! OpenID Connect providers: whose tokens AssumeRoleWithWebIdentity takes.

use aws_types::{Arn, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::Record;

/// An OpenID Connect provider. Kept under its account's global scope, by its URL without the scheme.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetOpenIDConnectProvider.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIdConnectProvider {
    /// The URL without `https://`: what tokens have in `iss`, and trust policies before `:aud`.
    pub url: String,
    /// The ARN, which ends with the URL.
    pub arn: Arn,
    /// What tokens may have in `aud`, in the order in which they were added.
    pub client_ids: Vec<String>,
    /// The SHA-1 sums of the certificates that the provider's may be signed with, in hexadecimal.
    pub thumbprints: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// The tags.
    pub tags: Tags,
}

impl Record for OpenIdConnectProvider {
    const KIND: &'static str = "iam.open-id-connect-provider";
}
