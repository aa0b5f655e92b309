//! Objects are listed.

use std::collections::BTreeSet;

use aws_api::s3::{self as api, operation as op};
use proptest::prelude::*;

use crate::harness::*;

fn list(bucket: &str) -> api::ListObjectsV2Request {
    api::ListObjectsV2Request { bucket: bucket.to_owned(), ..api::ListObjectsV2Request::default() }
}

fn names(output: &api::ListObjectsV2Output) -> Vec<String> {
    let keys = output.contents.iter().flatten().filter_map(|one| one.key.clone());
    let prefixes = output.common_prefixes.iter().flatten().filter_map(|one| one.prefix.clone());
    keys.chain(prefixes).collect()
}

/// What is listed, the slow way.
fn expected(keys: &BTreeSet<String>, prefix: &str, delimiter: &str) -> BTreeSet<String> {
    let of_prefix = keys.iter().filter(|key| key.starts_with(prefix));
    of_prefix
        .map(|key| {
            let rest = &key[prefix.len()..];
            match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
                Some(at) => key[..prefix.len() + at + delimiter.len()].to_owned(),
                None => key.clone(),
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn pages_of_all_kinds_are_together_what_is_there(
        keys in proptest::collection::btree_set("[ab/é]{1,5}", 0..40),
        gone in proptest::collection::btree_set("[ab/é]{1,5}", 0..10),
        prefix in "[ab/]{0,2}", delimiter in "(/|a/|b)?", size in 1..7_i32, versioned: bool,
    ) {
        let cloud = Cloud::with("bucket");
        if versioned {
            cloud.set_versioning("bucket", "Enabled");
        }
        for key in keys.iter().chain(&gone) {
            cloud.put("bucket", key, "x");
        }
        for key in &gone {
            cloud.ok::<op::DeleteObject>(delete_request("bucket", key));
        }
        let keys: BTreeSet<String> = keys.difference(&gone).cloned().collect();
        let expected: Vec<String> = expected(&keys, &prefix, &delimiter).into_iter().collect();
        let (mut seen, mut token) = (Vec::new(), None);
        loop {
            let page = cloud.ok::<op::ListObjectsV2>(api::ListObjectsV2Request {
                prefix: some(&prefix),
                delimiter: some(&delimiter),
                max_keys: Some(size),
                continuation_token: token,
                ..list("bucket")
            });
            let mut names = names(&page);
            names.sort();
            prop_assert_eq!(page.key_count, Some(i32::try_from(names.len()).unwrap()));
            seen.extend(names);
            token = page.next_continuation_token;
            prop_assert_eq!(page.is_truncated, Some(token.is_some()));
            if token.is_none() {
                break;
            }
        }
        prop_assert_eq!(&seen, &expected);
        let (mut seen, mut marker) = (Vec::new(), None);
        loop {
            let page = cloud.ok::<op::ListObjects>(api::ListObjectsRequest {
                bucket: "bucket".to_owned(),
                prefix: some(&prefix),
                delimiter: some(&delimiter),
                max_keys: Some(size),
                marker,
                ..api::ListObjectsRequest::default()
            });
            let keys = page.contents.iter().flatten().filter_map(|one| one.key.clone());
            let prefixes = page.common_prefixes.iter().flatten().filter_map(|one| one.prefix.clone());
            let mut names: Vec<String> = keys.chain(prefixes).collect();
            names.sort();
            marker = names.last().cloned();
            prop_assert_eq!(page.next_marker.is_some(), page.is_truncated == Some(true) && !delimiter.is_empty());
            seen.extend(names);
            if page.is_truncated != Some(true) {
                break;
            }
        }
        prop_assert_eq!(&seen, &expected);
    }
}

#[test]
fn keys_are_left_for_the_codec_to_encode() {
    let cloud = Cloud::with("bucket");
    for key in ["asdf+b", "foo+1/bar", "quux ab/thud"] {
        cloud.put("bucket", key, "");
    }
    let listed = cloud.ok::<op::ListObjectsV2>(api::ListObjectsV2Request {
        delimiter: some("/"),
        encoding_type: some("url"),
        ..list("bucket")
    });
    assert_eq!(names(&listed), ["asdf+b", "foo+1/", "quux ab/"]);
    let bad = api::ListObjectsV2Request { encoding_type: some("xml"), ..list("bucket") };
    assert_eq!(cloud.code::<op::ListObjectsV2>(bad), "InvalidArgument");
}

#[test]
fn a_page_begins_after_what_is_named() {
    let cloud = Cloud::with("bucket");
    for key in ["a", "b", "c/1", "c/2", "d"] {
        cloud.put("bucket", key, "");
    }
    let after = |start: &str| {
        let request =
            api::ListObjectsV2Request { start_after: some(start), fetch_owner: Some(true), ..list("bucket") };
        let listed = cloud.ok::<op::ListObjectsV2>(request);
        assert!(listed.contents.iter().flatten().all(|one| one.owner.is_some()));
        names(&listed).join(" ")
    };
    assert_eq!(after("a"), "b c/1 c/2 d");
    assert_eq!(after("aa"), "b c/1 c/2 d");
    assert_eq!(after("c/1"), "c/2 d");
    assert_eq!(after("e"), "");
    let none =
        cloud.ok::<op::ListObjectsV2>(api::ListObjectsV2Request { max_keys: Some(0), ..list("bucket") });
    assert_eq!((names(&none).len(), none.is_truncated), (0, Some(false)));
    let bad = api::ListObjectsV2Request { max_keys: Some(-1), ..list("bucket") };
    assert_eq!(cloud.code::<op::ListObjectsV2>(bad), "InvalidArgument");
    let bad = api::ListObjectsV2Request { continuation_token: some("%%"), ..list("bucket") };
    assert_eq!(cloud.code::<op::ListObjectsV2>(bad), "InvalidArgument");
}

#[test]
fn many_versions_of_a_key_are_one() {
    let cloud = Cloud::with("bucket");
    cloud.set_versioning("bucket", "Enabled");
    for round in 0..40 {
        cloud.put("bucket", "a", format!("{round}"));
    }
    cloud.put("bucket", "b", "");
    assert_eq!(names(&cloud.ok::<op::ListObjectsV2>(list("bucket"))), ["a", "b"]);
}
