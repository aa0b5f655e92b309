//! What bears on an account: its organization, its place there, and the policies on the way to it.
//!
//! Every request asks this, so that it takes a look-up for each level and each policy, and no scan.

use std::sync::Arc;

use aws_types::{AccountId, Arn, Partition};
use identities::Account;
use store::{Read, Scope};

use crate::member::MEMBERSHIP;
use crate::{
    Attachments, Member, Membership, Organization, OrganizationalUnit, ParentId, PolicyRecord, PolicyType,
    TargetId, managed_by, policy,
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

/// The policies of a type that bear on an account, level by level, the root first and the account last. `None` where none
/// do: outside an organization, where the type is not enabled, and, for service and resource control policies, for the
/// management account.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html>
pub fn levels(
    reader: &impl Read,
    partition: Partition,
    account: AccountId,
    policy_type: PolicyType,
) -> Option<Vec<Level>> {
    let organization = organization_of(reader, partition, account)?;
    let spares_management = policy_type.language().is_some();
    let is_spared = spares_management && organization.management == account;
    if is_spared || !organization.has_enabled(policy_type) {
        return None;
    }
    levels_of_target(reader, partition, &organization, &TargetId::Account(account), policy_type)
}

/// The policies of a type from the root down to a target of an organization, whether or not they count; `None` where the
/// organization has no such target.
pub fn levels_of_target(
    reader: &impl Read,
    partition: Partition,
    organization: &Organization,
    target: &TargetId,
    policy_type: PolicyType,
) -> Option<Vec<Level>> {
    let scope = organization.scope(partition);
    let attached = |attachments: &Attachments| -> Vec<Arc<PolicyRecord>> {
        let ids = attachments.get(&policy_type).into_iter().flatten();
        ids.filter_map(|id| policy(reader, &scope, id)).collect()
    };
    let mut levels = Vec::new();
    let mut parent = match target {
        TargetId::Parent(parent) => parent.clone(),
        TargetId::Account(account) => {
            let number = account.to_string();
            let member = reader.get::<Member>(&scope, &number)?;
            levels.push(Level {
                target: target.clone(),
                arn: organization.arn_of(partition, "account", &number),
                name: account_name(reader, partition, *account),
                policies: attached(&member.policies),
            });
            member.parent.clone()
        }
    };
    while let ParentId::Unit(id) = &parent {
        let unit = reader.get::<OrganizationalUnit>(&scope, id.as_str())?;
        levels.push(Level {
            target: TargetId::Parent(parent.clone()),
            arn: organization.arn_of(partition, "ou", id.as_str()),
            name: unit.name.clone(),
            policies: attached(&unit.policies),
        });
        parent = unit.parent.clone();
    }
    if parent != ParentId::Root(organization.root.clone()) {
        return None;
    }
    levels.push(Level {
        arn: organization.arn_of(partition, "root", parent.as_str()),
        target: TargetId::Parent(parent),
        name: ROOT_NAME.to_owned(),
        policies: attached(&organization.root_policies),
    });
    levels.reverse();
    Some(levels)
}

/// What AWS calls every root.
pub const ROOT_NAME: &str = "Root";

/// The name of an account, empty where it has none.
pub fn account_name(reader: &impl Read, partition: Partition, account: AccountId) -> String {
    let found = reader.get::<Account>(&Scope::global(partition, account), &account.to_string());
    found.and_then(|account| account.name.clone()).unwrap_or_default()
}

/// The place of an account, as `aws:PrincipalOrgPaths` and `aws:ResourceOrgPaths` have it: the organization, the root and
/// the units above the account, with a slash after each. `None` outside an organization.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed-view-data-orgs.html>
pub fn path_of(reader: &impl Read, partition: Partition, account: AccountId) -> Option<String> {
    let organization = organization_of(reader, partition, account)?;
    let member = reader.get::<Member>(&organization.scope(partition), &account.to_string())?;
    path_of_parent(reader, partition, &organization, &member.parent)
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
