//! When credentials were last used.
//!
//! Owns the question. Whoever authenticates requests knows the answer; it is nothing that requests of IAM write.

use aws_types::{Partition, Timestamp};
use identities::RoleUse;
use store::Scope;

/// When, for what and where an access key last signed.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyLastUsed.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// When.
    pub at: Timestamp,
    /// The service, such as `s3`.
    pub service: String,
    /// The region.
    pub region: String,
}

/// Whoever sees requests.
pub trait Uses: Send + Sync + 'static {
    /// The last use of an access key, by its id.
    fn key(&self, partition: Partition, id: &str) -> Option<KeyUse>;
    /// The last use of a role of an account, by the account's global scope and the role's stable id.
    fn role(&self, scope: &Scope, id: &str) -> Option<RoleUse>;
}

/// Where nobody sees requests, as in tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unseen;

impl Uses for Unseen {
    fn key(&self, _: Partition, _: &str) -> Option<KeyUse> {
        None
    }

    fn role(&self, _: &Scope, _: &str) -> Option<RoleUse> {
        None
    }
}
