//! Transitions of lifecycle rules: what may stand in them, and which class a version is due to be in.
//!
//! The classes that there are cost something else on AWS, and are kept alike: to move to one is to be called so. Classes whose
//! objects have to be restored before they are read are refused, for such an object would be read all the same.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html>

use aws_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::RuleError;
use crate::due::{Place, VersionFacts};
use crate::lifecycle::{Expiration, Lifecycle, LifecycleRule, NEWER_VERSIONS_MAX};
use crate::time::{is_midnight, midnight_after};

/// How long an object is kept before it can be in a class for what is seldom read, and between two such.
const SELDOM_READ_DAYS: i64 = 30;
/// What is smaller is moved only by rules that look at sizes.
const MOVED_BYTES_MIN: u64 = 128 << 10;

/// A class that versions move to. They only move down, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransitionClass {
    /// For what is seldom read.
    StandardIa,
    /// For what is read now and then.
    IntelligentTiering,
    /// For what is seldom read and may be lost.
    OnezoneIa,
}

impl TransitionClass {
    const ALL: [Self; 3] = [Self::StandardIa, Self::IntelligentTiering, Self::OnezoneIa];

    /// As documents and headers have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StandardIa => "STANDARD_IA",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::OnezoneIa => "ONEZONE_IA",
        }
    }

    /// The class of this name. `None` is one that versions only come from, such as `STANDARD`.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }

    fn of_document(name: &str) -> Result<Self, RuleError> {
        match name {
            "GLACIER" | "GLACIER_IR" | "DEEP_ARCHIVE" => Err(RuleError::HeaderNotImplemented {
                header: "StorageClass",
                additional: format!("objects are not archived, so that none moves to {name}").into(),
            }),
            name => Self::named(name).ok_or(RuleError::MalformedXml),
        }
    }

    fn is_seldom_read(self) -> bool {
        matches!(self, Self::StandardIa | Self::OnezoneIa)
    }
}

/// Where current versions move, and when: after so many days, or from a midnight on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// So many days after the version was made.
    pub days: Option<i64>,
    /// From a midnight on.
    pub date: Option<Timestamp>,
    /// The class.
    pub storage_class: String,
}

/// Where versions move that others have followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoncurrentVersionTransition {
    /// So many days after another one followed.
    pub noncurrent_days: Option<i64>,
    /// How many noncurrent versions stay all the same.
    pub newer_noncurrent_versions: Option<i64>,
    /// The class.
    pub storage_class: String,
}

impl LifecycleRule {
    /// Whether its transitions can be followed.
    pub(crate) fn check_transitions(&self) -> Result<(), RuleError> {
        self.check_current()?;
        let mut moves = Vec::new();
        for transition in &self.noncurrent_version_transitions {
            let class = TransitionClass::of_document(&transition.storage_class)?;
            let days = transition.noncurrent_days.ok_or(RuleError::MalformedXml)?;
            check_days(days, class, ("NoncurrentDays", "NoncurrentVersionTransition"))?;
            match transition.newer_noncurrent_versions {
                None => {}
                Some(_) if self.filter.is_none() => return Err(RuleError::MalformedXml),
                Some(1..=NEWER_VERSIONS_MAX) => {}
                Some(_) => {
                    let message = "'NewerNoncurrentVersions' for NoncurrentVersionTransition action must be a positive integer \
                        no greater than 100";
                    return Err(RuleError::argument_alone(message, "NewerNoncurrentVersions"));
                }
            }
            moves.push((class, days));
        }
        let end = self.noncurrent_version_expiration.and_then(|expiration| expiration.noncurrent_days);
        check_order(moves, end, ("NoncurrentDays", "NoncurrentVersionTransition", SELDOM_READ_DAYS))
    }

    fn check_current(&self) -> Result<(), RuleError> {
        let expiration = self.expiration.unwrap_or_default();
        let (mut by_days, mut by_date) = (Vec::new(), Vec::new());
        for transition in &self.transitions {
            let class = TransitionClass::of_document(&transition.storage_class)?;
            match (transition.days, transition.date) {
                (Some(days), None) => {
                    check_days(days, class, ("Days", "Transition"))?;
                    by_days.push((class, days));
                }
                (None, Some(date)) if is_midnight(date) => by_date.push((class, date.unix_millis())),
                (None, Some(date)) => {
                    let message = "'Date' must be at midnight GMT";
                    return Err(RuleError::argument(message, "Date", date.to_string()));
                }
                _ => return Err(RuleError::MalformedXml),
            }
        }
        let Expiration { days, date, .. } = expiration;
        let has_days = !by_days.is_empty() || (days.is_some() && !by_date.is_empty());
        let has_dates = !by_date.is_empty() || (date.is_some() && !by_days.is_empty());
        if has_days && has_dates {
            let message =
                "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule";
            return Err(RuleError::Request(message.into()));
        }
        check_order(by_days, days, ("Days", "Transition", SELDOM_READ_DAYS))?;
        check_order(by_date, date.map(Timestamp::unix_millis), ("Date", "Transition", 0))
    }

    /// The classes that the rule has a version in, with the time from when on.
    fn classes<'a>(
        &'a self,
        version: &VersionFacts<'a>,
    ) -> Box<dyn Iterator<Item = (&'a str, Timestamp)> + 'a> {
        let is_sized = self.filter.as_ref().is_some_and(|filter| filter.has_sizes());
        if version.size_bytes < MOVED_BYTES_MIN && !is_sized {
            return Box::new(std::iter::empty());
        }
        let after = |time, days: Option<i64>| {
            days.and_then(|days| u32::try_from(days).ok()).map(|days| midnight_after(time, days))
        };
        let made = version.last_modified;
        match version.place {
            Place::Current => Box::new(self.transitions.iter().filter_map(move |one| {
                Some((one.storage_class.as_str(), after(made, one.days).or(one.date)?))
            })),
            Place::CurrentMarker { .. } => Box::new(std::iter::empty()),
            Place::Noncurrent { since, newer } => {
                let all = self.noncurrent_version_transitions.iter().filter(move |one| {
                    let kept = one.newer_noncurrent_versions.unwrap_or(0);
                    i128::from(newer) >= i128::from(kept)
                });
                Box::new(all.filter_map(move |one| {
                    Some((one.storage_class.as_str(), after(since, one.noncurrent_days)?))
                }))
            }
        }
    }
}

impl Lifecycle {
    /// The class that a version is due to be in, where that is lower than the one it is in.
    pub fn class_due(
        &self,
        version: &VersionFacts<'_>,
        class: &str,
        now: Timestamp,
    ) -> Option<TransitionClass> {
        let held = TransitionClass::named(class);
        let rules = self.rules().iter().filter(|rule| rule.is_enabled() && rule.selects(version));
        let due = rules.flat_map(|rule| rule.classes(version)).filter(|(_, at)| *at <= now);
        let lowest = due.filter_map(|(class, _)| TransitionClass::named(class)).max()?;
        Some(lowest).filter(|lowest| held.is_none_or(|held| *lowest > held))
    }
}

fn check_days(days: i64, class: TransitionClass, names: (&'static str, &str)) -> Result<(), RuleError> {
    let (element, action) = names;
    let refused = |message: String| Err(RuleError::argument(message, element, days.to_string()));
    if !(0..=i64::from(i32::MAX)).contains(&days) {
        return refused(format!("'{element}' in {action} action must be nonnegative"));
    }
    if class.is_seldom_read() && days < SELDOM_READ_DAYS {
        let name = class.as_str();
        return refused(format!(
            "'{element}' in {action} action must be greater than or equal to {SELDOM_READ_DAYS} for storageClass '{name}'"
        ));
    }
    Ok(())
}

/// Whether versions only move down, each class once, and expire after all of that. `apart` is how much later what follows a class
/// for what is seldom read has to be.
fn check_order(
    mut moves: Vec<(TransitionClass, i64)>,
    end: Option<i64>,
    (element, action, apart): (&'static str, &str, i64),
) -> Result<(), RuleError> {
    moves.sort_by_key(|(class, _)| *class);
    for pair in moves.windows(2) {
        let ((first, from), (second, to)) = (pair[0], pair[1]);
        if first == second {
            let message = format!("'StorageClass' must be different for '{action}' actions in same 'Rule'");
            return Err(RuleError::Request(message.into()));
        }
        let least = if first.is_seldom_read() { from + apart } else { from };
        if to < least || to == from {
            let message = format!(
                "'{element}' in the '{action}' action for StorageClass '{}' must be {apart} days more than in the '{action}' action \
                 for StorageClass '{}'",
                second.as_str(),
                first.as_str()
            );
            return Err(RuleError::argument_alone(message, element));
        }
    }
    let last = moves.iter().map(|(_, at)| *at).max();
    if let (Some(last), Some(end)) = (last, end)
        && end <= last
    {
        let message = format!(
            "'{element}' in the Expiration action must be greater than '{element}' in the {action} action"
        );
        return Err(RuleError::argument_alone(message, element));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_types::Tags;

    use super::*;
    use crate::lifecycle::{LifecycleFilter, NoncurrentVersionExpiration};
    use crate::time::at;

    const MADE: &str = "2026-01-15T10:30:00Z";

    fn after(days: i64, class: &str) -> Transition {
        Transition { days: Some(days), date: None, storage_class: class.into() }
    }

    fn on(date: &str, class: &str) -> Transition {
        Transition { days: None, date: Some(at(date)), storage_class: class.into() }
    }

    fn rule(transitions: Vec<Transition>) -> LifecycleRule {
        LifecycleRule {
            filter: Some(LifecycleFilter::default()),
            status: "Enabled".into(),
            transitions,
            ..LifecycleRule::default()
        }
    }

    fn code(rule: LifecycleRule) -> Option<&'static str> {
        Lifecycle::new(vec![rule], || "id".into()).err().map(|error| error.code())
    }

    #[test]
    fn what_may_stand_in_a_rule() {
        let days = |days| Some(Expiration { days: Some(days), ..Expiration::default() });
        let day = "2026-02-01T00:00:00Z";
        let expiring = |transitions, end| LifecycleRule { expiration: days(end), ..rule(transitions) };
        for (rule, expected) in [
            (rule(vec![after(30, "STANDARD_IA")]), None),
            (rule(vec![after(0, "INTELLIGENT_TIERING")]), None),
            (rule(vec![after(30, "STANDARD_IA"), after(60, "ONEZONE_IA")]), None),
            (rule(vec![on(day, "STANDARD_IA")]), None),
            (rule(vec![after(29, "STANDARD_IA")]), Some("InvalidArgument")),
            (rule(vec![after(-1, "INTELLIGENT_TIERING")]), Some("InvalidArgument")),
            (rule(vec![after(30, "STANDARD_IA"), after(59, "ONEZONE_IA")]), Some("InvalidArgument")),
            (rule(vec![after(30, "ONEZONE_IA"), after(90, "STANDARD_IA")]), Some("InvalidArgument")),
            (rule(vec![after(30, "STANDARD_IA"), after(90, "STANDARD_IA")]), Some("InvalidRequest")),
            (rule(vec![after(30, "STANDARD_IA"), on(day, "ONEZONE_IA")]), Some("InvalidRequest")),
            (rule(vec![on("2026-02-01T00:00:01Z", "STANDARD_IA")]), Some("InvalidArgument")),
            (
                rule(vec![Transition { storage_class: "STANDARD_IA".into(), ..Transition::default() }]),
                Some("MalformedXML"),
            ),
            (rule(vec![after(30, "STANDARD")]), Some("MalformedXML")),
            (rule(vec![after(90, "GLACIER")]), Some("NotImplemented")),
            (rule(vec![after(90, "DEEP_ARCHIVE")]), Some("NotImplemented")),
            (expiring(vec![after(30, "STANDARD_IA")], 30), Some("InvalidArgument")),
            (expiring(vec![after(30, "STANDARD_IA")], 31), None),
            (expiring(vec![on(day, "STANDARD_IA")], 31), Some("InvalidRequest")),
        ] {
            assert_eq!(code(rule.clone()), expected, "{rule:?}");
        }
        let noncurrent = |days, newer| LifecycleRule {
            noncurrent_version_transitions: vec![NoncurrentVersionTransition {
                noncurrent_days: Some(days),
                newer_noncurrent_versions: newer,
                storage_class: "STANDARD_IA".into(),
            }],
            noncurrent_version_expiration: Some(NoncurrentVersionExpiration {
                noncurrent_days: Some(60),
                newer_noncurrent_versions: None,
            }),
            ..rule(vec![])
        };
        for (days, newer, expected) in [
            (30, None, None),
            (30, Some(3), None),
            (30, Some(0), Some("InvalidArgument")),
            (20, None, Some("InvalidArgument")),
            (60, None, Some("InvalidArgument")),
        ] {
            assert_eq!(code(noncurrent(days, newer)), expected, "{days} {newer:?}");
        }
    }

    #[test]
    fn versions_move_down_when_it_is_time() {
        let tags = Tags::default();
        let large = VersionFacts {
            key: "a",
            size_bytes: MOVED_BYTES_MIN,
            tags: &tags,
            last_modified: at(MADE),
            place: Place::Current,
        };
        let moves = vec![after(30, "STANDARD_IA"), after(60, "ONEZONE_IA")];
        let all = Lifecycle::new(vec![rule(moves.clone())], || "id".into()).unwrap();
        let due = |all: &Lifecycle, facts: &VersionFacts<'_>, class: &str, now: &str| {
            all.class_due(facts, class, at(now)).map(TransitionClass::as_str)
        };
        for (class, now, expected) in [
            ("STANDARD", "2026-02-14T23:59:59Z", None),
            ("STANDARD", "2026-02-15T00:00:00Z", Some("STANDARD_IA")),
            ("STANDARD_IA", "2026-02-15T00:00:00Z", None),
            ("STANDARD", "2026-03-17T00:00:00Z", Some("ONEZONE_IA")),
            ("INTELLIGENT_TIERING", "2026-03-17T00:00:00Z", Some("ONEZONE_IA")),
            ("ONEZONE_IA", "2026-03-17T00:00:00Z", None),
        ] {
            assert_eq!(due(&all, &large, class, now), expected, "{class} {now}");
        }
        let late = "2027-01-01T00:00:00Z";
        let small = VersionFacts { size_bytes: MOVED_BYTES_MIN - 1, ..large };
        assert_eq!(due(&all, &small, "STANDARD", late), None);
        let filter =
            LifecycleFilter { object_size_greater_than_bytes: Some(1), ..LifecycleFilter::default() };
        let sized = LifecycleRule { filter: Some(filter), ..rule(moves) };
        let sized = Lifecycle::new(vec![sized], || "id".into()).unwrap();
        assert_eq!(due(&sized, &small, "STANDARD", late), Some("ONEZONE_IA"));
        let marker = VersionFacts { place: Place::CurrentMarker { is_alone: false }, ..large };
        assert_eq!(due(&all, &marker, "STANDARD", late), None);
        let since = Place::Noncurrent { since: at(MADE), newer: 1 };
        assert_eq!(due(&all, &VersionFacts { place: since, ..large }, "STANDARD", late), None);
        let noncurrent = LifecycleRule {
            noncurrent_version_transitions: vec![NoncurrentVersionTransition {
                noncurrent_days: Some(30),
                newer_noncurrent_versions: Some(1),
                storage_class: "STANDARD_IA".into(),
            }],
            ..rule(vec![])
        };
        let noncurrent = Lifecycle::new(vec![noncurrent], || "id".into()).unwrap();
        for (newer, now, expected) in
            [(1, late, Some("STANDARD_IA")), (0, late, None), (1, "2026-02-14T00:00:00Z", None)]
        {
            let place = Place::Noncurrent { since: at(MADE), newer };
            assert_eq!(due(&noncurrent, &VersionFacts { place, ..large }, "STANDARD", now), expected);
        }
    }
}
