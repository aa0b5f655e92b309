//! What lifecycle rules have due, and when.
//!
//! Owns the evaluation: the facts of a version and its rules give an action and a midnight. Refuses to know what time it is:
//! whoever asks compares.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-expire-general-considerations.html>

use aws_types::{Tags, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::lifecycle::{Lifecycle, LifecycleFilter, LifecycleRule};
use crate::time::{http_date, midnight_after};

/// What a rule looks at in a version of an object.
#[derive(Clone, Copy, Debug)]
pub struct VersionFacts<'a> {
    /// The key.
    pub key: &'a str,
    /// Its bytes; none of a delete marker.
    pub size_bytes: u64,
    /// Its tags.
    pub tags: &'a Tags,
    /// When it was made.
    pub last_modified: Timestamp,
    /// Its place among the versions of the key.
    pub place: Place,
}

/// The place of a version among those of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The current version, which is an object.
    Current,
    /// The current version, which is a delete marker.
    CurrentMarker {
        /// Whether no version is left beside it.
        is_alone: bool,
    },
    /// A version, or a delete marker, that another one has followed.
    Noncurrent {
        /// When the next one was made.
        since: Timestamp,
        /// How many noncurrent versions are newer than this one.
        newer: u64,
    },
}

/// What a rule does with a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifecycleAction {
    /// The current version expires: it is deleted for good where versions were never kept, else a delete marker covers it.
    Expire,
    /// A delete marker without versions behind it goes.
    RemoveExpiredMarker,
    /// A noncurrent version is deleted for good.
    DeleteNoncurrent,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due<'a> {
    /// What is done,
    pub action: LifecycleAction,
    /// from when on,
    pub at: Timestamp,
    /// and the rule that has it so.
    pub rule_id: &'a str,
}

impl Lifecycle {
    /// What is due first for a version. Of rules with the same time, the first.
    pub fn due(&self, version: &VersionFacts<'_>) -> Option<Due<'_>> {
        let rules = self.rules().iter().filter(|rule| rule.is_enabled());
        let due = rules.filter_map(|rule| rule.due(version));
        due.min_by_key(|due| due.at)
    }

    /// The header `x-amz-expiration` of a current version. Noncurrent ones and delete markers have none.
    pub fn expiration_header(&self, version: &VersionFacts<'_>) -> Option<String> {
        const ENCODED: &AsciiSet =
            &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');
        let due = self.due(version).filter(|due| due.action == LifecycleAction::Expire)?;
        let id = utf8_percent_encode(due.rule_id, ENCODED);
        Some(format!("expiry-date=\"{}\", rule-id=\"{id}\"", http_date(due.at)))
    }

    /// From when on an upload in parts is given up, which is the header `x-amz-abort-date`, and the rule of
    /// `x-amz-abort-rule-id`.
    pub fn abort_due(&self, key: &str, initiated: Timestamp) -> Option<(Timestamp, &str)> {
        let rules =
            self.rules().iter().filter(|rule| rule.is_enabled() && key.starts_with(rule.key_prefix()));
        let due = rules.filter_map(|rule| {
            let days = count(rule.abort_incomplete_multipart_upload_days)?;
            Some((midnight_after(initiated, days), rule.id()))
        });
        due.min_by_key(|(at, _)| *at)
    }
}

impl LifecycleRule {
    fn due(&self, version: &VersionFacts<'_>) -> Option<Due<'_>> {
        let due = |action, at| Some(Due { action, at, rule_id: self.id() });
        if !self.selects(version) {
            return None;
        }
        match version.place {
            Place::Current => {
                let expiration = self.expiration?;
                let days = count(expiration.days).map(|days| midnight_after(version.last_modified, days));
                due(LifecycleAction::Expire, days.or(expiration.date)?)
            }
            Place::CurrentMarker { is_alone: false } => None,
            Place::CurrentMarker { is_alone: true } => {
                let expiration = self.expiration?;
                // Rules by days take markers along once these are old enough.
                let at = match (expiration.expired_object_delete_marker, count(expiration.days)) {
                    (Some(true), _) => version.last_modified,
                    (_, Some(days)) => midnight_after(version.last_modified, days),
                    _ => return None,
                };
                due(LifecycleAction::RemoveExpiredMarker, at)
            }
            Place::Noncurrent { since, newer } => {
                let expiration = self.noncurrent_version_expiration?;
                let days = count(expiration.noncurrent_days)?;
                let kept = count(expiration.newer_noncurrent_versions).unwrap_or(0);
                if newer < u64::from(kept) {
                    return None;
                }
                due(LifecycleAction::DeleteNoncurrent, midnight_after(since, days))
            }
        }
    }

    /// What keys have to begin with.
    fn key_prefix(&self) -> &str {
        let filter = self.filter.as_ref();
        let of_filter = |filter: &LifecycleFilter| filter.prefix.is_some();
        let and = || filter.and_then(|filter| filter.and.as_ref()?.prefix.as_deref());
        match filter {
            None => self.prefix.as_deref().unwrap_or_default(),
            Some(filter) if of_filter(filter) => filter.prefix.as_deref().unwrap_or_default(),
            Some(_) => and().unwrap_or_default(),
        }
    }

    pub(crate) fn selects(&self, version: &VersionFacts<'_>) -> bool {
        if !version.key.starts_with(self.key_prefix()) {
            return false;
        }
        let Some(filter) = &self.filter else { return true };
        let and = filter.and.as_ref();
        let is_marker = matches!(version.place, Place::CurrentMarker { .. });
        if is_marker && filter.has_sizes() {
            return false;
        }
        let mut tags = filter.tag.iter().chain(and.into_iter().flat_map(|and| &and.tags));
        let greater =
            [filter.object_size_greater_than_bytes, and.and_then(|and| and.object_size_greater_than_bytes)];
        let less = [filter.object_size_less_than_bytes, and.and_then(|and| and.object_size_less_than_bytes)];
        let size = i128::from(version.size_bytes);
        tags.all(|tag| version.tags.get(&tag.key) == Some(&tag.value))
            && greater.into_iter().flatten().all(|bound| size > i128::from(bound))
            && less.into_iter().flatten().all(|bound| size < i128::from(bound))
    }
}

/// A number that was checked.
fn count(number: Option<i64>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use aws_types::Tag;

    use super::*;
    use crate::lifecycle::{Expiration, LifecycleAnd, NoncurrentVersionExpiration};
    use crate::time::at;

    const MADE: &str = "2014-01-15T10:30:00Z";

    fn days(days: i64) -> Option<Expiration> {
        Some(Expiration { days: Some(days), ..Expiration::default() })
    }

    fn rule(id: &str, prefix: &str) -> LifecycleRule {
        LifecycleRule {
            id: Some(id.into()),
            filter: Some(LifecycleFilter { prefix: Some(prefix.into()), ..LifecycleFilter::default() }),
            status: "Enabled".into(),
            ..LifecycleRule::default()
        }
    }

    fn rules(rules: impl IntoIterator<Item = LifecycleRule>) -> Lifecycle {
        Lifecycle::new(rules.into_iter().collect(), String::new).unwrap()
    }

    fn tags(keys: &[&str]) -> Tags {
        keys.iter().map(|key| Tag { key: (*key).into(), value: "v".into() }).collect()
    }

    fn version<'a>(key: &'a str, tags: &'a Tags, place: Place) -> VersionFacts<'a> {
        VersionFacts { key, size_bytes: 2_000, tags, last_modified: at(MADE), place }
    }

    #[test]
    fn current_versions() {
        let none = Tags::default();
        let late = LifecycleRule { expiration: days(30), ..rule("late", "logs/") };
        let early = LifecycleRule { expiration: days(3), ..rule("early", "logs/old/") };
        let off = LifecycleRule { expiration: days(1), status: "Disabled".into(), ..rule("off", "") };
        let date = Expiration { date: Some(at("2014-01-17T00:00:00Z")), ..Expiration::default() };
        let dated = LifecycleRule { expiration: Some(date), ..rule("dated", "dated/") };
        let all = rules([late, early, off, dated]);
        for (key, expected) in [
            ("logs/a", Some(("2014-02-15T00:00:00Z", "late"))),
            ("logs/old/a", Some(("2014-01-19T00:00:00Z", "early"))),
            ("dated/a", Some(("2014-01-17T00:00:00Z", "dated"))),
            ("other", None),
        ] {
            let due = all.due(&version(key, &none, Place::Current));
            let expected = expected.map(|(time, rule_id)| Due {
                action: LifecycleAction::Expire,
                at: at(time),
                rule_id,
            });
            assert_eq!(due, expected, "{key}");
        }
        let noncurrent = Place::Noncurrent { since: at(MADE), newer: 0 };
        assert_eq!(all.due(&version("logs/a", &none, noncurrent)), None);
    }

    #[test]
    fn the_header_of_a_version_that_will_expire() {
        let none = Tags::default();
        let all = rules([
            LifecycleRule { expiration: days(1), ..rule("rule1", "days1/") },
            LifecycleRule { expiration: days(1), ..rule("Aufräumen, \"bald\"", "odd/") },
        ]);
        let header = |key, place| all.expiration_header(&version(key, &none, place));
        let expected = "expiry-date=\"Fri, 17 Jan 2014 00:00:00 GMT\", rule-id=\"rule1\"";
        assert_eq!(header("days1/foo", Place::Current).as_deref(), Some(expected));
        assert!(
            header("odd/x", Place::Current).unwrap().ends_with("rule-id=\"Aufr%C3%A4umen%2C%20%22bald%22\"")
        );
        assert_eq!(header("foo", Place::Current), None);
        assert_eq!(header("days1/foo", Place::CurrentMarker { is_alone: true }), None);
    }

    #[test]
    fn delete_markers() {
        let none = Tags::default();
        let flag = Expiration { expired_object_delete_marker: Some(true), ..Expiration::default() };
        let no_flag = Expiration { expired_object_delete_marker: Some(false), ..Expiration::default() };
        let flagged = |flag| rules([LifecycleRule { expiration: Some(flag), ..rule("r", "") }]);
        let by_days = rules([LifecycleRule { expiration: days(1), ..rule("r", "") }]);
        let with_tag = LifecycleFilter {
            tag: Some(Tag { key: "k".into(), value: "v".into() }),
            ..LifecycleFilter::default()
        };
        let tagged = rules([LifecycleRule { filter: Some(with_tag), expiration: days(1), ..rule("r", "") }]);
        let alone = Place::CurrentMarker { is_alone: true };
        for (lifecycle, place, expected) in [
            (flagged(flag), alone, Some(MADE)),
            (flagged(no_flag), alone, None),
            (by_days.clone(), alone, Some("2014-01-17T00:00:00Z")),
            (by_days, Place::CurrentMarker { is_alone: false }, None),
            (flagged(flag), Place::Current, None),
            (tagged, alone, None),
        ] {
            let due = lifecycle.due(&version("a", &none, place)).map(|due| (due.action, due.at));
            let expected = expected.map(|time| (LifecycleAction::RemoveExpiredMarker, at(time)));
            assert_eq!(due, expected, "{lifecycle:?}");
        }
    }

    #[test]
    fn noncurrent_versions() {
        let none = Tags::default();
        let with = |newer| {
            let expiration =
                NoncurrentVersionExpiration { noncurrent_days: Some(3), newer_noncurrent_versions: newer };
            rules([LifecycleRule { noncurrent_version_expiration: Some(expiration), ..rule("r", "a") }])
        };
        for (newer_kept, newer, key, expected) in
            [(None, 0, "a", true), (Some(5), 4, "a", false), (Some(5), 5, "a", true), (None, 0, "b", false)]
        {
            let place = Place::Noncurrent { since: at("2014-01-20T10:30:00Z"), newer };
            let lifecycle = with(newer_kept);
            let due = lifecycle.due(&version(key, &none, place));
            let expected = expected.then(|| (LifecycleAction::DeleteNoncurrent, at("2014-01-24T00:00:00Z")));
            assert_eq!(due.map(|due| (due.action, due.at)), expected, "{newer_kept:?} {newer} {key}");
        }
    }

    #[test]
    fn filters_by_tags_and_sizes() {
        let one = |filter: LifecycleFilter| {
            rules([LifecycleRule { filter: Some(filter), expiration: days(1), ..rule("r", "") }])
        };
        let tag = |key: &str| Tag { key: key.into(), value: "v".into() };
        let by_tag = LifecycleFilter { tag: Some(tag("a")), ..Default::default() };
        let and = |and| LifecycleFilter { and: Some(and), ..Default::default() };
        let both =
            LifecycleAnd { prefix: Some("p/".into()), tags: vec![tag("a"), tag("b")], ..Default::default() };
        let greater =
            |bound| LifecycleFilter { object_size_greater_than_bytes: Some(bound), ..Default::default() };
        let less = |bound| LifecycleFilter { object_size_less_than_bytes: Some(bound), ..Default::default() };
        let between = LifecycleAnd {
            object_size_greater_than_bytes: Some(1_999),
            object_size_less_than_bytes: Some(2_001),
            ..Default::default()
        };
        for (filter, key, tags, expected) in [
            (by_tag.clone(), "x", tags(&["a", "z"]), true),
            (by_tag, "x", tags(&["z"]), false),
            (and(both.clone()), "p/x", tags(&["a", "b"]), true),
            (and(both.clone()), "x", tags(&["a", "b"]), false),
            (and(both), "p/x", tags(&["a"]), false),
            (greater(1_999), "x", tags(&[]), true),
            (greater(2_000), "x", tags(&[]), false),
            (less(2_001), "x", tags(&[]), true),
            (less(2_000), "x", tags(&[]), false),
            (and(between), "x", tags(&[]), true),
        ] {
            let lifecycle = one(filter);
            let due = lifecycle.due(&version(key, &tags, Place::Current));
            assert_eq!(due.is_some(), expected, "{lifecycle:?} {key} {tags:?}");
        }
    }

    #[test]
    fn uploads_in_parts() {
        let abort = |id, prefix, days| LifecycleRule {
            abort_incomplete_multipart_upload_days: Some(days),
            ..rule(id, prefix)
        };
        let old = LifecycleRule { filter: None, prefix: Some("z/".into()), ..abort("old", "", 2) };
        let all = rules([abort("week", "", 7), abort("day", "a/", 1), old]);
        for (key, time, id) in [
            ("a/x", "2014-01-17T00:00:00Z", "day"),
            ("b", "2014-01-23T00:00:00Z", "week"),
            ("z/b", "2014-01-18T00:00:00Z", "old"),
        ] {
            assert_eq!(all.abort_due(key, at(MADE)), Some((at(time), id)), "{key}");
        }
        let none = rules([LifecycleRule { expiration: days(1), ..rule("r", "") }]);
        assert_eq!(none.abort_due("a", at(MADE)), None);
    }
}
