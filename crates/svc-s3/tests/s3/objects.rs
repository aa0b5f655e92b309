//! Objects.

use aws_api::s3::{self as api, operation as op};
use aws_types::Timestamp;
use checksums::{ChecksumAlgorithm, Hasher};

use crate::harness::*;

const HELLO_MD5: &str = "5d41402abc4b2a76b9719d911017c592";

#[test]
fn an_object_is_read_as_it_was_written() {
    let mut cloud = Cloud::with("bucket");
    let content = bytes(3_000_000, 1);
    let request = api::PutObjectRequest {
        content_type: some("text/plain"),
        content_encoding: some("aws-chunked,gzip"),
        cache_control: some("no-cache"),
        expires: some("Thu, 01 Dec 2033 16:00:00 GMT"),
        metadata: Some([("Colour".to_owned(), "blue".to_owned())].into()),
        storage_class: some("STANDARD_IA"),
        ..put_request("bucket", "a/b c")
    };
    let put = cloud.try_put(request, &mut Pieces::new(content.clone())).unwrap();
    let md5 = Hasher::of(ChecksumAlgorithm::Md5, &content);
    let tag: String = md5.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(put.e_tag, Some(format!("\"{tag}\"")));
    let crc = Hasher::of(ChecksumAlgorithm::Crc64Nvme, &content).to_base64();
    assert_eq!(put.checksum_crc64_nvme.as_ref(), Some(&crc));
    assert_eq!((put.checksum_type, put.version_id), (some("FULL_OBJECT"), None));
    assert_eq!(put.server_side_encryption, some("AES256"));
    cloud.open();
    let asked = api::GetObjectRequest { checksum_mode: some("ENABLED"), ..get_request("bucket", "a/b c") };
    let (output, read) = cloud.try_get(asked).unwrap();
    assert!(read == content);
    assert_eq!(output.checksum_crc64_nvme, Some(crc));
    assert_eq!(output.content_type, some("text/plain"));
    assert_eq!(output.content_encoding, some("gzip"));
    assert_eq!(output.cache_control, some("no-cache"));
    assert_eq!(output.expires, some("Thu, 01 Dec 2033 16:00:00 GMT"));
    assert_eq!(output.metadata.unwrap()["colour"], "blue");
    assert_eq!(output.storage_class, some("STANDARD_IA"));
    assert_eq!(output.last_modified, Some(cloud.now()));
    let over = api::GetObjectRequest {
        response_content_type: some("image/png"),
        response_expires: Some(Timestamp::from_unix_secs(0)),
        ..get_request("bucket", "a/b c")
    };
    let (output, _) = cloud.try_get(over).unwrap();
    assert_eq!(output.content_type, some("image/png"));
    assert_eq!(output.expires, some("Thu, 01 Jan 1970 00:00:00 GMT"));
    assert_eq!(output.checksum_crc64_nvme, None);
    let head = cloud.ok::<op::HeadObject>(api::HeadObjectRequest {
        bucket: "bucket".to_owned(),
        key: "a/b c".to_owned(),
        range: some("bytes=0-9"),
        ..api::HeadObjectRequest::default()
    });
    assert_eq!(head.content_length, Some(10));
    assert_eq!(head.content_range, some("bytes 0-9/3000000"));
}

#[test]
fn ranges_are_parts_of_it() {
    let cloud = Cloud::with("bucket");
    let content = bytes(2_500_000, 2);
    cloud.put("bucket", "key", content.clone());
    for (text, range) in [
        ("bytes=0-0", 0..1),
        ("bytes=1048570-1048580", 1_048_570..1_048_581),
        ("bytes=-5", 2_499_995..2_500_000),
        ("bytes=2499999-", 2_499_999..2_500_000),
    ] {
        let request = api::GetObjectRequest { range: some(text), ..get_request("bucket", "key") };
        let (output, read) = cloud.try_get(request).unwrap();
        assert!(read == content[range.clone()], "{text}");
        let shown = format!("bytes {}-{}/2500000", range.start, range.end - 1);
        assert_eq!(output.content_range, Some(shown));
    }
    let beyond = api::GetObjectRequest { range: some("bytes=2500000-"), ..get_request("bucket", "key") };
    let error = cloud.try_get(beyond).map(|_| ()).unwrap_err();
    assert_eq!((&*error.code, error.status), ("InvalidRange", Some(416)));
    let part = api::GetObjectRequest { part_number: Some(2), ..get_request("bucket", "key") };
    assert_eq!(cloud.get_code(part), "InvalidPartNumber");
    cloud.put("bucket", "empty", "");
    assert_eq!(cloud.get("bucket", "empty"), b"");
}

#[test]
fn reads_have_conditions() {
    let cloud = Cloud::with("bucket");
    cloud.put("bucket", "key", "hello");
    let get = |change: &dyn Fn(&mut api::GetObjectRequest)| {
        let mut request = get_request("bucket", "key");
        change(&mut request);
        cloud.try_get(request).map(|_| ()).map_err(|error| error.status)
    };
    let later = Timestamp::from_unix_secs(cloud.now().unix_secs() + 1);
    let before = Timestamp::from_unix_secs(cloud.now().unix_secs() - 1);
    assert_eq!(get(&|request| request.if_match = Some(format!("\"{HELLO_MD5}\""))), Ok(()));
    assert_eq!(get(&|request| request.if_match = some("\"x\"")), Err(Some(412)));
    assert_eq!(get(&|request| request.if_none_match = some(HELLO_MD5)), Err(Some(304)));
    let is_known = |request: &mut api::GetObjectRequest| request.if_modified_since = Some(later);
    assert_eq!(get(&is_known), Ok(()), "a time that is to come is none");
    cloud.pass(1000);
    assert_eq!(get(&is_known), Err(Some(304)));
    assert_eq!(get(&|request| request.if_unmodified_since = Some(before)), Err(Some(412)));
}

#[test]
fn what_is_not_as_said_is_not_kept() {
    let cloud = Cloud::with("bucket");
    let crc32 = Hasher::of(ChecksumAlgorithm::Crc32, b"hello").to_base64();
    let other = Hasher::of(ChecksumAlgorithm::Crc32, b"hellO").to_base64();
    let put = |change: &dyn Fn(&mut api::PutObjectRequest), payload: Pieces| {
        let mut request = put_request("bucket", "key");
        change(&mut request);
        let mut payload = payload;
        cloud.try_put(request, &mut payload).map_err(|error| error.code.into_owned())
    };
    let refuses = |change: &dyn Fn(&mut api::PutObjectRequest), payload: Pieces, code: &str| {
        assert_eq!(put(change, payload).unwrap_err(), code);
        assert_eq!(cloud.get_code(get_request("bucket", "key")), "NoSuchKey");
    };
    let hello = || Pieces::new("hello");
    refuses(&|request| request.checksum_crc32 = Some(other.clone()), hello(), "BadDigest");
    refuses(&|request| request.checksum_crc32 = some("AAAA"), hello(), "InvalidRequest");
    refuses(&|request| request.content_md5 = some("1B2M2Y8AsgTpgAmY7PhCfg=="), hello(), "BadDigest");
    refuses(&|request| request.content_md5 = some("no"), hello(), "InvalidDigest");
    refuses(&|request| request.checksum_algorithm = some("CRC32"), hello(), "InvalidRequest");
    let trailing = |value: &str| hello().with_trailing("x-amz-checksum-crc32", value);
    refuses(&|request| request.checksum_algorithm = some("CRC32"), trailing(&other), "BadDigest");
    refuses(&|_| {}, trailing(&other), "BadDigest");
    let sha1 = Hasher::of(ChecksumAlgorithm::Sha1, b"hello").to_base64();
    let two = || trailing(&crc32).with_trailing("x-amz-checksum-sha1", &sha1);
    refuses(&|_| {}, two(), "InvalidRequest");
    refuses(&|request| request.checksum_sha1 = Some(sha1.clone()), trailing(&crc32), "InvalidRequest");
    refuses(&|_| {}, hello().broken(), "IncompleteBody");
    refuses(
        &|request| {
            request.checksum_crc32 = Some(crc32.clone());
            request.checksum_sha1 = some("x");
        },
        hello(),
        "InvalidRequest",
    );
    let large = bytes(100_000, 3);
    refuses(&|_| {}, Pieces::new(large).broken(), "IncompleteBody");
    assert_eq!(cloud.s3().objects().usage().unwrap().blobs, 0);
    for change in [Some("CRC32"), None] {
        let put = put(&|request| request.checksum_algorithm = change.map(str::to_owned), trailing(&crc32));
        assert_eq!(put.unwrap().checksum_crc32, Some(crc32.clone()));
    }
    let sha256 = Hasher::of(ChecksumAlgorithm::Sha256, b"hello").to_base64();
    let put = put(&|request| request.checksum_sha256 = Some(sha256.clone()), hello()).unwrap();
    assert_eq!((put.checksum_sha256, put.checksum_crc64_nvme), (Some(sha256), None));
}

#[test]
fn writes_have_conditions() {
    let cloud = Cloud::with("bucket");
    let put = |if_match: Option<&str>, if_none_match: Option<&str>| {
        let request = api::PutObjectRequest {
            if_match: if_match.map(str::to_owned),
            if_none_match: if_none_match.map(str::to_owned),
            ..put_request("bucket", "key")
        };
        cloud.try_put(request, &mut Pieces::new("hello")).map(|_| ()).map_err(|error| error.code.into_owned())
    };
    assert_eq!(put(Some(HELLO_MD5), None), Err("NoSuchKey".to_owned()));
    assert_eq!(put(None, Some("*")), Ok(()));
    assert_eq!(put(None, Some("*")), Err("PreconditionFailed".to_owned()));
    assert_eq!(put(Some("\"x\""), None), Err("PreconditionFailed".to_owned()));
    assert_eq!(put(Some(HELLO_MD5), None), Ok(()));
    assert_eq!(put(None, Some("\"x\"")), Err("NotImplemented".to_owned()));
    let delete = api::DeleteObjectRequest { if_match: some("\"x\""), ..delete_request("bucket", "key") };
    assert_eq!(cloud.code::<op::DeleteObject>(delete), "PreconditionFailed");
}

#[test]
fn many_are_deleted_at_once_and_their_space_is_free() {
    let cloud = Cloud::with("bucket");
    for key in ["a", "b", "c"] {
        cloud.put("bucket", key, bytes(50_000, key.len() as u64));
    }
    assert_eq!(cloud.s3().objects().usage().unwrap().blobs, 1, "equal contents are one");
    let object = |key: &str, version: Option<&str>| api::ObjectIdentifier {
        key: key.to_owned(),
        version_id: version.map(str::to_owned),
        ..api::ObjectIdentifier::default()
    };
    let delete = |objects: Vec<api::ObjectIdentifier>, quiet: bool| api::DeleteObjectsRequest {
        bucket: "bucket".to_owned(),
        delete: api::Delete { objects, quiet: Some(quiet) },
        ..api::DeleteObjectsRequest::default()
    };
    let objects = vec![object("a", None), object("b", Some("no")), object("never", None)];
    let done = cloud.ok::<op::DeleteObjects>(delete(objects, false));
    let keys: Vec<_> = done.deleted.unwrap().into_iter().filter_map(|one| one.key).collect();
    assert_eq!(keys, ["a", "never"]);
    let errors = done.errors.unwrap();
    assert_eq!((errors.len(), errors[0].code.as_deref()), (1, Some("InvalidArgument")));
    let done = cloud.ok::<op::DeleteObjects>(delete(vec![object("b", None), object("c", None)], true));
    assert_eq!(done.deleted, Some(Vec::new()));
    assert_eq!(cloud.s3().objects().usage().unwrap().blobs, 0);
    let many = (0..1001).map(|number| object(&number.to_string(), None)).collect();
    assert_eq!(cloud.code::<op::DeleteObjects>(delete(many, false)), "MalformedXML");
    assert_eq!(cloud.code::<op::DeleteObjects>(delete(Vec::new(), false)), "MalformedXML");
}

#[test]
fn what_is_not_built_is_refused() {
    let cloud = Cloud::with("bucket");
    let put = |change: &dyn Fn(&mut api::PutObjectRequest)| {
        let mut request = put_request("bucket", "key");
        change(&mut request);
        cloud.try_put(request, &mut Pieces::new("x")).unwrap_err().code.into_owned()
    };
    assert_eq!(put(&|request| request.acl = some("public-read")), "AccessControlListNotSupported");
    assert_eq!(put(&|request| request.object_lock_mode = some("GOVERNANCE")), "InvalidRequest");
    assert_eq!(put(&|request| request.storage_class = some("GLACIER")), "NotImplemented");
    assert_eq!(put(&|request| request.storage_class = some("WARM")), "InvalidStorageClass");
    assert_eq!(put(&|request| request.key = "k".repeat(1025)), "KeyTooLongError");
    let long = [("a".to_owned(), "b".repeat(2048))];
    assert_eq!(put(&|request| request.metadata = Some(long.clone().into())), "MetadataTooLarge");
    assert_eq!(put(&|request| request.bucket = "another".to_owned()), "NoSuchBucket");
}

#[test]
fn attributes_are_those_that_are_asked_for() {
    let cloud = Cloud::with("bucket");
    cloud.put("bucket", "key", "hello");
    let get = |names: &[&str]| api::GetObjectAttributesRequest {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        object_attributes: names.iter().map(|name| (*name).to_owned()).collect(),
        ..api::GetObjectAttributesRequest::default()
    };
    let some_of_them = cloud.ok::<op::GetObjectAttributes>(get(&["ETag", "ObjectSize"]));
    assert_eq!((some_of_them.e_tag, some_of_them.object_size), (some(HELLO_MD5), Some(5)));
    assert_eq!((some_of_them.checksum, some_of_them.storage_class), (None, None));
    let others = cloud.ok::<op::GetObjectAttributes>(get(&["Checksum", "StorageClass", "ObjectParts"]));
    assert!(others.checksum.unwrap().checksum_crc64_nvme.is_some());
    assert_eq!((others.storage_class, others.object_parts), (some("STANDARD"), None));
    assert_eq!(cloud.code::<op::GetObjectAttributes>(get(&["Colour"])), "InvalidArgument");
}
