//! What bears on an account: its organization, its place there, and the policies on the way to it.
//!
//! Every request asks this, so that it takes a look-up for each level and each policy, and no scan.

use std::sync::{Arc, LazyLock};

use aws_types::{AccountId, Arn, Partition};
use iam_policy::Policy;
use identities::Account;
use store::{Read, Scope};
use thiserror::Error;

use crate::member::MEMBERSHIP;
use crate::{
    Attachments, MAX_UNIT_DEPTH, Member, Membership, Organization, OrganizationalUnit, ParentId, PolicyId,
    PolicyRecord, PolicyType, TargetId, UnitId, managed_by, policy,
};

/// One level of an organization above an account, or the account itself.
#[derive(Clone, Debug)]
pub struct Level {
    /// What it is.
    pub target: TargetId,
    /// Its ARN.
    pub arn: Arn,
    /// Its name.
    pub name: String,
    /// The policies of the asked type that are attached to it, in the order in which they were.
    pub policies: Vec<Arc<PolicyRecord>>,
}

/// The organization that an account is in, as its management account or as a member.
pub fn organization_of(
    reader: &impl Read,
    partition: Partition,
    account: AccountId,
) -> Option<Arc<Organization>> {
    let membership = reader.get::<Membership>(&Scope::global(partition, account), MEMBERSHIP)?;
    managed_by(reader, partition, membership.management)
}

/// Records of an organization that do not fit together. What bears on the account is not known then, so that whoever asks
/// for limits takes it for the strictest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BrokenOrganization {
    /// The account is said to be in an organization that is not there.
    #[error("the organization of account {0}, which account {1} manages, is not there")]
    NoOrganization(AccountId, AccountId),
    /// The organization does not know the account.
    #[error("the organization of account {0} has no such member")]
    NoMember(AccountId),
    /// A unit above the account is not there.
    #[error("the unit {0} is not there")]
    NoUnit(UnitId),
    /// The units above the account do not lead to the organization's root.
    #[error("the units above account {0} do not lead to the root")]
    NoRoot(AccountId),
    /// A policy is attached that is not there, or that says nothing of what its type is about.
    #[error("the attached policy {0} is not there")]
    NoPolicy(PolicyId),
    /// A tag or backup policy is none that this build can read.
    #[error("the attached policy {0} cannot be read: {1}")]
    Unreadable(PolicyId, String),
    /// Tag or backup policies do not merge.
    #[error("attached policies do not merge: {0}")]
    Merge(String),
}

impl BrokenOrganization {
    /// What stands in for the policies that are not known: it lets nobody do anything.
    pub fn policy() -> &'static Policy {
        static NOTHING: LazyLock<Policy> = LazyLock::new(|| {
            let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}"#;
            Policy::parse_stored(text).expect("the text is a policy")
        });
        &NOTHING
    }
}

/// The place of an account in its organization, read once.
#[derive(Clone, Debug)]
pub struct AccountPlace {
    organization: Arc<Organization>,
    member: Arc<Member>,
    /// The units above the account, the nearest first.
    units: Vec<Arc<OrganizationalUnit>>,
}

impl AccountPlace {
    /// Of an account. `None` outside organizations.
    ///
    /// # Errors
    /// When the records do not lead from the account to the root.
    pub fn of(
        reader: &impl Read,
        partition: Partition,
        account: AccountId,
    ) -> Result<Option<Self>, BrokenOrganization> {
        let membership = reader.get::<Membership>(&Scope::global(partition, account), MEMBERSHIP);
        let Some(membership) = membership else { return Ok(None) };
        let organization = managed_by(reader, partition, membership.management);
        let organization =
            organization.ok_or(BrokenOrganization::NoOrganization(account, membership.management))?;
        let member = reader.get::<Member>(&organization.scope(partition), &account.to_string());
        let member = member.ok_or(BrokenOrganization::NoMember(account))?;
        let units = units_above(reader, partition, &organization, account, &member.parent)?;
        Ok(Some(Self { organization, member, units }))
    }

    /// The organization.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// The place as [`path_of`] has it.
    pub fn path(&self) -> String {
        let units = self.units.iter().rev().map(|unit| format!("{}/", unit.id));
        format!("{}/{}/{}", self.organization.id, self.organization.root, units.collect::<String>())
    }

    /// The policies of a type that bear on the account: see [`levels`].
    ///
    /// # Errors
    /// When a policy is attached that is not there.
    pub fn levels(
        &self,
        reader: &impl Read,
        partition: Partition,
        policy_type: PolicyType,
    ) -> Result<Option<Vec<Level>>, BrokenOrganization> {
        let organization = &*self.organization;
        let account = self.member.account;
        let spares_management = policy_type.language().is_some();
        let is_spared = spares_management && organization.management == account;
        if is_spared || !organization.has_enabled(policy_type) {
            return Ok(None);
        }
        let scope = organization.scope(partition);
        let attached = |attachments: &Attachments| {
            let ids = attachments.get(&policy_type).into_iter().flatten();
            ids.map(|id| attached_policy(reader, &scope, policy_type, id)).collect::<Result<Vec<_>, _>>()
        };
        let root = ParentId::Root(organization.root.clone());
        let mut levels = vec![Level {
            arn: organization.arn_of(partition, "root", organization.root.as_str()),
            target: TargetId::Parent(root),
            name: ROOT_NAME.to_owned(),
            policies: attached(&organization.root_policies)?,
        }];
        for unit in self.units.iter().rev() {
            levels.push(Level {
                target: TargetId::Parent(ParentId::Unit(unit.id.clone())),
                arn: organization.arn_of(partition, "ou", unit.id.as_str()),
                name: unit.name.clone(),
                policies: attached(&unit.policies)?,
            });
        }
        levels.push(Level {
            target: TargetId::Account(account),
            arn: organization.arn_of(partition, "account", &account.to_string()),
            name: account_name(reader, partition, account),
            policies: attached(&self.member.policies)?,
        });
        Ok(Some(levels))
    }
}

/// The units above an account, the nearest first.
fn units_above(
    reader: &impl Read,
    partition: Partition,
    organization: &Organization,
    account: AccountId,
    parent: &ParentId,
) -> Result<Vec<Arc<OrganizationalUnit>>, BrokenOrganization> {
    let scope = organization.scope(partition);
    let mut units: Vec<Arc<OrganizationalUnit>> = Vec::new();
    let mut parent = parent.clone();
    while let ParentId::Unit(id) = &parent {
        // Units that are in each other in a circle have no end.
        if units.len() == MAX_UNIT_DEPTH {
            return Err(BrokenOrganization::NoRoot(account));
        }
        let unit = reader.get::<OrganizationalUnit>(&scope, id.as_str());
        let unit = unit.ok_or_else(|| BrokenOrganization::NoUnit(id.clone()))?;
        parent = unit.parent.clone();
        units.push(unit);
    }
    if parent == ParentId::Root(organization.root.clone()) {
        Ok(units)
    } else {
        Err(BrokenOrganization::NoRoot(account))
    }
}

fn attached_policy(
    reader: &impl Read,
    scope: &Scope,
    policy_type: PolicyType,
    id: &PolicyId,
) -> Result<Arc<PolicyRecord>, BrokenOrganization> {
    let found = policy(reader, scope, id);
    // Of a policy without statements nobody could tell what it limits.
    let is_of_type = |found: &Arc<PolicyRecord>| {
        found.policy_type == policy_type && found.permissions().is_some() == policy_type.language().is_some()
    };
    found.filter(is_of_type).ok_or_else(|| BrokenOrganization::NoPolicy(id.clone()))
}

/// The policies of a type that bear on an account, level by level, the root first and the account last. `None` where none
/// do: outside an organization, where the type is not enabled, and, for service and resource control policies, for the
/// management account.
///
/// # Errors
/// When it cannot be told which do, for a record that is not there. That is never the same as none.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html>
pub fn levels(
    reader: &impl Read,
    partition: Partition,
    account: AccountId,
    policy_type: PolicyType,
) -> Result<Option<Vec<Level>>, BrokenOrganization> {
    match AccountPlace::of(reader, partition, account)? {
        Some(place) => place.levels(reader, partition, policy_type),
        None => Ok(None),
    }
}

/// What AWS calls every root.
pub const ROOT_NAME: &str = "Root";

/// The name of an account, empty where it has none.
pub fn account_name(reader: &impl Read, partition: Partition, account: AccountId) -> String {
    let found = reader.get::<Account>(&Scope::global(partition, account), &account.to_string());
    found.and_then(|account| account.name.clone()).unwrap_or_default()
}

/// The place of an account, as `aws:PrincipalOrgPaths` and `aws:ResourceOrgPaths` have it: the organization, the root and
/// the units above the account, with a slash after each. `None` outside an organization, and in a broken one.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed-view-data-orgs.html>
pub fn path_of(reader: &impl Read, partition: Partition, account: AccountId) -> Option<String> {
    Some(AccountPlace::of(reader, partition, account).ok()??.path())
}

/// The same of a root or unit, which is the last part. `None` where the organization has none such.
pub fn path_of_parent(
    reader: &impl Read,
    partition: Partition,
    organization: &Organization,
    parent: &ParentId,
) -> Option<String> {
    let scope = organization.scope(partition);
    let mut parts = Vec::new();
    let mut parent = parent.clone();
    while let ParentId::Unit(id) = &parent {
        let unit = reader.get::<OrganizationalUnit>(&scope, id.as_str())?;
        parts.push(format!("{id}/"));
        parent = unit.parent.clone();
    }
    if parent != ParentId::Root(organization.root.clone()) {
        return None;
    }
    parts.push(format!("{parent}/"));
    parts.push(format!("{}/", organization.id));
    parts.reverse();
    Some(parts.concat())
}

/// Whether an account administers a service for its organization: the management account does, and whom it delegated that
/// to.
pub fn is_administrator_of(
    reader: &impl Read,
    partition: Partition,
    account: AccountId,
    service_principal: &str,
) -> bool {
    let Some(organization) = organization_of(reader, partition, account) else { return false };
    organization.management == account
        || reader
            .get::<Member>(&organization.scope(partition), &account.to_string())
            .is_some_and(|member| member.delegated_services.contains_key(service_principal))
}
