//! The event history and trails as clients see them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "cloudtrail/delivery.rs"]
mod delivery;
#[path = "cloudtrail/support.rs"]
mod support;
#[path = "cloudtrail/trails.rs"]
mod trails;

use aws_api::cloudtrail::{self as api, operation as op};
use aws_types::Timestamp;
use cloudtrail_events::Attribute;

use crate::support::{ACCOUNT, Cloud, OTHER, found};

fn look(key: &str, value: &str) -> api::LookupEventsRequest {
    api::LookupEventsRequest {
        lookup_attributes: Some(vec![api::LookupAttribute {
            attribute_key: key.to_owned(),
            attribute_value: value.to_owned(),
        }]),
        ..Default::default()
    }
}

#[test]
fn lookups_ask_the_history_of_the_account_and_region() {
    let mut cloud = Cloud::new();
    cloud.history.answer((0..3).map(found).collect(), None);
    let answer = cloud.ok::<op::LookupEvents>(ACCOUNT, Default::default());
    let events = answer.events.unwrap();
    assert_eq!((events.len(), answer.next_token), (3, None));
    let event = &events[1];
    assert_eq!(event.event_id.as_deref(), Some("event-1"));
    assert_eq!((event.event_name.as_deref(), event.read_only.as_deref()), (Some("CreateVpc"), Some("false")));
    assert_eq!(event.username.as_deref(), Some("alice"));
    assert_eq!(event.resources.as_ref().unwrap()[0].resource_type.as_deref(), Some("AWS::EC2::VPC"));
    assert_eq!(event.cloud_trail_event.as_deref(), Some(r#"{"n":1}"#));
    let asked = cloud.history.asked();
    assert_eq!(
        (asked.account.to_string().as_str(), asked.region.as_str(), asked.limit),
        (ACCOUNT, "us-east-1", 50)
    );
    assert_eq!((asked.attribute, asked.before, asked.now), (None, None, cloud.now));

    let text = str::to_owned;
    for (key, value, expect) in [
        ("EventId", "x", Attribute::EventId(text("x"))),
        ("EventName", "x", Attribute::EventName(text("x"))),
        ("ReadOnly", "true", Attribute::ReadOnly(true)),
        ("ReadOnly", "false", Attribute::ReadOnly(false)),
        ("Username", "x", Attribute::Username(text("x"))),
        ("ResourceType", "x", Attribute::ResourceType(text("x"))),
        ("ResourceName", "x", Attribute::ResourceName(text("x"))),
        ("EventSource", "x", Attribute::EventSource(text("x"))),
        ("AccessKeyId", "x", Attribute::AccessKeyId(text("x"))),
    ] {
        cloud.now = cloud.now.plus_millis(1000);
        cloud.ok::<op::LookupEvents>(ACCOUNT, look(key, value));
        assert_eq!(cloud.history.asked().attribute, Some(expect));
    }
}

#[test]
fn lookups_have_pages() {
    let cloud = Cloud::new();
    cloud.history.answer(vec![found(7)], Some(7));
    let input = api::LookupEventsRequest { max_results: Some(1), ..Default::default() };
    let answer = cloud.ok::<op::LookupEvents>(ACCOUNT, input.clone());
    assert_eq!(cloud.history.asked().limit, 1);
    let next = api::LookupEventsRequest { next_token: answer.next_token, ..input };
    cloud.ok::<op::LookupEvents>(ACCOUNT, next);
    assert_eq!(cloud.history.asked().before, Some(7));
}

#[test]
fn lookups_that_cannot_be_are_refused() {
    let cloud = Cloud::new();
    let refuses = |input, code| cloud.refuses::<op::LookupEvents>(ACCOUNT, input, code);
    let at = |secs| Some(Timestamp::from_unix_secs(secs));
    let backwards = api::LookupEventsRequest { start_time: at(2), end_time: at(1), ..Default::default() };
    refuses(backwards, "InvalidTimeRangeException");
    refuses(look("ReadOnly", "maybe"), "InvalidLookupAttributesException");
    refuses(look("EventName", ""), "InvalidLookupAttributesException");
    let mut two = look("EventName", "x");
    let more = two.lookup_attributes.clone().unwrap();
    two.lookup_attributes.as_mut().unwrap().extend(more);
    refuses(two, "InvalidLookupAttributesException");
    let token = api::LookupEventsRequest { next_token: Some("x".to_owned()), ..Default::default() };
    refuses(token, "InvalidNextTokenException");
    let insight =
        api::LookupEventsRequest { event_category: Some("insight".to_owned()), ..Default::default() };
    refuses(insight, "InvalidEventCategoryException");
}

/// Two a second for each account and region.
#[test]
fn lookups_are_few() {
    let mut cloud = Cloud::new();
    for _ in 0..2 {
        cloud.ok::<op::LookupEvents>(ACCOUNT, Default::default());
    }
    cloud.refuses::<op::LookupEvents>(ACCOUNT, Default::default(), "ThrottlingException");
    cloud.ok::<op::LookupEvents>(OTHER, Default::default());
    cloud.region = "eu-west-1";
    cloud.ok::<op::LookupEvents>(ACCOUNT, Default::default());
    cloud.region = "us-east-1";
    cloud.now = cloud.now.plus_millis(1000);
    cloud.ok::<op::LookupEvents>(ACCOUNT, Default::default());
}
