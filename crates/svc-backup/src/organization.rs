//! The plans that an organization's policy gives to an account.
//!
//! Owns how they look in the account: each has an id that begins with `orgs/` and does not change, and nobody in the account
//! can change it. Refuses to know how policies merge; that is `management-policies`'s.
//!
//! <https://docs.aws.amazon.com/aws-backup/latest/devguide/manage-cross-account.html>

use std::collections::BTreeMap;

use aws_api::backup::{
    AdvancedBackupSetting, BackupPlanInput, BackupRuleInput, BackupSelection, Condition, ConditionParameter,
    Conditions, CopyAction, IndexAction, Lifecycle,
};
use aws_types::Timestamp;
use management_policies as policy;
use management_policies::ConditionOperator;
use service_api::{RequestContext, ServiceError};
use store::Snapshot;

use crate::{State, error, id};

/// A plan of the organization's.
pub(crate) struct OrganizationPlan {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) document: BackupPlanInput,
    pub(crate) rule_ids: Vec<String>,
    /// With their ids.
    pub(crate) selections: Vec<(String, BackupSelection)>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) since: Timestamp,
}

/// The organization's plans for the caller in the region of the request.
///
/// # Errors
/// A fault, where nobody can tell what its policies say.
pub(crate) fn plans(
    state: &State,
    snapshot: &Snapshot,
    context: &RequestContext,
) -> Result<Vec<OrganizationPlan>, ServiceError> {
    let found = state.policy.plans(snapshot, context.partition, context.account())?;
    let Some((plans, since)) = found else { return Ok(Vec::new()) };
    let plans = plans.in_region(context.region.as_str());
    Ok(plans.map(|plan| OrganizationPlan::of(context, plan, since)).collect())
}

/// One of them.
///
/// # Errors
/// `ResourceNotFoundException`.
pub(crate) fn plan(
    state: &State,
    snapshot: &Snapshot,
    context: &RequestContext,
    id: &str,
) -> Result<OrganizationPlan, ServiceError> {
    let found = plans(state, snapshot, context)?.into_iter().find(|plan| plan.id == id);
    found.ok_or_else(|| error::not_found(format!("Cannot find Backup plan with ID {id}")))
}

/// What is answered to who would change one.
pub(crate) fn managed(id: &str) -> String {
    format!(
        "Backup plan {id} is managed by AWS Organizations and can be changed by its backup policies only."
    )
}

impl OrganizationPlan {
    fn of(context: &RequestContext, plan: &policy::BackupPlan, since: Timestamp) -> Self {
        let account = context.account().to_string();
        let of_name = |part: &str, name: &str| id::of_name(&[&account, &plan.name, part, name]);
        let document = BackupPlanInput {
            backup_plan_name: plan.name.clone(),
            rules: plan.rules.iter().map(rule).collect(),
            advanced_backup_settings: settings(&plan.advanced_settings),
            scan_settings: None,
        };
        let selections =
            plan.selections.iter().map(|held| (of_name("selection", &held.name), selection(held)));
        Self {
            id: format!("{}{}", id::ORGANIZATION, id::of_name(&[&account, &plan.name])),
            // What the plan says makes its version.
            version: id::version(&id::of_name(&[&format!("{plan:?}")])),
            rule_ids: plan.rules.iter().map(|rule| of_name("rule", &rule.name)).collect(),
            document,
            selections: selections.collect(),
            tags: plan.tags.clone(),
            since,
        }
    }
}

fn rule(rule: &policy::BackupRule) -> BackupRuleInput {
    let copy = |copy: &policy::CopyAction| CopyAction {
        lifecycle: copy.lifecycle.map(lifecycle),
        destination_backup_vault_arn: copy.vault_arn.clone(),
    };
    let tags: BTreeMap<String, String> = rule.recovery_point_tags.iter().cloned().collect();
    BackupRuleInput {
        rule_name: rule.name.clone(),
        target_backup_vault_name: rule.vault.clone(),
        target_logically_air_gapped_backup_vault_arn: rule.air_gapped_vault_arn.clone(),
        schedule_expression: Some(rule.schedule.clone()),
        start_window_minutes: rule.start_window_minutes.map(i64::from),
        completion_window_minutes: rule.completion_window_minutes.map(i64::from),
        lifecycle: rule.lifecycle.map(lifecycle),
        recovery_point_tags: Some(tags).filter(|tags| !tags.is_empty()),
        copy_actions: some(rule.copies.iter().map(copy).collect()),
        enable_continuous_backup: Some(rule.is_continuous),
        schedule_expression_timezone: None,
        index_actions: some(rule.indexed.clone())
            .map(|resource_types| vec![IndexAction { resource_types: Some(resource_types) }]),
        scan_actions: None,
    }
}

fn lifecycle(lifecycle: policy::Lifecycle) -> Lifecycle {
    Lifecycle {
        move_to_cold_storage_after_days: lifecycle.cold_after_days.map(i64::from),
        delete_after_days: lifecycle.delete_after_days.map(i64::from),
        opt_in_to_archive_for_supported_resources: lifecycle.archives,
        delete_after_event: None,
    }
}

/// The settings, each resource type once.
fn settings(settings: &[policy::AdvancedSetting]) -> Option<Vec<AdvancedBackupSetting>> {
    let mut by_type: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    for setting in settings {
        by_type
            .entry(setting.resource_type)
            .or_default()
            .insert(setting.name.to_owned(), setting.value.clone());
    }
    let shown = by_type.into_iter().map(|(resource_type, options)| AdvancedBackupSetting {
        resource_type: Some(resource_type.to_owned()),
        backup_options: Some(options),
    });
    some(shown.collect())
}

fn selection(selection: &policy::Selection) -> BackupSelection {
    let tagged = selection.tagged.iter().flat_map(|(key, values)| {
        values.iter().map(|value| Condition {
            condition_type: "STRINGEQUALS".to_owned(),
            condition_key: key.clone(),
            condition_value: value.clone(),
        })
    });
    let of = |operator: ConditionOperator| {
        let conditions = selection.conditions.iter().filter(|condition| condition.operator == operator);
        some(
            conditions
                .map(|condition| ConditionParameter {
                    condition_key: Some(condition.key.clone()),
                    condition_value: Some(condition.value.clone()),
                })
                .collect(),
        )
    };
    let conditions = Conditions {
        string_equals: of(ConditionOperator::Equals),
        string_not_equals: of(ConditionOperator::NotEquals),
        string_like: of(ConditionOperator::Like),
        string_not_like: of(ConditionOperator::NotLike),
    };
    BackupSelection {
        selection_name: selection.name.clone(),
        iam_role_arn: selection.role_arn.clone(),
        resources: some(selection.resources.clone()),
        list_of_tags: some(tagged.collect()),
        not_resources: some(selection.not_resources.clone()),
        conditions: Some(conditions).filter(|conditions| *conditions != Conditions::default()),
    }
}

/// A list that is there when it has something.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    Some(list).filter(|list| !list.is_empty())
}
