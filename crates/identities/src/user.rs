//! Users.

use std::collections::{BTreeMap, BTreeSet};

use aws_types::{Arn, Tags, Timestamp};
use iam_policy::Policy;
use serde::{Deserialize, Serialize};
use store::Record;

/// A user. Kept under its account's global scope, by [`crate::name_key`] of its name.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_User.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// `AIDA…`
    pub id: String,
    /// The name.
    pub name: String,
    /// The path, `/` at least.
    pub path: String,
    /// The ARN.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// When a password of it was last used.
    pub password_last_used: Option<Timestamp>,
    /// The ARN of the managed policy that says what it may do at most.
    pub permissions_boundary: Option<String>,
    /// Its own policies, by name.
    pub inline_policies: BTreeMap<String, Policy>,
    /// The ARNs of the managed policies that it has.
    pub attached_policies: BTreeSet<String>,
    /// The names of the groups that it is in, as [`crate::name_key`] has them.
    pub groups: BTreeSet<String>,
    /// The tags.
    pub tags: Tags,
}

impl Record for User {
    const KIND: &'static str = "iam.user";
}
