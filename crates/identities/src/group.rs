//! Groups of users.

use std::collections::{BTreeMap, BTreeSet};

use aws_types::{Arn, Timestamp};
use iam_policy::Policy;
use serde::{Deserialize, Serialize};
use store::Record;

/// A group. Kept under its account's global scope, by [`crate::name_key`] of its name. Who is in it, the users say.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Group.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// `AGPA…`
    pub id: String,
    /// The name.
    pub name: String,
    /// The path, `/` at least.
    pub path: String,
    /// The ARN.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// Its own policies, by name.
    pub inline_policies: BTreeMap<String, Policy>,
    /// The ARNs of the managed policies that it has.
    pub attached_policies: BTreeSet<String>,
}

impl Record for Group {
    const KIND: &'static str = "iam.group";
}
