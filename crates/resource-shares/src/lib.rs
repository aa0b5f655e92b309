//! Which resources accounts share with which others.
//!
//! Owns the records of resource shares and invitations, and the questions that the service of a resource asks:
//! [`is_shared_with`], and [`related`], which tells at once that an account has nothing to do with others. Refuses to
//! know how shares come to be (that is `svc-ram`'s), and what sharing a resource allows (that is the resource's
//! service's).
//!
//! <https://docs.aws.amazon.com/ram/latest/userguide/what-is.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_types::{AccountId, Partition, Tags, Timestamp};
use identities::is_reachable;
use organization::{organization_of, path_of};
use serde::{Deserialize, Serialize};
use store::{Read, Record, Scope, Store, StoreError, Transaction};

/// For how long AWS shows a share that was deleted.
/// <https://docs.aws.amazon.com/ram/latest/userguide/working-with-sharing-delete.html>
const SHOWN_AFTER_DELETION_MILLIS: i64 = 2 * 60 * 60 * 1000;

/// How long an invitation can be accepted.
/// <https://docs.aws.amazon.com/ram/latest/userguide/working-with-shared-invitations.html>
const INVITED_FOR_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;

/// For how long AWS shows an invitation that was answered, since it was sent, or one that has expired, since it did.
/// <https://github.com/hashicorp/terraform-provider-aws/pull/11562>
const INVITATION_SHOWN_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;

/// A resource share. Stored under its owner's scope in its region, by its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceShare {
    /// The last part of its ARN.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// What its owner calls it.
    pub name: String,
    /// Whose resources it shares.
    pub owner: AccountId,
    /// Whether accounts outside the owner's organization can be principals.
    pub allow_external_principals: bool,
    /// The shared resources, by their ARNs.
    pub resources: BTreeMap<String, SharedResource>,
    /// Whom they are shared with, by account numbers, or by the ARNs of the owner's organization and its units.
    pub principals: BTreeMap<String, SharePrincipal>,
    /// The permissions that were named for it, by their ARNs; other types of resources have their defaults.
    pub permissions: Vec<String>,
    /// The tags.
    pub tags: Tags,
    /// The token of the request that made it.
    pub client_token: Option<String>,
    /// What that request asked for, to be compared with another one that has the token.
    #[serde(default)]
    pub asked: Option<Asked>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// When it was deleted.
    pub deleted: Option<Timestamp>,
}

/// What a request for a new share asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The name.
    pub name: String,
    /// The resources, by their ARNs, in order.
    pub resources: Vec<String>,
    /// The principals, in order.
    pub principals: Vec<String>,
    /// The permissions, in order.
    pub permissions: Vec<String>,
    /// Whether accounts outside the owner's organization can be principals.
    pub allow_external_principals: bool,
    /// The tags.
    pub tags: Tags,
}

/// A resource of a share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharedResource {
    /// When it was put in.
    pub created: Timestamp,
}

/// An account, or what an organization has of them, that a share is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharePrincipal {
    /// Whether it has accepted.
    pub acceptance: Acceptance,
    /// When it was put in.
    pub created: Timestamp,
    /// When that last changed.
    pub updated: Timestamp,
    /// Whether it was outside the owner's organization when it was put in, and had to accept.
    #[serde(default = "external")]
    pub external: bool,
}

/// What every principal was before there were organizations.
fn external() -> bool {
    true
}

/// What an invited account said.
///
/// ```text
/// Pending ──accept──> Accepted
///    └─────reject──> Rejected
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acceptance {
    /// Nothing yet.
    Pending,
    /// Yes: the resources are shared with it.
    Accepted,
    /// No.
    Rejected,
}

/// An invitation to a share. Stored under the invited account's scope in the share's region, by its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invitation {
    /// The last part of its ARN.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// The share.
    pub share_arn: String,
    /// The share's id.
    pub share_id: String,
    /// The share's name when it was sent.
    pub share_name: String,
    /// The share's owner.
    pub sender: AccountId,
    /// Who is invited.
    pub receiver: AccountId,
    /// When it was sent.
    pub sent: Timestamp,
    /// What the invited account said.
    pub acceptance: Acceptance,
}

/// That an account has accepted a share of another one, or the other one of it. Stored under the scope of each in the
/// share's region, by the other's number. It stays when nothing is shared any more: what they have made in each other's
/// networks stays too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharingPartner {}

impl Record for SharingPartner {
    const KIND: &'static str = "ram.sharing-partner";
}

impl Record for ResourceShare {
    const KIND: &'static str = "ram.resource-share";
}

impl Record for Invitation {
    const KIND: &'static str = "ram.invitation";
}

impl ResourceShare {
    /// Whether requests can still see it.
    pub fn is_visible(&self, now: Timestamp) -> bool {
        self.deleted.is_none_or(|deleted| now <= deleted.plus_millis(SHOWN_AFTER_DELETION_MILLIS))
    }

    /// Whether an account has accepted it, or need not, because its organization shares it. Who did not have to accept because
    /// it was in the owner's organization has nothing of it for as long as it is not.
    pub fn is_accepted_by(&self, reader: &impl Read, partition: Partition, account: AccountId) -> bool {
        if self.deleted.is_some() || self.owner == account {
            return false;
        }
        self.has_effect_for(reader, partition, &account.to_string())
            || self.principals.keys().any(|principal| is_within(reader, partition, principal, account))
    }

    /// Whether a principal, as the share has it, has what is shared: it has accepted, or it is in the owner's organization,
    /// which shares within itself.
    pub fn has_effect_for(&self, reader: &impl Read, partition: Partition, principal: &str) -> bool {
        let Some(held) = self.principals.get(principal) else { return false };
        let is_of_organization = || match principal.parse() {
            Ok(account) => share_within(reader, partition, self.owner, account),
            Err(_) => organization_of(reader, partition, self.owner).is_some_and(|organization| {
                organization.trusted_services.contains_key(SERVICE)
                    && principal.split('/').nth(1) == Some(organization.id.as_str())
            }),
        };
        held.acceptance == Acceptance::Accepted && (held.external || is_of_organization())
    }

    /// Whether an account has something of it now: it has accepted, and the owner's account is not closed.
    pub fn is_in_force_for(&self, reader: &impl Read, partition: Partition, account: AccountId) -> bool {
        self.is_accepted_by(reader, partition, account) && is_reachable(reader, partition, self.owner)
    }
}

impl Invitation {
    /// Whether requests can still see it.
    pub fn is_visible(&self, now: Timestamp) -> bool {
        let shown = match self.acceptance {
            Acceptance::Pending => INVITED_FOR_MILLIS + INVITATION_SHOWN_MILLIS,
            Acceptance::Accepted | Acceptance::Rejected => INVITATION_SHOWN_MILLIS,
        };
        now <= self.sent.plus_millis(shown)
    }

    /// Whether the account that sent it is not closed.
    pub fn is_of_open_account(&self, reader: &impl Read, partition: Partition) -> bool {
        is_reachable(reader, partition, self.sender)
    }

    /// Whether it is too late to accept it.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.acceptance == Acceptance::Pending && now > self.sent.plus_millis(INVITED_FOR_MILLIS)
    }
}

/// The service that an organization trusts to share within it.
pub const SERVICE: &str = "ram.amazonaws.com";

/// Whether two accounts are in one organization that shares within itself.
pub fn share_within(reader: &impl Read, partition: Partition, one: AccountId, other: AccountId) -> bool {
    let Some(organization) = organization_of(reader, partition, one) else { return false };
    organization.trusted_services.contains_key(SERVICE)
        && organization_of(reader, partition, other).is_some_and(|held| held.id == organization.id)
}

/// Whether the ARN of an organization or of one of its units, as a principal, stands for an account: it is there, and the
/// organization shares within itself.
pub fn is_within(reader: &impl Read, partition: Partition, principal: &str, account: AccountId) -> bool {
    // Account numbers are by far the most.
    if !principal.starts_with("arn:") {
        return false;
    }
    let Some(organization) = organization_of(reader, partition, account) else { return false };
    if !organization.trusted_services.contains_key(SERVICE) {
        return false;
    }
    if organization.arn(partition).as_str() == principal {
        return true;
    }
    let unit = principal.rsplit('/').next().unwrap_or_default();
    organization.arn_of(partition, "ou", unit).as_str() == principal
        && path_of(reader, partition, account).is_some_and(|path| path.split('/').any(|part| part == unit))
}

/// Records whom an account shares with from now on, because it has come to another place of its organization.
pub fn put_partners_within(transaction: &mut Transaction, partition: Partition, account: AccountId) {
    let shares = transaction.scan_all::<ResourceShare>();
    let shared = shares.filter(|(_, _, share)| {
        share.principals.values().any(|one| !one.external)
            && share.is_accepted_by(transaction, partition, account)
    });
    let owners: BTreeSet<Scope> = shared.map(|(owner, _, _)| owner.clone()).collect();
    for owner in owners {
        put_partners(transaction, &owner, account);
    }
}

/// Whether the owner of a resource shares it with an account that has accepted. An owner shares nothing with itself, and
/// nothing with anybody while its account is closed.
pub fn is_shared_with(reader: &impl Read, partition: Partition, arn: &str, account: AccountId) -> bool {
    // arn:partition:service:region:account:resource
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, _, region, owner, _] = parts[..] else { return false };
    let (Ok(region), Ok(owner)) = (region.parse(), owner.parse()) else { return false };
    let scope = Scope::new(partition, owner, region);
    reader.scan::<ResourceShare>(&scope).any(|(_, share)| {
        share.resources.contains_key(arn) && share.is_in_force_for(reader, partition, account)
    })
}

/// Records that an account has accepted a share of the owner of that scope.
pub fn put_partners(transaction: &mut Transaction, owner: &Scope, account: AccountId) {
    let other = Scope::new(owner.partition, account, owner.region.clone());
    transaction.put(owner, &account.to_string(), SharingPartner {});
    transaction.put(&other, &owner.account.to_string(), SharingPartner {});
}

/// Takes an account that is closed for good out of what others have on record of shares: as a partner, as a principal, and
/// as one who invites them.
pub fn forget_account(transaction: &mut Transaction, partition: Partition, account: AccountId) {
    let number = account.to_string();
    let is_others = |scope: &Scope| scope.partition == partition && scope.account != account;
    let partners: Vec<Scope> = transaction
        .scan_all::<SharingPartner>()
        .filter(|(scope, partner, _)| is_others(scope) && *partner == number)
        .map(|(scope, _, _)| scope.clone())
        .collect();
    let invitations: Vec<(Scope, String)> = transaction
        .scan_all::<Invitation>()
        .filter(|(scope, _, invitation)| is_others(scope) && invitation.sender == account)
        .map(|(scope, id, _)| (scope.clone(), id.to_owned()))
        .collect();
    let shares: Vec<(Scope, ResourceShare)> = transaction
        .scan_all::<ResourceShare>()
        .filter(|(scope, _, share)| is_others(scope) && share.principals.contains_key(&number))
        .map(|(scope, _, share)| (scope.clone(), (*share).clone()))
        .collect();
    for scope in partners {
        transaction.delete::<SharingPartner>(&scope, &number);
    }
    for (scope, id) in invitations {
        transaction.delete::<Invitation>(&scope, &id);
    }
    for (scope, mut share) in shares {
        share.principals.remove(&number);
        transaction.put(&scope, &share.id.clone(), share);
    }
}

/// Records the partners of shares that were accepted before they were recorded.
///
/// # Errors
/// A failed commit.
pub fn upgrade_records(store: &Store) -> Result<(), StoreError> {
    store.transact(|transaction| {
        let mut missing = Vec::new();
        for (owner, _, share) in transaction.scan_all::<ResourceShare>() {
            let accounts = share.principals.keys().filter_map(|account| account.parse().ok());
            for account in
                accounts.filter(|account| share.is_accepted_by(transaction, owner.partition, *account))
            {
                if !transaction.contains::<SharingPartner>(owner, &account.to_string()) {
                    missing.push((owner.clone(), account));
                }
            }
        }
        for (owner, account) in missing {
            put_partners(transaction, &owner, account);
        }
        Ok(())
    })
}

fn partners(reader: &impl Read, scope: &Scope) -> impl Iterator<Item = AccountId> {
    reader.scan::<SharingPartner>(scope).filter_map(|(account, _)| account.parse().ok())
}

/// The other accounts that can have something in a network that this one sees, or it in theirs: those that have shared with
/// it or it with them, and the same of those, as two participants of one subnet have nothing but its owner in common.
pub fn related(reader: &impl Read, scope: &Scope) -> BTreeSet<AccountId> {
    let mut related: BTreeSet<AccountId> = partners(reader, scope).collect();
    for partner in related.clone() {
        related.extend(partners(reader, &Scope::new(scope.partition, partner, scope.region.clone())));
    }
    related.remove(&scope.account);
    related
}
