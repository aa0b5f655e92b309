//! What keeps an effective policy from being carried out.
//!
//! Owns the rules that no single policy can break, as the parts of a plan may come from several. Tag policies have none: any
//! parts of one make sense. The form of the messages and paths is that of AWS's own example.
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/invalid-policy-alerts.html>

use std::collections::BTreeSet;

use crate::merge::{Merged, Value};

/// The most rules that a plan can have.
/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html>
const MAX_RULES: usize = 10;
/// The most conditions that a selection can have.
const MAX_CONDITIONS: usize = 30;

/// As `ListEffectivePolicyValidationErrors` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    /// Such as `KEY_REQUIRED`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where, from the top key down, with `/` between.
    pub path: String,
    /// The policies that it comes from, by their ids.
    pub contributing_policies: BTreeSet<String>,
}

/// The errors of all plans.
pub(crate) fn of_backups(root: &Merged) -> Vec<ValidationError> {
    root.named("plans").iter().flat_map(|(name, plan)| of_plan(name, plan)).collect()
}

/// The errors of one plan.
pub(crate) fn of_plan(name: &str, plan: &Merged) -> Vec<ValidationError> {
    let mut errors = Errors(Vec::new());
    let path = format!("plans/{name}");
    errors.required(plan, &path, &["rules", "regions", "selections"]);
    if let Some(rules) = plan.element("rules") {
        errors.at_most(rules, &format!("{path}/rules"), "rules", rules.elements().len(), MAX_RULES);
        for (name, rule) in rules.elements() {
            errors.required(
                rule,
                &format!("{path}/rules/{name}"),
                &["schedule_expression", "target_backup_vault_name"],
            );
        }
    }
    if let Some(regions) = plan.element("regions") {
        errors.some(regions, &format!("{path}/regions"), "regions");
    }
    for kind in ["tags", "resources"] {
        let selections = plan.element("selections").map(|held| held.named(kind)).unwrap_or_default();
        for (name, selection) in selections {
            let path = format!("{path}/selections/{kind}/{name}");
            let keys: &[&str] = if kind == "tags" {
                &["iam_role_arn", "tag_key", "tag_value"]
            } else {
                &["iam_role_arn", "resource_types"]
            };
            errors.required(selection, &path, keys);
            let conditions: usize =
                selection.named("conditions").iter().map(|(_, held)| held.elements().len()).sum();
            errors.at_most(
                selection,
                &format!("{path}/conditions"),
                "conditions",
                conditions,
                MAX_CONDITIONS,
            );
        }
    }
    errors.0
}

struct Errors(Vec<ValidationError>);

impl Errors {
    fn add(&mut self, code: &'static str, message: String, path: &str, at: &Merged) {
        let contributing_policies = at.policies.clone();
        self.0.push(ValidationError { code, message, path: path.to_owned(), contributing_policies });
    }

    fn required(&mut self, at: &Merged, path: &str, keys: &[&str]) {
        for key in keys.iter().filter(|key| at.element(key).is_none()) {
            self.add("KEY_REQUIRED", format!("'{key}' is missing"), path, at);
        }
    }

    fn some(&mut self, at: &Merged, path: &str, name: &str) {
        if matches!(&at.value, Value::Many(values) if values.is_empty()) {
            self.add(
                "ELEMENTS_TOO_FEW",
                format!("'{name}' is less than the allowed minimum limit 1"),
                path,
                at,
            );
        }
    }

    fn at_most(&mut self, at: &Merged, path: &str, name: &str, count: usize, max: usize) {
        if count > max {
            self.add(
                "ELEMENTS_TOO_MANY",
                format!("'{name}' exceeds the allowed maximum limit {max}"),
                path,
                at,
            );
        }
    }
}
