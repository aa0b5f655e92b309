//! What an organization does with the root users of its members.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use store::Record;

/// A feature of central root access.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html#id_root-user-access-management>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RootFeature {
    /// The management account looks at, deletes and recovers the credentials of root users, in sessions of AssumeRoot.
    RootCredentialsManagement,
    /// It does other tasks in such sessions.
    RootSessions,
}

impl RootFeature {
    /// As requests and answers have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RootCredentialsManagement => "RootCredentialsManagement",
            Self::RootSessions => "RootSessions",
        }
    }
}

/// The features that an organization has on. Kept under [`crate::cloud_scope`], by the organization's id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootAccess {
    /// Those that are on.
    pub features: BTreeSet<RootFeature>,
}

impl Record for RootAccess {
    const KIND: &'static str = "iam.root-access";
}
