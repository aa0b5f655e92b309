//! Block public access: the four switches, one by one.

use aws_api::s3::{self as api, operation as op};

use crate::callers::*;
use crate::harness::*;

const EVERYBODY: &str = r#""*""#;

fn put(acls: bool, ignore: bool, policy: bool, restrict: bool) -> api::PutPublicAccessBlockRequest {
    api::PutPublicAccessBlockRequest {
        bucket: "bucket".to_owned(),
        public_access_block_configuration: api::PublicAccessBlockConfiguration {
            block_public_acls: Some(acls),
            ignore_public_acls: Some(ignore),
            block_public_policy: Some(policy),
            restrict_public_buckets: Some(restrict),
        },
        ..api::PutPublicAccessBlockRequest::default()
    }
}

fn get(bucket: &str) -> api::GetPublicAccessBlockRequest {
    api::GetPublicAccessBlockRequest {
        bucket: bucket.to_owned(),
        ..api::GetPublicAccessBlockRequest::default()
    }
}

#[test]
fn new_buckets_have_all_four() {
    let cloud = Cloud::with("fresh");
    let all = |shown: api::GetPublicAccessBlockOutput| {
        let shown = shown.public_access_block_configuration.unwrap();
        [
            shown.block_public_acls,
            shown.ignore_public_acls,
            shown.block_public_policy,
            shown.restrict_public_buckets,
        ]
    };
    assert_eq!(all(cloud.ok::<op::GetPublicAccessBlock>(get("fresh"))), [Some(true); 4]);
    let nothing = api::PutPublicAccessBlockRequest {
        bucket: "fresh".to_owned(),
        ..api::PutPublicAccessBlockRequest::default()
    };
    assert_eq!(cloud.code::<op::PutPublicAccessBlock>(nothing), "InvalidRequest");
    let one =
        api::PutPublicAccessBlockRequest { bucket: "fresh".to_owned(), ..put(false, true, false, false) };
    cloud.ok::<op::PutPublicAccessBlock>(one);
    let one = [Some(false), Some(true), Some(false), Some(false)];
    assert_eq!(all(cloud.ok::<op::GetPublicAccessBlock>(get("fresh"))), one);
    let delete = || api::DeletePublicAccessBlockRequest {
        bucket: "fresh".to_owned(),
        ..api::DeletePublicAccessBlockRequest::default()
    };
    cloud.ok::<op::DeletePublicAccessBlock>(delete());
    cloud.ok::<op::DeletePublicAccessBlock>(delete());
    let none = cloud.refused::<op::GetPublicAccessBlock>(HOME, get("fresh"));
    assert_eq!((&*none.code, none.status), ("NoSuchPublicAccessBlockConfiguration", Some(404)));
}

#[test]
fn public_policies_are_refused() {
    let callers = Callers::with("BucketOwnerEnforced");
    callers.ok::<op::PutPublicAccessBlock>(&callers.home, put(false, false, true, false));
    let request = policy_request(&[statement("Allow", EVERYBODY, "s3:GetObject")]);
    let refused = callers.try_::<op::PutBucketPolicy>(&callers.home, request).unwrap_err();
    assert_eq!((&*refused.code, refused.status), ("AccessDenied", Some(403)));
    assert!(refused.message.contains("BlockPublicPolicy block public access setting"), "{refused}");
    callers.set_policy(&[statement("Allow", &format!(r#"{{"AWS":"{OTHER}"}}"#), "s3:GetObject")]);
}

#[test]
fn a_public_policy_counts_for_the_account_alone() {
    let callers = Callers::with("BucketOwnerEnforced");
    let own = callers.user(ACCOUNT, "own", &[]);
    assert!(callers.writes(&callers.home, "key"));
    callers.set_policy(&[
        statement("Allow", EVERYBODY, "s3:GetObject"),
        statement("Allow", &format!(r#"{{"AWS":"{OTHER}"}}"#), "s3:ListBucket"),
    ]);
    let all = || {
        [
            callers.reads(&own, "key"),
            callers.reads(&callers.other, "key"),
            callers.reads(&callers.nobody, "key"),
            callers.lists(&callers.other),
        ]
    };
    assert_eq!(all(), [true; 4]);
    callers.ok::<op::PutPublicAccessBlock>(&callers.home, put(true, true, true, true));
    assert_eq!(all(), [true, false, false, false]);
    // A policy that is not public counts as it is.
    callers.set_policy(&[statement("Allow", &format!(r#"{{"AWS":"{OTHER}"}}"#), "s3:ListBucket")]);
    assert!(callers.lists(&callers.other));
}

#[test]
fn public_lists_are_refused_or_ignored() {
    let callers = Callers::with("ObjectWriter");
    let acl = |acl: &str| api::PutBucketAclRequest {
        bucket: "bucket".to_owned(),
        acl: some(acl),
        ..api::PutBucketAclRequest::default()
    };
    let public = || api::PutObjectRequest { acl: some("public-read"), ..put_request("bucket", "key") };
    callers.ok::<op::PutBucketAcl>(&callers.home, acl("public-read"));
    callers.ok::<op::PutObject>(&callers.home, public());
    assert!(callers.lists(&callers.nobody) && callers.reads(&callers.nobody, "key"));
    callers.ok::<op::PutPublicAccessBlock>(&callers.home, put(true, false, false, false));
    assert!(callers.lists(&callers.nobody), "what there is goes on counting");
    for acl_name in ["public-read", "public-read-write", "authenticated-read"] {
        let refused = callers.try_::<op::PutBucketAcl>(&callers.home, acl(acl_name)).unwrap_err();
        assert_eq!((&*refused.code, refused.status), ("AccessDenied", Some(403)));
        assert!(refused.message.contains("BlockPublicAcls block public access setting"), "{refused}");
    }
    assert_eq!(callers.code::<op::PutObject>(&callers.home, public()), "AccessDenied");
    let upload = api::CreateMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        acl: some("public-read"),
        ..api::CreateMultipartUploadRequest::default()
    };
    assert_eq!(callers.code::<op::CreateMultipartUpload>(&callers.home, upload), "AccessDenied");
    callers.ok::<op::PutBucketAcl>(&callers.home, acl("log-delivery-write"));
    callers.ok::<op::PutPublicAccessBlock>(&callers.home, put(false, true, false, false));
    callers.ok::<op::PutBucketAcl>(&callers.home, acl("public-read"));
    assert!(!callers.lists(&callers.nobody) && !callers.reads(&callers.nobody, "key"));
    assert!(!callers.lists(&callers.other));
}
