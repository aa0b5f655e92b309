//! Event notifications: what may be asked for, and which events a configuration is about.
//!
//! Owns the document. Refuses to know destinations: whoever stores it says which of them there are.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html>

use std::collections::HashSet;

use aws_types::Arn;
use serde::{Deserialize, Serialize};

use crate::RuleError;
use crate::object_key::KEY_BYTES_MAX;

/// How many a bucket has at most.
///
/// <https://docs.aws.amazon.com/general/latest/gr/s3.html>
const NOTIFICATIONS_MAX: usize = 100;
/// More than any ARN of a destination has.
const ARN_BYTES_MAX: usize = 2_048;

/// The events that can be asked for. A star stands for those that begin as it does.
const EVENTS: [&str; 31] = [
    "s3:ReducedRedundancyLostObject",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectAcl:Put",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
    "s3:ObjectAnnotation:*",
    "s3:ObjectAnnotation:Put",
    "s3:ObjectAnnotation:Delete",
    "s3:ObjectRetention:Put",
];

/// Some of [`EVENTS`]: the first is the lowest bit.
type EventSet = u32;
const _: () = assert!(EVENTS.len() <= EventSet::BITS as usize);

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DestinationKind {
    /// A topic of SNS.
    Topic,
    /// A queue of SQS.
    Queue,
    /// A function of Lambda.
    CloudFunction,
}

impl DestinationKind {
    /// The element that names it in documents and errors.
    pub fn element(self) -> &'static str {
        match self {
            Self::Topic => "Topic",
            Self::Queue => "Queue",
            Self::CloudFunction => "CloudFunction",
        }
    }

    fn service(self) -> &'static str {
        match self {
            Self::Topic => "sns",
            Self::Queue => "sqs",
            Self::CloudFunction => "lambda",
        }
    }
}

/// Who is told of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Its name; made if none is given.
    pub id: Option<String>,
    /// What kind of thing is told,
    pub kind: DestinationKind,
    /// and which.
    pub destination: String,
    /// The events.
    pub events: Vec<String>,
    /// `prefix` and `suffix` with their values, as written.
    pub filter_rules: Vec<(String, String)>,
}

/// The notifications of a bucket, checked. Each has an id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notifications {
    all: Vec<Notification>,
    /// Whether everything is told to EventBridge.
    pub event_bridge: bool,
}

impl Notifications {
    /// Checks a document. `make_id` names those that have no name.
    ///
    /// # Errors
    /// The first thing that AWS would refuse, before it looks for destinations.
    pub fn new(
        mut all: Vec<Notification>,
        event_bridge: bool,
        mut make_id: impl FnMut() -> String,
    ) -> Result<Self, RuleError> {
        if all.len() > NOTIFICATIONS_MAX {
            return Err(RuleError::MalformedXml);
        }
        for notification in &mut all {
            notification.id = notification.id.take().filter(|id| !id.is_empty());
            notification.check()?;
        }
        let mut ids = HashSet::new();
        let mut before: Vec<(&Notification, EventSet)> = Vec::new();
        for one in &all {
            if one.id.as_ref().is_some_and(|id| !ids.insert(id)) {
                return Err(RuleError::argument_alone("Same ID used for multiple configurations", "Id"));
            }
            let events = one.event_set();
            let mut shared = before.iter().filter(|(_, others)| events & others != 0);
            if let Some((other, _)) = shared.find(|(other, _)| other.filters_overlap(one)) {
                return Err(overlapping(other, one));
            }
            before.push((one, events));
        }
        for notification in &mut all {
            notification.id.get_or_insert_with(&mut make_id);
        }
        Ok(Self { all, event_bridge })
    }

    /// The notifications in their order.
    pub fn all(&self) -> &[Notification] {
        &self.all
    }

    /// Asks for each destination whether it can be told something; the answer is why not.
    ///
    /// # Errors
    /// [`RuleError::Destinations`].
    pub fn check_destinations(
        &self,
        mut refused: impl FnMut(&Notification) -> Option<String>,
    ) -> Result<(), RuleError> {
        let found = self.all.iter().filter_map(|one| Some((one.destination.clone(), refused(one)?)));
        let found: Vec<_> = found.collect();
        if found.is_empty() { Ok(()) } else { Err(RuleError::Destinations(found)) }
    }

    /// Who is told of an event, such as `s3:ObjectCreated:Put`, of an object.
    pub fn told<'a>(&'a self, event: &'a str, key: &'a str) -> impl Iterator<Item = &'a Notification> {
        self.all.iter().filter(move |one| {
            one.events.iter().any(|asked| covers(asked, event))
                && key.starts_with(one.filter("prefix"))
                && key.ends_with(one.filter("suffix"))
        })
    }
}

impl Notification {
    fn check(&mut self) -> Result<(), RuleError> {
        let element = self.kind.element();
        let unparsed =
            || RuleError::argument("The ARN could not be parsed", element, self.destination.as_str());
        if self.destination.len() > ARN_BYTES_MAX {
            return Err(RuleError::argument_alone("The ARN could not be parsed", element));
        }
        let arn: Arn = self.destination.parse().map_err(|_| unparsed())?;
        if arn.as_str().split(':').nth(2) != Some(self.kind.service()) {
            return Err(unparsed());
        }
        if self.id.as_ref().is_some_and(|id| id.chars().count() > 255) {
            return Err(RuleError::argument_alone("ID length should not exceed allowed limit of 255", "Id"));
        }
        if self.events.is_empty() || self.events.len() > EVENTS.len() {
            return Err(RuleError::MalformedXml);
        }
        if let Some(event) = self.events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
            let message = format!("The event '{event}' is not supported for notifications");
            return Err(RuleError::argument(message, "Event", event.as_str()));
        }
        for (at, (name, value)) in self.filter_rules.iter().enumerate() {
            let small = name.to_ascii_lowercase();
            if !["prefix", "suffix"].contains(&small.as_str()) {
                let message = "filter rule name must be either prefix or suffix";
                return Err(RuleError::argument(message, "FilterRule.Name", name.as_str()));
            }
            if value.len() > KEY_BYTES_MAX {
                let message = "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation";
                return Err(RuleError::argument(message, "FilterRule.Value", value.as_str()));
            }
            if self.filter_rules[..at].iter().any(|(before, _)| before.eq_ignore_ascii_case(name)) {
                let message = format!("Cannot specify more than one {small} rule in a filter.");
                return Err(RuleError::argument(message, "FilterRule.Name", name.as_str()));
            }
        }
        // AWS answers with a capital letter, however it was written.
        for (name, _) in &mut self.filter_rules {
            *name = if name.eq_ignore_ascii_case("prefix") { "Prefix".into() } else { "Suffix".into() };
        }
        Ok(())
    }

    fn filter(&self, name: &str) -> &str {
        let found = self.filter_rules.iter().find(|(had, _)| had.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The events that are told: two notifications share one if their sets do.
    fn event_set(&self) -> EventSet {
        let is_told = |event: &str| self.events.iter().any(|asked| covers(asked, event));
        let told = EVENTS.iter().enumerate().filter(|(_, event)| is_told(event));
        told.fold(0, |set, (at, _)| set | 1 << at)
    }

    /// Whether one object could be meant by both.
    fn filters_overlap(&self, other: &Self) -> bool {
        let (prefix, others) = (self.filter("prefix"), other.filter("prefix"));
        let prefixes = prefix.starts_with(others) || others.starts_with(prefix);
        let (suffix, others) = (self.filter("suffix"), other.filter("suffix"));
        let suffixes = suffix.ends_with(others) || others.ends_with(suffix);
        prefixes && suffixes
    }
}

fn overlapping(one: &Notification, two: &Notification) -> RuleError {
    let filtered = !one.filter_rules.is_empty() || !two.filter_rules.is_empty();
    if filtered {
        let message = "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are \
            overlapping for the same event type.";
        return RuleError::argument_alone(message, "Event");
    }
    let message =
        "Configurations overlap. Configurations on the same bucket cannot share a common event type.";
    let events: Vec<&str> = one.events.iter().chain(&two.events).map(String::as_str).collect();
    RuleError::argument(message, "Event", events.join(", "))
}

/// Whether an event that was asked for stands for another one.
fn covers(asked: &str, event: &str) -> bool {
    asked == event || asked.strip_suffix('*').is_some_and(|prefix| event.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:my-queue";

    fn queue(events: &[&str], filter: &[(&str, &str)]) -> Notification {
        Notification {
            id: None,
            kind: DestinationKind::Queue,
            destination: QUEUE.into(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            filter_rules: filter.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        }
    }

    fn check(all: Vec<Notification>) -> Result<Notifications, RuleError> {
        let mut number = 0;
        Notifications::new(all, false, || {
            number += 1;
            format!("made-{number}")
        })
    }

    #[test]
    fn documents_that_are_refused() {
        let put = ["s3:ObjectCreated:Put"];
        let to = |destination: &str| Notification { destination: destination.into(), ..queue(&put, &[]) };
        let named = |id: &str, event: &str| Notification { id: Some(id.into()), ..queue(&[event], &[]) };
        let long = "p".repeat(1_025);
        let apart = |number: usize| queue(&put, &[("prefix", &format!("{number:04}/"))]);
        let long_arn = format!("arn:aws:sqs:us-east-1:111122223333:{}", "q".repeat(2_048));
        assert!(check((0..100).map(apart).collect()).is_ok());
        for (all, code, message) in [
            ((0..101).map(apart).collect(), "MalformedXML", "The XML"),
            (vec![queue(&put.repeat(32), &[])], "MalformedXML", "The XML"),
            (vec![to(&long_arn)], "InvalidArgument", "The ARN could not be parsed"),
            (vec![to("invalid-queue")], "InvalidArgument", "The ARN could not be parsed"),
            (
                vec![to("arn:aws:sns:us-east-1:111122223333:t")],
                "InvalidArgument",
                "The ARN could not be parsed",
            ),
            (vec![queue(&[], &[])], "MalformedXML", "The XML"),
            (vec![queue(&["s3:Fly"], &[])], "InvalidArgument", "The event 's3:Fly' is not supported"),
            (
                vec![queue(&put, &[("INVALID", "x")])],
                "InvalidArgument",
                "filter rule name must be either prefix or suffix",
            ),
            (
                vec![queue(&put, &[("Prefix", "x"), ("prefix", "y")])],
                "InvalidArgument",
                "Cannot specify more than one prefix rule in a filter.",
            ),
            (vec![queue(&put, &[("Prefix", &long)])], "InvalidArgument", "Size of filter rule value"),
            (vec![named(&"i".repeat(256), put[0])], "InvalidArgument", "ID length"),
            (
                vec![named("a", "s3:ObjectCreated:Put"), named("a", "s3:ObjectCreated:Post")],
                "InvalidArgument",
                "Same ID used for multiple configurations",
            ),
            (
                vec![queue(&put, &[]), queue(&["s3:ObjectCreated:*"], &[])],
                "InvalidArgument",
                "Configurations overlap.",
            ),
            (
                vec![queue(&put, &[("prefix", "images/")]), queue(&put, &[("prefix", "images/a")])],
                "InvalidArgument",
                "Configuration is ambiguously defined.",
            ),
            (
                vec![queue(&put, &[("prefix", "images/")]), queue(&put, &[("suffix", ".jpg")])],
                "InvalidArgument",
                "Configuration is ambiguously defined.",
            ),
        ] {
            let error = check(all).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            assert!(error.to_string().starts_with(message), "{error}");
        }
        for all in [
            vec![],
            vec![queue(&put, &[]), queue(&["s3:ObjectCreated:Post"], &[])],
            vec![queue(&put, &[("prefix", "a/")]), queue(&put, &[("prefix", "b/")])],
            vec![queue(&put, &[("suffix", ".jpg")]), queue(&put, &[("suffix", ".png")])],
        ] {
            assert!(check(all).is_ok());
        }
    }

    #[test]
    fn who_is_told() {
        let all = check(vec![
            queue(&["s3:ObjectCreated:*"], &[("PREFIX", "images/"), ("suffix", ".jpg")]),
            queue(&["s3:ObjectRemoved:Delete"], &[]),
        ])
        .unwrap();
        assert_eq!(
            all.all()[0].filter_rules,
            [("Prefix".into(), "images/".into()), ("Suffix".into(), ".jpg".into())]
        );
        for (event, key, expected) in [
            ("s3:ObjectCreated:Put", "images/a.jpg", Some("made-1")),
            ("s3:ObjectCreated:Copy", "images/a.jpg", Some("made-1")),
            ("s3:ObjectCreated:Put", "images/a.png", None),
            ("s3:ObjectCreated:Put", "a.jpg", None),
            ("s3:ObjectRemoved:Delete", "a", Some("made-2")),
            ("s3:ObjectRemoved:DeleteMarkerCreated", "a", None),
        ] {
            let told: Vec<_> = all.told(event, key).filter_map(|one| one.id.as_deref()).collect();
            assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{event} {key}");
        }
        assert_eq!(all.check_destinations(|_| None), Ok(()));
        let missing = |_: &Notification| Some("The destination queue does not exist".to_owned());
        let error = all.check_destinations(missing).unwrap_err();
        assert_eq!(error.details()[0], ("ArgumentName1", QUEUE.to_owned()));
        assert_eq!(error.details().len(), 4);
    }
}
