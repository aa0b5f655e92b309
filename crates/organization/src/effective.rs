//! What all tag or backup policies that bear on an account say together.
//!
//! Owns that what cannot be read is an error, and never the same as no policy. Refuses to know how policies merge and what
//! follows from them (`management-policies`).

use aws_types::{AccountId, Partition, Timestamp};
use management_policies::{Attached, Document, Effective, PolicyKind, effective};
use store::Read;

use crate::{BrokenOrganization, Level, PolicyRecord, PolicyType, levels};

/// The effective policy of an account.
#[derive(Clone, Debug)]
pub struct EffectivePolicy {
    /// What it says.
    pub effective: Effective,
    /// When the newest of the policies that it is made of was changed.
    pub updated: Timestamp,
}

/// The effective policy of an account, of a kind. `None` where no policy of the kind bears on it.
///
/// # Errors
/// When it cannot be told which policies do, or one of them cannot be read.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_inheritance_mgmt.html>
pub fn effective_policy(
    reader: &impl Read,
    partition: Partition,
    account: AccountId,
    kind: PolicyKind,
) -> Result<Option<EffectivePolicy>, BrokenOrganization> {
    let policy_type = match kind {
        PolicyKind::Tag => PolicyType::Tag,
        PolicyKind::Backup => PolicyType::Backup,
    };
    let Some(levels) = levels(reader, partition, account, policy_type)? else { return Ok(None) };
    let updated = levels.iter().flat_map(|level| &level.policies).map(|policy| policy.updated).max();
    let Some(updated) = updated else { return Ok(None) };
    let attached = levels.iter().map(of_level).collect::<Result<Vec<_>, _>>()?;
    let effective =
        effective(kind, &attached).map_err(|error| BrokenOrganization::Merge(error.to_string()))?;
    Ok(Some(EffectivePolicy { effective, updated }))
}

fn of_level(level: &Level) -> Result<Vec<Attached<'_>>, BrokenOrganization> {
    let policies = level.policies.iter();
    policies
        .map(|policy| Ok(Attached { policy_id: policy.id.as_str(), document: document(policy)? }))
        .collect()
}

fn document(policy: &PolicyRecord) -> Result<&Document, BrokenOrganization> {
    let unreadable = |cause| BrokenOrganization::Unreadable(policy.id.clone(), cause);
    let read = policy.document().ok_or_else(|| unreadable("it is of another type".to_owned()))?;
    read.map_err(|malformed| unreadable(malformed.cause()))
}
