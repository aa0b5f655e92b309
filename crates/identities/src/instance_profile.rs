//! Instance profiles: what hands a role to an instance.

use aws_types::{Arn, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::Record;

/// An instance profile. Kept under its account's global scope, by [`crate::name_key`] of its name.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_InstanceProfile.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceProfile {
    /// `AIPA…`
    pub id: String,
    /// The name.
    pub name: String,
    /// The path, `/` at least.
    pub path: String,
    /// The ARN.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// The role that is in it, by its name; one at most.
    pub role: Option<String>,
    /// The tags.
    pub tags: Tags,
}

impl Record for InstanceProfile {
    const KIND: &'static str = "iam.instance-profile";
}
