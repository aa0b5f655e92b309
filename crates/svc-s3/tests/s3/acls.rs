//! Access control lists: given, read, and what they allow.

use aws_api::s3::{self as api, operation as op};

use crate::callers::*;
use crate::harness::*;

const WRITER: &str = "ObjectWriter";

fn bucket_acl(acl: &str) -> api::PutBucketAclRequest {
    api::PutBucketAclRequest {
        bucket: "bucket".to_owned(),
        acl: some(acl),
        ..api::PutBucketAclRequest::default()
    }
}

fn object_acl(key: &str) -> api::PutObjectAclRequest {
    api::PutObjectAclRequest {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
        ..api::PutObjectAclRequest::default()
    }
}

fn get_object_acl(key: &str) -> api::GetObjectAclRequest {
    api::GetObjectAclRequest {
        bucket: "bucket".to_owned(),
        key: key.to_owned(),
        ..api::GetObjectAclRequest::default()
    }
}

fn get_bucket_acl() -> api::GetBucketAclRequest {
    api::GetBucketAclRequest { bucket: "bucket".to_owned(), ..api::GetBucketAclRequest::default() }
}

fn to(account: &str, permission: &str) -> api::Grant {
    let grantee =
        api::Grantee { r#type: "CanonicalUser".to_owned(), id: Some(id(account)), ..api::Grantee::default() };
    api::Grant { grantee: Some(grantee), permission: some(permission) }
}

fn document(owner: &str, grants: Vec<api::Grant>) -> Option<api::AccessControlPolicy> {
    let owner = api::Owner { id: Some(id(owner)), display_name: None };
    Some(api::AccessControlPolicy { owner: Some(owner), grants: Some(grants) })
}

/// Grants as `PERMISSION to whom`.
fn shown(grants: Option<Vec<api::Grant>>) -> Vec<String> {
    let each = |grant: api::Grant| {
        let grantee = grant.grantee.unwrap();
        let name = match (grantee.id, grantee.uri) {
            (Some(held), None) if held == id(ACCOUNT) => "home".to_owned(),
            (Some(held), None) if held == id(OTHER) => "other".to_owned(),
            (None, Some(uri)) => uri.rsplit('/').next().unwrap().to_owned(),
            both => panic!("{both:?}"),
        };
        format!("{} to {name}", grant.permission.unwrap())
    };
    grants.unwrap().into_iter().map(each).collect()
}

#[test]
fn lists_are_not_taken_where_the_owner_of_the_bucket_owns_everything() {
    let callers = Callers::with("BucketOwnerEnforced");
    assert!(callers.writes(&callers.home, "key"));
    let refused = callers.try_::<op::PutBucketAcl>(&callers.home, bucket_acl("private")).unwrap_err();
    assert_eq!((&*refused.code, refused.status), ("AccessControlListNotSupported", Some(400)));
    let of_object = api::PutObjectAclRequest { acl: some("public-read"), ..object_acl("key") };
    assert_eq!(callers.code::<op::PutObjectAcl>(&callers.home, of_object), "AccessControlListNotSupported");
    for grants in [
        callers.ok::<op::GetBucketAcl>(&callers.home, get_bucket_acl()).grants,
        callers.ok::<op::GetObjectAcl>(&callers.home, get_object_acl("key")).grants,
    ] {
        assert_eq!(shown(grants), ["FULL_CONTROL to home"]);
    }
}

#[test]
fn lists_of_buckets_say_who_lists_and_writes() {
    let callers = Callers::with(WRITER);
    assert!(callers.writes(&callers.home, "key"));
    let all = || {
        let mut found = Vec::new();
        for who in [&callers.other, &callers.nobody] {
            let acl = callers.try_::<op::GetBucketAcl>(who, get_bucket_acl()).is_ok();
            found.push([callers.lists(who), callers.writes(who, "new"), acl]);
        }
        callers.deletes(&callers.home, "new");
        (found[0], found[1])
    };
    let none = [false; 3];
    assert_eq!(all(), (none, none));
    for (canned, other, nobody, grants) in [
        ("public-read", [true, false, false], [true, false, false], &["READ to AllUsers"][..]),
        (
            "public-read-write",
            [true, true, false],
            [true, true, false],
            &["READ to AllUsers", "WRITE to AllUsers"],
        ),
        ("authenticated-read", [true, false, false], none, &["READ to AuthenticatedUsers"]),
        ("log-delivery-write", none, none, &["WRITE to LogDelivery", "READ_ACP to LogDelivery"]),
        ("private", none, none, &[]),
    ] {
        callers.ok::<op::PutBucketAcl>(&callers.home, bucket_acl(canned));
        assert_eq!(all(), (other, nobody), "{canned}");
        let held = shown(callers.ok::<op::GetBucketAcl>(&callers.home, get_bucket_acl()).grants);
        assert_eq!(held[0], "FULL_CONTROL to home");
        assert_eq!(&held[1..], grants, "{canned}");
    }
    for (permission, other) in [
        ("READ", [true, false, false]),
        ("WRITE", [false, true, false]),
        ("READ_ACP", [false, false, true]),
        ("FULL_CONTROL", [true, true, true]),
    ] {
        let request = api::PutBucketAclRequest {
            bucket: "bucket".to_owned(),
            access_control_policy: document(ACCOUNT, vec![to(OTHER, permission)]),
            ..api::PutBucketAclRequest::default()
        };
        callers.ok::<op::PutBucketAcl>(&callers.home, request);
        assert_eq!(all(), (other, none), "{permission}");
    }
    // Who may write the list writes it.
    callers.ok::<op::PutBucketAcl>(&callers.other, bucket_acl("private"));
    assert_eq!(callers.code::<op::PutBucketAcl>(&callers.other, bucket_acl("private")), "Denied");
    let user = callers.user(OTHER, "user", &[]);
    callers.ok::<op::PutBucketAcl>(&callers.home, {
        let grant = format!("id={}", id(OTHER));
        api::PutBucketAclRequest { grant_read: Some(grant), acl: None, ..bucket_acl("") }
    });
    assert!(callers.lists(&callers.other) && !callers.lists(&user), "a grant is to the account");
}

#[test]
fn lists_of_objects_say_who_reads() {
    let callers = Callers::with(WRITER);
    let all = |key: &str| {
        let mut found = Vec::new();
        for who in [&callers.other, &callers.nobody] {
            let acl = callers.try_::<op::GetObjectAcl>(who, get_object_acl(key)).is_ok();
            found.push([callers.reads(who, key), acl]);
        }
        (found[0], found[1])
    };
    let none = [false; 2];
    for (canned, other, nobody) in [
        ("private", none, none),
        ("public-read", [true, false], [true, false]),
        ("authenticated-read", [true, false], none),
        ("bucket-owner-read", none, none),
    ] {
        let request = api::PutObjectRequest { acl: some(canned), ..put_request("bucket", "key") };
        callers.ok::<op::PutObject>(&callers.home, request);
        assert_eq!(all("key"), (other, nobody), "{canned}");
        assert!(callers.writes(&callers.home, "later"));
        let later = api::PutObjectAclRequest { acl: some(canned), ..object_acl("later") };
        callers.ok::<op::PutObjectAcl>(&callers.home, later);
        assert_eq!(all("later"), (other, nobody), "{canned}");
    }
    assert_eq!(callers.cloud.get("bucket", "later"), b"content", "its content stays");
    for (permission, other) in [
        ("READ", [true, false]),
        ("READ_ACP", [false, true]),
        ("WRITE", none),
        ("FULL_CONTROL", [true, true]),
    ] {
        let grants = vec![to(ACCOUNT, "FULL_CONTROL"), to(OTHER, permission)];
        let request = api::PutObjectAclRequest {
            access_control_policy: document(ACCOUNT, grants),
            ..object_acl("key")
        };
        callers.ok::<op::PutObjectAcl>(&callers.home, request);
        assert_eq!(all("key"), (other, none), "{permission}");
        let held = callers.ok::<op::GetObjectAcl>(&callers.home, get_object_acl("key"));
        assert_eq!(shown(held.grants), ["FULL_CONTROL to home", &format!("{permission} to other")]);
    }
    let request = || api::PutObjectAclRequest { acl: some("public-read"), ..object_acl("key") };
    callers.ok::<op::PutObjectAcl>(&callers.other, request());
    assert!(callers.reads(&callers.nobody, "key"));
    assert_eq!(callers.code::<op::PutObjectAcl>(&callers.other, request()), "Denied");
}

#[test]
fn every_version_has_its_own() {
    let callers = Callers::with(WRITER);
    callers.cloud.set_versioning("bucket", "Enabled");
    let put = || callers.ok::<op::PutObject>(&callers.home, put_request("bucket", "key")).version_id;
    let (first, second) = (put(), put());
    let request =
        api::PutObjectAclRequest { acl: some("public-read"), version_id: first.clone(), ..object_acl("key") };
    callers.ok::<op::PutObjectAcl>(&callers.home, request);
    let reads = |version: &Option<String>| {
        let request = api::GetObjectRequest { version_id: version.clone(), ..get_request("bucket", "key") };
        callers.try_::<op::GetObject>(&callers.nobody, request).is_ok()
    };
    assert!(reads(&first) && !reads(&second) && !callers.reads(&callers.nobody, "key"));
    let of = |version: &Option<String>| {
        let request = api::GetObjectAclRequest { version_id: version.clone(), ..get_object_acl("key") };
        shown(callers.ok::<op::GetObjectAcl>(&callers.home, request).grants)
    };
    assert_eq!(of(&first), ["FULL_CONTROL to home", "READ to AllUsers"]);
    assert_eq!(of(&second), ["FULL_CONTROL to home"]);
    let never = api::PutObjectAclRequest { acl: some("private"), ..object_acl("never") };
    assert_eq!(callers.code::<op::PutObjectAcl>(&callers.home, never), "NoSuchKey");
}

#[test]
fn copies_and_uploads_have_the_list_that_is_asked_for() {
    let callers = Callers::with(WRITER);
    let public = api::PutObjectRequest { acl: some("public-read"), ..put_request("bucket", "key") };
    callers.ok::<op::PutObject>(&callers.home, public);
    let copy = |key: &str, acl: Option<&str>| {
        let request = api::CopyObjectRequest {
            bucket: "bucket".to_owned(),
            key: key.to_owned(),
            copy_source: "bucket/key".to_owned(),
            acl: acl.map(str::to_owned),
            ..api::CopyObjectRequest::default()
        };
        callers.ok::<op::CopyObject>(&callers.home, request);
        callers.reads(&callers.nobody, key)
    };
    assert!(!copy("private", None), "the list of a source is not copied");
    assert!(copy("public", Some("public-read")));
    let upload = |acl: Option<&str>| {
        let request = api::CreateMultipartUploadRequest {
            bucket: "bucket".to_owned(),
            key: "upload".to_owned(),
            acl: acl.map(str::to_owned),
            ..api::CreateMultipartUploadRequest::default()
        };
        let id = callers.ok::<op::CreateMultipartUpload>(&callers.home, request).upload_id.unwrap();
        let part = api::UploadPartRequest {
            bucket: "bucket".to_owned(),
            key: "upload".to_owned(),
            upload_id: id.clone(),
            part_number: 1,
            ..api::UploadPartRequest::default()
        };
        let part = callers.ok::<op::UploadPart>(&callers.home, part);
        let part =
            api::CompletedPart { part_number: Some(1), e_tag: part.e_tag, ..api::CompletedPart::default() };
        let request = api::CompleteMultipartUploadRequest {
            bucket: "bucket".to_owned(),
            key: "upload".to_owned(),
            upload_id: id,
            multipart_upload: Some(api::CompletedMultipartUpload { parts: Some(vec![part]) }),
            ..api::CompleteMultipartUploadRequest::default()
        };
        callers.ok::<op::CompleteMultipartUpload>(&callers.home, request);
        callers.reads(&callers.nobody, "upload")
    };
    assert!(upload(Some("public-read")) && !upload(None));
}

#[test]
fn whoever_gives_a_list_may_do_that() {
    let callers = Callers::with(WRITER);
    let user = callers.user(ACCOUNT, "user", &["s3:PutObject", "s3:CreateBucket"]);
    let more = callers.user(ACCOUNT, "more", &["s3:PutObject*", "s3:CreateBucket", "s3:PutBucket*"]);
    let request = || api::PutObjectRequest { acl: some("public-read"), ..put_request("bucket", "key") };
    assert!(callers.writes(&user, "key"));
    assert_eq!(callers.code::<op::PutObject>(&user, request()), "Denied");
    callers.ok::<op::PutObject>(&more, request());
    let create = |name: &str, acl: Option<&str>, ownership: Option<&str>| api::CreateBucketRequest {
        bucket: name.to_owned(),
        acl: acl.map(str::to_owned),
        object_ownership: ownership.map(str::to_owned),
        ..api::CreateBucketRequest::default()
    };
    callers.ok::<op::CreateBucket>(&user, create("first", None, None));
    assert_eq!(callers.code::<op::CreateBucket>(&user, create("second", Some("private"), None)), "Denied");
    assert_eq!(callers.code::<op::CreateBucket>(&user, create("second", None, Some(WRITER))), "Denied");
    callers.ok::<op::CreateBucket>(&more, create("second", Some("log-delivery-write"), Some(WRITER)));
    // Of another account's bucket the writer's own side is asked, and what the bucket's policy denies.
    callers.ok::<op::PutBucketAcl>(&callers.home, bucket_acl("public-read-write"));
    callers.ok::<op::PutObject>(&callers.other, {
        api::PutObjectRequest { acl: some("bucket-owner-read"), ..put_request("bucket", "theirs") }
    });
    let held = callers.ok::<op::GetObjectAcl>(&callers.other, get_object_acl("theirs"));
    assert_eq!(held.owner.unwrap().id, Some(id(OTHER)));
    assert_eq!(shown(held.grants), ["FULL_CONTROL to other", "READ to home"]);
    assert!(callers.reads(&callers.home, "theirs"));
    callers.set_policy(&[statement("Deny", r#""*""#, "s3:PutObjectAcl")]);
    assert_eq!(callers.code::<op::PutObject>(&callers.other, request()), "Denied");
}

#[test]
fn what_is_no_list_is_refused() {
    let callers = Callers::with(WRITER);
    let code = |request: api::PutBucketAclRequest| callers.code::<op::PutBucketAcl>(&callers.home, request);
    let with = |grants: Vec<api::Grant>| api::PutBucketAclRequest {
        acl: None,
        access_control_policy: document(ACCOUNT, grants),
        ..bucket_acl("")
    };
    assert_eq!(code(api::PutBucketAclRequest { acl: None, ..bucket_acl("") }), "MissingSecurityHeader");
    assert_eq!(code(bucket_acl("public-ready")), "InvalidArgument");
    assert_eq!(code(with(vec![to("999999999999", "READ")])), "InvalidArgument");
    assert_eq!(code(with(vec![to(OTHER, "FLY")])), "MalformedACLError");
    assert_eq!(code(with(vec![api::Grant { grantee: None, permission: some("READ") }])), "MalformedACLError");
    let both = api::PutBucketAclRequest { acl: some("private"), ..with(Vec::new()) };
    assert_eq!(code(both), "UnexpectedContent");
    let others =
        api::PutBucketAclRequest { access_control_policy: document(OTHER, Vec::new()), ..with(Vec::new()) };
    assert_eq!(code(others), "AccessDenied");
    let two =
        api::PutBucketAclRequest { grant_read: Some(format!("id={}", id(OTHER))), ..bucket_acl("private") };
    assert_eq!(code(two), "InvalidRequest");
    callers.ok::<op::PutBucketAcl>(&callers.home, with(Vec::new()));
    assert!(callers.ok::<op::GetBucketAcl>(&callers.home, get_bucket_acl()).grants.unwrap().is_empty());
}
