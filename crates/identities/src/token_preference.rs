//! Which tokens the global endpoint of STS gives.

use serde::{Deserialize, Serialize};
use store::Record;

/// The version of the global endpoint's session tokens.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SetSecurityTokenServicePreferences.html>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenVersion {
    /// `v1Token`: of use in regions that are on from the beginning.
    #[default]
    V1,
    /// `v2Token`: longer, and of use in all regions.
    V2,
}

/// What an account prefers. Kept under its global scope, by [`TokenPreference::KEY`]; without it, tokens are of version 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPreference {
    /// The version.
    pub global_endpoint: TokenVersion,
}

impl TokenPreference {
    /// The one key.
    pub const KEY: &'static str = "sts";
}

impl Record for TokenPreference {
    const KIND: &'static str = "iam.token-preference";
}
