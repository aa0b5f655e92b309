//! Access keys that last. Those of sessions are in their tokens, and are nowhere kept.

use aws_types::{AccountId, Region, Timestamp};
use serde::{Deserialize, Serialize};
use store::Record;

/// Whether an access key signs.
///
/// ```text
/// Active <──> Inactive
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessKeyStatus {
    /// It does.
    Active,
    /// Its signatures are refused.
    Inactive,
}

/// Whose a key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessKeyOwner {
    /// The account's root user.
    Root,
    /// The user with this stable id and, as of its last change, this name.
    User {
        /// `AIDA…`
        id: String,
        /// The name.
        name: String,
    },
}

/// An access key. Kept under [`crate::cloud_scope`], by its id; part of its user by the user's id, or of its account by the
/// account's number.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html>
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// The account.
    pub account: AccountId,
    /// Whose it is there.
    pub owner: AccessKeyOwner,
    /// Whether it signs.
    pub status: AccessKeyStatus,
    /// When it was made.
    pub created: Timestamp,
    /// Whether the operator gave it on the command line; else Brume made it.
    #[serde(default)]
    pub is_given: bool,
}

impl AccessKey {
    /// The id of what the keys of a user or of an account's root user are part of.
    pub fn whole_of(account: AccountId, owner: &AccessKeyOwner) -> String {
        match owner {
            AccessKeyOwner::Root => account.to_string(),
            AccessKeyOwner::User { id, .. } => id.clone(),
        }
    }
}

/// Never prints the secret.
impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Record for AccessKey {
    const KIND: &'static str = "iam.access-key";
    const HAS_WHOLE: bool = true;

    fn whole(&self) -> Option<String> {
        Some(Self::whole_of(self.account, &self.owner))
    }
}

/// When, where and for what an access key was last used. Kept under [`crate::cloud_scope`], by the key's id, and apart from
/// it: it is written often, and a minute late.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyLastUsed.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKeyUse {
    /// When.
    pub at: Timestamp,
    /// In which region.
    pub region: Region,
    /// The signing name of the service, such as `ec2`.
    pub service: String,
}

impl Record for AccessKeyUse {
    const KIND: &'static str = "iam.access-key-use";
}
