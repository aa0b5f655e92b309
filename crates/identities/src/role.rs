//! Roles.

use std::collections::{BTreeMap, BTreeSet};

use aws_types::{Arn, Region, Tags, Timestamp};
use iam_policy::Policy;
use serde::{Deserialize, Serialize};
use store::Record;

/// A role. Kept under its account's global scope, by [`crate::name_key`] of its name.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// `AROA…`
    pub id: String,
    /// The name.
    pub name: String,
    /// The path, `/` at least. `/aws-service-role/…/` is for those that belong to services.
    pub path: String,
    /// The ARN.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// Who may assume it: AssumeRolePolicyDocument.
    pub trust_policy: Policy,
    /// What its owner says of it.
    pub description: Option<String>,
    /// The longest session, in seconds.
    pub max_session_secs: u32,
    /// The ARN of the managed policy that says what it may do at most.
    pub permissions_boundary: Option<String>,
    /// Its own policies, by name.
    pub inline_policies: BTreeMap<String, Policy>,
    /// The ARNs of the managed policies that it has.
    pub attached_policies: BTreeSet<String>,
    /// The tags.
    pub tags: Tags,
    /// The service that it belongs to, such as `ec2.amazonaws.com`; `None` for roles of one's own.
    pub linked_service: Option<String>,
}

impl Record for Role {
    const KIND: &'static str = "iam.role";
}

/// When and where a role's credentials were last used. Kept under its account's global scope, by the role's stable id, and
/// apart from it: it is written often, and a minute late.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_RoleLastUsed.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleUse {
    /// When.
    pub at: Timestamp,
    /// In which region.
    pub region: Region,
}

impl Record for RoleUse {
    const KIND: &'static str = "iam.role-use";
}
