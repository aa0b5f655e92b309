//! Files of trails: what buckets refuse, what a restart leaves, and data events of S3.

use aws_api::cloudtrail::{self as api, operation as op};
use aws_model::{Fields, Value};
use svc_cloudtrail::DeliveryError;

use crate::support::{ACCOUNT, BUCKET, Cloud};
use crate::trails::{advanced, basic, delivered, field, start, status, trail};

const PERIOD_MILLIS: i64 = 5 * 60 * 1000;

fn names(cloud: &Cloud) -> Vec<String> {
    let mut names: Vec<String> = delivered(cloud).into_iter().flat_map(|(_, names)| names).collect();
    names.sort();
    names
}

#[test]
fn a_bucket_has_to_be_there_and_let_cloudtrail_in() {
    let cloud = Cloud::new();
    let elsewhere = api::CreateTrailRequest { s3_bucket_name: "nobodys".to_owned(), ..trail("main") };
    cloud.refuses::<op::CreateTrail>(ACCOUNT, elsewhere, "S3BucketDoesNotExistException");
    *cloud.bucket.refuses.lock().unwrap() = Some(DeliveryError::AccessDenied);
    cloud.refuses::<op::CreateTrail>(ACCOUNT, trail("main"), "InsufficientS3BucketPolicyException");
    let place = cloud.bucket.checked.lock().unwrap().clone().unwrap();
    assert_eq!((place.bucket.as_str(), place.trail_owner.to_string().as_str()), (BUCKET, ACCOUNT));
    assert_eq!(place.trail_arn, "arn:aws:cloudtrail:us-east-1:123456789012:trail/main");
    assert!(place.key.starts_with("AWSLogs/123456789012/CloudTrail/us-east-1/2026/11/22/"), "{place:?}");
    *cloud.bucket.refuses.lock().unwrap() = None;
    cloud.ok::<op::CreateTrail>(ACCOUNT, trail("main"));
    let update = |bucket: &str, prefix: &str| api::UpdateTrailRequest {
        name: "main".to_owned(),
        s3_bucket_name: Some(bucket.to_owned()),
        s3_key_prefix: Some(prefix.to_owned()),
        ..Default::default()
    };
    cloud.refuses::<op::UpdateTrail>(ACCOUNT, update("nobodys", ""), "S3BucketDoesNotExistException");
    cloud.ok::<op::UpdateTrail>(ACCOUNT, update(BUCKET, "audit"));
    let place = cloud.bucket.checked.lock().unwrap().clone().unwrap();
    assert!(place.key.starts_with("audit/AWSLogs/"), "{place:?}");
    *cloud.bucket.refuses.lock().unwrap() = Some(DeliveryError::AccessDenied);
    cloud.refuses::<op::UpdateTrail>(ACCOUNT, update(BUCKET, ""), "InsufficientS3BucketPolicyException");
}

/// What was gathered is delivered after a start, once, and what was being delivered has the same name again.
#[test]
fn a_restart_loses_no_event() {
    let mut cloud = Cloud::new();
    cloud.ok::<op::CreateTrail>(ACCOUNT, trail("main"));
    start(&cloud, "main");
    let create = cloud.event(ACCOUNT, "ec2", "CreateVpc");
    cloud.service.deliver(std::slice::from_ref(&create), cloud.now);
    cloud.restart();
    cloud.now = cloud.now.plus_millis(1000);
    cloud.service.deliver(&[cloud.event(ACCOUNT, "ec2", "DeleteVpc")], cloud.now);
    cloud.service.flush(cloud.now, false);
    let first = delivered(&cloud);
    assert_eq!((first.len(), first[0].1.as_slice()), (1, ["CreateVpc".to_owned()].as_slice()));
    cloud.service.flush(cloud.now.plus_millis(PERIOD_MILLIS), false);
    assert_eq!(names(&cloud), ["DeleteVpc"]);
    cloud.service.flush(cloud.now.plus_millis(9 * PERIOD_MILLIS), true);
    assert!(names(&cloud).is_empty());
    cloud.restart();
    cloud.service.flush(cloud.now.plus_millis(9 * PERIOD_MILLIS), true);
    assert!(names(&cloud).is_empty(), "what was delivered is not delivered again");
}

#[test]
fn what_a_bucket_refuses_is_tried_again() {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateTrail>(ACCOUNT, trail("main"));
    start(&cloud, "main");
    cloud.service.deliver(&[cloud.event(ACCOUNT, "ec2", "CreateVpc")], cloud.now);
    *cloud.bucket.refuses.lock().unwrap() = Some(DeliveryError::AccessDenied);
    let at = |periods: i64| cloud.now.plus_millis(periods * PERIOD_MILLIS);
    cloud.service.flush(at(1), false);
    let told = status(&cloud, "main");
    assert_eq!(told.latest_delivery_error.as_deref(), Some("AccessDenied"));
    assert_eq!(
        (told.latest_delivery_time, told.latest_delivery_attempt_succeeded.as_deref()),
        (None, Some(""))
    );
    *cloud.bucket.refuses.lock().unwrap() = None;
    cloud.service.flush(at(1).plus_millis(1), false);
    assert!(names(&cloud).is_empty(), "it is not time yet");
    cloud.service.flush(at(2), false);
    assert_eq!(names(&cloud), ["CreateVpc"]);
    let told = status(&cloud, "main");
    assert_eq!((told.latest_delivery_error, told.latest_delivery_time), (None, Some(at(2))));

    // For a month, and not for a trail that is gone.
    cloud.service.deliver(&[cloud.event(ACCOUNT, "ec2", "CreateVpc")], cloud.now);
    *cloud.bucket.refuses.lock().unwrap() = Some(DeliveryError::NoSuchBucket);
    cloud.service.flush(at(30 * 24 * 12 + 1), false);
    *cloud.bucket.refuses.lock().unwrap() = None;
    cloud.service.flush(at(30 * 24 * 12 + 9), true);
    assert!(names(&cloud).is_empty());
    cloud.service.deliver(&[cloud.event(ACCOUNT, "ec2", "CreateVpc")], cloud.now);
    cloud.ok::<op::DeleteTrail>(ACCOUNT, api::DeleteTrailRequest { name: "main".to_owned() });
    cloud.service.flush(cloud.now, true);
    assert!(names(&cloud).is_empty());
}

fn object(cloud: &Cloud, operation: &str, bucket: &str, key: Option<&str>) -> cloudtrail_events::Event {
    let text = |text: &str| Value::String(text.to_owned());
    let mut input = Fields::new();
    input.push("Bucket", text(bucket));
    if let Some(key) = key {
        input.push("Key", text(key));
    }
    cloud.event_of(ACCOUNT, "s3", operation, Some(Value::Structure(input)))
}

#[test]
fn data_events_of_objects_are_for_trails_that_select_them() {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateTrail>(ACCOUNT, trail("main"));
    start(&cloud, "main");
    let all = [
        object(&cloud, "PutObject", "mine", Some("logs/1")),
        object(&cloud, "GetObject", "mine", Some("logs/1")),
        object(&cloud, "DeleteObject", "mine", Some("other")),
        object(&cloud, "CopyObject", "mine-too", Some("logs/1")),
        object(&cloud, "ListObjectsV2", "mine", None),
        object(&cloud, "PutBucketVersioning", "mine", None),
    ];
    let flush = || {
        cloud.service.deliver(&all, cloud.now);
        cloud.service.flush(cloud.now, true);
        names(&cloud)
    };
    assert!(!cloud.service.wants_data_events());
    assert_eq!(flush(), ["PutBucketVersioning"], "a new trail has management events alone");
    let objects = |read_write: &str, values: &[&str]| api::EventSelector {
        read_write_type: Some(read_write.to_owned()),
        include_management_events: Some(false),
        data_resources: Some(vec![api::DataResource {
            r#type: Some("AWS::S3::Object".to_owned()),
            values: Some(values.iter().map(|&value| value.to_owned()).collect()),
        }]),
        ..Default::default()
    };
    for (selector, expect) in [
        (
            objects("All", &["arn:aws:s3"]),
            &["CopyObject", "DeleteObject", "GetObject", "ListObjects", "PutObject"][..],
        ),
        (objects("All", &["arn:aws:s3:::mine/"]), &["DeleteObject", "GetObject", "ListObjects", "PutObject"]),
        (objects("WriteOnly", &["arn:aws:s3:::mine/logs"]), &["PutObject"]),
        (objects("ReadOnly", &["arn:aws:s3:::mine-too/", "arn:aws:s3:::mine/logs/1"]), &["GetObject"]),
        (objects("All", &["arn:aws:s3:::nobodys/"]), &[]),
    ] {
        cloud.ok::<op::PutEventSelectors>(ACCOUNT, basic(selector.clone()));
        assert!(cloud.service.wants_data_events());
        assert_eq!(flush(), expect, "{selector:?}");
    }
    let data = || vec![field("eventCategory", &["Data"]), field("resources.type", &["AWS::S3::Object"])];
    let with = |mut one: api::AdvancedFieldSelector,
                change: fn(&mut api::AdvancedFieldSelector, Vec<String>),
                value: &str| {
        change(&mut one, vec![value.to_owned()]);
        let mut fields = data();
        fields.push(one);
        fields
    };
    let arn = || field("resources.ARN", &[]);
    for (fields, expect) in [
        (data(), &["CopyObject", "DeleteObject", "GetObject", "ListObjects", "PutObject"][..]),
        (
            with(arn(), |one, value| one.starts_with = Some(value), "arn:aws:s3:::mine/logs/"),
            &["GetObject", "PutObject"],
        ),
        (
            // Its bucket's ARN is no object's.
            with(arn(), |one, value| one.not_starts_with = Some(value), "arn:aws:s3:::mine/"),
            &["CopyObject"],
        ),
        (with(arn(), |one, value| one.ends_with = Some(value), "mine"), &[]),
        (with(field("eventName", &[]), |one, value| one.equals = Some(value), "PutObject"), &["PutObject"]),
    ] {
        cloud.ok::<op::PutEventSelectors>(ACCOUNT, advanced(fields.clone()));
        assert_eq!(flush(), expect, "{fields:?}");
    }
    cloud.ok::<op::StopLogging>(ACCOUNT, api::StopLoggingRequest { name: "main".to_owned() });
    assert!(!cloud.service.wants_data_events());
}
