//! Plans: made, shown, changed and deleted; and their versions.
//!
//! A change of a plan is a new version of it, and the ones before stay to be read. A plan that was deleted is listed to who
//! asks for those too. What an organization manages ([`crate::organization`]) is shown beside an account's own.

use std::sync::Arc;

use aws_api::backup::{
    BackupPlanInput, BackupPlansListMember, CreateBackupPlanInput, CreateBackupPlanOutput,
    DeleteBackupPlanInput, DeleteBackupPlanOutput, GetBackupPlanInput, GetBackupPlanOutput,
    ListBackupPlanVersionsInput, ListBackupPlanVersionsOutput, ListBackupPlansInput, ListBackupPlansOutput,
    UpdateBackupPlanInput, UpdateBackupPlanOutput,
};
use aws_types::{Tags, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{RequestContext, ServiceError};
use store::{Read, Record, Transaction};

use crate::organization::{self, OrganizationPlan, managed};
use crate::{State, error, id, page, rules, selection, tag};

/// How many plans an account can have in a region.
const MAX_PLANS: usize = 100;
/// How many versions of a plan are kept; the oldest make room.
const MAX_VERSIONS: u64 = 100;
/// How many deleted plans are kept in a region, with their versions; those that were deleted first make room.
const MAX_DELETED_PLANS: usize = 100;

/// A plan of an account's own. Stored by its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its id.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// The number of its newest version, from 1 on.
    pub version: u64,
    /// The tags.
    pub tags: Tags,
    /// The token of the request that made it.
    pub creator_request_id: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was deleted.
    pub deleted: Option<Timestamp>,
}

/// One version of a plan. Stored by the plan's id and the version's number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanVersion {
    /// The plan.
    pub plan_id: String,
    /// The id of the version.
    pub version_id: String,
    /// What it says.
    pub document: BackupPlanInput,
    /// The ids of its rules, in their order.
    pub rule_ids: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
}

impl Record for Plan {
    const KIND: &'static str = "backup.plan";
}

impl Record for PlanVersion {
    const KIND: &'static str = "backup.plan-version";
    const HAS_WHOLE: bool = true;

    fn whole(&self) -> Option<String> {
        Some(self.plan_id.clone())
    }
}

/// A key by which versions are in order.
fn version_key(plan_id: &str, number: u64) -> String {
    format!("{plan_id}/{number:012}")
}

/// A plan of the caller's own that is not deleted.
///
/// # Errors
/// `ResourceNotFoundException`.
pub(crate) fn own(reader: &impl Read, context: &RequestContext, id: &str) -> Result<Arc<Plan>, ServiceError> {
    let found = reader.get::<Plan>(&context.scope(), id).filter(|plan| plan.deleted.is_none());
    found.ok_or_else(|| error::not_found(format!("Cannot find Backup plan with ID {id}")))
}

/// The newest version of a plan.
fn newest(
    reader: &impl Read,
    context: &RequestContext,
    plan: &Plan,
) -> Result<Arc<PlanVersion>, ServiceError> {
    let found = reader.get::<PlanVersion>(&context.scope(), &version_key(&plan.id, plan.version));
    found.ok_or_else(|| ServiceError::internal(format!("the plan {} has no version", plan.id)))
}

fn new_version(
    state: &State,
    context: &RequestContext,
    plan_id: &str,
    document: BackupPlanInput,
) -> PlanVersion {
    PlanVersion {
        plan_id: plan_id.to_owned(),
        version_id: id::version(&id::random(state)),
        rule_ids: document.rules.iter().map(|_| id::random(state)).collect(),
        document,
        created: context.now,
    }
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupPlan.html>
pub(crate) fn create(
    state: &State,
    context: &RequestContext,
    request: CreateBackupPlanInput,
) -> Result<CreateBackupPlanOutput, ServiceError> {
    rules::check(&request.backup_plan)?;
    let mut tags = Tags::default();
    tag::set(&mut tags, &request.backup_plan_tags.unwrap_or_default())?;
    let scope = context.scope();
    let id = id::random(state);
    let plan = Plan {
        arn: id::arn(context, "backup-plan", &id),
        id,
        version: 1,
        tags,
        creator_request_id: request.creator_request_id,
        created: context.now,
        deleted: None,
    };
    let version = new_version(state, context, &plan.id, request.backup_plan);
    let (plan, version) = state.store.transact(|transaction| {
        let held: Vec<_> = transaction
            .scan::<Plan>(&scope)
            .map(|(_, held)| held)
            .filter(|held| held.deleted.is_none())
            .collect();
        for held in &held {
            let newest = newest(transaction, context, held)?;
            // The same request, sent again.
            if held.creator_request_id.is_some() && held.creator_request_id == plan.creator_request_id {
                return Ok((Arc::clone(held), newest));
            }
            if newest.document == version.document {
                return Err(error::already_exists(
                    "Backup plan with the same plan document already exists",
                    Some(&held.arn),
                    held.creator_request_id.as_ref(),
                ));
            }
        }
        if held.len() >= MAX_PLANS {
            return Err(error::limit_exceeded("backup plans in a region", MAX_PLANS));
        }
        transaction.put(&scope, &plan.id, plan.clone());
        transaction.put(&scope, &version_key(&plan.id, plan.version), version.clone());
        Ok((Arc::new(plan.clone()), Arc::new(version.clone())))
    })?;
    Ok(CreateBackupPlanOutput {
        backup_plan_id: Some(plan.id.clone()),
        backup_plan_arn: Some(plan.arn.clone()),
        creation_date: Some(plan.created),
        version_id: Some(version.version_id.clone()),
        advanced_backup_settings: version.document.advanced_backup_settings.clone(),
    })
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_GetBackupPlan.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBackupPlanInput,
) -> Result<GetBackupPlanOutput, ServiceError> {
    if request.max_scheduled_runs_preview.is_some_and(|runs| runs > 0) {
        return Err(error::invalid_parameter("Previews of scheduled runs are not implemented."));
    }
    let snapshot = state.store.snapshot();
    let id = &request.backup_plan_id;
    if id.starts_with(id::ORGANIZATION) {
        let plan = organization::plan(state, &snapshot, context, id)?;
        if request.version_id.is_some_and(|wanted| wanted != plan.version) {
            return Err(error::not_found(format!("Backup plan {id} has no such version.")));
        }
        return Ok(GetBackupPlanOutput {
            backup_plan: Some(rules::shown(&plan.document, &plan.rule_ids)),
            backup_plan_arn: Some(id::arn(context, "backup-plan", &plan.id)),
            backup_plan_id: Some(plan.id),
            version_id: Some(plan.version),
            creation_date: Some(plan.since),
            advanced_backup_settings: plan.document.advanced_backup_settings,
            ..GetBackupPlanOutput::default()
        });
    }
    // A version of a plan that is deleted can be read by its id.
    let found = snapshot.get::<Plan>(&context.scope(), id);
    let plan = match (&request.version_id, found) {
        (Some(_), Some(plan)) => plan,
        _ => own(&snapshot, context, id)?,
    };
    let version = match &request.version_id {
        None => newest(&snapshot, context, &plan)?,
        Some(wanted) => {
            let mut versions =
                snapshot.parts::<PlanVersion>(&context.scope(), id).map(|(_, version)| version);
            let found = versions.find(|version| version.version_id == *wanted);
            found.ok_or_else(|| error::not_found(format!("Backup plan {id} has no version {wanted}.")))?
        }
    };
    Ok(GetBackupPlanOutput {
        backup_plan: Some(rules::shown(&version.document, &version.rule_ids)),
        backup_plan_id: Some(plan.id.clone()),
        backup_plan_arn: Some(plan.arn.clone()),
        version_id: Some(version.version_id.clone()),
        creator_request_id: plan.creator_request_id.clone(),
        creation_date: Some(version.created),
        deletion_date: plan.deleted,
        advanced_backup_settings: version.document.advanced_backup_settings.clone(),
        ..GetBackupPlanOutput::default()
    })
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_UpdateBackupPlan.html>
pub(crate) fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateBackupPlanInput,
) -> Result<UpdateBackupPlanOutput, ServiceError> {
    let id = &request.backup_plan_id;
    if id.starts_with(id::ORGANIZATION) {
        return Err(error::invalid_parameter(managed(id)));
    }
    rules::check(&request.backup_plan)?;
    let mut version = new_version(state, context, id, request.backup_plan.clone());
    let arn = state.store.transact(|transaction| {
        let mut plan = Plan::clone(&*own(transaction, context, id)?);
        let before = newest(transaction, context, &plan)?;
        // A rule that keeps its name is the same rule.
        for (rule, id) in version.document.rules.iter().zip(&mut version.rule_ids) {
            let same = before.document.rules.iter().position(|held| held.rule_name == rule.rule_name);
            if let Some(held) = same.and_then(|index| before.rule_ids.get(index)) {
                id.clone_from(held);
            }
        }
        plan.version += 1;
        if let Some(oldest) = plan.version.checked_sub(MAX_VERSIONS).filter(|oldest| *oldest > 0) {
            transaction.delete::<PlanVersion>(&context.scope(), &version_key(id, oldest));
        }
        let (arn, key) = (plan.arn.clone(), version_key(id, plan.version));
        transaction.put(&context.scope(), id, plan);
        transaction.put(&context.scope(), &key, version.clone());
        Ok::<_, ServiceError>(arn)
    })?;
    Ok(UpdateBackupPlanOutput {
        backup_plan_id: Some(id.clone()),
        backup_plan_arn: Some(arn),
        creation_date: Some(version.created),
        version_id: Some(version.version_id),
        advanced_backup_settings: version.document.advanced_backup_settings,
        scan_settings: version.document.scan_settings,
    })
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteBackupPlan.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteBackupPlanInput,
) -> Result<DeleteBackupPlanOutput, ServiceError> {
    let id = &request.backup_plan_id;
    if id.starts_with(id::ORGANIZATION) {
        return Err(error::invalid_request(managed(id)));
    }
    state.store.transact(|transaction| {
        let mut plan = Plan::clone(&*own(transaction, context, id)?);
        if selection::is_any(transaction, context, id) {
            return Err(error::invalid_request(
                "Related backup plan selections must be deleted prior to backup plan deletion",
            ));
        }
        let version = newest(transaction, context, &plan)?;
        plan.deleted = Some(context.now);
        let arn = plan.arn.clone();
        transaction.put(&context.scope(), id, plan);
        forget_deleted(transaction, context);
        Ok(DeleteBackupPlanOutput {
            backup_plan_id: Some(id.clone()),
            backup_plan_arn: Some(arn),
            deletion_date: Some(context.now),
            version_id: Some(version.version_id.clone()),
        })
    })
}

/// Forgets the plans that were deleted first, where there are too many of them.
fn forget_deleted(transaction: &mut Transaction, context: &RequestContext) {
    let scope = context.scope();
    let plans = transaction.scan::<Plan>(&scope);
    let mut deleted: Vec<(Timestamp, String)> =
        plans.filter_map(|(id, plan)| Some((plan.deleted?, id.to_owned()))).collect();
    deleted.sort();
    let beyond = deleted.len().saturating_sub(MAX_DELETED_PLANS);
    for (_, id) in deleted.into_iter().take(beyond) {
        let versions = transaction.parts::<PlanVersion>(&scope, &id).map(|(key, _)| key.to_owned());
        for key in versions.collect::<Vec<_>>() {
            transaction.delete::<PlanVersion>(&scope, &key);
        }
        transaction.delete::<Plan>(&scope, &id);
    }
}

fn member(plan: &Plan, version: &PlanVersion) -> BackupPlansListMember {
    BackupPlansListMember {
        backup_plan_arn: Some(plan.arn.clone()),
        backup_plan_id: Some(plan.id.clone()),
        creation_date: Some(version.created),
        deletion_date: plan.deleted,
        version_id: Some(version.version_id.clone()),
        backup_plan_name: Some(version.document.backup_plan_name.clone()),
        creator_request_id: plan.creator_request_id.clone(),
        last_execution_date: None,
        advanced_backup_settings: version.document.advanced_backup_settings.clone(),
    }
}

fn organization_member(context: &RequestContext, plan: OrganizationPlan) -> BackupPlansListMember {
    BackupPlansListMember {
        backup_plan_arn: Some(id::arn(context, "backup-plan", &plan.id)),
        backup_plan_id: Some(plan.id),
        creation_date: Some(plan.since),
        version_id: Some(plan.version),
        backup_plan_name: Some(plan.document.backup_plan_name),
        advanced_backup_settings: plan.document.advanced_backup_settings,
        ..BackupPlansListMember::default()
    }
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_ListBackupPlans.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListBackupPlansInput,
) -> Result<ListBackupPlansOutput, ServiceError> {
    let snapshot = state.store.snapshot();
    let with_deleted = request.include_deleted == Some(true);
    let mut plans: Vec<(String, BackupPlansListMember)> = Vec::new();
    for (_, plan) in snapshot.scan::<Plan>(&context.scope()) {
        if plan.deleted.is_none() || with_deleted {
            plans.push((plan.id.clone(), member(&plan, &*newest(&snapshot, context, &plan)?)));
        }
    }
    let managed = organization::plans(state, &snapshot, context)?.into_iter();
    plans.extend(managed.map(|plan| (plan.id.clone(), organization_member(context, plan))));
    plans.sort_by(|one, other| one.0.cmp(&other.0));
    let page = page::take(plans, request.next_token.as_deref(), request.max_results)?;
    Ok(ListBackupPlansOutput { next_token: page.next_token, backup_plans_list: Some(page.items) })
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_ListBackupPlanVersions.html>
pub(crate) fn list_versions(
    state: &State,
    context: &RequestContext,
    request: ListBackupPlanVersionsInput,
) -> Result<ListBackupPlanVersionsOutput, ServiceError> {
    let snapshot = state.store.snapshot();
    let id = &request.backup_plan_id;
    let versions: Vec<(String, BackupPlansListMember)> = if id.starts_with(id::ORGANIZATION) {
        let plan = organization::plan(state, &snapshot, context, id)?;
        vec![(plan.version.clone(), organization_member(context, plan))]
    } else {
        let plan = own(&snapshot, context, id)?;
        let versions = snapshot.parts::<PlanVersion>(&context.scope(), id);
        versions.map(|(key, version)| (key.to_owned(), member(&plan, &version))).collect()
    };
    let page = page::take(versions, request.next_token.as_deref(), request.max_results)?;
    Ok(ListBackupPlanVersionsOutput {
        next_token: page.next_token,
        backup_plan_versions_list: Some(page.items),
    })
}
