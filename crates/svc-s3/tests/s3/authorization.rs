//! What requests need to be allowed.

use std::sync::Arc;

use aws_api::s3::{self as api};
use aws_model::Value;
use service_api::{NeededPermission, Service as _};

use crate::callers::*;
use crate::harness::*;

fn needed(
    cloud: &Cloud,
    caller: (&str, &str),
    operation: &str,
    input: impl Into<Value>,
) -> Vec<NeededPermission> {
    cloud.s3().needed_permissions(&cloud.context(caller), operation, &input.into()).unwrap()
}

fn shown(needed: &[NeededPermission]) -> Vec<String> {
    let each = |one: &NeededPermission| {
        let arns: Vec<&str> = one.resources.iter().map(|resource| resource.arn.as_str()).collect();
        format!("{} on {}", one.action, arns.join(", "))
    };
    needed.iter().map(each).collect()
}

#[test]
fn objects_are_their_buckets_owners() {
    let cloud = Cloud::with("bucket");
    cloud.put("bucket", "a/b", "content");
    let own = needed(&cloud, HOME, "GetObject", get_request("bucket", "a/b"));
    assert_eq!(shown(&own), ["s3:GetObject on arn:aws:s3:::bucket/a/b"]);
    assert_eq!(own[0].resources[0].owner, None);
    let others = needed(&cloud, ("us-east-1", OTHER), "GetObject", get_request("bucket", "a/b"));
    assert_eq!(others[0].resources[0].owner, Some(ACCOUNT.parse().unwrap()));
    let listing = api::ListObjectsV2Request {
        bucket: "bucket".to_owned(),
        prefix: some("home/"),
        max_keys: Some(7),
        ..api::ListObjectsV2Request::default()
    };
    let listing = needed(&cloud, ("us-east-1", OTHER), "ListObjectsV2", listing);
    assert_eq!(shown(&listing), ["s3:ListBucket on arn:aws:s3:::bucket"]);
    let resource = &listing[0].resources[0];
    assert_eq!(resource.owner, Some(ACCOUNT.parse().unwrap()));
    for key in [("s3:prefix", "home/"), ("s3:max-keys", "7"), ("s3:ResourceAccount", ACCOUNT)] {
        assert!(resource.keys.contains(&(key.0.to_owned(), vec![key.1.to_owned()])), "{key:?}");
    }
}

#[test]
fn objects_of_a_request_share_their_buckets_policy_and_are_asked_for_once() {
    let callers = Callers::with("BucketOwnerEnforced");
    callers.set_policy(&[statement("Deny", r#""*""#, "s3:GetObject")]);
    let object = |number: usize, version: Option<&str>| api::ObjectIdentifier {
        key: format!("k{number}"),
        version_id: version.map(str::to_owned),
        ..api::ObjectIdentifier::default()
    };
    let newest = (0..500).chain(0..300).map(|number| object(number, None));
    let versions = (0..100).chain(0..100).map(|number| object(number, Some("null")));
    let many = api::DeleteObjectsRequest {
        bucket: "bucket".to_owned(),
        delete: api::Delete { objects: newest.chain(versions).collect(), quiet: None },
        ..api::DeleteObjectsRequest::default()
    };
    let needed = needed(&callers.cloud, ("us-east-1", OTHER), "DeleteObjects", many);
    assert_eq!(needed.iter().map(|one| one.resources.len()).collect::<Vec<_>>(), [500, 100]);
    for permission in &needed {
        let first = permission.resources[0].policy.as_ref().unwrap();
        let is_shared = |policy: &Option<Arc<str>>| policy.as_ref().is_some_and(|it| Arc::ptr_eq(it, first));
        assert!(permission.resources.iter().all(|resource| is_shared(&resource.policy)));
    }
}

#[test]
fn versions_and_sources_are_actions_of_their_own() {
    let cloud = Cloud::with("bucket");
    let version = api::GetObjectRequest { version_id: some("null"), ..get_request("bucket", "k") };
    assert_eq!(
        shown(&needed(&cloud, HOME, "GetObject", version)),
        ["s3:GetObjectVersion on arn:aws:s3:::bucket/k"]
    );
    let delete = api::DeleteObjectRequest { version_id: some("null"), ..delete_request("bucket", "k") };
    let expected = ["s3:DeleteObjectVersion on arn:aws:s3:::bucket/k"];
    assert_eq!(shown(&needed(&cloud, HOME, "DeleteObject", delete)), expected);
    let copy = api::CopyObjectRequest {
        bucket: "bucket".to_owned(),
        key: "copy".to_owned(),
        copy_source: "/source/a%20b?versionId=null".to_owned(),
        ..api::CopyObjectRequest::default()
    };
    let expected =
        ["s3:PutObject on arn:aws:s3:::bucket/copy", "s3:GetObjectVersion on arn:aws:s3:::source/a b"];
    assert_eq!(shown(&needed(&cloud, HOME, "CopyObject", copy)), expected);
    let object = |key: &str, version: Option<&str>| api::ObjectIdentifier {
        key: key.to_owned(),
        version_id: version.map(str::to_owned),
        ..api::ObjectIdentifier::default()
    };
    let many = api::DeleteObjectsRequest {
        bucket: "bucket".to_owned(),
        delete: api::Delete { objects: vec![object("a", None), object("b", Some("null"))], quiet: None },
        ..api::DeleteObjectsRequest::default()
    };
    let expected =
        ["s3:DeleteObject on arn:aws:s3:::bucket/a", "s3:DeleteObjectVersion on arn:aws:s3:::bucket/b"];
    assert_eq!(shown(&needed(&cloud, HOME, "DeleteObjects", many)), expected);
    let attributes = api::GetObjectAttributesRequest {
        bucket: "bucket".to_owned(),
        key: "k".to_owned(),
        ..api::GetObjectAttributesRequest::default()
    };
    let expected =
        ["s3:GetObjectAttributes on arn:aws:s3:::bucket/k", "s3:GetObject on arn:aws:s3:::bucket/k"];
    cloud.put("bucket", "k", "content");
    assert_eq!(shown(&needed(&cloud, HOME, "GetObjectAttributes", attributes)), expected);
}
