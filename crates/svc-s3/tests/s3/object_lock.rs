//! Object lock: default retention, retentions and holds, and what they stand against.

use aws_api::s3::{self as api, operation as op};
use aws_types::Timestamp;
use service_api::Service as _;

use crate::harness::*;

const DAY: i64 = 86_400_000;

fn locked() -> Cloud {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateBucket>(api::CreateBucketRequest {
        bucket: "bucket".to_owned(),
        object_lock_enabled_for_bucket: Some(true),
        ..api::CreateBucketRequest::default()
    });
    cloud
}

fn default_retention(
    mode: &str,
    days: Option<i32>,
    years: Option<i32>,
) -> api::PutObjectLockConfigurationRequest {
    api::PutObjectLockConfigurationRequest {
        bucket: "bucket".to_owned(),
        object_lock_configuration: Some(api::ObjectLockConfiguration {
            object_lock_enabled: some("Enabled"),
            rule: Some(api::ObjectLockRule {
                default_retention: Some(api::DefaultRetention {
                    mode: some(mode),
                    days,
                    years,
                    default_event_hold: None,
                }),
            }),
        }),
        ..api::PutObjectLockConfigurationRequest::default()
    }
}

fn retention(id: &str, mode: &str, until: Timestamp) -> api::PutObjectRetentionRequest {
    api::PutObjectRetentionRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        version_id: some(id),
        retention: Some(api::ObjectLockRetention {
            mode: some(mode),
            retain_until_date: Some(until),
            ..api::ObjectLockRetention::default()
        }),
        ..api::PutObjectRetentionRequest::default()
    }
}

fn hold(id: &str, status: &str) -> api::PutObjectLegalHoldRequest {
    api::PutObjectLegalHoldRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        version_id: some(id),
        legal_hold: Some(api::ObjectLockLegalHold { status: some(status) }),
        ..api::PutObjectLegalHoldRequest::default()
    }
}

fn delete(id: &str, bypass: bool) -> api::DeleteObjectRequest {
    api::DeleteObjectRequest {
        version_id: some(id),
        bypass_governance_retention: bypass.then_some(true),
        ..delete_request("bucket", "key")
    }
}

fn head(cloud: &Cloud) -> api::HeadObjectOutput {
    cloud.ok::<op::HeadObject>(api::HeadObjectRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        ..api::HeadObjectRequest::default()
    })
}

#[test]
fn buckets_are_locked_where_they_keep_versions() {
    let cloud = Cloud::with("bucket");
    let get = || api::GetObjectLockConfigurationRequest { bucket: "bucket".to_owned(), ..Default::default() };
    assert_eq!(cloud.code::<op::GetObjectLockConfiguration>(get()), "ObjectLockConfigurationNotFoundError");
    let put = default_retention("GOVERNANCE", Some(1), None);
    assert_eq!(cloud.code::<op::PutObjectLockConfiguration>(put.clone()), "InvalidBucketState");
    cloud.set_versioning("bucket", "Enabled");
    for (mode, days, years, code) in [
        ("GOVERNANCE", Some(1), Some(1), "MalformedXML"),
        ("governance", Some(1), None, "MalformedXML"),
        ("GOVERNANCE", Some(0), None, "InvalidArgument"),
        ("COMPLIANCE", None, Some(-1), "InvalidArgument"),
    ] {
        let refused = default_retention(mode, days, years);
        assert_eq!(cloud.code::<op::PutObjectLockConfiguration>(refused), code, "{mode} {days:?} {years:?}");
    }
    cloud.ok::<op::PutObjectLockConfiguration>(put.clone());
    let shown = cloud.ok::<op::GetObjectLockConfiguration>(get()).object_lock_configuration;
    assert_eq!(shown, put.object_lock_configuration);
    let suspend = api::PutBucketVersioningRequest {
        bucket: "bucket".to_owned(),
        versioning_configuration: api::VersioningConfiguration {
            status: some("Suspended"),
            mfa_delete: None,
        },
        ..api::PutBucketVersioningRequest::default()
    };
    let error = cloud.refused::<op::PutBucketVersioning>(HOME, suspend);
    assert_eq!((error.code.as_ref(), error.status), ("InvalidBucketState", Some(409)));

    let made = locked();
    let versioning = made.ok::<op::GetBucketVersioning>(api::GetBucketVersioningRequest {
        bucket: "bucket".to_owned(),
        ..api::GetBucketVersioningRequest::default()
    });
    assert_eq!(versioning.status, some("Enabled"));
    let shown = made.ok::<op::GetObjectLockConfiguration>(get()).object_lock_configuration.unwrap();
    assert_eq!((shown.object_lock_enabled, shown.rule), (some("Enabled"), None));
}

#[test]
fn retained_versions_are_not_deleted() {
    let cloud = locked();
    let id = cloud.put("bucket", "key", "kept").version_id.unwrap();
    let get = api::GetObjectRetentionRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        ..api::GetObjectRetentionRequest::default()
    };
    assert_eq!(cloud.code::<op::GetObjectRetention>(get.clone()), "NoSuchObjectLockConfiguration");
    let until = |days: i64| cloud.now().plus_millis(days * DAY);
    assert_eq!(cloud.code::<op::PutObjectRetention>(retention(&id, "governance", until(2))), "MalformedXML");
    assert_eq!(
        cloud.code::<op::PutObjectRetention>(retention(&id, "GOVERNANCE", until(-1))),
        "InvalidArgument"
    );
    cloud.ok::<op::PutObjectRetention>(retention(&id, "GOVERNANCE", until(2)));
    let shown = cloud.ok::<op::GetObjectRetention>(get).retention.unwrap();
    assert_eq!((shown.mode, shown.retain_until_date), (some("GOVERNANCE"), Some(until(2))));
    assert_eq!(head(&cloud).object_lock_retain_until_date, Some(until(2)));

    // A delete marker covers it, and takes nothing away.
    let marker = cloud.ok::<op::DeleteObject>(delete_request("bucket", "key")).version_id.unwrap();
    assert_eq!(cloud.code::<op::DeleteObject>(delete(&id, false)), "AccessDenied");
    cloud.ok::<op::DeleteObject>(delete(&marker, false));
    assert_eq!(cloud.get("bucket", "key"), b"kept");

    assert_eq!(cloud.code::<op::PutObjectRetention>(retention(&id, "GOVERNANCE", until(1))), "AccessDenied");
    assert_eq!(cloud.code::<op::PutObjectRetention>(retention(&id, "COMPLIANCE", until(2))), "AccessDenied");
    cloud.ok::<op::PutObjectRetention>(retention(&id, "GOVERNANCE", until(3)));
    let shortened = api::PutObjectRetentionRequest {
        bypass_governance_retention: Some(true),
        ..retention(&id, "COMPLIANCE", until(2))
    };
    cloud.ok::<op::PutObjectRetention>(shortened);
    assert_eq!(
        cloud.code::<op::DeleteObject>(delete(&id, true)),
        "AccessDenied",
        "nobody bypasses compliance"
    );
    cloud.pass(2 * DAY);
    cloud.ok::<op::DeleteObject>(delete(&id, false));
    assert_eq!(cloud.get_code(get_request("bucket", "key")), "NoSuchKey");
}

#[test]
fn governance_is_bypassed_by_who_says_so_and_may() {
    let cloud = locked();
    cloud.ok::<op::PutObjectLockConfiguration>(default_retention("GOVERNANCE", Some(1), None));
    let id = cloud.put("bucket", "key", "x").version_id.unwrap();
    assert_eq!(head(&cloud).object_lock_mode, some("GOVERNANCE"));
    assert_eq!(head(&cloud).object_lock_retain_until_date, Some(cloud.now().plus_millis(DAY)));
    let needed = |request: api::DeleteObjectRequest| {
        let needed = cloud.s3().needed_permissions(&cloud.context(HOME), "DeleteObject", &request.into());
        needed.unwrap().iter().map(|one| one.action.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(needed(delete(&id, false)), ["s3:DeleteObjectVersion"]);
    let bypass = ["s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"];
    assert_eq!(needed(delete(&id, true)), bypass);
    let both = |bypass: bool| api::DeleteObjectsRequest {
        bucket: "bucket".to_owned(),
        delete: api::Delete {
            objects: [("key", id.as_str()), ("free", "null")]
                .map(|(key, id)| api::ObjectIdentifier {
                    key: key.to_owned(),
                    version_id: some(id),
                    ..api::ObjectIdentifier::default()
                })
                .to_vec(),
            quiet: None,
        },
        bypass_governance_retention: bypass.then_some(true),
        ..api::DeleteObjectsRequest::default()
    };
    let asked =
        cloud.s3().needed_permissions(&cloud.context(HOME), "DeleteObjects", &both(true).into()).unwrap();
    let bypassed: Vec<&str> = asked[1].resources.iter().map(|resource| resource.arn.as_str()).collect();
    assert_eq!(
        (&*asked[1].action, bypassed),
        ("s3:BypassGovernanceRetention", vec!["arn:aws:s3:::bucket/key", "arn:aws:s3:::bucket/free"])
    );
    let refused = cloud.ok::<op::DeleteObjects>(both(false));
    let errors = refused.errors.unwrap();
    assert_eq!((errors.len(), errors[0].code.as_deref()), (1, Some("AccessDenied")));
    assert_eq!(errors[0].key, some("key"));
    assert_eq!(refused.deleted.unwrap().len(), 1);
    cloud.pass(DAY);
    assert_eq!(
        needed(delete(&id, true)),
        bypass,
        "whatever is there when it is asked, may be held a moment later"
    );
    assert_eq!(needed(delete("null", true)), bypass, "also where there is nothing yet");
    assert_eq!(
        needed(api::DeleteObjectRequest { version_id: None, ..delete("", true) }),
        ["s3:DeleteObject"]
    );
    cloud.pass(-DAY);
    assert_eq!(cloud.ok::<op::DeleteObjects>(both(true)).errors.unwrap(), []);
    assert_eq!(cloud.get_code(get_request("bucket", "key")), "NoSuchKey");
}

#[test]
fn holds_end_when_they_are_taken_away() {
    let mut cloud = locked();
    let until = cloud.now().plus_millis(DAY);
    let md5 = some("QVKQdpWURg4uSFkikE80XQ==");
    let put = api::PutObjectRequest {
        object_lock_legal_hold_status: some("ON"),
        object_lock_mode: some("GOVERNANCE"),
        object_lock_retain_until_date: Some(until),
        ..put_request("bucket", "key")
    };
    let without = cloud.try_put(put.clone(), &mut Pieces::new("x")).unwrap_err();
    assert_eq!(without.code, "InvalidRequest", "a lock needs a digest");
    let wrong = api::PutObjectRequest { content_md5: md5, ..put.clone() };
    assert_eq!(cloud.try_put(wrong, &mut Pieces::new("x")).unwrap_err().code, "BadDigest");
    let half = api::PutObjectRequest { object_lock_mode: None, ..put.clone() };
    assert_eq!(cloud.try_put(half, &mut Pieces::new("x")).unwrap_err().code, "InvalidArgument");
    let mut payload = Pieces::new("x").with_trailing("x-amz-checksum-crc32", "jNwWgw==");
    let id = cloud.try_put(put, &mut payload).unwrap().version_id.unwrap();
    let shown = head(&cloud);
    assert_eq!(shown.object_lock_legal_hold_status, some("ON"));
    assert_eq!(
        (shown.object_lock_mode, shown.object_lock_retain_until_date),
        (some("GOVERNANCE"), Some(until))
    );
    assert_eq!(cloud.code::<op::DeleteObject>(delete(&id, true)), "AccessDenied");
    cloud.open();
    cloud.pass(2 * DAY);
    assert_eq!(cloud.code::<op::DeleteObject>(delete(&id, false)), "AccessDenied", "holds have no end");
    assert_eq!(cloud.code::<op::PutObjectLegalHold>(hold(&id, "abc")), "MalformedXML");
    cloud.ok::<op::PutObjectLegalHold>(hold(&id, "OFF"));
    let get = api::GetObjectLegalHoldRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        ..api::GetObjectLegalHoldRequest::default()
    };
    assert_eq!(cloud.ok::<op::GetObjectLegalHold>(get).legal_hold.unwrap().status, some("OFF"));
    cloud.ok::<op::DeleteObject>(delete(&id, false));
}

#[test]
fn uploads_and_copies_are_locked() {
    let cloud = locked();
    let upload = cloud.ok::<op::CreateMultipartUpload>(api::CreateMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        object_lock_legal_hold_status: some("ON"),
        ..api::CreateMultipartUploadRequest::default()
    });
    cloud.ok::<op::PutObjectLockConfiguration>(default_retention("COMPLIANCE", None, Some(1)));
    let id = complete(&cloud, "bucket", "key", &upload.upload_id.unwrap()).version_id.unwrap();
    let shown = head(&cloud);
    assert_eq!(shown.object_lock_legal_hold_status, some("ON"));
    assert_eq!(shown.object_lock_mode, some("COMPLIANCE"), "the default of when it was completed");
    assert_eq!(cloud.code::<op::DeleteObject>(delete(&id, true)), "AccessDenied");
    cloud.make("plain");
    let copy = |bucket: &str, hold: Option<&str>| api::CopyObjectRequest {
        bucket: bucket.to_owned(),
        key: "copy".to_owned(),
        copy_source: "bucket/key".to_owned(),
        object_lock_legal_hold_status: hold.map(str::to_owned),
        ..api::CopyObjectRequest::default()
    };
    assert_eq!(cloud.code::<op::CopyObject>(copy("plain", Some("ON"))), "InvalidRequest");
    cloud.ok::<op::CopyObject>(copy("plain", None));
    cloud.ok::<op::DeleteObject>(delete_request("plain", "copy"));
    assert_eq!(cloud.get_code(get_request("plain", "copy")), "NoSuchKey", "locks do not go with copies");
    let retained = api::PutObjectRetentionRequest {
        bucket: "plain".to_owned(),
        ..retention("null", "GOVERNANCE", cloud.now().plus_millis(DAY))
    };
    assert_eq!(cloud.code::<op::PutObjectRetention>(retained), "InvalidRequest");
    let held = api::PutObjectLegalHoldRequest { bucket: "plain".to_owned(), ..hold("null", "ON") };
    assert_eq!(cloud.code::<op::PutObjectLegalHold>(held), "InvalidRequest");
}

#[test]
fn what_is_locked_while_a_write_is_sent_stays() {
    let cloud = Cloud::with("bucket");
    cloud.put("bucket", "key", "first");
    let until = cloud.now().plus_millis(DAY);
    let mut slow = Meanwhile::new("second", || {
        cloud.set_versioning("bucket", "Enabled");
        cloud.ok::<op::PutObjectLockConfiguration>(default_retention("GOVERNANCE", Some(3), None));
        cloud.ok::<op::PutObjectRetention>(retention("null", "COMPLIANCE", until));
    });
    let id = cloud.try_put(put_request("bucket", "key"), &mut slow).unwrap().version_id;
    assert!(id.is_some_and(|id| id != "null"), "the bucket has versions by now");
    let first = api::GetObjectRequest { version_id: some("null"), ..get_request("bucket", "key") };
    let (shown, content) = cloud.try_get(first).unwrap();
    assert_eq!((content.as_slice(), shown.object_lock_retain_until_date), (b"first".as_slice(), Some(until)));
    assert_eq!(cloud.get("bucket", "key"), b"second");
    let shown = head(&cloud);
    assert_eq!(
        (shown.object_lock_mode, shown.object_lock_retain_until_date),
        (some("GOVERNANCE"), Some(cloud.now().plus_millis(3 * DAY))),
        "the default of when it was written"
    );
}

#[test]
fn a_bucket_made_again_takes_no_write_to_the_one_before() {
    let cloud = Cloud::with("bucket");
    let mut slow = Meanwhile::new("x", || {
        let delete = api::DeleteBucketRequest { bucket: "bucket".to_owned(), ..Default::default() };
        cloud.ok::<op::DeleteBucket>(delete);
        cloud.make("bucket");
    });
    let refused = cloud.try_put(put_request("bucket", "key"), &mut slow).map(|_| ()).unwrap_err();
    assert_eq!(refused.code, "NoSuchBucket");
    assert_eq!(cloud.get_code(get_request("bucket", "key")), "NoSuchKey");
}
