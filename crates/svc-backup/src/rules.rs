//! What a plan may say.
//!
//! Owns the checks of a plan's document, and the form in which it is shown. Refuses to know where it is kept.
//!
//! <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupRule.html>

use aws_api::backup::{BackupPlan, BackupPlanInput, BackupRule, BackupRuleInput, Lifecycle};
use service_api::ServiceError;

use crate::{error, schedule};

/// How many rules a plan can have.
const MAX_RULES: usize = 10;
/// The longest name of a plan.
const MAX_NAME: usize = 50;
/// When a rule without a schedule runs.
const DEFAULT_SCHEDULE: &str = "cron(0 5 ? * * *)";
/// In which time zone, when it names none.
const DEFAULT_TIMEZONE: &str = "Etc/UTC";
/// The longest name of one that is looked at.
const MAX_TIMEZONE: usize = 64;
/// How long a job may wait to start, in minutes, when a rule does not say.
const DEFAULT_START_WINDOW_MINUTES: i64 = 8 * 60;
/// How long it may take.
const DEFAULT_COMPLETION_WINDOW_MINUTES: i64 = 7 * 24 * 60;
/// The shortest time that a job has to be given.
const MIN_WINDOW_MINUTES: i64 = 60;
/// How long a backup stays in cold storage at least.
const COLD_DAYS: i64 = 90;
/// How long continuous backups can be kept.
const MAX_CONTINUOUS_DAYS: i64 = 35;

/// # Errors
/// `InvalidParameterValueException` with what is wrong.
pub(crate) fn check(plan: &BackupPlanInput) -> Result<(), ServiceError> {
    let name = &plan.backup_plan_name;
    let is_name = (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !is_name {
        return Err(error::invalid_parameter(format!(
            "The backup plan name must have 1 to {MAX_NAME} alphanumeric characters or '-', '_' and '.'."
        )));
    }
    if plan.rules.is_empty() || plan.rules.len() > MAX_RULES {
        return Err(error::invalid_parameter(format!("A backup plan must have 1 to {MAX_RULES} rules.")));
    }
    for setting in plan.advanced_backup_settings.iter().flatten() {
        let resource_type = setting.resource_type.as_deref().unwrap_or_default();
        let options = setting.backup_options.iter().flatten();
        let is_known = |(name, value): (&String, &String)| {
            matches!(
                (resource_type, name.as_str()),
                ("EC2", "WindowsVSS") | ("S3", "BackupACLs" | "BackupObjectTags")
            ) && matches!(value.as_str(), "enabled" | "disabled")
        };
        if !matches!(resource_type, "EC2" | "S3") || !options.clone().all(is_known) {
            return Err(error::invalid_parameter(format!(
                "The advanced backup settings of {resource_type} are not valid."
            )));
        }
    }
    for setting in plan.scan_settings.iter().flatten() {
        let types = setting.resource_types.iter().flatten();
        let is_role = |arn: &String| {
            let parts: Vec<&str> = arn.splitn(6, ':').collect();
            matches!(parts[..], ["arn", _, "iam", "", _, role] if role.starts_with("role/"))
        };
        let is_scanned = |name: &String| matches!(name.as_str(), "EBS" | "EC2" | "S3" | "ALL");
        if setting.malware_scanner.is_none()
            || !setting.scanner_role_arn.as_ref().is_some_and(is_role)
            || !types.clone().all(is_scanned)
        {
            return Err(error::invalid_parameter("The scan settings are not valid."));
        }
    }
    plan.rules.iter().try_for_each(|rule| check_rule(plan, rule))
}

fn check_rule(plan: &BackupPlanInput, rule: &BackupRuleInput) -> Result<(), ServiceError> {
    let refused = |what: &str| Err(error::invalid_parameter(format!("Rule {}: {what}", rule.rule_name)));
    if rule.schedule_expression.as_deref().is_some_and(|schedule| !schedule::is_valid(schedule)) {
        return refused("the schedule expression is not valid.");
    }
    if rule.schedule_expression_timezone.as_deref().is_some_and(|zone| !is_timezone(zone)) {
        return refused("the time zone of the schedule is not valid.");
    }
    let indexed =
        rule.index_actions.iter().flatten().flat_map(|action| action.resource_types.iter().flatten());
    if !indexed.into_iter().all(|name| matches!(name.as_str(), "EBS" | "S3")) {
        return refused("only backups of EBS and S3 can be indexed.");
    }
    for action in rule.scan_actions.iter().flatten() {
        let set = plan.scan_settings.iter().flatten();
        let is_set = set.clone().any(|setting| setting.malware_scanner == action.malware_scanner);
        if action.malware_scanner.is_none() || action.scan_mode.is_none() || !is_set {
            return refused("a scan needs a scanner that the plan has settings of, and a mode.");
        }
    }
    let start = rule.start_window_minutes.unwrap_or(DEFAULT_START_WINDOW_MINUTES);
    let completion = rule.completion_window_minutes.unwrap_or(DEFAULT_COMPLETION_WINDOW_MINUTES);
    if start < MIN_WINDOW_MINUTES {
        return refused("the start window must be at least 60 minutes.");
    }
    if completion < start + MIN_WINDOW_MINUTES {
        return refused("the completion window must be at least 60 minutes greater than the start window.");
    }
    check_lifecycle(rule.lifecycle.as_ref())?;
    if rule.enable_continuous_backup == Some(true) {
        let days = rule.lifecycle.as_ref().and_then(|lifecycle| lifecycle.delete_after_days);
        if !days.is_some_and(|days| (1..=MAX_CONTINUOUS_DAYS).contains(&days)) {
            return refused("continuous backups must be deleted after 1 to 35 days.");
        }
    }
    for copy in rule.copy_actions.iter().flatten() {
        let parts: Vec<&str> = copy.destination_backup_vault_arn.split(':').collect();
        if !matches!(parts[..], ["arn", _, "backup", _, _, "backup-vault", name] if !name.is_empty()) {
            return refused("the destination of a copy is not the ARN of a backup vault.");
        }
        check_lifecycle(copy.lifecycle.as_ref())?;
    }
    Ok(())
}

fn check_lifecycle(lifecycle: Option<&Lifecycle>) -> Result<(), ServiceError> {
    let Some(lifecycle) = lifecycle else { return Ok(()) };
    // AWS Backup answers with it, and takes it from nobody.
    if lifecycle.delete_after_event.is_some() {
        return Err(error::invalid_parameter(
            "Invalid lifecycle. DeleteAfterEvent is not valid as an input.",
        ));
    }
    let (cold, delete) = (lifecycle.move_to_cold_storage_after_days, lifecycle.delete_after_days);
    // -1 stands for never.
    let is_never = |days: Option<i64>| days.is_none_or(|days| days == -1);
    if [cold, delete].into_iter().any(|days| !is_never(days) && days < Some(1)) {
        return Err(error::invalid_parameter("Invalid lifecycle. Days must be at least 1."));
    }
    match (cold, delete) {
        (Some(cold), Some(delete)) if cold > 0 && delete > 0 && delete < cold + COLD_DAYS => {
            Err(error::invalid_parameter(
                "Invalid lifecycle. DeleteAfterDays cannot be less than 90 days apart from MoveToColdStorageAfterDays",
            ))
        }
        _ => Ok(()),
    }
}

/// The form of a name of the time zone database, such as `America/New_York`.
fn is_timezone(name: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_uppercase())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    name.len() <= MAX_TIMEZONE && name.split('/').count() <= 3 && name.split('/').all(is_part)
}

/// A plan as answers have it: with what its rules leave to AWS Backup, and with their ids.
pub(crate) fn shown(plan: &BackupPlanInput, rule_ids: &[String]) -> BackupPlan {
    let rule = |(rule, id): (&BackupRuleInput, &String)| BackupRule {
        rule_name: rule.rule_name.clone(),
        target_backup_vault_name: rule.target_backup_vault_name.clone(),
        target_logically_air_gapped_backup_vault_arn: rule
            .target_logically_air_gapped_backup_vault_arn
            .clone(),
        schedule_expression: Some(
            rule.schedule_expression.clone().unwrap_or_else(|| DEFAULT_SCHEDULE.to_owned()),
        ),
        start_window_minutes: rule.start_window_minutes.or(Some(DEFAULT_START_WINDOW_MINUTES)),
        completion_window_minutes: rule.completion_window_minutes.or(Some(DEFAULT_COMPLETION_WINDOW_MINUTES)),
        lifecycle: rule.lifecycle.clone(),
        recovery_point_tags: rule.recovery_point_tags.clone(),
        rule_id: Some(id.clone()),
        copy_actions: rule.copy_actions.clone(),
        enable_continuous_backup: Some(rule.enable_continuous_backup.unwrap_or_default()),
        schedule_expression_timezone: Some(
            rule.schedule_expression_timezone.clone().unwrap_or_else(|| DEFAULT_TIMEZONE.to_owned()),
        ),
        index_actions: rule.index_actions.clone(),
        scan_actions: rule.scan_actions.clone(),
    };
    BackupPlan {
        backup_plan_name: plan.backup_plan_name.clone(),
        rules: plan.rules.iter().zip(rule_ids).map(rule).collect(),
        advanced_backup_settings: plan.advanced_backup_settings.clone(),
        scan_settings: plan.scan_settings.clone(),
    }
}
