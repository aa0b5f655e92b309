//! The organization that an account may be in, as far as IAM asks.
//!
//! Owns the questions. Whoever composes the cloud answers them: Organizations is another service.

use aws_types::{AccountId, Partition};
use iam_policy::Policy;
use store::Snapshot;

/// What IAM wants to know of an account's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The organization's id.
    pub organization_id: String,
    /// Whether it has all features, and not consolidated billing alone.
    pub has_all_features: bool,
    /// Whether the account manages it.
    pub is_management: bool,
    /// Whether the account is a delegated administrator for IAM.
    pub is_delegated_administrator: bool,
    /// Whether IAM is trusted in it.
    pub trusts_iam: bool,
}

/// A policy of an organization.
#[derive(Clone, Debug)]
pub struct OrganizationPolicy {
    /// Its id, or ARN.
    pub id: String,
    /// What it says.
    pub policy: Policy,
}

/// Whoever knows organizations.
pub trait Organization: Send + Sync + 'static {
    /// The account's place; `None` when it is in no organization.
    fn membership(&self, snapshot: &Snapshot, partition: Partition, account: AccountId)
    -> Option<Membership>;
    /// The service control policies that hold in the account, by level from the organization's root. None where none apply.
    fn service_control(
        &self,
        snapshot: &Snapshot,
        partition: Partition,
        account: AccountId,
    ) -> Vec<Vec<OrganizationPolicy>>;
}

/// Where there are no organizations, as in tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Organization for Alone {
    fn membership(&self, _: &Snapshot, _: Partition, _: AccountId) -> Option<Membership> {
        None
    }

    fn service_control(&self, _: &Snapshot, _: Partition, _: AccountId) -> Vec<Vec<OrganizationPolicy>> {
        Vec::new()
    }
}
