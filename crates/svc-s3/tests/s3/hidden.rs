//! What is there is told to those who may know it, and uploads are for whoever began them.

use aws_api::s3::{self as api, operation as op};

use crate::callers::*;
use crate::harness::*;

#[test]
fn that_there_is_no_object_is_for_those_to_know_who_may_list() {
    let callers = Callers::with("BucketOwnerEnforced");
    let reads = callers.user(ACCOUNT, "reads", &["s3:GetObject*", "s3:PutObject"]);
    let both = callers.user(ACCOUNT, "both", &["s3:GetObject*", "s3:PutObject", "s3:ListBucket"]);
    let neither = callers.user(ACCOUNT, "neither", &["s3:PutObject"]);
    assert!(callers.writes(&callers.home, "there"));
    let get = |who, key: &str| callers.code::<op::GetObject>(who, get_request("bucket", key));
    let head = |who, key: &str| {
        let request = api::HeadObjectRequest {
            bucket: "bucket".to_owned(),
            key: key.to_owned(),
            ..api::HeadObjectRequest::default()
        };
        callers.code::<op::HeadObject>(who, request)
    };
    let copy = |who, key: &str| {
        let request = api::CopyObjectRequest {
            bucket: "bucket".to_owned(),
            key: "copy".to_owned(),
            copy_source: format!("bucket/{key}"),
            ..api::CopyObjectRequest::default()
        };
        callers.code::<op::CopyObject>(who, request)
    };
    assert!(callers.reads(&reads, "there"));
    for code in [get(&reads, "gone"), head(&reads, "gone"), copy(&reads, "gone")] {
        assert_eq!(code, "Denied");
    }
    for code in [get(&both, "gone"), head(&both, "gone"), copy(&both, "gone")] {
        assert_eq!(code, "NoSuchKey");
    }
    // Who may neither is told the same of both.
    let told = |key: &str| {
        let refused = callers.try_::<op::GetObject>(&neither, get_request("bucket", key)).unwrap_err();
        refused.message.replace(key, "")
    };
    assert_eq!(told("gone"), told("there"));
    // An object that is deleted is not there.
    callers.cloud.set_versioning("bucket", "Enabled");
    assert!(callers.deletes(&callers.home, "there"));
    assert_eq!((get(&reads, "there"), get(&both, "there")), ("Denied".into(), "NoSuchKey".into()));
}

#[test]
fn who_may_list_a_part_is_told_of_that_part() {
    let callers = Callers::with("BucketOwnerEnforced");
    let everybody = r#""*""#;
    let list = statement("Allow", everybody, "s3:ListBucket");
    let list =
        list.replace(r#","Resource""#, r#","Condition":{"StringLike":{"s3:prefix":"public/*"}},"Resource""#);
    callers.set_policy(&[list, statement("Allow", everybody, "s3:GetObject")]);
    let get = |key: &str| callers.code::<op::GetObject>(&callers.other, get_request("bucket", key));
    assert_eq!((get("public/a"), get("private/a")), ("NoSuchKey".into(), "Denied".into()));
}

fn create(key: &str) -> api::CreateMultipartUploadRequest {
    api::CreateMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
        ..api::CreateMultipartUploadRequest::default()
    }
}

#[test]
fn an_upload_is_for_the_account_that_began_it() {
    let callers = Callers::with("ObjectWriter");
    callers.set_policy(&[statement("Allow", r#""*""#, "s3:PutObject")]);
    assert_eq!(callers.code::<op::CreateMultipartUpload>(&callers.nobody, create("key")), "AccessDenied");
    let id = callers.ok::<op::CreateMultipartUpload>(&callers.other, create("key")).upload_id.unwrap();
    let part = || api::UploadPartRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        upload_id: id.clone(),
        part_number: 1,
        ..api::UploadPartRequest::default()
    };
    let list = || api::ListPartsRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        upload_id: id.clone(),
        ..api::ListPartsRequest::default()
    };
    let abort = || api::AbortMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        upload_id: id.clone(),
        ..api::AbortMultipartUploadRequest::default()
    };
    assert_eq!(callers.code::<op::UploadPart>(&callers.home, part()), "AccessDenied");
    callers.ok::<op::UploadPart>(&callers.other, part());
    // Nothing allows that but that it began the upload.
    let parts = callers.ok::<op::ListParts>(&callers.other, list()).parts.unwrap();
    let done = api::CompletedMultipartUpload {
        parts: Some(vec![api::CompletedPart {
            part_number: Some(1),
            e_tag: parts[0].e_tag.clone(),
            ..api::CompletedPart::default()
        }]),
    };
    let complete = || api::CompleteMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        upload_id: id.clone(),
        multipart_upload: Some(done.clone()),
        ..api::CompleteMultipartUploadRequest::default()
    };
    assert_eq!(callers.code::<op::ListParts>(&callers.nobody, list()), "Denied");
    assert_eq!(callers.code::<op::AbortMultipartUpload>(&callers.nobody, abort()), "Denied");
    assert_eq!(callers.code::<op::CompleteMultipartUpload>(&callers.home, complete()), "AccessDenied");
    callers.ok::<op::ListParts>(&callers.home, list());
    callers.ok::<op::CompleteMultipartUpload>(&callers.other, complete());
    assert!(callers.reads(&callers.other, "key") && !callers.reads(&callers.home, "key"));
    let id = callers.ok::<op::CreateMultipartUpload>(&callers.other, create("key")).upload_id.unwrap();
    let abort = |id: &str| api::AbortMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        upload_id: id.to_owned(),
        ..api::AbortMultipartUploadRequest::default()
    };
    callers.ok::<op::AbortMultipartUpload>(&callers.other, abort(&id));
    assert_eq!(callers.code::<op::AbortMultipartUpload>(&callers.home, abort(&id)), "NoSuchUpload");
}

#[test]
fn the_bucket_has_to_be_whose_a_request_expects() {
    let callers = Callers::with("BucketOwnerEnforced");
    assert!(callers.writes(&callers.home, "key"));
    let get = |owner: &str| api::GetObjectRequest {
        expected_bucket_owner: some(owner),
        ..get_request("bucket", "key")
    };
    callers.ok::<op::GetObject>(&callers.home, get(ACCOUNT));
    let refused = callers.try_::<op::GetObject>(&callers.home, get(OTHER)).unwrap_err();
    assert_eq!((&*refused.code, refused.status), ("AccessDenied", Some(403)));
}
