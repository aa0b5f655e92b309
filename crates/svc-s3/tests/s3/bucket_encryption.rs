//! Default encryption of buckets.

use aws_api::s3::{self as api, operation as op};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checksums::{ChecksumAlgorithm, Hasher};

use crate::harness::*;

fn rule(algorithm: &str, key: Option<&str>) -> api::ServerSideEncryptionRule {
    api::ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(api::ServerSideEncryptionByDefault {
            sse_algorithm: algorithm.to_owned(),
            kms_master_key_id: key.map(str::to_owned),
        }),
        bucket_key_enabled: Some(true),
        blocked_encryption_types: None,
    }
}

fn put(rule: api::ServerSideEncryptionRule) -> api::PutBucketEncryptionRequest {
    api::PutBucketEncryptionRequest {
        bucket: "bucket".to_owned(),
        server_side_encryption_configuration: api::ServerSideEncryptionConfiguration { rules: vec![rule] },
        ..api::PutBucketEncryptionRequest::default()
    }
}

fn shown(cloud: &Cloud) -> api::ServerSideEncryptionRule {
    let request = api::GetBucketEncryptionRequest { bucket: "bucket".to_owned(), ..Default::default() };
    let shown = cloud.ok::<op::GetBucketEncryption>(request);
    let [rule] = shown.server_side_encryption_configuration.unwrap().rules.try_into().unwrap();
    rule
}

fn with_key() -> api::PutObjectRequest {
    api::PutObjectRequest {
        sse_customer_algorithm: some("AES256"),
        sse_customer_key: Some(STANDARD.encode([1; 32])),
        sse_customer_key_md5: Some(Hasher::of(ChecksumAlgorithm::Md5, &[1; 32]).to_base64()),
        ..put_request("bucket", "key")
    }
}

#[test]
fn every_bucket_has_a_default() {
    let cloud = Cloud::with("bucket");
    let aes = api::ServerSideEncryptionRule { bucket_key_enabled: Some(false), ..rule("AES256", None) };
    assert_eq!(shown(&cloud), aes);
    cloud.ok::<op::PutBucketEncryption>(put(rule("AES256", None)));
    assert_eq!(shown(&cloud), rule("AES256", None));
    assert_eq!(cloud.put("bucket", "key", "x").server_side_encryption, some("AES256"));
    for (rule, code) in [
        (rule("aws:kms", None), "NotImplemented"),
        (rule("aws:kms:dsse", Some("key")), "NotImplemented"),
        (rule("AES256", Some("key")), "InvalidArgument"),
        (rule("rot13", None), "MalformedXML"),
    ] {
        assert_eq!(cloud.code::<op::PutBucketEncryption>(put(rule.clone())), code, "{rule:?}");
    }
    cloud.ok::<op::DeleteBucketEncryption>(api::DeleteBucketEncryptionRequest {
        bucket: "bucket".to_owned(),
        ..api::DeleteBucketEncryptionRequest::default()
    });
    assert_eq!(shown(&cloud), aes);
}

#[test]
fn customers_keys_can_be_blocked() {
    let cloud = Cloud::with("bucket");
    let blocking = |what: &str| api::ServerSideEncryptionRule {
        blocked_encryption_types: Some(api::BlockedEncryptionTypes {
            encryption_type: Some(vec![what.to_owned()]),
        }),
        ..rule("AES256", None)
    };
    assert_eq!(cloud.code::<op::PutBucketEncryption>(put(blocking("SSE-S3"))), "MalformedXML");
    cloud.ok::<op::PutBucketEncryption>(put(blocking("SSE-C")));
    assert_eq!(shown(&cloud), blocking("SSE-C"));
    assert_eq!(cloud.try_put(with_key(), &mut Pieces::new("x")).unwrap_err().code, "AccessDenied");
    let upload = api::CreateMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        sse_customer_algorithm: some("AES256"),
        sse_customer_key: with_key().sse_customer_key,
        sse_customer_key_md5: with_key().sse_customer_key_md5,
        ..api::CreateMultipartUploadRequest::default()
    };
    assert_eq!(cloud.code::<op::CreateMultipartUpload>(upload), "AccessDenied");
    cloud.put("bucket", "plain", "x");
    let copy = api::CopyObjectRequest {
        bucket: "bucket".to_owned(),
        key: "copy".to_owned(),
        copy_source: "bucket/plain".to_owned(),
        sse_customer_algorithm: some("AES256"),
        sse_customer_key: with_key().sse_customer_key,
        sse_customer_key_md5: with_key().sse_customer_key_md5,
        ..api::CopyObjectRequest::default()
    };
    assert_eq!(cloud.code::<op::CopyObject>(copy.clone()), "AccessDenied");
    cloud.ok::<op::PutBucketEncryption>(put(blocking("NONE")));
    let mut slow = Meanwhile::new("x", || {
        cloud.ok::<op::PutBucketEncryption>(put(blocking("SSE-C")));
    });
    let late = cloud.try_put(with_key(), &mut slow).map(|_| ()).unwrap_err();
    assert_eq!(late.code, "AccessDenied", "blocked while it was sent");
    cloud.ok::<op::PutBucketEncryption>(put(blocking("NONE")));
    cloud.try_put(with_key(), &mut Pieces::new("x")).unwrap();
    cloud.ok::<op::CopyObject>(copy);
}
