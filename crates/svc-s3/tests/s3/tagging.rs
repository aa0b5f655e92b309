//! Tags of buckets and of versions.

use aws_api::s3::{self as api, operation as op};
use aws_model::Value;
use service_api::{NeededPermission, Service as _};

use crate::harness::*;

pub fn tags(pairs: &[(&str, &str)]) -> Vec<api::Tag> {
    pairs.iter().map(|(key, value)| api::Tag { key: (*key).to_owned(), value: (*value).to_owned() }).collect()
}

pub fn put_tags(bucket: &str, key: &str, pairs: &[(&str, &str)]) -> api::PutObjectTaggingRequest {
    api::PutObjectTaggingRequest {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        tagging: api::Tagging { tag_set: tags(pairs) },
        ..api::PutObjectTaggingRequest::default()
    }
}

fn tags_request(key: &str, id: Option<&str>) -> api::GetObjectTaggingRequest {
    api::GetObjectTaggingRequest {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
        version_id: id.map(str::to_owned),
        ..api::GetObjectTaggingRequest::default()
    }
}

#[track_caller]
fn tags_of(cloud: &Cloud, key: &str, id: Option<&str>) -> Vec<api::Tag> {
    cloud.ok::<op::GetObjectTagging>(tags_request(key, id)).tag_set
}

#[test]
fn tags_of_buckets() {
    let cloud = Cloud::new();
    let make = |name: &str, pairs: &[(&str, &str)]| api::CreateBucketRequest {
        bucket: name.to_owned(),
        create_bucket_configuration: Some(api::CreateBucketConfiguration {
            tags: Some(tags(pairs)),
            ..api::CreateBucketConfiguration::default()
        }),
        ..api::CreateBucketRequest::default()
    };
    assert_eq!(cloud.code::<op::CreateBucket>(make("bucket", &[("aws:x", "1")])), "InvalidTag");
    cloud.ok::<op::CreateBucket>(make("bucket", &[("Team", "blue")]));
    let get = || api::GetBucketTaggingRequest { bucket: "bucket".to_owned(), ..Default::default() };
    assert_eq!(cloud.ok::<op::GetBucketTagging>(get()).tag_set, tags(&[("Team", "blue")]));
    let put = |pairs: &[(&str, &str)]| api::PutBucketTaggingRequest {
        bucket: "bucket".to_owned(),
        tagging: api::Tagging { tag_set: tags(pairs) },
        ..api::PutBucketTaggingRequest::default()
    };
    assert_eq!(cloud.code::<op::PutBucketTagging>(put(&[("a", "1"), ("a", "2")])), "InvalidTag");
    cloud.ok::<op::PutBucketTagging>(put(&[("Cost", "7"), ("a", "b c")]));
    assert_eq!(cloud.ok::<op::GetBucketTagging>(get()).tag_set, tags(&[("Cost", "7"), ("a", "b c")]));
    cloud.ok::<op::DeleteBucketTagging>(api::DeleteBucketTaggingRequest {
        bucket: "bucket".to_owned(),
        ..api::DeleteBucketTaggingRequest::default()
    });
    let error = cloud.refused::<op::GetBucketTagging>(HOME, get());
    assert_eq!((error.code.as_ref(), error.status), ("NoSuchTagSet", Some(404)));
}

#[test]
fn each_version_has_its_own_tags() {
    let cloud = Cloud::with("bucket");
    cloud.set_versioning("bucket", "Enabled");
    let with_tags =
        |header: &str| api::PutObjectRequest { tagging: some(header), ..put_request("bucket", "key") };
    let refused = cloud.try_put(with_tags("a=1&a=2"), &mut Pieces::new("x")).unwrap_err();
    assert_eq!(refused.code, "InvalidArgument");
    let first = cloud.try_put(with_tags("a=1&b=x%20y"), &mut Pieces::new("one")).unwrap().version_id.unwrap();
    let second = cloud.put("bucket", "key", "two").version_id.unwrap();
    assert_eq!(tags_of(&cloud, "key", Some(&first)), tags(&[("a", "1"), ("b", "x y")]));
    assert_eq!(tags_of(&cloud, "key", None), []);
    let put = cloud.ok::<op::PutObjectTagging>(put_tags("bucket", "key", &[("c", "3")]));
    assert_eq!(put.version_id, Some(second));
    assert_eq!(tags_of(&cloud, "key", None), tags(&[("c", "3")]));
    let old = api::GetObjectRequest { version_id: Some(first.clone()), ..get_request("bucket", "key") };
    let (output, content) = cloud.try_get(old).unwrap();
    assert_eq!((output.tag_count, content), (Some(2), b"one".to_vec()));
    let head = api::HeadObjectRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        ..api::HeadObjectRequest::default()
    };
    assert_eq!(cloud.ok::<op::HeadObject>(head.clone()).tag_count, Some(1));
    cloud.ok::<op::DeleteObjectTagging>(api::DeleteObjectTaggingRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        version_id: Some(first.clone()),
        ..api::DeleteObjectTaggingRequest::default()
    });
    assert_eq!(tags_of(&cloud, "key", Some(&first)), []);
    assert_eq!(cloud.ok::<op::HeadObject>(head).tag_count, Some(1), "the other version keeps its own");
    assert_eq!(cloud.get("bucket", "key"), b"two");

    let many: Vec<(String, String)> = (0..11).map(|at| (format!("k{at}"), "v".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(cloud.code::<op::PutObjectTagging>(put_tags("bucket", "key", &many)), "BadRequest");
    cloud.ok::<op::PutObjectTagging>(put_tags("bucket", "key", &many[..10]));
    assert_eq!(cloud.code::<op::PutObjectTagging>(put_tags("bucket", "none", &[])), "NoSuchKey");
    let marker = cloud.ok::<op::DeleteObject>(delete_request("bucket", "key")).version_id.unwrap();
    assert_eq!(cloud.code::<op::GetObjectTagging>(tags_request("key", Some(&marker))), "MethodNotAllowed");
}

#[test]
fn copies_and_uploads_have_tags() {
    let mut cloud = Cloud::with("bucket");
    let source = api::PutObjectRequest { tagging: some("a=1"), ..put_request("bucket", "key") };
    cloud.try_put(source, &mut Pieces::new("x")).unwrap();
    let copy = |key: &str, directive: Option<&str>| api::CopyObjectRequest {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
        copy_source: "bucket/key".to_owned(),
        tagging: some("b=2"),
        tagging_directive: directive.map(str::to_owned),
        ..api::CopyObjectRequest::default()
    };
    cloud.ok::<op::CopyObject>(copy("same", None));
    cloud.ok::<op::CopyObject>(copy("other", Some("REPLACE")));
    let none = api::CopyObjectRequest { tagging: None, ..copy("none", Some("REPLACE")) };
    cloud.ok::<op::CopyObject>(none);
    let upload = cloud.ok::<op::CreateMultipartUpload>(api::CreateMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "parts".to_owned(),
        tagging: some("c=3"),
        ..api::CreateMultipartUploadRequest::default()
    });
    complete(&cloud, "bucket", "parts", &upload.upload_id.unwrap());
    cloud.open();
    for (key, expected) in [
        ("same", vec![("a", "1")]),
        ("other", vec![("b", "2")]),
        ("none", vec![]),
        ("parts", vec![("c", "3")]),
    ] {
        assert_eq!(tags_of(&cloud, key, None), tags(&expected), "{key}");
    }
    assert_eq!(cloud.get("bucket", "parts"), b"part");
}

fn needed(cloud: &Cloud, operation: &str, input: impl Into<Value>) -> Vec<NeededPermission> {
    cloud.s3().needed_permissions(&cloud.context(HOME), operation, &input.into()).unwrap()
}

fn key_of<'a>(needed: &'a [NeededPermission], action: &str, key: &str) -> Option<&'a [String]> {
    let found = needed.iter().find(|one| one.action == action)?;
    let mut keys = found.resources[0].keys.iter().chain(&found.keys);
    keys.find(|(name, _)| name == key).map(|(_, values)| values.as_slice())
}

fn actions(needed: &[NeededPermission]) -> Vec<&str> {
    needed.iter().map(|one| &*one.action).collect()
}

#[test]
fn policies_can_ask_for_tags() {
    let cloud = Cloud::with("bucket");
    let tagged =
        api::PutObjectRequest { tagging: some("security=public&b=2"), ..put_request("bucket", "key") };
    let put = needed(&cloud, "PutObject", tagged.clone());
    assert_eq!(actions(&put), ["s3:PutObject", "s3:PutObjectTagging"]);
    for action in ["s3:PutObject", "s3:PutObjectTagging"] {
        let asked = key_of(&put, action, "s3:RequestObjectTag/security");
        assert_eq!(asked, Some(["public".to_owned()].as_slice()), "{action}");
        assert_eq!(key_of(&put, action, "s3:RequestObjectTagKeys").unwrap(), ["b", "security"]);
    }
    assert_eq!(actions(&needed(&cloud, "PutObject", put_request("bucket", "key"))), ["s3:PutObject"]);

    cloud.try_put(tagged, &mut Pieces::new("x")).unwrap();
    let existing = "s3:ExistingObjectTag/security";
    let get = needed(&cloud, "GetObject", get_request("bucket", "key"));
    assert_eq!(key_of(&get, "s3:GetObject", existing).unwrap(), ["public"]);
    let retag = needed(&cloud, "PutObjectTagging", put_tags("bucket", "key", &[("security", "private")]));
    assert_eq!(key_of(&retag, "s3:PutObjectTagging", existing).unwrap(), ["public"]);
    let asked = key_of(&retag, "s3:PutObjectTagging", "s3:RequestObjectTag/security");
    assert_eq!(asked.unwrap(), ["private"]);
    assert_eq!(
        key_of(&needed(&cloud, "GetObject", get_request("bucket", "no")), "s3:GetObject", existing),
        None
    );

    let version = api::GetObjectRequest { version_id: some("null"), ..get_request("bucket", "key") };
    let version = needed(&cloud, "GetObject", version);
    assert_eq!(key_of(&version, "s3:GetObjectVersion", existing).unwrap(), ["public"]);
    let copy = api::CopyObjectRequest {
        bucket: "bucket".to_owned(),
        key: "copy".to_owned(),
        copy_source: "bucket/key".to_owned(),
        ..api::CopyObjectRequest::default()
    };
    let with_tags = needed(&cloud, "CopyObject", copy.clone());
    let expected = ["s3:PutObject", "s3:GetObject", "s3:GetObjectTagging", "s3:PutObjectTagging"];
    assert_eq!(actions(&with_tags), expected);
    assert_eq!(key_of(&with_tags, "s3:GetObject", existing).unwrap(), ["public"]);
    assert_eq!(with_tags[3].resources[0].arn, "arn:aws:s3:::bucket/copy");
    let replaced = api::CopyObjectRequest { tagging_directive: some("REPLACE"), ..copy };
    assert_eq!(actions(&needed(&cloud, "CopyObject", replaced)), ["s3:PutObject", "s3:GetObject"]);

    let make = api::CreateBucketRequest {
        bucket: "new".to_owned(),
        object_lock_enabled_for_bucket: Some(true),
        create_bucket_configuration: Some(api::CreateBucketConfiguration {
            tags: Some(tags(&[("Team", "blue")])),
            ..api::CreateBucketConfiguration::default()
        }),
        ..api::CreateBucketRequest::default()
    };
    let make = needed(&cloud, "CreateBucket", make);
    let expected = [
        "s3:CreateBucket",
        "s3:TagResource",
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutBucketVersioning",
    ];
    assert_eq!(actions(&make), expected);
    assert_eq!(key_of(&make, "s3:TagResource", "aws:RequestTag/Team").unwrap(), ["blue"]);
}
