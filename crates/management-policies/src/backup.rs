//! What an effective backup policy means for an account.
//!
//! Owns the plans with their parts, and `$account`. Refuses to know when a plan runs and what it backs up.
//!
//! A plan that lacks a part that it needs ([`Effective::errors`]) is none: nothing is backed up by half of one.
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_backup_syntax.html>

use crate::grammar::{count, flag};
use crate::merge::Merged;
use crate::{Effective, PolicyKind, validation};

/// The plans of an effective backup policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackupPlans(Vec<BackupPlan>);

/// One plan.
#[derive(Clone, Debug, PartialEq)]
pub struct BackupPlan {
    /// Its name, in lower case.
    pub name: String,
    /// The regions that it runs in.
    pub regions: Vec<String>,
    /// Its rules.
    pub rules: Vec<BackupRule>,
    /// What it backs up.
    pub selections: Vec<Selection>,
    /// Settings of resource types.
    pub advanced_settings: Vec<AdvancedSetting>,
    /// Its own tags.
    pub tags: Vec<(String, String)>,
}

/// When a plan backs up, and where to.
#[derive(Clone, Debug, PartialEq)]
pub struct BackupRule {
    /// Its name, in lower case.
    pub name: String,
    /// `cron(...)`.
    pub schedule: String,
    /// The vault.
    pub vault: String,
    /// The air-gapped vault, when there is one.
    pub air_gapped_vault_arn: Option<String>,
    /// How long a backup may wait to start.
    pub start_window_minutes: Option<u32>,
    /// How long a backup may take.
    pub completion_window_minutes: Option<u32>,
    /// Whether it is for restores to any point in time.
    pub is_continuous: bool,
    /// How long backups are kept.
    pub lifecycle: Option<Lifecycle>,
    /// Where backups are copied to.
    pub copies: Vec<CopyAction>,
    /// The tags that its backups get.
    pub recovery_point_tags: Vec<(String, String)>,
    /// Of which resource types backups are indexed.
    pub indexed: Vec<String>,
}

/// How long backups are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// After how many days they become cold.
    pub cold_after_days: Option<u32>,
    /// After how many days they go.
    pub delete_after_days: Option<u32>,
    /// Whether resource types that are archived become cold too.
    pub archives: Option<bool>,
}

/// Where backups are copied to.
#[derive(Clone, Debug, PartialEq)]
pub struct CopyAction {
    /// The other vault.
    pub vault_arn: String,
    /// How long copies are kept.
    pub lifecycle: Option<Lifecycle>,
}

/// What a plan backs up: all of these types, or all with that tag, that meet the conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Its name, in lower case.
    pub name: String,
    /// The role that finds and backs up.
    pub role_arn: String,
    /// A tag key, and the values one of which the resource has to have.
    pub tagged: Option<(String, Vec<String>)>,
    /// ARN patterns of what is backed up.
    pub resources: Vec<String>,
    /// ARN patterns of what is not.
    pub not_resources: Vec<String>,
    /// All of them have to hold.
    pub conditions: Vec<Condition>,
}

/// A condition on a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// How the two are compared.
    pub operator: ConditionOperator,
    /// `aws:ResourceTag/` and the tag key.
    pub key: String,
    /// What the tag's value is compared with.
    pub value: String,
}

/// How a tag's value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionOperator {
    /// They are the same.
    Equals,
    /// They differ.
    NotEquals,
    /// The value is what the pattern means.
    Like,
    /// The value is not what the pattern means.
    NotLike,
}

/// A setting of a resource type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdvancedSetting {
    /// `EC2` or `S3`.
    pub resource_type: &'static str,
    /// Its name, as AWS Backup spells it.
    pub name: &'static str,
    /// `enabled` or `disabled`.
    pub value: String,
}

/// The settings, by where they stand in a policy and as AWS Backup spells them.
const ADVANCED: [(&str, &str, &str, &str); 3] = [
    ("ec2", "windows_vss", "EC2", "WindowsVSS"),
    ("s3", "backup_acls", "S3", "BackupACLs"),
    ("s3", "backup_object_tags", "S3", "BackupObjectTags"),
];

const OPERATORS: [(&str, ConditionOperator); 4] = [
    ("string_equals", ConditionOperator::Equals),
    ("string_not_equals", ConditionOperator::NotEquals),
    ("string_like", ConditionOperator::Like),
    ("string_not_like", ConditionOperator::NotLike),
];

impl BackupPlans {
    /// The plans of an effective policy for an account, by its number. A policy of another kind has none.
    pub fn of(effective: &Effective, account: &str) -> Self {
        if effective.kind() != PolicyKind::Backup {
            return Self::default();
        }
        let plans = effective.root().named("plans").iter();
        let whole = plans.filter(|(name, plan)| validation::of_plan(name, plan).is_empty());
        Self(whole.map(|(name, plan)| BackupPlan::of(name, plan, account)).collect())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &BackupPlan> {
        self.0.iter()
    }

    /// Those that run in a region.
    pub fn in_region<'a>(&'a self, region: &'a str) -> impl Iterator<Item = &'a BackupPlan> {
        self.0.iter().filter(move |plan| plan.regions.iter().any(|held| held == region))
    }
}

impl BackupPlan {
    fn of(name: &str, plan: &Merged, account: &str) -> Self {
        let selections =
            |kind| plan.element("selections").map(|held| held.named(kind)).unwrap_or_default().iter();
        let advanced = ADVANCED.iter().filter_map(|(part, setting, resource_type, name)| {
            let value = plan.element("advanced_backup_settings")?.element(part)?.text(setting)?;
            Some(AdvancedSetting { resource_type, name, value: value.to_owned() })
        });
        Self {
            name: name.to_owned(),
            regions: plan.list("regions").unwrap_or_default().to_vec(),
            rules: plan
                .named("rules")
                .iter()
                .map(|(name, rule)| BackupRule::of(name, rule, account))
                .collect(),
            selections: selections("tags")
                .chain(selections("resources"))
                .map(|(name, selection)| Selection::of(name, selection, account))
                .collect(),
            advanced_settings: advanced.collect(),
            tags: pairs(plan.named("backup_plan_tags")),
        }
    }
}

impl BackupRule {
    fn of(name: &str, rule: &Merged, account: &str) -> Self {
        let text = |setting| rule.text(setting).unwrap_or_default().to_owned();
        let minutes = |setting| rule.one(setting).and_then(count);
        let copy = |(vault, copy): &(String, Merged)| CopyAction {
            // AWS documents that the name, in lower case, stands in for an ARN that is not there.
            vault_arn: resolved(copy.text("target_backup_vault_arn").unwrap_or(vault), account),
            lifecycle: Lifecycle::of(copy),
        };
        let indexed = rule.element("index_actions").and_then(|held| held.list("resource_types"));
        Self {
            name: name.to_owned(),
            schedule: text("schedule_expression"),
            vault: text("target_backup_vault_name"),
            air_gapped_vault_arn: rule
                .text("target_logically_air_gapped_backup_vault_arn")
                .map(|arn| resolved(arn, account)),
            start_window_minutes: minutes("start_backup_window_minutes"),
            completion_window_minutes: minutes("complete_backup_window_minutes"),
            is_continuous: rule.one("enable_continuous_backup").and_then(flag).unwrap_or_default(),
            lifecycle: Lifecycle::of(rule),
            copies: rule.named("copy_actions").iter().map(copy).collect(),
            recovery_point_tags: pairs(rule.named("recovery_point_tags")),
            indexed: indexed.unwrap_or_default().to_vec(),
        }
    }
}

impl Lifecycle {
    fn of(held_by: &Merged) -> Option<Self> {
        let lifecycle = held_by.element("lifecycle")?;
        Some(Self {
            cold_after_days: lifecycle.one("move_to_cold_storage_after_days").and_then(count),
            delete_after_days: lifecycle.one("delete_after_days").and_then(count),
            archives: lifecycle.one("opt_in_to_archive_for_supported_resources").and_then(flag),
        })
    }
}

impl Selection {
    fn of(name: &str, selection: &Merged, account: &str) -> Self {
        let list = |setting| selection.list(setting).unwrap_or_default().to_vec();
        let conditions = OPERATORS.iter().flat_map(|(element, operator)| {
            let held = selection.element("conditions").map(|held| held.named(element)).unwrap_or_default();
            held.iter().filter_map(|(_, condition)| {
                let text = |setting| condition.text(setting).map(str::to_owned);
                Some(Condition {
                    operator: *operator,
                    key: text("condition_key")?,
                    value: text("condition_value")?,
                })
            })
        });
        Self {
            name: name.to_owned(),
            role_arn: resolved(selection.text("iam_role_arn").unwrap_or_default(), account),
            tagged: selection.text("tag_key").map(|key| (key.to_owned(), list("tag_value"))),
            resources: list("resource_types"),
            not_resources: list("not_resource_types"),
            conditions: conditions.collect(),
        }
    }
}

fn pairs(held: &[(String, Merged)]) -> Vec<(String, String)> {
    let pair = |(name, tag): &(String, Merged)| {
        let key = tag.text("tag_key").unwrap_or(name).to_owned();
        (key, tag.text("tag_value").unwrap_or_default().to_owned())
    };
    held.iter().map(pair).collect()
}

/// A text in which the account is itself.
fn resolved(text: &str, account: &str) -> String {
    text.replace("$account", account)
}
