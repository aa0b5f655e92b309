//! Instance profiles: what hands a role to an instance.

use aws_types::{Arn, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::Record;

use crate::name_key;

/// An instance profile. Kept under its account's global scope, by [`crate::name_key`] of its name; part
/// of the role that is in it, by the role's key.
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
    const HAS_WHOLE: bool = true;

    fn whole(&self) -> Option<String> {
        self.role.as_deref().map(name_key)
    }
}
