//! What an effective tag policy says of tags.
//!
//! Owns compliance and enforcement. Refuses to know which resources there are, and which of their types a policy can be
//! enforced for ([`crate::enforced`]).
//!
//! A key is wrong when it is one of the policy's in another case; a value is wrong when the policy lists values and it is
//! none of them. A resource without the tag is compliant, unless the policy asks for reports of that.
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_tag-policies.html>

use std::fmt;

use crate::{Effective, PolicyKind, enforced};

/// The rules of all tag keys that an effective policy names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TagRules(Vec<TagRule>);

/// The rule of one tag key.
#[derive(Clone, Debug, PartialEq)]
pub struct TagRule {
    /// The key, as it has to be written.
    pub key: String,
    /// The values that are right, with one `*` at most in each; any value when `None`.
    pub values: Option<Vec<String>>,
    /// For which resource types requests that break the rule are refused: `ec2:vpc`, `ec2:*` or `ec2:ALL_SUPPORTED`.
    pub enforced_for: Vec<String>,
    /// Which resource types are reported when the tag is missing.
    pub required_for: Vec<String>,
}

/// A tag that is not as the policy wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonCompliance {
    /// The key: of the tag, or of the policy when the tag is missing.
    pub key: String,
    /// What is wrong with it.
    pub reason: NonComplianceReason,
}

/// What is wrong with a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonComplianceReason {
    /// The key is written in another case.
    Key,
    /// The value is none of those allowed.
    Value,
    /// The resource has to have the tag, and has not.
    Missing,
}

/// A tag that a request must not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagViolation {
    /// The key, as the request has it.
    pub key: String,
    /// The resource type that it would be set on.
    pub resource_type: String,
    /// What is wrong.
    pub reason: NonComplianceReason,
}

impl TagRules {
    /// The rules of an effective policy. A policy of another kind has none.
    pub fn of(effective: &Effective) -> Self {
        if effective.kind() != PolicyKind::Tag {
            return Self::default();
        }
        let rule = |(name, tag): &(String, crate::merge::Merged)| {
            let list = |setting| tag.list(setting).map(<[String]>::to_vec);
            TagRule {
                // Lower case is wanted where a policy does not say.
                key: tag.text("tag_key").unwrap_or(name).to_owned(),
                values: list("tag_value"),
                enforced_for: list("enforced_for").unwrap_or_default(),
                required_for: list("report_required_tag_for").unwrap_or_default(),
            }
        };
        Self(effective.root().named("tags").iter().map(rule).collect())
    }

    /// Whether no key has a rule.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules.
    pub fn iter(&self) -> impl Iterator<Item = &TagRule> {
        self.0.iter()
    }

    fn rule(&self, key: &str) -> Option<&TagRule> {
        let key = key.to_lowercase();
        self.0.iter().find(|rule| rule.key.to_lowercase() == key)
    }

    /// What is wrong with the tags of a resource of that type, such as `ec2:vpc`.
    pub fn check<'a>(
        &self,
        resource_type: &str,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Vec<NonCompliance> {
        let tags: Vec<(&str, &str)> = tags.into_iter().collect();
        let mut found = Vec::new();
        for (key, value) in &tags {
            let Some(rule) = self.rule(key) else { continue };
            if let Some(reason) = rule.reason(key, value) {
                found.push(NonCompliance { key: (*key).to_owned(), reason });
            }
        }
        let is_missing = |rule: &&TagRule| {
            rule.required_for.iter().any(|held| covers(held, resource_type))
                && !tags.iter().any(|(key, _)| key.to_lowercase() == rule.key.to_lowercase())
        };
        found.extend(
            self.0
                .iter()
                .filter(is_missing)
                .map(|rule| NonCompliance { key: rule.key.clone(), reason: NonComplianceReason::Missing }),
        );
        found
    }

    /// Whether requests that set that key, in any case, on resources of that type have to keep the rule.
    pub fn is_enforced(&self, resource_type: &str, key: &str) -> bool {
        self.rule(key).is_some_and(|rule| rule.enforced_for.iter().any(|held| covers(held, resource_type)))
    }

    /// The first of the tags that a request must not set on a resource of that type.
    pub fn violation<'a>(
        &self,
        resource_type: &str,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Option<TagViolation> {
        tags.into_iter().filter(|(key, _)| self.is_enforced(resource_type, key)).find_map(|(key, value)| {
            let reason = self.rule(key)?.reason(key, value)?;
            Some(TagViolation { key: key.to_owned(), resource_type: resource_type.to_owned(), reason })
        })
    }
}

impl TagRule {
    /// What is wrong with a tag whose key is this rule's but for its case.
    fn reason(&self, key: &str, value: &str) -> Option<NonComplianceReason> {
        if key != self.key {
            return Some(NonComplianceReason::Key);
        }
        let allows = |values: &Vec<String>| values.iter().any(|pattern| matches(pattern, value));
        (!self.values.as_ref().is_none_or(allows)).then_some(NonComplianceReason::Value)
    }
}

/// Whether a value is what a pattern with one `*` at most means. Case counts.
fn matches(pattern: &str, value: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == value,
        Some((start, end)) => {
            value.len() >= start.len() + end.len() && value.starts_with(start) && value.ends_with(end)
        }
    }
}

/// Whether an entry such as `ec2:*` means a resource type such as `ec2:vpc`.
fn covers(entry: &str, resource_type: &str) -> bool {
    let (Some((service, name)), Some((of, wanted))) = (entry.split_once(':'), resource_type.split_once(':'))
    else {
        return false;
    };
    service == of && (name == "*" || name == "ALL_SUPPORTED" || enforced::is_same_type(name, wanted))
}

/// The message of EC2's `TagPolicyViolation`.
impl fmt::Display for TagViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            NonComplianceReason::Key => {
                write!(
                    f,
                    "The tag policy does not allow the specified capitalization for the following tag key: '{}'.",
                    self.key
                )
            }
            NonComplianceReason::Value | NonComplianceReason::Missing => {
                write!(
                    f,
                    "The tag policy does not allow the specified value for the following tag key: '{}'.",
                    self.key
                )
            }
        }
    }
}
