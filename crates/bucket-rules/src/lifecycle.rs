//! Lifecycle configurations: what may stand in one.
//!
//! Owns the rules of the document. What is due when is in `due`. Refuses to know objects and clocks.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html>

use std::collections::HashSet;

use aws_types::{Tag, Timestamp};
use serde::{Deserialize, Serialize};

use crate::RuleError;
use crate::object_key::KEY_BYTES_MAX;
use crate::time::is_midnight;
use crate::transition::{NoncurrentVersionTransition, Transition};

const RULES_MAX: usize = 1_000;
const ID_CHARS_MAX: usize = 255;
/// An object has no more, so that a filter by more is about none.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>
const TAGS_MAX: usize = 10;
pub(crate) const NEWER_VERSIONS_MAX: i64 = 100;

/// A rule as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleRule {
    /// Its name; made if none is given.
    pub id: Option<String>,
    /// The older way to say which keys it is about.
    pub prefix: Option<String>,
    /// Which objects it is about.
    pub filter: Option<LifecycleFilter>,
    /// `Enabled` or `Disabled`.
    pub status: String,
    /// What becomes of current versions.
    pub expiration: Option<Expiration>,
    /// What becomes of versions that others have followed.
    pub noncurrent_version_expiration: Option<NoncurrentVersionExpiration>,
    /// After how many days uploads in parts are given up.
    pub abort_incomplete_multipart_upload_days: Option<i64>,
    /// Storage classes that current versions move to.
    #[serde(default)]
    pub transitions: Vec<Transition>,
    /// The same of noncurrent versions.
    #[serde(default)]
    pub noncurrent_version_transitions: Vec<NoncurrentVersionTransition>,
}

/// Which objects a rule is about. One member, or `and` with several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleFilter {
    /// What the key begins with.
    pub prefix: Option<String>,
    /// A tag that the object has.
    pub tag: Option<Tag>,
    /// Its size is greater.
    pub object_size_greater_than_bytes: Option<i64>,
    /// Its size is less.
    pub object_size_less_than_bytes: Option<i64>,
    /// All of these.
    pub and: Option<LifecycleAnd>,
}

/// Several things that all have to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleAnd {
    /// What the key begins with.
    pub prefix: Option<String>,
    /// Tags that the object has.
    pub tags: Vec<Tag>,
    /// Its size is greater.
    pub object_size_greater_than_bytes: Option<i64>,
    /// Its size is less.
    pub object_size_less_than_bytes: Option<i64>,
}

/// What becomes of current versions. One of the members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiration {
    /// So many days after the version was made.
    pub days: Option<i64>,
    /// From a midnight on.
    pub date: Option<Timestamp>,
    /// Whether a delete marker goes that no version is left behind.
    pub expired_object_delete_marker: Option<bool>,
}

/// What becomes of versions that others have followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoncurrentVersionExpiration {
    /// So many days after another one followed.
    pub noncurrent_days: Option<i64>,
    /// How many noncurrent versions stay all the same.
    pub newer_noncurrent_versions: Option<i64>,
}

/// The rules of a bucket, checked. Each has an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lifecycle(Vec<LifecycleRule>);

impl Lifecycle {
    /// Checks rules. `make_id` names those that have no name.
    ///
    /// # Errors
    /// The first thing that AWS would refuse.
    pub fn new(
        mut rules: Vec<LifecycleRule>,
        mut make_id: impl FnMut() -> String,
    ) -> Result<Self, RuleError> {
        if rules.is_empty() || rules.len() > RULES_MAX {
            return Err(RuleError::MalformedXml);
        }
        let mut ids = HashSet::new();
        for rule in &rules {
            let id = rule.id.as_deref().filter(|id| !id.is_empty());
            if id.is_some_and(|id| id.chars().count() > ID_CHARS_MAX) {
                let message = "ID length should not exceed allowed limit of 255";
                return Err(RuleError::argument_alone(message, "ID"));
            }
            if id.is_some_and(|id| !ids.insert(id)) {
                let message = "Rule ID must be unique. Found same ID for more than one rule";
                return Err(RuleError::argument_alone(message, "ID"));
            }
            rule.check()?;
        }
        for rule in &mut rules {
            if rule.id.as_deref().unwrap_or_default().is_empty() {
                rule.id = Some(make_id());
            }
        }
        Ok(Self(rules))
    }

    /// The rules in their order.
    pub fn rules(&self) -> &[LifecycleRule] {
        &self.0
    }
}

impl LifecycleRule {
    /// Its name.
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// Whether anything comes of it.
    pub fn is_enabled(&self) -> bool {
        self.status == "Enabled"
    }

    fn check(&self) -> Result<(), RuleError> {
        let refused = |message: &'static str| Err(RuleError::Request(message.into()));
        if !["Enabled", "Disabled"].contains(&self.status.as_str()) {
            return Err(RuleError::MalformedXml);
        }
        if self.prefix.is_some() == self.filter.is_some() {
            return Err(RuleError::MalformedXml);
        }
        if let Some(filter) = &self.filter {
            filter.check()?;
        }
        if self.prefix.as_ref().is_some_and(|prefix| prefix.len() > KEY_BYTES_MAX) {
            return refused("The maximum size of a prefix is 1024.");
        }
        self.check_transitions()?;
        let has_action = self.expiration.is_some()
            || !self.transitions.is_empty()
            || !self.noncurrent_version_transitions.is_empty()
            || self.noncurrent_version_expiration.is_some()
            || self.abort_incomplete_multipart_upload_days.is_some();
        if !has_action {
            return refused("At least one action needs to be specified in a rule.");
        }
        let filter = self.filter.clone().unwrap_or_default();
        if let Some(expiration) = self.expiration {
            expiration.check(&filter)?;
        }
        if let Some(expiration) = self.noncurrent_version_expiration {
            expiration.check(self.filter.is_some())?;
        }
        if let Some(days) = self.abort_incomplete_multipart_upload_days {
            positive(days, "DaysAfterInitiation", "AbortIncompleteMultipartUpload")?;
            if filter.has_tags() {
                return refused("AbortIncompleteMultipartUpload cannot be specified with Tags.");
            }
            if filter.has_sizes() {
                return refused("AbortIncompleteMultipartUpload cannot be specified with Object Size.");
            }
        }
        Ok(())
    }
}

impl LifecycleFilter {
    /// Whether it looks at tags.
    pub(crate) fn has_tags(&self) -> bool {
        self.tag.is_some() || self.and.as_ref().is_some_and(|and| !and.tags.is_empty())
    }

    /// Whether it looks at sizes.
    pub(crate) fn has_sizes(&self) -> bool {
        let of = |greater: Option<i64>, less: Option<i64>| greater.is_some() || less.is_some();
        of(self.object_size_greater_than_bytes, self.object_size_less_than_bytes)
            || self
                .and
                .as_ref()
                .is_some_and(|and| of(and.object_size_greater_than_bytes, and.object_size_less_than_bytes))
    }

    fn check(&self) -> Result<(), RuleError> {
        let members = [
            self.prefix.is_some(),
            self.tag.is_some(),
            self.object_size_greater_than_bytes.is_some(),
            self.object_size_less_than_bytes.is_some(),
            self.and.is_some(),
        ];
        if members.iter().filter(|is_there| **is_there).count() > 1 {
            return Err(RuleError::MalformedXml);
        }
        let all = self.and.clone().unwrap_or_default();
        if self.and.is_some() {
            let sizes = [all.object_size_greater_than_bytes, all.object_size_less_than_bytes];
            let sizes = sizes.iter().flatten().count();
            let members = usize::from(all.prefix.is_some()) + all.tags.len() + sizes;
            if members < 2 || all.tags.len() > TAGS_MAX {
                return Err(RuleError::MalformedXml);
            }
        }
        let refused = |message: &'static str| Err(RuleError::Request(message.into()));
        if self.prefix.iter().chain(&all.prefix).any(|prefix| prefix.len() > KEY_BYTES_MAX) {
            return refused("The maximum size of a prefix is 1024.");
        }
        let mut keys = HashSet::new();
        for tag in self.tag.iter().chain(&all.tags) {
            if !(1..=128).contains(&tag.key.chars().count()) {
                return refused("A Tag's Key must be a length between 1 and 128.");
            }
            if tag.value.chars().count() > 256 {
                return refused("A Tag's Value must be a length between 0 and 256.");
            }
            if !keys.insert(&tag.key) {
                return refused("Duplicate Tag Keys are not allowed.");
            }
        }
        let least = [self.object_size_greater_than_bytes, all.object_size_greater_than_bytes];
        let most = [self.object_size_less_than_bytes, all.object_size_less_than_bytes];
        if least.into_iter().flatten().any(|size| size < 0) || most.into_iter().flatten().any(|size| size < 1)
        {
            return Err(RuleError::MalformedXml);
        }
        match (all.object_size_greater_than_bytes, all.object_size_less_than_bytes) {
            (Some(greater), Some(less)) if greater >= less => {
                refused("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.")
            }
            _ => Ok(()),
        }
    }
}

impl Expiration {
    fn check(self, filter: &LifecycleFilter) -> Result<(), RuleError> {
        match (self.days, self.date, self.expired_object_delete_marker) {
            (Some(days), None, None) => positive(days, "Days", "Expiration"),
            (None, Some(date), None) if is_midnight(date) => Ok(()),
            (None, Some(date), None) => {
                Err(RuleError::argument("'Date' must be at midnight GMT", "Date", date.to_string()))
            }
            (None, None, Some(_)) if filter.has_tags() => {
                let message = "ExpiredObjectDeleteMarker cannot be specified with Tags.";
                Err(RuleError::Request(message.into()))
            }
            // AWS answers a filter by size in this way.
            (None, None, Some(_)) if filter.has_sizes() => Err(RuleError::MalformedXml),
            (None, None, Some(_)) => Ok(()),
            _ => Err(RuleError::MalformedXml),
        }
    }
}

impl NoncurrentVersionExpiration {
    fn check(self, has_filter: bool) -> Result<(), RuleError> {
        if self.noncurrent_days.is_none() && self.newer_noncurrent_versions.is_none() {
            return Err(RuleError::MalformedXml);
        }
        // Days are needed even where a number of versions is given.
        positive(self.noncurrent_days.unwrap_or(0), "NoncurrentDays", "NoncurrentVersionExpiration")?;
        match self.newer_noncurrent_versions {
            None => Ok(()),
            Some(_) if !has_filter => Err(RuleError::MalformedXml),
            Some(1..=NEWER_VERSIONS_MAX) => Ok(()),
            Some(_) => {
                let message = "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be a positive integer \
                    no greater than 100";
                Err(RuleError::argument_alone(message, "NewerNoncurrentVersions"))
            }
        }
    }
}

fn positive(value: i64, element: &'static str, action: &'static str) -> Result<(), RuleError> {
    if (1..=i64::from(i32::MAX)).contains(&value) {
        return Ok(());
    }
    let message = format!("'{element}' for {action} action must be a positive integer");
    Err(RuleError::argument(message, element, value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::at;

    fn days(days: i64) -> Option<Expiration> {
        Some(Expiration { days: Some(days), ..Expiration::default() })
    }

    fn rule() -> LifecycleRule {
        LifecycleRule {
            id: Some("rule1".into()),
            filter: Some(LifecycleFilter::default()),
            status: "Enabled".into(),
            expiration: days(1),
            ..LifecycleRule::default()
        }
    }

    fn with_filter(filter: LifecycleFilter) -> LifecycleRule {
        LifecycleRule { filter: Some(filter), ..rule() }
    }

    fn tag(key: &str) -> Tag {
        Tag { key: key.into(), value: "v".into() }
    }

    fn error(rule: LifecycleRule) -> (&'static str, String) {
        let error = Lifecycle::new(vec![rule], String::new).unwrap_err();
        (error.code(), error.to_string())
    }

    #[test]
    fn rules_as_a_whole() {
        let id = |id: &str| LifecycleRule { id: Some(id.into()), ..rule() };
        for (rules, code) in [
            (vec![], "MalformedXML"),
            (vec![rule(), rule()], "InvalidArgument"),
            (vec![id(&"a".repeat(256))], "InvalidArgument"),
            (vec![LifecycleRule { status: "enabled".into(), ..rule() }], "MalformedXML"),
            (vec![LifecycleRule { filter: None, ..rule() }], "MalformedXML"),
            (vec![LifecycleRule { prefix: Some("a".into()), ..rule() }], "MalformedXML"),
            (vec![LifecycleRule { expiration: None, ..rule() }], "InvalidRequest"),
        ] {
            assert_eq!(Lifecycle::new(rules, String::new).unwrap_err().code(), code);
        }
        let unnamed = LifecycleRule { id: None, ..rule() };
        let mut number = 0;
        let rules = Lifecycle::new(vec![unnamed.clone(), rule(), unnamed], || {
            number += 1;
            format!("made-{number}")
        })
        .unwrap();
        assert_eq!(
            rules.rules().iter().map(LifecycleRule::id).collect::<Vec<_>>(),
            ["made-1", "rule1", "made-2"]
        );
        let many: Vec<_> = (0..1_001).map(|number| id(&number.to_string())).collect();
        assert!(Lifecycle::new(many[1..].to_vec(), String::new).is_ok());
        assert_eq!(Lifecycle::new(many, String::new), Err(RuleError::MalformedXml));
    }

    #[test]
    fn filters() {
        let and = |and: LifecycleAnd| with_filter(LifecycleFilter { and: Some(and), ..Default::default() });
        let sizes = |greater: i64, less: i64| {
            and(LifecycleAnd {
                object_size_greater_than_bytes: Some(greater),
                object_size_less_than_bytes: Some(less),
                ..Default::default()
            })
        };
        let two_tags =
            |a: &str, b: &str| and(LifecycleAnd { tags: vec![tag(a), tag(b)], ..Default::default() });
        let tags = |count: usize| {
            let tags = (0..count).map(|number| tag(&number.to_string())).collect();
            and(LifecycleAnd { tags, ..Default::default() })
        };
        let prefix_and_tag =
            LifecycleFilter { prefix: Some("a".into()), tag: Some(tag("k")), ..LifecycleFilter::default() };
        let long = LifecycleFilter { prefix: Some("p".repeat(1_025)), ..LifecycleFilter::default() };
        let no_key = LifecycleFilter { tag: Some(tag("")), ..LifecycleFilter::default() };
        for (rule, code, message) in [
            (with_filter(prefix_and_tag), "MalformedXML", "The XML"),
            (and(LifecycleAnd { prefix: Some("a".into()), ..Default::default() }), "MalformedXML", "The XML"),
            (tags(11), "MalformedXML", "The XML"),
            (two_tags("k", "k"), "InvalidRequest", "Duplicate Tag Keys are not allowed."),
            (with_filter(long), "InvalidRequest", "The maximum size of a prefix is 1024."),
            (with_filter(no_key), "InvalidRequest", "A Tag's Key must be a length between 1 and 128."),
            (sizes(5, 5), "InvalidRequest", "'ObjectSizeLessThan' has to be a value greater"),
            (sizes(-1, 5), "MalformedXML", "The XML"),
        ] {
            let (had, text) = error(rule);
            assert_eq!(had, code);
            assert!(text.starts_with(message), "{text}");
        }
        for rule in [sizes(5, 6), two_tags("k", "K"), tags(10)] {
            assert!(Lifecycle::new(vec![rule], String::new).is_ok());
        }
    }

    #[test]
    fn actions() {
        let expires = |expiration: Expiration| LifecycleRule { expiration: Some(expiration), ..rule() };
        let marker = Expiration { expired_object_delete_marker: Some(true), ..Expiration::default() };
        let on = |text: &str| Expiration { date: Some(at(text)), ..Expiration::default() };
        let noncurrent = |noncurrent_days, newer_noncurrent_versions| LifecycleRule {
            noncurrent_version_expiration: Some(NoncurrentVersionExpiration {
                noncurrent_days,
                newer_noncurrent_versions,
            }),
            ..rule()
        };
        let abort = |filter: LifecycleFilter, days: i64| LifecycleRule {
            abort_incomplete_multipart_upload_days: Some(days),
            ..with_filter(filter)
        };
        let tagged = LifecycleFilter { tag: Some(tag("k")), ..LifecycleFilter::default() };
        let sized = LifecycleFilter { object_size_less_than_bytes: Some(5), ..LifecycleFilter::default() };
        for (rule, code, message) in [
            (expires(Expiration::default()), "MalformedXML", "The XML"),
            (expires(Expiration { days: Some(1), ..marker }), "MalformedXML", "The XML"),
            (expires(Expiration { days: Some(1), ..on("2030-01-01T00:00:00Z") }), "MalformedXML", "The XML"),
            (
                LifecycleRule { expiration: days(0), ..rule() },
                "InvalidArgument",
                "'Days' for Expiration action must be a positive integer",
            ),
            (expires(on("2030-01-01T02:02:00Z")), "InvalidArgument", "'Date' must be at midnight GMT"),
            (
                LifecycleRule { expiration: Some(marker), ..with_filter(tagged.clone()) },
                "InvalidRequest",
                "ExpiredObjectDeleteMarker cannot be specified with Tags.",
            ),
            (
                LifecycleRule { expiration: Some(marker), ..with_filter(sized.clone()) },
                "MalformedXML",
                "The XML",
            ),
            (noncurrent(None, None), "MalformedXML", "The XML"),
            (
                noncurrent(None, Some(1)),
                "InvalidArgument",
                "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
            ),
            (noncurrent(Some(1), Some(101)), "InvalidArgument", "'NewerNoncurrentVersions'"),
            (
                abort(LifecycleFilter::default(), 0),
                "InvalidArgument",
                "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer",
            ),
            (
                abort(tagged, 1),
                "InvalidRequest",
                "AbortIncompleteMultipartUpload cannot be specified with Tags.",
            ),
            (
                abort(sized, 1),
                "InvalidRequest",
                "AbortIncompleteMultipartUpload cannot be specified with Object",
            ),
        ] {
            let (had, text) = error(rule);
            assert_eq!(had, code, "{text}");
            assert!(text.starts_with(message), "{text}");
        }
        let old = LifecycleRule { prefix: Some(String::new()), filter: None, ..rule() };
        for rule in [
            old,
            expires(marker),
            expires(on("2017-09-27T00:00:00Z")),
            noncurrent(Some(1), Some(100)),
            abort(LifecycleFilter::default(), 1),
        ] {
            assert!(Lifecycle::new(vec![rule], String::new).is_ok());
        }
    }
}
