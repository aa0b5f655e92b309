//! What comes of lifecycle rules when it is time.

use aws_api::s3::{self as api, operation as op};
use svc_s3::LifecycleReport;

use crate::harness::*;
use crate::lifecycle::{expiring, moving, put_rules, rule};
use crate::tagging::put_tags;

const DAY: i64 = 86_400_000;

fn run(cloud: &Cloud) -> LifecycleReport {
    let report = cloud.s3().run_lifecycle(cloud.now());
    assert_eq!(report.failures, []);
    // What was done is done.
    let again = cloud.s3().run_lifecycle(cloud.now());
    let nothing =
        LifecycleReport { buckets: report.buckets, locked: report.locked, ..LifecycleReport::default() };
    if report.noncurrent_removed == 0 {
        assert_eq!(again, nothing);
    }
    report
}

/// The objects, noncurrent versions and delete markers of the bucket, in order.
fn shown(cloud: &Cloud) -> Vec<String> {
    let listed = cloud.ok::<op::ListObjectVersions>(api::ListObjectVersionsRequest {
        bucket: "bucket".to_owned(),
        ..api::ListObjectVersionsRequest::default()
    });
    let star = |is_latest: Option<bool>| if is_latest == Some(true) { "*" } else { "" };
    let versions = listed.versions.unwrap().into_iter();
    let versions =
        versions.map(|one| format!("{}{} {}", one.key.unwrap(), star(one.is_latest), one.size.unwrap()));
    let markers = listed.delete_markers.unwrap().into_iter();
    let markers = markers.map(|one| format!("{}{} gone", one.key.unwrap(), star(one.is_latest)));
    versions.chain(markers).collect()
}

fn noncurrent(prefix: &str, days: i32, newer: Option<i32>) -> api::LifecycleRule {
    let expiration =
        api::NoncurrentVersionExpiration { noncurrent_days: Some(days), newer_noncurrent_versions: newer };
    api::LifecycleRule { noncurrent_version_expiration: Some(expiration), ..rule(prefix) }
}

fn set_rules(cloud: &Cloud, rules: Vec<api::LifecycleRule>) {
    cloud.ok::<op::PutBucketLifecycleConfiguration>(put_rules("bucket", rules));
}

#[test]
fn objects_expire_at_their_midnight() {
    let cloud = Cloud::with("bucket");
    for key in ["expire1/bar", "expire1/foo", "expire3/foo", "keep/foo"] {
        cloud.put("bucket", key, "x");
    }
    let off = api::LifecycleRule { status: "Disabled".to_owned(), ..expiring("keep/", 1) };
    set_rules(&cloud, vec![expiring("expire1/", 1), expiring("expire3/", 5), off]);
    assert_eq!(run(&cloud), LifecycleReport { buckets: 1, ..LifecycleReport::default() });
    // It is 8 o'clock: a day after that is 8 o'clock of the next, and the midnight after it is two days from the first.
    cloud.pass(DAY + 15 * 3_600_000);
    assert_eq!(run(&cloud).expired, 0);
    cloud.pass(3_600_000);
    assert_eq!(run(&cloud).expired, 2);
    assert_eq!(shown(&cloud), ["expire3/foo* 1", "keep/foo* 1"]);
    cloud.pass(4 * DAY);
    assert_eq!(run(&cloud).expired, 1);
    cloud.ok::<op::DeleteBucketLifecycle>(api::DeleteBucketLifecycleRequest {
        bucket: "bucket".to_owned(),
        ..api::DeleteBucketLifecycleRequest::default()
    });
    cloud.pass(100 * DAY);
    assert_eq!(run(&cloud).buckets, 0);
    assert_eq!(shown(&cloud), ["keep/foo* 1"]);
}

#[test]
fn tags_and_sizes_select() {
    let cloud = Cloud::with("bucket");
    let tag = api::Tag { key: "tom".to_owned(), value: "sawyer".to_owned() };
    let by_tag = api::LifecycleRuleFilter { tag: Some(tag), ..api::LifecycleRuleFilter::default() };
    let by_size =
        api::LifecycleRuleFilter { object_size_greater_than: Some(3), ..api::LifecycleRuleFilter::default() };
    let rule =
        |id: &str, filter| api::LifecycleRule { id: some(id), filter: Some(filter), ..expiring("", 1) };
    set_rules(&cloud, vec![rule("tag", by_tag), rule("size", by_size)]);
    for (key, content) in [("huck", "fin"), ("large", "four"), ("tom", "x")] {
        cloud.put("bucket", key, content);
    }
    cloud.ok::<op::PutObjectTagging>(put_tags("bucket", "tom", &[("tom", "sawyer"), ("x", "y")]));
    cloud.pass(2 * DAY);
    assert_eq!(run(&cloud).expired, 2);
    assert_eq!(shown(&cloud), ["huck* 3"]);
}

#[test]
fn versions_are_covered_and_then_removed() {
    let cloud = Cloud::with("bucket");
    cloud.set_versioning("bucket", "Enabled");
    cloud.put("bucket", "a", "1");
    set_rules(&cloud, vec![expiring("", 1)]);
    cloud.pass(2 * DAY);
    assert_eq!(run(&cloud).expired, 1);
    assert_eq!(shown(&cloud), ["a 1", "a* gone"]);
    cloud.pass(10 * DAY);
    assert_eq!(run(&cloud), LifecycleReport { buckets: 1, ..LifecycleReport::default() });
    let end = api::LifecycleExpiration {
        expired_object_delete_marker: Some(true),
        ..api::LifecycleExpiration::default()
    };
    set_rules(&cloud, vec![api::LifecycleRule { expiration: Some(end), ..noncurrent("", 1, None) }]);
    let first = cloud.s3().run_lifecycle(cloud.now());
    assert_eq!((first.noncurrent_removed, first.markers_removed), (1, 0));
    assert_eq!(shown(&cloud), ["a* gone"]);
    // Only now nothing is behind it.
    assert_eq!(run(&cloud).markers_removed, 1);
    assert_eq!(shown(&cloud), Vec::<String>::new());
}

#[test]
fn a_number_of_versions_stays() {
    let cloud = Cloud::with("bucket");
    cloud.set_versioning("bucket", "Enabled");
    for size in 1..=8_usize {
        cloud.put("bucket", "many", "x".repeat(size));
        cloud.pass(1_000);
    }
    cloud.put("bucket", "other", "y");
    set_rules(&cloud, vec![noncurrent("", 1, Some(3))]);
    assert_eq!(run(&cloud).noncurrent_removed, 0);
    cloud.pass(2 * DAY);
    assert_eq!(run(&cloud).noncurrent_removed, 4);
    assert_eq!(shown(&cloud), ["many* 8", "many 7", "many 6", "many 5", "other* 1"]);
}

#[test]
fn locked_versions_stay() {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateBucket>(api::CreateBucketRequest {
        bucket: "bucket".to_owned(),
        object_lock_enabled_for_bucket: Some(true),
        ..api::CreateBucketRequest::default()
    });
    let id = cloud.put("bucket", "a", "1").version_id;
    cloud.ok::<op::PutObjectRetention>(api::PutObjectRetentionRequest {
        bucket: "bucket".to_owned(),
        key: "a".to_owned(),
        version_id: id,
        retention: Some(api::ObjectLockRetention {
            mode: some("GOVERNANCE"),
            retain_until_date: Some(cloud.now().plus_millis(10 * DAY)),
            ..api::ObjectLockRetention::default()
        }),
        ..api::PutObjectRetentionRequest::default()
    });
    set_rules(
        &cloud,
        vec![api::LifecycleRule { expiration: expiring("", 1).expiration, ..noncurrent("", 1, None) }],
    );
    cloud.pass(2 * DAY);
    assert_eq!(run(&cloud).expired, 1, "a marker takes nothing away");
    cloud.pass(3 * DAY);
    let report = run(&cloud);
    assert_eq!((report.noncurrent_removed, report.locked), (0, 1));
    assert_eq!(shown(&cloud), ["a 1", "a* gone"]);
    cloud.pass(6 * DAY);
    assert_eq!(run(&cloud).noncurrent_removed, 1);
}

#[test]
fn objects_move_to_other_classes_and_are_read_all_the_same() {
    let mut cloud = Cloud::with("bucket");
    let content = bytes(200_000, 3);
    cloud.put("bucket", "large", content.clone());
    cloud.put("bucket", "small", "x");
    cloud.ok::<op::PutObjectTagging>(put_tags("bucket", "large", &[("a", "1")]));
    let made = cloud.try_get(get_request("bucket", "large")).unwrap().0.last_modified;
    set_rules(&cloud, vec![moving("", 30, "STANDARD_IA")]);
    cloud.pass(32 * DAY);
    assert_eq!(run(&cloud).moved, 1);
    cloud.open();
    let (output, read) = cloud.try_get(get_request("bucket", "large")).unwrap();
    assert!(read == content);
    assert_eq!((output.storage_class, output.last_modified), (some("STANDARD_IA"), made));
    assert_eq!(output.tag_count, Some(1));
    assert_eq!(cloud.try_get(get_request("bucket", "small")).unwrap().0.storage_class, None);
}

#[test]
fn uploads_are_given_up() {
    let cloud = Cloud::with("bucket");
    let begin = |key: &str| {
        let begun = cloud.ok::<op::CreateMultipartUpload>(api::CreateMultipartUploadRequest {
            bucket: "bucket".to_owned(),
            key: key.to_owned(),
            ..api::CreateMultipartUploadRequest::default()
        });
        begun.upload_id.unwrap()
    };
    let (given_up, kept) = (begin("a/up"), begin("b/up"));
    let aborting = api::LifecycleRule {
        abort_incomplete_multipart_upload: Some(api::AbortIncompleteMultipartUpload {
            days_after_initiation: Some(2),
        }),
        ..rule("a/")
    };
    set_rules(&cloud, vec![aborting]);
    cloud.pass(2 * DAY);
    assert_eq!(run(&cloud).uploads_aborted, 0);
    cloud.pass(DAY);
    assert_eq!(run(&cloud).uploads_aborted, 1);
    let parts = |key: &str, id: &str| api::ListPartsRequest {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
        upload_id: id.to_owned(),
        ..api::ListPartsRequest::default()
    };
    assert_eq!(cloud.code::<op::ListParts>(parts("a/up", &given_up)), "NoSuchUpload");
    cloud.ok::<op::ListParts>(parts("b/up", &kept));
}

#[test]
fn many_objects_and_versions_go_in_many_transactions() {
    let cloud = Cloud::with("bucket");
    cloud.set_versioning("bucket", "Enabled");
    for at in 0..250 {
        cloud.put("bucket", &format!("key {at:03}"), "x");
    }
    for _ in 0..450 {
        cloud.put("bucket", "versions", "y");
    }
    cloud.put("bucket", "zz", "kept");
    set_rules(&cloud, vec![expiring("key", 1), noncurrent("versions", 1, None)]);
    cloud.pass(3 * DAY);
    let before = cloud.s3().objects().snapshot().revision();
    let report = run(&cloud);
    assert_eq!((report.expired, report.noncurrent_removed), (250, 449));
    let commits = cloud.s3().objects().snapshot().revision().0 - before.0;
    assert!((4..=12).contains(&commits), "{commits} transactions");
    let listed = cloud.ok::<op::ListObjectsV2>(api::ListObjectsV2Request {
        bucket: "bucket".to_owned(),
        ..api::ListObjectsV2Request::default()
    });
    let keys: Vec<_> = listed.contents.unwrap().into_iter().filter_map(|one| one.key).collect();
    assert_eq!(keys, ["versions", "zz"]);
}
