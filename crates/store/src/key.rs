//! Keys: (partition, account, region, kind, id).

use std::fmt;

use aws_types::{AccountId, Partition, Region};
use serde::{Deserialize, Serialize};

/// What a record belongs to. Global records (accounts, their keys) have the region `aws-global`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// The partition.
    pub partition: Partition,
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
}

impl Scope {
    /// The scope of regional records.
    pub fn new(partition: Partition, account: AccountId, region: Region) -> Self {
        Self { partition, account, region }
    }

    /// The scope of the account's global records.
    pub fn global(partition: Partition, account: AccountId) -> Self {
        Self { partition, account, region: "aws-global".parse().expect("a valid region name") }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.partition, self.account, self.region)
    }
}

/// The full key of a record. Ordered by scope, then kind, then id, so that one kind in one scope is one range.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// What it belongs to.
    pub scope: Scope,
    /// The record's kind, such as `ec2.vpc`.
    pub kind: &'static str,
    /// Its id in that kind.
    pub id: String,
}
