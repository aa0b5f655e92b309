//! Managed policies of accounts. Those of AWS are facts, and no records.

use std::collections::BTreeMap;

use aws_types::{Arn, Tags, Timestamp};
use iam_policy::Policy;
use serde::{Deserialize, Serialize};
use store::Record;

/// A managed policy. Kept under its account's global scope, by [`crate::name_key`] of its name.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Policy.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// `ANPA…`
    pub id: String,
    /// The name.
    pub name: String,
    /// The path, `/` at least.
    pub path: String,
    /// The ARN.
    pub arn: Arn,
    /// What its owner says of it.
    pub description: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When a version of it was last made.
    pub updated: Timestamp,
    /// The number of the version that counts; `v1` is 1.
    pub default_version: u32,
    /// The number of the next version; numbers are not used again.
    pub next_version: u32,
    /// The versions, at most five.
    pub versions: BTreeMap<u32, PolicyVersion>,
    /// The tags.
    pub tags: Tags,
}

/// A version of a managed policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// What it says.
    pub policy: Policy,
    /// When it was made.
    pub created: Timestamp,
}

impl ManagedPolicy {
    /// What counts.
    pub fn policy(&self) -> &Policy {
        &self.versions.get(&self.default_version).expect("the default version is never deleted").policy
    }
}

impl Record for ManagedPolicy {
    const KIND: &'static str = "iam.managed-policy";
}
