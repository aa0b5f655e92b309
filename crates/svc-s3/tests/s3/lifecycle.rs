//! Lifecycle configurations, and what answers say of them.

use aws_api::s3::{self as api, operation as op};

use crate::harness::*;
use crate::tagging::put_tags;

/// A rule about the keys that begin so.
pub fn rule(prefix: &str) -> api::LifecycleRule {
    api::LifecycleRule {
        id: Some(format!("rule {prefix}")),
        filter: Some(api::LifecycleRuleFilter {
            prefix: some(prefix),
            ..api::LifecycleRuleFilter::default()
        }),
        status: "Enabled".to_owned(),
        ..api::LifecycleRule::default()
    }
}

pub fn expiring(prefix: &str, days: i32) -> api::LifecycleRule {
    let expiration = api::LifecycleExpiration { days: Some(days), ..api::LifecycleExpiration::default() };
    api::LifecycleRule { expiration: Some(expiration), ..rule(prefix) }
}

pub fn put_rules(
    bucket: &str,
    rules: Vec<api::LifecycleRule>,
) -> api::PutBucketLifecycleConfigurationRequest {
    api::PutBucketLifecycleConfigurationRequest {
        bucket: bucket.to_owned(),
        lifecycle_configuration: Some(api::BucketLifecycleConfiguration { rules }),
        ..api::PutBucketLifecycleConfigurationRequest::default()
    }
}

pub fn moving(prefix: &str, days: i32, class: &str) -> api::LifecycleRule {
    let transition = api::Transition { days: Some(days), date: None, storage_class: some(class) };
    api::LifecycleRule { transitions: Some(vec![transition]), ..rule(prefix) }
}

fn get() -> api::GetBucketLifecycleConfigurationRequest {
    api::GetBucketLifecycleConfigurationRequest {
        bucket: "bucket".to_owned(),
        ..api::GetBucketLifecycleConfigurationRequest::default()
    }
}

#[test]
fn configurations_are_kept_as_they_were_written() {
    let cloud = Cloud::with("bucket");
    let error = cloud.refused::<op::GetBucketLifecycleConfiguration>(HOME, get());
    assert_eq!((error.code.as_ref(), error.status), ("NoSuchLifecycleConfiguration", Some(404)));
    let tag = |key: &str| api::Tag { key: key.to_owned(), value: "v".to_owned() };
    let and = api::LifecycleRuleAndOperator {
        prefix: some("and/"),
        tags: Some(vec![tag("a"), tag("b")]),
        object_size_greater_than: Some(1),
        object_size_less_than: Some(9),
    };
    let filter = api::LifecycleRuleFilter { and: Some(and), ..api::LifecycleRuleFilter::default() };
    let noncurrent = api::NoncurrentVersionTransition {
        noncurrent_days: Some(30),
        newer_noncurrent_versions: Some(2),
        storage_class: some("ONEZONE_IA"),
    };
    let rules = vec![
        api::LifecycleRule { filter: Some(filter), ..expiring("", 3) },
        api::LifecycleRule {
            prefix: some("old/"),
            filter: None,
            status: "Disabled".to_owned(),
            noncurrent_version_transitions: Some(vec![noncurrent]),
            noncurrent_version_expiration: Some(api::NoncurrentVersionExpiration {
                noncurrent_days: Some(31),
                newer_noncurrent_versions: None,
            }),
            ..rule("old/")
        },
        api::LifecycleRule {
            abort_incomplete_multipart_upload: Some(api::AbortIncompleteMultipartUpload {
                days_after_initiation: Some(2),
            }),
            ..moving("ia/", 30, "STANDARD_IA")
        },
    ];
    // The second is of the older form, which may not say how many versions stay.
    let mut older = rules.clone();
    older[1].noncurrent_version_transitions = None;
    let put = cloud.ok::<op::PutBucketLifecycleConfiguration>(put_rules("bucket", older.clone()));
    assert_eq!(put.transition_default_minimum_object_size, some("all_storage_classes_128K"));
    let shown = cloud.ok::<op::GetBucketLifecycleConfiguration>(get());
    assert_eq!(shown.rules, Some(older));
    let code = cloud.code::<op::PutBucketLifecycleConfiguration>(put_rules("bucket", rules));
    assert_eq!(code, "MalformedXML", "a number of versions needs a filter");
    for (rule, code) in [
        (moving("", 30, "GLACIER"), "NotImplemented"),
        (moving("", 29, "STANDARD_IA"), "InvalidArgument"),
        (expiring("", 0), "InvalidArgument"),
        (api::LifecycleRule { status: "enabled".to_owned(), ..expiring("", 1) }, "MalformedXML"),
        (rule(""), "InvalidRequest"),
    ] {
        let refused = put_rules("bucket", vec![rule.clone()]);
        assert_eq!(cloud.code::<op::PutBucketLifecycleConfiguration>(refused), code, "{rule:?}");
    }
    let unnamed = api::LifecycleRule { id: None, ..expiring("", 1) };
    cloud.ok::<op::PutBucketLifecycleConfiguration>(put_rules("bucket", vec![unnamed]));
    let shown = cloud.ok::<op::GetBucketLifecycleConfiguration>(get()).rules.unwrap();
    assert!(shown[0].id.as_ref().is_some_and(|id| !id.is_empty()));
    let delete = || api::DeleteBucketLifecycleRequest { bucket: "bucket".to_owned(), ..Default::default() };
    cloud.ok::<op::DeleteBucketLifecycle>(delete());
    cloud.ok::<op::DeleteBucketLifecycle>(delete());
    assert_eq!(cloud.code::<op::GetBucketLifecycleConfiguration>(get()), "NoSuchLifecycleConfiguration");
}

#[test]
fn answers_say_when_an_object_expires() {
    let cloud = Cloud::with("bucket");
    let filter = api::LifecycleRuleFilter {
        tag: Some(api::Tag { key: "a".to_owned(), value: "1".to_owned() }),
        ..api::LifecycleRuleFilter::default()
    };
    let tagged = api::LifecycleRule { filter: Some(filter), id: some("tagged"), ..expiring("", 2) };
    let aborting = api::LifecycleRule {
        abort_incomplete_multipart_upload: Some(api::AbortIncompleteMultipartUpload {
            days_after_initiation: Some(5),
        }),
        ..rule("up")
    };
    let rules = vec![expiring("logs/", 1), tagged, aborting];
    cloud.ok::<op::PutBucketLifecycleConfiguration>(put_rules("bucket", rules));
    // The clock of tests begins on 2027-01-15 at 8.
    let day = some("expiry-date=\"Sun, 17 Jan 2027 00:00:00 GMT\", rule-id=\"rule%20logs%2F\"");
    assert_eq!(cloud.put("bucket", "logs/a", "x").expiration, day);
    assert_eq!(cloud.put("bucket", "other", "x").expiration, None);
    assert_eq!(cloud.try_get(get_request("bucket", "logs/a")).unwrap().0.expiration, day);
    let head = |key: &str| {
        let request = api::HeadObjectRequest {
            bucket: "bucket".to_owned(),
            key: key.to_owned(),
            ..api::HeadObjectRequest::default()
        };
        cloud.ok::<op::HeadObject>(request).expiration
    };
    assert_eq!((head("logs/a"), head("other")), (day.clone(), None));
    cloud.ok::<op::PutObjectTagging>(put_tags("bucket", "other", &[("a", "1")]));
    let later = some("expiry-date=\"Mon, 18 Jan 2027 00:00:00 GMT\", rule-id=\"tagged\"");
    assert_eq!(head("other"), later);
    let copied = cloud.ok::<op::CopyObject>(api::CopyObjectRequest {
        bucket: "bucket".to_owned(),
        key: "copy".to_owned(),
        copy_source: "bucket/other".to_owned(),
        ..api::CopyObjectRequest::default()
    });
    assert_eq!(copied.expiration, later, "tags go with it");

    let upload = |key: &str| {
        cloud.ok::<op::CreateMultipartUpload>(api::CreateMultipartUploadRequest {
            bucket: "bucket".to_owned(),
            key: key.to_owned(),
            ..api::CreateMultipartUploadRequest::default()
        })
    };
    let begun = upload("up");
    assert_eq!(begun.abort_rule_id, some("rule up"));
    assert_eq!(begun.abort_date.map(|at| at.unix_secs() % 86_400), Some(0));
    let listed = cloud.ok::<op::ListParts>(api::ListPartsRequest {
        bucket: "bucket".to_owned(),
        key: "up".to_owned(),
        upload_id: begun.upload_id.clone().unwrap(),
        ..api::ListPartsRequest::default()
    });
    assert_eq!((listed.abort_date, listed.abort_rule_id), (begun.abort_date, begun.abort_rule_id));
    let logs = upload("logs/up");
    assert_eq!(logs.abort_date, None);
    assert_eq!(complete(&cloud, "bucket", "logs/up", &logs.upload_id.unwrap()).expiration, day);

    cloud.set_versioning("bucket", "Enabled");
    let first = cloud.put("bucket", "logs/v", "1").version_id.unwrap();
    cloud.put("bucket", "logs/v", "2");
    let old = api::GetObjectRequest { version_id: Some(first), ..get_request("bucket", "logs/v") };
    assert_eq!(cloud.try_get(old).unwrap().0.expiration, None, "only the current version expires");
}
