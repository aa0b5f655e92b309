//! The effective policy of an account.
//!
//! Owns how it is printed. Refuses to know what it means: that is for [`crate::TagRules`] and [`crate::BackupPlans`].
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_effective.html>

use std::fmt;

use crate::json::Json;
use crate::merge::{Merged, Value};
use crate::{PolicyKind, ValidationError, validation};

/// What all policies of an account together say.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    kind: PolicyKind,
    root: Merged,
    has_policy: bool,
}

/// Policies that do not belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectiveError {
    /// A policy of another kind than the one that is asked for.
    OtherKind {
        /// The policy.
        policy_id: String,
    },
}

impl Effective {
    pub(crate) fn new(kind: PolicyKind, root: Merged, has_policy: bool) -> Self {
        Self { kind, root, has_policy }
    }

    /// Of which kind it is.
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// Whether no policy is attached to the account or above it; AWS answers `EffectivePolicyNotFoundException` then.
    pub fn is_absent(&self) -> bool {
        !self.has_policy
    }

    /// The policy as `DescribeEffectivePolicy` prints it: JSON without blanks and without operators.
    pub fn content(&self) -> String {
        let mut text = String::new();
        let key = match self.kind {
            PolicyKind::Tag => "tags",
            PolicyKind::Backup => "plans",
        };
        if self.root.element(key).is_some() {
            print(&self.root, &mut text);
        } else {
            text.push_str(&format!("{{\"{key}\":{{}}}}"));
        }
        text
    }

    /// What keeps it from being carried out.
    pub fn errors(&self) -> Vec<ValidationError> {
        match self.kind {
            PolicyKind::Tag => Vec::new(),
            PolicyKind::Backup => validation::of_backups(&self.root),
        }
    }

    pub(crate) fn root(&self) -> &Merged {
        &self.root
    }
}

fn print(merged: &Merged, text: &mut String) {
    match &merged.value {
        Value::Unset => text.push_str("{}"),
        Value::Elements(elements) => {
            text.push('{');
            for (index, (name, element)) in elements.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                quote(name, text);
                text.push(':');
                print(element, text);
            }
            text.push('}');
        }
        Value::One(value) => print_json(value, text),
        Value::Many(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                quote(value, text);
            }
            text.push(']');
        }
    }
}

fn print_json(value: &Json, text: &mut String) {
    match value {
        Json::Text(held) => quote(held, text),
        Json::Bool(held) => text.push_str(if *held { "true" } else { "false" }),
        Json::Number(held) => text.push_str(&held.to_string()),
        // No setting has such a value.
        Json::Null | Json::Array(_) | Json::Object(_) => text.push_str("null"),
    }
}

fn quote(held: &str, text: &mut String) {
    text.push_str(&serde_json::Value::from(held).to_string());
}

impl fmt::Display for EffectiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherKind { policy_id } => write!(f, "the policy {policy_id} is of another kind"),
        }
    }
}

impl std::error::Error for EffectiveError {}
