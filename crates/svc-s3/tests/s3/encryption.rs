//! Customers' keys, and KMS, which is not there.

use aws_api::s3::{self as api, operation as op};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checksums::{ChecksumAlgorithm, Hasher};

use crate::harness::*;

fn key(seed: u8) -> (Option<String>, Option<String>, Option<String>) {
    let md5 = Hasher::of(ChecksumAlgorithm::Md5, &[seed; 32]).to_base64();
    (some("AES256"), Some(STANDARD.encode([seed; 32])), Some(md5))
}

fn put_with(seed: u8) -> api::PutObjectRequest {
    let (sse_customer_algorithm, sse_customer_key, sse_customer_key_md5) = key(seed);
    api::PutObjectRequest {
        sse_customer_algorithm,
        sse_customer_key,
        sse_customer_key_md5,
        ..put_request("bucket", "key")
    }
}

fn get_with(seed: u8) -> api::GetObjectRequest {
    let (sse_customer_algorithm, sse_customer_key, sse_customer_key_md5) = key(seed);
    api::GetObjectRequest {
        sse_customer_algorithm,
        sse_customer_key,
        sse_customer_key_md5,
        ..get_request("bucket", "key")
    }
}

#[test]
fn a_customers_key_is_needed_to_read_what_was_written_with_it() {
    let cloud = Cloud::with("bucket");
    let content = bytes(40_000, 5);
    let put = cloud.try_put(put_with(1), &mut Pieces::new(content.clone())).unwrap();
    assert_eq!((put.sse_customer_algorithm, put.server_side_encryption), (some("AES256"), None));
    let md5 = Hasher::of(ChecksumAlgorithm::Md5, &content);
    let hex: String = md5.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_ne!(put.e_tag, Some(format!("\"{hex}\"")), "the tag tells nothing of the content");
    let (output, read) = cloud.try_get(get_with(1)).unwrap();
    assert!(read == content);
    assert_eq!(output.sse_customer_key_md5, key(1).2);
    assert_eq!(cloud.get_code(get_with(2)), "AccessDenied");
    assert_eq!(cloud.get_code(get_request("bucket", "key")), "InvalidRequest");
    cloud.put("bucket", "key", "plain");
    assert_eq!(cloud.get_code(get_with(1)), "InvalidRequest");
    let half = api::PutObjectRequest { sse_customer_key_md5: None, ..put_with(1) };
    assert_eq!(cloud.try_put(half, &mut Pieces::new("x")).unwrap_err().code, "InvalidArgument");
    let wrong = api::PutObjectRequest { sse_customer_key_md5: key(2).2, ..put_with(1) };
    assert_eq!(cloud.try_put(wrong, &mut Pieces::new("x")).unwrap_err().code, "InvalidArgument");
}

#[test]
fn a_copy_can_have_another_key() {
    let cloud = Cloud::with("bucket");
    cloud.try_put(put_with(1), &mut Pieces::new("secret")).unwrap();
    let copy = api::CopyObjectRequest {
        bucket: "bucket".to_owned(),
        key: "copy".to_owned(),
        copy_source: "bucket/key".to_owned(),
        ..api::CopyObjectRequest::default()
    };
    assert_eq!(cloud.code::<op::CopyObject>(copy.clone()), "InvalidRequest");
    let (algorithm, text, md5) = key(1);
    cloud.ok::<op::CopyObject>(api::CopyObjectRequest {
        copy_source_sse_customer_algorithm: algorithm,
        copy_source_sse_customer_key: text,
        copy_source_sse_customer_key_md5: md5,
        ..copy
    });
    assert_eq!(cloud.get("bucket", "copy"), b"secret");
}

#[test]
fn kms_is_refused() {
    let cloud = Cloud::with("bucket");
    let refused = |asked: &str, key: Option<&str>| {
        let request = api::PutObjectRequest {
            server_side_encryption: some(asked),
            ssekms_key_id: key.map(str::to_owned),
            ..put_request("bucket", "key")
        };
        cloud.try_put(request, &mut Pieces::new("x")).map(|_| ()).map_err(|error| error.code.into_owned())
    };
    assert_eq!(refused("aws:kms", None), Err("NotImplemented".to_owned()));
    assert_eq!(refused("AES256", Some("key")), Err("InvalidArgument".to_owned()));
    assert_eq!(refused("rot13", None), Err("InvalidEncryptionAlgorithmError".to_owned()));
    assert_eq!(refused("AES256", None), Ok(()));
}
