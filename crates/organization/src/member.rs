//! The accounts of an organization.

use std::collections::BTreeMap;

use aws_types::{AccountId, Partition, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Record, Scope, Transaction};

use crate::{Attachments, Organization, ParentId};

/// The id of the one membership that an account's scope has.
pub(crate) const MEMBERSHIP: &str = "membership";

/// How an account came into its organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinedMethod {
    /// The organization made it.
    Created,
    /// It was there, and accepted an invitation, or made the organization.
    Invited,
}

/// An account of an organization. Kept under the organization's scope, by the account's number; part of its parent by that
/// one's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The account.
    pub account: AccountId,
    /// Where it is.
    pub parent: ParentId,
    /// How it came.
    pub method: JoinedMethod,
    /// When it came.
    pub joined: Timestamp,
    /// What is attached to it.
    pub policies: Attachments,
    /// Its tags in the organization.
    pub tags: Tags,
    /// The services that it administers for the organization, by their principals, and since when.
    pub delegated_services: BTreeMap<String, Timestamp>,
}

impl Member {
    /// Whether it has come by now: an account that is being made is not shown yet.
    pub fn has_joined(&self, now: Timestamp) -> bool {
        self.joined <= now
    }
}

impl Record for Member {
    const KIND: &'static str = "organizations.member";
    const HAS_WHOLE: bool = true;

    fn whole(&self) -> Option<String> {
        Some(self.parent.to_string())
    }
}

/// Which organization an account is in. Kept under the account's own global scope: it finds the organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The organization's management account, which is the account itself where it manages one.
    pub management: AccountId,
}

impl Record for Membership {
    const KIND: &'static str = "organizations.membership";
}

/// Puts an account into an organization.
pub fn join(
    transaction: &mut Transaction,
    partition: Partition,
    organization: &Organization,
    member: Member,
) {
    let own = Scope::global(partition, member.account);
    transaction.put(&own, MEMBERSHIP, Membership { management: organization.management });
    let number = member.account.to_string();
    transaction.put(&organization.scope(partition), &number, member);
}

/// Takes an account out of its organization.
pub fn leave(
    transaction: &mut Transaction,
    partition: Partition,
    organization: &Organization,
    account: AccountId,
) {
    transaction.delete::<Membership>(&Scope::global(partition, account), MEMBERSHIP);
    transaction.delete::<Member>(&organization.scope(partition), &account.to_string());
}
