//! What users and roles last called.

use std::collections::BTreeMap;

use aws_types::{Arn, Region, Timestamp};
use serde::{Deserialize, Serialize};
use store::Record;

/// What a user, or the sessions of a role, last called. Kept under its account's global scope, by its stable id.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceUses {
    /// The ARN of the user or role.
    pub principal: Arn,
    /// The last call of each operation, by the namespace of its service, such as `ec2`, and then by its name.
    pub calls: BTreeMap<String, BTreeMap<String, LastCall>>,
}

/// The last call of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCall {
    /// When.
    pub at: Timestamp,
    /// In which region.
    pub region: Region,
}

impl Record for ServiceUses {
    const KIND: &'static str = "iam.service-uses";
}
