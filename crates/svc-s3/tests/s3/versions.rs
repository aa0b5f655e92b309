//! Versions and delete markers.

use aws_api::s3::{self as api, operation as op};

use crate::harness::*;

fn versions(cloud: &Cloud) -> Vec<String> {
    let listed = cloud.ok::<op::ListObjectVersions>(api::ListObjectVersionsRequest {
        bucket: "bucket".to_owned(),
        ..api::ListObjectVersionsRequest::default()
    });
    let latest = |is_latest: Option<bool>| if is_latest == Some(true) { "*" } else { "" };
    let objects = listed.versions.unwrap().into_iter().map(|one| {
        let id = one.version_id.unwrap();
        let id = if id == "null" { "null" } else { "id" };
        format!("{}{}:{id}:{}", one.key.unwrap(), latest(one.is_latest), one.size.unwrap())
    });
    let markers = listed.delete_markers.unwrap().into_iter().map(|one| {
        let id = one.version_id.unwrap();
        let id = if id == "null" { "null" } else { "id" };
        format!("{}{}:{id}:gone", one.key.unwrap(), latest(one.is_latest))
    });
    objects.chain(markers).collect()
}

fn with_version(id: &str) -> api::GetObjectRequest {
    api::GetObjectRequest { version_id: some(id), ..get_request("bucket", "key") }
}

#[test]
fn what_is_overwritten_stays_once_versioning_is_enabled() {
    let cloud = Cloud::with("bucket");
    assert_eq!(cloud.put("bucket", "key", "0").version_id, None);
    cloud.put("bucket", "key", "00");
    assert_eq!(versions(&cloud), ["key*:null:2"]);
    cloud.set_versioning("bucket", "Enabled");
    let first = cloud.put("bucket", "key", "111").version_id.unwrap();
    let second = cloud.put("bucket", "key", "2222").version_id.unwrap();
    assert_eq!(versions(&cloud), ["key*:id:4", "key:id:3", "key:null:2"]);
    assert_eq!(cloud.get("bucket", "key"), b"2222");
    assert_eq!(cloud.try_get(with_version(&first)).unwrap().1, b"111");
    assert_eq!(cloud.try_get(with_version("null")).unwrap().1, b"00");
    assert_eq!(cloud.get_code(with_version("no")), "InvalidArgument");

    let gone = cloud.ok::<op::DeleteObject>(delete_request("bucket", "key"));
    assert_eq!(gone.delete_marker, Some(true));
    let marker = gone.version_id.unwrap();
    assert_eq!(cloud.get_code(get_request("bucket", "key")), "NoSuchKey");
    let refused = cloud.try_get(with_version(&marker)).map(|_| ()).unwrap_err();
    assert_eq!((&*refused.code, refused.status), ("MethodNotAllowed", Some(405)));
    assert_eq!(versions(&cloud), ["key:id:4", "key:id:3", "key:null:2", "key*:id:gone"]);
    let remove = |id: &str| {
        let request = api::DeleteObjectRequest { version_id: some(id), ..delete_request("bucket", "key") };
        cloud.ok::<op::DeleteObject>(request)
    };
    assert_eq!(remove(&marker).delete_marker, Some(true));
    assert_eq!(cloud.get("bucket", "key"), b"2222");
    assert_eq!(remove(&second).delete_marker, None);
    assert_eq!(cloud.get("bucket", "key"), b"111");
    assert_eq!(cloud.get_code(with_version(&second)), "NoSuchVersion");
    remove(&second);
    remove(&first);
    remove("null");
    assert_eq!(versions(&cloud), Vec::<String>::new());
    assert_eq!(cloud.s3().objects().usage().unwrap().rows, 1);
}

#[test]
fn a_suspended_bucket_keeps_one_version_without_an_id() {
    let cloud = Cloud::with("bucket");
    cloud.set_versioning("bucket", "Enabled");
    cloud.put("bucket", "key", "1");
    cloud.set_versioning("bucket", "Suspended");
    let status = cloud.ok::<op::GetBucketVersioning>(api::GetBucketVersioningRequest {
        bucket: "bucket".to_owned(),
        ..api::GetBucketVersioningRequest::default()
    });
    assert_eq!(status.status, some("Suspended"));
    assert_eq!(cloud.put("bucket", "key", "22").version_id, some("null"));
    assert_eq!(cloud.put("bucket", "key", "333").version_id, some("null"));
    assert_eq!(versions(&cloud), ["key*:null:3", "key:id:1"]);
    let gone = cloud.ok::<op::DeleteObject>(delete_request("bucket", "key"));
    assert_eq!((gone.delete_marker, gone.version_id), (Some(true), some("null")));
    assert_eq!(versions(&cloud), ["key:id:1", "key*:null:gone"]);
    cloud.set_versioning("bucket", "Enabled");
    cloud.put("bucket", "key", "4444");
    cloud.set_versioning("bucket", "Suspended");
    // The one without an id is not the newest.
    cloud.put("bucket", "key", "55555");
    assert_eq!(versions(&cloud), ["key*:null:5", "key:id:4", "key:id:1"]);
}

#[test]
fn the_newest_is_the_last_that_was_written_also_when_the_clock_is_set_back() {
    let cloud = Cloud::with("bucket");
    cloud.set_versioning("bucket", "Enabled");
    for content in ["1", "22", "333"] {
        cloud.put("bucket", "key", content);
        cloud.pass(-3_600_000);
    }
    assert_eq!(cloud.get("bucket", "key"), b"333");
    assert_eq!(versions(&cloud), ["key*:id:3", "key:id:2", "key:id:1"]);
}

#[test]
fn pages_of_versions_are_together_all_of_them() {
    let cloud = Cloud::with("bucket");
    cloud.set_versioning("bucket", "Enabled");
    for round in 0..5 {
        for key in ["a", "b/1", "b/2", "c"] {
            cloud.put("bucket", key, format!("{round}"));
        }
    }
    cloud.ok::<op::DeleteObject>(delete_request("bucket", "a"));
    for (delimiter, expected) in [(None, 21), (Some("/"), 12)] {
        for size in 1..8 {
            let (mut count, mut latest, mut marker) = (0, 0, (None, None));
            loop {
                let page = cloud.ok::<op::ListObjectVersions>(api::ListObjectVersionsRequest {
                    bucket: "bucket".to_owned(),
                    delimiter: delimiter.map(str::to_owned),
                    max_keys: Some(size),
                    key_marker: marker.0,
                    version_id_marker: marker.1,
                    ..api::ListObjectVersionsRequest::default()
                });
                let (objects, gone) = (page.versions.unwrap(), page.delete_markers.unwrap());
                count += objects.len() + gone.len() + page.common_prefixes.unwrap().len();
                latest += objects.iter().filter(|one| one.is_latest == Some(true)).count();
                latest += gone.iter().filter(|one| one.is_latest == Some(true)).count();
                if page.is_truncated != Some(true) {
                    break;
                }
                marker = (page.next_key_marker, page.next_version_id_marker);
            }
            let expected_latest = if delimiter.is_some() { 2 } else { 4 };
            assert_eq!((count, latest), (expected, expected_latest), "{delimiter:?} {size}");
        }
    }
}
