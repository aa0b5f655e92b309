//! AWS Backup: vaults, plans, and which resources plans are for.
//!
//! Owns the operations of the `backup` model that are about them, their records, and how the plans of an organization's
//! effective backup policy look from an account. Refuses to know the organization ([`EffectiveBackupPolicy`] is asked) and to
//! carry a plan out: there are no services yet whose data could be backed up, so that jobs and recovery points are not built.
//!
//! <https://docs.aws.amazon.com/aws-backup/latest/devguide/api-reference.html>

mod authorization;
mod error;
mod id;
mod organization;
mod page;
mod plan;
mod rules;
mod schedule;
mod selection;
mod tag;
mod vault;

use std::sync::Arc;

use aws_api::backup::operation as op;
use aws_model::Value;
use aws_types::{AccountId, Partition, Timestamp};
use management_policies::BackupPlans;
use service_api::{
    IdSource, NeededPermission, Operations, RequestContext, ResourceFacts, Service, ServiceError,
};
use store::{RecordKind, Snapshot, Store};

pub use plan::{Plan, PlanVersion};
pub use selection::Selection;
pub use vault::Vault;

/// Whoever knows the organization.
pub trait EffectiveBackupPolicy: Send + Sync + 'static {
    /// The plans of the effective backup policy of an account, and since when it is what it is; `None` when no policy is in
    /// force.
    ///
    /// # Errors
    /// A fault, where a policy should be in force and nobody can tell what it says.
    fn plans(
        &self,
        snapshot: &Snapshot,
        partition: Partition,
        account: AccountId,
    ) -> Result<Option<(BackupPlans, Timestamp)>, ServiceError>;
}

/// The service.
pub struct Backup {
    state: State,
    operations: Operations<State>,
}

/// What the operations work on.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) policy: Box<dyn EffectiveBackupPolicy>,
}

impl Backup {
    /// A service on this store.
    pub fn new(store: Store, ids: Arc<dyn IdSource>, policy: impl EffectiveBackupPolicy) -> Self {
        let operations = Operations::new()
            .with::<op::CreateBackupVault>(vault::create)
            .with::<op::DescribeBackupVault>(vault::describe)
            .with::<op::ListBackupVaults>(vault::list)
            .with::<op::DeleteBackupVault>(vault::delete)
            .with::<op::CreateBackupPlan>(plan::create)
            .with::<op::GetBackupPlan>(plan::get)
            .with::<op::UpdateBackupPlan>(plan::update)
            .with::<op::DeleteBackupPlan>(plan::delete)
            .with::<op::ListBackupPlans>(plan::list)
            .with::<op::ListBackupPlanVersions>(plan::list_versions)
            .with::<op::CreateBackupSelection>(selection::create)
            .with::<op::GetBackupSelection>(selection::get)
            .with::<op::ListBackupSelections>(selection::list)
            .with::<op::DeleteBackupSelection>(selection::delete)
            .with::<op::TagResource>(tag::tag)
            .with::<op::UntagResource>(tag::untag)
            .with::<op::ListTags>(tag::list);
        Self { state: State { store, ids, policy: Box::new(policy) }, operations }
    }

    /// Every kind of record that the service writes.
    pub fn record_kinds() -> impl Iterator<Item = RecordKind> {
        [
            RecordKind::of::<Plan>(),
            RecordKind::of::<PlanVersion>(),
            RecordKind::of::<Selection>(),
            RecordKind::of::<Vault>(),
        ]
        .into_iter()
    }
}

impl Service for Backup {
    fn model(&self) -> &'static str {
        "backup"
    }

    fn implements(&self, operation: &str) -> bool {
        self.operations.contains(operation)
    }

    /// A vault by its name and a plan by its id, or either by its ARN.
    fn resource(&self, context: &RequestContext, resource_type: &str, id: &str) -> Option<ResourceFacts> {
        let snapshot = self.state.store.snapshot();
        let is_arn = id.starts_with("arn:");
        let name = if is_arn { id.rsplit(':').next()? } else { id };
        let (arn, tags) = match resource_type {
            "backupPlan" => {
                let plan = plan::own(&snapshot, context, name).ok()?;
                (plan.arn.clone(), plan.tags.clone())
            }
            "backupVault" => {
                let vault = vault::named(&snapshot, context, name).ok()?;
                (vault.arn.clone(), vault.tags.clone())
            }
            _ => return None,
        };
        // Another account's or region's may have the same name.
        (!is_arn || arn == id).then(|| ResourceFacts { arn: Some(arn), tags, ..ResourceFacts::default() })
    }

    fn needed_permissions(
        &self,
        context: &RequestContext,
        operation: &str,
        input: &Value,
    ) -> Option<Vec<NeededPermission>> {
        authorization::needed(self, context, operation, input)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        self.operations.call(&self.state, context, operation, input)
    }
}
