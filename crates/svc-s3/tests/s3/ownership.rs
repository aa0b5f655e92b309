//! Whose new objects are.

use aws_api::s3::{self as api, operation as op};
use aws_model::Value;
use service_api::Service as _;

use crate::callers::*;
use crate::harness::*;

fn put(ownership: &[&str]) -> api::PutBucketOwnershipControlsRequest {
    let rules =
        ownership.iter().map(|one| api::OwnershipControlsRule { object_ownership: (*one).to_owned() });
    api::PutBucketOwnershipControlsRequest {
        bucket: "bucket".to_owned(),
        ownership_controls: api::OwnershipControls { rules: rules.collect() },
        ..api::PutBucketOwnershipControlsRequest::default()
    }
}

fn get() -> api::GetBucketOwnershipControlsRequest {
    let bucket = "bucket".to_owned();
    api::GetBucketOwnershipControlsRequest { bucket, ..api::GetBucketOwnershipControlsRequest::default() }
}

fn set_acl(callers: &Callers, acl: &str) {
    let request = api::PutBucketAclRequest {
        bucket: "bucket".to_owned(),
        acl: some(acl),
        ..api::PutBucketAclRequest::default()
    };
    callers.ok::<op::PutBucketAcl>(&callers.home, request);
}

/// The owner of the bucket's one object, as listed.
fn owner(callers: &Callers) -> Option<String> {
    let request = api::ListObjectsV2Request {
        bucket: "bucket".to_owned(),
        fetch_owner: Some(true),
        ..api::ListObjectsV2Request::default()
    };
    let listed = callers.ok::<op::ListObjectsV2>(&callers.home, request).contents.unwrap();
    assert_eq!(listed.len(), 1);
    listed[0].owner.as_ref().and_then(|owner| owner.id.clone())
}

#[test]
fn the_setting_is_made_changed_and_deleted() {
    let callers = Callers::with("BucketOwnerPreferred");
    let set = |callers: &Callers| {
        let shown = callers.ok::<op::GetBucketOwnershipControls>(&callers.home, get());
        shown.ownership_controls.unwrap().rules[0].object_ownership.clone()
    };
    assert_eq!(set(&callers), "BucketOwnerPreferred");
    callers.ok::<op::PutBucketOwnershipControls>(&callers.home, put(&["ObjectWriter"]));
    assert_eq!(set(&callers), "ObjectWriter");
    for wrong in [&["Nobody"][..], &[], &["ObjectWriter", "ObjectWriter"]] {
        let code = callers.code::<op::PutBucketOwnershipControls>(&callers.home, put(wrong));
        assert_eq!(code, "MalformedXML");
    }
    set_acl(&callers, "public-read");
    let code = callers.code::<op::PutBucketOwnershipControls>(&callers.home, put(&["BucketOwnerEnforced"]));
    assert_eq!(code, "InvalidBucketAclWithObjectOwnership");
    set_acl(&callers, "private");
    callers.ok::<op::PutBucketOwnershipControls>(&callers.home, put(&["BucketOwnerEnforced"]));
    let delete = || api::DeleteBucketOwnershipControlsRequest {
        bucket: "bucket".to_owned(),
        ..api::DeleteBucketOwnershipControlsRequest::default()
    };
    callers.ok::<op::DeleteBucketOwnershipControls>(&callers.home, delete());
    callers.ok::<op::DeleteBucketOwnershipControls>(&callers.home, delete());
    let none = callers.try_::<op::GetBucketOwnershipControls>(&callers.home, get()).unwrap_err();
    assert_eq!((&*none.code, none.status), ("OwnershipControlsNotFoundError", Some(404)));
    set_acl(&callers, "public-read");
    let odd = api::CreateBucketRequest {
        bucket: "odd".to_owned(),
        object_ownership: some("Nobody"),
        ..api::CreateBucketRequest::default()
    };
    assert_eq!(callers.code::<op::CreateBucket>(&callers.home, odd), "InvalidArgument");
    let public = api::CreateBucketRequest {
        bucket: "odd".to_owned(),
        object_ownership: some("ObjectWriter"),
        acl: some("public-read"),
        ..api::CreateBucketRequest::default()
    };
    let code = callers.code::<op::CreateBucket>(&callers.home, public);
    assert_eq!(code, "InvalidBucketAclWithBlockPublicAccessError");
}

#[test]
fn a_new_object_is_whose_the_setting_says() {
    for (setting, acl, expected) in [
        ("BucketOwnerEnforced", None, Ok(ACCOUNT)),
        ("BucketOwnerEnforced", Some("bucket-owner-full-control"), Ok(ACCOUNT)),
        ("BucketOwnerEnforced", Some("private"), Err("AccessControlListNotSupported")),
        ("BucketOwnerPreferred", None, Ok(OTHER)),
        ("BucketOwnerPreferred", Some("bucket-owner-full-control"), Ok(ACCOUNT)),
        ("ObjectWriter", None, Ok(OTHER)),
        ("ObjectWriter", Some("bucket-owner-full-control"), Ok(OTHER)),
    ] {
        let callers = Callers::with(setting);
        let account = format!(r#"{{"AWS":"{OTHER}"}}"#);
        callers.set_policy(&[statement("Allow", &account, "s3:PutObject")]);
        let request = api::PutObjectRequest { acl: acl.map(str::to_owned), ..put_request("bucket", "key") };
        let done = callers.try_::<op::PutObject>(&callers.other, request);
        let told = done.map_err(|error| error.code.into_owned());
        match expected {
            Err(code) => assert_eq!(told.unwrap_err(), code, "{setting} {acl:?}"),
            Ok(account) => {
                told.unwrap();
                assert_eq!(owner(&callers), Some(id(account)), "{setting} {acl:?}");
            }
        }
    }
}

#[test]
fn an_object_of_another_account_is_not_the_bucket_owners_to_read() {
    let callers = Callers::with("ObjectWriter");
    let everybody = statement("Allow", r#""*""#, "s3:GetObject");
    let others = statement("Allow", &format!(r#"{{"AWS":"{OTHER}"}}"#), "s3:PutObject");
    callers.set_policy(&[everybody, others]);
    assert!(callers.writes(&callers.other, "theirs") && callers.writes(&callers.home, "own"));
    assert!(callers.reads(&callers.other, "theirs"), "it is its own");
    assert!(!callers.reads(&callers.home, "theirs"));
    assert!(callers.reads(&callers.nobody, "own"));
    assert!(!callers.reads(&callers.nobody, "theirs"), "the bucket's policy allows nothing of it");
    let reads = callers.user(OTHER, "reads", &["s3:GetObject"]);
    let none = callers.user(OTHER, "none", &[]);
    assert!(callers.reads(&reads, "theirs") && !callers.reads(&none, "theirs"));
    // What the policy denies it denies of all objects.
    let denied = statement("Deny", &format!(r#"{{"AWS":"{OTHER}"}}"#), "s3:GetObject");
    callers.set_policy(&[denied]);
    assert!(!callers.reads(&callers.other, "theirs"));
    callers.set_policy(&[statement("Allow", r#""*""#, "s3:GetObject")]);
    // Where the owner of the bucket owns everything, that is so at once.
    callers.ok::<op::PutBucketOwnershipControls>(&callers.home, put(&["BucketOwnerEnforced"]));
    assert!(callers.reads(&callers.home, "theirs") && callers.reads(&callers.nobody, "theirs"));
    callers.ok::<op::PutBucketOwnershipControls>(&callers.home, put(&["ObjectWriter"]));
    assert!(!callers.reads(&callers.home, "theirs"));
    assert!(callers.deletes(&callers.home, "theirs"), "the owner of the bucket pays for it");
}

#[test]
fn the_owner_of_the_bucket_decides_about_all_but_reading() {
    let callers = Callers::with("ObjectWriter");
    callers.set_policy(&[statement("Allow", &format!(r#"{{"AWS":"{OTHER}"}}"#), "s3:PutObject")]);
    assert!(callers.writes(&callers.other, "theirs"));
    let owner_of = |operation: &str| {
        let members = [("Bucket", "bucket"), ("Key", "theirs"), ("UploadId", "x")];
        let members = members.map(|(name, value)| (name, Value::String(value.to_owned())));
        let (input, context) = (Value::Structure(members.into_iter().collect()), callers.cloud.context(HOME));
        let needed = callers.cloud.s3().needed_permissions(&context, operation, &input).unwrap();
        needed[0].resources[0].owner
    };
    for operation in ["GetObject", "GetObjectAcl", "PutObjectAcl"] {
        assert_eq!(owner_of(operation), Some(OTHER.parse().unwrap()), "{operation}");
    }
    for operation in ["GetObjectTagging", "PutObjectRetention", "DeleteObject", "PutObject", "ListParts"] {
        assert_eq!(owner_of(operation), None, "{operation}");
    }
}
