//! Objects are copied.

use aws_api::s3::{self as api, operation as op};
use checksums::{ChecksumAlgorithm, Hasher};

use crate::harness::*;

fn copy(source: &str, key: &str) -> api::CopyObjectRequest {
    api::CopyObjectRequest {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
        copy_source: source.to_owned(),
        ..api::CopyObjectRequest::default()
    }
}

#[test]
fn a_copy_is_as_its_source_and_takes_no_space() {
    let cloud = Cloud::with("bucket");
    let content = bytes(200_000, 7);
    let request = api::PutObjectRequest {
        content_type: some("text/plain"),
        metadata: Some([("a".to_owned(), "b".to_owned())].into()),
        ..put_request("bucket", "a b")
    };
    let put = cloud.try_put(request, &mut Pieces::new(content.clone())).unwrap();
    let copied = cloud.ok::<op::CopyObject>(copy("/bucket/a%20b", "copy"));
    assert_eq!(copied.copy_object_result.unwrap().e_tag, put.e_tag);
    assert_eq!(cloud.s3().objects().usage().unwrap().blobs, 1);
    let (output, read) = cloud.try_get(get_request("bucket", "copy")).unwrap();
    assert!(read == content);
    assert_eq!((output.content_type, output.metadata.unwrap()["a"].as_str()), (some("text/plain"), "b"));
    cloud.ok::<op::DeleteObject>(delete_request("bucket", "a b"));
    assert!(cloud.get("bucket", "copy") == content, "the copy does not need its source");
}

#[test]
fn metadata_and_checksums_can_be_given_anew() {
    let cloud = Cloud::with("bucket");
    cloud.put("bucket", "key", "hello");
    assert_eq!(cloud.code::<op::CopyObject>(copy("bucket/key", "key")), "InvalidRequest");
    cloud.ok::<op::CopyObject>(api::CopyObjectRequest {
        metadata_directive: some("REPLACE"),
        content_type: some("text/html"),
        ..copy("bucket/key", "key")
    });
    let (output, read) = cloud.try_get(get_request("bucket", "key")).unwrap();
    assert_eq!((read.as_slice(), output.content_type), (&b"hello"[..], some("text/html")));
    let request =
        api::CopyObjectRequest { checksum_algorithm: some("SHA256"), ..copy("bucket/key", "other") };
    let result = cloud.ok::<op::CopyObject>(request).copy_object_result.unwrap();
    assert_eq!(result.checksum_sha256, Some(Hasher::of(ChecksumAlgorithm::Sha256, b"hello").to_base64()));
    let bad = api::CopyObjectRequest { metadata_directive: some("MERGE"), ..copy("bucket/key", "other") };
    assert_eq!(cloud.code::<op::CopyObject>(bad), "InvalidArgument");
}

#[test]
fn sources_have_versions_and_conditions() {
    let cloud = Cloud::with("bucket");
    cloud.set_versioning("bucket", "Enabled");
    let first = cloud.put("bucket", "key", "1");
    cloud.put("bucket", "key", "2");
    let id = first.version_id.unwrap();
    let copied = cloud.ok::<op::CopyObject>(copy(&format!("bucket/key?versionId={id}"), "copy"));
    assert_eq!(copied.copy_source_version_id, Some(id));
    assert!(copied.version_id.is_some());
    assert_eq!(cloud.get("bucket", "copy"), b"1");
    let unless = |e_tag: Option<&str>| api::CopyObjectRequest {
        copy_source_if_none_match: e_tag.map(str::to_owned),
        ..copy("bucket/key", "copy")
    };
    assert_eq!(cloud.code::<op::CopyObject>(unless(Some("*"))), "PreconditionFailed");
    cloud.ok::<op::CopyObject>(unless(Some("\"x\"")));
    assert_eq!(cloud.code::<op::CopyObject>(copy("bucket/never", "copy")), "NoSuchKey");
    assert_eq!(cloud.code::<op::CopyObject>(copy("never/key", "copy")), "NoSuchBucket");
    assert_eq!(cloud.code::<op::CopyObject>(copy("nonsense", "copy")), "InvalidArgument");
}

/// The tag of the part that the harness sends.
const PART_TAG: &str = "f4c9385f1902f7334b00b9b4ecd164de";

#[test]
fn a_copy_is_made_of_no_upload() {
    let cloud = Cloud::with("bucket");
    cloud.set_versioning("bucket", "Enabled");
    let upload = cloud.ok::<op::CreateMultipartUpload>(api::CreateMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        ..api::CreateMultipartUploadRequest::default()
    });
    let upload = upload.upload_id.unwrap();
    let done = complete(&cloud, "bucket", "key", &upload);
    let part =
        api::CompletedPart { part_number: Some(1), e_tag: some(PART_TAG), ..api::CompletedPart::default() };
    let again = api::CompleteMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        upload_id: upload,
        multipart_upload: Some(api::CompletedMultipartUpload { parts: Some(vec![part]) }),
        ..api::CompleteMultipartUploadRequest::default()
    };
    assert_eq!(cloud.ok::<op::CompleteMultipartUpload>(again.clone()).version_id, done.version_id);
    let itself = api::CopyObjectRequest { storage_class: some("STANDARD"), ..copy("bucket/key", "key") };
    cloud.ok::<op::CopyObject>(itself);
    // Whoever asks again is told of the object, not of its copy.
    let told = cloud.ok::<op::CompleteMultipartUpload>(again);
    assert_eq!((told.version_id, told.e_tag), (done.version_id, done.e_tag));
}
