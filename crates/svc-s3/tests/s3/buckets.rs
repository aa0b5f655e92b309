//! Buckets.

use aws_api::s3::{self as api, operation as op};
use object_store::Table;
use store::{Read as _, Scope};
use svc_s3::Bucket;

use crate::harness::*;

fn create(bucket: &str, constraint: Option<&str>) -> api::CreateBucketRequest {
    api::CreateBucketRequest {
        bucket: bucket.to_owned(),
        create_bucket_configuration: constraint.map(|constraint| api::CreateBucketConfiguration {
            location_constraint: some(constraint),
            ..api::CreateBucketConfiguration::default()
        }),
        ..api::CreateBucketRequest::default()
    }
}

fn delete(bucket: &str) -> api::DeleteBucketRequest {
    api::DeleteBucketRequest { bucket: bucket.to_owned(), ..api::DeleteBucketRequest::default() }
}

fn head(bucket: &str) -> api::HeadBucketRequest {
    api::HeadBucketRequest { bucket: bucket.to_owned(), ..api::HeadBucketRequest::default() }
}

#[test]
fn a_bucket_is_made_seen_and_removed() {
    let cloud = Cloud::new();
    let made = cloud.ok::<op::CreateBucket>(create("bucket", None));
    assert_eq!(made.location, some("/bucket"));
    assert_eq!(made.bucket_arn, some("arn:aws:s3:::bucket"));
    assert_eq!(cloud.ok::<op::HeadBucket>(head("bucket")).bucket_region, some("us-east-1"));
    let location = cloud.ok::<op::GetBucketLocation>(api::GetBucketLocationRequest {
        bucket: "bucket".to_owned(),
        ..api::GetBucketLocationRequest::default()
    });
    assert_eq!(location.location_constraint, None, "the first region has no name here");
    cloud.ok::<op::CreateBucket>(create("bucket", None));
    cloud.put("bucket", "key", "content");
    assert_eq!(cloud.code::<op::DeleteBucket>(delete("bucket")), "BucketNotEmpty");
    cloud.ok::<op::DeleteObject>(delete_request("bucket", "key"));
    cloud.ok::<op::DeleteBucket>(delete("bucket"));
    let gone = cloud.refused::<op::HeadBucket>(HOME, head("bucket"));
    assert_eq!((&*gone.code, gone.status), ("NoSuchBucket", Some(404)));
    assert_eq!(cloud.s3().objects().usage().unwrap().rows, 0, "nothing is left of it");
}

#[test]
fn names_are_one_for_all_accounts_and_regions() {
    let cloud = Cloud::with("bucket");
    let taken = cloud.refused::<op::CreateBucket>(("us-east-1", OTHER), create("bucket", None));
    assert_eq!((&*taken.code, taken.status), ("BucketAlreadyExists", Some(409)));
    let own = cloud.refused::<op::CreateBucket>(("eu-west-1", ACCOUNT), create("bucket", Some("eu-west-1")));
    assert_eq!((&*own.code, own.status), ("BucketAlreadyOwnedByYou", Some(409)));
    let moved = cloud.refused::<op::HeadBucket>(("eu-west-1", ACCOUNT), head("bucket"));
    assert_eq!((&*moved.code, moved.status), ("PermanentRedirect", Some(301)));
    let region = moved.fields.get("Region");
    assert_eq!(region, Some(&aws_model::Value::String("us-east-1".to_owned())));
    let wrong = api::HeadBucketRequest { expected_bucket_owner: some(OTHER), ..head("bucket") };
    assert_eq!(cloud.code::<op::HeadBucket>(wrong), "AccessDenied");
}

#[test]
fn constraints_say_where_a_bucket_is() {
    let cloud = Cloud::new();
    let made = |caller: &str, constraint: Option<&str>| {
        let name = format!("b-{caller}-{}", constraint.unwrap_or("none").to_ascii_lowercase());
        let made = cloud.call_in::<op::CreateBucket>((caller, ACCOUNT), create(&name, constraint));
        made.map_err(|error| error.code.into_owned())?;
        let scope = Scope::global(aws_types::Partition::Aws, aws_types::AccountId::CLOUD);
        let bucket = cloud.store.snapshot().get::<Bucket>(&scope, &name).unwrap();
        Ok(bucket.region.to_string())
    };
    let check = |caller: &str, constraint: Option<&str>, expected: Result<&str, &str>| {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(made(caller, constraint), expected, "{caller} {constraint:?}");
    };
    check("us-east-1", None, Ok("us-east-1"));
    check("us-east-1", Some("eu-central-1"), Ok("eu-central-1"));
    check("us-east-1", Some("EU"), Ok("eu-west-1"));
    check("us-east-1", Some("us-east-1"), Err("InvalidLocationConstraint"));
    check("us-east-1", Some("mars-north-1"), Err("InvalidLocationConstraint"));
    check("eu-central-1", Some("eu-central-1"), Ok("eu-central-1"));
    check("eu-central-1", None, Err("IllegalLocationConstraintException"));
    check("eu-central-1", Some("eu-west-1"), Err("IllegalLocationConstraintException"));
    let name = cloud.refused::<op::CreateBucket>(HOME, create("No", None));
    assert_eq!(name.code, "InvalidBucketName");
    let acl = api::CreateBucketRequest { acl: some("public-read"), ..create("open", None) };
    assert_eq!(cloud.code::<op::CreateBucket>(acl), "InvalidBucketAclWithObjectOwnership");
}

#[test]
fn buckets_are_listed_in_pages() {
    let cloud = Cloud::new();
    for name in ["a-1", "a-2", "a-3", "b-1"] {
        cloud.make(name);
    }
    cloud.call_in::<op::CreateBucket>(("us-east-1", OTHER), create("a-9", None)).unwrap();
    let list = |prefix: Option<&str>, most: Option<i32>, token: Option<String>| {
        let listed = cloud.ok::<op::ListBuckets>(api::ListBucketsRequest {
            prefix: prefix.map(str::to_owned),
            max_buckets: most,
            continuation_token: token,
            bucket_region: None,
        });
        let names: Vec<String> = listed.buckets.unwrap().into_iter().filter_map(|one| one.name).collect();
        (names.join(" "), listed.continuation_token)
    };
    assert_eq!(list(None, None, None), ("a-1 a-2 a-3 b-1".to_owned(), None));
    let (names, token) = list(Some("a-"), Some(2), None);
    assert_eq!(names, "a-1 a-2");
    assert_eq!(list(Some("a-"), Some(2), token), ("a-3".to_owned(), None));
    let bad = api::ListBucketsRequest { continuation_token: some("%"), ..api::ListBucketsRequest::default() };
    assert_eq!(cloud.code::<op::ListBuckets>(bad), "InvalidArgument");
}

#[test]
fn a_bucket_made_again_has_nothing_of_before() {
    let cloud = Cloud::with("bucket");
    let upload = api::CreateMultipartUploadRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        ..api::CreateMultipartUploadRequest::default()
    };
    cloud.ok::<op::CreateMultipartUpload>(upload);
    cloud.ok::<op::DeleteBucket>(delete("bucket"));
    cloud.make("bucket");
    let uploads = cloud.ok::<op::ListMultipartUploads>(api::ListMultipartUploadsRequest {
        bucket: "bucket".to_owned(),
        ..api::ListMultipartUploadsRequest::default()
    });
    assert_eq!(uploads.uploads, Some(Vec::new()));
}

#[test]
fn what_a_crash_left_half_done_is_ended_at_the_next_start() {
    const BUCKETS: Table = Table::new("s3-bucket");
    let mut cloud = Cloud::with("dying");
    cloud.make("living");
    let scope = Scope::global(aws_types::Partition::Aws, aws_types::AccountId::CLOUD);
    let bytes_of = |cloud: &Cloud, name: &str| {
        let bucket = cloud.store.snapshot().get::<Bucket>(&scope, name).unwrap();
        (0..16)
            .map(|at| u8::from_str_radix(&bucket.incarnation.to_string()[2 * at..][..2], 16).unwrap())
            .collect::<Vec<_>>()
    };
    let dying = bytes_of(&cloud, "dying");
    let objects = cloud.s3().objects().clone();
    // A deletion that did not get to the record, and a creation that did not.
    objects
        .transact(|rows| {
            rows.delete(BUCKETS, &dying)?;
            rows.put(BUCKETS, &[1; 16], object_store::Row::new("never"))
        })
        .unwrap();
    drop(objects);
    assert_eq!(
        cloud.try_put(put_request("dying", "key"), &mut Pieces::new("x")).unwrap_err().code,
        "NoSuchBucket"
    );
    cloud.open();
    assert_eq!(cloud.code::<op::HeadBucket>(head("dying")), "NoSuchBucket");
    cloud.ok::<op::HeadBucket>(head("living"));
    assert_eq!(cloud.s3().objects().usage().unwrap().rows, 1);
}
