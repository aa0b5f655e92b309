//! What services ask of the organization that an account is in, while there are no organizations.
//!
//! No policy is in force for anybody, and no account manages others.

use aws_types::{AccountId, Partition, Timestamp};
use management_policies::{BackupPlans, TagRules};
use store::Snapshot;
use svc_backup::EffectiveBackupPolicy;
use svc_resourcegroupstaggingapi::{EffectiveTagPolicy, Member, NoMembers};

/// An account is in none.
#[derive(Clone, Copy)]
pub(crate) struct NoOrganization;

impl EffectiveTagPolicy for NoOrganization {
    fn rules(&self, _: &Snapshot, _: Partition, _: AccountId) -> TagRules {
        TagRules::default()
    }

    fn members(&self, _: &Snapshot, _: Partition, _: AccountId) -> Result<Vec<Member>, NoMembers> {
        Err(NoMembers::NotManagement)
    }
}

impl EffectiveBackupPolicy for NoOrganization {
    fn plans(&self, _: &Snapshot, _: Partition, _: AccountId) -> Option<(BackupPlans, Timestamp)> {
        None
    }
}
