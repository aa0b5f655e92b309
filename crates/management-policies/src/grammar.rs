//! What stands where in a tag policy and in a backup policy, and which values are well formed.
//!
//! Owns the grammar as tables. Refuses to know inheritance.
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_example-tag-policies.html>
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_backup_syntax.html>

use crate::json::Json;
use crate::{PolicyKind, enforced};

/// What can stand at a place.
pub(crate) enum Shape {
    /// Elements of these names.
    Fields(&'static [(&'static str, &'static Shape)]),
    /// Elements under names that the author chooses.
    Named(fn(&str) -> bool, &'static Shape),
    /// A setting with one value.
    One(fn(&Json) -> bool),
    /// A setting with a list of texts.
    Many(fn(&str) -> bool),
}

/// The longest name of a plan, a rule or an assignment of resources.
/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupPlanInput.html>
const MAX_NAME: usize = 50;
/// The longest tag key. <https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html>
const MAX_TAG_KEY: usize = 128;
/// The longest tag value.
const MAX_TAG_VALUE: usize = 256;

impl Shape {
    /// The whole document.
    pub(crate) fn of(kind: PolicyKind) -> &'static Self {
        match kind {
            PolicyKind::Tag => &TAG_POLICY,
            PolicyKind::Backup => &BACKUP_POLICY,
        }
    }
}

const TAG_POLICY: Shape = Shape::Fields(&[("tags", &Shape::Named(is_tag_key, &TAG))]);

const BACKUP_POLICY: Shape = Shape::Fields(&[("plans", &Shape::Named(is_name, &PLAN))]);

/// What a policy says of one tag key.
const TAG: Shape = Shape::Fields(&[
    ("tag_key", &Shape::One(|value| is_text(value, is_tag_key))),
    ("tag_value", &Shape::Many(is_tag_pattern)),
    ("enforced_for", &Shape::Many(enforced::can_be_enforced)),
    ("report_required_tag_for", &Shape::Many(is_resource_type)),
]);

const PLAN: Shape = Shape::Fields(&[
    ("regions", &Shape::Many(is_region)),
    ("rules", &Shape::Named(is_name, &RULE)),
    (
        "selections",
        &Shape::Fields(&[
            ("tags", &Shape::Named(is_name, &TAG_SELECTION)),
            ("resources", &Shape::Named(is_name, &RESOURCE_SELECTION)),
        ]),
    ),
    (
        "advanced_backup_settings",
        &Shape::Fields(&[
            ("ec2", &Shape::Fields(&[("windows_vss", &ENABLED)])),
            ("s3", &Shape::Fields(&[("backup_acls", &ENABLED), ("backup_object_tags", &ENABLED)])),
        ]),
    ),
    ("backup_plan_tags", &Shape::Named(is_tag_key, &TAG_PAIR)),
    (
        "scan_settings",
        &Shape::Named(
            is_scanner,
            &Shape::Fields(&[("resource_types", &Shape::Many(is_scanned)), ("scanner_role_arn", &ROLE)]),
        ),
    ),
]);

const RULE: Shape = Shape::Fields(&[
    ("schedule_expression", &Shape::One(|value| is_text(value, is_schedule))),
    ("target_backup_vault_name", &Shape::One(|value| is_text(value, is_vault_name))),
    ("target_logically_air_gapped_backup_vault_arn", &Shape::One(|value| is_text(value, is_vault_arn))),
    ("start_backup_window_minutes", &COUNT),
    ("complete_backup_window_minutes", &COUNT),
    ("enable_continuous_backup", &FLAG),
    ("lifecycle", &LIFECYCLE),
    (
        "copy_actions",
        &Shape::Named(
            is_vault_arn,
            &Shape::Fields(&[
                ("target_backup_vault_arn", &Shape::One(|value| is_text(value, is_vault_arn))),
                ("lifecycle", &LIFECYCLE),
            ]),
        ),
    ),
    ("recovery_point_tags", &Shape::Named(is_tag_key, &TAG_PAIR)),
    ("index_actions", &Shape::Fields(&[("resource_types", &Shape::Many(is_indexed))])),
    (
        "scan_actions",
        &Shape::Named(
            is_scanner,
            &Shape::Fields(&[("scan_mode", &Shape::One(|value| is_text(value, is_scan_mode)))]),
        ),
    ),
]);

const LIFECYCLE: Shape = Shape::Fields(&[
    ("move_to_cold_storage_after_days", &COUNT),
    ("delete_after_days", &COUNT),
    ("opt_in_to_archive_for_supported_resources", &FLAG),
]);

const TAG_SELECTION: Shape = Shape::Fields(&[
    ("iam_role_arn", &ROLE),
    ("tag_key", &Shape::One(|value| is_text(value, is_tag_key))),
    ("tag_value", &Shape::Many(is_tag_value)),
    ("conditions", &CONDITIONS),
]);

const RESOURCE_SELECTION: Shape = Shape::Fields(&[
    ("iam_role_arn", &ROLE),
    ("resource_types", &Shape::Many(is_backed_up)),
    ("not_resource_types", &Shape::Many(is_backed_up)),
    ("conditions", &CONDITIONS),
]);

const CONDITIONS: Shape = Shape::Fields(&[
    ("string_equals", &CONDITION),
    ("string_not_equals", &CONDITION),
    ("string_like", &CONDITION),
    ("string_not_like", &CONDITION),
]);

const CONDITION: Shape = Shape::Named(
    is_name,
    &Shape::Fields(&[
        ("condition_key", &Shape::One(|value| is_text(value, |text| text.starts_with("aws:ResourceTag/")))),
        ("condition_value", &Shape::One(|value| is_text(value, is_tag_value))),
    ]),
);

const TAG_PAIR: Shape = Shape::Fields(&[
    ("tag_key", &Shape::One(|value| is_text(value, is_tag_key))),
    ("tag_value", &Shape::One(|value| is_text(value, is_tag_value))),
]);

const ROLE: Shape = Shape::One(|value| {
    is_text(value, |text| {
        let mut parts = text.splitn(6, ':');
        parts.next() == Some("arn")
            && parts.nth(1) == Some("iam")
            && parts.nth(2).is_some_and(|name| name.starts_with("role/"))
    })
});

/// Whole numbers are written as texts or as numbers.
const COUNT: Shape = Shape::One(|value| count(value).is_some());

const FLAG: Shape = Shape::One(|value| flag(value).is_some());

const ENABLED: Shape = Shape::One(|value| is_text(value, |text| matches!(text, "enabled" | "disabled")));

/// The whole number that a setting holds.
pub(crate) fn count(value: &Json) -> Option<u32> {
    match value {
        Json::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Json::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
        _ => None,
    }
}

/// Yes or no, as a text or as a JSON literal.
pub(crate) fn flag(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(flag) => Some(*flag),
        Json::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Json::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn is_text(value: &Json, is_right: impl Fn(&str) -> bool) -> bool {
    matches!(value, Json::Text(text) if is_right(text))
}

fn is_tag_key(text: &str) -> bool {
    (1..=MAX_TAG_KEY).contains(&text.chars().count())
}

fn is_tag_value(text: &str) -> bool {
    text.chars().count() <= MAX_TAG_VALUE
}

/// A value of a tag policy can have one wildcard.
fn is_tag_pattern(text: &str) -> bool {
    is_tag_value(text) && text.matches('*').count() <= 1
}

/// `ec2:vpc`, or `ec2:*` or `ec2:ALL_SUPPORTED` for all types of a service.
pub(crate) fn is_resource_type(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
    };
    text.split_once(':').is_some_and(|(service, name)| {
        is_word(service) && (name == "*" || name.split(['/', ':']).all(is_word))
    })
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_region(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// `cron(...)` with six fields. <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html>
fn is_schedule(text: &str) -> bool {
    let fields = text.strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')'));
    fields.is_some_and(|fields| fields.split_ascii_whitespace().count() == 6)
}

/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html>
fn is_vault_name(text: &str) -> bool {
    (2..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// AWS's own examples have `vault` in the place of `backup-vault` too.
fn is_vault_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    matches!(parts[..], ["arn", _, "backup", _, _, "backup-vault" | "vault", name] if !name.is_empty())
}

fn is_scanner(text: &str) -> bool {
    text.eq_ignore_ascii_case("GUARDDUTY")
}

fn is_scanned(text: &str) -> bool {
    matches!(text, "EBS" | "EC2" | "S3" | "ALL")
}

fn is_scan_mode(text: &str) -> bool {
    matches!(text, "INCREMENTAL_SCAN" | "FULL_SCAN")
}

fn is_indexed(text: &str) -> bool {
    matches!(text, "EBS" | "S3")
}

/// The types of resources that a selection can name, as ARN patterns without their partitions.
const BACKED_UP: [&str; 18] = [
    "backup-gateway:*:*:vm/*",
    "cloudformation:*:*:stack/*",
    "dsql:*:*:cluster/*",
    "dynamodb:*:*:table/*",
    "ec2:*:*:instance/*",
    "ec2:*:*:volume/*",
    "elasticfilesystem:*:*:file-system/*",
    "rds:*:*:cluster:*",
    "rds:*:*:db:*",
    "redshift:*:*:cluster:*",
    "redshift-serverless:*:*:namespace/*",
    "s3:::*",
    "ssm-sap:*:*:HANA/*",
    "storagegateway:*:*:gateway/*",
    "timestream:*:*:database/*",
    "fsx:*:*:file-system/*",
    "fsx:*:*:volume/*",
    "eks:*:*:cluster/*",
];

fn is_backed_up(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    text == "*"
        || (parts.next() == Some("arn")
            && parts.next().is_some_and(|partition| matches!(partition, "aws" | "aws-cn" | "aws-us-gov"))
            && parts.next().is_some_and(|rest| BACKED_UP.contains(&rest)))
}
